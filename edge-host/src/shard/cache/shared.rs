//! The cache in Redis. What makes it safe is kept in this process; Redis only ever catches up.
//!
//! Commits are numbered. Redis holds values, and a *watermark*: the number up to which it was told
//! of changes. All live under a *generation*, a random name, in one slot of a cluster. DESIGN.md
//! says why no reader sees a stale value, whatever Redis forgets, remembers or does late.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime},
};

use parking_lot::{Condvar, Mutex};

use super::{CacheConfig, Handover, Ticket, record};
use crate::{
    guest::{redis::Node, stock::SkuStock},
    host_functions::redis::{Client, Session},
    metrics,
};

/// Skus that one call tells Redis of. A commit with more begins a new generation.
const PUSHED_SKUS_MAX: usize = 8_000;
/// Skus and commits that may wait for a Redis that is silent, some megabytes; with more a new
/// generation begins when it is back.
const QUEUED_MAX: usize = 10 * PUSHED_SKUS_MAX;
/// Between two tries to reach a Redis that is away; its circuit spaces them out further.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// How long Redis keeps the watermark of a generation that nobody writes to any more.
const WATERMARK_TTL: Duration = Duration::from_hours(24);
/// A reader with less time than this does not ask Redis.
const LOOKUP_MIN: Duration = Duration::from_millis(1);
/// A commit that is not numbered yet.
const IN_COMMIT: u64 = u64::MAX;

/// `KEYS`: the watermark, the skus. `ARGV`: the numbers from and to which it moves, its TTL. What
/// was told before is not told again; a watermark that lies too far back is refused.
const PUSH: &str = "
local mark = tonumber(redis.call('GET', KEYS[1]) or '-1')
if mark >= tonumber(ARGV[2]) then return 1 end
if mark < tonumber(ARGV[1]) then return 0 end
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// `KEYS`: the watermark, the skus. `ARGV`: the reader's ticket, the TTL, the values. A value read
/// before a change that Redis was told of is refused.
const PUBLISH: &str = "
local mark = redis.call('GET', KEYS[1])
if not mark or tonumber(mark) > tonumber(ARGV[1]) then return 0 end
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'PX', ARGV[2]) end
return 1";

/// The handle: the writer's side, and the thread that tells Redis.
pub(in crate::shard) struct Shared {
    inner: Arc<Inner>,
    handover: Handover,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Inner {
    client: Arc<Client>,
    ttl: Duration,
    pending_max: usize,
    state: Mutex<State>,
    /// Something is to be told, or to be ended.
    wake: Condvar,
    random: RandomState,
    metrics: metrics::CacheBackend,
}

struct State {
    phase: Phase,
    generation: Arc<str>,
    /// The number of the last commit.
    committed: u64,
    /// The number up to which Redis has said that it knows.
    acknowledged: u64,
    /// Skus that must not be read from Redis, until it knows of this commit.
    pending: HashMap<Box<str>, u64>,
    /// Commits that Redis is to be told of.
    queue: VecDeque<(u64, Vec<String>)>,
    /// The skus and commits in it.
    queued: usize,
    /// The generation of the host before, as long as nobody has looked whether Redis has it.
    inherited: Option<Arc<str>>,
    /// The guest that began is still the one that answers.
    one_guest: bool,
    stopping: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Redis is not used; a new generation is needed.
    Away,
    /// A new generation is being made.
    Starting,
    Live,
}

impl Shared {
    pub(super) fn start(
        config: &CacheConfig,
        client: Client,
        handover: Handover,
        metrics: metrics::CacheBackend,
    ) -> std::io::Result<Self> {
        let (inherited, committed) = handover.take().unzip();
        let state = State {
            phase: Phase::Away,
            generation: "".into(),
            committed: committed.unwrap_or(0),
            acknowledged: 0,
            pending: HashMap::new(),
            queue: VecDeque::new(),
            queued: 0,
            inherited: inherited.map(Into::into),
            one_guest: true,
            stopping: false,
        };
        let inner = Arc::new(Inner {
            client: Arc::new(client),
            ttl: config.ttl,
            pending_max: config.entries_max,
            state: Mutex::new(state),
            wake: Condvar::new(),
            random: RandomState::new(),
            metrics,
        });
        let pusher = Pusher { session: Session::new(Arc::clone(&inner.client)), inner };
        let inner = Arc::clone(&pusher.inner);
        let thread = std::thread::Builder::new().name("cache".to_owned());
        let thread = thread.spawn(move || pusher.run())?;
        Ok(Self { inner, handover, thread: Mutex::new(Some(thread)) })
    }

    pub(super) fn reader(&self) -> SharedReader {
        let inner = Arc::clone(&self.inner);
        SharedReader { session: Session::new(Arc::clone(&inner.client)), inner }
    }

    pub(super) fn changing(&self, skus: &[String]) {
        let mut state = self.inner.state.lock();
        state.pending.extend(skus.iter().map(|sku| (sku.as_str().into(), IN_COMMIT)));
    }

    pub(super) fn changed(&self, skus: &[String]) {
        let mut state = self.inner.state.lock();
        let state = &mut *state;
        state.committed += 1;
        let told = matches!(state.phase, Phase::Starting | Phase::Live);
        for sku in skus {
            if told {
                state.pending.insert(sku.as_str().into(), state.committed);
            } else {
                state.pending.remove(sku.as_str());
            }
        }
        if !told {
            return;
        }
        state.queued += weight(skus);
        // The same skus again and again make no more of them pending, but a longer queue.
        let fits = state.pending.len() <= self.inner.pending_max && state.queued <= QUEUED_MAX;
        if fits && skus.len() <= PUSHED_SKUS_MAX {
            state.queue.push_back((state.committed, skus.to_vec()));
        } else {
            state.leave();
        }
        self.inner.wake.notify_one();
    }

    pub(super) fn forget_all(&self) {
        let mut state = self.inner.state.lock();
        // Tickets taken before are of no use in the next generation.
        state.committed += 1;
        state.inherited = None;
        state.one_guest = false;
        state.leave();
        self.inner.wake.notify_one();
    }

    /// Tells Redis what it was not told yet, if it listens, and leaves it to the next host.
    pub(super) fn stop(&self) {
        self.inner.state.lock().stopping = true;
        self.inner.wake.notify_one();
        let Some(thread) = self.thread.lock().take() else { return };
        if thread.join().is_err() {
            tracing::error!("the cache's thread panicked");
        }
        let state = self.inner.state.lock();
        let knows_all = state.phase == Phase::Live && state.acknowledged == state.committed;
        if knows_all && state.one_guest {
            self.handover.leave(&state.generation, state.committed);
        }
    }
}

impl Drop for Shared {
    /// Where the shard was not opened after all.
    fn drop(&mut self) {
        self.inner.state.lock().stopping = true;
        self.inner.wake.notify_one();
    }
}

impl State {
    /// Everything that Redis holds is given up.
    fn leave(&mut self) {
        self.phase = Phase::Away;
        self.queue.clear();
        self.queued = 0;
        self.pending.retain(|_, number| *number == IN_COMMIT);
    }

    /// Redis was told up to here.
    fn acknowledge(&mut self, number: u64) {
        self.acknowledged = number;
        self.queue.retain(|(queued, _)| *queued > number);
        self.queued = self.queue.iter().map(|(_, skus)| weight(skus)).sum();
        self.pending.retain(|_, pending| *pending > number);
    }
}

/// What a commit counts for in the queue.
fn weight(skus: &[String]) -> usize {
    skus.len() + 1
}

impl Inner {
    fn watermark(generation: &str) -> Vec<u8> {
        format!("inventory:{{{generation}}}:watermark").into_bytes()
    }

    fn key(generation: &str, sku: &str) -> Vec<u8> {
        format!("inventory:{{{generation}}}:stock:{sku}").into_bytes()
    }

    /// A name that no host had before.
    fn new_generation(&self) -> Arc<str> {
        let (time, process) = (SystemTime::now(), std::process::id());
        let part = |half: u8| self.random.hash_one((time, process, half));
        format!("{:016x}{:016x}", part(0), part(1)).into()
    }
}

/// The thread that tells Redis what changed.
struct Pusher {
    inner: Arc<Inner>,
    session: Session,
}

/// What the pusher is to do next.
enum Task {
    Begin,
    Push { generation: Arc<str>, from: u64, to: u64, skus: Vec<String> },
}

impl Pusher {
    fn run(mut self) {
        while let Some(task) = self.next() {
            let done = match task {
                Task::Begin => self.begin(),
                Task::Push { generation, from, to, skus } => {
                    self.push(&generation, from, to, &skus)
                }
            };
            if !done {
                let mut state = self.inner.state.lock();
                if state.stopping {
                    return;
                }
                self.inner.wake.wait_for(&mut state, RETRY_INTERVAL);
            }
        }
    }

    /// Waits for something to do; `None` when stopped.
    fn next(&self) -> Option<Task> {
        let mut state = self.inner.state.lock();
        loop {
            let idle = state.phase != Phase::Live || state.queue.is_empty();
            match state.phase {
                _ if state.stopping && idle => return None,
                Phase::Away | Phase::Starting => return Some(Task::Begin),
                Phase::Live if idle => self.inner.wake.wait(&mut state),
                Phase::Live => {
                    let (mut to, mut skus) = (state.acknowledged, Vec::new());
                    for (number, changed) in &state.queue {
                        if skus.len() + changed.len() > PUSHED_SKUS_MAX {
                            break;
                        }
                        to = *number;
                        skus.extend(changed.iter().cloned());
                    }
                    let (generation, from) = (Arc::clone(&state.generation), state.acknowledged);
                    return Some(Task::Push { generation, from, to, skus });
                }
            }
        }
    }

    /// Goes on with the generation of the host before, or makes one in which nothing is known yet.
    fn begin(&mut self) -> bool {
        let (number, inherited) = {
            let mut state = self.inner.state.lock();
            state.leave();
            state.phase = Phase::Starting;
            (state.committed, state.inherited.take())
        };
        let inherited = inherited.filter(|generation| self.has(generation, number));
        let is_new = inherited.is_none();
        let generation = inherited.unwrap_or_else(|| self.inner.new_generation());
        let made = !is_new || self.make(&generation, number);
        let mut state = self.inner.state.lock();
        if state.phase != Phase::Starting {
            return true;
        }
        if made {
            state.generation = generation;
            state.acknowledge(number);
            state.phase = Phase::Live;
            self.inner.metrics.generations.inc_by(u64::from(is_new));
        } else {
            state.leave();
        }
        made
    }

    fn make(&mut self, generation: &str, number: u64) -> bool {
        let set = vec![
            b"SET".to_vec(),
            Inner::watermark(generation),
            number.to_string().into_bytes(),
            b"PX".to_vec(),
            milliseconds(WATERMARK_TTL),
        ];
        self.session.execute(&set, None).is_ok()
    }

    /// Redis was told of all commits up to the number, and of no other.
    fn has(&mut self, generation: &str, number: u64) -> bool {
        let get = vec![b"GET".to_vec(), Inner::watermark(generation)];
        let watermark = self.session.execute(&get, None);
        watermark.is_ok_and(|reply| reply.first().and_then(number_of) == Some(number))
    }

    fn push(&mut self, generation: &Arc<str>, from: u64, to: u64, skus: &[String]) -> bool {
        let mut keys = vec![Inner::watermark(generation)];
        keys.extend(skus.iter().map(|sku| Inner::key(generation, sku)));
        let numbers = [from, to].map(|number| number.to_string().into_bytes());
        let arguments = numbers.into_iter().chain([milliseconds(WATERMARK_TTL)]).collect();
        let answer = self.session.eval(PUSH.to_owned(), keys, arguments, None);
        let mut state = self.inner.state.lock();
        if !Arc::ptr_eq(&state.generation, generation) || state.phase != Phase::Live {
            return true;
        }
        match answer.as_deref() {
            Ok([Node::Integer(1)]) => state.acknowledge(to),
            // Redis has lost what it knew.
            Ok(_) => state.leave(),
            // It may know or not; the same is told again, and more.
            Err(_) => return false,
        }
        true
    }
}

/// A reading thread's side.
pub(in crate::shard) struct SharedReader {
    inner: Arc<Inner>,
    session: Session,
}

impl SharedReader {
    /// What Redis knows of the skus, in order; nothing where it does not answer in half the time.
    pub(in crate::shard) fn lookup(
        &mut self,
        skus: &[String],
        deadline: Instant,
    ) -> Vec<Option<SkuStock>> {
        let found = self.try_lookup(skus, deadline);
        let metrics = &self.inner.metrics;
        if found.is_none() {
            metrics.bypasses.inc();
        }
        let found = found.unwrap_or_else(|| vec![None; skus.len()]);
        let hits = found.iter().flatten().count();
        metrics.hits.inc_by(hits as u64);
        metrics.misses.inc_by((found.len() - hits) as u64);
        found
    }

    fn try_lookup(&mut self, skus: &[String], deadline: Instant) -> Option<Vec<Option<SkuStock>>> {
        let now = Instant::now();
        let half = deadline.saturating_duration_since(now) / 2;
        if half < LOOKUP_MIN {
            return None;
        }
        let mut command = vec![b"MGET".to_vec()];
        let (generation, acknowledged, asked) = {
            let state = self.inner.state.lock();
            if state.phase != Phase::Live {
                return None;
            }
            let generation = Arc::clone(&state.generation);
            command.push(Inner::watermark(&generation));
            let asked: Vec<usize> = (0..skus.len())
                .filter(|index| !state.pending.contains_key(skus[*index].as_str()))
                .collect();
            (generation, state.acknowledged, asked)
        };
        let mut found = vec![None; skus.len()];
        if asked.is_empty() {
            return Some(found);
        }
        command.extend(asked.iter().map(|index| Inner::key(&generation, &skus[*index])));
        let reply = self.session.execute(&command, Some(now + half)).ok()?;
        let [Node::Array(_), watermark, values @ ..] = reply.as_slice() else { return None };
        if number_of(watermark).is_none_or(|watermark| watermark < acknowledged) {
            self.lost(&generation);
            return None;
        }
        for (index, value) in asked.iter().zip(values) {
            if let Node::Bytes(bytes) = value {
                found[*index] = record::read(&skus[*index], bytes);
            }
        }
        Some(found)
    }

    /// To be taken before a read begins.
    pub(in crate::shard) fn ticket(&self) -> Ticket {
        Ticket(self.inner.state.lock().committed)
    }

    /// Puts into Redis what was read, unless it was told of a later change.
    pub(in crate::shard) fn publish(&mut self, read: &[SkuStock], ticket: Ticket) {
        let generation = {
            let state = self.inner.state.lock();
            if state.phase != Phase::Live || read.is_empty() {
                return;
            }
            Arc::clone(&state.generation)
        };
        let mut keys = vec![Inner::watermark(&generation)];
        keys.extend(read.iter().map(|stock| Inner::key(&generation, &stock.sku)));
        let mut arguments = vec![ticket.0.to_string().into_bytes(), milliseconds(self.inner.ttl)];
        arguments.extend(read.iter().map(record::write));
        // Nobody waits for it, and a value that does not arrive is read again.
        let _ = self.session.eval(PUBLISH.to_owned(), keys, arguments, None);
    }

    /// Redis has lost what it was told: empty, or from an old snapshot.
    fn lost(&self, generation: &Arc<str>) {
        let mut state = self.inner.state.lock();
        if Arc::ptr_eq(&state.generation, generation) && state.phase == Phase::Live {
            state.leave();
            self.inner.wake.notify_one();
        }
    }
}

fn number_of(node: &Node) -> Option<u64> {
    let Node::Bytes(text) = node else { return None };
    str::from_utf8(text).ok()?.parse().ok()
}

fn milliseconds(duration: Duration) -> Vec<u8> {
    duration.as_millis().max(1).to_string().into_bytes()
}

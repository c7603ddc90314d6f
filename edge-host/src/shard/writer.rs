//! The one writer: group commit.
//!
//! Whatever waits when a batch begins goes into it, up to a bound: while one batch commits, the
//! next collects. One fsync serves the whole batch, and a reply leaves only after it.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{
    Clock, Config, Error, OpenError, Readiness, ShardGuest,
    batch::{Batch, Failure, host, transact},
    cache::Cache,
    database::{self, Claim, FolderLock},
    serving::Serving,
};
use crate::{
    guest::{
        GuestModule,
        commands::Applied,
        lifecycle::Description,
        sessions::SessionStep,
        types::{Answer, Command, Outcome},
    },
    host_functions::{
        HostFunctions,
        redis::{self, RedisHost},
        sqlite::SqliteHost,
    },
    metrics, runtime,
};

/// How long no job has come when the writer uses the time to empty the WAL: whoever starts next
/// would read all of it first, some 0.4 ms for each MiB.
const IDLE: Duration = Duration::from_secs(1);
/// The most commands that the contract lets one `apply` take.
const APPLY_COMMANDS_MAX: usize = 1_024;
/// How long the guest may take to make a whole import count, where that is more than it has for
/// any batch: others wait meanwhile, and that one must not fail because the machine is busy.
const IMPORT_TIME_MAX: Duration = Duration::from_secs(30);

pub(super) type Reply<T> = oneshot::Sender<T>;

/// Something for the writer to do.
pub(super) enum Job {
    /// A single caller's command.
    One(Command, Reply<Result<Outcome, Error>>),
    /// A single caller's batch: 1..=1,000 commands, kept together.
    Many(Vec<Command>, Reply<Vec<Result<Outcome, Error>>>),
    /// Another guest is to be switched to: wakes the writer, which looks for it at every turn.
    Switch,
    /// The last job.
    Stop,
}

impl Job {
    fn commands(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Many(commands, _) => commands.len(),
            Self::Switch | Self::Stop => 0,
        }
    }
}

/// Another guest, and who waits until it serves.
type Switch = (Arc<GuestModule>, std::sync::mpsc::Sender<Result<Description, OpenError>>);

/// The handle to the writer's thread.
pub(super) struct Writer {
    jobs: Sender<Job>,
    /// They overtake every command that waits.
    switches: Sender<Switch>,
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Queue {
    waiting: AtomicUsize,
    commands_max: usize,
    stopping: AtomicBool,
}

impl Writer {
    /// Starts the thread, which migrates the claimed database; returns when that is done.
    pub(super) fn start(
        config: &Config,
        claim: Claim,
        module: Arc<GuestModule>,
        clock: Clock,
        cache: Arc<Cache>,
        redis: Option<Arc<redis::Client>>,
        metrics: metrics::Writer,
    ) -> Result<(Self, Arc<Serving>), OpenError> {
        let (jobs, receiver) = crossbeam_channel::unbounded();
        let (switches, next_switches) = crossbeam_channel::unbounded();
        let queue = Arc::new(Queue {
            waiting: AtomicUsize::new(0),
            commands_max: config.queue_commands_max,
            stopping: AtomicBool::new(false),
        });
        let batcher = Batcher {
            data: config.data.clone(),
            module,
            clock,
            cache,
            redis,
            metrics,
            queue: Arc::clone(&queue),
            jobs: receiver,
            switches: next_switches,
            batch_commands_max: config.batch_commands_max.min(APPLY_COMMANDS_MAX),
            batch_time_max: config.batch_time_max,
            has_committed: true,
            latest: i64::MIN,
        };
        // An instance stays on the thread that made it, so the thread opens and reports.
        let (opened, answer) = std::sync::mpsc::channel();
        let thread = runtime::spawn("writer", move || {
            batcher.run(claim, |result| drop(opened.send(result)));
        })
        .map_err(|source| OpenError::Folder { path: config.data.clone(), source })?;
        let serving = answer
            .recv()
            .unwrap_or_else(|_| Err(OpenError::Guest("its thread ended".to_owned())))?;
        Ok((Self { jobs, switches, queue, thread: Mutex::new(Some(thread)) }, serving))
    }

    /// Puts a job in the queue, whole or not at all.
    pub(super) fn submit(&self, job: Job) -> Result<(), Error> {
        if self.queue.stopping.load(Ordering::SeqCst) {
            return Err(Error::Stopping);
        }
        let commands = job.commands();
        let before = self.queue.waiting.fetch_add(commands, Ordering::SeqCst);
        // A switch is no command: a full queue does not keep it out.
        if commands > 0 && before + commands > self.queue.commands_max {
            self.queue.waiting.fetch_sub(commands, Ordering::SeqCst);
            return Err(Error::QueueFull);
        }
        self.jobs.send(job).map_err(|_| Error::Stopping)
    }

    /// Lets another guest serve, before the next command is decided. Blocks until done.
    pub(super) fn switch(&self, module: Arc<GuestModule>) -> Result<Description, OpenError> {
        let (reply, answer) = std::sync::mpsc::channel();
        let gone = || OpenError::Guest("the shard is stopping".to_owned());
        self.switches.send((module, reply)).map_err(|_| gone())?;
        // An error is no answer: the writer may have found it already, or finds it before it ends.
        let _ = self.submit(Job::Switch);
        answer.recv().map_err(|_| gone())?
    }

    pub(super) fn readiness(&self) -> Readiness {
        if self.queue.stopping.load(Ordering::SeqCst) {
            return Readiness::NotReady("shutting down");
        }
        match &*self.thread.lock() {
            Some(thread) if !thread.is_finished() => Readiness::Ready,
            _ => Readiness::NotReady("the writer has ended"),
        }
    }

    /// Does what waits, then ends the thread; a batch that fails meanwhile is not tried one by one.
    pub(super) fn stop(&self) {
        self.queue.stopping.store(true, Ordering::SeqCst);
        // An error means that the thread has ended already.
        let _ = self.jobs.send(Job::Stop);
        if let Some(thread) = self.thread.lock().take()
            && thread.join().is_err()
        {
            tracing::error!("the writer's thread panicked");
        }
    }
}

/// The writer's thread.
struct Batcher {
    data: PathBuf,
    module: Arc<GuestModule>,
    clock: Clock,
    cache: Arc<Cache>,
    redis: Option<Arc<redis::Client>>,
    metrics: metrics::Writer,
    queue: Arc<Queue>,
    jobs: Receiver<Job>,
    switches: Receiver<Switch>,
    batch_commands_max: usize,
    batch_time_max: Duration,
    /// There may be something in the WAL.
    has_committed: bool,
    /// The latest `now` given to the guest: the system's clock may step back, time may not.
    latest: i64,
}

/// What a batch's transaction came to, before anybody is told.
enum Attempt {
    Committed(Applied),
    /// Rolled back.
    Failed(Error),
}

impl Batcher {
    fn run(mut self, claim: Claim, opened: impl FnOnce(Result<Arc<Serving>, OpenError>)) {
        let (mut guest, serving, _lock) = match self.open(claim) {
            Ok((guest, description, lock)) => {
                let serving = Arc::new(Serving::new(Arc::clone(&self.module), description));
                opened(Ok(Arc::clone(&serving)));
                (Some(guest), serving, lock)
            }
            Err(error) => return opened(Err(error)),
        };
        let mut carried = None;
        while let Some(job) = carried.take().or_else(|| self.next_job(&mut guest)) {
            self.switch_if_asked(&mut guest, &serving);
            match job {
                Job::Stop => break,
                Job::Switch => {}
                first => {
                    let (batch, next) = self.collect(first);
                    self.serve(&mut guest, &serving, batch);
                    carried = next;
                }
            }
        }
        self.empty_wal(&mut guest);
        drop(guest);
    }

    /// Waits for a job; `None` where none can come any more.
    fn next_job(&mut self, guest: &mut Option<ShardGuest>) -> Option<Job> {
        if self.has_committed {
            match self.jobs.recv_timeout(IDLE) {
                Ok(job) => return Some(job),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.empty_wal(guest),
            }
        }
        self.jobs.recv().ok()
    }

    fn empty_wal(&mut self, guest: &mut Option<ShardGuest>) {
        if let Some(guest) = guest.as_mut().filter(|_| self.has_committed) {
            // A reader may be in the way, or the disk full: the WAL has everything all the same.
            if let Err(fault) = database::empty_wal(host(guest)) {
                tracing::warn!(?fault, "the write-ahead log was not emptied");
            }
            self.has_committed = false;
        }
    }

    fn open(&mut self, claim: Claim) -> Result<(ShardGuest, Description, FolderLock), OpenError> {
        let (lock, sqlite) = claim.open(&self.data)?;
        let (mut guest, description) = self.prepare(sqlite)?;
        self.migrate(&mut guest, &description)?;
        Ok((guest, description, lock))
    }

    fn switch_if_asked(&mut self, guest: &mut Option<ShardGuest>, serving: &Serving) {
        while let Ok((module, reply)) = self.switches.try_recv() {
            // Whoever asked may have gone; the switch counts all the same.
            let _ = reply.send(self.switch(guest, serving, module));
        }
    }

    /// The old guest goes only when the new one has shown that it can serve.
    fn switch(
        &mut self,
        guest: &mut Option<ShardGuest>,
        serving: &Serving,
        module: Arc<GuestModule>,
    ) -> Result<Description, OpenError> {
        let before = std::mem::replace(&mut self.module, Arc::clone(&module));
        let prepared = database::open_writer(&self.data).and_then(|sqlite| self.prepare(sqlite));
        let switched = prepared.and_then(|(mut new, description)| {
            // No query may meet tables that its guest does not know.
            let mut current = serving.close();
            self.migrate(&mut new, &description)?;
            current.replace(module, description.clone());
            // What the old guest answered is not what the new one would.
            self.cache.forget_all();
            *guest = Some(new);
            Ok(description)
        });
        if switched.is_err() {
            self.module = before;
        }
        switched
    }

    /// Makes a guest on a connection.
    fn prepare(&mut self, sqlite: SqliteHost) -> Result<(ShardGuest, Description), OpenError> {
        let mut guest = self.instantiate(sqlite)?;
        let description =
            guest.describe().map_err(|error| OpenError::Guest(format!("describe: {error}")))?;
        Ok((guest, description))
    }

    /// Lets the guest bring the tables to its version, which takes as long as it does.
    fn migrate(
        &mut self,
        guest: &mut ShardGuest,
        description: &Description,
    ) -> Result<(), OpenError> {
        guest.instance_mut().set_time_max(None);
        let now = self.now();
        let failed = |what: &str| {
            let what = what.to_owned();
            move |fault| OpenError::Guest(format!("{what}: {fault:?}"))
        };
        database::begin_write(host(guest)).map_err(failed("migrate"))?;
        let before = guest
            .migrate(now)
            .map_err(|error| OpenError::Guest(format!("migrate: {error}")))?
            .map_err(failed("migrate"))?;
        database::commit(host(guest)).map_err(failed("migrate"))?;
        guest.instance_mut().set_time_max(Some(self.batch_time_max));
        tracing::info!(
            guest = description.name,
            version = description.version,
            schema_before = before,
            schema = description.schema_version,
            "the database is open"
        );
        Ok(())
    }

    fn instantiate(&self, sqlite: SqliteHost) -> Result<ShardGuest, OpenError> {
        let mut guest = self
            .module
            .instantiate(HostFunctions { sqlite, redis: RedisHost::new(self.redis.clone()) })
            .map_err(|error| OpenError::Guest(error.to_string()))?;
        guest.instance_mut().set_time_max(Some(self.batch_time_max));
        Ok(guest)
    }

    /// A batch that begins with `first`, and the job that did not fit.
    fn collect(&self, first: Job) -> (Batch, Option<Job>) {
        let mut batch = Batch::default();
        let mut next = Some(first);
        while let Some(job) = next.take() {
            let size = batch.commands.len() + job.commands();
            let fits = batch.commands.is_empty() || size <= self.batch_commands_max;
            if !fits || matches!(job, Job::Switch | Job::Stop) {
                return (batch, Some(job));
            }
            batch.push(job);
            next = self.jobs.try_recv().ok();
        }
        (batch, None)
    }

    /// Commits a batch and answers everybody in it.
    fn serve(&mut self, guest: &mut Option<ShardGuest>, serving: &Serving, batch: Batch) {
        let size = batch.commands.len();
        let waiting = self.queue.waiting.fetch_sub(size, Ordering::SeqCst) - size;
        self.metrics.queue_commands.set(i64::try_from(waiting).unwrap_or(i64::MAX));
        let answers = match self.attempt(guest, &batch.commands) {
            Attempt::Committed(applied) => applied.outcomes.into_iter().map(Ok).collect(),
            Attempt::Failed(error) if size == 1 => vec![Err(error)],
            // One of them is guilty: alone, only that one fails.
            Attempt::Failed(_) => {
                let alone = |command| {
                    // A guest that loops in each of them holds up neither the one that is to take
                    // its place nor a stop.
                    self.switch_if_asked(guest, serving);
                    if self.queue.stopping.load(Ordering::SeqCst) {
                        return Err(Error::Stopping);
                    }
                    self.attempt(guest, std::slice::from_ref(command)).single()
                };
                batch.commands.iter().map(alone).collect()
            }
        };
        batch.replies.answer(answers);
    }

    /// Runs commands in one transaction: committed, or rolled back.
    fn attempt(&mut self, slot: &mut Option<ShardGuest>, commands: &[Command]) -> Attempt {
        let started = Instant::now();
        let now = self.now();
        let mut guest = match slot.take() {
            Some(guest) => guest,
            None => match database::open_writer(&self.data).and_then(|it| self.instantiate(it)) {
                Ok(guest) => guest,
                Err(error) => return Attempt::Failed(Error::Trapped(error.to_string())),
            },
        };
        let deadline = started + self.time_max(commands);
        let failed = match transact(&mut guest, &self.cache, now, commands, deadline) {
            Ok(applied) => {
                *slot = Some(guest);
                self.committed(&applied, commands.len(), started);
                return Attempt::Committed(applied);
            }
            Err(Failure::Fault(fault)) => {
                tracing::warn!(?fault, commands = commands.len(), "a batch was rolled back");
                Error::Fault(fault)
            }
            Err(Failure::Trap(reason)) => {
                self.metrics.traps.inc();
                tracing::error!(reason, commands = commands.len(), "the guest trapped");
                // Dropping the instance closes its connection, which rolls back.
                return Attempt::Failed(Error::Trapped(reason));
            }
        };
        if database::rollback(host(&mut guest)).is_ok() {
            *slot = Some(guest);
        }
        Attempt::Failed(failed)
    }

    fn time_max(&self, commands: &[Command]) -> Duration {
        let is_import = |command: &Command| {
            matches!(
                command,
                Command::Session(
                    SessionStep::Commit(_)
                        | SessionStep::CommitSnapshot(_)
                        | SessionStep::Approve(_)
                )
            )
        };
        if commands.iter().any(is_import) {
            self.batch_time_max.max(IMPORT_TIME_MAX)
        } else {
            self.batch_time_max
        }
    }

    fn committed(&mut self, applied: &Applied, commands: usize, started: Instant) {
        self.has_committed = true;
        self.metrics.batch_commands.observe(commands as u64);
        self.metrics.commit_seconds.observe_duration(started.elapsed());
        for outcome in &applied.outcomes {
            if let Ok(Answer::Expired(orders)) = outcome.result {
                self.metrics.expirations.inc_by(u64::from(orders));
            }
        }
    }

    fn now(&mut self) -> i64 {
        self.latest = self.latest.max(self.clock.now());
        self.latest
    }
}

impl Attempt {
    /// The answer to the one command that was tried.
    fn single(self) -> Result<Outcome, Error> {
        match self {
            Self::Committed(mut applied) => {
                Ok(applied.outcomes.pop().expect("one outcome for each command"))
            }
            Self::Failed(error) => Err(error),
        }
    }
}

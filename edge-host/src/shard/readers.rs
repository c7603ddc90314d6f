//! Threads with a read-only guest each: one from the start, the others when they are first needed.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use wit_bindgen_wasmedge::rt::CallError;

use super::{
    Clock, Config, Error, Listing, OpenError, Readiness, ShardGuest,
    cache::{Cache, SharedReader},
    database,
    serving::{Current, Serving},
};
use crate::{
    guest::{
        catalog::{CatalogEvent, StoredEntry},
        changes,
        counts::CountShortage,
        entries::EntryKey,
        orders,
        routing::{CalendarPreview, Inquiry, Planned},
        sessions::{Session, SessionState},
        stock::{AuditReport, SkuStock},
        types::Fault,
    },
    host_functions::{
        HostFunctions,
        redis::{self, RedisHost},
    },
    metrics, runtime,
};

/// Queries that may wait or be under way; more are answered [`Error::QueueFull`].
const QUERIES_MAX: usize = 4_096;

/// Items of one read that a timeout is meant for: each so many more have as much time again. What a
/// sku takes depends on how many warehouses stock it.
const TIMEOUT_ITEMS: usize = 10;
/// How long a read of many items may take, where that is more than a timeout.
const READ_TIME_MAX: Duration = Duration::from_secs(2);

/// An audit reads every row; a guest that loops in one is stopped in the end.
const AUDIT_TIME_MAX: Duration = Duration::from_mins(10);

type Reply<T> = oneshot::Sender<Result<T, Error>>;

/// Something to read, and who asks.
pub(super) enum Query {
    Stock(Vec<String>, Reply<Vec<Option<SkuStock>>>),
    Order(String, Reply<Option<orders::Order>>),
    Changes {
        after: u64,
        limit: u32,
        reply: Reply<Vec<changes::Change>>,
    },
    Entry(EntryKey, Reply<Option<StoredEntry>>),
    Entries(Listing, Reply<Vec<StoredEntry>>),
    Plan(Inquiry, Reply<Planned>),
    Availability {
        sku: String,
        inquiry: Inquiry,
        reply: Reply<Option<(SkuStock, Planned)>>,
    },
    Preview {
        warehouse: String,
        count: u32,
        reply: Reply<Option<CalendarPreview>>,
    },
    CatalogEvents {
        after: u64,
        limit: u32,
        reply: Reply<Vec<CatalogEvent>>,
    },
    Session(String, Reply<Option<Session>>),
    Snapshots {
        state: Option<SessionState>,
        after: String,
        limit: u32,
        reply: Reply<Vec<Session>>,
    },
    Shortages {
        warehouse: Option<String>,
        after: String,
        limit: u32,
        reply: Reply<Vec<CountShortage>>,
    },
    StockList {
        after: String,
        limit: u32,
        reply: Reply<Vec<SkuStock>>,
    },
}

impl Query {
    /// How long it may take, waiting included.
    pub(super) fn time_max(&self, timeout: Duration) -> Duration {
        let items = match self {
            Self::Stock(skus, _) => skus.len(),
            Self::Plan(inquiry, _) | Self::Availability { inquiry, .. } => inquiry.lines.len(),
            Self::StockList { limit, .. } => *limit as usize,
            _ => 1,
        };
        let timeouts = u32::try_from(items.div_ceil(TIMEOUT_ITEMS)).unwrap_or(u32::MAX).max(1);
        timeout.saturating_mul(timeouts).min(timeout.max(READ_TIME_MAX))
    }
}

/// When a query has to be answered, and how long that was.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    time_max: Duration,
}

/// The handle to the readers' threads.
pub(super) struct Readers {
    queries: Sender<(Query, Deadline)>,
    receiver: Receiver<(Query, Deadline)>,
    reader: Reader,
    stopping: AtomicBool,
    auditing: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    threads_max: usize,
}

impl Readers {
    pub(super) fn start(
        config: &Config,
        serving: Arc<Serving>,
        cache: Arc<Cache>,
        redis: Option<Arc<redis::Client>>,
        clock: Clock,
        metrics: metrics::Writer,
    ) -> Result<Self, OpenError> {
        let (queries, receiver) = crossbeam_channel::unbounded();
        let reader = Reader {
            data: config.data.clone(),
            query_timeout: config.query_timeout,
            serving,
            cache,
            redis,
            clock,
            metrics,
            unanswered: Arc::default(),
        };
        let readers = Self {
            queries,
            receiver,
            reader,
            stopping: AtomicBool::new(false),
            auditing: Arc::default(),
            threads: Mutex::default(),
            threads_max: config.readers,
        };
        readers
            .start_thread(&mut readers.threads.lock())
            .map_err(|source| OpenError::Folder { path: config.data.clone(), source })?;
        Ok(readers)
    }

    fn start_thread(&self, threads: &mut Vec<JoinHandle<()>>) -> std::io::Result<()> {
        let (reader, receiver) = (self.reader.clone(), self.receiver.clone());
        let name = format!("reader-{}", threads.len());
        threads.push(runtime::spawn(&name, move || reader.run(&receiver))?);
        Ok(())
    }

    /// One that has ended is made anew here, too: where nobody asks a node that is not ready,
    /// nothing else would.
    pub(super) fn readiness(&self) -> Readiness {
        match self.start_needed(1) {
            Ok(()) => Readiness::Ready,
            Err(_) => Readiness::NotReady("there is no thread for a reader"),
        }
    }

    pub(super) fn submit(&self, query: Query) -> Result<(), Error> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Error::Stopping);
        }
        let before = self.reader.unanswered.fetch_add(1, Ordering::SeqCst);
        if before >= QUERIES_MAX {
            self.reader.unanswered.fetch_sub(1, Ordering::SeqCst);
            return Err(Error::QueueFull);
        }
        let time_max = query.time_max(self.reader.query_timeout);
        let deadline = Deadline { at: Instant::now() + time_max, time_max };
        self.queries.send((query, deadline)).map_err(|_| Error::Stopping)?;
        if before > 0
            && let Err(error) = self.start_needed(before + 1)
        {
            tracing::warn!(%error, "no thread for another reader");
        }
        Ok(())
    }

    /// Starts another thread, where there may be more and all of them have a query. Takes the place
    /// of one that has ended.
    fn start_needed(&self, unanswered: usize) -> std::io::Result<()> {
        let mut threads = self.threads.lock();
        threads.retain(|thread| !thread.is_finished());
        if threads.len() < unanswered.min(self.threads_max) {
            self.start_thread(&mut threads)?;
        }
        Ok(())
    }

    /// Runs an audit on a thread and a guest of its own; a second one at the same time is refused.
    pub(super) fn audit(&self, reply: Reply<AuditReport>) -> Result<(), Error> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Error::Stopping);
        }
        if self.auditing.swap(true, Ordering::SeqCst) {
            return Err(Error::QueueFull);
        }
        let (reader, auditing) = (self.reader.clone(), Arc::clone(&self.auditing));
        let audit = move || {
            let report = reader.audit();
            auditing.store(false, Ordering::SeqCst);
            let _ = reply.send(report);
        };
        runtime::spawn("audit", audit).map(|_| ()).map_err(|error| {
            self.auditing.store(false, Ordering::SeqCst);
            Error::Fault(Fault::Storage(error.to_string()))
        })
    }

    /// Takes no more queries. Those under way are answered or time out.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }
}

#[derive(Clone)]
struct Reader {
    data: PathBuf,
    query_timeout: Duration,
    serving: Arc<Serving>,
    cache: Arc<Cache>,
    redis: Option<Arc<redis::Client>>,
    clock: Clock,
    metrics: metrics::Writer,
    /// Queries that wait or are under way.
    unanswered: Arc<AtomicUsize>,
}

/// A query that is no longer counted once this is gone, however it ended.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An instance, and the generation of the guest it is of.
type Slot = Option<(u64, ShardGuest)>;

impl Reader {
    fn run(&self, queries: &Receiver<(Query, Deadline)>) {
        let mut cache = self.cache.reader();
        // Made before the first query, which would otherwise wait for it; a failure shows with
        // that.
        let mut slot = {
            let current = self.serving.enter();
            self.instantiate(&current).ok().map(|guest| (current.generation, guest))
        };
        while let Ok((query, deadline)) = queries.recv() {
            let _under_way = UnderWay(&self.unanswered);
            self.answer(&mut slot, &mut cache, query, deadline);
        }
    }

    fn answer(
        &self,
        slot: &mut Slot,
        cache: &mut Option<SharedReader>,
        query: Query,
        deadline: Deadline,
    ) {
        let at = Some(deadline);
        match query {
            Query::Stock(skus, reply) => match cache {
                Some(cache) => self.stock(slot, cache, deadline, &skus, reply),
                None => self.reply(slot, at, reply, |guest| guest.get_stock(&skus)),
            },
            Query::Order(order_id, reply) => {
                self.reply(slot, at, reply, |guest| guest.get_order(&order_id));
            }
            Query::Changes { after, limit, reply } => {
                self.reply(slot, at, reply, |guest| guest.list_changes(after, limit));
            }
            Query::Entry(key, reply) => {
                self.reply(slot, at, reply, |guest| guest.get_entry(&key));
            }
            Query::Entries(Listing { noun, prefix, after, limit }, reply) => {
                self.reply(slot, at, reply, |guest| {
                    guest.list_entries(noun, &prefix, &after, limit)
                });
            }
            Query::Plan(inquiry, reply) => {
                let now = self.clock.now();
                let _ = reply.send(self.ask(slot, at, |guest| guest.plan(now, &inquiry)));
            }
            Query::Availability { sku, inquiry, reply } => {
                let (now, skus) = (self.clock.now(), vec![sku]);
                // Two calls of one snapshot: they must not contradict each other.
                self.reply(slot, at, reply, |guest| {
                    let stock = match guest.get_stock(&skus)? {
                        Ok(found) => found.into_iter().next().flatten(),
                        Err(fault) => return Ok(Err(fault)),
                    };
                    let Some(stock) = stock else { return Ok(Ok(None)) };
                    Ok(guest.plan(now, &inquiry)?.map(|planned| Some((stock, planned))))
                });
            }
            Query::Preview { warehouse, count, reply } => {
                let now = self.clock.now();
                let _ =
                    reply.send(self.ask(slot, at, |guest| guest.preview(now, &warehouse, count)));
            }
            Query::CatalogEvents { after, limit, reply } => {
                self.reply(slot, at, reply, |guest| guest.list_catalog_events(after, limit));
            }
            Query::Session(id, reply) => {
                self.reply(slot, at, reply, |guest| guest.get_session(&id));
            }
            Query::Snapshots { state, after, limit, reply } => {
                self.reply(slot, at, reply, |guest| guest.list_snapshots(&state, &after, limit));
            }
            Query::Shortages { warehouse, after, limit, reply } => {
                self.reply(slot, at, reply, |guest| {
                    guest.list_shortages(&warehouse, &after, limit)
                });
            }
            Query::StockList { after, limit, reply } => {
                self.reply(slot, at, reply, |guest| guest.list_stock(&after, limit));
            }
        }
    }

    /// Answers what the guest answers; a caller that has gone away does not hear it.
    fn reply<T>(
        &self,
        slot: &mut Slot,
        deadline: Option<Deadline>,
        reply: Reply<T>,
        call: impl FnOnce(&mut ShardGuest) -> Result<Result<T, Fault>, CallError>,
    ) {
        let _ = reply.send(self.ask(slot, deadline, call));
    }

    /// What the shared cache knows; the guest is asked for the rest, which the cache then gets to
    /// know, after the caller has its answer.
    fn stock(
        &self,
        slot: &mut Slot,
        cache: &mut SharedReader,
        deadline: Deadline,
        skus: &[String],
        reply: Reply<Vec<Option<SkuStock>>>,
    ) {
        let mut found = cache.lookup(skus, deadline.at);
        let missing: Vec<usize> = (0..skus.len()).filter(|at| found[*at].is_none()).collect();
        if missing.is_empty() {
            let _ = reply.send(Ok(found));
            return;
        }
        let names: Vec<String> = missing.iter().map(|at| skus[*at].clone()).collect();
        let ticket = cache.ticket();
        match self.ask(slot, Some(deadline), |guest| guest.get_stock(&names)) {
            Err(error) => {
                let _ = reply.send(Err(error));
            }
            Ok(read) => {
                let known: Vec<SkuStock> = read.iter().flatten().cloned().collect();
                for (at, stock) in missing.into_iter().zip(read) {
                    found[at] = stock;
                }
                let _ = reply.send(Ok(found));
                cache.publish(&known, ticket);
            }
        }
    }

    /// Asks the guest in the slot, on one snapshot; a guest that trapped is not asked again.
    fn ask<T>(
        &self,
        slot: &mut Slot,
        deadline: Option<Deadline>,
        call: impl FnOnce(&mut ShardGuest) -> Result<Result<T, Fault>, CallError>,
    ) -> Result<T, Error> {
        if deadline.is_some_and(|deadline| Instant::now() >= deadline.at) {
            return Err(Error::Timeout);
        }
        let current = self.serving.enter();
        let mut guest = match slot.take() {
            Some((generation, guest)) if generation == current.generation => guest,
            _ => self.instantiate(&current)?,
        };
        let answer = self.call(&mut guest, deadline, call)?;
        if database::rollback(&guest.instance_mut().host_mut().sqlite).is_ok() {
            *slot = Some((current.generation, guest));
        }
        answer.map_err(|fault| match fault {
            Fault::Interrupted => Error::Timeout,
            fault => Error::Fault(fault),
        })
    }

    /// Goes on with the guest and the snapshot it began with, whatever is switched meanwhile.
    fn audit(&self) -> Result<AuditReport, Error> {
        let mut guest = {
            let current = self.serving.enter();
            let mut guest = self.instantiate(&current)?;
            database::begin_snapshot(&guest.instance_mut().host_mut().sqlite)
                .map_err(Error::Fault)?;
            guest
        };
        self.call(&mut guest, None, ShardGuest::audit)?.map_err(Error::Fault)
    }

    /// SQLite gives up at the deadline. The guest is stopped only after a timeout of its own: one
    /// that began late, because others were before it, is not to blame.
    fn call<T>(
        &self,
        guest: &mut ShardGuest,
        deadline: Option<Deadline>,
        call: impl FnOnce(&mut ShardGuest) -> Result<Result<T, Fault>, CallError>,
    ) -> Result<Result<T, Fault>, Error> {
        let time_max = deadline.map_or(AUDIT_TIME_MAX, |deadline| deadline.time_max);
        guest.instance_mut().set_time_max(Some(time_max));
        let host = guest.instance_mut().host_mut();
        host.set_deadline(deadline.map(|deadline| deadline.at));
        database::begin_read(&host.sqlite).map_err(Error::Fault)?;
        call(guest).map_err(|error| {
            if guest.instance_mut().was_stopped() {
                self.metrics.reads_stopped.inc();
                tracing::warn!(%error, "a query was stopped");
                return Error::Stopped;
            }
            self.metrics.traps.inc();
            tracing::error!(%error, "the guest trapped in a query");
            Error::Trapped(error.to_string())
        })
    }

    fn instantiate(&self, current: &Current) -> Result<ShardGuest, Error> {
        let storage = |message: String| Error::Fault(Fault::Storage(message));
        let sqlite = database::open_reader(&self.data).map_err(|e| storage(e.to_string()))?;
        current
            .module
            .instantiate(HostFunctions { sqlite, redis: RedisHost::new(self.redis.clone()) })
            .map_err(|error| storage(error.to_string()))
    }
}

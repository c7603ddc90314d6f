//! One SQLite file: a single writer with group commit, read-only readers, and a read cache.
//!
//! The writer thread owns the only guest that may write, and the only writing connection
//! ([`writer`]); readers have a read-only guest each ([`readers`]); [`cache`] answers what was read
//! before and has not changed since. All the SQL of the host is in [`database`].
//! DESIGN.md tells the flow and what must stay true.

mod batch;
mod cache;
mod clock;
mod database;
mod readers;
mod serving;
mod writer;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    guest::{
        Guest, GuestModule,
        catalog::{CatalogEvent, StoredEntry},
        changes,
        counts::CountShortage,
        entries::{EntryKey, Noun},
        lifecycle::Description,
        orders,
        routing::{CalendarPreview, Inquiry, Planned},
        sessions::{Session, SessionState},
        stock::{AuditReport, SkuStock},
        types::{Command, Fault, Outcome},
    },
    host_functions::{HostFunctions, redis, sqlite::SqliteHost},
    metrics::Metrics,
};
use cache::{Cache, Handover};
pub use cache::{CacheBackend, CacheConfig, CachedStock};
pub use clock::Clock;
pub use database::Claim;
use readers::{Query, Readers};
use serving::Serving;
use writer::{Job, Writer};

/// What a shard needs to know. Every bound is checked by `config`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder of the database; made if it is missing. One process at a time may have it.
    pub data: PathBuf,
    /// Commands that may wait for the writer; more are answered [`Error::QueueFull`].
    pub queue_commands_max: usize,
    /// Commands that one transaction takes, 1..=1,024; a single caller's batch may fill it up.
    pub batch_commands_max: usize,
    /// How long the guest may take for a batch, or for one command alone after that.
    pub batch_time_max: Duration,
    /// Threads with a read-only guest.
    pub readers: usize,
    /// The time a read may take, waiting included; one of many items may take longer.
    pub query_timeout: Duration,
    /// How often holds past their time are ended.
    pub sweep_interval: Duration,
    /// `None`: every read calls a guest.
    pub cache: Option<CacheConfig>,
    /// `None`: guests are told that there is none.
    pub redis: Option<redis::Config>,
}

/// Why a shard gave no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// As many commands or queries wait as may. Nothing was done; retrying helps.
    #[error("the queue is full")]
    QueueFull,
    /// The shard is shutting down. Nothing was done; another node or a later try helps.
    #[error("the shard is stopping")]
    Stopping,
    /// No answer to a read in time. Retrying may help.
    #[error("no answer in time")]
    Timeout,
    /// The guest was stopped in a read: it ran longer than one may take. Retrying may help.
    #[error("the guest ran longer than a read may take")]
    Stopped,
    /// The guest trapped on this request. Nothing was done; retrying traps again.
    #[error("the guest trapped: {0}")]
    Trapped(String),
    /// The guest, or the database under it, could not do its work. Nothing was done.
    #[error("the guest faulted: {0:?}")]
    Fault(Fault),
}

impl Error {
    /// After how many seconds retrying may help; `None` where it does not.
    pub fn retryable(&self) -> Option<u32> {
        match self {
            Self::QueueFull | Self::Timeout | Self::Stopped => Some(1),
            Self::Stopping => Some(5),
            Self::Fault(fault) => inventory_json::refusal::retry_after_s(fault),
            Self::Trapped(_) => None,
        }
    }
}

/// Why a shard could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The data folder cannot be used.
    #[error("{path}: {source}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Another process holds the data folder.
    #[error("{0} is in use by another process; a folder belongs to one edge-host at a time")]
    InUse(PathBuf),
    /// SQLite cannot use the file.
    #[error("{path}: {message}")]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        message: String,
    },
    /// The guest could not be instantiated, or did not bring the tables to its version.
    #[error("the guest did not start: {0}")]
    Guest(String),
}

/// Which entries of the catalog to list.
#[derive(Clone, Debug)]
pub struct Listing {
    /// Of which noun.
    pub noun: Noun,
    /// Keys that begin so.
    pub prefix: String,
    /// Keys behind this one.
    pub after: String,
    /// At most this many: 1..=1,000.
    pub limit: u32,
}

/// Whether requests would be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Yes.
    Ready,
    /// No, and why.
    NotReady(&'static str),
}

/// A cheap handle to a shard; clones share it.
#[derive(Clone)]
pub struct Shard(Arc<Inner>);

/// A guest on the shard's database.
type ShardGuest = Guest<HostFunctions<SqliteHost>>;

struct Inner {
    config: Config,
    writer: Writer,
    readers: Readers,
    cache: Arc<Cache>,
    serving: Arc<Serving>,
}

impl Shard {
    /// Claims the data folder for this process, and begins to open its database.
    pub fn claim(config: &Config) -> Result<Claim, OpenError> {
        Claim::new(&config.data)
    }

    /// Opens the claimed database (makes it if there is none), migrates it, starts the threads.
    pub fn open(
        claim: Claim,
        config: Config,
        module: Arc<GuestModule>,
        clock: Clock,
        metrics: &Metrics,
    ) -> Result<Self, OpenError> {
        let cache_client = config.redis.clone().map(|mut redis| {
            // A read that has to go on without it still needs most of its time.
            redis.timeout = redis.timeout.min(config.query_timeout / 4);
            redis::Client::new(redis, metrics.redis.user("cache"))
        });
        let handover = Handover::new(&config.data, database::files(&config.data), module.digest());
        let cache = Cache::new(config.cache.as_ref(), cache_client, handover, &metrics.cache)
            .map_err(|source| OpenError::Folder { path: config.data.clone(), source })?;
        let cache = Arc::new(cache);
        let redis = config
            .redis
            .clone()
            .map(|config| Arc::new(redis::Client::new(config, metrics.redis.user("guest"))));
        let (readers_redis, readers_clock) = (redis.clone(), clock.clone());
        let (writer, serving) = Writer::start(
            &config,
            claim,
            module,
            clock,
            Arc::clone(&cache),
            redis,
            metrics.writer.clone(),
        )?;
        let readers = Readers::start(
            &config,
            Arc::clone(&serving),
            Arc::clone(&cache),
            readers_redis,
            readers_clock,
            metrics.writer.clone(),
        )?;
        Ok(Self(Arc::new(Inner { config, writer, readers, cache, serving })))
    }

    /// Does one command. Resolves after its transaction is durable; a caller that stops
    /// waiting does not stop the command.
    pub async fn apply(&self, command: Command) -> Result<Outcome, Error> {
        let (reply, answer) = oneshot::channel();
        self.0.writer.submit(Job::One(command, reply))?;
        answer.await.map_err(|_| Error::Stopping)?
    }

    /// Does commands in order, in as few transactions as they fit in; one answer for each.
    pub async fn apply_all(&self, commands: Vec<Command>) -> Vec<Result<Outcome, Error>> {
        let length = commands.len();
        let (reply, answer) = oneshot::channel();
        let answers = match self.0.writer.submit(Job::Many(commands, reply)) {
            Ok(()) => answer.await.map_err(|_| Error::Stopping),
            Err(error) => Err(error),
        };
        answers.unwrap_or_else(|error| vec![Err(error); length])
    }

    /// An order, or `None` where none was ever placed under this id.
    pub async fn order(&self, order_id: String) -> Result<Option<orders::Order>, Error> {
        self.ask(|reply| Query::Order(order_id, reply)).await
    }

    /// Skus from the cache, and the missing ones from a reader; `None` where the sku is unknown. A
    /// caller always sees its own writes.
    pub async fn stock(&self, skus: &[&str]) -> Result<Vec<Option<Arc<CachedStock>>>, Error> {
        let mut found: Vec<_> = skus.iter().map(|sku| self.0.cache.get(sku)).collect();
        let missing: Vec<String> = skus
            .iter()
            .zip(&found)
            .filter(|(_, found)| found.is_none())
            .map(|(sku, _)| (*sku).to_owned())
            .collect();
        if missing.is_empty() {
            return Ok(found);
        }
        let ticket = self.0.cache.ticket();
        let read = self.ask(|reply| Query::Stock(missing, reply)).await?;
        let mut read = read.into_iter().map(|stock| stock.map(|s| self.remember(s, ticket)));
        for slot in found.iter_mut().filter(|slot| slot.is_none()) {
            *slot = read.next().flatten();
        }
        Ok(found)
    }

    /// Changes after a sequence, oldest first.
    pub async fn changes(&self, after: u64, limit: u32) -> Result<Vec<changes::Change>, Error> {
        self.ask(|reply| Query::Changes { after, limit, reply }).await
    }

    /// An entry of the catalog, or `None` where there is none.
    pub async fn entry(&self, key: EntryKey) -> Result<Option<StoredEntry>, Error> {
        self.ask(|reply| Query::Entry(key, reply)).await
    }

    /// Entries of a noun in order of their keys.
    pub async fn entries(&self, listing: Listing) -> Result<Vec<StoredEntry>, Error> {
        self.ask(|reply| Query::Entries(listing, reply)).await
    }

    /// What would become of an order that was placed now.
    pub async fn plan(&self, inquiry: Inquiry) -> Result<Planned, Error> {
        self.ask(|reply| Query::Plan(inquiry, reply)).await
    }

    /// A sku's counters, and what would become of an order that was placed then; `None` where the
    /// sku is unknown. Past the cache.
    pub async fn availability(
        &self,
        sku: String,
        inquiry: Inquiry,
    ) -> Result<Option<(SkuStock, Planned)>, Error> {
        self.ask(|reply| Query::Availability { sku, inquiry, reply }).await
    }

    /// When a warehouse ships from now on; `None` where there is none.
    pub async fn preview(
        &self,
        warehouse: String,
        count: u32,
    ) -> Result<Option<CalendarPreview>, Error> {
        self.ask(|reply| Query::Preview { warehouse, count, reply }).await
    }

    /// The catalog's changes after a sequence, oldest first.
    pub async fn catalog_events(&self, after: u64, limit: u32) -> Result<Vec<CatalogEvent>, Error> {
        self.ask(|reply| Query::CatalogEvents { after, limit, reply }).await
    }

    /// An import as it is now, or `None` where there is none of this name.
    pub async fn session(&self, id: String) -> Result<Option<Session>, Error> {
        self.ask(|reply| Query::Session(id, reply)).await
    }

    /// Snapshots in order of their names, behind one.
    pub async fn snapshots(
        &self,
        state: Option<SessionState>,
        after: String,
        limit: u32,
    ) -> Result<Vec<Session>, Error> {
        self.ask(|reply| Query::Snapshots { state, after, limit, reply }).await
    }

    /// Skus in order, behind one, past the cache.
    pub async fn list_stock(&self, after: String, limit: u32) -> Result<Vec<SkuStock>, Error> {
        self.ask(|reply| Query::StockList { after, limit, reply }).await
    }

    /// What counts did not find though it is held, behind one.
    pub async fn shortages(
        &self,
        warehouse: Option<String>,
        after: String,
        limit: u32,
    ) -> Result<Vec<CountShortage>, Error> {
        self.ask(|reply| Query::Shortages { warehouse, after, limit, reply }).await
    }

    /// Checks every invariant on a snapshot. Takes as long as it takes, beside the other reads.
    pub async fn audit(&self) -> Result<AuditReport, Error> {
        let (reply, answer) = oneshot::channel();
        self.0.readers.audit(reply)?;
        answer.await.map_err(|_| Error::Stopping)?
    }

    /// Whether commands and queries would be answered now.
    pub fn readiness(&self) -> Readiness {
        match self.0.writer.readiness() {
            Readiness::Ready => self.0.readers.readiness(),
            not_ready @ Readiness::NotReady(_) => not_ready,
        }
    }

    /// The guest's name, version and schema.
    pub fn description(&self) -> Description {
        self.0.serving.enter().description.clone()
    }

    /// Lets another guest serve, from one batch to the next, or from one command to the next of a
    /// batch that failed: commands that wait are decided by the new one, queries under way end with
    /// the old one. Where the new one cannot be instantiated or does not bring the tables to its
    /// version, nothing changes. Blocks until done.
    pub fn switch(&self, module: Arc<GuestModule>) -> Result<Description, OpenError> {
        self.0.writer.switch(module)
    }

    /// Asks the guest for an order, and waits for the answer. For those who watch over the guest.
    pub fn probe(&self, order_id: String) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.0.readers.submit(Query::Order(order_id, reply))?;
        answer.blocking_recv().map_err(|_| Error::Stopping)?.map(|_| ())
    }

    /// Copies the database, as of one commit, into the folder, from where [`Shard::open`] can open
    /// it. Writes go on meanwhile. Blocks until done.
    pub fn copy_to(&self, folder: &Path) -> Result<(), OpenError> {
        database::copy(&self.0.config.data, folder)
    }

    /// Takes no more commands, does those that wait, and closes the database. Blocks until done.
    pub fn stop(&self) {
        self.0.readers.stop();
        self.0.writer.stop();
        self.0.cache.stop();
    }

    fn remember(&self, stock: SkuStock, ticket: cache::Ticket) -> Arc<CachedStock> {
        self.0.cache.insert(stock, ticket)
    }

    async fn ask<T>(
        &self,
        query: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Query,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let query = query(reply);
        let time_max = query.time_max(self.0.config.query_timeout);
        self.0.readers.submit(query)?;
        match tokio::time::timeout(time_max, answer).await {
            Ok(answer) => answer.map_err(|_| Error::Stopping)?,
            Err(_) => Err(Error::Timeout),
        }
    }
}

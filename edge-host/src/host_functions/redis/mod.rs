//! `inventory:host/redis`: one Redis server or cluster, for guests and for the shared cache.
//!
//! - [`Url`] says where it is, and hides its secrets.
//! - [`Client`] is what all threads share: settings, who is left alone for a while ([`circuit`]),
//!   who has which slot ([`cluster`]), numbers.
//! - [`Session`] is one thread's: its connections ([`wire`]), on which commands ([`command`]) go
//!   out and replies ([`reply`]) come in.
//!
//! Nothing is connected before the first call. DESIGN.md says what must stay true.

mod circuit;
mod cluster;
mod command;
mod reply;
mod session;
mod url;
mod wire;

use std::{
    collections::HashMap,
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

pub use session::Session;
pub use url::Url;

use crate::{
    guest::{
        Redis,
        redis::{Command, Error, Reply},
    },
    metrics,
};
use circuit::Circuits;
use cluster::{KeySpec, Slots};
use url::Address;

/// Commands of which it is remembered where they have their keys.
const KEY_SPECS_MAX: usize = 512;
/// Between two looks at who has which slot.
const SLOTS_INTERVAL: Duration = Duration::from_millis(50);

/// How Redis is reached. Every bound is checked by `config`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it is.
    pub url: Url,
    /// How long one call may take.
    pub timeout: Duration,
    /// Whom to trust, where the URL asks for TLS: certificates in PEM.
    pub ca_file: PathBuf,
}

/// What the sessions of one user share.
pub struct Client {
    url: Url,
    timeout: Duration,
    ca_file: PathBuf,
    tls: Mutex<Option<Arc<rustls::ClientConfig>>>,
    circuits: Circuits,
    cluster: Mutex<Cluster>,
    metrics: metrics::RedisUser,
}

#[derive(Default)]
struct Cluster {
    slots: Option<Arc<Slots>>,
    learned: Option<Instant>,
    /// They answered once; asked first when the slots have moved.
    nodes: Vec<Address>,
    key_specs: HashMap<Vec<u8>, KeySpec>,
}

impl Client {
    /// Connects nothing yet.
    pub fn new(config: Config, metrics: metrics::RedisUser) -> Self {
        let Config { url, timeout, ca_file } = config;
        Self {
            url,
            timeout,
            ca_file,
            tls: Mutex::default(),
            circuits: Circuits::new(timeout, metrics.clone()),
            cluster: Mutex::default(),
            metrics,
        }
    }

    fn tls(&self) -> io::Result<Arc<rustls::ClientConfig>> {
        let mut tls = self.tls.lock();
        if let Some(config) = &*tls {
            return Ok(Arc::clone(config));
        }
        let config = session::tls(&self.ca_file)?;
        *tls = Some(Arc::clone(&config));
        Ok(config)
    }

    fn slots(&self) -> Option<Arc<Slots>> {
        self.cluster.lock().slots.clone()
    }

    fn learn_slots(&self, slots: Slots) -> Arc<Slots> {
        let slots = Arc::new(slots);
        let mut cluster = self.cluster.lock();
        slots.masters().clone_into(&mut cluster.nodes);
        cluster.learned = Some(Instant::now());
        cluster.slots = Some(Arc::clone(&slots));
        slots
    }

    /// They have moved: the next call asks again, but not for every key of a migration.
    fn forget_slots(&self) {
        let mut cluster = self.cluster.lock();
        if cluster.learned.is_none_or(|at| at.elapsed() > SLOTS_INTERVAL) {
            cluster.slots = None;
        }
    }

    fn known_nodes(&self) -> Vec<Address> {
        let mut nodes = self.cluster.lock().nodes.clone();
        nodes.extend(self.url.addresses.iter().cloned());
        nodes
    }

    fn key_spec(&self, name: &[u8]) -> Option<KeySpec> {
        self.cluster.lock().key_specs.get(name).copied()
    }

    fn learn_key_spec(&self, name: Vec<u8>, spec: KeySpec) {
        let key_specs = &mut self.cluster.lock().key_specs;
        if key_specs.len() < KEY_SPECS_MAX {
            key_specs.insert(name, spec);
        }
    }
}

/// Redis, as a guest's import.
#[derive(Default)]
pub struct RedisHost {
    session: Option<Session>,
    deadline: Option<Instant>,
}

impl RedisHost {
    /// Every call is answered `unavailable`.
    pub fn unconfigured() -> Self {
        Self::default()
    }

    /// Calls go to the client's Redis; `None` is [`Self::unconfigured`].
    pub fn new(client: Option<Arc<Client>>) -> Self {
        Self { session: client.map(Session::new), deadline: None }
    }

    /// Calls wait no longer than this; `None` lifts the deadline, and leaves the timeout.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }

    fn session(&mut self) -> Result<&mut Session, Error> {
        let missing = || Error::Unavailable("no redis_url is configured".to_owned());
        self.session.as_mut().ok_or_else(missing)
    }
}

impl Redis for RedisHost {
    fn execute(&mut self, command: Command) -> Result<Reply, Error> {
        let deadline = self.deadline;
        self.session()?.execute(&command, deadline)
    }

    fn pipeline(&mut self, commands: Vec<Command>) -> Result<Vec<Result<Reply, Error>>, Error> {
        let deadline = self.deadline;
        self.session()?.pipeline(&commands, deadline)
    }

    fn eval(
        &mut self,
        script: String,
        keys: Vec<Vec<u8>>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<Reply, Error> {
        let deadline = self.deadline;
        self.session()?.eval(script, keys, arguments, deadline)
    }
}

impl metrics::RedisUser {
    fn called(&self, error: Option<&Error>, took: Duration) {
        use metrics::RedisOutcome as Outcome;
        let outcome = match error {
            None => Outcome::Ok,
            Some(Error::Unavailable(_)) => Outcome::Unavailable,
            Some(Error::Timeout) => Outcome::Timeout,
            Some(Error::Lost) => Outcome::Lost,
            Some(Error::Server(_)) => Outcome::Server,
            Some(Error::ReplyTooLarge) => Outcome::ReplyTooLarge,
            Some(Error::TooLarge | Error::CrossSlot | Error::NotAllowed(_)) => Outcome::Refused,
        };
        self.count(outcome, took);
    }
}

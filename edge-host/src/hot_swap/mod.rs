//! Replaces the guest in a running host: stage → check → compile → try → switch → watch.
//!
//! Until the switch everything happens beside the serving guest, the dangerous parts in child
//! processes with limits ([`trial`]); the switch itself is one job of the shard's writer. Then the
//! new guest is watched, and taken back by itself where it traps ([`watch`]). What is installed,
//! what was before and what was refused is on disk ([`history`]), so a restart goes on with the
//! same guest. DESIGN.md says what a guest has to pass, and why in this order.

mod history;
mod inbox;
mod signature;
mod trial;
mod watch;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{
    guest::{self, GuestModule},
    host_functions::WASI_ALLOWED,
    metrics::Metrics,
    runtime::{self, Binary},
    shard::{self, Shard},
};

pub use history::{History, Standing, Version};
pub use signature::PublicKey;
pub use trial::{TRY_GUEST, try_guest};

/// The folder under the data folder where guests are kept.
pub const FOLDER: &str = "guests";

/// What replacing guests needs to know. Every bound is checked by `config`.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where guests and their history are kept.
    pub folder: PathBuf,
    /// The guest that the configuration names.
    pub configured: PathBuf,
    /// Whoever holds the secret half of one may replace the guest.
    pub keys: Vec<PublicKey>,
    /// What to do with a guest without a signature.
    pub unsigned: Unsigned,
    /// The largest guest, in bytes.
    pub guest_bytes_max: usize,
    /// Guests that are remembered besides the one that serves.
    pub history_max: usize,
    /// How long a new guest is watched.
    pub watch_window: Duration,
    /// Traps within the window, from which on the guest is taken back.
    pub traps_max: u64,
    /// A folder from which guests are taken.
    pub inbox: Option<PathBuf>,
}

/// Whether a guest needs a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// By one of the configured keys.
    Refused,
    /// Whoever may upload may replace the guest.
    Allowed,
}

/// A guest that somebody wants to serve.
#[derive(Debug)]
pub struct Upload {
    /// The module, exactly as it was signed.
    pub bytes: Vec<u8>,
    /// Ed25519, 64 bytes in hexadecimal.
    pub signature: Option<String>,
    /// Where it came from, for the history: `upload`, or a file.
    pub source: String,
    /// The operator knows that a guest with newer tables cannot be taken back.
    pub may_migrate: bool,
}

/// What a guest goes through, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Its size and signature.
    Verify,
    /// Its imports and exports against the contract.
    Check,
    /// Its AOT code, in a child process.
    Compile,
    /// A copy of the data and golden commands, in a child process.
    Try,
    /// The change between two batches.
    Switch,
}

impl Step {
    /// Its name in the API, in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Check => "check",
            Self::Compile => "compile",
            Self::Try => "try",
            Self::Switch => "switch",
        }
    }
}

/// Why a guest does not serve. The one before goes on serving.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The guest is at fault.
    #[error("{}: {reason}", step.as_str())]
    Refused {
        /// Where it failed.
        step: Step,
        /// What is wrong with it.
        reason: String,
    },
    /// Another guest is on its way in.
    #[error("another guest is being installed; one at a time")]
    Busy,
    /// It was taken back before.
    #[error("this guest was taken back ({reason}); it may come again in {} s", retry_in.as_secs())]
    BackingOff {
        /// Why it was taken back.
        reason: String,
        /// How long it has to wait.
        retry_in: Duration,
    },
    /// There is no such version to go back to.
    #[error("{0}")]
    UnknownVersion(String),
    /// The machine is at fault: its disk, its processes.
    #[error("{}: {reason}", step.as_str())]
    Failed {
        /// What could not be done.
        step: Step,
        /// Why.
        reason: String,
    },
}

/// What `/admin/guest` shows.
#[derive(Clone, Debug)]
pub struct Status {
    /// The guests, the serving one among them; newest first.
    pub versions: Vec<Version>,
    /// The step that a guest on its way in has reached, and for how long.
    pub under_way: Option<(String, Step, Duration)>,
    /// What became of the last one.
    pub last: Option<Outcome>,
}

/// What became of an upload.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The guest; empty where it was not read that far.
    pub digest: String,
    /// Each step it reached, with the time it took.
    pub steps: Vec<(Step, Duration)>,
    /// Whether it serves.
    pub result: Result<(), Error>,
}

/// The handle; clones share it.
#[derive(Clone)]
pub struct HotSwap(Arc<Inner>);

struct Inner {
    config: Config,
    shard: Shard,
    metrics: Arc<Metrics>,
    /// Held by whoever installs or rolls back.
    turn: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    history: History,
    /// Loaded guests by digest: those of the history.
    modules: Vec<(String, Arc<GuestModule>)>,
    under_way: Option<(String, Step, Instant)>,
    last: Option<Outcome>,
    /// Grows with every switch: an older watch ends.
    watch: u64,
}

impl HotSwap {
    /// Takes over a shard that serves `module`, and starts to look into the inbox, if there is one.
    pub fn start(
        config: Config,
        shard: Shard,
        metrics: Arc<Metrics>,
        module: Arc<GuestModule>,
        history: History,
    ) -> Self {
        let modules = vec![(module.digest().to_owned(), module)];
        let state = State { history, modules, under_way: None, last: None, watch: 0 };
        let inbox = config.inbox.clone();
        let hot_swap = Self(Arc::new(Inner {
            config,
            shard,
            metrics,
            turn: Mutex::new(()),
            state: Mutex::new(state),
        }));
        if let Some(folder) = inbox {
            inbox::watch(&hot_swap, folder);
        }
        hot_swap
    }

    /// The largest guest that is taken, in bytes.
    pub fn guest_bytes_max(&self) -> usize {
        self.0.config.guest_bytes_max
    }

    /// What serves, what is under way, what was.
    pub fn status(&self) -> Status {
        let state = self.0.state.lock();
        let under_way = state.under_way.as_ref();
        Status {
            versions: state.history.versions().to_vec(),
            under_way: under_way.map(|(digest, step, at)| (digest.clone(), *step, at.elapsed())),
            last: state.last.clone(),
        }
    }

    /// Brings a guest through every step to serving. Blocks until done, which may be a minute.
    pub fn install(&self, upload: &Upload) -> Outcome {
        let Some(_turn) = self.0.turn.try_lock() else {
            return Outcome { digest: String::new(), steps: Vec::new(), result: Err(Error::Busy) };
        };
        let mut journey = Journey { inner: &self.0, digest: String::new(), steps: Vec::new() };
        let result = journey.install(upload);
        self.finished(journey, result)
    }

    /// Lets a version of the history serve again: the one named, or the one before. Blocks until
    /// done.
    pub fn roll_back(&self, digest: Option<&str>, reason: &str) -> Outcome {
        let Some(_turn) = self.0.turn.try_lock() else {
            return Outcome { digest: String::new(), steps: Vec::new(), result: Err(Error::Busy) };
        };
        self.go_back(digest, reason)
    }

    /// Takes the watched guest back, as soon as nobody else installs; unless another has come.
    fn take_back(&self, watch: u64, digest: &str, reason: &str) {
        let _turn = self.0.turn.lock();
        {
            let mut state = self.0.state.lock();
            if state.watch != watch {
                return;
            }
            if let Err(error) = state.history.fails(digest, reason) {
                tracing::error!(%error, "the history was not written");
            }
        }
        self.0.metrics.guest_installed("taken_back");
        if let Err(error) = self.go_back(None, reason).result {
            tracing::error!(guest = digest, %error, "the guest could not be taken back");
        }
    }

    /// The caller holds the turn.
    fn go_back(&self, digest: Option<&str>, reason: &str) -> Outcome {
        let mut journey = Journey { inner: &self.0, digest: String::new(), steps: Vec::new() };
        let result = journey.roll_back(digest, reason);
        self.finished(journey, result)
    }

    fn finished(&self, journey: Journey<'_>, result: Result<(), Error>) -> Outcome {
        let outcome = Outcome { digest: journey.digest, steps: journey.steps, result };
        let code = match &outcome.result {
            Ok(()) => "installed",
            Err(Error::Failed { .. }) => "failed",
            Err(_) => "refused",
        };
        self.0.metrics.guest_installed(code);
        match &outcome.result {
            Ok(()) => tracing::info!(guest = outcome.digest, "the guest serves"),
            Err(error) => {
                tracing::warn!(guest = outcome.digest, %error, "the guest does not serve");
            }
        }
        let is_new = outcome.result.is_ok() && !outcome.steps.is_empty();
        let watched = {
            let mut state = self.0.state.lock();
            state.under_way = None;
            state.last = Some(outcome.clone());
            state.watch += u64::from(is_new);
            state.watch
        };
        if is_new {
            watch::begin(self, watched, outcome.digest.clone());
        }
        outcome
    }
}

/// One guest's way in.
struct Journey<'a> {
    inner: &'a Inner,
    digest: String,
    steps: Vec<(Step, Duration)>,
}

impl Journey<'_> {
    fn install(&mut self, upload: &Upload) -> Result<(), Error> {
        let plain = self.step(Step::Verify, |inner| verify(&inner.config, upload))?;
        self.digest = runtime::digest_hex(&plain);
        if self.inner.state.lock().history.is_serving(&self.digest) {
            self.steps.clear();
            return Ok(());
        }
        self.inner.state.lock().history.may_come(&self.digest)?;
        if let Some(module) = self.loaded() {
            return self.switch(&module, upload);
        }
        self.step(Step::Check, |_| {
            guest::check(&plain, WASI_ALLOWED).map_err(|error| refused(Step::Check, &error))
        })?;
        let digest = self.digest.clone();
        let file = self.inner.config.folder.join(format!("{digest}.wasm"));
        let binary = self.step(Step::Compile, |inner| {
            let failed = |error: &dyn std::fmt::Display| Error::Failed {
                step: Step::Compile,
                reason: error.to_string(),
            };
            history::write_whole(&file, &plain).map_err(|error| failed(&error))?;
            Binary::open(&file, &inner.config.folder).map_err(|error| match error {
                runtime::Error::File { .. } => failed(&error),
                error => refused(Step::Compile, &error),
            })
        })?;
        let module = self.step(Step::Try, |inner| {
            let module = GuestModule::load(&binary, WASI_ALLOWED)
                .map_err(|error| refused(Step::Try, &error))?;
            trial::run(&inner.shard, &inner.config.folder, &digest, upload.may_migrate)?;
            Ok(Arc::new(module))
        });
        if module.is_err() && !self.inner.state.lock().history.knows(&self.digest) {
            history::forget_files(&self.inner.config.folder, &self.digest);
        }
        self.switch(&module?, upload)
    }

    fn roll_back(&mut self, digest: Option<&str>, reason: &str) -> Result<(), Error> {
        let target = self.inner.state.lock().history.target(digest)?;
        self.digest.clone_from(&target);
        let module = match self.loaded() {
            Some(module) => module,
            None => self.step(Step::Check, |inner| {
                Binary::open_kept(&target, &inner.config.folder)
                    .and_then(|binary| GuestModule::load(&binary, WASI_ALLOWED))
                    .map(Arc::new)
                    .map_err(|error| refused(Step::Check, &error))
            })?,
        };
        let back = Upload {
            bytes: Vec::new(),
            signature: None,
            source: format!("rolled back: {reason}"),
            may_migrate: false,
        };
        self.switch(&module, &back)
    }

    fn switch(&mut self, module: &Arc<GuestModule>, upload: &Upload) -> Result<(), Error> {
        let digest = self.digest.clone();
        self.step(Step::Switch, |inner| {
            let failed = |reason: String| Error::Failed { step: Step::Switch, reason };
            let not_written = |error: std::io::Error| failed(format!("the history: {error}"));
            inner.state.lock().history.keep(&inner.config.configured).map_err(not_written)?;
            // On disk first: after a crash from here on, the new guest is tried before the old one.
            inner.state.lock().history.expect(&digest).map_err(not_written)?;
            match inner.shard.switch(Arc::clone(module)) {
                Ok(description) => {
                    let mode = module.mode().as_str();
                    inner.metrics.guest_is(&digest, &description.version, mode);
                    let mut state = inner.state.lock();
                    let (source, most) = (&upload.source, inner.config.history_max);
                    // It serves, whether or not that can be written down.
                    match state.history.serves(&digest, &description, source, most) {
                        Ok(kept) => state.modules.retain(|(digest, _)| kept.contains(digest)),
                        Err(error) => tracing::error!(%error, "the history was not written"),
                    }
                    if !state.modules.iter().any(|(loaded, _)| *loaded == digest) {
                        state.modules.push((digest.clone(), Arc::clone(module)));
                    }
                    Ok(())
                }
                Err(error) => {
                    inner.state.lock().history.expect_no_more().map_err(not_written)?;
                    Err(match error {
                        shard::OpenError::Guest(_) => refused(Step::Switch, &error),
                        error => failed(error.to_string()),
                    })
                }
            }
        })
    }

    fn loaded(&self) -> Option<Arc<GuestModule>> {
        let state = self.inner.state.lock();
        let found = state.modules.iter().find(|(digest, _)| *digest == self.digest);
        found.map(|(_, module)| Arc::clone(module))
    }

    /// One step, visible while it lasts and timed afterwards.
    fn step<T>(
        &mut self,
        step: Step,
        run: impl FnOnce(&Inner) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        self.inner.state.lock().under_way = Some((self.digest.clone(), step, started));
        tracing::info!(guest = self.digest, step = step.as_str(), "a guest on its way in");
        let answer = run(self.inner);
        self.steps.push((step, started.elapsed()));
        answer
    }
}

/// The plain module of an upload that may be looked at.
fn verify(config: &Config, upload: &Upload) -> Result<Vec<u8>, Error> {
    let refuse = |reason: String| Error::Refused { step: Step::Verify, reason };
    let (bytes, bytes_max) = (upload.bytes.len(), config.guest_bytes_max);
    if bytes > bytes_max {
        return Err(refuse(format!("{bytes} bytes; a guest has at most {bytes_max}")));
    }
    signature::verify(config, upload).map_err(refuse)?;
    runtime::strip(&upload.bytes).map_err(|error| refused(Step::Verify, &error))
}

fn refused(step: Step, error: &dyn std::fmt::Display) -> Error {
    Error::Refused { step, reason: error.to_string() }
}

//! Replaces the guest in a running host: stage → check → compile → try → switch → watch.
//!
//! Until the switch everything happens beside the serving guest, the dangerous parts in child
//! processes with limits ([`trial`]); the switch itself is one job of the shard's writer. Then the
//! new guest is watched, and taken back by itself where it traps ([`watch`]). What is installed,
//! what was before and what was refused is on disk ([`history`]), so a restart goes on with the
//! same guest. DESIGN.md says what a guest has to pass, and why in this order.

mod folder;
mod history;
mod inbox;
mod journey;
mod signature;
mod trial;
mod watch;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use crate::{guest::GuestModule, metrics::Metrics, runtime::ExecutionMode, shard::Shard};
use journey::Journey;

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
    /// How guests run, the installed ones too.
    pub mode: ExecutionMode,
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
    /// This host cannot bring a guest to run that was never compiled for it.
    #[error(
        "compile: this host has no compiler, and does not trust code that is sent; deploy an image \
         that has WasmEdge with its compiler, or one that has the guest in it"
    )]
    NoCompiler,
    /// The host was told to stop meanwhile.
    #[error("the host is stopping; the guest before is the one that a restart serves")]
    Stopping,
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
    /// Held by whoever installs or rolls back because somebody asked for it, for minutes.
    turn: Mutex<()>,
    /// Held by whoever switches, for milliseconds.
    switching: Mutex<()>,
    state: Mutex<State>,
}

struct State {
    history: History,
    /// Loaded guests by digest: those of the history.
    modules: Vec<(String, Arc<GuestModule>)>,
    /// An install, and a guest that is taken back meanwhile.
    under_way: Vec<UnderWay>,
    last: Option<Outcome>,
    /// Grows with every switch: an older watch ends.
    watch: u64,
}

/// The step that somebody has reached.
struct UnderWay {
    number: u64,
    digest: String,
    step: Step,
    since: Instant,
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
        let digest = module.digest().to_owned();
        history.sweep();
        let is_unproven = history.is_unproven(&digest);
        let modules = vec![(digest.clone(), module)];
        let state = State { history, modules, under_way: Vec::new(), last: None, watch: 0 };
        let inbox = config.inbox.clone();
        let hot_swap = Self(Arc::new(Inner {
            config,
            shard,
            metrics,
            turn: Mutex::new(()),
            switching: Mutex::new(()),
            state: Mutex::new(state),
        }));
        if is_unproven {
            watch::begin(&hot_swap, 0, digest);
        }
        if let Some(folder) = inbox {
            inbox::watch(&hot_swap, folder);
        }
        hot_swap
    }

    /// The process stops because it was told to, and not because of a guest.
    pub fn stop(&self) {
        let _switching = self.0.switching.lock();
        if let Err(error) = self.0.state.lock().history.stops() {
            tracing::error!(%error, "the history of guests was not written");
        }
    }

    /// The largest guest that is taken, in bytes.
    pub fn guest_bytes_max(&self) -> usize {
        self.0.config.guest_bytes_max
    }

    /// What serves, what is under way, what was.
    pub fn status(&self) -> Status {
        let state = self.0.state.lock();
        let under_way = state.under_way.first();
        Status {
            versions: state.history.versions().to_vec(),
            under_way: under_way.map(|it| (it.digest.clone(), it.step, it.since.elapsed())),
            last: state.last.clone(),
        }
    }

    /// Brings a guest through every step to serving. Blocks until done, which may be a minute.
    pub fn install(&self, upload: &Upload) -> Outcome {
        let Some(_turn) = self.0.turn.try_lock() else {
            return Outcome { digest: String::new(), steps: Vec::new(), result: Err(Error::Busy) };
        };
        let mut journey = Journey::new(&self.0);
        let result = journey.install(upload);
        self.finished(journey, result)
    }

    /// Lets a version of the history serve again: the one named, or the one before. Blocks until
    /// done.
    pub fn roll_back(&self, digest: Option<&str>, reason: &str) -> Outcome {
        let Some(_turn) = self.0.turn.try_lock() else {
            return Outcome { digest: String::new(), steps: Vec::new(), result: Err(Error::Busy) };
        };
        let mut journey = Journey::new(&self.0);
        let switching = self.0.switching.lock();
        let left = self.0.state.lock().history.serving().map(str::to_owned);
        let result = journey.roll_back(&switching, digest, reason);
        if let (Ok(()), Some(left)) = (&result, left)
            && let Err(error) = self.0.state.lock().history.leave(&left)
        {
            tracing::error!(%error, "the history of guests was not written");
        }
        drop(switching);
        self.finished(journey, result)
    }

    /// Takes the watched guest back, whoever installs meanwhile; unless another has come. A guest
    /// that cannot take its place is passed over.
    fn take_back(&self, watch: u64, digest: &str, reason: &str) {
        let switching = self.0.switching.lock();
        let successors = {
            let mut state = self.0.state.lock();
            if state.watch != watch {
                return;
            }
            // One that nothing can take the place of goes on, and has not failed.
            let successors = state.history.successors();
            if successors.is_empty() {
                tracing::error!(guest = digest, reason, "there is no guest to go back to");
                return;
            }
            if let Err(error) = state.history.fails(digest, reason) {
                tracing::error!(%error, "the history was not written");
            }
            successors
        };
        self.0.metrics.guest_installed("taken_back");
        for successor in successors {
            let mut journey = Journey::new(&self.0);
            let result = journey.roll_back(&switching, Some(&successor), reason);
            if self.finished(journey, result).result.is_ok() {
                return;
            }
        }
        tracing::error!(guest = digest, "the guest could not be taken back: it serves on");
    }

    fn finished(&self, journey: Journey<'_>, result: Result<(), Error>) -> Outcome {
        let Journey { digest, steps, watch, .. } = journey;
        let outcome = Outcome { digest, steps, result };
        let code = match &outcome.result {
            Ok(()) => "installed",
            Err(Error::Failed { .. } | Error::NoCompiler | Error::Stopping) => "failed",
            Err(_) => "refused",
        };
        self.0.metrics.guest_installed(code);
        match &outcome.result {
            Ok(()) => tracing::info!(guest = outcome.digest, "the guest serves"),
            Err(error) => {
                tracing::warn!(guest = outcome.digest, %error, "the guest does not serve");
            }
        }
        self.0.state.lock().last = Some(outcome.clone());
        if let Some(watch) = watch {
            watch::begin(self, watch, outcome.digest.clone());
        }
        outcome
    }
}

fn refused(step: Step, error: &dyn std::fmt::Display) -> Error {
    Error::Refused { step, reason: error.to_string() }
}

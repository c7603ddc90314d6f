//! Builds every part in the one order, and takes them apart again. `main` and every test call it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    config::Config,
    guest::{
        self, GuestModule,
        types::{Answer, Command, Outcome},
    },
    host_functions::{WASI_ALLOWED, keep_warm},
    hot_swap::{History, HotSwap},
    http,
    metrics::Metrics,
    runtime::{self, Binary},
    shard::{self, Clock, Shard},
    wms,
};

/// Orders whose holds one sweep command ends at most: bounds a batch.
const SWEEP_ORDERS_MAX: u32 = 256;

/// Why the host could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The guest is not one that this host runs.
    #[error("guest {file}: {source}")]
    Guest {
        /// The guest's file.
        file: std::path::PathBuf,
        /// Why not.
        source: runtime::Error,
    },
    /// The database could not be opened.
    #[error(transparent)]
    Shard(#[from] shard::OpenError),
    /// The address could not be listened on.
    #[error("listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A running host.
pub struct App {
    address: SocketAddr,
    shard: Shard,
    hot_swap: HotSwap,
    stop: watch::Sender<bool>,
    server: JoinHandle<http::Drained>,
    sweep: JoinHandle<()>,
    /// There where warehouses are read.
    wms: Option<JoinHandle<()>>,
}

impl App {
    /// Loads the guest, opens the shard, then listens: an address that answers is ready to work.
    pub async fn start(config: Config, clock: Clock, started: Instant) -> Result<Self, StartError> {
        let metrics = Arc::new(Metrics::new(started));
        let sweep_interval = config.shard.sweep_interval;
        metrics.start.reached("configured");
        let Opened { shard, module, history } = open_shard(&config, &clock, &metrics)?;
        metrics.start.reached("database_open");
        metrics.guest_is(module.digest(), &shard.description().version, module.mode().as_str());
        keep_warm(Arc::clone(&module));
        let hot_swap =
            HotSwap::start(config.hot_swap, shard.clone(), Arc::clone(&metrics), module, history);
        let address = config.http.listen;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        metrics.start.reached("listening");
        let (stop, stopped) = watch::channel(false);
        let wms = config.wms.map(|config| {
            tokio::spawn(wms::run(config, shard.clone(), metrics.wms.clone(), stopped.clone()))
        });
        let server = tokio::spawn(serve(
            listener,
            config.http,
            shard.clone(),
            hot_swap.clone(),
            metrics,
            stopped.clone(),
        ));
        let sweep = tokio::spawn(sweep(shard.clone(), sweep_interval, stopped));
        Ok(Self { address, shard, hot_swap, stop, server, sweep, wms })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, answers what was accepted, closes the database.
    pub async fn stop(self) -> http::Drained {
        // All tasks are told; one that has ended needs no telling.
        let _ = self.stop.send(true);
        let drained = self.server.await.unwrap_or(http::Drained::Abandoned(0));
        let _ = self.sweep.await;
        if let Some(wms) = self.wms {
            let _ = wms.await;
        }
        let Self { shard, hot_swap, .. } = self;
        let stop = move || {
            hot_swap.stop();
            shard.stop();
        };
        if tokio::task::spawn_blocking(stop).await.is_err() {
            tracing::error!("the shard did not stop cleanly");
        }
        drained
    }
}

/// The shard, served by the best guest there is: the one that was installed last, unless the
/// configuration has named another since; where that does not start, the configured one.
fn open_shard(config: &Config, clock: &Clock, metrics: &Metrics) -> Result<Opened, StartError> {
    let (file, folder, mode) = (&config.guest.file, &config.hot_swap.folder, config.guest.mode);
    let refused = |source| StartError::Guest { file: file.clone(), source };
    if !config.shard.data.exists() {
        // A file that is no guest shall leave no data folder behind.
        guest::check_file(file, WASI_ALLOWED).map_err(refused)?;
    }
    let mut claim = Some(Shard::claim(&config.shard)?);
    let configured = Binary::open_as(mode, file, folder).map_err(refused)?.keep_object(folder);
    // A guest that does not start gives its claim up; the next one makes another.
    let mut open = |module: &Arc<GuestModule>| {
        metrics.start.reached("guest_loaded");
        let claim = claim.take().map_or_else(|| Shard::claim(&config.shard), Ok)?;
        let (config, clock) = (config.shard.clone(), clock.clone());
        Shard::open(claim, config, Arc::clone(module), clock, metrics)
    };
    let mut history = History::open(folder, &configured.digest_hex());
    if let Some((guest, reason)) = history.begins() {
        tracing::error!(guest, reason, "the guest is taken back");
        metrics.guest_installed("taken_back");
    }
    for digest in history.candidates() {
        let loaded = Binary::open_kept(&digest, mode, folder)
            .and_then(|binary| GuestModule::load(&binary, WASI_ALLOWED));
        let opened = loaded.map_err(|error| error.to_string()).and_then(|module| {
            let module = Arc::new(module);
            open(&module).map(|shard| (module, shard)).map_err(|error| error.to_string())
        });
        match opened {
            Ok((module, shard)) => {
                history.started(module.digest(), &shard.description(), "started again");
                return Ok(Opened { shard, module, history });
            }
            Err(error) => {
                tracing::error!(guest = digest, error, "an installed guest does not start");
            }
        }
    }
    let module = Arc::new(GuestModule::load(&configured, WASI_ALLOWED).map_err(refused)?);
    let shard = open(&module)?;
    history.started(module.digest(), &shard.description(), &file.display().to_string());
    Ok(Opened { shard, module, history })
}

struct Opened {
    shard: Shard,
    module: Arc<GuestModule>,
    history: History,
}

async fn serve(
    listener: TcpListener,
    config: http::Config,
    shard: Shard,
    hot_swap: HotSwap,
    metrics: Arc<Metrics>,
    mut stopped: watch::Receiver<bool>,
) -> http::Drained {
    let router = http::router(config.clone(), shard, hot_swap, Arc::clone(&metrics));
    let stop = async move {
        // An error means that the App is gone, which is a stop too.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    http::serve(listener, router, &config, &metrics, stop).await
}

/// Ends holds that ran out, every interval: step after step while there are any, with everybody
/// else's commands in between. A placement that needs their units does so earlier.
async fn sweep(shard: Shard, interval: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        // However many are left: they end after the next start.
        while !*stopped.borrow() {
            match shard.apply(Command::Expire(SWEEP_ORDERS_MAX)).await {
                Ok(Outcome { result: Ok(Answer::Expired(1..)), .. }) => {}
                Ok(_) | Err(shard::Error::Stopping) => break,
                Err(error) => {
                    tracing::warn!(%error, "the sweep failed; it comes again");
                    break;
                }
            }
        }
    }
}

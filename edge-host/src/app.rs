//! Builds every part in the one order, and takes them apart again. `main` and every test call it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    config::{Config, Interpreter},
    guest::{
        GuestModule, Sqlite,
        sqlite::{self, Value},
        types::{Answer, Command, Outcome},
    },
    host_functions::{HostFunctions, WASI_ALLOWED, redis::RedisHost},
    http,
    metrics::Metrics,
    runtime::{self, Binary},
    shard::{self, Clock, Shard},
};

/// The folder under the data folder where compiled guests are kept.
const COMPILED_GUESTS: &str = "guests";
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
    stop: watch::Sender<bool>,
    server: JoinHandle<http::Drained>,
    sweep: JoinHandle<()>,
}

impl App {
    /// Loads the guest, opens the shard, then listens: an address that answers is ready to work.
    pub async fn start(config: Config, clock: Clock, started: Instant) -> Result<Self, StartError> {
        let module = Arc::new(load_guest(&config)?);
        let metrics = Arc::new(Metrics::new(started));
        let sweep_interval = config.shard.sweep_interval;
        let shard = Shard::open(
            config.shard,
            Arc::clone(&module),
            clock,
            metrics.writer.clone(),
            &metrics.cache,
            &metrics.redis,
        )?;
        metrics.guest_is(module.digest(), &shard.description().version, module.mode().as_str());
        keep_warm(module);
        let address = config.http.listen;
        let listen = |source| StartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopped) = watch::channel(false);
        let server =
            tokio::spawn(serve(listener, config.http, shard.clone(), metrics, stopped.clone()));
        let sweep = tokio::spawn(sweep(shard.clone(), sweep_interval, stopped));
        Ok(Self { address, shard, stop, server, sweep })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening, answers what was accepted, closes the database.
    pub async fn stop(self) -> http::Drained {
        // Both tasks are told; one that has ended needs no telling.
        let _ = self.stop.send(true);
        let drained = self.server.await.unwrap_or(http::Drained::Abandoned(0));
        let _ = self.sweep.await;
        let shard = self.shard;
        if tokio::task::spawn_blocking(move || shard.stop()).await.is_err() {
            tracing::error!("the shard did not stop cleanly");
        }
        drained
    }
}

fn load_guest(config: &Config) -> Result<GuestModule, StartError> {
    let file = &config.guest.file;
    let cache = config.shard.data.join(COMPILED_GUESTS);
    let binary = match config.guest.interpreter {
        Interpreter::Allowed => Binary::open_interpreted(file),
        Interpreter::Refused => Binary::open(file, &cache),
    };
    binary
        .and_then(|binary| GuestModule::load(&binary, WASI_ALLOWED))
        .map_err(|source| StartError::Guest { file: file.clone(), source })
}

async fn serve(
    listener: TcpListener,
    config: http::Config,
    shard: Shard,
    metrics: Arc<Metrics>,
    mut stopped: watch::Receiver<bool>,
) -> http::Drained {
    let router = http::router(config.clone(), shard, Arc::clone(&metrics));
    let stop = async move {
        // An error means that the App is gone, which is a stop too.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    http::serve(listener, router, &config, &metrics, stop).await
}

/// Ends holds that ran out, every interval. A placement that needs their units does so earlier.
async fn sweep(shard: Shard, interval: Duration, mut stopped: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        loop {
            match shard.apply(Command::Expire(SWEEP_ORDERS_MAX)).await {
                Ok(Outcome { result: Ok(Answer::Expired(SWEEP_ORDERS_MAX)), .. }) => {}
                Ok(_) | Err(shard::Error::Stopping) => break,
                Err(error) => {
                    tracing::warn!(%error, "the sweep failed; it comes again");
                    break;
                }
            }
        }
    }
}

/// Parks one guest call for ever, in its first query (see [`runtime::keep_warm`]).
fn keep_warm(module: Arc<GuestModule>) {
    struct Parked;

    impl Sqlite for Parked {
        fn execute(&mut self, _: String, _: Vec<Value>) -> Result<u64, sqlite::Error> {
            runtime::park()
        }

        fn query(&mut self, _: String, _: Vec<Value>) -> Result<sqlite::Rows, sqlite::Error> {
            runtime::park()
        }
    }

    runtime::keep_warm(move || {
        let host = HostFunctions { sqlite: Parked, redis: RedisHost::unconfigured() };
        let called = module.instantiate(host).map(|mut guest| guest.migrate(0));
        tracing::debug!(ended = ?called.is_ok(), "the guest did not park");
    });
}

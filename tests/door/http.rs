//! The rules through the whole host: HTTP, the writer, the wasm guest; with a clock that the test
//! moves.

use super::counts::Missing;
use super::remote::{self, RemoteDoor};
use super::words::{Applied, Change, Command, Fault, Instant, Order, SkuStock};
use super::{Disturbance, Door, FragileDoor, Seen};
use crate::harness;
use edge_host::app::App;
use edge_host::config;
use edge_host::shard::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A host inside this process.
pub(crate) struct HttpDoor {
    runtime: Runtime,
    /// `None` only while it is dropped.
    app: Option<App>,
    remote: RemoteDoor,
    _folder: TempDir,
}

impl HttpDoor {
    /// Starts a host on an empty folder. Its own sweep does not come by while a test runs.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let guest = harness::guest("inventory_guest.aot.wasm");
        let arguments = config::command().get_matches_from([
            "edge-host".as_ref(),
            "--listen=127.0.0.1:0".as_ref(),
            "--sweep-interval=1h".as_ref(),
            "--query-timeout=10s".as_ref(),
            "--data".as_ref(),
            folder.path().as_os_str(),
            "--guest".as_ref(),
            guest.as_os_str(),
        ]);
        let config = config::load(&arguments, std::iter::empty()).unwrap().config;
        let clock = Arc::new(AtomicI64::new(0));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let started = std::time::Instant::now();
        let app = runtime.block_on(App::start(config, Clock::Manual(clock.clone()), started));
        let app = app.unwrap();
        let url = format!("http://{}", app.address());
        let hand = move |now| clock.store(now, Ordering::SeqCst);
        let remote = RemoteDoor::new(url, remote::Clock::Hand(Box::new(hand)), Box::new(()));
        Self { runtime, app: Some(app), remote, _folder: folder }
    }
}

impl Drop for HttpDoor {
    fn drop(&mut self) {
        if let Some(app) = self.app.take() {
            self.runtime.block_on(app.stop());
        }
    }
}

impl FragileDoor for HttpDoor {
    fn missing(&mut self) -> Result<Vec<Missing>, Fault> {
        Ok(self.remote.missing())
    }

    /// What goes wrong here is told in tests/crash.rs.
    fn apply_disturbed(&mut self, now: Instant, commands: &[Command], what: Disturbance) -> Seen {
        assert_eq!(what, Disturbance::None, "this door does not break on demand");
        self.apply(now, commands).map_or_else(Seen::Undone, Seen::Answered)
    }
}

impl Door for HttpDoor {
    fn apply(&mut self, now: Instant, commands: &[Command]) -> Result<Applied, Fault> {
        self.remote.apply(now, commands)
    }

    fn order(&mut self, order_id: &str) -> Result<Option<Order>, Fault> {
        self.remote.order(order_id)
    }

    fn stock(&mut self, sku: &str) -> Result<Option<SkuStock>, Fault> {
        self.remote.stock(sku)
    }

    fn changes(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, Fault> {
        self.remote.changes(after, limit)
    }

    fn audit(&mut self) -> Result<Vec<String>, Fault> {
        self.remote.audit()
    }
}

//! The rules through the whole host: HTTP, the writer, the wasm guest; with a clock that the test
//! moves.

use super::words::{Answer, Applied, Change, Command, Fault, Instant, Order, Outcome, SkuStock};
use super::{Disturbance, Door, FragileDoor, Seen, json};
use crate::harness;
use edge_host::app::App;
use edge_host::config;
use edge_host::shard::Clock;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A host inside this process.
pub(crate) struct HttpDoor {
    runtime: Runtime,
    /// `None` only while it is dropped.
    app: Option<App>,
    clock: Arc<AtomicI64>,
    url: String,
    agent: ureq::Agent,
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
        let agent = harness::agent();
        Self { runtime, app: Some(app), clock, url, agent, _folder: folder }
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        Reply::read(self.agent.post(format!("{}{path}", self.url)).send_json(body).unwrap())
    }

    /// `None`: there is no such thing.
    fn get(&self, path: &str) -> Option<Value> {
        let reply = Reply::read(self.agent.get(format!("{}{path}", self.url)).call().unwrap());
        match reply.status {
            200 => Some(reply.body),
            404 => None,
            other => panic!("GET {path}: {other} {}", reply.body),
        }
    }

    fn one(&self, command: &Command) -> Result<Outcome, Fault> {
        let (operation, body) = json::command(command);
        let path = match json::order_id(command) {
            Some(id) => format!("/v1/orders/{id}/{operation}"),
            None => format!("/v1/stock/{operation}"),
        };
        let reply = self.post(&path, &body);
        let result = match reply.status {
            200 => Ok(json::answer(&reply.body)),
            404 | 409 => Err(json::refusal(&reply.body)),
            _ => return Err(json::fault(&reply.body)),
        };
        Ok(Outcome { replayed: reply.replayed, result })
    }

    fn batch(&self, commands: &[Command]) -> Result<Vec<Outcome>, Fault> {
        let commands: Vec<Value> = commands.iter().map(json::command_of_batch).collect();
        let reply = self.post("/v1/batch", &json!({ "commands": commands }));
        if reply.status != 200 {
            return Err(json::fault(&reply.body));
        }
        reply.body["outcomes"].as_array().unwrap().iter().map(json::outcome).collect()
    }

    /// Callers cannot send the sweep's command. Any batch ends what is due: an adjustment that is
    /// refused does that and nothing else.
    fn sweep(&mut self, limit: u32) -> Outcome {
        let before = self.all_changes();
        let refused = json!({
            "reason": "nothing",
            "items": [{"sku": "NOTHING", "sellable": {"set": 0}, "compare_quantity": 1}],
        });
        assert_eq!(self.post("/v1/stock/adjust", &refused).status, 409);
        let after = self.all_changes();
        let new = after[before.len()..].iter().filter(|change| change.kind == "expire");
        let ended: BTreeSet<_> = new.filter_map(|change| change.order_id.as_ref()).collect();
        let ended = u32::try_from(ended.len()).unwrap().min(limit);
        Outcome { replayed: false, result: Ok(Answer::Expired(ended)) }
    }

    fn all_changes(&mut self) -> Vec<Change> {
        const PAGE: u32 = 1_000;
        let mut all = Vec::new();
        loop {
            let page = self.changes(all.last().map_or(0, |it: &Change| it.seq), PAGE).unwrap();
            all.extend_from_slice(&page);
            if page.len() < PAGE as usize {
                return all;
            }
        }
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
    /// What goes wrong here is told in tests/crash.rs.
    fn apply_disturbed(&mut self, now: Instant, commands: &[Command], what: Disturbance) -> Seen {
        assert_eq!(what, Disturbance::None, "this door does not break on demand");
        self.apply(now, commands).map_or_else(Seen::Undone, Seen::Answered)
    }
}

impl Door for HttpDoor {
    fn apply(&mut self, now: Instant, commands: &[Command]) -> Result<Applied, Fault> {
        self.clock.store(now, Ordering::SeqCst);
        let outcomes = match commands {
            [Command::Expire(limit)] => vec![self.sweep(*limit)],
            [one] => vec![self.one(one)?],
            many => self.batch(many)?,
        };
        Ok(Applied { outcomes, changed_skus: None })
    }

    fn order(&mut self, order_id: &str) -> Result<Option<Order>, Fault> {
        Ok(self.get(&format!("/v1/orders/{order_id}")).map(|it| json::order(&it)))
    }

    fn stock(&mut self, sku: &str) -> Result<Option<SkuStock>, Fault> {
        Ok(self.get(&format!("/v1/stock/{sku}")).map(|it| json::stock(&it)))
    }

    fn changes(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, Fault> {
        let page = self.get(&format!("/v1/changes?after={after}&limit={limit}")).unwrap();
        Ok(page["changes"].as_array().unwrap().iter().map(json::change).collect())
    }

    fn audit(&mut self) -> Result<Vec<String>, Fault> {
        let report = self.post("/v1/audit", &json!({})).body;
        let differences = report["differences"].as_array().unwrap();
        assert_eq!(report["ok"], differences.is_empty());
        Ok(differences.iter().map(Value::to_string).collect())
    }
}

struct Reply {
    status: u16,
    replayed: bool,
    body: Value,
}

impl Reply {
    fn read(mut reply: ureq::http::Response<ureq::Body>) -> Self {
        let replayed = reply.headers().get("idempotent-replay").is_some_and(|it| it == "true");
        let status = reply.status().as_u16();
        Self { status, replayed, body: reply.body_mut().read_json().unwrap() }
    }
}

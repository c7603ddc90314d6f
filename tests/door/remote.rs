//! The rules through any server that speaks api.md, over HTTP: the host, the CLI's `serve`, a
//! container. The server starts with an empty database, and its sweep does not come by.

use super::counts::{self, Missing};
use super::words::{Answer, Applied, Change, Command, Fault, Instant, Order, Outcome, SkuStock};
use super::{Door, json};
use crate::harness;
use serde_json::{Value, json};
use std::any::Any;
use std::collections::BTreeSet;

/// How the server's clock is moved.
pub(crate) enum Clock {
    /// By a hand of the test's own.
    Hand(Box<dyn Fn(Instant)>),
    /// By a header of every request (`serve --manual-clock`).
    Header,
}

/// A running server.
pub(crate) struct RemoteDoor {
    url: String,
    agent: ureq::Agent,
    clock: Clock,
    now: Instant,
    /// Whatever ends the server when it is dropped.
    _server: Box<dyn Any>,
}

impl RemoteDoor {
    /// A server at `url`, such as `http://127.0.0.1:8080`, that lives as long as `server`.
    pub(crate) fn new(url: String, clock: Clock, server: Box<dyn Any>) -> Self {
        Self { url, agent: harness::agent(), clock, now: 0, _server: server }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The header that moves the clock, where that is the way.
    fn header(&self) -> (&'static str, String) {
        match self.clock {
            Clock::Hand(_) => ("x-nothing", String::new()),
            Clock::Header => ("edge-inventory-now", json::written(self.now)),
        }
    }

    fn post(&self, path: &str, body: &Value) -> Reply {
        let (name, value) = self.header();
        Reply::read(self.agent.post(self.url(path)).header(name, value).send_json(body).unwrap())
    }

    /// `None`: there is no such thing.
    fn get(&self, path: &str) -> Option<Value> {
        let (name, value) = self.header();
        let reply = self.agent.get(self.url(path)).header(name, value).call().unwrap();
        let reply = Reply::read(reply);
        match reply.status {
            200 => Some(reply.body),
            404 => None,
            other => panic!("GET {path}: {other} {}", reply.body),
        }
    }

    fn put(&self, path: &str, body: &Value) -> Reply {
        let (name, value) = self.header();
        Reply::read(self.agent.put(self.url(path)).header(name, value).send_json(body).unwrap())
    }

    fn one(&self, command: &Command) -> Result<Outcome, Fault> {
        if let Command::Snapshot(step) = command {
            let (method, path, body) = step.request();
            let send = if method == "PUT" { Self::put } else { Self::post };
            return send(self, &path, &body).outcome();
        }
        let (operation, body) = json::command(command);
        let path = match json::order_id(command) {
            Some(id) => format!("/v1/orders/{id}/{operation}"),
            None if operation == "catalog" => "/v1/catalog/changes".to_owned(),
            None => format!("/v1/stock/{operation}"),
        };
        self.post(&path, &body).outcome()
    }

    /// What counts did not find though it was held.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        let page = self.get("/v1/shortages?limit=1000").unwrap();
        json::list(&page["shortages"], counts::missing)
    }

    fn batch(&self, commands: &[Command]) -> Result<Vec<Outcome>, Fault> {
        let commands: Vec<Value> = commands.iter().map(json::command_of_batch).collect();
        let reply = self.post("/v1/batch", &json!({ "commands": commands }));
        if reply.status != 200 {
            return Err(json::fault(&reply.body));
        }
        reply.body["outcomes"].as_array().unwrap().iter().map(json::outcome).collect()
    }

    /// Snapshots go alone, and what is between them in batches.
    fn runs(&self, commands: &[Command]) -> Result<Vec<Outcome>, Fault> {
        let is_alone = |it: &Command| matches!(it, Command::Snapshot(_));
        let mut outcomes = Vec::new();
        for run in commands.chunk_by(|a, b| !is_alone(a) && !is_alone(b)) {
            match run {
                [one] => outcomes.push(self.one(one)?),
                many => outcomes.extend(self.batch(many)?),
            }
        }
        Ok(outcomes)
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

impl Door for RemoteDoor {
    fn apply(&mut self, now: Instant, commands: &[Command]) -> Result<Applied, Fault> {
        self.now = now;
        if let Clock::Hand(hand) = &self.clock {
            hand(now);
        }
        let outcomes = match commands {
            [Command::Expire(limit)] => vec![self.sweep(*limit)],
            [one] => vec![self.one(one)?],
            many => self.runs(many)?,
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

    fn outcome(&self) -> Result<Outcome, Fault> {
        let result = match self.status {
            200 => Ok(json::answer(&self.body)),
            404 | 409 | 412 | 422 => Err(json::refusal(&self.body)),
            _ => return Err(json::fault(&self.body)),
        };
        Ok(Outcome { replayed: self.replayed, result })
    }
}

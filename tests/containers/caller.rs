//! A caller of a server that somebody else started, with a bearer token.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Answer, agent, read};

/// How long a server may take to become ready on a busy machine.
const READY_TIME: Duration = Duration::from_secs(30);

pub(crate) struct Caller {
    address: String,
    authorization: String,
    agent: ureq::Agent,
}

impl Caller {
    pub(crate) fn new(address: &str, token: &str) -> Self {
        let authorization = format!("Bearer {token}");
        Self { address: address.to_owned(), authorization, agent: agent() }
    }

    /// `None` where no answer came.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let request = self.agent.post(self.url(path)).header("authorization", &self.authorization);
        request.send_json(body).ok().and_then(read)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).unwrap_or_else(|| panic!("no answer to POST {path}"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let request = self.agent.get(self.url(path)).header("authorization", &self.authorization);
        request.call().ok().and_then(read).unwrap_or_else(|| panic!("no answer to GET {path}"))
    }

    /// Probes as the kubelet does, without a token; `failed` says what to print when time is up.
    pub(crate) fn wait_until_ready(&self, path: &str, failed: impl Fn() -> String) {
        let deadline = Instant::now() + READY_TIME;
        loop {
            let answer = self.agent.get(self.url(path)).call();
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            assert!(Instant::now() < deadline, "not ready in time: {}", failed());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

//! Starts the program that ships, with a real guest on a free port, and is its caller.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// The built programs: the folder above the test's own.
fn release() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().to_owned()
}

/// The program under test.
pub(crate) fn edge_host() -> PathBuf {
    let path = release().join("edge-host");
    assert!(path.exists(), "{} is missing: `make test` builds it", path.display());
    path
}

/// The guest under test: `inventory_guest.wasm` or `inventory_guest.aot.wasm`.
pub(crate) fn guest(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/guest").join(name);
    assert!(path.exists(), "{} is missing: `make test` builds it", path.display());
    path
}

/// A running host. Killed when dropped.
pub(crate) struct Host {
    child: Child,
    pub(crate) address: String,
    agent: ureq::Agent,
}

/// How to start a host.
pub(crate) struct Start {
    command: Command,
    log: Stdio,
}

impl Start {
    pub(crate) fn new(data: &Path) -> Self {
        let mut command = Command::new(edge_host());
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.arg("--guest").arg(guest("inventory_guest.aot.wasm"));
        // Tests ask what is answered, not how fast, on a machine that runs many of them at once.
        command.args(["--query-timeout", "10s", "--write-timeout", "10s"]);
        Self::from(command)
    }

    /// Runs the host under strace, which injects faults into its system calls.
    pub(crate) fn under_strace(data: &Path, injection: &str) -> Self {
        let host = Self::new(data).command;
        let mut command = Command::new("strace");
        // -D: the process started is the host itself, and strace watches it from aside.
        command.args(["-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", injection]);
        command.arg(host.get_program()).args(host.get_args());
        Self::from(command)
    }

    /// Writes the host's log to a file; see [`logged`].
    pub(crate) fn log_to(mut self, file: &Path) -> Self {
        self.log = File::create(file).unwrap().into();
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn flag(mut self, name: &str) -> Self {
        self.command.arg(name);
        self
    }

    pub(crate) fn arg(mut self, name: &str, value: &str) -> Self {
        self.command.args([name, value]);
        self
    }

    /// Waits until the host listens.
    pub(crate) fn start(self) -> Host {
        self.try_start().expect("the host prints its address")
    }

    /// Waits until the host listens; `None` where it ended before.
    pub(crate) fn try_start(mut self) -> Option<Host> {
        let mut child = self.command.stdout(Stdio::piped()).stderr(self.log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(address) = line.trim().strip_prefix("listening on ") else {
            child.wait().unwrap();
            return None;
        };
        Some(Host { address: address.to_owned(), child, agent: agent() })
    }

    /// Waits until the host has refused to start; its exit status and what it said.
    pub(crate) fn refused(mut self) -> (ExitStatus, String) {
        let output = self.command.output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl From<Command> for Start {
    fn from(command: Command) -> Self {
        Self { command, log: Stdio::null() }
    }
}

/// Waits until the log in this file has a line with each of these words.
pub(crate) fn logged(file: &Path, words: &[&str]) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let log = std::fs::read_to_string(file).unwrap();
        if log.lines().any(|line| words.iter().all(|word| line.contains(word))) {
            return;
        }
        assert!(Instant::now() < deadline, "no line with {words:?} in:\n{log}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A client that keeps connections, and takes every status as an answer.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(30)))
        .build()
        .into()
}

/// An answer: the status, the `Idempotent-Replay` header, the body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) body: Value,
}

impl Host {
    pub(crate) fn start(data: &Path) -> Self {
        Start::new(data).start()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `None` where no answer came, such as from a host that was killed.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let url = format!("http://{}{path}", self.address);
        self.agent.post(url).send_json(body).ok().and_then(read)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.try_post(path, body).unwrap_or_else(|| panic!("no answer to POST {path}"))
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        let answer = self.agent.get(format!("http://{}{path}", self.address)).call().unwrap();
        read(answer).unwrap()
    }

    pub(crate) fn get_text(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.address);
        self.agent.get(url).call().unwrap().body_mut().read_to_string().unwrap()
    }

    /// Sets what may be sold of a sku.
    pub(crate) fn set_sellable(&self, sku: &str, quantity: u32) {
        let item = json!({"sku": sku, "sellable": {"set": quantity}});
        let answer = self.post("/v1/stock/adjust", &json!({"reason": "initial", "items": [item]}));
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// `deduct` of one line.
    pub(crate) fn deduct(&self, order: &str, sku: &str, quantity: u32) -> Answer {
        self.post(&format!("/v1/orders/{order}/deduct"), &one_line(sku, quantity))
    }

    pub(crate) fn sellable(&self, sku: &str) -> u64 {
        self.get(&format!("/v1/stock/{sku}")).body["sellable"].as_u64().unwrap()
    }

    /// Every invariant holds.
    pub(crate) fn assert_audit_is_clean(&self) {
        let answer = self.post("/v1/audit", &json!({}));
        assert_eq!(answer.body["ok"], true, "{answer:?}");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// Waits for the process to end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "the host did not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The body of a reserve or deduct of one line.
pub(crate) fn one_line(sku: &str, quantity: u32) -> Value {
    json!({"lines": [{"sku": sku, "quantity": quantity}]})
}

/// An answer as JSON; `None` where its body is none.
pub(crate) fn read(mut answer: ureq::http::Response<ureq::Body>) -> Option<Answer> {
    let status = answer.status().as_u16();
    let replayed = answer.headers().get("idempotent-replay").is_some_and(|value| value == "true");
    let body = answer.body_mut().read_json().ok()?;
    Some(Answer { status, replayed, body })
}

/// The same through the host and the CLI's server.
pub(crate) fn through_both(check: impl Fn(&Host)) {
    let data = tempfile::tempdir().unwrap();
    check(&Host::start(data.path()));
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::door::cli::command(folder.path());
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    check(&Start::from(command).start());
}

//! Programs under load: ours, the constant server and Redis, each a process of its own.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    constant_server,
    orders::{ENOUGH, sku},
    repository,
};

/// Items of one adjustment: the most that the API takes.
const ADJUST_ITEMS: u32 = 1_000;
/// Skus of one query: few, as a read has 20 ms.
const QUERY_SKUS: u32 = 100;

/// A running program that answers at `address`. Killed when dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: String,
}

impl Program {
    /// Starts a program that prints `listening on ADDR` first.
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("it prints text");
        let address = line.trim().strip_prefix("listening on ");
        let address = address.unwrap_or_else(|| panic!("{command:?} did not listen")).to_owned();
        Self { child, address }
    }

    /// The program that ships, on a data folder.
    pub(crate) fn edge_host(data: &Path) -> Self {
        Self::edge_host_with(data, &[])
    }

    /// The same, with more flags.
    pub(crate) fn edge_host_with(data: &Path, flags: &[&str]) -> Self {
        let guest = guest("inventory_guest.aot.wasm");
        let mut command = Command::new(release().join("edge-host"));
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data).arg("--guest").arg(guest);
        Self::start(command.args(flags))
    }

    /// Runs the program that ships for nothing but its version.
    pub(crate) fn edge_host_version() {
        let output = Command::new(release().join("edge-host")).arg("--version").output();
        assert!(output.expect("`make build` made it").status.success());
    }

    /// Asks it to stop, and waits until it has.
    pub(crate) fn stop(mut self) {
        let told = Command::new("kill").arg(self.child.id().to_string()).status();
        assert!(told.expect("every system has `kill`").success());
        let status = self.child.wait().expect("it is our child");
        assert!(status.success(), "{status}");
    }

    /// axum, answering everything with `body`.
    pub(crate) fn constant_server(body: &str) -> Self {
        let program = std::env::current_exe().expect("Linux knows it");
        Self::start(Command::new(program).args([constant_server::MODE, body]))
    }

    /// Redis as durable as we are: every answer follows an fsync of its append-only file.
    pub(crate) fn redis(folder: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        let port = address.port().to_string();
        let arguments =
            ["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "yes"];
        let child = Command::new("redis-server")
            .args(arguments)
            .args(["--appendfsync", "always", "--dir"])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed (make setup)");
        let redis = Self { child, address: address.to_string() };
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(&redis.address).is_err() {
            assert!(Instant::now() < deadline, "redis-server did not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        redis
    }

    /// Runs one Redis command, and answers what it says.
    pub(crate) fn redis_cli(&self, arguments: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", self.port()])
            .args(arguments)
            .output()
            .expect("redis-cli is installed with redis-server");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    pub(crate) fn port(&self) -> &str {
        self.address.rsplit(':').next().expect("an address has a port")
    }

    /// Makes skus `S000000`, `S000001`, … with enough of each.
    pub(crate) fn make_skus(&self, count: u32) {
        let agent = ureq::Agent::new_with_defaults();
        for first in (0..count).step_by(ADJUST_ITEMS as usize) {
            let items = first..count.min(first + ADJUST_ITEMS);
            let item = |number| json!({"sku": sku(number), "sellable": {"set": ENOUGH}});
            let items: Vec<Value> = items.map(item).collect();
            agent
                .post(format!("http://{}/v1/stock/adjust", self.address))
                .send_json(json!({"reason": "bench", "items": items}))
                .expect("skus can be made");
        }
    }

    /// Reads so many skus once, so that the cache has them.
    pub(crate) fn read_skus(&self, count: u32) {
        let agent = ureq::Agent::new_with_defaults();
        for first in (0..count).step_by(QUERY_SKUS as usize) {
            let skus = first..count.min(first + QUERY_SKUS);
            let skus: Vec<String> = skus.map(sku).collect();
            agent
                .post(format!("http://{}/v1/stock/query", self.address))
                .send_json(json!({ "skus": skus }))
                .expect("skus can be read");
        }
    }

    /// Sends one GET over a connection of its own; status line and body.
    pub(crate) fn get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers text");
        let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP has a blank line");
        (head.lines().next().unwrap_or_default().to_owned(), body.to_owned())
    }

    /// Resident memory, in MiB.
    pub(crate) fn resident_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<f64>().ok()).expect("Linux shows VmRSS") / 1_024.0
    }

    /// Processor time used so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> f64 {
        /// Linux counts in these, whatever the kernel's own clock.
        const TICKS_PER_SECOND: f64 = 100.0;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it runs");
        // Behind the program's name, which stands in brackets: `utime` and `stime`.
        let (_, fields) = stat.rsplit_once(')').expect("Linux writes the name so");
        let times = fields.split_whitespace().skip(11).take(2);
        times.map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / TICKS_PER_SECOND
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The built programs: the folder above this one's own.
pub(crate) fn release() -> PathBuf {
    let program = std::env::current_exe().expect("Linux knows it");
    program.ancestors().nth(2).expect("target/release/deps/…").to_owned()
}

/// The guest as `make build` leaves it.
pub(crate) fn guest(name: &str) -> PathBuf {
    let path = repository("target/guest").join(name);
    assert!(path.exists(), "{} is missing: `make bench` builds it", path.display());
    path
}

//! Redis servers of a test's own: on free ports, with their own folders, ended by their ids.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A `redis-server`. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    folder: tempfile::TempDir,
    arguments: Vec<String>,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Server {
    /// A server that forgets everything when it ends.
    pub(crate) fn start() -> Self {
        Self::start_with(&["--save", ""])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let child = spawn(port, folder.path(), &arguments);
        let server = Self { child, port, folder, arguments };
        server.wait();
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// On the same port and folder as before.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(self.port, self.folder.path(), &self.arguments);
        self.wait();
    }

    pub(crate) fn pause(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn resume(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// What redis-cli says to a command.
    pub(crate) fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let tls = self.arguments.iter().any(|argument| argument == "--tls-port");
        let tls: &[&str] = if tls { &["--tls", "--insecure"] } else { &[] };
        let mut command = Command::new("redis-cli");
        let output = command.args(["-p", &port]).args(tls).args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn wait(&self) {
        until("redis-server answers", || {
            let said = self.cli(&["PING"]);
            said == "PONG" || said.contains("NOAUTH")
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, folder: &Path, arguments: &[String]) -> Child {
    let tls = arguments.iter().any(|argument| argument == "--tls-port");
    let port = if tls { "0".to_owned() } else { port.to_string() };
    Command::new("redis-server")
        .args(["--bind", "127.0.0.1", "--port", &port, "--dir"])
        .arg(folder)
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed (make setup)")
}

/// Three masters.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Server>,
}

impl Cluster {
    /// Nodes that speak TLS alone, to each other too.
    pub(crate) fn start_over_tls(certificates: &Certificates) -> Self {
        let cluster = ["--cluster-enabled", "yes", "--tls-cluster", "yes"];
        let nodes = (0..3).map(|_| {
            let bus = free_port().to_string();
            certificates.serve(&[&cluster[..], &["--cluster-port", &bus]].concat())
        });
        Self::join(nodes.collect(), &["--tls", "--insecure"])
    }

    pub(crate) fn start() -> Self {
        Self::join((0..3).map(|_| Self::node(free_port())).collect(), &[])
    }

    /// One that is not joined yet.
    fn node(bus: u16) -> Server {
        let bus = bus.to_string();
        let with_others_down = ["--cluster-require-full-coverage", "no"];
        let mut arguments = vec!["--save", "", "--cluster-enabled", "yes"];
        arguments.extend(with_others_down);
        arguments.extend(["--appendonly", "yes", "--cluster-port", &bus]);
        Server::start_with(&arguments)
    }

    /// A replica of a master, which has everything, and takes over within a second or two.
    pub(crate) fn add_replica(&self, master: usize) -> Server {
        let (bus, master) = (free_port(), &self.nodes[master]);
        let replica = Self::node(bus);
        let id = master.cli(&["CLUSTER", "MYID"]);
        let (port, bus) = (replica.port.to_string(), bus.to_string());
        assert_eq!(master.cli(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]), "OK");
        until("it is known", || {
            let knows =
                |node: &Server| node.cli(&["CLUSTER", "INFO"]).contains("cluster_known_nodes:4");
            self.nodes.iter().all(knows) && knows(&replica)
        });
        until("it replicates", || replica.cli(&["CLUSTER", "REPLICATE", &id]) == "OK");
        until("it has everything", || {
            replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
                && replica.cli(&["DBSIZE"]) == master.cli(&["DBSIZE"])
        });
        for node in self.nodes.iter().chain([&replica]) {
            assert_eq!(node.cli(&["CONFIG", "SET", "cluster-node-timeout", "500"]), "OK");
        }
        replica
    }

    fn join(nodes: Vec<Server>, transport: &[&str]) -> Self {
        let mut create = Command::new("redis-cli");
        create.args(transport).args(["--cluster", "create"]);
        create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        assert!(create.arg("--cluster-yes").output().unwrap().status.success());
        let cluster = Self { nodes };
        for node in &cluster.nodes {
            until("the cluster is well", || {
                let info = node.cli(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            });
        }
        cluster
    }

    pub(crate) fn url(&self) -> String {
        format!("redis-cluster://{}", self.hosts())
    }

    pub(crate) fn hosts(&self) -> String {
        let host = |node: &Server| format!("127.0.0.1:{}", node.port);
        self.nodes.iter().map(host).collect::<Vec<_>>().join(",")
    }

    /// The place in `nodes` of the one that has the key.
    pub(crate) fn owner(&self, key: &str) -> usize {
        let mine = |node: &Server| {
            let said = node.cli(&["GET", key]);
            !said.contains("MOVED") && !said.contains("ASK")
        };
        self.nodes.iter().position(mine).expect("somebody has the key")
    }
}

/// Waits for something that other processes bring about.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Certificates of a CA for 127.0.0.1, made with openssl.
pub(crate) struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    pub(crate) fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = "set -e
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
                -subj /CN=test-ca -keyout ca.key -out ca.crt
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
                -subj /CN=127.0.0.1 -keyout redis.key -out redis.csr
            printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > redis.ext
            openssl x509 -req -in redis.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
                -extfile redis.ext -out redis.crt";
        let mut command = Command::new("sh");
        let output = command.args(["-c", script]).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// A server that speaks TLS alone.
    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        let port = free_port();
        let port_text = port.to_string();
        let (certificate, key, ca) =
            (self.path("redis.crt"), self.path("redis.key"), self.path("ca.crt"));
        let tls = [
            "--save",
            "",
            "--tls-port",
            &port_text,
            "--tls-auth-clients",
            "no",
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &ca,
        ];
        let arguments = tls.iter().chain(more).map(|&word| word.to_owned());
        let arguments: Vec<String> = arguments.collect();
        let folder = tempfile::tempdir().unwrap();
        let child = spawn(port, folder.path(), &arguments);
        let server = Server { child, port, folder, arguments };
        server.wait();
        server
    }
}

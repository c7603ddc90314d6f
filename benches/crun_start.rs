//! How soon a container answers: `crun run` of the CLI server and of the host to their first
//! answer, beside `crun run` of a static program that ends at once. The three take turns, on a node
//! of their own (`tests/containers/namespace.rs`), with the runtime that `k3s/node/install` puts
//! there.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    image::Image,
    measure::{Figure, Report, percentile},
    namespace::{RUNTIME, again_inside, install, permitted},
};

/// The argument with which this program runs inside the node.
pub(crate) const MODE: &str = "crun-start-inside";
const STARTS: u32 = 40;
const ADDRESS: &str = "127.0.0.1:8080";
/// How often a connection is tried.
const POLL: Duration = Duration::from_micros(200);
/// How long a container may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(report: &mut Report) {
    if let Err(why) = permitted() {
        println!("  not measured: namespaces are not permitted here: {why}");
        return;
    }
    let output = again_inside(&[MODE]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let mut columns: [Vec<f64>; 3] = Default::default();
    for line in said.lines() {
        for (column, word) in columns.iter_mut().zip(line.split(' ')) {
            column.push(word.parse().expect("a line is three numbers"));
        }
    }
    for column in &mut columns {
        column.sort_by(f64::total_cmp);
    }
    let [floor, cli, host] = &columns;
    let of_floor = percentile(floor, 0.5);
    for (name, column) in [("CLI server", cli), ("host", host)] {
        let at = |share| percentile(column, share);
        let figure = Figure::new(format!("crun run to first answer, {name}, p50"), at(0.5), "ms")
            .with(format!("p95 {:.1} ms; {:.1} ms above", at(0.95), at(0.5) - of_floor));
        report.add(
            &figure.against(of_floor, "ms crun run of a program that exits").asked("≤ 6 ms above"),
        );
    }
}

/// Prints the milliseconds of each turn: the static program, the CLI server, the host.
pub(crate) fn measure_inside() {
    let folder = crate::measure::folder();
    install(folder.path());
    let floor = Bundle::of_program(&folder.path().join("floor"));
    let cli = Bundle::of_image("inventory-cli", &folder.path().join("cli"), &["serve"]);
    let host = Bundle::of_image("edge-host", &folder.path().join("host"), &[]);
    for turn in 0..=STARTS {
        let turn_of =
            [floor.time_to_end(turn), cli.time_to_answer(turn), host.time_to_answer(turn)];
        // The first makes the databases.
        if turn > 0 {
            let [floor, cli, host] = turn_of.map(|time| time.as_secs_f64() * 1e3);
            println!("{floor} {cli} {host}");
        }
    }
}

/// A folder that crun runs.
struct Bundle(PathBuf);

impl Bundle {
    fn of_image(name: &str, folder: &Path, arguments: &[&str]) -> Self {
        let image = Image::unpack(name, folder);
        fs::create_dir_all(folder.join("data")).expect("the folder is ours");
        let command: Vec<&str> = [&[image.command()[0]], arguments].concat();
        Self::new(folder, &image.files, &command, &image.config["Env"])
    }

    fn of_program(folder: &Path) -> Self {
        let files = folder.join("rootfs");
        fs::create_dir_all(&files).expect("the folder is ours");
        fs::create_dir_all(folder.join("data")).expect("the folder is ours");
        let source = folder.join("exit.c");
        fs::write(&source, "int main(void) { return 0; }\n").expect("the folder is ours");
        let mut compile = Command::new("cc");
        compile.args(["-static", "-O2", "-o"]).arg(files.join("exit")).arg(source);
        assert!(compile.status().expect("cc is installed (make setup)").success());
        fs::create_dir_all(files.join("data")).expect("the folder is ours");
        Self::new(folder, &files, &["/exit"], &json!([]))
    }

    fn new(folder: &Path, files: &Path, command: &[&str], environment: &Value) -> Self {
        let mut environment = environment.as_array().cloned().unwrap_or_default();
        environment.push(json!("EDGE_INVENTORY_DATA=/data/inventory"));
        let namespaces = ["pid", "ipc", "uts", "mount"].map(|kind| json!({ "type": kind }));
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": {"uid": 0, "gid": 0},
                "args": command,
                "env": environment,
                "cwd": "/",
            },
            "root": {"path": files, "readonly": true},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
                {"destination": "/data", "type": "bind", "source": folder.join("data"),
                 "options": ["bind", "rw"]},
            ],
            "linux": {"namespaces": namespaces},
            "annotations": {"module.wasm.image/variant": "compat-smart"},
        });
        fs::write(folder.join("config.json"), config.to_string()).expect("the folder is ours");
        Self(folder.to_owned())
    }

    fn start(&self, id: &str) -> Child {
        let mut crun = Command::new(RUNTIME);
        crun.args(["run", "--bundle"]).arg(&self.0).arg(id);
        crun.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("crun is installed")
    }

    fn time_to_end(&self, turn: u32) -> Duration {
        let started = Instant::now();
        let ended = self.start(&format!("floor-{turn}")).wait().expect("it is our child");
        assert!(ended.success());
        started.elapsed()
    }

    fn time_to_answer(&self, turn: u32) -> Duration {
        let id = format!("start-{turn}");
        let started = Instant::now();
        let mut crun = self.start(&id);
        while !answers() {
            assert!(started.elapsed() < PATIENCE, "{} does not answer", self.0.display());
            thread::sleep(POLL);
        }
        let took = started.elapsed();
        let killed = Command::new(RUNTIME).args(["kill", &id, "KILL"]).status();
        assert!(killed.expect("crun is installed").success());
        crun.wait().expect("it is our child");
        took
    }
}

fn answers() -> bool {
    let Ok(mut stream) = TcpStream::connect(ADDRESS) else { return false };
    let asked = b"GET /readyz HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    stream.write_all(asked).is_ok()
        && stream.read_to_string(&mut answer).is_ok()
        && answer.starts_with("HTTP/1.1 200")
}

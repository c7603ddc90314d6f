//! Both images under `crun run`, as the development overlay describes their pods: they become
//! ready, trade, and keep what they acknowledged over a stop.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    containers::{
        caller::Caller,
        image::Image,
        manifest::{Pod, render},
        namespace::{RUNTIME, install},
        node::on_a_node,
        trading::{assert_sales_are_kept, assert_trade_is_kept, sell_until, trade},
    },
    door::remote::{Clock, RemoteDoor},
    images::build,
    scenarios::play_all,
};

const LOOPBACK: &str = "127.0.0.1:8080";
/// For a module of one function, on a busy machine.
const COMPILE_TIME_MAX: Duration = Duration::from_mins(1);

/// A pod as a bundle for crun.
struct Bundle {
    folder: PathBuf,
    pod: Pod,
    starts: u32,
}

/// A running container. Killed when dropped.
struct Running {
    id: String,
    crun: Child,
    caller: Caller,
}

impl Bundle {
    /// The pod of this name in the development overlay.
    fn new(folder: &Path, name: &str) -> Self {
        Self::of(folder, Pod::of(&render("overlays/dev"), name))
    }

    fn of(folder: &Path, pod: Pod) -> Self {
        let image = Image::unpack(pod.image_name(), folder);
        Self::of_image(folder, pod, &image)
    }

    fn of_image(folder: &Path, pod: Pod, image: &Image) -> Self {
        install(folder);
        let data = folder.join("data");
        fs::create_dir(&data).unwrap();
        chown(&data, Some(pod.user), Some(pod.user)).unwrap();
        let config = config(&pod, image, &data);
        fs::write(folder.join("config.json"), config.to_string()).unwrap();
        Self { folder: folder.to_owned(), pod, starts: 0 }
    }

    /// Starts it, and waits until it is ready.
    fn start(&mut self) -> Running {
        let running = self.run();
        running.caller.wait_until_ready(&self.pod.ready.0, || self.log());
        running
    }

    fn run(&mut self) -> Running {
        self.starts += 1;
        let id = format!("{}-{}-{}", self.pod.name, std::process::id(), self.starts);
        let crun = Command::new(RUNTIME)
            .args(["run", "--bundle"])
            .arg(&self.folder)
            .arg(&id)
            .stdout(Stdio::null())
            .stderr(fs::File::create(self.folder.join("log")).unwrap())
            .spawn()
            .unwrap();
        let port = &self.pod.ready.1;
        let caller = Caller::new(&format!("127.0.0.1:{port}"), self.pod.admin_token());
        Running { id, crun, caller }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

impl Running {
    fn signal(&self, signal: &str) {
        let status = Command::new(RUNTIME).args(["kill", &self.id, signal]).status();
        assert!(status.unwrap().success(), "crun kill {signal}");
    }

    /// Its exit status, where it ends within `time`.
    fn wait(&mut self, time: Duration) -> Option<i32> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if let Some(status) = self.crun.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = Command::new(RUNTIME).args(["delete", "--force", &self.id]).output();
        let _ = self.crun.wait();
    }
}

fn config(pod: &Pod, image: &Image, data: &Path) -> Value {
    let arguments: Vec<&str> = match pod.arguments.as_slice() {
        [] => image.command(),
        given => [image.command()[0]].into_iter().chain(given.iter().map(|it| &**it)).collect(),
    };
    let pairs = |(key, value): &(String, String)| format!("{key}={value}");
    let mut environment: Vec<String> = image.config["Env"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|it| it.as_str().unwrap().to_owned())
        .collect();
    environment.extend(pod.environment.iter().map(pairs));
    let annotations: serde_json::Map<String, Value> =
        pod.annotations.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
    let namespaces = ["pid", "ipc", "uts", "mount"].map(|kind| json!({"type": kind}));
    #[expect(clippy::cast_possible_truncation, reason = "a few cores")]
    let quota = (pod.cpu_limit * 100_000.0) as i64;
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": pod.user, "gid": pod.user},
            "args": arguments,
            "env": environment,
            "cwd": "/",
            "capabilities": {},
            "noNewPrivileges": true,
        },
        "root": {"path": image.files, "readonly": true},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
            {"destination": pod.data, "type": "bind", "source": data, "options": ["bind", "rw"]},
        ],
        "linux": {
            "namespaces": namespaces,
            "resources": {
                "memory": {"limit": pod.memory_limit},
                "cpu": {"period": 100_000, "quota": quota},
            },
        },
        "annotations": annotations,
    })
}

/// The fourth way: natively, through the host, through the CLI, and here.
#[test]
fn the_notebooks_come_out_as_written_through_the_cli_server_under_crun() {
    on_a_node("crun::the_notebooks_come_out_as_written_through_the_cli_server_under_crun", || {
        let objects = render("overlays/dev");
        play_all(|| {
            let mut pod = Pod::of(&objects, "inventory-cli");
            pod.arguments = ["serve", "--manual-clock"].map(str::to_owned).to_vec();
            // The notebooks know no tokens; without any, it listens on loopback only. Their events
            // are of a node without a name.
            let named = ["EDGE_INVENTORY_TOKENS", "EDGE_INVENTORY_NODE"];
            pod.environment.retain(|(key, _)| !named.contains(&key.as_str()));
            pod.environment.push(("EDGE_INVENTORY_LISTEN".into(), LOOPBACK.into()));
            let folder = tempfile::tempdir().unwrap();
            let running = Bundle::of(folder.path(), pod).start();
            let url = format!("http://{LOOPBACK}");
            Box::new(RemoteDoor::new(url, Clock::Header, Box::new((running, folder))))
        });
    });
}

/// A statement that changes thousands of rows keeps what it may have to undo, and no folder but the
/// data's can be written.
fn import_and_import_again(caller: &Caller) {
    for (category, effect) in [("tea", "created"), ("coffee", "updated")] {
        let rows = (0..3_000).map(|sku| json!({"sku": format!("S{sku}"), "category": category}));
        let answer = caller.post("/v1/import/category?reason=new", &rows.collect());
        assert_eq!((answer.status, &answer.body[effect]), (200, &json!(3_000)), "{answer:?}");
    }
}

#[test]
fn the_host_trades_and_ends_on_sigterm() {
    on_a_node("crun::the_host_trades_and_ends_on_sigterm", || {
        let folder = tempfile::tempdir().unwrap();
        let mut bundle = Bundle::new(folder.path(), "edge-host");
        let mut running = bundle.start();
        trade(&running.caller);
        import_and_import_again(&running.caller);
        let grace = bundle.pod.grace;
        running.signal("TERM");
        assert_eq!(running.wait(grace), Some(0), "it ends in time by itself");
        let running = bundle.start();
        assert_trade_is_kept(&running.caller);
        let sales = sell_until(&running.caller, || running.signal("TERM"));
        drop(running);
        assert_sales_are_kept(&bundle.start().caller, &sales);
    });
}

#[test]
fn the_cli_server_trades_and_loses_nothing_when_it_is_killed() {
    on_a_node("crun::the_cli_server_trades_and_loses_nothing_when_it_is_killed", || {
        let folder = tempfile::tempdir().unwrap();
        let mut bundle = Bundle::new(folder.path(), "inventory-cli");
        let mut running = bundle.start();
        trade(&running.caller);
        running.signal("TERM");
        let ended = running.wait(Duration::from_millis(300));
        assert_eq!(ended, None, "crun's handler ignores SIGTERM: the grace could be longer");
        running.signal("KILL");
        assert!(running.wait(bundle.pod.grace).is_some());
        let running = bundle.start();
        assert_trade_is_kept(&running.caller);
        let sales = sell_until(&running.caller, || running.signal("KILL"));
        drop(running);
        assert_sales_are_kept(&bundle.start().caller, &sales);
    });
}

/// The third image is built by whoever wants it: a guest that is uploaded is compiled there.
#[test]
fn the_image_with_the_compiler_compiles_where_only_the_data_can_be_written() {
    on_a_node(
        "crun::the_image_with_the_compiler_compiles_where_only_the_data_can_be_written",
        || {
            let folder = tempfile::tempdir().unwrap();
            let archive = build("edge-host-compiler", folder.path());
            let image = Image::unpack_archive(&archive, folder.path());
            let mut pod = Pod::of(&render("overlays/dev"), "edge-host");
            pod.arguments =
                ["compile-guest", "/data/a.wasm", "/data/a.so"].map(str::to_owned).to_vec();
            let mut bundle = Bundle::of_image(folder.path(), pod, &image);
            let data = folder.path().join("data");
            let module =
                wat::parse_str("(module (func (export \"f\") (result i32) (i32.const 1)))");
            fs::write(data.join("a.wasm"), module.unwrap()).unwrap();
            let mut running = bundle.run();
            assert_eq!(running.wait(COMPILE_TIME_MAX), Some(0), "{}", bundle.log());
            assert_eq!(fs::read(data.join("a.so")).unwrap()[..4], *b"\x7fELF");
        },
    );
}

//! Starting, refusing to start, and stopping.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use crate::harness::{Host, Start, edge_host, guest, logged, one_line};

#[test]
fn sigterm_answers_what_was_accepted_and_exits_0() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 100_000);
    let sold = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..8)
            .map(|caller| {
                let host = &host;
                scope.spawn(move || {
                    let sells = |number: &u32| {
                        let path = format!("/v1/orders/T-{caller}-{number}/deduct");
                        let body = json!({"lines": [{"sku": "TEA", "quantity": 1}]});
                        host.try_post(&path, &body).is_some_and(|answer| answer.status == 200)
                    };
                    if caller == 0 {
                        let sold = (0..100).filter(sells).count();
                        host.signal("-TERM");
                        return sold;
                    }
                    (0..u32::MAX).take_while(sells).count()
                })
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum::<usize>()
    });
    assert_eq!(host.wait().code(), Some(0));
    let host = Host::start(data.path());
    assert_eq!(host.sellable("TEA"), 100_000 - sold as u64, "no answer was lost, none invented");
    host.assert_audit_is_clean();
}

#[test]
fn a_restart_changes_nothing_that_was_answered() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 10);
    let first = host.deduct("O-1", "TEA", 2);
    let refused = host.deduct("O-2", "TEA", 9);
    host.signal("-TERM");
    assert!(host.wait().success());
    let host = Host::start(data.path());
    for (order, quantity, answer) in [("O-1", 2, first), ("O-2", 9, refused)] {
        let again = host.deduct(order, "TEA", quantity);
        assert_eq!((again.status, &again.body), (answer.status, &answer.body));
        assert!(again.replayed);
    }
    assert_eq!(host.sellable("TEA"), 8);
}

#[test]
fn a_data_folder_belongs_to_one_process() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    let (status, said) = Start::new(data.path()).refused();
    assert!(!status.success());
    assert!(said.contains("in use"), "{said}");
    assert_eq!(host.get("/healthz").status, 200);
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("inventory.sqlite");
    let garbage = vec![7_u8; 8_192];
    fs::write(&file, &garbage).unwrap();
    let (status, said) = Start::new(data.path()).refused();
    assert!(!status.success());
    assert!(said.contains("inventory.sqlite"), "{said}");
    assert_eq!(fs::read(&file).unwrap(), garbage);
}

#[test]
fn a_database_of_a_newer_guest_is_refused() {
    let data = tempfile::tempdir().unwrap();
    drop(Host::start(data.path()));
    let file = rusqlite::Connection::open(data.path().join("inventory.sqlite")).unwrap();
    file.execute("INSERT INTO migrations VALUES (9999, 0)", []).unwrap();
    drop(file);
    let (status, said) = Start::new(data.path()).refused();
    assert!(!status.success());
    assert!(said.contains("9999"), "{said}");
}

/// What a host says when it is started with this guest.
fn refusal_of_guest(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("guest.wasm");
    fs::write(&file, bytes).unwrap();
    let mut command = Command::new(edge_host());
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(folder.path().join("data"));
    let output = command.arg("--guest").arg(&file).output().unwrap();
    assert!(!output.status.success());
    assert!(output.stdout.is_empty(), "it must not listen");
    assert!(!folder.path().join("data").exists(), "a wrong file leaves no data folder");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_guests_are_refused_with_the_reason() {
    let plain = fs::read(guest("inventory_guest.wasm")).unwrap();
    let mut damaged = fs::read(guest("inventory_guest.aot.wasm")).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0xff;
    let module = |text: &str| wat::parse_str(text).unwrap();
    let apply = "inventory:guest/commands@2.0.0#apply";
    for (bytes, reason) in [
        (b"not wasm".to_vec(), "core module"),
        (plain[..plain.len() / 2].to_vec(), "not a valid"),
        (damaged, "damaged"),
        (module("(component)"), "core module"),
        (module("(module)"), apply),
        (module(&format!("(module (func (export {apply:?})))")), "expected a function"),
        (module("(module (import \"env\" \"system\" (func)))"), "`env` `system`"),
        (
            module("(module (import \"wasi_snapshot_preview1\" \"path_open\" (func)))"),
            "`path_open`",
        ),
        (module("(module (func $begin) (start $begin))"), "a start function, which would run"),
        (module("(module (table 1 funcref))"), "without end"),
        (module("(module (table 1 65537 funcref))"), "beyond 65536 elements"),
        (module("(module (table 0 65536 funcref) (table 0 1 funcref))"), "beyond 65536 elements"),
    ] {
        let said = refusal_of_guest(&bytes);
        assert!(said.contains(reason), "expected {reason:?} in: {said}");
    }
}

#[test]
fn a_plain_guest_is_compiled_once_in_a_child_process() {
    let data = tempfile::tempdir().unwrap();
    // Away from the code that was built beside it.
    let plain = data.path().join("guest.wasm");
    fs::copy(guest("inventory_guest.wasm"), &plain).unwrap();
    let start = || {
        let mut command = Command::new(edge_host());
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path());
        command.arg("--guest").arg(&plain);
        Start::from(command).start()
    };
    let compiled = |folder: &Path| fs::read_dir(folder.join("guests")).unwrap().count();
    let host = start();
    assert_eq!(mode(&host), "aot");
    assert_eq!(compiled(data.path()), 1);
    drop(host);
    assert_eq!(mode(&start()), "aot");
    assert_eq!(compiled(data.path()), 1);
}

#[test]
fn code_beside_a_guest_that_cannot_be_used_is_passed_over_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let [module, code, log] =
        ["guest.aot.wasm", "guest.so", "log"].map(|name| folder.path().join(name));
    fs::copy(guest("inventory_guest.aot.wasm"), &module).unwrap();
    let honest = fs::read(guest("inventory_guest.so")).unwrap();
    let mut damaged = honest.clone();
    damaged[honest.len() / 2] ^= 1;
    // Of the same WasmEdge, but of another module: the digest begins the stamp, which ends it.
    let stamp = b"edge-host-aot";
    let mut foreign = honest.clone();
    let length_at = honest.len() - stamp.len() - 1;
    foreign[length_at - usize::from(honest[length_at])] ^= 1;
    let unstamped = honest[..length_at].to_vec();
    for (what, bytes, reason) in [
        ("damaged", &damaged, "do not match its stamp"),
        ("foreign", &foreign, "it is of guest"),
        ("unstamped", &unstamped, "it is not made by WasmEdge"),
        ("empty", &Vec::new(), "it is not made by WasmEdge"),
    ] {
        fs::write(&code, bytes).unwrap();
        let data = tempfile::tempdir().unwrap();
        let start = Start::new(data.path()).arg("--guest", module.to_str().unwrap());
        let host = start.log_to(&log).start();
        assert_eq!(mode(&host), "aot", "{what}: the module has its code too");
        logged(&log, &["WARN", code.to_str().unwrap(), "passed over", reason]);
        host.set_sellable("TEA", 5);
    }
    // Without a section of its own, the interpreter is not what helps.
    let plain = folder.path().join("guest.wasm");
    fs::copy(guest("inventory_guest.wasm"), &plain).unwrap();
    let (status, said) = Start::new(&folder.path().join("data"))
        .arg("--guest", plain.to_str().unwrap())
        .variable("EDGE_HOST_ON_SYSTEM_LIBRARIES", "1")
        .refused();
    assert!(!status.success());
    assert!(said.contains("passed over") && said.contains("without its compiler"), "{said}");
}

#[test]
fn a_guest_is_tried_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(guest("inventory_guest.aot.wasm"), folder.path().join("guest.aot.wasm")).unwrap();
    let tried = Command::new(edge_host())
        .args(["try-guest", "guest.aot.wasm", "copy"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(tried.status.success(), "{}", String::from_utf8_lossy(&tried.stderr));
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(said.contains("schema_version"), "{said}");
}

#[test]
fn the_interpreter_runs_only_when_told() {
    let data = tempfile::tempdir().unwrap();
    let host = Start::new(data.path()).flag("--interpreter").start();
    assert_eq!(mode(&host), "interpreter");
    host.set_sellable("TEA", 5);
    assert_eq!(host.deduct("O-1", "TEA", 5).status, 200);
}

/// How the guest runs, as the metrics say.
fn mode(host: &Host) -> &'static str {
    let metrics = host.get_text("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("edge_inventory_guest_info{"));
    let line = line.expect("the metrics name the guest");
    if line.contains("mode=\"aot\"") { "aot" } else { "interpreter" }
}

#[test]
fn every_fault_of_the_configuration_is_listed_at_once() {
    let data = tempfile::tempdir().unwrap();
    let (status, said) = Start::new(data.path())
        .arg("--query-timeout", "soon")
        .arg("--max-connections", "0")
        .refused();
    assert_eq!(status.code(), Some(64));
    assert!(said.contains("query_timeout") && said.contains("max_connections"), "{said}");
}

#[test]
fn listening_beyond_loopback_needs_tokens() {
    let data = tempfile::tempdir().unwrap();
    let (status, said) = Start::new(data.path()).arg("--listen", "0.0.0.0:0").refused();
    assert_eq!(status.code(), Some(64));
    assert!(said.contains("token"), "{said}");
}

/// Issue 3: the configuration was part of what a request said.
#[test]
fn a_request_is_the_same_under_another_default() {
    let data = tempfile::tempdir().unwrap();
    let reserve = |host: &Host| host.post("/v1/orders/O-1/reserve", &one_line("TEA", 2));
    let host = Host::start(data.path());
    host.set_sellable("TEA", 9);
    let first = reserve(&host);
    assert_eq!((first.status, first.replayed), (200, false), "{first:?}");
    drop(host);
    let defaults = Start::new(data.path()).arg("--default-ttl-s", "60");
    let host = defaults.arg("--default-mode", "deduct_on_order").start();
    let again = reserve(&host);
    assert_eq!((again.status, again.replayed, again.body), (200, true, first.body));
}

//! What goes wrong around guests: their files, their history, their signatures, the machine. Their
//! code is the real one's, so that none of these compiles.

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use edge_host::runtime;
use serde_json::json;

use super::{
    INSTALL_TIME_MAX, files, guests, install, prepare, put, refused_at, sign, start, versions,
};
use crate::harness::{self, Host, Start, edge_host, logged, one_line};

/// Installs a guest that traps on batches of 7; its digest.
fn install_wicked(host: &Host, data: &Path) -> String {
    guests::compile_into(data, &guests::wicked());
    let answer = install(host, &guests::wicked());
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["digest"].as_str().unwrap().to_owned()
}

/// Lets that guest trap three times.
fn provoke(host: &Host) {
    for turn in 0..3 {
        let commands: Vec<_> = (0..7)
            .map(|index| {
                let mut deduct = one_line("TEA", 1);
                deduct["order_id"] = json!(format!("O-{turn}-{index}"));
                json!({ "deduct": deduct })
            })
            .collect();
        host.post("/v1/batch", &json!({ "commands": commands }));
    }
}

/// Installs a twin of the real guest; its digest.
fn install_twin(host: &Host, data: &Path, name: &str) -> String {
    let twin = guests::twin(name);
    guests::link_into(data, &twin);
    let answer = install(host, &twin);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["digest"].as_str().unwrap().to_owned()
}

fn serving(host: &Host) -> String {
    let versions = versions(host);
    let serving = versions.iter().find(|(_, standing)| standing == "serving");
    serving.expect("one guest serves").0.clone()
}

fn real_digest() -> String {
    runtime::digest_hex(&guests::real())
}

#[test]
fn a_kept_guest_that_is_not_what_its_name_says_never_serves() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    let twin = install_twin(&host, data.path(), "twin");
    host.signal("-TERM");
    assert!(host.wait().success());
    let host = start(data.path());
    assert_eq!(serving(&host), twin, "an honest one serves again");
    host.signal("-TERM");
    assert!(host.wait().success());

    let file = guests::kept(data.path(), &twin, "wasm");
    fs::copy(harness::guest("inventory_guest.aot.wasm"), file).unwrap();
    let log = data.path().join("log");
    let host = prepare(data.path()).log_to(&log).start();
    assert_eq!(serving(&host), real_digest());
    let reason = format!("the file of guest {twin} holds guest {}", real_digest());
    logged(&log, &["ERROR", "does not start", &reason]);
    let back = host.post("/admin/guest/rollback", &json!({"digest": twin}));
    refused_at(&back, "check", &reason);
    assert_eq!(serving(&host), real_digest());
}

#[test]
fn what_was_rolled_back_does_not_come_again_from_the_inbox() {
    let data = tempfile::tempdir().unwrap();
    let (inbox, log) = (data.path().join("inbox"), data.path().join("log"));
    let start =
        || prepare(data.path()).arg("--guest-inbox", inbox.to_str().unwrap()).log_to(&log).start();
    let host = start();
    logged(&log, &["WARN", "no inbox of guests", inbox.to_str().unwrap()]);
    let twin = guests::twin("twin");
    guests::link_into(data.path(), &twin);
    fs::create_dir(&inbox).unwrap();
    fs::write(inbox.join("twin.wasm"), &twin).unwrap();
    // What copies a folder may copy this first.
    logged(&log, &["waits for its signature", "twin.wasm"]);
    fs::write(inbox.join("twin.wasm.sig"), sign(&twin)).unwrap();
    let deadline = Instant::now() + INSTALL_TIME_MAX;
    while serving(&host) != runtime::digest_hex(&twin) {
        assert!(Instant::now() < deadline, "{:?}", host.get("/admin/guest"));
        thread::sleep(Duration::from_millis(10));
    }
    let said = fs::read_to_string(&log).unwrap();
    assert!(!said.contains("not signed"), "it waited: {said}");

    assert_eq!(host.post("/admin/guest/rollback", &json!({})).status, 200);
    fs::write(inbox.join("twin.wasm"), &twin).unwrap();
    logged(&log, &["known already", "twin.wasm"]);
    assert_eq!(serving(&host), real_digest());
    host.signal("-TERM");
    assert!(host.wait().success());

    let host = start();
    logged(&log, &["known already", "twin.wasm"]);
    assert_eq!(serving(&host), real_digest());
}

#[test]
fn a_history_that_cannot_be_written_fails_an_install_and_no_roll_back() {
    let (data, log) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = log.path().join("log");
    let host = prepare(data.path()).log_to(&log).start();
    let twin = install_twin(&host, data.path(), "twin");
    // Nothing can be renamed to a folder: what a full disk is to everybody, root included.
    let history = data.path().join("guests/history.json");
    fs::remove_file(&history).unwrap();
    fs::create_dir(&history).unwrap();

    let other = guests::twin("other");
    guests::link_into(data.path(), &other);
    let answer = install(&host, &other);
    assert_eq!((answer.status, &answer.body["code"]), (500, &json!("guest_failed")), "{answer:?}");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("the history cannot be written"), "{detail}");
    assert_eq!(serving(&host), twin);

    for digest in [real_digest(), twin] {
        let back = host.post("/admin/guest/rollback", &json!({}));
        assert_eq!(back.status, 200, "{back:?}");
        assert_eq!(serving(&host), digest);
    }
    logged(&log, &["ERROR", "the history of guests was not written"]);
}

#[test]
fn a_history_that_cannot_be_read_is_kept_with_its_guests() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    let twin = install_twin(&host, data.path(), "twin");
    host.signal("-TERM");
    assert!(host.wait().success());
    let [history, aside] =
        ["history.json", "history.json.damaged"].map(|name| data.path().join("guests").join(name));
    let honest = fs::read(&history).unwrap();
    fs::write(&history, b"\0\0\0\0").unwrap();
    let log = data.path().join("log");
    for _ in 0..2 {
        let host = prepare(data.path()).log_to(&log).start();
        assert_eq!(serving(&host), real_digest());
        assert_eq!(fs::read(&aside).unwrap(), b"\0\0\0\0");
    }
    fs::write(&history, b"{").unwrap();
    drop(prepare(data.path()).log_to(&log).start());
    logged(&log, &["ERROR", "history.json.damaged", "Install the other one again"]);
    fs::remove_file(aside).unwrap();
    fs::write(&history, honest).unwrap();
    assert_eq!(serving(&start(data.path())), twin, "the cure of the log works");
}

#[test]
fn a_guest_that_process_after_process_dies_of_is_taken_back() {
    let data = tempfile::tempdir().unwrap();
    let mut host = start(data.path());
    let twin = install_twin(&host, data.path(), "twin");
    // Two deaths; a stop, which forgives them; then as many as are too many.
    for signal in ["-KILL", "-KILL", "-TERM", "-KILL", "-KILL", "-KILL"] {
        assert_eq!(serving(&host), twin);
        host.signal(signal);
        host.wait();
        host = start(data.path());
    }
    assert_eq!(serving(&host), real_digest());
    let status = host.get("/admin/guest").body;
    assert!(status.to_string().contains("3 processes died before"), "{status}");
    let metrics = host.get_text("/metrics");
    assert!(metrics.contains("result=\"taken_back\"} 1"), "{metrics}");
    let again = install(&host, &guests::twin("twin"));
    assert_eq!((again.status, &again.body["code"]), (409, &json!("guest_backing_off")));
    host.set_sellable("TEA", 5);

    // The one before was not on trial: it may die as often as it likes.
    for _ in 0..4 {
        host.signal("-KILL");
        host.wait();
        host = start(data.path());
        assert_eq!(serving(&host), real_digest());
    }
    host.assert_audit_is_clean();
}

#[test]
fn a_guest_that_passed_its_watch_is_not_blamed_for_later_deaths() {
    let data = tempfile::tempdir().unwrap();
    let log = data.path().join("log");
    let watched = |time: &str| prepare(data.path()).arg("--guest-watch", time).log_to(&log);
    let host = watched("1h").start();
    let twin = install_twin(&host, data.path(), "twin");
    drop(host);
    // The watch goes on after a restart, and passes.
    let mut host = watched("100ms").start();
    logged(&log, &["passed its watch", &twin]);
    for _ in 0..4 {
        drop(host);
        host = watched("1h").start();
        assert_eq!(serving(&host), twin);
    }
}

#[test]
fn what_a_dead_process_left_is_swept() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    let twin = install_twin(&host, data.path(), "twin");
    let kept = files(data.path());
    guests::link_into(data.path(), &guests::twin("never came"));
    drop(host);
    let folder = data.path().join("guests");
    for left in ["trial", &format!("{}.partial-7.d", "a".repeat(64))] {
        fs::create_dir(folder.join(left)).unwrap();
    }
    for left in ["history.partial", &format!("{}.wasm", "b".repeat(64))] {
        fs::write(folder.join(left), "left").unwrap();
    }
    let host = start(data.path());
    assert_eq!(files(data.path()), kept);
    assert_eq!(serving(&host), twin);
}

#[test]
fn a_host_without_a_compiler_says_so() {
    let libraries = edge_host().parent().unwrap().join("lib");
    assert!(libraries.exists(), "{} is missing: `make test` builds it", libraries.display());
    let data = tempfile::tempdir().unwrap();
    // As a child that was started again on libraries that are not there.
    let alone = |start: Start| start.variable("EDGE_HOST_ON_SYSTEM_LIBRARIES", "1");
    let host = alone(prepare(data.path())).start();
    let before = files(data.path());
    let answer = install(&host, &guests::twin("twin"));
    assert_eq!((answer.status, &answer.body["code"]), (501, &json!("no_compiler")), "{answer:?}");
    assert_eq!(files(data.path()), before, "it leaves no file");
    // What was compiled for it elsewhere may come.
    install_twin(&host, data.path(), "twin");
    drop(host);

    let lone = data.path().join("guest.wasm");
    fs::copy(harness::guest("inventory_guest.wasm"), &lone).unwrap();
    let plain = Start::new(&data.path().join("other")).arg("--guest", lone.to_str().unwrap());
    let (status, said) = alone(plain).refused();
    assert!(!status.success());
    assert!(said.contains("without its compiler") && said.contains(".aot.wasm"), "{said}");
}

#[test]
fn installed_guests_are_interpreted_where_the_configured_one_is() {
    let data = tempfile::tempdir().unwrap();
    let start = || prepare(data.path()).flag("--interpreter").start();
    let is_interpreted = |host: &Host, digest: &str| {
        let metrics = host.get_text("/metrics");
        let mut infos = metrics.lines().filter(|line| line.contains("guest_info{"));
        infos.any(|line| line.contains(digest) && line.contains("mode=\"interpreter\""))
    };
    let host = start();
    let answer = install(&host, &guests::hour_ahead());
    assert_eq!(answer.status, 200, "{answer:?}");
    let digest = answer.body["digest"].as_str().unwrap();
    assert!(is_interpreted(&host, digest));
    assert!(!guests::kept(data.path(), digest, "so").exists(), "nothing was compiled");
    drop(host);
    let host = start();
    assert_eq!(serving(&host), digest);
    assert!(is_interpreted(&host, digest));
}

#[test]
fn code_that_is_overwritten_while_it_is_served_harms_nobody() {
    let data = tempfile::tempdir().unwrap();
    let [module, code] = ["guest.aot.wasm", "guest.so"].map(|name| data.path().join(name));
    fs::copy(harness::guest("inventory_guest.aot.wasm"), &module).unwrap();
    fs::copy(harness::guest("inventory_guest.so"), &code).unwrap();
    let start = || prepare(data.path()).arg("--guest", module.to_str().unwrap()).start();
    for _ in 0..2 {
        let host = start();
        host.set_sellable("TEA", 10);
        // In place, as `cp` does: no new file takes its name.
        fs::File::options().write(true).truncate(true).open(&code).unwrap();
        assert_eq!(host.deduct("O-1", "TEA", 1).status, 200);
        assert_eq!(host.post("/v1/orders/O-2/reserve", &one_line("TEA", 1)).status, 200);
        host.assert_audit_is_clean();
    }
}

#[test]
fn a_guest_is_taken_back_and_the_host_stopped_while_another_is_compiled() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    host.set_sellable("TEA", 1_000);
    let wicked = install_wicked(&host, data.path());
    let slow = guests::newer_tables();
    let under_way = || host.get("/admin/guest").body["under_way"]["step"].clone();
    thread::scope(|scope| {
        let installing = scope.spawn(|| put(&host, &slow, Some(&sign(&slow)), ""));
        let deadline = Instant::now() + INSTALL_TIME_MAX;
        while under_way() != "compile" {
            assert!(Instant::now() < deadline, "{:?}", host.get("/admin/guest"));
        }
        provoke(&host);
        super::await_taken_back(&host, &wicked);
        assert_eq!(under_way(), "compile", "the other one is still on its way");

        let stopped = Instant::now();
        host.signal("-TERM");
        let answer = installing.join().unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("stopping")), "{answer:?}");
        assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    });
    let stopping = Instant::now();
    assert_eq!(host.wait().code(), Some(0));
    assert!(stopping.elapsed() < Duration::from_secs(5), "{:?}", stopping.elapsed());
    assert!(!files(data.path()).iter().any(|name| name.contains("partial")), "nothing half-made");
}

#[test]
fn a_start_that_compiles_stops_when_it_is_told_to() {
    let data = tempfile::tempdir().unwrap();
    let plain = data.path().join("guest.wasm");
    fs::write(&plain, guests::newer_tables()).unwrap();
    let mut command = Command::new(edge_host());
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data.path().join("data"));
    let mut host = command.arg("--guest").arg(&plain).spawn().unwrap();
    let deadline = Instant::now() + INSTALL_TIME_MAX;
    while !data.path().join("data/guests").exists() {
        assert!(Instant::now() < deadline, "the compiler begins");
        thread::sleep(Duration::from_millis(10));
    }
    let told = Instant::now();
    let pid = host.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(host.wait().unwrap().code(), Some(0));
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}

#[test]
fn what_an_operator_rolled_back_from_does_not_return_by_itself() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    host.set_sellable("TEA", 1_000);
    let wicked = install_wicked(&host, data.path());
    let twin = install_twin(&host, data.path(), "twin");
    assert_eq!(host.post("/admin/guest/rollback", &json!({})).status, 200);
    assert_eq!(serving(&host), wicked);
    provoke(&host);
    super::await_taken_back(&host, &wicked);
    assert_eq!(serving(&host), real_digest(), "and not the twin, which was before it");
    let asked = host.post("/admin/guest/rollback", &json!({"digest": twin}));
    assert_eq!(asked.status, 200, "{asked:?}");
    assert_eq!(serving(&host), twin);
}

#[test]
fn a_guest_that_does_not_load_is_passed_over_when_another_is_taken_back() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    host.set_sellable("TEA", 1_000);
    let twin = install_twin(&host, data.path(), "twin");
    let wicked = install_wicked(&host, data.path());
    host.signal("-TERM");
    assert!(host.wait().success());
    fs::remove_file(guests::kept(data.path(), &twin, "wasm")).unwrap();
    let host = start(data.path());
    assert_eq!(serving(&host), wicked);
    provoke(&host);
    super::await_taken_back(&host, &wicked);
    assert_eq!(serving(&host), real_digest());
    host.assert_audit_is_clean();
}

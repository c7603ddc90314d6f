//! Replacing the guest of a running host: by signature, through every check, and back again.

mod faults;
mod guests;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ed25519_dalek::{Signer, SigningKey};
use edge_host::runtime;
use serde_json::{Value, json};

use crate::harness::{Answer, Host, Start, logged, one_line};

/// Compiling a guest takes half a minute on a busy machine.
const INSTALL_TIME_MAX: Duration = Duration::from_mins(5);

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// A host that takes guests signed with [`key`], and watches them for longer than a test takes.
fn prepare(data: &Path) -> Start {
    let public = hex::encode(key().verifying_key().as_bytes());
    Start::new(data)
        .arg("--guest-keys", &public)
        .arg("--batch-time-max", "200ms")
        .arg("--guest-watch", "1h")
}

fn start(data: &Path) -> Host {
    prepare(data).start()
}

fn put(host: &Host, guest: &[u8], signature: Option<&str>, query: &str) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(INSTALL_TIME_MAX))
        .build()
        .into();
    let mut request = agent
        .put(format!("http://{}/admin/guest{query}", host.address))
        .content_type("application/wasm");
    if let Some(signature) = signature {
        request = request.header("guest-signature", signature);
    }
    let mut answer = request.send(guest).unwrap();
    let status = answer.status().as_u16();
    Answer { status, replayed: false, body: answer.body_mut().read_json().unwrap() }
}

fn sign(guest: &[u8]) -> String {
    hex::encode(key().sign(guest).to_bytes())
}

fn install(host: &Host, guest: &[u8]) -> Answer {
    put(host, guest, Some(&sign(guest)), "")
}

/// Minutes until a new order's hold ends, by the clock of whoever asks.
fn hold_minutes(host: &Host, order: &str) -> u64 {
    let answer = host.post(&format!("/v1/orders/{order}/reserve"), &one_line("TEA", 1));
    assert_eq!(answer.status, 200, "{answer:?}");
    let expires_at = answer.body["expires_at"].as_str().unwrap();
    let left =
        humantime::parse_rfc3339(expires_at).unwrap().duration_since(std::time::SystemTime::now());
    (left.unwrap().as_secs() + 30) / 60
}

fn versions(host: &Host) -> Vec<(String, String)> {
    let status = host.get("/admin/guest").body;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let versions = status["versions"].as_array().unwrap();
    versions.iter().map(|v| (text(&v["digest"]), text(&v["standing"]))).collect()
}

fn refused_at(answer: &Answer, step: &str, reason: &str) {
    assert_eq!((answer.status, &answer.body["step"]), (422, &json!(step)), "{answer:?}");
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains(reason), "expected {reason:?} in {detail:?}");
}

#[test]
fn another_guest_serves_after_a_switch_a_restart_and_a_roll_back() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    host.set_sellable("TEA", 1_000);
    assert_eq!(hold_minutes(&host, "O-1"), 15);

    let answer = install(&host, &guests::hour_ahead());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(hold_minutes(&host, "O-2"), 75);
    assert_eq!(host.get("/v1/orders/O-1").body["lines"][0]["quantity"], 1);
    let both = versions(&host);
    assert_eq!((both[0].1.as_str(), both[1].1.as_str()), ("serving", "previous"));

    host.signal("-KILL");
    drop(host);
    let host = start(data.path());
    assert_eq!(hold_minutes(&host, "O-3"), 75, "the active version survives a restart");

    let back = host.post("/admin/guest/rollback", &json!({}));
    assert_eq!(back.status, 200, "{back:?}");
    assert_eq!(hold_minutes(&host, "O-4"), 15);
    let forth = host.post("/admin/guest/rollback", &json!({"digest": both[0].0}));
    assert_eq!(forth.status, 200, "{forth:?}");
    assert_eq!(hold_minutes(&host, "O-5"), 75);
    let unknown = host.post("/admin/guest/rollback", &json!({"digest": "00"}));
    assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("unknown_guest")));
    let misplaced = host.post(&format!("/admin/guest/rollback?digest={}", both[1].0), &json!({}));
    assert_eq!((misplaced.status, &misplaced.body["code"]), (400, &json!("malformed")));
    assert_eq!(versions(&host)[0].0, both[0].0, "nothing was rolled back");
    host.assert_audit_is_clean();
}

#[test]
fn only_what_is_signed_and_fits_is_looked_at_further() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    let real = guests::real();
    refused_at(&put(&host, &real, None, ""), "verify", "not signed");
    refused_at(&put(&host, &real, Some("00"), ""), "verify", "128 hexadecimal digits");
    let foreign = hex::encode(SigningKey::from_bytes(&[8; 32]).sign(&real).to_bytes());
    refused_at(&put(&host, &real, Some(&foreign), ""), "verify", "none of guest_keys");
    let mut changed = real.clone();
    *changed.last_mut().unwrap() ^= 1;
    refused_at(&put(&host, &changed, Some(&sign(&real)), ""), "verify", "none of guest_keys");

    refused_at(&install(&host, b"#!/bin/sh"), "verify", "does not begin as a core module");
    refused_at(
        &install(&host, &real[..real.len() / 2]),
        "verify",
        "not a valid WebAssembly module",
    );
    let component = b"\0asm\x0d\0\x01\0";
    refused_at(&install(&host, component), "verify", "does not begin as a core module");
    refused_at(&install(&host, &guests::greedy()), "check", "fd_prestat_get");
    let types = install(&host, &guests::other_types());
    refused_at(&types, "check", "inventory:guest/orders@2.0.0#get-order");
    refused_at(&types, "check", "(i32, i32) -> (i32)");
    let mut damaged = real.clone();
    let code = damaged.len() / 2;
    damaged[code..code + 64].fill(0xff);
    assert_eq!(install(&host, &damaged).status, 422);
    assert_eq!(put(&host, &real, Some(&sign(&real)), "?migrate=maybe").status, 400);

    // The real one serves already: nothing is done, and that is fine.
    let same = install(&host, &real);
    assert_eq!((same.status, &same.body["steps"]), (200, &json!([])));
    host.set_sellable("TEA", 5);
    assert_eq!(hold_minutes(&host, "O-1"), 15);
}

#[test]
fn a_guest_that_fails_its_trial_never_serves() {
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    host.set_sellable("TEA", 100);
    refused_at(&install(&host, &guests::broken()), "try", "unreachable");
    let newer = guests::newer_tables();
    refused_at(&install(&host, &newer), "try", "migrate=true");
    assert_eq!(versions(&host).len(), 1);
    assert_eq!(hold_minutes(&host, "O-1"), 15);
    host.assert_audit_is_clean();
    let kept = format!("{}.so", runtime::digest_hex(&guests::real()));
    assert_eq!(files(data.path()), [kept], "a refused guest leaves no file");
}

/// What lies in the folder of guests.
fn files(data: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(data.join("guests")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_guest_that_traps_loops_recurses_or_eats_memory_is_taken_back() {
    let wicked = guests::wicked();
    // A guest that was taken back has to wait, so each way gets a host of its own.
    for (name, size) in
        [("answers too few", 6), ("traps", 7), ("loops", 8), ("recurses", 9), ("eats memory", 10)]
    {
        let data = tempfile::tempdir().unwrap();
        let host = start(data.path());
        guests::compile_into(data.path(), &wicked);
        host.set_sellable("TEA", 1_000);
        let answer = install(&host, &wicked);
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
        let digest = answer.body["digest"].as_str().unwrap().to_owned();
        for turn in 0..3 {
            let commands: Vec<Value> = (0..size)
                .map(|index| {
                    let mut deduct = one_line("TEA", 1);
                    deduct["order_id"] = json!(format!("O-{turn}-{index}"));
                    json!({ "deduct": deduct })
                })
                .collect();
            let answer = host.post("/v1/batch", &json!({ "commands": commands }));
            // Alone each command is harmless, so that every caller gets an answer.
            let outcomes = answer.body["outcomes"].as_array().unwrap().clone();
            assert!(outcomes.iter().all(|outcome| outcome["ok"].is_object()), "{name}: {answer:?}");
        }
        await_taken_back(&host, &digest);
        let status = host.get("/admin/guest").body;
        assert!(status.to_string().contains("3 traps"), "{name}: {status}");
        // Whoever takes it back may not be done yet.
        let again = loop {
            let answer = install(&host, &wicked);
            if answer.body["code"] != "guest_busy" {
                break answer;
            }
        };
        assert_eq!((again.status, &again.body["code"]), (409, &json!("guest_backing_off")));
        assert_eq!(hold_minutes(&host, "O-after"), 15);
        assert_eq!(host.sellable("TEA"), 1_000 - 3 * size - 1, "{name}");
        host.assert_audit_is_clean();
    }
}

#[test]
fn a_guest_that_loops_in_each_command_of_a_batch_does_not_serve_the_rest_of_it() {
    const COMMANDS: u64 = 60;
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    guests::compile_into(data.path(), &guests::stubborn());
    host.set_sellable("TEA", 1_000);
    let answer = install(&host, &guests::stubborn());
    assert_eq!(answer.status, 200, "{answer:?}");
    let digest = answer.body["digest"].as_str().unwrap().to_owned();
    let commands: Vec<Value> = (0..COMMANDS)
        .map(|index| {
            let mut deduct = one_line("TEA", 1);
            deduct["order_id"] = json!(format!("O-{index:042}"));
            json!({ "deduct": deduct })
        })
        .collect();
    let answer = host.post("/v1/batch", &json!({ "commands": commands }));
    let outcomes = answer.body["outcomes"].as_array().unwrap();
    let done = outcomes.iter().filter(|outcome| outcome["ok"].is_object()).count() as u64;
    assert!((COMMANDS / 2..COMMANDS).contains(&done), "{answer:?}");
    await_taken_back(&host, &digest);
    assert_eq!(host.sellable("TEA"), 1_000 - done, "what was answered, and nothing else");
    host.assert_audit_is_clean();
}

fn await_taken_back(host: &Host, digest: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while versions(host).iter().any(|(of, standing)| of == digest && standing == "serving") {
        assert!(Instant::now() < deadline, "it still serves");
        thread::yield_now();
    }
}

#[test]
fn a_guest_whose_reads_trap_loop_or_recurse_is_taken_back() {
    let data = tempfile::tempdir().unwrap();
    let host = prepare(data.path()).arg("--query-timeout", "200ms").start();
    guests::compile_into(data.path(), &guests::wicked());
    host.set_sellable("TEA", 10);
    let answer = install(&host, &guests::wicked());
    assert_eq!(answer.status, 200, "{answer:?}");
    let digest = answer.body["digest"].as_str().unwrap().to_owned();
    assert_eq!(host.deduct("O-1", "TEA", 1).status, 200);
    // A read that is stopped for its time may be a long one: it does not count.
    for (length, code) in
        [(42, "timeout"), (42, "timeout"), (42, "timeout"), (41, "trapped"), (41, "trapped")]
    {
        let read = || host.get(&format!("/v1/orders/{}", "O".repeat(length)));
        let (guilty, innocent) = thread::scope(|scope| {
            let guilty = scope.spawn(read);
            let innocent = host.get("/v1/orders/O-1");
            (guilty.join().unwrap(), innocent)
        });
        assert_eq!(guilty.body["code"], code, "{length}: {guilty:?}");
        assert_eq!(innocent.status, 200, "{length}: {innocent:?}");
    }
    assert!(versions(&host).contains(&(digest.clone(), "serving".to_owned())));
    let trapped = host.get(&format!("/v1/orders/{}", "O".repeat(43)));
    assert_eq!(trapped.body["code"], "trapped", "{trapped:?}");
    await_taken_back(&host, &digest);
    assert_eq!(host.get("/v1/orders/O-1").body["lines"][0]["quantity"], 1);
    assert_eq!(host.get(&format!("/v1/orders/{}", "O".repeat(42))).status, 404);
    host.assert_audit_is_clean();
}

#[test]
fn a_guest_that_fails_the_shortest_read_is_taken_back_without_traffic() {
    for guest in [guests::sleepless(), guests::gloomy()] {
        let data = tempfile::tempdir().unwrap();
        let host = prepare(data.path()).arg("--query-timeout", "200ms").start();
        guests::compile_into(data.path(), &guest);
        let answer = install(&host, &guest);
        assert_eq!(answer.status, 200, "{answer:?}");
        await_taken_back(&host, answer.body["digest"].as_str().unwrap());
    }
}

#[test]
fn swaps_back_and_forth_under_load_lose_nothing() {
    const SWAPS: u64 = 1_000;
    let data = tempfile::tempdir().unwrap();
    let host = start(data.path());
    guests::compile_into(data.path(), &guests::hour_ahead());
    host.set_sellable("TEA", 100_000_000);
    host.set_sellable("CUP", 7);
    assert_eq!(install(&host, &guests::hour_ahead()).status, 200);
    let (stop, sold) = (AtomicBool::new(false), AtomicU64::new(0));
    // The longest write that has ended since the last swap.
    let longest_us = AtomicU64::new(0);
    let (mut resident, mut swapping, mut stalls_us) = (Vec::new(), Duration::ZERO, Vec::new());
    thread::scope(|scope| {
        for client in 0..4 {
            let (host, stop, sold, longest_us) = (&host, &stop, &sold, &longest_us);
            scope.spawn(move || {
                for number in 0_u64.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let started = Instant::now();
                    let answer = host.deduct(&format!("D-{client}-{number}"), "TEA", 1);
                    assert_eq!(answer.status, 200, "{answer:?}");
                    let took_us = u64::try_from(started.elapsed().as_micros()).unwrap();
                    longest_us.fetch_max(took_us, Ordering::Relaxed);
                    sold.fetch_add(1, Ordering::Relaxed);
                    let read = host.get("/v1/stock/CUP");
                    assert_eq!((read.status, &read.body["sellable"]), (200, &json!(7)), "{read:?}");
                }
            });
        }
        for swap in 0..SWAPS {
            let started = Instant::now();
            let answer = host.post("/admin/guest/rollback", &json!({}));
            swapping += started.elapsed();
            assert_eq!(answer.status, 200, "{answer:?}");
            let expected = if swap % 2 == 0 { 15 } else { 75 };
            assert_eq!(hold_minutes(&host, &format!("S-{swap}")), expected, "swap {swap}");
            stalls_us.push(longest_us.swap(0, Ordering::Relaxed));
            if swap % 100 == 99 {
                resident.push(resident_mib(&host));
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    stalls_us.sort_unstable();
    let (p50, p99) = (stalls_us[stalls_us.len() / 2], stalls_us[stalls_us.len() * 99 / 100]);
    println!("{SWAPS} swaps, {:?} each; resident MiB: {resident:?}", swapping / 1_000);
    println!("longest write during a swap: p50 {p50} µs, p99 {p99} µs");
    let (early, late) = (resident[1], *resident.last().unwrap());
    assert!(late < early + 8, "memory grows with swaps: {resident:?} MiB");
    host.assert_audit_is_clean();
    // Each guest expires the other's holds by its own clock; what it holds is not for sale.
    let stock = host.get("/v1/stock/TEA").body;
    let left = 100_000_000 - sold.load(Ordering::Relaxed);
    assert_eq!(stock["sellable"].as_u64().unwrap() + stock["reserved"].as_u64().unwrap(), left);
}

fn resident_mib(host: &Host) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", host.pid())).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() / 256
}

#[test]
fn a_guest_in_the_inbox_is_installed() {
    let (data, inbox) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = data.path().join("log");
    let inbox_path = inbox.path().to_str().unwrap();
    let host = prepare(data.path()).arg("--guest-inbox", inbox_path).log_to(&log).start();
    guests::compile_into(data.path(), &guests::hour_ahead());
    host.set_sellable("TEA", 10);
    let guest = guests::hour_ahead();
    // What never ends, or never begins, keeps nobody from coming in.
    let pipe = inbox.path().join("pipe.wasm");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", inbox.path().join("zero.wasm")).unwrap();
    for name in ["pipe.wasm.sig", "zero.wasm.sig"] {
        std::fs::write(inbox.path().join(name), "").unwrap();
    }
    logged(&log, &["WARN", "cannot be read", "pipe.wasm", "no regular file"]);
    logged(&log, &["WARN", "cannot be read", "zero.wasm", "no regular file"]);
    std::fs::write(inbox.path().join("new.wasm.sig"), sign(&guest)).unwrap();
    std::fs::write(inbox.path().join("new.wasm"), &guest).unwrap();
    let deadline = Instant::now() + INSTALL_TIME_MAX;
    while versions(&host).len() < 2 {
        assert!(Instant::now() < deadline, "{:?}", host.get("/admin/guest"));
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(hold_minutes(&host, "O-1"), 75);
}

//! Killed or starved at every step of a commit: what was acknowledged is there, nothing is half
//! there. strace injects the fault into the system calls of the program that ships.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{Host, Start, one_line};

/// The system calls through which SQLite makes a commit durable.
const COMMIT_CALLS: &str = "pwrite64,fdatasync,fsync,ftruncate";

/// What a caller does, in order; each moves the units of ORDER on by one state.
fn steps() -> [(&'static str, Value); 4] {
    [
        ("/v1/orders/ORDER/reserve", one_line("TEA", 4)),
        ("/v1/orders/ORDER/confirm", json!({})),
        (
            "/v1/orders/ORDER/release",
            json!({"reason": "cancel", "lines": [{"sku": "TEA", "quantity": 1}]}),
        ),
        ("/v1/orders/ORDER/ship", json!({})),
    ]
}

/// What `reserved, committed, shipped, released` of the order's line are after each step.
const AFTER: [[u64; 4]; 5] = [[0, 0, 0, 0], [4, 0, 0, 0], [0, 4, 0, 0], [0, 3, 0, 1], [0, 0, 3, 1]];

fn line_of_order(host: &Host) -> [u64; 4] {
    let order = host.get("/v1/orders/ORDER");
    if order.status == 404 {
        return AFTER[0];
    }
    ["reserved", "committed", "shipped", "released"]
        .map(|name| order.body["lines"][0][name].as_u64().unwrap())
}

/// Sends the steps until one is not acknowledged; how many were.
fn send_steps(host: &Host) -> usize {
    steps()
        .iter()
        .take_while(|(path, body)| {
            host.try_post(path, body).is_some_and(|answer| answer.status == 200)
        })
        .count()
}

/// A data folder with 10 TEA, closed cleanly.
fn prepared() -> tempfile::TempDir {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 10);
    host.signal("-TERM");
    assert!(host.wait().success());
    data
}

/// Restarts, and checks that the order is as after `acknowledged` steps, or one more (done, but not
/// answered); then finishes with the same requests.
fn recovers(data: &Path, acknowledged: usize, fault: &str) {
    let host = Host::start(data);
    let found = line_of_order(&host);
    let allowed = &AFTER[acknowledged..(acknowledged + 2).min(AFTER.len())];
    assert!(allowed.contains(&found), "{fault}: {acknowledged} acknowledged, found {found:?}");
    host.assert_audit_is_clean();
    assert_eq!(send_steps(&host), steps().len(), "{fault}: the same requests must go through");
    assert_eq!(line_of_order(&host), AFTER[4], "{fault}");
    assert_eq!(host.sellable("TEA"), 7, "{fault}");
    host.assert_audit_is_clean();
}

#[test]
fn kill_9_at_every_step_of_a_commit_loses_nothing_acknowledged() {
    let mut finished = 0;
    for step in 1.. {
        let data = prepared();
        let fault = format!("inject={COMMIT_CALLS}:signal=SIGKILL:when={step}");
        // The kill may come before the host listens: then nothing was acknowledged.
        let Some(host) = Start::under_strace(data.path(), &fault).try_start() else {
            recovers(data.path(), 0, &fault);
            continue;
        };
        let acknowledged = send_steps(&host);
        drop(host);
        recovers(data.path(), acknowledged, &fault);
        finished += usize::from(acknowledged == steps().len());
        // Past the last call of the last commit there is nothing left to break.
        if finished == 2 {
            assert!(step > 8, "only {step} steps were found: is anything written?");
            return;
        }
    }
}

#[test]
fn a_full_disk_is_said_so_and_reads_go_on() {
    let data = prepared();
    for step in [1, 2, 4, 7] {
        let fault = format!("inject=pwrite64:error=ENOSPC:when={step}+");
        let Some(host) = Start::under_strace(data.path(), &fault).try_start() else { continue };
        let before = host.sellable("TEA");
        let mut sold = 0;
        for number in 0..5 {
            let answer = host.deduct(&format!("FULL-{step}-{number}"), "TEA", 1);
            match answer.status {
                200 => sold += 1,
                503 => assert_eq!(answer.body["code"], "storage_full", "{answer:?}"),
                409 => assert_eq!(answer.body["code"], "insufficient_stock", "{answer:?}"),
                _ => panic!("{answer:?}"),
            }
        }
        assert_eq!(host.sellable("TEA"), before - sold, "{fault}: reads go on");
        drop(host);
        let host = Host::start(data.path());
        assert_eq!(host.sellable("TEA"), before - sold, "{fault}: exactly the acknowledged");
        host.assert_audit_is_clean();
    }
}

#[test]
fn a_failing_fsync_acknowledges_nothing_that_is_lost() {
    let data = prepared();
    for step in 1..=3 {
        let fault = format!("inject=fdatasync,fsync:error=EIO:when={step}+");
        let Some(host) = Start::under_strace(data.path(), &fault).try_start() else { continue };
        let acknowledged: Vec<String> = (0..3)
            .map(|number| format!("EIO-{step}-{number}"))
            .filter(|order| host.deduct(order, "TEA", 1).status == 200)
            .collect();
        host.signal("-KILL");
        drop(host);
        let host = Host::start(data.path());
        for order in acknowledged {
            assert_eq!(host.get(&format!("/v1/orders/{order}")).status, 200, "{fault}: {order}");
        }
        host.assert_audit_is_clean();
    }
}

#[test]
fn kill_9_under_load_keeps_every_acknowledged_order() {
    let data = tempfile::tempdir().unwrap();
    let host = Host::start(data.path());
    host.set_sellable("TEA", 1_000_000);
    let acknowledged = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for caller in 0..16 {
            let (host, acknowledged) = (&host, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    let order = format!("K-{caller}-{number}");
                    let path = format!("/v1/orders/{order}/deduct");
                    match host.try_post(&path, &one_line("TEA", 1)) {
                        Some(answer) if answer.status == 200 => {
                            acknowledged.lock().unwrap().push(order);
                        }
                        _ => return,
                    }
                }
            });
        }
        while acknowledged.lock().unwrap().len() < 2_000 {
            std::thread::yield_now();
        }
        host.signal("-KILL");
    });
    drop(host);
    let host = Host::start(data.path());
    let acknowledged = acknowledged.into_inner().unwrap();
    for order in &acknowledged {
        assert_eq!(host.get(&format!("/v1/orders/{order}")).body["state"], "committed", "{order}");
    }
    let sold = 1_000_000 - host.sellable("TEA");
    let unanswered = sold - acknowledged.len() as u64;
    assert!(unanswered <= 16, "{unanswered} sold beyond the {} answered", acknowledged.len());
    host.assert_audit_is_clean();
}

//! Guests that loop, recurse or eat memory: the call ends with a reason, and the process goes on.

use std::{
    process::Command,
    sync::OnceLock,
    time::{Duration, Instant},
};

use edge_host::{
    guest::{Guest, GuestModule, Sqlite, sqlite, types},
    host_functions::{HostFunctions, WASI_ALLOWED, redis::RedisHost},
    runtime::{self, Binary},
};

use crate::{
    harness,
    hostile::{HONEST_REALLOC, Hostile, module},
};

/// Answers at once; or parks, for the call that keeps the process warm.
enum Database {
    Answers,
    Parks,
}

impl Sqlite for Database {
    fn execute(&mut self, _: String, _: Vec<sqlite::Value>) -> Result<u64, sqlite::Error> {
        Ok(0)
    }

    fn query(&mut self, _: String, _: Vec<sqlite::Value>) -> Result<sqlite::Rows, sqlite::Error> {
        match self {
            Self::Answers => Ok(sqlite::Rows { columns: 0, cells: Vec::new(), bytes: Vec::new() }),
            Self::Parks => runtime::park(),
        }
    }
}

const QUERY: &str =
    "(call $query (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024))";

/// The guest with these functions, compiled.
fn compiled(realloc: &str, apply: &str) -> GuestModule {
    let folder = tempfile::tempdir().unwrap();
    let (plain, aot) = (folder.path().join("guest.wasm"), folder.path().join("guest.aot.wasm"));
    let hostile = Hostile { realloc, apply, data: "" };
    std::fs::write(&plain, module(&hostile)).unwrap();
    let made = Command::new(harness::edge_host())
        .arg("compile-guest")
        .args([&plain, &aot])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    GuestModule::load(&Binary::open(&aot, folder.path()).unwrap(), WASI_ALLOWED).unwrap()
}

fn instantiate(module: &GuestModule, sqlite: Database) -> Guest<HostFunctions<Database>> {
    module.instantiate(HostFunctions { sqlite, redis: RedisHost::unconfigured() }).unwrap()
}

/// The host asks the guest for memory for the list of commands, and for each order's id.
fn apply(guest: &mut Guest<HostFunctions<Database>>, commands: usize) -> String {
    let command =
        types::Command::Confirm(types::Confirm { order_id: "O-1".to_owned(), request_id: None });
    match guest.apply(0, &vec![command; commands]) {
        Ok(_) => "answered".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// What a call of at most `time_max` comes to, on a thread for guests.
fn outcome(apply_body: &str, time_max: Duration) -> (String, Duration) {
    outcome_of(HONEST_REALLOC, apply_body, 1, time_max)
}

fn outcome_of(
    realloc: &str,
    apply_body: &str,
    commands: usize,
    time_max: Duration,
) -> (String, Duration) {
    static WARM: OnceLock<()> = OnceLock::new();
    WARM.get_or_init(|| {
        let parking = compiled(HONEST_REALLOC, &format!("{QUERY} (i32.const 0)"));
        runtime::keep_warm(move || drop(apply(&mut instantiate(&parking, Database::Parks), 1)));
    });
    let module = compiled(realloc, apply_body);
    let (sender, receiver) = std::sync::mpsc::channel();
    let run = move || {
        let mut guest = instantiate(&module, Database::Answers);
        guest.instance_mut().set_time_max(Some(time_max));
        let started = Instant::now();
        let said = apply(&mut guest, commands);
        sender.send((said, started.elapsed())).unwrap();
    };
    runtime::spawn("guest", run).unwrap().join().unwrap();
    receiver.recv().unwrap()
}

const TIME_MAX: Duration = Duration::from_millis(50);
/// Far above what the machine's other work can add, far below what an endless loop takes.
const SOON: Duration = Duration::from_secs(5);

#[test]
fn an_endless_loop_is_stopped() {
    for (what, body) in [
        ("empty", "(loop $again (br $again)) (unreachable)"),
        (
            "with memory",
            "(loop $again (i32.store (i32.const 64) (i32.const 1)) (br $again)) (unreachable)",
        ),
    ] {
        let (said, took) = outcome(body, TIME_MAX);
        assert!(said.contains("ran longer than 50 ms"), "{what}: {said}");
        assert!((TIME_MAX.mul_f32(0.8)..SOON).contains(&took), "{what}: {took:?}");
    }
}

#[test]
fn a_loop_of_host_calls_is_stopped() {
    let (said, took) =
        outcome(&format!("(loop $again {QUERY} (br $again)) (unreachable)"), TIME_MAX);
    assert!(said.contains("ran longer") || said.contains("used its time up"), "{said}");
    assert!(took < SOON, "{took:?}");
}

#[test]
fn recursion_without_end_is_a_trap() {
    let long = Duration::from_mins(1);
    for (what, body) in [
        ("itself", "(call $apply (i64.const 0) (i32.const 0) (i32.const 0))"),
        (
            "between two calls of itself",
            "(i32.add (call $apply (i64.const 0) (i32.const 0) (i32.const 0))
                      (call $apply (i64.const 1) (i32.const 0) (i32.const 0)))",
        ),
    ] {
        // A tail call may have become a loop: then the time ends it.
        let (said, _) = outcome(body, if what == "itself" { TIME_MAX } else { long });
        assert!(said.contains("out of bounds") || said.contains("ran longer"), "{what}: {said}");
    }
    let (said, _) = outcome("(unreachable)", long);
    assert!(said.contains("unreachable"), "the process goes on: {said}");
}

#[test]
fn recursion_that_calls_out_is_a_trap_and_not_the_end_of_the_process() {
    let body = format!(
        "{QUERY} (i32.add (call $apply (i64.const 0) (i32.const 0) (i32.const 0))
                          (call $apply (i64.const 1) (i32.const 0) (i32.const 0)))"
    );
    let (said, _) = outcome(&body, Duration::from_mins(1));
    assert!(said.contains("next to no stack left"), "{said}");
}

#[test]
fn the_calls_of_a_batch_have_its_time_together() {
    // Some milliseconds for each piece of memory, and hundreds of pieces: no call is long.
    let slow = format!(
        "(local $left i32) (local.set $left (i32.const 8000000))
        (loop $again (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (i32.store (i32.const 64) (local.get $left))
            (br_if $again (local.get $left)))
        {HONEST_REALLOC}"
    );
    let (said, _) = outcome_of(&slow, "(i32.const 65532)", 1, Duration::from_mins(1));
    assert!(said.contains("outside"), "alone they end: {said}");
    let (said, took) = outcome_of(&slow, "(i32.const 65532)", 400, TIME_MAX);
    assert!(said.contains("ran longer than 50 ms"), "{said}");
    assert!(took < SOON, "{took:?}");
}

#[test]
fn a_call_within_its_time_is_not_disturbed() {
    // Some milliseconds of work, close to the limit again and again.
    let body = "(local $left i32) (local.set $left (i32.const 2000000))
        (loop $again (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (i32.store (i32.const 64) (local.get $left))
            (br_if $again (local.get $left)))
        (i32.const 65532)";
    for time_max in [1, 2, 3, 4, 5, 10, 100].map(Duration::from_millis) {
        let (said, _) = outcome(body, time_max);
        assert!(said.contains("outside") || said.contains("ran longer"), "{time_max:?}: {said}");
    }
}

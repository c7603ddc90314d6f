//! What crossing between host and guest costs: a guest call, a host call, and SQLite behind it.
//!
//! Calls before [`runtime::keep_warm`] are measured first: it cannot be undone in a process.

use std::{sync::Arc, time::Duration};

use edge_host::{
    guest::{
        Guest, GuestModule, Sqlite,
        sqlite::{Cell, Error, Rows, Value},
    },
    host_functions::{HostFunctions, WASI_ALLOWED, redis::RedisHost, sqlite::SqliteHost},
    runtime::{self, Binary},
};
use rusqlite::Connection;

use crate::measure::{Figure, Report, load_time, microseconds_per_call, program, repository};

/// Microseconds of each call.
struct Costs {
    /// One guest call that calls nothing.
    describe: f64,
    /// One guest call with two host calls, which a stub answers at once.
    apply_nothing: f64,
    /// The same over an empty SQLite database in memory.
    apply_nothing_sqlite: f64,
}

pub(crate) fn run(report: &mut Report) {
    let interpreted = costs(&interpreted_guest());
    let aot = Arc::new(aot_guest());
    let cold = costs(&aot);
    keep_warm(&aot);
    let warm = costs(&aot);
    let figure =
        |what, ours, cold| Figure::new(what, ours, "µs").against(cold, "µs without keep_warm");
    report.add(&figure("guest call (describe)", warm.describe, cold.describe));
    report.add(&figure("host call (stub)", warm.host_call(), cold.host_call()));
    report.add(&figure("apply of nothing: 2 host calls", warm.apply_nothing, cold.apply_nothing));
    let (ours, cold) = (warm.apply_nothing_sqlite, cold.apply_nothing_sqlite);
    report.add(&figure("apply of nothing: 2 SQLite queries", ours, cold));
    let name = "µs in AOT code";
    report.add(
        &Figure::new("guest call, interpreted", interpreted.describe, "µs")
            .against(warm.describe, name),
    );
    report.add(
        &Figure::new("apply of nothing, interpreted", interpreted.apply_nothing, "µs")
            .against(warm.apply_nothing, name),
    );
}

impl Costs {
    fn host_call(&self) -> f64 {
        (self.apply_nothing - self.describe) / 2.0
    }
}

/// The guest as it ships.
pub(crate) fn aot_guest() -> GuestModule {
    let file = program::guest("inventory_guest.aot.wasm");
    let binary = Binary::open(&file, &repository("target/bench")).expect("`make build` made it");
    GuestModule::load(&binary, WASI_ALLOWED).expect("it fits this host")
}

fn interpreted_guest() -> GuestModule {
    let file = program::guest("inventory_guest.wasm");
    let binary = Binary::open_interpreted(&file).expect("`make build` made it");
    GuestModule::load(&binary, WASI_ALLOWED).expect("it fits this host")
}

/// Parks a guest call for ever in its first query, as the host does when it starts.
pub(crate) fn keep_warm(module: &Arc<GuestModule>) {
    struct Parked;

    impl Sqlite for Parked {
        fn execute(&mut self, _: String, _: Vec<Value>) -> Result<u64, Error> {
            runtime::park()
        }

        fn query(&mut self, _: String, _: Vec<Value>) -> Result<Rows, Error> {
            runtime::park()
        }
    }

    let module = Arc::clone(module);
    runtime::keep_warm(move || {
        let mut guest = module
            .instantiate(HostFunctions { sqlite: Parked, redis: RedisHost::unconfigured() })
            .expect("as any other");
        // It never answers.
        drop(guest.migrate(0));
    });
    // Until the other thread is inside its call there is nothing to measure.
    std::thread::sleep(Duration::from_millis(100));
}

fn costs(module: &GuestModule) -> Costs {
    let time = load_time() / 10;
    let mut guest = module
        .instantiate(HostFunctions { sqlite: Stub, redis: RedisHost::unconfigured() })
        .expect("it fits this host");
    let describe = microseconds_per_call(time, || {
        guest.describe().expect("it describes itself");
    });
    let apply_nothing = microseconds_per_call(time, || call_apply(&mut guest));
    let connection = Connection::open_in_memory().expect("memory is there");
    let sqlite = SqliteHost::new(connection).expect("it is a fresh connection");
    let mut guest = module
        .instantiate(HostFunctions { sqlite, redis: RedisHost::unconfigured() })
        .expect("it fits this host");
    transaction(&mut guest, "BEGIN");
    guest.migrate(0).expect("no trap").expect("the database is empty");
    let apply_nothing_sqlite = microseconds_per_call(time, || call_apply(&mut guest));
    transaction(&mut guest, "COMMIT");
    Costs { describe, apply_nothing, apply_nothing_sqlite }
}

fn call_apply<S: Sqlite>(guest: &mut Guest<HostFunctions<S>>) {
    guest.apply(0, &[]).expect("no trap").expect("no fault");
}

fn transaction(guest: &mut Guest<HostFunctions<SqliteHost>>, statement: &str) {
    let connection = guest.instance_mut().host_mut().sqlite.connection();
    connection.execute_batch(statement).expect("nobody else has the database");
}

/// Answers what an empty database would to a batch of nothing: the last numbers, and no due hold.
struct Stub;

impl Sqlite for Stub {
    fn execute(&mut self, _: String, _: Vec<Value>) -> Result<u64, Error> {
        Ok(0)
    }

    fn query(&mut self, _: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        let cells =
            if parameters.is_empty() { vec![Cell::Integer(0), Cell::Integer(0)] } else { vec![] };
        Ok(Rows { columns: 2, cells, bytes: vec![] })
    }
}

//! The same guest and the same calls on two engines, each over a database of its own: as a core
//! module in WasmEdge, as in production, and encoded as a component in Wasmtime. Every answer must
//! be equal, and at the end every row.
//!
//! `SEED=7 cargo test differential` plays another stream.

mod component;
mod core_module;
mod entries;
mod stream;
mod translate;

use std::{collections::BTreeSet, fmt::Debug, fs};

use edge_host::{
    guest::{
        catalog, changes, commands,
        entries::{EntryKey, Noun},
        lifecycle, orders, sessions, stock,
        types::{Command, Fault, Instant},
    },
    runtime::{Binary, ExecutionMode},
};
use rusqlite::{Connection, types::Value};

use self::{component::OnWasmtime, core_module::OnWasmEdge, stream::Stream};
use crate::harness;

/// Commands of a stream on compiled code, and on interpreted code, fifty times slower.
const COMMANDS_COMPILED: usize = 4_000;
const COMMANDS_INTERPRETED: usize = 400;

/// One call of an export.
#[derive(Debug)]
enum Call {
    Describe,
    Migrate(Instant),
    Apply(Instant, Vec<Command>),
    GetOrder(String),
    GetStock(Vec<String>),
    ListChanges { after: u64, limit: u32 },
    GetEntry(EntryKey),
    ListEntries(Noun, String),
    ListCatalogEvents { after: u64, limit: u32 },
    GetSession(String),
    ListStock(String),
    Audit,
}

/// What an export answered.
#[derive(Debug, PartialEq)]
enum Answer {
    Described(lifecycle::Description),
    Migrated(u32),
    Applied(commands::Applied),
    Order(Option<orders::Order>),
    Stock(Vec<Option<stock::SkuStock>>),
    Changes(Vec<changes::Change>),
    Entry(Option<catalog::StoredEntry>),
    Entries(Vec<catalog::StoredEntry>),
    CatalogEvents(Vec<catalog::CatalogEvent>),
    Session(Option<sessions::Session>),
    StockList(Vec<stock::SkuStock>),
    Audited(stock::AuditReport),
}

/// The guest on an engine.
trait Engine {
    /// Calls the export inside the transaction that is open. A trap MUST panic.
    fn call(&mut self, call: &Call) -> Result<Answer, Fault>;

    /// The database that the guest works on.
    fn connection(&mut self) -> &Connection;
}

/// A call in a transaction of its own, kept only where the guest answers no fault.
fn play(engine: &mut impl Engine, call: &Call) -> Result<Answer, Fault> {
    engine.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = engine.call(call);
    let end = if answer.is_ok() { "COMMIT" } else { "ROLLBACK" };
    engine.connection().execute_batch(end).unwrap();
    answer
}

/// What a stream has come across, by the names of the cases.
#[derive(Debug, Default)]
struct Met {
    commands: BTreeSet<String>,
    refusals: BTreeSet<String>,
    faults: BTreeSet<String>,
    changes: BTreeSet<String>,
    replays: usize,
}

impl Met {
    fn note(&mut self, call: &Call, answer: &Result<Answer, Fault>) {
        if let Call::Apply(_, commands) = call {
            self.commands.extend(commands.iter().map(case));
        }
        match answer {
            Ok(Answer::Applied(applied)) => {
                for outcome in &applied.outcomes {
                    self.replays += usize::from(outcome.replayed);
                    self.refusals.extend(outcome.result.as_ref().err().map(case));
                }
            }
            Ok(Answer::Audited(report)) => assert_eq!(report.differences, []),
            Ok(Answer::Changes(changes)) => {
                self.changes.extend(changes.iter().map(|change| change.kind.clone()));
            }
            Ok(_) => {}
            Err(fault) => self.faults.extend([case(fault)]),
        }
    }
}

/// The name of an enum's case.
fn case(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    text.split(|letter: char| !letter.is_alphanumeric()).next().unwrap().to_owned()
}

/// Plays a stream on both engines and compares; what it came across.
fn compare(binary: &Binary, commands: usize) -> Met {
    let seed = std::env::var("SEED").map_or(1, |seed| seed.parse().unwrap());
    eprintln!("SEED={seed}, {commands} commands, {}", binary.mode().as_str());
    let mut wasmedge = OnWasmEdge::new(binary);
    let mut wasmtime = OnWasmtime::new();
    let mut stream = Stream::new(seed);
    let mut met = Met::default();
    let mut compare = |call: &Call| {
        let answer = play(&mut wasmedge, call);
        assert_eq!(answer, play(&mut wasmtime, call), "SEED={seed}, {call:?}");
        met.note(call, &answer);
    };
    compare(&Call::Describe);
    compare(&Call::Migrate(stream.now()));
    while stream.commands() < commands {
        compare(&stream.next_call());
    }
    compare(&Call::Apply(stream.now(), entries::unfinished()));
    compare(&Call::Audit);
    let (left, right) = (tables(wasmedge.connection()), tables(wasmtime.connection()));
    for ((name, left), (_, right)) in left.iter().zip(&right) {
        assert!(!left.is_empty(), "SEED={seed}: nothing was written to {name}");
        assert_eq!(left, right, "SEED={seed}: {name}");
    }
    assert_eq!(left.len(), right.len());
    met
}

/// Every table's rows, in the order of their columns, under the text that made the table.
fn tables(connection: &Connection) -> Vec<(String, Vec<Vec<Value>>)> {
    let schema = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name";
    let named = |row: &[Value]| match row {
        [Value::Text(name), Value::Text(sql)] => {
            let columns = rows(connection, &format!("PRAGMA table_info({name})")).len();
            let order: Vec<_> = (1..=columns).map(|column| column.to_string()).collect();
            let all = format!("SELECT * FROM {name} ORDER BY {}", order.join(", "));
            (sql.clone(), rows(connection, &all))
        }
        other => panic!("not a table: {other:?}"),
    };
    rows(connection, schema).iter().map(|row| named(row)).collect()
}

fn rows(connection: &Connection, statement: &str) -> Vec<Vec<Value>> {
    let mut statement = connection.prepare(statement).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect());
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

fn plain_guest() -> Vec<u8> {
    fs::read(harness::guest("inventory_guest.wasm")).unwrap()
}

#[test]
fn the_guest_encodes_into_a_component_that_imports_its_contract_and_wasi_only() {
    let imports = component::imports();
    let (wasi, contract): (Vec<_>, Vec<_>) =
        imports.iter().partition(|function| function.starts_with("wasi:"));
    let sqlite = ["inventory:host/sqlite@2.0.0#execute", "inventory:host/sqlite@2.0.0#query"];
    assert_eq!(contract, sqlite);
    for function in wasi {
        let outside = ["wasi:clocks/", "wasi:http/", "wasi:random/", "wasi:sockets/"];
        assert!(!outside.iter().any(|package| function.starts_with(package)), "{function}");
    }
}

#[test]
fn compiled_wasmedge_and_wasmtime_answer_alike_and_write_the_same_rows() {
    let file = harness::guest("inventory_guest.aot.wasm");
    let binary = Binary::open(&file, file.parent().unwrap()).unwrap();
    assert_eq!(binary.mode(), ExecutionMode::Aot);
    let plain = Binary::open_interpreted(&harness::guest("inventory_guest.wasm")).unwrap();
    assert_eq!(binary.digest_hex(), plain.digest_hex(), "`make test` builds both");

    let met = compare(&binary, COMMANDS_COMPILED);
    // A stream that met little would prove little.
    assert!(met.commands.len() >= 10, "{met:?}");
    assert!(met.refusals.len() >= 20, "{met:?}");
    assert_eq!(met.faults.len(), 1, "{met:?}");
    assert!(met.changes.len() >= 10, "{met:?}");
    assert!(met.replays > 100, "{met:?}");
}

#[test]
fn interpreted_wasmedge_and_wasmtime_answer_alike_and_write_the_same_rows() {
    let plain = harness::guest("inventory_guest.wasm");
    compare(&Binary::open_interpreted(&plain).unwrap(), COMMANDS_INTERPRETED);
}

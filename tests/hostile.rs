//! A guest that breaks the canonical ABI in every way: refused or trapped, never read or written
//! outside its memory, never a crash of the host.

use edge_host::{
    guest::{EXPORTS, GuestModule, IMPORTS, sqlite, types},
    host_functions::{HostFunctions, WASI_ALLOWED, redis::RedisHost},
    runtime::Binary,
};
use wit_bindgen_wasmedge::rt::{CallError, CoreType, Presence};

/// A host whose every query answers one long text.
struct Answering;

impl edge_host::guest::Sqlite for Answering {
    fn execute(&mut self, _: String, _: Vec<sqlite::Value>) -> Result<u64, sqlite::Error> {
        Ok(1)
    }

    fn query(&mut self, _: String, _: Vec<sqlite::Value>) -> Result<sqlite::Rows, sqlite::Error> {
        let cells = vec![sqlite::Cell::Text(100_000)];
        Ok(sqlite::Rows { columns: 1, cells, bytes: vec![b'x'; 100_000] })
    }
}

/// The parts of a module with the contract's imports and exports. Each is a function's body.
pub(crate) struct Hostile<'a> {
    /// `cabi_realloc (old i32) (old-size i32) (align i32) (size i32) -> i32`
    pub(crate) realloc: &'a str,
    /// `apply (now i64) (commands i32) (count i32) -> i32`
    pub(crate) apply: &'a str,
    /// Data from address 1024 on.
    pub(crate) data: &'a str,
}

/// A bump allocator: as honest guests have it.
pub(crate) const HONEST_REALLOC: &str = "(local.get $align) (drop)
    (global.set $top (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.get $top)
    (global.set $top (i32.add (global.get $top) (local.get $size)))";

/// The name of the contract's `apply`.
pub(crate) fn apply_name() -> &'static str {
    let names = EXPORTS.iter().map(|export| export.name);
    names.into_iter().find(|name| name.ends_with("#apply")).expect("a guest decides commands")
}

/// What else the contract wants exported, none of which is called.
pub(crate) fn other_exports() -> String {
    let types = |types: &[CoreType]| -> String {
        types.iter().map(|it| format!("{it:?} ").to_lowercase()).collect()
    };
    EXPORTS
        .iter()
        .filter(|it| it.presence == Presence::Required && it.name != apply_name())
        .filter(|it| it.name.contains('#'))
        .map(|it| {
            let (params, results) = (types(it.params), types(it.results));
            let name = it.name;
            format!("(func (export \"{name}\") (param {params}) (result {results}) (unreachable))")
        })
        .collect::<Vec<_>>()
        .concat()
}

/// One page of memory, so that its end is at 65,536.
pub(crate) fn module(hostile: &Hostile<'_>) -> Vec<u8> {
    let sqlite = "inventory:host/sqlite@2.0.0";
    let text = format!(
        r#"(module
        (import "{sqlite}" "execute" (func $execute (param i32 i32 i32 i32 i32)))
        (import "{sqlite}" "query" (func $query (param i32 i32 i32 i32 i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1 4)
        (global $top (mut i32) (i32.const 8192))
        (data (i32.const 1024) "{data}")
        (func $realloc (export "cabi_realloc")
            (param $old i32) (param $old_size i32) (param $align i32) (param $size i32)
            (result i32) {realloc})
        (func $apply (export "{apply}")
            (param $now i64) (param $list i32) (param $count i32) (result i32)
            {body})
        {others})"#,
        data = hostile.data,
        realloc = hostile.realloc,
        body = hostile.apply,
        apply = apply_name(),
        others = other_exports(),
    );
    wat::parse_str(text).unwrap()
}

fn call(hostile: &Hostile<'_>) -> Result<(), CallError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hostile.wasm");
    std::fs::write(&file, module(hostile)).unwrap();
    let binary = Binary::open_interpreted(&file).unwrap();
    let module = GuestModule::load(&binary, WASI_ALLOWED).unwrap();
    let mut guest = module
        .instantiate(HostFunctions { sqlite: Answering, redis: RedisHost::unconfigured() })
        .unwrap();
    let command =
        types::Command::Confirm(types::Confirm { order_id: "O-1".to_owned(), request_id: None });
    guest.apply(0, &[command]).map(|_| ())
}

fn refused(what: &str, hostile: &Hostile<'_>, reason: &str) {
    let error = call(hostile).expect_err(what);
    let said = format!("{error} {error:?}");
    assert!(said.to_lowercase().contains(reason), "{what}: expected {reason:?} in {said}");
}

#[test]
fn the_contract_has_the_imports_this_test_knows() {
    let names: Vec<_> = IMPORTS.iter().map(|import| import.name).collect();
    assert_eq!(names, ["execute", "query", "execute", "pipeline", "eval"]);
}

#[test]
fn an_allocator_that_lies_is_found_out() {
    for (what, realloc, reason) in [
        ("past the end", "(i32.const 65528)", "bounds"),
        ("far past the end", "(i32.const -8)", "bounds"),
        ("not aligned", "(i32.const 8193)", "align"),
        ("traps", "(unreachable)", "unreachable"),
        (
            "calls an import",
            "(call $query (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
             (i32.const 8192)",
            "",
        ),
    ] {
        let hostile = Hostile { realloc, apply: "(i32.const 1024)", data: "" };
        refused(what, &hostile, reason);
    }
}

#[test]
fn an_answer_that_cannot_be_lifted_is_an_error() {
    // The result: a discriminant, then at 4 the outcomes' pointer and count, at 12 the skus'.
    for (what, apply, data, reason) in [
        ("answer past the end", "(i32.const 65528)", "", "bounds"),
        ("answer at a wild address", "(i32.const -4)", "", "bounds"),
        ("answer not aligned", "(i32.const 1025)", "", "align"),
        ("unknown case", "(i32.const 1024)", r"\07\00\00\00", "discriminant"),
        (
            "list past the end",
            "(i32.const 1024)",
            r"\00\00\00\00\00\ff\00\00\00\ff\ff\ff",
            "bounds",
        ),
        (
            "count that overflows",
            "(i32.const 1024)",
            r"\00\00\00\00\00\04\00\00\ff\ff\ff\ff\00\04\00\00\ff\ff\ff\ff",
            "",
        ),
        (
            "text that is not UTF-8",
            "(i32.const 1024)",
            concat!(
                r"\00\00\00\00\00\00\00\00\00\00\00\00\18\04\00\00\01\00\00\00",
                r"\00\00\00\00\20\04\00\00\01\00\00\00\ff",
            ),
            "utf-8",
        ),
    ] {
        refused(what, &Hostile { realloc: HONEST_REALLOC, apply, data }, reason);
    }
}

#[test]
fn a_host_call_with_wild_arguments_is_a_trap() {
    // Pointer and length of the statement, of the parameters; where the answer goes.
    for (what, [statement, bytes, parameters, count, answer]) in [
        ("statement outside memory", [65_530, 100, 0, 0, 1_024]),
        ("statement of 4 GiB", [0, -1, 0, 0, 1_024]),
        ("statement not UTF-8", [1_024, 1, 0, 0, 2_048]),
        ("parameters outside memory", [0, 0, 65_528, 9, 1_024]),
        ("unknown kind of parameter", [0, 0, 1_024, 1, 2_048]),
        ("count that overflows", [0, 0, 0, -1, 1_024]),
        ("answer outside memory", [0, 0, 0, 0, 65_528]),
        ("answer not aligned", [0, 0, 0, 0, 1_025]),
    ] {
        let arguments = [statement, bytes, parameters, count, answer]
            .map(|argument: i32| format!("(i32.const {argument})"))
            .join(" ");
        let apply = format!("(call $query {arguments}) (i32.const 4096)");
        let data = r"\ff\ff\ff\ff";
        let hostile = Hostile { realloc: HONEST_REALLOC, apply: &apply, data };
        refused(what, &hostile, "");
    }
}

#[test]
fn traps_of_the_guest_itself_are_errors() {
    for (what, apply, reason) in [
        ("unreachable", "(unreachable)", "unreachable"),
        ("reads past the end", "(i32.load (i32.const 65534))", "bounds"),
        // It has answered nothing, though it says that all is well.
        ("ends itself", "(call $exit (i32.const 0)) (i32.const 4096)", "terminated"),
        ("divides by zero", "(i32.div_u (i32.const 1) (i32.const 0))", "divide"),
    ] {
        refused(what, &Hostile { realloc: HONEST_REALLOC, apply, data: "" }, reason);
    }
}

#[test]
fn a_guest_cannot_grow_past_its_limit() {
    let apply = "(if (i32.ne (memory.grow (i32.const 100000)) (i32.const -1)) (then (unreachable)))
                 (i32.const 65528)";
    let hostile = Hostile { realloc: HONEST_REALLOC, apply, data: "" };
    // The growth was refused: the guest goes on, to an answer that is out of bounds.
    refused("grows", &hostile, "bounds");
}

//! Calls from inside a guest: a module whose `apply` runs a script, and answers what Redis said.

use std::time::Duration;

use edge_host::{
    guest::{GuestModule, IMPORTS, sqlite},
    host_functions::{HostFunctions, WASI_ALLOWED, redis::RedisHost},
    runtime::Binary,
};

use super::{host, servers::Server};
use crate::hostile::{apply_name, other_exports};

/// A database that is not asked.
struct NoDatabase;

impl edge_host::guest::Sqlite for NoDatabase {
    fn execute(&mut self, _: String, _: Vec<sqlite::Value>) -> Result<u64, sqlite::Error> {
        Err(sqlite::Error::Busy)
    }

    fn query(&mut self, _: String, _: Vec<sqlite::Value>) -> Result<sqlite::Rows, sqlite::Error> {
        Err(sqlite::Error::Busy)
    }
}

const SCRIPT: &str = "return redis.call('INCRBY', KEYS[1], ARGV[1]) .. ' sold'";

/// `apply` calls `eval(SCRIPT, ["sold"], ["3"])`. A reply of bytes becomes the one changed sku;
/// an error becomes a sku `error N`, where N is its case.
fn module() -> Vec<u8> {
    let eval = "inventory:host/redis@2.0.0";
    // 1024: the script. 2048: lists of (pointer, length). 4096: where the result is put: at 0 its
    // case, at 4 (pointer, length) of the nodes or at 4 the case of the error. A node: at 0 its
    // case, at 8 (pointer, length) of its bytes. 5120: what apply answers: at 0 ok, at 4 no
    // outcomes, at 12 the changed skus, which are one at 5200.
    let text = format!(
        r#"(module
        (import "{eval}" "eval" (func $eval (param i32 i32 i32 i32 i32 i32 i32)))
        (memory (export "memory") 1 4)
        (global $top (mut i32) (i32.const 8192))
        (data (i32.const 1024) "{SCRIPT}")
        (data (i32.const 2048) "\10\08\00\00\04\00\00\00\14\08\00\00\01\00\00\00sold3")
        (data (i32.const 5120) "\00\00\00\00\00\00\00\00\00\00\00\00\50\14\00\00\01\00\00\00")
        (data (i32.const 5300) "error 0")
        (func (export "cabi_realloc") (param i32 i32 i32) (param $size i32) (result i32)
            (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15)) (i32.const -8)))
            (global.get $top)
            (global.set $top (i32.add (global.get $top) (local.get $size))))
        (func (export "{apply}") (param i64 i32 i32) (result i32)
            (local $nodes i32)
            (call $eval (i32.const 1024) (i32.const {length}) (i32.const 2048) (i32.const 1)
                (i32.const 2056) (i32.const 1) (i32.const 4096))
            (if (i32.load8_u (i32.const 4096))
                (then
                    (i32.store8 (i32.const 5306)
                        (i32.add (i32.const 48) (i32.load8_u (i32.const 4100))))
                    (i32.store (i32.const 5200) (i32.const 5300))
                    (i32.store (i32.const 5204) (i32.const 7)))
                (else
                    (local.set $nodes (i32.load (i32.const 4100)))
                    (if (i32.ne (i32.load8_u (local.get $nodes)) (i32.const 3))
                        (then (unreachable)))
                    (i32.store (i32.const 5200) (i32.load offset=8 (local.get $nodes)))
                    (i32.store (i32.const 5204) (i32.load offset=12 (local.get $nodes)))))
            (i32.const 5120))
        {others})"#,
        apply = apply_name(),
        others = other_exports(),
        length = SCRIPT.len(),
    );
    wat::parse_str(text).unwrap()
}

#[test]
fn a_guest_runs_a_script_and_hears_what_went_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seller.wasm");
    std::fs::write(&file, module()).unwrap();
    let binary = Binary::open_interpreted(&file).unwrap();
    let module = GuestModule::load(&binary, WASI_ALLOWED).unwrap();
    let server = Server::start();
    let redis = host(&server.url(), Duration::from_millis(200));
    let mut guest = module.instantiate(HostFunctions { sqlite: NoDatabase, redis }).unwrap();
    let mut apply = || guest.apply(0, &[]).unwrap().unwrap().changed_skus;
    assert_eq!(apply(), ["3 sold"]);
    assert_eq!(apply(), ["6 sold"]);
    server.cli(&["SCRIPT", "FLUSH"]);
    assert_eq!(apply(), ["9 sold"]);
    server.cli(&["SET", "sold", "many"]);
    assert_eq!(apply(), ["error 3"], "server");
    server.pause();
    assert_eq!(apply(), ["error 1"], "timeout");
    assert_eq!(apply(), ["error 0"], "unavailable: it is left alone");
    server.resume();
}

#[test]
fn a_guest_without_a_configured_redis_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seller.wasm");
    std::fs::write(&file, module()).unwrap();
    let binary = Binary::open_interpreted(&file).unwrap();
    let module = GuestModule::load(&binary, WASI_ALLOWED).unwrap();
    let redis = RedisHost::unconfigured();
    let mut guest = module.instantiate(HostFunctions { sqlite: NoDatabase, redis }).unwrap();
    assert_eq!(guest.apply(0, &[]).unwrap().unwrap().changed_skus, ["error 0"]);
    assert!(IMPORTS.iter().any(|import| import.module == "inventory:host/redis@2.0.0"));
}

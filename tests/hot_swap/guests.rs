//! Other guests: the real one with a function put before one of its exports.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};

use edge_host::runtime;

use crate::harness;

/// `apply` counts commands in its third parameter, so that a caller chooses what happens by the
/// size of its batch.
const APPLY: &str = "inventory:guest/commands@2.0.0#apply";
const APPLY_TYPE: &str = "(param i64 i32 i32) (result i32)";
const DESCRIBE: &str = "inventory:guest/lifecycle@2.0.0#describe";
const GET_ORDER: &str = "inventory:guest/orders@2.0.0#get-order";

/// The real guest's bytes.
pub(crate) fn real() -> Vec<u8> {
    std::fs::read(harness::guest("inventory_guest.wasm")).unwrap()
}

/// Puts the guest's AOT code where a host of this data folder keeps what it compiled; a host that
/// starts sweeps it away. Each guest is compiled once for all tests, for size, in half of the time;
/// one test lets the host do it.
pub(crate) fn compile_into(data: &Path, guest: &[u8]) {
    static COMPILED: Mutex<Option<HashMap<String, Vec<u8>>>> = Mutex::new(None);
    let digest = runtime::digest_hex(guest);
    let mut compiled = COMPILED.lock().unwrap();
    let code = compiled.get_or_insert_default().entry(digest.clone()).or_insert_with(|| {
        let folder = tempfile::tempdir().unwrap();
        let (plain, aot) = (folder.path().join("guest.wasm"), folder.path().join("guest.so"));
        std::fs::write(&plain, guest).unwrap();
        let mut compile = Command::new(harness::edge_host());
        compile.args(["compile-guest", "--for-size"]).args([&plain, &aot]);
        assert!(compile.status().unwrap().success());
        std::fs::read(aot).unwrap()
    });
    std::fs::write(kept(data, &digest, "so"), code).unwrap();
}

/// The real guest with one more section, which says nothing: another guest of the same code. Its
/// AOT code is the real one's with its digest in the stamp, and needs no compiler.
pub(crate) fn twin(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).unwrap();
    [&real()[..], &[0, length + 1, length], name.as_bytes()].concat()
}

/// Does what [`compile_into`] does, in no time.
pub(crate) fn link_into(data: &Path, twin: &[u8]) {
    const STAMP: &[u8] = b"edge-host-aot";
    let digest = runtime::digest_hex(twin);
    let mut code = std::fs::read(harness::guest("inventory_guest.so")).unwrap();
    // At its end: the digest, a checksum of what is before, who made it; how long that is; STAMP.
    let length_at = code.len() - STAMP.len() - 1;
    let digest_at = length_at - usize::from(code[length_at]);
    hex::decode_to_slice(&digest, &mut code[digest_at..digest_at + 32]).unwrap();
    std::fs::write(kept(data, &digest, "so"), code).unwrap();
}

/// Where a host of this data folder keeps a guest's module (`wasm`) or its code (`so`).
pub(crate) fn kept(data: &Path, digest: &str, ending: &str) -> PathBuf {
    let folder = data.join("guests");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(format!("{digest}.{ending}"))
}

/// Its clock is an hour ahead: a hold lasts as long, from there on.
pub(crate) fn hour_ahead() -> Vec<u8> {
    applying("(i64.add (local.get 0) (i64.const 3600000)) (local.get 1) (local.get 2) (call $real)")
}

/// Traps on everything.
pub(crate) fn broken() -> Vec<u8> {
    applying("(unreachable)")
}

/// Works, but for batches of 6 to 10 commands, and for orders with an id of 41 to 43 bytes.
pub(crate) fn wicked() -> Vec<u8> {
    let apply = "(local i32)
         (if (i32.eq (local.get 2) (i32.const 6)) (then
            (local.set 3 (call $real (local.get 0) (local.get 1) (local.get 2)))
            (i32.store offset=8 (local.get 3) (i32.const 5))
            (return (local.get 3))))
         (if (i32.eq (local.get 2) (i32.const 7)) (then (unreachable)))
         (if (i32.eq (local.get 2) (i32.const 8)) (then (loop $again (br $again))))
         (if (i32.eq (local.get 2) (i32.const 9)) (then
            (drop (i32.add (call $wrapper (i64.const 0) (i32.const 0) (i32.const 9))
                           (call $wrapper (i64.const 1) (i32.const 0) (i32.const 9))))))
         (if (i32.eq (local.get 2) (i32.const 10)) (then
            (loop $again (br_if $again (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))
            (unreachable)))
         (local.get 0) (local.get 1) (local.get 2) (call $real)";
    let get_order = "(if (i32.eq (local.get 1) (i32.const 41)) (then (unreachable)))
         (if (i32.eq (local.get 1) (i32.const 42)) (then (loop $again (br $again))))
         (if (i32.eq (local.get 1) (i32.const 43)) (then
            (drop (i32.add (call $wrapper (i32.const 0) (i32.const 43))
                           (call $wrapper (i32.const 1) (i32.const 43))))))
         (local.get 0) (local.get 1) (call $real)";
    let text = wrap(text(), APPLY, APPLY_TYPE, apply);
    let text = wrap(&text, GET_ORDER, "(param i32 i32) (result i32)", get_order);
    wat::parse_str(text).unwrap()
}

/// Never ends where the first command is for an order with an id of 44 bytes.
pub(crate) fn stubborn() -> Vec<u8> {
    // A command: which, then its record, which begins with that id's address and length.
    applying(
        "(if (i32.eq (i32.load offset=12 (local.get 1)) (i32.const 44))
            (then (loop $again (br $again))))
         (local.get 0) (local.get 1) (local.get 2) (call $real)",
    )
}

/// Never ends with the order that a new guest is asked for again and again while it is watched.
pub(crate) fn sleepless() -> Vec<u8> {
    let get_order = "(if (i32.eq (local.get 1) (i32.const 15)) (then (loop $again (br $again))))
         (local.get 0) (local.get 1) (call $real)";
    wrapped(GET_ORDER, "(param i32 i32) (result i32)", get_order)
}

/// Says that the database is corrupt when it is asked for that order.
pub(crate) fn gloomy() -> Vec<u8> {
    // The answer lies in a page of its own, all zero: that it is a fault, and at 8 which.
    let get_order = "(local i32)
         (if (i32.eq (local.get 1) (i32.const 15)) (then
            (local.set 2 (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)))
            (i32.store8 (local.get 2) (i32.const 1))
            (i32.store8 offset=8 (local.get 2) (i32.const 5))
            (return (local.get 2))))
         (local.get 0) (local.get 1) (call $real)";
    wrapped(GET_ORDER, "(param i32 i32) (result i32)", get_order)
}

/// Says that its tables are of the next version.
pub(crate) fn newer_tables() -> Vec<u8> {
    let body = "(local i32) (local.set 0 (call $real))
        (i32.store offset=16 (local.get 0)
            (i32.add (i32.load offset=16 (local.get 0)) (i32.const 1)))
        (local.get 0)";
    wrapped(DESCRIBE, "(result i32)", body)
}

/// Its `get-order` takes no parameters.
pub(crate) fn other_types() -> Vec<u8> {
    wrapped(GET_ORDER, "(result i32)", "(i32.const 0) (i32.const 0) (call $real)")
}

/// Asks for a file.
pub(crate) fn greedy() -> Vec<u8> {
    wat::parse_str(text().replace("\"environ_get\"", "\"fd_prestat_get\"")).unwrap()
}

fn applying(body: &str) -> Vec<u8> {
    wrapped(APPLY, APPLY_TYPE, body)
}

fn wrapped(export: &str, signature: &str, body: &str) -> Vec<u8> {
    wat::parse_str(wrap(text(), export, signature, body)).unwrap()
}

/// The module with `body` in front of an export; `$real` in it is what was exported.
fn wrap(text: &str, export: &str, signature: &str, body: &str) -> String {
    let before = format!("(export \"{export}\" (func ");
    let (start, rest) = text.split_once(&before).expect("the guest exports it");
    let (real, rest) = rest.split_once(')').unwrap();
    // A name of its own: more than one may be wrapped.
    let wrapper = format!("$wrapper-{real}");
    let body = body.replace("$real", real).replace("$wrapper", &wrapper);
    let rest = rest.trim_end().strip_suffix(')').unwrap();
    format!(
        "{start}{before}{wrapper}){rest}
         (func {wrapper} {signature} {body}))"
    )
}

fn text() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| wasmprinter::print_bytes(real()).unwrap())
}

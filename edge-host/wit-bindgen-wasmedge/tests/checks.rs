//! Checking a module's imports and exports against the tables, before it runs.

#![allow(clippy::incompatible_msrv)] // tests are built by the newer compiler

mod support;

use support::kinds::{EXPORTS, IMPORTS};
use wit_bindgen_wasmedge::rt::{
    CoreType, Item, ItemKind, Presence, Signature, check_exports, check_imports,
};

fn item(signature: &Signature) -> Item<'_> {
    let kind = ItemKind::Function { params: signature.params, results: signature.results };
    Item { module: signature.module, name: signature.name, kind }
}

/// What a guest of the world exports, of which the test may take away.
fn exports() -> Vec<Item<'static>> {
    let memory = Item { module: "", name: "memory", kind: ItemKind::Memory };
    EXPORTS.iter().map(item).chain([memory]).collect()
}

fn messages(mismatches: Vec<wit_bindgen_wasmedge::rt::Mismatch>) -> Vec<String> {
    mismatches.into_iter().map(|mismatch| mismatch.to_string()).collect()
}

#[test]
fn a_guest_of_the_world_fits() {
    let imports: Vec<Item<'_>> = IMPORTS.iter().map(item).collect();
    assert_eq!(check_imports(&imports, &[IMPORTS]), []);
    assert_eq!(check_exports(&exports(), EXPORTS), []);
}

#[test]
fn a_guest_need_not_import_everything_nor_export_only_the_world() {
    assert_eq!(check_imports(&[], &[IMPORTS]), []);
    let mut exports = exports();
    exports.push(Item { module: "", name: "_initialize", kind: ItemKind::Other("a table") });
    assert_eq!(check_exports(&exports, EXPORTS), []);
}

#[test]
fn imports_may_come_from_any_of_the_allowed_tables() {
    const WASI: &[Signature] = &[Signature {
        module: "wasi_snapshot_preview1",
        name: "proc_exit",
        params: &[CoreType::I32],
        results: &[],
        wit: "proc_exit",
        presence: Presence::Optional,
    }];
    let imports = [item(&WASI[0]), item(&IMPORTS[0])];
    assert_eq!(check_imports(&imports, &[IMPORTS, WASI]), []);
    let expected = "import `wasi_snapshot_preview1` `proc_exit`: a function (i32) -> () is not \
                    offered to guests";
    assert_eq!(messages(check_imports(&imports, &[IMPORTS])), [expected]);
}

#[test]
fn an_import_of_another_type_is_refused_with_both_types() {
    let kind = ItemKind::Function { params: &[CoreType::I64], results: &[] };
    let imports = [Item { module: "test:kinds/echo@0.1.0", name: "echo-u32", kind }];
    let expected = "import `test:kinds/echo@0.1.0` `echo-u32`: expected a function (i32) -> (i32) \
                    for `test:kinds/echo@0.1.0 echo-u32: func(value: u32) -> u32`, found a \
                    function (i64) -> ()";
    assert_eq!(messages(check_imports(&imports, &[IMPORTS])), [expected]);
}

#[test]
fn every_missing_export_is_named_but_post_returns_may_miss() {
    let expected = EXPORTS.iter().filter(|export| export.presence == Presence::Required).count();
    let found = messages(check_exports(&[], EXPORTS));
    assert_eq!(found.len(), expected + 1, "{found:?}");
    assert_eq!(found[0], "export `memory`: missing, expected a memory");
    let run = "export `run`: missing, expected a function (i32, i32) -> (i32) for `world kinds \
               run: func(new: list<u32>) -> option<u32>`";
    assert_eq!(found[1], run);
    let realloc = "export `cabi_realloc`: missing, expected a function (i32, i32, i32, i32) -> \
                   (i32) for `cabi_realloc: func(old-pointer, old-size, align, new-size) -> \
                   pointer`";
    assert_eq!(found[found.len() - 1], realloc);
}

#[test]
fn an_export_of_another_type_is_refused_also_where_it_is_optional() {
    let mut exports = exports();
    exports[1].kind = ItemKind::Other("a global");
    exports.last_mut().unwrap().kind = ItemKind::Other("a 64-bit memory");
    let expected = [
        "export `memory`: expected a 32-bit memory, found a 64-bit memory",
        "export `cabi_post_run`: expected a function (i32) -> () for `post-return of world kinds \
         run: func(new: list<u32>) -> option<u32>`, found a global",
    ];
    assert_eq!(messages(check_exports(&exports, EXPORTS)), expected);
}

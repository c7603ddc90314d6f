//! What the generator writes, and what it refuses.

use std::path::PathBuf;

use wit_bindgen_wasmedge::generate::{GenerateError, Generator};

fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

/// The glue of a package given as text.
fn generate(name: &str, wit: &str) -> Result<String, GenerateError> {
    let directory = std::env::temp_dir().join(format!("wit-bindgen-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("world.wit"), wit).unwrap();
    let generated = Generator::new(&directory).generate();
    std::fs::remove_dir_all(&directory).unwrap();
    generated
}

fn refusal(name: &str, wit: &str) -> String {
    generate(name, wit).expect_err("the world is refused").to_string()
}

/// `UPDATE_GOLDEN=1 cargo test -p wit-bindgen-wasmedge --features generate` writes the files anew.
#[test]
fn worlds_are_generated_as_the_golden_files_say() {
    for (wit, golden) in [
        ("kinds", "golden/kinds.rs"),
        ("../examples/greet/greet.wit", "../examples/greet/bindings.rs"),
    ] {
        let golden = here(golden);
        let generated = Generator::new(here(wit)).generate().unwrap();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &generated).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        assert!(generated == expected, "{} differs; UPDATE_GOLDEN=1 updates it", golden.display());
    }
}

#[test]
fn code_lines_are_at_most_100_wide() {
    let generated = Generator::new(here("kinds")).generate().unwrap();
    let code = generated.lines().filter(|line| !line.trim_start().starts_with("wit: "));
    for line in code.filter(|line| !line.trim_start().starts_with("///")) {
        assert!(line.len() <= 100, "{line}");
    }
}

#[test]
fn what_the_build_script_asks_for_is_generated() {
    let generated = Generator::new(here("kinds"))
        .world("kinds")
        .additional_derive("Hash")
        .additional_derive("Eq")
        .lifted_bytes_max(1_234_567)
        .generate()
        .unwrap();
    assert!(generated.contains("pub const LIFTED_BYTES_MAX: usize = 1_234_567;"));
    assert!(generated.contains("#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]"));
    assert!(generated.contains("#[derive(Debug, Clone, PartialEq, Hash, Eq)]"), "Eq only once");
}

#[test]
fn a_file_is_written_where_asked() {
    let path = std::env::temp_dir().join(format!("wit-bindgen-{}.rs", std::process::id()));
    Generator::new(here("kinds")).write_to(&path).unwrap();
    let written = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(written, Generator::new(here("kinds")).generate().unwrap());
    let missing = Generator::new(here("kinds")).write_to("/nowhere/at/all.rs");
    assert!(matches!(missing, Err(GenerateError::Write { .. })));
}

#[test]
fn resources_are_refused_by_name() {
    let wit = "package a:b;
        interface files { resource file { read: func() -> list<u8>; } }
        world w { import files; }";
    assert_eq!(
        refusal("resource", wit),
        "a:b/files: the resource type `file` is not supported by wit-bindgen-wasmedge",
    );
}

#[test]
fn handles_streams_futures_and_waiting_are_refused_where_they_are_used() {
    for (name, function, what) in [
        ("stream", "f: func(a: stream<u8>)", "a stream"),
        ("future", "f: func() -> future<u32>", "a future"),
        ("nested", "f: func() -> list<option<tuple<u8, stream<u8>>>>", "a stream"),
        ("async", "f: async func()", "an async function"),
        ("error", "f: func(a: error-context)", "an error-context"),
        ("map", "f: func(a: map<string, u8>)", "a map"),
        ("fixed", "f: func(a: list<u8, 4>)", "a fixed-length list"),
    ] {
        let wit = format!("package a:b; interface i {{ {function}; }} world w {{ export i; }}");
        let message = refusal(name, &wit);
        let expected = format!("a:b/i f: {what} is not supported by wit-bindgen-wasmedge");
        assert_eq!(message, expected, "{function}");
    }
}

#[test]
fn a_named_type_made_of_refused_types_is_refused() {
    let wit = "package a:b; interface i { record r { s: option<stream<u8>> } }
        world w { import i; }";
    assert_eq!(
        refusal("record", wit),
        "a:b/i r: a stream is not supported by wit-bindgen-wasmedge",
    );
}

#[test]
fn wit_that_does_not_parse_is_refused_with_its_line() {
    let message = refusal("syntax", "package a:b;\ninterface i { f: funk(); }");
    assert!(message.contains("world.wit:2"), "{message}");
}

#[test]
fn the_world_must_be_named_where_there_are_several() {
    let message = refusal("several", "package a:b; world one {} world two {}");
    assert!(message.contains("world"), "{message}");
    let none = Generator::new(here("kinds")).world("absent").generate();
    assert!(matches!(none, Err(GenerateError::Wit(_))));
}

#[test]
fn interfaces_of_the_same_name_get_their_package_before_it() {
    let wit = "package a:b;
        interface types { type t = u8; }
        interface more { use types.{t}; f: func() -> t; }
        package c:d { interface types { record t { x: u8 } g: func() -> t; } }
        world w { export more; import c:d/types; }";
    let generated = generate("modules", wit).unwrap();
    assert!(generated.contains("pub mod b_types {"), "{generated}");
    assert!(generated.contains("pub mod d_types {"));
    assert!(generated.contains("pub trait DTypes {"));
    assert!(generated.contains("pub fn f(&mut self) -> Result<b_types::T, rt::CallError> {"));
}

#[test]
fn names_that_clash_in_rust_are_refused() {
    let wit = "package a:b; interface call-import { type t = u8; f: func(); }
        world w { import call-import; }";
    let expected = "the generated code and a:b/call-import would both be named `call_import` in \
                    Rust; rename one";
    assert_eq!(refusal("clash", wit), expected);
}

#[test]
fn enums_with_more_cases_than_a_byte_counts_have_wide_discriminants() {
    let cases: Vec<String> = (0..257).map(|case| format!("c{case}")).collect();
    let wit = format!(
        "package a:b; interface i {{ enum e {{ {} }} f: func(e: e); }} world w {{ import i; }}",
        cases.join(", "),
    );
    let generated = generate("wide", &wit).unwrap();
    assert!(generated.contains("const SIZE: usize = 2;"));
    assert!(generated.contains("rt::Lower::store(&(*self as u16), memory, at)"));
}

#[test]
fn realloc_is_required_only_where_something_is_placed_in_memory() {
    let required = |wit: &str| {
        let generated = generate("realloc", wit).unwrap();
        let entry = generated.split("name: \"cabi_realloc\"").nth(1).unwrap();
        entry.contains("rt::Presence::Required")
    };
    assert!(!required("package a:b; world w { export f: func(a: u8) -> string; }"));
    assert!(required("package a:b; world w { export f: func(a: option<string>); }"));
    assert!(required("package a:b; world w { import f: func() -> list<u8>; }"));
    assert!(!required("package a:b; world w { import f: func(a: string) -> tuple<u64, u64>; }"));
}

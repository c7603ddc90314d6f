//! A guest in WasmEdge that greets with words the host knows: `greet.wit` is the contract,
//! `guest.wat` the guest, `bindings.rs` what the generator writes (a build script would write it to
//! `OUT_DIR`), and `engine.rs` all that names WasmEdge.

#![allow(clippy::doc_markdown, reason = "WasmEdge is a name, not code")]

mod engine;

#[allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::all,
    clippy::pedantic,
    reason = "generated"
)]
mod bindings {
    include!("bindings.rs");
}

use bindings::{Greet, Phrases};

/// The host's side of the interface `phrases`.
struct Phrasebook;

impl Phrases for Phrasebook {
    fn greeting(&mut self, language: String) -> Option<String> {
        match language.as_str() {
            "en" => Some("Hello".to_owned()),
            "fi" => Some("Hyvää päivää".to_owned()),
            "zh" => Some("你好".to_owned()),
            _ => None,
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/greet/guest.wat");
    let mut greet = Greet::new(engine::Guest::load(guest, Phrasebook)?);
    for language in ["en", "fi", "zh", "tlh"] {
        match greet.greet("Ada", language)? {
            Ok(text) => println!("{text}"),
            Err(language) => println!("(no greeting in {language})"),
        }
    }
    Ok(())
}

//! A guest in WasmEdge that greets with words the host knows: `greet.wit` is the contract,
//! `guest.wat` the guest, and `bindings.rs` what the generator writes (a build script would write
//! it to `OUT_DIR`). The engine is edge-host's `runtime`: `rt`'s traits over WasmEdge.

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

use std::error::Error;

use bindings::{EXPORTS, Greet, IMPORTS, Phrases};
use edge_host::runtime::{Imports, Instance, Module};
use wit_bindgen_wasmedge::rt::{CoreValue, GuestMemory, Trap};

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

impl Imports for Phrasebook {
    fn call(
        &mut self,
        import: usize,
        memory: &mut dyn GuestMemory,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        bindings::call_import(self, memory, import, params, results)
            .map_err(|error| Trap::new(error.to_string()))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let module = Module::load(&wat::parse_str(include_str!("guest.wat"))?)?;
    let mut greet = Greet::new(Instance::new(&module, IMPORTS, EXPORTS, Phrasebook)?);
    for language in ["en", "fi", "zh", "tlh"] {
        match greet.greet("Ada", language)? {
            Ok(text) => println!("{text}"),
            Err(language) => println!("(no greeting in {language})"),
        }
    }
    Ok(())
}

//! The guest as Rust sees it: types and typed calls, which `wit/json` generates from `wit/`, and
//! the check of a guest against them.

use std::path::Path;

use wit_bindgen_wasmedge::rt::{self, Signature};

pub use inventory_json::contract::*;

use crate::runtime::{self, Binary, ExecutionMode, Imports, Instance, Interface, Module};

/// Checks a module's imports and exports against the contract, before anything of it runs.
/// `allowed` is what it may import besides.
pub fn check(bytes: &[u8], allowed: &[Signature]) -> Result<(), runtime::Error> {
    let interface = Interface::of(bytes)?;
    let imports: Vec<_> = interface.imports.iter().map(runtime::Item::as_rt).collect();
    let exports: Vec<_> = interface.exports.iter().map(runtime::Item::as_rt).collect();
    let mut mismatches = rt::check_imports(&imports, &[IMPORTS, allowed]);
    mismatches.extend(rt::check_exports(&exports, EXPORTS));
    if mismatches.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = mismatches.iter().map(ToString::to_string).collect();
    Err(runtime::Error::Unfit(lines.join("; ")))
}

/// Checks the module in a file against the contract, and that its code, if it has some, is whole.
pub fn check_file(file: &Path, allowed: &[Signature]) -> Result<(), runtime::Error> {
    check(&runtime::read_plain(file)?, allowed)
}

/// An instance of the guest, with the state of its host functions.
pub type Guest<H> = Inventory<Instance<H>>;

/// A guest that was checked against the contract and may be instantiated.
pub struct GuestModule {
    module: Module,
    digest: String,
    mode: ExecutionMode,
}

impl GuestModule {
    /// Checks the binary's imports and exports against the contract, then loads it. `allowed` is
    /// what it may import besides.
    pub fn load(binary: &Binary, allowed: &[Signature]) -> Result<Self, runtime::Error> {
        check(binary.bytes(), allowed)?;
        let module = Module::open(binary)?;
        Ok(Self { module, digest: binary.digest_hex(), mode: binary.mode() })
    }

    /// An instance with its own memory, for the thread that calls this.
    pub fn instantiate<H: Imports>(&self, host: H) -> Result<Guest<H>, runtime::Error> {
        Instance::new(&self.module, IMPORTS, EXPORTS, host).map(Inventory::new)
    }

    /// SHA-256 of the plain module, in hexadecimal: which guest this is.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// How its functions run.
    pub fn mode(&self) -> ExecutionMode {
        self.mode
    }
}

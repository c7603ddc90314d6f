//! What a guest may call: this list is the guest's whole world.

pub mod sqlite;

use wit_bindgen_wasmedge::rt::{CoreValue, GuestMemory, Trap};

use crate::{guest, runtime::Imports};
use sqlite::SqliteHost;

/// The WASI functions a guest may import besides its world: what Rust's standard library refers to
/// for panic messages and exit. None opens a file, a socket or a clock.
pub const WASI_ALLOWED: &[&str] =
    &["environ_get", "environ_sizes_get", "fd_write", "proc_exit", "random_get"];

/// The module name of WASI preview 1.
pub const WASI_MODULE: &str = "wasi_snapshot_preview1";

/// The state behind an instance's imports.
pub struct HostFunctions {
    /// The shard's database.
    pub sqlite: SqliteHost,
}

impl Imports for HostFunctions {
    fn call(
        &mut self,
        import: usize,
        memory: &mut dyn GuestMemory,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        guest::call_import(&mut self.sqlite, memory, import, params, results)
            .map_err(|error| Trap::new(error.to_string()))
    }
}

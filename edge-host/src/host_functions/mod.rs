//! What a guest may call: this list is the guest's whole world.

pub mod sqlite;

use wit_bindgen_wasmedge::rt::{CoreType, CoreValue, GuestMemory, Presence, Signature, Trap};

use std::sync::Arc;

use crate::{
    guest::{self, GuestModule, Sqlite},
    runtime::{self, Imports},
};

/// The WASI functions a guest may import besides its world: what Rust's standard library refers to
/// for panic messages and exit. None opens a file, a socket or a clock.
pub const WASI_ALLOWED: &[Signature] = &[
    wasi("environ_get", &[I32, I32], &[I32]),
    wasi("environ_sizes_get", &[I32, I32], &[I32]),
    wasi("fd_write", &[I32, I32, I32, I32], &[I32]),
    wasi("proc_exit", &[I32], &[]),
    wasi("random_get", &[I32, I32], &[I32]),
];

const I32: CoreType = CoreType::I32;

const fn wasi(
    name: &'static str,
    params: &'static [CoreType],
    results: &'static [CoreType],
) -> Signature {
    let (module, presence) = ("wasi_snapshot_preview1", Presence::Optional);
    Signature { module, name, params, results, wit: name, presence }
}

/// The state behind an instance's imports.
pub struct HostFunctions<S> {
    /// The shard's database.
    pub sqlite: S,
}

impl<S: Sqlite> Imports for HostFunctions<S> {
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

/// Parks one guest call for ever, in its first query (see [`runtime::keep_warm`]).
pub fn keep_warm(module: Arc<GuestModule>) {
    struct Parked;

    impl Sqlite for Parked {
        fn execute(
            &mut self,
            _: String,
            _: Vec<guest::sqlite::Value>,
        ) -> Result<u64, guest::sqlite::Error> {
            runtime::park()
        }

        fn query(
            &mut self,
            _: String,
            _: Vec<guest::sqlite::Value>,
        ) -> Result<guest::sqlite::Rows, guest::sqlite::Error> {
            runtime::park()
        }
    }

    runtime::keep_warm(move || {
        let called =
            module.instantiate(HostFunctions { sqlite: Parked }).map(|mut guest| guest.migrate(0));
        tracing::debug!(ended = ?called.is_ok(), "the guest did not park");
    });
}

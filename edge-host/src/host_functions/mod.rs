//! What a guest may call: this list is the guest's whole world.

pub mod redis;
pub mod sqlite;

use std::{sync::Arc, time::Instant};

use wit_bindgen_wasmedge::rt::{CoreType, CoreValue, GuestMemory, Presence, Signature, Trap};

use crate::{
    guest::{self, GuestModule, Redis, Sqlite, redis as contract, sqlite as rows},
    runtime::{self, Imports},
};
use redis::RedisHost;
use sqlite::SqliteHost;

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
    /// The configured Redis, or none.
    pub redis: RedisHost,
}

impl HostFunctions<SqliteHost> {
    /// What a guest's call may wait for ends then; `None` lifts the deadline.
    pub fn set_deadline(&mut self, deadline: Option<Instant>) {
        self.sqlite.set_deadline(deadline);
        self.redis.set_deadline(deadline);
    }
}

impl<S: Sqlite> Imports for HostFunctions<S> {
    fn call(
        &mut self,
        import: usize,
        memory: &mut dyn GuestMemory,
        params: &[CoreValue],
        results: &mut [CoreValue],
    ) -> Result<(), Trap> {
        guest::call_import(self, memory, import, params, results)
            .map_err(|error| Trap::new(error.to_string()))
    }
}

impl<S: Sqlite> Sqlite for HostFunctions<S> {
    fn execute(
        &mut self,
        statement: String,
        parameters: Vec<rows::Value>,
    ) -> Result<u64, rows::Error> {
        self.sqlite.execute(statement, parameters)
    }

    fn query(
        &mut self,
        statement: String,
        parameters: Vec<rows::Value>,
    ) -> Result<rows::Rows, rows::Error> {
        self.sqlite.query(statement, parameters)
    }
}

impl<S> Redis for HostFunctions<S> {
    fn execute(&mut self, command: contract::Command) -> Result<contract::Reply, contract::Error> {
        self.redis.execute(command)
    }

    fn pipeline(
        &mut self,
        commands: Vec<contract::Command>,
    ) -> Result<Vec<Result<contract::Reply, contract::Error>>, contract::Error> {
        self.redis.pipeline(commands)
    }

    fn eval(
        &mut self,
        script: String,
        keys: Vec<Vec<u8>>,
        arguments: Vec<Vec<u8>>,
    ) -> Result<contract::Reply, contract::Error> {
        self.redis.eval(script, keys, arguments)
    }
}

/// Parks one guest call for ever, in its first query (see [`runtime::keep_warm`]).
pub fn keep_warm(module: Arc<GuestModule>) {
    struct Parked;

    impl Sqlite for Parked {
        fn execute(&mut self, _: String, _: Vec<rows::Value>) -> Result<u64, rows::Error> {
            runtime::park()
        }

        fn query(&mut self, _: String, _: Vec<rows::Value>) -> Result<rows::Rows, rows::Error> {
            runtime::park()
        }
    }

    runtime::keep_warm(move || {
        let host = HostFunctions { sqlite: Parked, redis: RedisHost::unconfigured() };
        let called = module.instantiate(host).map(|mut guest| guest.migrate(0));
        tracing::debug!(ended = ?called.is_ok(), "the guest did not park");
    });
}

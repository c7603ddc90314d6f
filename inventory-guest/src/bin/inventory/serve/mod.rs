//! HTTP over WasmEdge's sockets: the host's paths and JSON, without the host.
//!
//! One thread, one loop: whatever requests have arrived are a round; the writes of a round are one
//! transaction (`round`), and every answer of the round leaves after its commit. `request` and
//! `response` are HTTP/1.1 as bytes, `routes` says what a request asks for, `connection` keeps the
//! limits of one caller, and `sockets` waits for all of them at once.

mod options;

mod request;

mod response;

mod routes;

mod catalog;

mod connection;

mod round;

#[cfg(target_family = "wasm")]
mod sockets;

use std::process::ExitCode;

use clap::ArgMatches;

pub(crate) use catalog::unknown as unknown_entry;
pub(crate) use options::{NAME, command};

use crate::failure::Failure;
use crate::settings::Settings;
use options::Options;

#[cfg(target_family = "wasm")]
pub(crate) fn run(matches: &ArgMatches, settings: Settings) -> Result<ExitCode, Failure> {
    let options = Options::new(matches, &settings)?;
    let shard = crate::shard::Shard::open(&settings)?;
    sockets::serve(round::Rounds::new(shard, settings, options))
}

/// Outside WasmEdge there is `edge-host`, which does this better.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn run(matches: &ArgMatches, settings: Settings) -> Result<ExitCode, Failure> {
    Options::new(matches, &settings)?;
    drop(settings);
    Err(Failure::Misused("serve runs under wasmedge; natively there is edge-host".into()))
}

//! WasmEdge's C API, generated from its header by build.rs.

#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    non_camel_case_types,
    non_upper_case_globals,
    non_snake_case,
    dead_code,
    clippy::all,
    clippy::pedantic
)]

include!(concat!(env!("OUT_DIR"), "/wasmedge.rs"));

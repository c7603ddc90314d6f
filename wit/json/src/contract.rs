//! The contract's words as Rust types, and typed calls to a guest, generated from `wit/`.

#![allow(missing_docs, clippy::all, clippy::pedantic, unreachable_pub, reason = "generated")]

include!(concat!(env!("OUT_DIR"), "/contract.rs"));

//! The rules and rows of the inventory: what decides, and what is stored.
//!
//! Code map, in reading order; a room imports only from those above it:
//!
//! | room | what |
//! |---|---|
//! | `bindings` | what `wit-bindgen` makes of `wit/`, in a guest only |
//! | [`domain`] | pure rules and vocabulary: no I/O, no clock, no SQL; `now` is an argument |
//! | [`storage`] | all SQL text, the [`storage::Database`] trait, its two implementations |
//! | [`operations`] | prefetch → decide (domain) → write back, for a whole batch; queries; audit |
//! | `contract` | the contract's words in and out of the domain's, in a guest and in the CLI |
//! | `exports` | the WIT exports, in a guest only: convert, call operations, convert back |
//!
//! The same code is the wasm guest, the CLI, and a native library for tests: nothing above
//! `exports` and `storage::host` knows which.

#[cfg(all(target_family = "wasm", not(feature = "cli")))]
mod bindings;

pub mod domain;
pub mod operations;
pub mod storage;

#[cfg(any(target_family = "wasm", feature = "json"))]
pub mod contract;

#[cfg(all(target_family = "wasm", not(feature = "cli")))]
mod exports;

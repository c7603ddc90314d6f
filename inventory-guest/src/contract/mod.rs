//! The contract's words in and out of the domain's: commands through the domain's `parse` doors,
//! answers moved, not copied. No rule and no SQL.
//!
//! The same source serves both who speak the contract: a guest, on the types that `wit-bindgen`
//! makes of `wit/`, and the CLI, on those of `wit/json`, which know their JSON.

pub mod arguments;
pub mod catalog;
pub mod counting;
pub mod imports;
pub mod results;
pub mod routing;

#[cfg(not(feature = "json"))]
use crate::bindings::exports::inventory::guest::{
    catalog as readings, changes, orders, routing as inquiries, stock,
};
#[cfg(not(feature = "json"))]
use crate::bindings::inventory::guest::{counts, entries, sessions, types};
use crate::domain::Malformed;
use crate::operations::Fault;
#[cfg(feature = "json")]
use inventory_json::contract::{
    catalog as readings, changes, counts, entries, orders, routing as inquiries, sessions, stock,
    types,
};

impl From<Fault> for types::Fault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Busy => Self::Busy,
            Fault::Full => Self::Full,
            Fault::Interrupted => Self::Interrupted,
            Fault::Malformed(message) => Self::Malformed(message),
            Fault::Storage(message) => Self::Storage(message),
            Fault::Corrupt(message) => Self::Corrupt(message),
        }
    }
}

impl From<Malformed> for types::Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

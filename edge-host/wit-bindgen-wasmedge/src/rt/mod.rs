//! What generated code calls while a program runs: lifting values out of a guest's memory, lowering
//! values into it, and the two traits an engine implements.
//!
//! Nothing a guest does makes this code panic, read or write outside the guest's memory, or
//! allocate without bound: every pointer, length, discriminant and text that comes from the guest
//! is checked, and what fails the check is an [`AbiError`].

mod abi;
mod bits;
mod calls;
mod core_value;
mod error;
mod flags;
mod flat;
mod lists;
mod memory;
mod scalars;
mod signature;
mod sums;
mod tuples;

pub use abi::{Abi, Lift, Lower};
pub use calls::{ExportCall, call_export, lift_arguments, lower_result};
pub use core_value::{CoreType, CoreValue};
pub use error::{AbiError, AbiErrorKind, CallError, Trap, Within};
pub use flags::{lift_flags, load_flags, lower_flags, store_flags};
pub use flat::{FLAT_PARAMS_MAX, FLAT_RESULTS_MAX, FlatReader, FlatTypes, FlatWriter};
pub use memory::{GuestMemory, Instance, Source};
pub use signature::{Item, ItemKind, Mismatch, Presence, Signature, check_exports, check_imports};
#[cfg(feature = "generate")]
pub(crate) use tuples::TUPLE_FIELDS_MAX;

//! The pure rules: no clock, no database, no randomness; `now` is an argument.
//!
//! This file's children are the vocabulary (spec.md §2) and the rules, in reading order. A value of
//! a type with a `parse` door has been checked: past the edge nothing is a raw string or number.

mod area;
mod command;
mod location;
mod names;
mod numbers;
mod outcome;

pub mod adjustment;
pub mod calendar;
pub mod catalog;
pub mod change;
pub mod count;
pub mod ledger;
pub mod order;
pub mod restriction;
pub mod routing;
pub mod session;

pub use area::Area;
pub use command::{
    Adjust, AdjustItem, Adjustment, CatalogChange, CatalogItem, Command, Confirm, Counter,
    EntryChange, ExpectedVersion, ExpireLimit, Extend, LeftOut, Line, Mode, Operation, Placement,
    Release, ReleaseReason, Ship, ShipTo, Strategy, Transfer,
};
pub use location::{Distance, Location, Position};
pub use names::{Adcode, Category, Label, OrderId, Reason, RequestId, Sku, WarehouseCode};
pub use numbers::{Delta, Instant, Items, Level, Quantity, Seconds, UNITS_MAX};
pub use order::OrderState;
pub use outcome::{
    Adjusted, Answer, Bound, ChangedEntry, Denied, EntryEffect, Excess, ExpiredHold, Mismatch,
    OrderAnswer, Outcome, Package, Refusal, ShippedUnits, Shortage, VersionMismatch, WarehouseUse,
};

/// An argument breaks the contract; the text says which and how.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

//! Operations on a database in memory. A test is a shop and what is said to it: each line is a
//! time, a command and the answer, written short; after each, every invariant must hold.

#![allow(clippy::format_push_string, clippy::format_collect, reason = "tests read better so")]

mod adjusting;
mod auditing;
mod batches;
mod catalog;
mod catalog_folds;
mod counting;
mod holding;
mod identity;
mod placing;
mod plans;
mod promising;
mod reading;
mod releasing;
mod restricting;
mod routing;
mod sessions;
mod shipping;
mod shop;
mod snapshot_races;
mod snapshots;
mod transferring;
mod words;

use shop::Shop;
use words::{
    adjust, confirm, deduct, expire, extend, get_back, on_hand, release, reserve, sellable, ship,
    transfer, unavailable,
};

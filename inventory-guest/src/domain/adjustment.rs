//! An operator's correction of one counter: its bounds, and what it may be compared to.

use super::ledger::{SiteCounters, SkuCounters};
use super::{AdjustItem, Adjustment, Bound, Mismatch, Refusal, UNITS_MAX};

/// The bounds of a sku's sellable, of which `held` units could come back: 0..2^31-1 together.
pub fn sellable(item: &AdjustItem, before: SkuCounters, held: u64) -> Result<u32, Refusal> {
    let held = u32::try_from(held).expect("held units were sellable, which is within UNITS_MAX");
    corrected(item, before.sellable, 0, UNITS_MAX - held)
}

/// The bounds of what lies in a warehouse: at least what is held there or not for sale.
pub fn on_hand(item: &AdjustItem, before: SiteCounters) -> Result<u32, Refusal> {
    corrected(item, before.on_hand, before.held() + before.unavailable, UNITS_MAX)
}

/// The bounds of what is not for sale: at most what lies there and is not held.
pub fn unavailable(item: &AdjustItem, before: SiteCounters) -> Result<u32, Refusal> {
    corrected(item, before.unavailable, 0, before.on_hand - before.held())
}

fn corrected(item: &AdjustItem, before: u32, minimum: u32, maximum: u32) -> Result<u32, Refusal> {
    if let Some(expected) = item.compare_quantity.filter(|expected| *expected != before) {
        return Err(Refusal::CompareMismatch(Mismatch {
            sku: item.sku.clone(),
            counter: item.counter.clone(),
            expected,
            actual: before,
        }));
    }
    let requested = match item.adjustment {
        Adjustment::Set(level) => i64::from(level.get()),
        Adjustment::Change(delta) => i64::from(before) + i64::from(delta.get()),
    };
    u32::try_from(requested).ok().filter(|after| (minimum..=maximum).contains(after)).ok_or_else(
        || {
            Refusal::QuantityOutOfBounds(Bound {
                sku: item.sku.clone(),
                counter: item.counter.clone(),
                requested,
                minimum,
                maximum,
            })
        },
    )
}

//! Counts: what a warehouse's own system says lies there, and what that makes of on hand.
//!
//! A count is already old when it comes: units have left meanwhile. It says which shipments it has
//! seen, and the others are taken off again, so none is deducted twice.

use super::ledger::SiteCounters;
use super::{Instant, Items, Level, Malformed, Reason, RequestId, Sku, WarehouseCode};
use rustc_hash::FxHashSet;
use serde::{Deserialize, Serialize};

/// A count may be from a clock that goes this much ahead of ours.
pub const AHEAD_MS_MAX: i64 = 60_000;

/// What a count says that it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seen {
    /// When it was counted.
    pub as_of: Instant,
    /// The sequence of the last shipment that is no longer counted; without it, that is the last
    /// one at or before `as_of`.
    pub watermark: Option<u64>,
}

/// The same, with the watermark that it comes to. Counts are in this order, and an older one never
/// overwrites a newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// When it was counted.
    pub as_of: Instant,
    /// The sequence of the last shipment that is no longer counted.
    pub watermark: u64,
}

/// A sku as it was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CountItem {
    /// Which sku.
    pub sku: Sku,
    /// Units that were found.
    pub on_hand: Level,
}

/// A count of some skus of one warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Where.
    pub warehouse: WarehouseCode,
    /// For the ledger.
    pub reason: Reason,
    /// What it has seen.
    pub seen: Seen,
    /// Each of another sku.
    pub items: Items<CountItem>,
    /// Makes the call idempotent.
    pub request_id: Option<RequestId>,
}

impl Count {
    /// Accepts items of which no two are of one sku.
    pub fn items(items: Vec<CountItem>) -> Result<Items<CountItem>, Malformed> {
        let mut skus = FxHashSet::default();
        if let Some(again) = items.iter().find(|item| !skus.insert(item.sku.as_str())) {
            return Err(Malformed(format!("a count names {} twice", again.sku.as_str())));
        }
        Items::parse(items)
    }
}

/// A whole warehouse as it was counted: skus that no row names are counted as 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot {
    /// Where.
    pub warehouse: WarehouseCode,
    /// What it has seen.
    pub seen: Seen,
}

impl Snapshot {
    /// The same, with the watermark that it comes to.
    #[must_use]
    pub fn at(&self, watermark: u64) -> Self {
        let seen = Seen { watermark: Some(watermark), ..self.seen };
        Self { warehouse: self.warehouse.clone(), seen }
    }
}

/// What a snapshot did, or would do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotNumbers {
    /// Skus with units on hand before.
    pub stocked: u64,
    /// Those of them that it counts as 0.
    pub zeroed: u64,
    /// Skus that were counted more recently, and stayed.
    pub stale: u64,
    /// Skus of which some units that are held are missing.
    pub short: u64,
}

impl SnapshotNumbers {
    /// Whether it counts more than this share of the stocked skus as 0.
    pub fn zeroes_more_than(&self, percent: u32) -> bool {
        self.zeroed * 100 > self.stocked * u64::from(percent)
    }
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CountEffect {
    /// The warehouse did not stock the sku.
    Created,
    /// On hand is another.
    Updated,
    /// It was so already.
    Unchanged,
    /// A count that is as new, or newer, came before: nothing changed.
    Stale,
}

/// What a count of a sku comes to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// Which sku.
    pub sku: Sku,
    /// What became of it.
    pub effect: CountEffect,
    /// Units that were found.
    pub counted: u32,
    /// Units that were shipped since.
    pub shipped: u64,
    /// On hand before.
    pub before: u32,
    /// On hand after.
    pub after: u32,
    /// Units reserved, committed or unavailable there.
    pub held: u32,
    /// Of those, how many are not there.
    pub missing: u32,
}

/// What the last count of a sku in a warehouse did not find though it was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountShortage {
    /// Where.
    pub warehouse: WarehouseCode,
    /// Which sku.
    pub sku: Sku,
    /// When it was counted.
    pub as_of: Instant,
    /// Units that were found.
    pub counted: u32,
    /// Units reserved, committed or unavailable there at that time.
    pub held: u32,
    /// Of those, how many are not there.
    pub missing: u32,
}

/// A count from the future, by our clock or our change feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// What it says that it has seen.
    pub seen: Seen,
    /// Our clock.
    pub now: Instant,
    /// The feed's last sequence.
    pub last_seq: u64,
}

/// A snapshot that is not newer than the one that counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaleSnapshot {
    /// When it was counted.
    pub as_of: Instant,
    /// The shipments it has seen.
    pub watermark: u64,
    /// The same, of the one that counts.
    pub newest_as_of: Instant,
    /// Likewise.
    pub newest_watermark: u64,
}

/// What a count makes of a sku's counters in a warehouse, which had none if `before` is `None`;
/// `shipped` units have left since. On hand does not fall below what is held: the rest is missing.
pub fn decide(item: &CountItem, shipped: u64, before: Option<SiteCounters>) -> Counted {
    let counters = before.unwrap_or_default();
    let counted = item.on_hand.get();
    let there = u32::try_from(u64::from(counted).saturating_sub(shipped))
        .expect("no more than was counted");
    let held = counters.held() + counters.unavailable;
    let after = there.max(held);
    let effect = match before {
        _ if after == counters.on_hand => CountEffect::Unchanged,
        None => CountEffect::Created,
        Some(_) => CountEffect::Updated,
    };
    let (sku, before, missing) = (item.sku.clone(), counters.on_hand, after - there);
    Counted { sku, effect, counted, shipped, before, after, held, missing }
}

/// What a count comes to that is not newer than the last.
pub fn stale(item: &CountItem, shipped: u64, before: Option<SiteCounters>) -> Counted {
    let on_hand = before.unwrap_or_default().on_hand;
    Counted {
        effect: CountEffect::Stale,
        before: on_hand,
        after: on_hand,
        missing: 0,
        ..decide(item, shipped, before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UNITS_MAX;
    use proptest::prelude::*;

    fn item(on_hand: u32) -> CountItem {
        CountItem { sku: Sku::parse("A").unwrap(), on_hand: Level::parse(on_hand).unwrap() }
    }

    #[test]
    fn no_two_items_are_of_one_sku() {
        assert!(Count::items(vec![item(1)]).is_ok());
        let twice = Count::items(vec![item(1), item(2)]).unwrap_err();
        assert_eq!(twice.to_string(), "a count names A twice");
    }

    #[test]
    fn a_share_is_passed_by_more_than_itself() {
        let numbers = |zeroed, stocked| SnapshotNumbers { stocked, zeroed, ..Default::default() };
        assert!(!numbers(0, 0).zeroes_more_than(0));
        assert!(!numbers(20, 100).zeroes_more_than(20));
        assert!(numbers(21, 100).zeroes_more_than(20));
        assert!(numbers(1, 100).zeroes_more_than(0));
        assert!(!numbers(100, 100).zeroes_more_than(100));
    }

    proptest! {
        #[test]
        fn nothing_goes_negative_and_what_is_missing_is_what_lacks(
            counted in 0..=UNITS_MAX, shipped in 0_u64..1 << 33,
            on_hand in 0..=UNITS_MAX, held in 0..=UNITS_MAX, unavailable in 0..=UNITS_MAX,
        ) {
            let held = held.min(on_hand);
            let unavailable = unavailable.min(on_hand - held);
            let before = SiteCounters { on_hand, unavailable, reserved: held, committed: 0 };
            let done = decide(&item(counted), shipped, Some(before));
            let there = i128::from(counted) - i128::from(shipped);
            prop_assert!(done.after >= held + unavailable && done.after <= UNITS_MAX);
            prop_assert_eq!(i128::from(done.after - done.missing), there.max(0));
            prop_assert_eq!(done.missing > 0, there.max(0) < i128::from(held + unavailable));
            prop_assert_eq!(stale(&item(counted), shipped, Some(before)).after, on_hand);
        }
    }
}

//! The change feed: one change for each row of the ledger (spec.md §8).

use super::ledger::{SiteCounters, SkuCounters};
use super::{Instant, Operation, OrderId, Sku, WarehouseCode};

/// What a change is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Counters moved.
    Moved(Operation),
    /// Sellable reached zero.
    SoldOut,
    /// Sellable left zero.
    BackInStock,
}

impl ChangeKind {
    /// The name that the change feed uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Moved(operation) => operation.name(),
            Self::SoldOut => "sold_out",
            Self::BackInStock => "back_in_stock",
        }
    }

    /// The event of its own that follows when sellable reaches or leaves zero.
    pub fn crossing(before: SkuCounters, after: SkuCounters) -> Option<Self> {
        match (before.sellable, after.sellable) {
            (1.., 0) => Some(Self::SoldOut),
            (0, 1..) => Some(Self::BackInStock),
            _ => None,
        }
    }
}

/// The counters of a sku, or of a sku in a warehouse; those of the other are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// Of a sku.
    pub sellable: Option<u32>,
    /// Of a sku in a warehouse.
    pub on_hand: Option<u32>,
    /// Of a sku in a warehouse.
    pub unavailable: Option<u32>,
    /// Held there, unpaid.
    pub reserved: u32,
    /// Held there, paid.
    pub committed: u32,
}

impl From<SkuCounters> for Quantities {
    fn from(counters: SkuCounters) -> Self {
        Self {
            sellable: Some(counters.sellable),
            reserved: counters.reserved,
            committed: counters.committed,
            ..Self::default()
        }
    }
}

impl From<SiteCounters> for Quantities {
    fn from(counters: SiteCounters) -> Self {
        Self {
            sellable: None,
            on_hand: Some(counters.on_hand),
            unavailable: Some(counters.unavailable),
            reserved: counters.reserved,
            committed: counters.committed,
        }
    }
}

/// Which operation made a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The operation.
    pub operation: Operation,
    /// The order it was for.
    pub order_id: Option<OrderId>,
    /// The reason given with a release or an adjustment.
    pub reason: Option<String>,
}

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// 1, 2, 3, … without a gap, in commit order.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// What happened.
    pub kind: ChangeKind,
    /// To which sku.
    pub sku: Sku,
    /// Where; `None`: to the sku itself.
    pub warehouse: Option<WarehouseCode>,
    /// The counters before.
    pub before: Quantities,
    /// The counters after.
    pub after: Quantities,
    /// Why.
    pub cause: Cause,
}

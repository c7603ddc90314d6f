//! The contract's words (wit/*.wit) as a caller has them: plain texts and wide numbers, so that a
//! test can also say what the contract forbids.

use super::counts::{Count, Counted, Report, Seen, Snapshot};
use serde_json::Value;
use std::collections::BTreeSet;

/// Milliseconds since 1970-01-01 UTC.
pub(crate) type Instant = i64;

/// Units of one sku.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    ReserveOnOrder,
    DeductOnOrder,
    DeductOnPayment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    Priority,
    Nearest,
    MinSplits,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) order_id: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) ship_to: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) strategy: Strategy,
    pub(crate) ttl_s: i64,
    pub(crate) allow_partial: bool,
    pub(crate) request_id: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReleaseReason {
    Cancel,
    Refund,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    Sellable,
    OnHand(String),
    Unavailable(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adjustment {
    Set(i64),
    Change(i64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AdjustItem {
    pub(crate) sku: String,
    pub(crate) counter: Counter,
    pub(crate) adjustment: Adjustment,
    pub(crate) compare_quantity: Option<i64>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Reserve(Placement),
    Deduct(Placement),
    Confirm {
        order_id: String,
        request_id: Option<String>,
    },
    Extend {
        order_id: String,
        ttl_s: i64,
        request_id: Option<String>,
    },
    Ship {
        order_id: String,
        package: Option<u32>,
        request_id: Option<String>,
    },
    Release {
        order_id: String,
        reason: ReleaseReason,
        lines: Option<Vec<Line>>,
        request_id: Option<String>,
    },
    Transfer {
        order_id: String,
        package: u32,
        warehouse: String,
        request_id: Option<String>,
    },
    Adjust {
        reason: String,
        items: Vec<AdjustItem>,
        request_id: Option<String>,
    },
    Expire(u32),
    /// A change of the catalog, as its body has it.
    Catalog(Value),
    Count(Count),
    Snapshot(Snapshot),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    AwaitingPayment,
    Reserved,
    Committed,
    PartiallyShipped,
    Shipped,
    PartiallyReleased,
    Released,
    Expired,
}

impl State {
    pub(crate) const ALL: [(Self, &'static str); 8] = [
        (Self::AwaitingPayment, "awaiting_payment"),
        (Self::Reserved, "reserved"),
        (Self::Committed, "committed"),
        (Self::PartiallyShipped, "partially_shipped"),
        (Self::Shipped, "shipped"),
        (Self::PartiallyReleased, "partially_released"),
        (Self::Released, "released"),
        (Self::Expired, "expired"),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).expect("ALL lists every state").1
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    pub(crate) sku: String,
    pub(crate) requested: u64,
    pub(crate) available: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) number: u32,
    pub(crate) warehouse: Option<String>,
    pub(crate) lines: Vec<Line>,
    pub(crate) promised_ship_at: Option<Instant>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderAnswer {
    pub(crate) order_id: String,
    pub(crate) state: State,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) packages: Vec<Package>,
    pub(crate) shortages: Vec<Shortage>,
    pub(crate) reserved_again: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Adjusted {
    pub(crate) sku: String,
    pub(crate) counter: Counter,
    pub(crate) before: u32,
    pub(crate) after: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Order(OrderAnswer),
    /// With what may not be shipped there: the sku, and the rule.
    OrderInPart(OrderAnswer, Vec<(String, String)>),
    Adjusted(Vec<Adjusted>),
    Expired(u32),
    Catalog(Vec<ChangedEntry>),
    Counted(Vec<Counted>),
    Snapshot(Report),
}

/// What became of an entry of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangedEntry {
    /// `service_area SZ 44`
    pub(crate) name: String,
    pub(crate) effect: String,
    pub(crate) version: u64,
    pub(crate) holding: Vec<String>,
}

/// A business "no", with its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    InsufficientStock(Vec<Shortage>),
    UnknownSku(Vec<String>),
    UnknownOrder,
    UnknownPackage(u32),
    IdempotencyConflict,
    OrderExists(State),
    AlreadyReleased,
    InvalidState(State),
    ReservationExpired {
        expired_at: Instant,
        shortages: Vec<Shortage>,
    },
    AlreadyShipped {
        shipped: u64,
        held: u64,
    },
    QuantityExceedsHeld {
        sku: String,
        requested: u64,
        held: u64,
    },
    QuantityOutOfBounds {
        sku: String,
        counter: Counter,
        requested: i64,
        bounds: (u32, u32),
    },
    CompareMismatch {
        sku: String,
        counter: Counter,
        expected: u32,
        actual: u32,
    },
    UnknownWarehouse(Vec<String>),
    WarehouseInUse {
        warehouse: String,
        orders: Vec<String>,
    },
    VersionMismatch {
        name: String,
        expected: u64,
        actual: u64,
    },
    /// Each sku, and the rule: its subject, area and name.
    RegionRestricted(Vec<(String, String)>),
    NoShippableWarehouse(Vec<Shortage>),
    UnknownSession,
    SessionConflict,
    SessionIncomplete(Vec<u32>),
    RowsRefused {
        refused: u64,
        errors: Vec<(u32, String)>,
    },
    CountAhead {
        seen: Seen,
        now: Instant,
        last_seq: u64,
    },
    /// When and what it has seen; the same of the one that counts.
    SnapshotStale {
        this: (Instant, u64),
        newest: (Instant, u64),
    },
}

impl Refusal {
    /// The case's name in `snake_case`, as callers see it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::InsufficientStock(_) => "insufficient_stock",
            Self::UnknownSku(_) => "unknown_sku",
            Self::UnknownOrder => "unknown_order",
            Self::UnknownPackage(_) => "unknown_package",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::OrderExists(_) => "order_exists",
            Self::AlreadyReleased => "already_released",
            Self::InvalidState(_) => "invalid_state",
            Self::ReservationExpired { .. } => "reservation_expired",
            Self::AlreadyShipped { .. } => "already_shipped",
            Self::QuantityExceedsHeld { .. } => "quantity_exceeds_held",
            Self::QuantityOutOfBounds { .. } => "quantity_out_of_bounds",
            Self::CompareMismatch { .. } => "compare_mismatch",
            Self::UnknownWarehouse(_) => "unknown_warehouse",
            Self::WarehouseInUse { .. } => "warehouse_in_use",
            Self::VersionMismatch { .. } => "version_mismatch",
            Self::RegionRestricted(_) => "region_restricted",
            Self::NoShippableWarehouse(_) => "no_shippable_warehouse",
            Self::UnknownSession => "unknown_session",
            Self::SessionConflict => "session_conflict",
            Self::SessionIncomplete(_) => "session_incomplete",
            Self::RowsRefused { .. } => "rows_refused",
            Self::CountAhead { .. } => "count_ahead",
            Self::SnapshotStale { .. } => "snapshot_stale",
        }
    }
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) replayed: bool,
    pub(crate) result: Result<Answer, Refusal>,
}

/// What a batch came to. `changed_skus` is `None` behind a door that does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    pub(crate) outcomes: Vec<Outcome>,
    pub(crate) changed_skus: Option<BTreeSet<String>>,
}

/// Nothing of the batch was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Busy,
    Full,
    Interrupted,
    Malformed,
    Storage(String),
    Corrupt(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderLine {
    pub(crate) sku: String,
    pub(crate) quantity: u64,
    pub(crate) reserved: u64,
    pub(crate) committed: u64,
    pub(crate) shipped: u64,
    pub(crate) released: u64,
    pub(crate) expired: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HistoryEntry {
    pub(crate) at: Instant,
    pub(crate) operation: String,
    pub(crate) request_id: Option<String>,
    pub(crate) outcome: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the contract's name")]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) state: State,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) packages: Vec<Package>,
    pub(crate) history: Vec<HistoryEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WarehouseStock {
    pub(crate) warehouse: String,
    pub(crate) on_hand: u32,
    pub(crate) reserved: u32,
    pub(crate) committed: u32,
    pub(crate) unavailable: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkuStock {
    pub(crate) sku: String,
    pub(crate) sellable: u32,
    pub(crate) reserved: u64,
    pub(crate) committed: u64,
    pub(crate) on_hand: u64,
    pub(crate) warehouses: Vec<WarehouseStock>,
}

/// The counters of a sku, or of a sku in a warehouse; those of the other are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Quantities {
    pub(crate) sellable: Option<u32>,
    pub(crate) on_hand: Option<u32>,
    pub(crate) unavailable: Option<u32>,
    pub(crate) reserved: u32,
    pub(crate) committed: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) seq: u64,
    pub(crate) at: Instant,
    pub(crate) kind: String,
    pub(crate) sku: String,
    pub(crate) warehouse: Option<String>,
    pub(crate) before: Quantities,
    pub(crate) after: Quantities,
    pub(crate) cause: String,
    pub(crate) order_id: Option<String>,
    pub(crate) reason: Option<String>,
}

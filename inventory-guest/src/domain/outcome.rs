//! What can be answered: `wit/types.wit`'s outcomes.
//!
//! Outcomes are stored for ever, encoded by the order of these fields and cases. `Answer` and
//! `Refusal` may get further cases behind the others; anything else here may change only together
//! with a new format in `operations/batch/requests.rs`.

use super::catalog::EntryKey;
use super::count::{Ahead, Counted, StaleSnapshot};
use super::session::{RefusedRows, Session};
use super::{Area, Counter, Instant, Label, Line, OrderId, OrderState, Sku, WarehouseCode};
use serde::{Deserialize, Serialize};

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The answer was given before, to the same request; nothing changed now.
    pub replayed: bool,
    /// A yes or a no.
    pub result: Result<Answer, Refusal>,
}

/// A yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To reserve, confirm, extend, ship, release, deduct, transfer.
    Order(OrderAnswer),
    /// To adjust: one for each item.
    Adjusted(Vec<Adjusted>),
    /// To expire: how many orders' holds ended; less than the limit means none is left due.
    Expired(u32),
    /// To catalog: one for each item, each deleted warehouse followed by what went with it.
    Catalog(Vec<ChangedEntry>),
    /// To each step of a session: what it is now.
    Session(Session),
    /// To count: one for each item.
    Counted(Vec<Counted>),
    /// To reserve and deduct, where a part of the order may not be shipped there: which.
    OrderInPart(OrderAnswer, Vec<Denied>),
}

/// The answer to every operation on an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// The order.
    pub order_id: OrderId,
    /// What it has come to.
    pub state: OrderState,
    /// When the hold ends; only while units are reserved.
    pub expires_at: Option<Instant>,
    /// The packages this operation placed or moved.
    pub packages: Vec<Package>,
    /// What could not be held, or may not be shipped there.
    pub shortages: Vec<Shortage>,
    /// `confirm` found the hold expired and reserved anew before committing.
    pub reserved_again: bool,
}

/// What leaves one warehouse together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// 1, 2, … within the order.
    pub number: u32,
    /// `None`: no warehouse was chosen.
    pub warehouse: Option<WarehouseCode>,
    /// One for each leg.
    pub lines: Vec<Line>,
    /// When it leaves, once calendars are known.
    pub promised_ship_at: Option<Instant>,
}

/// A sku that could not be held in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    /// Which sku.
    pub sku: Sku,
    /// Units asked for, over all lines of the sku.
    pub requested: u64,
    /// Units that could have been held.
    pub available: u64,
}

/// A counter after an adjustment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjusted {
    /// Which sku.
    pub sku: Sku,
    /// Which of its counters.
    pub counter: Counter,
    /// Its value before.
    pub before: u32,
    /// Its value after.
    pub after: u32,
}

/// What became of an entry of the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryEffect {
    /// There was none.
    Created,
    /// It said something else.
    Updated,
    /// It was so already.
    Unchanged,
    /// By itself, or with its warehouse.
    Deleted,
    /// There was nothing to delete.
    Absent,
}

/// An entry after a change of the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedEntry {
    /// Which entry.
    pub key: EntryKey,
    /// What became of it.
    pub effect: EntryEffect,
    /// Its version now; 0 where there is none.
    pub version: u64,
    /// Orders that hold units in a warehouse that this closed: at most 100.
    pub holding: Vec<OrderId>,
}

/// A no, with the numbers behind it. It changes nothing but its own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// Too little is sellable, or too little lies in warehouses: each short sku.
    InsufficientStock(Vec<Shortage>),
    /// These skus were never adjusted into being.
    UnknownSku(Vec<Sku>),
    /// No such order.
    UnknownOrder,
    /// The order has no such package.
    UnknownPackage(u32),
    /// The same identity came before with a different body.
    IdempotencyConflict,
    /// `reserve` or `deduct` for an order that is already placed.
    OrderExists(OrderState),
    /// The order was released before it was placed; the late placement must not apply.
    AlreadyReleased,
    /// The order holds nothing that the operation could move.
    InvalidState(OrderState),
    /// The hold ran out before the operation came.
    ReservationExpired(ExpiredHold),
    /// Units that have left are never given back, nor moved.
    AlreadyShipped(ShippedUnits),
    /// A release by lines names more than is held.
    QuantityExceedsHeld(Excess),
    /// A correction would take a counter out of its bounds.
    QuantityOutOfBounds(Bound),
    /// A counter was not what `compare_quantity` says.
    CompareMismatch(Mismatch),
    /// A service area, calendar, safety stock or package for warehouses that there are not: each.
    UnknownWarehouse(Vec<WarehouseCode>),
    /// A warehouse holds orders, and so cannot be deleted, or closed as it was asked.
    WarehouseInUse(WarehouseUse),
    /// An entry of the catalog was not what `expected_version` says.
    VersionMismatch(VersionMismatch),
    /// These skus may not be shipped to where the order goes.
    RegionRestricted(Vec<Denied>),
    /// No active warehouse that stocks these skus, and ever opens, serves where the order goes.
    NoShippableWarehouse(Vec<Shortage>),
    /// There is no such session, or it was discarded.
    UnknownSession,
    /// The session, or its page, came before with other content, or is committed.
    SessionConflict,
    /// Pages are missing: the first 100; none is named where there are too many.
    SessionIncomplete(Vec<u32>),
    /// The session has as many rows as one may.
    SessionFull(u64),
    /// Rows cannot count, and so none does.
    RowsRefused(RefusedRows),
    /// A count says that it has seen what is yet to come.
    CountAhead(Ahead),
    /// The warehouse has a snapshot that is as new, or newer.
    SnapshotStale(StaleSnapshot),
}

impl Refusal {
    /// The stable code that callers and an order's history see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InsufficientStock(_) => "insufficient_stock",
            Self::UnknownSku(_) => "unknown_sku",
            Self::UnknownOrder => "unknown_order",
            Self::UnknownPackage(_) => "unknown_package",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::OrderExists(_) => "order_exists",
            Self::AlreadyReleased => "already_released",
            Self::InvalidState(_) => "invalid_state",
            Self::ReservationExpired(_) => "reservation_expired",
            Self::AlreadyShipped(_) => "already_shipped",
            Self::QuantityExceedsHeld(_) => "quantity_exceeds_held",
            Self::QuantityOutOfBounds(_) => "quantity_out_of_bounds",
            Self::CompareMismatch(_) => "compare_mismatch",
            Self::UnknownWarehouse(_) => "unknown_warehouse",
            Self::WarehouseInUse(_) => "warehouse_in_use",
            Self::VersionMismatch(_) => "version_mismatch",
            Self::RegionRestricted(_) => "region_restricted",
            Self::NoShippableWarehouse(_) => "no_shippable_warehouse",
            Self::UnknownSession => "unknown_session",
            Self::SessionConflict => "session_conflict",
            Self::SessionIncomplete(_) => "session_incomplete",
            Self::SessionFull(_) => "session_full",
            Self::RowsRefused(_) => "rows_refused",
            Self::CountAhead(_) => "count_ahead",
            Self::SnapshotStale(_) => "snapshot_stale",
        }
    }
}

/// A sku that may not be shipped somewhere, and the rule that says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denied {
    /// Which sku.
    pub sku: Sku,
    /// What the rule is about: `sku:…`, `category:…` or `all`.
    pub subject: String,
    /// Where it holds.
    pub area: Area,
    /// The rule's name.
    pub rule: Label,
}

/// A hold that ran out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiredHold {
    /// When.
    pub expired_at: Instant,
    /// Why it could not be reserved again; empty when nothing was tried.
    pub shortages: Vec<Shortage>,
}

/// Units that stand against a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShippedUnits {
    /// Units of the order, of the sku named by a line, or of the package to transfer, that have
    /// left.
    pub shipped: u64,
    /// Units still held, which could be released by lines.
    pub held: u64,
}

/// More than is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excess {
    /// Which sku.
    pub sku: Sku,
    /// Units to give back, over all lines of the sku.
    pub requested: u64,
    /// Units of the sku that are held.
    pub held: u64,
}

/// A correction out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// Which sku.
    pub sku: Sku,
    /// Which of its counters.
    pub counter: Counter,
    /// The value the change asks for.
    pub requested: i64,
    /// The least it may be now.
    pub minimum: u32,
    /// The most it may be now.
    pub maximum: u32,
}

/// A counter that was not what the operator thought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Which sku.
    pub sku: Sku,
    /// Which of its counters.
    pub counter: Counter,
    /// What `compare_quantity` says.
    pub expected: u32,
    /// What the counter says.
    pub actual: u32,
}

/// Orders that stand against closing a warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarehouseUse {
    /// Which warehouse.
    pub warehouse: WarehouseCode,
    /// Those that hold units there, the newest first: at most 100.
    pub orders: Vec<OrderId>,
}

/// An entry that was not what the operator thought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionMismatch {
    /// Which entry.
    pub key: EntryKey,
    /// What the caller expected; 0: none.
    pub expected: u64,
    /// The version it has; 0: there is none.
    pub actual: u64,
}

//! What can be asked: `wit/types.wit`'s commands, checked.

use super::catalog::{Entry, EntryKey};
use super::count::Count;
use super::session::SessionStep;
use super::{
    Adcode, Delta, Instant, Items, Level, Location, Malformed, OrderId, Quantity, Reason,
    RequestId, Seconds, Sku, WarehouseCode,
};
use serde::{Deserialize, Serialize};

const EXPIRE_LIMIT_MAX: u32 = 10_000;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hold units for an order.
    Reserve(Placement),
    /// Turn a hold into a paid one.
    Confirm(Confirm),
    /// Let a live hold end later.
    Extend(Extend),
    /// Let paid units leave.
    Ship(Ship),
    /// Give held units back.
    Release(Release),
    /// Reserve and confirm in one step.
    Deduct(Placement),
    /// Correct counters.
    Adjust(Adjust),
    /// End holds whose time has passed.
    Expire(ExpireLimit),
    /// Change the catalog.
    Catalog(CatalogChange),
    /// Bring in many rows.
    Session(SessionStep),
    /// Let a package leave from another warehouse.
    Transfer(Transfer),
    /// Set what lies in a warehouse, as it was counted.
    Count(Count),
}

/// What changes stock or an order; the cause of every ledger row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// See [`Command::Reserve`].
    Reserve,
    /// See [`Command::Confirm`].
    Confirm,
    /// See [`Command::Extend`].
    Extend,
    /// See [`Command::Ship`].
    Ship,
    /// See [`Command::Release`].
    Release,
    /// See [`Command::Deduct`].
    Deduct,
    /// See [`Command::Expire`]; also what ends a due hold on the way to another command.
    Expire,
    /// See [`Command::Adjust`].
    Adjust,
    /// See [`Command::Transfer`].
    Transfer,
    /// See [`Command::Count`].
    Count,
}

impl Operation {
    /// The name that the change feed and an order's history use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Confirm => "confirm",
            Self::Extend => "extend",
            Self::Ship => "ship",
            Self::Release => "release",
            Self::Deduct => "deduct",
            Self::Expire => "expire",
            Self::Adjust => "adjust",
            Self::Transfer => "transfer",
            Self::Count => "count",
        }
    }
}

/// Units of one sku.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Which sku.
    pub sku: Sku,
    /// How many.
    pub quantity: Quantity,
}

/// When an order's units are held and paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Mode {
    /// Hold now, confirm at payment, expire after the time to live.
    ReserveOnOrder,
    /// Hold and confirm in one step; never expires.
    DeductOnOrder,
    /// Hold nothing until payment calls `deduct`.
    DeductOnPayment,
}

/// How warehouses are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Strategy {
    /// The longest area that is served first, then the lowest priority, the nearest, by code.
    Priority,
    /// The nearest first, then as `Priority`.
    Nearest,
    /// As few packages as can be, then as `Priority`.
    MinSplits,
}

/// Where an order goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShipTo {
    /// The district.
    pub adcode: Adcode,
    /// The very place; without it distances are measured from the division.
    pub location: Option<Location>,
}

/// An order to place, by `reserve` or `deduct`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    /// The order.
    pub order_id: OrderId,
    /// What it wants; a sku may repeat.
    pub lines: Items<Line>,
    /// Where it goes; without it no warehouse is chosen.
    pub ship_to: Option<ShipTo>,
    /// Read by `reserve`; `deduct` always commits.
    pub mode: Mode,
    /// How warehouses are ranked.
    pub strategy: Strategy,
    /// How long an unpaid hold lives.
    pub ttl: Seconds,
    /// Hold what there is and list the rest, instead of all or nothing.
    pub allow_partial: bool,
    /// Names the attempt.
    pub request_id: Option<RequestId>,
    /// What the configuration said in the caller's place.
    pub left_out: LeftOut,
}

/// What a caller has not said of a placement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// The mode.
    pub mode: bool,
    /// The time to live.
    pub ttl: bool,
}

/// Payment of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// The order.
    pub order_id: OrderId,
    /// Names the attempt.
    pub request_id: Option<RequestId>,
}

/// More (or less) time for a live hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extend {
    /// The order.
    pub order_id: OrderId,
    /// From now until the hold ends.
    pub ttl: Seconds,
    /// Names the attempt.
    pub request_id: Option<RequestId>,
}

/// Departure of paid units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ship {
    /// The order.
    pub order_id: OrderId,
    /// One package; without it, every package not yet shipped.
    pub package: Option<u32>,
    /// Names the attempt.
    pub request_id: Option<RequestId>,
}

/// Why held units are given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ReleaseReason {
    /// The order was cancelled.
    Cancel,
    /// The order was refunded.
    Refund,
}

impl ReleaseReason {
    /// The name that the change feed uses.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Refund => "refund",
        }
    }
}

/// Held units to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The order.
    pub order_id: OrderId,
    /// Why.
    pub reason: ReleaseReason,
    /// What to give back; without it, everything held.
    pub lines: Option<Items<Line>>,
    /// Names the attempt.
    pub request_id: Option<RequestId>,
}

/// Another warehouse for a package that has not left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The order.
    pub order_id: OrderId,
    /// Which of its packages.
    pub package: u32,
    /// Where it leaves from then.
    pub warehouse: WarehouseCode,
    /// Names the attempt.
    pub request_id: Option<RequestId>,
}

/// A new value for a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Adjustment {
    /// This many.
    Set(Level),
    /// This many more or fewer.
    Change(Delta),
}

/// Which counter an operator corrects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Counter {
    /// What may still be promised, of a sku.
    Sellable,
    /// What physically lies in this warehouse.
    OnHand(WarehouseCode),
    /// What lies in this warehouse and is not for sale.
    Unavailable(WarehouseCode),
}

impl Counter {
    /// The warehouse, where the counter has one.
    pub fn warehouse(&self) -> Option<&WarehouseCode> {
        match self {
            Self::Sellable => None,
            Self::OnHand(warehouse) | Self::Unavailable(warehouse) => Some(warehouse),
        }
    }
}

/// One counter to correct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AdjustItem {
    /// Which sku.
    pub sku: Sku,
    /// Which of its counters.
    pub counter: Counter,
    /// To what.
    pub adjustment: Adjustment,
    /// Refuse unless the counter has this value before.
    pub compare_quantity: Option<u32>,
}

/// An operator's correction: all items or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adjust {
    /// Why.
    pub reason: Reason,
    /// Applied in order.
    pub items: Items<AdjustItem>,
    /// Makes the call idempotent; without it every call counts.
    pub request_id: Option<RequestId>,
}

/// What is done to an entry of the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryChange {
    /// Make or replace it.
    Put(Entry),
    /// A warehouse's service areas, calendar and safety stock go with it.
    Delete(EntryKey),
}

impl EntryChange {
    /// The entry it is about.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Put(entry) => entry.key(),
            Self::Delete(key) => key.clone(),
        }
    }
}

/// What version an entry must have before it is changed. Requests are remembered by its encoding:
/// the first two are those of an `Option<u64>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ExpectedVersion {
    /// Whatever it is, if there is one.
    Any,
    /// This one; 0: there is none.
    Version(u64),
    /// Whatever it is, but there is one.
    Present,
    /// One of these.
    OneOf(Vec<u64>),
}

impl ExpectedVersion {
    /// Accepts 1 to 100 versions.
    pub fn one_of(versions: Vec<u64>) -> Result<Self, Malformed> {
        if (1..=100).contains(&versions.len()) {
            Ok(Self::OneOf(versions))
        } else {
            Err(Malformed(format!("1..100 versions are expected, not {}", versions.len())))
        }
    }

    /// What was expected instead of this version (0: there is none), of several the first; `None`:
    /// this.
    pub fn instead_of(&self, actual: u64) -> Option<u64> {
        match self {
            Self::Any => None,
            Self::Version(version) => Some(*version).filter(|version| *version != actual),
            Self::Present => Some(0).filter(|_| actual == 0),
            Self::OneOf(versions) => {
                versions.first().copied().filter(|_| !versions.contains(&actual))
            }
        }
    }
}

/// One entry to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogItem {
    /// What is done.
    pub change: EntryChange,
    /// Refuse unless the entry has it.
    pub expected_version: ExpectedVersion,
}

/// An operator's change of the catalog: all items or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogChange {
    /// Who.
    pub author: Option<Reason>,
    /// Why.
    pub reason: Reason,
    /// Applied in order.
    pub items: Items<CatalogItem>,
    /// Refuse to close a warehouse that holds orders; without it they are listed.
    pub refuse_in_use: bool,
    /// Say what would come of it, and change and remember nothing.
    pub dry_run: bool,
    /// Makes the call idempotent; without it every call counts.
    pub request_id: Option<RequestId>,
}

/// How many holds one `expire` may end: 0..10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpireLimit(u32);

impl ExpireLimit {
    /// Accepts 0..10,000.
    pub fn parse(orders: u32) -> Result<Self, Malformed> {
        if orders <= EXPIRE_LIMIT_MAX {
            Ok(Self(orders))
        } else {
            Err(Malformed(format!("expire ends at most {EXPIRE_LIMIT_MAX} holds, not {orders}")))
        }
    }

    /// The number of orders.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Placement {
    /// When a hold placed `now` ends.
    pub fn expires_at(&self, now: Instant) -> Instant {
        now.after(self.ttl)
    }
}

//! What orders look like in answers: views over the guest's records that only know how to be JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::contract::{orders, types};
use crate::plan::{Denied, promised_ship_at};
use crate::refusal::{INSUFFICIENT_STOCK, REGION_RESTRICTED};
use crate::words::Instant;

/// The answer to every operation on an order.
#[derive(Serialize, ToSchema)]
pub struct OrderAnswer<'a> {
    order_id: &'a str,
    state: OrderState,
    /// When the hold ends; only while units are reserved.
    expires_at: Option<Instant>,
    /// The packages this operation placed or moved.
    packages: Vec<Package<'a>>,
    /// When the last of them leaves; `null` where one of them has no date, or there is none.
    promised_ship_at: Option<Instant>,
    /// Only with `allow_partial`.
    shortages: Vec<Shortage<'a>>,
    /// Why some of those are short: the skus may not be shipped there.
    denied: Vec<Denied<'a>>,
    /// `confirm` found the hold expired and reserved anew before committing.
    reserved_again: bool,
}

/// What leaves one warehouse together.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "api.md names the fields")]
pub struct Package<'a> {
    /// 1, 2, … within the order.
    package: u32,
    /// `null`: no warehouse was chosen.
    warehouse: Option<&'a str>,
    lines: Vec<PackageLine<'a>>,
    promised_ship_at: Option<Instant>,
}

/// Units of one sku in a package.
#[derive(Serialize, ToSchema)]
pub struct PackageLine<'a> {
    sku: &'a str,
    quantity: u32,
}

/// A sku that could not be held in full.
#[derive(Serialize, ToSchema)]
pub struct Shortage<'a> {
    sku: &'a str,
    /// Units asked for, over all lines of the sku.
    requested: u64,
    /// Units that could have been held.
    available: u64,
    /// Beside packages: `insufficient_stock`, or `region_restricted` where `denied` names the rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
}

/// An order, with what became of its units.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "api.md names the fields")]
pub struct Order<'a> {
    order_id: &'a str,
    state: OrderState,
    expires_at: Option<Instant>,
    /// Every line of every placement: one that expired and was held again is there twice.
    lines: Vec<OrderLine<'a>>,
    packages: Vec<Package<'a>>,
    /// Oldest first.
    history: Vec<HistoryEntry<'a>>,
}

/// quantity = reserved + committed + shipped + released + expired.
#[derive(Serialize, ToSchema)]
pub struct OrderLine<'a> {
    sku: &'a str,
    quantity: u64,
    reserved: u64,
    committed: u64,
    shipped: u64,
    released: u64,
    expired: u64,
}

/// One step in an order's life.
#[derive(Serialize, ToSchema)]
pub struct HistoryEntry<'a> {
    at: Instant,
    operation: &'a str,
    request_id: Option<&'a str>,
    /// `ok`, or the code of the refusal.
    outcome: &'a str,
}

impl<'a> From<&'a types::OrderAnswer> for OrderAnswer<'a> {
    fn from(answer: &'a types::OrderAnswer) -> Self {
        Self {
            order_id: &answer.order_id,
            state: answer.state.into(),
            expires_at: answer.expires_at.map(Instant),
            packages: answer.packages.iter().map(Into::into).collect(),
            promised_ship_at: promised_ship_at(&answer.packages),
            shortages: shortages(&answer.shortages, &answer.denied),
            denied: answer.denied.iter().map(Into::into).collect(),
            reserved_again: answer.reserved_again,
        }
    }
}

impl<'a> From<&'a types::Package> for Package<'a> {
    fn from(package: &'a types::Package) -> Self {
        let line = |line: &'a types::Line| PackageLine { sku: &line.sku, quantity: line.quantity };
        Self {
            package: package.number,
            warehouse: package.warehouse.as_deref(),
            lines: package.lines.iter().map(line).collect(),
            promised_ship_at: package.promised_ship_at.map(Instant),
        }
    }
}

impl<'a> From<&'a types::Shortage> for Shortage<'a> {
    fn from(shortage: &'a types::Shortage) -> Self {
        let types::Shortage { sku, requested, available } = shortage;
        Self { sku, requested: *requested, available: *available, code: None }
    }
}

/// What is short of an order of which the rest is placed, or planned.
pub(crate) fn shortages<'a>(
    shortages: &'a [types::Shortage],
    denied: &[types::Denied],
) -> Vec<Shortage<'a>> {
    let shortage = |it: &'a types::Shortage| {
        let is_denied = denied.iter().any(|denied| denied.sku == it.sku);
        let kind = if is_denied { &REGION_RESTRICTED } else { &INSUFFICIENT_STOCK };
        Shortage { code: Some(kind.code), ..it.into() }
    };
    shortages.iter().map(shortage).collect()
}

impl<'a> From<&'a orders::Order> for Order<'a> {
    fn from(order: &'a orders::Order) -> Self {
        Self {
            order_id: &order.order_id,
            state: order.state.into(),
            expires_at: order.expires_at.map(Instant),
            lines: order.lines.iter().map(Into::into).collect(),
            packages: order.packages.iter().map(Into::into).collect(),
            history: order.history.iter().map(Into::into).collect(),
        }
    }
}

impl<'a> From<&'a orders::OrderLine> for OrderLine<'a> {
    fn from(line: &'a orders::OrderLine) -> Self {
        Self {
            sku: &line.sku,
            quantity: line.quantity,
            reserved: line.reserved,
            committed: line.committed,
            shipped: line.shipped,
            released: line.released,
            expired: line.expired,
        }
    }
}

impl<'a> From<&'a orders::HistoryEntry> for HistoryEntry<'a> {
    fn from(entry: &'a orders::HistoryEntry) -> Self {
        Self {
            at: Instant(entry.at),
            operation: &entry.operation,
            request_id: entry.request_id.as_deref(),
            outcome: &entry.outcome,
        }
    }
}

/// What an order has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// Known, in mode `deduct_on_payment`; nothing held.
    AwaitingPayment,
    /// Units held, unpaid.
    Reserved,
    /// Units held and paid, not yet shipped.
    Committed,
    /// Some packages have left, others not.
    PartiallyShipped,
    /// Everything that was still held has left.
    Shipped,
    /// Some units were given back; others are held or shipped.
    PartiallyReleased,
    /// Everything was given back, or released before it was ever held.
    Released,
    /// The hold ran out unpaid.
    Expired,
}

impl From<types::OrderState> for OrderState {
    fn from(state: types::OrderState) -> Self {
        match state {
            types::OrderState::AwaitingPayment => Self::AwaitingPayment,
            types::OrderState::Reserved => Self::Reserved,
            types::OrderState::Committed => Self::Committed,
            types::OrderState::PartiallyShipped => Self::PartiallyShipped,
            types::OrderState::Shipped => Self::Shipped,
            types::OrderState::PartiallyReleased => Self::PartiallyReleased,
            types::OrderState::Released => Self::Released,
            types::OrderState::Expired => Self::Expired,
        }
    }
}

impl OrderState {
    /// Its name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingPayment => "awaiting_payment",
            Self::Reserved => "reserved",
            Self::Committed => "committed",
            Self::PartiallyShipped => "partially_shipped",
            Self::Shipped => "shipped",
            Self::PartiallyReleased => "partially_released",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }
}

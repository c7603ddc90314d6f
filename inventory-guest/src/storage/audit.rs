//! Reading every row once, in pages, for the audit. Numbers are read as they are: that they are in
//! their bounds is for the audit to say.

use super::rows::{Cells, read};
use super::{Database, Error, Parameter, codes};
use crate::domain::change::ChangeKind;
use crate::domain::{OrderState, Sku, WarehouseCode};

/// Rows of a page, and orders whose legs are read together.
const PAGE_ROWS: u32 = 1_000;
const PAGE_ORDERS: u32 = 250;

/// Whose counters: a sku's, or those of a sku in a warehouse.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) sku: Sku,
    pub(crate) warehouse: Option<WarehouseCode>,
}

/// The counters of a scope. `stock` is sellable of a sku, on hand of a sku in a warehouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) stock: i64,
    pub(crate) unavailable: i64,
    pub(crate) reserved: i64,
    pub(crate) committed: i64,
}

/// An order, and how many requests it has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuditedOrder {
    pub(crate) order_no: i64,
    pub(crate) state: Option<OrderState>,
    pub(crate) has_expiry: bool,
    pub(crate) steps: i64,
    pub(crate) requests: i64,
}

/// A leg: where its units are.
#[derive(Clone, Debug)]
pub(crate) struct AuditedLeg {
    pub(crate) order_no: i64,
    pub(crate) leg_no: i64,
    pub(crate) scope: Scope,
    pub(crate) quantity: i64,
    pub(crate) reserved: i64,
    pub(crate) committed: i64,
    pub(crate) shipped: i64,
    pub(crate) released: i64,
    pub(crate) expired: i64,
    pub(crate) has_ended: bool,
}

/// A row of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct AuditedEntry {
    pub(crate) seq: i64,
    pub(crate) kind: ChangeKind,
    pub(crate) scope: Scope,
    pub(crate) before: Counters,
    pub(crate) after: Counters,
    pub(crate) shipment_before: Option<i64>,
}

/// A scope, its counters, and the ledger row of what left its warehouse last.
pub(crate) type AuditedCounters = (Scope, Counters, Option<i64>);

/// The next page of skus after one.
pub(crate) fn skus(
    database: &mut dyn Database,
    after: Option<&Scope>,
) -> Result<Vec<AuditedCounters>, Error> {
    const PAGE: &str = "SELECT sku, NULL, sellable, 0, reserved, committed, NULL FROM stock
        WHERE sku > ? ORDER BY sku LIMIT ? + 0";
    let sku = after.map_or("", |scope| scope.sku.as_str());
    read(database, PAGE, &[Parameter::Text(sku), PAGE_ROWS.into()], account)
}

/// The next page of skus in warehouses after one.
pub(crate) fn sites(
    database: &mut dyn Database,
    after: Option<&Scope>,
) -> Result<Vec<AuditedCounters>, Error> {
    const PAGE: &str = "SELECT sku, warehouse, on_hand, unavailable, reserved, committed,
        last_shipment FROM sites NATURAL JOIN warehouse_stock
        WHERE (sku, warehouse) > (?, ?) ORDER BY sku, warehouse LIMIT ? + 0";
    let sku = after.map_or("", |scope| scope.sku.as_str());
    let warehouse = after.and_then(|scope| scope.warehouse.as_ref());
    let warehouse = warehouse.map_or("", WarehouseCode::as_str);
    let parameters = [Parameter::Text(sku), Parameter::Text(warehouse), PAGE_ROWS.into()];
    read(database, PAGE, &parameters, account)
}

fn account(cells: &mut Cells) -> Result<AuditedCounters, Error> {
    Ok((scope(cells)?, counters(cells)?, cells.optional_integer()?))
}

fn scope(cells: &mut Cells) -> Result<Scope, Error> {
    Ok(Scope { sku: cells.sku()?, warehouse: cells.optional_warehouse()? })
}

fn counters(cells: &mut Cells) -> Result<Counters, Error> {
    Ok(Counters {
        stock: cells.integer()?,
        unavailable: cells.optional_integer()?.unwrap_or(0),
        reserved: cells.integer()?,
        committed: cells.integer()?,
    })
}

/// The next page of orders after one.
pub(crate) fn orders(database: &mut dyn Database, after: i64) -> Result<Vec<AuditedOrder>, Error> {
    const PAGE: &str = "SELECT order_no, state, expires_at IS NOT NULL, steps,
        (SELECT count(*) FROM requests WHERE requests.order_no = orders.order_no)
        FROM orders WHERE order_no > ? ORDER BY order_no LIMIT ? + 0";
    read(database, PAGE, &[Parameter::Integer(after), PAGE_ORDERS.into()], |cells| {
        Ok(AuditedOrder {
            order_no: cells.integer()?,
            state: cells.optional_number()?.map(codes::to_state).transpose()?,
            has_expiry: cells.integer()? != 0,
            steps: cells.integer()?,
            requests: cells.integer()?,
        })
    })
}

/// The legs of the orders from `first` to `last`, order by order.
pub(crate) fn legs(
    database: &mut dyn Database,
    first: i64,
    last: i64,
) -> Result<Vec<AuditedLeg>, Error> {
    const LEGS: &str =
        "SELECT order_no, leg_no, sku, warehouse, quantity, reserved, committed, shipped,
        released, expired, ended_at IS NOT NULL
        FROM legs WHERE order_no BETWEEN ? AND ? ORDER BY order_no, leg_no";
    read(database, LEGS, &[Parameter::Integer(first), Parameter::Integer(last)], |cells| {
        Ok(AuditedLeg {
            order_no: cells.integer()?,
            leg_no: cells.integer()?,
            scope: scope(cells)?,
            quantity: cells.integer()?,
            reserved: cells.integer()?,
            committed: cells.integer()?,
            shipped: cells.integer()?,
            released: cells.integer()?,
            expired: cells.integer()?,
            has_ended: cells.integer()? != 0,
        })
    })
}

/// The next page of the ledger after a sequence.
pub(crate) fn ledger(database: &mut dyn Database, after: i64) -> Result<Vec<AuditedEntry>, Error> {
    const PAGE: &str = "SELECT seq, kind, sku, warehouse,
        stock_before, unavailable_before, reserved_before, committed_before,
        stock_after, unavailable_after, reserved_after, committed_after, shipment_before
        FROM ledger WHERE seq > ? ORDER BY seq LIMIT ? + 0";
    read(database, PAGE, &[Parameter::Integer(after), PAGE_ROWS.into()], |cells| {
        Ok(AuditedEntry {
            seq: cells.integer()?,
            kind: codes::to_kind(cells.number()?)?,
            scope: scope(cells)?,
            before: counters(cells)?,
            after: counters(cells)?,
            shipment_before: cells.optional_integer()?,
        })
    })
}

/// How many legs, requests and ledger rows name an order that has no row.
pub(crate) fn orphans(database: &mut dyn Database) -> Result<[i64; 3], Error> {
    const ORPHANS: &str = "SELECT
        (SELECT count(*) FROM legs WHERE order_no NOT IN (SELECT order_no FROM orders)),
        (SELECT count(*) FROM requests
          WHERE order_no > 0 AND order_no NOT IN (SELECT order_no FROM orders)),
        (SELECT count(*) FROM ledger
          WHERE order_no IS NOT NULL AND order_no NOT IN (SELECT order_no FROM orders))";
    let found = read(database, ORPHANS, &[], |cells| {
        Ok([cells.integer()?, cells.integer()?, cells.integer()?])
    })?;
    Ok(found.into_iter().next().expect("a SELECT without FROM has one row"))
}

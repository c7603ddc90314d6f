//! The ledger, which is also the change feed.

use super::rows::{Cells, read, unreadable, write_each};
use super::{Database, Error, Parameter, codes};
use crate::domain::change::{Cause, Change, ChangeKind, Quantities};
use crate::domain::{Instant, Operation, OrderId, Sku, WarehouseCode};

/// A row of `ledger` to write, except its sequence and time.
#[derive(Clone, Debug)]
pub(crate) struct LedgerRow<'a> {
    pub(crate) kind: ChangeKind,
    pub(crate) cause: Operation,
    pub(crate) order_no: Option<i64>,
    pub(crate) line: Option<u32>,
    pub(crate) sku: &'a Sku,
    pub(crate) warehouse: Option<&'a WarehouseCode>,
    pub(crate) reason: Option<&'a str>,
    pub(crate) before: Quantities,
    pub(crate) after: Quantities,
    /// Of what left a warehouse: the row of what left it of the sku before.
    pub(crate) shipment_before: Option<i64>,
}

/// Appends rows after the sequence `last`.
pub(crate) fn append<'a>(
    database: &mut dyn Database,
    now: Instant,
    last: i64,
    rows: impl Iterator<Item = LedgerRow<'a>>,
) -> Result<(), Error> {
    const INSERT: &str =
        "INSERT INTO ledger (seq, at, kind, cause, order_no, line_no, sku, warehouse,
        reason, stock_before, unavailable_before, reserved_before, committed_before,
        stock_after, unavailable_after, reserved_after, committed_after, shipment_before)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let runs = (last + 1..).zip(rows).map(|(seq, row)| {
        let [stock_before, unavailable_before, reserved_before, committed_before] =
            counters(row.before);
        let [stock_after, unavailable_after, reserved_after, committed_after] = counters(row.after);
        [
            Parameter::Integer(seq),
            now.into(),
            codes::of_kind(row.kind).into(),
            codes::of_operation(row.cause).into(),
            Parameter::optional(row.order_no),
            Parameter::optional(row.line),
            Parameter::Text(row.sku.as_str()),
            Parameter::optional_text(row.warehouse.map(WarehouseCode::as_str)),
            Parameter::optional_text(row.reason),
            stock_before,
            unavailable_before,
            reserved_before,
            committed_before,
            stock_after,
            unavailable_after,
            reserved_after,
            committed_after,
            Parameter::optional(row.shipment_before),
        ]
    });
    write_each(database, INSERT, runs)
}

fn counters(quantities: Quantities) -> [Parameter<'static>; 4] {
    [
        Parameter::optional(quantities.sellable.or(quantities.on_hand)),
        Parameter::optional(quantities.unavailable),
        quantities.reserved.into(),
        quantities.committed.into(),
    ]
}

/// At most `limit` changes after a sequence, oldest first.
pub(crate) fn list(
    database: &mut dyn Database,
    after: u64,
    limit: u32,
) -> Result<Vec<Change>, Error> {
    const LIST: &str =
        "SELECT l.seq, l.at, l.kind, l.cause, o.order_id, l.sku, l.warehouse, l.reason,
        l.stock_before, l.unavailable_before, l.reserved_before, l.committed_before,
        l.stock_after, l.unavailable_after, l.reserved_after, l.committed_after
        FROM ledger l LEFT JOIN orders o ON o.order_no = l.order_no
        WHERE l.seq > ? ORDER BY l.seq LIMIT ? + 0";
    let Ok(after) = i64::try_from(after) else {
        return Ok(Vec::new());
    };
    read(database, LIST, &[Parameter::Integer(after), limit.into()], |cells| {
        let seq = cells.number()?;
        let at = cells.instant()?;
        let kind = codes::to_kind(cells.number()?)?;
        let operation = codes::to_operation(cells.number()?)?;
        let order_id = cells.optional_text()?.map(OrderId::from_row);
        let sku = cells.sku()?;
        let warehouse = cells.optional_warehouse()?;
        let reason = cells.optional_text()?.map(str::to_owned);
        let before = quantities(cells, warehouse.is_some())?;
        let after = quantities(cells, warehouse.is_some())?;
        let cause = Cause { operation, order_id, reason };
        Ok(Change { seq, at, kind, sku, warehouse, before, after, cause })
    })
}

fn quantities(cells: &mut Cells, of_site: bool) -> Result<Quantities, Error> {
    let stock = cells.number()?;
    let unavailable = cells.optional_number()?;
    if unavailable.is_some() != of_site {
        return Err(unreadable("an unavailable quantity without a warehouse, or none with one"));
    }
    Ok(Quantities {
        sellable: (!of_site).then_some(stock),
        on_hand: of_site.then_some(stock),
        unavailable,
        reserved: cells.number()?,
        committed: cells.number()?,
    })
}

//! The ledger, which is also the change feed.

use super::rows::{Cells, read, unreadable, write_each};
use super::{Database, Error, Parameter, codes};
use crate::domain::change::{Cause, Change, ChangeKind, Quantities};
use crate::domain::{Instant, Operation, OrderId, Sku, WarehouseCode};
use xxhash_rust::xxh3::xxh3_64;

/// How far the ledger has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LedgerEnd {
    /// The last row's sequence; 0 where there is none.
    pub(crate) seq: i64,
    /// The sum of a hash for each row, and for each site made: where it is the same, all counters
    /// are, however the commands came in batches.
    pub(crate) stamp: u64,
}

pub(crate) fn end(database: &mut dyn Database) -> Result<LedgerEnd, Error> {
    const END: &str = "SELECT (SELECT coalesce(max(seq), 0) FROM ledger), stamp FROM stock_stamp";
    let found = read(database, END, &[], |cells| {
        Ok(LedgerEnd { seq: cells.integer()?, stamp: to_stamp(cells.integer()?) })
    })?;
    found.into_iter().next().ok_or_else(|| unreadable("no stamp of the ledger"))
}

fn to_stamp(integer: i64) -> u64 {
    u64::from_ne_bytes(integer.to_ne_bytes())
}

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

/// Appends rows behind the end, and notes the sites that were made with them, each with its number;
/// answers the new end.
pub(crate) fn append<'a>(
    database: &mut dyn Database,
    now: Instant,
    end: LedgerEnd,
    made: impl Iterator<Item = (i64, &'a Sku, &'a WarehouseCode)>,
    rows: impl Iterator<Item = LedgerRow<'a>>,
) -> Result<LedgerEnd, Error> {
    const INSERT: &str =
        "INSERT INTO ledger (seq, at, kind, cause, order_no, line_no, sku, warehouse,
        reason, stock_before, unavailable_before, reserved_before, committed_before,
        stock_after, unavailable_after, reserved_after, committed_after, shipment_before)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const STAMP: &str = "UPDATE stock_stamp SET stamp = ?";
    let LedgerEnd { mut seq, mut stamp } = end;
    let mut text = Vec::new();
    for (site_no, sku, warehouse) in made {
        text.clear();
        text.extend_from_slice(&site_no.to_le_bytes());
        append_names(sku, Some(warehouse), &mut text);
        stamp = stamp.wrapping_add(xxh3_64(&text));
    }
    let runs = rows.map(|row| {
        seq += 1;
        text.clear();
        text.extend_from_slice(&seq.to_le_bytes());
        append_counters(&row, &mut text);
        stamp = stamp.wrapping_add(xxh3_64(&text));
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
    write_each(database, INSERT, runs)?;
    if stamp == end.stamp {
        return Ok(end);
    }
    let parameter = Parameter::Integer(i64::from_ne_bytes(stamp.to_ne_bytes()));
    write_each(database, STAMP, std::iter::once([parameter]))?;
    Ok(LedgerEnd { seq, stamp })
}

/// What a row says of where counters stand now, and of which row was the last shipment.
fn append_counters(row: &LedgerRow<'_>, text: &mut Vec<u8>) {
    append_names(row.sku, row.warehouse, text);
    let Quantities { sellable, on_hand, unavailable, reserved, committed } = row.after;
    let stock = sellable.or(on_hand).unwrap_or_default();
    for number in [stock, unavailable.unwrap_or_default(), reserved, committed] {
        text.extend_from_slice(&number.to_le_bytes());
    }
    text.extend_from_slice(&codes::of_operation(row.cause).to_le_bytes());
}

fn append_names(sku: &Sku, warehouse: Option<&WarehouseCode>, text: &mut Vec<u8>) {
    for name in [sku.as_str(), warehouse.map_or("", WarehouseCode::as_str)] {
        text.extend_from_slice(name.as_bytes());
        // No name has such a byte.
        text.push(0xff);
    }
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

//! Counts: what each has seen, and what it did not find.

use super::rows::{read, read_each, write_each};
use super::stock::{StoredSite, optional_site};
use super::{Database, Error, Parameter};
use crate::domain::count::{CountShortage, Counted, Moment};
use crate::domain::{Instant, Sku, WarehouseCode};

/// Everything that a count of a sku in a warehouse must know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    /// The sku has a row of its own.
    pub(crate) is_known: bool,
    /// `None`: the warehouse does not stock it.
    pub(crate) site: Option<StoredSite>,
    /// What the last count of this very sku has seen.
    pub(crate) last: Option<Moment>,
    /// That count did not find all that was held.
    pub(crate) was_short: bool,
    /// Units that were shipped behind the watermark.
    pub(crate) shipped: u64,
}

/// The facts about each of these skus, in order.
pub(crate) fn facts<'a>(
    database: &mut dyn Database,
    warehouse: &WarehouseCode,
    watermark: u64,
    skus: impl Iterator<Item = &'a Sku>,
) -> Result<Vec<Facts>, Error> {
    const FACTS: &str = "SELECT EXISTS (SELECT 1 FROM stock k WHERE k.sku = ?1),
        w.site_no, w.on_hand, w.unavailable, w.reserved, w.committed, w.last_shipment,
        c.as_of, c.watermark,
        EXISTS (SELECT 1 FROM count_shortages x WHERE x.warehouse = ?2 AND x.sku = ?1),
        (WITH RECURSIVE shipment(units, before) AS (
            SELECT 0, last_shipment FROM sites NATURAL JOIN warehouse_stock
            WHERE sku = ?1 AND warehouse = ?2
            UNION ALL
            SELECT l.stock_before - l.stock_after, l.shipment_before
            FROM shipment JOIN ledger l ON l.seq = shipment.before WHERE l.seq > ?3)
          SELECT coalesce(sum(units), 0) FROM shipment)
        FROM (SELECT 1) LEFT JOIN sites s ON s.sku = ?1 AND s.warehouse = ?2
        LEFT JOIN warehouse_stock w ON w.site_no = s.site_no
        LEFT JOIN counts c ON c.warehouse = ?2 AND c.sku = ?1";
    let (warehouse, watermark) = (Parameter::Text(warehouse.as_str()), sequence(watermark));
    let runs = skus.map(|sku| [Parameter::Text(sku.as_str()), warehouse, watermark]);
    read_each(database, FACTS, runs, |cells| {
        let is_known = cells.integer()? != 0;
        let site = optional_site(cells)?;
        let last = match (cells.optional_instant()?, cells.optional_number()?) {
            (Some(as_of), Some(watermark)) => Some(Moment { as_of, watermark }),
            _ => None,
        };
        let was_short = cells.integer()? != 0;
        Ok(Facts { is_known, site, last, was_short, shipped: cells.number()? })
    })
}

/// The last sequence at or before an instant, of those up to `last`. Sequences have no gap, and
/// their times do not fall, so it is found by halving.
pub(crate) fn last_until(
    database: &mut dyn Database,
    until: Instant,
    last: u64,
) -> Result<u64, Error> {
    const LAST: &str = "WITH RECURSIVE search(not_after, later) AS (
          SELECT 0, ?2 + 1
          UNION ALL
          SELECT iif(l.at <= ?1, l.seq, not_after), iif(l.at <= ?1, later, l.seq)
          FROM search JOIN ledger l ON l.seq = (not_after + later) / 2
          WHERE not_after + 1 < later)
        SELECT max(not_after), min(later) FROM search";
    let found = read(database, LAST, &[until.into(), sequence(last)], |cells| {
        Ok((cells.number::<u64>()?, cells.number::<u64>()?))
    })?;
    match found.into_iter().next() {
        Some((not_after, later)) if not_after + 1 == later => Ok(not_after),
        _ => Err(Error::Unreadable(format!("the ledger has a gap below {last}"))),
    }
}

/// What the last snapshot of the warehouse has seen.
pub(crate) fn last_snapshot(
    database: &mut dyn Database,
    warehouse: &WarehouseCode,
) -> Result<Option<Moment>, Error> {
    const LAST: &str = "SELECT as_of, watermark FROM counts WHERE warehouse = ? AND sku = ''";
    let found = read(database, LAST, &[Parameter::Text(warehouse.as_str())], |cells| {
        Ok(Moment { as_of: cells.instant()?, watermark: cells.number()? })
    })?;
    Ok(found.into_iter().next())
}

/// Notes what counts of these skus have seen.
pub(crate) fn note<'a>(
    database: &mut dyn Database,
    warehouse: &WarehouseCode,
    moment: Moment,
    skus: impl Iterator<Item = &'a str>,
) -> Result<(), Error> {
    const NOTE: &str = "INSERT INTO counts (warehouse, sku, as_of, watermark) VALUES (?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET as_of = excluded.as_of, watermark = excluded.watermark";
    let (warehouse, as_of) = (Parameter::Text(warehouse.as_str()), moment.as_of.into());
    let watermark = sequence(moment.watermark);
    write_each(database, NOTE, skus.map(|sku| [warehouse, Parameter::Text(sku), as_of, watermark]))
}

/// Notes what a snapshot of the warehouse has seen, instead of what older counts have.
pub(crate) fn note_snapshot(
    database: &mut dyn Database,
    warehouse: &WarehouseCode,
    moment: Moment,
) -> Result<(), Error> {
    const FORGET: &str = "DELETE FROM counts WHERE warehouse = ? AND (as_of, watermark) <= (?, ?)";
    let code = Parameter::Text(warehouse.as_str());
    database.execute(FORGET, &[code, moment.as_of.into(), sequence(moment.watermark)])?;
    note(database, warehouse, moment, std::iter::once(""))
}

/// Writes what counts did not find.
pub(crate) fn put_shortages<'a>(
    database: &mut dyn Database,
    warehouse: &WarehouseCode,
    as_of: Instant,
    short: impl Iterator<Item = &'a Counted>,
) -> Result<(), Error> {
    const PUT: &str = "INSERT INTO count_shortages (warehouse, sku, as_of, counted, held, missing)
        VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET as_of = excluded.as_of,
        counted = excluded.counted, held = excluded.held, missing = excluded.missing";
    let (warehouse, as_of) = (Parameter::Text(warehouse.as_str()), as_of.into());
    let runs = short.map(|it| {
        let sku = Parameter::Text(it.sku.as_str());
        [warehouse, sku, as_of, it.counted.into(), it.held.into(), it.missing.into()]
    });
    write_each(database, PUT, runs)
}

/// Forgets shortages that are no more.
pub(crate) fn delete_shortages<'a>(
    database: &mut dyn Database,
    sites: impl Iterator<Item = (&'a Sku, &'a WarehouseCode)>,
) -> Result<(), Error> {
    const DELETE: &str = "DELETE FROM count_shortages WHERE warehouse = ? AND sku = ?";
    let run = |(sku, warehouse): (&'a Sku, &'a WarehouseCode)| {
        [Parameter::Text(warehouse.as_str()), Parameter::Text(sku.as_str())]
    };
    write_each(database, DELETE, sites.map(run))
}

/// Of what a count did not find, no more can be missing than lies there after a shipment.
pub(crate) fn lower_shortages<'a>(
    database: &mut dyn Database,
    left: impl Iterator<Item = (&'a Sku, &'a WarehouseCode, u32)>,
) -> Result<(), Error> {
    const LOWER: &str = "UPDATE count_shortages SET missing = ?3
        WHERE warehouse = ?1 AND sku = ?2 AND missing > ?3 AND ?3 > 0";
    const DELETE: &str = "DELETE FROM count_shortages WHERE warehouse = ?1 AND sku = ?2 AND ?3 = 0";
    let run = |(sku, warehouse, on_hand): (&'a Sku, &'a WarehouseCode, u32)| {
        [Parameter::Text(warehouse.as_str()), Parameter::Text(sku.as_str()), on_hand.into()]
    };
    let runs: Vec<_> = left.flat_map(run).collect();
    if runs.is_empty() {
        return Ok(());
    }
    database.execute(LOWER, &runs)?;
    database.execute(DELETE, &runs)?;
    Ok(())
}

/// Shortages of one warehouse, or of all, in order of warehouse and sku, behind one.
pub(crate) fn shortages(
    database: &mut dyn Database,
    warehouse: Option<&WarehouseCode>,
    (after, sku): (&str, &str),
    limit: u32,
) -> Result<Vec<CountShortage>, Error> {
    const LIST: &str = "SELECT warehouse, sku, as_of, counted, held, missing FROM count_shortages
        WHERE (warehouse, sku) > (?1, ?2) AND warehouse = coalesce(?3, warehouse)
        ORDER BY warehouse, sku LIMIT ?4 + 0";
    let only = Parameter::optional_text(warehouse.map(WarehouseCode::as_str));
    let parameters = [Parameter::Text(after), Parameter::Text(sku), only, limit.into()];
    read(database, LIST, &parameters, |cells| {
        Ok(CountShortage {
            warehouse: cells.warehouse()?,
            sku: cells.sku()?,
            as_of: cells.instant()?,
            counted: cells.number()?,
            held: cells.number()?,
            missing: cells.number()?,
        })
    })
}

pub(super) fn sequence(seq: u64) -> Parameter<'static> {
    Parameter::Integer(i64::try_from(seq).expect("a sequence of the ledger is below 2^63"))
}

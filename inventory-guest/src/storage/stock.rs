//! Counters of skus and of skus in warehouses.

use super::catalog::value;
use super::rows::{Cells, read, read_each, write_each};
use super::{Database, Error, Parameter};
use crate::domain::catalog::SafetyStock;
use crate::domain::ledger::{SiteCounters, SkuCounters};
use crate::domain::{Sku, WarehouseCode};

/// A sku in a warehouse; `W` is the caller's word for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SiteRow<W> {
    pub(crate) warehouse: W,
    pub(crate) stored: StoredSite,
    /// Units that orders do not get.
    pub(crate) safety_stock: u32,
    /// Units that are held, or were, but not there: orders do not get them either.
    pub(crate) missing: u32,
}

/// A row of `warehouse_stock`; of the default, which has none yet, the number is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct StoredSite {
    pub(crate) site_no: i64,
    pub(crate) counters: SiteCounters,
    /// The ledger row of what left last.
    pub(crate) last_shipment: Option<i64>,
}

/// What orders do not get though nobody holds it: whether there is any, of any sku.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Safety stock.
    pub(crate) safety_stock: bool,
    /// Units that the last count did not find though they were held.
    pub(crate) missing: bool,
}

pub(crate) fn kept(database: &mut dyn Database) -> Result<Kept, Error> {
    const KEPT: &str = "SELECT EXISTS (SELECT 1 FROM catalog WHERE noun = 6),
        EXISTS (SELECT 1 FROM count_shortages)";
    let found = read(database, KEPT, &[], |cells| {
        Ok(Kept { safety_stock: cells.integer()? != 0, missing: cells.integer()? != 0 })
    })?;
    Ok(found.into_iter().next().expect("a SELECT without FROM has one row"))
}

/// The counters of these skus that have a row, each with the number it is asked for by.
pub(crate) fn find<'a>(
    database: &mut dyn Database,
    skus: impl Iterator<Item = (usize, &'a Sku)>,
) -> Result<Vec<(usize, SkuCounters)>, Error> {
    const FIND: &str = "SELECT ?2, sellable, reserved, committed FROM stock WHERE sku = ?1";
    let runs = skus.map(|(index, sku)| [Parameter::Text(sku.as_str()), Parameter::index(index)]);
    read_each(database, FIND, runs, |cells| {
        let index = cells.number()?;
        let counters = SkuCounters {
            sellable: cells.number()?,
            reserved: cells.number()?,
            committed: cells.number()?,
        };
        Ok((index, counters))
    })
}

/// Skus in order, behind one.
pub(crate) fn list(
    database: &mut dyn Database,
    after: &str,
    limit: u32,
) -> Result<Vec<Sku>, Error> {
    const LIST: &str = "SELECT sku FROM stock WHERE sku > ? ORDER BY sku LIMIT ? + 0";
    read(database, LIST, &[Parameter::Text(after), limit.into()], |cells| cells.sku())
}

/// The warehouses of these skus in order of their codes, each with the number its sku is asked
/// for by, and as `warehouse` calls it; with what is `kept` from orders.
pub(crate) fn find_sites<'a, W>(
    database: &mut dyn Database,
    skus: impl Iterator<Item = (usize, &'a Sku)>,
    kept: Kept,
    mut warehouse: impl FnMut(&str) -> W,
) -> Result<Vec<(usize, SiteRow<W>)>, Error> {
    const FIND: &str = "SELECT ?2, warehouse, site_no, on_hand, unavailable, reserved, committed,
        last_shipment FROM sites NATURAL JOIN warehouse_stock WHERE sku = ?1 ORDER BY warehouse";
    const FIND_WITH_KEPT: &str = "SELECT ?2, s.warehouse, w.site_no, w.on_hand, w.unavailable,
        w.reserved, w.committed, w.last_shipment, k.body, coalesce(x.missing, 0)
        FROM sites s JOIN warehouse_stock w ON w.site_no = s.site_no
        LEFT JOIN catalog k ON k.noun = 6 AND k.subject = s.sku AND k.place = s.warehouse
        LEFT JOIN count_shortages x ON x.warehouse = s.warehouse AND x.sku = s.sku
        WHERE s.sku = ?1 ORDER BY s.warehouse";
    let is_any_kept = kept != Kept::default();
    let find = if is_any_kept { FIND_WITH_KEPT } else { FIND };
    let runs = skus.map(|(index, sku)| [Parameter::Text(sku.as_str()), Parameter::index(index)]);
    read_each(database, find, runs, |cells| {
        let index = cells.number()?;
        let site = SiteRow {
            warehouse: warehouse(cells.text()?),
            stored: site(cells)?,
            safety_stock: 0,
            missing: 0,
        };
        if !is_any_kept {
            return Ok((index, site));
        }
        let safety_stock = match cells.optional_blob()? {
            Some(body) => value::<SafetyStock>(body)?.0.get(),
            None => 0,
        };
        let site = SiteRow { safety_stock, missing: cells.number()?, ..site };
        Ok((index, site))
    })
}

/// What there is of skus in single warehouses, each with the number it is asked for by.
pub(crate) fn find_single_sites<'a>(
    database: &mut dyn Database,
    sites: impl Iterator<Item = (usize, &'a Sku, &'a WarehouseCode)>,
) -> Result<Vec<(usize, StoredSite)>, Error> {
    const FIND: &str =
        "SELECT ?3, site_no, on_hand, unavailable, reserved, committed, last_shipment
        FROM sites NATURAL JOIN warehouse_stock WHERE sku = ?1 AND warehouse = ?2";
    read_each(database, FIND, sites.map(single_site), |cells| Ok((cells.number()?, site(cells)?)))
}

/// The safety stock of skus in single warehouses, each with the number it is asked for by.
pub(crate) fn find_safety_stock<'a>(
    database: &mut dyn Database,
    sites: impl Iterator<Item = (usize, &'a Sku, &'a WarehouseCode)>,
) -> Result<Vec<(usize, u32)>, Error> {
    const FIND: &str =
        "SELECT ?3, body FROM catalog WHERE noun = 6 AND subject = ?1 AND place = ?2";
    read_each(database, FIND, sites.map(single_site), |cells| {
        let index = cells.number()?;
        let SafetyStock(units) = value(cells.blob()?)?;
        Ok((index, units.get()))
    })
}

fn single_site<'a>(
    (index, sku, warehouse): (usize, &'a Sku, &'a WarehouseCode),
) -> [Parameter<'a>; 3] {
    let (sku, warehouse) = (sku.as_str(), warehouse.as_str());
    [Parameter::Text(sku), Parameter::Text(warehouse), Parameter::index(index)]
}

/// The counters of a row, and what follows them.
fn site(cells: &mut Cells<'_>) -> Result<StoredSite, Error> {
    let site_no = cells.integer()?;
    let (on_hand, unavailable) = (cells.number()?, cells.number()?);
    let (reserved, committed) = (cells.number()?, cells.number()?);
    let counters = SiteCounters { on_hand, unavailable, reserved, committed };
    Ok(StoredSite { site_no, counters, last_shipment: cells.optional_integer()? })
}

/// That of an outer join: `None` where the warehouse does not stock the sku.
pub(super) fn optional_site(cells: &mut Cells<'_>) -> Result<Option<StoredSite>, Error> {
    let site_no = cells.optional_integer()?;
    let (on_hand, unavailable) = (cells.optional_number()?, cells.optional_number()?);
    let (reserved, committed) = (cells.optional_number()?, cells.optional_number()?);
    let last_shipment = cells.optional_integer()?;
    Ok(match (site_no, on_hand, unavailable, reserved, committed) {
        (Some(site_no), Some(on_hand), Some(unavailable), Some(reserved), Some(committed)) => {
            let counters = SiteCounters { on_hand, unavailable, reserved, committed };
            Some(StoredSite { site_no, counters, last_shipment })
        }
        _ => None,
    })
}

/// Which of these codes are a warehouse's, by index.
pub(crate) fn find_warehouses<'a>(
    database: &mut dyn Database,
    codes: impl Iterator<Item = &'a WarehouseCode>,
) -> Result<Vec<usize>, Error> {
    const FIND: &str = "SELECT ?2 FROM catalog WHERE noun = 1 AND subject = ?1 AND place = ''";
    let runs = codes
        .enumerate()
        .map(|(index, code)| [Parameter::Text(code.as_str()), Parameter::index(index)]);
    read_each(database, FIND, runs, |cells| cells.number())
}

/// Writes skus that have no row yet.
pub(crate) fn insert<'a>(
    database: &mut dyn Database,
    skus: impl Iterator<Item = (&'a Sku, SkuCounters)>,
) -> Result<(), Error> {
    const INSERT: &str =
        "INSERT INTO stock (sellable, reserved, committed, sku) VALUES (?, ?, ?, ?)";
    write_each(database, INSERT, skus.map(sku_row))
}

/// Writes the counters of skus that have a row.
pub(crate) fn update<'a>(
    database: &mut dyn Database,
    skus: impl Iterator<Item = (&'a Sku, SkuCounters)>,
) -> Result<(), Error> {
    const UPDATE: &str = "UPDATE stock SET sellable = ?, reserved = ?, committed = ? WHERE sku = ?";
    write_each(database, UPDATE, skus.map(sku_row))
}

fn sku_row((sku, counters): (&Sku, SkuCounters)) -> [Parameter<'_>; 4] {
    let text = Parameter::Text(sku.as_str());
    [counters.sellable.into(), counters.reserved.into(), counters.committed.into(), text]
}

/// Writes skus in warehouses that have no row yet, and so no number; answers the first one's: the
/// others follow.
pub(crate) fn insert_sites<'a>(
    database: &mut dyn Database,
    sites: impl Iterator<Item = (&'a Sku, &'a WarehouseCode, StoredSite)> + Clone,
) -> Result<i64, Error> {
    const LAST: &str = "SELECT coalesce(max(site_no), 0) FROM sites";
    const NAME: &str = "INSERT INTO sites (site_no, sku, warehouse) VALUES (?, ?, ?)";
    const INSERT: &str = "INSERT INTO warehouse_stock
        (on_hand, unavailable, reserved, committed, last_shipment, site_no)
        VALUES (?, ?, ?, ?, ?, ?)";
    if sites.clone().next().is_none() {
        return Ok(0);
    }
    let last: Vec<i64> = read(database, LAST, &[], |cells| cells.integer())?;
    let first = last[0] + 1;
    let names = (first..).zip(sites.clone()).map(|(number, (sku, warehouse, _))| {
        let (sku, warehouse) = (Parameter::Text(sku.as_str()), Parameter::Text(warehouse.as_str()));
        [Parameter::Integer(number), sku, warehouse]
    });
    write_each(database, NAME, names)?;
    let rows = (first..).zip(sites);
    let rows = rows.map(|(site_no, (.., site))| site_row(StoredSite { site_no, ..site }));
    write_each(database, INSERT, rows)?;
    Ok(first)
}

/// Writes what changed of skus in warehouses that have a row.
pub(crate) fn update_sites(
    database: &mut dyn Database,
    sites: impl Iterator<Item = StoredSite>,
) -> Result<(), Error> {
    const UPDATE: &str = "UPDATE warehouse_stock
        SET on_hand = ?, unavailable = ?, reserved = ?, committed = ?, last_shipment = ?
        WHERE site_no = ?";
    write_each(database, UPDATE, sites.map(site_row))
}

fn site_row(site: StoredSite) -> [Parameter<'static>; 6] {
    let StoredSite { site_no, counters, last_shipment } = site;
    [
        counters.on_hand.into(),
        counters.unavailable.into(),
        counters.reserved.into(),
        counters.committed.into(),
        Parameter::optional(last_shipment),
        Parameter::Integer(site_no),
    ]
}

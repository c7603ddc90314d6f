//! Reading: orders, stock, changes and the catalog, each from one snapshot.

pub use super::audit::{AuditCounts, AuditReport, Difference, audit};
pub use super::catalog::read::{
    CatalogEvent, StoredEntry, get_entry, list_catalog_events, list_entries,
};
pub use super::counts::list_shortages;
pub use super::routing::{Inquiry, Planned, Preview, WarehouseWhy, plan, preview};
pub use super::sessions::{get_session, list_snapshots};

use super::Fault;
use super::batch::code_of;
use crate::domain::change::Change;
use crate::domain::order::LegUnits;
use crate::domain::{
    Instant, Line, Operation, OrderId, OrderState, Package, Quantity, RequestId, Sku, WarehouseCode,
};
use crate::storage::orders::LegRow;
use crate::storage::{self, Database};

const SKUS_MAX: usize = 1_000;
const PAGE_MAX: u32 = 1_000;

/// An order's line, with what became of its units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderLine {
    /// Which sku.
    pub sku: Sku,
    /// Units placed: the sum of the others.
    pub quantity: u64,
    /// Held, unpaid.
    pub reserved: u64,
    /// Held and paid.
    pub committed: u64,
    /// Left.
    pub shipped: u64,
    /// Given back by a cancel or refund.
    pub released: u64,
    /// Given back by the end of the hold.
    pub expired: u64,
}

/// One step in an order's life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When.
    pub at: Instant,
    /// What was asked for, or `expire`.
    pub operation: Operation,
    /// The caller's name for the attempt, where it gave one.
    pub request_id: Option<RequestId>,
    /// What was answered: `ok`, or the code of the refusal.
    pub outcome: &'static str,
}

/// An order as callers see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The caller's id.
    pub order_id: OrderId,
    /// What it has come to.
    pub state: OrderState,
    /// When its hold ends; only while units are reserved.
    pub expires_at: Option<Instant>,
    /// Every line of every placement, with the units that were placed.
    pub lines: Vec<OrderLine>,
    /// What has left or may still leave.
    pub packages: Vec<Package>,
    /// Oldest first.
    pub history: Vec<HistoryEntry>,
}

/// A sku in one warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarehouseStock {
    /// Which warehouse.
    pub warehouse: WarehouseCode,
    /// What physically lies there.
    pub on_hand: u32,
    /// Held there, unpaid.
    pub reserved: u32,
    /// Held there, paid.
    pub committed: u32,
    /// What lies there and is not for sale.
    pub unavailable: u32,
}

/// A sku, with sums over its warehouses and what is held without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkuStock {
    /// Which sku.
    pub sku: Sku,
    /// What may still be promised.
    pub sellable: u32,
    /// Held, unpaid.
    pub reserved: u64,
    /// Held and paid.
    pub committed: u64,
    /// What physically lies in warehouses.
    pub on_hand: u64,
    /// In order of their codes.
    pub warehouses: Vec<WarehouseStock>,
}

/// `None` where no such order was ever placed.
pub fn get_order(database: &mut impl Database, order_id: OrderId) -> Result<Option<Order>, Fault> {
    let found = storage::orders::find(database, std::iter::once(&order_id))?;
    let Some((_, row)) = found.into_iter().next() else {
        return Ok(None);
    };
    let Some(state) = row.state else {
        return Ok(None);
    };
    let legs =
        storage::orders::legs(database, std::iter::once((0, row.order_no)), |sku, warehouse| {
            (Sku::from_row(sku), warehouse.map(WarehouseCode::from_row))
        })?;
    let mut lines = Vec::new();
    let mut packages = Vec::new();
    for (_, leg) in &legs {
        add_to_line(&mut lines, leg);
        add_to_package(&mut packages, leg);
    }
    Ok(Some(Order {
        order_id,
        state,
        expires_at: row.expires_at,
        lines: lines.into_iter().map(|(_, line)| line).collect(),
        packages,
        history: history(database, row.order_no)?,
    }))
}

/// Legs of one line stand together: they were placed so.
fn add_to_line(lines: &mut Vec<(u32, OrderLine)>, leg: &LegRow<Sku, WarehouseCode>) {
    let LegUnits { quantity, reserved, committed, shipped, released, expired } = leg.units;
    if lines.last().is_none_or(|(number, _)| *number != leg.line) {
        let (reserved, committed, shipped, released, expired) = (0, 0, 0, 0, 0);
        let sku = leg.sku.clone();
        let line = OrderLine { sku, quantity: 0, reserved, committed, shipped, released, expired };
        lines.push((leg.line, line));
    }
    let (_, line) = lines.last_mut().expect("a line was just made");
    line.quantity += u64::from(quantity);
    line.reserved += u64::from(reserved);
    line.committed += u64::from(committed);
    line.shipped += u64::from(shipped);
    line.released += u64::from(released);
    line.expired += u64::from(expired);
}

fn add_to_package(packages: &mut Vec<Package>, leg: &LegRow<Sku, WarehouseCode>) {
    let units = leg.units.held() + leg.units.shipped;
    if units == 0 {
        return;
    }
    let line = Line { sku: leg.sku.clone(), quantity: Quantity::counted(units) };
    match packages.binary_search_by_key(&leg.package, |package| package.number) {
        Ok(at) => packages[at].lines.push(line),
        Err(at) => {
            let (number, warehouse) = (leg.package, leg.warehouse.clone());
            let promised_ship_at = leg.promised_ship_at;
            packages.insert(at, Package { number, warehouse, lines: vec![line], promised_ship_at });
        }
    }
}

fn history(database: &mut dyn Database, order_no: i64) -> Result<Vec<HistoryEntry>, Fault> {
    let steps = storage::requests::history(database, order_no)?;
    let entry = |step: storage::requests::StepRow| {
        Ok(HistoryEntry {
            at: step.at,
            operation: step.operation,
            // What the guest itself names has a space, or is empty: not a caller's name.
            request_id: RequestId::parse(step.request_id).ok(),
            outcome: code_of(&step.outcome)?,
        })
    };
    steps.into_iter().map(entry).collect()
}

/// One for each sku asked for, in order; `None` where the sku is unknown.
pub fn get_stock(
    database: &mut impl Database,
    skus: Vec<Sku>,
) -> Result<Vec<Option<SkuStock>>, Fault> {
    if skus.len() > SKUS_MAX {
        let asked = skus.len();
        return Err(Fault::Malformed(format!("at most {SKUS_MAX} skus, not {asked}")));
    }
    let counters = storage::stock::find(database, skus.iter().enumerate())?;
    let asked = counters.iter().map(|&(index, _)| (index, &skus[index]));
    let kept = storage::stock::kept(database)?;
    let sites = storage::stock::find_sites(database, asked, kept, WarehouseCode::from_row)?;
    let mut stock: Vec<_> = skus.into_iter().map(Asked::Unknown).collect();
    for (index, counters) in counters {
        stock[index].know(counters.sellable, counters.reserved, counters.committed);
    }
    for (index, site) in sites {
        stock[index].add(site);
    }
    Ok(stock.into_iter().map(Asked::into_known).collect())
}

/// Skus in order, behind `after` (empty: from the first), at most `limit` (1..1,000).
pub fn list_stock(
    database: &mut impl Database,
    after: &str,
    limit: u32,
) -> Result<Vec<SkuStock>, Fault> {
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Fault::Malformed(format!("a limit must be 1..{PAGE_MAX}, not {limit}")));
    }
    let skus = storage::stock::list(database, after, limit)?;
    Ok(get_stock(database, skus)?.into_iter().flatten().collect())
}

/// A sku before and after its row was found.
enum Asked {
    Unknown(Sku),
    Known(SkuStock),
}

impl Asked {
    fn know(&mut self, sellable: u32, reserved: u32, committed: u32) {
        if let Self::Unknown(sku) = self {
            let (reserved, committed) = (u64::from(reserved), u64::from(committed));
            let (sku, warehouses) = (sku.clone(), Vec::new());
            let on_hand = 0;
            *self =
                Self::Known(SkuStock { sku, sellable, reserved, committed, on_hand, warehouses });
        }
    }

    fn add(&mut self, site: storage::stock::SiteRow<WarehouseCode>) {
        if let Self::Known(stock) = self {
            let counters = site.stored.counters;
            stock.reserved += u64::from(counters.reserved);
            stock.committed += u64::from(counters.committed);
            stock.on_hand += u64::from(counters.on_hand);
            stock.warehouses.push(WarehouseStock {
                warehouse: site.warehouse,
                on_hand: counters.on_hand,
                reserved: counters.reserved,
                committed: counters.committed,
                unavailable: counters.unavailable,
            });
        }
    }

    fn into_known(self) -> Option<SkuStock> {
        match self {
            Self::Unknown(_) => None,
            Self::Known(stock) => Some(stock),
        }
    }
}

/// The changes after a sequence, oldest first, at most `limit` (1..1,000).
pub fn list_changes(
    database: &mut impl Database,
    after: u64,
    limit: u32,
) -> Result<Vec<Change>, Fault> {
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(Fault::Malformed(format!("a limit must be 1..{PAGE_MAX}, not {limit}")));
    }
    Ok(storage::changes::list(database, after, limit)?)
}

//! The orders of a batch and their legs.

use super::stock::{SiteIndex, SkuIndex, Stock};
use super::{Fault, MetIndex, OrderIndex, OrdersById};
use crate::domain::order::{LegUnits, OrderUnits};
use crate::domain::{Command, Instant, OrderId, Sku, WarehouseCode};
use crate::storage::orders::{LegRow, OrderRow};
use crate::storage::{self, Database};
use rustc_hash::FxBuildHasher;

pub(in crate::operations) struct OrderEntry<'a> {
    /// `None` for an order that is here only because its hold is due.
    id: Option<&'a OrderId>,
    pub(in crate::operations) row: OrderRow,
    stored: Option<OrderRow>,
    pub(in crate::operations) legs: Vec<LegEntry>,
    /// Whether `legs` holds what the database has.
    pub(super) legs_known: bool,
}

pub(in crate::operations) struct LegEntry {
    pub(in crate::operations) row: LegRow<SkuIndex, SiteIndex>,
    stored: Option<LegUnits>,
    /// It leaves from elsewhere than its row says.
    is_transferred: bool,
}

impl<'a> OrderEntry<'a> {
    fn new(id: &'a OrderId, order_no: i64) -> Self {
        let row = OrderRow { order_no, state: None, expires_at: None, route: None, steps: 0 };
        Self { id: Some(id), row, stored: None, legs: Vec::new(), legs_known: true }
    }

    /// An order whose hold is due.
    pub(super) fn due(row: OrderRow) -> Self {
        let stored = Some(row.clone());
        Self { id: None, row, stored, legs: Vec::new(), legs_known: false }
    }

    fn set_stored(&mut self, row: OrderRow) {
        self.stored = Some(row.clone());
        self.row = row;
        self.legs_known = false;
    }

    pub(super) fn is_stored(&self) -> bool {
        self.stored.is_some()
    }

    pub(super) fn id(&self) -> &'a OrderId {
        self.id.expect("an order that a command names has its id")
    }

    /// The order's place for its next request.
    pub(super) fn next_step(&mut self) -> u32 {
        self.row.steps += 1;
        self.row.steps
    }

    /// Sums over the legs.
    pub(in crate::operations) fn units(&self) -> OrderUnits {
        OrderUnits::sum(self.legs.iter().map(|leg| leg.row.units))
    }

    /// The last placement's number; 0 when nothing was ever placed.
    pub(in crate::operations) fn last_placement(&self) -> u32 {
        self.legs.last().map_or(0, |leg| leg.row.placement)
    }
}

impl LegEntry {
    /// A leg placed now.
    pub(in crate::operations) fn new(row: LegRow<SkuIndex, SiteIndex>) -> Self {
        Self { row, stored: None, is_transferred: false }
    }

    /// Lets it leave from another warehouse, in another package.
    pub(super) fn transfer(
        &mut self,
        warehouse: SiteIndex,
        package: u32,
        promised_ship_at: Instant,
    ) {
        self.row.warehouse = Some(warehouse);
        self.row.package = package;
        self.row.promised_ship_at = Some(promised_ship_at);
        self.is_transferred = true;
    }

    /// A leg as its row says, its warehouse among those of its sku, which are loaded.
    pub(super) fn stored(row: &LegRow<SkuIndex, MetIndex>, stock: &Stock) -> Result<Self, Fault> {
        let site = |met: MetIndex| {
            stock.site_at(row.sku, met).ok_or_else(|| {
                let (sku, code) =
                    (stock.sku(row.sku).as_str(), stock.warehouses.code(met).as_str());
                Fault::Corrupt(format!("a leg of {sku} is at {code}, which has none"))
            })
        };
        let row = LegRow {
            placement: row.placement,
            line: row.line,
            package: row.package,
            sku: row.sku,
            warehouse: row.warehouse.map(site).transpose()?,
            units: row.units,
            promised_ship_at: row.promised_ship_at,
            ended_at: row.ended_at,
        };
        Ok(Self { stored: Some(row.units), row, is_transferred: false })
    }
}

/// Looks up the orders that commands name, and numbers those that have no row yet. Answers the
/// orders, and which of them each command is for.
pub(super) fn find<'a>(
    database: &mut dyn Database,
    last_order_no: i64,
    commands: &'a [Command],
) -> Result<(Vec<OrderEntry<'a>>, Vec<Option<OrderIndex>>), Fault> {
    let mut ids: Vec<&OrderId> = Vec::with_capacity(commands.len());
    let mut by_id = OrdersById::with_capacity_and_hasher(commands.len(), FxBuildHasher);
    let mut order_of = Vec::with_capacity(commands.len());
    for command in commands {
        order_of.push(order_id(command).map(|id| {
            *by_id.entry(id).or_insert_with(|| {
                ids.push(id);
                ids.len() - 1
            })
        }));
    }
    let found = storage::orders::find(database, ids.iter().copied())?;
    let mut orders: Vec<_> = ids.into_iter().map(|id| OrderEntry::new(id, 0)).collect();
    for (order, row) in found {
        orders[order].set_stored(row);
    }
    let new = orders.iter_mut().filter(|order| order.stored.is_none());
    for (order, order_no) in new.zip(last_order_no + 1..) {
        order.row.order_no = order_no;
    }
    Ok((orders, order_of))
}

fn order_id(command: &Command) -> Option<&OrderId> {
    match command {
        Command::Reserve(it) | Command::Deduct(it) => Some(&it.order_id),
        Command::Confirm(it) => Some(&it.order_id),
        Command::Extend(it) => Some(&it.order_id),
        Command::Ship(it) => Some(&it.order_id),
        Command::Release(it) => Some(&it.order_id),
        Command::Transfer(it) => Some(&it.order_id),
        Command::Adjust(_)
        | Command::Expire(_)
        | Command::Catalog(_)
        | Command::Session(_)
        | Command::Count(_) => None,
    }
}

/// Writes what changed.
pub(super) fn write(
    database: &mut dyn Database,
    orders: &[OrderEntry<'_>],
    stock: &Stock<'_>,
) -> Result<(), Fault> {
    let new = orders.iter().filter(|order| order.stored.is_none());
    storage::orders::insert(database, new.map(|order| (order.id(), &order.row)))?;
    let changed = orders.iter().filter(|it| it.stored.as_ref().is_some_and(|row| *row != it.row));
    storage::orders::update(database, changed.map(|order| &order.row))?;

    let legs = || {
        orders.iter().flat_map(|order| {
            (1_u32..).zip(&order.legs).map(|(leg_no, leg)| (order.row.order_no, leg_no, leg))
        })
    };
    let new = legs().filter(|(_, _, leg)| leg.stored.is_none());
    storage::orders::insert_legs(
        database,
        new.map(|(order_no, leg_no, leg)| (order_no, leg_no, named(&leg.row, stock))),
    )?;
    let transferred = legs().filter(|(_, _, leg)| leg.stored.is_some() && leg.is_transferred);
    storage::orders::transfer_legs(
        database,
        transferred.map(|(order_no, leg_no, leg)| (order_no, leg_no, named(&leg.row, stock))),
    )?;
    let changed =
        legs().filter(|(_, _, leg)| leg.stored.is_some_and(|units| units != leg.row.units));
    storage::orders::update_legs(
        database,
        changed.map(|(order_no, leg_no, leg)| (order_no, leg_no, leg.row.units, leg.row.ended_at)),
    )?;
    Ok(())
}

fn named<'s>(
    row: &LegRow<SkuIndex, SiteIndex>,
    stock: &'s Stock<'_>,
) -> LegRow<&'s Sku, &'s WarehouseCode> {
    LegRow {
        placement: row.placement,
        line: row.line,
        package: row.package,
        sku: stock.sku(row.sku),
        warehouse: row.warehouse.map(|site| stock.code(row.sku, site)),
        units: row.units,
        promised_ship_at: row.promised_ship_at,
        ended_at: row.ended_at,
    }
}

//! Moving a package that has not left to another warehouse, which must do as well as the first:
//! serve where the order goes, ever ship, be allowed to, and have every unit free.
//!
//! The package gets a new number: what was said or is still on its way about the old one, such as
//! a `ship` from the old warehouse, never concerns units that now lie elsewhere.

use super::Stop;
use super::batch::{Batch, Need, OrderIndex, SkuIndex, candidate};
use super::orders::placed_state;
use crate::domain::{
    Instant, OrderAnswer, OrderState, Refusal, ShippedUnits, Shortage, Transfer, WarehouseCode,
};
use std::rc::Rc;

/// What a package holds: its legs, each with its held units.
type Parcel = Vec<(usize, u32)>;

/// Units of each sku of a package.
type Contents = Vec<(SkuIndex, u64)>;

/// Lets a held package leave from another warehouse; all of its units, or none.
pub(super) fn transfer(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    transfer: &Transfer,
) -> Result<OrderAnswer, Stop> {
    let state = placed_state(batch, order)?;
    let parcel = parcel(batch, order, transfer.package, state)?;
    let warehouse = &transfer.warehouse;
    if is_at(batch, order, &parcel, warehouse) {
        return Ok(batch.order_answer(order, &parcel));
    }
    let contents = contents(batch, order, &parcel);
    let promised_ship_at = check_warehouse(batch, order, &contents, warehouse)?;
    let skus: Vec<SkuIndex> = contents.iter().map(|(sku, _)| *sku).collect();
    batch.read_sites(skus.iter().copied())?;
    batch.read_kept()?;
    let mut short = short(batch, &contents, warehouse);
    if !short.is_empty() && batch.count_due(&skus)? {
        short = self::short(batch, &contents, warehouse);
    }
    if !short.is_empty() {
        batch.check_all_due_counted()?;
        return Err(Refusal::InsufficientStock(short).into());
    }
    if batch.is_any_due() {
        let site = |sku| batch.stock.site(sku, warehouse);
        let needs: Vec<_> = contents.iter().map(|&(sku, units)| (sku, site(sku), units)).collect();
        batch.end_due(needs.into_iter().map(|(sku, site, units)| Need { sku, site, units }))?;
    }
    let packages = batch.orders[order].legs.iter().map(|leg| leg.row.package);
    let package = packages.max().expect("an order with a package has legs") + 1;
    for &(leg, _) in &parcel {
        batch.transfer_leg(order, leg, warehouse, package, promised_ship_at);
    }
    Ok(batch.order_answer(order, &parcel))
}

fn parcel(
    batch: &Batch<'_>,
    order: OrderIndex,
    package: u32,
    state: OrderState,
) -> Result<Parcel, Refusal> {
    let legs = batch.orders[order].legs.iter().map(|leg| &leg.row).enumerate();
    let of_package: Vec<_> = legs.filter(|(_, leg)| leg.package == package).collect();
    if of_package.is_empty() {
        return Err(Refusal::UnknownPackage(package));
    }
    let held = of_package.iter().map(|(index, leg)| (*index, leg.units.held()));
    let parcel: Parcel = held.filter(|(_, units)| *units > 0).collect();
    let shipped: u64 = of_package.iter().map(|(_, leg)| u64::from(leg.units.shipped)).sum();
    match (parcel.is_empty(), shipped) {
        (false, _) => Ok(parcel),
        (true, 0) => Err(Refusal::InvalidState(state)),
        (true, _) => Err(Refusal::AlreadyShipped(ShippedUnits { shipped, held: 0 })),
    }
}

fn is_at(batch: &Batch<'_>, order: OrderIndex, parcel: &Parcel, warehouse: &WarehouseCode) -> bool {
    parcel.iter().all(|(leg, _)| {
        let leg = &batch.orders[order].legs[*leg].row;
        leg.warehouse.is_some_and(|site| batch.stock.code(leg.sku, site) == warehouse)
    })
}

fn contents(batch: &Batch<'_>, order: OrderIndex, parcel: &Parcel) -> Contents {
    let mut contents = Contents::new();
    for &(leg, units) in parcel {
        let sku = batch.orders[order].legs[leg].row.sku;
        match contents.iter_mut().find(|(known, _)| *known == sku) {
            Some((_, sum)) => *sum += u64::from(units),
            None => contents.push((sku, u64::from(units))),
        }
    }
    contents
}

/// Whether the warehouse may ship these skus to where the order goes; answers when it would.
fn check_warehouse(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    contents: &Contents,
    warehouse: &WarehouseCode,
) -> Result<Instant, Stop> {
    let now = batch.now;
    let ship_to = batch.orders[order].row.route.as_ref().map(|route| route.ship_to.clone());
    let skus: Vec<SkuIndex> = contents.iter().map(|(sku, _)| *sku).collect();
    let to = ship_to.iter().flat_map(|it| skus.iter().map(|sku| (*sku, &it.adcode)));
    batch.read_rules(&to.collect::<Vec<_>>())?;
    let (routing, stock) = batch.routing();
    let catalog = Rc::clone(&routing.catalog);
    let Some(number) = stock.number(warehouse) else {
        return Err(Refusal::UnknownWarehouse(vec![warehouse.clone()]).into());
    };
    let may_ship = match &ship_to {
        // A warehouse that this very batch made is active.
        None => number >= catalog.warehouses() || catalog.warehouse(number).active,
        Some(ship_to) => {
            let denied = routing.denied(stock, &skus, &ship_to.adcode, now);
            if !denied.is_empty() {
                return Err(Refusal::RegionRestricted(denied).into());
            }
            let destination = catalog.destination(&ship_to.adcode, ship_to.location);
            candidate(number, &catalog, &destination).is_some()
        }
    };
    let promised = may_ship.then(|| routing.promises.promised_ship_at(number)).flatten();
    promised.ok_or_else(|| {
        let none = contents.iter().map(|(sku, units)| batch.shortage(*sku, *units, 0));
        Refusal::NoShippableWarehouse(none.collect()).into()
    })
}

/// The skus of which the warehouse has too little.
fn short(batch: &Batch<'_>, contents: &Contents, warehouse: &WarehouseCode) -> Vec<Shortage> {
    let short = |(sku, units): &(SkuIndex, u64)| {
        let site = batch.stock.site(*sku, warehouse);
        let free = site.map_or(0, |site| u64::from(batch.stock.free(*sku, site)));
        (free < *units).then(|| batch.shortage(*sku, *units, free))
    };
    contents.iter().filter_map(short).collect()
}

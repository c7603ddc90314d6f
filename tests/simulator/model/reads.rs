//! What can be read: stock and orders.

use super::{Leg, Model, Order, Place, packages};
use crate::door::counts::Missing;
use crate::door::words::{self, Instant, OrderLine, SkuStock, State, WarehouseStock};

impl Model {
    pub(crate) fn skus(&self) -> impl Iterator<Item = &str> {
        self.sellable.keys().map(String::as_str)
    }

    pub(crate) fn order_ids(&self) -> impl Iterator<Item = &str> {
        self.orders.iter().map(|order| order.id.as_str())
    }

    /// The orders that were placed last.
    pub(crate) fn newest_orders(&self, count: usize) -> Vec<words::Order> {
        let ids = self.orders.iter().rev().map(|order| order.id.as_str());
        ids.filter_map(|id| self.order(id)).take(count).collect()
    }

    /// When the live holds end.
    pub(crate) fn hold_ends(&self) -> Vec<Instant> {
        self.orders.iter().filter_map(Order::expires_at).collect()
    }

    /// What counts did not find though it was held, by warehouse and sku.
    pub(crate) fn missing(&self) -> Vec<Missing> {
        self.missing.values().cloned().collect()
    }

    /// The codes of the warehouses.
    pub(crate) fn warehouses(&self) -> Vec<String> {
        self.entries("warehouse").map(|(words, _)| words[0].clone()).collect()
    }

    /// What lies in a warehouse of a sku.
    pub(crate) fn on_hand(&self, sku: &str, warehouse: &str) -> i64 {
        let place = (sku.to_owned(), warehouse.to_owned());
        self.sites.get(&place).map_or(0, |site| site.on_hand)
    }

    pub(crate) fn stock(&self, sku: &str) -> Option<SkuStock> {
        let sellable = *self.sellable.get(sku)?;
        let codes = self.warehouses_of(sku);
        let warehouses: Vec<WarehouseStock> = codes
            .into_iter()
            .map(|code| {
                let site = self.sites[&(sku.to_owned(), code.clone())];
                WarehouseStock {
                    on_hand: narrow(site.on_hand),
                    reserved: narrow(self.sum(sku, Some(&code), Place::Reserved)),
                    committed: narrow(self.sum(sku, Some(&code), Place::Committed)),
                    unavailable: narrow(site.unavailable),
                    warehouse: code,
                }
            })
            .collect();
        let everywhere = |own: i64, of: fn(&WarehouseStock) -> u32| {
            own.unsigned_abs() + warehouses.iter().map(|it| u64::from(of(it))).sum::<u64>()
        };
        Some(SkuStock {
            sku: sku.to_owned(),
            sellable: narrow(sellable),
            reserved: everywhere(self.sum(sku, None, Place::Reserved), |it| it.reserved),
            committed: everywhere(self.sum(sku, None, Place::Committed), |it| it.committed),
            on_hand: everywhere(0, |it| it.on_hand),
            warehouses,
        })
    }

    pub(crate) fn order(&self, order_id: &str) -> Option<words::Order> {
        let order = self.orders.iter().find(|order| order.id == order_id)?;
        let state: State = order.state?;
        Some(words::Order {
            order_id: order.id.clone(),
            state,
            expires_at: order.expires_at(),
            lines: lines(order),
            packages: packages(
                order.legs.iter().map(|leg| (leg, leg.held() + leg.at(Place::Shipped))),
            ),
            history: order.history.clone(),
        })
    }
}

fn lines(order: &Order) -> Vec<OrderLine> {
    let mut numbers: Vec<u32> = order.legs.iter().map(|leg| leg.line).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let line = |number| {
        let legs: Vec<&Leg> = order.legs.iter().filter(|leg| leg.line == number).collect();
        let sum = |place| legs.iter().map(|leg| leg.at(place)).sum::<i64>().unsigned_abs();
        OrderLine {
            sku: legs[0].sku.clone(),
            quantity: legs.iter().map(|leg| leg.quantity()).sum::<i64>().unsigned_abs(),
            reserved: sum(Place::Reserved),
            committed: sum(Place::Committed),
            shipped: sum(Place::Shipped),
            released: sum(Place::Released),
            expired: sum(Place::Expired),
        }
    };
    numbers.into_iter().map(line).collect()
}

fn narrow(units: i64) -> u32 {
    u32::try_from(units).expect("the model keeps counters in their bounds")
}

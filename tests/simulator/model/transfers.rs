//! Transfer: a package's units go to another warehouse, all or none.

use super::{Model, Place, Reply};
use crate::door::words::{Instant, Refusal, Shortage};

impl Model {
    pub(super) fn transfer(
        &mut self,
        now: Instant,
        order: usize,
        package: u32,
        warehouse: &str,
    ) -> Reply {
        let state = self.state_now(now, order)?;
        let legs = &self.orders[order].legs;
        let of: Vec<usize> = (0..legs.len()).filter(|leg| legs[*leg].package == package).collect();
        let held = of.iter().map(|leg| (*leg, legs[*leg].held()));
        let held: Vec<(usize, i64)> = held.filter(|(_, units)| *units > 0).collect();
        let shipped: i64 = of.iter().map(|leg| legs[*leg].at(Place::Shipped)).sum();
        if of.is_empty() {
            return Err(Refusal::UnknownPackage(package));
        }
        if held.is_empty() && shipped > 0 {
            let shipped = shipped.unsigned_abs();
            return Err(Refusal::AlreadyShipped { shipped, held: 0 });
        }
        if held.is_empty() {
            return Err(Refusal::InvalidState(state));
        }
        if held.iter().all(|(leg, _)| legs[*leg].warehouse.as_deref() == Some(warehouse)) {
            return Ok(self.answer(order, state, held));
        }
        let wanted = self.contents(order, &held);
        self.check_warehouse(warehouse)?;
        let promise = self.may_ship(now, order, &wanted, warehouse)?;
        let mut short = self.short(&wanted, warehouse);
        if !short.is_empty() {
            self.due_is_free = true;
            short = self.without_due(now).short(&wanted, warehouse);
        }
        if !short.is_empty() {
            return Err(Refusal::InsufficientStock(short));
        }
        let there =
            |(sku, units): &(String, i64)| ((sku.clone(), Some(warehouse.to_owned())), *units);
        self.end_due_for(now, &wanted.iter().map(there).collect());
        let last = self.orders[order].legs.iter().map(|leg| leg.package).max();
        for (leg, _) in &held {
            let leg = &mut self.orders[order].legs[*leg];
            leg.package = last.expect("there is a package") + 1;
            leg.warehouse = Some(warehouse.to_owned());
            leg.promised_ship_at = Some(promise);
            // There and here.
            self.write_row(now);
            self.write_row(now);
        }
        Ok(self.answer(order, state, held))
    }

    /// Units of each sku of a package.
    fn contents(&self, order: usize, held: &[(usize, i64)]) -> Vec<(String, i64)> {
        let legs = &self.orders[order].legs;
        let mut wanted: Vec<(String, i64)> = Vec::new();
        for (leg, units) in held {
            let sku = &legs[*leg].sku;
            match wanted.iter_mut().find(|(of, _)| of == sku) {
                Some((_, sum)) => *sum += units,
                None => wanted.push((sku.clone(), *units)),
            }
        }
        wanted
    }

    /// When the warehouse would ship it; it must do as if the order were placed now.
    fn may_ship(
        &self,
        now: Instant,
        order: usize,
        wanted: &[(String, i64)],
        warehouse: &str,
    ) -> Result<Instant, Refusal> {
        let may = match &self.orders[order].route {
            None => self.entry("warehouse", &[warehouse]).unwrap()["active"] == true,
            Some(route) => {
                let skus: Vec<&str> = wanted.iter().map(|(sku, _)| sku.as_str()).collect();
                let denied = self.denied(now, &skus, &route.to);
                if !denied.is_empty() {
                    return Err(Refusal::RegionRestricted(denied));
                }
                self.rank(now, warehouse, route).is_some()
            }
        };
        let promise = may.then(|| self.promise(now, warehouse)).flatten();
        let none = wanted.iter().map(|(sku, units)| shortage(sku, *units, 0)).collect();
        promise.ok_or(Refusal::NoShippableWarehouse(none))
    }

    /// What the warehouse has too little of.
    fn short(&self, wanted: &[(String, i64)], warehouse: &str) -> Vec<Shortage> {
        let short = |(sku, requested): &(String, i64)| {
            let available = self.free_at(sku, warehouse);
            (available < *requested).then(|| shortage(sku, *requested, available))
        };
        wanted.iter().filter_map(short).collect()
    }
}

fn shortage(sku: &str, requested: i64, available: i64) -> Shortage {
    Shortage {
        sku: sku.to_owned(),
        requested: requested.unsigned_abs(),
        available: available.unsigned_abs(),
    }
}

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
        self.check_warehouse(warehouse)?;
        let mut short = self.short(order, &held, warehouse);
        if !short.is_empty() && self.end_due_holds(now, usize::MAX) > 0 {
            short = self.short(order, &held, warehouse);
        }
        if !short.is_empty() {
            return Err(Refusal::InsufficientStock(short));
        }
        let last = self.orders[order].legs.iter().map(|leg| leg.package).max();
        for (leg, _) in &held {
            let leg = &mut self.orders[order].legs[*leg];
            leg.package = last.expect("there is a package") + 1;
            leg.warehouse = Some(warehouse.to_owned());
            leg.promised_ship_at = Some(now);
            // There and here.
            self.write_row(now);
            self.write_row(now);
        }
        Ok(self.answer(order, state, held))
    }

    /// What the warehouse has too little of.
    fn short(&self, order: usize, held: &[(usize, i64)], warehouse: &str) -> Vec<Shortage> {
        let legs = &self.orders[order].legs;
        let mut wanted: Vec<(&str, i64)> = Vec::new();
        for (leg, units) in held {
            let sku = legs[*leg].sku.as_str();
            match wanted.iter_mut().find(|(of, _)| *of == sku) {
                Some((_, sum)) => *sum += units,
                None => wanted.push((sku, *units)),
            }
        }
        let shortage = |(sku, requested): (&str, i64)| {
            let is_there = self.sites.contains_key(&(sku.to_owned(), warehouse.to_owned()));
            let available = if is_there { self.free(sku, Some(warehouse), &[]) } else { 0 };
            (available < requested).then(|| Shortage {
                sku: sku.to_owned(),
                requested: requested.unsigned_abs(),
                available: available.unsigned_abs(),
            })
        };
        wanted.into_iter().filter_map(shortage).collect()
    }
}

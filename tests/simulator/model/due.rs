//! Holds whose time has passed. A batch ends the first of them; what the others have counts as free
//! from the first command on that needs it, and those end whose units are taken.

use super::{Model, Place};
use crate::door::words::Instant;
use std::collections::{BTreeMap, BTreeSet};

/// How many due holds every batch ends before its commands are decided.
const ENDED_PER_BATCH_MAX: usize = 256;

/// A sku, in a warehouse or anywhere.
pub(super) type Where = (String, Option<String>);

impl Model {
    pub(super) fn begin_batch(&mut self, now: Instant) {
        self.uncounted = self.end_due_holds(now, ENDED_PER_BATCH_MAX);
        self.due_is_free = false;
    }

    /// The sweep's command counts what its batch has ended, too.
    pub(super) fn expire(&mut self, now: Instant, limit: u32) -> u32 {
        let counted = self.uncounted.min(limit as usize);
        self.uncounted -= counted;
        u32::try_from(counted + self.end_due_holds(now, limit as usize - counted)).unwrap()
    }

    /// Ends the holds whose time has passed, the first to run out first.
    pub(super) fn end_due_holds(&mut self, now: Instant, limit: usize) -> usize {
        let mut due = self.due(now);
        due.truncate(limit);
        for order in &due {
            self.end_hold(now, *order);
        }
        due.len()
    }

    /// The inventory as it would be without the holds that are due.
    pub(super) fn without_due(&self, now: Instant) -> Self {
        let mut free = self.clone();
        free.end_due_holds(now, usize::MAX);
        free
    }

    /// Ends the first of the due holds until so many units are free.
    pub(super) fn end_due_for(&mut self, now: Instant, needs: &BTreeMap<Where, i64>) {
        let mut ending = BTreeSet::new();
        for (place, units) in needs {
            let (sku, warehouse) = place;
            let free = match warehouse {
                Some(code) => self.free_at(sku, code),
                None => self.sellable[sku],
            };
            let mut lacking = units - free;
            for order in self.due(now) {
                let has = self.reserved_by(order, place);
                if lacking > 0 && has > 0 {
                    lacking -= has;
                    ending.insert(order);
                }
            }
        }
        for order in ending {
            self.end_hold(now, order);
        }
    }

    /// Ends every due hold that has any unit there.
    pub(super) fn end_due_of(&mut self, now: Instant, places: &[Where]) {
        for order in self.due(now) {
            if places.iter().any(|place| self.reserved_by(order, place) > 0) {
                self.end_hold(now, order);
            }
        }
    }

    /// The orders whose holds are due, the first to run out first.
    fn due(&self, now: Instant) -> Vec<usize> {
        let mut due: Vec<usize> =
            (0..self.orders.len()).filter(|order| self.orders[*order].is_due(now)).collect();
        due.sort_by_key(|order| (self.orders[*order].hold_ends, *order));
        due
    }

    fn reserved_by(&self, order: usize, (sku, warehouse): &Where) -> i64 {
        let legs = self.orders[order].legs.iter().filter(|leg| leg.sku == *sku);
        legs.filter(|leg| warehouse.is_none() || leg.warehouse == *warehouse)
            .map(|leg| leg.at(Place::Reserved))
            .sum()
    }
}

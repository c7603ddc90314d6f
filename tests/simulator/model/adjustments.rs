//! Adjust: counters that operators set.

use super::due::Where;
use super::{Model, Reply, UNITS_MAX};
use crate::door::words::{AdjustItem, Adjusted, Adjustment, Answer, Counter, Instant, Refusal};

impl Model {
    /// A hold that has run out stands against no correction, even one that no batch has ended yet.
    pub(super) fn adjust(&mut self, now: Instant, items: &[AdjustItem]) -> Reply {
        match self.adjust_all(now, items) {
            Err(Refusal::QuantityOutOfBounds { .. }) => {
                self.due_is_free = true;
                let places: Vec<Where> = items.iter().map(place).collect();
                self.end_due_of(now, &places);
                self.adjust_all(now, items)
            }
            decided => decided,
        }
    }

    /// All items or none, each on what the ones before left.
    fn adjust_all(&mut self, now: Instant, items: &[AdjustItem]) -> Reply {
        let before = (self.sellable.clone(), self.sites.clone());
        let done: Result<Vec<Adjusted>, Refusal> =
            items.iter().map(|item| self.adjust_one(item)).collect();
        if let Ok(done) = &done {
            for (adjusted, item) in done.iter().zip(items) {
                if let Counter::OnHand(code) | Counter::Unavailable(code) = &item.counter {
                    self.make_warehouse(code);
                }
                self.write_adjusted(now, adjusted, item);
            }
        } else {
            (self.sellable, self.sites) = before;
        }
        done.map(Answer::Adjusted)
    }

    /// An operator who says what lies in a warehouse knows better than the last count of it.
    fn write_adjusted(&mut self, now: Instant, adjusted: &Adjusted, item: &AdjustItem) {
        match &item.counter {
            _ if adjusted.before == adjusted.after => {}
            Counter::Sellable => {
                self.write_sellable(now, adjusted.before.into(), adjusted.after.into());
            }
            Counter::OnHand(_) | Counter::Unavailable(_) => self.write_row(now),
        }
        if let (Counter::OnHand(code), Adjustment::Set(_)) = (&item.counter, item.adjustment) {
            self.missing.remove(&(code.clone(), item.sku.clone()));
        }
    }

    fn adjust_one(&mut self, item: &AdjustItem) -> Result<Adjusted, Refusal> {
        let (before, bounds) = self.counter(item);
        if let Some(expected) = item.compare_quantity.filter(|expected| *expected != before) {
            return Err(Refusal::CompareMismatch {
                sku: item.sku.clone(),
                counter: item.counter.clone(),
                expected: unsigned(expected),
                actual: unsigned(before),
            });
        }
        let requested = match item.adjustment {
            Adjustment::Set(level) => level,
            Adjustment::Change(change) => before + change,
        };
        if requested < bounds.0 || requested > bounds.1 {
            return Err(Refusal::QuantityOutOfBounds {
                sku: item.sku.clone(),
                counter: item.counter.clone(),
                requested,
                bounds: (unsigned(bounds.0), unsigned(bounds.1)),
            });
        }
        self.set(item, requested);
        Ok(Adjusted {
            sku: item.sku.clone(),
            counter: item.counter.clone(),
            before: unsigned(before),
            after: unsigned(requested),
        })
    }

    /// A counter's value, and the least and the most it may become.
    fn counter(&self, item: &AdjustItem) -> (i64, (i64, i64)) {
        let site_of = |code: &String| {
            self.sites.get(&(item.sku.clone(), code.clone())).copied().unwrap_or_default()
        };
        match &item.counter {
            Counter::Sellable => {
                let before = self.sellable.get(&item.sku).copied().unwrap_or(0);
                (before, (0, UNITS_MAX - self.held_anywhere(&item.sku)))
            }
            Counter::OnHand(code) => {
                let site = site_of(code);
                let bound = self.held(&item.sku, Some(code)) + site.unavailable;
                (site.on_hand, (bound, UNITS_MAX))
            }
            Counter::Unavailable(code) => {
                let site = site_of(code);
                let free = site.on_hand - self.held(&item.sku, Some(code));
                (site.unavailable, (0, free))
            }
        }
    }

    fn set(&mut self, item: &AdjustItem, level: i64) {
        let sellable = self.sellable.entry(item.sku.clone()).or_default();
        let place = |code: &String| (item.sku.clone(), code.clone());
        match &item.counter {
            Counter::Sellable => *sellable = level,
            Counter::OnHand(code) => self.sites.entry(place(code)).or_default().on_hand = level,
            Counter::Unavailable(code) => {
                self.sites.entry(place(code)).or_default().unavailable = level;
            }
        }
    }
}

fn place(item: &AdjustItem) -> Where {
    let warehouse = match &item.counter {
        Counter::Sellable => None,
        Counter::OnHand(code) | Counter::Unavailable(code) => Some(code.clone()),
    };
    (item.sku.clone(), warehouse)
}

fn unsigned(units: i64) -> u32 {
    u32::try_from(units).expect("the model keeps counters in their bounds")
}

//! What warehouses' own systems do: they count single skus, and bring in snapshots whose pages come
//! in any order, twice, changed, or not at all, while everybody else goes on.

use super::{Generator, UNITS_MAX};
use crate::door::counts::{Count, Found, Seen, Snapshot, Step};
use crate::door::words::Command;
use crate::simulator::model::Model;
use std::collections::VecDeque;

/// How many snapshots come in at a time.
const PLANS_MAX: usize = 3;
const PAGES_MAX: u32 = 3;
/// Skus that only snapshots know of, one for each page.
const SPARE: [&str; 3] = ["BOX", "CAN", "JAR"];

/// What is still to come of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    name: String,
    steps: VecDeque<Step>,
}

impl Generator {
    /// A count, or the next step of a snapshot.
    pub(super) fn counting(&mut self, model: &Model) -> Command {
        if model.warehouses().is_empty() && self.random.chance(95) {
            return self.adjust();
        }
        if self.random.chance(30) { self.count(model) } else { self.snapshot(model) }
    }

    fn count(&mut self, model: &Model) -> Command {
        let warehouse = self.counted_warehouse(model);
        let seen = self.seen(model);
        let mut skus: Vec<String> = (0..3).map(|_| self.sku()).collect();
        skus.sort();
        skus.dedup();
        let items = skus.into_iter().map(|sku| self.found(model, sku, &warehouse)).collect();
        let request_id = if self.random.chance(60) { None } else { self.request_id() };
        Command::Count(Count { warehouse, seen, items, request_id })
    }

    fn snapshot(&mut self, model: &Model) -> Command {
        let is_room = self.plans.len() < PLANS_MAX && self.random.chance(15);
        if self.plans.is_empty() || is_room {
            let plan = self.plan(model);
            self.plans.push(plan);
        }
        let at = self.random.below(self.plans.len());
        let plan = &mut self.plans[at];
        let step = plan.steps.pop_front().expect("a plan without steps goes");
        let name = plan.name.clone();
        if plan.steps.is_empty() {
            self.plans.swap_remove(at);
        }
        Command::Snapshot(Snapshot { name, step })
    }

    /// Everything that will come of a snapshot, right or wrong.
    fn plan(&mut self, model: &Model) -> Plan {
        if self.random.chance(90) {
            self.snapshots += 1;
        }
        let name = format!("S-{}", self.snapshots.max(1));
        let warehouse = self.counted_warehouse(model);
        let pages = self.pages(model, &warehouse);
        let count = u32::try_from(pages.len()).expect("a few pages");
        let seen = self.seen(model);
        let mut steps = vec![];
        for (number, items) in (1..).zip(pages) {
            let copies = self.random.weighted(&[(3, 0), (30, 1), (7, 2)]);
            steps.extend(vec![Step::Page { number, items: items.clone() }; copies]);
            if self.random.chance(4) {
                let other = items.into_iter().map(|(sku, _)| self.found(model, sku, &warehouse));
                steps.push(Step::Page { number, items: other.collect() });
            }
        }
        self.random.shuffle(&mut steps);
        steps.insert(0, Step::Begin { warehouse: warehouse.clone(), seen });
        if self.random.chance(10) {
            steps.push(Step::Begin { warehouse, seen: self.seen(model) });
        }
        steps.extend(self.ending(count));
        if self.random.chance(3) {
            steps.swap_remove(0);
        }
        Plan { name, steps: steps.into() }
    }

    fn ending(&mut self, pages: u32) -> Vec<Step> {
        let commit =
            |pages, zero_percent_max, dry_run| Step::Commit { pages, zero_percent_max, dry_run };
        let percent = *self.random.pick(&[0, 25, 50, 100, 100]);
        let mut steps = Vec::new();
        if self.random.chance(15) {
            steps.push(commit(pages, percent, true));
        }
        if self.random.chance(5) {
            steps.push(commit(pages + 1, percent, false));
        }
        if self.random.chance(5) && pages > 1 {
            steps.push(commit(pages - 1, percent, false));
        }
        for (chance, step) in [
            (95, commit(pages, percent, false)),
            (20, commit(pages, 100, false)),
            (40, Step::Approve),
            (10, Step::Approve),
            (15, Step::Discard),
        ] {
            if self.random.chance(chance) {
                steps.push(step);
            }
        }
        // One at least ends the plan.
        steps.push(commit(pages, percent, false));
        steps
    }

    /// Most skus, each on some page; now and then one twice.
    fn pages(&mut self, model: &Model, warehouse: &str) -> Vec<Vec<Found>> {
        let count = 1 + self.random.below(PAGES_MAX as usize);
        let mut pages: Vec<Vec<Found>> = vec![Vec::new(); count];
        let skus = self.known_skus();
        for sku in skus {
            let times = self.random.weighted(&[(20, 0), (78, 1), (2, 2)]);
            for _ in 0..times {
                let found = self.found(model, (*sku).to_owned(), warehouse);
                let page = self.random.below(count);
                pages[page].push(found);
            }
        }
        for (page, spare) in pages.iter_mut().zip(SPARE) {
            if page.is_empty() {
                page.push((spare.to_owned(), self.random.between(0, self.units)));
            }
        }
        pages
    }

    /// Mostly about what lies there.
    fn found(&mut self, model: &Model, sku: String, warehouse: &str) -> Found {
        let lying = model.on_hand(&sku, warehouse);
        let units = match self.random.below(24) {
            0..=3 => 0,
            4 => UNITS_MAX,
            5..=12 => lying + self.random.between(-3, 3),
            13..=17 => lying,
            _ => self.random.between(0, self.units),
        };
        (sku, units.clamp(0, UNITS_MAX))
    }

    /// Now or before; all shipments, some, or as many as the clock says; now and then the future.
    fn seen(&mut self, model: &Model) -> Seen {
        let as_of = match self.random.below(24) {
            0 => self.now + 60_001,
            1 => self.now + self.random.between(1, 60_000),
            2..=3 => self.now - self.random.between(0, 90_000_000),
            6..=12 => self.now - self.random.between(0, 1_000),
            _ => self.now,
        };
        let last = i64::try_from(model.last_seq()).expect("a short feed");
        let shipped = model.shipped_at();
        let watermark = match self.random.below(12) {
            0..=3 => None,
            4 => Some(last + self.random.between(0, 1)),
            5 => Some(self.random.between(0, last)),
            6..=8 if !shipped.is_empty() => {
                let newest = &shipped[shipped.len().saturating_sub(4)..];
                let seq = i64::try_from(*self.random.pick(newest)).expect("a short feed");
                Some(seq - self.random.between(0, 1))
            }
            _ => Some((last - self.random.between(0, 8)).max(0)),
        };
        Seen { as_of, watermark: watermark.map(i64::unsigned_abs) }
    }

    /// Mostly one that there is.
    fn counted_warehouse(&mut self, model: &Model) -> String {
        let known = model.warehouses();
        if known.is_empty() || self.random.chance(2) {
            return "NOWHERE".to_owned();
        }
        self.random.pick(&known).clone()
    }

    /// The same name, for something else.
    pub(super) fn altered_step(said: Snapshot) -> Snapshot {
        let Snapshot { name, step } = said;
        let step = match step {
            Step::Begin { warehouse, seen: Seen { as_of, .. } } => {
                Step::Begin { warehouse, seen: Seen { as_of, watermark: None } }
            }
            Step::Page { number, items } => Step::Page { number: number + 1, items },
            Step::Commit { pages, zero_percent_max, dry_run } => {
                Step::Commit { pages: pages + 1, zero_percent_max, dry_run }
            }
            Step::Approve => Step::Discard,
            Step::Discard => Step::Approve,
        };
        Snapshot { name, step }
    }
}

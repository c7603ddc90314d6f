//! The warehouses that a batch has met. Each code is kept, found in the catalog, and ranked for an
//! address once, however many skus lie there.

use crate::domain::catalog::{Catalog, Destination, ServiceArea};
use crate::domain::routing::{Candidate, Rank, Standing};
use crate::domain::{Strategy, WarehouseCode};
use rustc_hash::FxHashMap;
use std::cell::Cell;

/// A warehouse's number in the batch.
pub(super) type MetIndex = usize;

#[derive(Default)]
pub(super) struct Warehouses<'a> {
    met: Vec<Met>,
    by_code: FxHashMap<WarehouseCode, MetIndex>,
    /// Made now, each with the reason of the adjustment that named it.
    made: Vec<(MetIndex, &'a str)>,
}

struct Met {
    code: WarehouseCode,
    /// The catalog's number; `None`: not asked for yet, or there was none when it was.
    number: Cell<Option<usize>>,
}

impl<'a> Warehouses<'a> {
    /// The number of a code; `guess` is tried first.
    pub(super) fn meet(&mut self, code: &WarehouseCode, guess: MetIndex) -> MetIndex {
        if self.met.get(guess).is_some_and(|met| met.code == *code) {
            return guess;
        }
        if let Some(known) = self.by_code.get(code) {
            return *known;
        }
        let index = self.met.len();
        self.by_code.insert(code.clone(), index);
        self.met.push(Met { code: code.clone(), number: Cell::new(None) });
        index
    }

    /// `None`: no sku of the batch lies there.
    pub(super) fn find(&self, code: &WarehouseCode) -> Option<MetIndex> {
        self.by_code.get(code).copied()
    }

    pub(super) fn code(&self, warehouse: MetIndex) -> &WarehouseCode {
        &self.met[warehouse].code
    }

    /// There is none of this code yet: this batch makes it.
    pub(super) fn make(&mut self, warehouse: MetIndex, reason: &'a str) {
        self.made.push((warehouse, reason));
    }

    pub(super) fn made(&self) -> impl Iterator<Item = (&WarehouseCode, &'a str)> {
        self.made.iter().map(|(warehouse, reason)| (self.code(*warehouse), *reason))
    }

    /// The catalog's number of a warehouse; those that this batch made follow behind. `None`: there
    /// is none; one that was deleted still has its stock.
    pub(super) fn number(&self, warehouse: MetIndex, catalog: &Catalog) -> Option<usize> {
        let Met { code, number } = &self.met[warehouse];
        if number.get().is_none() {
            let made = || self.made.iter().position(|(made, _)| *made == warehouse);
            let made = || made().map(|made| catalog.warehouses() + made);
            number.set(catalog.number(code).or_else(made));
        }
        number.get()
    }

    /// Ranks them for an address.
    pub(super) fn ranking<'c>(
        &self,
        catalog: &'c Catalog,
        destination: Destination<'c>,
        strategy: Strategy,
    ) -> Ranking<'c> {
        Ranking { catalog, destination, strategy, known: vec![Known::NotAsked; self.met.len()] }
    }
}

/// The order of warehouses for an address.
pub(in crate::operations) struct Ranking<'c> {
    catalog: &'c Catalog,
    destination: Destination<'c>,
    strategy: Strategy,
    known: Vec<Known>,
}

#[derive(Clone, Copy)]
enum Known {
    NotAsked,
    Passed,
    Ranked { number: usize, rank: Rank },
}

impl Ranking<'_> {
    /// The catalog's number of a warehouse, and its rank; `None`: it may not be chosen.
    pub(super) fn of(
        &mut self,
        warehouse: MetIndex,
        warehouses: &Warehouses<'_>,
    ) -> Option<(usize, Rank)> {
        if let Known::NotAsked = self.known[warehouse] {
            let number = warehouses.number(warehouse, self.catalog);
            let candidate = number.and_then(|it| candidate(it, self.catalog, &self.destination));
            self.known[warehouse] = candidate.map_or(Known::Passed, |it| Known::Ranked {
                number: it.warehouse,
                rank: it.rank(self.strategy),
            });
        }
        match self.known[warehouse] {
            Known::Ranked { number, rank } => Some((number, rank)),
            Known::NotAsked | Known::Passed => None,
        }
    }
}

/// The warehouse with this number, if it may be chosen for an address.
pub(in crate::operations) fn candidate(
    warehouse: usize,
    catalog: &Catalog,
    destination: &Destination<'_>,
) -> Option<Candidate> {
    if warehouse >= catalog.warehouses() {
        let service = ServiceArea::NEW;
        return Some(Candidate { warehouse, digits: 0, service, distance: None });
    }
    match destination.standing(warehouse) {
        Standing::Candidate(candidate) => Some(candidate),
        Standing::Inactive | Standing::NoService => None,
    }
}

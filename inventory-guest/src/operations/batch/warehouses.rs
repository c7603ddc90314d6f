//! The warehouses of a batch, by number: those of the catalog have its numbers, so that what is
//! known of a warehouse is found without its code, however many skus lie there.

use crate::domain::catalog::{Catalog, Destination, ServiceArea};
use crate::domain::routing::{Candidate, Rank, Standing};
use crate::domain::{Strategy, WarehouseCode};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// A warehouse's number in the batch: the catalog's, or one behind those.
pub(in crate::operations) type MetIndex = usize;

#[derive(Default)]
pub(super) struct Warehouses<'a> {
    catalog: Rc<Catalog>,
    /// Not in the catalog: made by this batch, or deleted though stock lies there.
    others: Vec<WarehouseCode>,
    by_code: FxHashMap<WarehouseCode, MetIndex>,
    /// Made now, each with the reason of the adjustment that named it.
    made: Vec<(MetIndex, &'a str)>,
}

impl<'a> Warehouses<'a> {
    pub(super) fn new(catalog: Rc<Catalog>) -> Self {
        Self { catalog, ..Self::default() }
    }

    /// The number of a code.
    pub(super) fn meet(&mut self, code: &str) -> MetIndex {
        if let Some(known) = self.find(code) {
            return known;
        }
        let index = self.len();
        let code = WarehouseCode::from_row(code);
        self.by_code.insert(code.clone(), index);
        self.others.push(code);
        index
    }

    /// `None`: it is not in the catalog, and no sku of the batch lies there.
    pub(super) fn find(&self, code: &str) -> Option<MetIndex> {
        self.catalog.number(code).or_else(|| self.by_code.get(code).copied())
    }

    pub(super) fn code(&self, warehouse: MetIndex) -> &WarehouseCode {
        match warehouse.checked_sub(self.catalog.warehouses()) {
            None => self.catalog.code(warehouse),
            Some(other) => &self.others[other],
        }
    }

    fn len(&self) -> usize {
        self.catalogued() + self.others.len()
    }

    /// How many have their numbers from the catalog: all batches know them by these.
    pub(super) fn catalogued(&self) -> usize {
        self.catalog.warehouses()
    }

    /// There is none of this code yet: this batch makes it.
    pub(super) fn make(&mut self, warehouse: MetIndex, reason: &'a str) {
        self.made.push((warehouse, reason));
    }

    pub(super) fn made(&self) -> impl Iterator<Item = (&WarehouseCode, &'a str)> {
        self.made.iter().map(|(warehouse, reason)| (self.code(*warehouse), *reason))
    }

    /// Whether there is one: not where it was deleted, though it still has its stock.
    pub(super) fn exists(&self, warehouse: MetIndex) -> bool {
        let is_made = || self.made.iter().any(|(made, _)| *made == warehouse);
        warehouse < self.catalog.warehouses() || is_made()
    }
}

/// The order of warehouses for an address.
#[derive(Clone, Copy)]
pub(in crate::operations) struct Ranking<'d> {
    pub(in crate::operations) destination: &'d Destination<'d>,
    pub(in crate::operations) strategy: Strategy,
}

impl Ranking<'_> {
    /// A warehouse's rank; `None`: it may not be chosen.
    pub(super) fn of(&self, warehouse: MetIndex, warehouses: &Warehouses<'_>) -> Option<Rank> {
        let exists = warehouses.exists(warehouse);
        let candidate = || candidate(warehouse, &warehouses.catalog, self.destination);
        Some(exists.then(candidate)??.rank(self.strategy))
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

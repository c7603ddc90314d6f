//! What a batch knows of the catalog: who may ship where, and when.

use super::Fault;
use super::stock::{SkuIndex, Stock};
use crate::domain::catalog::{Catalog, Promises};
use crate::domain::{Adcode, Denied, Instant, Sku};
use crate::operations::catalog::memory::{Known, known};
use crate::operations::catalog::rules::Rules;
use crate::storage::Database;
use std::cell::RefCell;
use std::rc::Rc;

/// The catalog, and the rules about what the batch's orders want.
pub(in crate::operations) struct Routing {
    pub(in crate::operations) catalog: Rc<Catalog>,
    pub(in crate::operations) promises: Promises,
    rules: Option<Rc<RefCell<Rules>>>,
}

impl Routing {
    pub(super) fn new(database: &mut dyn Database, now: Instant) -> Result<Self, Fault> {
        let Known { catalog, rules } = known(database)?;
        Ok(Self { promises: Promises::new(Rc::clone(&catalog), now), catalog, rules })
    }

    /// Reads the rules about skus that are to go to an adcode, where they are not known.
    pub(super) fn load(
        &mut self,
        database: &mut dyn Database,
        stock: &Stock<'_>,
        wanted: &[(SkuIndex, &Adcode)],
    ) -> Result<(), Fault> {
        let Some(rules) = self.rules.as_ref().filter(|_| !wanted.is_empty()) else {
            return Ok(());
        };
        let wanted: Vec<(&Sku, &Adcode)> =
            wanted.iter().map(|(sku, to)| (stock.sku(*sku), *to)).collect();
        rules.borrow_mut().load(database, &wanted)
    }

    /// Which of the skus may not be shipped there now, and by which rule.
    pub(in crate::operations) fn denied(
        &self,
        stock: &Stock<'_>,
        skus: &[SkuIndex],
        to: &Adcode,
        now: Instant,
    ) -> Vec<Denied> {
        let Some(rules) = &self.rules else {
            return Vec::new();
        };
        let rules = rules.borrow();
        skus.iter().filter_map(|sku| rules.denied(stock.sku(*sku), to, now)).collect()
    }
}

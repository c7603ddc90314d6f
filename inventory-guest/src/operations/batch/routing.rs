//! What a batch knows of the catalog: who may ship where, and when.

use super::Fault;
use super::stock::{SkuIndex, Stock};
use crate::domain::catalog::{Catalog, Noun, Promises};
use crate::domain::{Adcode, Denied, Instant};
use crate::operations::catalog::memory::{Known, known};
use crate::operations::catalog::rules::Rules;
use crate::storage::Database;
use crate::storage::catalog::routing::Profile;
use std::cell::RefCell;
use std::rc::Rc;

/// The catalog, and the rules about what the batch's orders want.
pub(in crate::operations) struct Routing {
    pub(in crate::operations) catalog: Rc<Catalog>,
    pub(in crate::operations) promises: Promises,
    pub(super) stamps: Vec<(Noun, u64)>,
    rules: Option<Rc<RefCell<Rules>>>,
    /// By sku, as far as rules about them were loaded.
    profiles: Vec<Option<Rc<Profile>>>,
}

impl Routing {
    pub(super) fn new(database: &mut dyn Database, now: Instant) -> Result<Self, Fault> {
        let Known { catalog, rules, stamps } = known(database)?;
        let promises = Promises::new(Rc::clone(&catalog), now);
        Ok(Self { catalog, promises, stamps, rules, profiles: Vec::new() })
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
        let mut rules = rules.borrow_mut();
        self.profiles.resize(stock.names().len(), None);
        let mut new: Vec<SkuIndex> = Vec::new();
        for (sku, _) in wanted {
            let profile = &mut self.profiles[*sku];
            if profile.is_none() {
                *profile = rules.profile(stock.sku(*sku));
                new.extend(profile.is_none().then_some(*sku));
            }
        }
        new.sort_unstable();
        new.dedup();
        let skus: Vec<_> = new.iter().map(|sku| stock.sku(*sku)).collect();
        for (sku, profile) in new.iter().zip(rules.read_profiles(database, &skus)?) {
            self.profiles[*sku] = Some(profile);
        }
        let wanted = wanted.iter().map(|(sku, to)| (stock.sku(*sku), self.profile(*sku), *to));
        rules.load(database, wanted)
    }

    /// Which of the skus, whose rules were loaded, may not be shipped there now, and by which rule.
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
        let skus = skus.iter().map(|sku| (stock.sku(*sku), self.profile(*sku)));
        rules.borrow().denied(skus, to, now)
    }

    fn profile(&self, sku: SkuIndex) -> &Profile {
        self.profiles[sku].as_ref().expect("rules are loaded before they are asked")
    }
}

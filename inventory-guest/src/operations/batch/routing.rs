//! What a batch knows of the catalog: who may ship where, and when.

use super::Fault;
use super::stock::{SkuIndex, Stock};
use crate::domain::catalog::{Catalog, Promises};
use crate::domain::restriction::{Restrictions, Subject};
use crate::domain::{Adcode, Area, Denied, Instant};
use crate::operations::catalog::memory::{Known, known};
use crate::storage::Database;
use crate::storage::catalog::routing::{self, Profile};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// The catalog, and the rules about what the batch's orders want.
pub(in crate::operations) struct Routing {
    pub(in crate::operations) catalog: Rc<Catalog>,
    pub(in crate::operations) promises: Promises,
    has_restrictions: bool,
    /// Of the skus that were asked about.
    profiles: FxHashMap<SkuIndex, Profile>,
    restrictions: Restrictions,
    /// What `restrictions` has, each with a whole adcode.
    asked: FxHashSet<(Subject, Area)>,
}

impl Routing {
    pub(super) fn new(database: &mut dyn Database, now: Instant) -> Result<Self, Fault> {
        let Known { catalog, has_restrictions } = known(database)?;
        Ok(Self {
            promises: Promises::new(Rc::clone(&catalog), now),
            catalog,
            has_restrictions,
            profiles: FxHashMap::default(),
            restrictions: Restrictions::default(),
            asked: FxHashSet::default(),
        })
    }

    /// Reads the rules about skus that are to go to an adcode, where they are not known.
    pub(super) fn load(
        &mut self,
        database: &mut dyn Database,
        stock: &Stock<'_>,
        wanted: &[(SkuIndex, &Adcode)],
    ) -> Result<(), Fault> {
        if !self.has_restrictions {
            return Ok(());
        }
        let is_new = |sku: &SkuIndex| !self.profiles.contains_key(sku);
        let mut new: Vec<SkuIndex> = wanted.iter().map(|(sku, _)| *sku).filter(is_new).collect();
        new.sort_unstable();
        new.dedup();
        let asked = new.into_iter().map(|sku| (sku, stock.sku(sku)));
        self.profiles.extend(routing::profiles(database, asked)?);
        let mut new: Vec<(Subject, &Adcode)> = Vec::new();
        for (sku, to) in wanted {
            let profile = &self.profiles[sku];
            let of_sku = profile.is_restricted.then(|| Subject::Sku(stock.sku(*sku).clone()));
            let of_category = profile.category.clone().map(Subject::Category);
            for subject in [of_sku, of_category, Some(Subject::All)].into_iter().flatten() {
                if self.asked.insert((subject.clone(), Area::of(to, 6))) {
                    new.push((subject, to));
                }
            }
        }
        let asked = new.iter().map(|(subject, to)| (subject, *to));
        for (subject, area, restriction) in routing::restrictions(database, asked)? {
            self.restrictions.insert(subject, area, restriction);
        }
        Ok(())
    }

    /// Which of the skus may not be shipped there now, and by which rule.
    pub(in crate::operations) fn denied(
        &self,
        stock: &Stock<'_>,
        skus: &[SkuIndex],
        to: &Adcode,
        now: Instant,
    ) -> Vec<Denied> {
        if !self.has_restrictions {
            return Vec::new();
        }
        let denied = |sku: &SkuIndex| {
            let category = self.profiles[sku].category.as_ref();
            let ruling = self.restrictions.denial(stock.sku(*sku), category, to, now)?;
            Some(Denied {
                sku: stock.sku(*sku).clone(),
                subject: ruling.subject.text().into_owned(),
                area: ruling.area,
                rule: ruling.rule.name.clone(),
            })
        };
        skus.iter().filter_map(denied).collect()
    }
}

//! The rules about skus, as far as anybody asked: what the catalog says of a sku, and the
//! restrictions of the areas that orders went to. Kept from call to call while their stamps hold.

use super::super::Fault;
use crate::domain::restriction::{Restrictions, Subject};
use crate::domain::{Adcode, Area, Denied, Instant, Sku};
use crate::storage::Database;
use crate::storage::catalog::routing::{self, Profile};
use rustc_hash::{FxHashMap, FxHashSet};

/// Bounds the memory: whoever remembers more begins anew. Some 100 bytes each.
const REMEMBERED_MAX: usize = 50_000;

/// Rules by sku and destination.
#[derive(Default)]
pub(in crate::operations) struct Rules {
    profiles: FxHashMap<Sku, Profile>,
    restrictions: Restrictions,
    /// What `restrictions` has, each with a whole adcode.
    asked: FxHashSet<(Subject, Area)>,
}

impl Rules {
    /// Reads the rules about skus that are to go to an adcode, where they are not known.
    pub(in crate::operations) fn load(
        &mut self,
        database: &mut dyn Database,
        wanted: &[(&Sku, &Adcode)],
    ) -> Result<(), Fault> {
        if self.profiles.len() + self.asked.len() > REMEMBERED_MAX {
            *self = Self::default();
        }
        let read = self.read(database, wanted);
        if read.is_err() {
            // What was asked for has not come.
            *self = Self::default();
        }
        read
    }

    fn read(
        &mut self,
        database: &mut dyn Database,
        wanted: &[(&Sku, &Adcode)],
    ) -> Result<(), Fault> {
        let is_new = |sku: &&Sku| !self.profiles.contains_key(*sku);
        let mut new: Vec<&Sku> = wanted.iter().map(|(sku, _)| *sku).filter(is_new).collect();
        new.sort_unstable();
        new.dedup();
        let found = routing::profiles(database, new.iter().copied().enumerate())?;
        self.profiles.extend(found.into_iter().map(|(at, profile)| (new[at].clone(), profile)));
        let mut new: Vec<(Subject, &Adcode)> = Vec::new();
        for (sku, to) in wanted {
            let profile = &self.profiles[*sku];
            let of_sku = profile.is_restricted.then(|| Subject::Sku((*sku).clone()));
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

    /// The rule by which a sku, which was loaded, may not be shipped there now.
    pub(in crate::operations) fn denied(
        &self,
        sku: &Sku,
        to: &Adcode,
        now: Instant,
    ) -> Option<Denied> {
        let category = self.profiles[sku].category.as_ref();
        let ruling = self.restrictions.denial(sku, category, to, now)?;
        Some(Denied {
            sku: sku.clone(),
            subject: ruling.subject.text().into_owned(),
            area: ruling.area,
            rule: ruling.rule.name.clone(),
        })
    }
}

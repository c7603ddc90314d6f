//! The rules about skus, as far as anybody asked: what the catalog says of a sku, and the
//! restrictions of the areas that orders went to. Kept from call to call while their stamps hold.

use super::super::Fault;
use crate::domain::restriction::{Restrictions, Subject};
use crate::domain::{Adcode, Area, Category, Denied, Instant, Sku};
use crate::storage::Database;
use crate::storage::catalog::routing::{self, Profile};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// Bounds the memory: whoever remembers more when a batch begins, begins anew. Some 100 bytes each.
const REMEMBERED_MAX: usize = 50_000;

/// Rules by sku and destination.
#[derive(Default)]
pub(in crate::operations) struct Rules {
    profiles: FxHashMap<Sku, Rc<Profile>>,
    restrictions: Restrictions,
    /// What `restrictions` has, by the whole adcode.
    asked: FxHashMap<Area, Asked>,
    /// How many subjects `asked` has.
    subjects: usize,
}

/// Whose restrictions have been read.
#[derive(Default)]
struct Asked {
    all: bool,
    categories: FxHashSet<Category>,
    skus: FxHashSet<Sku>,
}

impl Rules {
    /// Whether to begin anew; never within a batch, which reads its rules once.
    pub(in crate::operations) fn are_too_many(&self) -> bool {
        self.profiles.len() + self.subjects > REMEMBERED_MAX
    }

    /// What the catalog says of a sku; `None`: that was not read.
    pub(in crate::operations) fn profile(&self, sku: &Sku) -> Option<Rc<Profile>> {
        self.profiles.get(sku).cloned()
    }

    /// Reads what the catalog says of each of these skus.
    pub(in crate::operations) fn read_profiles(
        &mut self,
        database: &mut dyn Database,
        skus: &[&Sku],
    ) -> Result<Vec<Rc<Profile>>, Fault> {
        let found = routing::profiles(database, skus.iter().copied().enumerate())?;
        let profiles = found.into_iter().map(|(at, profile)| {
            let profile = Rc::new(profile);
            self.profiles.insert(skus[at].clone(), Rc::clone(&profile));
            profile
        });
        Ok(profiles.collect())
    }

    /// Reads the rules about skus that are to go to an adcode, where they are not known.
    pub(in crate::operations) fn load<'w>(
        &mut self,
        database: &mut dyn Database,
        wanted: impl Iterator<Item = (&'w Sku, &'w Profile, &'w Adcode)>,
    ) -> Result<(), Fault> {
        let new = self.ask(wanted);
        let asked = new.iter().map(|(subject, to)| (subject, *to));
        match routing::restrictions(database, asked) {
            Ok(found) => {
                for (subject, area, restriction) in found {
                    self.restrictions.insert(subject, area, restriction);
                }
                Ok(())
            }
            Err(error) => {
                // What was asked for has not come.
                *self = Self::default();
                Err(error.into())
            }
        }
    }

    /// Notes what is asked for; answers what was not before.
    fn ask<'w>(
        &mut self,
        wanted: impl Iterator<Item = (&'w Sku, &'w Profile, &'w Adcode)>,
    ) -> Vec<(Subject, &'w Adcode)> {
        let mut new = Vec::new();
        let mut wanted = wanted.peekable();
        while let Some(&(.., to)) = wanted.peek() {
            let asked = self.asked.entry(Area::of(to, 6)).or_default();
            if !std::mem::replace(&mut asked.all, true) {
                new.push((Subject::All, to));
            }
            while let Some((sku, profile, _)) = wanted.next_if(|(.., next)| *next == to) {
                let category = profile.category.as_ref();
                if let Some(category) = category.filter(|it| !asked.categories.contains(*it)) {
                    asked.categories.insert(category.clone());
                    new.push((Subject::Category(category.clone()), to));
                }
                if profile.is_restricted && !asked.skus.contains(sku) {
                    asked.skus.insert(sku.clone());
                    new.push((Subject::Sku(sku.clone()), to));
                }
            }
        }
        self.subjects += new.len();
        new
    }

    /// Which of these skus, which were loaded, may not be shipped there now, and by which rule.
    pub(in crate::operations) fn denied<'s>(
        &self,
        skus: impl Iterator<Item = (&'s Sku, &'s Profile)>,
        to: &Adcode,
        now: Instant,
    ) -> Vec<Denied> {
        let rulings = self.restrictions.rulings(to, now);
        let denied = skus.filter_map(|(sku, profile)| {
            let ruling = rulings.denial(sku, profile.category.as_ref())?;
            Some(Denied {
                sku: sku.clone(),
                subject: ruling.subject.text().into_owned(),
                area: ruling.area,
                rule: ruling.rule.name.clone(),
            })
        });
        denied.collect()
    }
}

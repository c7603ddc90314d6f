//! What a guest remembers of the catalog from call to call: the nouns that every order needs, and
//! the rules that orders asked for. Stamps tell whether it is still so; equal stamps mean equal
//! entries, whatever was rolled back meanwhile and whichever database is asked.

use super::super::Fault;
use super::rules::Rules;
use crate::domain::catalog::{Catalog, Entry, Noun, Rows};
use crate::storage::Database;
use crate::storage::catalog::{routing, stamps};
use std::cell::RefCell;
use std::rc::Rc;

/// The nouns that are remembered.
const REMEMBERED: [Noun; 4] = [Noun::Warehouse, Noun::ServiceArea, Noun::Calendar, Noun::Division];

thread_local! {
    /// A guest has one thread; elsewhere each remembers for itself.
    static MEMORY: RefCell<Memory> = RefCell::default();
}

#[derive(Default)]
struct Memory {
    /// Of each of [`REMEMBERED`]; `None`: it never had an entry.
    stamps: [Option<u64>; REMEMBERED.len()],
    catalog: Rc<Catalog>,
    /// Of categories and restrictions.
    rules_stamps: [Option<u64>; 2],
    rules: Rc<RefCell<Rules>>,
}

/// The catalog as of the caller's snapshot.
pub(in crate::operations) struct Known {
    pub(in crate::operations) catalog: Rc<Catalog>,
    /// `None`: there never was a restriction.
    pub(in crate::operations) rules: Option<Rc<RefCell<Rules>>>,
    /// Of every noun that ever had an entry.
    pub(in crate::operations) stamps: Vec<(Noun, u64)>,
}

/// Reads what has changed since the last time.
pub(in crate::operations) fn known(database: &mut dyn Database) -> Result<Known, Fault> {
    let found = stamps(database)?;
    let stamp = |noun: Noun| found.iter().find(|(of, _)| *of == noun).map(|(_, stamp)| *stamp);
    let stamps = REMEMBERED.map(stamp);
    let rules_stamps = [Noun::Category, Noun::Restriction].map(stamp);
    MEMORY.with_borrow_mut(|memory| {
        if memory.stamps != stamps {
            let mut rows = Rows::default();
            for (noun, (old, new)) in REMEMBERED.into_iter().zip(memory.stamps.iter().zip(stamps)) {
                if *old != new {
                    take(&mut rows, noun, routing::all(database, noun)?);
                }
            }
            Rc::make_mut(&mut memory.catalog).update(rows);
            memory.stamps = stamps;
        }
        if memory.rules_stamps != rules_stamps || memory.rules.borrow().are_too_many() {
            memory.rules = Rc::default();
            memory.rules_stamps = rules_stamps;
        }
        let [_, restrictions] = rules_stamps;
        let rules = restrictions.map(|_| Rc::clone(&memory.rules));
        Ok(Known { catalog: Rc::clone(&memory.catalog), rules, stamps: found })
    })
}

/// Puts all entries of a noun into its rows.
fn take(rows: &mut Rows, noun: Noun, entries: Vec<Entry>) {
    match noun {
        Noun::Warehouse => rows.warehouses = Some(Vec::new()),
        Noun::ServiceArea => rows.service_areas = Some(Vec::new()),
        Noun::Calendar => rows.calendars = Some(Vec::new()),
        Noun::Division => rows.divisions = Some(Vec::new()),
        Noun::Category | Noun::Restriction | Noun::SafetyStock => {}
    }
    for entry in entries {
        match entry {
            Entry::Warehouse(code, it) => rows.warehouses.get_or_insert_default().push((code, it)),
            Entry::ServiceArea(code, area, it) => {
                rows.service_areas.get_or_insert_default().push((code, area, it));
            }
            Entry::Calendar(code, it) => rows.calendars.get_or_insert_default().push((code, *it)),
            Entry::Division(code, it) => rows.divisions.get_or_insert_default().push((code, it)),
            Entry::Category(..) | Entry::Restriction(..) | Entry::SafetyStock(..) => {}
        }
    }
}

//! Proving the catalog right: its history has no gap, each change begins where the last one of its
//! entry ended, all of them fold to the entries, and nothing is of a warehouse that there is not.

use super::Fault;
use super::draft::warehouse_of;
use crate::domain::catalog::{EntryKey, Noun};
use crate::operations::audit::Audit;
use crate::storage::Database;
use crate::storage::catalog::{self, EntryRow, Range, StoredEvent, decode};
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64;

const PAGE_ROWS: u32 = 1_000;

/// An entry's version and a hash of its body: what is kept of each while others are read.
type Known = FxHashMap<EntryKey, (u64, u64)>;

/// Reads the history once and the entries once.
pub(in crate::operations) fn check(
    audit: &mut Audit,
    database: &mut dyn Database,
) -> Result<(), Fault> {
    let mut folded = Known::default();
    let mut last = 0;
    loop {
        let page = catalog::history(database, last, PAGE_ROWS)?;
        if page.is_empty() {
            break;
        }
        audit.report.checked.catalog_events += page.len() as u64;
        for event in page {
            audit.expect("catalog_history_has_no_gap", &event.seq, last + 1, event.seq);
            last = event.seq;
            fold(audit, &mut folded, event);
        }
    }
    let warehouses: FxHashSet<EntryKey> =
        folded.keys().filter(|key| key.noun() == Noun::Warehouse).cloned().collect();
    for noun in Noun::ALL {
        check_noun(audit, database, noun, &mut folded, &warehouses)?;
    }
    let mut missing: Vec<_> = folded.into_keys().collect();
    missing.sort_unstable();
    for key in missing {
        audit.expect("catalog_folds_to_entries", &name(&key), "an entry", "none");
    }
    Ok(())
}

fn fold(audit: &mut Audit, folded: &mut Known, event: StoredEvent) {
    let StoredEvent { seq, row, .. } = event;
    let hash = |body: &Option<Vec<u8>>| body.as_deref().map(xxh3_64);
    let before = match hash(&row.after) {
        Some(after) => folded.insert(row.key, (seq, after)),
        None => folded.remove(&row.key),
    };
    audit.expect("catalog_history_chain", &seq, before.map(|it| it.1), hash(&row.before));
}

/// Takes each entry of a noun out of what the history folded to.
fn check_noun(
    audit: &mut Audit,
    database: &mut dyn Database,
    noun: Noun,
    folded: &mut Known,
    warehouses: &FxHashSet<EntryKey>,
) -> Result<(), Fault> {
    let mut last = (String::new(), String::new());
    loop {
        let after = (last.0.as_str(), last.1.as_str());
        let prefix = ("", "");
        let range = Range { noun, after, prefix, exact_subject: false, limit: PAGE_ROWS };
        let page = catalog::list(database, range)?;
        let Some((key, _)) = page.last() else {
            return Ok(());
        };
        last = (key.subject().into_owned(), key.place().to_owned());
        audit.report.checked.catalog_entries += page.len() as u64;
        for (key, EntryRow { version, body }) in page {
            let name = name(&key);
            let (known, warehouse) = (folded.remove(&key), warehouse_of(&key));
            audit.expect("catalog_folds_to_entries", &name, known, Some((version, xxh3_64(&body))));
            audit.expect("catalog_bodies_are_read", &name, true, decode(key, &body).is_ok());
            let is_known = warehouse.is_none_or(|it| warehouses.contains(&it));
            audit.expect("entries_have_their_warehouse", &name, true, is_known);
        }
    }
}

fn name(key: &EntryKey) -> String {
    format!("{} {} {}", key.noun().name(), key.subject(), key.place())
}

//! Changing the catalog: what a change needs is read, decided in a draft, and written with its
//! history. A change is alone in its run of a batch ([`super::apply`]), so it sees what the
//! commands before it wrote, and those behind it see what it wrote.

pub(super) mod audit;
mod draft;
pub(super) mod memory;
pub(super) mod read;
mod record;
pub(super) mod rules;

use record::record;

use super::Fault;
use super::batch::{append, decode, encode};
use crate::domain::catalog::{Entry, EntryKey};
use crate::domain::{Answer, CatalogChange, EntryChange, Instant, Operation, Outcome, Refusal};
use crate::domain::{OrderId, WarehouseCode};
use crate::storage::catalog::{self, Cause, EntryRow};
use crate::storage::requests::{self, CATALOG, RequestKey, RequestRow};
use crate::storage::{self, Database};
use draft::{Draft, is_open};
use rustc_hash::{FxHashMap, FxHashSet};
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64;

/// Decides a change, or finds what was answered to it before.
pub(super) fn change(
    database: &mut dyn Database,
    now: Instant,
    change: &CatalogChange,
) -> Result<Outcome, Fault> {
    let request_id = change.request_id.as_ref().filter(|_| !change.dry_run);
    let Some(request_id) = request_id else {
        return Ok(Outcome { replayed: false, result: decide(database, now, change)? });
    };
    let request_id = Cow::Borrowed(request_id.as_str());
    let key = RequestKey { order_no: CATALOG, operation: Operation::Adjust, request_id };
    let fingerprint = fingerprint(change);
    let earlier = requests::find(database, std::iter::once((0, &key)))?;
    if let Some((_, before, outcome)) = earlier.first() {
        return Ok(if *before == fingerprint {
            Outcome { replayed: true, result: decode(outcome)? }
        } else {
            Outcome { replayed: false, result: Err(Refusal::IdempotencyConflict) }
        });
    }
    let result = decide(database, now, change)?;
    let outcome = encode(&result);
    let row = RequestRow { key: &key, step: 0, fingerprint, outcome: &outcome };
    requests::insert(database, now, std::iter::once(row))?;
    Ok(Outcome { replayed: false, result })
}

/// A hash of what a change asks for, without what names it.
fn fingerprint(change: &CatalogChange) -> u64 {
    let mut body = Vec::new();
    append(&(&change.author, &change.reason, change.refuse_in_use), &mut body);
    for item in change.items.iter() {
        let (key, entry) = match &item.change {
            EntryChange::Put(entry) => (entry.key(), Some(catalog::encode(entry))),
            EntryChange::Delete(key) => (key.clone(), None),
        };
        append(&(key, entry, &item.expected_version), &mut body);
    }
    xxh3_64(&body)
}

fn decide(
    database: &mut dyn Database,
    now: Instant,
    change: &CatalogChange,
) -> Result<Result<Answer, Refusal>, Fault> {
    let read = Read::of(database, now, change)?;
    let draft = match Draft::decide(read, change) {
        Ok(draft) => draft,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !change.dry_run {
        let author = change.author.as_ref().map(crate::domain::Reason::as_str);
        let cause = Cause { at: now, author, reason: change.reason.as_str() };
        record(database, cause, draft.last_seq, &draft.events)?;
    }
    Ok(Ok(Answer::Catalog(draft.changed)))
}

/// Every row that a change's decision may look at.
struct Read {
    last_seq: u64,
    entries: FxHashMap<EntryKey, EntryRow>,
    /// What goes with each warehouse that is to be deleted, in order of the keys.
    dependent: FxHashMap<WarehouseCode, Vec<EntryKey>>,
    /// Orders that hold units in the warehouses that are to be closed or deleted.
    holding: FxHashMap<WarehouseCode, Vec<OrderId>>,
}

impl Read {
    fn of(
        database: &mut dyn Database,
        now: Instant,
        change: &CatalogChange,
    ) -> Result<Self, Fault> {
        let last_seq = catalog::last_seq(database)?;
        let keys: Vec<EntryKey> = change.items.iter().map(|item| item.change.key()).collect();
        let warehouses = keys.iter().filter_map(draft::warehouse_of);
        let mut asked: Vec<EntryKey> = keys.iter().cloned().chain(warehouses).collect();
        asked.sort_unstable();
        asked.dedup();
        let found = catalog::find(database, asked.iter().enumerate())?;
        let mut entries: FxHashMap<_, _> =
            found.into_iter().map(|(index, row)| (asked[index].clone(), row)).collect();
        let (mut dependent, mut holding) = (FxHashMap::default(), FxHashMap::default());
        // To look for orders may be to look at every leg: only where a warehouse would lose them.
        let mut opened: FxHashSet<&WarehouseCode> = FxHashSet::default();
        for item in change.items.iter() {
            let code = match &item.change {
                EntryChange::Delete(EntryKey::Warehouse(code)) => code,
                EntryChange::Put(Entry::Warehouse(code, to)) if !to.active => code,
                EntryChange::Put(Entry::Warehouse(code, _)) => {
                    opened.insert(code);
                    continue;
                }
                EntryChange::Put(_) | EntryChange::Delete(_) => continue,
            };
            let is_deleted = matches!(item.change, EntryChange::Delete(_));
            if is_deleted && !dependent.contains_key(code) {
                let rows = catalog::find_dependent(database, code)?;
                let keys = rows.iter().map(|(key, _)| key.clone()).collect();
                dependent.insert(code.clone(), keys);
                entries.extend(rows);
            }
            let key = EntryKey::Warehouse(code.clone());
            let stored = entries.get(&key);
            let is_open = || opened.contains(code) || stored.is_some_and(|it| is_open(&key, it));
            if stored.is_some() && (is_deleted || is_open()) && !holding.contains_key(code) {
                let orders = catalog::orders_holding(database, code, now)?;
                holding.insert(code.clone(), orders);
            }
        }
        Ok(Self { last_seq, entries, dependent, holding })
    }
}

/// Makes a warehouse that an adjustment named, and lets it serve everywhere.
pub(super) fn make_warehouses<'a>(
    database: &mut dyn Database,
    now: Instant,
    warehouses: impl Iterator<Item = (&'a WarehouseCode, &'a str)>,
) -> Result<(), Fault> {
    for (code, reason) in warehouses {
        let last_seq = storage::catalog::last_seq(database)?;
        let cause = Cause { at: now, author: None, reason };
        record(database, cause, last_seq, &draft::of_new_warehouse(code))?;
    }
    Ok(())
}

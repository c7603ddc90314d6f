//! Writing changes of the catalog: rows, history and stamps together, or none.

use super::Fault;
use crate::domain::catalog::{EntryKey, Noun};
use crate::storage::Database;
use crate::storage::catalog::{self, Cause, EntryRow, EventRow};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// Writes changes, in order, behind the sequence `last`.
pub(in crate::operations) fn record(
    database: &mut dyn Database,
    cause: Cause<'_>,
    last: u64,
    events: &[EventRow],
) -> Result<(), Fault> {
    if events.is_empty() {
        return Ok(());
    }
    catalog::append(database, last, cause, events)?;
    let net = Net::of(last, events);
    catalog::delete(database, net.deleted.into_iter())?;
    catalog::put(database, net.put.iter().map(|(key, row)| (*key, row)))?;
    stamp(database, last, events)
}

/// What many changes come to, each key once.
struct Net<'a> {
    deleted: Vec<&'a EntryKey>,
    put: Vec<(&'a EntryKey, EntryRow)>,
}

impl<'a> Net<'a> {
    fn of(last: u64, events: &'a [EventRow]) -> Self {
        let mut first: FxHashMap<&EntryKey, &EventRow> = FxHashMap::default();
        let mut latest: BTreeMap<&EntryKey, (u64, &EventRow)> = BTreeMap::new();
        for (seq, event) in (last + 1..).zip(events) {
            first.entry(&event.key).or_insert(event);
            latest.insert(&event.key, (seq, event));
        }
        let mut net = Self { deleted: Vec::new(), put: Vec::new() };
        for (key, (version, event)) in latest {
            match &event.after {
                Some(body) => net.put.push((key, EntryRow { version, body: body.clone() })),
                None if first[key].before.is_some() => net.deleted.push(key),
                None => {}
            }
        }
        net
    }
}

fn stamp(database: &mut dyn Database, last: u64, events: &[EventRow]) -> Result<(), Fault> {
    let known: BTreeMap<Noun, u64> = catalog::stamps(database)?.into_iter().collect();
    let mut texts: BTreeMap<Noun, Vec<u8>> = BTreeMap::new();
    for (seq, event) in (last + 1..).zip(events) {
        let noun = event.key.noun();
        let text = texts.entry(noun).or_insert_with(|| {
            known.get(&noun).copied().unwrap_or_default().to_le_bytes().to_vec()
        });
        text.extend_from_slice(&seq.to_le_bytes());
        text.extend_from_slice(event.key.subject().as_bytes());
        // Keys have no such bytes, so no two changes have one text.
        text.push(0);
        text.extend_from_slice(event.key.place().as_bytes());
        text.push(u8::from(event.after.is_some()));
        let body = event.after.as_deref().unwrap_or_default();
        text.extend_from_slice(&(body.len() as u64).to_le_bytes());
        text.extend_from_slice(body);
    }
    let stamps = texts.into_iter().map(|(noun, text)| (noun, xxh3_64(&text)));
    Ok(catalog::set_stamps(database, stamps)?)
}

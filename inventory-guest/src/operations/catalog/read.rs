//! Reading the catalog: an entry, a page of them, a page of what changed.

use super::Fault;
use crate::domain::catalog::{Entry, EntryKey, Noun};
use crate::domain::{Instant, Malformed};
use crate::storage::Database;
use crate::storage::catalog::{self, Range, StoredEvent, decode};

const PAGE_MAX: u32 = 1_000;

/// An entry as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// The sequence of its last change.
    pub version: u64,
    /// What it says.
    pub entry: Entry,
}

/// One change of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogEvent {
    /// 1, 2, 3, … without a gap, in commit order.
    pub seq: u64,
    /// When.
    pub at: Instant,
    /// Who, where the caller said.
    pub author: Option<String>,
    /// Why.
    pub reason: String,
    /// Which entry.
    pub key: EntryKey,
    /// `None`: there was none.
    pub before: Option<Entry>,
    /// `None`: it was deleted.
    pub after: Option<Entry>,
}

/// `None` where there is no such entry.
pub fn get_entry(
    database: &mut impl Database,
    key: &EntryKey,
) -> Result<Option<StoredEntry>, Fault> {
    let found = catalog::find(database, std::iter::once((0, key)))?;
    let Some((_, row)) = found.into_iter().next() else {
        return Ok(None);
    };
    Ok(Some(StoredEntry { version: row.version, entry: decode(key.clone(), &row.body)? }))
}

/// Entries of a noun in order of their key, `subject place`: those that begin with `prefix` and
/// come after `after`, at most `limit` (1..1,000).
pub fn list_entries(
    database: &mut impl Database,
    noun: Noun,
    prefix: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<StoredEntry>, Fault> {
    check_limit(limit)?;
    let halves = |text| -> (&str, &str) { str::split_once(text, ' ').unwrap_or((text, "")) };
    let exact_subject = prefix.contains(' ');
    let (after, prefix) = (halves(after), halves(prefix));
    let found = catalog::list(database, Range { noun, after, prefix, exact_subject, limit })?;
    let stored = found
        .into_iter()
        .map(|(key, row)| Ok(StoredEntry { version: row.version, entry: decode(key, &row.body)? }));
    stored.collect()
}

/// The catalog's changes after a sequence, oldest first, at most `limit` (1..1,000).
pub fn list_catalog_events(
    database: &mut impl Database,
    after: u64,
    limit: u32,
) -> Result<Vec<CatalogEvent>, Fault> {
    check_limit(limit)?;
    catalog::history(database, after, limit)?.into_iter().map(event).collect()
}

fn event(stored: StoredEvent) -> Result<CatalogEvent, Fault> {
    let StoredEvent { seq, at, author, reason, row } = stored;
    let entry = |body: Option<Vec<u8>>| body.map(|body| decode(row.key.clone(), &body)).transpose();
    let (before, after) = (entry(row.before)?, entry(row.after)?);
    Ok(CatalogEvent { seq, at, author, reason, key: row.key, before, after })
}

fn check_limit(limit: u32) -> Result<(), Malformed> {
    if (1..=PAGE_MAX).contains(&limit) {
        Ok(())
    } else {
        Err(Malformed(format!("a limit must be 1..{PAGE_MAX}, not {limit}")))
    }
}

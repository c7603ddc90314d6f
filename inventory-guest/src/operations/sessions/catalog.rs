//! Making the rows of a catalog session count.

use super::stock::each_chunk;
use super::{Fault, Stop};
use crate::domain::catalog::{Entry, EntryKey, Noun};
use crate::domain::session::{Effects, REFUSED_LISTED_MAX, RefusedRow, RefusedRows, SessionCommit};
use crate::domain::{Instant, Malformed, OrderId, Refusal};
use crate::storage::Database;
use crate::storage::catalog::{self, Cause};
use crate::storage::sessions::{self, SessionHead, StagedRow, commit as tables};
use xxhash_rust::xxh3::xxh3_64;

/// Puts the staged rows, or says what that would do.
pub(super) fn commit(
    database: &mut dyn Database,
    now: Instant,
    head: &SessionHead,
    noun: Noun,
    commit: &SessionCommit,
    refused: &mut RefusedRows,
) -> Result<Effects, Stop> {
    if commit.replace && noun == Noun::Warehouse {
        let why = "warehouses are deleted one by one, since each may hold orders";
        return Err(Fault::Malformed(why.to_owned()).into());
    }
    let number = head.session_no;
    let (orphans, first) = tables::orphans(database, number, noun)?;
    let closing = if noun == Noun::Warehouse { closing(database, now, head)? } else { Vec::new() };
    refused.refused += orphans + closing.len() as u64;
    refused.rows.extend(first.into_iter().map(why_orphan));
    refused.rows.extend(closing.iter().map(|(row, orders)| why_not_closed(row, orders)));
    refused.rows.sort_by_key(|row| row.line);
    refused.rows.truncate(REFUSED_LISTED_MAX);
    if refused.refused > 0 && !commit.skip_refused {
        return Err(Refusal::RowsRefused(std::mem::take(refused)).into());
    }
    if commit.dry_run {
        let mut effects = tables::effects(database, number, noun, commit.replace)?;
        effects.created -= orphans.min(effects.created);
        effects.updated -= closing.len() as u64;
        return Ok(effects);
    }
    if orphans > 0 {
        tables::delete_orphans(database, number, noun)?;
    }
    sessions::delete_each(database, number, closing.iter().map(|(row, _)| row))?;
    let (author, reason) = (head.author.as_deref(), head.reason.as_str());
    let cause = Cause { at: now, author, reason };
    let first = catalog::last_seq(database)?;
    let mut last = tables::put(database, number, noun, cause, first)?;
    if commit.replace {
        last = tables::delete_others(database, number, noun, cause, last)?;
    }
    let mut effects = tables::effects_since(database, first)?;
    let changed = effects.created + effects.updated + effects.deleted;
    assert_eq!(last - first, changed, "each change has its row in the history");
    let staged = sessions::page_sums(database, number)?.staged;
    let rows = staged - orphans - closing.len() as u64;
    effects.unchanged = rows - effects.created - effects.updated;
    if last > first {
        stamp(database, head, noun, (now, first, last))?;
    }
    Ok(effects)
}

/// Rows that would close a warehouse which holds orders, and these: as a change does, a file must
/// not pass them over in silence.
fn closing(
    database: &mut dyn Database,
    now: Instant,
    head: &SessionHead,
) -> Result<Vec<(StagedRow, Vec<OrderId>)>, Fault> {
    let mut closing = Vec::new();
    each_chunk(database, head, |database, rows| {
        let key = |row: &StagedRow| EntryKey::parse(Noun::Warehouse, &row.subject, &row.place);
        let keys: Vec<EntryKey> = rows.iter().map(key).collect::<Result<_, Malformed>>()?;
        for (at, before) in catalog::find(database, keys.iter().enumerate())? {
            let is_open = |body: &[u8]| match catalog::decode(keys[at].clone(), body) {
                Ok(Entry::Warehouse(code, it)) => it.active.then_some(code),
                _ => None,
            };
            let Some(code) = is_open(&before.body).filter(|_| is_open(&rows[at].body).is_none())
            else {
                continue;
            };
            let orders = catalog::orders_holding(database, &code, now)?;
            if !orders.is_empty() {
                closing.push((rows[at].clone(), orders));
            }
        }
        Ok(())
    })?;
    Ok(closing)
}

fn why_orphan((line, code): tables::Orphan) -> RefusedRow {
    RefusedRow { line, why: format!("there is no warehouse {code}") }
}

fn why_not_closed(row: &StagedRow, orders: &[OrderId]) -> RefusedRow {
    let (code, first) = (&row.subject, orders[0].as_str());
    let why = match orders.len() - 1 {
        0 => format!("{code} holds order {first}: put it alone to close it"),
        others => format!("{code} holds order {first} and {others} more: put it alone to close it"),
    };
    RefusedRow { line: row.line, why }
}

/// Equal stamps still mean equal entries: the same pages on the same entries, at the same time and
/// place in the history, change the same.
fn stamp(
    database: &mut dyn Database,
    head: &SessionHead,
    noun: Noun,
    (now, first, last): (Instant, u64, u64),
) -> Result<(), Fault> {
    let known = catalog::stamps(database)?.into_iter().find(|stamp| stamp.0 == noun);
    let mut text = known.map_or(0, |stamp| stamp.1).to_le_bytes().to_vec();
    text.extend_from_slice(&now.as_milliseconds().to_le_bytes());
    for number in [first, last] {
        text.extend_from_slice(&number.to_le_bytes());
    }
    for (number, fingerprint) in sessions::pages(database, head.session_no)? {
        text.extend_from_slice(&number.to_le_bytes());
        text.extend_from_slice(&fingerprint.to_le_bytes());
    }
    Ok(catalog::set_stamps(database, std::iter::once((noun, xxh3_64(&text))))?)
}

//! Staging a page: each row by itself is good, or refused with its line.

use super::{Fault, Stop};
use crate::domain::session::{
    NumberedRow, PAGES_MAX, REFUSED_LISTED_MAX, ROWS_MAX, RefusedRow, SessionKind, SessionPage,
    SessionRow, StockRow,
};
use crate::domain::{Refusal, WarehouseCode};
use crate::operations::batch::append;
use crate::storage::sessions::{self, SessionHead, StagedRow};
use crate::storage::{Database, catalog};
use rustc_hash::FxHashMap;
use std::collections::hash_map::Entry as Slot;
use xxhash_rust::xxh3::xxh3_64;

const PAGE_ROWS_MAX: usize = 1_000;

/// Stages a page; answers whether it came before.
pub(super) fn stage(
    database: &mut dyn Database,
    head: &SessionHead,
    page: &SessionPage,
) -> Result<bool, Stop> {
    check_bounds(page)?;
    let rows: Vec<(u32, Result<StagedRow, String>)> =
        page.rows.iter().map(|row| (row.line, staged(&head.kind, row))).collect();
    let fingerprint = fingerprint(&rows);
    let is_open = head.committed.is_none() && head.awaiting.is_none();
    match sessions::page(database, head.session_no, page.number)? {
        Some(before) if before == fingerprint => return Ok(true),
        None if is_open => {}
        _ => return Err(Refusal::SessionConflict.into()),
    }
    let (good, refused) = tell_apart(database, head, rows)?;
    let before = sessions::page_sums(database, head.session_no)?;
    if before.staged + good.len() as u64 > ROWS_MAX {
        return Err(Refusal::SessionFull(ROWS_MAX).into());
    }
    let counts = [good.len(), refused.len()];
    let counts = counts.map(|count| u32::try_from(count).expect("a page has at most 1,000 rows"));
    sessions::insert_rows(database, head.session_no, good.iter())?;
    let told = refused.iter().take(REFUSED_LISTED_MAX);
    sessions::insert_refusals(database, head.session_no, told)?;
    sessions::insert_page(database, head.session_no, page.number, fingerprint, counts)?;
    Ok(false)
}

fn check_bounds(page: &SessionPage) -> Result<(), Fault> {
    let rows = page.rows.len();
    if !(1..=PAGE_ROWS_MAX).contains(&rows) {
        return Err(Fault::Malformed(format!("a page has 1..{PAGE_ROWS_MAX} rows, not {rows}")));
    }
    let number = page.number;
    if !(1..=PAGES_MAX).contains(&number) {
        return Err(Fault::Malformed(format!("a page's number is 1..{PAGES_MAX}, not {number}")));
    }
    Ok(())
}

/// A row as it is staged, or why it cannot be.
fn staged(kind: &SessionKind, row: &NumberedRow) -> Result<StagedRow, String> {
    let line = row.line;
    match (kind, row.row.as_ref().map_err(ToString::to_string)?) {
        (SessionKind::Catalog(noun), SessionRow::Entry(entry)) => {
            let key = entry.key();
            if key.noun() != *noun {
                return Err(format!("a {} in a session of {}", key.noun().name(), noun.name()));
            }
            let (subject, place) = (key.subject().into_owned(), key.place().to_owned());
            Ok(StagedRow { subject, place, line, body: catalog::encode(entry) })
        }
        (SessionKind::Stock, SessionRow::Stock(row)) => {
            let place = row.warehouse.as_ref().map_or("", WarehouseCode::as_str).to_owned();
            Ok(counter(line, row, place))
        }
        (SessionKind::Snapshot(snapshot), SessionRow::Stock(row)) => match &row.warehouse {
            Some(code) if *code != snapshot.warehouse => {
                Err(format!("stock of {} in a snapshot of another warehouse", code.as_str()))
            }
            _ if row.unavailable.is_some() => {
                Err("a snapshot says what lies there, and not what is unavailable".to_owned())
            }
            _ => Ok(counter(line, row, String::new())),
        },
        (SessionKind::Catalog(noun), SessionRow::Stock(_)) => {
            Err(format!("stock in a session of {}", noun.name()))
        }
        (SessionKind::Stock | SessionKind::Snapshot(_), SessionRow::Entry(entry)) => {
            Err(format!("a {} in a session of stock", entry.key().noun().name()))
        }
    }
}

fn counter(line: u32, row: &StockRow, place: String) -> StagedRow {
    let mut body = Vec::new();
    append(&row.units, &mut body);
    if let Some(unavailable) = &row.unavailable {
        append(unavailable, &mut body);
    }
    StagedRow { subject: row.sku.as_str().to_owned(), place, line, body }
}

fn fingerprint(rows: &[(u32, Result<StagedRow, String>)]) -> u64 {
    let mut body = Vec::new();
    for (line, row) in rows {
        match row {
            Ok(row) => append(&(line, &row.subject, &row.place, &row.body), &mut body),
            Err(why) => append(&(line, why), &mut body),
        }
    }
    xxh3_64(&body)
}

/// The rows that may be staged, and those that may not: also those whose key came before.
fn tell_apart(
    database: &mut dyn Database,
    head: &SessionHead,
    rows: Vec<(u32, Result<StagedRow, String>)>,
) -> Result<(Vec<StagedRow>, Vec<RefusedRow>), Fault> {
    let (mut good, mut refused) = (Vec::with_capacity(rows.len()), Vec::new());
    for (line, row) in rows {
        match row {
            Ok(row) => good.push(row),
            Err(why) => refused.push(RefusedRow { line, why }),
        }
    }
    let mut first: FxHashMap<(String, String), u32> = FxHashMap::default();
    for (index, line) in sessions::find_lines(database, head.session_no, good.iter().enumerate())? {
        first.insert((good[index].subject.clone(), good[index].place.clone()), line);
    }
    good.retain(|row| match first.entry((row.subject.clone(), row.place.clone())) {
        Slot::Vacant(slot) => {
            slot.insert(row.line);
            true
        }
        Slot::Occupied(slot) => {
            let why = match head.kind {
                // Its callers number pages, not lines.
                SessionKind::Snapshot(_) => format!("the sku {} again", row.subject),
                SessionKind::Catalog(_) | SessionKind::Stock => {
                    format!("the key of line {} again", slot.get())
                }
            };
            refused.push(RefusedRow { line: row.line, why });
            false
        }
    });
    refused.sort_unstable_by_key(|row| row.line);
    Ok((good, refused))
}

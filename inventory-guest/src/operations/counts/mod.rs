//! Counts of what lies in a warehouse. A count is alone in its run of a batch, as a change of the
//! catalog is: what the commands before it shipped is in the ledger, where it looks.

mod sheet;

pub(super) use sheet::{Sheet, Written};

use super::batch::{Batch, append, decode, encode};
use super::{Fault, Stop};
use crate::domain::count::{AHEAD_MS_MAX, Ahead, Count, CountShortage, Moment, Seen};
use crate::domain::{Answer, Instant, Operation, Outcome, Refusal, Sku, WarehouseCode};
use crate::storage::requests::{self, COUNTS, RequestKey, RequestRow};
use crate::storage::{self, Database, counts};
use std::borrow::Cow;
use xxhash_rust::xxh3::xxh3_64;

const PAGE_MAX: u32 = 1_000;

/// Decides a count, or finds what was answered to it before; the skus whose counters it changed,
/// too.
pub(super) fn count(
    database: &mut dyn Database,
    now: Instant,
    count: &Count,
) -> Result<(Outcome, Vec<Sku>), Fault> {
    let mut changed = Vec::new();
    let Some(request_id) = &count.request_id else {
        let result = decide(database, now, count, &mut changed)?;
        return Ok((Outcome { replayed: false, result }, changed));
    };
    let request_id = Cow::Borrowed(request_id.as_str());
    let key = RequestKey { order_no: COUNTS, operation: Operation::Adjust, request_id };
    let mut body = Vec::new();
    append(&(&count.warehouse, &count.reason, count.seen, &count.items), &mut body);
    let fingerprint = xxh3_64(&body);
    let earlier = requests::find(database, std::iter::once((0, &key)))?;
    if let Some((_, before, outcome)) = earlier.first() {
        let replayed = *before == fingerprint;
        let result = if replayed { decode(outcome)? } else { Err(Refusal::IdempotencyConflict) };
        return Ok((Outcome { replayed, result }, changed));
    }
    let result = decide(database, now, count, &mut changed)?;
    let outcome = encode(&result);
    let row = RequestRow { key: &key, step: 0, fingerprint, outcome: &outcome };
    requests::insert(database, now, std::iter::once(row))?;
    Ok((Outcome { replayed: false, result }, changed))
}

fn decide(
    database: &mut dyn Database,
    now: Instant,
    count: &Count,
    changed: &mut Vec<Sku>,
) -> Result<Result<Answer, Refusal>, Fault> {
    match apply(database, now, count, changed) {
        Ok(answer) => Ok(Ok(answer)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Failed(fault)) => Err(fault),
    }
}

fn apply(
    database: &mut dyn Database,
    now: Instant,
    count: &Count,
    changed: &mut Vec<Sku>,
) -> Result<Answer, Stop> {
    let moment = moment(database, now, count.seen)?;
    check_warehouse(database, &count.warehouse)?;
    let whole = counts::last_snapshot(database, &count.warehouse).map_err(Fault::from)?;
    let names_watermark = count.seen.watermark.is_some();
    let sheet = Sheet { warehouse: &count.warehouse, moment, names_watermark, newest: whole };
    let mut lines = sheet.read(database, &count.items)?;
    if lines.iter().any(sheet::Line::is_short) {
        // Holds whose time has passed stand against no count.
        let mut batch = Batch::prefetch(database, now, &[])?;
        let short = lines.iter().filter(|line| line.is_short());
        batch.end_all_due_of(short.map(|line| (&line.counted().sku, Some(&count.warehouse))))?;
        changed.extend(batch.write_back()?);
        lines = sheet.read(database, &count.items)?;
    }
    let reason = count.reason.as_str();
    changed.extend(sheet.write(database, now, &lines, reason, Written::WithMoments)?);
    Ok(Answer::Counted(lines.into_iter().map(sheet::Line::into_counted).collect()))
}

/// Ends all holds whose time has passed, which stand against no counter; a step in memory at once.
pub(super) fn end_due_holds(
    database: &mut dyn Database,
    now: Instant,
    changed: &mut Vec<Sku>,
) -> Result<(), Fault> {
    loop {
        let due = Batch::prefetch(database, now, &[])?;
        let is_more_due = due.is_more_due();
        changed.extend(due.write_back()?);
        changed.sort_unstable();
        changed.dedup();
        if !is_more_due {
            return Ok(());
        }
    }
}

/// What a count has seen, in our ledger; nothing that is yet to come.
pub(super) fn moment(
    database: &mut dyn Database,
    now: Instant,
    seen: Seen,
) -> Result<Moment, Stop> {
    let last_seq = last_seq(database)?;
    let is_ahead = seen.as_of.as_milliseconds() > now.as_milliseconds() + AHEAD_MS_MAX;
    if is_ahead || seen.watermark.is_some_and(|watermark| watermark > last_seq) {
        return Err(Refusal::CountAhead(Ahead { seen, now, last_seq }).into());
    }
    Ok(Moment { as_of: seen.as_of, watermark: watermark(database, seen)? })
}

/// The watermark of a count: the one given, or the one that its `as_of` comes to now.
pub(super) fn watermark(database: &mut dyn Database, seen: Seen) -> Result<u64, Fault> {
    if let Some(watermark) = seen.watermark {
        return Ok(watermark);
    }
    let last_seq = last_seq(database)?;
    Ok(counts::last_until(database, seen.as_of, last_seq)?)
}

fn last_seq(database: &mut dyn Database) -> Result<u64, Fault> {
    let end = storage::changes::end(database)?;
    Ok(u64::try_from(end.seq).expect("sequences begin at 1"))
}

/// A typing error must not make a warehouse that serves everywhere.
pub(super) fn check_warehouse(
    database: &mut dyn Database,
    code: &WarehouseCode,
) -> Result<(), Stop> {
    let found = storage::stock::find_warehouses(database, std::iter::once(code));
    if found.map_err(Fault::from)?.is_empty() {
        return Err(Refusal::UnknownWarehouse(vec![code.clone()]).into());
    }
    Ok(())
}

/// What the last counts did not find though it was held: of one warehouse or of all, by warehouse
/// and sku, those behind `after`, which is `warehouse sku`.
pub fn list_shortages(
    database: &mut impl Database,
    warehouse: Option<&WarehouseCode>,
    after: &str,
    limit: u32,
) -> Result<Vec<CountShortage>, Fault> {
    if !(1..=PAGE_MAX).contains(&limit) {
        let text = format!("a page has 1..{PAGE_MAX} shortages, not {limit}");
        return Err(Fault::Malformed(text));
    }
    let after = after.split_once(' ').unwrap_or((after, ""));
    Ok(counts::shortages(database, warehouse, after, limit)?)
}

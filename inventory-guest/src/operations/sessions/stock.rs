//! Making the rows of a stock session count: an adjustment that sets each counter, with its ledger
//! row, a few thousand at a time. All rows are tried before the first is set.

use super::{Fault, Stop};
use crate::domain::session::{Effects, REFUSED_LISTED_MAX, RefusedRow, RefusedRows, SessionCommit};
use crate::domain::{
    AdjustItem, Adjustment, Counter, Instant, Level, Operation, Refusal, Sku, WarehouseCode,
};
use crate::operations::adjust::{make_good, put, tried};
use crate::operations::batch::{Batch, Origin};
use crate::operations::counts::end_due_holds;
use crate::storage::Database;
use crate::storage::sessions::{self, SessionHead, StagedRow};
use rustc_hash::FxHashSet;

/// Rows in memory at a time.
const CHUNK_ROWS: u32 = 2_000;

/// Sets the counters, or says what that would do.
pub(super) fn commit(
    database: &mut dyn Database,
    now: Instant,
    head: &SessionHead,
    commit: &SessionCommit,
    refused: &mut RefusedRows,
    changed: &mut Vec<Sku>,
) -> Result<Effects, Stop> {
    if commit.replace {
        let why = "stock is not replaced: a counter that no row names stays as it is";
        return Err(Fault::Malformed(why.to_owned()).into());
    }
    end_due_holds(database, now, changed)?;
    let mut effects = Effects::default();
    let mut lines = FxHashSet::default();
    each_chunk(database, head, |database, rows| {
        let items: Vec<_> = rows.iter().map(item).collect::<Result<_, _>>()?;
        let batch = Batch::of_counters(database, now, &items)?;
        for (row, item) in rows.iter().zip(&items) {
            match tried(&batch, item) {
                Ok((before, after)) => note(&mut effects, before, after),
                Err(refusal) => {
                    lines.insert(row.line);
                    let why = why_not(&refusal);
                    refused.rows.push(RefusedRow { line: row.line, why });
                }
            }
        }
        Ok(())
    })?;
    refused.refused += lines.len() as u64;
    refused.rows.sort_by_key(|row| row.line);
    refused.rows.truncate(REFUSED_LISTED_MAX);
    if refused.refused > 0 && !commit.skip_refused {
        return Err(Refusal::RowsRefused(std::mem::take(refused)).into());
    }
    if commit.dry_run {
        return Ok(effects);
    }
    let reason = head.reason.clone();
    each_chunk(database, head, |database, rows| {
        let good = rows.iter().filter(|row| !lines.contains(&row.line));
        let items: Vec<_> = good.map(item).collect::<Result<_, _>>()?;
        changed.extend(set(database, now, &items, &reason)?);
        Ok(())
    })?;
    Ok(effects)
}

/// Looks at all staged rows, in order of their keys.
pub(super) fn each_chunk(
    database: &mut dyn Database,
    head: &SessionHead,
    mut work: impl FnMut(&mut dyn Database, &[StagedRow]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut last = (String::new(), String::new());
    loop {
        let after = (last.0.as_str(), last.1.as_str());
        let rows = sessions::rows_after(database, head.session_no, after, CHUNK_ROWS)?;
        let Some(row) = rows.last() else {
            return Ok(());
        };
        last = (row.subject.clone(), row.place.clone());
        work(database, &rows)?;
    }
}

fn item(row: &StagedRow) -> Result<AdjustItem, Fault> {
    let counter = if row.place.is_empty() {
        Counter::Sellable
    } else {
        Counter::OnHand(WarehouseCode::from_row(&row.place))
    };
    let (sku, adjustment) = (Sku::from_row(&row.subject), Adjustment::Set(units(row)?));
    Ok(AdjustItem { sku, counter, adjustment, compare_quantity: None })
}

/// What a staged row says.
pub(super) fn units(row: &StagedRow) -> Result<Level, Fault> {
    postcard::from_bytes(&row.body)
        .map_err(|fault| Fault::Corrupt(format!("a staged counter: {fault}")))
}

fn note(effects: &mut Effects, before: Option<u32>, after: u32) {
    match before {
        None => effects.created += 1,
        Some(before) if before == after => effects.unchanged += 1,
        Some(_) => effects.updated += 1,
    }
}

fn why_not(refusal: &Refusal) -> String {
    match refusal {
        Refusal::QuantityOutOfBounds(bound) => {
            format!("it may be {} to {} now", bound.minimum, bound.maximum)
        }
        other => other.code().to_owned(),
    }
}

fn set(
    database: &mut dyn Database,
    now: Instant,
    items: &[AdjustItem],
    reason: &str,
) -> Result<Vec<Sku>, Fault> {
    let mut batch = Batch::of_counters(database, now, items)?;
    let (operation, reason) = (Operation::Adjust, Some(reason));
    let origin = Origin { operation, order_no: None, line: None, reason };
    for item in items {
        let (_, after) = tried(&batch, item).map_err(|refusal| {
            Fault::Corrupt(format!("a counter that was tried is refused: {}", refusal.code()))
        })?;
        put(&mut batch, (&item.sku, &item.counter), after, origin);
        make_good(&mut batch, item);
    }
    batch.write_back()
}

//! Making the rows of a stock session count: an adjustment that sets each counter, with its ledger
//! row, a few thousand at a time. All rows are tried before the first is set.

use super::{Fault, Stop};
use crate::domain::session::{Effects, REFUSED_LISTED_MAX, RefusedRow, RefusedRows, SessionCommit};
use crate::domain::{
    AdjustItem, Adjustment, Counter, Instant, Level, Operation, Refusal, Sku, WarehouseCode,
};
use crate::operations::adjust::{Tried, make_good, put, tried};
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
        let items = items(rows.iter())?;
        let batch = Batch::of_counters(database, now, &items)?;
        for (row, items) in rows.iter().zip(items.chunk_by(is_of_one_row)) {
            match tried(&batch, in_order(&batch, items)) {
                Ok(moves) => note(&mut effects, &moves),
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
        let items = items(good)?;
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

/// The counters that rows set; those of one row stand together, what is on hand first.
fn items<'r>(rows: impl Iterator<Item = &'r StagedRow>) -> Result<Vec<AdjustItem>, Fault> {
    let mut items = Vec::new();
    for row in rows {
        let (units, unavailable) = levels(row)?;
        let warehouse = || WarehouseCode::from_row(&row.place);
        let mut set = |counter, level| {
            let (sku, adjustment) = (Sku::from_row(&row.subject), Adjustment::Set(level));
            items.push(AdjustItem { sku, counter, adjustment, compare_quantity: None });
        };
        if row.place.is_empty() {
            set(Counter::Sellable, units);
        } else {
            set(Counter::OnHand(warehouse()), units);
        }
        if let Some(unavailable) = unavailable {
            set(Counter::Unavailable(warehouse()), unavailable);
        }
    }
    Ok(items)
}

/// No two rows have one key.
fn is_of_one_row(one: &AdjustItem, other: &AdjustItem) -> bool {
    one.sku == other.sku && one.counter.warehouse() == other.counter.warehouse()
}

/// The items of a row in the order in which none is in the way of the other: what is unavailable
/// falls before what is on hand, and rises behind it.
fn in_order<'i>(batch: &Batch<'_>, items: &'i [AdjustItem]) -> Vec<&'i AdjustItem> {
    let mut items: Vec<_> = items.iter().collect();
    if let [_, unavailable] = items.as_slice() {
        let moves = tried(batch, vec![*unavailable]);
        if moves.is_ok_and(|moves| moves[0].after <= moves[0].before.unwrap_or(0)) {
            items.reverse();
        }
    }
    items
}

/// What a staged row says: its units, and how many of them are unavailable.
fn levels(row: &StagedRow) -> Result<(Level, Option<Level>), Fault> {
    let unreadable = |fault| Fault::Corrupt(format!("a staged counter: {fault}"));
    let (units, rest) = postcard::take_from_bytes(&row.body).map_err(unreadable)?;
    if rest.is_empty() {
        return Ok((units, None));
    }
    Ok((units, Some(postcard::from_bytes(rest).map_err(unreadable)?)))
}

/// What a staged row says of its units.
pub(super) fn units(row: &StagedRow) -> Result<Level, Fault> {
    Ok(levels(row)?.0)
}

/// A row is one entry, whatever it sets.
fn note(effects: &mut Effects, moves: &[Tried]) {
    if moves.iter().any(|it| it.before.is_none()) {
        effects.created += 1;
    } else if moves.iter().any(|it| it.before != Some(it.after)) {
        effects.updated += 1;
    } else {
        effects.unchanged += 1;
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
    for items in items.chunk_by(is_of_one_row) {
        for item in in_order(&batch, items) {
            let moves = tried(&batch, vec![item]).map_err(|refusal| {
                Fault::Corrupt(format!("a counter that was tried is refused: {}", refusal.code()))
            })?;
            put(&mut batch, (&item.sku, &item.counter), moves[0].after, origin);
            make_good(&mut batch, item);
        }
    }
    batch.write_back()
}

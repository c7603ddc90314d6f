//! Making a snapshot count: every sku of the warehouse, those that no row names as 0, in one
//! transaction, some thousand at a time. One that would take too much away waits for an operator.

use super::stock::units;
use super::{Done, Fault, Stop, again, check_whole, find, state};
use crate::domain::count::{CountEffect, CountItem, Counted, Moment, Snapshot};
use crate::domain::count::{SnapshotNumbers, StaleSnapshot};
use crate::domain::session::{
    Effects, RefusedRows, Session, SessionId, SessionKind, SessionState, SnapshotCommit,
};
use crate::domain::{Answer, Instant, Level, Refusal, Sku};
use crate::operations::batch::{decode, encode};
use crate::operations::counts::{Sheet, Written, check_warehouse, end_due_holds, moment};
use crate::storage::Database;
use crate::storage::sessions::{self, SessionHead, snapshots};

/// Rows in memory at a time.
const CHUNK_ROWS: u32 = 2_000;

/// Whether a snapshot may be begun: its warehouse is there, and has no newer one.
pub(super) fn check(
    database: &mut dyn Database,
    now: Instant,
    snapshot: &Snapshot,
) -> Result<Moment, Stop> {
    check_warehouse(database, &snapshot.warehouse)?;
    let moment = moment(database, now, snapshot.seen)?;
    let newest = crate::storage::counts::last_snapshot(database, &snapshot.warehouse)?;
    match newest.filter(|newest| *newest >= moment) {
        None => Ok(moment),
        Some(newest) => Err(Refusal::SnapshotStale(StaleSnapshot {
            as_of: moment.as_of,
            watermark: moment.watermark,
            newest_as_of: newest.as_of,
            newest_watermark: newest.watermark,
        })
        .into()),
    }
}

/// Makes it count, or leaves that to an operator, or says what it would come to.
pub(super) fn commit(
    database: &mut dyn Database,
    now: Instant,
    commit: &SnapshotCommit,
    changed: &mut Vec<Sku>,
) -> Done {
    if commit.zero_percent_max > 100 {
        let text = format!("a share is 0..100 percent, not {}", commit.zero_percent_max);
        return Err(Fault::Malformed(text).into());
    }
    let (head, snapshot) = snapshot_of(database, &commit.session_id)?;
    if let Some(outcome) = head.committed.as_ref().or(head.awaiting.as_ref()) {
        return again(outcome, commit.pages);
    }
    check_whole(database, &head, commit.pages)?;
    check_rows(database, &head)?;
    let moment = check(database, now, &snapshot)?;
    let head = SessionHead { kind: SessionKind::Snapshot(snapshot.at(moment.watermark)), ..head };
    let numbers = snapshots::zeroed(database, head.session_no, &snapshot.warehouse, moment)?;
    let needs_approval = numbers.zeroes_more_than(commit.zero_percent_max);
    if commit.dry_run || !needs_approval {
        let work = Work { head: &head, snapshot: &snapshot, moment, is_dry: commit.dry_run };
        return Ok((false, work.run(database, now, &commit.session_id, numbers, changed)?));
    }
    let session = Session {
        state: SessionState::AwaitingApproval,
        snapshot: Some(numbers),
        ..state(database, &commit.session_id, &head, Effects::default())?
    };
    let outcome = encode(&Ok(Answer::Session(session.clone())));
    snapshots::set_awaiting(database, head.session_no, &outcome)?;
    Ok((false, session))
}

/// Makes a snapshot count that awaits it.
pub(super) fn approve(
    database: &mut dyn Database,
    now: Instant,
    id: &SessionId,
    changed: &mut Vec<Sku>,
) -> Done {
    let (head, snapshot) = snapshot_of(database, id)?;
    if let Some(outcome) = &head.committed {
        return Ok((true, answered(outcome)?));
    }
    let Some(awaiting) = &head.awaiting else {
        return Err(Refusal::SessionConflict.into());
    };
    check_whole(database, &head, answered(awaiting)?.pages)?;
    check_rows(database, &head)?;
    let moment = check(database, now, &snapshot)?;
    let head = SessionHead { kind: SessionKind::Snapshot(snapshot.at(moment.watermark)), ..head };
    let numbers = snapshots::zeroed(database, head.session_no, &snapshot.warehouse, moment)?;
    let work = Work { head: &head, snapshot: &snapshot, moment, is_dry: false };
    Ok((false, work.run(database, now, id, numbers, changed)?))
}

/// Imports are none: whoever may not import may not touch them.
fn snapshot_of(
    database: &mut dyn Database,
    id: &SessionId,
) -> Result<(SessionHead, Snapshot), Stop> {
    let head = find(database, id)?;
    match &head.kind {
        SessionKind::Snapshot(snapshot) => {
            let snapshot = snapshot.clone();
            Ok((head, snapshot))
        }
        SessionKind::Catalog(_) | SessionKind::Stock => Err(Refusal::UnknownSession.into()),
    }
}

/// What a commit answered.
pub(super) fn answered(outcome: &[u8]) -> Result<Session, Fault> {
    match decode(outcome)? {
        Ok(Answer::Session(session)) => Ok(session),
        _ => Err(Fault::Corrupt("a commit that answered no session".to_owned())),
    }
}

/// No row may have been refused, since it would be taken for 0.
fn check_rows(database: &mut dyn Database, head: &SessionHead) -> Result<(), Stop> {
    let refused = sessions::page_sums(database, head.session_no)?.refused;
    if refused > 0 {
        let rows = sessions::refusals(database, head.session_no)?;
        return Err(Refusal::RowsRefused(RefusedRows { refused, rows }).into());
    }
    Ok(())
}

/// A snapshot whose every row is there, and newer than what counts.
struct Work<'a> {
    head: &'a SessionHead,
    snapshot: &'a Snapshot,
    moment: Moment,
    is_dry: bool,
}

impl Work<'_> {
    fn run(
        &self,
        database: &mut dyn Database,
        now: Instant,
        id: &SessionId,
        numbers: SnapshotNumbers,
        changed: &mut Vec<Sku>,
    ) -> Result<Session, Fault> {
        if !self.is_dry {
            end_due_holds(database, now, changed)?;
        }
        let mut sum = Sum { numbers, effects: Effects::default() };
        let mut last = String::new();
        loop {
            let after = (last.as_str(), "");
            let rows = sessions::rows_after(database, self.head.session_no, after, CHUNK_ROWS)?;
            let Some(row) = rows.last() else {
                break;
            };
            last.clone_from(&row.subject);
            let item = |row: &sessions::StagedRow| -> Result<CountItem, Fault> {
                Ok(CountItem { sku: Sku::from_row(&row.subject), on_hand: units(row)? })
            };
            let items = rows.iter().map(item).collect::<Result<Vec<_>, _>>()?;
            self.chunk(database, now, &items, &mut sum, changed)?;
        }
        let (number, mut last) = (self.head.session_no, String::new());
        let warehouse = &self.snapshot.warehouse;
        loop {
            let skus = snapshots::unnamed_after(database, number, warehouse, &last, CHUNK_ROWS)?;
            let Some(sku) = skus.last() else {
                break;
            };
            sku.as_str().clone_into(&mut last);
            let item = |sku| CountItem { sku, on_hand: Level::ZERO };
            let items: Vec<_> = skus.into_iter().map(item).collect();
            self.chunk(database, now, &items, &mut sum, changed)?;
        }
        let state = state(database, id, self.head, sum.effects)?;
        let mut session = Session { snapshot: Some(sum.numbers), ..state };
        if !self.is_dry {
            crate::storage::counts::note_snapshot(database, warehouse, self.moment)?;
            session.state = SessionState::Committed;
            let outcome = encode(&Ok(Answer::Session(session.clone())));
            sessions::set_committed(database, number, now, &outcome)?;
        }
        Ok(session)
    }

    fn chunk(
        &self,
        database: &mut dyn Database,
        now: Instant,
        items: &[CountItem],
        sum: &mut Sum,
        changed: &mut Vec<Sku>,
    ) -> Result<(), Fault> {
        let (warehouse, moment) = (&self.snapshot.warehouse, self.moment);
        let sheet = Sheet { warehouse, moment, names_watermark: true, newest: None };
        let lines = sheet.read(database, items)?;
        for line in &lines {
            sum.add(line.counted());
        }
        if !self.is_dry {
            let reason = self.head.reason.as_str();
            changed.extend(sheet.write(database, now, &lines, reason, Written::WithoutMoments)?);
        }
        Ok(())
    }
}

struct Sum {
    numbers: SnapshotNumbers,
    effects: Effects,
}

impl Sum {
    fn add(&mut self, counted: &Counted) {
        self.numbers.short += u64::from(counted.missing > 0);
        match counted.effect {
            CountEffect::Created => self.effects.created += 1,
            CountEffect::Updated if counted.after == 0 => self.effects.deleted += 1,
            CountEffect::Updated => self.effects.updated += 1,
            CountEffect::Unchanged => self.effects.unchanged += 1,
            CountEffect::Stale => self.numbers.stale += 1,
        }
    }
}

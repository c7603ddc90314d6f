//! Bringing in many rows: begin, pages, commit, discard. Each step is alone in its run of a batch,
//! as a change of the catalog is; commands of others go on between the steps.

mod catalog;
mod page;
mod snapshot;
mod stock;

use super::Fault;
use super::batch::{append, encode};
use super::counts::watermark;
use crate::domain::session::{
    Effects, PAGES_MAX, RefusedRow, RefusedRows, Session, SessionBegin, SessionCommit, SessionId,
    SessionKind, SessionPage, SessionState, SessionStep,
};
use crate::domain::{Answer, Instant, Outcome, Refusal, Sku};
use crate::storage::Database;
use crate::storage::sessions::{self, PageSums, SessionHead};
use xxhash_rust::xxh3::xxh3_64;

/// Rows that one step forgets.
const FORGOTTEN_ROWS_MAX: u32 = 5_000;
/// Snapshots of a page: each takes some queries.
const SNAPSHOTS_MAX: u32 = 100;

/// Why a step has no answer of its own.
enum Stop {
    Refused(Refusal),
    Failed(Fault),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<F: Into<Fault>> From<F> for Stop {
    fn from(fault: F) -> Self {
        Self::Failed(fault.into())
    }
}

impl From<super::Stop> for Stop {
    fn from(stop: super::Stop) -> Self {
        match stop {
            super::Stop::Refused(refusal) => Self::Refused(refusal),
            super::Stop::Failed(fault) => Self::Failed(fault),
        }
    }
}

/// Does one step; the skus whose counters it changed, too.
pub(super) fn step(
    database: &mut dyn Database,
    now: Instant,
    step: &SessionStep,
) -> Result<(Outcome, Vec<Sku>), Fault> {
    let mut changed = Vec::new();
    let done = match step {
        SessionStep::Begin(it) => begin(database, now, it),
        SessionStep::Page(it) => page(database, now, it),
        SessionStep::Commit(it) => commit(database, now, it, &mut changed),
        SessionStep::CommitSnapshot(it) => snapshot::commit(database, now, it, &mut changed),
        SessionStep::Approve(id) => snapshot::approve(database, now, id, &mut changed),
        SessionStep::Discard(id) => discard(database, now, id),
    };
    let outcome = match done {
        Ok((replayed, session)) => Outcome { replayed, result: Ok(Answer::Session(session)) },
        Err(Stop::Refused(refusal)) => Outcome { replayed: false, result: Err(refusal) },
        Err(Stop::Failed(fault)) => return Err(fault),
    };
    Ok((outcome, changed))
}

/// A step's answer, and whether it was given before.
type Done = Result<(bool, Session), Stop>;

fn begin(database: &mut dyn Database, now: Instant, begin: &SessionBegin) -> Done {
    forget_due(database, now)?;
    let mut body = Vec::new();
    append(&(&begin.kind, &begin.author, &begin.reason), &mut body);
    let fingerprint = xxh3_64(&body);
    let id = begin.session_id.as_str();
    let mut found = sessions::find(database, id)?;
    if let Some(head) = &found {
        if is_discarded(database, head)? {
            sessions::put_aside(database, head.session_no)?;
            found = None;
        }
    }
    let replayed = found.is_some();
    let head = match found {
        Some(head) if head.fingerprint != fingerprint => {
            return Err(Refusal::SessionConflict.into());
        }
        Some(head) => head,
        None => {
            let kind = match &begin.kind {
                // A watermark that was left out is what it comes to now, whenever it is committed.
                SessionKind::Snapshot(it) => {
                    let moment = snapshot::check(database, now, it)?;
                    SessionKind::Snapshot(it.at(moment.watermark))
                }
                kind @ (SessionKind::Catalog(_) | SessionKind::Stock) => kind.clone(),
            };
            let why = (begin.author.as_ref(), &begin.reason);
            sessions::insert(database, now, (id, &kind), why, fingerprint)?;
            find(database, &begin.session_id)?
        }
    };
    Ok((replayed, known(database, &begin.session_id, &head)?))
}

/// A page of an unknown session forgets nothing; forgetting what is due may forget this one.
fn page(database: &mut dyn Database, now: Instant, page: &SessionPage) -> Done {
    find(database, &page.session_id)?;
    forget_due(database, now)?;
    let head = find(database, &page.session_id)?;
    let replayed = page::stage(database, &head, page)?;
    Ok((replayed, known(database, &page.session_id, &head)?))
}

fn commit(
    database: &mut dyn Database,
    now: Instant,
    commit: &SessionCommit,
    changed: &mut Vec<Sku>,
) -> Done {
    let head = find(database, &commit.session_id)?;
    if let Some(outcome) = &head.committed {
        // What counts was not tried: this is another request under its name.
        let is_other = commit.dry_run;
        return if is_other {
            Err(Refusal::SessionConflict.into())
        } else {
            again(outcome, commit.pages)
        };
    }
    check_whole(database, &head, commit.pages)?;
    let sums = sessions::page_sums(database, head.session_no)?;
    let (staged, refused) = (sessions::refusals(database, head.session_no)?, sums.refused);
    let mut refused = RefusedRows { refused, rows: staged };
    if refused.refused > 0 && !commit.skip_refused {
        return Err(Refusal::RowsRefused(refused).into());
    }
    let effects = match &head.kind {
        SessionKind::Catalog(noun) => {
            catalog::commit(database, now, &head, *noun, commit, &mut refused)?
        }
        SessionKind::Stock => stock::commit(database, now, &head, commit, &mut refused, changed)?,
        SessionKind::Snapshot(_) => {
            let text = "a snapshot has a commit of its own".to_owned();
            return Err(Fault::Malformed(text).into());
        }
    };
    let mut session = state(database, &commit.session_id, &head, effects)?;
    session.refused = refused;
    if !commit.dry_run {
        session.state = SessionState::Committed;
        let outcome = encode(&Ok(Answer::Session(session.clone())));
        sessions::set_committed(database, head.session_no, now, &outcome)?;
    }
    Ok((false, session))
}

/// A commit that was answered before; another one where it had not as many pages.
fn again(outcome: &[u8], pages: u32) -> Done {
    let session = snapshot::answered(outcome)?;
    if session.pages == pages { Ok((true, session)) } else { Err(Refusal::SessionConflict.into()) }
}

/// Every page must be there, and no other; and every row, lest a part counts for all.
fn check_whole(database: &mut dyn Database, head: &SessionHead, expected: u32) -> Result<(), Stop> {
    let number = head.session_no;
    let PageSums { pages, highest, staged, .. } = sessions::page_sums(database, number)?;
    if pages == expected && highest == expected {
        let left = sessions::rows_left(database, number)?;
        return if left == staged { Ok(()) } else { Err(Refusal::UnknownSession.into()) };
    }
    let there = sessions::pages(database, head.session_no)?;
    let is_there = |number: &u32| there.binary_search_by_key(number, |page| page.0).is_ok();
    let missing = (1..=expected.min(PAGES_MAX)).filter(|number| !is_there(number));
    Err(Refusal::SessionIncomplete(missing.take(100).collect()).into())
}

fn discard(database: &mut dyn Database, now: Instant, id: &SessionId) -> Done {
    let head = sessions::find(database, id.as_str())?.ok_or(Refusal::UnknownSession)?;
    forget(database, now, head.session_no, head.committed.is_some())?;
    let staged = sessions::rows_left(database, head.session_no)?;
    let session = if let Some(outcome) = &head.committed {
        Session { staged, ..snapshot::answered(outcome)? }
    } else {
        let now = state(database, id, &head, Effects::default())?;
        Session { state: SessionState::Discarded, staged, ..now }
    };
    Ok((false, session))
}

/// Forgets some rows of a session; with the last of them, all that does not stay of it.
fn forget(
    database: &mut dyn Database,
    now: Instant,
    number: i64,
    is_committed: bool,
) -> Result<(), Fault> {
    if !is_committed {
        // First of all, so that nobody takes the rows that are left for all of them.
        sessions::delete_pages(database, number)?;
    }
    if sessions::delete_rows(database, number, FORGOTTEN_ROWS_MAX)? {
        sessions::set_due(database, number, now)?;
    } else {
        sessions::delete(database, number, now)?;
    }
    Ok(())
}

fn forget_due(database: &mut dyn Database, now: Instant) -> Result<(), Fault> {
    for (number, is_committed) in sessions::due(database, now)? {
        forget(database, now, number, is_committed)?;
    }
    Ok(())
}

/// Whether its rows are being forgotten, though it never was committed.
fn is_discarded(database: &mut dyn Database, head: &SessionHead) -> Result<bool, Fault> {
    let may_be = head.committed.is_none();
    Ok(may_be && sessions::has_rows_without_pages(database, head.session_no)?)
}

fn find(database: &mut dyn Database, id: &SessionId) -> Result<SessionHead, Stop> {
    let head = sessions::find(database, id.as_str())?.ok_or(Refusal::UnknownSession)?;
    if is_discarded(database, &head)? { Err(Refusal::UnknownSession.into()) } else { Ok(head) }
}

/// What a session is now.
fn state(
    database: &mut dyn Database,
    id: &SessionId,
    head: &SessionHead,
    effects: Effects,
) -> Result<Session, Fault> {
    let PageSums { pages, staged, refused, .. } = sessions::page_sums(database, head.session_no)?;
    let rows: Vec<RefusedRow> =
        if refused > 0 { sessions::refusals(database, head.session_no)? } else { Vec::new() };
    let state = match (&head.committed, &head.awaiting) {
        (Some(_), _) => SessionState::Committed,
        (None, Some(_)) => SessionState::AwaitingApproval,
        (None, None) => SessionState::Open,
    };
    let refused = RefusedRows { refused, rows };
    let kind = match &head.kind {
        SessionKind::Snapshot(it) => {
            let watermark = watermark(database, it.seen)?;
            SessionKind::Snapshot(it.at(watermark))
        }
        kind @ (SessionKind::Catalog(_) | SessionKind::Stock) => kind.clone(),
    };
    let (session_id, snapshot) = (id.clone(), None);
    Ok(Session { session_id, kind, state, pages, staged, effects, refused, snapshot })
}

/// A session as callers read it: once it was committed, as that was answered.
fn known(
    database: &mut dyn Database,
    id: &SessionId,
    head: &SessionHead,
) -> Result<Session, Fault> {
    match head.committed.as_ref().or(head.awaiting.as_ref()) {
        Some(outcome) => snapshot::answered(outcome),
        None => state(database, id, head, Effects::default()),
    }
}

/// Snapshots in order of their names, of one state or of all, behind `after` (empty: from the
/// first), at most `limit` (1..100).
pub fn list_snapshots(
    database: &mut impl Database,
    state: Option<SessionState>,
    after: &str,
    limit: u32,
) -> Result<Vec<Session>, Fault> {
    if !(1..=SNAPSHOTS_MAX).contains(&limit) {
        let text = format!("a page has 1..{SNAPSHOTS_MAX} snapshots, not {limit}");
        return Err(Fault::Malformed(text));
    }
    let mut listed = Vec::new();
    for id in sessions::snapshots::names(database, state, after, limit)? {
        let id = SessionId::parse(id)?;
        if let Some(head) = sessions::find(database, id.as_str())? {
            listed.push(known(database, &id, &head)?);
        }
    }
    Ok(listed)
}

/// A session as it is now; `None` where there is none of this name.
pub fn get_session(database: &mut impl Database, id: &SessionId) -> Result<Option<Session>, Fault> {
    let Some(head) = sessions::find(database, id.as_str())? else {
        return Ok(None);
    };
    if is_discarded(database, &head)? {
        return Ok(None);
    }
    known(database, id, &head).map(Some)
}

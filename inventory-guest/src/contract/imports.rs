//! The words of sessions, in and out.

use super::{catalog, counting, sessions};
use crate::domain::session::{
    NumberedRow, RefusedRow, RefusedRows, Session, SessionBegin, SessionCommit, SessionId,
    SessionKind, SessionPage, SessionRow, SessionState, SessionStep, SnapshotCommit, StockRow,
};
use crate::domain::{Level, Malformed, Reason, Sku, WarehouseCode};

/// A step, or why it breaks the contract.
pub(super) fn step(step: sessions::SessionStep) -> Result<SessionStep, Malformed> {
    Ok(match step {
        sessions::SessionStep::Begin(it) => SessionStep::Begin(SessionBegin {
            session_id: SessionId::parse(it.session_id)?,
            kind: kind(it.kind)?,
            author: it.author.map(Reason::parse).transpose()?,
            reason: Reason::parse(it.reason)?,
        }),
        sessions::SessionStep::Page(it) => SessionStep::Page(SessionPage {
            session_id: SessionId::parse(it.session_id)?,
            number: it.number,
            rows: it.rows.into_iter().map(row).collect::<Result<_, Malformed>>()?,
        }),
        sessions::SessionStep::Commit(it) => SessionStep::Commit(SessionCommit {
            session_id: SessionId::parse(it.session_id)?,
            pages: it.pages,
            skip_refused: it.skip_refused,
            replace: it.replace,
            dry_run: it.dry_run,
        }),
        sessions::SessionStep::CommitSnapshot(it) => SessionStep::CommitSnapshot(SnapshotCommit {
            session_id: SessionId::parse(it.session_id)?,
            pages: it.pages,
            zero_percent_max: it.zero_percent_max,
            dry_run: it.dry_run,
        }),
        sessions::SessionStep::Approve(id) => SessionStep::Approve(SessionId::parse(id)?),
        sessions::SessionStep::Discard(id) => SessionStep::Discard(SessionId::parse(id)?),
    })
}

fn kind(kind: sessions::SessionKind) -> Result<SessionKind, Malformed> {
    Ok(match kind {
        sessions::SessionKind::Catalog(noun) => SessionKind::Catalog(catalog::noun(noun)),
        sessions::SessionKind::Stock => SessionKind::Stock,
        sessions::SessionKind::Snapshot(it) => SessionKind::Snapshot(counting::snapshot(it)?),
    })
}

/// What is wrong with a row refuses the row; what is wrong with its line, the page.
fn row(row: sessions::NumberedRow) -> Result<NumberedRow, Malformed> {
    let line = row.line;
    if line == 0 || i32::try_from(line).is_err() {
        return Err(Malformed(format!("a line is 1..2147483647, not {line}")));
    }
    let row = match row.row {
        sessions::Row::Entry(it) => catalog::entry(it).map(SessionRow::Entry),
        sessions::Row::Stock(it) => stock_row(it).map(SessionRow::Stock),
    };
    Ok(NumberedRow { line, row })
}

fn stock_row(row: sessions::StockRow) -> Result<StockRow, Malformed> {
    if row.unavailable.is_some() && row.warehouse.is_none() {
        return Err(Malformed("units are unavailable in a warehouse".to_owned()));
    }
    Ok(StockRow {
        sku: Sku::parse(row.sku)?,
        warehouse: row.warehouse.map(WarehouseCode::parse).transpose()?,
        units: Level::parse(row.units)?,
        unavailable: row.unavailable.map(Level::parse).transpose()?,
    })
}

/// Where a session has come to.
pub fn session_state(state: sessions::SessionState) -> SessionState {
    match state {
        sessions::SessionState::Open => SessionState::Open,
        sessions::SessionState::Committed => SessionState::Committed,
        sessions::SessionState::AwaitingApproval => SessionState::AwaitingApproval,
        sessions::SessionState::Discarded => SessionState::Discarded,
    }
}

/// A session as it is now.
pub fn session(session: Session) -> sessions::Session {
    sessions::Session {
        session_id: session.session_id.into_string(),
        kind: match session.kind {
            SessionKind::Catalog(noun) => sessions::SessionKind::Catalog(catalog::noun_out(noun)),
            SessionKind::Stock => sessions::SessionKind::Stock,
            SessionKind::Snapshot(it) => {
                sessions::SessionKind::Snapshot(counting::snapshot_out(it))
            }
        },
        state: match session.state {
            SessionState::Open => sessions::SessionState::Open,
            SessionState::Committed => sessions::SessionState::Committed,
            SessionState::AwaitingApproval => sessions::SessionState::AwaitingApproval,
            SessionState::Discarded => sessions::SessionState::Discarded,
        },
        pages: session.pages,
        staged: session.staged,
        created: session.effects.created,
        updated: session.effects.updated,
        unchanged: session.effects.unchanged,
        deleted: session.effects.deleted,
        refused: session.refused.refused,
        refused_rows: refused_out(session.refused.rows),
        snapshot: session.snapshot.map(counting::numbers),
    }
}

/// Why a commit did nothing.
pub(super) fn refused(refused: RefusedRows) -> sessions::RefusedRows {
    sessions::RefusedRows { refused: refused.refused, rows: refused_out(refused.rows) }
}

fn refused_out(rows: Vec<RefusedRow>) -> Vec<sessions::RefusedRow> {
    rows.into_iter().map(|it| sessions::RefusedRow { line: it.line, why: it.why }).collect()
}

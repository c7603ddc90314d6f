//! How far an import is, and what became of it.

use serde::Serialize;
use utoipa::ToSchema;

use super::Subject;
use crate::catalog::Shape;
use crate::contract::sessions::{self, SessionKind, SessionState};

/// An import, while it comes in and after.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImportReport {
    /// Its name.
    import: String,
    /// A noun, or `stock`.
    subject: &'static str,
    /// `staging`, `dry_run`, `committed` or `discarded`.
    state: &'static str,
    /// Rows that have come in and may count.
    staged: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    /// Entries that no row named.
    deleted: u64,
    /// Rows that cannot count.
    refused: u64,
    /// The first of them, at most 100.
    errors: Vec<RowError>,
    /// It counted before it was sent this time.
    #[serde(skip)]
    pub replayed: bool,
}

/// A row that cannot count.
#[derive(Debug, Serialize, ToSchema)]
pub struct RowError {
    /// Its line; in a JSON array, where it stands.
    line: u32,
    /// A sentence.
    why: String,
}

impl ImportReport {
    /// A session as callers read it.
    pub fn new(session: &sessions::Session) -> Self {
        let subject = match &session.kind {
            SessionKind::Catalog(noun) => Subject::Catalog(Shape::of(*noun)),
            SessionKind::Stock | SessionKind::Snapshot(_) => Subject::Stock,
        };
        Self {
            import: session.session_id.clone(),
            subject: subject.name(),
            state: match session.state {
                SessionState::Open | SessionState::AwaitingApproval => "staging",
                SessionState::Committed => "committed",
                SessionState::Discarded => "discarded",
            },
            staged: session.staged,
            created: session.created,
            updated: session.updated,
            unchanged: session.unchanged,
            deleted: session.deleted,
            refused: session.refused,
            errors: errors(&session.refused_rows),
            replayed: false,
        }
    }

    /// What a commit that changes nothing says.
    #[must_use]
    pub fn dry(mut self) -> Self {
        self.state = "dry_run";
        self
    }

    /// With the rows that never came as far as a session.
    #[must_use]
    pub fn with_refused(mut self, refused: u64, rows: &[sessions::RefusedRow]) -> Self {
        self.refused += refused;
        self.errors.extend(errors(rows));
        self.errors.sort_by_key(|error| error.line);
        self.errors.truncate(100);
        self
    }
}

fn errors(rows: &[sessions::RefusedRow]) -> Vec<RowError> {
    rows.iter().map(|row| RowError { line: row.line, why: row.why.clone() }).collect()
}

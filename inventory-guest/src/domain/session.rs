//! Sessions: many rows, brought in over many transactions, that count together or not at all.

use super::catalog::{Entry, Noun};
use super::count::{Snapshot, SnapshotNumbers};
use super::{Level, Malformed, Reason, RequestId, Sku, WarehouseCode};
use serde::{Deserialize, Serialize};

/// The most rows of one session: bounds how long its commit takes.
pub const ROWS_MAX: u64 = 250_000;
/// The most pages of one session.
pub const PAGES_MAX: u32 = 10_000;
/// The most refused rows that are named.
pub const REFUSED_LISTED_MAX: usize = 100;

/// The caller's name for a session.
pub type SessionId = RequestId;

/// What a session brings in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SessionKind {
    /// Entries of this noun.
    Catalog(Noun),
    /// Counters.
    Stock,
    /// What lies in a warehouse.
    Snapshot(Snapshot),
}

/// A session to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionBegin {
    /// Its name.
    pub session_id: SessionId,
    /// What it brings in.
    pub kind: SessionKind,
    /// Who.
    pub author: Option<Reason>,
    /// Why.
    pub reason: Reason,
}

/// A counter to set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StockRow {
    /// Which sku.
    pub sku: Sku,
    /// Without one it is what is sellable, else what is on hand there.
    pub warehouse: Option<WarehouseCode>,
    /// How many.
    pub units: Level,
    /// How many of what is on hand there are not for sale.
    pub unavailable: Option<Level>,
}

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionRow {
    /// Of a session of the entry's noun.
    Entry(Entry),
    /// Of a session of stock.
    Stock(StockRow),
}

/// A row, with where the caller found it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedRow {
    /// 1..2^31-1.
    pub line: u32,
    /// Or why it is none: that refuses this row, and not its page.
    pub row: Result<SessionRow, Malformed>,
}

/// Rows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPage {
    /// Of which session.
    pub session_id: SessionId,
    /// 1..10,000.
    pub number: u32,
    /// 1..1,000 of them.
    pub rows: Vec<NumberedRow>,
}

/// What makes a session's rows count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCommit {
    /// Which session.
    pub session_id: SessionId,
    /// How many pages there must be.
    pub pages: u32,
    /// Leave out the rows that are refused.
    pub skip_refused: bool,
    /// Delete the noun's entries that no row names.
    pub replace: bool,
    /// Change nothing.
    pub dry_run: bool,
}

/// What makes a snapshot's rows count, or leaves that to an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotCommit {
    /// Which session.
    pub session_id: SessionId,
    /// How many pages there must be.
    pub pages: u32,
    /// If it counts more of the warehouse's stocked skus as 0, it awaits approval: 0..100.
    pub zero_percent_max: u32,
    /// Change nothing.
    pub dry_run: bool,
}

/// One step of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionStep {
    /// Open it.
    Begin(SessionBegin),
    /// Stage rows.
    Page(SessionPage),
    /// Make them count.
    Commit(SessionCommit),
    /// Forget some of them.
    Discard(SessionId),
    /// Make a snapshot's rows count.
    CommitSnapshot(SnapshotCommit),
    /// Let a snapshot that awaits approval count.
    Approve(SessionId),
}

impl SessionStep {
    /// The session it is of.
    pub fn session_id(&self) -> &SessionId {
        match self {
            Self::Begin(it) => &it.session_id,
            Self::Page(it) => &it.session_id,
            Self::Commit(it) => &it.session_id,
            Self::CommitSnapshot(it) => &it.session_id,
            Self::Discard(id) | Self::Approve(id) => id,
        }
    }
}

/// A row that cannot count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRow {
    /// Where the caller found it.
    pub line: u32,
    /// A sentence.
    pub why: String,
}

/// How many rows cannot count, and the first of them by line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedRows {
    /// How many.
    pub refused: u64,
    /// At most 100.
    pub rows: Vec<RefusedRow>,
}

/// Where a session has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// Pages may come.
    Open,
    /// Its rows count.
    Committed,
    /// It was committed, and an operator is to approve or discard it.
    AwaitingApproval,
    /// It is forgotten: only the answer to a discard says so.
    Discarded,
}

/// What a commit did, or would do: to entries or counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// There was none.
    pub created: u64,
    /// It said something else.
    pub updated: u64,
    /// It was so already.
    pub unchanged: u64,
    /// No row named it.
    pub deleted: u64,
}

/// A session as it is now. Answers have it, but are not stored: steps have identities of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name.
    pub session_id: SessionId,
    /// What it brings in.
    pub kind: SessionKind,
    /// Where it has come to.
    pub state: SessionState,
    /// Pages that have come.
    pub pages: u32,
    /// Rows that have come; in the answer to a discard, those not yet forgotten.
    pub staged: u64,
    /// Of the commit.
    pub effects: Effects,
    /// Rows that were refused.
    pub refused: RefusedRows,
    /// Of a snapshot's commit.
    pub snapshot: Option<SnapshotNumbers>,
}

//! Snapshots of whole warehouses, which come in pages.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::catalog::query::parameters;
use crate::contract::{counts, sessions, types};
use crate::counts::{At, CountItem, Watermark, reason, seen};
use crate::problem::Problem;
use crate::refusal::ROWS_REFUSED;
use crate::words::{
    Instant, Integer, IntegerRule, PageCount, PageNumber, Percent, Reason, RequestId,
    WarehouseCode, list,
};

/// What the ledger says where a snapshot gives no reason.
const SNAPSHOT: &str = "snapshot";

/// A snapshot to begin.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotBegin {
    /// The caller's name for it; imports share these names. It means this one while it is known: a
    /// week after it began, or until it is discarded, or a day where nobody commits it.
    snapshot: RequestId,
    warehouse: WarehouseCode,
    /// When it was counted.
    as_of: At,
    watermark: Option<Watermark>,
    /// `snapshot` where it is left out.
    reason: Option<Reason>,
    author: Option<Reason>,
}

/// A page of a snapshot; pages may come in any order, and again.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotPage {
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    /// What was found.
    pub items: Vec<CountItem>,
}

/// Makes a snapshot count: every sku of its warehouse, those that it does not name as 0.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotCommit {
    /// How many pages there are.
    pub pages: PageCount,
    /// More of the stocked skus counted as 0 wait for approval. Above the configured: `admin`.
    pub zero_percent_max: Option<Percent>,
    /// Say what would come of it, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Nothing to say.
#[derive(Default, serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

impl SnapshotBegin {
    /// The command, at this node.
    pub fn into_command(self, node: &str) -> Result<types::Command, Problem> {
        let seen = seen(self.as_of, self.watermark.as_ref(), node)?;
        let snapshot = counts::Snapshot { warehouse: self.warehouse.into_string(), seen };
        let begin = sessions::SessionBegin {
            session_id: self.snapshot.into_string(),
            kind: sessions::SessionKind::Snapshot(snapshot),
            author: self.author.map(Reason::into_string),
            reason: reason(self.reason, SNAPSHOT),
        };
        Ok(types::Command::Session(sessions::SessionStep::Begin(begin)))
    }
}

impl SnapshotPage {
    /// The command.
    pub fn into_command(self, snapshot: RequestId, number: &PageNumber) -> types::Command {
        let rows = self.items.into_iter().map(|it| (it.sku.into_string(), it.on_hand.to_u32()));
        page(snapshot.into_string(), number.to_u32(), rows)
    }
}

/// The command that stages a page of a snapshot. A line is where the item stands in its page.
pub fn page(
    session_id: String,
    number: u32,
    rows: impl Iterator<Item = (String, u32)>,
) -> types::Command {
    let row = |(line, (sku, units)): (u32, (String, u32))| {
        let row = sessions::StockRow { sku, warehouse: None, units, unavailable: None };
        let row = sessions::Row::Stock(row);
        sessions::NumberedRow { line, row }
    };
    let first = (number - 1) * LINES_PER_PAGE + 1;
    let rows = (first..).zip(rows).map(row).collect();
    let page = sessions::SessionPage { session_id, number, rows };
    types::Command::Session(sessions::SessionStep::Page(page))
}

/// Lines are numbered as if every page were full.
const LINES_PER_PAGE: u32 = 1_000;

/// Items of a snapshot that cannot count, so that it does not.
pub(crate) fn items_refused(refused: &sessions::RefusedRows) -> Problem {
    let sessions::RefusedRows { refused, rows } = refused;
    let detail = match rows.first() {
        Some(first) => {
            let (page, item) = place_of(first.line);
            format!("{refused} items cannot count; page {page}, item {item}: {}", first.why)
        }
        None => format!("{refused} items cannot count"),
    };
    let errors = rows.iter().map(|row| json!(SnapshotError::from(row)));
    let errors: Vec<Value> = errors.collect();
    Problem::new(&ROWS_REFUSED, detail).with("refused", *refused).with("errors", errors)
}

/// The page of a line, and where it stands in it, from 0.
pub fn place_of(line: u32) -> (u32, u32) {
    let before = line.saturating_sub(1);
    (before / LINES_PER_PAGE + 1, before % LINES_PER_PAGE)
}

impl SnapshotCommit {
    /// The share that it asks for.
    pub fn zero_percent_max(&self) -> Option<u32> {
        self.zero_percent_max.as_ref().map(Percent::to_u32)
    }

    /// The command, with what the caller left out.
    pub fn into_command(self, snapshot: RequestId, zero_percent_default: u32) -> types::Command {
        let commit = sessions::SnapshotCommit {
            session_id: snapshot.into_string(),
            pages: self.pages.to_u32(),
            zero_percent_max: self.zero_percent_max().unwrap_or(zero_percent_default),
            dry_run: self.dry_run,
        };
        types::Command::Session(sessions::SessionStep::CommitSnapshot(commit))
    }
}

/// A snapshot, while it comes in and after.
#[derive(Serialize, ToSchema)]
pub struct SnapshotReport<'a> {
    snapshot: &'a str,
    warehouse: &'a str,
    as_of: Instant,
    /// As it was given; else the one that `as_of` comes to, once it was committed the one it counts
    /// by. None where a version before this one did not keep that.
    watermark: Option<Watermark>,
    state: SnapshotState,
    /// Pages that have come.
    pages: u32,
    /// Rows that have come; in the answer to a discard, those not yet forgotten.
    staged: u64,
    /// What the commit did, or would do; none before.
    effects: Option<SnapshotEffects>,
    refused: u64,
    /// The first rows that cannot count, at most 100: they refuse the commit.
    errors: Vec<SnapshotError<'a>>,
}

/// Where a snapshot has come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotState {
    /// Pages may come.
    Open,
    /// It was committed, and waits for an operator to approve or discard it.
    AwaitingApproval,
    /// It counts.
    Committed,
    /// It never counted, and is forgotten: only the answer to its discard says so.
    Discarded,
}

impl SnapshotState {
    /// All that there are.
    pub const ALL: [Self; 4] =
        [Self::Open, Self::AwaitingApproval, Self::Committed, Self::Discarded];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Committed => "committed",
            Self::Discarded => "discarded",
        }
    }

    /// By its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

impl From<sessions::SessionState> for SnapshotState {
    fn from(state: sessions::SessionState) -> Self {
        match state {
            sessions::SessionState::Open => Self::Open,
            sessions::SessionState::AwaitingApproval => Self::AwaitingApproval,
            sessions::SessionState::Committed => Self::Committed,
            sessions::SessionState::Discarded => Self::Discarded,
        }
    }
}

impl From<SnapshotState> for sessions::SessionState {
    fn from(state: SnapshotState) -> Self {
        match state {
            SnapshotState::Open => Self::Open,
            SnapshotState::AwaitingApproval => Self::AwaitingApproval,
            SnapshotState::Committed => Self::Committed,
            SnapshotState::Discarded => Self::Discarded,
        }
    }
}

/// How many snapshots to list.
pub type SnapshotsLimit = Integer<SnapshotsLimitRule>;
/// What a [`SnapshotsLimit`] is.
pub enum SnapshotsLimitRule {}
impl IntegerRule for SnapshotsLimitRule {
    const NAME: &'static str = "SnapshotsLimit";
    const MIN: i64 = 1;
    const MAX: i64 = 100;
}

/// Which snapshots to list.
#[derive(Debug, PartialEq)]
pub struct SnapshotsQuery {
    /// In this state only.
    pub state: Option<SnapshotState>,
    /// Names behind this one; empty: from the first.
    pub after: String,
    /// At most this many.
    pub limit: u32,
}

impl SnapshotsQuery {
    /// `state`, `after` and `limit`, percent-encoded.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let [state, after, limit] = parameters(query, ["state", "after", "limit"])?;
        let refuse = |name, why: &str| Problem::malformed_parameter(name, why);
        let state = state.map(|text| {
            let refuse =
                || refuse("state", "state is open, awaiting_approval, committed or discarded");
            SnapshotState::parse(&text).ok_or_else(refuse)
        });
        let limit = match limit {
            None => 100,
            Some(text) => {
                let number = text.parse().ok().and_then(|number| SnapshotsLimit::new(number).ok());
                number.ok_or_else(|| refuse("limit", "limit is 1 to 100"))?.to_u32()
            }
        };
        let after = after.unwrap_or_default().into_owned();
        if !after.is_empty() && RequestId::parse(&after).is_err() {
            return Err(refuse("after", "after is what next said"));
        }
        Ok(Self { state: state.transpose()?, after, limit })
    }
}

/// Snapshots by name.
#[derive(Serialize, ToSchema)]
pub struct Snapshots<'a> {
    snapshots: Vec<SnapshotReport<'a>>,
    /// What to pass as `after` for the next page; none after the last.
    next: Option<&'a str>,
}

impl<'a> Snapshots<'a> {
    /// A page, of at most `limit`, at this node.
    pub fn new(listed: &'a [sessions::Session], limit: u32, node: &str) -> Self {
        let last = listed.last().filter(|_| listed.len() >= limit as usize);
        let snapshots = listed.iter().filter_map(|it| SnapshotReport::new(it, node)).collect();
        Self { snapshots, next: last.map(|it| it.session_id.as_str()) }
    }

    /// What to pass as `after` for the next page.
    pub fn next(&self) -> Option<&'a str> {
        self.next
    }
}

/// What a snapshot's commit did, or would do.
#[derive(Serialize, ToSchema)]
pub struct SnapshotEffects {
    /// Skus that the warehouse did not stock.
    created: u64,
    updated: u64,
    unchanged: u64,
    /// Skus that came down to 0 on hand.
    emptied: u64,
    /// Skus with units on hand before.
    stocked: u64,
    /// Those of them that the snapshot counts as 0.
    zeroed: u64,
    /// Skus that were counted more recently, and stayed.
    stale: u64,
    /// Skus of which units are missing that are held; `GET /v1/shortages` lists them.
    short: u64,
}

/// A row that cannot count.
#[derive(Serialize, ToSchema)]
pub struct SnapshotError<'a> {
    page: u32,
    /// Where it stands in its page, from 0.
    item: u32,
    why: &'a str,
}

impl<'a> From<&'a sessions::RefusedRow> for SnapshotError<'a> {
    fn from(row: &'a sessions::RefusedRow) -> Self {
        let (page, item) = place_of(row.line);
        Self { page, item, why: &row.why }
    }
}

impl<'a> SnapshotReport<'a> {
    /// A snapshot at this node; `None`: the session is none.
    pub fn new(session: &'a sessions::Session, node: &str) -> Option<Self> {
        let sessions::SessionKind::Snapshot(snapshot) = &session.kind else {
            return None;
        };
        Some(Self {
            snapshot: &session.session_id,
            warehouse: &snapshot.warehouse,
            as_of: Instant(snapshot.seen.as_of),
            watermark: snapshot.seen.watermark.map(|seq| Watermark::at(node, seq)),
            state: session.state.into(),
            pages: session.pages,
            staged: session.staged,
            effects: session.snapshot.as_ref().map(|numbers| SnapshotEffects {
                created: session.created,
                updated: session.updated,
                unchanged: session.unchanged,
                emptied: session.deleted,
                stocked: numbers.stocked,
                zeroed: numbers.zeroed,
                stale: numbers.stale,
                short: numbers.short,
            }),
            refused: session.refused,
            errors: session.refused_rows.iter().map(Into::into).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_row_is_found_again_by_its_page() {
        let rows = vec![("A".to_owned(), 1), ("B".to_owned(), 2)];
        let types::Command::Session(sessions::SessionStep::Page(page)) =
            page("S".to_owned(), 3, rows.into_iter())
        else {
            panic!()
        };
        assert_eq!(page.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2001, 2002]);
    }
}

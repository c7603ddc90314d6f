//! Counts of what lies in a warehouse, and snapshots of whole warehouses.

use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::catalog::query::parameters;
use crate::changes::LIMIT_DEFAULT;
use crate::contract::{counts, sessions, types};
use crate::problem::Problem;
use crate::words::{ChangesLimit, CounterValue, Instant, Percent, Reason, RequestId, Sku};
use crate::words::{PageNumber, WarehouseCode, list};

/// What the ledger says where a count gives no reason.
const COUNT: &str = "count";
const SNAPSHOT: &str = "snapshot";

/// Units that were found, of skus of one warehouse. A count that is not newer changes nothing.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Count {
    warehouse: WarehouseCode,
    /// When it was counted.
    as_of: At,
    watermark: Option<Watermark>,
    /// `count` where it is left out.
    reason: Option<Reason>,
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<CountItem>,
    /// Makes the call idempotent; without it, too, a repeated count changes nothing.
    request_id: Option<RequestId>,
}

/// A sku as it was counted.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CountItem {
    sku: Sku,
    on_hand: CounterValue,
}

/// A snapshot to begin.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnapshotBegin {
    /// The caller's name for it, never used again.
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
    pub pages: PageNumber,
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

/// An instant that a caller gives.
#[derive(Clone, Copy, Debug)]
pub struct At(i64);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let instant = Instant::parse(&text).map(|at| Self(at.0));
        instant.ok_or_else(|| de::Error::custom("an instant is RFC 3339 in UTC, from 1970 on"))
    }
}

impl PartialSchema for At {
    fn schema() -> RefOr<Schema> {
        Instant::schema()
    }
}

impl ToSchema for At {}

/// The last shipment that is no longer counted: an event id of this node's change feed.
#[derive(Clone, Debug)]
pub struct Watermark {
    node: String,
    seq: u64,
}

impl Watermark {
    /// `node:seq`.
    pub fn parse(text: &str) -> Option<Self> {
        let (node, seq) = text.rsplit_once(':')?;
        let is_number = !seq.is_empty() && seq.bytes().all(|byte| byte.is_ascii_digit());
        let seq = seq.parse::<u64>().ok().filter(|seq| is_number && *seq < 1 << 53)?;
        let fits = (1..=64).contains(&node.len()) && node.bytes().all(|it| it.is_ascii_graphic());
        fits.then(|| Self { node: node.to_owned(), seq })
    }

    /// The sequence, which is this node's only.
    pub fn of_node(&self, node: &str) -> Result<u64, Problem> {
        if self.node == node {
            return Ok(self.seq);
        }
        let detail = format!("the watermark is of node {}, and this is {node}", self.node);
        Err(Problem::malformed_body("/watermark", detail))
    }
}

impl<'de> Deserialize<'de> for Watermark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let why = "a watermark is an event id of the change feed, node:seq";
        Self::parse(&text).ok_or_else(|| de::Error::custom(why))
    }
}

impl PartialSchema for Watermark {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^[!-~]{1,64}:[0-9]{1,16}$"))
            .description(Some(
                "The event id, in this node's change feed, of the last shipment that is no longer \
                 counted; without it, that is the last one at or before as_of.",
            ))
            .into()
    }
}

impl ToSchema for Watermark {}

fn seen(as_of: At, watermark: Option<&Watermark>, node: &str) -> Result<counts::Seen, Problem> {
    let watermark = watermark.map(|it| it.of_node(node)).transpose()?;
    Ok(counts::Seen { as_of: as_of.0, watermark })
}

fn reason(given: Option<Reason>, default: &str) -> String {
    given.map_or_else(|| default.to_owned(), Reason::into_string)
}

impl Count {
    /// The command, at this node.
    pub fn into_command(self, node: &str) -> Result<types::Command, Problem> {
        let mut skus = std::collections::HashSet::with_capacity(self.items.len());
        for (index, item) in self.items.iter().enumerate() {
            if !skus.insert(item.sku.as_str()) {
                let (at, sku) = (format!("/items/{index}/sku"), item.sku.as_str());
                return Err(Problem::malformed_body(&at, format!("a count names {sku} twice")));
            }
        }
        let item = |it: CountItem| counts::CountItem {
            sku: it.sku.into_string(),
            on_hand: it.on_hand.to_u32(),
        };
        Ok(types::Command::Count(counts::Count {
            seen: seen(self.as_of, self.watermark.as_ref(), node)?,
            warehouse: self.warehouse.into_string(),
            reason: reason(self.reason, COUNT),
            items: self.items.into_iter().map(item).collect(),
            request_id: self.request_id.map(RequestId::into_string),
        }))
    }
}

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
        let row = sessions::Row::Stock(sessions::StockRow { sku, warehouse: None, units });
        sessions::NumberedRow { line, row }
    };
    let first = (number - 1) * LINES_PER_PAGE + 1;
    let rows = (first..).zip(rows).map(row).collect();
    let page = sessions::SessionPage { session_id, number, rows };
    types::Command::Session(sessions::SessionStep::Page(page))
}

/// Lines are numbered as if every page were full.
const LINES_PER_PAGE: u32 = 1_000;

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

/// The answer to a count.
#[derive(Serialize, ToSchema)]
pub struct CountAnswer<'a> {
    /// One for each item, in order.
    counted: Vec<Counted<'a>>,
}

/// What became of an item.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "`counted` is what was counted")]
pub struct Counted<'a> {
    sku: &'a str,
    /// `created`, `updated`, `unchanged`, or `stale`: one as new, or newer, came before.
    effect: &'static str,
    counted: u32,
    /// Units that were shipped since.
    shipped: u64,
    /// On hand.
    before: u32,
    after: u32,
    /// Reserved, committed or unavailable there: on hand does not fall below.
    held: u32,
    /// Of those, how many are not there.
    missing: u32,
}

impl<'a> From<&'a [counts::Counted]> for CountAnswer<'a> {
    fn from(items: &'a [counts::Counted]) -> Self {
        let counted = |it: &'a counts::Counted| Counted {
            sku: &it.sku,
            effect: match it.effect {
                counts::CountEffect::Created => "created",
                counts::CountEffect::Updated => "updated",
                counts::CountEffect::Unchanged => "unchanged",
                counts::CountEffect::Stale => "stale",
            },
            counted: it.counted,
            shipped: it.shipped,
            before: it.before,
            after: it.after,
            held: it.held,
            missing: it.missing,
        };
        Self { counted: items.iter().map(counted).collect() }
    }
}

/// Which shortages to list.
#[derive(Debug, PartialEq)]
pub struct ShortagesQuery {
    /// Of this warehouse only.
    pub warehouse: Option<String>,
    /// Those behind this one: `warehouse sku`.
    pub after: String,
    /// At most this many.
    pub limit: u32,
}

impl ShortagesQuery {
    /// `warehouse`, `after` and `limit`, percent-encoded.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let [warehouse, after, limit] = parameters(query, ["warehouse", "after", "limit"])?;
        let refuse = |name, why: &str| Problem::malformed_parameter(name, why);
        let warehouse = warehouse.map(|text| {
            let code = WarehouseCode::parse(&text);
            code.map(WarehouseCode::into_string)
                .map_err(|why| refuse("warehouse", &why.to_string()))
        });
        let limit = match limit {
            None => LIMIT_DEFAULT,
            Some(text) => {
                let number = text.parse().ok().and_then(|number| ChangesLimit::new(number).ok());
                number.ok_or_else(|| refuse("limit", "limit is 1 to 1000"))?.to_u32()
            }
        };
        let after = after.unwrap_or_default().into_owned();
        if after.len() > 129 {
            return Err(refuse("after", "after is what next said"));
        }
        Ok(Self { warehouse: warehouse.transpose()?, after, limit })
    }
}

/// What the last counts did not find though it is held.
#[derive(Serialize, ToSchema)]
pub struct Shortages<'a> {
    shortages: Vec<CountShortage<'a>>,
    /// What to pass as `after` for the next page; none after the last.
    next: Option<String>,
}

/// A sku of which too little lies in a warehouse.
#[derive(Serialize, ToSchema)]
pub struct CountShortage<'a> {
    warehouse: &'a str,
    sku: &'a str,
    /// When it was counted.
    as_of: Instant,
    counted: u32,
    /// Reserved, committed or unavailable there at that time.
    held: u32,
    missing: u32,
}

impl<'a> Shortages<'a> {
    /// A page, of at most `limit`.
    pub fn new(listed: &'a [counts::CountShortage], limit: u32) -> Self {
        let shortage = |it: &'a counts::CountShortage| CountShortage {
            warehouse: &it.warehouse,
            sku: &it.sku,
            as_of: Instant(it.as_of),
            counted: it.counted,
            held: it.held,
            missing: it.missing,
        };
        let last = listed.last().filter(|_| listed.len() >= limit as usize);
        let next = last.map(|it| format!("{} {}", it.warehouse, it.sku));
        Self { shortages: listed.iter().map(shortage).collect(), next }
    }
}

/// A snapshot, while it comes in and after.
#[derive(Serialize, ToSchema)]
pub struct SnapshotReport<'a> {
    snapshot: &'a str,
    warehouse: &'a str,
    as_of: Instant,
    /// As it was given: its sequence.
    watermark: Option<u64>,
    /// `open`, `awaiting_approval` or `committed`.
    state: &'static str,
    /// Pages that have come.
    pages: u32,
    /// Rows that have come; after the commit, those not yet forgotten.
    staged: u64,
    /// What the commit did, or would do; none before.
    effects: Option<SnapshotEffects>,
    refused: u64,
    /// The first rows that cannot count, at most 100: they refuse the commit.
    errors: Vec<SnapshotError<'a>>,
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

impl<'a> SnapshotReport<'a> {
    /// `None`: the session is no snapshot.
    pub fn new(session: &'a sessions::Session) -> Option<Self> {
        let sessions::SessionKind::Snapshot(snapshot) = &session.kind else {
            return None;
        };
        let error = |row: &'a sessions::RefusedRow| SnapshotError {
            page: row.line.saturating_sub(1) / LINES_PER_PAGE + 1,
            item: row.line.saturating_sub(1) % LINES_PER_PAGE,
            why: &row.why,
        };
        Some(Self {
            snapshot: &session.session_id,
            warehouse: &snapshot.warehouse,
            as_of: Instant(snapshot.seen.as_of),
            watermark: snapshot.seen.watermark,
            state: match session.state {
                sessions::SessionState::Open => "open",
                sessions::SessionState::Committed => "committed",
                sessions::SessionState::AwaitingApproval => "awaiting_approval",
            },
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
            errors: session.refused_rows.iter().map(error).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::parse;

    fn count(watermark: &str, items: &str) -> Result<types::Command, Problem> {
        let (warehouse, as_of) = (r#""warehouse":"W1""#, r#""as_of":"2026-11-22T00:00:00Z""#);
        let text = format!("{{{warehouse},{as_of},\"watermark\":{watermark},\"items\":[{items}]}}");
        parse::<Count>(text.as_bytes())?.into_command("edge-1")
    }

    #[test]
    fn a_watermark_is_an_event_of_this_node() {
        let item = r#"{"sku":"A","on_hand":3}"#;
        let Ok(types::Command::Count(it)) = count(r#""edge-1:17""#, item) else { panic!() };
        assert_eq!((it.seen.watermark, it.reason.as_str()), (Some(17), "count"));
        for bad in [r#""edge-2:17""#, r#""17""#, "17", r#""edge-1:""#, r#""edge-1:+1""#, r#"":1""#]
        {
            let Err(problem) = count(bad, item) else { panic!("{bad}") };
            assert_eq!(problem.members["pointer"], "/watermark", "{bad}");
        }
    }

    #[test]
    fn a_count_names_no_sku_twice() {
        let items = r#"{"sku":"A","on_hand":3},{"sku":"A","on_hand":3}"#;
        let problem = count("null", items).unwrap_err();
        assert_eq!(problem.members["pointer"], "/items/1/sku");
    }

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

//! Counts of what lies in a warehouse.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::catalog::query::parameters;
use crate::changes::LIMIT_DEFAULT;
use crate::contract::{counts, types};
use crate::problem::Problem;
use crate::refusal::{COUNT_AHEAD, SNAPSHOT_STALE};
use crate::words::{
    ChangesLimit, CounterValue, Instant, Reason, RequestId, Sku, WarehouseCode, list,
};

/// What the ledger says where a count gives no reason.
const COUNT: &str = "count";

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
    pub(crate) sku: Sku,
    pub(crate) on_hand: CounterValue,
}

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

    /// A sequence of this node's change feed.
    pub fn at(node: &str, seq: u64) -> Self {
        Self { node: node.to_owned(), seq }
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

impl fmt::Display for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.node, self.seq)
    }
}

impl Serialize for Watermark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
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

pub(crate) fn seen(
    as_of: At,
    watermark: Option<&Watermark>,
    node: &str,
) -> Result<counts::Seen, Problem> {
    let watermark = watermark.map(|it| it.of_node(node)).transpose()?;
    Ok(counts::Seen { as_of: as_of.0, watermark })
}

pub(crate) fn reason(given: Option<Reason>, default: &str) -> String {
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

/// A count from the future of this node.
pub(crate) fn count_ahead(ahead: &counts::Ahead, node: &str) -> Problem {
    let counts::Ahead { as_of, now, watermark, last_seq } = *ahead;
    let detail = match watermark.filter(|watermark| *watermark > last_seq) {
        Some(watermark) => {
            let watermark = Watermark::at(node, watermark);
            format!("the watermark {watermark} is beyond the change feed, which ends at {last_seq}")
        }
        None => format!("as_of is {}, and it is {} now", Instant(as_of), Instant(now)),
    };
    Problem::new(&COUNT_AHEAD, detail)
        .with("as_of", Instant(as_of).to_string())
        .with("now", Instant(now).to_string())
        .with("watermark", watermark.map(|seq| Watermark::at(node, seq).to_string()))
        .with("last_seq", last_seq)
}

/// A snapshot that is not newer: by its time, or else by its watermark.
pub(crate) fn snapshot_stale(stale: &counts::StaleSnapshot, node: &str) -> Problem {
    let (as_of, newest) = (Instant(stale.as_of), Instant(stale.newest_as_of));
    let watermarks = [stale.watermark, stale.newest_watermark].map(|seq| Watermark::at(node, seq));
    let [watermark, newest_watermark] = watermarks.map(|it| it.to_string());
    let detail = if stale.as_of == stale.newest_as_of {
        format!(
            "it is of {as_of} with the watermark {watermark}, and one of the same time with the \
             watermark {newest_watermark} counts already"
        )
    } else {
        format!("it is of {as_of}, and one of {newest} counts already")
    };
    Problem::new(&SNAPSHOT_STALE, detail)
        .with("as_of", as_of.to_string())
        .with("watermark", watermark)
        .with("newest_as_of", newest.to_string())
        .with("newest_watermark", newest_watermark)
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
    fn a_stale_snapshot_names_what_decided() {
        let told = |as_of, watermark| {
            let (newest_as_of, newest_watermark) = (2_000, 7);
            let stale = counts::StaleSnapshot { as_of, watermark, newest_as_of, newest_watermark };
            let problem = snapshot_stale(&stale, "edge-1");
            assert_eq!(problem.members["watermark"], format!("edge-1:{watermark}"));
            assert_eq!(problem.members["newest_watermark"], "edge-1:7");
            problem.detail
        };
        let older = told(1_000, 7);
        assert!(older.ends_with("one of 1970-01-01T00:00:02.000Z counts already"), "{older}");
        let as_old = told(2_000, 6);
        assert!(as_old.contains("edge-1:6") && as_old.contains("edge-1:7"), "{as_old}");
    }
}

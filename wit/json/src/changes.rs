//! The change feed, a page at a time.

use serde::Serialize;
use utoipa::ToSchema;

use crate::contract::changes;
use crate::problem::Problem;
use crate::words::{ChangesLimit, Instant, Integer, IntegerRule, Sequence};

/// How many changes a page has when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 100;

/// Which changes to list.
#[derive(Debug, PartialEq)]
pub struct Page {
    /// Those that come after this sequence.
    pub after: u64,
    /// At most this many.
    pub limit: u32,
}

impl Page {
    /// Strict: a parameter that is unknown, repeated or percent-encoded is refused.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let (mut after, mut limit) = (None, None);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
            let repeated = match name {
                "after" => after.replace(integer("after", text, Sequence::to_u64)?).is_some(),
                "limit" => limit.replace(integer("limit", text, ChangesLimit::to_u32)?).is_some(),
                _ => {
                    let detail = format!("there is no parameter {name}; known: after, limit");
                    return Err(Problem::malformed_parameter(name, detail));
                }
            };
            if repeated {
                return Err(Problem::malformed_parameter(name, format!("{name} is given twice")));
            }
        }
        Ok(Self { after: after.unwrap_or(0), limit: limit.unwrap_or(LIMIT_DEFAULT) })
    }
}

fn integer<R: IntegerRule, N>(
    name: &str,
    text: &str,
    number: fn(&Integer<R>) -> N,
) -> Result<N, Problem> {
    let refuse = |detail: String| Problem::malformed_parameter(name, detail);
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse(format!("{name} is {text:?}, not a whole number")));
    }
    // More digits than an i64 has are certainly more than the rule's maximum.
    let value = text.parse().unwrap_or(i64::MAX);
    Integer::<R>::new(value)
        .map(|value| number(&value))
        .map_err(|bounds| refuse(bounds.to_string()))
}

/// A page of the feed.
#[derive(Serialize, ToSchema)]
pub struct Changes<'a> {
    /// Oldest first.
    changes: Vec<Change<'a>>,
    /// What to pass as `after` for the next page.
    next: u64,
}

/// One committed change of one sku, or of one sku in one warehouse.
#[derive(Serialize, ToSchema)]
pub struct Change<'a> {
    /// `node:seq`, unique over all nodes.
    event_id: String,
    /// 1, 2, 3, … without a gap.
    seq: u64,
    /// The cause's kind, `sold_out` or `back_in_stock`.
    r#type: &'a str,
    at: Instant,
    sku: &'a str,
    warehouse: Option<&'a str>,
    before: Quantities,
    after: Quantities,
    cause: Cause<'a>,
}

/// The counters of a sku (`sellable`), or of a sku in a warehouse (`on_hand`, `unavailable`).
#[derive(Serialize, ToSchema)]
pub struct Quantities {
    #[serde(skip_serializing_if = "Option::is_none")]
    sellable: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_hand: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unavailable: Option<u32>,
    reserved: u32,
    committed: u32,
}

/// Which operation made a change.
#[derive(Serialize, ToSchema)]
pub struct Cause<'a> {
    kind: &'a str,
    order_id: Option<&'a str>,
    /// The reason given with a release or an adjustment.
    reason: Option<&'a str>,
}

impl<'a> Changes<'a> {
    /// The page that lists `listed`, the changes after `after`.
    pub fn new(node: &str, after: u64, listed: &'a [changes::Change]) -> Self {
        let next = listed.last().map_or(after, |last| last.seq);
        Self { changes: listed.iter().map(|change| Change::new(node, change)).collect(), next }
    }
}

impl<'a> Change<'a> {
    fn new(node: &str, change: &'a changes::Change) -> Self {
        Self {
            event_id: format!("{node}:{}", change.seq),
            seq: change.seq,
            r#type: &change.kind,
            at: Instant(change.at),
            sku: &change.sku,
            warehouse: change.warehouse.as_deref(),
            before: (&change.before).into(),
            after: (&change.after).into(),
            cause: Cause {
                kind: &change.cause.kind,
                order_id: change.cause.order_id.as_deref(),
                reason: change.cause.reason.as_deref(),
            },
        }
    }
}

impl From<&changes::Quantities> for Quantities {
    fn from(quantities: &changes::Quantities) -> Self {
        Self {
            sellable: quantities.sellable,
            on_hand: quantities.on_hand,
            unavailable: quantities.unavailable,
            reserved: quantities.reserved,
            committed: quantities.committed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_asked_for_in_known_whole_numbers() {
        let page = |after, limit| Some(Page { after, limit });
        for (query, expected) in [
            ("", page(0, LIMIT_DEFAULT)),
            ("after=7", page(7, LIMIT_DEFAULT)),
            ("limit=1000&after=9007199254740991", page(9_007_199_254_740_991, 1_000)),
            ("after=9007199254740992", None),
            ("after=99999999999999999999999", None),
            ("after=-1", None),
            ("after=+1", None),
            ("after=", None),
            ("after", None),
            ("limit=0", None),
            ("limit=1001", None),
            ("limit=1&limit=1", None),
            ("since=1", None),
        ] {
            assert_eq!(Page::parse(query).ok(), expected, "{query:?}");
        }
    }
}

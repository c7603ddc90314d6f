//! Counts and snapshots of what lies in a warehouse: what its system says, the requests of api.md
//! that say it, and what they are answered.

use super::json::{instant, list, number, small, text, without_nulls, written};
use super::words::Instant;
use inventory_json::contract::sessions::SessionStep;
use inventory_json::contract::types;
use inventory_json::counts as bodies;
use inventory_json::parse::parse;
use inventory_json::problem::Problem;
use inventory_json::snapshots::{SnapshotBegin, SnapshotCommit, SnapshotPage};
use inventory_json::words::{PageNumber, RequestId};
use serde_json::{Value, json};

/// Where every door's events are from.
pub(super) const NODE: &str = "edge-1";

/// What a commit that says no share would mean; ours say one.
const PERCENT_UNUSED: u32 = 0;

/// What a count has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) as_of: Instant,
    pub(crate) watermark: Option<u64>,
}

/// Units of a sku that were found.
pub(crate) type Found = (String, i64);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) warehouse: String,
    pub(crate) seen: Seen,
    pub(crate) items: Vec<Found>,
    pub(crate) request_id: Option<String>,
}

/// A step of the snapshot of this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) step: Step,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Begin { warehouse: String, seen: Seen },
    Page { number: u32, items: Vec<Found> },
    Commit { pages: u32, zero_percent_max: u32, dry_run: bool },
    Approve,
    Discard,
}

/// What became of an item, in the API's words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_field_names)]
pub(crate) struct Counted {
    pub(crate) sku: String,
    pub(crate) effect: String,
    pub(crate) counted: u32,
    pub(crate) shipped: u64,
    pub(crate) before: u32,
    pub(crate) after: u32,
    pub(crate) held: u32,
    pub(crate) missing: u32,
}

/// What a snapshot is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) name: String,
    pub(crate) warehouse: String,
    pub(crate) seen: Seen,
    pub(crate) state: String,
    pub(crate) pages: u32,
    pub(crate) staged: u64,
    pub(crate) effects: Option<Effects>,
    pub(crate) refused: u64,
    /// Of each such row its line, as if every page were full, and why.
    pub(crate) errors: Vec<(u32, String)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) emptied: u64,
    pub(crate) stocked: u64,
    pub(crate) zeroed: u64,
    pub(crate) stale: u64,
    pub(crate) short: u64,
}

/// What the last count of a sku in a warehouse did not find, though it was held.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_field_names)]
pub(crate) struct Missing {
    pub(crate) warehouse: String,
    pub(crate) sku: String,
    pub(crate) as_of: Instant,
    pub(crate) counted: u32,
    pub(crate) held: u32,
    pub(crate) missing: u32,
}

impl Count {
    pub(super) fn body(&self) -> Value {
        without_nulls(json!({
            "warehouse": self.warehouse,
            "as_of": written(self.seen.as_of),
            "watermark": event(self.seen),
            "items": items(&self.items),
            "request_id": self.request_id,
        }))
    }

    pub(super) fn contract(&self) -> Result<types::Command, Problem> {
        parse::<bodies::Count>(&bytes(&self.body()))?.into_command(NODE)
    }
}

impl Snapshot {
    /// Method, path and body.
    pub(super) fn request(&self) -> (&'static str, String, Value) {
        let at = |what: &str| format!("/v1/snapshots/{}/{what}", self.name);
        match &self.step {
            Step::Begin { warehouse, seen } => {
                let body = without_nulls(json!({
                    "snapshot": self.name,
                    "warehouse": warehouse,
                    "as_of": written(seen.as_of),
                    "watermark": event(*seen),
                }));
                ("POST", "/v1/snapshots".to_owned(), body)
            }
            Step::Page { number, items } => {
                let body = json!({ "items": self::items(items) });
                ("PUT", at(&format!("pages/{number}")), body)
            }
            Step::Commit { pages, zero_percent_max, dry_run } => {
                let body = json!({
                    "pages": pages,
                    "zero_percent_max": zero_percent_max,
                    "dry_run": dry_run,
                });
                ("POST", at("commit"), body)
            }
            Step::Approve => ("POST", at("approve"), json!({})),
            Step::Discard => ("POST", at("discard"), json!({})),
        }
    }

    /// The step as a line of the CLI's script.
    pub(super) fn line(&self) -> Value {
        let (_, _, mut body) = self.request();
        body["snapshot"] = json!(self.name);
        let step = match &self.step {
            Step::Begin { .. } => "begin",
            Step::Page { number, .. } => {
                body["page"] = json!(number);
                "page"
            }
            Step::Commit { .. } => "commit",
            Step::Approve => "approve",
            Step::Discard => "discard",
        };
        json!({ "snapshot": { step: body } })
    }

    /// The step as the words of the CLI's subcommand.
    pub(super) fn words(&self) -> Vec<String> {
        let words = |step: &str| vec!["snapshot".to_owned(), step.to_owned(), self.name.clone()];
        match &self.step {
            Step::Begin { warehouse, seen } => {
                let mut words = words("begin");
                words.push(format!("--warehouse={warehouse}"));
                words.push(format!("--as-of={}", written(seen.as_of)));
                words.extend(event(*seen).map(|event| format!("--watermark={event}")));
                words
            }
            Step::Page { number, items } => {
                let mut words = words("page");
                words.push(number.to_string());
                words.extend(items.iter().map(|(sku, units)| format!("{sku}={units}")));
                words
            }
            Step::Commit { pages, zero_percent_max, dry_run } => {
                let mut words = words("commit");
                words.push(format!("--pages={pages}"));
                words.push(format!("--zero-percent-max={zero_percent_max}"));
                words.extend(dry_run.then(|| "--dry-run".to_owned()));
                words
            }
            Step::Approve => words("approve"),
            Step::Discard => words("discard"),
        }
    }

    pub(super) fn contract(&self) -> Result<types::Command, Problem> {
        let (_, _, body) = self.request();
        let body = bytes(&body);
        let refuse = |why: &str| Problem::malformed_parameter("snapshot", why);
        let name = RequestId::parse(&self.name).map_err(|why| refuse(&why.to_string()))?;
        match &self.step {
            Step::Begin { .. } => parse::<SnapshotBegin>(&body)?.into_command(NODE),
            Step::Page { number, .. } => {
                let number = PageNumber::new((*number).into()).map_err(|_| refuse("its page"))?;
                Ok(parse::<SnapshotPage>(&body)?.into_command(name, &number))
            }
            Step::Commit { .. } => {
                Ok(parse::<SnapshotCommit>(&body)?.into_command(name, PERCENT_UNUSED))
            }
            Step::Approve => Ok(types::Command::Session(SessionStep::Approve(name.into_string()))),
            Step::Discard => Ok(types::Command::Session(SessionStep::Discard(name.into_string()))),
        }
    }
}

fn bytes(body: &Value) -> Vec<u8> {
    body.to_string().into_bytes()
}

fn event(seen: Seen) -> Option<String> {
    seen.watermark.map(|seq| format!("{NODE}:{seq}"))
}

/// The sequence of an event id, where there is one.
pub(super) fn watermark(body: &Value, name: &str) -> Option<u64> {
    if body[name].is_null() {
        return None;
    }
    let event = text(body, name);
    let seq = event.strip_prefix(NODE).and_then(|rest| rest.strip_prefix(':'));
    Some(seq.and_then(|seq| seq.parse().ok()).unwrap_or_else(|| panic!("{event} is no event")))
}

fn items(items: &[Found]) -> Value {
    items.iter().map(|(sku, units)| json!({ "sku": sku, "on_hand": units })).collect()
}

pub(super) fn counted(body: &Value) -> Counted {
    Counted {
        sku: text(body, "sku"),
        effect: text(body, "effect"),
        counted: small(body, "counted"),
        shipped: number(body, "shipped"),
        before: small(body, "before"),
        after: small(body, "after"),
        held: small(body, "held"),
        missing: small(body, "missing"),
    }
}

pub(super) fn report(body: &Value) -> Report {
    let effects = |it: &Value| Effects {
        created: number(it, "created"),
        updated: number(it, "updated"),
        unchanged: number(it, "unchanged"),
        emptied: number(it, "emptied"),
        stocked: number(it, "stocked"),
        zeroed: number(it, "zeroed"),
        stale: number(it, "stale"),
        short: number(it, "short"),
    };
    let seen =
        Seen { as_of: instant(&text(body, "as_of")), watermark: watermark(body, "watermark") };
    Report {
        name: text(body, "snapshot"),
        warehouse: text(body, "warehouse"),
        seen,
        state: text(body, "state"),
        pages: small(body, "pages"),
        staged: number(body, "staged"),
        effects: Some(&body["effects"]).filter(|it| !it.is_null()).map(effects),
        refused: number(body, "refused"),
        errors: list(&body["errors"], refused_item),
    }
}

/// An item that cannot count: its line, and why.
pub(super) fn refused_item(body: &Value) -> (u32, String) {
    let line = (small(body, "page") - 1) * 1_000 + small(body, "item") + 1;
    (line, text(body, "why"))
}

pub(super) fn missing(body: &Value) -> Missing {
    Missing {
        warehouse: text(body, "warehouse"),
        sku: text(body, "sku"),
        as_of: instant(&text(body, "as_of")),
        counted: small(body, "counted"),
        held: small(body, "held"),
        missing: small(body, "missing"),
    }
}

//! What became of a command, on its way to the caller: alone, or as one of a batch.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::adjust::AdjustAnswer;
use crate::answers::OrderAnswer;
use crate::catalog::CatalogAnswer;
use crate::contract::types;
use crate::counts::CountAnswer;
use crate::import::ImportReport;
use crate::problem::{Problem, Refused};
use crate::refusal::refused;
use crate::snapshots::SnapshotReport;

/// A command's answer, without an envelope.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Answer<'a> {
    /// To the operations on an order.
    Order(OrderAnswer<'a>),
    /// To a correction.
    Adjust(AdjustAnswer<'a>),
    /// To a change of the catalog.
    Catalog(CatalogAnswer<'a>),
    /// To a count.
    Count(CountAnswer<'a>),
    /// To a step of a snapshot.
    Snapshot(SnapshotReport<'a>),
    /// To a step of an import.
    Import(ImportReport),
    /// To the host's own sweep; callers cannot send that command.
    Expired(u32),
}

/// One command's outcome in a batch: exactly one of `ok`, `refused` and `fault`.
#[derive(Serialize, ToSchema)]
pub struct BatchOutcome<'a> {
    /// What the operation alone would answer with 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<Answer<'a>>,
    /// A business "no": `code`, `detail` and the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Refused>)]
    refused: Option<Map<String, Value>>,
    /// Our failure: `code`, `detail`, and `retry_after_s` where sending it again helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Refused>)]
    fault: Option<Map<String, Value>>,
    /// The same request came before, and this is what it was told.
    replayed: bool,
}

impl<'a> BatchOutcome<'a> {
    /// What was decided at this node, or why nothing was.
    pub fn new(result: Result<&'a types::Outcome, Problem>, node: &str) -> Self {
        let empty = Self { ok: None, refused: None, fault: None, replayed: false };
        match result {
            Err(fault) => Self { fault: Some(fault.into_members()), ..empty },
            Ok(types::Outcome { replayed, result }) => {
                let empty = Self { replayed: *replayed, ..empty };
                match result {
                    Ok(answer) => Self { ok: Some(Answer::new(answer, node)), ..empty },
                    Err(refusal) => {
                        Self { refused: Some(refused(refusal, node).into_members()), ..empty }
                    }
                }
            }
        }
    }
}

impl<'a> Answer<'a> {
    /// What a command was answered at this node.
    pub fn new(answer: &'a types::Answer, node: &str) -> Self {
        match answer {
            types::Answer::Order(answer) => Self::Order(answer.into()),
            types::Answer::Adjusted(items) => Self::Adjust(items.as_slice().into()),
            types::Answer::Catalog(changed) => Self::Catalog(changed.as_slice().into()),
            types::Answer::Counted(items) => Self::Count(items.as_slice().into()),
            types::Answer::Session(session) => match SnapshotReport::new(session, node) {
                Some(report) => Self::Snapshot(report),
                None => Self::Import(ImportReport::new(session)),
            },
            types::Answer::Expired(orders) => Self::Expired(*orders),
        }
    }
}

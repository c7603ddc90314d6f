//! What became of a command, on its way to the caller: alone, or as one of a batch.

use axum::http::HeaderValue;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::adjust::AdjustAnswer;
use super::answers::OrderAnswer;
use super::problem::Problem;
use super::refusal::{failed, outcome_unknown, refused};
use super::{IDEMPOTENT_REPLAY, Wire, json};
use crate::guest::types;
use crate::shard;

/// Sends one command through the writer and answers once it is durable.
pub(super) async fn apply(wire: &Wire, command: types::Command) -> Result<Response, Problem> {
    let waited = wire.config.write_timeout;
    let outcome = tokio::time::timeout(waited, wire.shard.apply(command))
        .await
        .map_err(|_| outcome_unknown(waited))?
        .map_err(|error| failed(&error))?;
    count(wire, &outcome);
    match &outcome.result {
        Ok(answer) => {
            let mut response = json::answer(&Answer::from(answer));
            if outcome.replayed {
                let yes = HeaderValue::from_static("true");
                response.headers_mut().insert(IDEMPOTENT_REPLAY, yes);
            }
            Ok(response)
        }
        Err(refusal) => Err(Problem { replayed: outcome.replayed, ..refused(refusal) }),
    }
}

/// A command's answer, without an envelope.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Answer<'a> {
    Order(OrderAnswer<'a>),
    Adjust(AdjustAnswer<'a>),
    /// To the host's own sweep; callers cannot send that command.
    Expired(u32),
}

/// One command's outcome in a batch: exactly one of `ok`, `refused` and `fault`.
#[derive(Serialize, ToSchema)]
pub(super) struct BatchOutcome<'a> {
    /// What the operation alone would answer with 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<Answer<'a>>,
    /// A business "no": `code`, `detail` and the numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::openapi::Refused>)]
    refused: Option<Map<String, Value>>,
    /// Our failure: `code`, `detail`, and `retry_after_s` where sending it again helps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<super::openapi::Refused>)]
    fault: Option<Map<String, Value>>,
    /// The same request came before, and this is what it was told.
    replayed: bool,
}

impl<'a> BatchOutcome<'a> {
    pub(super) fn new(wire: &Wire, result: &'a Result<types::Outcome, shard::Error>) -> Self {
        let none = Self { ok: None, refused: None, fault: None, replayed: false };
        match result {
            Err(error) => Self { fault: Some(failed(error).into_members()), ..none },
            Ok(outcome) => {
                count(wire, outcome);
                let replayed = outcome.replayed;
                match &outcome.result {
                    Ok(answer) => Self { ok: Some(answer.into()), replayed, ..none },
                    Err(refusal) => {
                        Self { refused: Some(refused(refusal).into_members()), replayed, ..none }
                    }
                }
            }
        }
    }
}

impl<'a> From<&'a types::Answer> for Answer<'a> {
    fn from(answer: &'a types::Answer) -> Self {
        match answer {
            types::Answer::Order(answer) => Self::Order(answer.into()),
            types::Answer::Adjusted(items) => Self::Adjust(items.as_slice().into()),
            types::Answer::Expired(orders) => Self::Expired(*orders),
        }
    }
}

fn count(wire: &Wire, outcome: &types::Outcome) {
    if outcome.replayed {
        wire.metrics.replays.inc();
    }
    if let Err(refusal) = &outcome.result {
        wire.metrics.refused(refused(refusal).kind.code);
    }
}

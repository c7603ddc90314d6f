//! What became of a command, on its way to the caller: alone, or as one of a batch.

use axum::http::HeaderValue;
use axum::response::Response;
use inventory_json::outcome::{Answer, BatchOutcome};

use super::problem::Problem;
use super::refusal::{failed, outcome_unknown, refused};
use super::{IDEMPOTENT_REPLAY, Wire, json};
use crate::guest::types;
use crate::shard;

/// Sends one command through the writer and answers once it is durable.
pub(super) async fn apply(wire: &Wire, command: types::Command) -> Result<Response, Problem> {
    Ok(apply_and_keep(wire, command).await?.0)
}

/// The same; the outcome too, for what else the response tells of it.
pub(super) async fn apply_and_keep(
    wire: &Wire,
    command: types::Command,
) -> Result<(Response, types::Outcome), Problem> {
    let waited = wire.config.write_timeout;
    let outcome = tokio::time::timeout(waited, wire.shard.apply(command))
        .await
        .map_err(|_| outcome_unknown(waited))?
        .map_err(|error| failed(&error))?;
    count(wire, &outcome);
    match &outcome.result {
        Ok(answer) => {
            let mut response = json::answer(&Answer::new(answer, &wire.config.node));
            if outcome.replayed {
                let yes = HeaderValue::from_static("true");
                response.headers_mut().insert(IDEMPOTENT_REPLAY, yes);
            }
            Ok((response, outcome))
        }
        Err(refusal) => {
            let replayed = outcome.replayed;
            Err(Problem { replayed, ..refused(refusal, &wire.config.node) })
        }
    }
}

/// One command's outcome in a batch.
pub(super) fn of_batch<'a>(
    wire: &Wire,
    result: &'a Result<types::Outcome, shard::Error>,
) -> BatchOutcome<'a> {
    if let Ok(outcome) = result {
        count(wire, outcome);
    }
    BatchOutcome::new(result.as_ref().map_err(failed), &wire.config.node)
}

fn count(wire: &Wire, outcome: &types::Outcome) {
    if outcome.replayed {
        wire.metrics.replays.inc();
    }
    if let Err(refusal) = &outcome.result {
        wire.metrics.refused(refused(refusal, &wire.config.node).kind.code);
    }
}

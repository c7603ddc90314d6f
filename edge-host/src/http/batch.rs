//! Many commands in one call, decided in order, each with its own outcome.

use axum::response::Response;
use inventory_json::batch::{Batch, BatchAnswer, Command};

use super::auth::{Role, require};
use super::json;
use super::outcome;
use super::problem::Problem;
use super::refusal::{failed, outcome_unknown};
use super::route::Call;

pub(super) async fn apply(mut call: Call) -> Result<Response, Problem> {
    let batch: Batch = json::read(&mut call).await?;
    if batch.commands.iter().any(Command::is_for_operators) {
        require(call.role, Role::Admin)?;
    }
    let wire = &call.wire;
    let commands = batch.into_commands(wire.config.defaults, &wire.config.node)?;
    let waited = wire.config.write_timeout;
    let results = tokio::time::timeout(waited, wire.shard.apply_all(commands))
        .await
        .map_err(|_| outcome_unknown(waited))?;
    // Where no command at all was decided, the caller's ordinary retry should see it.
    if let Some(Err(error)) = results.first()
        && results.iter().all(Result::is_err)
    {
        return Err(failed(error));
    }
    let outcomes = results.iter().map(|result| outcome::of_batch(wire, result)).collect();
    Ok(json::answer(&BatchAnswer { outcomes }))
}

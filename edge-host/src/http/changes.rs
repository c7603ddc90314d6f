//! The change feed, a page at a time.

use axum::response::Response;
use inventory_json::changes::{Changes, Page};

use super::json;
use super::problem::Problem;
use super::refusal::failed;
use super::route::Call;

pub(super) async fn list(call: Call) -> Result<Response, Problem> {
    let Page { after, limit } = Page::parse(call.uri.query().unwrap_or_default())?;
    let listed = call.wire.shard.changes(after, limit).await.map_err(|error| failed(&error))?;
    Ok(json::answer(&Changes::new(&call.wire.config.node, after, &listed)))
}

//! Corrections of counters by an operator.

use axum::response::Response;
use inventory_json::adjust::Adjust;

use super::json;
use super::outcome::apply;
use super::problem::Problem;
use super::route::Call;

pub(super) async fn adjust(mut call: Call) -> Result<Response, Problem> {
    let body: Adjust = json::read(&mut call).await?;
    apply(&call.wire, body.into_command()).await
}

//! For operators and platforms: probes, metrics, the API's description, the audit.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use inventory_json::audit::{AuditReport, AuditRequest, Status};

use super::problem::{NOT_READY, Problem};
use super::refusal::failed;
use super::route::Call;
use super::{json, openapi, routes};
use crate::metrics;
use crate::shard::Readiness;

/// The process runs and can answer; nothing more.
pub(super) async fn healthz(_: Call) -> Result<Response, Problem> {
    Ok(json::answer(&Status { status: "ok" }))
}

/// This node can serve orders.
pub(super) async fn readyz(call: Call) -> Result<Response, Problem> {
    match call.wire.shard.readiness() {
        Readiness::Ready => Ok(json::answer(&Status { status: "ready" })),
        Readiness::NotReady(why) => Err(Problem::new(&NOT_READY, why).retry_after(1)),
    }
}

pub(super) async fn metrics(call: Call) -> Result<Response, Problem> {
    let mut response = Response::new(call.wire.metrics.render().into());
    let content_type = HeaderValue::from_static(metrics::CONTENT_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    Ok(response)
}

pub(super) async fn openapi(call: Call) -> Result<Response, Problem> {
    let tokens = &call.wire.config.tokens;
    let document = call.wire.openapi.get_or_init(|| openapi::render(&routes(), tokens).into());
    Ok(json::rendered(document.clone()))
}

/// Reads every row: seconds on a big shard.
pub(super) async fn audit(mut call: Call) -> Result<Response, Problem> {
    let AuditRequest {} = json::read_or_default(&mut call).await?;
    let report = call.wire.shard.audit().await.map_err(|error| failed(&error))?;
    Ok(json::answer(&AuditReport::from(&report)))
}

//! For operators and platforms: probes, metrics, the API's description, the audit.

use axum::http::{HeaderValue, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{json, openapi, routes};
use super::problem::{NOT_READY, Problem};
use super::refusal::failed;
use super::route::Call;
use crate::guest::stock;
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

/// What a probe answers.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    status: &'static str,
}

/// An audit takes no options.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AuditRequest {}

/// What an audit found.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditReport<'a> {
    /// Every invariant holds.
    ok: bool,
    checked: AuditCounts,
    /// At most 1,000.
    differences: Vec<Difference<'a>>,
}

/// What an audit looked at.
#[derive(Serialize, ToSchema)]
pub(super) struct AuditCounts {
    skus: u64,
    warehouse_stocks: u64,
    orders: u64,
    legs: u64,
    ledger_rows: u64,
}

/// One invariant that does not hold.
#[derive(Serialize, ToSchema)]
pub(super) struct Difference<'a> {
    invariant: &'a str,
    /// The sku, warehouse, order or sequence.
    subject: &'a str,
    expected: &'a str,
    actual: &'a str,
}

impl<'a> From<&'a stock::AuditReport> for AuditReport<'a> {
    fn from(report: &'a stock::AuditReport) -> Self {
        let difference = |difference: &'a stock::Difference| Difference {
            invariant: &difference.invariant,
            subject: &difference.subject,
            expected: &difference.expected,
            actual: &difference.actual,
        };
        Self {
            ok: report.differences.is_empty(),
            checked: AuditCounts {
                skus: report.checked.skus,
                warehouse_stocks: report.checked.warehouse_stocks,
                orders: report.checked.orders,
                legs: report.checked.legs,
                ledger_rows: report.checked.ledger_rows,
            },
            differences: report.differences.iter().map(difference).collect(),
        }
    }
}

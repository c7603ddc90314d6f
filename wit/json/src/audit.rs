//! What probes and the audit answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::contract::stock;

/// What a probe answers.
#[derive(Serialize, ToSchema)]
pub struct Status {
    /// `ok` or `ready`.
    pub status: &'static str,
}

/// An audit takes no options.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuditRequest {}

/// What an audit found.
#[derive(Serialize, ToSchema)]
pub struct AuditReport<'a> {
    /// Every invariant holds.
    ok: bool,
    checked: AuditCounts,
    /// At most 1,000.
    differences: Vec<Difference<'a>>,
}

/// What an audit looked at.
#[derive(Serialize, ToSchema)]
pub struct AuditCounts {
    skus: u64,
    warehouse_stocks: u64,
    orders: u64,
    legs: u64,
    ledger_rows: u64,
    catalog_entries: u64,
    catalog_events: u64,
}

/// One invariant that does not hold.
#[derive(Serialize, ToSchema)]
pub struct Difference<'a> {
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
                catalog_entries: report.checked.catalog_entries,
                catalog_events: report.checked.catalog_events,
            },
            differences: report.differences.iter().map(difference).collect(),
        }
    }
}

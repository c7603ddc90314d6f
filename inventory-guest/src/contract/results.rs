//! What goes out: outcomes and query results, moved into the contract's types.

use super::{catalog, changes, counting, imports, orders, stock, types};
use crate::domain::change::{Change, Quantities};
use crate::domain::{
    Adjusted, Answer, Counter, Denied, Instant, Line, OrderAnswer, OrderId, OrderState, Outcome,
    Package, Refusal, RequestId, Shortage, Sku, WarehouseCode,
};
use crate::operations::queries::{AuditReport, Difference, HistoryEntry, Order, OrderLine};
use crate::operations::queries::{SkuStock, WarehouseStock};

/// What became of a command.
pub fn outcome(outcome: Outcome) -> types::Outcome {
    types::Outcome {
        replayed: outcome.replayed,
        result: outcome.result.map(answer).map_err(refusal),
    }
}

fn answer(answer: Answer) -> types::Answer {
    match answer {
        Answer::Order(it) => types::Answer::Order(order_answer(it, Vec::new())),
        Answer::OrderInPart(it, denied) => types::Answer::Order(order_answer(it, denied)),
        Answer::Adjusted(items) => {
            types::Answer::Adjusted(items.into_iter().map(adjusted).collect())
        }
        Answer::Expired(orders) => types::Answer::Expired(orders),
        Answer::Counted(items) => {
            types::Answer::Counted(items.into_iter().map(counting::counted).collect())
        }
        Answer::Session(it) => types::Answer::Session(imports::session(it)),
        Answer::Catalog(changed) => {
            types::Answer::Catalog(changed.into_iter().map(catalog::changed).collect())
        }
    }
}

fn order_answer(answer: OrderAnswer, denied: Vec<Denied>) -> types::OrderAnswer {
    types::OrderAnswer {
        order_id: answer.order_id.into_string(),
        state: order_state(answer.state),
        expires_at: answer.expires_at.map(Instant::as_milliseconds),
        packages: answer.packages.into_iter().map(package).collect(),
        shortages: shortages(answer.shortages),
        denied: denied.into_iter().map(self::denied).collect(),
        reserved_again: answer.reserved_again,
    }
}

fn adjusted(adjusted: Adjusted) -> types::Adjusted {
    types::Adjusted {
        sku: adjusted.sku.into_string(),
        counter: counter(adjusted.counter),
        before: adjusted.before,
        after: adjusted.after,
    }
}

fn refusal(refusal: Refusal) -> types::Refusal {
    match refusal {
        Refusal::InsufficientStock(it) => types::Refusal::InsufficientStock(shortages(it)),
        Refusal::UnknownSku(skus) => {
            types::Refusal::UnknownSku(skus.into_iter().map(Sku::into_string).collect())
        }
        Refusal::UnknownOrder => types::Refusal::UnknownOrder,
        Refusal::UnknownPackage(number) => types::Refusal::UnknownPackage(number),
        Refusal::IdempotencyConflict => types::Refusal::IdempotencyConflict,
        Refusal::OrderExists(state) => types::Refusal::OrderExists(in_state(state)),
        Refusal::AlreadyReleased => types::Refusal::AlreadyReleased,
        Refusal::InvalidState(state) => types::Refusal::InvalidState(in_state(state)),
        Refusal::ReservationExpired(it) => types::Refusal::ReservationExpired(types::ExpiredHold {
            expired_at: it.expired_at.as_milliseconds(),
            shortages: shortages(it.shortages),
        }),
        Refusal::AlreadyShipped(it) => types::Refusal::AlreadyShipped(types::ShippedUnits {
            shipped: it.shipped,
            held: it.held,
        }),
        Refusal::QuantityExceedsHeld(it) => types::Refusal::QuantityExceedsHeld(types::Excess {
            sku: it.sku.into_string(),
            requested: it.requested,
            held: it.held,
        }),
        Refusal::QuantityOutOfBounds(it) => types::Refusal::QuantityOutOfBounds(types::Bound {
            sku: it.sku.into_string(),
            counter: counter(it.counter),
            requested: it.requested,
            minimum: it.minimum,
            maximum: it.maximum,
        }),
        Refusal::CompareMismatch(it) => types::Refusal::CompareMismatch(types::Mismatch {
            sku: it.sku.into_string(),
            counter: counter(it.counter),
            expected: it.expected,
            actual: it.actual,
        }),
        Refusal::UnknownWarehouse(codes) => types::Refusal::UnknownWarehouse(
            codes.into_iter().map(WarehouseCode::into_string).collect(),
        ),
        Refusal::WarehouseInUse(it) => types::Refusal::WarehouseInUse(types::WarehouseUse {
            warehouse: it.warehouse.into_string(),
            orders: it.orders.into_iter().map(OrderId::into_string).collect(),
        }),
        Refusal::RegionRestricted(it) => {
            types::Refusal::RegionRestricted(it.into_iter().map(denied).collect())
        }
        Refusal::NoShippableWarehouse(it) => types::Refusal::NoShippableWarehouse(shortages(it)),
        Refusal::UnknownSession => types::Refusal::UnknownSession,
        Refusal::SessionConflict => types::Refusal::SessionConflict,
        Refusal::SessionIncomplete(pages) => types::Refusal::SessionIncomplete(pages),
        Refusal::SessionFull(rows) => types::Refusal::SessionFull(rows),
        Refusal::CountAhead(it) => types::Refusal::CountAhead(counting::ahead(&it)),
        Refusal::SnapshotStale(it) => types::Refusal::SnapshotStale(counting::stale(&it)),
        Refusal::RowsRefused(it) => types::Refusal::RowsRefused(imports::refused(it)),
        Refusal::VersionMismatch(it) => types::Refusal::VersionMismatch(types::VersionMismatch {
            key: catalog::key_out(&it.key),
            expected: it.expected,
            actual: it.actual,
        }),
    }
}

pub(super) fn denied(denied: Denied) -> types::Denied {
    types::Denied {
        sku: denied.sku.into_string(),
        subject: denied.subject,
        area: denied.area.as_str().to_owned(),
        rule: denied.rule.into_string(),
    }
}

fn in_state(state: OrderState) -> types::OrderInState {
    types::OrderInState { state: order_state(state) }
}

fn order_state(state: OrderState) -> types::OrderState {
    match state {
        OrderState::AwaitingPayment => types::OrderState::AwaitingPayment,
        OrderState::Reserved => types::OrderState::Reserved,
        OrderState::Committed => types::OrderState::Committed,
        OrderState::PartiallyShipped => types::OrderState::PartiallyShipped,
        OrderState::Shipped => types::OrderState::Shipped,
        OrderState::PartiallyReleased => types::OrderState::PartiallyReleased,
        OrderState::Released => types::OrderState::Released,
        OrderState::Expired => types::OrderState::Expired,
    }
}

fn counter(counter: Counter) -> types::Counter {
    match counter {
        Counter::Sellable => types::Counter::Sellable,
        Counter::OnHand(code) => types::Counter::OnHand(code.into_string()),
        Counter::Unavailable(code) => types::Counter::Unavailable(code.into_string()),
    }
}

pub(super) fn shortages(shortages: Vec<Shortage>) -> Vec<types::Shortage> {
    let shortage = |it: Shortage| types::Shortage {
        sku: it.sku.into_string(),
        requested: it.requested,
        available: it.available,
    };
    shortages.into_iter().map(shortage).collect()
}

pub(super) fn package(package: Package) -> types::Package {
    let line = |it: Line| types::Line { sku: it.sku.into_string(), quantity: it.quantity.get() };
    types::Package {
        number: package.number,
        warehouse: package.warehouse.map(WarehouseCode::into_string),
        lines: package.lines.into_iter().map(line).collect(),
        promised_ship_at: package.promised_ship_at.map(Instant::as_milliseconds),
    }
}

/// An order.
pub fn order(order: Order) -> orders::Order {
    orders::Order {
        order_id: order.order_id.into_string(),
        state: order_state(order.state),
        expires_at: order.expires_at.map(Instant::as_milliseconds),
        lines: order.lines.into_iter().map(order_line).collect(),
        packages: order.packages.into_iter().map(package).collect(),
        history: order.history.into_iter().map(history_entry).collect(),
    }
}

fn order_line(line: OrderLine) -> orders::OrderLine {
    orders::OrderLine {
        sku: line.sku.into_string(),
        quantity: line.quantity,
        reserved: line.reserved,
        committed: line.committed,
        shipped: line.shipped,
        released: line.released,
        expired: line.expired,
    }
}

fn history_entry(entry: HistoryEntry) -> orders::HistoryEntry {
    orders::HistoryEntry {
        at: entry.at.as_milliseconds(),
        operation: entry.operation.name().to_owned(),
        request_id: entry.request_id.map(RequestId::into_string),
        outcome: entry.outcome.to_owned(),
    }
}

/// A sku's counters.
pub fn sku_stock(found: SkuStock) -> stock::SkuStock {
    let warehouse = |it: WarehouseStock| stock::WarehouseStock {
        warehouse: it.warehouse.into_string(),
        on_hand: it.on_hand,
        reserved: it.reserved,
        committed: it.committed,
        unavailable: it.unavailable,
    };
    stock::SkuStock {
        sku: found.sku.into_string(),
        sellable: found.sellable,
        reserved: found.reserved,
        committed: found.committed,
        on_hand: found.on_hand,
        warehouses: found.warehouses.into_iter().map(warehouse).collect(),
    }
}

/// What an audit found.
pub fn audit_report(report: AuditReport) -> stock::AuditReport {
    let difference = |it: Difference| stock::Difference {
        invariant: it.invariant.to_owned(),
        subject: it.subject,
        expected: it.expected,
        actual: it.actual,
    };
    stock::AuditReport {
        checked: stock::AuditCounts {
            skus: report.checked.skus,
            warehouse_stocks: report.checked.warehouse_stocks,
            orders: report.checked.orders,
            legs: report.checked.legs,
            ledger_rows: report.checked.ledger_rows,
            catalog_entries: report.checked.catalog_entries,
            catalog_events: report.checked.catalog_events,
        },
        differences: report.differences.into_iter().map(difference).collect(),
    }
}

/// A change.
pub fn change(change: Change) -> changes::Change {
    changes::Change {
        seq: change.seq,
        at: change.at.as_milliseconds(),
        kind: change.kind.name().to_owned(),
        sku: change.sku.into_string(),
        warehouse: change.warehouse.map(WarehouseCode::into_string),
        before: quantities(change.before),
        after: quantities(change.after),
        cause: changes::Cause {
            kind: change.cause.operation.name().to_owned(),
            order_id: change.cause.order_id.map(OrderId::into_string),
            reason: change.cause.reason,
        },
    }
}

fn quantities(quantities: Quantities) -> changes::Quantities {
    changes::Quantities {
        sellable: quantities.sellable,
        on_hand: quantities.on_hand,
        unavailable: quantities.unavailable,
        reserved: quantities.reserved,
        committed: quantities.committed,
    }
}

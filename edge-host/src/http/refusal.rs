//! The one table from what went wrong to what the caller reads: refusals of the guest (a business
//! "no"), and faults of ours.

use serde_json::{Value, json};

use super::adjust::CounterView;
use super::answers::OrderState;

use super::problem::{Kind, MALFORMED, Problem, kinds};
use super::words::Instant;
use crate::guest::types::{self, Fault, Refusal, Shortage};
use crate::shard;

kinds! { REFUSAL_KINDS:
    INSUFFICIENT_STOCK = "insufficient_stock", CONFLICT, "There is too little stock";
    UNKNOWN_SKU = "unknown_sku", NOT_FOUND, "There is no such sku";
    UNKNOWN_ORDER = "unknown_order", NOT_FOUND, "There is no such order";
    UNKNOWN_PACKAGE = "unknown_package", NOT_FOUND, "The order has no such package";
    IDEMPOTENCY_CONFLICT = "idempotency_conflict", CONFLICT,
        "The same request came before with a different body";
    ORDER_EXISTS = "order_exists", CONFLICT, "The order is already placed";
    ALREADY_RELEASED = "already_released", CONFLICT, "The order was released before it was placed";
    INVALID_STATE = "invalid_state", CONFLICT, "The order's state does not allow this";
    RESERVATION_EXPIRED = "reservation_expired", CONFLICT, "The hold ran out";
    ALREADY_SHIPPED = "already_shipped", CONFLICT, "Units that have left are not given back";
    QUANTITY_EXCEEDS_HELD = "quantity_exceeds_held", CONFLICT, "Fewer units are held";
    QUANTITY_OUT_OF_BOUNDS = "quantity_out_of_bounds", CONFLICT,
        "The correction would take the counter out of its bounds";
    COMPARE_MISMATCH = "compare_mismatch", CONFLICT, "The counter is not what was expected";
}

kinds! { FAULT_KINDS:
    QUEUE_FULL = "queue_full", SERVICE_UNAVAILABLE, "Too many commands are waiting";
    STOPPING = "stopping", SERVICE_UNAVAILABLE, "The node is shutting down";
    TIMEOUT = "timeout", SERVICE_UNAVAILABLE, "The answer did not come in time";
    BUSY = "busy", SERVICE_UNAVAILABLE, "The database is locked";
    STORAGE_FULL = "storage_full", SERVICE_UNAVAILABLE, "The disk is full";
    TRAPPED = "trapped", INTERNAL_SERVER_ERROR, "The rules failed on this request";
    STORAGE = "storage", INTERNAL_SERVER_ERROR, "The database failed";
    CORRUPT = "corrupt", INTERNAL_SERVER_ERROR, "Stored rows contradict each other";
}

/// A guest's refusal, with its numbers in a sentence and as members.
pub(super) fn refused(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::InsufficientStock(shortages) => {
            Problem::new(&INSUFFICIENT_STOCK, short_sentence(shortages))
                .with("shortages", shortages_json(shortages))
        }
        Refusal::UnknownSku(skus) => {
            Problem::new(&UNKNOWN_SKU, unknown_sku_sentence(skus)).with("skus", skus.as_slice())
        }
        Refusal::UnknownOrder => Problem::new(&UNKNOWN_ORDER, "no such order was placed"),
        Refusal::UnknownPackage(number) => Problem::new(
            &UNKNOWN_PACKAGE,
            format!("the order has no package {number}"),
        )
        .with("package", *number),
        Refusal::IdempotencyConflict => Problem::new(
            &IDEMPOTENCY_CONFLICT,
            "this operation, order_id and request_id came before with a different body",
        ),
        Refusal::OrderExists(order) => in_state(&ORDER_EXISTS, "placed, and is", &order.state),
        Refusal::AlreadyReleased => Problem::new(
            &ALREADY_RELEASED,
            "the order was released before this placement came; it must not apply",
        ),
        Refusal::InvalidState(order) => in_state(&INVALID_STATE, "in state", &order.state),
        Refusal::ReservationExpired(hold) => reservation_expired(hold),
        Refusal::AlreadyShipped(units) => already_shipped(units),
        Refusal::QuantityExceedsHeld(excess) => quantity_exceeds_held(excess),
        Refusal::QuantityOutOfBounds(bound) => quantity_out_of_bounds(bound),
        Refusal::CompareMismatch(mismatch) => compare_mismatch(mismatch),
    }
}

fn reservation_expired(hold: &types::ExpiredHold) -> Problem {
    let expired_at = Instant(hold.expired_at);
    let ended = format!("the hold ended at {expired_at}");
    let detail = match hold.shortages.as_slice() {
        [] => ended,
        short => format!(
            "{ended} and cannot be made again: {}",
            short_sentence(short)
        ),
    };
    Problem::new(&RESERVATION_EXPIRED, detail)
        .with("expired_at", expired_at.to_string())
        .with("shortages", shortages_json(&hold.shortages))
}

fn already_shipped(units: &types::ShippedUnits) -> Problem {
    let types::ShippedUnits { shipped, held } = *units;
    let detail = format!("{shipped} units have shipped, {held} are still held");
    Problem::new(&ALREADY_SHIPPED, detail)
        .with("shipped", shipped)
        .with("held", held)
}

fn quantity_exceeds_held(excess: &types::Excess) -> Problem {
    let types::Excess {
        sku,
        requested,
        held,
    } = excess;
    let detail = format!("{requested} units of {sku} were named and {held} are held");
    Problem::new(&QUANTITY_EXCEEDS_HELD, detail)
        .with("sku", sku.as_str())
        .with("requested", *requested)
        .with("held", *held)
}

fn quantity_out_of_bounds(bound: &types::Bound) -> Problem {
    let types::Bound {
        sku,
        counter,
        requested,
        minimum,
        maximum,
    } = bound;
    let name = CounterView::from(counter);
    let detail = format!("{name} of {sku} would be {requested}; it may be {minimum} to {maximum}");
    Problem::new(&QUANTITY_OUT_OF_BOUNDS, detail)
        .with("sku", sku.as_str())
        .with_counter(name)
        .with("requested", *requested)
        .with("minimum", *minimum)
        .with("maximum", *maximum)
}

fn compare_mismatch(mismatch: &types::Mismatch) -> Problem {
    let types::Mismatch {
        sku,
        counter,
        expected,
        actual,
    } = mismatch;
    let name = CounterView::from(counter);
    let detail = format!("{name} of {sku} was expected at {expected} and is {actual}");
    Problem::new(&COMPARE_MISMATCH, detail)
        .with("sku", sku.as_str())
        .with_counter(name)
        .with("expected", *expected)
        .with("actual", *actual)
}

impl Problem {
    fn with_counter(self, name: CounterView<'_>) -> Self {
        self.with("counter", name.counter)
            .with("warehouse", name.warehouse)
    }
}

/// Our own failure: who is to blame stays in the log, whether to retry goes to the caller.
pub(super) fn failed(error: &shard::Error) -> Problem {
    match error {
        shard::Error::QueueFull => retry(
            Problem::new(&QUEUE_FULL, "nothing was done; send the request again"),
            error,
        ),
        shard::Error::Stopping => retry(
            Problem::new(&STOPPING, "nothing was done; send the request again"),
            error,
        ),
        shard::Error::Timeout => retry(
            Problem::new(&TIMEOUT, "the deadline passed; send the request again"),
            error,
        ),
        shard::Error::Fault(fault) => failed_guest(fault, error),
        shard::Error::Trapped(cause) => internal(
            &TRAPPED,
            "nothing was done; the request failed inside the rules",
            cause,
        ),
    }
}

fn failed_guest(fault: &Fault, error: &shard::Error) -> Problem {
    match fault {
        Fault::Busy => retry(
            Problem::new(&BUSY, "nothing was done; send it again"),
            error,
        ),
        Fault::Full => retry(
            Problem::new(&STORAGE_FULL, "nothing was done; the disk has no room"),
            error,
        ),
        Fault::Interrupted => retry(
            Problem::new(&TIMEOUT, "the deadline passed; send the request again"),
            error,
        ),
        Fault::Malformed(what) => Problem::new(&MALFORMED, what.as_str()),
        Fault::Storage(cause) => internal(&STORAGE, "nothing was done; the log says why", cause),
        Fault::Corrupt(cause) => internal(&CORRUPT, "an operator must look; do not retry", cause),
    }
}

/// A write whose answer did not come: it may still be committed.
pub(super) fn outcome_unknown(waited: std::time::Duration) -> Problem {
    Problem::new(
        &TIMEOUT,
        format!(
            "no answer within {}; the outcome is unknown, and sending the same ids and body again \
             is safe",
            humantime::format_duration(waited)
        ),
    )
    .retry_after(1)
}

fn retry(problem: Problem, error: &shard::Error) -> Problem {
    problem.retry_after(error.retryable().unwrap_or(1))
}

fn internal(kind: &'static Kind, detail: &str, cause: &str) -> Problem {
    Problem {
        cause: Some(cause.to_owned()),
        ..Problem::new(kind, detail)
    }
}

fn in_state(kind: &'static Kind, sentence: &str, state: &types::OrderState) -> Problem {
    let state = OrderState::from(state).as_str();
    Problem::new(kind, format!("the order is {sentence} {state}")).with("state", state)
}

fn short_sentence(shortages: &[Shortage]) -> String {
    let Some(first) = shortages.first() else {
        return "the stock is too little".into();
    };
    let sentence = format!(
        "{} was asked for {} and {} are available",
        first.sku, first.requested, first.available
    );
    match shortages.len() {
        1 => sentence,
        count => format!("{sentence}; {count} skus are short"),
    }
}

fn unknown_sku_sentence(skus: &[String]) -> String {
    match skus {
        [] => "a sku is unknown".into(),
        [sku] => format!("there is no sku {sku}"),
        [first, ..] => format!("there is no sku {first}; {} skus are unknown", skus.len()),
    }
}

fn shortages_json(shortages: &[Shortage]) -> Vec<Value> {
    shortages
        .iter()
        .map(|short| {
            json!({
                "sku": short.sku,
                "requested": short.requested,
                "available": short.available,
            })
        })
        .collect()
}

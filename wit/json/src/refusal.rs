//! The one table from what went wrong to what the caller reads: refusals of the guest (a business
//! "no"), and faults of ours.

use serde_json::{Value, json};

use crate::adjust::CounterView;
use crate::answers::OrderState;
use crate::catalog::{changed_key, entry_name};
use crate::contract::types::{self, Fault, Refusal, Shortage};
use crate::counts::{count_ahead, snapshot_stale};
use crate::kinds;
use crate::problem::{Kind, MALFORMED, Problem};
use crate::snapshots::items_refused;
use crate::words::Instant;

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
    UNKNOWN_WAREHOUSE = "unknown_warehouse", NOT_FOUND, "There is no such warehouse";
    WAREHOUSE_IN_USE = "warehouse_in_use", CONFLICT, "The warehouse holds orders";
    VERSION_MISMATCH = "version_mismatch", PRECONDITION_FAILED,
        "The entry has another version than was expected";
    UNKNOWN_SESSION = "unknown_session", NOT_FOUND, "There is no such import or snapshot";
    SESSION_CONFLICT = "session_conflict", CONFLICT,
        "The import or snapshot is another one, or has come to another state";
    SESSION_INCOMPLETE = "session_incomplete", CONFLICT, "It has not as many pages as that";
    SESSION_FULL = "session_full", PAYLOAD_TOO_LARGE, "The import or snapshot has too many rows";
    COUNT_AHEAD = "count_ahead", UNPROCESSABLE_ENTITY, "The count has seen what is yet to come";
    SNAPSHOT_STALE = "snapshot_stale", CONFLICT, "The warehouse has a newer snapshot";
    ROWS_REFUSED = "rows_refused", UNPROCESSABLE_ENTITY, "Rows cannot count, and so none does";
    UNKNOWN_ENTRY = "unknown_entry", NOT_FOUND, "There is no such entry";
    REGION_RESTRICTED = "region_restricted", UNPROCESSABLE_ENTITY, "It may not be shipped there";
    NO_SHIPPABLE_WAREHOUSE = "no_shippable_warehouse", UNPROCESSABLE_ENTITY,
        "No warehouse can ship it there";
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

/// A refusal of the guest of this node, with its numbers in a sentence and as members.
pub fn refused(refusal: &Refusal, node: &str) -> Problem {
    match refusal {
        Refusal::InsufficientStock(shortages) => {
            Problem::new(&INSUFFICIENT_STOCK, short_sentence(shortages))
                .with("shortages", shortages_json(shortages))
        }
        Refusal::UnknownSku(skus) => {
            Problem::new(&UNKNOWN_SKU, unknown_sku_sentence(skus)).with("skus", skus.as_slice())
        }
        Refusal::UnknownOrder => Problem::new(&UNKNOWN_ORDER, "no such order was placed"),
        Refusal::UnknownPackage(number) => {
            Problem::new(&UNKNOWN_PACKAGE, format!("the order has no package {number}"))
                .with("package", *number)
        }
        Refusal::IdempotencyConflict => Problem::new(
            &IDEMPOTENCY_CONFLICT,
            "this operation, order_id and request_id came before with a different body",
        ),
        Refusal::OrderExists(order) => in_state(&ORDER_EXISTS, "placed, and is", order.state),
        Refusal::AlreadyReleased => Problem::new(
            &ALREADY_RELEASED,
            "the order was released before this placement came; it must not apply",
        ),
        Refusal::InvalidState(order) => in_state(&INVALID_STATE, "in state", order.state),
        Refusal::ReservationExpired(hold) => reservation_expired(hold),
        Refusal::AlreadyShipped(units) => already_shipped(units),
        Refusal::QuantityExceedsHeld(excess) => quantity_exceeds_held(excess),
        Refusal::QuantityOutOfBounds(bound) => quantity_out_of_bounds(bound),
        Refusal::CompareMismatch(mismatch) => compare_mismatch(mismatch),
        Refusal::UnknownWarehouse(codes) => unknown_warehouse(codes),
        Refusal::WarehouseInUse(it) => warehouse_in_use(it),
        Refusal::VersionMismatch(mismatch) => version_mismatch(mismatch),
        Refusal::UnknownSession => {
            Problem::new(&UNKNOWN_SESSION, "none of this name was begun, or it was forgotten")
        }
        Refusal::SessionConflict => Problem::new(
            &SESSION_CONFLICT,
            "one of this name came before with other content, or it has come to a state in which \
             this step is not taken",
        ),
        Refusal::SessionIncomplete(pages) => {
            let detail = match pages.as_slice() {
                [] => "more pages have come than there are to be".to_owned(),
                [first, ..] => format!("{} pages are missing, first page {first}", pages.len()),
            };
            Problem::new(&SESSION_INCOMPLETE, detail).with("pages", pages.as_slice())
        }
        Refusal::SessionFull(rows) => {
            Problem::new(&SESSION_FULL, format!("an import has at most {rows} rows"))
                .with("rows_max", *rows)
        }
        Refusal::CountAhead(ahead) => count_ahead(ahead, node),
        Refusal::SnapshotStale(stale) => snapshot_stale(stale, node),
        // An import tells of its rows itself: they have lines.
        Refusal::RowsRefused(refused) => items_refused(refused),
        Refusal::RegionRestricted(denied) => region_restricted(denied),
        Refusal::NoShippableWarehouse(shortages) => {
            let detail = "no active warehouse that stocks it, and ever opens, serves that address";
            Problem::new(&NO_SHIPPABLE_WAREHOUSE, detail)
                .with("shortages", shortages_json(shortages))
        }
    }
}

fn region_restricted(denied: &[types::Denied]) -> Problem {
    let detail = match denied {
        [] => "it may not be shipped there".to_owned(),
        [first, rest @ ..] => {
            let others = match rest.len() {
                0 => String::new(),
                others => format!("; {others} more skus may not"),
            };
            let types::Denied { sku, subject, area, rule } = first;
            let area = if area.is_empty() { "everywhere" } else { area };
            format!("{sku} may not be shipped there: rule {rule:?} of {subject} in {area}{others}")
        }
    };
    Problem::new(&REGION_RESTRICTED, detail).with("denied", denied_json(denied))
}

/// The skus that may not be shipped somewhere, and the rules that say so.
pub(crate) fn denied_json(denied: &[types::Denied]) -> Value {
    let denied = denied.iter().map(|it| {
        let area = if it.area.is_empty() { "everywhere" } else { &it.area };
        json!({"sku": it.sku, "subject": it.subject, "area": area, "rule": it.rule})
    });
    denied.collect()
}

/// Rows of an import that cannot count, so that none does.
pub fn rows_refused(refused: u64, rows: &[crate::contract::sessions::RefusedRow]) -> Problem {
    let detail = match rows.first() {
        Some(first) => format!("{refused} rows cannot count; line {}: {}", first.line, first.why),
        None => format!("{refused} rows cannot count"),
    };
    let errors: Vec<Value> =
        rows.iter().map(|row| json!({ "line": row.line, "why": row.why })).collect();
    Problem::new(&ROWS_REFUSED, detail).with("refused", refused).with("errors", errors)
}

fn unknown_warehouse(codes: &[String]) -> Problem {
    let detail = match codes {
        [] => "a warehouse is unknown".into(),
        [code] => format!("there is no warehouse {code}"),
        [first, ..] => {
            format!("there is no warehouse {first}; {} warehouses are unknown", codes.len())
        }
    };
    Problem::new(&UNKNOWN_WAREHOUSE, detail).with("warehouses", codes)
}

fn warehouse_in_use(it: &types::WarehouseUse) -> Problem {
    let orders = match it.orders.len() {
        // No more are listed.
        100.. => "at least 100".to_owned(),
        count => count.to_string(),
    };
    let detail = format!("warehouse {} holds units of {orders} orders", it.warehouse);
    Problem::new(&WAREHOUSE_IN_USE, detail)
        .with("warehouse", it.warehouse.as_str())
        .with("orders", it.orders.as_slice())
}

fn version_mismatch(mismatch: &types::VersionMismatch) -> Problem {
    let types::VersionMismatch { key, expected, actual } = mismatch;
    let name = entry_name(key);
    let detail = match (expected, actual) {
        (0, 0) => format!("{name} was expected to be there, and there is none"),
        (0, actual) => format!("{name} was expected to be new and has version {actual}"),
        (expected, 0) => format!("{name} was expected at version {expected} and there is none"),
        _ => format!("{name} was expected at version {expected} and has version {actual}"),
    };
    Problem::new(&VERSION_MISMATCH, detail)
        .with("key", changed_key(key))
        .with("expected", *expected)
        .with("actual", *actual)
}

fn reservation_expired(hold: &types::ExpiredHold) -> Problem {
    let expired_at = Instant(hold.expired_at);
    let ended = format!("the hold ended at {expired_at}");
    let detail = match hold.shortages.as_slice() {
        [] => ended,
        short => format!("{ended} and cannot be made again: {}", short_sentence(short)),
    };
    Problem::new(&RESERVATION_EXPIRED, detail)
        .with("expired_at", expired_at.to_string())
        .with("shortages", shortages_json(&hold.shortages))
}

fn already_shipped(units: &types::ShippedUnits) -> Problem {
    let types::ShippedUnits { shipped, held } = *units;
    let detail = format!("{shipped} units have shipped, {held} are still held");
    Problem::new(&ALREADY_SHIPPED, detail).with("shipped", shipped).with("held", held)
}

fn quantity_exceeds_held(excess: &types::Excess) -> Problem {
    let types::Excess { sku, requested, held } = excess;
    let detail = format!("{requested} units of {sku} were named and {held} are held");
    Problem::new(&QUANTITY_EXCEEDS_HELD, detail)
        .with("sku", sku.as_str())
        .with("requested", *requested)
        .with("held", *held)
}

fn quantity_out_of_bounds(bound: &types::Bound) -> Problem {
    let types::Bound { sku, counter, requested, minimum, maximum } = bound;
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
    let types::Mismatch { sku, counter, expected, actual } = mismatch;
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
        self.with("counter", name.counter).with("warehouse", name.warehouse)
    }
}

/// What a caller may rely on after a fault that is worth another try.
pub const NOTHING_DONE: &str = "nothing was done; send the request again";

/// The guest's, or the database's, own failure: who is to blame stays in the log, whether to retry
/// goes to the caller.
pub fn faulted(fault: &Fault) -> Problem {
    let problem = match fault {
        Fault::Interrupted => Problem::new(&TIMEOUT, NOTHING_DONE),
        Fault::Busy => Problem::new(&BUSY, NOTHING_DONE),
        Fault::Full => Problem::new(&STORAGE_FULL, "nothing was done; the disk has no room"),
        Fault::Malformed(what) => Problem::new(&MALFORMED, what.as_str()),
        Fault::Storage(cause) => internal(&STORAGE, "nothing was done; the log says why", cause),
        Fault::Corrupt(cause) => {
            internal(&CORRUPT, "nothing was done; an operator must look, do not retry", cause)
        }
    };
    match retry_after_s(fault) {
        Some(seconds) => problem.retry_after(seconds),
        None => problem,
    }
}

/// After how many seconds retrying may help; `None` where it does not.
pub fn retry_after_s(fault: &Fault) -> Option<u32> {
    match fault {
        Fault::Busy | Fault::Interrupted => Some(1),
        Fault::Full => Some(30),
        Fault::Malformed(_) | Fault::Storage(_) | Fault::Corrupt(_) => None,
    }
}

/// A failure whose cause only the log should know.
pub fn internal(kind: &'static Kind, detail: &str, cause: &str) -> Problem {
    Problem { cause: Some(cause.to_owned()), ..Problem::new(kind, detail) }
}

fn in_state(kind: &'static Kind, sentence: &str, state: types::OrderState) -> Problem {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::types::{Bound, Counter, Excess, ExpiredHold, Mismatch, OrderInState};

    fn check(refusal: &Refusal, status: u16, json: &str) {
        let problem = refused(refusal, "edge-1");
        assert_eq!(problem.kind.status.as_u16(), status, "{refusal:?}");
        let expected: Value = serde_json::from_str(json).unwrap();
        assert_eq!(Value::Object(problem.into_members()), expected, "{refusal:?}");
    }

    #[test]
    fn every_refusal_has_its_status_a_sentence_and_the_numbers() {
        let short = Shortage { sku: "A".into(), requested: 6, available: 4 };
        let state = || OrderInState { state: types::OrderState::PartiallyShipped };
        check(
            &Refusal::InsufficientStock(vec![short.clone()]),
            409,
            r#"{"code":"insufficient_stock","detail":"A was asked for 6 and 4 are available",
                "shortages":[{"sku":"A","requested":6,"available":4}]}"#,
        );
        check(
            &Refusal::UnknownSku(vec!["A".into(), "B".into()]),
            404,
            r#"{"code":"unknown_sku","detail":"there is no sku A; 2 skus are unknown",
                "skus":["A","B"]}"#,
        );
        check(
            &Refusal::UnknownPackage(3),
            404,
            r#"{"code":"unknown_package","detail":"the order has no package 3","package":3}"#,
        );
        check(
            &Refusal::OrderExists(state()),
            409,
            r#"{"code":"order_exists","detail":"the order is placed, and is partially_shipped",
                "state":"partially_shipped"}"#,
        );
        check(
            &Refusal::InvalidState(state()),
            409,
            r#"{"code":"invalid_state","detail":"the order is in state partially_shipped",
                "state":"partially_shipped"}"#,
        );
        check(
            &Refusal::ReservationExpired(ExpiredHold { expired_at: 1_000, shortages: vec![short] }),
            409,
            concat!(
                r#"{"code":"reservation_expired","expired_at":"1970-01-01T00:00:01.000Z","#,
                r#""detail":"the hold ended at 1970-01-01T00:00:01.000Z and cannot be made "#,
                r#"again: A was asked for 6 and 4 are available","#,
                r#""shortages":[{"sku":"A","requested":6,"available":4}]}"#,
            ),
        );
        check(
            &Refusal::AlreadyShipped(types::ShippedUnits { shipped: 2, held: 1 }),
            409,
            r#"{"code":"already_shipped","detail":"2 units have shipped, 1 are still held",
                "shipped":2,"held":1}"#,
        );
        check(
            &Refusal::QuantityExceedsHeld(Excess { sku: "A".into(), requested: 3, held: 2 }),
            409,
            r#"{"code":"quantity_exceeds_held","detail":"3 units of A were named and 2 are held",
                "sku":"A","requested":3,"held":2}"#,
        );
    }

    #[test]
    fn a_list_of_orders_that_is_cut_says_so() {
        let used = |orders: usize| types::WarehouseUse {
            warehouse: "W".into(),
            orders: (0..orders).map(|number| number.to_string()).collect(),
        };
        for (orders, told) in [(2, "of 2 orders"), (100, "of at least 100 orders")] {
            let problem = refused(&Refusal::WarehouseInUse(used(orders)), "edge-1");
            assert_eq!(problem.detail, format!("warehouse W holds units {told}"));
        }
    }

    #[test]
    fn a_refused_correction_names_its_counter() {
        check(
            &Refusal::QuantityOutOfBounds(Bound {
                sku: "A".into(),
                counter: Counter::OnHand("W".into()),
                requested: -1,
                minimum: 2,
                maximum: 9,
            }),
            409,
            r#"{"code":"quantity_out_of_bounds","counter":"on_hand","warehouse":"W","sku":"A",
                "detail":"on_hand in W of A would be -1; it may be 2 to 9",
                "requested":-1,"minimum":2,"maximum":9}"#,
        );
        check(
            &Refusal::CompareMismatch(Mismatch {
                sku: "A".into(),
                counter: Counter::Sellable,
                expected: 1,
                actual: 2,
            }),
            409,
            r#"{"code":"compare_mismatch","counter":"sellable","warehouse":null,"sku":"A",
                "detail":"sellable of A was expected at 1 and is 2","expected":1,"actual":2}"#,
        );
    }

    #[test]
    fn a_fault_tells_whether_to_retry_and_hides_its_cause() {
        let secret = || "SELECT secret".to_owned();
        for (fault, status, retry) in [
            (Fault::Busy, 503, true),
            (Fault::Full, 503, true),
            (Fault::Interrupted, 503, true),
            (Fault::Malformed("quantity 0".into()), 400, false),
            (Fault::Storage(secret()), 500, false),
            (Fault::Corrupt(secret()), 500, false),
        ] {
            let problem = faulted(&fault);
            assert_eq!(problem.kind.status.as_u16(), status, "{fault:?}");
            assert_eq!(problem.retry_after_s.is_some(), retry, "{fault:?}");
            assert!(!problem.detail.contains("secret"), "{fault:?}");
        }
    }

    #[test]
    fn no_code_means_two_things() {
        let tables = [crate::problem::WIRE_KINDS, REFUSAL_KINDS, FAULT_KINDS];
        let mut codes: Vec<&str> = tables.into_iter().flatten().map(|kind| kind.code).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), all);
    }
}

//! The callers' words as api.md writes them, and its answers read back. A field that is missing or
//! of another type fails the test: the names and meanings of api.md stay.

use super::counts::{self, Seen};
use super::words::{
    AdjustItem, Adjusted, Adjustment, Answer, Change, ChangedEntry, Command, Counter, Fault,
    HistoryEntry, Instant, Line, Mode, Order, OrderAnswer, OrderLine, Outcome, Package, Placement,
    Quantities, Refusal, ReleaseReason, Shortage, SkuStock, State, Strategy, WarehouseStock,
};
use serde_json::{Value, json};

pub(super) fn order_id(command: &Command) -> Option<&str> {
    match command {
        Command::Reserve(it) | Command::Deduct(it) => Some(&it.order_id),
        Command::Confirm { order_id, .. }
        | Command::Extend { order_id, .. }
        | Command::Ship { order_id, .. }
        | Command::Release { order_id, .. }
        | Command::Transfer { order_id, .. } => Some(order_id),
        Command::Adjust { .. }
        | Command::Expire(_)
        | Command::Catalog(_)
        | Command::Count(_)
        | Command::Snapshot(_) => None,
    }
}

/// The operation and its body; what was not said is left out.
pub(super) fn command(command: &Command) -> (&'static str, Value) {
    let (operation, body) = match command {
        Command::Reserve(it) => ("reserve", placement(it)),
        Command::Deduct(it) => ("deduct", placement(it)),
        Command::Confirm { request_id, .. } => ("confirm", json!({ "request_id": request_id })),
        Command::Extend { ttl_s, request_id, .. } => {
            ("extend", json!({ "ttl_s": ttl_s, "request_id": request_id }))
        }
        Command::Ship { package, request_id, .. } => {
            ("ship", json!({ "package": package, "request_id": request_id }))
        }
        Command::Release { reason, lines, request_id, .. } => {
            let reason = match reason {
                ReleaseReason::Cancel => "cancel",
                ReleaseReason::Refund => "refund",
            };
            let lines = lines.as_deref().map(line_values);
            ("release", json!({ "reason": reason, "lines": lines, "request_id": request_id }))
        }
        Command::Transfer { package, warehouse, request_id, .. } => (
            "transfer",
            json!({ "package": package, "warehouse": warehouse, "request_id": request_id }),
        ),
        Command::Adjust { reason, items, request_id } => {
            let items: Vec<Value> = items.iter().map(item).collect();
            ("adjust", json!({ "reason": reason, "items": items, "request_id": request_id }))
        }
        Command::Catalog(body) => ("catalog", body.clone()),
        Command::Count(count) => ("count", count.body()),
        Command::Snapshot(_) => panic!("snapshots have paths of their own"),
        Command::Expire(_) => panic!("callers cannot send the sweep's command"),
    };
    (operation, without_nulls(body))
}

pub(super) fn command_of_batch(command: &Command) -> Value {
    let (operation, mut body) = self::command(command);
    if let Some(id) = order_id(command) {
        body["order_id"] = id.into();
    }
    json!({ operation: body })
}

fn placement(placement: &Placement) -> Value {
    json!({
        "lines": line_values(&placement.lines),
        "ship_to": placement.ship_to.as_ref().map(|adcode| json!({ "adcode": adcode })),
        "mode": match placement.mode {
            Mode::ReserveOnOrder => "reserve_on_order",
            Mode::DeductOnOrder => "deduct_on_order",
            Mode::DeductOnPayment => "deduct_on_payment",
        },
        // The default has no need to be said.
        "strategy": match placement.strategy {
            Strategy::Priority => None,
            Strategy::Nearest => Some("nearest"),
            Strategy::MinSplits => Some("min_splits"),
        },
        "ttl_s": placement.ttl_s,
        "allow_partial": placement.allow_partial,
        "request_id": placement.request_id,
    })
}

fn line_values(lines: &[Line]) -> Value {
    lines.iter().map(|it| json!({ "sku": it.sku, "quantity": it.quantity })).collect()
}

fn item(item: &AdjustItem) -> Value {
    let (name, warehouse) = match &item.counter {
        Counter::Sellable => ("sellable", None),
        Counter::OnHand(code) => ("on_hand", Some(code)),
        Counter::Unavailable(code) => ("unavailable", Some(code)),
    };
    let adjustment = match item.adjustment {
        Adjustment::Set(level) => json!({ "set": level }),
        Adjustment::Change(change) => json!({ "change": change }),
    };
    without_nulls(json!({
        "sku": item.sku,
        "warehouse": warehouse,
        name: adjustment,
        "compare_quantity": item.compare_quantity,
    }))
}

pub(super) fn without_nulls(mut object: Value) -> Value {
    object.as_object_mut().expect("bodies are objects").retain(|_, value| !value.is_null());
    object
}

pub(super) fn outcome(outcome: &Value) -> Result<Outcome, Fault> {
    let result = match (outcome.get("ok"), outcome.get("refused")) {
        (Some(ok), None) => Ok(answer(ok)),
        (None, Some(refused)) => Err(refusal(refused)),
        _ => return Err(fault(&outcome["fault"])),
    };
    Ok(Outcome { replayed: outcome["replayed"].as_bool().unwrap(), result })
}

pub(super) fn fault(problem: &Value) -> Fault {
    match text(problem, "code").as_str() {
        "malformed" => Fault::Malformed,
        "busy" => Fault::Busy,
        "storage_full" => Fault::Full,
        "timeout" => Fault::Interrupted,
        "corrupt" => Fault::Corrupt(problem.to_string()),
        _ => Fault::Storage(problem.to_string()),
    }
}

pub(super) fn answer(body: &Value) -> Answer {
    // The sweep's own answer, which only the CLI gives: the number of orders.
    if let Some(orders) = body.as_u64() {
        return Answer::Expired(u32::try_from(orders).unwrap());
    }
    if let Some(changed) = body.get("changed") {
        return Answer::Catalog(list(changed, |it| ChangedEntry {
            name: entry_name(it),
            effect: text(it, "effect"),
            version: number(it, "version"),
            holding: texts(it, "holding"),
        }));
    }
    if let Some(done) = body.get("counted") {
        return Answer::Counted(list(done, counts::counted));
    }
    if body.get("snapshot").is_some() {
        return Answer::Snapshot(counts::report(body));
    }
    if let Some(done) = body.get("adjusted") {
        return Answer::Adjusted(list(done, adjusted));
    }
    let answer = OrderAnswer {
        order_id: text(body, "order_id"),
        state: state(body),
        expires_at: optional_instant(body, "expires_at"),
        packages: list(&body["packages"], package),
        shortages: list(&body["shortages"], shortage),
        reserved_again: body["reserved_again"].as_bool().unwrap(),
    };
    let denied = denied(body);
    if denied.is_empty() { Answer::Order(answer) } else { Answer::OrderInPart(answer, denied) }
}

/// Each sku that may not be shipped there, and the rule.
fn denied(body: &Value) -> Vec<(String, String)> {
    list(&body["denied"], |it| {
        let [subject, area, rule] = ["subject", "area", "rule"].map(|name| text(it, name));
        (text(it, "sku"), format!("{subject} {area} {rule}"))
    })
}

pub(super) fn refusal(body: &Value) -> Refusal {
    match text(body, "code").as_str() {
        "insufficient_stock" => Refusal::InsufficientStock(list(&body["shortages"], shortage)),
        "unknown_sku" => {
            Refusal::UnknownSku(list(&body["skus"], |it| it.as_str().unwrap().to_owned()))
        }
        "no_shippable_warehouse" => {
            Refusal::NoShippableWarehouse(list(&body["shortages"], shortage))
        }
        "region_restricted" => Refusal::RegionRestricted(denied(body)),
        "unknown_order" => Refusal::UnknownOrder,
        "unknown_package" => Refusal::UnknownPackage(small(body, "package")),
        "idempotency_conflict" => Refusal::IdempotencyConflict,
        "order_exists" => Refusal::OrderExists(state(body)),
        "already_released" => Refusal::AlreadyReleased,
        "invalid_state" => Refusal::InvalidState(state(body)),
        "reservation_expired" => Refusal::ReservationExpired {
            expired_at: instant(&text(body, "expired_at")),
            shortages: list(&body["shortages"], shortage),
        },
        "already_shipped" => {
            Refusal::AlreadyShipped { shipped: number(body, "shipped"), held: number(body, "held") }
        }
        "quantity_exceeds_held" => Refusal::QuantityExceedsHeld {
            sku: text(body, "sku"),
            requested: number(body, "requested"),
            held: number(body, "held"),
        },
        "quantity_out_of_bounds" => Refusal::QuantityOutOfBounds {
            sku: text(body, "sku"),
            counter: counter(body),
            requested: body["requested"].as_i64().unwrap(),
            bounds: (small(body, "minimum"), small(body, "maximum")),
        },
        "compare_mismatch" => Refusal::CompareMismatch {
            sku: text(body, "sku"),
            counter: counter(body),
            expected: small(body, "expected"),
            actual: small(body, "actual"),
        },
        "unknown_warehouse" => Refusal::UnknownWarehouse(texts(body, "warehouses")),
        "warehouse_in_use" => Refusal::WarehouseInUse {
            warehouse: text(body, "warehouse"),
            orders: texts(body, "orders"),
        },
        "version_mismatch" => Refusal::VersionMismatch {
            name: entry_name(&body["key"]),
            expected: number(body, "expected"),
            actual: number(body, "actual"),
        },
        code => refusal_of_counts(code, body),
    }
}

fn refusal_of_counts(code: &str, body: &Value) -> Refusal {
    let at = |name: &str| instant(&text(body, name));
    match code {
        "unknown_session" => Refusal::UnknownSession,
        "session_conflict" => Refusal::SessionConflict,
        "session_incomplete" => Refusal::SessionIncomplete(list(&body["pages"], |it| {
            u32::try_from(it.as_u64().unwrap()).unwrap()
        })),
        "rows_refused" => Refusal::RowsRefused {
            refused: number(body, "refused"),
            errors: list(&body["errors"], counts::refused_item),
        },
        "count_ahead" => Refusal::CountAhead {
            seen: Seen { as_of: at("as_of"), watermark: counts::watermark(body, "watermark") },
            now: at("now"),
            last_seq: number(body, "last_seq"),
        },
        "snapshot_stale" => Refusal::SnapshotStale {
            this: (at("as_of"), counts::watermark(body, "watermark").unwrap()),
            newest: (at("newest_as_of"), counts::watermark(body, "newest_watermark").unwrap()),
        },
        other => panic!("{other} is not a refusal: {body}"),
    }
}

/// A noun and the fields of its key, each key's in its order.
fn entry_name(body: &Value) -> String {
    let fields = ["noun", "sku", "subject", "adcode", "warehouse", "area"];
    let texts: Vec<&str> = fields.iter().filter_map(|field| body[*field].as_str()).collect();
    texts.join(" ")
}

fn texts(body: &Value, name: &str) -> Vec<String> {
    list(&body[name], |it| it.as_str().unwrap().to_owned())
}

pub(super) fn order(body: &Value) -> Order {
    Order {
        order_id: text(body, "order_id"),
        state: state(body),
        expires_at: optional_instant(body, "expires_at"),
        lines: list(&body["lines"], |line| OrderLine {
            sku: text(line, "sku"),
            quantity: number(line, "quantity"),
            reserved: number(line, "reserved"),
            committed: number(line, "committed"),
            shipped: number(line, "shipped"),
            released: number(line, "released"),
            expired: number(line, "expired"),
        }),
        packages: list(&body["packages"], package),
        history: list(&body["history"], |entry| HistoryEntry {
            at: instant(&text(entry, "at")),
            operation: text(entry, "operation"),
            request_id: optional_text(entry, "request_id"),
            outcome: text(entry, "outcome"),
        }),
    }
}

pub(super) fn stock(body: &Value) -> SkuStock {
    SkuStock {
        sku: text(body, "sku"),
        sellable: small(body, "sellable"),
        reserved: number(body, "reserved"),
        committed: number(body, "committed"),
        on_hand: number(body, "on_hand"),
        warehouses: list(&body["warehouses"], |site| WarehouseStock {
            warehouse: text(site, "warehouse"),
            on_hand: small(site, "on_hand"),
            reserved: small(site, "reserved"),
            committed: small(site, "committed"),
            unavailable: small(site, "unavailable"),
        }),
    }
}

pub(super) fn change(body: &Value) -> Change {
    let seq = number(body, "seq");
    assert!(text(body, "event_id").ends_with(&format!(":{seq}")), "node:seq: {body}");
    Change {
        seq,
        at: instant(&text(body, "at")),
        kind: text(body, "type"),
        sku: text(body, "sku"),
        warehouse: optional_text(body, "warehouse"),
        before: quantities(&body["before"]),
        after: quantities(&body["after"]),
        cause: text(&body["cause"], "kind"),
        order_id: optional_text(&body["cause"], "order_id"),
        reason: optional_text(&body["cause"], "reason"),
    }
}

fn quantities(body: &Value) -> Quantities {
    let optional = |name: &str| body.get(name).map(|_| small(body, name));
    Quantities {
        sellable: optional("sellable"),
        on_hand: optional("on_hand"),
        unavailable: optional("unavailable"),
        reserved: small(body, "reserved"),
        committed: small(body, "committed"),
    }
}

fn package(body: &Value) -> Package {
    Package {
        number: small(body, "package"),
        warehouse: optional_text(body, "warehouse"),
        lines: list(&body["lines"], |line| Line {
            sku: text(line, "sku"),
            quantity: line["quantity"].as_i64().unwrap(),
        }),
        promised_ship_at: optional_instant(body, "promised_ship_at"),
    }
}

fn shortage(body: &Value) -> Shortage {
    Shortage {
        sku: text(body, "sku"),
        requested: number(body, "requested"),
        available: number(body, "available"),
    }
}

fn adjusted(body: &Value) -> Adjusted {
    Adjusted {
        sku: text(body, "sku"),
        counter: counter(body),
        before: small(body, "before"),
        after: small(body, "after"),
    }
}

fn counter(body: &Value) -> Counter {
    match (text(body, "counter").as_str(), optional_text(body, "warehouse")) {
        ("sellable", None) => Counter::Sellable,
        ("on_hand", Some(code)) => Counter::OnHand(code),
        ("unavailable", Some(code)) => Counter::Unavailable(code),
        other => panic!("{other:?} is not a counter: {body}"),
    }
}

fn state(body: &Value) -> State {
    let name = text(body, "state");
    State::ALL.into_iter().find(|(_, it)| *it == name).expect("a known state").0
}

pub(super) fn list<T>(value: &Value, read: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().unwrap_or_else(|| panic!("{value} is not a list")).iter().map(read).collect()
}

pub(super) fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("{name} is not a text in {body}")).to_owned()
}

fn optional_text(body: &Value, name: &str) -> Option<String> {
    (!body[name].is_null()).then(|| text(body, name))
}

pub(super) fn number(body: &Value, name: &str) -> u64 {
    body[name].as_u64().unwrap_or_else(|| panic!("{name} is not a number in {body}"))
}

pub(super) fn small(body: &Value, name: &str) -> u32 {
    u32::try_from(number(body, name)).unwrap()
}

fn optional_instant(body: &Value, name: &str) -> Option<Instant> {
    optional_text(body, name).map(|it| instant(&it))
}

/// The same as [`instant`], written.
pub(crate) fn written(at: Instant) -> String {
    let ms = std::time::Duration::from_millis(at.try_into().unwrap());
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + ms).to_string()
}

/// `2026-01-05T09:15:00.000Z`
pub(crate) fn instant(text: &str) -> Instant {
    let number = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    assert!(text.len() == 24 && text.ends_with('Z'), "{text} is not RFC 3339 with milliseconds");
    let (year, month, day) = (number(0, 4), number(5, 7), number(8, 10));
    // Years that begin in March: the day that leap years add is their last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    let days_to_1970 = 719_468;
    let seconds = number(11, 13) * 3_600 + number(14, 16) * 60 + number(17, 19);
    ((days - days_to_1970) * 86_400 + seconds) * 1_000 + number(20, 23)
}

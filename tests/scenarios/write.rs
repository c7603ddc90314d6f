//! How the notebook says things: commands, answers and what was read, each in a line or a few.

use super::{catalog, counts};
use crate::door::words::{
    AdjustItem, Adjustment, Answer, Change, ChangedEntry, Command, Counter, Fault, Instant, Line,
    Mode, Order, OrderAnswer, Outcome, Package, Placement, Refusal, ReleaseReason, Shortage,
    SkuStock, Strategy,
};
use std::fmt::Write;

/// The notebook's first day, 2026-01-05 00:00 UTC.
pub(crate) const DAY_ONE: Instant = 1_767_571_200_000;
pub(super) const DAY_MS: Instant = 86_400_000;

/// `09:15`, as exactly as needed, with the day when it is not the first.
pub(crate) fn time(at: Instant) -> String {
    let (day, in_day) = ((at - DAY_ONE).div_euclid(DAY_MS), (at - DAY_ONE).rem_euclid(DAY_MS));
    let (minutes, ms) = (in_day / 60_000, in_day % 60_000);
    let mut text = if day == 0 { String::new() } else { format!("day {} ", day + 1) };
    write!(text, "{:02}:{:02}", minutes / 60, minutes % 60).unwrap();
    if ms > 0 {
        write!(text, ":{:02}", ms / 1_000).unwrap();
    }
    if ms % 1_000 > 0 {
        write!(text, ".{:03}", ms % 1_000).unwrap();
    }
    text
}

pub(crate) fn command(command: &Command) -> String {
    match command {
        Command::Reserve(placement) => placed("reserve", placement),
        Command::Deduct(placement) => placed("deduct", placement),
        Command::Confirm { order_id, request_id } => {
            format!("confirm {order_id}{}", id(request_id.as_ref()))
        }
        Command::Extend { order_id, ttl_s, request_id } => {
            format!("extend {order_id} ttl={ttl_s}{}", id(request_id.as_ref()))
        }
        Command::Ship { order_id, package, request_id } => {
            let package = package.map_or(String::new(), |number| format!(" package={number}"));
            format!("ship {order_id}{package}{}", id(request_id.as_ref()))
        }
        Command::Release { order_id, reason, lines, request_id } => {
            let reason = match reason {
                ReleaseReason::Cancel => "cancel",
                ReleaseReason::Refund => "refund",
            };
            let lines = lines.as_ref().map_or(String::new(), |it| format!(" {}", self::lines(it)));
            format!("release {order_id} {reason}{lines}{}", id(request_id.as_ref()))
        }
        Command::Transfer { order_id, package, warehouse, request_id } => {
            let id = id(request_id.as_ref());
            format!("transfer {order_id} package={package} to={warehouse}{id}")
        }
        Command::Adjust { reason, items, request_id } => {
            let items: Vec<String> = items.iter().map(item).collect();
            let reason = reason.replace(' ', "_");
            format!("adjust {reason} {}{}", items.join(", "), id(request_id.as_ref()))
        }
        Command::Expire(limit) => format!("expire {limit}"),
        Command::Catalog(body) => catalog::change_said(body),
        Command::Count(count) => counts::count_said(count),
        Command::Snapshot(step) => counts::snapshot_said(step),
    }
}

fn placed(verb: &str, placement: &Placement) -> String {
    let mut text = format!("{verb} {} {}", placement.order_id, lines(&placement.lines));
    if let Some(adcode) = &placement.ship_to {
        write!(text, " to={adcode}").unwrap();
    }
    if placement.ttl_s != super::read::TTL_S {
        write!(text, " ttl={}", placement.ttl_s).unwrap();
    }
    match placement.mode {
        Mode::ReserveOnOrder => {}
        Mode::DeductOnOrder => text.push_str(" mode=deduct_on_order"),
        Mode::DeductOnPayment => text.push_str(" mode=deduct_on_payment"),
    }
    match placement.strategy {
        Strategy::Priority => {}
        Strategy::Nearest => text.push_str(" by=nearest"),
        Strategy::MinSplits => text.push_str(" by=min_splits"),
    }
    if placement.allow_partial {
        text.push_str(" partial");
    }
    text + &id(placement.request_id.as_ref())
}

pub(super) fn id(request_id: Option<&String>) -> String {
    request_id.map_or(String::new(), |id| format!(" id={id}"))
}

fn lines(lines: &[Line]) -> String {
    let lines: Vec<String> = lines.iter().map(|it| format!("{} {}", it.sku, it.quantity)).collect();
    lines.join(", ")
}

fn item(item: &AdjustItem) -> String {
    let counter = counter(&item.sku, &item.counter);
    let change = match item.adjustment {
        Adjustment::Set(level) => format!("={level}"),
        Adjustment::Change(change) if change < 0 => format!("-={}", -change),
        Adjustment::Change(change) => format!("+={change}"),
    };
    let compare = item.compare_quantity.map_or(String::new(), |it| format!(" if={it}"));
    format!("{counter}{change}{compare}")
}

fn counter(sku: &str, counter: &Counter) -> String {
    match counter {
        Counter::Sellable => format!("{sku} sellable"),
        Counter::OnHand(code) => format!("{sku}@{code} on_hand"),
        Counter::Unavailable(code) => format!("{sku}@{code} unavailable"),
    }
}

/// `now` is when the notebook stands: what leaves then needs no time said.
pub(crate) fn outcome(outcome: &Outcome, now: Instant) -> String {
    let again = if outcome.replayed { "(again) " } else { "" };
    match &outcome.result {
        Ok(answer) => format!("{again}{}", self::answer(answer, now)),
        Err(refusal) => format!("{again}refused {}", self::refusal(refusal)),
    }
}

fn answer(answer: &Answer, now: Instant) -> String {
    match answer {
        Answer::Order(order) => order_answer(order, now),
        Answer::OrderInPart(order, denied) => {
            format!("{}{}", order_answer(order, now), self::denied(denied))
        }
        Answer::Adjusted(done) => {
            let done: Vec<String> = done
                .iter()
                .map(|it| {
                    let counter = counter(&it.sku, &it.counter);
                    format!("{counter} {} to {}", it.before, it.after)
                })
                .collect();
            done.join(", ")
        }
        Answer::Expired(orders) => format!("expired {orders}"),
        Answer::Catalog(changed) => {
            let changed: Vec<String> = changed.iter().map(changed_entry).collect();
            changed.join(", ")
        }
        Answer::Counted(items) => {
            let items: Vec<String> = items.iter().map(counts::counted_said).collect();
            items.join("; ")
        }
        Answer::Snapshot(report) => counts::report_said(report),
    }
}

fn changed_entry(entry: &ChangedEntry) -> String {
    let version = if entry.version > 0 { format!(" {}", entry.version) } else { String::new() };
    let holding = entry.holding.iter().map(|order| format!(", holding {order}"));
    format!("{} {}{version}{}", entry.name, entry.effect, holding.collect::<String>())
}

fn order_answer(answer: &OrderAnswer, now: Instant) -> String {
    let mut text = answer.state.name().to_owned();
    if let Some(at) = answer.expires_at {
        write!(text, " until {}", time(at)).unwrap();
    }
    if answer.reserved_again {
        text.push_str(", reserved again");
    }
    for package in &answer.packages {
        write!(text, "; {}", self::package(package, now)).unwrap();
    }
    text + &shortages(&answer.shortages)
}

fn denied(denied: &[(String, String)]) -> String {
    let mut text = String::new();
    for (sku, rule) in denied {
        write!(text, "; {sku}: {rule}").unwrap();
    }
    text
}

fn package(package: &Package, now: Instant) -> String {
    let from = package.warehouse.as_ref().map_or(String::new(), |code| format!(" from {code}"));
    let later = package.promised_ship_at.filter(|at| *at != now);
    let later = later.map_or(String::new(), |at| format!(", leaves {}", time(at)));
    format!("package {}{from}: {}{later}", package.number, lines(&package.lines))
}

fn shortages(shortages: &[Shortage]) -> String {
    let short: Vec<String> = shortages
        .iter()
        .map(|it| format!("; {}: {} of {}", it.sku, it.available, it.requested))
        .collect();
    short.concat()
}

fn refusal(refusal: &Refusal) -> String {
    let code = refusal.code();
    match refusal {
        Refusal::InsufficientStock(short) | Refusal::NoShippableWarehouse(short) => {
            format!("{code}{}", shortages(short))
        }
        Refusal::UnknownSku(skus) => format!("{code} {}", skus.join(", ")),
        Refusal::UnknownPackage(number) => format!("{code} {number}"),
        Refusal::OrderExists(state) | Refusal::InvalidState(state) => {
            format!("{code} {}", state.name())
        }
        Refusal::ReservationExpired { expired_at, shortages } => {
            format!("{code} at {}{}", time(*expired_at), self::shortages(shortages))
        }
        Refusal::AlreadyShipped { shipped, held } => format!("{code}; {shipped} left, {held} held"),
        Refusal::QuantityExceedsHeld { sku, requested, held } => {
            format!("{code}; {sku}: {requested} of {held} held")
        }
        Refusal::QuantityOutOfBounds { sku, counter, requested, bounds: (least, most) } => {
            let counter = self::counter(sku, counter);
            format!("{code}; {counter} {requested}, may be {least}..{most}")
        }
        Refusal::CompareMismatch { sku, counter, expected, actual } => {
            let counter = self::counter(sku, counter);
            format!("{code}; {counter} is {actual}, not {expected}")
        }
        Refusal::RegionRestricted(denied) => {
            format!("{code}{}", self::denied(denied))
        }
        Refusal::UnknownWarehouse(codes) => format!("{code} {}", codes.join(", ")),
        Refusal::WarehouseInUse { warehouse, orders } => {
            format!("{code}; {warehouse} holds {}", orders.join(", "))
        }
        Refusal::VersionMismatch { name, expected, actual } => {
            format!("{code}; {name} is {actual}, not {expected}")
        }
        Refusal::SessionIncomplete(pages) => format!("{code} {pages:?}"),
        Refusal::RowsRefused { refused, errors } => {
            format!("{code}{}", counts::refused_said(*refused, errors))
        }
        Refusal::CountAhead { seen, now, last_seq } => {
            let watermark = seen.watermark.map_or(String::new(), |seq| format!("#{seq}"));
            let (as_of, now) = (time(seen.as_of), time(*now));
            format!("{code}; {as_of}{watermark} at {now}#{last_seq}")
        }
        Refusal::SnapshotStale { this, newest } => {
            let [this, newest] = [this, newest].map(|it| format!("{}#{}", time(it.0), it.1));
            format!("{code}; {this} not after {newest}")
        }
        Refusal::UnknownOrder
        | Refusal::IdempotencyConflict
        | Refusal::AlreadyReleased
        | Refusal::UnknownSession
        | Refusal::SessionConflict => code.to_owned(),
    }
}

pub(super) fn fault(fault: &Fault) -> String {
    match fault {
        Fault::Busy => "fault busy".to_owned(),
        Fault::Full => "fault full".to_owned(),
        Fault::Interrupted => "fault interrupted".to_owned(),
        Fault::Malformed => "malformed".to_owned(),
        Fault::Storage(text) => format!("fault storage: {text}"),
        Fault::Corrupt(text) => format!("fault corrupt: {text}"),
    }
}

/// The counters that are not 0, and always sellable.
pub(super) fn stock(stock: &SkuStock) -> String {
    let held = [("reserved", stock.reserved), ("committed", stock.committed)];
    let own = [held[0], held[1], ("on_hand", stock.on_hand)];
    let mut text = format!("sellable {}{}", stock.sellable, counters(", ", &own));
    for it in &stock.warehouses {
        let here = [
            ("reserved", it.reserved.into()),
            ("committed", it.committed.into()),
            ("unavailable", it.unavailable.into()),
        ];
        write!(text, "; {}: on_hand {}{}", it.warehouse, it.on_hand, counters(", ", &here))
            .unwrap();
    }
    text
}

fn counters(before_each: &str, counters: &[(&str, u64)]) -> String {
    let mut text = String::new();
    for (name, units) in counters.iter().filter(|(_, units)| *units > 0) {
        write!(text, "{before_each}{name} {units}").unwrap();
    }
    text
}

pub(super) fn order(order: &Order, now: Instant) -> Vec<String> {
    let until = order.expires_at.map_or(String::new(), |at| format!(" until {}", time(at)));
    let mut text = vec![format!("{}{until}", order.state.name())];
    for line in &order.lines {
        let places = [
            ("reserved", line.reserved),
            ("committed", line.committed),
            ("shipped", line.shipped),
            ("released", line.released),
            ("expired", line.expired),
        ];
        let places = counters(" ", &places);
        text.push(format!("{} {}:{places}", line.sku, line.quantity));
    }
    text.extend(order.packages.iter().map(|it| package(it, now)));
    for entry in &order.history {
        let id = id(entry.request_id.as_ref());
        text.push(format!("{} {}{id} {}", time(entry.at), entry.operation, entry.outcome));
    }
    text
}

pub(super) fn change(change: &Change) -> String {
    let scope = change.warehouse.as_ref().map_or(String::new(), |code| format!("@{code}"));
    let mut text = format!("{} {} {}{scope}", change.seq, change.kind, change.sku);
    let (before, after) = (change.before, change.after);
    let moved = [
        ("sellable", before.sellable.unwrap_or(0), after.sellable.unwrap_or(0)),
        ("on_hand", before.on_hand.unwrap_or(0), after.on_hand.unwrap_or(0)),
        ("unavailable", before.unavailable.unwrap_or(0), after.unavailable.unwrap_or(0)),
        ("reserved", before.reserved, after.reserved),
        ("committed", before.committed, after.committed),
    ];
    for (name, before, after) in moved.into_iter().filter(|(_, before, after)| before != after) {
        write!(text, ", {name} {before} to {after}").unwrap();
    }
    write!(text, " by {}", change.cause).unwrap();
    for what in [&change.order_id, &change.reason].into_iter().flatten() {
        write!(text, " {}", what.replace(' ', "_")).unwrap();
    }
    text
}

//! The callers' words into the guest's, and the guest's answers back.

use super::counts::{Missing, NODE};
use super::json;
use super::words::{self, Fault};
use inventory_guest::contract::{arguments, results};
use inventory_guest::domain::{self, Malformed};
use inventory_guest::operations::{self, queries};
use inventory_json::catalog::CatalogChange;
use inventory_json::contract::types;
use inventory_json::parse::parse;
use inventory_json::problem::Problem;
use inventory_json::refusal::refused;
use serde_json::Value;

pub(super) fn command(command: &words::Command) -> Result<domain::Command, Malformed> {
    use words::Command as Said;
    Ok(match command {
        Said::Reserve(it) => domain::Command::Reserve(placement(it)?),
        Said::Deduct(it) => domain::Command::Deduct(placement(it)?),
        Said::Confirm { order_id, request_id } => domain::Command::Confirm(domain::Confirm {
            order_id: domain::OrderId::parse(order_id)?,
            request_id: named(request_id.as_ref())?,
        }),
        Said::Extend { order_id, ttl_s, request_id } => domain::Command::Extend(domain::Extend {
            order_id: domain::OrderId::parse(order_id)?,
            ttl: seconds(*ttl_s)?,
            request_id: named(request_id.as_ref())?,
        }),
        Said::Ship { order_id, package, request_id } => domain::Command::Ship(domain::Ship {
            order_id: domain::OrderId::parse(order_id)?,
            package: *package,
            request_id: named(request_id.as_ref())?,
        }),
        Said::Release { order_id, reason, lines: some, request_id } => {
            domain::Command::Release(domain::Release {
                order_id: domain::OrderId::parse(order_id)?,
                reason: match reason {
                    words::ReleaseReason::Cancel => domain::ReleaseReason::Cancel,
                    words::ReleaseReason::Refund => domain::ReleaseReason::Refund,
                },
                lines: some.as_deref().map(lines).transpose()?,
                request_id: named(request_id.as_ref())?,
            })
        }
        Said::Transfer { order_id, package, warehouse, request_id } => {
            domain::Command::Transfer(domain::Transfer {
                order_id: domain::OrderId::parse(order_id)?,
                package: *package,
                warehouse: domain::WarehouseCode::parse(warehouse)?,
                request_id: named(request_id.as_ref())?,
            })
        }
        Said::Adjust { reason, items, request_id } => domain::Command::Adjust(domain::Adjust {
            reason: domain::Reason::parse(reason)?,
            items: domain::Items::parse(items.iter().map(item).collect::<Result<_, _>>()?)?,
            request_id: named(request_id.as_ref())?,
        }),
        Said::Catalog(body) => {
            let change = parse::<CatalogChange>(body.to_string().as_bytes());
            in_contract(change.map(CatalogChange::into_command))?
        }
        Said::Count(count) => in_contract(count.contract())?,
        Said::Snapshot(step) => in_contract(step.contract())?,
        Said::Expire(limit) => domain::Command::Expire(domain::ExpireLimit::parse(*limit)?),
    })
}

fn in_contract(command: Result<types::Command, Problem>) -> Result<domain::Command, Malformed> {
    arguments::command(command.map_err(|problem| Malformed(problem.detail))?)
}

fn placement(placement: &words::Placement) -> Result<domain::Placement, Malformed> {
    Ok(domain::Placement {
        order_id: domain::OrderId::parse(&placement.order_id)?,
        lines: lines(&placement.lines)?,
        ship_to: placement.ship_to.as_ref().map(ship_to).transpose()?,
        mode: match placement.mode {
            words::Mode::ReserveOnOrder => domain::Mode::ReserveOnOrder,
            words::Mode::DeductOnOrder => domain::Mode::DeductOnOrder,
            words::Mode::DeductOnPayment => domain::Mode::DeductOnPayment,
        },
        strategy: match placement.strategy {
            words::Strategy::Priority => domain::Strategy::Priority,
            words::Strategy::Nearest => domain::Strategy::Nearest,
            words::Strategy::MinSplits => domain::Strategy::MinSplits,
        },
        ttl: seconds(placement.ttl_s)?,
        allow_partial: placement.allow_partial,
        request_id: named(placement.request_id.as_ref())?,
        left_out: domain::LeftOut::default(),
    })
}

fn ship_to(adcode: &String) -> Result<domain::ShipTo, Malformed> {
    Ok(domain::ShipTo { adcode: domain::Adcode::parse(adcode)?, location: None })
}

fn named(request_id: Option<&String>) -> Result<Option<domain::RequestId>, Malformed> {
    request_id.map(domain::RequestId::parse).transpose()
}

fn seconds(seconds: i64) -> Result<domain::Seconds, Malformed> {
    domain::Seconds::parse(narrow(seconds)?)
}

/// What does not even fit the contract's types is malformed like what breaks its bounds.
fn narrow<T: TryFrom<i64>>(number: i64) -> Result<T, Malformed> {
    T::try_from(number).map_err(|_| Malformed(number.to_string()))
}

fn lines(lines: &[words::Line]) -> Result<domain::Items<domain::Line>, Malformed> {
    let line = |line: &words::Line| {
        Ok(domain::Line {
            sku: domain::Sku::parse(&line.sku)?,
            quantity: domain::Quantity::parse(narrow(line.quantity)?)?,
        })
    };
    domain::Items::parse(lines.iter().map(line).collect::<Result<_, Malformed>>()?)
}

fn item(item: &words::AdjustItem) -> Result<domain::AdjustItem, Malformed> {
    Ok(domain::AdjustItem {
        sku: domain::Sku::parse(&item.sku)?,
        counter: match &item.counter {
            words::Counter::Sellable => domain::Counter::Sellable,
            words::Counter::OnHand(code) => {
                domain::Counter::OnHand(domain::WarehouseCode::parse(code)?)
            }
            words::Counter::Unavailable(code) => {
                domain::Counter::Unavailable(domain::WarehouseCode::parse(code)?)
            }
        },
        adjustment: match item.adjustment {
            words::Adjustment::Set(level) => {
                domain::Adjustment::Set(domain::Level::parse(narrow(level)?)?)
            }
            words::Adjustment::Change(delta) => {
                domain::Adjustment::Change(domain::Delta::parse(narrow(delta)?)?)
            }
        },
        compare_quantity: item.compare_quantity.map(narrow).transpose()?,
    })
}

pub(super) fn applied(applied: operations::Applied) -> words::Applied {
    words::Applied {
        outcomes: applied.outcomes.into_iter().map(outcome).collect(),
        changed_skus: Some(applied.changed_skus.iter().map(|it| it.as_str().to_owned()).collect()),
    }
}

fn outcome(outcome: domain::Outcome) -> words::Outcome {
    let result = match outcome.result {
        Ok(domain::Answer::Order(it)) => Ok(words::Answer::Order(order_answer(it))),
        Ok(domain::Answer::OrderInPart(it, denied)) => {
            Ok(words::Answer::OrderInPart(order_answer(it), rules(denied)))
        }
        Ok(domain::Answer::Adjusted(done)) => {
            Ok(words::Answer::Adjusted(done.into_iter().map(adjusted).collect()))
        }
        Ok(domain::Answer::Expired(orders)) => Ok(words::Answer::Expired(orders)),
        Ok(
            answer @ (domain::Answer::Catalog(_)
            | domain::Answer::Session(_)
            | domain::Answer::Counted(_)),
        ) => Ok(answer_by_json(answer)),
        Err(it) => Err(refusal(it)),
    };
    words::Outcome { replayed: outcome.replayed, result }
}

/// By way of its JSON, which is where names of entries are made.
fn answer_by_json(answer: domain::Answer) -> words::Answer {
    let outcome = results::outcome(domain::Outcome { replayed: false, result: Ok(answer) });
    let answer = outcome.result.expect("an answer stays an answer");
    json::answer(
        &serde_json::to_value(inventory_json::outcome::Answer::new(&answer, NODE)).unwrap(),
    )
}

fn order_answer(answer: domain::OrderAnswer) -> words::OrderAnswer {
    words::OrderAnswer {
        order_id: answer.order_id.into_string(),
        state: state(answer.state),
        expires_at: answer.expires_at.map(domain::Instant::as_milliseconds),
        packages: answer.packages.into_iter().map(package).collect(),
        shortages: shortages(answer.shortages),
        reserved_again: answer.reserved_again,
    }
}

/// Each sku that may not be shipped there, and the rule.
fn rules(denied: Vec<domain::Denied>) -> Vec<(String, String)> {
    let rule = |it: domain::Denied| {
        let area =
            if it.area == domain::Area::EVERYWHERE { "everywhere" } else { it.area.as_str() };
        (it.sku.into_string(), format!("{} {area} {}", it.subject, it.rule.as_str()))
    };
    denied.into_iter().map(rule).collect()
}

fn state(state: domain::OrderState) -> words::State {
    match state {
        domain::OrderState::AwaitingPayment => words::State::AwaitingPayment,
        domain::OrderState::Reserved => words::State::Reserved,
        domain::OrderState::Committed => words::State::Committed,
        domain::OrderState::PartiallyShipped => words::State::PartiallyShipped,
        domain::OrderState::Shipped => words::State::Shipped,
        domain::OrderState::PartiallyReleased => words::State::PartiallyReleased,
        domain::OrderState::Released => words::State::Released,
        domain::OrderState::Expired => words::State::Expired,
    }
}

fn package(package: domain::Package) -> words::Package {
    let line = |line: domain::Line| words::Line {
        sku: line.sku.into_string(),
        quantity: line.quantity.get().into(),
    };
    words::Package {
        number: package.number,
        warehouse: package.warehouse.map(domain::WarehouseCode::into_string),
        lines: package.lines.into_iter().map(line).collect(),
        promised_ship_at: package.promised_ship_at.map(domain::Instant::as_milliseconds),
    }
}

fn shortages(shortages: Vec<domain::Shortage>) -> Vec<words::Shortage> {
    let shortage = |it: domain::Shortage| words::Shortage {
        sku: it.sku.into_string(),
        requested: it.requested,
        available: it.available,
    };
    shortages.into_iter().map(shortage).collect()
}

fn counter(counter: domain::Counter) -> words::Counter {
    match counter {
        domain::Counter::Sellable => words::Counter::Sellable,
        domain::Counter::OnHand(code) => words::Counter::OnHand(code.into_string()),
        domain::Counter::Unavailable(code) => words::Counter::Unavailable(code.into_string()),
    }
}

fn adjusted(adjusted: domain::Adjusted) -> words::Adjusted {
    words::Adjusted {
        sku: adjusted.sku.into_string(),
        counter: counter(adjusted.counter),
        before: adjusted.before,
        after: adjusted.after,
    }
}

fn refusal(refusal: domain::Refusal) -> words::Refusal {
    use domain::Refusal as Said;
    use words::Refusal;
    match refusal {
        Said::InsufficientStock(short) => Refusal::InsufficientStock(shortages(short)),
        Said::UnknownSku(skus) => {
            Refusal::UnknownSku(skus.into_iter().map(domain::Sku::into_string).collect())
        }
        Said::UnknownOrder => Refusal::UnknownOrder,
        Said::UnknownPackage(number) => Refusal::UnknownPackage(number),
        Said::IdempotencyConflict => Refusal::IdempotencyConflict,
        Said::OrderExists(it) => Refusal::OrderExists(state(it)),
        Said::AlreadyReleased => Refusal::AlreadyReleased,
        Said::InvalidState(it) => Refusal::InvalidState(state(it)),
        Said::ReservationExpired(it) => Refusal::ReservationExpired {
            expired_at: it.expired_at.as_milliseconds(),
            shortages: shortages(it.shortages),
        },
        Said::AlreadyShipped(it) => Refusal::AlreadyShipped { shipped: it.shipped, held: it.held },
        Said::QuantityExceedsHeld(it) => Refusal::QuantityExceedsHeld {
            sku: it.sku.into_string(),
            requested: it.requested,
            held: it.held,
        },
        Said::QuantityOutOfBounds(it) => Refusal::QuantityOutOfBounds {
            sku: it.sku.into_string(),
            counter: counter(it.counter),
            requested: it.requested,
            bounds: (it.minimum, it.maximum),
        },
        Said::CompareMismatch(it) => Refusal::CompareMismatch {
            sku: it.sku.into_string(),
            counter: counter(it.counter),
            expected: it.expected,
            actual: it.actual,
        },
        other @ (Said::UnknownWarehouse(_)
        | Said::WarehouseInUse(_)
        | Said::VersionMismatch(_)
        | Said::UnknownSession
        | Said::SessionConflict
        | Said::SessionIncomplete(_)
        | Said::SessionFull(_)
        | Said::RowsRefused(_)
        | Said::CountAhead(_)
        | Said::SnapshotStale(_)
        | Said::RegionRestricted(_)
        | Said::NoShippableWarehouse(_)) => {
            let outcome = results::outcome(domain::Outcome { replayed: false, result: Err(other) });
            let refusal = outcome.result.expect_err("a refusal stays what it is");
            json::refusal(&Value::Object(refused(&refusal, NODE).into_members()))
        }
    }
}

pub(super) fn fault(fault: operations::Fault) -> Fault {
    match fault {
        operations::Fault::Busy => Fault::Busy,
        operations::Fault::Full => Fault::Full,
        operations::Fault::Interrupted => Fault::Interrupted,
        operations::Fault::Malformed(_) => Fault::Malformed,
        operations::Fault::Storage(text) => Fault::Storage(text),
        operations::Fault::Corrupt(text) => Fault::Corrupt(text),
    }
}

pub(super) fn missing(shortage: domain::count::CountShortage) -> Missing {
    Missing {
        warehouse: shortage.warehouse.into_string(),
        sku: shortage.sku.into_string(),
        as_of: shortage.as_of.as_milliseconds(),
        counted: shortage.counted,
        held: shortage.held,
        missing: shortage.missing,
    }
}

pub(super) fn order(order: queries::Order) -> words::Order {
    let line = |line: queries::OrderLine| words::OrderLine {
        sku: line.sku.into_string(),
        quantity: line.quantity,
        reserved: line.reserved,
        committed: line.committed,
        shipped: line.shipped,
        released: line.released,
        expired: line.expired,
    };
    let entry = |entry: queries::HistoryEntry| words::HistoryEntry {
        at: entry.at.as_milliseconds(),
        operation: entry.operation.name().to_owned(),
        request_id: entry.request_id.map(domain::RequestId::into_string),
        outcome: entry.outcome.to_owned(),
    };
    words::Order {
        order_id: order.order_id.into_string(),
        state: state(order.state),
        expires_at: order.expires_at.map(domain::Instant::as_milliseconds),
        lines: order.lines.into_iter().map(line).collect(),
        packages: order.packages.into_iter().map(package).collect(),
        history: order.history.into_iter().map(entry).collect(),
    }
}

pub(super) fn stock(stock: queries::SkuStock) -> words::SkuStock {
    let site = |site: queries::WarehouseStock| words::WarehouseStock {
        warehouse: site.warehouse.into_string(),
        on_hand: site.on_hand,
        reserved: site.reserved,
        committed: site.committed,
        unavailable: site.unavailable,
    };
    words::SkuStock {
        sku: stock.sku.into_string(),
        sellable: stock.sellable,
        reserved: stock.reserved,
        committed: stock.committed,
        on_hand: stock.on_hand,
        warehouses: stock.warehouses.into_iter().map(site).collect(),
    }
}

pub(super) fn change(change: domain::change::Change) -> words::Change {
    words::Change {
        seq: change.seq,
        at: change.at.as_milliseconds(),
        kind: change.kind.name().to_owned(),
        sku: change.sku.into_string(),
        warehouse: change.warehouse.map(domain::WarehouseCode::into_string),
        before: quantities(change.before),
        after: quantities(change.after),
        cause: change.cause.operation.name().to_owned(),
        order_id: change.cause.order_id.map(domain::OrderId::into_string),
        reason: change.cause.reason,
    }
}

fn quantities(quantities: domain::change::Quantities) -> words::Quantities {
    words::Quantities {
        sellable: quantities.sellable,
        on_hand: quantities.on_hand,
        unavailable: quantities.unavailable,
        reserved: quantities.reserved,
        committed: quantities.committed,
    }
}

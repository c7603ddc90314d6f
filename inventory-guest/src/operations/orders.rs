//! Operations on orders that are placed: confirm, extend, ship, release.

use super::Stop;
use super::batch::{Batch, OrderIndex, SkuIndex};
use super::placement::{self, Wanted};
use crate::domain::ledger::{Movement, Place};
use crate::domain::{
    Excess, ExpiredHold, Extend, Instant, Line, Operation, OrderAnswer, OrderState, Refusal,
    Release, ShippedUnits,
};
use rustc_hash::FxHashMap;

/// Turns a live hold into a paid one; a hold that ran out is reserved again, or refused.
pub(super) fn confirm(batch: &mut Batch<'_>, order: OrderIndex) -> Result<OrderAnswer, Stop> {
    let state = placed_state(batch, order)?;
    if state == OrderState::Expired {
        return confirm_expired(batch, order);
    }
    if batch.orders[order].row.expires_at.is_none() {
        return Err(Refusal::InvalidState(state).into());
    }
    let legs = &batch.orders[order].legs;
    let held: Vec<_> = legs.iter().map(|leg| leg.row.units.reserved).enumerate().collect();
    let moved = move_all(batch, order, held, Place::Reserved, Place::Committed, Operation::Confirm);
    let row = &mut batch.orders[order].row;
    row.state = Some(OrderState::Committed);
    row.expires_at = None;
    Ok(batch.order_answer(order, &moved))
}

fn confirm_expired(batch: &mut Batch<'_>, order: OrderIndex) -> Result<OrderAnswer, Stop> {
    let (wanted, expired_at) = expired_lines(batch, order);
    let route = batch.orders[order].row.route.clone();
    placement::prepare(batch, &wanted, route.as_ref())?;
    let plan = placement::plan(batch, &wanted, route.as_ref())?;
    if !plan.plan.shorts.is_empty() {
        let shortages = placement::shortages(batch, &wanted, &plan);
        return Err(Refusal::ReservationExpired(ExpiredHold { expired_at, shortages }).into());
    }
    let moved = placement::hold(batch, order, &wanted, &plan, Operation::Confirm)?;
    batch.orders[order].row.state = Some(OrderState::Committed);
    let mut answer = batch.order_answer(order, &moved);
    answer.reserved_again = true;
    Ok(answer)
}

/// What the last placement held when it ran out, by line; and when that was.
fn expired_lines(batch: &Batch<'_>, order: OrderIndex) -> (Wanted, Instant) {
    let entry = &batch.orders[order];
    let placement = entry.last_placement();
    let legs = entry.legs.iter().map(|leg| &leg.row);
    let expired = legs.filter(|leg| leg.placement == placement && leg.units.expired > 0);
    let mut wanted = Wanted::with_capacity(entry.legs.len());
    let mut last_line = None;
    let mut expired_at = None;
    for leg in expired {
        expired_at = leg.ended_at;
        match wanted.demands.last_mut().filter(|_| last_line == Some(leg.line)) {
            Some(demand) => demand.units += leg.units.expired,
            None => wanted.add(leg.sku, leg.units.expired),
        }
        last_line = Some(leg.line);
    }
    (wanted, expired_at.expect("an expired order has legs that ended by expiry"))
}

/// Lets a live hold end at another time.
pub(super) fn extend(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    extend: &Extend,
) -> Result<OrderAnswer, Stop> {
    let state = placed_state(batch, order)?;
    if state == OrderState::Expired {
        let (_, expired_at) = expired_lines(batch, order);
        let hold = ExpiredHold { expired_at, shortages: Vec::new() };
        return Err(Refusal::ReservationExpired(hold).into());
    }
    let now = batch.now;
    let row = &mut batch.orders[order].row;
    if row.expires_at.is_none() {
        return Err(Refusal::InvalidState(state).into());
    }
    row.expires_at = Some(now.after(extend.ttl));
    Ok(batch.order_answer(order, &[]))
}

/// Lets paid units leave: those of one package, or all.
pub(super) fn ship(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    package: Option<u32>,
) -> Result<OrderAnswer, Stop> {
    let state = placed_state(batch, order)?;
    let legs = &batch.orders[order].legs;
    let chosen = |number: u32| package.is_none_or(|package| package == number);
    if let Some(number) = package.filter(|it| !legs.iter().any(|leg| leg.row.package == *it)) {
        return Err(Refusal::UnknownPackage(number).into());
    }
    let rows = legs.iter().map(|leg| &leg.row).enumerate();
    let held: Vec<_> = rows
        .filter(|(_, leg)| chosen(leg.package))
        .map(|(index, leg)| (index, leg.units.committed))
        .collect();
    let moved = move_all(batch, order, held, Place::Committed, Place::Shipped, Operation::Ship);
    if moved.is_empty() {
        return Err(Refusal::InvalidState(state).into());
    }
    let units = batch.orders[order].units();
    batch.orders[order].row.state = Some(units.state_after_ship());
    Ok(batch.order_answer(order, &moved))
}

/// Gives held units back: all, or some by line. A release that comes before its order leaves a
/// tombstone, so that the late placement does not apply; so does one that comes after the hold ran
/// out, so that a late payment does not take what the buyer has cancelled.
pub(super) fn release<'a>(
    batch: &mut Batch<'a>,
    order: OrderIndex,
    release: &'a Release,
) -> Result<OrderAnswer, Stop> {
    let state = match (batch.orders[order].row.state, &release.lines) {
        (None, Some(_)) => return Err(Refusal::UnknownOrder.into()),
        (None | Some(OrderState::AwaitingPayment | OrderState::Expired), None) => {
            batch.orders[order].row.state = Some(OrderState::Released);
            return Ok(batch.order_answer(order, &[]));
        }
        (Some(state @ (OrderState::Released | OrderState::Expired)), _) => {
            return Err(Refusal::InvalidState(state).into());
        }
        (Some(state), _) => state,
    };
    let chosen = match &release.lines {
        None => everything_held(batch, order, state)?,
        Some(lines) => held_of_lines(batch, order, lines)?,
    };
    for &(leg, units) in &chosen {
        let from = batch.orders[order].legs[leg].row.units.held_at();
        let movement = Movement { from, to: Place::Released, units };
        let origin = (Operation::Release, Some(release.reason.name()));
        batch.move_leg(order, leg, movement, batch.now, origin);
    }
    let units = batch.orders[order].units();
    let row = &mut batch.orders[order].row;
    row.state = Some(units.state_after_release());
    if units.reserved == 0 {
        row.expires_at = None;
    }
    Ok(batch.order_answer(order, &chosen))
}

fn everything_held(
    batch: &Batch<'_>,
    order: OrderIndex,
    state: OrderState,
) -> Result<Vec<(usize, u32)>, Refusal> {
    let entry = &batch.orders[order];
    let units = entry.units();
    if units.shipped > 0 {
        let (shipped, held) = (units.shipped, units.held());
        return Err(Refusal::AlreadyShipped(ShippedUnits { shipped, held }));
    }
    if units.held() == 0 {
        return Err(Refusal::InvalidState(state));
    }
    let legs = entry.legs.iter().map(|leg| leg.row.units.held()).enumerate();
    Ok(legs.filter(|(_, units)| *units > 0).collect())
}

/// Units of the lines' skus, from the order's last legs backwards: the warehouse chosen first keeps
/// its units longest.
fn held_of_lines(
    batch: &Batch<'_>,
    order: OrderIndex,
    lines: &[Line],
) -> Result<Vec<(usize, u32)>, Refusal> {
    let legs = &batch.orders[order].legs;
    let mut wanted: FxHashMap<SkuIndex, u64> = FxHashMap::default();
    for line in lines {
        let requested = lines.iter().filter(|it| it.sku == line.sku);
        let requested = requested.map(|it| u64::from(it.quantity.get())).sum();
        let sku = batch.stock.index(&line.sku);
        let of_sku = || legs.iter().map(|leg| &leg.row).filter(|leg| Some(leg.sku) == sku);
        let held: u64 = of_sku().map(|leg| u64::from(leg.units.held())).sum();
        let shipped: u64 = of_sku().map(|leg| u64::from(leg.units.shipped)).sum();
        match sku {
            Some(sku) if requested <= held => wanted.insert(sku, requested),
            _ if requested <= held + shipped => {
                return Err(Refusal::AlreadyShipped(ShippedUnits { shipped, held }));
            }
            _ => {
                let sku = line.sku.clone();
                return Err(Refusal::QuantityExceedsHeld(Excess { sku, requested, held }));
            }
        };
    }
    let mut chosen = Vec::new();
    for (index, leg) in legs.iter().enumerate().rev() {
        let Some(left) = wanted.get_mut(&leg.row.sku) else {
            continue;
        };
        let units = u64::from(leg.row.units.held()).min(*left);
        *left -= units;
        if units > 0 {
            chosen.push((index, u32::try_from(units).expect("no more than a leg holds")));
        }
    }
    chosen.reverse();
    Ok(chosen)
}

/// Moves units of legs; answers those that had some.
fn move_all(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    legs: Vec<(usize, u32)>,
    from: Place,
    to: Place,
    operation: Operation,
) -> Vec<(usize, u32)> {
    let mut moved = legs;
    moved.retain(|(_, units)| *units > 0);
    for &(leg, units) in &moved {
        let movement = Movement { from, to, units };
        batch.move_leg(order, leg, movement, batch.now, (operation, None));
    }
    moved
}

/// The state of an order that was placed, or is awaiting payment.
pub(super) fn placed_state(batch: &Batch<'_>, order: OrderIndex) -> Result<OrderState, Refusal> {
    batch.orders[order].row.state.ok_or(Refusal::UnknownOrder)
}

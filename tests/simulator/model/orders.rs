//! Extend, ship and release: what may become of the units that an order holds.

use super::{Leg, Model, Place, Reply, packages};
use crate::door::words::{Answer, Instant, Line, OrderAnswer, Package, Refusal, State};

impl Model {
    pub(super) fn extend(&mut self, now: Instant, order: usize, ttl_s: i64) -> Reply {
        let state = self.state_now(now, order)?;
        let found = &mut self.orders[order];
        if state == State::Expired {
            let expired_at = found.hold_ends;
            return Err(Refusal::ReservationExpired { expired_at, shortages: Vec::new() });
        }
        if found.sum(Place::Reserved) == 0 {
            return Err(Refusal::InvalidState(state));
        }
        found.hold_ends = now + ttl_s * 1_000;
        Ok(self.answer(order, state, Vec::new()))
    }

    pub(super) fn ship(&mut self, now: Instant, order: usize, package: Option<u32>) -> Reply {
        let state = self.state_now(now, order)?;
        let found = &self.orders[order];
        if let Some(number) = package
            && !found.legs.iter().any(|leg| leg.package == number)
        {
            return Err(Refusal::UnknownPackage(number));
        }
        let leaving: Vec<(usize, i64)> = (0..found.legs.len())
            .filter(|leg| package.is_none_or(|number| found.legs[*leg].package == number))
            .map(|leg| (leg, found.legs[leg].at(Place::Committed)))
            .filter(|(_, units)| *units > 0)
            .collect();
        if leaving.is_empty() {
            return Err(Refusal::InvalidState(state));
        }
        for (leg, units) in &leaving {
            let leg = &mut self.orders[order].legs[*leg];
            leg.shift(Place::Committed, Place::Shipped, *units);
            let Leg { sku, warehouse, .. } = leg.clone();
            self.leave(now, &sku, warehouse.as_deref(), *units);
        }
        let all = self.orders[order].held() == 0;
        let state = if all { State::Shipped } else { State::PartiallyShipped };
        Ok(self.answer(order, state, leaving))
    }

    pub(super) fn release(&mut self, now: Instant, order: usize, lines: Option<&[Line]>) -> Reply {
        if self.orders[order].state.is_none() && lines.is_none() {
            return Ok(self.answer(order, State::Released, Vec::new()));
        }
        let state = self.state_now(now, order)?;
        if state == State::Expired && lines.is_none() {
            return Ok(self.answer(order, State::Released, Vec::new()));
        }
        if matches!(state, State::Released | State::Expired) {
            return Err(Refusal::InvalidState(state));
        }
        let back = match lines {
            None => self.all_held(order)?,
            Some(lines) => self.held_of_lines(order, lines)?,
        };
        for (leg, units) in &back {
            self.give_back(now, order, *leg, Place::Released, *units);
        }
        let left = self.orders[order].held() + self.orders[order].sum(Place::Shipped);
        let state = if left == 0 { State::Released } else { State::PartiallyReleased };
        Ok(self.answer(order, state, back))
    }

    fn all_held(&self, order: usize) -> Result<Vec<(usize, i64)>, Refusal> {
        let order = &self.orders[order];
        if order.sum(Place::Shipped) > 0 {
            return Err(Refusal::AlreadyShipped {
                shipped: order.sum(Place::Shipped).unsigned_abs(),
                held: order.held().unsigned_abs(),
            });
        }
        let held = order.legs.iter().enumerate().map(|(leg, it)| (leg, it.held()));
        Ok(held.filter(|(_, units)| *units > 0).collect())
    }

    /// The last legs of each sku give first; every line counts before any unit moves.
    fn held_of_lines(&self, order: usize, lines: &[Line]) -> Result<Vec<(usize, i64)>, Refusal> {
        let legs = &self.orders[order].legs;
        let sum_of = |sku: &str, place| {
            legs.iter().filter(|leg| leg.sku == sku).map(|leg| leg.at(place)).sum::<i64>()
        };
        let mut back = vec![0_i64; legs.len()];
        for line in lines {
            let requested: i64 =
                lines.iter().filter(|it| it.sku == line.sku).map(|it| it.quantity).sum();
            let held = sum_of(&line.sku, Place::Reserved) + sum_of(&line.sku, Place::Committed);
            let shipped = sum_of(&line.sku, Place::Shipped);
            if requested > held && requested <= held + shipped {
                return Err(Refusal::AlreadyShipped {
                    shipped: shipped.unsigned_abs(),
                    held: held.unsigned_abs(),
                });
            }
            if requested > held {
                return Err(Refusal::QuantityExceedsHeld {
                    sku: line.sku.clone(),
                    requested: requested.unsigned_abs(),
                    held: held.unsigned_abs(),
                });
            }
        }
        for line in lines {
            let mut wanted = line.quantity;
            let of_sku = legs.iter().zip(&mut back).filter(|(leg, _)| leg.sku == line.sku);
            for (leg, back) in of_sku.rev() {
                let units = wanted.min(leg.held() - *back);
                *back += units;
                wanted -= units;
            }
        }
        Ok(back.into_iter().enumerate().filter(|(_, units)| *units > 0).collect())
    }

    /// The state of a placed order, with its hold ended if that is due.
    pub(super) fn state_now(&mut self, now: Instant, order: usize) -> Result<State, Refusal> {
        if self.orders[order].is_due(now) {
            self.end_hold(now, order);
        }
        self.orders[order].state.ok_or(Refusal::UnknownOrder)
    }

    /// Puts the order into a state and says which units of its legs moved.
    pub(super) fn answer(
        &mut self,
        order: usize,
        state: State,
        moved: Vec<(usize, i64)>,
    ) -> Answer {
        let order = &mut self.orders[order];
        order.state = Some(state);
        let packages: Vec<Package> =
            packages(moved.into_iter().map(|(leg, units)| (&order.legs[leg], units)));
        Answer::Order(OrderAnswer {
            order_id: order.id.clone(),
            state,
            expires_at: order.expires_at(),
            packages,
            shortages: Vec::new(),
            reserved_again: false,
        })
    }
}

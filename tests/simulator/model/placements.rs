//! Reserve, deduct and late payment: who gives what, and what is short.

use super::due::Where;
use super::routing::Route;
use super::{Leg, Model, Order, Place, Reply, packages};
use crate::door::words::{
    Answer, Instant, Line, Mode, OrderAnswer, Placement, Refusal, Shortage, State,
};
use std::collections::{BTreeMap, BTreeSet};

/// Units of one line from one warehouse (or none).
pub(super) struct Pick {
    line: usize,
    sku: String,
    warehouse: Option<String>,
    promised_ship_at: Option<Instant>,
    units: i64,
}

/// What may not be shipped there, each sku with the rule that says so.
type Denied = Vec<(String, String)>;

/// Who gives what, and what is short.
struct Plan {
    picks: Vec<Pick>,
    shortages: Vec<Shortage>,
    /// Left out, where a part does.
    denied: Denied,
    /// Nothing but another warehouse would help.
    is_unserved: bool,
}

impl Model {
    pub(super) fn reserve(&mut self, now: Instant, order: usize, body: &Placement) -> Reply {
        match body.mode {
            Mode::ReserveOnOrder => self.place(now, order, body, Place::Reserved),
            Mode::DeductOnOrder => self.place(now, order, body, Place::Committed),
            Mode::DeductOnPayment => self.await_payment(now, order, body),
        }
    }

    pub(super) fn deduct(&mut self, now: Instant, order: usize, body: &Placement) -> Reply {
        self.place(now, order, body, Place::Committed)
    }

    fn place(&mut self, now: Instant, order: usize, body: &Placement, to: Place) -> Reply {
        self.may_place(now, order, body)?;
        let route = route(body);
        let plan =
            self.plan_with_all_that_is_due(now, &body.lines, route.as_ref(), body.allow_partial)?;
        let Plan { picks, shortages, denied, is_unserved } = plan;
        if !shortages.is_empty() && (picks.is_empty() || !body.allow_partial) {
            return Err(if !denied.is_empty() {
                Refusal::RegionRestricted(denied)
            } else if is_unserved {
                Refusal::NoShippableWarehouse(shortages)
            } else {
                Refusal::InsufficientStock(shortages)
            });
        }
        self.orders[order].route = route;
        self.orders[order].hold_ends = now + body.ttl_s * 1_000;
        self.hold(now, order, picks, to);
        let placed = &mut self.orders[order];
        let state = if to == Place::Reserved { State::Reserved } else { State::Committed };
        placed.state = Some(state);
        Ok(placed_but(denied, OrderAnswer { shortages, ..newest_placement(placed) }))
    }

    /// Nothing is held; the packages are those that a deduction would make now.
    fn await_payment(&mut self, now: Instant, order: usize, body: &Placement) -> Reply {
        self.may_place(now, order, body)?;
        let route = route(body);
        let plan =
            self.plan_with_all_that_is_due(now, &body.lines, route.as_ref(), body.allow_partial)?;
        let Plan { picks, shortages, denied, .. } = plan;
        let order = &mut self.orders[order];
        order.route = route;
        order.state = Some(State::AwaitingPayment);
        let legs = order.legs_of(picks, Place::Reserved);
        let answer = OrderAnswer {
            order_id: order.id.clone(),
            state: State::AwaitingPayment,
            expires_at: None,
            packages: packages(legs.iter().map(|leg| (leg, leg.held()))),
            shortages,
            reserved_again: false,
        };
        Ok(placed_but(denied, answer))
    }

    fn may_place(&mut self, now: Instant, order: usize, body: &Placement) -> Result<(), Refusal> {
        if self.orders[order].is_due(now) {
            self.end_hold(now, order);
        }
        match self.orders[order].state {
            None | Some(State::Expired | State::AwaitingPayment) => {}
            Some(State::Released) if self.orders[order].legs.is_empty() => {
                return Err(Refusal::AlreadyReleased);
            }
            Some(state) => return Err(Refusal::OrderExists(state)),
        }
        let mut unknown: Vec<String> = Vec::new();
        for line in &body.lines {
            if !self.sellable.contains_key(&line.sku) && !unknown.contains(&line.sku) {
                unknown.push(line.sku.clone());
            }
        }
        if unknown.is_empty() { Ok(()) } else { Err(Refusal::UnknownSku(unknown)) }
    }

    /// An expired hold counts as free, even one that no batch has ended yet.
    fn plan_with_all_that_is_due(
        &mut self,
        now: Instant,
        lines: &[Line],
        route: Option<&Route>,
        allow_partial: bool,
    ) -> Result<Plan, Refusal> {
        let mut denied = Denied::new();
        if let Some(route) = route {
            let mut skus: Vec<&str> = Vec::new();
            for line in lines {
                if !skus.contains(&line.sku.as_str()) {
                    skus.push(&line.sku);
                }
            }
            denied = self.denied(now, &skus, &route.to);
            if !denied.is_empty() && (denied.len() == skus.len() || !allow_partial) {
                return Err(Refusal::RegionRestricted(denied));
            }
        }
        // Where units come from depends on what is free, not only whether they suffice.
        if route.is_none() && !self.due_is_free {
            let plan = self.plan(now, lines, route, &denied);
            if plan.shortages.is_empty() {
                return Ok(plan);
            }
        }
        self.due_is_free = true;
        Ok(self.without_due(now).plan(now, lines, route, &denied))
    }

    /// Nobody gives what is denied.
    fn plan(&self, now: Instant, lines: &[Line], route: Option<&Route>, denied: &Denied) -> Plan {
        let is_denied = |line: &Line| denied.iter().any(|(sku, _)| *sku == line.sku);
        let asked: Vec<Line> = lines.iter().filter(|line| !is_denied(line)).cloned().collect();
        let givers = route.map(|route| self.givers(now, &asked, route));
        let mut sellable = self.sellable.clone();
        let mut picks: Vec<Pick> = Vec::new();
        let mut short: BTreeMap<&str, (usize, Shortage)> = BTreeMap::new();
        for (number, line) in lines.iter().enumerate() {
            let stocking = self.warehouses_of(&line.sku);
            let places = match &givers {
                _ if is_denied(line) => Vec::new(),
                Some(givers) if !stocking.is_empty() => {
                    let both = givers.iter().filter(|code| stocking.contains(code));
                    both.cloned().map(Some).collect()
                }
                _ => vec![None],
            };
            let promised = sellable.get_mut(&line.sku).expect("unknown skus were refused");
            let mut wanted = line.quantity;
            for warehouse in places {
                let lying = self.free(&line.sku, warehouse.as_deref(), &picks);
                let units = wanted.min(lying).min(*promised);
                if units > 0 {
                    *promised -= units;
                    wanted -= units;
                    let promised_ship_at =
                        warehouse.as_deref().and_then(|code| self.promise(now, code));
                    let sku = line.sku.clone();
                    picks.push(Pick { line: number, sku, warehouse, promised_ship_at, units });
                }
            }
            let (_, shortage) = short.entry(&line.sku).or_insert_with(|| {
                (number, Shortage { sku: line.sku.clone(), requested: 0, available: 0 })
            });
            shortage.requested += u64::try_from(line.quantity).unwrap();
            shortage.available += u64::try_from(line.quantity - wanted).unwrap();
        }
        let mut short: Vec<(usize, Shortage)> =
            short.into_values().filter(|(_, it)| it.available < it.requested).collect();
        short.sort_by_key(|(number, _)| *number);
        let shortages: Vec<Shortage> = short.into_iter().map(|(_, it)| it).collect();
        let is_unserved = |sku: &str| route.is_some_and(|route| self.is_unserved(now, sku, route));
        let is_unserved =
            !shortages.is_empty() && shortages.iter().all(|short| is_unserved(&short.sku));
        Plan { picks, shortages, denied: denied.clone(), is_unserved }
    }

    /// Warehouses stock it, and none of them may ever ship it there.
    fn is_unserved(&self, now: Instant, sku: &str, route: &Route) -> bool {
        let stocking = self.warehouses_of(sku);
        let may = |code: &String| self.rank(now, code, route).is_some();
        !stocking.is_empty() && !stocking.iter().any(may)
    }

    /// What lies in a warehouse and nobody holds, after these picks; without one there is no bound.
    pub(super) fn free(&self, sku: &str, warehouse: Option<&str>, picks: &[Pick]) -> i64 {
        let Some(code) = warehouse else {
            return i64::MAX;
        };
        let picked: i64 = picks
            .iter()
            .filter(|pick| pick.sku == sku && pick.warehouse.as_deref() == warehouse)
            .map(|pick| pick.units)
            .sum();
        self.free_at(sku, code) - picked
    }

    fn hold(&mut self, now: Instant, order: usize, picks: Vec<Pick>, place: Place) {
        let mut needs: BTreeMap<Where, i64> = BTreeMap::new();
        for pick in &picks {
            for warehouse in BTreeSet::from([None, pick.warehouse.clone()]) {
                *needs.entry((pick.sku.clone(), warehouse)).or_default() += pick.units;
            }
        }
        self.end_due_for(now, &needs);
        for pick in &picks {
            self.sell(now, &pick.sku, pick.warehouse.as_deref(), -pick.units);
        }
        let order = &mut self.orders[order];
        let legs = order.legs_of(picks, place);
        order.legs.extend(legs);
        order.placements += 1;
    }

    pub(super) fn confirm(&mut self, now: Instant, order: usize) -> Reply {
        let known = self.orders[order].state.ok_or(Refusal::UnknownOrder)?;
        if self.orders[order].is_due(now) {
            self.end_hold(now, order);
        }
        if self.orders[order].state == Some(State::Expired) {
            return self.reserve_again(now, order);
        }
        let found = &mut self.orders[order];
        if found.sum(Place::Reserved) == 0 {
            return Err(Refusal::InvalidState(known));
        }
        let before = found.clone();
        let mut moved = 0;
        for leg in &mut found.legs {
            let units = leg.at(Place::Reserved);
            leg.shift(Place::Reserved, Place::Committed, units);
            moved += usize::from(units > 0);
        }
        found.state = Some(State::Committed);
        (0..moved).for_each(|_| self.write_row(now));
        Ok(Answer::Order(OrderAnswer {
            order_id: before.id.clone(),
            state: State::Committed,
            expires_at: None,
            packages: packages(before.legs.iter().map(|leg| (leg, leg.at(Place::Reserved)))),
            shortages: Vec::new(),
            reserved_again: false,
        }))
    }

    /// Payment came late: everything that the hold lost is placed anew, or nothing.
    fn reserve_again(&mut self, now: Instant, order: usize) -> Reply {
        let lost = self.orders[order].clone();
        let mut lines: BTreeMap<u32, Line> = BTreeMap::new();
        for leg in lost.legs.iter().filter(|leg| leg.placement == lost.placements) {
            if leg.at(Place::Expired) > 0 {
                let line = lines
                    .entry(leg.line)
                    .or_insert_with(|| Line { sku: leg.sku.clone(), quantity: 0 });
                line.quantity += leg.at(Place::Expired);
            }
        }
        let lines: Vec<Line> = lines.into_values().collect();
        let plan = self.plan_with_all_that_is_due(now, &lines, lost.route.as_ref(), false)?;
        let Plan { picks, shortages, .. } = plan;
        if !shortages.is_empty() {
            return Err(Refusal::ReservationExpired { expired_at: lost.hold_ends, shortages });
        }
        self.hold(now, order, picks, Place::Committed);
        self.orders[order].state = Some(State::Committed);
        let answer = newest_placement(&self.orders[order]);
        Ok(Answer::Order(OrderAnswer { reserved_again: true, ..answer }))
    }
}

impl Order {
    /// The legs that the next placement makes of picks: lines and packages go on counting.
    fn legs_of(&self, picks: Vec<Pick>, place: Place) -> Vec<Leg> {
        let lines_before = self.legs.iter().map(|leg| leg.line).max().unwrap_or(0);
        let packages_before = self.legs.iter().map(|leg| leg.package).max().unwrap_or(0);
        let mut warehouses: Vec<Option<String>> = Vec::new();
        let mut legs = Vec::new();
        for pick in picks {
            if !warehouses.contains(&pick.warehouse) {
                warehouses.push(pick.warehouse.clone());
            }
            let package = warehouses.iter().position(|it| *it == pick.warehouse).unwrap();
            legs.push(Leg {
                placement: self.placements + 1,
                line: lines_before + 1 + u32::try_from(pick.line).unwrap(),
                package: packages_before + 1 + u32::try_from(package).unwrap(),
                sku: pick.sku,
                promised_ship_at: pick.promised_ship_at,
                warehouse: pick.warehouse,
                units: BTreeMap::from([(place, pick.units)]),
            });
        }
        legs
    }
}

fn route(body: &Placement) -> Option<Route> {
    Some(Route { to: body.ship_to.clone()?, by: body.strategy })
}

/// The answer to an order that these skus were left out of.
fn placed_but(denied: Denied, answer: OrderAnswer) -> Answer {
    if denied.is_empty() { Answer::Order(answer) } else { Answer::OrderInPart(answer, denied) }
}

fn newest_placement(order: &Order) -> OrderAnswer {
    let newest = order.legs.iter().filter(|leg| leg.placement == order.placements);
    OrderAnswer {
        order_id: order.id.clone(),
        state: order.state.unwrap_or(State::AwaitingPayment),
        expires_at: order.expires_at(),
        packages: packages(newest.map(|leg| (leg, leg.held()))),
        shortages: Vec::new(),
        reserved_again: false,
    }
}

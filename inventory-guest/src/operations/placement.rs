//! Placing orders: choosing where units come from, and holding them.

use super::batch::{Batch, LegEntry, MetIndex, Need, OrderIndex, Ranking, SkuIndex, Stock};
use super::{Fault, Stop};
use crate::domain::ledger::{Movement, Place};
use crate::domain::order::LegUnits;
use crate::domain::routing::{self, Demand, Explained, Plan, Short, Site, Supply, explain};
use crate::domain::{
    Answer, Denied, Line, Mode, Operation, OrderAnswer, OrderState, Package, Placement, Quantity,
    Refusal, Shortage, Sku, Strategy,
};
use crate::storage::orders::{LegRow, Route};
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What an order wants: its distinct skus, and a demand (of one of them) for each line.
pub(super) struct Wanted {
    pub(super) skus: Vec<SkuIndex>,
    pub(super) demands: Vec<Demand>,
    /// A part of it will do.
    allow_partial: bool,
    /// Why each warehouse is taken or passed over is asked for, too.
    pub(super) explain: bool,
    /// The place of each of `skus`.
    places: FxHashMap<SkuIndex, usize>,
}

pub(super) fn reserve(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    placement: &Placement,
) -> Result<Answer, Stop> {
    match placement.mode {
        Mode::ReserveOnOrder => place(batch, order, placement, Operation::Reserve),
        Mode::DeductOnOrder => place(batch, order, placement, Operation::Deduct),
        Mode::DeductOnPayment => await_payment(batch, order, placement),
    }
}

pub(super) fn deduct(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    placement: &Placement,
) -> Result<Answer, Stop> {
    place(batch, order, placement, Operation::Deduct)
}

fn place(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    placement: &Placement,
    operation: Operation,
) -> Result<Answer, Stop> {
    check_open(batch, order)?;
    let wanted = wanted(batch, &placement.lines, placement.allow_partial)?;
    let route = route(placement);
    let chosen = plan(batch, &wanted, route.as_ref())?;
    if let Some(refusal) = chosen.refusal(batch, &wanted) {
        return Err(refusal.into());
    }
    batch.orders[order].row.route = route;
    let moved = hold(batch, order, &wanted, &chosen, operation)?;
    let row = &mut batch.orders[order].row;
    (row.state, row.expires_at) = if operation == Operation::Reserve {
        (Some(OrderState::Reserved), Some(placement.expires_at(batch.now)))
    } else {
        (Some(OrderState::Committed), None)
    };
    let answer = batch.order_answer(order, &moved);
    Ok(chosen.answer(batch, &wanted, answer))
}

/// Remembers the order, and answers the plan that payment would find now; holds nothing.
fn await_payment(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    placement: &Placement,
) -> Result<Answer, Stop> {
    check_open(batch, order)?;
    let wanted = wanted(batch, &placement.lines, placement.allow_partial)?;
    let route = route(placement);
    let chosen = plan(batch, &wanted, route.as_ref())?;
    let packages = planned_packages(batch, Some(order), &wanted, &chosen);
    let row = &mut batch.orders[order].row;
    row.state = Some(OrderState::AwaitingPayment);
    row.route = route;
    let answer = OrderAnswer { packages, ..batch.order_answer(order, &[]) };
    Ok(chosen.answer(batch, &wanted, answer))
}

/// What is kept of where the order goes.
fn route(placement: &Placement) -> Option<Route> {
    let ship_to = placement.ship_to.clone()?;
    Some(Route { ship_to, strategy: placement.strategy })
}

/// Whether the order may be placed: it is new, or what there was of it holds nothing any more.
fn check_open(batch: &Batch<'_>, order: OrderIndex) -> Result<(), Refusal> {
    let entry = &batch.orders[order];
    match entry.row.state {
        None | Some(OrderState::Expired | OrderState::AwaitingPayment) => Ok(()),
        Some(OrderState::Released) if entry.legs.is_empty() => Err(Refusal::AlreadyReleased),
        Some(state) => Err(Refusal::OrderExists(state)),
    }
}

pub(super) fn wanted(
    batch: &Batch<'_>,
    lines: &[Line],
    allow_partial: bool,
) -> Result<Wanted, Refusal> {
    let mut wanted = Wanted { allow_partial, ..Wanted::with_capacity(lines.len()) };
    let mut unknown: Vec<Sku> = Vec::new();
    for line in lines {
        let sku = batch.stock.index(&line.sku).expect("a placement's skus are prefetched");
        if batch.stock.counters(sku).is_none() && !unknown.contains(&line.sku) {
            unknown.push(line.sku.clone());
        }
        wanted.add(sku, line.quantity.get());
    }
    if unknown.is_empty() { Ok(wanted) } else { Err(Refusal::UnknownSku(unknown)) }
}

impl Wanted {
    pub(super) fn with_capacity(lines: usize) -> Self {
        let (skus, demands) = (Vec::with_capacity(lines), Vec::with_capacity(lines));
        let (allow_partial, explain) = (false, false);
        Self { skus, demands, allow_partial, explain, places: FxHashMap::default() }
    }

    /// Adds a line.
    pub(super) fn add(&mut self, sku: SkuIndex, units: u32) {
        let supply = *self.places.entry(sku).or_insert(self.skus.len());
        if supply == self.skus.len() {
            self.skus.push(sku);
        }
        self.demands.push(Demand { supply, units });
    }

    /// What there is of each sku where the order goes; nothing of those that are denied there.
    fn supplies<'s>(
        &self,
        stock: &'s Stock<'_>,
        ranking: Ranking<'_>,
        denied: &[Denied],
    ) -> Vec<Supply<'s>> {
        let mut denied = denied.iter().map(|it| &it.sku).peekable();
        let supply = |sku: &SkuIndex| {
            // They are in order of the skus.
            if denied.next_if(|it| *it == stock.sku(*sku)).is_some() {
                return Supply { sellable: 0, sites: None };
            }
            stock.routed_supply(*sku, ranking)
        };
        self.skus.iter().map(supply).collect()
    }
}

/// Who gives what, as far as anybody may.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) plan: Plan,
    /// No warehouse that stocks what is short may ship it: nothing would help but another one.
    is_unserved: bool,
    /// What may not be shipped there, though a part would do.
    pub(super) denied: Vec<Denied>,
    /// Where that is asked for.
    pub(super) explained: Vec<Explained>,
}

impl Chosen {
    /// Why it does not do; where a part does, only where there is none.
    fn refusal(&self, batch: &Batch<'_>, wanted: &Wanted) -> Option<Refusal> {
        let enough = wanted.allow_partial && !self.plan.shares.is_empty();
        if self.plan.shorts.is_empty() || enough {
            return None;
        }
        if !self.denied.is_empty() {
            return Some(Refusal::RegionRestricted(self.denied.clone()));
        }
        let shortages = shortages(batch, wanted, self);
        Some(if self.is_unserved {
            Refusal::NoShippableWarehouse(shortages)
        } else {
            Refusal::InsufficientStock(shortages)
        })
    }

    /// The answer, with what is short of the order.
    fn answer(self, batch: &Batch<'_>, wanted: &Wanted, answer: OrderAnswer) -> Answer {
        let answer = OrderAnswer { shortages: shortages(batch, wanted, &self), ..answer };
        if self.denied.is_empty() {
            Answer::Order(answer)
        } else {
            Answer::OrderInPart(answer, self.denied)
        }
    }
}

/// Reads where the skus of an order lie, and the rules about them: what a batch's own placements
/// want has been read with it.
pub(super) fn prepare(
    batch: &mut Batch<'_>,
    wanted: &Wanted,
    route: Option<&Route>,
) -> Result<(), Fault> {
    let Some(Route { ship_to, .. }) = route else {
        return Ok(());
    };
    batch.read_sites(wanted.skus.iter().copied())?;
    let wanted: Vec<_> = wanted.skus.iter().map(|sku| (*sku, &ship_to.adcode)).collect();
    batch.read_rules(&wanted)
}

/// Chooses who gives what, of skus that are prepared for. What may not be shipped there is refused
/// (where it is to be explained, nothing is planned), or, where a part does, nobody gives it. Holds
/// that are due but have not ended count as free: without a route only where there is too little
/// otherwise, which comes to the same.
pub(super) fn plan(
    batch: &mut Batch<'_>,
    wanted: &Wanted,
    route: Option<&Route>,
) -> Result<Chosen, Stop> {
    let mut denied = Vec::new();
    if let Some(Route { ship_to, .. }) = route {
        batch.read_kept()?;
        let now = batch.now;
        let (routing, stock) = batch.routing();
        denied = routing.denied(stock, &wanted.skus, &ship_to.adcode, now);
        let all = denied.len() == wanted.skus.len();
        if !denied.is_empty() && (all || !wanted.allow_partial) {
            if !wanted.explain {
                return Err(Refusal::RegionRestricted(denied).into());
            }
            let explained = choose(batch, wanted, route, &denied).explained;
            let explained = explained.into_iter().map(Explained::of_refused).collect();
            return Ok(Chosen { denied, explained, ..Chosen::default() });
        }
    }
    // Where units come from depends on what is free everywhere, not only on whether it suffices.
    if route.is_some() {
        batch.count_due(&wanted.skus)?;
    }
    let mut chosen = choose(batch, wanted, route, &denied);
    if !chosen.plan.shorts.is_empty() && batch.count_due(&wanted.skus)? {
        chosen = choose(batch, wanted, route, &denied);
    }
    if !chosen.plan.shorts.is_empty() {
        batch.check_all_due_counted()?;
    }
    Ok(Chosen { denied, ..chosen })
}

fn choose(
    batch: &mut Batch<'_>,
    wanted: &Wanted,
    route: Option<&Route>,
    denied: &[Denied],
) -> Chosen {
    let Some(Route { ship_to, strategy }) = route else {
        let supplies: Vec<_> = wanted.skus.iter().map(|sku| batch.stock.supply(*sku)).collect();
        let plan = routing::plan(&wanted.demands, &supplies, Strategy::Priority, |_| true);
        return Chosen { plan, ..Chosen::default() };
    };
    let (routing, stock) = batch.routing();
    let catalog = Rc::clone(&routing.catalog);
    let destination = catalog.destination(&ship_to.adcode, ship_to.location);
    let ranking = Ranking { destination: &destination, strategy: *strategy };
    let supplies = wanted.supplies(stock, ranking, denied);
    let is_open = |warehouse| routing.promises.promised_ship_at(warehouse).is_some();
    let plan = routing::plan(&wanted.demands, &supplies, *strategy, is_open);
    let is_closed = |site: &Site| plan.closed.binary_search(&site.warehouse).is_ok();
    let is_unserved = |short: &Short| {
        let sites = supplies[short.supply].sites.as_ref();
        sites.is_some_and(|sites| sites.iter().all(is_closed))
    };
    let is_unserved = !plan.shorts.is_empty() && plan.shorts.iter().all(is_unserved);
    let mut explained = Vec::new();
    if wanted.explain {
        let stocking = wanted.skus.iter().flat_map(|sku| stock.stocking(*sku));
        let considered = destination.considered(*strategy, stocking);
        let kept = |supply: usize, site: &Site| stock.kept(wanted.skus[supply], site.index);
        explained = explain(&wanted.demands, &supplies, &plan, &considered, kept);
        if !denied.is_empty() {
            let there = wanted.supplies(stock, ranking, &[]);
            let there = explain(&wanted.demands, &there, &plan, &considered, kept);
            let pairs = explained.into_iter().zip(&there);
            explained = pairs.map(|(it, there)| it.denying(there)).collect();
        }
    }
    Chosen { plan, is_unserved, explained, ..Chosen::default() }
}

/// The plan's shortages, by name.
pub(super) fn shortages(batch: &Batch<'_>, wanted: &Wanted, chosen: &Chosen) -> Vec<Shortage> {
    let shorts = chosen.plan.shorts.iter();
    shorts.map(|it| batch.shortage(wanted.skus[it.supply], it.requested, it.available)).collect()
}

/// Makes a leg of every share, in a placement of its own, once the due holds that have its units
/// have ended. Answers the legs and their units.
pub(super) fn hold(
    batch: &mut Batch<'_>,
    order: OrderIndex,
    wanted: &Wanted,
    Chosen { plan, .. }: &Chosen,
    operation: Operation,
) -> Result<Vec<(usize, u32)>, Fault> {
    if batch.is_any_due() {
        batch.end_due(needs(wanted, plan))?;
    }
    let packages = package_numbers(batch, Some(order), wanted, plan);
    let entry = &batch.orders[order];
    let placement = entry.last_placement() + 1;
    let first_line = entry.legs.iter().map(|leg| leg.row.line).max().unwrap_or(0) + 1;
    let to = if operation == Operation::Reserve { Place::Reserved } else { Place::Committed };
    let mut moved = Vec::with_capacity(plan.shares.len());
    for (share, package) in plan.shares.iter().zip(packages) {
        let movement = Movement { from: Place::Sellable, to, units: share.units };
        let sku = wanted.skus[wanted.demands[share.demand].supply];
        let promised_ship_at = batch.promised_ship_at(sku, share.site);
        let leg = LegEntry::new(LegRow {
            placement,
            line: first_line + u32::try_from(share.demand).expect("an order has 1,000 lines"),
            package,
            sku,
            warehouse: share.site,
            units: LegUnits::placed(movement),
            promised_ship_at,
            ended_at: None,
        });
        moved.push((batch.orders[order].legs.len(), share.units));
        batch.place_leg(order, leg, movement, operation);
    }
    Ok(moved)
}

/// What must be free for a plan to be held: first in each warehouse, then to be sold.
fn needs(wanted: &Wanted, plan: &Plan) -> impl Iterator<Item = Need> {
    let mut needs: BTreeMap<(SkuIndex, Option<usize>), u64> = BTreeMap::new();
    for share in &plan.shares {
        let sku = wanted.skus[wanted.demands[share.demand].supply];
        *needs.entry((sku, None)).or_default() += u64::from(share.units);
        if share.site.is_some() {
            *needs.entry((sku, share.site)).or_default() += u64::from(share.units);
        }
    }
    needs.into_iter().rev().map(|((sku, site), units)| Need { sku, site, units })
}

/// The package of each share: those of one warehouse leave together, numbered on from the last.
fn package_numbers(
    batch: &Batch<'_>,
    order: Option<OrderIndex>,
    wanted: &Wanted,
    plan: &Plan,
) -> Vec<u32> {
    let legs = order.map_or(&[][..], |order| &batch.orders[order].legs);
    let first = legs.iter().map(|leg| leg.row.package).max().unwrap_or(0) + 1;
    let mut indexes: FxHashMap<Option<MetIndex>, usize> = FxHashMap::default();
    let number = |share: &routing::Share| {
        let sku = wanted.skus[wanted.demands[share.demand].supply];
        let warehouse = share.site.map(|site| batch.stock.met(sku, site));
        let next = indexes.len();
        let index = *indexes.entry(warehouse).or_insert(next);
        first + u32::try_from(index).expect("an order has fewer packages than legs")
    };
    plan.shares.iter().map(number).collect()
}

/// The packages of a plan that is not held.
pub(super) fn planned_packages(
    batch: &mut Batch<'_>,
    order: Option<OrderIndex>,
    wanted: &Wanted,
    Chosen { plan, .. }: &Chosen,
) -> Vec<Package> {
    let numbers = package_numbers(batch, order, wanted, plan);
    let mut packages: Vec<Package> = Vec::new();
    for (share, number) in plan.shares.iter().zip(numbers) {
        let sku = wanted.skus[wanted.demands[share.demand].supply];
        let quantity = Quantity::counted(share.units);
        let line = Line { sku: batch.stock.sku(sku).clone(), quantity };
        let first = packages.first().map_or(number, |package| package.number);
        match packages.get_mut((number - first) as usize) {
            Some(package) => package.lines.push(line),
            None => packages.push(Package {
                number,
                warehouse: share.site.map(|site| batch.stock.code(sku, site).clone()),
                lines: vec![line],
                promised_ship_at: batch.promised_ship_at(sku, share.site),
            }),
        }
    }
    packages
}

//! The judge: a small model of the inventory, written from spec.md alone and sharing nothing with
//! the guest. It is as slow and as plain as can be: it keeps only what cannot be derived (sellable,
//! on hand, unavailable, and the legs of orders) and adds everything else up from the legs whenever
//! it is asked, so a counter cannot drift here.

mod adjustments;
mod calendars;
mod catalog;
mod counts;
mod due;
mod ledger;
mod orders;
mod placements;
mod reads;
mod routing;
mod snapshots;
mod transfers;

use crate::door::counts::{Count, Missing};
use crate::door::words::{
    Answer, Command, HistoryEntry, Instant, Outcome, Package, Refusal, State,
};
use catalog::{Entry, Key};
use counts::Moment;
use ledger::Shipment;
use routing::Route;
use serde_json::Value;
use snapshots::Session;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The most that a counter may hold.
const UNITS_MAX: i64 = 2_147_483_647;

type Reply = Result<Answer, Refusal>;

/// Everything the inventory is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    sellable: BTreeMap<String, i64>,
    sites: BTreeMap<(String, String), Site>,
    /// In the order in which their ids were first heard.
    orders: Vec<Order>,
    answered: Vec<Rc<Answered>>,
    /// When each row of the change feed was written, the first first.
    rows: Vec<Instant>,
    shipments: Vec<Shipment>,
    /// Of each sku of a warehouse, and of the warehouse as a whole, the last count.
    moments: BTreeMap<(String, Option<String>), Moment>,
    /// What the last counts did not find though it was held, by warehouse and sku.
    missing: BTreeMap<(String, String), Missing>,
    sessions: Vec<Session>,
    catalog: BTreeMap<Key, Entry>,
    /// The sequence of the catalog's last change.
    catalog_seq: u64,
    /// Holds that this batch has ended and no `expire` of it has counted.
    uncounted: usize,
    /// For the rest of this batch, what due holds have counts as free.
    due_is_free: bool,
}

/// What lies in a warehouse of one sku.
#[derive(Clone, Copy, Debug, Default)]
struct Site {
    on_hand: i64,
    unavailable: i64,
}

#[derive(Clone, Debug)]
struct Order {
    id: String,
    /// `None`: only refused requests have named it.
    state: Option<State>,
    /// When the hold ends; after that, when it ended.
    hold_ends: Instant,
    route: Option<Route>,
    legs: Vec<Leg>,
    placements: u32,
    history: Vec<HistoryEntry>,
}

/// Units of one line of an order from one warehouse (or none).
#[derive(Clone, Debug)]
struct Leg {
    placement: u32,
    line: u32,
    package: u32,
    sku: String,
    warehouse: Option<String>,
    promised_ship_at: Option<Instant>,
    units: BTreeMap<Place, i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Reserved,
    Committed,
    Shipped,
    Released,
    Expired,
}

/// A request and its answer, remembered for ever.
#[derive(Clone, Debug)]
struct Answered {
    command: Command,
    reply: Reply,
}

impl Model {
    /// What a batch comes to. Changes of the catalog, counts and steps of snapshots are alone; what
    /// stands between them begins with the holds that are due.
    pub(crate) fn apply(&mut self, now: Instant, commands: &[Command]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for run in commands.chunk_by(|a, b| !is_alone(a) && !is_alone(b)) {
            if !is_alone(&run[0]) {
                self.begin_batch(now);
            }
            outcomes.extend(run.iter().map(|command| self.decide(now, command)));
        }
        outcomes
    }

    fn decide(&mut self, now: Instant, command: &Command) -> Outcome {
        if let Command::Snapshot(snapshot) = command {
            return self.snapshot(now, snapshot);
        }
        if let Some(first) = self.answered.iter().find(|it| same_identity(&it.command, command)) {
            return if first.command == *command {
                Outcome { replayed: true, result: first.reply.clone() }
            } else {
                Outcome { replayed: false, result: Err(Refusal::IdempotencyConflict) }
            };
        }
        let order = order_id(command).map(|id| self.order_number(id));
        let reply = self.do_it(now, command, order);
        if let Some(order) = order {
            self.orders[order].history.push(HistoryEntry {
                at: now,
                operation: operation(command).to_owned(),
                request_id: request_id(command).cloned(),
                outcome: reply.as_ref().map_or_else(Refusal::code, |_| "ok").to_owned(),
            });
        }
        self.answered.push(Rc::new(Answered { command: command.clone(), reply: reply.clone() }));
        Outcome { replayed: false, result: reply }
    }

    fn do_it(&mut self, now: Instant, command: &Command, order: Option<usize>) -> Reply {
        match (command, order) {
            (Command::Reserve(placement), Some(order)) => self.reserve(now, order, placement),
            (Command::Deduct(placement), Some(order)) => self.deduct(now, order, placement),
            (Command::Confirm { .. }, Some(order)) => self.confirm(now, order),
            (Command::Extend { ttl_s, .. }, Some(order)) => self.extend(now, order, *ttl_s),
            (Command::Ship { package, .. }, Some(order)) => self.ship(now, order, *package),
            (Command::Release { lines, .. }, Some(order)) => {
                self.release(now, order, lines.as_deref())
            }
            (Command::Transfer { package, warehouse, .. }, Some(order)) => {
                self.transfer(now, order, *package, warehouse)
            }
            (Command::Adjust { items, .. }, _) => self.adjust(now, items),
            (Command::Expire(limit), _) => Ok(Answer::Expired(self.expire(now, *limit))),
            (Command::Count(count), _) => self.count(now, count),
            (Command::Catalog(body), _) => self.change(now, body),
            (Command::Snapshot(_), _) => unreachable!("snapshots have no identity"),
            (_, None) => unreachable!("every other command names an order"),
        }
    }

    fn order_number(&mut self, id: &str) -> usize {
        self.orders.iter().position(|order| order.id == id).unwrap_or_else(|| {
            self.orders.push(Order {
                id: id.to_owned(),
                state: None,
                hold_ends: 0,
                route: None,
                legs: Vec::new(),
                placements: 0,
                history: Vec::new(),
            });
            self.orders.len() - 1
        })
    }

    fn end_hold(&mut self, now: Instant, order: usize) {
        for leg in 0..self.orders[order].legs.len() {
            let units = self.orders[order].legs[leg].at(Place::Reserved);
            self.give_back(now, order, leg, Place::Expired, units);
        }
        self.orders[order].state = Some(State::Expired);
        self.orders[order].history.push(HistoryEntry {
            at: now,
            operation: "expire".to_owned(),
            request_id: None,
            outcome: "ok".to_owned(),
        });
    }

    /// Held units of a leg become sellable again.
    fn give_back(&mut self, now: Instant, order: usize, leg: usize, to: Place, units: i64) {
        if units == 0 {
            return;
        }
        let leg = &mut self.orders[order].legs[leg];
        let from = leg.held_at();
        leg.shift(from, to, units);
        let Leg { sku, warehouse, .. } = leg.clone();
        self.sell(now, &sku, warehouse.as_deref(), units);
    }

    /// Units of a sku in a place, in one warehouse or (`None`) in none.
    fn sum(&self, sku: &str, warehouse: Option<&str>, place: Place) -> i64 {
        let legs = self.orders.iter().flat_map(|order| &order.legs);
        legs.filter(|leg| leg.sku == sku && leg.warehouse.as_deref() == warehouse)
            .map(|leg| leg.at(place))
            .sum()
    }

    /// Units of a sku held for orders in one warehouse or in none.
    fn held(&self, sku: &str, warehouse: Option<&str>) -> i64 {
        self.sum(sku, warehouse, Place::Reserved) + self.sum(sku, warehouse, Place::Committed)
    }

    /// Units of a sku held for orders anywhere.
    fn held_anywhere(&self, sku: &str) -> i64 {
        let legs = self.orders.iter().flat_map(|order| &order.legs);
        legs.filter(|leg| leg.sku == sku).map(Leg::held).sum()
    }

    /// The warehouses that know a sku, in order of their codes.
    fn warehouses_of(&self, sku: &str) -> Vec<String> {
        self.sites.keys().filter(|(of, _)| of == sku).map(|(_, it)| it.clone()).collect()
    }
}

impl Order {
    fn sum(&self, place: Place) -> i64 {
        self.legs.iter().map(|leg| leg.at(place)).sum()
    }

    fn held(&self) -> i64 {
        self.legs.iter().map(Leg::held).sum()
    }

    fn is_due(&self, now: Instant) -> bool {
        self.sum(Place::Reserved) > 0 && self.hold_ends <= now
    }

    /// When the hold ends, while units are reserved.
    fn expires_at(&self) -> Option<Instant> {
        (self.sum(Place::Reserved) > 0).then_some(self.hold_ends)
    }
}

impl Leg {
    fn at(&self, place: Place) -> i64 {
        self.units.get(&place).copied().unwrap_or(0)
    }

    fn held(&self) -> i64 {
        self.at(Place::Reserved) + self.at(Place::Committed)
    }

    fn held_at(&self) -> Place {
        if self.at(Place::Reserved) > 0 { Place::Reserved } else { Place::Committed }
    }

    fn quantity(&self) -> i64 {
        self.units.values().sum()
    }

    fn shift(&mut self, from: Place, to: Place, units: i64) {
        *self.units.entry(from).or_default() -= units;
        *self.units.entry(to).or_default() += units;
        assert!(self.units.values().all(|units| *units >= 0), "the model moved too much: {self:?}");
    }
}

fn order_id(command: &Command) -> Option<&str> {
    match command {
        Command::Reserve(placement) | Command::Deduct(placement) => Some(&placement.order_id),
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

fn request_id(command: &Command) -> Option<&String> {
    match command {
        Command::Reserve(placement) | Command::Deduct(placement) => placement.request_id.as_ref(),
        Command::Confirm { request_id, .. }
        | Command::Extend { request_id, .. }
        | Command::Ship { request_id, .. }
        | Command::Release { request_id, .. }
        | Command::Transfer { request_id, .. }
        | Command::Adjust { request_id, .. } => request_id.as_ref(),
        Command::Count(count) => count.request_id.as_ref(),
        Command::Expire(_) | Command::Catalog(_) | Command::Snapshot(_) => None,
    }
}

fn operation(command: &Command) -> &'static str {
    match command {
        Command::Reserve(_) => "reserve",
        Command::Deduct(_) => "deduct",
        Command::Confirm { .. } => "confirm",
        Command::Extend { .. } => "extend",
        Command::Ship { .. } => "ship",
        Command::Release { .. } => "release",
        Command::Transfer { .. } => "transfer",
        Command::Adjust { .. } => "adjust",
        Command::Expire(_) => "expire",
        Command::Count(_) => "count",
        Command::Snapshot(_) => "snapshot",
        Command::Catalog(_) => "catalog",
    }
}

/// Whether it is decided apart from the other commands of its batch.
fn is_alone(command: &Command) -> bool {
    matches!(command, Command::Count(_) | Command::Snapshot(_) | Command::Catalog(_))
}

/// Whether two commands are attempts at the same thing.
fn same_identity(a: &Command, b: &Command) -> bool {
    match (a, b) {
        (Command::Expire(_) | Command::Count(Count { request_id: None, .. }), _)
        | (Command::Adjust { request_id: None, .. }, Command::Adjust { .. }) => false,
        (
            Command::Ship { package: first, request_id: None, .. },
            Command::Ship { package: second, request_id: None, .. },
        ) => order_id(a) == order_id(b) && first == second,
        (
            Command::Transfer { package: first, request_id: None, .. },
            Command::Transfer { package: second, request_id: None, .. },
        ) => order_id(a) == order_id(b) && first == second,
        (Command::Catalog(a), Command::Catalog(b)) => {
            let name = |it: &Value| it["request_id"].as_str().map(str::to_owned);
            let counts = |it: &Value| it["dry_run"] != true && name(it).is_some();
            counts(a) && counts(b) && name(a) == name(b)
        }
        _ => {
            operation(a) == operation(b)
                && order_id(a) == order_id(b)
                && request_id(a) == request_id(b)
        }
    }
}

/// The packages that some units of legs make, in the order of the legs.
fn packages<'a>(legs: impl Iterator<Item = (&'a Leg, i64)>) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for (leg, quantity) in legs.filter(|(_, quantity)| *quantity > 0) {
        let line = crate::door::words::Line { sku: leg.sku.clone(), quantity };
        match packages.iter_mut().find(|package| package.number == leg.package) {
            Some(package) => package.lines.push(line),
            None => packages.push(Package {
                number: leg.package,
                warehouse: leg.warehouse.clone(),
                lines: vec![line],
                promised_ship_at: leg.promised_ship_at,
            }),
        }
    }
    packages.sort_by_key(|package| package.number);
    packages
}

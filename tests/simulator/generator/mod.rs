//! What the simulated callers do: few skus, orders and warehouses, so that they meet all the time.

mod catalog;
mod counting;

use super::model::Model;
use super::random::Random;
use crate::door::counts::Count;
use crate::door::words::{
    AdjustItem, Adjustment, Command, Counter, Instant, Line, Mode, Order, Placement, ReleaseReason,
    Strategy,
};
use crate::door::{Disturbance, StorageFault};
use crate::scenarios::write::DAY_ONE;
use counting::Plan;

const UNITS_MAX: i64 = 2_147_483_647;
/// More calls than most batches make, so that some faults come too late to matter.
const CALLS_MAX: usize = 24;
/// How many of the newest orders callers still talk about.
const ORDERS_IN_SIGHT: usize = 10;
const CROWD: i64 = 300;
const SKUS: [&str; 4] = ["TEA", "CUP", "MUG", "POT"];
const WAREHOUSES: [&str; 3] = ["GZ", "SZ", "BJ"];

/// One batch, when it comes, and what goes wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) now: Instant,
    pub(super) commands: Vec<Command>,
    pub(super) disturbance: Disturbance,
}

/// How a seed's world is: drawn once.
#[derive(Debug)]
pub(super) struct Generator {
    random: Random,
    now: Instant,
    skus: usize,
    warehouses: usize,
    /// How much is adjusted and ordered at once, at most; some worlds deal in the largest numbers.
    units: i64,
    disturbed_percent: usize,
    /// How many of a hundred commands are of warehouses' own systems.
    counting_percent: usize,
    /// How many change the catalog.
    catalog_percent: usize,
    /// When something of the catalog begins or ends.
    edges: Vec<Instant>,
    plans: Vec<Plan>,
    snapshots: usize,
    /// More orders at once than a batch ends holds of.
    crowds: bool,
    /// The sweep's command comes too, which no caller can send.
    sweeps: bool,
    orders: usize,
    said: Vec<Command>,
    /// The batch whose answer its callers never saw.
    unanswered: Option<Vec<Command>>,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            now: DAY_ONE,
            skus: 1 + random.below(SKUS.len()),
            warehouses: random.below(WAREHOUSES.len() + 1),
            units: random.weighted(&[(6, 8), (2, 60), (1, UNITS_MAX)]),
            disturbed_percent: random.weighted(&[(1, 0), (2, 15), (1, 40)]),
            counting_percent: random.weighted(&[(1, 0), (2, 15), (2, 50)]),
            catalog_percent: random.weighted(&[(2, 0), (2, 6), (2, 25)]),
            edges: Vec::new(),
            plans: Vec::new(),
            snapshots: 0,
            crowds: random.chance(10),
            sweeps: true,
            orders: 0,
            said: Vec::new(),
            unanswered: None,
            random,
        }
    }

    /// What callers can do of it: everything but the sweep's command, undisturbed.
    pub(super) fn of_callers(seed: u64) -> Self {
        Self { disturbed_percent: 0, crowds: false, sweeps: false, ..Self::new(seed) }
    }

    /// The next batch of a world that has come as far as the model.
    pub(super) fn step(&mut self, model: &Model) -> Step {
        self.pass_time(model);
        let commands = match self.unanswered.take() {
            Some(commands) if self.random.chance(80) => commands,
            _ if self.crowds && self.random.chance(4) => self.crowd(),
            _ => {
                let size = self.random.weighted(&[(6, 1), (3, 3), (2, 8), (1, 40)]);
                let size = 1 + self.random.below(size);
                self.commands(model, size)
            }
        };
        let disturbance = self.disturbance();
        if disturbance != Disturbance::None {
            self.unanswered = Some(commands.clone());
        }
        Step { now: self.now, commands, disturbance }
    }

    /// Commands that come at one instant.
    pub(super) fn instant(&mut self, model: &Model, count: usize) -> (Instant, Vec<Command>) {
        self.pass_time(model);
        (self.now, self.commands(model, count))
    }

    fn commands(&mut self, model: &Model, count: usize) -> Vec<Command> {
        let placed = model.newest_orders(ORDERS_IN_SIGHT);
        let commands: Vec<Command> = (0..count).map(|_| self.command(model, &placed)).collect();
        self.said.extend(commands.iter().cloned());
        commands
    }

    /// Many holds of one unit that end together.
    fn crowd(&mut self) -> Vec<Command> {
        let template = Placement {
            lines: vec![Line { sku: self.sku(), quantity: 1 }],
            mode: Mode::ReserveOnOrder,
            ..self.placement(&[])
        };
        let set = AdjustItem {
            sku: template.lines[0].sku.clone(),
            counter: Counter::Sellable,
            adjustment: Adjustment::Set(CROWD),
            compare_quantity: None,
        };
        let initial =
            Command::Adjust { reason: "count".to_owned(), items: vec![set], request_id: None };
        let buyers = (0..CROWD).map(|_| {
            self.orders += 1;
            let order_id = format!("O-{}", self.orders);
            Command::Reserve(Placement { order_id, ..template.clone() })
        });
        std::iter::once(initial).chain(buyers).collect()
    }

    fn pass_time(&mut self, model: &Model) {
        let ends = model.hold_ends();
        let edge = self.next_edge().filter(|_| self.random.chance(25));
        let later = match self.random.below(19) {
            _ if edge.is_some() => edge.expect("there is one"),
            0 => self.now + self.random.between(1, 86_400_000),
            1..=4 => self.now + self.random.between(1, 2_000),
            5..=10 if !ends.is_empty() => *self.random.pick(&ends) + self.random.between(-1, 1),
            _ => self.now,
        };
        self.now = self.now.max(later);
    }

    fn disturbance(&mut self) -> Disturbance {
        if !self.random.chance(self.disturbed_percent) {
            return Disturbance::None;
        }
        match self.random.below(5) {
            0 => Disturbance::CrashBeforeCommit,
            1 => Disturbance::CrashAfterCommit,
            2 => Disturbance::CommitFails,
            _ => Disturbance::Fault {
                call: self.random.below(CALLS_MAX),
                fault: *self.random.pick(&StorageFault::ALL),
            },
        }
    }

    fn command(&mut self, model: &Model, placed: &[Order]) -> Command {
        if !self.said.is_empty() && self.random.chance(10) {
            let newest = self.said.len().min(30);
            let back = 1 + self.random.below(newest);
            return self.said[self.said.len() - back].clone();
        }
        if !self.said.is_empty() && self.random.chance(4) {
            let said = self.random.pick(&self.said).clone();
            return self.altered(said);
        }
        if self.random.chance(self.catalog_percent) {
            return self.catalog(model);
        }
        if self.random.chance(self.counting_percent) {
            return self.counting(model);
        }
        let request_id = self.request_id();
        match self.random.below(40) {
            0..=10 => Command::Reserve(self.placement(placed)),
            11..=15 => Command::Deduct(self.placement(placed)),
            16..=21 => Command::Confirm { order_id: self.order_id(placed), request_id },
            22..=23 => {
                let (order_id, ttl_s) = (self.order_id(placed), self.ttl_s());
                Command::Extend { order_id, ttl_s, request_id }
            }
            24..=27 => self.ship(placed),
            28..=31 => self.release(placed),
            32..=33 => self.transfer(placed),
            39 if self.sweeps => Command::Expire(*self.random.pick(&[0, 1, 2, 100])),
            _ => self.adjust(),
        }
    }

    /// The same name, for something else.
    fn altered(&mut self, said: Command) -> Command {
        match said {
            Command::Reserve(first) => Command::Reserve(self.altered_placement(first)),
            Command::Deduct(first) => Command::Deduct(self.altered_placement(first)),
            Command::Extend { order_id, request_id, .. } => {
                Command::Extend { order_id, ttl_s: self.ttl_s(), request_id }
            }
            Command::Release { order_id, reason, request_id, .. } => {
                Command::Release { order_id, reason, lines: Some(self.lines()), request_id }
            }
            Command::Ship { order_id, request_id, .. } => {
                Command::Ship { order_id, package: Some(1), request_id }
            }
            Command::Transfer { order_id, package, request_id, .. } => {
                Command::Transfer { order_id, package, warehouse: self.warehouse(), request_id }
            }
            Command::Adjust { items, request_id, .. } => {
                Command::Adjust { reason: "other".to_owned(), items, request_id }
            }
            Command::Count(Count { warehouse, seen, items, .. }) => {
                Command::Count(Count { warehouse, seen, items, request_id: self.request_id() })
            }
            Command::Snapshot(snapshot) => Command::Snapshot(Self::altered_step(snapshot)),
            Command::Catalog(body) => Command::Catalog(self.altered_change(body)),
            same @ (Command::Confirm { .. } | Command::Expire(_)) => same,
        }
    }

    fn altered_placement(&mut self, mut first: Placement) -> Placement {
        match self.random.below(4) {
            0 => first.lines.reverse(),
            1 => first.lines[0].quantity = self.quantity(),
            2 => first.ship_to = self.ship_to(),
            _ => first.allow_partial = !first.allow_partial,
        }
        first
    }

    fn placement(&mut self, placed: &[Order]) -> Placement {
        let modes =
            [(6, Mode::ReserveOnOrder), (1, Mode::DeductOnOrder), (1, Mode::DeductOnPayment)];
        let order_id = if self.random.chance(75) {
            self.orders += 1;
            format!("O-{}", self.orders)
        } else {
            self.order_id(placed)
        };
        Placement {
            order_id,
            lines: self.lines(),
            ship_to: self.ship_to(),
            mode: self.random.weighted(&modes),
            strategy: *self.random.pick(&[
                Strategy::Priority,
                Strategy::Priority,
                Strategy::Nearest,
                Strategy::MinSplits,
            ]),
            ttl_s: self.ttl_s(),
            allow_partial: self.random.chance(25),
            request_id: self.request_id(),
        }
    }

    fn ship(&mut self, placed: &[Order]) -> Command {
        let order_id = self.order_id(placed);
        let of = placed.iter().find(|order| order.order_id == order_id);
        let package = match of.filter(|order| !order.packages.is_empty()) {
            Some(order) if self.random.chance(60) => Some(self.random.pick(&order.packages).number),
            _ => *self.random.pick(&[None, None, Some(1), Some(2)]),
        };
        Command::Ship { order_id, package, request_id: self.request_id() }
    }

    /// Mostly of a package that there is.
    fn transfer(&mut self, placed: &[Order]) -> Command {
        let order_id = self.order_id(placed);
        let of = placed.iter().find(|order| order.order_id == order_id);
        let package = match of.filter(|order| !order.packages.is_empty()) {
            Some(order) if self.random.chance(90) => self.random.pick(&order.packages).number,
            _ => *self.random.pick(&[1, 2]),
        };
        let request_id = self.request_id();
        Command::Transfer { order_id, package, warehouse: self.warehouse(), request_id }
    }

    /// Seldom one that there is not yet.
    fn warehouse(&mut self) -> String {
        (*self.random.pick(&WAREHOUSES[..self.warehouses.clamp(1, WAREHOUSES.len())])).to_owned()
    }

    fn release(&mut self, placed: &[Order]) -> Command {
        let reason = *self.random.pick(&[ReleaseReason::Cancel, ReleaseReason::Refund]);
        let order_id = self.order_id(placed);
        let of = placed.iter().find(|order| order.order_id == order_id);
        let lines = match of.filter(|order| !order.lines.is_empty()) {
            Some(order) if self.random.chance(70) => Some(self.some_of(order)),
            Some(_) => None,
            None => self.random.chance(20).then(|| self.lines()),
        };
        Command::Release { order_id, reason, lines, request_id: self.request_id() }
    }

    /// About what an order holds, sometimes a little more.
    fn some_of(&mut self, order: &Order) -> Vec<Line> {
        let count = 1 + self.random.below(order.lines.len());
        (0..count)
            .map(|_| {
                let line = self.random.pick(&order.lines).clone();
                let held = i64::try_from(line.reserved + line.committed).expect("in a counter");
                let most = (held + self.random.between(0, 1)).clamp(1, UNITS_MAX);
                Line { sku: line.sku, quantity: self.random.between(1, most) }
            })
            .collect()
    }

    fn adjust(&mut self) -> Command {
        let count = self.random.weighted(&[(6, 1), (2, 2), (1, 4)]);
        let items = (0..count).map(|_| self.item()).collect();
        let request_id = if self.random.chance(60) { None } else { self.request_id() };
        Command::Adjust { reason: "count".to_owned(), items, request_id }
    }

    fn item(&mut self) -> AdjustItem {
        let counter = if self.warehouses > 0 && self.random.chance(60) {
            let code = WAREHOUSES[self.random.below(self.warehouses)].to_owned();
            if self.random.chance(70) { Counter::OnHand(code) } else { Counter::Unavailable(code) }
        } else {
            Counter::Sellable
        };
        let level = match self.random.below(40) {
            0 => 0,
            1 => UNITS_MAX,
            2 => UNITS_MAX - self.random.between(0, self.units),
            _ => self.random.between(0, self.units),
        };
        let adjustment = match self.random.below(8) {
            0..=3 => Adjustment::Change(level),
            4 => Adjustment::Change(-level),
            _ => Adjustment::Set(level),
        };
        let compare_quantity = self.random.chance(10).then(|| self.random.between(0, self.units));
        AdjustItem { sku: self.sku(), counter, adjustment, compare_quantity }
    }

    fn lines(&mut self) -> Vec<Line> {
        let count = self.random.weighted(&[(5, 1), (3, 2), (2, 4)]);
        (0..count).map(|_| Line { sku: self.sku(), quantity: self.quantity() }).collect()
    }

    fn known_skus(&self) -> &'static [&'static str] {
        &SKUS[..self.skus]
    }

    fn sku(&mut self) -> String {
        if self.random.chance(1) {
            return "NONE".to_owned();
        }
        SKUS[self.random.below(self.skus)].to_owned()
    }

    fn quantity(&mut self) -> i64 {
        match self.random.below(20) {
            0 => UNITS_MAX,
            1..=6 => 1,
            _ => self.random.between(1, self.units / 2),
        }
    }

    fn ship_to(&mut self) -> Option<String> {
        self.random.chance(60).then(|| (*self.random.pick(&catalog::PLACES)).to_owned())
    }

    fn ttl_s(&mut self) -> i64 {
        *self.random.pick(&[1, 1, 2, 60, 900, 31_536_000])
    }

    /// Mostly an order that is there, and one of the newest.
    fn order_id(&mut self, placed: &[Order]) -> String {
        if !placed.is_empty() && self.random.chance(90) {
            return self.random.pick(placed).order_id.clone();
        }
        format!("O-{}", 1 + self.random.below(self.orders + 1))
    }

    /// Most attempts have a name of their own, or nothing would ever happen twice.
    fn request_id(&mut self) -> Option<String> {
        match self.random.below(10) {
            0..=3 => None,
            4 => Some("a".to_owned()),
            _ => Some(format!("n{}", self.random.below(1_000))),
        }
    }
}

//! A batch in memory: every row its commands need, read before the first decision; what they
//! change, written after the last. One call into the database for each table and kind of write,
//! whatever the number of commands; a counter that many commands move is written once.

mod due;
mod holds;
mod orders;
mod requests;
mod routing;
mod stock;
mod warehouses;

pub(super) use due::Need;
pub(super) use orders::{LegEntry, OrderEntry};
pub(super) use requests::{Earlier, append, code_of, decode, encode};
pub(super) use stock::{Origin, SkuIndex, Stock};
pub(super) use warehouses::{MetIndex, Ranking, candidate};

use super::Fault;
use crate::domain::ledger::Movement;
use crate::domain::{
    Adcode, AdjustItem, Command, Instant, Line, Operation, OrderAnswer, OrderId, OrderState,
    Package, Quantity, Shortage, Sku, WarehouseCode,
};
use crate::storage::changes::LedgerEnd;
use crate::storage::{self, Database};
use holds::DueHolds;
use requests::Requests;
use routing::Routing;
use rustc_hash::FxHashMap;
use std::rc::Rc;
use stock::{Memory, Version};

/// Index of an order in the batch.
pub(super) type OrderIndex = usize;

pub(super) struct Batch<'a> {
    database: &'a mut dyn Database,
    pub(super) now: Instant,
    pub(super) orders: Vec<OrderEntry<'a>>,
    pub(super) stock: Stock<'a>,
    requests: Requests<'a>,
    holds: DueHolds,
    end: LedgerEnd,
    routing: Routing,
    /// Which rows are remembered once this is written; `None`: none are.
    version: Option<Version>,
}

impl<'a> Batch<'a> {
    /// Reads what the commands need, and ends the first step of due holds.
    pub(super) fn prefetch(
        database: &'a mut dyn Database,
        now: Instant,
        commands: &'a [Command],
    ) -> Result<Self, Fault> {
        let last_order = storage::orders::last_number(database)?;
        let end = storage::changes::end(database)?;
        let routing = Routing::new(database, now)?;
        let kept = storage::stock::kept(database)?;
        // Of what is missing no stamp tells.
        let version =
            (!kept.missing).then(|| Version { stock: end.stamp, catalog: routing.stamps.clone() });
        let memory = version.as_ref().map(Memory::of).unwrap_or_default();
        let (orders, order_of) = orders::find(database, last_order, commands)?;
        let requests = Requests::find(database, &orders, &order_of, commands)?;
        let mut batch = Self {
            database,
            now,
            orders,
            stock: Stock::new(Rc::clone(&routing.catalog), memory, kept),
            requests,
            holds: DueHolds::default(),
            end,
            routing,
            version,
        };
        let due = batch.find_due(holds::STEP_ORDERS_MAX)?;
        batch.want_stock(commands)?;
        let undecided = batch.requests.undecided_orders();
        let more = batch.requests.orders_of_more_than_leaving(commands);
        batch.load_legs(undecided.chain(due.iter().copied()), |order| more.contains(&order))?;
        let ended = batch.end_holds(&due);
        batch.holds.unclaimed = ended;
        batch.load_rules(commands)?;
        Ok(batch)
    }

    /// Reads what corrections of counters need, and nothing of orders.
    pub(super) fn of_counters(
        database: &'a mut dyn Database,
        now: Instant,
        items: &'a [AdjustItem],
    ) -> Result<Self, Fault> {
        let end = storage::changes::end(database)?;
        let routing = Routing::new(database, now)?;
        let kept = storage::stock::kept(database)?;
        let stock = Stock::new(Rc::clone(&routing.catalog), Memory::default(), kept);
        let (orders, requests, holds) = (Vec::new(), Requests::default(), DueHolds::default());
        let version = None;
        let mut batch =
            Self { database, now, orders, stock, requests, holds, end, routing, version };
        batch.want_counters(items)?;
        batch.stock.load(batch.database)?;
        Ok(batch)
    }

    /// Reads the stock that lines want, of an order that is only looked at: nothing ends, and what
    /// is due counts as free.
    pub(super) fn of_lines(
        database: &'a mut dyn Database,
        now: Instant,
        lines: &[Line],
        from_sites: bool,
    ) -> Result<Self, Fault> {
        let mut batch = Self::of_counters(database, now, &[])?;
        batch.holds.more = true;
        batch.want_lines(lines, from_sites)?;
        let skus: Vec<SkuIndex> = (0..batch.stock.names().len()).collect();
        batch.count_due(&skus)?;
        Ok(batch)
    }

    fn want_counters(&mut self, items: &[AdjustItem]) -> Result<(), Fault> {
        for item in items {
            let sku = self.stock.want(&item.sku);
            self.stock.want_sites(sku);
        }
        let codes = items.iter().filter_map(|item| item.counter.warehouse());
        self.stock.find_warehouses(self.database, codes)
    }

    /// Marks what the commands themselves name; legs add theirs when they are loaded.
    fn want_stock(&mut self, commands: &'a [Command]) -> Result<(), Fault> {
        for (number, command) in commands.iter().enumerate() {
            if !self.requests.is_new(number) {
                continue;
            }
            match command {
                Command::Reserve(placement) | Command::Deduct(placement) => {
                    for line in placement.lines.iter() {
                        let sku = self.stock.want(&line.sku);
                        if placement.ship_to.is_some() {
                            self.stock.want_sites(sku);
                        }
                    }
                }
                Command::Adjust(adjust) => self.want_counters(&adjust.items)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn want_lines(&mut self, lines: &[Line], from_sites: bool) -> Result<(), Fault> {
        for line in lines {
            let sku = self.stock.want(&line.sku);
            if from_sites {
                self.stock.want_sites(sku);
            }
        }
        self.stock.load(self.database)
    }

    /// Reads the warehouses of skus, where they are not known.
    pub(super) fn read_sites(&mut self, skus: impl Iterator<Item = SkuIndex>) -> Result<(), Fault> {
        skus.for_each(|sku| self.stock.want_sites(sku));
        self.stock.load(self.database)
    }

    /// Reads what is kept from orders where this batch has made a sku's warehouse.
    pub(super) fn read_kept(&mut self) -> Result<(), Fault> {
        self.stock.load_kept(self.database)
    }

    /// Reads the rules about where the commands' orders go, those of the whole batch at once.
    fn load_rules(&mut self, commands: &'a [Command]) -> Result<(), Fault> {
        let mut wanted = Vec::new();
        for (number, command) in commands.iter().enumerate() {
            let (Command::Reserve(placement) | Command::Deduct(placement)) = command else {
                continue;
            };
            if let Some(ship_to) =
                placement.ship_to.as_ref().filter(|_| self.requests.is_new(number))
            {
                let index = |line: &Line| self.stock.index(&line.sku).expect("it was wanted");
                wanted.extend(placement.lines.iter().map(|line| (index(line), &ship_to.adcode)));
            }
        }
        self.read_rules(&wanted)
    }

    /// Reads the rules about skus that are to go to an adcode, where they are not known.
    pub(super) fn read_rules(&mut self, wanted: &[(SkuIndex, &Adcode)]) -> Result<(), Fault> {
        self.routing.load(self.database, &self.stock, wanted)
    }

    /// The catalog, with the rules that were read, beside the stock.
    pub(super) fn routing(&mut self) -> (&mut Routing, &Stock<'a>) {
        (&mut self.routing, &self.stock)
    }

    /// When a package from this warehouse leaves; `None` where no warehouse was chosen.
    pub(super) fn promised_ship_at(
        &mut self,
        sku: SkuIndex,
        site: Option<usize>,
    ) -> Option<Instant> {
        let warehouse = self.stock.warehouse(sku, site?)?;
        self.routing.promises.promised_ship_at(warehouse)
    }

    /// Reads the legs of placed orders that have none in memory, and the stock they concern; what
    /// is sellable of a sku only where its units `may_return`.
    fn load_legs(
        &mut self,
        wanted: impl Iterator<Item = OrderIndex>,
        may_return: impl Fn(OrderIndex) -> bool,
    ) -> Result<(), Fault> {
        let mut orders = Vec::new();
        for order in wanted {
            let entry = &mut self.orders[order];
            if entry.row.state.is_some() && !entry.legs_known {
                entry.legs_known = true;
                orders.push((order, entry.row.order_no));
            }
        }
        let rows = storage::orders::legs(self.database, orders.into_iter(), |sku, warehouse| {
            (self.stock.name(sku), warehouse.map(|code| self.stock.warehouses.meet(code)))
        })?;
        for (order, row) in &rows {
            if row.warehouse.is_none() || !self.is_held(*order) || may_return(*order) {
                self.stock.want_counters(row.sku);
            }
        }
        let sites = rows.iter().filter_map(|(_, row)| Some((row.sku, row.warehouse?)));
        self.stock.read_single_sites(self.database, sites)?;
        self.stock.load(self.database)?;
        for (order, row) in rows {
            let leg = LegEntry::stored(&row, &self.stock)?;
            self.orders[order].legs.push(leg);
        }
        Ok(())
    }

    /// Whether what an order holds stays held for the time of the batch, by itself.
    fn is_held(&self, order: OrderIndex) -> bool {
        use OrderState::{Committed, PartiallyReleased, PartiallyShipped, Reserved};
        let holding = [Reserved, Committed, PartiallyShipped, PartiallyReleased];
        let state = self.orders[order].row.state;
        state.is_some_and(|state| holding.contains(&state)) && !self.is_due(order)
    }

    /// The order that a command is for.
    pub(super) fn order_of(&self, number: usize) -> OrderIndex {
        self.requests.order_of(number).expect("only adjust and expire concern no order")
    }

    /// Adds a leg, with the counters and ledger rows that follow.
    pub(super) fn place_leg(
        &mut self,
        order: OrderIndex,
        leg: LegEntry,
        movement: Movement,
        operation: Operation,
    ) {
        let entry = &mut self.orders[order];
        let (sku, site) = (leg.row.sku, leg.row.warehouse);
        let (order_no, line) = (Some(entry.row.order_no), Some(leg.row.line));
        entry.legs.push(leg);
        let origin = Origin { operation, order_no, line, reason: None };
        self.stock.record(sku, site, movement, origin);
    }

    /// Moves units of a leg, with the counters and ledger rows that follow. `ended_at` is when the
    /// leg ended, if this takes its last held unit.
    pub(super) fn move_leg(
        &mut self,
        order: OrderIndex,
        leg: usize,
        movement: Movement,
        ended_at: Instant,
        (operation, reason): (Operation, Option<&'a str>),
    ) {
        let entry = &mut self.orders[order];
        let row = &mut entry.legs[leg].row;
        row.units = row.units.after(movement);
        if row.units.held() == 0 {
            row.ended_at = Some(ended_at);
        }
        let origin =
            Origin { operation, order_no: Some(entry.row.order_no), line: Some(row.line), reason };
        self.stock.record(row.sku, row.warehouse, movement, origin);
    }

    /// Moves what a leg holds to a warehouse that has as much free, with the counters and ledger
    /// rows that follow.
    pub(super) fn transfer_leg(
        &mut self,
        order: OrderIndex,
        leg: usize,
        warehouse: &WarehouseCode,
        package: u32,
        promised_ship_at: Instant,
    ) {
        let entry = &mut self.orders[order];
        let order_no = Some(entry.row.order_no);
        let leg = &mut entry.legs[leg];
        let (sku, from, units) = (leg.row.sku, leg.row.warehouse, leg.row.units);
        let to = self.stock.site(sku, warehouse).expect("a warehouse with free units has a row");
        leg.transfer(to, package, promised_ship_at);
        let line = Some(leg.row.line);
        let origin = Origin { operation: Operation::Transfer, order_no, line, reason: None };
        self.stock.record_transfer(sku, (from, to), units, origin);
    }

    /// The answer to an operation that moved these units of these legs.
    pub(super) fn order_answer(&self, order: OrderIndex, moved: &[(usize, u32)]) -> OrderAnswer {
        let entry = &self.orders[order];
        OrderAnswer {
            order_id: entry.id().clone(),
            state: entry.row.state.expect("an operation that is answered leaves a state"),
            expires_at: entry.row.expires_at,
            packages: self.packages(order, moved),
            shortages: Vec::new(),
            reserved_again: false,
        }
    }

    fn packages(&self, order: OrderIndex, moved: &[(usize, u32)]) -> Vec<Package> {
        let mut packages: Vec<Package> = Vec::new();
        for &(leg, units) in moved {
            let leg = &self.orders[order].legs[leg].row;
            let line =
                Line { sku: self.stock.sku(leg.sku).clone(), quantity: Quantity::counted(units) };
            match packages.binary_search_by_key(&leg.package, |package| package.number) {
                Ok(at) => packages[at].lines.push(line),
                Err(at) => packages.insert(
                    at,
                    Package {
                        number: leg.package,
                        warehouse: leg.warehouse.map(|site| self.stock.code(leg.sku, site).clone()),
                        lines: vec![line],
                        promised_ship_at: leg.promised_ship_at,
                    },
                ),
            }
        }
        packages
    }

    /// Names skus in shortages.
    pub(super) fn shortage(&self, sku: SkuIndex, requested: u64, available: u64) -> Shortage {
        Shortage { sku: self.stock.sku(sku).clone(), requested, available }
    }

    /// Whether holds may be due that no step has ended.
    pub(super) fn is_more_due(&self) -> bool {
        self.holds.more
    }

    /// Writes what changed, in rows whose order follows that of the commands. Answers the skus
    /// whose counters changed, sorted.
    pub(super) fn write_back(mut self) -> Result<Vec<Sku>, Fault> {
        let database = self.database;
        orders::write(database, &self.orders, &self.stock)?;
        self.requests.write(database, self.now)?;
        let end = self.stock.write(database, self.now, self.end)?;
        let changed = self.stock.changed_skus();
        if let Some(version) = self.version {
            self.stock.into_memory().keep(Version { stock: end.stamp, ..version });
        }
        Ok(changed)
    }
}

/// Which order each command is for, while ids are being gathered.
type OrdersById<'a> = FxHashMap<&'a OrderId, OrderIndex>;

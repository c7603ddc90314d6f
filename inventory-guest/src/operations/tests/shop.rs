//! A shop to talk to: a migrated database in memory.

use super::words::{adjust, on_hand, package, sellable, short, state};
use crate::domain::{Command, Instant, OrderId, Outcome, Sku};
use crate::operations::queries::{audit, get_order, get_stock, list_changes};
use crate::operations::{Applied, Fault, apply, migrate};
use crate::storage::local::LocalDatabase;

pub(super) struct Shop {
    pub(super) database: LocalDatabase,
}

pub(super) fn at(milliseconds: i64) -> Instant {
    Instant::parse(milliseconds).unwrap()
}

impl Shop {
    /// A shop with sellable units, such as `A*10 B*0`, and units on hand, such as `A@W1*4`.
    pub(super) fn with(stock: &str) -> Self {
        let mut database = LocalDatabase::open_in_memory().unwrap();
        migrate(&mut database, at(0)).unwrap();
        let mut shop = Self { database };
        let items = stock.split_terminator(' ').map(|text| {
            let (place, units) = text.split_once('*').unwrap();
            match place.split_once('@') {
                None => sellable(place, units),
                Some((sku, warehouse)) => on_hand(sku, warehouse, units),
            }
        });
        let items: Vec<_> = items.collect();
        if !items.is_empty() {
            shop.tell(0, &adjust(items));
        }
        shop
    }

    /// Says what is expected of a whole conversation: time, command, answer.
    pub(super) fn check<const N: usize>(&mut self, script: [(i64, Command, &str); N]) -> &mut Self {
        for (number, (now, command, expected)) in (1..).zip(script) {
            assert_eq!(self.tell(now, &command), expected, "line {number}: {command:?}");
        }
        self
    }

    pub(super) fn tell(&mut self, now: i64, command: &Command) -> String {
        short(&self.tell_all(now, std::slice::from_ref(command)).outcomes[0])
    }

    /// Applies one batch, and audits what it left.
    pub(super) fn tell_all(&mut self, now: i64, commands: &[Command]) -> Applied {
        let applied = self.try_tell_all(now, commands).unwrap();
        let report = audit(&mut self.database).unwrap();
        assert_eq!(report.differences, [], "after {commands:?}");
        applied
    }

    pub(super) fn try_tell_all(
        &mut self,
        now: i64,
        commands: &[Command],
    ) -> Result<Applied, Fault> {
        self.database.begin().unwrap();
        let applied = apply(&mut self.database, at(now), commands);
        match &applied {
            Ok(_) => self.database.commit().unwrap(),
            Err(_) => self.database.rollback().unwrap(),
        }
        applied
    }

    /// Asserts a sku's counters: `sellable 7 reserved 3 committed 0`, and each warehouse's.
    pub(super) fn stock(&mut self, sku: &str, expected: &str) -> &mut Self {
        assert_eq!(self.stock_of(sku), expected, "stock of {sku}");
        self
    }

    fn stock_of(&mut self, sku: &str) -> String {
        let asked = vec![Sku::parse(sku).unwrap()];
        let Some(stock) = get_stock(&mut self.database, asked).unwrap().remove(0) else {
            return "unknown".to_owned();
        };
        let (sellable, reserved, committed) = (stock.sellable, stock.reserved, stock.committed);
        let mut text = format!("{sellable} sellable, {reserved} reserved, {committed} committed");
        for site in stock.warehouses {
            let (code, on_hand) = (site.warehouse.as_str(), site.on_hand);
            let (reserved, committed, unavailable) =
                (site.reserved, site.committed, site.unavailable);
            text += &format!(", {code} {on_hand}={reserved}+{committed}+{unavailable}");
        }
        text
    }

    /// Asserts an order: its state, lines (placed=reserved+committed+shipped+released+expired) and
    /// packages.
    pub(super) fn order(&mut self, id: &str, expected: &str) -> &mut Self {
        assert_eq!(self.order_of(id), expected, "order {id}");
        self
    }

    fn order_of(&mut self, id: &str) -> String {
        let Some(order) = get_order(&mut self.database, OrderId::parse(id).unwrap()).unwrap()
        else {
            return "unknown".to_owned();
        };
        let mut text = state(order.state).to_owned();
        for it in &order.lines {
            let (sku, quantity) = (it.sku.as_str(), it.quantity);
            let (reserved, committed, shipped) = (it.reserved, it.committed, it.shipped);
            let (released, expired) = (it.released, it.expired);
            text +=
                &format!(" {sku}*{quantity}={reserved}+{committed}+{shipped}+{released}+{expired}");
        }
        order.packages.iter().for_each(|it| text += &package(it));
        text
    }

    /// An order's history: `1000 reserve ok`, with request ids where there are any.
    pub(super) fn history(&mut self, id: &str) -> Vec<String> {
        let order = get_order(&mut self.database, OrderId::parse(id).unwrap()).unwrap().unwrap();
        let entry = order.history.iter().map(|it| {
            let named =
                it.request_id.as_ref().map_or(String::new(), |id| format!("#{}", id.as_str()));
            format!("{} {}{named} {}", it.at.as_milliseconds(), it.operation.name(), it.outcome)
        });
        entry.collect()
    }

    /// The change feed from a sequence on: `3 sold_out A sellable 0`.
    pub(super) fn changes(&mut self, after: u64) -> Vec<String> {
        let changes = list_changes(&mut self.database, after, 1_000).unwrap();
        let text = changes.iter().map(|it| {
            let warehouse =
                it.warehouse.as_ref().map_or(String::new(), |it| format!("@{}", it.as_str()));
            let quantities = |it: crate::domain::change::Quantities| {
                let stock = it.sellable.or(it.on_hand).unwrap();
                let unavailable = it.unavailable.map_or(String::new(), |it| format!("/{it}"));
                format!("{stock}{unavailable}/{}/{}", it.reserved, it.committed)
            };
            let (kind, sku, cause) = (it.kind.name(), it.sku.as_str(), it.cause.operation.name());
            let because = if kind == cause { String::new() } else { format!(" by {cause}") };
            let (before, after) = (quantities(it.before), quantities(it.after));
            format!("{} {kind}{because} {sku}{warehouse} {before} -> {after}", it.seq)
        });
        text.collect()
    }
}

/// Outcomes, short.
pub(super) fn all_short(outcomes: &[Outcome]) -> Vec<String> {
    outcomes.iter().map(short).collect()
}

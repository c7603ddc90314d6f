//! Proving live data right: every invariant of spec.md §11 that exists today, on one snapshot.
//!
//! Rows are read in pages, each once; what is kept is one account for each sku and for each sku in
//! a warehouse, of some 80 bytes: the ledger is replayed into them and the legs are added up, and
//! then the counters are compared. A guest's memory has room for 900,000 accounts.

use super::{Fault, catalog};
use crate::domain::change::ChangeKind;
use crate::domain::{Operation, OrderState, Sku, WarehouseCode};
use crate::storage::audit::{
    self, AuditedCounters, AuditedEntry, AuditedLeg, AuditedOrder, Counters, Scope,
};
use crate::storage::{Database, Error};
use rustc_hash::FxHashMap;
use std::fmt::{self, Debug, Display};
use std::hash::Hash;
use std::num::NonZeroI64;

const DIFFERENCES_MAX: usize = 1_000;

/// What an audit looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditCounts {
    /// Rows of `stock`.
    pub skus: u64,
    /// Rows of `warehouse_stock`.
    pub warehouse_stocks: u64,
    /// Rows of `orders`.
    pub orders: u64,
    /// Rows of `legs`.
    pub legs: u64,
    /// Rows of `ledger`.
    pub ledger_rows: u64,
    /// Rows of `catalog`.
    pub catalog_entries: u64,
    /// Rows of `catalog_history`.
    pub catalog_events: u64,
}

/// One invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The invariant, such as `ledger_chain`.
    pub invariant: &'static str,
    /// Where: the sku, warehouse, order or sequence.
    pub subject: String,
    /// What the invariant says.
    pub expected: String,
    /// What the rows say.
    pub actual: String,
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditReport {
    /// What it looked at.
    pub checked: AuditCounts,
    /// At most 1,000; empty means every invariant holds.
    pub differences: Vec<Difference>,
}

/// Checks every invariant on one snapshot.
pub fn audit(database: &mut impl Database) -> Result<AuditReport, Fault> {
    let mut audit = Audit::default();
    audit.replay_ledger(database)?;
    audit.check_orders(database)?;
    audit.check_orphans(database)?;
    audit.report.checked.skus = audit.check_counters(database, audit::skus)?;
    audit.report.checked.warehouse_stocks = audit.check_counters(database, audit::sites)?;
    audit.check_rest();
    catalog::audit::check(&mut audit, database)?;
    Ok(audit.report)
}

/// What the ledger and the legs say of one scope.
#[derive(Default)]
struct Account {
    /// Where the ledger has come to.
    replayed: Counters,
    /// The ledger row of what left last.
    shipment: Option<NonZeroI64>,
    /// Units that legs hold, unpaid and paid.
    reserved: i64,
    committed: i64,
}

/// The accounts, by numbers instead of names: there may be a hundred thousand.
#[derive(Default)]
struct Accounts {
    skus: FxHashMap<Sku, u32>,
    warehouses: FxHashMap<WarehouseCode, u32>,
    /// 0 is no warehouse.
    by_number: FxHashMap<(u32, u32), Account>,
}

impl Accounts {
    fn number(&mut self, scope: &Scope) -> (u32, u32) {
        fn of<K: Clone + Eq + Hash>(known: &mut FxHashMap<K, u32>, name: &K) -> u32 {
            let next = u32::try_from(known.len() + 1).expect("memory has no room for more");
            known.get(name).copied().unwrap_or_else(|| {
                known.insert(name.clone(), next);
                next
            })
        }
        let warehouse = scope.warehouse.as_ref().map(|code| of(&mut self.warehouses, code));
        (of(&mut self.skus, &scope.sku), warehouse.unwrap_or(0))
    }

    fn of(&mut self, scope: &Scope) -> &mut Account {
        let number = self.number(scope);
        self.by_number.entry(number).or_default()
    }

    /// Takes out the one of a scope.
    fn take(&mut self, scope: &Scope) -> Account {
        let number = self.number(scope);
        self.by_number.remove(&number).unwrap_or_default()
    }

    /// The scopes that are left, in order.
    fn scopes(&self) -> Vec<Scope> {
        let name = |number| self.skus.iter().find(|(_, it)| **it == number);
        let code = |number| self.warehouses.iter().find(|(_, it)| **it == number);
        let scope = |(sku, warehouse): &(u32, u32)| {
            let (sku, _) = name(*sku)?;
            let warehouse = code(*warehouse).map(|(code, _)| code.clone());
            Some(Scope { sku: sku.clone(), warehouse })
        };
        let left = self.by_number.keys().take(DIFFERENCES_MAX);
        let mut scopes: Vec<_> = left.filter_map(scope).collect();
        scopes.sort_unstable_by(|one, other| {
            (&one.sku, &one.warehouse).cmp(&(&other.sku, &other.warehouse))
        });
        scopes
    }
}

/// What is found while rows are read.
#[derive(Default)]
pub(super) struct Audit {
    accounts: Accounts,
    pub(super) report: AuditReport,
}

impl Audit {
    /// Notes a difference, if there is one and room for it.
    #[expect(clippy::needless_pass_by_value, reason = "callers compute what they compare")]
    pub(super) fn expect<T: PartialEq + Debug>(
        &mut self,
        invariant: &'static str,
        subject: &dyn Display,
        expected: T,
        actual: T,
    ) {
        if expected != actual && self.report.differences.len() < DIFFERENCES_MAX {
            self.report.differences.push(Difference {
                invariant,
                subject: subject.to_string(),
                expected: format!("{expected:?}"),
                actual: format!("{actual:?}"),
            });
        }
    }

    /// Compares each row of counters with the ledger and the legs.
    fn check_counters(
        &mut self,
        database: &mut dyn Database,
        page_after: PageAfter,
    ) -> Result<u64, Fault> {
        let mut last: Option<Scope> = None;
        let mut rows = 0;
        loop {
            let page = page_after(database, last.as_ref())?;
            let Some((scope, ..)) = page.last() else {
                return Ok(rows);
            };
            last = Some(scope.clone());
            rows += page.len() as u64;
            for (scope, counters, last_shipment) in page {
                let Counters { stock, unavailable, reserved, committed } = counters;
                let lowest = stock.min(unavailable).min(reserved).min(committed);
                self.expect("no_counter_is_negative", &scope, 0, lowest.min(0));
                if scope.warehouse.is_some() {
                    let bound = reserved + committed + unavailable;
                    self.expect("held_and_unavailable_lie_there", &scope, true, bound <= stock);
                }
                let account = self.accounts.take(&scope);
                let shipment = account.shipment.map(NonZeroI64::get);
                self.expect("ledger_replays_to_counters", &scope, account.replayed, counters);
                self.expect("shipments_are_chained", &scope, shipment, last_shipment);
                self.expect("reserved_is_sum_of_legs", &scope, account.reserved, reserved);
                self.expect("committed_is_sum_of_legs", &scope, account.committed, committed);
            }
        }
    }

    /// The ledger has no gap, and each row begins where the last one of its scope ended.
    fn replay_ledger(&mut self, database: &mut dyn Database) -> Result<(), Fault> {
        let mut last = 0;
        let mut crossing = None;
        loop {
            let page = audit::ledger(database, last)?;
            if page.is_empty() {
                self.expect("sold_out_is_said", &last, None, crossing);
                return Ok(());
            }
            self.report.checked.ledger_rows += page.len() as u64;
            for entry in page {
                self.expect("ledger_has_no_gap", &entry.seq, last + 1, entry.seq);
                last = entry.seq;
                crossing = self.replay(entry, crossing);
            }
        }
    }

    /// Replays one row. Answers the crossing that must follow it.
    fn replay(&mut self, entry: AuditedEntry, due: Option<String>) -> Option<String> {
        let AuditedEntry { seq, kind, scope, before, after, shipment_before } = entry;
        let account = self.accounts.of(&scope);
        let replayed = std::mem::replace(&mut account.replayed, after);
        let has_left = kind == ChangeKind::Moved(Operation::Ship) && scope.warehouse.is_some();
        let left = has_left.then(|| std::mem::replace(&mut account.shipment, NonZeroI64::new(seq)));
        let chained = left.flatten().map(NonZeroI64::get);
        self.expect("ledger_chain", &seq, replayed, before);
        self.expect("shipments_are_chained", &seq, chained, shipment_before);
        let is_crossing = !matches!(kind, ChangeKind::Moved(_));
        let said = is_crossing.then(|| format!("{} of {scope}", kind.name()));
        self.expect("sold_out_is_said", &seq, due, said);
        self.expect("crossings_move_nothing", &seq, is_crossing, before == after);
        let next = match (before.stock, after.stock) {
            (1.., 0) => ChangeKind::SoldOut,
            (0, 1..) => ChangeKind::BackInStock,
            _ => return None,
        };
        scope.warehouse.is_none().then(|| format!("{} of {scope}", next.name()))
    }

    fn check_orders(&mut self, database: &mut dyn Database) -> Result<(), Fault> {
        let mut last = 0;
        loop {
            let page = audit::orders(database, last)?;
            let Some((first, end)) = page.first().zip(page.last()) else {
                return Ok(());
            };
            last = end.order_no;
            let mut legs = audit::legs(database, first.order_no, last)?.into_iter().peekable();
            self.report.checked.orders += page.len() as u64;
            for order in page {
                let mut sums = Sums::default();
                while let Some(leg) = legs.next_if(|leg| leg.order_no <= order.order_no) {
                    sums.add(&leg);
                    self.check_leg(&leg);
                }
                self.check_order(order, sums);
            }
        }
    }

    fn check_leg(&mut self, leg: &AuditedLeg) {
        let name = format!("order_no {} leg {}", leg.order_no, leg.leg_no);
        let held = leg.reserved + leg.committed;
        let sum = held + leg.shipped + leg.released + leg.expired;
        self.report.checked.legs += 1;
        self.expect("a_leg_adds_up", &name, leg.quantity, sum);
        self.expect("a_leg_is_paid_or_not", &name, true, leg.reserved == 0 || leg.committed == 0);
        self.expect("a_leg_ends_with_its_last_unit", &name, held == 0, leg.has_ended);
        let account = self.accounts.of(&leg.scope);
        account.reserved += leg.reserved;
        account.committed += leg.committed;
    }

    fn check_order(&mut self, order: AuditedOrder, sums: Sums) {
        let name = format!("order_no {}", order.order_no);
        let held = sums.reserved + sums.committed;
        let fits = match order.state {
            None => sums == Sums::default(),
            Some(OrderState::Reserved) => sums.reserved > 0 && sums.committed + sums.shipped == 0,
            Some(OrderState::Committed) => sums.committed > 0 && sums.reserved + sums.shipped == 0,
            Some(OrderState::PartiallyShipped) => sums.committed > 0 && sums.shipped > 0,
            Some(OrderState::Shipped) => held == 0 && sums.shipped > 0,
            Some(OrderState::PartiallyReleased) => held + sums.shipped > 0 && sums.released > 0,
            Some(OrderState::AwaitingPayment | OrderState::Released) => held + sums.shipped == 0,
            Some(OrderState::Expired) => held + sums.shipped == 0 && sums.expired > 0,
        };
        let state = format!("{:?}", order.state);
        let legs = if fits { state.clone() } else { format!("{sums:?}") };
        self.expect("an_orders_state_fits_its_legs", &name, state, legs);
        self.expect("a_hold_has_an_end", &name, sums.reserved > 0, order.has_expiry);
        self.expect("history_is_whole", &name, order.steps, order.requests);
    }

    fn check_orphans(&mut self, database: &mut dyn Database) -> Result<(), Fault> {
        for (table, found) in ["legs", "requests", "ledger"].iter().zip(audit::orphans(database)?) {
            self.expect("rows_have_their_order", table, 0, found);
        }
        Ok(())
    }

    /// What the ledger or legs speak of has a row.
    fn check_rest(&mut self) {
        for scope in std::mem::take(&mut self.accounts).scopes() {
            self.expect("accounts_have_a_row", &scope, true, false);
        }
    }
}

type PageAfter = fn(&mut dyn Database, Option<&Scope>) -> Result<Vec<AuditedCounters>, Error>;

/// Units of an order's legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    reserved: i64,
    committed: i64,
    shipped: i64,
    released: i64,
    expired: i64,
}

impl Sums {
    fn add(&mut self, leg: &AuditedLeg) {
        self.reserved += leg.reserved;
        self.committed += leg.committed;
        self.shipped += leg.shipped;
        self.released += leg.released;
        self.expired += leg.expired;
    }
}

impl Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.sku.as_str())?;
        match &self.warehouse {
            None => Ok(()),
            Some(warehouse) => write!(formatter, " in {}", warehouse.as_str()),
        }
    }
}

//! Answers for people: a line that says what is, then columns.

use std::fmt::Write as _;

use inventory_json::adjust::CounterView;
use inventory_json::answers::OrderState;
use inventory_json::contract::{changes, orders, stock, types};
use inventory_json::problem::Problem;
use inventory_json::refusal::{faulted, refused};
use inventory_json::words::Instant;

use crate::catalog;
use crate::counts;
use crate::settings::Settings;
use crate::shard::Decided;
use crate::snapshot;

/// Rows under a header, each column as wide as its widest cell.
pub(crate) struct Table<const N: usize> {
    header: [&'static str; N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(crate) fn new(header: [&'static str; N]) -> Self {
        Self { header, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    /// Numbers stand to the right. Nothing where there is no row.
    pub(crate) fn write(&self, out: &mut String) {
        if self.rows.is_empty() {
            return;
        }
        let header = self.header.map(str::to_owned);
        let all = || std::iter::once(&header).chain(&self.rows);
        let widths: [usize; N] =
            std::array::from_fn(|at| all().map(|row| row[at].len()).max().unwrap_or(0));
        let numeric: [bool; N] = std::array::from_fn(|at| {
            self.rows.iter().all(|row| row[at].bytes().all(|b| b.is_ascii_digit()))
        });
        for row in all() {
            let mut line = String::new();
            for at in 0..N {
                let (cell, width) = (&row[at], widths[at]);
                let _ = if numeric[at] {
                    write!(line, "{cell:>width$}  ")
                } else {
                    write!(line, "{cell:<width$}  ")
                };
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
}

/// What became of a command.
pub(crate) fn decided(decided: &Decided, settings: &Settings) -> String {
    match decided {
        Err(fault) => format!("failed: {}\n", faulted(fault).detail),
        Ok(types::Outcome { replayed, result }) => {
            let again = if *replayed { " (again)" } else { "" };
            match result {
                Ok(done) => answer(done, settings, again),
                Err(refusal) => no(&refused(refusal, &settings.node), again),
            }
        }
    }
}

pub(crate) fn no(problem: &Problem, again: &str) -> String {
    format!("refused{again}: {}: {}\n", problem.kind.code, problem.detail)
}

fn answer(answer: &types::Answer, settings: &Settings, again: &str) -> String {
    match answer {
        types::Answer::Order(answer) => order_answer(answer, again),
        types::Answer::Adjusted(items) => adjusted(items, again),
        types::Answer::Catalog(entries) => catalog::changed(entries, again),
        types::Answer::Counted(items) => counts::counted(items, again),
        types::Answer::Session(session) => snapshot::told(session, settings, again),
        types::Answer::Expired(orders) => format!("{orders} holds ended\n"),
    }
}

fn order_answer(answer: &types::OrderAnswer, again: &str) -> String {
    let mut out = head(&answer.order_id, answer.state, answer.expires_at);
    if answer.reserved_again {
        out.push_str(", reserved again");
    }
    out.push_str(again);
    out.push('\n');
    packages(&answer.packages, &mut out);
    short(&answer.shortages, &mut out);
    denied(&answer.denied, &mut out);
    out
}

pub(crate) fn short(shortages: &[types::Shortage], out: &mut String) {
    let mut short = Table::new(["short of", "requested", "available"]);
    for it in shortages {
        short.row([it.sku.clone(), it.requested.to_string(), it.available.to_string()]);
    }
    short.write(out);
}

/// What may not be shipped where the order goes, and by which rule.
pub(crate) fn denied(denied: &[types::Denied], out: &mut String) {
    let mut table = Table::new(["denied", "subject", "area", "rule"]);
    for it in denied {
        let area = if it.area.is_empty() { "everywhere".to_owned() } else { it.area.clone() };
        table.row([it.sku.clone(), it.subject.clone(), area, it.rule.clone()]);
    }
    table.write(out);
}

fn head(order_id: &str, state: types::OrderState, expires_at: Option<i64>) -> String {
    let state = OrderState::from(state).as_str();
    match expires_at {
        Some(at) => format!("{order_id} {state} until {}", Instant(at)),
        None => format!("{order_id} {state}"),
    }
}

pub(crate) fn packages(packages: &[types::Package], out: &mut String) {
    let mut table = Table::new(["package", "warehouse", "sku", "quantity", "ships"]);
    for package in packages {
        let ships = package.promised_ship_at.map(|at| Instant(at).to_string());
        for line in &package.lines {
            table.row([
                package.number.to_string(),
                package.warehouse.clone().unwrap_or_else(|| "-".into()),
                line.sku.clone(),
                line.quantity.to_string(),
                ships.clone().unwrap_or_else(|| "-".into()),
            ]);
        }
    }
    table.write(out);
}

fn adjusted(items: &[types::Adjusted], again: &str) -> String {
    let mut table = Table::new(["sku", "counter", "before", "after"]);
    for item in items {
        let counter = CounterView::from(&item.counter).to_string();
        table.row([item.sku.clone(), counter, item.before.to_string(), item.after.to_string()]);
    }
    let mut out = format!("adjusted{again}\n");
    table.write(&mut out);
    out
}

pub(crate) fn order(order: &orders::Order) -> String {
    let mut out = head(&order.order_id, order.state, order.expires_at);
    out.push('\n');
    let mut lines =
        Table::new(["sku", "quantity", "reserved", "committed", "shipped", "released", "expired"]);
    for it in &order.lines {
        let numbers = [it.quantity, it.reserved, it.committed, it.shipped, it.released, it.expired];
        let [quantity, units @ ..] = numbers.map(|number| number.to_string());
        let [reserved, committed, shipped, released, expired] = units;
        lines.row([it.sku.clone(), quantity, reserved, committed, shipped, released, expired]);
    }
    lines.write(&mut out);
    packages(&order.packages, &mut out);
    let mut history = Table::new(["at", "operation", "request", "outcome"]);
    for it in &order.history {
        let request = it.request_id.clone().unwrap_or_else(|| "-".into());
        let at = Instant(it.at).to_string();
        history.row([at, it.operation.clone(), request, it.outcome.clone()]);
    }
    history.write(&mut out);
    out
}

/// A sku's own row, then one for each of its warehouses.
pub(crate) fn stock(found: &[stock::SkuStock], unknown: &[&str]) -> String {
    let header =
        ["sku", "warehouse", "sellable", "reserved", "committed", "on_hand", "unavailable"];
    let mut table = Table::new(header);
    for sku in found {
        table.row([
            sku.sku.clone(),
            "all".into(),
            sku.sellable.to_string(),
            sku.reserved.to_string(),
            sku.committed.to_string(),
            sku.on_hand.to_string(),
            String::new(),
        ]);
        for it in &sku.warehouses {
            table.row([
                sku.sku.clone(),
                it.warehouse.clone(),
                String::new(),
                it.reserved.to_string(),
                it.committed.to_string(),
                it.on_hand.to_string(),
                it.unavailable.to_string(),
            ]);
        }
    }
    let mut out = String::new();
    table.write(&mut out);
    for sku in unknown {
        let _ = writeln!(out, "unknown: {sku}");
    }
    out
}

pub(crate) fn changes(listed: &[changes::Change]) -> String {
    let header =
        ["seq", "at", "type", "sku", "warehouse", "sellable", "reserved", "committed", "order"];
    let mut table = Table::new(header);
    let moved = |before: u32, after: u32| {
        if before == after { after.to_string() } else { format!("{before}>{after}") }
    };
    for it in listed {
        let sellable = match (it.before.sellable, it.after.sellable) {
            (Some(before), Some(after)) => moved(before, after),
            _ => "-".into(),
        };
        table.row([
            it.seq.to_string(),
            Instant(it.at).to_string(),
            it.kind.clone(),
            it.sku.clone(),
            it.warehouse.clone().unwrap_or_else(|| "-".into()),
            sellable,
            moved(it.before.reserved, it.after.reserved),
            moved(it.before.committed, it.after.committed),
            it.cause.order_id.clone().unwrap_or_else(|| "-".into()),
        ]);
    }
    let mut out = String::new();
    table.write(&mut out);
    out
}

pub(crate) fn audit(report: &stock::AuditReport) -> String {
    let stock::AuditCounts { skus, warehouse_stocks, orders, legs, ledger_rows, .. } =
        report.checked;
    let stock::AuditCounts { catalog_entries, catalog_events, .. } = report.checked;
    let mut out = match report.differences.len() {
        0 => "every invariant holds\n".to_owned(),
        count => format!("{count} DIFFERENCES\n"),
    };
    let _ = writeln!(
        out,
        "checked {skus} skus, {warehouse_stocks} warehouse stocks, {orders} orders, {legs} legs, \
         {ledger_rows} ledger rows, {catalog_entries} catalog entries, \
         {catalog_events} catalog changes"
    );
    let mut table = Table::new(["invariant", "subject", "expected", "actual"]);
    for it in &report.differences {
        let cells = [&it.invariant, &it.subject, &it.expected, &it.actual];
        table.row(cells.map(Clone::clone));
    }
    table.write(&mut out);
    out
}

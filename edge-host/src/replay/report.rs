//! The summary a replay ends with.

use std::fmt;
use std::time::Duration;

use super::drive::Drive;
use super::progress::per_second;
use super::reconcile::Checked;
use super::tally::{KINDS, Latencies, Row};
use inventory_replay::difference::Differences;
use inventory_replay::plan::Plan;

/// Everything there is to say at the end.
pub(super) struct Report {
    text: String,
    differences: Differences,
}

/// How long the parts took.
pub(super) struct Times {
    pub(super) replay: Duration,
    pub(super) reconciliation: Duration,
}

impl Report {
    pub(super) fn new(drive: &Drive, checked: &Checked, times: &Times) -> Self {
        let state = &mut *drive.state();
        let answered = usize::try_from(state.tally.answered()).unwrap_or(usize::MAX);
        let retries = drive.server.retries.load(std::sync::atomic::Ordering::Relaxed);
        let mut text = String::new();
        let mut say = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        say(&orders_line(&drive.plan));
        say("");
        say(&table_line(["", "answered", "replayed", "refused", "p50 ms", "p99 ms", "max ms"]));
        for (kind, row) in KINDS.iter().zip(&mut state.tally.rows) {
            say(&row_line(kind, row));
        }
        if let Some([p50, p99, max]) = latencies(&mut state.tally.batches) {
            say(&table_line(["batch", "", "", "", &p50, &p99, &max]));
        }
        say("");
        for (kind, row) in KINDS.iter().zip(&state.tally.rows) {
            for (code, count) in &row.refused {
                say(&format!("{} {kind} commands were refused: {code}", grouped(*count)));
            }
        }
        if state.tally.skipped > 0 {
            let skipped = grouped(state.tally.skipped);
            say(&format!("{skipped} further steps of refused orders were not sent"));
        }
        if retries > 0 {
            say(&format!("{} attempts had to be made again", grouped(retries)));
        }
        say(&format!(
            "{} commands in {:.2} s: {} a second; reconciled in {:.2} s",
            grouped(answered),
            times.replay.as_secs_f64(),
            grouped(per_second(answered, times.replay)),
            times.reconciliation.as_secs_f64(),
        ));
        say(&checked_line(checked));
        Self { text, differences: std::mem::take(&mut state.differences) }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.differences.count == 0
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.is_clean() {
            return writeln!(f, "no unit is wrong, and the audit is clean");
        }
        let Differences { count, first } = &self.differences;
        writeln!(f, "{} DIFFERENCES, of which the first {}:", grouped(*count), first.len())?;
        first.iter().try_for_each(|difference| writeln!(f, "  {difference}"))
    }
}

fn orders_line(plan: &Plan) -> String {
    let mut line = format!(
        "{} orders, {} lines, {} skus",
        grouped(plan.orders.len()),
        grouped(plan.order_lines.len()),
        grouped(plan.sold_skus().len()),
    );
    if plan.unlinked_units > 0 {
        let units = grouped(plan.unlinked_units);
        line =
            format!("{line}; {units} units of the file are cancelled without a link, and left out");
    }
    line
}

fn row_line(kind: &str, row: &mut Row) -> String {
    let refused = row.refused.values().sum::<u64>();
    let counts = [row.answered, row.replayed, refused].map(grouped);
    let [answered, replayed, refused] = &counts;
    let times = latencies(&mut row.latencies);
    let [p50, p99, max] = times.as_ref().map_or([""; 3], |times| times.each_ref().map(|us| &**us));
    table_line([kind, answered, replayed, refused, p50, p99, max])
}

/// In milliseconds; nothing where nothing was measured.
fn latencies(latencies: &mut Latencies) -> Option<[String; 3]> {
    let us = latencies.percentiles([500, 990, 1_000])?;
    Some(us.map(|us| format!("{:.2}", f64::from(us) / 1_000.0)))
}

fn table_line(cells: [&str; 7]) -> String {
    let [kind, numbers @ ..] = cells;
    let pad = |line: String, cell: &&str| format!("{line}{cell:>10}");
    numbers.iter().fold(format!("{kind:<8}"), pad).trim_end().to_owned()
}

fn checked_line(checked: &Checked) -> String {
    let audit = checked.audit.iter().map(|(name, count)| format!("{count} {name}"));
    let audit: Vec<_> = audit.map(|count| count.replace('_', " ")).collect();
    format!(
        "checked: stock of {} skus, {} orders; audit of {}",
        grouped(checked.skus),
        grouped(checked.orders),
        audit.join(", ")
    )
}

/// `1234567` as `1,234,567`.
pub(super) fn grouped(number: impl fmt::Display) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (65_536_000, "65,536,000")]
        {
            assert_eq!(grouped(number), text);
        }
    }
}

//! How the notebook counts what lies in a warehouse: `count WAREHOUSE at=TIME SKU UNITS, …`, with
//! `seen=SEQUENCE` and `id=REQUEST` where wanted; and `snapshot NAME` with `begin WAREHOUSE` (and
//! `at=` and `seen=`), `page NUMBER SKU UNITS, …`, `commit PAGES zero=PERCENT` (and `dry`),
//! `approve` or `discard`. The time of another day than the first is `DAY/TIME`.

use super::read::{self, Words};
use super::write;
use crate::door::counts::{Count, Counted, Effects, Found, Report, Seen, Snapshot, Step};
use crate::door::words::Instant;
use std::fmt::Write;

pub(super) fn count(words: &mut Words<'_>) -> Result<Count, String> {
    let warehouse = words.take_first("the warehouse")?;
    let (seen, request_id) = (seen(words)?, words.take("id").map(str::to_owned));
    Ok(Count { warehouse, seen, items: items(words)?, request_id })
}

pub(super) fn snapshot(words: &mut Words<'_>) -> Result<Snapshot, String> {
    let name = words.take_first("the snapshot")?;
    let small = |number: i64| u32::try_from(number).map_err(|fault| fault.to_string());
    let step = match words.take_first("the step")?.as_str() {
        "begin" => {
            let warehouse = words.take_first("the warehouse")?;
            Step::Begin { warehouse, seen: seen(words)? }
        }
        "page" => {
            let number = small(read::number(&words.take_first("the page's number")?)?)?;
            Step::Page { number, items: items(words)? }
        }
        "commit" => {
            let dry_run = words.take_flag("dry");
            let pages = small(read::number(&words.take_first("how many pages")?)?)?;
            let zero_percent_max = small(words.take_number("zero")?.ok_or("zero= is missing")?)?;
            Step::Commit { pages, zero_percent_max, dry_run }
        }
        "approve" => Step::Approve,
        "discard" => Step::Discard,
        other => return Err(format!("`{other}` is no step of a snapshot")),
    };
    Ok(Snapshot { name, step })
}

fn seen(words: &mut Words<'_>) -> Result<Seen, String> {
    let said = words.take("at").ok_or("at= is missing")?;
    let as_of = match said.split_once('/') {
        Some((day, clock)) => read::time(&format!("day {day} {clock}"))?,
        None => read::time(said)?,
    };
    let watermark = words.take_number("seen")?;
    let watermark = watermark.map(u64::try_from).transpose().map_err(|fault| fault.to_string())?;
    Ok(Seen { as_of, watermark })
}

fn items(words: &mut Words<'_>) -> Result<Vec<Found>, String> {
    let lines = read::lines(words)?;
    Ok(lines.into_iter().map(|line| (line.sku, line.quantity)).collect())
}

pub(super) fn count_said(count: &Count) -> String {
    let id = write::id(count.request_id.as_ref());
    let (seen, items) = (seen_said(count.seen), items_said(&count.items));
    format!("count {} {seen} {items}{id}", count.warehouse)
}

pub(super) fn snapshot_said(snapshot: &Snapshot) -> String {
    let step = match &snapshot.step {
        Step::Begin { warehouse, seen } => format!("begin {warehouse} {}", seen_said(*seen)),
        Step::Page { number, items } => format!("page {number} {}", items_said(items)),
        Step::Commit { pages, zero_percent_max, dry_run } => {
            let dry = if *dry_run { " dry" } else { "" };
            format!("commit {pages} zero={zero_percent_max}{dry}")
        }
        Step::Approve => "approve".to_owned(),
        Step::Discard => "discard".to_owned(),
    };
    format!("snapshot {} {step}", snapshot.name)
}

fn seen_said(seen: Seen) -> String {
    let watermark = seen.watermark.map_or(String::new(), |seq| format!(" seen={seq}"));
    format!("at={}{watermark}", in_a_word(seen.as_of))
}

fn in_a_word(at: Instant) -> String {
    write::time(at).replace("day ", "").replace(' ', "/")
}

fn items_said(items: &[Found]) -> String {
    let items: Vec<String> = items.iter().map(|(sku, units)| format!("{sku} {units}")).collect();
    items.join(", ")
}

pub(super) fn counted_said(it: &Counted) -> String {
    let mut text = format!("{} {}", it.sku, it.counted);
    if it.shipped > 0 {
        write!(text, " less {}", it.shipped).unwrap();
    }
    write!(text, " {}, {} to {}", it.effect, it.before, it.after).unwrap();
    if it.missing > 0 {
        write!(text, ", {} of {} missing", it.missing, it.held).unwrap();
    }
    text
}

pub(super) fn report_said(report: &Report) -> String {
    let Report { state, pages, staged, .. } = report;
    let effects = report.effects.as_ref().map_or(String::new(), effects_said);
    let refused = refused_said(report.refused, &report.errors);
    format!("{state}, {pages} pages, {staged} rows{effects}{refused}")
}

fn effects_said(it: &Effects) -> String {
    let numbers = [
        ("created", it.created),
        ("updated", it.updated),
        ("unchanged", it.unchanged),
        ("emptied", it.emptied),
        ("stale", it.stale),
        ("short", it.short),
    ];
    let mut said = String::new();
    for (name, number) in numbers.into_iter().filter(|(_, number)| *number > 0) {
        write!(said, "; {number} {name}").unwrap();
    }
    format!("{said}; zeroes {} of {}", it.zeroed, it.stocked)
}

pub(super) fn refused_said(refused: u64, errors: &[(u32, String)]) -> String {
    let mut said = if refused > 0 { format!("; {refused} refused") } else { String::new() };
    for (line, why) in errors {
        write!(said, ", {line}: {why}").unwrap();
    }
    said
}

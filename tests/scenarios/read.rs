//! Reading a notebook: one step a line, `-> ` and what is expected of it; more than one line of
//! expectations stands indented below. `#` begins a comment; README.md has the words.

use super::write::{DAY_MS, DAY_ONE};
use super::{catalog, counts};
use crate::door::words::{
    AdjustItem, Adjustment, Command, Counter, Instant, Line, Mode, Placement, ReleaseReason,
    Strategy,
};

/// How long a hold lives when the notebook does not say.
pub(super) const TTL_S: i64 = 900;

/// One thing the notebook does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    At(Instant),
    /// One command, in a batch of its own.
    Do(Command),
    /// The same command again and again, with `{n}` counting from 1.
    Times(Vec<Command>),
    /// Commands up to `end` go in one batch.
    Batch,
    End,
    Stock(String),
    Order(String),
    /// What was not listed before.
    Changes,
}

/// A line of the notebook that does something.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// 1, 2, … in the file.
    pub(super) line: usize,
    /// The line as it stands, without what is expected.
    pub(super) text: String,
    pub(super) step: Step,
    pub(super) expected: Vec<String>,
}

/// A notebook, with everything that must stand when its expectations are written anew.
pub(super) enum Part {
    /// A comment or an empty line.
    Remark(String),
    Entry(Entry),
}

/// Reads a notebook; the fault says which line is not understood.
pub(super) fn notebook(text: &str) -> Result<Vec<Part>, (usize, String)> {
    let mut parts = Vec::new();
    let mut lines = (1..).zip(text.lines()).peekable();
    let mut in_batch = false;
    while let Some((line, text)) = lines.next() {
        if text.trim().is_empty() || text.starts_with('#') {
            parts.push(Part::Remark(text.to_owned()));
            continue;
        }
        let (said, expected) = text.split_once("->").unwrap_or((text, ""));
        let mut expected: Vec<String> = Some(expected.trim())
            .filter(|it| !it.is_empty())
            .map(str::to_owned)
            .into_iter()
            .collect();
        let step = step(said.trim()).map_err(|why| (line, why))?;
        in_batch = step == Step::Batch || (in_batch && step != Step::End);
        while !in_batch && let Some((_, more)) = lines.next_if(|(_, next)| next.starts_with("    "))
        {
            expected.push(more.trim().to_owned());
        }
        parts.push(Part::Entry(Entry { line, text: said.trim_end().to_owned(), step, expected }));
    }
    Ok(parts)
}

fn step(said: &str) -> Result<Step, String> {
    let (verb, rest) = said.split_once(' ').unwrap_or((said, ""));
    Ok(match verb {
        "at" => Step::At(time(rest)?),
        "batch" => Step::Batch,
        "end" => Step::End,
        "stock" => Step::Stock(rest.to_owned()),
        "order" => Step::Order(rest.to_owned()),
        "changes" => Step::Changes,
        "times" => {
            let (count, command) = rest.split_once(' ').ok_or("times COUNT COMMAND")?;
            let numbers = 1..=number(count)?;
            let said = numbers.map(|n| self::command(&command.replace("{n}", &n.to_string())));
            Step::Times(said.collect::<Result<_, _>>()?)
        }
        _ => Step::Do(command(said)?),
    })
}

/// `[day N ]HH:MM[:SS[.mmm]]`
pub(super) fn time(said: &str) -> Result<Instant, String> {
    let (day, clock) = match said.strip_prefix("day ") {
        Some(rest) => rest.split_once(' ').ok_or("at day N HH:MM")?,
        None => ("1", said),
    };
    let mut parts = clock.splitn(3, ':');
    let mut next = || parts.next().unwrap_or("0");
    let (hours, minutes, seconds) = (number(next())?, number(next())?, next());
    let (seconds, ms) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let in_day = (hours * 60 + minutes) * 60_000 + number(seconds)? * 1_000 + number(ms)?;
    Ok(DAY_ONE + (number(day)? - 1) * DAY_MS + in_day)
}

/// A command's words: what stands free, and what is named by `key=value`.
pub(super) struct Words<'a> {
    free: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    pub(super) fn take(&mut self, key: &str) -> Option<&'a str> {
        let found = self.named.iter().position(|(name, _)| *name == key)?;
        Some(self.named.remove(found).1)
    }

    pub(super) fn take_number(&mut self, key: &str) -> Result<Option<i64>, String> {
        self.take(key).map(number).transpose()
    }

    pub(super) fn take_flag(&mut self, flag: &str) -> bool {
        let before = self.free.len();
        self.free.retain(|word| *word != flag);
        self.free.len() < before
    }

    pub(super) fn take_first(&mut self, what: &str) -> Result<String, String> {
        if self.free.is_empty() {
            return Err(format!("{what} is missing"));
        }
        Ok(self.free.remove(0).to_owned())
    }
}

/// What a line that does something says.
pub(crate) fn command(said: &str) -> Result<Command, String> {
    let (verb, rest) = said.split_once(' ').ok_or_else(|| format!("what is `{said}`?"))?;
    match verb {
        "adjust" => return adjust(rest),
        "catalog" => return catalog::change(rest),
        _ => {}
    }
    let (named, free) = rest.split_whitespace().partition::<Vec<_>, _>(|word| word.contains('='));
    let named = named.into_iter().filter_map(|word| word.split_once('=')).collect();
    let mut words = Words { free, named };
    let command = match verb {
        "expire" => {
            let limit = number(&words.take_first("how many")?)?;
            Command::Expire(u32::try_from(limit).map_err(|fault| fault.to_string())?)
        }
        "count" => Command::Count(counts::count(&mut words)?),
        "snapshot" => Command::Snapshot(counts::snapshot(&mut words)?),
        _ => of_order(verb, &mut words)?,
    };
    if words.free.is_empty() && words.named.is_empty() {
        Ok(command)
    } else {
        Err(format!("what are {:?} {:?}?", words.free, words.named))
    }
}

fn of_order(verb: &str, words: &mut Words<'_>) -> Result<Command, String> {
    let order_id = words.take_first("the order")?;
    let request_id = words.take("id").map(str::to_owned);
    let ttl_s = words.take_number("ttl")?.unwrap_or(TTL_S);
    Ok(match verb {
        "reserve" => Command::Reserve(placement(order_id, request_id, ttl_s, words)?),
        "deduct" => Command::Deduct(placement(order_id, request_id, ttl_s, words)?),
        "confirm" => Command::Confirm { order_id, request_id },
        "extend" => Command::Extend { order_id, ttl_s, request_id },
        "ship" => {
            let package = words.take_number("package")?.map(u32::try_from).transpose();
            let package = package.map_err(|fault| fault.to_string())?;
            Command::Ship { order_id, package, request_id }
        }
        "transfer" => {
            let package = words.take_number("package")?.ok_or("package= is missing")?;
            let package = u32::try_from(package).map_err(|fault| fault.to_string())?;
            let warehouse = words.take("to").ok_or("to= is missing")?.to_owned();
            Command::Transfer { order_id, package, warehouse, request_id }
        }
        "release" => {
            let reason = match words.take_first("cancel or refund")?.as_str() {
                "cancel" => ReleaseReason::Cancel,
                "refund" => ReleaseReason::Refund,
                other => return Err(format!("`{other}` is not cancel or refund")),
            };
            let lines = Some(lines(words)?).filter(|lines| !lines.is_empty());
            Command::Release { order_id, reason, lines, request_id }
        }
        other => return Err(format!("what is `{other}`?")),
    })
}

fn placement(
    order_id: String,
    request_id: Option<String>,
    ttl_s: i64,
    words: &mut Words<'_>,
) -> Result<Placement, String> {
    let mode = match words.take("mode") {
        None | Some("reserve_on_order") => Mode::ReserveOnOrder,
        Some("deduct_on_order") => Mode::DeductOnOrder,
        Some("deduct_on_payment") => Mode::DeductOnPayment,
        Some(other) => return Err(format!("`{other}` is not a mode")),
    };
    let strategy = match words.take("by") {
        None | Some("priority") => Strategy::Priority,
        Some("nearest") => Strategy::Nearest,
        Some("min_splits") => Strategy::MinSplits,
        Some(other) => return Err(format!("`{other}` is not a strategy")),
    };
    let allow_partial = words.take_flag("partial");
    let ship_to = words.take("to").map(str::to_owned);
    let lines = lines(words)?;
    Ok(Placement { order_id, lines, ship_to, mode, strategy, ttl_s, allow_partial, request_id })
}

/// `SKU QUANTITY, SKU QUANTITY`
pub(super) fn lines(words: &mut Words<'_>) -> Result<Vec<Line>, String> {
    let free = std::mem::take(&mut words.free).join(" ");
    let lines = free.split(',').map(str::trim).filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let (sku, quantity) = line.split_once(' ').ok_or(format!("`{line}`: SKU QUANTITY"))?;
            Ok(Line { sku: sku.to_owned(), quantity: number(quantity)? })
        })
        .collect()
}

/// `REASON SKU sellable=5, SKU@WAREHOUSE on_hand+=5 if=3 [id=REQUEST]`, `_` for a space.
fn adjust(said: &str) -> Result<Command, String> {
    let (reason, rest) = said.split_once(' ').ok_or("adjust REASON ITEMS")?;
    let (items, request_id) = match rest.rsplit_once(" id=") {
        Some((items, id)) => (items, Some(id.to_owned())),
        None => (rest, None),
    };
    let items = items.split(',').map(|it| item(it.trim())).collect::<Result<_, _>>()?;
    Ok(Command::Adjust { reason: reason.replace('_', " "), items, request_id })
}

fn item(said: &str) -> Result<AdjustItem, String> {
    let (said, compare) = match said.split_once(" if=") {
        Some((said, compare)) => (said, Some(number(compare)?)),
        None => (said, None),
    };
    let shape = || format!("`{said}`: SKU[@WAREHOUSE] COUNTER=UNITS");
    let (what, units) = said.split_once('=').ok_or_else(shape)?;
    let units = number(units)?;
    let (what, adjustment) = match (what.strip_suffix('+'), what.strip_suffix('-')) {
        (Some(what), _) => (what, Adjustment::Change(units)),
        (_, Some(what)) => (what, Adjustment::Change(-units)),
        (None, None) => (what, Adjustment::Set(units)),
    };
    let (scope, counter) = what.split_once(' ').ok_or_else(shape)?;
    let (sku, counter) = match (scope.split_once('@'), counter) {
        (None, "sellable") => (scope, Counter::Sellable),
        (Some((sku, code)), "on_hand") => (sku, Counter::OnHand(code.to_owned())),
        (Some((sku, code)), "unavailable") => (sku, Counter::Unavailable(code.to_owned())),
        _ => return Err(shape()),
    };
    Ok(AdjustItem { sku: sku.to_owned(), counter, adjustment, compare_quantity: compare })
}

pub(super) fn number(said: &str) -> Result<i64, String> {
    said.parse().map_err(|fault| format!("`{said}`: {fault}"))
}

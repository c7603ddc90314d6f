//! What the guest does: read everything a batch needs, decide each command in order (with the
//! domain's rules, on what was read), write back what changed.

mod adjust;
mod audit;
mod batch;
mod catalog;
mod counts;
mod lifecycle;
mod orders;
mod placement;
pub mod queries;
mod routing;
mod sessions;
mod transfer;

#[cfg(test)]
mod tests;

pub use lifecycle::{Description, describe, migrate};

use crate::domain::{Answer, Command, Instant, Malformed, Outcome, Refusal, Sku};
use crate::storage::{Database, Error};
use batch::{Batch, Earlier};

/// The most commands of a batch: bounds what one transaction reads, writes and keeps in memory.
pub const COMMANDS_MAX: usize = 1_024;

/// The guest could not do its work; nothing of the call may be committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The database is locked; retrying helps.
    #[error("the database is locked")]
    Busy,
    /// The disk is full; retrying helps when there is room.
    #[error("the disk is full")]
    Full,
    /// The deadline passed; retrying may help.
    #[error("the deadline has passed")]
    Interrupted,
    /// An argument breaks the contract; the host should have refused it.
    #[error("malformed: {0}")]
    Malformed(String),
    /// Any other database error.
    #[error("storage: {0}")]
    Storage(String),
    /// Rows contradict each other. Never retry: an operator must look.
    #[error("corrupt: {0}")]
    Corrupt(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => Self::Busy,
            Error::Full => Self::Full,
            Error::Interrupted => Self::Interrupted,
            Error::Constraint(message) | Error::Unreadable(message) => Self::Corrupt(message),
            Error::ReadOnly | Error::TooLarge | Error::Other(_) => Self::Storage(error.to_string()),
        }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed.0)
    }
}

/// Why a command ends early: with a no, or because the guest cannot go on.
enum Stop {
    Refused(Refusal),
    Failed(Fault),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// What a batch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    /// Every sku whose counters changed, sorted, once each: what a cache must forget.
    pub changed_skus: Vec<Sku>,
}

/// Decides the commands in order and writes what follows, inside the caller's open transaction.
/// After a fault the caller must roll back.
pub fn apply(
    database: &mut impl Database,
    now: Instant,
    commands: &[Command],
) -> Result<Applied, Fault> {
    if commands.len() > COMMANDS_MAX {
        let given = commands.len();
        return Err(Fault::Malformed(format!("a batch has at most {COMMANDS_MAX}, not {given}")));
    }
    let mut applied = Applied::default();
    let mut rest = commands;
    loop {
        let is_alone = |command: &Command| {
            matches!(command, Command::Catalog(_) | Command::Session(_) | Command::Count(_))
        };
        let (run, others) = rest.split_at(rest.iter().position(is_alone).unwrap_or(rest.len()));
        // A batch without commands ends holds that are due.
        if !run.is_empty() || commands.is_empty() {
            apply_run(database, now, run, &mut applied)?;
        }
        match others.split_first() {
            Some((Command::Catalog(change), others)) => {
                applied.outcomes.push(catalog::change(database, now, change)?);
                rest = others;
            }
            Some((Command::Session(step), others)) => {
                let (outcome, changed) = sessions::step(database, now, step)?;
                applied.outcomes.push(outcome);
                applied.changed_skus.extend(changed);
                rest = others;
            }
            Some((Command::Count(count), others)) => {
                let (outcome, changed) = counts::count(database, now, count)?;
                applied.outcomes.push(outcome);
                applied.changed_skus.extend(changed);
                rest = others;
            }
            _ => break,
        }
    }
    applied.changed_skus.sort_unstable();
    applied.changed_skus.dedup();
    Ok(applied)
}

/// Decides commands that leave the catalog as it is, on rows that are all read before.
fn apply_run(
    database: &mut dyn Database,
    now: Instant,
    commands: &[Command],
    applied: &mut Applied,
) -> Result<(), Fault> {
    let mut batch = Batch::prefetch(database, now, commands)?;
    for (number, command) in commands.iter().enumerate() {
        applied.outcomes.push(answer(&mut batch, number, command)?);
    }
    applied.changed_skus.extend(batch.write_back()?);
    Ok(())
}

/// The answer given before to the same request, or else a new one, which is remembered.
fn answer<'a>(
    batch: &mut Batch<'a>,
    number: usize,
    command: &'a Command,
) -> Result<Outcome, Fault> {
    match batch.answered_before(number)? {
        Earlier::Same(result) => {
            return Ok(Outcome { replayed: true, result });
        }
        Earlier::Conflict => {
            let result = Err(Refusal::IdempotencyConflict);
            return Ok(Outcome { replayed: false, result });
        }
        Earlier::Never => {}
    }
    let result = match decide(batch, number, command) {
        Ok(answer) => Ok(answer),
        Err(Stop::Refused(refusal)) => Err(refusal),
        Err(Stop::Failed(fault)) => return Err(fault),
    };
    batch.remember(number, &result);
    Ok(Outcome { replayed: false, result })
}

fn decide<'a>(batch: &mut Batch<'a>, number: usize, command: &'a Command) -> Result<Answer, Stop> {
    let order = match command {
        Command::Adjust(adjust) => return adjust::adjust(batch, adjust).map(Answer::Adjusted),
        Command::Expire(limit) => return Ok(Answer::Expired(batch.expire(limit.get())?)),
        _ => batch.order_of(number),
    };
    batch.end_hold_if_due(order);
    let answer = match command {
        Command::Reserve(it) => return placement::reserve(batch, order, it),
        Command::Deduct(it) => return placement::deduct(batch, order, it),
        Command::Confirm(_) => orders::confirm(batch, order),
        Command::Extend(it) => orders::extend(batch, order, it),
        Command::Ship(it) => orders::ship(batch, order, it.package),
        Command::Release(it) => orders::release(batch, order, it),
        Command::Transfer(it) => transfer::transfer(batch, order, it),
        Command::Adjust(_)
        | Command::Expire(_)
        | Command::Catalog(_)
        | Command::Session(_)
        | Command::Count(_) => {
            unreachable!("decided above, or apart from batches")
        }
    };
    answer.map(Answer::Order)
}

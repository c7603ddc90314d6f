//! What one transaction does, and who waits for it.

use std::time::Instant;

use super::{
    Error, ShardGuest,
    cache::Cache,
    database,
    writer::{Job, Reply},
};
use crate::{
    guest::{
        commands::Applied,
        types::{Command, Fault, Outcome},
    },
    host_functions::sqlite::SqliteHost,
};

/// Commands of several callers, and who waits for which.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) commands: Vec<Command>,
    pub(super) replies: Replies,
}

#[derive(Default)]
pub(super) struct Replies(Vec<Waiter>);

enum Waiter {
    One(Reply<Result<Outcome, Error>>),
    Many(usize, Reply<Vec<Result<Outcome, Error>>>),
}

impl Batch {
    pub(super) fn push(&mut self, job: Job) {
        match job {
            Job::One(command, reply) => {
                self.commands.push(command);
                self.replies.0.push(Waiter::One(reply));
            }
            Job::Many(commands, reply) => {
                self.replies.0.push(Waiter::Many(commands.len(), reply));
                self.commands.extend(commands);
            }
            Job::Switch | Job::Stop => {}
        }
    }
}

impl Replies {
    /// A caller that has gone away does not hear its answer, and loses nothing by it.
    pub(super) fn answer(self, answers: Vec<Result<Outcome, Error>>) {
        let mut answers = answers.into_iter();
        for waiter in self.0 {
            match waiter {
                Waiter::One(reply) => {
                    let answer = answers.next().expect("one answer for each command");
                    let _ = reply.send(answer);
                }
                Waiter::Many(length, reply) => {
                    let _ = reply.send(answers.by_ref().take(length).collect());
                }
            }
        }
    }
}

/// Why a transaction was not committed.
pub(super) enum Failure {
    /// The guest, or the database under it, could not do its work.
    Fault(Fault),
    /// The guest trapped, or its answer breaks the contract: nothing of it is to be trusted.
    Trap(String),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Decides commands and commits what came of them. Whoever calls rolls back where it failed.
pub(super) fn transact(
    guest: &mut ShardGuest,
    cache: &Cache,
    now: i64,
    commands: &[Command],
    deadline: Instant,
) -> Result<Applied, Failure> {
    database::begin_write(host(guest))?;
    // The guest's code is stopped by its instance, a statement by SQLite, a call to Redis by
    // itself.
    let left = deadline.saturating_duration_since(Instant::now());
    guest.instance_mut().set_time_max(Some(left));
    guest.instance_mut().host_mut().set_deadline(Some(deadline));
    let applied = guest.apply(now, commands);
    guest.instance_mut().host_mut().set_deadline(None);
    let applied = applied.map_err(|error| Failure::Trap(error.to_string()))??;
    if applied.outcomes.len() != commands.len() {
        let (outcomes, commands) = (applied.outcomes.len(), commands.len());
        return Err(Failure::Trap(format!("{outcomes} outcomes for {commands} commands")));
    }
    // From before the first reader can see the new rows until no reader can see the old ones.
    cache.changing(&applied.changed_skus);
    let committed = database::commit(host(guest));
    cache.changed(&applied.changed_skus);
    committed?;
    Ok(applied)
}

pub(super) fn host(guest: &mut ShardGuest) -> &SqliteHost {
    &guest.instance_mut().host_mut().sqlite
}

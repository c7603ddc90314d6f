//! What one transaction does, and who waits for it.

use super::{
    Error,
    writer::{Job, Reply},
};
use crate::guest::types::{Command, Outcome};

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
            Job::Switch(..) | Job::Stop => {}
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

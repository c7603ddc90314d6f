//! One world: a door, the model beside it, and what is compared after every batch.

use super::feed::Feed;
use super::generator::{Generator, Step};
use super::model::Model;
use crate::door::words::{Applied, Command, Fault, Instant, Outcome};
use crate::door::{Disturbance, FragileDoor, Seen, StorageFault};
use crate::scenarios::write;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many batches may pass before everything is read and compared.
const BATCHES_BETWEEN_CHECKS: usize = 6;

pub(super) struct World {
    door: Box<dyn FragileDoor>,
    model: Model,
    feed: Feed,
    played: Vec<Step>,
}

/// What was played, the last step of which went wrong.
pub(super) struct Wrong {
    pub(super) steps: Vec<Step>,
    pub(super) why: String,
}

impl World {
    pub(super) fn new(door: Box<dyn FragileDoor>) -> Self {
        Self { door, model: Model::default(), feed: Feed::default(), played: Vec::new() }
    }

    /// Lets a seed's callers do what they do.
    pub(super) fn play(mut self, mut generator: Generator, batches: usize) -> Result<(), Wrong> {
        for batch in 1..=batches {
            let step = generator.step(&self.model);
            self.guarded(step, |world, step| {
                world.batch(step)?;
                let is_time = batch % BATCHES_BETWEEN_CHECKS == 0 || batch == batches;
                if is_time { world.check_all() } else { Ok(()) }
            })?;
        }
        Ok(())
    }

    /// Plays recorded steps, and compares everything after each.
    fn replay(mut self, steps: &[Step]) -> Result<(), Wrong> {
        steps.iter().try_for_each(|step| {
            self.guarded(step.clone(), |world, step| {
                world.batch(step)?;
                world.check_all()
            })
        })
    }

    /// Plays a step; a panic of the guest is wrong like a wrong answer.
    fn guarded(
        &mut self,
        step: Step,
        play: impl FnOnce(&mut Self, &Step) -> Result<(), String>,
    ) -> Result<(), Wrong> {
        let tried = catch_unwind(AssertUnwindSafe(|| play(self, &step)));
        self.played.push(step);
        let why = match tried {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(why)) => why,
            Err(panic) => panic.downcast_ref::<String>().map_or_else(
                || format!("a panic: {:?}", panic.downcast_ref::<&str>()),
                |text| format!("a panic: {text}"),
            ),
        };
        Err(Wrong { steps: std::mem::take(&mut self.played), why })
    }

    fn batch(&mut self, step: &Step) -> Result<(), String> {
        let mut done = self.model.clone();
        let expected = done.apply(step.now, &step.commands);
        match self.door.apply_disturbed(step.now, &step.commands, step.disturbance) {
            Seen::Answered(applied) => {
                compare(step.now, &step.commands, &expected, &applied.outcomes)?;
                changed_skus(&self.model, &done, &applied)?;
                self.model = done;
            }
            Seen::DoneUnseen => self.model = done,
            Seen::Lost => {}
            Seen::Undone(fault) => {
                let Disturbance::Fault { fault: injected, .. } = step.disturbance else {
                    return Err(format!("undone by {fault:?}"));
                };
                if !blames(&fault, injected) {
                    return Err(format!("{injected:?} was answered as {fault:?}"));
                }
            }
        }
        Ok(())
    }

    fn check_all(&mut self) -> Result<(), String> {
        for sku in self.model.skus().chain(["NONE"]) {
            let (expected, actual) = (self.model.stock(sku), self.door.stock(sku).unwrap());
            if expected != actual {
                return Err(format!("stock {sku}\n expected {expected:?}\n actual   {actual:?}"));
            }
        }
        for id in self.model.order_ids().chain(["NONE"]) {
            let (expected, actual) = (self.model.order(id), self.door.order(id).unwrap());
            if expected != actual {
                return Err(format!("order {id}\n expected {expected:?}\n actual   {actual:?}"));
            }
        }
        let (expected, actual) = (self.model.missing(), self.door.missing().unwrap());
        if expected != actual {
            return Err(format!("missing\n expected {expected:?}\n actual   {actual:?}"));
        }
        let differences = self.door.audit().unwrap();
        if !differences.is_empty() {
            return Err(format!("audit: {}", differences.join("\n")));
        }
        loop {
            let page = self.door.changes(self.feed.seq, 100).unwrap();
            if page.is_empty() {
                let expected = self.model.last_seq();
                if self.feed.seq != expected {
                    return Err(format!("the feed has {} rows, not {expected}", self.feed.seq));
                }
                return self.feed.check(&self.model);
            }
            page.iter().try_for_each(|change| self.feed.take(change))?;
        }
    }
}

fn compare(
    now: Instant,
    commands: &[Command],
    expected: &[Outcome],
    actual: &[Outcome],
) -> Result<(), String> {
    if expected.len() != actual.len() {
        return Err(format!("{} outcomes for {} commands", actual.len(), commands.len()));
    }
    for ((command, expected), actual) in commands.iter().zip(expected).zip(actual) {
        if expected != actual {
            return Err(format!(
                "{}\n expected: {}\n actual:   {}\n that is   {actual:?}\n and not   {expected:?}",
                write::command(command),
                write::outcome(expected, now),
                write::outcome(actual, now),
            ));
        }
    }
    Ok(())
}

/// Every sku that reads otherwise than before must be named, and nothing that nobody touched.
fn changed_skus(before: &Model, after: &Model, applied: &Applied) -> Result<(), String> {
    let Some(named) = &applied.changed_skus else {
        return Ok(());
    };
    let differ: BTreeSet<String> = after
        .skus()
        .filter(|sku| before.stock(sku) != after.stock(sku))
        .map(str::to_owned)
        .collect();
    let known: BTreeSet<String> = after.skus().map(str::to_owned).collect();
    if differ.is_subset(named) && named.is_subset(&known) {
        Ok(())
    } else {
        Err(format!("changed skus are {differ:?}, but {named:?} were named"))
    }
}

fn blames(fault: &Fault, injected: StorageFault) -> bool {
    match injected {
        StorageFault::Busy => *fault == Fault::Busy,
        StorageFault::Full => *fault == Fault::Full,
        StorageFault::Interrupted => *fault == Fault::Interrupted,
        StorageFault::Other => matches!(fault, Fault::Storage(_)),
    }
}

/// Leaves out batches and commands as long as something still goes wrong.
pub(super) fn shrink(
    open: &impl Fn() -> Box<dyn FragileDoor>,
    wrong: Wrong,
    time: std::time::Duration,
) -> (Vec<Step>, String) {
    let until = std::time::Instant::now() + time;
    let quietly = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let Wrong { mut steps, mut why } = wrong;
    let mut part = steps.len().div_ceil(2);
    let mut at = 0;
    while std::time::Instant::now() < until {
        if at >= size(&steps) {
            if part == 1 {
                break;
            }
            (at, part) = (0, part.div_ceil(2));
        }
        let fewer = without(&steps, at, part);
        match World::new(open()).replay(&fewer) {
            Ok(()) => at += part,
            Err(still) => (steps, why) = (still.steps, still.why),
        }
    }
    std::panic::set_hook(quietly);
    (steps, why)
}

fn size(steps: &[Step]) -> usize {
    steps.iter().map(|step| step.commands.len()).sum()
}

/// The steps without `count` commands from number `first` on.
fn without(steps: &[Step], first: usize, count: usize) -> Vec<Step> {
    let mut number = 0;
    let mut kept = Vec::new();
    for step in steps {
        let mut step = step.clone();
        step.commands.retain(|_| {
            number += 1;
            !(first..first + count).contains(&(number - 1))
        });
        if !step.commands.is_empty() {
            kept.push(step);
        }
    }
    kept
}

/// Steps as a notebook says them.
pub(super) fn as_notebook(steps: &[Step]) -> String {
    let mut lines = Vec::new();
    let mut now: Instant = 0;
    for step in steps {
        if step.now != now {
            lines.push(format!("at {}", write::time(step.now)));
            now = step.now;
        }
        if step.disturbance != Disturbance::None {
            lines.push(format!("# {:?}", step.disturbance));
        }
        match &step.commands[..] {
            [command] => lines.push(write::command(command)),
            commands => {
                lines.push("batch".to_owned());
                lines.extend(commands.iter().map(|it| format!("  {}", write::command(it))));
                lines.push("end".to_owned());
            }
        }
    }
    lines.join("\n")
}

//! Random callers, time, storage faults and crashes against the model (spec.md §11 and §12).
//!
//! Every seed is a world of its own. A run plays the same worlds as the one before, as many as its
//! time allows: what goes wrong is new. `SEED=7 cargo test simulator` plays that world alone,
//! `SIMULATOR_SECONDS=600 cargo test simulator` plays new ones for ten minutes. A world that goes
//! wrong is cut down to the batches that matter and printed as a notebook (tests/scenarios).

mod feed;
mod generator;
mod merging;
mod model;
mod random;
mod reaching;
mod tampering;
mod world;

use crate::door::FragileDoor;
use crate::door::http::HttpDoor;
use crate::door::native::NativeDoor;
use crate::scenarios::{read, write};
use generator::Generator;
use model::Model;
use std::time::{Duration, Instant};
use world::World;

const SECONDS: u64 = 30;
const HOST_SECONDS: u64 = 4;
const BATCHES: usize = 120;
/// How long a failing world may take to be cut down.
const SHRINKING: Duration = Duration::from_secs(20);

/// Plays worlds through a door until the time is over.
fn simulate(
    open: impl Fn() -> Box<dyn FragileDoor>,
    callers: impl Fn(u64) -> Generator,
    time: Duration,
) {
    let (mut seed, only_one) = first_seed();
    let until = Instant::now() + time;
    let mut worlds = 0;
    while worlds == 0 || (!only_one && Instant::now() < until) {
        if let Err(wrong) = World::new(open()).play(callers(seed), BATCHES) {
            let (steps, why) = world::shrink(&open, wrong, SHRINKING);
            panic!("SEED={seed}: {why}\n{}", world::as_notebook(&steps));
        }
        seed += 1;
        worlds += 1;
    }
    eprintln!("{worlds} worlds of {BATCHES} batches, up to SEED={}", seed - 1);
}

/// The first seed, and whether it is the only one.
fn first_seed() -> (u64, bool) {
    if let Ok(seed) = std::env::var("SEED") {
        return (seed.parse().expect("SEED is a number"), true);
    }
    if seconds_asked().is_none() {
        return (0, false);
    }
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().expect("a clock after 1970");
    (since.as_secs() % 1_000_000_000 * 1_000, false)
}

fn seconds_asked() -> Option<u64> {
    let asked = std::env::var("SIMULATOR_SECONDS").ok()?;
    Some(asked.parse().expect("SIMULATOR_SECONDS is a number"))
}

fn time_to_play(seconds: u64) -> Duration {
    Duration::from_secs(seconds_asked().unwrap_or(seconds))
}

#[test]
fn what_a_world_did_can_be_read_as_a_notebook() {
    for seed in 0..20 {
        let (mut callers, mut model) = (Generator::new(seed), Model::default());
        for _ in 0..20 {
            let (now, commands) = callers.instant(&model, 20);
            model.apply(now, &commands);
            for command in commands {
                let said = write::command(&command);
                assert_eq!(read::command(&said), Ok(command), "seed {seed}: {said}");
            }
        }
    }
}

#[test]
fn the_guest_does_what_the_model_says_whatever_goes_wrong() {
    simulate(|| Box::new(NativeDoor::open()), Generator::new, time_to_play(SECONDS));
}

#[test]
fn the_host_does_what_the_model_says() {
    simulate(|| Box::new(HttpDoor::open()), Generator::of_callers, time_to_play(HOST_SECONDS));
}

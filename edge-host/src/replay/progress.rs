//! A line on standard error every second: rewritten in place on a terminal, one after the other
//! elsewhere.

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::client::Server;
use super::report::grouped;

const EVERY: Duration = Duration::from_secs(1);

/// How much of something is done.
pub(super) struct Progress {
    /// What is counted, such as `steps`.
    noun: &'static str,
    total: usize,
    done: AtomicUsize,
}

impl Progress {
    pub(super) fn new(noun: &'static str, total: usize) -> Self {
        Self { noun, total, done: AtomicUsize::new(0) }
    }

    pub(super) fn add(&self, count: usize) {
        self.done.fetch_add(count, Ordering::Relaxed);
    }

    /// Shows itself until it is dropped.
    pub(super) async fn show(self: Arc<Self>, server: Arc<Server>) -> Infallible {
        let started = Instant::now();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        let line = Line { terminal: io::stderr().is_terminal() };
        let mut before = Seen { at: started, done: 0, retries: 0 };
        loop {
            let at = ticks.tick().await;
            let done = self.done.load(Ordering::Relaxed);
            let retries = server.retries.load(Ordering::Relaxed);
            let now = Seen { at, done, retries };
            let mut text = self.text(&before, &now, started);
            if now.retries > before.retries {
                text = format!("{text}; trying again: {}", server.last_failure());
            }
            line.write(&text);
            before = now;
        }
    }

    fn text(&self, before: &Seen, now: &Seen, started: Instant) -> String {
        let Self { noun, total, .. } = self;
        let rate = per_second(now.done - before.done, now.at - before.at);
        let average = per_second(now.done, now.at - started);
        let percent = now.done * 100 / (*total).max(1);
        let eta = match average {
            0 => "unknown".to_owned(),
            average => format!("{} s", (total - now.done).div_ceil(average)),
        };
        let (done, total, rate) = (grouped(now.done), grouped(*total), grouped(rate));
        format!("{done} of {total} {noun} ({percent} %), {rate}/s, ETA {eta}")
    }
}

struct Seen {
    at: Instant,
    done: usize,
    retries: u64,
}

/// Leaves a terminal's line clean when the showing ends.
struct Line {
    terminal: bool,
}

impl Line {
    fn write(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        // Nobody to show progress to is no reason to stop.
        let _ = if self.terminal {
            write!(stderr, "\r\x1b[K{text}").and_then(|()| stderr.flush())
        } else {
            writeln!(stderr, "{text}")
        };
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if self.terminal {
            eprint!("\r\x1b[K");
        }
    }
}

/// Whole things a second.
pub(super) fn per_second(count: usize, took: Duration) -> usize {
    let us = took.as_micros().max(1);
    usize::try_from(count as u128 * 1_000_000 / us).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_how_fast_and_how_long() {
        let started = Instant::now();
        let seen = |second, done| {
            let at = started + Duration::from_secs(second);
            Seen { at, done, retries: 0 }
        };
        let progress = Progress::new("steps", 65_000);
        let text = progress.text(&seen(1, 1_000), &seen(2, 13_000), started);
        assert_eq!(text, "13,000 of 65,000 steps (20 %), 12,000/s, ETA 8 s");
        let text = progress.text(&seen(0, 0), &seen(1, 0), started);
        assert_eq!(text, "0 of 65,000 steps (0 %), 0/s, ETA unknown");
    }
}

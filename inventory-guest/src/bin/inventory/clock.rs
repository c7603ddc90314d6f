//! What time it is: the one place of this program that looks.

use std::time::{SystemTime, UNIX_EPOCH};

use inventory_json::words::Instant;

/// A clock, or its hand held by a user.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    held_at: Option<Instant>,
}

impl Clock {
    /// Runs, unless it is held somewhere.
    pub(crate) fn new(held_at: Option<Instant>) -> Self {
        Self { held_at }
    }

    /// Stands there from now on.
    pub(crate) fn hold_at(&mut self, instant: Instant) {
        self.held_at = Some(instant);
    }

    /// Milliseconds since 1970 UTC.
    pub(crate) fn now(&self) -> i64 {
        self.held_at.map_or_else(of_the_system, |Instant(ms)| ms)
    }
}

fn of_the_system() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX)
}

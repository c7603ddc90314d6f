//! Where `now` comes from: guests have no clock.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

/// A source of instants, in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's.
    System,
    /// Stands still until its owner moves it.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The time by this clock.
    pub fn now(&self) -> i64 {
        match self {
            Self::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_millis()).ok())
                .expect("the system's clock is between 1970 and the year 292,278,994"),
            Self::Manual(now) => now.load(Ordering::SeqCst),
        }
    }
}

//! When to leave a server alone: after a failure it is not asked for a while, so that those who
//! would wait for it go on without it at once. The while doubles with each failure.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::url::Address;
use crate::metrics;

const BACKOFF_MIN: Duration = Duration::from_millis(20);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// So many calls with less than the whole timeout must fail in a row to say something of it.
const SHORT_TIMEOUTS_MAX: u32 = 3;
/// Servers remembered; a cluster that moves for years leaves old ones behind.
const SERVERS_MAX: usize = 1_024;

/// What is known of each server that failed lately.
pub(super) struct Circuits {
    /// How long one try may take: only one caller tries, the others wait for what it finds.
    try_time: Duration,
    failing: Mutex<HashMap<Address, Failing>>,
    random: RandomState,
    metrics: metrics::RedisUser,
}

struct Failing {
    failures: u32,
    short_timeouts: u32,
    /// Not to be asked before this.
    until: Instant,
    why: String,
}

impl Circuits {
    pub(super) fn new(try_time: Duration, metrics: metrics::RedisUser) -> Self {
        Self { try_time, failing: Mutex::default(), random: RandomState::new(), metrics }
    }

    /// Whether the server may be asked now; if not, why.
    pub(super) fn admit(&self, address: &Address, now: Instant) -> Result<(), String> {
        let mut failing = self.failing.lock();
        let Some(state) = failing.get_mut(address) else { return Ok(()) };
        if now < state.until {
            return Err(format!("left alone for a while after {}", state.why));
        }
        if state.failures > 0 {
            state.until = now + self.try_time;
        }
        Ok(())
    }

    /// Nothing is known against the server. Does not count as a try.
    pub(super) fn is_closed(&self, address: &Address) -> bool {
        self.failing.lock().get(address).is_none_or(|state| state.failures == 0)
    }

    /// The server answered.
    pub(super) fn succeeded(&self, address: &Address) {
        let mut failing = self.failing.lock();
        let Some(state) = failing.remove(address) else { return };
        if state.failures > 0 {
            tracing::info!(%address, "Redis answers again");
        }
        self.publish(&failing);
    }

    /// The server could not be reached, or was silent for the whole timeout.
    pub(super) fn failed(&self, address: &Address, why: &str) {
        let mut failing = self.failing.lock();
        let now = Instant::now();
        if failing.len() >= SERVERS_MAX && !failing.contains_key(address) {
            failing.retain(|_, state| now < state.until);
        }
        let state = failing.entry(address.clone()).or_insert_with(|| Failing::new(now));
        state.failures = state.failures.saturating_add(1);
        why.clone_into(&mut state.why);
        let longest = BACKOFF_MAX.min(BACKOFF_MIN * 2_u32.saturating_pow(state.failures - 1));
        // Between half of it and all of it, so that a fleet does not come back as one.
        let part = (self.random.hash_one((now, state.failures)) % 512) as u32;
        state.until = now + longest * (512 + part) / 1_024;
        if state.failures == 1 {
            tracing::warn!(%address, why, "Redis cannot be used; going on without it");
        }
        self.publish(&failing);
    }

    /// The server was silent for as long as its caller had, which was less than the whole timeout.
    pub(super) fn was_slow(&self, address: &Address) {
        let mut failing = self.failing.lock();
        let state = failing.entry(address.clone()).or_insert_with(|| Failing::new(Instant::now()));
        state.short_timeouts += 1;
        let often = state.short_timeouts >= SHORT_TIMEOUTS_MAX;
        drop(failing);
        if often {
            self.failed(address, &format!("{address}: several replies in a row came too late"));
        }
    }

    fn publish(&self, failing: &HashMap<Address, Failing>) {
        let open = failing.values().filter(|state| state.failures > 0).count();
        self.metrics.circuits_open.set(i64::try_from(open).unwrap_or(i64::MAX));
    }
}

impl Failing {
    fn new(now: Instant) -> Self {
        Self { failures: 0, short_timeouts: 0, until: now, why: String::new() }
    }
}

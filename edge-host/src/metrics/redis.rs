//! The numbers of the calls to Redis.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::{Histogram, register, register_seconds};

/// The calls to Redis, by who makes them.
#[derive(Clone, Debug)]
pub struct Redis {
    calls: Family<RedisCallLabels, Counter>,
    seconds: Family<UserLabels, Histogram, fn() -> Histogram>,
    circuits_open: Family<UserLabels, Gauge>,
    connections: Family<UserLabels, Counter>,
}

/// One user's handles.
#[derive(Clone, Debug)]
pub struct RedisUser {
    calls: [Counter; RedisOutcome::NAMES.len()],
    seconds: Histogram,
    /// Servers that are left alone after failures.
    pub circuits_open: Gauge,
    /// Connections made.
    pub connections: Counter,
}

/// What a call to Redis came to.
#[derive(Clone, Copy, Debug)]
pub enum RedisOutcome {
    /// A reply.
    Ok,
    /// Nothing was sent: Redis is away.
    Unavailable,
    /// No reply in time.
    Timeout,
    /// The connection broke before the reply.
    Lost,
    /// Redis answered an error.
    Server,
    /// The reply passed its bounds.
    ReplyTooLarge,
    /// The call broke the rules; nothing was sent.
    Refused,
}

impl RedisOutcome {
    const NAMES: [&str; 7] =
        ["ok", "unavailable", "timeout", "lost", "server_error", "reply_too_large", "refused"];
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RedisCallLabels {
    user: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct UserLabels {
    user: &'static str,
}

impl Redis {
    pub(super) fn new(r: &mut Registry) -> Self {
        Self {
            calls: register(r, "redis_calls", "Calls to Redis", Family::default()),
            seconds: register_seconds(
                r,
                "redis_call",
                "How long a call to Redis took",
                Family::new_with_constructor(Histogram::seconds as fn() -> Histogram),
            ),
            circuits_open: register(
                r,
                "redis_circuits_open",
                "Redis servers left alone after failures",
                Family::default(),
            ),
            connections: register(r, "redis_connections", "Connections made", Family::default()),
        }
    }

    /// The handles of one user: `guest` or `cache`.
    pub fn user(&self, user: &'static str) -> RedisUser {
        let calls = RedisOutcome::NAMES
            .map(|outcome| self.calls.get_or_create_owned(&RedisCallLabels { user, outcome }));
        let labels = UserLabels { user };
        RedisUser {
            calls,
            seconds: self.seconds.get_or_create_owned(&labels),
            circuits_open: self.circuits_open.get_or_create_owned(&labels),
            connections: self.connections.get_or_create_owned(&labels),
        }
    }
}

impl RedisUser {
    /// Counts one call.
    pub fn count(&self, outcome: RedisOutcome, took: Duration) {
        self.calls[outcome as usize].inc();
        self.seconds.observe_duration(took);
    }
}

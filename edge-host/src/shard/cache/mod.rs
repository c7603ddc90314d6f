//! Stock that was read and has not changed since: in this process ([`memory`]) or in Redis
//! ([`shared`]).
//!
//! Both keep one promise. A caller reads its own writes, and never an older state after a newer
//! one: the skus of a batch are taken out of use before its COMMIT and come back after it, and what
//! was read from a snapshot before a commit is not remembered after it.

mod handover;
mod memory;
mod record;
mod shared;

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;

use crate::{guest::stock::SkuStock, host_functions::redis, metrics};
pub(super) use handover::Handover;
use memory::Memory;
use shared::Shared;
pub(super) use shared::SharedReader;

/// What the read cache remembers.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    /// Where.
    pub backend: CacheBackend,
    /// How long a read is remembered at most; a write forgets it at once.
    pub ttl: Duration,
    /// How many skus are remembered at most. In Redis, its own `maxmemory` rules; here it bounds
    /// the changed skus that Redis has not been told of.
    pub entries_max: usize,
}

/// Where the read cache is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheBackend {
    /// In this process.
    Memory,
    /// In the configured Redis.
    Redis,
}

/// A sku's stock, with a slot for its form on the wire.
#[derive(Debug)]
pub struct CachedStock {
    /// What the guest answered.
    pub stock: SkuStock,
    /// The answer as the wire shows it, filled by `http` when it is first asked for.
    pub body: OnceLock<Bytes>,
}

impl CachedStock {
    fn new(stock: SkuStock) -> Arc<Self> {
        Arc::new(Self { stock, body: OnceLock::new() })
    }
}

/// How many commits there were before a read began. What was read may be remembered only while
/// there was no other since.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

/// The cache. Disabled, it remembers nothing.
pub(super) enum Cache {
    Disabled,
    Memory(Memory),
    Shared(Shared),
}

impl Cache {
    /// `client` is the cache's own, so that its short timeouts say nothing to guests.
    pub(super) fn new(
        config: Option<&CacheConfig>,
        client: Option<redis::Client>,
        handover: Handover,
        metrics: &metrics::Cache,
    ) -> std::io::Result<Self> {
        Ok(match (config, client) {
            (None, _) => Self::Disabled,
            (Some(config), Some(client)) if config.backend == CacheBackend::Redis => {
                Self::Shared(Shared::start(config, client, handover, metrics.backend("redis"))?)
            }
            (Some(config), _) => Self::Memory(Memory::new(config, metrics.backend("memory"))),
        })
    }

    /// What can be answered without waiting.
    pub(super) fn get(&self, sku: &str) -> Option<Arc<CachedStock>> {
        match self {
            Self::Memory(memory) => memory.get(sku),
            Self::Disabled | Self::Shared(_) => None,
        }
    }

    /// For a thread that may wait for Redis.
    pub(super) fn reader(&self) -> Option<SharedReader> {
        match self {
            Self::Shared(shared) => Some(shared.reader()),
            Self::Disabled | Self::Memory(_) => None,
        }
    }

    /// To be taken before a read begins.
    pub(super) fn ticket(&self) -> Ticket {
        match self {
            Self::Memory(memory) => memory.ticket(),
            Self::Disabled | Self::Shared(_) => Ticket(0),
        }
    }

    /// Remembers what was read, unless a commit came since the ticket was taken. What goes to Redis
    /// is remembered by the thread that read it.
    pub(super) fn insert(&self, stock: SkuStock, ticket: Ticket) -> Arc<CachedStock> {
        match self {
            Self::Memory(memory) => memory.insert(stock, ticket),
            Self::Disabled | Self::Shared(_) => CachedStock::new(stock),
        }
    }

    /// To be called before COMMIT: until [`Self::changed`], these skus are neither answered nor
    /// remembered.
    pub(super) fn changing(&self, skus: &[String]) {
        match self {
            Self::Disabled => {}
            Self::Memory(memory) => memory.changing(skus),
            Self::Shared(shared) => shared.changing(skus),
        }
    }

    /// To be called after COMMIT, whatever came of it, and before the replies.
    pub(super) fn changed(&self, skus: &[String]) {
        match self {
            Self::Disabled => {}
            Self::Memory(memory) => memory.changed(skus),
            Self::Shared(shared) => shared.changed(skus),
        }
    }

    /// Forgets everything, such as when another guest answers from now on.
    pub(super) fn forget_all(&self) {
        match self {
            Self::Disabled => {}
            Self::Memory(memory) => memory.forget_all(),
            Self::Shared(shared) => shared.forget_all(),
        }
    }

    /// Ends the thread behind it. To be called after the database is closed.
    pub(super) fn stop(&self) {
        if let Self::Shared(shared) = self {
            shared.stop();
        }
    }
}

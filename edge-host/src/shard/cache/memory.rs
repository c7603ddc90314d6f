//! The cache in this process: a look-up under a shared lock.
//!
//! A write forgets its skus before COMMIT, and nobody remembers them before it is through. What
//! remains is a reader that read before a commit and remembers after it; the [`Ticket`] refuses
//! that.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use hashbrown::HashMap;
use parking_lot::RwLock;

use super::{CacheConfig, CachedStock, Ticket};
use crate::{guest::stock::SkuStock, metrics};

/// Parts with a lock each, so that readers of different skus seldom meet.
const PARTS: usize = 64;

pub(in crate::shard) struct Memory {
    parts: Box<[RwLock<Part>]>,
    part_entries_max: usize,
    ttl: Duration,
    commits: AtomicU64,
    metrics: metrics::CacheBackend,
}

#[derive(Default)]
struct Part {
    entries: HashMap<Box<str>, Entry>,
    /// In the batch that commits now: not to be remembered.
    changing: HashSet<Box<str>>,
}

struct Entry {
    stock: Arc<CachedStock>,
    until: Instant,
}

impl Memory {
    pub(super) fn new(config: &CacheConfig, metrics: metrics::CacheBackend) -> Self {
        Self {
            parts: (0..PARTS).map(|_| RwLock::default()).collect(),
            part_entries_max: config.entries_max.div_ceil(PARTS),
            ttl: config.ttl,
            commits: AtomicU64::new(0),
            metrics,
        }
    }

    pub(super) fn get(&self, sku: &str) -> Option<Arc<CachedStock>> {
        let part = self.part(sku).read();
        let found = part.entries.get(sku);
        let found = found
            .and_then(|entry| (Instant::now() < entry.until).then(|| Arc::clone(&entry.stock)));
        drop(part);
        match found {
            Some(_) => self.metrics.hits.inc(),
            None => self.metrics.misses.inc(),
        };
        found
    }

    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.commits.load(Ordering::SeqCst))
    }

    pub(super) fn insert(&self, stock: SkuStock, ticket: Ticket) -> Arc<CachedStock> {
        let sku: Box<str> = stock.sku.as_str().into();
        let stock = CachedStock::new(stock);
        let mut part = self.part(&sku).write();
        // Under the part's lock: a commit that comes now has yet to forget this sku.
        let is_current = self.commits.load(Ordering::SeqCst) == ticket.0;
        if is_current && !part.changing.contains(&sku) {
            let now = Instant::now();
            let before = part.entries.len();
            if before >= self.part_entries_max {
                make_room(&mut part.entries, now);
            }
            let entry = Entry { stock: Arc::clone(&stock), until: now + self.ttl };
            part.entries.insert(sku, entry);
            self.count(before, part.entries.len());
        }
        stock
    }

    pub(super) fn changing(&self, skus: &[String]) {
        for sku in skus {
            let mut part = self.part(sku).write();
            part.changing.insert(sku.as_str().into());
            let before = part.entries.len();
            part.entries.remove(sku.as_str());
            self.count(before, part.entries.len());
        }
    }

    pub(super) fn changed(&self, skus: &[String]) {
        // First: who read before the commit must find its ticket old when the sku is free again.
        self.commits.fetch_add(1, Ordering::SeqCst);
        for sku in skus {
            self.part(sku).write().changing.remove(sku.as_str());
        }
    }

    pub(super) fn forget_all(&self) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        for part in &self.parts {
            let mut part = part.write();
            self.count(part.entries.len(), 0);
            part.entries.clear();
        }
    }

    fn count(&self, before: usize, after: usize) {
        let change = |entries| i64::try_from(entries).expect("entries fit");
        self.metrics.entries.inc_by(change(after) - change(before));
    }

    fn part(&self, sku: &str) -> &RwLock<Part> {
        // Any spread will do; the map inside hashes with its own seed.
        let hash = sku
            .bytes()
            .fold(0_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)));
        &self.parts[hash % PARTS]
    }
}

/// Drops what is out of date; where that is nothing, drops a few of the others, whichever come.
fn make_room(entries: &mut HashMap<Box<str>, Entry>, now: Instant) {
    let before = entries.len();
    entries.retain(|_, entry| now < entry.until);
    if entries.len() == before {
        let mut drop_count = before.div_ceil(8);
        entries.retain(|_, _| {
            let keep = drop_count == 0;
            drop_count = drop_count.saturating_sub(1);
            keep
        });
    }
}

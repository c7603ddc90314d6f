//! Stock that was read and has not changed since.
//!
//! A write forgets its skus after COMMIT and before its reply leaves, so a caller sees its own
//! writes. What remains is a reader that read before a commit and remembers after it; the
//! [`Ticket`] refuses that.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use hashbrown::HashMap;
use parking_lot::RwLock;

use super::CacheConfig;
use crate::{guest::stock::SkuStock, metrics};

/// Parts with a lock each, so that readers of different skus seldom meet.
const PARTS: usize = 64;

/// A sku's stock, with a slot for its form on the wire.
#[derive(Debug)]
pub struct CachedStock {
    /// What the guest answered.
    pub stock: SkuStock,
    /// The answer as the wire shows it, filled by `http` when it is first asked for.
    pub body: OnceLock<Bytes>,
}

/// How many commits there were before a read began. What was read may be remembered only while
/// there was no other since.
#[derive(Clone, Copy)]
pub(super) struct Ticket(u64);

/// The cache. Disabled, it remembers nothing.
pub(super) struct Cache {
    parts: Box<[RwLock<Part>]>,
    part_entries_max: usize,
    ttl: Duration,
    commits: AtomicU64,
    metrics: metrics::Cache,
}

type Part = HashMap<Box<str>, Entry>;

struct Entry {
    stock: Arc<CachedStock>,
    until: Instant,
}

impl Cache {
    pub(super) fn new(config: Option<&CacheConfig>, metrics: metrics::Cache) -> Self {
        Self {
            parts: (0..PARTS).map(|_| RwLock::default()).collect(),
            part_entries_max: config.map_or(0, |config| config.entries_max.div_ceil(PARTS)),
            ttl: config.map_or(Duration::ZERO, |config| config.ttl),
            commits: AtomicU64::new(0),
            metrics,
        }
    }

    pub(super) fn get(&self, sku: &str) -> Option<Arc<CachedStock>> {
        let found = self
            .part(sku)
            .read()
            .get(sku)
            .and_then(|entry| (Instant::now() < entry.until).then(|| Arc::clone(&entry.stock)));
        match found {
            Some(_) => self.metrics.hits.inc(),
            None => self.metrics.misses.inc(),
        };
        found
    }

    /// To be taken before a read begins.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket(self.commits.load(Ordering::SeqCst))
    }

    /// Remembers what was read, unless a commit came since the ticket was taken.
    pub(super) fn insert(&self, stock: SkuStock, ticket: Ticket) -> Arc<CachedStock> {
        let sku: Box<str> = stock.sku.as_str().into();
        let stock = Arc::new(CachedStock { stock, body: OnceLock::new() });
        if self.part_entries_max == 0 {
            return stock;
        }
        let mut part = self.part(&sku).write();
        // Under the part's lock: a commit that comes now has yet to forget this sku.
        if self.commits.load(Ordering::SeqCst) == ticket.0 {
            let now = Instant::now();
            let before = part.len();
            if before >= self.part_entries_max {
                make_room(&mut part, now);
            }
            let entry = Entry { stock: Arc::clone(&stock), until: now + self.ttl };
            part.insert(sku, entry);
            self.count(before, part.len());
        }
        stock
    }

    /// To be called when another guest may answer otherwise.
    pub(super) fn forget_all(&self) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        for part in &self.parts {
            let mut part = part.write();
            let before = part.len();
            part.clear();
            self.count(before, 0);
        }
    }

    /// To be called after COMMIT and before the replies.
    pub(super) fn forget(&self, skus: &[String]) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        if self.part_entries_max == 0 {
            return;
        }
        for sku in skus {
            let mut part = self.part(sku).write();
            let before = part.len();
            part.remove(sku.as_str());
            self.count(before, part.len());
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
fn make_room(part: &mut Part, now: Instant) {
    let before = part.len();
    part.retain(|_, entry| now < entry.until);
    if part.len() == before {
        let mut drop_count = before.div_ceil(8);
        part.retain(|_, _| {
            let keep = drop_count == 0;
            drop_count = drop_count.saturating_sub(1);
            keep
        });
    }
}

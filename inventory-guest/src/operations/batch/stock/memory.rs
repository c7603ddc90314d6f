//! What a guest remembers from batch to batch of where skus lie: reading the warehouses of an
//! order's skus is the dearest of its reads. Stamps tell whether it is still so, as they do for the
//! catalog: equal stamps mean equal rows, whatever was rolled back meanwhile and whichever database
//! is asked.

use super::{SiteEntry, SkuEntry, Stock};
use crate::domain::Sku;
use crate::domain::catalog::Noun;
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// With more rows than these all are forgotten: some 6 MiB, up to twice that with long names.
const ROWS_MAX: usize = 65_536;

thread_local! {
    /// A guest has one thread; elsewhere each remembers for itself.
    static MEMORY: RefCell<Option<(Version, Memory)>> = const { RefCell::new(None) };
}

/// Which rows are remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::operations::batch) struct Version {
    /// Of the ledger: it covers every counter.
    pub(in crate::operations::batch) stock: u64,
    /// Of the catalog: numbers of warehouses, and safety stock.
    pub(in crate::operations::batch) catalog: Vec<(Noun, u64)>,
}

/// All warehouses of each of these skus, none of which lacks anything that was counted.
#[derive(Default)]
pub(in crate::operations::batch) struct Memory {
    skus: FxHashMap<Sku, Vec<SiteEntry>>,
    rows: usize,
}

impl Memory {
    /// Takes what is remembered of a version; nothing of others.
    pub(in crate::operations::batch) fn of(version: &Version) -> Self {
        let found = MEMORY.take().filter(|(of, _)| of == version);
        found.map(|(_, memory)| memory).unwrap_or_default()
    }

    /// Remembers it as this version, until it is taken.
    pub(in crate::operations::batch) fn keep(self, version: Version) {
        MEMORY.set(Some((version, self)));
    }

    /// Takes the warehouses of a sku, if they are known.
    pub(super) fn take(&mut self, sku: &str) -> Option<Vec<SiteEntry>> {
        let sites = self.skus.remove(sku)?;
        self.rows -= rows(&sites);
        Some(sites)
    }

    fn put(&mut self, sku: Sku, sites: Vec<SiteEntry>) {
        if self.rows + rows(&sites) > ROWS_MAX {
            *self = Self::default();
        }
        self.rows += rows(&sites);
        self.skus.insert(sku, sites);
    }
}

/// A sku without warehouses takes its place, too.
fn rows(sites: &[SiteEntry]) -> usize {
    sites.len() + 1
}

impl Stock<'_> {
    /// What the next batch need not read, now that everything is written: the warehouses of skus
    /// that this one knows all of.
    pub(in crate::operations::batch) fn into_memory(mut self) -> Memory {
        for (sku, site, _) in self.touched {
            self.skus[sku].sites[site].is_touched = false;
        }
        for sku in self.unread_sites {
            self.skus[sku].sites_wanted = false;
        }
        let mut memory = self.memory;
        let catalogued = self.warehouses.catalogued();
        // What was made now has no number yet.
        let is_plain = |it: &SiteEntry| it.now.site_no != 0 && it.warehouse < catalogued;
        for SkuEntry { sku, counters, sites, sites_wanted, .. } in self.skus {
            // Of names that nobody knows there is no end.
            let is_known = counters.is_some() || !sites.is_empty();
            if is_known && sites_wanted && sites.iter().all(is_plain) {
                memory.put(sku, sites);
            }
        }
        memory
    }
}

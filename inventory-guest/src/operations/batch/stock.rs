//! The counters of a batch, and the ledger rows that account for every move of one.

mod memory;
mod read;
mod write;

pub(super) use memory::{Memory, Version};

use super::due::Due;
use super::warehouses::{MetIndex, Ranking, Warehouses};
use crate::domain::catalog::Catalog;
use crate::domain::change::{ChangeKind, Quantities};
use crate::domain::ledger::{Home, Movement, Place, SiteCounters, SkuCounters};
use crate::domain::order::LegUnits;
use crate::domain::routing::{Site, Supply};
use crate::domain::{Operation, Sku, WarehouseCode};
use crate::storage::stock::{Kept, StoredSite};
use rustc_hash::{FxHashMap, FxHashSet};
use std::rc::Rc;

/// Index of a sku in the batch.
pub(in crate::operations) type SkuIndex = usize;
/// Index of a warehouse among those of its sku.
pub(in crate::operations) type SiteIndex = usize;

#[derive(Default)]
pub(in crate::operations) struct Stock<'a> {
    skus: Vec<SkuEntry>,
    by_sku: FxHashMap<Sku, SkuIndex>,
    /// Of skus that no command has named.
    memory: Memory,
    /// What is kept from orders anywhere.
    kept: Kept,
    /// Those that adjustments name, and that there are.
    named: FxHashSet<WarehouseCode>,
    pub(super) warehouses: Warehouses<'a>,
    ledger: Vec<Entry<'a>>,
    /// Moved or made by this batch, once each, with what was stored: few of those that are known.
    touched: Vec<(SkuIndex, SiteIndex, StoredSite)>,
    /// Nothing is missing there any more.
    made_good: Vec<(SkuIndex, SiteIndex)>,
    /// What counts as free though due holds still have it.
    pub(super) due: Due,
    /// Wanted, not yet read: the counters of skus, and all of their sites.
    unread: Vec<SkuIndex>,
    unread_sites: Vec<SkuIndex>,
    /// Made by this batch: what is kept there from orders was not read with them.
    made: Vec<(SkuIndex, SiteIndex)>,
}

struct SkuEntry {
    sku: Sku,
    /// `None`: the sku is unknown, or nobody wanted them.
    counters: Option<SkuCounters>,
    stored: Option<SkuCounters>,
    counters_wanted: bool,
    /// Those that were wanted.
    sites: Vec<SiteEntry>,
    /// All of them are wanted.
    sites_wanted: bool,
}

struct SiteEntry {
    warehouse: MetIndex,
    now: StoredSite,
    safety_stock: u32,
    missing: u32,
    is_touched: bool,
}

/// What a ledger row says of why it is there.
#[derive(Clone, Copy)]
pub(in crate::operations) struct Origin<'a> {
    pub(in crate::operations) operation: Operation,
    pub(in crate::operations) order_no: Option<i64>,
    pub(in crate::operations) line: Option<u32>,
    pub(in crate::operations) reason: Option<&'a str>,
}

struct Entry<'a> {
    kind: ChangeKind,
    origin: Origin<'a>,
    sku: SkuIndex,
    site: Option<SiteIndex>,
    before: Quantities,
    after: Quantities,
    /// Known when it is written.
    shipment_before: Option<i64>,
}

impl SkuEntry {
    fn has_changed(&self) -> bool {
        self.stored != self.counters
    }
}

impl SiteEntry {
    fn stored(warehouse: MetIndex, row: StoredSite) -> Self {
        Self { warehouse, now: row, safety_stock: 0, missing: 0, is_touched: false }
    }

    /// Units that orders may hold there; those of due holds are among them.
    fn free(&self, due: u32) -> u32 {
        (self.now.counters.free() + due).saturating_sub(self.kept())
    }

    /// Units that orders do not get.
    fn kept(&self) -> u32 {
        self.safety_stock.saturating_add(self.missing)
    }
}

impl<'a> Stock<'a> {
    /// Nothing yet but what is remembered, of the catalog's warehouses.
    pub(super) fn new(catalog: Rc<Catalog>, memory: Memory, kept: Kept) -> Self {
        Self { warehouses: Warehouses::new(catalog), memory, kept, ..Self::default() }
    }

    /// Gives a sku its index.
    pub(super) fn name(&mut self, sku: &str) -> SkuIndex {
        if let Some(index) = self.by_sku.get(sku) {
            return *index;
        }
        let index = self.skus.len();
        let remembered = self.memory.take(sku);
        let sku = Sku::from_row(sku);
        self.by_sku.insert(sku.clone(), index);
        self.skus.push(SkuEntry {
            sku,
            counters: None,
            stored: None,
            counters_wanted: false,
            sites_wanted: remembered.is_some(),
            sites: remembered.unwrap_or_default(),
        });
        index
    }

    pub(in crate::operations) fn index(&self, sku: &Sku) -> Option<SkuIndex> {
        self.by_sku.get(sku).copied()
    }

    pub(in crate::operations) fn sku(&self, sku: SkuIndex) -> &Sku {
        &self.skus[sku].sku
    }

    /// Every sku there is, in order of their indexes.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &Sku> {
        self.skus.iter().map(|entry| &entry.sku)
    }

    /// The number of the warehouse of a sku, which may have been deleted.
    pub(in crate::operations) fn met(&self, sku: SkuIndex, site: SiteIndex) -> MetIndex {
        self.skus[sku].sites[site].warehouse
    }

    pub(in crate::operations) fn code(&self, sku: SkuIndex, site: SiteIndex) -> &WarehouseCode {
        self.warehouses.code(self.skus[sku].sites[site].warehouse)
    }

    pub(in crate::operations) fn site(
        &self,
        sku: SkuIndex,
        warehouse: &WarehouseCode,
    ) -> Option<SiteIndex> {
        self.site_at(sku, self.warehouses.find(warehouse.as_str())?)
    }

    pub(super) fn site_at(&self, sku: SkuIndex, warehouse: MetIndex) -> Option<SiteIndex> {
        self.skus[sku].sites.iter().position(|site| site.warehouse == warehouse)
    }

    /// Those of a sku that was wanted; `None`: it is unknown.
    pub(in crate::operations) fn counters(&self, sku: SkuIndex) -> Option<SkuCounters> {
        self.skus[sku].counters
    }

    pub(in crate::operations) fn site_counters(
        &self,
        sku: SkuIndex,
        site: SiteIndex,
    ) -> SiteCounters {
        self.skus[sku].sites[site].now.counters
    }

    /// Units of the sku that are held, wherever: they may all become sellable again.
    pub(in crate::operations) fn held(&self, sku: SkuIndex) -> u64 {
        let entry = &self.skus[sku];
        let own = entry.counters.unwrap_or_default();
        let sites: u64 = entry.sites.iter().map(|site| u64::from(site.now.counters.held())).sum();
        u64::from(own.reserved) + u64::from(own.committed) + sites
    }

    /// What an order may take of a known sku without choosing a warehouse.
    pub(in crate::operations) fn supply(&self, sku: SkuIndex) -> Supply<'_> {
        let counters = self.skus[sku].counters.expect("unknown skus are refused before");
        Supply { sellable: counters.sellable + self.due.units(sku, None), sites: None }
    }

    /// How many of these units only the end of due holds makes free.
    pub(super) fn lacking(&self, sku: SkuIndex, site: Option<SiteIndex>, units: u64) -> u64 {
        let entry = &self.skus[sku];
        let free = match site {
            None => entry.counters.unwrap_or_default().sellable,
            Some(site) => entry.sites[site].free(0),
        };
        units.saturating_sub(free.into())
    }

    /// What an order may take of a known sku from warehouses that serve where it goes, if any
    /// warehouse stocks it.
    pub(in crate::operations) fn routed_supply(
        &self,
        sku: SkuIndex,
        ranking: Ranking<'_>,
    ) -> Supply<'_> {
        let entry = &self.skus[sku];
        let mut supply = self.supply(sku);
        if !entry.sites.is_empty() {
            let mut sites = Vec::with_capacity(entry.sites.len());
            for (index, site) in entry.sites.iter().enumerate() {
                let warehouse = site.warehouse;
                if let Some(rank) = ranking.of(warehouse, &self.warehouses) {
                    let code = self.warehouses.code(warehouse);
                    let free = site.free(self.due.units(sku, Some(warehouse)));
                    sites.push(Site { index, warehouse, rank, code, free });
                }
            }
            supply.sites = Some(sites);
        }
        supply
    }

    /// Units that orders may still hold there.
    pub(in crate::operations) fn free(&self, sku: SkuIndex, site: SiteIndex) -> u32 {
        let site = &self.skus[sku].sites[site];
        site.free(self.due.units(sku, Some(site.warehouse)))
    }

    /// Units that nobody holds there, and that orders do not get.
    pub(in crate::operations) fn kept(&self, sku: SkuIndex, site: SiteIndex) -> u32 {
        let site = &self.skus[sku].sites[site];
        let there = site.now.counters.free() + self.due.units(sku, Some(site.warehouse));
        site.kept().min(there)
    }

    /// The number of a warehouse; `None`: there is none.
    pub(in crate::operations) fn number(&self, code: &WarehouseCode) -> Option<MetIndex> {
        self.warehouses.find(code.as_str()).filter(|it| self.warehouses.exists(*it))
    }

    /// The numbers of the warehouses that stock a sku.
    pub(in crate::operations) fn stocking(&self, sku: SkuIndex) -> impl Iterator<Item = MetIndex> {
        let sites = self.skus[sku].sites.iter().map(|site| site.warehouse);
        sites.filter(|it| self.warehouses.exists(*it))
    }

    /// The number of the warehouse of a sku; `None`: it was deleted.
    pub(in crate::operations) fn warehouse(
        &self,
        sku: SkuIndex,
        site: SiteIndex,
    ) -> Option<MetIndex> {
        Some(self.met(sku, site)).filter(|it| self.warehouses.exists(*it))
    }

    /// Moves units of a leg between counters, and writes that in the ledger.
    pub(super) fn record(
        &mut self,
        sku: SkuIndex,
        site: Option<SiteIndex>,
        movement: Movement,
        origin: Origin<'a>,
    ) {
        let home = if site.is_some() { Home::Site } else { Home::Sku };
        if home == Home::Sku || movement.is_of_sellable() {
            let before = self.skus[sku].counters.expect("a leg's sku is known");
            self.set_counters(sku, before.after(movement, home), origin);
        }
        if let Some(site) = site {
            let before = self.site_counters(sku, site);
            self.set_site_counters(sku, site, before.after(movement), origin);
            let site = &mut self.skus[sku].sites[site];
            // Of what has left, nothing is missing.
            site.missing = site.missing.min(site.now.counters.on_hand);
        }
    }

    /// Moves what a leg holds from one warehouse, or from none, to another, and writes that in the
    /// ledger: a release and a placement in one step, so that nothing is sellable in between.
    pub(super) fn record_transfer(
        &mut self,
        sku: SkuIndex,
        (from, to): (Option<SiteIndex>, SiteIndex),
        units: LegUnits,
        origin: Origin<'a>,
    ) {
        let (held_at, units) = (units.held_at(), units.held());
        let away = Movement { from: held_at, to: Place::Released, units };
        let back = Movement { from: Place::Sellable, to: held_at, units };
        if let Some(from) = from {
            let before = self.site_counters(sku, from);
            self.set_site_counters(sku, from, before.after(away), origin);
        } else {
            let before = self.skus[sku].counters.expect("a leg's sku is known");
            let after = before.after(away, Home::Sku).after(back, Home::Site);
            self.set_counters(sku, after, origin);
        }
        let before = self.site_counters(sku, to);
        self.set_site_counters(sku, to, before.after(back), origin);
    }

    /// Sets a sku's counters (0 before, if it was unknown), and writes that in the ledger, with an
    /// entry of its own when sellable reaches or leaves zero.
    pub(in crate::operations) fn set_counters(
        &mut self,
        sku: SkuIndex,
        after: SkuCounters,
        origin: Origin<'a>,
    ) {
        let before = self.skus[sku].counters.replace(after).unwrap_or_default();
        if before == after {
            return;
        }
        let kind = ChangeKind::Moved(origin.operation);
        self.enter(kind, origin, (sku, None), before.into(), after.into());
        if let Some(kind) = ChangeKind::crossing(before, after) {
            let origin = Origin { line: None, ..origin };
            self.enter(kind, origin, (sku, None), after.into(), after.into());
        }
    }

    /// Sets the counters of a sku in a warehouse, and writes that in the ledger.
    pub(in crate::operations) fn set_site_counters(
        &mut self,
        sku: SkuIndex,
        site: SiteIndex,
        after: SiteCounters,
        origin: Origin<'a>,
    ) {
        let entry = &mut self.skus[sku].sites[site];
        let before = entry.now.counters;
        if before == after {
            return;
        }
        if !std::mem::replace(&mut entry.is_touched, true) {
            self.touched.push((sku, site, entry.now));
        }
        entry.now.counters = after;
        let kind = ChangeKind::Moved(origin.operation);
        self.enter(kind, origin, (sku, Some(site)), before.into(), after.into());
    }

    fn enter(
        &mut self,
        kind: ChangeKind,
        origin: Origin<'a>,
        (sku, site): (SkuIndex, Option<SiteIndex>),
        before: Quantities,
        after: Quantities,
    ) {
        let shipment_before = None;
        self.ledger.push(Entry { kind, origin, sku, site, before, after, shipment_before });
    }

    /// The warehouse among those of the sku; made, and the sku too, if it is new, and the warehouse
    /// if there is none, such as one that was deleted while stock lies there.
    pub(in crate::operations) fn make_site(
        &mut self,
        sku: SkuIndex,
        warehouse: &WarehouseCode,
        reason: &'a str,
    ) -> SiteIndex {
        let met = self.warehouses.meet(warehouse.as_str());
        if self.named.insert(warehouse.clone()) {
            self.warehouses.make(met, reason);
        }
        if let Some(site) = self.site_at(sku, met) {
            return site;
        }
        let entry = &mut self.skus[sku];
        entry.counters.get_or_insert_default();
        entry.sites.push(SiteEntry {
            warehouse: met,
            now: StoredSite::default(),
            safety_stock: 0,
            missing: 0,
            is_touched: true,
        });
        let site = entry.sites.len() - 1;
        self.touched.push((sku, site, StoredSite::default()));
        self.made.push((sku, site));
        site
    }

    /// Nothing is missing any more of a sku in a warehouse.
    pub(in crate::operations) fn make_good(&mut self, sku: &Sku, warehouse: &WarehouseCode) {
        let sku = self.index(sku).expect("a correction's skus are prefetched");
        let site = self.site(sku, warehouse).expect("a correction made it");
        if std::mem::take(&mut self.skus[sku].sites[site].missing) > 0 {
            self.made_good.push((sku, site));
        }
    }
}

//! Routing [分仓]: which warehouse gives which units of which line.
//!
//! All strategies give each line's units from sites in one total order, split where the first has
//! too little; primary sites come before backup ones. `MinSplits` first narrows the sites down.

mod candidate;
mod explain;
mod min_splits;

#[cfg(test)]
mod tests;

pub use candidate::{Candidate, Considered, Rank, Standing};
pub use explain::{Explained, Why, explain};

use super::{Strategy, WarehouseCode};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A warehouse that has units of a sku.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// The caller's number for the site, answered in shares.
    pub index: usize,
    /// The caller's number for the warehouse, the same in all supplies.
    pub warehouse: usize,
    /// Lower is chosen first. A warehouse has the same in all supplies.
    pub rank: Rank,
    /// Breaks ties between equal ranks.
    pub code: &'a WarehouseCode,
    /// Units that may still be held there.
    pub free: u32,
}

/// What there is of one sku.
#[derive(Clone, Debug)]
pub struct Supply<'a> {
    /// What may still be promised, wherever it lies.
    pub sellable: u32,
    /// Where it may come from, in order of `Site::index`; `None` when no warehouse is to be chosen.
    pub sites: Option<Vec<Site<'a>>>,
}

/// What one line wants: the number of its supply, and units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Index of the sku's supply.
    pub supply: usize,
    /// How many units.
    pub units: u32,
}

/// Units of one line from one warehouse (or none).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Index of the demand.
    pub demand: usize,
    /// `Site::index` of the warehouse, where one was chosen.
    pub site: Option<usize>,
    /// How many units, at least one.
    pub units: u32,
}

/// A supply that is too small for all its demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Short {
    /// Index of the supply.
    pub supply: usize,
    /// Units wanted, over all demands.
    pub requested: u64,
    /// Units that there were.
    pub available: u64,
}

/// Who gives what. Shares of a demand and its part of a shortage add up to the demand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the demands.
    pub shares: Vec<Share>,
    /// In the order of the supplies.
    pub shorts: Vec<Short>,
    /// Warehouses that would have given units, were they not closed, and of what is short all that
    /// are; sorted, once each.
    pub closed: Vec<usize>,
}

/// Decides the demands in order, each on what the ones before left. `is_open` says of a warehouse
/// whether it will ever ship; it is asked only of those that would give units, and of all where
/// something is short.
pub fn plan(
    demands: &[Demand],
    supplies: &[Supply],
    strategy: Strategy,
    mut is_open: impl FnMut(usize) -> bool,
) -> Plan {
    let mut requested = vec![0_u64; supplies.len()];
    for demand in demands {
        requested[demand.supply] += u64::from(demand.units);
    }
    let mut plan = Plan { shares: Vec::with_capacity(demands.len()), ..Plan::default() };
    let narrowed = (strategy == Strategy::MinSplits)
        .then(|| min_splits::choose(supplies, &requested, &mut plan.closed, &mut is_open));
    let is_left = |site: &&Site| {
        let chosen = narrowed.as_ref();
        site.free > 0 && chosen.is_none_or(|it| it.binary_search(&site.warehouse).is_ok())
    };
    let mut stocks: Vec<Stock<_>> = supplies.iter().map(|it| Stock::new(it, &is_left)).collect();
    for (number, demand) in demands.iter().enumerate() {
        stocks[demand.supply].give(number, demand.units, &mut plan, &mut is_open);
    }
    for (supply, (stock, requested)) in stocks.into_iter().zip(requested).enumerate() {
        // Whatever there was has been given where it did not suffice.
        if stock.given < requested {
            plan.shorts.push(Short { supply, requested, available: stock.given });
        }
    }
    for short in &plan.shorts {
        let sites = supplies[short.supply].sites.iter().flatten();
        let closed = sites.map(|site| site.warehouse).filter(|it| !is_open(*it));
        plan.closed.extend(closed);
    }
    plan.closed.sort_unstable();
    plan.closed.dedup();
    plan
}

/// What the demands so far have left of a supply.
struct Stock<'s, L> {
    /// Units that may still be promised.
    sellable: u32,
    /// Units given so far.
    given: u64,
    sites: Option<Ranked<'s, L>>,
}

/// Sites by rank and code, the best first: seldom is more than one of many needed.
struct Ranked<'s, L> {
    sites: &'s [Site<'s>],
    /// Which of them are in the order at all.
    is_left: &'s L,
    best: Option<usize>,
    /// The others; `None`: nobody asked for them yet.
    others: Option<BinaryHeap<Reverse<Place<'s>>>>,
    /// Units left in the best one, where some have been given.
    left: Option<u32>,
}

/// A site's place in the order, and in its supply.
type Place<'s> = (Rank, &'s WarehouseCode, usize);

impl<'s, L: Fn(&&Site) -> bool> Ranked<'s, L> {
    fn new(sites: &'s [Site<'s>], is_left: &'s L) -> Self {
        let mut ranked = Self { sites, is_left, best: None, others: None, left: None };
        ranked.best = ranked.places().min().map(|(.., at)| at);
        ranked
    }

    fn places(&self) -> impl Iterator<Item = Place<'s>> + use<'s, L> {
        let is_left = self.is_left;
        let left = self.sites.iter().enumerate().filter(move |(_, site)| is_left(site));
        left.map(|(at, site)| (site.rank, site.code, at))
    }

    /// Puts the best one aside.
    fn pass(&mut self) {
        let mut others = self.others.take().unwrap_or_else(|| {
            self.places().filter(|(.., at)| Some(*at) != self.best).map(Reverse).collect()
        });
        self.best = others.pop().map(|Reverse((.., at))| at);
        self.others = Some(others);
        self.left = None;
    }
}

impl<'s, L: Fn(&&Site) -> bool> Stock<'s, L> {
    fn new(supply: &'s Supply<'s>, is_left: &'s L) -> Self {
        let sites = supply.sites.as_ref().map(|sites| Ranked::new(sites, is_left));
        Self { sellable: supply.sellable, given: 0, sites }
    }

    /// Gives a demand what there is, up to `units`.
    fn give(
        &mut self,
        demand: usize,
        units: u32,
        plan: &mut Plan,
        is_open: &mut impl FnMut(usize) -> bool,
    ) {
        let mut wanted = units.min(self.sellable);
        while wanted > 0 {
            let Some((site, free)) = self.best(plan, is_open) else { return };
            let units = wanted.min(free);
            plan.shares.push(Share { demand, site, units });
            self.take(units, free);
            wanted -= units;
        }
    }

    /// The best site that has units, and how many. Without warehouses, all that is sellable.
    fn best(
        &mut self,
        plan: &mut Plan,
        is_open: &mut impl FnMut(usize) -> bool,
    ) -> Option<(Option<usize>, u32)> {
        let Some(ranked) = &mut self.sites else {
            return Some((None, self.sellable));
        };
        loop {
            let site = &ranked.sites[ranked.best?];
            if let Some(left) = ranked.left {
                return Some((Some(site.index), left));
            }
            if is_open(site.warehouse) {
                return Some((Some(site.index), site.free));
            }
            plan.closed.push(site.warehouse);
            ranked.pass();
        }
    }

    /// Takes units of the best site, which has `free`.
    fn take(&mut self, units: u32, free: u32) {
        assert!(units <= free && units <= self.sellable, "no more is given than there is");
        self.sellable -= units;
        self.given += u64::from(units);
        if let Some(ranked) = &mut self.sites {
            if units == free {
                ranked.pass();
            } else {
                ranked.left = Some(free - units);
            }
        }
    }
}

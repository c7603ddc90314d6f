//! Routing [分仓]: which warehouse gives which units of which line.
//!
//! The simplest honest form: warehouses by priority (lower first), then code; a line is split when
//! the first has too little. Areas, distance and strategies (spec.md §4) will come in here.

use super::WarehouseCode;

/// A warehouse that has units of a sku.
#[derive(Clone, Debug)]
pub struct Site<'a> {
    /// The caller's number for the warehouse.
    pub index: usize,
    /// Lower is chosen first.
    pub priority: u32,
    /// Breaks ties between equal priorities.
    pub code: &'a WarehouseCode,
    /// Units that may still be held there.
    pub free: u32,
}

/// What there is of one sku.
#[derive(Clone, Debug)]
pub struct Supply<'a> {
    /// What may still be promised, wherever it lies.
    pub sellable: u32,
    /// Where it may come from; `None` when no warehouse is to be chosen.
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
}

impl Supply<'_> {
    /// Units that may be taken: what is sellable, and lies somewhere.
    pub fn available(&self) -> u32 {
        match &self.sites {
            None => self.sellable,
            Some(sites) => {
                let lying: u64 = sites.iter().map(|site| u64::from(site.free)).sum();
                u32::try_from(lying).map_or(self.sellable, |lying| lying.min(self.sellable))
            }
        }
    }
}

/// Decides the demands in order, each on what the ones before left.
pub fn plan(demands: &[Demand], mut supplies: Vec<Supply>) -> Plan {
    for supply in &mut supplies {
        if let Some(sites) = &mut supply.sites {
            sites.sort_unstable_by_key(|site| (site.priority, site.code));
        }
    }
    let mut plan = Plan {
        shares: Vec::with_capacity(demands.len()),
        shorts: Vec::new(),
    };
    let available: Vec<u32> = supplies.iter().map(Supply::available).collect();
    let mut left = available.clone();
    let mut requested = vec![0_u64; supplies.len()];
    for (number, demand) in demands.iter().enumerate() {
        requested[demand.supply] += u64::from(demand.units);
        let units = demand.units.min(left[demand.supply]);
        left[demand.supply] -= units;
        share(
            number,
            units,
            &mut supplies[demand.supply],
            &mut plan.shares,
        );
    }
    for (supply, (requested, available)) in requested.into_iter().zip(available).enumerate() {
        let available = u64::from(available);
        if requested > available {
            plan.shorts.push(Short {
                supply,
                requested,
                available,
            });
        }
    }
    plan
}

/// Takes `units` from the supply's sites, best first.
fn share(demand: usize, mut units: u32, supply: &mut Supply, shares: &mut Vec<Share>) {
    let Some(sites) = &mut supply.sites else {
        if units > 0 {
            shares.push(Share {
                demand,
                site: None,
                units,
            });
        }
        return;
    };
    for site in sites {
        let taken = units.min(site.free);
        if taken > 0 {
            shares.push(Share {
                demand,
                site: Some(site.index),
                units: taken,
            });
            site.free -= taken;
            units -= taken;
        }
    }
    assert_eq!(units, 0, "no more is taken than lies in the sites");
}

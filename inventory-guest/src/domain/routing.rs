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
    let tally = |supply: &Supply| Tally { requested: 0, available: supply.available(), taken: 0 };
    let mut tallies: Vec<Tally> = supplies.iter().map(tally).collect();
    let mut plan = Plan { shares: Vec::with_capacity(demands.len()), shorts: Vec::new() };
    for (number, demand) in demands.iter().enumerate() {
        let tally = &mut tallies[demand.supply];
        let units = demand.units.min(tally.available - tally.taken);
        tally.requested += u64::from(demand.units);
        tally.taken += units;
        share(number, units, &mut supplies[demand.supply], &mut plan.shares);
    }
    for (supply, Tally { requested, available, .. }) in tallies.into_iter().enumerate() {
        let available = u64::from(available);
        if requested > available {
            plan.shorts.push(Short { supply, requested, available });
        }
    }
    plan
}

/// What the demands so far have made of a supply.
struct Tally {
    requested: u64,
    available: u32,
    taken: u32,
}

/// Takes `units` from the supply's sites, best first.
fn share(demand: usize, mut units: u32, supply: &mut Supply, shares: &mut Vec<Share>) {
    let Some(sites) = &mut supply.sites else {
        if units > 0 {
            shares.push(Share { demand, site: None, units });
        }
        return;
    };
    for site in sites {
        let taken = units.min(site.free);
        if taken > 0 {
            shares.push(Share { demand, site: Some(site.index), units: taken });
            site.free -= taken;
            units -= taken;
        }
    }
    assert_eq!(units, 0, "no more is taken than lies in the sites");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Sellable units, and for each site its priority, code and free units.
    type Stocked = (u32, Option<Vec<(u32, WarehouseCode, u32)>>);

    fn code(number: u8) -> WarehouseCode {
        WarehouseCode::parse(format!("W{number}")).unwrap()
    }

    fn stocked() -> impl Strategy<Value = Stocked> {
        let free = prop_oneof![0_u32..9, 0..=crate::domain::UNITS_MAX];
        let site = (0_u32..3, any::<u8>(), free.clone());
        let sites = vec(site, 0..6).prop_map(|sites| {
            let sites: BTreeMap<_, _> = sites.into_iter().map(|it| (it.1, it)).collect();
            sites.into_values().map(|(rank, number, free)| (rank, code(number), free)).collect()
        });
        (free, proptest::option::of(sites))
    }

    fn supplies(stocked: &[Stocked]) -> Vec<Supply<'_>> {
        let supplies = stocked.iter().map(|(sellable, sites)| Supply {
            sellable: *sellable,
            sites: sites.as_ref().map(|sites| sites.iter().enumerate().map(site).collect()),
        });
        supplies.collect()
    }

    fn site((index, (priority, code, free)): (usize, &(u32, WarehouseCode, u32))) -> Site<'_> {
        Site { index, priority: *priority, code, free: *free }
    }

    fn demands() -> impl Strategy<Value = Vec<Demand>> {
        let units = prop_oneof![1_u32..9, 1..=crate::domain::UNITS_MAX];
        vec((0_usize..3, units).prop_map(|(supply, units)| Demand { supply, units }), 0..8)
    }

    proptest! {
        #[test]
        fn shares_add_up_to_the_demands_less_the_shortages(
            stocked in vec(stocked(), 3),
            demands in demands(),
        ) {
            let plan = plan(&demands, supplies(&stocked));
            for (number, supply) in supplies(&stocked).iter().enumerate() {
                let of_supply = |share: &&Share| demands[share.demand].supply == number;
                let shared: u64 =
                    plan.shares.iter().filter(of_supply).map(|it| u64::from(it.units)).sum();
                let asked = demands.iter().filter(|it| it.supply == number);
                let requested: u64 = asked.map(|it| u64::from(it.units)).sum();
                let available = u64::from(supply.available());
                prop_assert_eq!(shared, requested.min(available));
                let short = plan.shorts.iter().find(|it| it.supply == number).copied();
                let expected = Short { supply: number, requested, available };
                prop_assert_eq!(short, (requested > available).then_some(expected));
            }
        }

        #[test]
        fn no_site_gives_more_than_it_has_and_the_best_gives_first(
            stocked in vec(stocked(), 3),
            demands in demands(),
        ) {
            let plan = plan(&demands, supplies(&stocked));
            for (number, (_, sites)) in stocked.iter().enumerate() {
                let Some(sites) = sites else { continue };
                let of_supply = |share: &&Share| demands[share.demand].supply == number;
                let mut given = vec![0_u64; sites.len()];
                for share in plan.shares.iter().filter(of_supply) {
                    given[share.site.unwrap()] += u64::from(share.units);
                }
                let left = |index: usize| u64::from(sites[index].2) - given[index];
                for (one, (priority, code, _)) in sites.iter().enumerate() {
                    prop_assert!(given[one] <= u64::from(sites[one].2));
                    for (other, better) in sites.iter().enumerate() {
                        let is_better = (better.0, &better.1) < (*priority, code);
                        prop_assert!(!(is_better && given[one] > 0 && left(other) > 0));
                    }
                }
            }
        }

        #[test]
        fn the_order_in_which_sites_are_listed_does_not_matter(
            stocked in vec(stocked(), 3),
            demands in demands(),
        ) {
            let mut reversed = supplies(&stocked);
            for supply in &mut reversed {
                if let Some(sites) = &mut supply.sites {
                    sites.reverse();
                }
            }
            prop_assert_eq!(plan(&demands, supplies(&stocked)), plan(&demands, reversed));
        }
    }
}

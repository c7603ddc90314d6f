//! What must come of an order: every warehouse, every set of warehouses and every instant that
//! could be it is tried.

use super::world::{Ask, DAY, LATITUDE, MINUTE, Rule, SEARCH, SKUS, World, code};
use crate::domain::{Sku, Strategy};
use crate::operations::queries::{WarehouseStock, get_stock};
use crate::operations::tests::shop::Shop;
use std::collections::BTreeMap;

/// C has no category.
const CATEGORIES: [Option<&str>; 3] = [Some("tools"), Some("toys"), None];
const SHANGHAI: i64 = 480 * MINUTE;

impl World {
    /// The rule that denies a sku, if the most specific one does: subject, area, and whether it is
    /// that one.
    pub(super) fn denies(&self, sku: usize, to: &str) -> Option<impl Fn(&str) -> bool> {
        let of_sku = format!("sku:{}", SKUS[sku]);
        let of_category = CATEGORIES[sku].map(|it| format!("category:{it}"));
        let rank = |it: &Rule| {
            let subject = if it.subject == of_sku {
                3
            } else if Some(it.subject) == of_category.as_deref() {
                2
            } else {
                1
            };
            (subject, it.area.len(), it.deny)
        };
        let concerns = |it: &&Rule| {
            (it.subject == "all" || rank(it).0 > 1)
                && to.starts_with(it.area)
                && it.window.is_none_or(|(from, until)| (from..until).contains(&self.now))
        };
        let best = self.rules.iter().filter(concerns).map(rank).max()?;
        let names: Vec<String> = (0..self.rules.len())
            .filter(|number| concerns(&&self.rules[*number]) && rank(&self.rules[*number]) == best)
            .map(|number| format!("r{number}"))
            .collect();
        best.2.then_some(move |name: &str| names.iter().any(|it| it == name))
    }

    /// What ranks a warehouse for an address; `None`: it may not be taken.
    pub(super) fn rank(
        &self,
        warehouse: usize,
        to: &str,
        strategy: Strategy,
    ) -> Option<(bool, Vec<i64>)> {
        let it = &self.warehouses[warehouse];
        let serving = it.areas.iter().filter(|(area, _)| to.starts_with(**area));
        let (area, (priority, backup)) = serving.max_by_key(|(area, _)| area.len())?;
        let is_centre = |division: &&&str| {
            let digits = division.strip_suffix("00").unwrap_or(division);
            to.starts_with(digits.strip_suffix("00").unwrap_or(digits))
        };
        let is_known = self.divisions.iter().any(|division| is_centre(&division));
        let distance =
            it.latitude.filter(|_| is_known).map_or(i64::MAX, |it| i64::from(it - LATITUDE));
        let service = [-i64::try_from(area.len()).unwrap(), i64::from(*priority)];
        let number = i64::try_from(warehouse).unwrap();
        let order = match strategy {
            Strategy::Nearest => vec![distance, service[0], service[1], number],
            Strategy::Priority | Strategy::MinSplits => {
                vec![service[0], service[1], distance, number]
            }
        };
        (it.active && self.promise(warehouse).is_some()).then_some((*backup, order))
    }

    /// The first instant that is open and no earlier than the end of handling: that end, or the
    /// beginning of a window, or the end of a stop.
    pub(super) fn promise(&self, warehouse: usize) -> Option<i64> {
        let Some(hours) = &self.warehouses[warehouse].hours else {
            return Some(self.now);
        };
        let ready = self.now + hours.handling * MINUTE;
        let opens =
            (-1..402).map(|day| self.now / DAY * DAY + day * DAY + hours.from * MINUTE - SHANGHAI);
        let stop_ends = hours.stop.map(|(_, until)| until);
        let is_open = |at: &i64| {
            let minute = (at + SHANGHAI).rem_euclid(DAY) / MINUTE;
            (hours.from..hours.until).contains(&minute)
                && hours.stop.is_none_or(|(from, until)| !(from..until).contains(at))
        };
        let instants = std::iter::once(ready).chain(opens).chain(stop_ends);
        let right = |at: &i64| (ready..self.now + SEARCH).contains(at) && is_open(at);
        instants.filter(right).min()
    }
}

/// What is free of each sku: sellable, and in each warehouse that knows it.
pub(super) struct Free {
    pub(super) sellable: Vec<u32>,
    pub(super) sites: Vec<BTreeMap<usize, u32>>,
}

impl Free {
    /// Nothing of these is free.
    pub(super) fn deny(&mut self, skus: impl Iterator<Item = usize>) {
        for sku in skus {
            self.sellable[sku] = 0;
            self.sites[sku].clear();
        }
    }

    pub(super) fn read(world: &World, shop: &mut Shop) -> Self {
        let skus = SKUS.map(|it| Sku::parse(it).unwrap()).to_vec();
        let stock = get_stock(&mut shop.database, skus).unwrap();
        let mut free = Self { sellable: vec![], sites: vec![] };
        for (sku, it) in stock.into_iter().map(Option::unwrap).enumerate() {
            free.sellable.push(it.sellable);
            let site = |it: &WarehouseStock| {
                let number: usize = it.warehouse.as_str()[1..].parse().unwrap();
                let (_, _, safety) = world.warehouses[number].stock[sku].unwrap();
                let free = it.on_hand - it.unavailable - it.reserved - it.committed;
                (number, free.saturating_sub(safety))
            };
            free.sites.push(it.warehouses.iter().map(site).collect());
        }
        free
    }
}

pub(super) type Packed = (Option<String>, Vec<(&'static str, u32)>, Option<i64>);

/// The packages and what is short of each sku: requested, available.
pub(super) fn model(
    world: &World,
    ask: &Ask,
    mut free: Free,
) -> (Vec<Packed>, Vec<(&'static str, u64, u64)>) {
    let chosen = chosen(world, ask, &free);
    let mut packages: Vec<Packed> = Vec::new();
    let mut sums: Vec<(usize, u64, u64)> = Vec::new();
    for &(sku, wanted) in &ask.lines {
        let mut left = wanted;
        let places = if free.sites[sku].is_empty() {
            vec![None]
        } else {
            let known = chosen.iter().filter(|it| free.sites[sku].contains_key(it));
            known.map(|it| Some(*it)).collect()
        };
        for place in places {
            let lying = place.map_or(u32::MAX, |it| free.sites[sku][&it]);
            let units = left.min(lying).min(free.sellable[sku]);
            if units == 0 {
                continue;
            }
            left -= units;
            free.sellable[sku] -= units;
            if let Some(warehouse) = place {
                *free.sites[sku].get_mut(&warehouse).unwrap() -= units;
            }
            let name = place.map(code);
            if let Some((_, lines, _)) = packages.iter_mut().find(|(of, _, _)| *of == name) {
                lines.push((SKUS[sku], units));
            } else {
                let promise = place.and_then(|it| world.promise(it));
                packages.push((name, vec![(SKUS[sku], units)], promise));
            }
        }
        let given = (u64::from(wanted), u64::from(wanted - left));
        match sums.iter_mut().find(|(of, _, _)| *of == sku) {
            Some(sum) => (sum.1, sum.2) = (sum.1 + given.0, sum.2 + given.1),
            None => sums.push((sku, given.0, given.1)),
        }
    }
    let short = sums.into_iter().filter(|(_, requested, given)| given < requested);
    (packages, short.map(|(sku, requested, given)| (SKUS[sku], requested, given)).collect())
}

/// The warehouses that may give, best first; for `min_splits` the fewest that give as much.
pub(super) fn chosen(world: &World, ask: &Ask, free: &Free) -> Vec<usize> {
    let all = 0..world.warehouses.len();
    let rank = |it: usize| Some((world.rank(it, ask.to, ask.strategy)?, it));
    let mut ranked: Vec<_> = all.filter_map(rank).collect();
    ranked.sort();
    let of = |backup: bool| {
        let some = ranked.iter().filter(move |((is_backup, _), _)| *is_backup == backup);
        some.map(|(_, it)| *it).collect::<Vec<_>>()
    };
    let (primaries, backups) = (of(false), of(true));
    if ask.strategy != Strategy::MinSplits {
        return [primaries, backups].concat();
    }
    let mut wanted = vec![0_u32; SKUS.len()];
    ask.lines.iter().for_each(|(sku, units)| wanted[*sku] += units);
    let mut wanted: Vec<u32> =
        wanted.iter().zip(&free.sellable).map(|(units, most)| *units.min(most)).collect();
    let mut taken = Vec::new();
    for from in [primaries, backups] {
        let gives = |set: &[usize], sku: usize| {
            let lying = set.iter().map(|it| free.sites[sku].get(it).copied().unwrap_or(0));
            lying.sum::<u32>().min(wanted[sku])
        };
        let gives = |set: &[usize]| (0..SKUS.len()).map(|sku| gives(set, sku)).collect::<Vec<_>>();
        let sets = (0..1_usize << from.len()).map(|bits| {
            let places = (0..from.len()).filter(|place| bits >> place & 1 == 1);
            places.collect::<Vec<_>>()
        });
        let named = |places: &Vec<usize>| places.iter().map(|it| from[*it]).collect::<Vec<_>>();
        let suffices = |places: &Vec<usize>| gives(&named(places)) == gives(&from);
        let fewest = sets.filter(suffices).min_by_key(|it| (it.len(), it.clone())).unwrap();
        let fewest = named(&fewest);
        let taking = gives(&fewest);
        wanted.iter_mut().zip(taking).for_each(|(units, taking)| *units -= taking);
        taken.extend(fewest);
    }
    taken
}

//! Plans against a model that gives unit by unit, and tries every set of warehouses.

use super::*;
use crate::domain::catalog::ServiceArea;
use crate::domain::{Distance, Location, Position, UNITS_MAX};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{
    Just, Strategy as Generator, any, prop_assert, prop_assert_eq, prop_oneof,
};
use proptest::proptest;

/// A warehouse: how it serves the address, and whether it ever ships.
#[derive(Clone, Debug)]
struct Serves {
    candidate: Candidate,
    code: WarehouseCode,
    is_open: bool,
}

/// What lies of a sku: what is sellable, and what is free in each warehouse, unless in none.
#[derive(Clone, Debug)]
struct Lies {
    sellable: u32,
    free: Option<Vec<u32>>,
}

/// A question to routing.
#[derive(Clone, Debug)]
struct Case {
    serves: Vec<Serves>,
    lies: Vec<Lies>,
    demands: Vec<Demand>,
}

fn kilometres(east: i32) -> Distance {
    let at = |east| Position::from(Location::parse_microdegrees(0, east * 9_000).unwrap());
    at(0).distance(at(east))
}

fn serves(number: usize) -> impl Generator<Value = Serves> {
    let digits = prop_oneof![Just(0_u8), Just(2), Just(4), Just(6)];
    let distance = option::of((0_i32..3).prop_map(kilometres));
    let is_open = proptest::bool::weighted(0.8);
    (digits, 0_u32..3, any::<bool>(), distance, is_open, any::<bool>()).prop_map(
        move |(digits, priority, backup, distance, is_open, is_odd)| {
            let service = ServiceArea { priority, backup };
            let candidate = Candidate { warehouse: number, digits, service, distance };
            // Codes must not follow the numbers.
            let code = format!("W{}", if is_odd { 9 - number } else { 20 + number });
            Serves { candidate, code: WarehouseCode::parse(code).unwrap(), is_open }
        },
    )
}

fn cases(units: impl Generator<Value = u32> + Clone + 'static) -> impl Generator<Value = Case> {
    (0_usize..7).prop_flat_map(move |warehouses| {
        let free = vec(prop_oneof![Just(0), units.clone()], warehouses);
        let sellable = prop_oneof![units.clone(), Just(UNITS_MAX)];
        let lies = (sellable, option::weighted(0.9, free))
            .prop_map(|(sellable, free)| Lies { sellable, free });
        let demand =
            (0_usize..3, units.clone()).prop_map(|(supply, units)| Demand { supply, units });
        let serves: Vec<_> = (0..warehouses).map(serves).collect();
        let demand = demand.prop_map(|it| Demand { units: it.units.max(1), ..it });
        (serves, vec(lies, 3), vec(demand, 0..6)).prop_map(|(serves, lies, demands)| Case {
            serves,
            lies,
            demands,
        })
    })
}

fn few() -> impl Generator<Value = Case> {
    cases(0_u32..9)
}

fn many() -> impl Generator<Value = Case> {
    cases(prop_oneof![0_u32..9, 0..=UNITS_MAX])
}

fn strategies() -> impl Generator<Value = Strategy> {
    prop_oneof![Just(Strategy::Priority), Just(Strategy::Nearest), Just(Strategy::MinSplits)]
}

impl Case {
    fn supplies(&self, strategy: Strategy) -> Vec<Supply<'_>> {
        let site = |(index, free): (usize, &u32)| Site {
            index,
            warehouse: self.serves[index].candidate.warehouse,
            rank: self.serves[index].candidate.rank(strategy),
            code: &self.serves[index].code,
            free: *free,
        };
        let sites = |free: &Vec<u32>| free.iter().enumerate().map(site).collect();
        let supply =
            |it: &Lies| Supply { sellable: it.sellable, sites: it.free.as_ref().map(sites) };
        self.lies.iter().map(supply).collect()
    }

    fn plan(&self, strategy: Strategy) -> Plan {
        let is_open = |warehouse: usize| self.serves[warehouse].is_open;
        plan(&self.demands, &self.supplies(strategy), strategy, is_open)
    }

    fn requested(&self, supply: usize) -> u64 {
        let asked = self.demands.iter().filter(|it| it.supply == supply);
        asked.map(|it| u64::from(it.units)).sum()
    }

    /// Units that could be given: sellable, and in warehouses that are open.
    fn available(&self, supply: usize) -> u64 {
        let lies = &self.lies[supply];
        let open = |free: &Vec<u32>| -> u64 {
            let open = free.iter().zip(&self.serves).filter(|(_, it)| it.is_open);
            open.map(|(free, _)| u64::from(*free)).sum()
        };
        let lying = lies.free.as_ref().map_or(u64::MAX, open);
        lying.min(u64::from(lies.sellable))
    }
}

proptest! {
    #[test]
    fn shares_add_up_to_the_demands_less_the_shortages(case in many(), strategy in strategies()) {
        let plan = case.plan(strategy);
        for supply in 0..case.lies.len() {
            let of_supply = |share: &&Share| case.demands[share.demand].supply == supply;
            let shared: u64 =
                plan.shares.iter().filter(of_supply).map(|it| u64::from(it.units)).sum();
            let (requested, available) = (case.requested(supply), case.available(supply));
            prop_assert_eq!(shared, requested.min(available));
            let short = plan.shorts.iter().find(|it| it.supply == supply).copied();
            let expected = Short { supply, requested, available };
            prop_assert_eq!(short, (requested > available).then_some(expected));
        }
        for (number, demand) in case.demands.iter().enumerate() {
            let shares = plan.shares.iter().filter(|share| share.demand == number);
            let shared: u64 = shares.map(|it| u64::from(it.units)).sum();
            prop_assert!(shared <= u64::from(demand.units));
        }
    }

    #[test]
    fn no_site_gives_more_than_it_has_and_no_closed_one_gives(
        case in many(),
        strategy in strategies(),
    ) {
        let plan = case.plan(strategy);
        for (supply, lies) in case.lies.iter().enumerate() {
            let of_supply = |share: &&Share| case.demands[share.demand].supply == supply;
            let mut given = vec![0_u64; case.serves.len()];
            for share in plan.shares.iter().filter(of_supply) {
                prop_assert!(share.units > 0);
                prop_assert_eq!(share.site.is_some(), lies.free.is_some());
                if let Some(site) = share.site {
                    prop_assert!(case.serves[site].is_open);
                    given[site] += u64::from(share.units);
                }
            }
            for (given, free) in given.into_iter().zip(lies.free.iter().flatten()) {
                prop_assert!(given <= u64::from(*free));
            }
        }
        prop_assert!(plan.closed.iter().all(|warehouse| !case.serves[*warehouse].is_open));
    }

    #[test]
    fn the_order_in_which_sites_are_listed_does_not_matter(
        case in many(),
        strategy in strategies(),
    ) {
        let mut reversed = case.supplies(strategy);
        for sites in reversed.iter_mut().filter_map(|supply| supply.sites.as_mut()) {
            sites.reverse();
        }
        let is_open = |warehouse: usize| case.serves[warehouse].is_open;
        let reversed = plan(&case.demands, &reversed, strategy, is_open);
        prop_assert_eq!(case.plan(strategy), reversed);
    }

    #[test]
    fn a_plan_is_what_giving_unit_by_unit_finds(case in few(), strategy in strategies()) {
        let plan = case.plan(strategy);
        prop_assert_eq!(plan.shares, model(&case, strategy));
    }

    #[test]
    fn the_longer_search_finds_the_fewest_as_well(case in scattered()) {
        let plan = case.plan(Strategy::MinSplits);
        prop_assert_eq!(plan.shares, model(&case, Strategy::MinSplits));
    }

    #[test]
    fn every_warehouse_is_explained_by_its_numbers(case in few(), strategy in strategies()) {
        let plan = case.plan(strategy);
        let considered: Vec<_> = case.serves.iter().map(considered).collect();
        let supplies = case.supplies(strategy);
        let explained = explain(&case.demands, &supplies, &plan, &considered, |_, _| 1);
        let requested: u64 = case.demands.iter().map(|it| u64::from(it.units)).sum();
        for (number, it) in explained.iter().enumerate() {
            let given = plan.shares.iter().filter(|share| share.site == Some(number));
            prop_assert_eq!(it.taken, given.map(|share| u64::from(share.units)).sum::<u64>());
            prop_assert!(it.taken <= it.free && it.free + it.kept <= it.requested);
            prop_assert_eq!(it.requested, requested);
            prop_assert_eq!(it.why == Why::Taken, it.taken > 0);
            let is_closed = plan.closed.contains(&it.considered.warehouse);
            prop_assert_eq!(it.why == Why::NoStock, it.free == 0 && !is_closed);
            prop_assert!(it.why != Why::Closed || !case.serves[number].is_open);
            let gives = |short: &Short| {
                let sites = supplies[short.supply].sites.as_ref();
                sites.is_some_and(|it| it.iter().any(|it| it.warehouse == number && it.free > 0))
            };
            let could = it.taken == 0 && !is_closed && plan.shorts.iter().any(gives);
            prop_assert_eq!(it.why == Why::NotSellable, could);
            // What is needed and was not given was closed.
            let is_passed = it.why == Why::NotNeeded || it.why == Why::BackupNotNeeded;
            prop_assert!(!is_passed || !lacks(&case, &plan, number));
        }
    }
}

fn considered(serves: &Serves) -> Considered {
    let warehouse = serves.candidate.warehouse;
    Considered { warehouse, standing: Standing::Candidate(serves.candidate) }
}

/// Whether a warehouse has, free and sellable, units that the plan is short of.
fn lacks(case: &Case, plan: &Plan, warehouse: usize) -> bool {
    plan.shorts.iter().any(|short| {
        let lies = &case.lies[short.supply];
        let free = lies.free.as_ref().map_or(0, |free| free[warehouse]);
        free > 0 && short.available < u64::from(lies.sellable)
    })
}

/// Three skus that lie in seven warehouses in ones and twos: most pairs and triples suffice not.
fn scattered() -> impl Generator<Value = Case> {
    let free = vec(prop_oneof![3 => Just(0_u32), 2 => Just(1), 1 => Just(2)], 7);
    let lies = free.prop_map(|free| Lies { sellable: UNITS_MAX, free: Some(free) });
    let serves: Vec<_> = (0..7).map(serves).collect();
    let demands = vec(1_u32..4, 3).prop_map(|units| {
        let demand = |(supply, units)| Demand { supply, units };
        units.into_iter().enumerate().map(demand).collect()
    });
    (serves, vec(lies, 3), demands).prop_map(|(serves, lies, demands)| Case {
        serves,
        lies,
        demands,
    })
}

/// The model: every unit goes to the best warehouse that has one, of those it may come from.
fn model(case: &Case, strategy: Strategy) -> Vec<Share> {
    let order = order(case, strategy);
    let from = match strategy {
        Strategy::MinSplits => fewest(case, &order),
        Strategy::Priority | Strategy::Nearest => order,
    };
    let mut lies = case.lies.clone();
    let mut shares: Vec<Share> = Vec::new();
    for (number, demand) in case.demands.iter().enumerate() {
        for _ in 0..demand.units {
            let Lies { sellable, free } = &mut lies[demand.supply];
            let site = match free {
                None => None,
                Some(free) => match from.iter().find(|&&it| free[it] > 0) {
                    Some(&best) => Some(best),
                    None => break,
                },
            };
            if *sellable == 0 {
                break;
            }
            *sellable -= 1;
            if let (Some(free), Some(site)) = (free, site) {
                free[site] -= 1;
            }
            match shares.last_mut() {
                Some(last) if last.demand == number && last.site == site => last.units += 1,
                _ => shares.push(Share { demand: number, site, units: 1 }),
            }
        }
    }
    shares
}

/// The open warehouses in the order that the strategy's words say.
fn order(case: &Case, strategy: Strategy) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..case.serves.len()).filter(|it| case.serves[*it].is_open).collect();
    order.sort_by(|&a, &b| {
        let (a, b) = (&case.serves[a], &case.serves[b]);
        let metres = |it: &Serves| it.candidate.distance.map_or(u32::MAX, Distance::metres);
        let by_distance = metres(a).cmp(&metres(b));
        let by_digits = b.candidate.digits.cmp(&a.candidate.digits);
        let (one, other) = (a.candidate.service, b.candidate.service);
        let by_area = by_digits.then(one.priority.cmp(&other.priority));
        let by_both = match strategy {
            Strategy::Nearest => by_distance.then(by_area),
            Strategy::Priority | Strategy::MinSplits => by_area.then(by_distance),
        };
        one.backup.cmp(&other.backup).then(by_both).then(a.code.cmp(&b.code))
    });
    order
}

/// The fewest primaries that give all that primaries can, then the fewest backups for the rest.
fn fewest(case: &Case, order: &[usize]) -> Vec<usize> {
    let is_backup = |it: &usize| case.serves[*it].candidate.service.backup;
    let (backups, primaries): (Vec<_>, Vec<_>) = order.iter().partition(|it| is_backup(it));
    let have = |from: &[usize], supply: usize| -> u64 {
        let free = case.lies[supply].free.as_ref();
        from.iter().map(|it| free.map_or(0, |free| u64::from(free[*it]))).sum()
    };
    let wanted = |supply: usize| case.requested(supply).min(u64::from(case.lies[supply].sellable));
    let supplies = 0..case.lies.len();
    let first: Vec<u64> = supplies.map(|it| wanted(it).min(have(&primaries, it))).collect();
    let rest: Vec<u64> = first
        .iter()
        .enumerate()
        .map(|(it, first)| (wanted(it) - first).min(have(&backups, it)))
        .collect();
    let mut chosen = first_of_the_fewest(&primaries, |from, it| have(from, it) >= first[it]);
    chosen.extend(first_of_the_fewest(&backups, |from, it| have(from, it) >= rest[it]));
    chosen
}

/// Of all sets that suffice, the smallest; of these, the first in dictionary order.
fn first_of_the_fewest(order: &[usize], suffices: impl Fn(&[usize], usize) -> bool) -> Vec<usize> {
    let places = |set: u32| (0..order.len()).filter(move |place| set >> place & 1 == 1);
    let sets = 0..1_u32 << order.len();
    let sufficient = sets.filter(|set| {
        let from: Vec<usize> = places(*set).map(|place| order[place]).collect();
        (0..3).all(|supply| suffices(&from, supply))
    });
    let best = sufficient.min_by_key(|set| (set.count_ones(), places(*set).collect::<Vec<_>>()));
    places(best.unwrap()).map(|place| order[place]).collect()
}

/// One sku; each warehouse: priority, whether a backup, kilometres, units.
fn one_sku(warehouses: &[(u32, bool, i32, u32)], units: u32) -> Case {
    let serves = warehouses.iter().enumerate().map(|(warehouse, (priority, backup, east, _))| {
        let service = ServiceArea { priority: *priority, backup: *backup };
        let distance = Some(kilometres(*east));
        let candidate = Candidate { warehouse, digits: 4, service, distance };
        let code = WarehouseCode::parse(format!("W{warehouse}")).unwrap();
        Serves { candidate, code, is_open: true }
    });
    let free = warehouses.iter().map(|(.., free)| *free).collect();
    Case {
        serves: serves.collect(),
        lies: vec![Lies { sellable: UNITS_MAX, free: Some(free) }],
        demands: vec![Demand { supply: 0, units }],
    }
}

#[track_caller]
fn check(case: &Case, strategy: Strategy, expected: &[(usize, u32)]) -> Vec<Why> {
    let plan = case.plan(strategy);
    let given: Vec<_> = plan.shares.iter().map(|it| (it.site.unwrap(), it.units)).collect();
    assert_eq!(given, expected);
    let considered: Vec<_> = case.serves.iter().map(considered).collect();
    let supplies = case.supplies(strategy);
    let explained = explain(&case.demands, &supplies, &plan, &considered, |_, _| 0);
    explained.into_iter().map(|it| it.why).collect()
}

#[test]
fn each_strategy_has_its_order() {
    use Why::{NotNeeded, Taken};
    let case = one_sku(&[(1, false, 900, 5), (2, false, 10, 5), (3, false, 500, 9)], 8);
    let why = check(&case, Strategy::Priority, &[(0, 5), (1, 3)]);
    assert_eq!(why, [Taken, Taken, NotNeeded]);
    let why = check(&case, Strategy::Nearest, &[(1, 5), (2, 3)]);
    assert_eq!(why, [NotNeeded, Taken, Taken]);
    let why = check(&case, Strategy::MinSplits, &[(2, 8)]);
    assert_eq!(why, [NotNeeded, NotNeeded, Taken]);
}

#[test]
fn a_backup_gives_only_what_primaries_cannot() {
    use Why::{BackupNotNeeded, Closed, NoStock, Taken};
    let mut case = one_sku(&[(9, false, 900, 5), (1, true, 10, 50), (9, false, 900, 0)], 5);
    for strategy in [Strategy::Priority, Strategy::Nearest, Strategy::MinSplits] {
        case.demands[0].units = 5;
        case.serves[0].is_open = true;
        assert_eq!(check(&case, strategy, &[(0, 5)]), [Taken, BackupNotNeeded, NoStock]);
        case.demands[0].units = 7;
        assert_eq!(check(&case, strategy, &[(0, 5), (1, 2)]), [Taken, Taken, NoStock]);
        case.serves[0].is_open = false;
        assert_eq!(check(&case, strategy, &[(1, 7)]), [Closed, Taken, NoStock]);
    }
}

#[test]
fn what_may_not_be_sold_is_told_from_what_is_not_needed() {
    use Why::{NotNeeded, NotSellable, Taken};
    let mut case = one_sku(&[(1, false, 900, 5), (2, false, 10, 5)], 5);
    assert_eq!(check(&case, Strategy::Priority, &[(0, 5)]), [Taken, NotNeeded]);
    case.lies[0].sellable = 4;
    assert_eq!(check(&case, Strategy::Priority, &[(0, 4)]), [Taken, NotSellable]);
}

#[test]
fn what_is_kept_is_told_as_far_as_it_is_asked_for() {
    let case = one_sku(&[(1, false, 900, 5), (2, false, 10, 7)], 8);
    let considered: Vec<_> = case.serves.iter().map(considered).collect();
    let (strategy, kept) = (Strategy::Priority, |_, site: &Site| [9, 1][site.warehouse]);
    let supplies = case.supplies(strategy);
    let told = explain(&case.demands, &supplies, &case.plan(strategy), &considered, kept);
    let told: Vec<_> = told.iter().map(|it| (it.free, it.kept, it.taken)).collect();
    assert_eq!(told, [(5, 3, 5), (7, 1, 3)]);
}

#[test]
fn the_search_for_the_fewest_ends_also_when_it_is_hard() {
    // 60 skus, each in 8 of 100 warehouses, all wanted: too many sets to try.
    let lies = (0..60_u32).map(|sku| {
        let free =
            |warehouse: u32| u32::from((warehouse * 7 + sku * 13 + warehouse * sku) % 97 < 8);
        Lies { sellable: UNITS_MAX, free: Some((0..100).map(free).collect()) }
    });
    let mut case = one_sku(&[(1, false, 1, 0); 100], 1);
    case.lies = lies.collect();
    case.demands = (0..60).map(|supply| Demand { supply, units: 1 }).collect();
    let plan = case.plan(Strategy::MinSplits);
    assert!(plan.shorts.is_empty());
    assert_eq!(plan.shares.len(), 60);
    let mut taken: Vec<_> = plan.shares.iter().map(|share| share.site).collect();
    taken.sort_unstable();
    taken.dedup();
    assert!(taken.len() < 30, "{}", taken.len());
}

//! Plans and transfers in worlds that are drawn whole, against a model that shares nothing with the
//! guest: it tries every warehouse, every set of warehouses and every instant that could be it.

use super::*;
use crate::domain::{Adcode, WarehouseCode};
use crate::domain::{
    Answer, Command, Instant, Items, Line, Package, Quantity, Refusal, ShipTo, Shortage, Sku,
    Strategy,
};
use crate::operations::queries::{Inquiry, get_stock, plan};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, any, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::Strategy as Generator;
use std::collections::BTreeMap;

const SKUS: [&str; 3] = ["A", "B", "C"];
/// C has no category.
const CATEGORIES: [Option<&str>; 3] = [Some("tools"), Some("toys"), None];
const AREAS: [&str; 7] = ["", "44", "4403", "440305", "4419", "441900", "11"];
const PLACES: [&str; 5] = ["440305", "440304", "441900", "110101", "710000"];
const DIVISIONS: [&str; 4] = ["440305", "440300", "441900", "110000"];
const SUBJECTS: [&str; 5] = ["sku:A", "sku:B", "category:tools", "category:toys", "all"];
/// Addresses are on this parallel, warehouses on this one or north of it.
const LATITUDE: i32 = 20;
const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const SHANGHAI: i64 = 480 * MINUTE;
const SEARCH: i64 = 400 * DAY;

#[derive(Clone, Debug)]
struct World {
    now: i64,
    warehouses: Vec<Warehouse>,
    sellable: Vec<u32>,
    divisions: Vec<&'static str>,
    rules: Vec<Rule>,
    asks: Vec<Ask>,
}

#[derive(Clone, Debug)]
struct Warehouse {
    active: bool,
    /// Each area once: priority, backup.
    areas: BTreeMap<&'static str, (u32, bool)>,
    latitude: Option<i32>,
    hours: Option<Hours>,
    /// Of each sku: on hand, unavailable, safety stock.
    stock: Vec<Option<(u32, u32, u32)>>,
}

/// Every day from..until, in minutes; no window when they are equal.
#[derive(Clone, Debug)]
struct Hours {
    from: i64,
    until: i64,
    handling: i64,
    stop: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
struct Rule {
    subject: &'static str,
    area: &'static str,
    deny: bool,
    window: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
struct Ask {
    lines: Vec<(usize, u32)>,
    to: &'static str,
    strategy: Strategy,
    partial: bool,
    /// Where its first package is to go then.
    transfer: Index,
}

fn hours() -> impl Generator<Value = Hours> {
    let stop = option::weighted(0.4, (0..3 * DAY, prop_oneof![1..2 * DAY, Just(2 * SEARCH)]));
    (0_i64..1_440, 0_i64..1_440, 0_i64..3_000, stop).prop_map(|(a, b, handling, stop)| {
        let stop = stop.map(|(from, length)| (from, from + length));
        Hours { from: a.min(b), until: a.max(b), handling, stop }
    })
}

fn warehouse() -> impl Generator<Value = Warehouse> {
    let area = (select(&AREAS[..]), (0_u32..3, any::<bool>()));
    let stock = option::weighted(0.7, (0_u32..8, 0_u32..2, 0_u32..2));
    (
        proptest::bool::weighted(0.9),
        vec(area, 1..4),
        option::weighted(0.7, LATITUDE..LATITUDE + 4),
        option::weighted(0.6, prop_oneof![9 => hours(), 2 => Just(closed())]),
        vec(stock, SKUS.len()),
    )
        .prop_map(|(active, areas, latitude, hours, stock)| Warehouse {
            active,
            areas: areas.into_iter().collect(),
            latitude,
            hours,
            stock,
        })
}

fn closed() -> Hours {
    Hours { from: 0, until: 0, handling: 0, stop: None }
}

fn rule() -> impl Generator<Value = Rule> {
    let window = option::of((0..2 * DAY, 1..2 * DAY));
    (select(&SUBJECTS[..]), select(&AREAS[..]), any::<bool>(), window).prop_map(
        |(subject, area, deny, window)| {
            let window = window.map(|(from, length)| (from, from + length));
            Rule { subject, area, deny, window }
        },
    )
}

fn ask() -> impl Generator<Value = Ask> {
    let strategies = [Strategy::Priority, Strategy::Nearest, Strategy::MinSplits];
    (
        vec((0..SKUS.len(), 1_u32..7), 1..4),
        select(&PLACES[..]),
        select(strategies.to_vec()),
        any::<bool>(),
        any::<Index>(),
    )
        .prop_map(|(lines, to, strategy, partial, transfer)| Ask {
            lines,
            to,
            strategy,
            partial,
            transfer,
        })
}

fn world() -> impl Generator<Value = World> {
    (
        0..3 * DAY,
        vec(warehouse(), 1..5),
        vec(prop_oneof![3 => Just(60_u32), 1 => 0_u32..12], SKUS.len()),
        subsequence(DIVISIONS.to_vec(), 0..=DIVISIONS.len()),
        vec(rule(), 0..4),
        vec(ask(), 1..5),
    )
        .prop_map(|(now, warehouses, sellable, divisions, rules, asks)| World {
            now,
            warehouses,
            sellable,
            divisions,
            rules,
            asks,
        })
}

fn code(warehouse: usize) -> String {
    format!("W{warehouse}")
}

impl World {
    fn open(&self) -> Shop {
        let mut shop = Shop::with("");
        let mut items: Vec<_> = SKUS
            .iter()
            .zip(&self.sellable)
            .map(|(sku, units)| sellable(sku, &units.to_string()))
            .collect();
        let mut changes = Vec::new();
        for (number, it) in self.warehouses.iter().enumerate() {
            let code = code(number);
            changes.push(format!("put warehouse {code} open"));
            if let Some(latitude) = it.latitude {
                changes.push(format!("put warehouse {code} at {latitude} 110"));
            }
            for (area, (priority, backup)) in &it.areas {
                let area = if area.is_empty() { "-" } else { area };
                let backup = if *backup { " backup" } else { "" };
                changes.push(format!("put area {code} {area} {priority}{backup}"));
            }
            if let Some(hours) = &it.hours {
                let Hours { from, until, handling, .. } = hours;
                let windows =
                    if from < until { format!("{from}..{until}") } else { "closed".to_owned() };
                let stop =
                    hours.stop.map_or(String::new(), |(from, until)| format!("/{from}..{until}"));
                changes.push(format!("put calendar {code} {windows}/+{handling}{stop}"));
            }
            for (sku, (lying, damaged, safety)) in it.stocked() {
                items.push(on_hand(sku, &code, &lying.to_string()));
                items.push(unavailable(sku, &code, &damaged.min(lying).to_string()));
                changes.push(format!("put safety {sku} {code} {safety}"));
            }
        }
        changes.extend(self.divisions.iter().map(|it| format!("put division {it} {LATITUDE} 110")));
        changes.extend(["put category A tools".to_owned(), "put category B toys".to_owned()]);
        changes.extend(self.restrictions());
        // The catalog first: warehouses that adjustments make would serve everywhere.
        for change in [changes, self.closed()] {
            if !change.is_empty() {
                let change: Vec<&str> = change.iter().map(String::as_str).collect();
                shop.tell(0, &Command::Catalog(catalog::change_of(&change)));
            }
            if !items.is_empty() {
                shop.tell(0, &adjust(std::mem::take(&mut items)));
            }
        }
        shop
    }

    fn restrictions(&self) -> Vec<String> {
        let mut rules: BTreeMap<(&str, &str), String> = BTreeMap::new();
        for (number, rule) in self.rules.iter().enumerate() {
            let verdict = if rule.deny { "deny" } else { "allow" };
            let window =
                rule.window.map_or(String::new(), |(from, until)| format!(":{from}..{until}"));
            let text = rules.entry((rule.subject, rule.area)).or_default();
            *text += &format!(" {verdict}:r{number}{window}");
        }
        let area = |area: &str| if area.is_empty() { "-".to_owned() } else { area.to_owned() };
        let put = |((subject, place), rules): (&(&str, &str), &String)| {
            format!("put restriction {subject} {}{rules}", area(place))
        };
        rules.iter().map(put).collect()
    }

    fn closed(&self) -> Vec<String> {
        let closed = self.warehouses.iter().enumerate().filter(|(_, it)| !it.active);
        closed.map(|(number, _)| format!("put warehouse {} closed", code(number))).collect()
    }

    /// The rule that denies a sku, if the most specific one does: subject, area, and whether it is
    /// that one.
    fn denies(&self, sku: usize, to: &str) -> Option<impl Fn(&str) -> bool> {
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
    fn rank(&self, warehouse: usize, to: &str, strategy: Strategy) -> Option<(bool, Vec<i64>)> {
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
    fn promise(&self, warehouse: usize) -> Option<i64> {
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

impl Warehouse {
    fn stocked(&self) -> impl Iterator<Item = (&'static str, (u32, u32, u32))> + '_ {
        let stock = SKUS.iter().zip(&self.stock);
        stock.filter_map(|(sku, stock)| Some((*sku, (*stock)?)))
    }
}

/// What is free of each sku: sellable, and in each warehouse that knows it.
struct Free {
    sellable: Vec<u32>,
    sites: Vec<BTreeMap<usize, u32>>,
}

impl Free {
    fn read(world: &World, shop: &mut Shop) -> Self {
        let skus = SKUS.map(|it| Sku::parse(it).unwrap()).to_vec();
        let stock = get_stock(&mut shop.database, skus).unwrap();
        let mut free = Self { sellable: vec![], sites: vec![] };
        for (sku, it) in stock.into_iter().map(Option::unwrap).enumerate() {
            free.sellable.push(it.sellable);
            let site = |it: &crate::operations::queries::WarehouseStock| {
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

type Packed = (Option<String>, Vec<(&'static str, u32)>, Option<i64>);

/// The packages and what is short of each sku: requested, available.
fn model(world: &World, ask: &Ask, mut free: Free) -> (Vec<Packed>, Vec<(&'static str, u64, u64)>) {
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
            match packages.iter_mut().find(|(of, _, _)| *of == name) {
                Some((_, lines, _)) => lines.push((SKUS[sku], units)),
                None => {
                    let promise = place.and_then(|it| world.promise(it));
                    packages.push((name, vec![(SKUS[sku], units)], promise));
                }
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
fn chosen(world: &World, ask: &Ask, free: &Free) -> Vec<usize> {
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
        let given = gives(&fewest);
        wanted.iter_mut().zip(given).for_each(|(units, given)| *units -= given);
        taken.extend(fewest);
    }
    taken
}

fn packed(packages: &[Package]) -> Vec<Packed> {
    let package = |(number, it): (usize, &Package)| {
        assert_eq!(it.number as usize, number + 1);
        let name = |sku: &Sku| *SKUS.iter().find(|it| **it == sku.as_str()).unwrap();
        let lines = it.lines.iter().map(|it| (name(&it.sku), it.quantity.get())).collect();
        let warehouse = it.warehouse.as_ref().map(|it| it.as_str().to_owned());
        (warehouse, lines, it.promised_ship_at.map(Instant::as_milliseconds))
    };
    packages.iter().enumerate().map(package).collect()
}

fn short(shortages: &[Shortage]) -> Vec<(&str, u64, u64)> {
    shortages.iter().map(|it| (it.sku.as_str(), it.requested, it.available)).collect()
}

/// Plans, places, and moves the first package; says how far it came.
fn play(world: &World, shop: &mut Shop, number: usize, ask: &Ask) {
    let line = |(sku, units): &(usize, u32)| Line {
        sku: Sku::parse(SKUS[*sku]).unwrap(),
        quantity: Quantity::parse(*units).unwrap(),
    };
    let ship_to = ShipTo { adcode: Adcode::parse(ask.to).unwrap(), location: None };
    let inquiry = Inquiry {
        lines: Items::parse(ask.lines.iter().map(line).collect()).unwrap(),
        ship_to: Some(ship_to),
        strategy: ask.strategy,
    };
    let planned = plan(&mut shop.database, shop::at(world.now), &inquiry).unwrap();
    let (packages, shortages) = model(world, ask, Free::read(world, shop));
    let denies = |sku: &usize| Some((SKUS[*sku], world.denies(*sku, ask.to)?));
    let mut skus: Vec<usize> = Vec::new();
    for (sku, _) in &ask.lines {
        if !skus.contains(sku) {
            skus.push(*sku);
        }
    }
    let denied: Vec<_> = skus.iter().filter_map(denies).collect();

    let named = planned.denied.iter().map(|it| it.sku.as_str());
    assert_eq!(named.collect::<Vec<_>>(), denied.iter().map(|it| it.0).collect::<Vec<_>>());
    for (said, (_, is_it)) in planned.denied.iter().zip(&denied) {
        assert!(is_it(said.rule.as_str()), "{said:?}");
    }
    if denied.is_empty() {
        assert_eq!(packed(&planned.packages), packages, "{ask:?}");
        assert_eq!(short(&planned.shortages), shortages, "{ask:?}");
    }

    let lines: Vec<String> =
        ask.lines.iter().map(|(sku, n)| format!("{}*{n}", SKUS[*sku])).collect();
    let order = format!("O-{number}");
    let mut command = reserve(&order, &lines.join(" ")).to(ask.to).by(ask.strategy);
    if ask.partial {
        command = command.partial();
    }
    let outcome = shop.tell_all(world.now, &[command]).outcomes.remove(0).result;
    match outcome {
        Ok(Answer::Order(answer)) => {
            assert!(denied.is_empty());
            assert!(shortages.is_empty() || ask.partial);
            assert_eq!(answer.packages, planned.packages);
            assert_eq!(answer.shortages, planned.shortages);
            move_first(world, shop, &order, ask, &answer.packages);
        }
        Err(Refusal::RegionRestricted(it)) => assert_eq!(it, planned.denied),
        Err(Refusal::InsufficientStock(it) | Refusal::NoShippableWarehouse(it)) => {
            assert!(denied.is_empty() && (!ask.partial || packages.is_empty()));
            assert_eq!(it, planned.shortages);
        }
        other => panic!("{other:?}"),
    }
}

/// A package may move to where a plan of its lines would take all of them, were there no other.
fn move_first(world: &World, shop: &mut Shop, order: &str, ask: &Ask, packages: &[Package]) {
    let target = ask.transfer.index(world.warehouses.len());
    let first = &packages[0];
    let free = Free::read(world, shop);
    let mut wanted: Vec<(usize, u64)> = Vec::new();
    for line in &first.lines {
        let sku = SKUS.iter().position(|it| *it == line.sku.as_str()).unwrap();
        let units = u64::from(line.quantity.get());
        match wanted.iter_mut().find(|(of, _)| *of == sku) {
            Some((_, sum)) => *sum += units,
            None => wanted.push((sku, units)),
        }
    }
    let free = |sku: usize| u64::from(free.sites[sku].get(&target).copied().unwrap_or(0));
    let lacking: Vec<_> = wanted.iter().filter(|(sku, units)| free(*sku) < *units).collect();
    let command = transfer(order, first.number, &code(target));
    let outcome = shop.tell_all(world.now, &[command]).outcomes.remove(0).result;
    let code = WarehouseCode::parse(code(target)).unwrap();
    let serves = world.rank(target, ask.to, ask.strategy).is_some();
    match outcome {
        Ok(Answer::Order(answer)) => {
            let [moved] = &answer.packages[..] else { panic!("{answer:?}") };
            assert_eq!(moved.lines, first.lines);
            assert_eq!(moved.warehouse.as_ref(), Some(&code));
            let promise = moved.promised_ship_at.map(Instant::as_milliseconds);
            assert_eq!(promise, world.promise(target));
            if first.warehouse.as_ref() == Some(&code) {
                assert_eq!(moved, first);
            } else {
                assert_eq!(moved.number as usize, packages.len() + 1);
                assert!(serves && lacking.is_empty());
            }
        }
        Err(Refusal::NoShippableWarehouse(_)) => assert!(!serves),
        Err(Refusal::InsufficientStock(it)) => {
            let expected: Vec<_> =
                lacking.iter().map(|(sku, units)| (SKUS[*sku], *units, free(*sku))).collect();
            assert_eq!(short(&it), expected);
            assert!(serves && !expected.is_empty());
        }
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn a_plan_is_the_models_and_is_what_is_reserved(world in world()) {
        let mut shop = world.open();
        for (number, ask) in world.asks.iter().enumerate() {
            play(&world, &mut shop, number, ask);
        }
        prop_assert_eq!(shop.tell(world.now + 1, &expire(9)), "0 expired");
    }
}

//! Worlds to plan in, drawn whole, and how a shop comes to be like one.

use super::super::*;
use crate::domain::{Command, Strategy};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, any, prop_oneof};
use proptest::sample::{Index, select, subsequence};
use proptest::strategy::Strategy as Generator;
use std::collections::BTreeMap;

pub(super) const SKUS: [&str; 3] = ["A", "B", "C"];
pub(super) const AREAS: [&str; 7] = ["", "44", "4403", "440305", "4419", "441900", "11"];
pub(super) const PLACES: [&str; 5] = ["440305", "440304", "441900", "110101", "710000"];
pub(super) const DIVISIONS: [&str; 4] = ["440305", "440300", "441900", "110000"];
pub(super) const SUBJECTS: [&str; 5] = ["sku:A", "sku:B", "category:tools", "category:toys", "all"];
/// Addresses are on this parallel, warehouses on this one or north of it.
pub(super) const LATITUDE: i32 = 20;
pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 1_440 * MINUTE;
pub(super) const SEARCH: i64 = 400 * DAY;

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) warehouses: Vec<Warehouse>,
    pub(super) sellable: Vec<u32>,
    pub(super) divisions: Vec<&'static str>,
    pub(super) rules: Vec<Rule>,
    pub(super) asks: Vec<Ask>,
}

#[derive(Clone, Debug)]
pub(super) struct Warehouse {
    pub(super) active: bool,
    /// Each area once: priority, backup.
    pub(super) areas: BTreeMap<&'static str, (u32, bool)>,
    pub(super) latitude: Option<i32>,
    pub(super) hours: Option<Hours>,
    /// Of each sku: on hand, unavailable, safety stock.
    pub(super) stock: Vec<Option<(u32, u32, u32)>>,
}

/// Every day from..until, in minutes; no window when they are equal.
#[derive(Clone, Debug)]
pub(super) struct Hours {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) handling: i64,
    pub(super) stop: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) subject: &'static str,
    pub(super) area: &'static str,
    pub(super) deny: bool,
    pub(super) window: Option<(i64, i64)>,
}

#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) lines: Vec<(usize, u32)>,
    pub(super) to: &'static str,
    pub(super) strategy: Strategy,
    pub(super) partial: bool,
    /// Where its first package is to go then.
    pub(super) transfer: Index,
}

pub(super) fn hours() -> impl Generator<Value = Hours> {
    let stop = option::weighted(0.4, (0..3 * DAY, prop_oneof![1..2 * DAY, Just(2 * SEARCH)]));
    (0_i64..1_440, 0_i64..1_440, 0_i64..3_000, stop).prop_map(|(a, b, handling, stop)| {
        let stop = stop.map(|(from, length)| (from, from + length));
        Hours { from: a.min(b), until: a.max(b), handling, stop }
    })
}

pub(super) fn warehouse() -> impl Generator<Value = Warehouse> {
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

pub(super) fn closed() -> Hours {
    Hours { from: 0, until: 0, handling: 0, stop: None }
}

pub(super) fn rule() -> impl Generator<Value = Rule> {
    let window = option::of((0..2 * DAY, 1..2 * DAY));
    (select(&SUBJECTS[..]), select(&AREAS[..]), any::<bool>(), window).prop_map(
        |(subject, area, deny, window)| {
            let window = window.map(|(from, length)| (from, from + length));
            Rule { subject, area, deny, window }
        },
    )
}

pub(super) fn ask() -> impl Generator<Value = Ask> {
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

pub(super) fn world() -> impl Generator<Value = World> {
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

pub(super) fn code(warehouse: usize) -> String {
    format!("W{warehouse}")
}

impl World {
    pub(super) fn open(&self) -> Shop {
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
                let stopped =
                    hours.stop.map_or(String::new(), |(from, until)| format!("/{from}..{until}"));
                changes.push(format!("put calendar {code} {windows}/+{handling}{stopped}"));
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

    pub(super) fn restrictions(&self) -> Vec<String> {
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

    pub(super) fn closed(&self) -> Vec<String> {
        let closed = self.warehouses.iter().enumerate().filter(|(_, it)| !it.active);
        closed.map(|(number, _)| format!("put warehouse {} closed", code(number))).collect()
    }
}

impl Warehouse {
    pub(super) fn stocked(&self) -> impl Iterator<Item = (&'static str, (u32, u32, u32))> + '_ {
        let stock = SKUS.iter().zip(&self.stock);
        stock.filter_map(|(sku, stock)| Some((*sku, (*stock)?)))
    }
}

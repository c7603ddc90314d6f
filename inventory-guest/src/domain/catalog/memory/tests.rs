//! The catalog in memory against a list that is searched for every question.

use super::*;
use crate::domain::calendar::{CalendarDraft, TimeZoneName, Window, Windows};
use crate::domain::catalog::Owner;
use crate::domain::{Label, Malformed};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Just, Strategy as Generator, any, prop_assert_eq, prop_oneof};
use proptest::{option, proptest, sample};
use std::collections::BTreeMap;
use std::rc::Rc;

fn code(number: u8) -> WarehouseCode {
    WarehouseCode::parse(format!("W{number}")).unwrap()
}

fn adcode(text: &str) -> Adcode {
    Adcode::parse(text).unwrap()
}

fn warehouse(active: bool, location: Option<Location>) -> Warehouse {
    Warehouse { name: None, owner: Owner::Own, adcode: None, location, active }
}

fn division(degrees: (f64, f64)) -> Division {
    let location = Location::parse(degrees.0, degrees.1).unwrap();
    Division { name: Label::parse("区").unwrap(), location }
}

/// Shenzhen and its district Nanshan, Dongguan without districts, and two provinces.
fn divisions() -> Vec<(Adcode, Division)> {
    let centres = [
        ("440000", (23.13, 113.27)),
        ("440300", (22.54, 114.06)),
        ("440305", (22.53, 113.93)),
        ("441900", (23.02, 113.75)),
        ("710000", (25.04, 121.51)),
    ];
    centres.map(|(code, centre)| (adcode(code), division(centre))).into()
}

/// Every open, none, or only at night.
fn calendars() -> impl Generator<Value = Calendar> {
    let windows = prop_oneof![Just((0, 1_440)), Just((0, 60))];
    option::of(windows).prop_map(|window| {
        let window = window.map(|(from, until)| Window::parse(from, until).unwrap());
        let windows = Windows::parse(window.into_iter().collect()).unwrap();
        let draft = CalendarDraft {
            time_zone: TimeZoneName::shanghai(),
            weekly: std::array::from_fn(|_| windows.clone()),
            cut_off: None,
            handling_minutes: 0,
            holidays: vec![],
            workdays: vec![],
            promotions: vec![],
            stop_ship: vec![],
        };
        Calendar::parse(draft).unwrap()
    })
}

type Served = BTreeMap<(u8, Area), ServiceArea>;

fn rows() -> impl Generator<Value = Rows> {
    let location = (18_000_000..50_000_000, 80_000_000..130_000_000)
        .prop_map(|(north, east)| Location::parse_microdegrees(north, east).unwrap());
    let warehouses = btree_map(0_u8..12, (any::<bool>(), option::of(location)), 0..8);
    let areas = &["", "44", "4403", "440305", "440306", "4419", "441900", "71", "99"][..];
    let area = sample::select(areas).prop_map(|text| Area::parse(text).unwrap());
    let service = (0_u32..3, any::<bool>());
    let service = service.prop_map(|(priority, backup)| ServiceArea { priority, backup });
    let served = btree_map((0_u8..12, area), service, 0..30);
    let calendars = btree_map(0_u8..12, calendars(), 0..6);
    (warehouses, served, calendars, any::<bool>()).prop_map(
        |(warehouses, served, calendars, has_divisions): (_, Served, _, _)| Rows {
            warehouses: Some(
                warehouses.into_iter().map(|(it, of)| (code(it), warehouse(of.0, of.1))).collect(),
            ),
            service_areas: Some(
                served.into_iter().map(|(it, of)| (code(it.0), it.1, of)).collect(),
            ),
            calendars: Some(calendars.into_iter().map(|(it, of)| (code(it), of)).collect()),
            divisions: Some(if has_divisions { divisions() } else { vec![] }),
        },
    )
}

const STRATEGIES: &[Strategy] = &[Strategy::Priority, Strategy::Nearest, Strategy::MinSplits];
const ADDRESSES: &[&str] =
    &["440305", "440306", "440100", "441900", "442000", "710000", "999999", "130223"];

fn catalog(rows: &Rows) -> Catalog {
    let mut catalog = Catalog::default();
    catalog.update(rows.clone());
    catalog
}

/// The service area of a warehouse that holds an address and is the smallest such.
fn smallest(rows: &Rows, warehouse: &WarehouseCode, ship_to: &str) -> Option<(u8, ServiceArea)> {
    let areas = rows.service_areas.as_ref().unwrap().iter();
    let holding =
        areas.filter(|(code, area, _)| code == warehouse && ship_to.starts_with(area.as_str()));
    let smallest = holding.max_by_key(|(_, area, _)| area.as_str().len())?;
    Some((smallest.1.digits(), smallest.2))
}

proptest! {
    #[test]
    fn a_warehouse_stands_by_its_smallest_area_that_holds_the_address(
        rows in rows(),
        ship_to in sample::select(ADDRESSES),
    ) {
        let catalog = catalog(&rows);
        let destination = catalog.destination(&adcode(ship_to), None);
        for (code, of) in rows.warehouses.as_ref().unwrap() {
            let number = catalog.number(code.as_str()).unwrap();
            prop_assert_eq!(catalog.code(number), code);
            let standing = match (destination.standing(number), smallest(&rows, code, ship_to)) {
                (Standing::Candidate(it), Some(expected)) => {
                    prop_assert_eq!((it.digits, it.service), expected);
                    prop_assert_eq!(it.warehouse, number);
                    of.active
                }
                (Standing::Inactive, Some(_)) => !of.active,
                (Standing::NoService, None) => true,
                _ => false,
            };
            prop_assert_eq!(standing, true, "{:?}", code);
        }
    }

    #[test]
    fn candidates_are_all_that_serve_in_their_order(
        rows in rows(),
        ship_to in sample::select(ADDRESSES),
        strategy in sample::select(STRATEGIES),
    ) {
        let catalog = catalog(&rows);
        let destination = catalog.destination(&adcode(ship_to), None);
        let warehouses = rows.warehouses.as_ref().unwrap().iter();
        let serving = warehouses.filter(|(code, of)| {
            of.active && smallest(&rows, code, ship_to).is_some()
        });
        let mut expected: Vec<_> = serving.map(|(code, _)| {
            let number = catalog.number(code.as_str()).unwrap();
            let Standing::Candidate(it) = destination.standing(number) else { unreachable!() };
            (it.rank(strategy), code.clone())
        }).collect();
        expected.sort();
        let candidates = destination.candidates(strategy);
        let found: Vec<_> = candidates.iter()
            .map(|it| (it.rank(strategy), catalog.code(it.warehouse).clone())).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn what_is_updated_noun_by_noun_is_what_is_loaded_at_once(first in rows(), second in rows()) {
        let mut changed = catalog(&first);
        changed.update(Rows { divisions: second.divisions.clone(), ..Rows::default() });
        changed.update(Rows { service_areas: second.service_areas.clone(), ..Rows::default() });
        changed.update(Rows { warehouses: second.warehouses.clone(), ..Rows::default() });
        changed.update(Rows { calendars: second.calendars.clone(), ..Rows::default() });
        let loaded = catalog(&second);
        let now = Instant::parse(1_772_500_000_000).unwrap();
        for ship_to in ADDRESSES {
            let [one, other] = [&changed, &loaded].map(|it| it.destination(&adcode(ship_to), None));
            let others = 0..loaded.warehouses.len();
            prop_assert_eq!(
                one.considered(Strategy::Nearest, others.clone()),
                other.considered(Strategy::Nearest, others),
            );
        }
        let mut promises = [&changed, &loaded].map(|it| Promises::new(Rc::new(it.clone()), now));
        for warehouse in 0..loaded.warehouses.len() {
            let [one, other] = promises.each_mut().map(|it| it.promised_ship_at(warehouse));
            prop_assert_eq!(one, other);
        }
    }

    #[test]
    fn what_serves_comes_first_then_inactive_ones_then_those_without_service(
        rows in rows(),
        others in vec(0_usize..12, 0..5),
        ship_to in sample::select(ADDRESSES),
    ) {
        let catalog = catalog(&rows);
        let known = catalog.warehouses.len();
        let others: Vec<usize> = others.into_iter().filter(|it| *it < known).collect();
        let destination = catalog.destination(&adcode(ship_to), None);
        let considered = destination.considered(Strategy::Priority, others.iter().copied());
        let kind = |standing: Standing| match standing {
            Standing::Candidate(_) => 0,
            Standing::Inactive => 1,
            Standing::NoService => 2,
        };
        let kinds: Vec<_> = considered.iter().map(|it| kind(it.standing)).collect();
        prop_assert_eq!(kinds.is_sorted(), true);
        let mut listed: Vec<usize> = considered.iter().map(|it| it.warehouse).collect();
        listed.sort_unstable();
        let is_listed = |it: &usize| {
            destination.standing(*it) != Standing::NoService || others.contains(it)
        };
        prop_assert_eq!(listed, (0..known).filter(is_listed).collect::<Vec<_>>());
    }
}

/// One warehouse at each centre that is named, serving everywhere.
fn at_centres(adcodes: &[&str]) -> Result<Catalog, Malformed> {
    let mut catalog = Catalog::default();
    let mut warehouses = Vec::new();
    for (number, text) in (0..).zip(adcodes) {
        let adcode = Some(Adcode::parse(*text)?);
        warehouses.push((code(number), Warehouse { adcode, ..warehouse(true, None) }));
    }
    let everywhere = ServiceArea { priority: 1, backup: false };
    let served = warehouses.iter().map(|(code, _)| (code.clone(), Area::EVERYWHERE, everywhere));
    catalog.update(Rows {
        service_areas: Some(served.collect()),
        warehouses: Some(warehouses),
        divisions: Some(divisions()),
        calendars: None,
    });
    Ok(catalog)
}

#[track_caller]
fn check_nearest(ship_to: &str, point: Option<Location>, expected: &[&str]) {
    // Guangdong's centre, Nanshan, Dongguan, Taiwan.
    let places = ["440000", "440305", "441900", "710000"];
    let catalog = at_centres(&places).unwrap();
    let candidates = catalog.destination(&adcode(ship_to), point).candidates(Strategy::Nearest);
    let found: Vec<_> = candidates.iter().map(|it| places[it.warehouse]).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_address_is_at_its_point_or_the_centre_of_its_smallest_known_division() {
    check_nearest("440305", None, &["440305", "441900", "440000", "710000"]);
    // A district that is not listed: Shenzhen's centre. A city that is not: Guangdong's.
    check_nearest("440399", None, &["440305", "441900", "440000", "710000"]);
    check_nearest("449901", None, &["440000", "441900", "440305", "710000"]);
    check_nearest("441900", None, &["441900", "440000", "440305", "710000"]);
    check_nearest("710000", None, &["710000", "441900", "440305", "440000"]);
    check_nearest("710101", None, &["710000", "441900", "440305", "440000"]);
    // Nowhere: as by priority, which is equal, so by code.
    check_nearest("999999", None, &["440000", "440305", "441900", "710000"]);
    let point = Location::parse(25.0, 121.0).ok();
    check_nearest("440305", point, &["710000", "441900", "440305", "440000"]);
}

#[test]
fn a_promise_is_now_where_there_is_no_calendar() {
    let catalog = at_centres(&["440000"]).unwrap();
    let now = Instant::parse(1_772_500_000_000).unwrap();
    assert_eq!(Promises::new(Rc::new(catalog.clone()), now).promised_ship_at(0), Some(now));
}

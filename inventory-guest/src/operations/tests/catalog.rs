//! Changing the catalog: words for it, and what comes of it.

use super::*;
use crate::domain::calendar::{Calendar, CalendarDraft, StopShip, TimeZoneName, Window, Windows};
use crate::domain::catalog::{
    Division, Entry, EntryKey, Noun, Owner, SafetyStock, ServiceArea, Warehouse,
};
use crate::domain::restriction::{Restriction, Rule, Subject, Verdict};
use crate::domain::{
    Adcode, Area, CatalogChange, CatalogItem, Category, ChangedEntry, Command, EntryChange,
    EntryEffect, ExpectedVersion, Items, Label, Level, Location, Reason, Sku, WarehouseCode,
};
use crate::operations::queries::{audit, get_entry, list_catalog_events, list_entries};

/// Items such as `put warehouse W1 open`, `put area W1 44 5`, `put category A toys`,
/// `put restriction all 54`, `put safety A W1 3`, `delete warehouse W1`; `-` is everywhere, and
/// ` if 3` at the end expects that version.
pub(super) fn change<const N: usize>(items: [&str; N]) -> Command {
    Command::Catalog(change_of(&items))
}

pub(super) fn change_of(items: &[&str]) -> CatalogChange {
    CatalogChange {
        author: Some(Reason::parse("Li Wei").unwrap()),
        reason: Reason::parse("a plan").unwrap(),
        items: Items::parse(items.iter().map(|text| item(text)).collect()).unwrap(),
        refuse_in_use: false,
        dry_run: false,
        request_id: None,
    }
}

fn item(text: &str) -> CatalogItem {
    let (text, expected_version) = match text.split_once(" if ") {
        Some((text, "there")) => (text, ExpectedVersion::Present),
        Some((text, versions)) if versions.contains(',') => {
            let versions = versions.split(',').map(|it| it.parse().unwrap()).collect();
            (text, ExpectedVersion::one_of(versions).unwrap())
        }
        Some((text, version)) => (text, ExpectedVersion::Version(version.parse().unwrap())),
        None => (text, ExpectedVersion::Any),
    };
    let words: Vec<&str> = text.split(' ').map(|it| if it == "-" { "" } else { it }).collect();
    let code = |text: &str| WarehouseCode::parse(text).unwrap();
    let area = |text: &str| Area::parse(text).unwrap();
    let sku = |text: &str| Sku::parse(text).unwrap();
    let put = match words.as_slice() {
        ["put", "warehouse", it, state] => {
            let (name, owner, adcode, location) = (None, Owner::Own, None, None);
            let active = *state == "open";
            Entry::Warehouse(code(it), Warehouse { name, owner, adcode, location, active })
        }
        ["put", "warehouse", it, "at", latitude, longitude] => {
            let (name, owner, adcode) = (None, Owner::Own, None);
            let location = Some(location(latitude, longitude));
            Entry::Warehouse(code(it), Warehouse { name, owner, adcode, location, active: true })
        }
        ["put", "division", it, latitude, longitude] => {
            let name = Label::parse("a place").unwrap();
            let location = location(latitude, longitude);
            Entry::Division(Adcode::parse(*it).unwrap(), Division { name, location })
        }
        ["put", "area", it, place, priority, backup @ ..] => {
            let (priority, backup) = (priority.parse().unwrap(), backup == ["backup"]);
            let served = ServiceArea { priority, backup };
            Entry::ServiceArea(code(it), area(place), served)
        }
        ["put", "calendar", it, how] => Entry::Calendar(code(it), Box::new(calendar(how))),
        ["put", "category", it, category] => {
            Entry::Category(sku(it), Category::parse(*category).unwrap())
        }
        ["put", "restriction", subject, place, rules @ ..] => {
            let rules = if rules.is_empty() { &["deny"] } else { rules };
            let restriction = Restriction::parse(rules.iter().map(|it| rule(it)).collect());
            let restriction = restriction.unwrap();
            Entry::Restriction(Subject::parse(subject).unwrap(), area(place), restriction)
        }
        ["put", "safety", it, place, units] => {
            let units = SafetyStock(Level::parse(units.parse().unwrap()).unwrap());
            Entry::SafetyStock(sku(it), code(place), units)
        }
        ["delete", noun, subject, rest @ ..] => {
            let noun = match *noun {
                "area" => Noun::ServiceArea,
                "safety" => Noun::SafetyStock,
                noun => Noun::parse(noun).unwrap(),
            };
            let place = rest.first().copied().unwrap_or_default();
            let change = EntryChange::Delete(EntryKey::parse(noun, subject, place).unwrap());
            return CatalogItem { change, expected_version };
        }
        _ => panic!("what is `{text}`?"),
    };
    CatalogItem { change: EntryChange::Put(put), expected_version }
}

/// `deny` or `allow`, named `a law`, or as after a colon; `deny:ban:5..9` is in force for a time.
fn rule(text: &str) -> Rule {
    let mut words = text.split(':');
    let verdict = if words.next() == Some("allow") { Verdict::Allow } else { Verdict::Deny };
    let name = Label::parse(words.next().unwrap_or("a law")).unwrap();
    let (from, until) = words.next().and_then(|it| it.split_once("..")).unwrap_or_default();
    let instant = |text: &str| text.parse().ok().map(shop::at);
    Rule::parse(verdict, instant(from), instant(until), name).unwrap()
}

fn location(latitude: &str, longitude: &str) -> Location {
    let [latitude, longitude] = [latitude, longitude].map(|it| {
        let degrees: i32 = it.parse().unwrap();
        degrees * 1_000_000
    });
    Location::parse_microdegrees(latitude, longitude).unwrap()
}

/// `closed` for ever; `540..1080` every day, in minutes, in Shanghai; `540..1080/960+120/5..9` with
/// its cut-off, its handling time and when it stops.
fn calendar(how: &str) -> Calendar {
    let mut parts = how.split('/');
    let windows = parts.next().and_then(|it| it.split_once(".."));
    let windows = windows.map_or(Windows::closed(), |(from, until)| {
        let window = Window::parse(from.parse().unwrap(), until.parse().unwrap()).unwrap();
        Windows::parse(vec![window]).unwrap()
    });
    let (cut_off, handling) = parts.next().and_then(|it| it.split_once('+')).unwrap_or(("", "0"));
    let stop = parts.next().and_then(|it| it.split_once("..")).map(|(from, until)| {
        let [from, until] = [from, until].map(|it| shop::at(it.parse().unwrap()));
        StopShip { from, until }
    });
    Calendar::parse(CalendarDraft {
        time_zone: TimeZoneName::shanghai(),
        weekly: std::array::from_fn(|_| windows.clone()),
        cut_off: cut_off.parse().ok(),
        handling_minutes: handling.parse().unwrap(),
        holidays: vec![],
        workdays: vec![],
        promotions: vec![],
        stop_ship: stop.into_iter().collect(),
    })
    .unwrap()
}

/// `warehouse W1`, `service_area W1 44`.
pub(super) fn key(key: &EntryKey) -> String {
    format!("{} {} {}", key.noun().name(), key.subject(), key.place()).trim_end().to_owned()
}

/// `warehouse W1 created 1`.
pub(super) fn changed(entry: &ChangedEntry) -> String {
    let effect = match entry.effect {
        EntryEffect::Created => "created",
        EntryEffect::Updated => "updated",
        EntryEffect::Unchanged => "unchanged",
        EntryEffect::Deleted => "deleted",
        EntryEffect::Absent => "absent",
    };
    let holding = entry.holding.iter().map(|order| format!(" holding {}", order.as_str()));
    let holding: String = holding.collect();
    format!("{} {effect} {}{holding}", key(&entry.key), entry.version)
}

impl Shop {
    fn entries(&mut self, noun: Noun, prefix: &str, after: &str, limit: u32) -> Vec<String> {
        let found = list_entries(&mut self.database, noun, prefix, after, limit).unwrap();
        found.iter().map(|it| format!("{} {}", key(&it.entry.key()), it.version)).collect()
    }
}

#[test]
fn entries_are_made_changed_and_deleted_with_versions_that_never_repeat() {
    let mut shop = Shop::with("");
    shop.check([
        (0, change(["put warehouse W1 open"]), "warehouse W1 created 1"),
        (0, change(["put warehouse W1 open"]), "warehouse W1 unchanged 1"),
        (0, change(["put warehouse W1 closed"]), "warehouse W1 updated 2"),
        (0, change(["delete warehouse W1"]), "warehouse W1 deleted 0"),
        (0, change(["delete warehouse W1"]), "warehouse W1 absent 0"),
        (0, change(["put warehouse W1 open"]), "warehouse W1 created 4"),
    ]);
}

#[test]
fn a_change_is_all_items_or_none_each_on_what_the_ones_before_left() {
    let mut shop = Shop::with("");
    shop.check([
        (0, change(["put area W1 44 5", "put area W2 44 5"]), "no unknown_warehouse W1 W2"),
        (
            0,
            change(["put warehouse W1 open", "put area W1 44 5", "put area W1 44 6"]),
            "warehouse W1 created 1, service_area W1 44 created 2, service_area W1 44 updated 3",
        ),
        (
            0,
            change(["put category A toys", "delete category A", "delete warehouse W1"]),
            "category A created 4, category A deleted 0, warehouse W1 deleted 0, \
             service_area W1 44 deleted 0",
        ),
        (0, change(["put category A toys", "put area W1 - 1"]), "no unknown_warehouse W1"),
    ]);
    assert_eq!(shop.entries(Noun::Category, "", "", 10), [] as [&str; 0]);
}

/// So that a request that was answered by an older guest is known by this one.
#[test]
fn an_expected_version_is_encoded_as_when_it_could_only_be_a_number() {
    for (now, then) in [(ExpectedVersion::Any, None), (ExpectedVersion::Version(7), Some(7_u64))] {
        let now = postcard::to_extend(&now, Vec::new()).unwrap();
        assert_eq!(now, postcard::to_extend(&then, Vec::new()).unwrap());
    }
}

#[test]
fn a_version_that_is_not_the_expected_one_is_refused() {
    Shop::with("").check([
        (0, change(["put category A toys if 1"]), "no version_mismatch category A 0 not 1"),
        (0, change(["put category A toys if 0"]), "category A created 1"),
        (0, change(["put category A tools if 0"]), "no version_mismatch category A 1 not 0"),
        (0, change(["put category B tools if there"]), "no version_mismatch category B 0 not 0"),
        (0, change(["put category B tools if 3,4"]), "no version_mismatch category B 0 not 3"),
        (0, change(["put category A tools if 5,1"]), "category A updated 2"),
        (0, change(["put category A tools if there"]), "category A unchanged 2"),
        (0, change(["delete category A if 5,1"]), "no version_mismatch category A 2 not 5"),
        (0, change(["delete category A if 1"]), "no version_mismatch category A 2 not 1"),
        (0, change(["delete category A if 2"]), "category A deleted 0"),
        (0, change(["put category A toys if 1"]), "no version_mismatch category A 0 not 1"),
    ]);
}

#[test]
fn a_named_change_counts_once() {
    Shop::with("").check([
        (0, change(["put category A toys"]).named("R-1"), "category A created 1"),
        (0, change(["delete category A"]), "category A deleted 0"),
        (0, change(["put category A toys"]).named("R-1"), "as before: category A created 1"),
        (0, change(["put category A tools"]).named("R-1"), "no idempotency_conflict"),
        (0, change(["put area W1 - 1"]).named("R-2"), "no unknown_warehouse W1"),
        (0, change(["put warehouse W1 open"]), "warehouse W1 created 3"),
        (0, change(["put area W1 - 1"]).named("R-2"), "as before: no unknown_warehouse W1"),
    ]);
}

#[test]
fn a_dry_run_says_what_would_come_and_leaves_no_trace() {
    let mut shop = Shop::with("");
    let mut dry = change_of(&["put warehouse W1 open", "put area W1 - 1"]);
    dry.dry_run = true;
    let dry = Command::Catalog(dry).named("R-1");
    let said = "warehouse W1 created 1, service_area W1 created 2";
    shop.check([(0, dry.clone(), said), (0, dry, said)]);
    assert_eq!(list_catalog_events(&mut shop.database, 0, 10).unwrap(), []);
    shop.check([(0, change(["put warehouse W1 open"]).named("R-1"), "warehouse W1 created 1")]);
}

#[test]
fn a_warehouse_that_holds_orders_is_not_deleted_and_closed_only_with_a_list() {
    let mut shop = Shop::with("A*9 A@W1*9");
    let mut refusing = change_of(&["put warehouse W1 closed"]);
    refusing.refuse_in_use = true;
    shop.check([
        (0, reserve("O-1", "A*1").shipped(), "reserved 1:W1(A*1) until 10000"),
        (0, deduct("O-2", "A*1").shipped(), "committed 1:W1(A*1)"),
        (0, reserve("O-3", "A*1"), "reserved 1:-(A*1) until 10000"),
        (0, change(["delete warehouse W1"]), "no warehouse_in_use W1 O-2 O-1"),
        (0, Command::Catalog(refusing.clone()), "no warehouse_in_use W1 O-2 O-1"),
        (0, change(["put warehouse W1 closed"]), "warehouse W1 updated 3 holding O-2 holding O-1"),
        (0, reserve("O-4", "A*1").shipped(), "no no_shippable_warehouse A 0/1"),
        // A hold that ran out holds nothing, whether it was swept or not.
        (10_000, change(["delete warehouse W1"]), "no warehouse_in_use W1 O-2"),
        (10_000, ship("O-2"), "shipped 1:W1(A*1)"),
        (
            10_000,
            change(["delete warehouse W1"]),
            "warehouse W1 deleted 0, service_area W1 deleted 0",
        ),
        (10_000, expire(9), "0 expired"),
        (10_000, reserve("O-5", "A*1").shipped(), "no no_shippable_warehouse A 0/1"),
    ]);
    shop.stock("A", "8 sellable, 0 reserved, 0 committed, W1 8=0+0+0");
    shop.check([
        // Stock that is put there makes it again, as it makes any other.
        (10_000, adjust([on_hand("A", "W1", "7")]), "A@W1 8->7"),
        (10_000, change(["put warehouse W1 open"]), "warehouse W1 unchanged 6"),
        (10_000, change(["put area W1 - 1"]), "service_area W1 updated 8"),
        (10_000, reserve("O-6", "A*1").shipped(), "reserved 1:W1(A*1) until 20000"),
        (10_000, Command::Catalog(refusing), "no warehouse_in_use W1 O-6"),
    ]);
}

#[test]
fn what_is_of_a_warehouse_goes_with_it() {
    let mut shop = Shop::with("");
    let all = [
        "put warehouse W1 open",
        "put warehouse W2 open",
        "put area W1 44 1",
        "put area W1 - 1",
        "put area W2 - 1",
        "put safety A W1 3",
        "put safety A W2 3",
        "put safety B W1 3",
    ];
    shop.tell(0, &change(all));
    shop.check([(
        0,
        change(["delete safety B W1", "delete warehouse W1"]),
        "safety_stock B W1 deleted 0, warehouse W1 deleted 0, service_area W1 deleted 0, \
         service_area W1 44 deleted 0, safety_stock A W1 deleted 0",
    )]);
    assert_eq!(shop.entries(Noun::ServiceArea, "", "", 10), ["service_area W2 5"]);
    assert_eq!(shop.entries(Noun::SafetyStock, "", "", 10), ["safety_stock A W2 7"]);
}

#[test]
fn a_batch_sees_the_catalog_as_the_commands_before_left_it() {
    let mut shop = Shop::with("A*9");
    let commands = [
        adjust([on_hand("A", "W1", "5")]),
        change(["put area W1 - 1"]),
        reserve("O-1", "A*1").shipped(),
        change(["put warehouse W1 closed"]),
        reserve("O-2", "A*1").shipped(),
        adjust([on_hand("A", "W2", "5")]),
        reserve("O-2", "A*1").shipped().named("again"),
    ];
    let applied = shop.tell_all(0, &commands);
    assert_eq!(
        shop::all_short(&applied.outcomes),
        [
            "A@W1 0->5",
            "service_area W1 updated 3",
            "reserved 1:W1(A*1) until 10000",
            "warehouse W1 updated 4 holding O-1",
            "no no_shippable_warehouse A 0/1",
            "A@W2 0->5",
            "reserved 1:W2(A*1) until 10000",
        ]
    );
    assert_eq!(applied.changed_skus.len(), 1);
}

#[test]
fn lists_are_paged_by_key_and_filtered_by_its_beginning() {
    let mut shop = Shop::with("");
    shop.tell(0, &change(["put warehouse W1 open", "put warehouse W10 open"]));
    let areas = ["put area W1 - 1", "put area W1 44 1", "put area W1 4403 1", "put area W10 44 1"];
    shop.tell(0, &change(areas));
    let all = [
        "service_area W1 3",
        "service_area W1 44 4",
        "service_area W1 4403 5",
        "service_area W10 44 6",
    ];
    assert_eq!(shop.entries(Noun::ServiceArea, "", "", 10), all);
    assert_eq!(shop.entries(Noun::ServiceArea, "", "", 1), all[..1]);
    assert_eq!(shop.entries(Noun::ServiceArea, "", "W1 ", 2), all[1..3]);
    assert_eq!(shop.entries(Noun::ServiceArea, "W1", "", 10), all);
    assert_eq!(shop.entries(Noun::ServiceArea, "W1 ", "", 10), all[..3]);
    assert_eq!(shop.entries(Noun::ServiceArea, "W1 44", "W1 44", 10), all[2..3]);
    assert_eq!(shop.entries(Noun::ServiceArea, "W10", "", 10), all[3..]);
    assert_eq!(shop.entries(Noun::Warehouse, "", "W10", 10), [] as [&str; 0]);
    assert!(list_entries(&mut shop.database, Noun::Warehouse, "", "", 0).is_err());
    assert!(list_entries(&mut shop.database, Noun::Warehouse, "", "", 1_001).is_err());
}

#[test]
fn history_says_who_why_before_and_after() {
    let mut shop = Shop::with("A*1 A@W1*1");
    shop.tell(7, &change(["put restriction all 54"]));
    shop.tell(8, &change(["delete restriction all 54"]));
    let events = list_catalog_events(&mut shop.database, 1, 2).unwrap();
    let told = events.iter().map(|it| {
        let author = it.author.as_deref().unwrap_or("-");
        let (before, after) = (it.before.is_some(), it.after.is_some());
        let at = it.at.as_milliseconds();
        format!("{} {at} {author}: {}: {} {before} {after}", it.seq, it.reason, key(&it.key))
    });
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            "2 0 -: a count: service_area W1 false true",
            "3 7 Li Wei: a plan: restriction all 54 false true"
        ]
    );
    let removed = EntryKey::parse(Noun::Restriction, "all", "54").unwrap();
    assert_eq!(get_entry(&mut shop.database, &removed).unwrap(), None);
}

#[test]
fn a_catalog_that_was_changed_behind_the_guests_back_is_found() {
    for (statement, expected) in [
        ("DELETE FROM catalog_history WHERE seq = 2", "catalog_history_has_no_gap"),
        ("UPDATE catalog_history SET after = x'01' WHERE seq = 1", "catalog_folds_to_entries"),
        ("UPDATE catalog_history SET before = x'01' WHERE seq = 1", "catalog_history_chain"),
        ("UPDATE catalog SET version = 9 WHERE noun = 3", "catalog_folds_to_entries"),
        ("DELETE FROM catalog WHERE noun = 3", "catalog_folds_to_entries"),
        ("UPDATE catalog SET body = x'02' WHERE noun = 3", "catalog_folds_to_entries"),
    ] {
        let mut shop = Shop::with("");
        shop.tell(0, &change(["put warehouse W1 open", "put area W1 - 1", "put category A toys"]));
        assert_eq!(shop.database.connection().execute(statement, []).unwrap(), 1, "{statement}");
        let differences = audit(&mut shop.database).unwrap().differences;
        let found = differences.iter().any(|it| it.invariant == expected);
        assert!(found, "{statement}: {differences:#?}");
    }
}

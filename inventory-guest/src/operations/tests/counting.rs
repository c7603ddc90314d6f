//! Counts of what lies in a warehouse, raced with shipments.

use super::shop::{all_short, at};
use super::*;
use crate::domain::count::{Count, CountEffect, CountItem, Counted, Seen};
use crate::domain::{Command, Level, Reason, Sku, WarehouseCode};
use crate::operations::queries::list_shortages;

pub(super) fn counted(item: &Counted) -> String {
    let effect = match item.effect {
        CountEffect::Created => "created",
        CountEffect::Updated => "updated",
        CountEffect::Unchanged => "unchanged",
        CountEffect::Stale => "stale",
    };
    let Counted { sku, counted, shipped, before, after, held, missing, .. } = item;
    let short = if *missing > 0 { format!(" missing {missing}/{held}") } else { String::new() };
    format!("{} {counted}-{shipped} {effect} {before}->{after}{short}", sku.as_str())
}

/// `W1 at 500#7`, or without a watermark `W1 at 500`.
pub(super) fn seen(text: &str) -> (WarehouseCode, Seen) {
    let (warehouse, when) = text.split_once(" at ").unwrap();
    let (as_of, watermark) = when.split_once('#').map_or((when, None), |it| (it.0, Some(it.1)));
    let watermark = watermark.map(|seq| seq.parse().unwrap());
    let as_of = at(as_of.parse().unwrap());
    (WarehouseCode::parse(warehouse).unwrap(), Seen { as_of, watermark })
}

/// Items such as `A*5 B*0`.
pub(super) fn count(when: &str, items: &str) -> Command {
    let (warehouse, seen) = seen(when);
    let item = |text: &str| {
        let (sku, units) = text.split_once('*').unwrap();
        let on_hand = Level::parse(units.parse().unwrap()).unwrap();
        CountItem { sku: Sku::parse(sku).unwrap(), on_hand }
    };
    let items = Count::items(items.split(' ').map(item).collect()).unwrap();
    let reason = Reason::parse("cycle count").unwrap();
    Command::Count(Count { warehouse, reason, seen, items, request_id: None })
}

pub(super) fn shortages(shop: &mut Shop) -> Vec<String> {
    let found = list_shortages(&mut shop.database, None, "", 1_000).unwrap();
    let text = found.iter().map(|it| {
        let (sku, warehouse) = (it.sku.as_str(), it.warehouse.as_str());
        format!("{sku}@{warehouse} {} of {} missing {}", it.counted, it.held, it.missing)
    });
    text.collect()
}

/// A and B lie in W1, and one order of three A has left at sequence 9.
fn shop() -> Shop {
    let mut shop = Shop::with("A*10 A@W1*10 B*5 B@W1*5");
    shop.check([
        (100, deduct("O-1", "A*3").shipped(), "committed 1:W1(A*3)"),
        (200, ship("O-1"), "shipped 1:W1(A*3)"),
    ]);
    assert_eq!(shop.changes(8), ["9 ship A@W1 10/0/0/3 -> 7/0/0/0"]);
    shop
}

#[test]
fn a_shipment_is_never_deducted_twice() {
    for (seen, found) in
        [("W1 at 150#8", 9), ("W1 at 250#9", 6), ("W1 at 150", 9), ("W1 at 200", 6)]
    {
        let mut shop = shop();
        let command = count(seen, &format!("A*{found}"));
        let shipped = if found == 9 { 3 } else { 0 };
        let expected = format!("A {found}-{shipped} updated 7->6");
        assert_eq!(shop.tell(300, &command), expected, "{seen}");
        shop.stock("A", "7 sellable, 0 reserved, 0 committed, W1 6=0+0+0");
        assert_eq!(shop.changes(9), ["10 count A@W1 7/0/0/0 -> 6/0/0/0"], "{seen}");
    }
}

#[test]
fn an_older_count_changes_nothing_and_a_repeated_one_neither() {
    let mut shop = shop();
    shop.check([
        (300, count("W1 at 250#9", "A*9 B*4"), "A 9-0 updated 7->9, B 4-0 updated 5->4"),
        (300, count("W1 at 250#9", "A*9"), "A 9-0 stale 9->9"),
        (300, count("W1 at 250#8", "A*1"), "A 1-3 stale 9->9"),
        (300, count("W1 at 249#9", "A*1"), "A 1-0 stale 9->9"),
        (300, adjust([on_hand("A", "W1", "-2")]), "A@W1 9->7"),
        (300, count("W1 at 250#9", "A*9 C*2"), "A 9-0 stale 7->7, C 2-0 created 0->2"),
        (300, count("W1 at 250#10", "A*9"), "A 9-0 updated 7->9"),
        (300, count("W1 at 251#9", "A*9"), "A 9-0 unchanged 9->9"),
        (300, count("W1 at 300", "D*0"), "D 0-0 unchanged 0->0"),
    ]);
    shop.stock("C", "0 sellable, 0 reserved, 0 committed, W1 2=0+0+0");
    shop.stock("D", "unknown");
}

/// The last shipment up to a time that is to come is another one each time it is asked for.
#[test]
fn a_count_of_a_clock_that_is_ahead_counts_once() {
    let mut shop = Shop::with("A*10 A@W1*10");
    shop.check([
        (100, deduct("O-1", "A*3").shipped(), "committed 1:W1(A*3)"),
        (100, count("W1 at 30000", "A*10"), "A 10-0 unchanged 10->10"),
        (200, ship("O-1"), "shipped 1:W1(A*3)"),
        (200, count("W1 at 30000", "A*10"), "A 10-0 stale 7->7"),
    ]);
}

#[test]
fn what_has_left_is_not_missing_any_more() {
    let mut shop = Shop::with("A*30 A@W1*10");
    shop.check([
        (0, deduct("O-1", "A*6").shipped(), "committed 1:W1(A*6)"),
        (0, deduct("O-2", "A*4").shipped(), "committed 1:W1(A*4)"),
        (1, count("W1 at 1", "A*4"), "A 4-0 unchanged 10->10 missing 6/10"),
        (2, ship("O-1"), "shipped 1:W1(A*6)"),
    ]);
    assert_eq!(shortages(&mut shop), ["A@W1 4 of 10 missing 4"]);
    // In one batch as in several.
    let leaves =
        [ship("O-2"), adjust([on_hand("A", "W1", "+20")]), deduct("O-3", "A*20").shipped()];
    let outcomes = shop.tell_all(3, &leaves).outcomes;
    assert_eq!(all_short(&outcomes), ["shipped 1:W1(A*4)", "A@W1 0->20", "committed 1:W1(A*20)"]);
    assert_eq!(shortages(&mut shop), [""; 0]);
}

#[test]
fn what_is_held_stays_and_what_is_missing_is_reported_and_kept_from_orders() {
    let mut shop = Shop::with("A*10 A@W1*10");
    shop.check([
        (0, reserve("O-1", "A*4").shipped(), "reserved 1:W1(A*4) until 10000"),
        (0, adjust([unavailable("A", "W1", "1")]), "A@W1! 0->1"),
        (1, count("W1 at 1", "A*2"), "A 2-0 updated 10->5 missing 3/5"),
    ]);
    assert_eq!(shortages(&mut shop), ["A@W1 2 of 5 missing 3"]);
    shop.check([
        (2, release("O-1"), "released 1:W1(A*4)"),
        (2, reserve("O-2", "A*2").shipped(), "no insufficient_stock A 1/2"),
        (2, reserve("O-3", "A*1").shipped(), "reserved 1:W1(A*1) until 10002"),
        (3, count("W1 at 3", "A*4"), "A 4-0 updated 5->4"),
    ]);
    assert_eq!(shortages(&mut shop), [""; 0]);
    shop.stock("A", "9 sellable, 1 reserved, 0 committed, W1 4=1+0+1");
    shop.check([
        (4, count("W1 at 4", "A*0"), "A 0-0 updated 4->2 missing 2/2"),
        (4, adjust([on_hand("A", "W1", "+5")]), "A@W1 2->7"),
    ]);
    assert_eq!(shortages(&mut shop), ["A@W1 0 of 2 missing 2"]);
    shop.tell(4, &adjust([on_hand("A", "W1", "7")]));
    assert_eq!(shortages(&mut shop), [""; 0]);
}

#[test]
fn a_hold_that_ran_out_stands_against_no_count() {
    let mut shop = Shop::with("A*10 A@W1*10");
    shop.check([
        (0, reserve("O-1", "A*4").shipped(), "reserved 1:W1(A*4) until 10000"),
        (10_000, count("W1 at 9000", "A*2"), "A 2-0 updated 10->2"),
    ]);
}

#[test]
fn a_count_of_what_is_yet_to_come_is_refused_and_so_is_an_unknown_warehouse() {
    let mut shop = shop();
    let ahead = "no count_ahead 60301 at 300#9";
    shop.check([
        (300, count("W1 at 60301", "A*9"), ahead),
        (300, count("W1 at 300#10", "A*9"), "no count_ahead 300#10 at 300#9"),
        (300, count("W9 at 300", "A*9"), "no unknown_warehouse W9"),
        (300, count("W1 at 60300", "A*9"), "A 9-0 updated 7->9"),
    ]);
}

#[test]
fn a_count_of_the_same_name_is_answered_the_same() {
    let mut shop = shop();
    shop.check([
        (300, count("W1 at 250#9", "A*9").named("C-1"), "A 9-0 updated 7->9"),
        (400, count("W1 at 250#9", "A*9").named("C-1"), "as before: A 9-0 updated 7->9"),
        (400, count("W1 at 250#9", "A*8").named("C-1"), "no idempotency_conflict"),
        (400, count("W1 at 250#11", "A*8").named("C-2"), "no count_ahead 250#11 at 400#10"),
        (400, adjust([sellable("A", "5")]).named("C-1"), "A 7->5"),
    ]);
}

#[test]
fn a_count_sees_what_its_batch_shipped_before() {
    let mut shop = shop();
    let batch = [
        deduct("O-2", "A*1").shipped(),
        ship("O-2"),
        count("W1 at 250#9", "A*7"),
        deduct("O-3", "A*6").shipped(),
        ship("O-3"),
    ];
    let applied = shop.tell_all(300, &batch);
    assert_eq!(all_short(&applied.outcomes)[2], "A 7-1 unchanged 6->6");
    shop.stock("A", "0 sellable, 0 reserved, 0 committed, W1 0=0+0+0");
}

/// In one batch the counters come back to what they were, and yet something has left.
#[test]
fn a_shipment_that_its_batch_makes_good_is_known_to_counts() {
    let mut shop = shop();
    shop.tell(300, &deduct("O-2", "A*2").shipped());
    let again = deduct("O-3", "A*2").shipped();
    let applied = shop.tell_all(400, &[ship("O-2"), again, adjust([on_hand("A", "W1", "7")])]);
    assert_eq!(all_short(&applied.outcomes).len(), 3);
    shop.stock("A", "3 sellable, 0 reserved, 2 committed, W1 7=0+2+0");
    shop.check([(500, count("W1 at 350#9", "A*7"), "A 7-2 updated 7->5")]);
}

//! confirm, extend and expire: the life of a hold.

use super::counting::count;
use super::*;
use crate::domain::{Adcode, Command, Items, Line, Quantity, ShipTo, Sku, Strategy};
use crate::operations::queries::{Inquiry, plan};

#[test]
fn confirm_turns_the_whole_hold_into_a_paid_one() {
    Shop::with("A*10 B*5")
        .check([
            (0, reserve("O-1", "A*3 B*2"), "reserved 1:-(A*3 B*2) until 10000"),
            (9_999, confirm("O-1"), "committed 1:-(A*3 B*2)"),
            (9_999, confirm("O-1").named("2"), "no invalid_state committed"),
            (99_999, expire(10), "0 expired"),
        ])
        .stock("A", "7 sellable, 0 reserved, 3 committed");
}

#[test]
fn what_was_never_placed_is_unknown() {
    Shop::with("A*10")
        .check([
            (0, confirm("O-1"), "no unknown_order"),
            (0, extend("O-1", 5), "no unknown_order"),
            (0, ship("O-1"), "no unknown_order"),
            (0, get_back("O-1", "A*1"), "no unknown_order"),
        ])
        .order("O-1", "unknown");
}

#[test]
fn at_the_exact_instant_of_expiry_the_hold_no_longer_exists() {
    Shop::with("A*1")
        .check([
            (0, reserve("O-1", "A*1"), "reserved 1:-(A*1) until 10000"),
            (9_999, deduct("O-2", "A*1"), "no insufficient_stock A 0/1"),
            (10_000, deduct("O-3", "A*1"), "committed 1:-(A*1)"),
            (10_000, confirm("O-1"), "no reservation_expired at 10000 A 0/1"),
            (10_000, extend("O-1", 5), "no reservation_expired at 10000"),
        ])
        .order("O-1", "expired A*1=0+0+0+0+1");
}

#[test]
fn late_payment_reserves_again_and_says_so() {
    Shop::with("A*10 B*5")
        .check([
            (0, reserve("O-1", "A*3 B*2"), "reserved 1:-(A*3 B*2) until 10000"),
            (10_000, confirm("O-1"), "committed 2:-(A*3 B*2) reserved again"),
            (10_000, confirm("O-1"), "as before: committed 2:-(A*3 B*2) reserved again"),
        ])
        .stock("A", "7 sellable, 0 reserved, 3 committed")
        .order(
            "O-1",
            "committed A*3=0+0+0+0+3 B*2=0+0+0+0+2 A*3=0+3+0+0+0 B*2=0+2+0+0+0 2:-(A*3 B*2)",
        );
}

#[test]
fn late_payment_long_after_the_sweep_reserves_what_the_last_placement_held() {
    Shop::with("A*10 B*5")
        .check([
            (0, reserve("O-1", "A*3"), "reserved 1:-(A*3) until 10000"),
            (10_000, expire(10), "1 expired"),
            (20_000, reserve("O-1", "B*4").named("2"), "reserved 2:-(B*4) until 30000"),
            (21_000, get_back("O-1", "B*1"), "partially released 2:-(B*1) until 30000"),
            (50_000, expire(10), "1 expired"),
            (90_000, confirm("O-1"), "committed 3:-(B*3) reserved again"),
        ])
        .stock("A", "10 sellable, 0 reserved, 0 committed")
        .stock("B", "2 sellable, 0 reserved, 3 committed");
}

#[test]
fn late_payment_is_refused_whole_when_a_part_is_gone() {
    Shop::with("A*10 B*2")
        .check([
            (0, reserve("O-1", "A*3 B*2"), "reserved 1:-(A*3 B*2) until 10000"),
            (10_000, deduct("O-2", "B*1"), "committed 1:-(B*1)"),
            (20_000, confirm("O-1"), "no reservation_expired at 10000 B 1/2"),
            (20_000, release("O-2"), "released 1:-(B*1)"),
            (20_000, confirm("O-1"), "as before: no reservation_expired at 10000 B 1/2"),
            (20_000, confirm("O-1").named("2"), "committed 2:-(A*3 B*2) reserved again"),
        ])
        .stock("A", "7 sellable, 0 reserved, 3 committed");
}

#[test]
fn extend_moves_the_end_of_a_live_hold_only() {
    Shop::with("A*10").check([
        (0, reserve("O-1", "A*1"), "reserved 1:-(A*1) until 10000"),
        (9_000, extend("O-1", 10), "reserved until 19000"),
        (18_999, extend("O-1", 1).named("2"), "reserved until 19999"),
        (19_999, extend("O-1", 10).named("3"), "no reservation_expired at 19999"),
        (0, deduct("O-2", "A*1"), "committed 1:-(A*1)"),
        (0, extend("O-2", 10), "no invalid_state committed"),
    ]);
}

#[test]
fn expire_ends_due_holds_in_order_of_expiry_and_at_most_so_many() {
    let mut shop = Shop::with("A*10");
    shop.check([
        (0, reserve("O-1", "A*1"), "reserved 1:-(A*1) until 10000"),
        (0, reserve("O-2", "A*1"), "reserved 1:-(A*1) until 10000"),
        (0, extend("O-1", 12), "reserved until 12000"),
        (11_999, expire(10), "1 expired"),
    ]);
    shop.order("O-1", "reserved A*1=1+0+0+0+0 1:-(A*1)");
    shop.order("O-2", "expired A*1=0+0+0+0+1");
    shop.check([(12_000, expire(1), "1 expired"), (12_000, expire(1), "0 expired")]);
    shop.stock("A", "10 sellable, 0 reserved, 0 committed");
}

#[test]
fn holds_beyond_one_step_end_when_a_placement_needs_them() {
    let mut shop = Shop::with("A*600");
    let holds: Vec<_> = (0..600).map(|order| reserve(&format!("O-{order}"), "A*1")).collect();
    shop.tell_all(0, &holds);
    shop.check([(10_000, deduct("big", "A*600"), "committed 1:-(A*600)")]);
    shop.stock("A", "0 sellable, 0 reserved, 600 committed");
}

#[test]
fn the_sweep_counts_every_hold_it_ends_over_its_steps() {
    let mut shop = Shop::with("A*600");
    let holds: Vec<_> = (0..600).map(|order| reserve(&format!("O-{order}"), "A*1")).collect();
    shop.tell_all(0, &holds);
    shop.check([(10_000, expire(500), "500 expired"), (10_000, expire(500), "100 expired")]);
    shop.stock("A", "600 sellable, 0 reserved, 0 committed");
}

/// Many one-unit holds, all due at 10 s, of these skus in turn.
fn shop_with_holds(stock: &str, holds: &[(u32, Command)]) -> Shop {
    let mut shop = Shop::with(stock);
    let mut number = 0;
    for (times, hold) in holds {
        let named = |_| {
            number += 1;
            hold.clone().of(&format!("H-{number}"))
        };
        shop.tell_all(0, &(0..*times).map(named).collect::<Vec<_>>());
    }
    shop
}

/// Issue 3: every short order ended every due hold, until no batch could finish.
#[test]
fn a_short_order_ends_only_holds_that_have_what_it_lacks() {
    let holds = [(600, reserve("H", "B*1")), (9, reserve("H", "A*1 B*1"))];
    let mut shop = shop_with_holds("A*9 B*609", &holds);
    shop.check([(10_000, deduct("O-1", "A*2"), "committed 1:-(A*2)")]);
    // A batch's first step ends 256; and two of the others had what was lacking.
    shop.stock("B", "258 sellable, 351 reserved, 0 committed");
    shop.check([
        (10_000, expire(1), "1 expired"),
        (10_000, deduct("O-2", "A*8"), "no insufficient_stock A 7/8"),
    ]);
    // The steps of three batches have ended all.
    shop.stock("A", "7 sellable, 0 reserved, 2 committed");
    shop.stock("B", "609 sellable, 0 reserved, 0 committed");
}

/// A plan that is only looked at counts all that is due; so must the one that is held.
#[test]
fn a_routed_order_goes_where_it_would_if_all_that_is_due_had_ended() {
    let holds = [(300, reserve("H", "B*1")), (1, reserve("H", "A*9").shipped())];
    let mut shop = shop_with_holds("A*18 B*300 A@W1*9 A@W2*9", &holds);
    shop.check([(10_000, reserve("O-1", "A*5").shipped(), "reserved 1:W1(A*5) until 20000")]);
    shop.stock("A", "13 sellable, 5 reserved, 0 committed, W1 9=5+0+0, W2 9=0+0+0");
}

#[test]
fn what_is_due_counts_as_free_where_it_is() {
    let holds = [(400, reserve("H", "A*1").shipped()), (400, reserve("H", "A*1").shipped())];
    let mut shop = shop_with_holds("A*800 A@W1*400 A@W2*400", &holds);
    let batch = [
        deduct("O-1", "A*390").shipped(),
        deduct("O-2", "A*250").shipped(),
        deduct("O-3", "A*200").shipped(),
        adjust([on_hand("A", "W2", "230")]),
    ];
    let outcomes = shop.tell_all(10_000, &batch).outcomes;
    assert_eq!(
        shop::all_short(&outcomes),
        [
            "committed 1:W1(A*390)",
            "committed 1:W1(A*10) 2:W2(A*240)",
            "no insufficient_stock A 160/200",
            "no quantity_out_of_bounds A@W2 230 not in 240..2147483647",
        ],
    );
    shop.check([(10_000, adjust([on_hand("A", "W2", "240")]), "A@W2 400->240")]);
    shop.stock("A", "160 sellable, 0 reserved, 640 committed, W1 400=0+400+0, W2 240=0+240+0");
}

#[test]
fn a_transfer_and_a_count_end_the_holds_in_their_way() {
    let holds = [(300, reserve("H", "B*1")), (9, reserve("H", "A*1").shipped())];
    let mut shop = shop_with_holds("A*99 A@W1*9 A@W2*5 B*300", &holds);
    shop.check([
        (9_999, deduct("O-1", "A*5").shipped(), "committed 1:W2(A*5)"),
        (10_000, transfer("O-1", 1, "W1"), "committed 2:W1(A*5)"),
    ]);
    let mut shop = shop_with_holds("A*99 A@W1*9 A@W2*5 B*300", &holds);
    shop.check([(10_000, count("W1 at 9000", "A*2"), "A 2-0 updated 9->2")]);
    shop.stock("A", "99 sellable, 0 reserved, 0 committed, W1 2=0+0+0, W2 5=0+0+0");
}

#[test]
fn a_plan_counts_what_is_due_as_free() {
    let mut shop = shop_with_holds("A*600 A@W1*600", &[(600, reserve("H", "A*1").shipped())]);
    let lines = Items::parse(vec![Line {
        sku: Sku::parse("A").unwrap(),
        quantity: Quantity::parse(600).unwrap(),
    }])
    .unwrap();
    let ship_to = Some(ShipTo { adcode: Adcode::parse("440305").unwrap(), location: None });
    let inquiry = Inquiry { lines, ship_to, strategy: Strategy::Priority, allow_partial: false };
    let planned = plan(&mut shop.database, shop::at(10_000), &inquiry).unwrap();
    assert_eq!((planned.packages.len(), planned.shortages), (1, vec![]));
}

#[test]
fn a_step_ends_fewer_holds_where_they_have_many_lines() {
    let lines = vec!["A*1"; 1_000].join(" ");
    let mut shop = shop_with_holds("A*9000", &[(9, reserve("H", &lines))]);
    shop.check([
        (10_000, expire(256), "4 expired"),
        (10_000, expire(256), "4 expired"),
        (10_000, expire(256), "1 expired"),
        (10_000, expire(256), "0 expired"),
    ]);
}

#[test]
fn a_hold_extended_earlier_in_the_batch_is_not_ended_by_it() {
    let mut shop = Shop::with("A*2");
    shop.tell(0, &reserve("O-1", "A*1"));
    let batch = [extend("O-1", 60), expire(5), confirm("O-1")];
    let outcomes = shop.tell_all(9_999, &batch).outcomes;
    assert_eq!(
        shop::all_short(&outcomes),
        ["reserved until 69999", "0 expired", "committed 1:-(A*1)"],
    );
}

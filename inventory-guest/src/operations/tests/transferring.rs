//! Moving packages between warehouses.

use super::*;
use crate::domain::Command;

#[test]
fn a_package_moves_with_all_its_units_and_gets_a_new_number() {
    let mut shop = Shop::with("A*100 A@W1*5 A@W2*5 B*9 B@W1*2 B@W2*2");
    shop.check([
        (0, reserve("O-1", "A*3 B*1 A*1").shipped(), "reserved 1:W1(A*3 B*1 A*1) until 10000"),
        (5, transfer("O-1", 1, "W2"), "reserved 2:W2(A*3 B*1 A*1) until 10000"),
    ]);
    shop.stock("A", "96 sellable, 4 reserved, 0 committed, W1 5=0+0+0, W2 5=4+0+0");
    shop.stock("B", "8 sellable, 1 reserved, 0 committed, W1 2=0+0+0, W2 2=1+0+0");
    shop.order("O-1", "reserved A*3=3+0+0+0+0 B*1=1+0+0+0+0 A*1=1+0+0+0+0 2:W2(A*3 B*1 A*1)");
    assert_eq!(shop.history("O-1"), ["0 reserve ok", "5 transfer ok"]);
    assert_eq!(
        shop.changes(14),
        [
            "15 transfer A@W1 5/0/4/0 -> 5/0/1/0",
            "16 transfer A@W2 5/0/0/0 -> 5/0/3/0",
            "17 transfer B@W1 2/0/1/0 -> 2/0/0/0",
            "18 transfer B@W2 2/0/0/0 -> 2/0/1/0",
            "19 transfer A@W1 5/0/1/0 -> 5/0/0/0",
            "20 transfer A@W2 5/0/3/0 -> 5/0/4/0",
        ]
    );
    shop.check([
        (6, confirm("O-1"), "committed 2:W2(A*3 B*1 A*1)"),
        (7, transfer("O-1", 2, "W1"), "committed 3:W1(A*3 B*1 A*1)"),
        (8, ship("O-1"), "shipped 3:W1(A*3 B*1 A*1)"),
    ]);
    shop.stock("A", "96 sellable, 0 reserved, 0 committed, W1 1=0+0+0, W2 5=0+0+0");
}

#[test]
fn ship_and_release_take_from_where_the_package_is_now() {
    let mut shop = Shop::with("A*100 A@W1*3 A@W2*3 A@W3*9");
    shop.check([
        (0, deduct("O-1", "A*6").shipped(), "committed 1:W1(A*3) 2:W2(A*3)"),
        (1, transfer("O-1", 1, "W3"), "committed 3:W3(A*3)"),
        // A late word from the old warehouse is about nothing that lies elsewhere now.
        (2, ship("O-1").package(1), "no unknown_package 1"),
        (3, ship("O-1").package(3), "partially shipped 3:W3(A*3)"),
        (4, transfer("O-1", 3, "W1").named("late"), "no already_shipped shipped 3 held 0"),
        (5, transfer("O-1", 2, "W3"), "partially shipped 4:W3(A*3)"),
        (6, get_back("O-1", "A*2"), "partially released 4:W3(A*2)"),
        (7, transfer("O-1", 4, "W1"), "partially released 5:W1(A*1)"),
        (8, ship("O-1").package(5), "shipped 5:W1(A*1)"),
        (9, transfer("O-1", 5, "W2"), "no already_shipped shipped 1 held 0"),
    ]);
    shop.stock("A", "96 sellable, 0 reserved, 0 committed, W1 2=0+0+0, W2 3=0+0+0, W3 6=0+0+0");
    shop.order("O-1", "shipped A*6=0+0+4+2+0 3:W3(A*3) 5:W1(A*1)");
}

#[test]
fn a_hold_that_runs_out_is_given_back_where_it_is_now() {
    let mut shop = Shop::with("A*9 A@W1*3 A@W2*3");
    shop.check([
        (0, reserve("O-1", "A*2").shipped(), "reserved 1:W1(A*2) until 10000"),
        (9_999, transfer("O-1", 1, "W2"), "reserved 2:W2(A*2) until 10000"),
        (10_000, transfer("O-1", 2, "W1"), "no invalid_state expired"),
    ]);
    shop.stock("A", "9 sellable, 0 reserved, 0 committed, W1 3=0+0+0, W2 3=0+0+0");
    shop.check([(10_001, confirm("O-1"), "committed 3:W1(A*2) reserved again")]);
}

#[test]
fn a_transfer_counts_once() {
    let mut shop = Shop::with("A*9 A@W1*3 A@W2*3 A@W3*3");
    shop.check([
        (0, deduct("O-1", "A*2").shipped(), "committed 1:W1(A*2)"),
        (0, transfer("O-1", 1, "W2"), "committed 2:W2(A*2)"),
        (1, transfer("O-1", 1, "W2"), "as before: committed 2:W2(A*2)"),
        (1, transfer("O-1", 1, "W3"), "no idempotency_conflict"),
        (2, transfer("O-1", 2, "W3").named("a"), "committed 3:W3(A*2)"),
        (2, transfer("O-1", 2, "W3").named("a"), "as before: committed 3:W3(A*2)"),
        (2, transfer("O-1", 3, "W3").named("a"), "no idempotency_conflict"),
        (2, transfer("O-1", 2, "W3").named("b"), "no unknown_package 2"),
        (3, transfer("O-1", 3, "W3"), "committed 3:W3(A*2)"),
        (3, transfer("O-2", 1, "W3"), "no unknown_order"),
        (3, transfer("O-2", 1, "W3"), "as before: no unknown_order"),
    ]);
    shop.stock("A", "7 sellable, 0 reserved, 2 committed, W1 3=0+0+0, W2 3=0+0+0, W3 3=0+2+0");
}

#[test]
fn the_other_warehouse_must_have_it_all() {
    let mut shop = Shop::with("A*99 B*9 A@W1*9 B@W1*9 A@W2*9 A@W3*2 B@W3*0 A@W4*5 B@W4*1");
    shop.check([
        (0, deduct("O-1", "A*3 B*1 A*2").shipped(), "committed 1:W1(A*3 B*1 A*2)"),
        (0, transfer("O-1", 1, "W9").named("a"), "no unknown_warehouse W9"),
        (0, transfer("O-1", 1, "W2").named("b"), "no insufficient_stock B 0/1"),
        (0, transfer("O-1", 1, "W3").named("c"), "no insufficient_stock A 2/5 B 0/1"),
        (0, transfer("O-1", 1, "W4").named("d"), "committed 2:W4(A*3 B*1 A*2)"),
    ]);
}

#[test]
fn what_serves_and_ships_and_is_held_back_counts_at_the_other_warehouse_too() {
    let cases: [(&[&str], &str); 9] = [
        (&["put warehouse W2 closed"], "no no_shippable_warehouse A 0/3"),
        (&["put area W2 43 1", "delete area W2"], "no no_shippable_warehouse A 0/3"),
        (&["put area W2 4403 1", "delete area W2"], "committed 2:W2(A*3)"),
        (&["put calendar W2 closed"], "no no_shippable_warehouse A 0/3"),
        (&["put safety A W2 2"], "committed 2:W2(A*3)"),
        (&["put safety A W2 3"], "no insufficient_stock A 2/3"),
        (&["put restriction sku:A 44"], "no region_restricted A by a law"),
        (&["put restriction sku:B 44", "put restriction sku:A 43"], "committed 2:W2(A*3)"),
        (&["delete warehouse W2"], "no unknown_warehouse W2"),
    ];
    for (changes, expected) in cases {
        let mut shop = Shop::with("A*99 A@W1*9 A@W2*5");
        shop.check([(0, deduct("O-1", "A*3").shipped(), "committed 1:W1(A*3)")]);
        shop.tell(0, &Command::Catalog(catalog::change_of(changes)));
        shop.check([(0, transfer("O-1", 1, "W2"), expected)]);
    }
}

#[test]
fn a_package_without_a_warehouse_may_get_one() {
    let mut shop = Shop::with("A*9 A@W1*3 A@W2*3 B*9");
    shop.tell(0, &catalog::change(["put warehouse W2 closed"]));
    shop.check([
        (0, reserve("O-1", "A*3"), "reserved 1:-(A*3) until 10000"),
        (0, transfer("O-1", 1, "W2"), "no no_shippable_warehouse A 0/3"),
        (0, transfer("O-1", 1, "W1").named("a"), "reserved 2:W1(A*3) until 10000"),
        (0, reserve("O-2", "B*3"), "reserved 1:-(B*3) until 10000"),
        (0, transfer("O-2", 1, "W1"), "no insufficient_stock B 0/3"),
    ]);
    shop.stock("A", "6 sellable, 3 reserved, 0 committed, W1 3=3+0+0, W2 3=0+0+0");
}

#[test]
fn placed_and_moved_in_one_batch() {
    let mut shop = Shop::with("A*9 A@W1*3 A@W2*3");
    let said = shop::all_short(
        &shop
            .tell_all(
                0,
                &[
                    reserve("O-1", "A*2"),
                    transfer("O-1", 1, "W1"),
                    transfer("O-1", 2, "W2"),
                    reserve("O-2", "A*3").shipped(),
                    transfer("O-1", 3, "W1"),
                    adjust([on_hand("A", "NEW", "5")]),
                    transfer("O-1", 3, "NEW").named("again"),
                    confirm("O-1"),
                ],
            )
            .outcomes,
    );
    assert_eq!(
        said,
        [
            "reserved 1:-(A*2) until 10000",
            "reserved 2:W1(A*2) until 10000",
            "reserved 3:W2(A*2) until 10000",
            "reserved 1:W1(A*3) until 10000",
            "no insufficient_stock A 0/2",
            "A@NEW 0->5",
            "reserved 4:NEW(A*2) until 10000",
            "committed 4:NEW(A*2)",
        ]
    );
    shop.stock("A", "4 sellable, 3 reserved, 2 committed, NEW 5=0+2+0, W1 3=3+0+0, W2 3=0+0+0");
}

#[test]
fn holds_that_are_due_make_room_for_a_package() {
    // More than one step of the sweep.
    let mut shop = Shop::with("A*999 A@W1*1 A@W2*400");
    shop.check([(0, deduct("O", "A*1").shipped(), "committed 1:W1(A*1)")]);
    let holds: Vec<_> = (0..400).map(|n| reserve(&format!("H-{n}"), "A*1").shipped()).collect();
    shop.tell_all(0, &holds);
    shop.check([
        (9_999, transfer("O", 1, "W2"), "no insufficient_stock A 0/1"),
        (10_000, transfer("O", 1, "W2").named("again"), "committed 2:W2(A*1)"),
    ]);
}

//! The same request gets the same answer, for ever; another body is a conflict.

use super::*;
use crate::domain::Mode;

#[test]
fn a_repeated_request_gets_the_first_answer_and_changes_nothing() {
    Shop::with("A*10 A@W1*5")
        .check([
            (0, reserve("O-1", "A*2").shipped(), "reserved 1:W1(A*2) until 10000"),
            (5, reserve("O-1", "A*2").shipped(), "as before: reserved 1:W1(A*2) until 10000"),
            (6, confirm("O-1"), "committed 1:W1(A*2)"),
            (7, confirm("O-1"), "as before: committed 1:W1(A*2)"),
            (8, ship("O-1"), "shipped 1:W1(A*2)"),
            (9, ship("O-1"), "as before: shipped 1:W1(A*2)"),
            (99_999, reserve("O-1", "A*2").shipped(), "as before: reserved 1:W1(A*2) until 10000"),
        ])
        .stock("A", "8 sellable, 0 reserved, 0 committed, W1 3=0+0+0");
}

#[test]
fn refusals_are_remembered_too() {
    Shop::with("A*1").check([
        (0, reserve("O-1", "A*2"), "no insufficient_stock A 1/2"),
        (0, confirm("O-1"), "no unknown_order"),
        (0, adjust([sellable("A", "9")]), "A 1->9"),
        (0, reserve("O-1", "A*2"), "as before: no insufficient_stock A 1/2"),
        (0, reserve("O-1", "A*2").named("2"), "reserved 1:-(A*2) until 10000"),
        (0, confirm("O-1"), "as before: no unknown_order"),
        (0, confirm("O-1").named("2"), "committed 1:-(A*2)"),
    ]);
}

#[test]
fn every_kind_of_refusal_is_read_as_it_was_stored() {
    let mut shop = Shop::with("A*9 A@W1*9");
    shop.check([
        (0, deduct("O-1", "A*2"), "committed 1:-(A*2)"),
        (0, ship("O-1"), "shipped 1:-(A*2)"),
        (0, reserve("O-2", "A*1"), "reserved 1:-(A*1) until 10000"),
        (0, release("O-3"), "released"),
    ]);
    let refused = [
        (reserve("O-9", "A*99"), "no insufficient_stock A 6/99"),
        (reserve("O-8", "X*1"), "no unknown_sku X"),
        (confirm("O-7"), "no unknown_order"),
        (ship("O-1").package(7), "no unknown_package 7"),
        (deduct("O-2", "A*1"), "no order_exists reserved"),
        (deduct("O-3", "A*1"), "no already_released"),
        (confirm("O-1"), "no invalid_state shipped"),
        (release("O-1"), "no already_shipped shipped 2 held 0"),
        (get_back("O-2", "A*2"), "no quantity_exceeds_held A 1/2"),
        (
            adjust([sellable("A", "-9")]).named("1"),
            "no quantity_out_of_bounds A -3 not in 0..2147483646",
        ),
        (
            adjust([unavailable("A", "W1", "1").if_was(3)]).named("2"),
            "no compare_mismatch A@W1! 0 not 3",
        ),
    ];
    for (command, expected) in refused {
        assert_eq!(shop.tell(0, &command), expected);
        assert_eq!(shop.tell(0, &command), format!("as before: {expected}"));
    }
    shop.check([
        (10_000, extend("O-2", 5), "no reservation_expired at 10000"),
        (10_000, extend("O-2", 5), "as before: no reservation_expired at 10000"),
    ]);
}

#[test]
fn another_body_under_the_same_identity_is_a_conflict_without_effect() {
    Shop::with("A*10")
        .check([
            (0, reserve("O-1", "A*2"), "reserved 1:-(A*2) until 10000"),
            (0, reserve("O-1", "A*3"), "no idempotency_conflict"),
            (0, reserve("O-1", "A*2").partial(), "no idempotency_conflict"),
            (0, reserve("O-1", "A*2").shipped(), "no idempotency_conflict"),
            (0, reserve("O-1", "A*2"), "as before: reserved 1:-(A*2) until 10000"),
            (0, extend("O-1", 20), "reserved until 20000"),
            (0, extend("O-1", 30), "no idempotency_conflict"),
            (0, get_back("O-1", "A*1"), "partially released 1:-(A*1) until 20000"),
            (0, release("O-1"), "no idempotency_conflict"),
        ])
        .stock("A", "9 sellable, 1 reserved, 0 committed");
}

#[test]
fn each_package_ships_once_without_a_request_id() {
    Shop::with("A*10 A@W1*1 A@W2*9")
        .check([
            (0, deduct("O-1", "A*2").shipped(), "committed 1:W1(A*1) 2:W2(A*1)"),
            (0, ship("O-1").package(1), "partially shipped 1:W1(A*1)"),
            (0, ship("O-1").package(2), "shipped 2:W2(A*1)"),
            (0, ship("O-1").package(1), "as before: partially shipped 1:W1(A*1)"),
            (0, ship("O-1").package(1).named("r"), "no invalid_state shipped"),
            (0, ship("O-1").package(2).named("r"), "no idempotency_conflict"),
        ])
        .stock("A", "8 sellable, 0 reserved, 0 committed, W1 0=0+0+0, W2 8=0+0+0");
}

#[test]
fn operations_and_orders_do_not_share_request_ids() {
    Shop::with("A*10").check([
        (0, reserve("O-1", "A*2").named("r"), "reserved 1:-(A*2) until 10000"),
        (0, confirm("O-1").named("r"), "committed 1:-(A*2)"),
        (0, reserve("O-2", "A*3").named("r"), "reserved 1:-(A*3) until 10000"),
        (0, deduct("O-3", "A*1").named("r"), "committed 1:-(A*1)"),
    ]);
}

/// Issue 3: another default made the same request a conflict.
#[test]
fn what_a_caller_leaves_out_is_the_same_under_every_default() {
    let defaults = |ttl_s| reserve("O-1", "A*2").left_to(Mode::ReserveOnOrder, ttl_s);
    Shop::with("A*9").check([
        (0, defaults(10), "reserved 1:-(A*2) until 10000"),
        (1, defaults(20), "as before: reserved 1:-(A*2) until 10000"),
        (
            2,
            reserve("O-1", "A*2").left_to(Mode::DeductOnOrder, 20),
            "as before: reserved 1:-(A*2) until 10000",
        ),
        (3, reserve("O-1", "A*2"), "no idempotency_conflict"),
        (4, reserve("O-1", "A*3").left_to(Mode::ReserveOnOrder, 10), "no idempotency_conflict"),
    ]);
}

#[test]
fn a_request_that_was_stored_with_its_defaults_keeps_its_answer() {
    Shop::with("A*9").check([
        (0, reserve("O-1", "A*2"), "reserved 1:-(A*2) until 10000"),
        (
            1,
            reserve("O-1", "A*2").left_to(Mode::ReserveOnOrder, 10),
            "as before: reserved 1:-(A*2) until 10000",
        ),
        (2, reserve("O-1", "A*2").left_to(Mode::ReserveOnOrder, 11), "no idempotency_conflict"),
    ]);
}

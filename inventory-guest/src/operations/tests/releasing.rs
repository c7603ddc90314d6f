//! release: held units come back, shipped ones never do.

use super::*;
use crate::domain::Mode;

#[test]
fn release_undoes_reserve_exactly() {
    Shop::with("A*10 A@W1*2 A@W2*4")
        .check([
            (0, reserve("O-1", "A*3").shipped(), "reserved 1:W1(A*2) 2:W2(A*1) until 10000"),
            (0, release("O-1"), "released 1:W1(A*2) 2:W2(A*1)"),
        ])
        .stock("A", "10 sellable, 0 reserved, 0 committed, W1 2=0+0+0, W2 4=0+0+0")
        .check([
            (0, release("O-1").named("2"), "no invalid_state released"),
            (0, reserve("O-1", "A*3").named("2"), "no order_exists released"),
            (0, confirm("O-1"), "no invalid_state released"),
            (99_999, expire(9), "0 expired"),
        ])
        .order("O-1", "released A*3=0+0+0+3+0");
}

#[test]
fn paid_units_come_back_too_until_they_ship() {
    Shop::with("A*10")
        .check([
            (0, deduct("O-1", "A*3"), "committed 1:-(A*3)"),
            (0, release("O-1"), "released 1:-(A*3)"),
        ])
        .stock("A", "10 sellable, 0 reserved, 0 committed");
}

#[test]
fn a_whole_release_after_shipping_changes_nothing() {
    Shop::with("A*10 A@W1*2 A@W2*4")
        .check([
            (0, deduct("O-1", "A*3").shipped(), "committed 1:W1(A*2) 2:W2(A*1)"),
            (0, ship("O-1").package(1), "partially shipped 1:W1(A*2)"),
            (0, release("O-1"), "no already_shipped shipped 2 held 1"),
            (0, get_back("O-1", "A*1").named("1"), "partially released 2:W2(A*1)"),
            (0, get_back("O-1", "A*2").named("2"), "no already_shipped shipped 2 held 0"),
            (0, get_back("O-1", "A*3").named("3"), "no quantity_exceeds_held A 0/3"),
        ])
        .stock("A", "8 sellable, 0 reserved, 0 committed, W1 0=0+0+0, W2 4=0+0+0")
        .order("O-1", "partially released A*3=0+0+2+1+0 1:W1(A*2)");
}

#[test]
fn lines_come_back_from_the_last_legs_first() {
    Shop::with("A*10 B*9 A@W1*2 A@W2*4")
        .check([
            (
                0,
                reserve("O-1", "A*3 B*1").shipped(),
                "reserved 1:W1(A*2) 2:W2(A*1) 3:-(B*1) until 10000",
            ),
            (0, get_back("O-1", "A*1 A*1"), "partially released 1:W1(A*1) 2:W2(A*1) until 10000"),
            (0, get_back("O-1", "A*2").named("2"), "no quantity_exceeds_held A 1/2"),
            (0, get_back("O-1", "X*1").named("3"), "no quantity_exceeds_held X 0/1"),
            (0, get_back("O-1", "A*1 B*1").named("4"), "released 1:W1(A*1) 3:-(B*1)"),
        ])
        .stock("A", "10 sellable, 0 reserved, 0 committed, W1 2=0+0+0, W2 4=0+0+0");
}

#[test]
fn a_partly_released_hold_is_confirmed_or_expires_with_the_rest() {
    Shop::with("A*10")
        .check([
            (0, reserve("O-1", "A*3"), "reserved 1:-(A*3) until 10000"),
            (0, get_back("O-1", "A*1"), "partially released 1:-(A*1) until 10000"),
            (0, confirm("O-1"), "committed 1:-(A*2)"),
            (0, reserve("O-2", "A*3"), "reserved 1:-(A*3) until 10000"),
            (0, get_back("O-2", "A*1"), "partially released 1:-(A*1) until 10000"),
            (10_000, expire(1), "1 expired"),
        ])
        .order("O-2", "expired A*3=0+0+0+1+2")
        .stock("A", "8 sellable, 0 reserved, 2 committed");
}

#[test]
fn a_release_before_its_order_leaves_a_tombstone() {
    Shop::with("A*10")
        .check([
            (0, release("O-1"), "released"),
            (0, deduct("O-1", "A*1"), "no already_released"),
            (0, reserve("O-1", "A*1"), "no already_released"),
            (0, release("O-1"), "as before: released"),
            (0, release("O-1").named("2"), "no invalid_state released"),
        ])
        .order("O-1", "released")
        .stock("A", "10 sellable, 0 reserved, 0 committed");
}

#[test]
fn an_order_refused_before_may_be_released_into_a_tombstone() {
    Shop::with("A*1").check([
        (0, reserve("O-1", "A*2"), "no insufficient_stock A 1/2"),
        (0, release("O-1"), "released"),
        (0, reserve("O-1", "A*1").named("2"), "no already_released"),
    ]);
}

#[test]
fn an_order_awaiting_payment_is_released_for_good() {
    Shop::with("A*10").check([
        (0, reserve("O-1", "A*1").mode(Mode::DeductOnPayment), "awaiting 1:-(A*1)"),
        (0, get_back("O-1", "A*1").named("1"), "no quantity_exceeds_held A 0/1"),
        (0, release("O-1"), "released"),
        (0, deduct("O-1", "A*1"), "no already_released"),
    ]);
}

#[test]
fn an_order_released_after_its_hold_ran_out_stays_released() {
    Shop::with("A*10").check([
        (0, reserve("O-1", "A*1"), "reserved 1:-(A*1) until 10000"),
        (10_000, get_back("O-1", "A*1").named("1"), "no invalid_state expired"),
        (10_000, release("O-1"), "released"),
        (10_000, confirm("O-1"), "no invalid_state released"),
    ]);
}

//! ship: paid units leave, once.

use super::*;

#[test]
fn ship_takes_everything_that_is_paid() {
    Shop::with("A*10")
        .check([
            (0, deduct("O-1", "A*3"), "committed 1:-(A*3)"),
            (0, ship("O-1"), "shipped 1:-(A*3)"),
            (0, ship("O-1").named("2"), "no invalid_state shipped"),
        ])
        .stock("A", "7 sellable, 0 reserved, 0 committed")
        .order("O-1", "shipped A*3=0+0+3+0+0 1:-(A*3)");
}

#[test]
fn ship_takes_units_from_their_warehouse() {
    Shop::with("A*10 A@W1*2 A@W2*4")
        .check([
            (0, deduct("O-1", "A*3").shipped(), "committed 1:W1(A*2) 2:W2(A*1)"),
            (0, ship("O-1").package(2), "partially shipped 2:W2(A*1)"),
        ])
        .stock("A", "7 sellable, 0 reserved, 2 committed, W1 2=0+2+0, W2 3=0+0+0")
        .check([
            (0, ship("O-1").package(3), "no unknown_package 3"),
            (0, ship("O-1").package(2), "as before: partially shipped 2:W2(A*1)"),
            (0, ship("O-1").package(2).named("2"), "no invalid_state partially shipped"),
            (0, ship("O-1").package(1), "shipped 1:W1(A*2)"),
        ])
        .stock("A", "7 sellable, 0 reserved, 0 committed, W1 0=0+0+0, W2 3=0+0+0");
}

#[test]
fn unpaid_units_do_not_leave() {
    Shop::with("A*10").check([
        (0, reserve("O-1", "A*3"), "reserved 1:-(A*3) until 10000"),
        (0, ship("O-1"), "no invalid_state reserved"),
        (10_000, ship("O-1").named("2"), "no invalid_state expired"),
        (0, release("O-2"), "released"),
        (0, ship("O-2"), "no invalid_state released"),
    ]);
}

//! Which warehouses an order's units come from.

use super::*;

#[test]
fn warehouses_give_by_priority_then_code_and_lines_are_split() {
    let mut shop = Shop::with("A*100 A@W1*5 A@W2*5 A@W3*5");
    shop.tell(0, &catalog::change(["put area W3 - 1"]));
    shop.check([
        (0, reserve("O-1", "A*4").shipped(), "reserved 1:W3(A*4) until 10000"),
        (0, reserve("O-2", "A*4").shipped(), "reserved 1:W3(A*1) 2:W1(A*3) until 10000"),
        (0, reserve("O-3", "A*3 A*4").shipped(), "reserved 1:W1(A*2) 2:W2(A*1 A*4) until 10000"),
        (0, reserve("O-4", "A*1").shipped(), "no insufficient_stock A 0/1"),
    ]);
    shop.stock("A", "85 sellable, 15 reserved, 0 committed, W1 5=5+0+0, W2 5=5+0+0, W3 5=5+0+0");
}

#[test]
fn an_inactive_warehouse_gives_nothing() {
    let mut shop = Shop::with("A*100 A@W1*5");
    shop.tell(0, &catalog::change(["put warehouse W1 closed"]));
    shop.check([
        (0, reserve("O-1", "A*1").shipped(), "no no_shippable_warehouse A 0/1"),
        (0, reserve("O-2", "A*1"), "reserved 1:-(A*1) until 10000"),
    ]);
}

#[test]
fn no_more_is_promised_than_is_sellable_or_lies_there() {
    let mut shop = Shop::with("A*3 A@W1*5 B*9 B@W1*5");
    shop.tell(0, &adjust([unavailable("B", "W1", "2")]));
    shop.check([
        (0, reserve("O-1", "A*4 B*4").shipped(), "no insufficient_stock A 3/4 B 3/4"),
        (0, reserve("O-2", "A*3 B*3").shipped(), "reserved 1:W1(A*3 B*3) until 10000"),
    ]);
}

#[test]
fn without_a_destination_or_a_warehouse_only_sellable_moves() {
    Shop::with("A*10 A@W1*5 B*5")
        .check([
            (0, reserve("O-1", "A*6"), "reserved 1:-(A*6) until 10000"),
            (0, reserve("O-2", "B*2 A*1").shipped(), "reserved 1:-(B*2) 2:W1(A*1) until 10000"),
        ])
        .stock("A", "3 sellable, 7 reserved, 0 committed, W1 5=1+0+0");
}

#[test]
fn a_late_payment_is_routed_anew() {
    let mut shop = Shop::with("A*9 A@W1*3 A@W2*3");
    shop.check([
        (0, reserve("O-1", "A*4").shipped(), "reserved 1:W1(A*3) 2:W2(A*1) until 10000"),
        (10_000, deduct("O-2", "A*2").shipped(), "committed 1:W1(A*2)"),
        (10_000, confirm("O-1"), "committed 3:W1(A*1) 4:W2(A*3) reserved again"),
    ]);
    shop.order("O-1", "committed A*4=0+0+0+0+4 A*4=0+4+0+0+0 3:W1(A*1) 4:W2(A*3)");
}

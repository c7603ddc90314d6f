//! What queries show: orders with their history, and the change feed.

use super::*;

#[test]
fn an_orders_history_has_every_answered_request_and_the_end_of_its_hold() {
    let mut shop = Shop::with("A*3");
    shop.check([
        (0, confirm("O-1"), "no unknown_order"),
        (0, reserve("O-1", "A*2").named("first"), "reserved 1:-(A*2) until 10000"),
        (0, extend("O-1", 20), "reserved until 20000"),
        (5, reserve("O-1", "A*2").named("first"), "as before: reserved 1:-(A*2) until 10000"),
        (6, reserve("O-1", "A*1").named("first"), "no idempotency_conflict"),
        (30_000, confirm("O-1").named("late"), "committed 2:-(A*2) reserved again"),
        (30_000, ship("O-1").package(2), "shipped 2:-(A*2)"),
    ]);
    assert_eq!(
        shop.history("O-1"),
        [
            "0 confirm unknown_order",
            "0 reserve#first ok",
            "0 extend ok",
            "30000 expire ok",
            "30000 confirm#late ok",
            "30000 ship ok",
        ],
    );
}

#[test]
fn every_counter_that_moves_has_a_change_and_crossings_have_their_own() {
    let mut shop = Shop::with("");
    shop.tell(
        0,
        &adjust([sellable("A", "2"), on_hand("A", "W1", "5"), unavailable("A", "W1", "1")]),
    );
    shop.tell_all(1, &[reserve("O-1", "A*2").shipped(), confirm("O-1"), ship("O-1")]);
    shop.tell_all(2, &[adjust([sellable("A", "+1")]), deduct("O-2", "A*1"), release("O-2")]);
    assert_eq!(
        shop.changes(0),
        [
            "1 adjust A 0/0/0 -> 2/0/0",
            "2 back_in_stock by adjust A 2/0/0 -> 2/0/0",
            "3 adjust A@W1 0/0/0/0 -> 5/0/0/0",
            "4 adjust A@W1 5/0/0/0 -> 5/1/0/0",
            "5 reserve A 2/0/0 -> 0/0/0",
            "6 sold_out by reserve A 0/0/0 -> 0/0/0",
            "7 reserve A@W1 5/1/0/0 -> 5/1/2/0",
            "8 confirm A@W1 5/1/2/0 -> 5/1/0/2",
            "9 ship A@W1 5/1/0/2 -> 3/1/0/0",
            "10 adjust A 0/0/0 -> 1/0/0",
            "11 back_in_stock by adjust A 1/0/0 -> 1/0/0",
            "12 deduct A 1/0/0 -> 0/0/1",
            "13 sold_out by deduct A 0/0/1 -> 0/0/1",
            "14 release A 0/0/1 -> 1/0/0",
            "15 back_in_stock by release A 1/0/0 -> 1/0/0",
        ],
    );
    assert_eq!(shop.changes(14).len(), 1);
    assert_eq!(shop.changes(u64::MAX).len(), 0);
}

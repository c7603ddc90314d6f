//! The audit finds what is made wrong behind the guest's back.

use super::*;
use crate::operations::queries::audit;

/// A shop with some of everything, then one statement behind its back: the invariants that break.
fn check(statement: &str, expected: &[&str]) {
    let mut shop = Shop::with("A*10 A@W1*9");
    shop.tell_all(
        0,
        &[reserve("O-1", "A*2").shipped(), deduct("O-2", "A*1"), deduct("O-3", "A*3")],
    );
    shop.tell_all(1, &[ship("O-3"), release("O-4")]);
    shop.tell_all(2, &[deduct("O-5", "A*1").shipped(), ship("O-5")]);
    let connection = shop.database.connection();
    connection.execute_batch("PRAGMA ignore_check_constraints = ON").unwrap();
    assert!(connection.execute(statement, []).unwrap() > 0, "{statement}");
    let differences = audit(&mut shop.database).unwrap().differences;
    let mut broken: Vec<_> = differences.iter().map(|it| it.invariant).collect();
    broken.dedup();
    assert_eq!(broken, expected, "{statement}: {differences:#?}");
}

#[test]
fn a_counter_that_moved_without_its_ledger_row_is_found() {
    check("UPDATE stock SET sellable = sellable + 1", &["ledger_replays_to_counters"]);
    check(
        "UPDATE warehouse_stock SET reserved = 1",
        &["ledger_replays_to_counters", "reserved_is_sum_of_legs"],
    );
}

#[test]
fn counters_out_of_their_bounds_are_found() {
    check(
        "UPDATE stock SET sellable = -1",
        &["no_counter_is_negative", "ledger_replays_to_counters"],
    );
    check(
        "UPDATE warehouse_stock SET on_hand = 1",
        &["held_and_unavailable_lie_there", "ledger_replays_to_counters"],
    );
}

#[test]
fn a_ledger_that_lost_or_changed_a_row_is_found() {
    check("DELETE FROM ledger WHERE seq = 3", &["ledger_has_no_gap", "ledger_chain"]);
    check(
        "UPDATE ledger SET stock_before = 0 WHERE seq = 4",
        &["ledger_chain", "sold_out_is_said"],
    );
    check("DELETE FROM ledger WHERE seq = 2", &["ledger_has_no_gap", "sold_out_is_said"]);
}

#[test]
fn shipments_that_are_not_chained_are_found() {
    let left = "cause = 4 AND warehouse IS NOT NULL";
    let one = format!("UPDATE ledger SET shipment_before = 1 WHERE {left}");
    check(&one, &["shipments_are_chained"]);
    let other = format!("UPDATE ledger SET shipment_before = 1 WHERE NOT ({left})");
    check(&other, &["shipments_are_chained"]);
    check("UPDATE warehouse_stock SET last_shipment = NULL", &["shipments_are_chained"]);
}

#[test]
fn legs_that_do_not_add_up_are_found() {
    check(
        "UPDATE legs SET committed = 2 WHERE order_no = 2",
        &["a_leg_adds_up", "committed_is_sum_of_legs"],
    );
    check("UPDATE legs SET ended_at = 1 WHERE order_no = 1", &["a_leg_ends_with_its_last_unit"]);
    check("DELETE FROM legs WHERE order_no = 3", &["an_orders_state_fits_its_legs"]);
}

#[test]
fn orders_that_contradict_their_legs_or_requests_are_found() {
    check("UPDATE orders SET state = 5 WHERE order_no = 2", &["an_orders_state_fits_its_legs"]);
    check("UPDATE orders SET expires_at = NULL WHERE order_no = 1", &["a_hold_has_an_end"]);
    check("DELETE FROM requests WHERE order_no = 1", &["history_is_whole"]);
    check("DELETE FROM orders WHERE order_no = 4", &["rows_have_their_order"]);
}

#[test]
fn an_audit_counts_what_it_checked_and_reports_at_most_a_thousand() {
    let mut shop = Shop::with("A*5000 A@W1*9");
    for batch in 0..3 {
        let orders = 0..1_000;
        let orders: Vec<_> =
            orders.map(|order| deduct(&format!("O-{batch}-{order}"), "A*1")).collect();
        shop.tell_all(0, &orders);
    }
    let checked = audit(&mut shop.database).unwrap().checked;
    assert_eq!((checked.skus, checked.warehouse_stocks), (1, 1));
    assert_eq!((checked.orders, checked.legs, checked.ledger_rows), (3_000, 3_000, 3_003));
    shop.database.connection().execute("UPDATE orders SET steps = 9", []).unwrap();
    assert_eq!(audit(&mut shop.database).unwrap().differences.len(), 1_000);
}

//! adjust: operators' corrections.

use super::*;

#[test]
fn adjust_makes_skus_and_warehouses_and_changes_counters() {
    Shop::with("")
        .stock("A", "unknown")
        .check([
            (0, adjust([sellable("A", "5")]), "A 0->5"),
            (0, adjust([sellable("A", "+2"), sellable("A", "-3")]), "A 5->7, A 7->4"),
            (
                0,
                adjust([on_hand("B", "W1", "3"), unavailable("B", "W1", "+1")]),
                "B@W1 0->3, B@W1! 0->1",
            ),
            (0, adjust([sellable("C", "0")]), "C 0->0"),
        ])
        .stock("A", "4 sellable, 0 reserved, 0 committed")
        .stock("B", "0 sellable, 0 reserved, 0 committed, W1 3=0+0+1")
        .stock("C", "0 sellable, 0 reserved, 0 committed");
}

#[test]
fn all_items_are_applied_or_none() {
    Shop::with("A*5")
        .check([
            (
                0,
                adjust([sellable("A", "9"), sellable("B", "9"), sellable("A", "-10")]),
                "no quantity_out_of_bounds A -1 not in 0..2147483647",
            ),
            (
                0,
                adjust([on_hand("C", "W1", "1"), unavailable("C", "W1", "2")]),
                "no quantity_out_of_bounds C@W1! 2 not in 0..1",
            ),
        ])
        .stock("A", "5 sellable, 0 reserved, 0 committed")
        .stock("B", "unknown")
        .stock("C", "unknown");
}

#[test]
fn a_counter_stays_above_what_is_held() {
    Shop::with("A*10 A@W1*5").check([
        (0, reserve("O-1", "A*2").shipped(), "reserved 1:W1(A*2) until 10000"),
        (0, deduct("O-2", "A*1").shipped(), "committed 1:W1(A*1)"),
        (0, adjust([unavailable("A", "W1", "3")]), "no quantity_out_of_bounds A@W1! 3 not in 0..2"),
        (0, adjust([unavailable("A", "W1", "1")]), "A@W1! 0->1"),
        (
            0,
            adjust([on_hand("A", "W1", "3")]),
            "no quantity_out_of_bounds A@W1 3 not in 4..2147483647",
        ),
        (0, adjust([on_hand("A", "W1", "4")]), "A@W1 5->4"),
        (0, adjust([sellable("A", "0")]), "A 7->0"),
    ]);
}

#[test]
fn sellable_leaves_room_for_what_may_come_back() {
    Shop::with("A*10 A@W1*5")
        .check([
            (0, reserve("O-1", "A*2").shipped(), "reserved 1:W1(A*2) until 10000"),
            (0, deduct("O-2", "A*1"), "committed 1:-(A*1)"),
            (
                0,
                adjust([sellable("A", "2147483647")]),
                "no quantity_out_of_bounds A 2147483647 not in 0..2147483644",
            ),
            (0, adjust([sellable("A", "2147483644")]), "A 7->2147483644"),
            (0, release("O-1"), "released 1:W1(A*2)"),
            (0, release("O-2"), "released 1:-(A*1)"),
        ])
        .stock("A", "2147483647 sellable, 0 reserved, 0 committed, W1 5=0+0+0");
}

#[test]
fn compare_quantity_refuses_a_stale_correction() {
    Shop::with("A*5").check([
        (0, adjust([sellable("A", "9").if_was(4)]), "no compare_mismatch A 5 not 4"),
        (0, adjust([sellable("A", "9").if_was(5), sellable("A", "1").if_was(9)]), "A 5->9, A 9->1"),
        (0, adjust([on_hand("A", "W1", "1").if_was(0)]), "A@W1 0->1"),
    ]);
}

#[test]
fn without_a_request_id_every_adjustment_counts() {
    Shop::with("A*5").check([
        (0, adjust([sellable("A", "+1")]), "A 5->6"),
        (0, adjust([sellable("A", "+1")]), "A 6->7"),
        (0, adjust([sellable("A", "+1")]).named("r"), "A 7->8"),
        (0, adjust([sellable("A", "+1")]).named("r"), "as before: A 7->8"),
        (0, adjust([sellable("A", "+2")]).named("r"), "no idempotency_conflict"),
    ]);
}

#[test]
fn units_of_a_hold_that_is_due_do_not_stand_in_the_way() {
    let mut shop = Shop::with("A*600 A@W1*600");
    let holds: Vec<_> =
        (0..600).map(|order| reserve(&format!("O-{order}"), "A*1").shipped()).collect();
    shop.tell_all(0, &holds);
    shop.check([(10_000, adjust([on_hand("A", "W1", "0")]), "A@W1 600->0")]);
}

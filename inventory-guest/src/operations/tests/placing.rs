//! reserve and deduct: what they hold, and when they refuse.

use super::*;
use crate::domain::Mode;

#[test]
fn reserve_moves_units_from_sellable_to_reserved() {
    Shop::with("A*10")
        .check([(1_000, reserve("O-1", "A*3"), "reserved 1:-(A*3) until 11000")])
        .stock("A", "7 sellable, 3 reserved, 0 committed")
        .order("O-1", "reserved A*3=3+0+0+0+0 1:-(A*3)");
}

#[test]
fn deduct_commits_in_one_step_and_never_expires() {
    Shop::with("A*10")
        .check([
            (0, deduct("O-1", "A*3"), "committed 1:-(A*3)"),
            (i64::from(u32::MAX), expire(10), "0 expired"),
        ])
        .stock("A", "7 sellable, 0 reserved, 3 committed");
}

#[test]
fn reserve_with_deduct_on_order_is_deduct() {
    Shop::with("A*10")
        .check([(0, reserve("O-1", "A*3").mode(Mode::DeductOnOrder), "committed 1:-(A*3)")])
        .stock("A", "7 sellable, 0 reserved, 3 committed");
}

#[test]
fn deduct_on_payment_holds_nothing_until_deduct() {
    Shop::with("A*10")
        .check([
            (0, reserve("O-1", "A*12").mode(Mode::DeductOnPayment), "awaiting 1:-(A*10) A 10/12"),
            (0, confirm("O-1"), "no invalid_state awaiting"),
            (0, deduct("O-1", "A*12"), "no insufficient_stock A 10/12"),
            (0, deduct("O-1", "A*4").named("smaller"), "committed 1:-(A*4)"),
            (0, reserve("O-1", "A*1").named("again"), "no order_exists committed"),
        ])
        .stock("A", "6 sellable, 0 reserved, 4 committed")
        .order("O-1", "committed A*4=0+4+0+0+0 1:-(A*4)");
}

#[test]
fn an_order_is_placed_whole_or_not_at_all() {
    Shop::with("A*10 B*1")
        .check([
            (0, reserve("O-1", "A*3 B*2"), "no insufficient_stock B 1/2"),
            (0, reserve("O-2", "B*2 A*11"), "no insufficient_stock B 1/2 A 10/11"),
        ])
        .stock("A", "10 sellable, 0 reserved, 0 committed")
        .stock("B", "1 sellable, 0 reserved, 0 committed")
        .order("O-1", "unknown");
}

#[test]
fn allow_partial_holds_what_there_is_and_lists_the_rest() {
    Shop::with("A*10 B*1 C*0")
        .check([
            (
                0,
                reserve("O-1", "A*3 B*2 C*1").partial(),
                "reserved 1:-(A*3 B*1) B 1/2 C 0/1 until 10000",
            ),
            (0, reserve("O-2", "B*1 C*1").partial(), "no insufficient_stock B 0/1 C 0/1"),
        ])
        .order("O-1", "reserved A*3=3+0+0+0+0 B*1=1+0+0+0+0 1:-(A*3 B*1)");
}

#[test]
fn a_sku_that_repeats_is_decided_line_by_line_on_what_is_left() {
    Shop::with("A*5")
        .check([
            (0, reserve("O-1", "A*3 A*3"), "no insufficient_stock A 5/6"),
            (0, reserve("O-2", "A*3 A*3").partial(), "reserved 1:-(A*3 A*2) A 5/6 until 10000"),
        ])
        .stock("A", "0 sellable, 5 reserved, 0 committed")
        .order("O-2", "reserved A*3=3+0+0+0+0 A*2=2+0+0+0+0 1:-(A*3 A*2)");
}

#[test]
fn unknown_skus_are_refused_and_listed_once() {
    Shop::with("A*5").check([
        (0, reserve("O-1", "X*1 A*1 Y*1 X*2"), "no unknown_sku X Y"),
        (0, deduct("O-2", "X*1").partial(), "no unknown_sku X"),
        (0, reserve("O-3", "X*1").mode(Mode::DeductOnPayment), "no unknown_sku X"),
    ]);
}

#[test]
fn exactly_the_last_unit_is_sold_once() {
    let mut shop = Shop::with("A*1");
    let buyers: Vec<_> = (0..100).map(|buyer| deduct(&format!("O-{buyer}"), "A*1")).collect();
    let outcomes = shop.tell_all(0, &buyers).outcomes;
    assert!(outcomes[0].result.is_ok());
    assert!(outcomes[1..].iter().all(|it| it.result.is_err()));
    shop.stock("A", "0 sellable, 0 reserved, 1 committed");
}

#[test]
fn the_largest_quantities_do_not_overflow() {
    let most = i32::MAX;
    Shop::with(&format!("A*{most}"))
        .check([
            (
                0,
                reserve("O-1", &format!("A*{most} A*{most}")),
                &*format!("no insufficient_stock A {most}/{}", 2 * i64::from(most)),
            ),
            (0, deduct("O-2", &format!("A*{most}")), &*format!("committed 1:-(A*{most})")),
            (0, release("O-2"), &*format!("released 1:-(A*{most})")),
        ])
        .stock("A", &format!("{most} sellable, 0 reserved, 0 committed"));
}

#[test]
fn an_order_that_is_placed_cannot_be_placed_again() {
    Shop::with("A*10").check([
        (0, reserve("O-1", "A*1"), "reserved 1:-(A*1) until 10000"),
        (0, reserve("O-1", "A*1").named("2"), "no order_exists reserved"),
        (0, deduct("O-1", "A*1"), "no order_exists reserved"),
        (0, confirm("O-1"), "committed 1:-(A*1)"),
        (0, deduct("O-1", "A*1").named("2"), "no order_exists committed"),
        (0, ship("O-1"), "shipped 1:-(A*1)"),
        (0, reserve("O-1", "A*1").named("3"), "no order_exists shipped"),
    ]);
}

#[test]
fn an_expired_order_may_be_placed_anew_and_goes_on_numbering() {
    Shop::with("A*10")
        .check([
            (0, reserve("O-1", "A*2"), "reserved 1:-(A*2) until 10000"),
            (10_000, reserve("O-1", "A*3").named("2"), "reserved 2:-(A*3) until 20000"),
        ])
        .stock("A", "7 sellable, 3 reserved, 0 committed")
        .order("O-1", "reserved A*2=0+0+0+0+2 A*3=3+0+0+0+0 2:-(A*3)");
}

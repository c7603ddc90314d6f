//! Many commands at once: each is decided on what the ones before left.

use super::shop::{all_short, at};
use super::*;
use crate::operations::{COMMANDS_MAX, Fault, apply};

#[test]
fn commands_of_one_batch_see_what_the_ones_before_did() {
    let mut shop = Shop::with("A*3");
    let batch = [
        reserve("O-1", "A*3"),
        deduct("O-2", "A*1"),
        get_back("O-1", "A*1"),
        deduct("O-3", "A*1"),
        confirm("O-1"),
        ship("O-1"),
        adjust([sellable("B", "1")]),
        deduct("O-4", "B*1"),
        release("O-5"),
        reserve("O-5", "B*1"),
    ];
    let expected = [
        "reserved 1:-(A*3) until 10000",
        "no insufficient_stock A 0/1",
        "partially released 1:-(A*1) until 10000",
        "committed 1:-(A*1)",
        "committed 1:-(A*2)",
        "shipped 1:-(A*2)",
        "B 0->1",
        "committed 1:-(B*1)",
        "released",
        "no already_released",
    ];
    assert_eq!(all_short(&shop.tell_all(0, &batch).outcomes), expected);
}

#[test]
fn the_same_request_twice_in_a_batch_has_one_effect() {
    let mut shop = Shop::with("A*3");
    let batch = [deduct("O-1", "A*1"), deduct("O-1", "A*1"), deduct("O-1", "A*2")];
    let expected =
        ["committed 1:-(A*1)", "as before: committed 1:-(A*1)", "no idempotency_conflict"];
    assert_eq!(all_short(&shop.tell_all(0, &batch).outcomes), expected);
    shop.stock("A", "2 sellable, 0 reserved, 1 committed");
}

#[test]
fn a_full_batch_on_one_hot_sku_sells_exactly_what_there_is() {
    let mut shop = Shop::with("A*1000");
    let buyers: Vec<_> =
        (0..COMMANDS_MAX).map(|buyer| deduct(&format!("O-{buyer}"), "A*1")).collect();
    let applied = shop.tell_all(0, &buyers);
    let sold = applied.outcomes.iter().filter(|outcome| outcome.result.is_ok()).count();
    assert_eq!(sold, 1_000);
    shop.stock("A", "0 sellable, 0 reserved, 1000 committed");
    let again = shop.tell_all(1, &buyers);
    assert!(again.outcomes.iter().all(|outcome| outcome.replayed));
    assert_eq!(again.changed_skus, []);
}

#[test]
fn a_batch_has_its_bounds() {
    let mut shop = Shop::with("A*1");
    let outcome = shop.try_tell_all(0, &vec![expire(1); COMMANDS_MAX + 1]);
    assert!(matches!(outcome, Err(Fault::Malformed(_))));
    assert_eq!(shop.tell_all(0, &[]).outcomes, []);
}

#[test]
fn a_batch_names_the_skus_it_changed_sorted_and_once() {
    let mut shop = Shop::with("A*9 B*9 C*9 C@W1*9");
    let batch = [
        deduct("O-1", "C*1").shipped(),
        deduct("O-2", "A*1 C*1"),
        deduct("O-3", "B*99"),
        adjust([sellable("D", "0")]),
    ];
    let applied = shop.tell_all(0, &batch);
    let skus: Vec<_> = applied.changed_skus.iter().map(crate::domain::Sku::as_str).collect();
    assert_eq!(skus, ["A", "C", "D"]);
    shop.tell_all(0, &[confirm("O-9"), reserve("O-8", "B*1")]);
    let swept = shop.tell_all(10_000, &[]);
    assert_eq!(swept.changed_skus.len(), 1);
}

#[test]
fn one_order_and_another_in_the_same_batch_are_told_apart() {
    let mut shop = Shop::with("A*9");
    shop.tell_all(0, &[reserve("O-2", "A*1"), reserve("O-1", "A*2")]);
    let batch = [confirm("O-1"), reserve("O-3", "A*3"), confirm("O-2"), confirm("O-3")];
    let expected = [
        "committed 1:-(A*2)",
        "reserved 1:-(A*3) until 10000",
        "committed 1:-(A*1)",
        "committed 1:-(A*3)",
    ];
    assert_eq!(all_short(&shop.tell_all(0, &batch).outcomes), expected);
}

/// What lies in warehouses is remembered from batch to batch.
#[test]
fn what_was_rolled_back_or_written_by_others_is_not_remembered() {
    let mut shop = Shop::with("A*9 A@W1*4");
    shop.check([(0, deduct("O-1", "A*1").to("440305"), "committed 1:W1(A*1)")]);
    shop.database.begin().unwrap();
    let lost = apply(&mut shop.database, at(0), &[deduct("O-2", "A*3").to("440305")]).unwrap();
    assert_eq!(all_short(&lost.outcomes), ["committed 1:W1(A*3)"]);
    shop.database.rollback().unwrap();
    // As many rows as were rolled back, by a guest with a memory of its own.
    std::thread::scope(|scope| {
        let told = || shop.tell(0, &deduct("O-3", "A*1").to("440305"));
        assert_eq!(scope.spawn(told).join().unwrap(), "committed 1:W1(A*1)");
    });
    shop.check([
        (0, deduct("O-4", "A*2").to("440305"), "committed 1:W1(A*2)"),
        (0, deduct("O-5", "A*1").to("440305"), "no insufficient_stock A 0/1"),
    ])
    .stock("A", "5 sellable, 0 reserved, 4 committed, W1 4=0+4+0");
}

/// Issue 4: one that was made elsewhere meanwhile was made again.
#[test]
fn a_warehouse_that_others_made_while_it_was_remembered_is_known() {
    let mut shop = Shop::with("A*9 A@W1*4 B@W2*1");
    shop.check([(0, deduct("O-1", "A*1").to("440305"), "committed 1:W1(A*1)")]);
    // Nothing lies there, and nothing moves: the ledger has no row of it.
    std::thread::scope(|scope| {
        let told = || shop.tell(0, &adjust([on_hand("A", "W2", "0")]));
        assert_eq!(scope.spawn(told).join().unwrap(), "A@W2 0->0");
    });
    shop.check([(0, adjust([on_hand("A", "W2", "5")]), "A@W2 0->5")])
        .stock("A", "8 sellable, 0 reserved, 1 committed, W1 4=0+1+0, W2 5=0+0+0");
}

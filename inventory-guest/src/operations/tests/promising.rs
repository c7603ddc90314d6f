//! When packages leave: calendars as orders meet them. 1970-01-01 00:00 UTC is eight in the morning
//! in Shanghai, on a Thursday.

use super::*;
use crate::domain::routing::Why;
use crate::domain::{
    Adcode, Answer, Command, Instant, Items, Line, OrderId, Quantity, ShipTo, Sku, Strategy,
};
use crate::operations::queries::{Inquiry, get_order, plan};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Nine to six in Shanghai, in minutes there and in UTC.
const OFFICE: &str = "540..1080";
const OPENS: i64 = HOUR;
const CLOSES: i64 = 10 * HOUR;

/// The answer's packages, each as number, warehouse and promise.
fn promises(shop: &mut Shop, now: i64, command: Command) -> Vec<(u32, String, Option<i64>)> {
    let applied = shop.tell_all(now, &[command]);
    let Ok(Answer::Order(answer)) = &applied.outcomes[0].result else {
        panic!("{:?}", applied.outcomes);
    };
    let promise = |it: &crate::domain::Package| {
        let warehouse = it.warehouse.as_ref().map_or("-", |it| it.as_str()).to_owned();
        (it.number, warehouse, it.promised_ship_at.map(Instant::as_milliseconds))
    };
    answer.packages.iter().map(promise).collect()
}

/// When an order of now leaves the only warehouse.
fn check(calendar: &str, cases: &[(i64, i64)]) {
    let mut shop = Shop::with("A*99 A@W1*99");
    shop.tell(0, &Command::Catalog(catalog::change_of(&[&format!("put calendar W1 {calendar}")])));
    for (number, (now, expected)) in cases.iter().enumerate() {
        let order = deduct(&format!("O-{number}"), "A*1").shipped();
        let promised = promises(&mut shop, *now, order);
        assert_eq!(promised, [(1, "W1".to_owned(), Some(*expected))], "{calendar} at {now}");
    }
}

#[test]
fn an_order_leaves_in_the_window_it_comes_in_or_the_next() {
    check(
        OFFICE,
        &[
            (0, OPENS),
            (OPENS - 1, OPENS),
            (OPENS, OPENS),
            (CLOSES - 1, CLOSES - 1),
            (CLOSES, DAY + OPENS),
        ],
    );
}

#[test]
fn handling_ends_in_a_window() {
    let two_hours = format!("{OFFICE}/+120");
    check(
        &two_hours,
        &[(0, 2 * HOUR), (CLOSES - 2 * HOUR - 1, CLOSES - 1), (CLOSES - 2 * HOUR, DAY + OPENS)],
    );
}

#[test]
fn at_the_cut_off_an_order_is_the_next_days() {
    // Four in the afternoon.
    let cut_off = 8 * HOUR;
    check(
        &format!("{OFFICE}/960+0"),
        &[
            (0, OPENS),
            (cut_off - 1, cut_off - 1),
            (cut_off, DAY + OPENS),
            (CLOSES, DAY + OPENS),
            // Midnight in Shanghai begins a day of its own.
            (16 * HOUR - 1, DAY + OPENS),
            (16 * HOUR, DAY + OPENS),
        ],
    );
    // Two days of handling, from the start of the day it counts for.
    check(
        &format!("{OFFICE}/960+2880"),
        &[(cut_off - 1, 2 * DAY + cut_off - 1), (cut_off, 3 * DAY + OPENS)],
    );
}

#[test]
fn a_warehouse_without_a_calendar_ships_at_once_and_no_warehouse_promises_nothing() {
    let mut shop = Shop::with("A*99 A@W1*9 B*9");
    let order = deduct("O-1", "A*1 B*1").shipped();
    let promised = promises(&mut shop, 77, order);
    assert_eq!(promised, [(1, "W1".to_owned(), Some(77)), (2, "-".to_owned(), None)]);
    assert_eq!(promises(&mut shop, 78, deduct("O-2", "A*1")), [(1, "-".to_owned(), None)]);
}

#[test]
fn each_package_has_its_own_promise_and_keeps_it() {
    let mut shop = Shop::with("A*99 A@W1*2 A@W2*9");
    shop.tell(0, &catalog::change(["put calendar W1 540..1080", "put calendar W2 600..601"]));
    let both = [(1, "W1".to_owned(), Some(OPENS)), (2, "W2".to_owned(), Some(2 * HOUR))];
    assert_eq!(promises(&mut shop, 0, reserve("O-1", "A*3").shipped()), both);
    assert_eq!(promises(&mut shop, 5_000, confirm("O-1")), both);
    let order = get_order(&mut shop.database, OrderId::parse("O-1").unwrap()).unwrap().unwrap();
    let kept: Vec<_> =
        order.packages.iter().map(|it| it.promised_ship_at.map(Instant::as_milliseconds)).collect();
    assert_eq!(kept, [Some(OPENS), Some(2 * HOUR)]);
    // Another calendar is for other orders, and for the package that moves.
    shop.tell(6_000, &catalog::change(["put calendar W2 660..661"]));
    let moved = promises(&mut shop, 3 * HOUR, transfer("O-1", 1, "W2"));
    assert_eq!(moved, [(3, "W2".to_owned(), Some(3 * HOUR))]);
    assert_eq!(
        promises(&mut shop, DAY, ship("O-1")),
        [(2, "W2".to_owned(), Some(2 * HOUR)), (3, "W2".to_owned(), Some(3 * HOUR))]
    );
}

#[test]
fn a_late_payment_has_a_new_promise() {
    let mut shop = Shop::with("A*9 A@W1*9");
    shop.tell(0, &catalog::change(["put calendar W1 540..1080"]));
    assert_eq!(promises(&mut shop, 0, reserve("O-1", "A*1").shipped())[0].2, Some(OPENS));
    let paid = promises(&mut shop, CLOSES, confirm("O-1"));
    assert_eq!(paid, [(2, "W1".to_owned(), Some(DAY + OPENS))]);
}

#[test]
fn a_warehouse_that_never_opens_is_passed_over() {
    let mut shop = Shop::with("A*99 B*9 A@W1*5 A@W2*3 B@W1*5");
    shop.check([
        (0, catalog::change(["put calendar W1 closed"]), "calendar W1 created 5"),
        (0, reserve("O-1", "A*3").shipped(), "reserved 1:W2(A*3) until 10000"),
        (0, reserve("O-2", "B*1").shipped(), "no no_shippable_warehouse B 0/1"),
        // Somebody who is open stocks it, and has none left.
        (0, reserve("O-3", "A*1").shipped(), "no insufficient_stock A 0/1"),
        (0, reserve("O-4", "A*1 B*1").shipped().partial(), "no insufficient_stock A 0/1 B 0/1"),
        (0, reserve("O-5", "A*1 B*1"), "reserved 1:-(A*1 B*1) until 10000"),
        // What lies there is paid late: it may not be placed there again.
        (0, catalog::change(["delete calendar W1"]), "calendar W1 deleted 0"),
        (0, reserve("O-6", "B*1").shipped(), "reserved 1:W1(B*1) until 10000"),
        (0, catalog::change(["put calendar W1 closed"]), "calendar W1 created 7"),
        (10_000, confirm("O-6"), "no reservation_expired at 10000 B 0/1"),
    ]);
}

/// Whether the closed ones have units, and whether the buyer may have them, makes no difference.
#[test]
fn what_only_lies_where_nobody_ever_opens_has_no_warehouse_to_ship_it() {
    let closed = ["put calendar W1 closed", "put calendar W2 closed"];
    for stock in
        ["A*9 A@W1*0 A@W2*5", "A*9 A@W1*0 A@W2*0", "A*0 A@W1*5 A@W2*5", "A*0 A@W1*0 A@W2*0"]
    {
        for strategy in [Strategy::Priority, Strategy::Nearest, Strategy::MinSplits] {
            let mut shop = Shop::with(stock);
            shop.tell(0, &Command::Catalog(catalog::change_of(&closed)));
            let order = reserve("O-1", "A*1").shipped().by(strategy);
            let expected = "no no_shippable_warehouse A 0/1";
            assert_eq!(shop.tell(0, &order), expected, "{stock} {strategy:?}");
            assert_eq!(
                whys(&mut shop, strategy),
                [Why::Closed, Why::Closed],
                "{stock} {strategy:?}"
            );
            // One of them is open: units are what is missing.
            let mut shop = Shop::with("A*9 A@W1*0 A@W2*5");
            shop.tell(0, &catalog::change(["put calendar W2 closed"]));
            assert_eq!(shop.tell(0, &order), "no insufficient_stock A 0/1", "{strategy:?}");
            assert_eq!(whys(&mut shop, strategy), [Why::NoStock, Why::Closed], "{strategy:?}");
        }
    }
}

/// What a plan for one unit of A says of each warehouse.
fn whys(shop: &mut Shop, strategy: Strategy) -> Vec<Why> {
    let sku = Sku::parse("A").unwrap();
    let lines = Items::parse(vec![Line { sku, quantity: Quantity::parse(1).unwrap() }]).unwrap();
    let adcode = Adcode::parse("440305").unwrap();
    let ship_to = Some(ShipTo { adcode, location: None });
    let inquiry = Inquiry { lines, ship_to, strategy, allow_partial: false };
    let planned = plan(&mut shop.database, shop::at(0), &inquiry).unwrap();
    planned.explain.iter().map(|it| it.explained.why).collect()
}

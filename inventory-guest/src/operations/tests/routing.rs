//! Which warehouses an order's units come from.

use super::*;
use crate::domain::{Command, Strategy};

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

/// A shop whose catalog has seen these changes.
fn shop_with(stock: &str, changes: &[&str]) -> Shop {
    let mut shop = Shop::with(stock);
    shop.tell(0, &Command::Catalog(catalog::change_of(changes)));
    shop
}

/// Which warehouses give one unit of A, order by order.
fn givers(shop: &mut Shop, orders: usize, order: impl Fn(Command) -> Command) -> Vec<String> {
    let reserve = |number: usize| order(reserve(&format!("G-{number}"), "A*1"));
    (0..orders).map(|number| shop.tell(0, &reserve(number))).collect()
}

fn from(warehouses: &[&str]) -> Vec<String> {
    warehouses.iter().map(|it| format!("reserved 1:{it}(A*1) until 10000")).collect()
}

#[test]
fn the_longest_area_that_holds_the_address_counts_before_priority() {
    let changes =
        ["put area W1 44 1", "put area W2 4403 2", "put area W3 440305 3", "delete area W3"];
    for (adcode, expected) in [
        ("440305", ["W3", "W2", "W1", "W4"]),
        // Neighbours in the city, in the province, and far away: W3 serves nobody else.
        ("440304", ["W2", "W1", "W4", "-"]),
        ("440106", ["W1", "W2", "W4", "-"]),
        ("110101", ["W1", "W2", "W4", "-"]),
    ] {
        let mut shop = shop_with("A*9 A@W1*1 A@W2*1 A@W3*1 A@W4*1", &changes);
        let given = givers(&mut shop, 4, |it| it.to(adcode));
        let served = expected.iter().filter(|it| **it != "-").count();
        assert_eq!(given[..served], from(&expected[..served]), "to {adcode}");
        let is_refused = given[served..].iter().all(|it| it == "no insufficient_stock A 0/1");
        assert!(is_refused, "to {adcode}: {given:?}");
    }
}

#[test]
fn priority_then_distance_then_code_order_warehouses_of_equal_areas() {
    let far = "put warehouse W1 at 39 116";
    let near = "put warehouse W2 at 23 113";
    let changes = [far, near, "put division 440300 22 114", "put area W3 - 99"];
    let mut shop = shop_with("A*9 A@W1*1 A@W2*1 A@W3*1 A@W4*1", &changes);
    // W4 stands nobody knows where: behind those of its priority.
    assert_eq!(givers(&mut shop, 4, Command::shipped), from(&["W3", "W2", "W1", "W4"]));
}

#[test]
fn the_nearest_counts_before_area_and_priority() {
    let near = |it: Command| it.shipped().by(Strategy::Nearest);
    let changes = [
        "put warehouse W1 at 39 116",
        "put warehouse W2 at 23 113",
        "put area W1 440305 1",
        "put area W3 440305 2",
    ];
    let stock = "A*9 A@W1*1 A@W2*1 A@W3*1";
    // Nobody knows where the address is: by priority.
    let mut shop = shop_with(stock, &changes);
    assert_eq!(givers(&mut shop, 3, near), from(&["W1", "W3", "W2"]));
    // The district's, the city's or the province's centre.
    for division in ["440305", "440300", "440000"] {
        let mut shop = shop_with(stock, &changes);
        let put = format!("put division {division} 22 114");
        shop.tell(0, &Command::Catalog(catalog::change_of(&[&put])));
        assert_eq!(givers(&mut shop, 3, near), from(&["W2", "W1", "W3"]), "{division}");
        // The very place, in Tianjin.
        let mut shop = shop_with(stock, &changes);
        let there = givers(&mut shop, 3, |it| near(it).at(39, 117));
        assert_eq!(there, from(&["W1", "W2", "W3"]));
    }
}

#[test]
fn a_backup_gives_only_what_no_primary_has_line_by_line() {
    let changes = ["put area W1 440305 1 backup", "put area W3 44 1 backup"];
    let stock = "A*99 B*99 C*99 A@W1*9 A@W2*3 B@W1*9 B@W3*1 C@W2*2";
    for strategy in [Strategy::Priority, Strategy::Nearest, Strategy::MinSplits] {
        let mut shop = shop_with(stock, &changes);
        let order = |id, lines| reserve(id, lines).shipped().by(strategy);
        shop.check([
            (0, order("O-1", "A*2 C*1"), "reserved 1:W2(A*2 C*1) until 10000"),
            (0, order("O-2", "A*3 C*1"), "reserved 1:W2(A*1 C*1) 2:W1(A*2) until 10000"),
        ]);
        // Of backups too the longest area is first.
        shop.check([
            (0, order("O-3", "B*9"), "reserved 1:W1(B*9) until 10000"),
            (0, order("O-4", "B*2"), "no insufficient_stock B 1/2"),
            // Elsewhere it is no backup.
            (0, order("O-5", "A*1").to("110101"), "reserved 1:W1(A*1) until 10000"),
        ]);
    }
}

#[test]
fn min_splits_takes_few_packages_and_then_the_first_by_priority() {
    let changes = ["put area W1 - 1", "put area W2 - 2"];
    let stock = "A*99 B*99 A@W1*9 B@W2*9 A@W3*9 B@W3*9 A@W4*9 B@W4*9";
    let mut shop = shop_with(stock, &changes);
    shop.check([
        (0, reserve("O-1", "A*1 B*1").shipped(), "reserved 1:W1(A*1) 2:W2(B*1) until 10000"),
        (
            0,
            reserve("O-2", "A*1 B*1").shipped().by(Strategy::MinSplits),
            "reserved 1:W3(A*1 B*1) until 10000",
        ),
        (
            0,
            reserve("O-3", "A*9 B*9").shipped().by(Strategy::MinSplits),
            "reserved 1:W4(A*9 B*9) until 10000",
        ),
    ]);
}

#[test]
fn safety_stock_is_held_back_and_counts_on_top_of_what_is_unavailable() {
    let mut shop = shop_with("A*99 A@W1*9 A@W2*2", &["put safety A W1 3", "put safety A W2 5"]);
    shop.tell(0, &adjust([unavailable("A", "W1", "2")]));
    shop.check([
        (0, reserve("O-1", "A*5").shipped(), "no insufficient_stock A 4/5"),
        (0, deduct("O-2", "A*4").shipped(), "committed 1:W1(A*4)"),
        (0, ship("O-2"), "shipped 1:W1(A*4)"),
        (0, reserve("O-3", "A*1").shipped(), "no insufficient_stock A 0/1"),
        (0, catalog::change(["delete safety A W1"]), "safety_stock A W1 deleted 0"),
        (0, reserve("O-4", "A*3").shipped(), "reserved 1:W1(A*3) until 10000"),
        // Without an address nothing is routed, and nothing held back.
        (0, reserve("O-5", "A*9"), "reserved 1:-(A*9) until 10000"),
    ]);
}

#[test]
fn codes_that_no_list_knows_lie_in_the_areas_their_digits_name() {
    let changes = ["put area W1 31 1", "put area W2 71 1", "put area W3 99 1", "delete area W4"];
    let mut shop = shop_with("A*9 A@W1*1 A@W2*1 A@W3*1 A@W4*9", &changes);
    shop.tell(0, &catalog::change(["delete area W1", "delete area W2", "delete area W3"]));
    shop.check([
        // Zhabei went into Jing'an in 2015; its code lives on in old addresses.
        (0, reserve("O-1", "A*1").to("310108"), "reserved 1:W1(A*1) until 10000"),
        (0, reserve("O-2", "A*1").to("710000"), "reserved 1:W2(A*1) until 10000"),
        (0, reserve("O-3", "A*1").to("990101"), "reserved 1:W3(A*1) until 10000"),
        (0, reserve("O-4", "A*1").to("810001"), "no no_shippable_warehouse A 0/1"),
        (0, reserve("O-5", "A*1").to("000000"), "no no_shippable_warehouse A 0/1"),
    ]);
}

#[test]
fn cities_without_districts_are_addresses_themselves() {
    for (city, area) in [("441900", "4419"), ("442000", "4420"), ("460400", "4604")] {
        let province = &area[..2];
        for place in [city, area, province, "-"] {
            let other = "put area W2 110101 1";
            let put = format!("put area W1 {place} 1");
            let changes = [other, "delete area W2", "delete area W1", &put];
            let mut shop = shop_with("A*9 A@W1*1 A@W2*1", &changes);
            assert_eq!(givers(&mut shop, 1, |it| it.to(city)), from(&["W1"]), "{city} by {place}");
        }
        // Its centre is the city's, however that is written.
        let changes = [
            "put warehouse W1 at 39 116",
            "put warehouse W2 at 23 113",
            &format!("put division {city} 22 114"),
        ];
        let mut shop = shop_with("A*9 A@W1*1 A@W2*1", &changes);
        let near = |it: Command| it.to(city).by(Strategy::Nearest);
        assert_eq!(givers(&mut shop, 2, near), from(&["W2", "W1"]), "{city}");
    }
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

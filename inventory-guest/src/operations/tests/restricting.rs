//! What may not be shipped where: refused with the rule's name, in plans and in orders.

use super::words::short;
use super::*;
use crate::domain::{Command, Mode};

/// What becomes of an order of A, whose category is `tools`, and B, which has none.
fn check(rules: &[&str], cases: &[(i64, &str, &str)]) {
    let mut shop = Shop::with("A*99 B*99 A@W1*50 B@W1*50");
    shop.tell(0, &catalog::change(["put category A tools"]));
    shop.tell(0, &Command::Catalog(catalog::change_of(rules)));
    for (number, (now, adcode, expected)) in cases.iter().enumerate() {
        let order = deduct(&format!("O-{number}"), "A*1 B*1").to(adcode);
        let expected = match *expected {
            "ok" => "committed 1:W1(A*1 B*1)".to_owned(),
            denied => format!("no region_restricted {denied}"),
        };
        assert_eq!(shop.tell(*now, &order), expected, "{rules:?} at {now} to {adcode}");
    }
}

#[test]
fn a_sku_a_category_or_everything_is_denied_in_an_area_by_the_rule_that_is_named() {
    check(
        &["put restriction sku:A 44 deny:no_A"],
        &[(0, "440305", "A by no_A"), (0, "110101", "ok")],
    );
    check(
        &["put restriction category:tools 4403 deny:no_tools"],
        &[(0, "440305", "A by no_tools"), (0, "440106", "ok")],
    );
    check(
        &["put restriction all 440305 deny:flood"],
        &[(0, "440305", "A by flood B by flood"), (0, "440304", "ok")],
    );
    check(&["put restriction all - deny:strike"], &[(0, "650102", "A by strike B by strike")]);
    check(
        &["put restriction category:toys - deny:toys", "put restriction sku:C -"],
        &[(0, "440305", "ok")],
    );
}

#[test]
fn the_most_specific_rule_decides_and_denial_wins_a_tie() {
    // A sku's rule before its category's before one about all, however small the area.
    check(
        &["put restriction sku:A - allow", "put restriction category:tools 440305 deny"],
        &[(0, "440305", "ok")],
    );
    check(
        &["put restriction category:tools - allow", "put restriction all 440305 deny:flood"],
        &[(0, "440305", "B by flood")],
    );
    // Then the smaller area: a district denied inside an allowed city, and the reverse.
    check(
        &["put restriction all 4403 allow", "put restriction all 440305 deny:quarantine"],
        &[(0, "440305", "A by quarantine B by quarantine"), (0, "440304", "ok")],
    );
    check(
        &[
            "put restriction all 44 deny:d44 allow",
            "put restriction all 4403 deny:d4403",
            "put restriction all 440305 allow",
        ],
        &[
            (0, "440305", "ok"),
            (0, "440304", "A by d4403 B by d4403"),
            // A tie.
            (0, "440106", "A by d44 B by d44"),
        ],
    );
}

#[test]
fn cities_without_districts_are_denied_as_cities_and_as_districts() {
    for city in ["441900", "442000", "460400"] {
        for place in [&city[..4], city] {
            let deny = format!("put restriction sku:A {place}");
            check(&[&deny], &[(0, city, "A by a law"), (0, "440305", "ok")]);
            let (deny, allow) = (
                format!("put restriction sku:A {}", &city[..2]),
                format!("put restriction sku:A {place} allow"),
            );
            check(&[&deny, &allow], &[(0, city, "ok"), (0, "110101", "ok")]);
        }
    }
    check(
        &["put restriction all 71 deny:sea"],
        &[(0, "710000", "A by sea B by sea"), (0, "719999", "A by sea B by sea")],
    );
}

#[test]
fn a_rule_holds_from_its_first_instant_until_before_its_last() {
    check(
        &["put restriction sku:A - deny:ban:100..200"],
        &[
            (99, "440305", "ok"),
            (100, "440305", "A by ban"),
            (199, "440305", "A by ban"),
            (200, "440305", "ok"),
        ],
    );
    // While the allowance holds it is the more specific.
    check(
        &["put restriction sku:A 44 deny:ban", "put restriction sku:A 4403 allow:pass:100..200"],
        &[(99, "440305", "A by ban"), (100, "440305", "ok"), (200, "440305", "A by ban")],
    );
}

#[test]
fn whatever_places_an_order_is_refused_and_nothing_is_held() {
    let mut shop = Shop::with("A*9 A@W1*5 B*9");
    shop.tell(0, &catalog::change(["put restriction sku:A 44"]));
    shop.check([
        (0, reserve("O-1", "B*1 A*1").shipped(), "no region_restricted A by a law"),
        (0, reserve("O-2", "A*2 A*1").shipped().partial(), "no region_restricted A by a law"),
        (
            0,
            reserve("O-3", "A*1").shipped().mode(Mode::DeductOnPayment),
            "no region_restricted A by a law",
        ),
        (0, deduct("O-4", "A*1").shipped(), "no region_restricted A by a law"),
        // Too little, and denied: denied is what to know.
        (0, deduct("O-5", "A*100").shipped(), "no region_restricted A by a law"),
        (0, deduct("O-6", "A*1"), "committed 1:-(A*1)"),
        (0, deduct("O-4", "A*1").shipped(), "as before: no region_restricted A by a law"),
    ]);
    shop.stock("A", "8 sellable, 0 reserved, 1 committed, W1 5=0+0+0");
}

#[test]
fn a_late_payment_is_refused_where_it_may_no_longer_be_shipped() {
    let mut shop = Shop::with("A*9 A@W1*5");
    shop.check([
        (0, reserve("O-1", "A*1").shipped(), "reserved 1:W1(A*1) until 10000"),
        (0, reserve("O-2", "A*1").shipped(), "reserved 1:W1(A*1) until 10000"),
        (1, catalog::change(["put restriction sku:A 44"]), "restriction sku:A 44 created 3"),
        // What is held stays held.
        (9_999, confirm("O-1"), "committed 1:W1(A*1)"),
        (10_000, confirm("O-2"), "no region_restricted A by a law"),
        (
            10_001,
            catalog::change(["delete restriction sku:A 44"]),
            "restriction sku:A 44 deleted 0",
        ),
        (10_002, confirm("O-2").named("again"), "committed 2:W1(A*1) reserved again"),
    ]);
}

#[test]
fn a_change_and_the_orders_around_it_in_one_batch_see_each_other() {
    let mut shop = Shop::with("A*9 A@W1*5");
    let commands = [
        deduct("O-1", "A*1").shipped(),
        catalog::change(["put restriction sku:A 44"]),
        deduct("O-2", "A*1").shipped(),
        catalog::change(["put category A tools", "delete restriction sku:A 44"]),
        deduct("O-3", "A*1").shipped(),
        catalog::change(["put restriction category:tools 44 deny:no_tools"]),
        deduct("O-4", "A*1").shipped(),
        catalog::change(["delete category A"]),
        deduct("O-5", "A*1").shipped(),
    ];
    let applied = shop.tell_all(0, &commands);
    let said: Vec<_> = shop::all_short(&applied.outcomes).into_iter().step_by(2).collect();
    let committed = "committed 1:W1(A*1)";
    assert_eq!(
        said,
        [
            committed,
            "no region_restricted A by a law",
            committed,
            "no region_restricted A by no_tools",
            committed,
        ]
    );
}

#[test]
fn of_an_order_that_may_be_held_in_part_only_what_is_denied_is_left_out() {
    let mut shop = Shop::with("A*99 B*3 A@W1*50 B@W1*50 C*0 C@W1*0");
    shop.tell(0, &catalog::change(["put restriction sku:A 44 deny:no_A"]));
    let part = |id, lines| reserve(id, lines).shipped().partial();
    let whole = "no region_restricted A by no_A";
    shop.check([
        (0, reserve("O-1", "A*1 B*1").shipped(), whole),
        (0, part("O-2", "A*2 B*1 A*3"), "reserved 1:W1(B*1) A 0/5 until 10000 A!no_A"),
        (1, part("O-2", "A*2 B*1 A*3"), "as before: reserved 1:W1(B*1) A 0/5 until 10000 A!no_A"),
        (0, part("O-3", "B*9 A*1"), "reserved 1:W1(B*2) B 2/9 A 0/1 until 10000 A!no_A"),
        // Where nothing is left of it, it is refused.
        (0, part("O-4", "A*1"), whole),
        (0, part("O-5", "A*1 B*1 C*1"), whole),
        (0, part("O-6", "A*1 B*1").mode(Mode::DeductOnPayment), "awaiting A 0/1 B 0/1 A!no_A"),
        // Elsewhere it may go.
        (0, part("O-7", "A*1 B*1").to("110101"), "reserved 1:W1(A*1) B 0/1 until 10000"),
        // What is paid late is what was held.
        (10_000, confirm("O-2"), "committed 2:W1(B*1) reserved again"),
    ]);
}

/// More rules than are remembered were forgotten when the batch read more, and nobody asked again.
#[test]
fn a_batch_that_needs_more_rules_than_are_remembered_denies_what_they_deny() {
    const ORDERS: u32 = 51;
    let skus = || (0..1_000).map(|number| format!("S{number}"));
    let mut shop = Shop::with("TEA*9 TEA@W1*9 CUP*9 CUP@W1*9");
    shop.tell(0, &adjust(skus().map(|sku| sellable(&sku, "99"))));
    let rules: Vec<String> = skus().map(|sku| format!("put restriction sku:{sku} 99")).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    for rules in rules.chunks(100).chain([&["put restriction sku:TEA - deny:no_tea"][..]]) {
        shop.tell(0, &Command::Catalog(catalog::change_of(rules)));
    }
    shop.tell(0, &reserve("LATE", "CUP*1").to("440305"));
    shop.tell(3_600_000, &expire(1));
    let lines: Vec<String> = skus().map(|sku| format!("{sku}*1")).collect();
    let place = |order: u32| {
        let to = (440_300 + order).to_string();
        deduct(&format!("O-{order}"), &lines.join(" ")).to(&to)
    };
    let mut batch: Vec<Command> = (0..ORDERS).map(place).collect();
    batch.extend([confirm("LATE"), deduct("DENIED", "TEA*1").to("440305")]);
    let told = shop.tell_all(3_600_000, &batch);
    let told: Vec<String> = told.outcomes[ORDERS as usize..].iter().map(short).collect();
    assert_eq!(told[1], "no region_restricted TEA by no_tea", "{told:?}");
    assert!(told[0].starts_with("committed"), "{told:?}");
}

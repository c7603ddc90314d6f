//! Snapshots of a whole warehouse: what no row names is 0, and who must approve that.

use super::counting::{count, seen, shortages};
use super::*;
use crate::domain::count::Snapshot;
use crate::domain::session::{
    NumberedRow, SessionBegin, SessionCommit, SessionId, SessionKind, SessionPage, SessionRow,
    SessionStep, SnapshotCommit, StockRow,
};
use crate::domain::{Command, Level, Reason, Sku, WarehouseCode};
use crate::operations::Fault;
use crate::operations::queries::{get_session, list_snapshots};
use crate::storage::sessions::page_sums;

fn id(name: &str) -> SessionId {
    SessionId::parse(name).unwrap()
}

/// `W1 at 500#7`.
pub(super) fn begin(name: &str, when: &str) -> Command {
    let (warehouse, seen) = seen(when);
    Command::Session(SessionStep::Begin(SessionBegin {
        session_id: id(name),
        kind: SessionKind::Snapshot(Snapshot { warehouse, seen }),
        author: None,
        reason: Reason::parse("nightly snapshot").unwrap(),
    }))
}

/// Rows such as `A*5`, or `A@W1*5`.
pub(super) fn page(name: &str, number: u32, rows: &str) -> Command {
    let row = |(line, text): (u32, &str)| {
        let (place, units) = text.split_once('*').unwrap();
        let (sku, warehouse) = place.split_once('@').map_or((place, None), |it| (it.0, Some(it.1)));
        let warehouse = warehouse.map(|code| WarehouseCode::parse(code).unwrap());
        let units = Level::parse(units.parse().unwrap()).unwrap();
        let sku = Sku::parse(sku).unwrap();
        let row = StockRow { sku, warehouse, units, unavailable: None };
        NumberedRow { line, row: Ok(SessionRow::Stock(row)) }
    };
    let rows = (number * 100..).zip(rows.split(' ')).map(row).collect();
    Command::Session(SessionStep::Page(SessionPage { session_id: id(name), number, rows }))
}

pub(super) fn commit(name: &str, pages: u32, zero_percent_max: u32) -> Command {
    let (session_id, dry_run) = (id(name), false);
    let commit = SnapshotCommit { session_id, pages, zero_percent_max, dry_run };
    Command::Session(SessionStep::CommitSnapshot(commit))
}

fn try_commit(name: &str, pages: u32) -> Command {
    let (session_id, dry_run) = (id(name), true);
    let commit = SnapshotCommit { session_id, pages, zero_percent_max: 20, dry_run };
    Command::Session(SessionStep::CommitSnapshot(commit))
}

fn approve(name: &str) -> Command {
    Command::Session(SessionStep::Approve(id(name)))
}

fn discard(name: &str) -> Command {
    Command::Session(SessionStep::Discard(id(name)))
}

/// Five skus in W1 and one in W2; three A have left W1 at sequence 19.
fn shop() -> Shop {
    let sites = "A@W1*10 B@W1*10 C@W1*10 D@W1*10 E@W1*10 A@W2*10";
    let mut shop = Shop::with(&format!("A*20 B*10 C*10 D*10 E*10 {sites}"));
    shop.check([
        (100, deduct("O-1", "A*3").shipped(), "committed 1:W1(A*3)"),
        (200, ship("O-1"), "shipped 1:W1(A*3)"),
    ]);
    let last = shop.changes(0).len();
    assert_eq!(last, 19);
    shop
}

#[test]
fn a_snapshot_sets_every_sku_and_what_it_does_not_name_is_none() {
    let mut shop = shop();
    shop.check([
        (300, begin("S", "W1 at 150#18"), "open 0 pages 0 staged"),
        (300, page("S", 2, "D@W1*4 F*6"), "open 1 pages 2 staged"),
        (300, commit("S", 2, 20), "no session_incomplete [1]"),
        (300, page("S", 1, "A*10 B*10 C*0"), "open 2 pages 5 staged"),
        (300, page("S", 2, "D@W1*4 F*6"), "as before: open 2 pages 5 staged"),
        (300, page("S", 2, "D@W1*5 F*6"), "no session_conflict"),
        (300, try_commit("S", 2), "open 2 pages 5 staged +1 ~1 =2 -2 2/5 zeroed 0 stale 0 short"),
    ]);
    shop.stock("D", "10 sellable, 0 reserved, 0 committed, W1 10=0+0+0");
    let done = "committed 2 pages 5 staged +1 ~1 =2 -2 2/5 zeroed 0 stale 0 short";
    shop.check([
        (300, commit("S", 2, 40), done),
        (400, commit("S", 2, 40), &format!("as before: {done}")),
        (400, page("S", 3, "G*1"), "no session_conflict"),
    ]);
    shop.stock("A", "17 sellable, 0 reserved, 0 committed, W1 7=0+0+0, W2 10=0+0+0");
    shop.stock("C", "10 sellable, 0 reserved, 0 committed, W1 0=0+0+0");
    shop.stock("E", "10 sellable, 0 reserved, 0 committed, W1 0=0+0+0");
    shop.stock("F", "0 sellable, 0 reserved, 0 committed, W1 6=0+0+0");
    assert_eq!(
        shop.changes(19),
        [
            "20 count C@W1 10/0/0/0 -> 0/0/0/0",
            "21 count D@W1 10/0/0/0 -> 4/0/0/0",
            "22 count F@W1 0/0/0/0 -> 6/0/0/0",
            "23 count E@W1 10/0/0/0 -> 0/0/0/0",
        ]
    );
}

#[test]
fn one_that_takes_too_much_away_waits_and_counts_against_what_shipped_meanwhile() {
    let mut shop = shop();
    let waits = "awaiting approval 1 pages 3 staged 2/5 zeroed 0 stale 0 short";
    shop.check([
        (300, begin("S", "W1 at 250#19"), "open 0 pages 0 staged"),
        (300, page("S", 1, "A*7 B*10 C*10"), "open 1 pages 3 staged"),
        (300, approve("S"), "no session_conflict"),
        (300, commit("S", 1, 39), waits),
        (300, commit("S", 1, 100), &format!("as before: {waits}")),
        (300, page("S", 2, "D*1"), "no session_conflict"),
    ]);
    shop.stock("D", "10 sellable, 0 reserved, 0 committed, W1 10=0+0+0");
    let done = "committed 1 pages 3 staged +0 ~0 =3 -2 2/5 zeroed 0 stale 0 short";
    shop.check([
        (400, deduct("O-2", "A*5").shipped(), "committed 1:W1(A*5)"),
        (400, ship("O-2"), "shipped 1:W1(A*5)"),
        (500, approve("S"), done),
        (600, approve("S"), &format!("as before: {done}")),
    ]);
    shop.stock("A", "12 sellable, 0 reserved, 0 committed, W1 2=0+0+0, W2 10=0+0+0");
    shop.stock("D", "10 sellable, 0 reserved, 0 committed, W1 0=0+0+0");
}

#[test]
fn one_that_waits_may_be_discarded_and_is_overtaken_by_a_newer_one() {
    let mut shop = shop();
    let waits = "awaiting approval 1 pages 1 staged 4/5 zeroed 0 stale 0 short";
    let all = "A*7 B*9 C*10 D*10 E*10";
    shop.check([
        (300, begin("S", "W1 at 250#19"), "open 0 pages 0 staged"),
        (300, page("S", 1, "A*7"), "open 1 pages 1 staged"),
        (300, commit("S", 1, 20), waits),
        (300, begin("S", "W1 at 250#19"), &format!("as before: {waits}")),
        (300, discard("S"), "discarded 0 pages 0 staged"),
        (300, approve("S"), "no unknown_session"),
        (300, begin("S", "W1 at 250#19"), "open 0 pages 0 staged"),
        (300, page("S", 1, "A*7"), "open 1 pages 1 staged"),
        (300, commit("S", 1, 20), waits),
        (300, begin("T", "W1 at 260#19"), "open 0 pages 0 staged"),
        (300, page("T", 1, all), "open 1 pages 5 staged"),
        (
            300,
            commit("T", 1, 0),
            "committed 1 pages 5 staged +0 ~1 =4 -0 0/5 zeroed 0 stale 0 short",
        ),
        (300, approve("S"), "no snapshot_stale 260#19 not 250#19"),
        (300, begin("U", "W1 at 260#19"), "no snapshot_stale 260#19 not 260#19"),
        (300, count("W1 at 259#19", "B*1"), "B 1-0 stale 9->9"),
    ]);
}

#[test]
fn a_sku_that_was_counted_more_recently_stays() {
    let mut shop = shop();
    shop.check([
        (300, count("W1 at 280#19", "B*8 E*3"), "B 8-0 updated 10->8, E 3-0 updated 10->3"),
        (300, begin("S", "W1 at 270#19"), "open 0 pages 0 staged"),
        (300, page("S", 1, "A*7 B*10 C*10 D*10"), "open 1 pages 4 staged"),
        (
            300,
            commit("S", 1, 0),
            "committed 1 pages 4 staged +0 ~0 =3 -0 0/5 zeroed 2 stale 0 short",
        ),
        (300, count("W1 at 279#19", "B*1"), "B 1-0 stale 8->8"),
        (300, count("W1 at 279#19", "C*1"), "C 1-0 updated 10->1"),
    ]);
    shop.stock("E", "10 sellable, 0 reserved, 0 committed, W1 3=0+0+0");
}

#[test]
fn what_is_held_stays_and_is_told() {
    let mut shop = shop();
    shop.check([
        (300, deduct("O-2", "E*6").shipped(), "committed 1:W1(E*6)"),
        (310, begin("S", "W1 at 310"), "open 0 pages 0 staged"),
        (310, page("S", 1, "A*7 B*10 C*10 D*10"), "open 1 pages 4 staged"),
        (
            310,
            commit("S", 1, 20),
            "committed 1 pages 4 staged +0 ~1 =4 -0 1/5 zeroed 0 stale 1 short",
        ),
    ]);
    assert_eq!(shortages(&mut shop), ["E@W1 0 of 6 missing 6"]);
    shop.check([
        (320, ship("O-2"), "shipped 1:W1(E*6)"),
        (320, begin("T", "W1 at 320"), "open 0 pages 0 staged"),
        (320, page("T", 1, "A*7 B*10 C*10 D*10"), "open 1 pages 4 staged"),
        (
            320,
            commit("T", 1, 0),
            "committed 1 pages 4 staged +0 ~0 =4 -0 0/4 zeroed 0 stale 0 short",
        ),
    ]);
    assert_eq!(shortages(&mut shop), [""; 0]);
}

#[test]
fn rows_of_another_warehouse_refuse_it_whole() {
    let mut shop = shop();
    shop.check([
        (300, begin("S", "W1 at 250"), "open 0 pages 0 staged"),
        (
            300,
            page("S", 1, "A*7 B@W2*10 A*8"),
            "open 1 pages 1 staged 2 refused [101: stock of W2 in a snapshot of another warehouse] \
             [102: the sku A again]",
        ),
        (
            300,
            commit("S", 1, 100),
            "no rows_refused 2 refused [101: stock of W2 in a snapshot of another warehouse] \
             [102: the sku A again]",
        ),
        (300, begin("T", "W9 at 250"), "no unknown_warehouse W9"),
        (300, begin("T", "W1 at 250#20"), "no count_ahead 250#20 at 300#19"),
    ]);
    let session_id = id("S");
    let (skip_refused, replace, dry_run) = (true, false, false);
    let commit = SessionCommit { session_id, pages: 1, skip_refused, replace, dry_run };
    let wrong = shop.try_tell_all(300, &[Command::Session(SessionStep::Commit(commit))]);
    assert_eq!(wrong, Err(Fault::Malformed("a snapshot has a commit of its own".to_owned())));
}

/// Its warehouse's system may send it again; a week later it is stale all the same.
#[test]
fn a_snapshot_that_counts_is_known_for_a_week() {
    let mut shop = shop();
    let all = "A*7 B*10 C*10 D*10 E*10";
    let done = "committed 1 pages 5 staged +0 ~0 =5 -0 0/5 zeroed 0 stale 0 short";
    let week = 7 * 86_400_000;
    shop.check([
        (300, begin("S", "W1 at 250"), "open 0 pages 0 staged"),
        (300, page("S", 1, all), "open 1 pages 5 staged"),
        (300, commit("S", 1, 0), done),
        (week + 299, begin("S", "W1 at 250"), &format!("as before: {done}")),
        (week + 299, page("S", 1, all), &format!("as before: {done}")),
        (week + 300, page("S", 1, all), "no unknown_session"),
        (week + 300, begin("S", "W1 at 250"), "no snapshot_stale 250#19 not 250#19"),
    ]);
    assert_eq!(get_session(&mut shop.database, &id("S")).unwrap(), None);
    assert_eq!(page_sums(&mut shop.database, 1).unwrap().pages, 0);
}

#[test]
fn a_snapshot_whose_rows_are_being_forgotten_takes_nothing_away() {
    let mut shop = shop();
    shop.tell(300, &begin("S", "W1 at 250"));
    shop.tell(300, &page("S", 1, "A*7 B*10 C*10 D*10 E*10"));
    let some = "DELETE FROM session_rows WHERE subject > 'A'";
    assert_eq!(shop.database.connection().execute(some, []).unwrap(), 4);
    assert_eq!(shop.tell(300, &commit("S", 1, 100)), "no unknown_session");
}

/// As a single count's: what leaves after it has begun was counted.
#[test]
fn a_snapshot_has_seen_what_had_left_when_it_began() {
    let mut shop = Shop::with("A*10 A@W1*10");
    shop.check([
        (100, deduct("O-1", "A*3").shipped(), "committed 1:W1(A*3)"),
        (100, begin("S", "W1 at 30000"), "open 0 pages 0 staged"),
        (200, ship("O-1"), "shipped 1:W1(A*3)"),
        (200, page("S", 1, "A*10"), "open 1 pages 1 staged"),
    ]);
    assert!(shop.tell(200, &commit("S", 1, 20)).starts_with("committed"));
    shop.stock("A", "7 sellable, 0 reserved, 0 committed, W1 7=0+0+0");
}

/// Five thousand rows are forgotten at once: what was left looked like one that was just begun, and
/// its approval emptied the warehouse.
#[test]
fn what_was_discarded_is_approved_by_nobody() {
    let mut shop = shop();
    shop.tell(300, &begin("S", "W1 at 250"));
    for number in 1..=5 {
        let row = |row: u32| format!("S{}*1", number * 1_000 + row);
        let rows: Vec<_> = (0..1_000).map(row).collect();
        shop.tell(300, &page("S", number, &rows.join(" ")));
    }
    assert!(shop.tell(300, &commit("S", 5, 20)).starts_with("awaiting"));
    let listed = |shop: &mut Shop| list_snapshots(&mut shop.database, None, "", 9).unwrap().len();
    assert_eq!(listed(&mut shop), 1);
    shop.tell(300, &discard("S"));
    assert_eq!(listed(&mut shop), 0);
    shop.check([
        (300, approve("S"), "no unknown_session"),
        (300, begin("S", "W1 at 260"), "open 0 pages 0 staged"),
    ]);
    shop.stock("B", "10 sellable, 0 reserved, 0 committed, W1 10=0+0+0");
}

#[test]
fn what_waits_for_approval_waits_for_a_week() {
    let mut shop = shop();
    let day = 86_400_000;
    shop.tell(300, &begin("S", "W1 at 250"));
    shop.tell(300, &page("S", 1, "A*1"));
    let waits = shop.tell(300, &commit("S", 1, 20));
    shop.check([
        (6 * day, begin("other", "W2 at 400"), "open 0 pages 0 staged"),
        (6 * day, commit("S", 1, 20), &format!("as before: {waits}")),
        (6 * day, commit("S", 2, 20), "no session_conflict"),
        (300 + 7 * day, begin("third", "W2 at 500"), "open 0 pages 0 staged"),
        (300 + 7 * day, approve("S"), "no unknown_session"),
    ]);
}

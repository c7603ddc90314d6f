//! Sessions: pages in any order, repeated, missing; rows that are refused; commits.

use super::catalog::change_of;
use super::*;
use crate::domain::catalog::{Entry, Noun};
use crate::domain::session::{
    NumberedRow, RefusedRows, Session, SessionBegin, SessionCommit, SessionId, SessionKind,
    SessionPage, SessionRow, SessionState, SessionStep, StockRow,
};
use crate::domain::{Command, EntryChange, Level, Malformed, Reason, Sku, WarehouseCode};
use crate::operations::queries::{get_session, list_catalog_events, list_entries};
use crate::storage::sessions::rows_left;
use proptest::collection::vec;
use proptest::prelude::*;

/// `open 2 pages 5 staged`, then what a commit did: `+1 ~2 =3 -4`, and the refused rows.
pub(super) fn session_now(session: &Session) -> String {
    let state = match session.state {
        SessionState::Open => "open",
        SessionState::Committed => "committed",
        SessionState::AwaitingApproval => "awaiting approval",
        SessionState::Discarded => "discarded",
    };
    let it = session.effects;
    let effects = if it == crate::domain::session::Effects::default() {
        String::new()
    } else {
        format!(" +{} ~{} ={} -{}", it.created, it.updated, it.unchanged, it.deleted)
    };
    let refused = refused_rows(&session.refused);
    let numbers = session.snapshot.map_or(String::new(), |it| {
        format!(" {}/{} zeroed {} stale {} short", it.zeroed, it.stocked, it.stale, it.short)
    });
    format!("{state} {} pages {} staged{effects}{refused}{numbers}", session.pages, session.staged)
}

pub(super) fn refused_rows(refused: &RefusedRows) -> String {
    let rows = refused.rows.iter().map(|row| format!(" [{}: {}]", row.line, row.why));
    if refused.refused == 0 {
        String::new()
    } else {
        format!(" {} refused{}", refused.refused, rows.collect::<String>())
    }
}

fn id() -> SessionId {
    SessionId::parse("S-1").unwrap()
}

fn begin(kind: SessionKind) -> Command {
    let (author, reason) = (None, Reason::parse("an import").unwrap());
    Command::Session(SessionStep::Begin(SessionBegin { session_id: id(), kind, author, reason }))
}

/// Rows such as `put category A toys`, or `A 5`, `A@W1 5` and `A@W1 5/2`; `!` is none. Lines count
/// from the page's hundreds.
fn page<const N: usize>(number: u32, rows: [&str; N]) -> Command {
    page_of(number, &rows)
}

fn page_of(number: u32, rows: &[&str]) -> Command {
    let rows = (number * 100..).zip(rows).map(|(line, text)| NumberedRow { line, row: row(text) });
    let rows = rows.collect();
    Command::Session(SessionStep::Page(SessionPage { session_id: id(), number, rows }))
}

fn row(text: &str) -> Result<SessionRow, Malformed> {
    if text == "!" {
        return Err(Malformed("no row".to_owned()));
    }
    if text.starts_with("put ") {
        let change = change_of(&[text]);
        let EntryChange::Put(entry) = change.items[0].change.clone() else { unreachable!() };
        return Ok(SessionRow::Entry(entry));
    }
    let (place, units) = text.split_once(' ').unwrap();
    let (sku, warehouse) = place.split_once('@').map_or((place, None), |it| (it.0, Some(it.1)));
    let warehouse = warehouse.map(|code| WarehouseCode::parse(code).unwrap());
    let level = |text: &str| Level::parse(text.parse().unwrap()).unwrap();
    let (units, unavailable) =
        units.split_once('/').map_or((units, None), |it| (it.0, Some(level(it.1))));
    let (sku, units) = (Sku::parse(sku).unwrap(), level(units));
    Ok(SessionRow::Stock(StockRow { sku, warehouse, units, unavailable }))
}

fn commit(pages: u32, options: &str) -> Command {
    let has = |word: &str| options.split(' ').any(|it| it == word);
    let (skip_refused, replace, dry_run) = (has("skip"), has("replace"), has("dry"));
    let session_id = id();
    Command::Session(SessionStep::Commit(SessionCommit {
        session_id,
        pages,
        skip_refused,
        replace,
        dry_run,
    }))
}

fn discard() -> Command {
    Command::Session(SessionStep::Discard(id()))
}

const CATEGORIES: SessionKind = SessionKind::Catalog(Noun::Category);
const AREAS: SessionKind = SessionKind::Catalog(Noun::ServiceArea);

#[test]
fn pages_come_in_any_order_and_count_at_the_commit() {
    let mut shop = Shop::with("");
    shop.check([
        (0, page(1, ["put category A toys"]), "no unknown_session"),
        (0, begin(CATEGORIES), "open 0 pages 0 staged"),
        (0, begin(CATEGORIES), "as before: open 0 pages 0 staged"),
        (0, begin(AREAS), "no session_conflict"),
        (0, page(2, ["put category C toys"]), "open 1 pages 1 staged"),
        (0, commit(2, ""), "no session_incomplete [1]"),
        (0, page(1, ["put category A toys", "put category B toys"]), "open 2 pages 3 staged"),
        (0, page(2, ["put category C toys"]), "as before: open 2 pages 3 staged"),
        (0, page(2, ["put category D toys"]), "no session_conflict"),
        (0, commit(1, ""), "no session_incomplete []"),
        (0, commit(3, ""), "no session_incomplete [3]"),
    ]);
    assert_eq!(list_entries(&mut shop.database, Noun::Category, "", "", 9).unwrap(), []);
    shop.check([
        (0, commit(2, "dry"), "open 2 pages 3 staged +3 ~0 =0 -0"),
        (5, commit(2, ""), "committed 2 pages 3 staged +3 ~0 =0 -0"),
        (6, commit(2, ""), "as before: committed 2 pages 3 staged +3 ~0 =0 -0"),
        (6, commit(2, "dry"), "no session_conflict"),
        (6, page(3, ["put category E toys"]), "no session_conflict"),
        (6, discard(), "committed 2 pages 0 staged +3 ~0 =0 -0"),
    ]);
    // Whoever did not hear that it counts sends the same again, however late; another file under
    // its name is refused.
    let year = 31_536_000_000;
    shop.check([
        (year, begin(CATEGORIES), "as before: committed 2 pages 3 staged +3 ~0 =0 -0"),
        (year, begin(AREAS), "no session_conflict"),
        (
            year,
            page(2, ["put category C toys"]),
            "as before: committed 2 pages 3 staged +3 ~0 =0 -0",
        ),
        (year, page(2, ["put category D toys"]), "no session_conflict"),
        (year, commit(1, ""), "no session_conflict"),
        (year, commit(2, ""), "as before: committed 2 pages 3 staged +3 ~0 =0 -0"),
    ]);
    assert_eq!(list_entries(&mut shop.database, Noun::Category, "", "", 9).unwrap().len(), 3);
    let events = list_catalog_events(&mut shop.database, 0, 9).unwrap();
    assert!(events.iter().all(|it| it.reason == "an import" && it.at.as_milliseconds() == 5));
    let known = get_session(&mut shop.database, &id()).unwrap().unwrap();
    assert_eq!(session_now(&known), "committed 2 pages 3 staged +3 ~0 =0 -0");
}

#[test]
fn rows_that_cannot_count_are_named_by_line_and_refuse_all_or_are_left_out() {
    let mut shop = Shop::with("");
    shop.tell(0, &catalog::change(["put warehouse W1 open", "put area W1 44 1"]));
    shop.check([
        (0, begin(AREAS), "open 0 pages 0 staged"),
        (
            0,
            page(1, ["put area W1 44 2", "!", "put area W1 44 3", "put category A toys"]),
            "open 1 pages 1 staged 3 refused [101: no row] [102: the key of line 100 again] \
             [103: a category in a session of service_area]",
        ),
        (
            0,
            page(2, ["put area W1 44 9", "put area W2 - 1", "put area W1 - 1"]),
            "open 2 pages 3 staged 4 refused [101: no row] [102: the key of line 100 again] \
             [103: a category in a session of service_area] [200: the key of line 100 again]",
        ),
        (
            0,
            commit(2, ""),
            "no rows_refused 4 refused [101: no row] [102: the key of line 100 again] \
             [103: a category in a session of service_area] [200: the key of line 100 again]",
        ),
        (
            0,
            commit(2, "skip dry"),
            "open 2 pages 3 staged +1 ~1 =0 -0 5 refused [101: no row] \
             [102: the key of line 100 again] [103: a category in a session of service_area] \
             [200: the key of line 100 again] [201: there is no warehouse W2]",
        ),
        (
            0,
            commit(2, "skip replace"),
            "committed 2 pages 3 staged +1 ~1 =0 -0 5 refused [101: no row] \
             [102: the key of line 100 again] [103: a category in a session of service_area] \
             [200: the key of line 100 again] [201: there is no warehouse W2]",
        ),
    ]);
}

#[test]
fn an_unknown_warehouse_refuses_the_commit_until_it_is_made() {
    let mut shop = Shop::with("");
    shop.check([
        (0, begin(AREAS), "open 0 pages 0 staged"),
        (0, page(1, ["put area W1 44 2"]), "open 1 pages 1 staged"),
        (0, commit(1, ""), "no rows_refused 1 refused [100: there is no warehouse W1]"),
        (0, catalog::change(["put warehouse W1 open"]), "warehouse W1 created 1"),
        (0, commit(1, ""), "committed 1 pages 1 staged +1 ~0 =0 -0"),
    ]);
}

#[test]
fn a_session_has_its_bound() {
    let mut shop = Shop::with("");
    shop.tell(0, &begin(CATEGORIES));
    let many = "REPLACE INTO session_pages VALUES (1, 9, 0, 249999, 0)";
    assert_eq!(shop.database.connection().execute(many, []).unwrap(), 1);
    let page = page(1, ["put category A toys", "put category B toys"]);
    assert_eq!(shop.tell(0, &page), "no session_full 250000");
}

#[test]
fn replacing_deletes_what_no_row_names() {
    let mut shop = Shop::with("");
    let before = ["put category A toys", "put category B toys", "put category C toys"];
    shop.tell(0, &catalog::change(before));
    shop.check([
        (0, begin(CATEGORIES), "open 0 pages 0 staged"),
        (0, page(1, ["put category B toys", "put category C tools"]), "open 1 pages 2 staged"),
        (0, commit(1, "replace dry"), "open 1 pages 2 staged +0 ~1 =1 -1"),
        (0, commit(1, "replace"), "committed 1 pages 2 staged +0 ~1 =1 -1"),
    ]);
    let left = list_entries(&mut shop.database, Noun::Category, "", "", 9).unwrap();
    let left: Vec<_> = left.iter().map(|it| (it.entry.key(), it.version)).collect();
    assert_eq!(
        left.iter().map(|it| catalog::key(&it.0)).collect::<Vec<_>>(),
        ["category B", "category C",]
    );
    assert_eq!(left.iter().map(|it| it.1).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn what_is_discarded_or_a_day_old_is_forgotten() {
    let mut shop = Shop::with("");
    let day = 86_400_000;
    shop.check([
        (0, begin(CATEGORIES), "open 0 pages 0 staged"),
        (0, page(1, ["put category A toys"]), "open 1 pages 1 staged"),
        (0, discard(), "discarded 0 pages 0 staged"),
        (0, commit(1, ""), "no unknown_session"),
        (0, begin(AREAS), "open 0 pages 0 staged"),
        (day - 1, page(1, ["put area W1 44 2"]), "open 1 pages 1 staged"),
        (day, begin(AREAS), "open 0 pages 0 staged"),
    ]);
}

/// 16,000 rows, of which one step forgets 5,000.
fn staged(shop: &mut Shop, kind: &SessionKind, row: impl Fn(u32) -> String) {
    shop.tell(0, &begin(kind.clone()));
    for number in 1..=16 {
        let rows: Vec<String> = (0..1_000).map(|at| row(number * 1_000 + at)).collect();
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        shop.tell(0, &page_of(number, &rows));
    }
}

#[test]
fn what_is_being_discarded_never_counts_in_part() {
    let category = |number: u32| format!("put category S{number} toys");
    let counter = |number: u32| format!("S{number} 7");
    let rows: [(SessionKind, &dyn Fn(u32) -> String); 2] =
        [(CATEGORIES, &category), (SessionKind::Stock, &counter)];
    for (kind, row) in rows {
        let mut shop = Shop::with("");
        staged(&mut shop, &kind, row);
        let (first, second) = (row(1_000), row(1_001));
        shop.check([
            (0, commit(16, "dry"), "open 16 pages 16000 staged +16000 ~0 =0 -0"),
            (0, discard(), "discarded 0 pages 11000 staged"),
            (0, commit(16, ""), "no unknown_session"),
            (0, commit(0, ""), "no unknown_session"),
            (0, page_of(1, &[&first]), "no unknown_session"),
        ]);
        assert_eq!(get_session(&mut shop.database, &id()).unwrap(), None);
        shop.check([
            (0, begin(kind.clone()), "open 0 pages 0 staged"),
            (0, page_of(1, &[&first]), "open 1 pages 1 staged"),
            (0, page_of(2, &[&second]), "open 2 pages 2 staged"),
            (0, commit(2, ""), "committed 2 pages 2 staged +2 ~0 =0 -0"),
        ]);
        let sessions = 1..10;
        let left = sessions.map(|number| rows_left(&mut shop.database, number).unwrap());
        let left: u64 = left.sum();
        assert_eq!(left, 2, "what was put aside is swept by the steps of others");
    }
}

/// A day after it began: its next page forgets some of it, and it never counts in part.
#[test]
fn what_is_a_day_old_never_counts_in_part() {
    let mut shop = Shop::with("");
    staged(&mut shop, &CATEGORIES, |number| format!("put category S{number} toys"));
    let late = 86_400_000;
    shop.check([
        (late, page(7, ["put category A toys"]), "no unknown_session"),
        (late, commit(16, ""), "no unknown_session"),
        (late, discard(), "discarded 0 pages 6000 staged"),
        (late, discard(), "discarded 0 pages 1000 staged"),
        (late, discard(), "discarded 0 pages 0 staged"),
        (late, discard(), "no unknown_session"),
    ]);
}

#[test]
fn stock_is_set_with_its_ledger_and_makes_what_is_new() {
    let mut shop = Shop::with("A*5 B*5 B@W1*9");
    shop.check([
        (0, reserve("O-1", "B*4").shipped(), "reserved 1:W1(B*4) until 10000"),
        (0, begin(SessionKind::Stock), "open 0 pages 0 staged"),
        (0, page(1, ["A 5", "B@W1 3", "C 7", "C@W2 8", "B 2147483647"]), "open 1 pages 5 staged"),
        (
            0,
            commit(1, ""),
            "no rows_refused 2 refused [101: it may be 4 to 2147483647 now] \
             [104: it may be 0 to 2147483643 now]",
        ),
        (
            0,
            commit(1, "skip"),
            "committed 1 pages 5 staged +2 ~0 =1 -0 2 refused \
             [101: it may be 4 to 2147483647 now] [104: it may be 0 to 2147483643 now]",
        ),
    ]);
    shop.stock("C", "7 sellable, 0 reserved, 0 committed, W2 8=0+0+0");
    shop.stock("B", "1 sellable, 4 reserved, 0 committed, W1 9=4+0+0");
}

/// What was on hand and unavailable had to be set by two imports, in the right order.
#[test]
fn a_row_sets_what_is_unavailable_with_what_is_on_hand() {
    let mut shop = Shop::with("A*9 A@W1*9");
    shop.check([
        (0, reserve("O-1", "A*4").shipped(), "reserved 1:W1(A*4) until 10000"),
        (0, begin(SessionKind::Stock), "open 0 pages 0 staged"),
        (0, page(1, ["A@W1 20/16", "B@W2 3/0", "C@W2 5/5"]), "open 1 pages 3 staged"),
        (0, commit(1, ""), "committed 1 pages 3 staged +2 ~1 =0 -0"),
    ]);
    shop.stock("A", "5 sellable, 4 reserved, 0 committed, W1 20=4+0+16");
    shop.stock("C", "0 sellable, 0 reserved, 0 committed, W2 5=0+0+5");
    shop.tell(0, &discard());
    let other = |name: &str, command: Command| {
        let Command::Session(mut step) = command else { unreachable!() };
        let name = SessionId::parse(name).unwrap();
        match &mut step {
            SessionStep::Begin(it) => it.session_id = name,
            SessionStep::Page(it) => it.session_id = name,
            SessionStep::Commit(it) => it.session_id = name,
            _ => unreachable!(),
        }
        Command::Session(step)
    };
    shop.check([
        (0, other("S-2", begin(SessionKind::Stock)), "open 0 pages 0 staged"),
        (0, other("S-2", page(1, ["A@W1 5/2", "C@W2 5"])), "open 1 pages 2 staged"),
        (
            0,
            other("S-2", commit(1, "")),
            "no rows_refused 1 refused [100: it may be 6 to 2147483647 now]",
        ),
        (0, other("S-3", begin(SessionKind::Stock)), "open 0 pages 0 staged"),
        (0, other("S-3", page(1, ["A@W1 6/2", "C@W2 5"])), "open 1 pages 2 staged"),
        (0, other("S-3", commit(1, "")), "committed 1 pages 2 staged +0 ~1 =1 -0"),
    ]);
    shop.stock("A", "5 sellable, 4 reserved, 0 committed, W1 6=4+0+2");
    shop.stock("C", "0 sellable, 0 reserved, 0 committed, W2 5=0+0+5");
}

#[test]
fn a_hold_that_ran_out_stands_against_no_row() {
    let mut shop = Shop::with("B*5 B@W1*9");
    shop.check([
        (0, reserve("O-1", "B*4").shipped(), "reserved 1:W1(B*4) until 10000"),
        (0, begin(SessionKind::Stock), "open 0 pages 0 staged"),
        (0, page(1, ["B@W1 3"]), "open 1 pages 1 staged"),
        (10_000, commit(1, ""), "committed 1 pages 1 staged +0 ~1 =0 -0"),
    ]);
    shop.stock("B", "5 sellable, 0 reserved, 0 committed, W1 3=0+0+0");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However rows are cut into pages, and in whatever order these come, perhaps twice, the
    /// catalog is that of one change with all of them.
    #[test]
    fn a_session_is_one_change(
        rows in vec((0_u8..20, 0_u8..3), 1..30),
        cuts in vec(any::<proptest::sample::Index>(), 0..4),
        seed in any::<u64>(),
    ) {
        let rows: std::collections::BTreeMap<u8, u8> = rows.into_iter().collect();
        let texts: Vec<String> =
            rows.iter().map(|(sku, kind)| format!("put category S{sku} K{kind}")).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|it| it.index(texts.len())).collect();
        cuts.extend([0, texts.len()]);
        cuts.sort_unstable();
        cuts.dedup();
        let mut pages: Vec<Command> = (1_u32..)
            .zip(cuts.windows(2))
            .map(|(number, cut)| page_of(number, &texts[cut[0]..cut[1]]))
            .collect();
        let count = u32::try_from(pages.len()).unwrap();
        let turn = usize::try_from(seed % u64::from(count)).unwrap();
        pages.push(pages[turn].clone());
        pages.rotate_left(turn);
        let (mut one, mut other) = (Shop::with(""), Shop::with(""));
        one.tell(0, &Command::Catalog(change_of(&texts)));
        other.tell(0, &begin(CATEGORIES));
        for page in &pages {
            other.tell(0, page);
        }
        other.tell(0, &commit(count, ""));
        let listed = |shop: &mut Shop| -> Vec<(u64, Entry)> {
            let all = list_entries(&mut shop.database, Noun::Category, "", "", 1_000).unwrap();
            all.into_iter().map(|it| (it.version, it.entry)).collect()
        };
        let entries = |all: &[(u64, Entry)]| all.iter().map(|it| it.1.clone()).collect::<Vec<_>>();
        prop_assert_eq!(entries(&listed(&mut one)), entries(&listed(&mut other)));
    }
}

//! Random changes of the catalog: every noun, mostly with keys that come again.

use edge_host::guest::counts::{Count, CountItem, Seen, Snapshot};
use edge_host::guest::entries::{
    Calendar, Division, Entry, EntryBody, EntryKey, Location, Noun, Owner, Promotion, Rule,
    ServiceArea, Stop, Verdict, Warehouse, Window, Workday,
};
use edge_host::guest::sessions::{
    NumberedRow, Row, SessionBegin, SessionCommit, SessionKind, SessionPage, SessionStep, StockRow,
};
use edge_host::guest::types::{
    Adjust, AdjustItem, Adjustment, CatalogChange, CatalogItem, Command, Counter, EntryChange,
    ExpectedVersion,
};

use super::stream::{Stream, WAREHOUSES};

const AREAS: [&str; 4] = ["", "44", "4403", "440305"];
const SUBJECTS: [&str; 3] = ["all", "category:drinks", "sku:TEA"];

/// One to three items.
pub(super) fn change(stream: &mut Stream, request_id: Option<String>) -> CatalogChange {
    CatalogChange {
        author: (stream.below(2) == 0).then(|| "Li Wei".to_owned()),
        reason: "planned".to_owned(),
        items: (0..=stream.below(3)).map(|_| item(stream)).collect(),
        refuse_in_use: stream.below(2) == 0,
        dry_run: stream.below(8) == 0,
        request_id,
    }
}

fn item(stream: &mut Stream) -> CatalogItem {
    let change = if stream.below(5) == 0 {
        EntryChange::Delete(key(stream))
    } else {
        let EntryKey { noun, subject, place } = key(stream);
        EntryChange::Put(Entry { subject, place, body: body(stream, noun) })
    };
    let version = |stream: &mut Stream| stream.below(30) as u64;
    let expected_version = match stream.below(16) {
        0 | 1 => ExpectedVersion::Version(version(stream)),
        2 => ExpectedVersion::Present,
        3 => ExpectedVersion::OneOf(vec![version(stream), version(stream)]),
        _ => ExpectedVersion::Any,
    };
    CatalogItem { change, expected_version }
}

/// Some of them of a warehouse that nobody made.
pub(super) fn key(stream: &mut Stream) -> EntryKey {
    let code = match stream.below(12) {
        0 => "NOWHERE",
        _ => WAREHOUSES[stream.below(WAREHOUSES.len())],
    };
    let area = AREAS[stream.below(AREAS.len())];
    let sku = stream.sku();
    let (noun, subject, place) = match stream.below(10) {
        0..=2 => (Noun::Warehouse, code, ""),
        3..=5 => (Noun::ServiceArea, code, area),
        6 => (Noun::Category, sku.as_str(), ""),
        7 => (Noun::Restriction, SUBJECTS[stream.below(SUBJECTS.len())], area),
        8 => (Noun::Calendar, code, ""),
        _ if stream.below(2) == 0 => (Noun::SafetyStock, sku.as_str(), code),
        _ => (Noun::Division, "440305", ""),
    };
    EntryKey { noun, subject: subject.to_owned(), place: place.to_owned() }
}

/// Two at a time, of three numbers: a name that was committed does not come back.
pub(super) fn session_id(stream: &mut Stream) -> String {
    format!("S-{}", stream.commands() / 400 * 2 + stream.below(2))
}

/// Mostly pages; a commit wants one or two of them.
pub(super) fn session_step(stream: &mut Stream) -> SessionStep {
    let session_id = session_id(stream);
    let of_stock = session_id.ends_with(['1', '5', '9']);
    match stream.below(8) {
        0..=1 => SessionStep::Begin(SessionBegin {
            session_id,
            kind: if of_stock {
                SessionKind::Stock
            } else {
                SessionKind::Catalog(Noun::ServiceArea)
            },
            author: None,
            reason: "imported".to_owned(),
        }),
        2..=5 => {
            let number = stream.units(2);
            let rows = (1..=stream.units(4)).map(|line| numbered(stream, line, of_stock));
            SessionStep::Page(SessionPage { session_id, number, rows: rows.collect() })
        }
        6 => SessionStep::Commit(SessionCommit {
            session_id,
            pages: stream.units(2),
            skip_refused: stream.below(2) == 0,
            replace: stream.below(4) == 0 && !of_stock,
            dry_run: stream.below(4) == 0,
        }),
        _ if stream.below(6) == 0 => SessionStep::Discard(session_id),
        _ => SessionStep::Commit(SessionCommit {
            session_id,
            pages: 1,
            skip_refused: stream.below(3) > 0,
            replace: false,
            dry_run: false,
        }),
    }
}

/// A session that nobody ends, one of its rows twice: every table has something in the end.
pub(super) fn unfinished() -> Vec<Command> {
    let session_id = "S-unfinished".to_owned();
    let row = |line| {
        let stock =
            StockRow { sku: "TEA".to_owned(), warehouse: None, units: line, unavailable: None };
        NumberedRow { line, row: Row::Stock(stock) }
    };
    let begin = SessionStep::Begin(SessionBegin {
        session_id: session_id.clone(),
        kind: SessionKind::Stock,
        author: None,
        reason: "imported".to_owned(),
    });
    let page = SessionStep::Page(SessionPage { session_id, number: 1, rows: vec![row(1), row(2)] });
    [vec![Command::Session(begin), Command::Session(page)], short().to_vec()].concat()
}

/// A warehouse that lacks some of what is not for sale, and a snapshot of it that was only begun.
fn short() -> [Command; 3] {
    let warehouse = "W-short".to_owned();
    let item = |counter, units| AdjustItem {
        sku: "COUNTED".to_owned(),
        counter,
        adjustment: Adjustment::Set(units),
        compare_quantity: None,
    };
    let on_hand = item(Counter::OnHand(warehouse.clone()), 5);
    let unavailable = item(Counter::Unavailable(warehouse.clone()), 3);
    let items = vec![on_hand, unavailable];
    let adjust = Adjust { reason: "stocked".to_owned(), items, request_id: None };
    let (sku, on_hand) = ("COUNTED".to_owned(), 0);
    let count = Count {
        warehouse: warehouse.clone(),
        reason: "counted".to_owned(),
        seen: Seen { as_of: 0, watermark: None },
        items: vec![CountItem { sku, on_hand }],
        request_id: None,
    };
    let begin = SessionStep::Begin(SessionBegin {
        session_id: "S-short".to_owned(),
        kind: SessionKind::Snapshot(Snapshot {
            warehouse,
            seen: Seen { as_of: 1, watermark: None },
        }),
        author: None,
        reason: "counted".to_owned(),
    });
    [Command::Adjust(adjust), Command::Count(count), Command::Session(begin)]
}

/// Of one warehouse, more or less long ago; sometimes of what is yet to come.
pub(super) fn count(stream: &mut Stream, now: i64, request_id: Option<String>) -> Command {
    let (sku, warehouse) = (stream.sku(), WAREHOUSES[stream.below(WAREHOUSES.len())].to_owned());
    let watermark = (stream.below(2) == 0).then(|| u64::from(stream.units(400)));
    let age = i64::from(stream.units(100_000)) - 1_000;
    Command::Count(Count {
        warehouse,
        reason: "counted".to_owned(),
        seen: Seen { as_of: (now - age).max(0), watermark },
        items: vec![CountItem { sku, on_hand: stream.units(40) - 1 }],
        request_id,
    })
}

fn numbered(stream: &mut Stream, line: u32, of_stock: bool) -> NumberedRow {
    let code = WAREHOUSES[stream.below(WAREHOUSES.len())].to_owned();
    let row = if of_stock {
        let warehouse = (stream.below(2) == 0).then_some(code);
        let unavailable = (stream.below(3) == 0).then(|| stream.units(20));
        Row::Stock(StockRow { sku: stream.sku(), warehouse, units: stream.units(60), unavailable })
    } else {
        let place = AREAS[stream.below(AREAS.len())].to_owned();
        let body = body(stream, Noun::ServiceArea);
        Row::Entry(Entry { subject: code, place, body })
    };
    NumberedRow { line, row }
}

fn body(stream: &mut Stream, noun: Noun) -> EntryBody {
    let location = Location { latitude_e6: 22_543_099, longitude_e6: 114_057_868 };
    match noun {
        Noun::Warehouse => EntryBody::Warehouse(Warehouse {
            name: (stream.below(2) == 0).then(|| "深圳一号仓".to_owned()),
            owner: if stream.below(2) == 0 { Owner::Own } else { Owner::ThirdParty },
            adcode: (stream.below(2) == 0).then(|| "440305".to_owned()),
            location: (stream.below(2) == 0).then_some(location),
            active: stream.below(4) > 0,
        }),
        Noun::ServiceArea => {
            let (priority, backup) = (stream.units(3), stream.below(4) == 0);
            EntryBody::ServiceArea(ServiceArea { priority, backup })
        }
        Noun::Category => EntryBody::Category("drinks".to_owned()),
        Noun::Restriction => {
            let verdict = if stream.below(2) == 0 { Verdict::Allow } else { Verdict::Deny };
            let until = (stream.below(2) == 0).then_some(1_900_000_000_000);
            let name = "a law".to_owned();
            EntryBody::Restriction(vec![Rule { verdict, from: None, until, name }])
        }
        Noun::Calendar => EntryBody::Calendar(calendar(stream)),
        Noun::SafetyStock => EntryBody::SafetyStock(stream.units(5)),
        Noun::Division => EntryBody::Division(Division { name: "南山区".to_owned(), location }),
    }
}

fn calendar(stream: &mut Stream) -> Calendar {
    let windows = || vec![Window { from_minute: 540, until_minute: 1_080 }];
    Calendar {
        time_zone: "Asia/Shanghai".to_owned(),
        weekly: (0..7).map(|day| if day < 5 { windows() } else { Vec::new() }).collect(),
        cut_off_minute: (stream.below(2) == 0).then_some(960),
        handling_minutes: stream.units(120),
        holidays: vec!["2026-10-01".to_owned()],
        workdays: vec![Workday { date: "2026-10-10".to_owned(), windows: windows() }],
        promotions: vec![Promotion {
            from: "2026-11-01".to_owned(),
            until: "2026-11-12".to_owned(),
            windows: windows(),
        }],
        stops: vec![Stop { from: 1_800_000_000_000, until: 1_800_000_100_000 }],
    }
}

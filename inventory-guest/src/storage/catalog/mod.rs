//! The catalog: its entries, their history, and what tells a guest that its memory of them is old.

mod body;
pub(crate) mod routing;

pub(crate) use body::{decode, encode, value};

use super::rows::{Cells, read, read_each, unreadable, write_each};
use super::{Database, Error, Parameter, codes};
use crate::domain::catalog::{EntryKey, Noun};
use crate::domain::{Instant, OrderId, Sku, WarehouseCode};

/// The most orders that are listed against closing a warehouse.
const ORDERS_LISTED_MAX: u32 = 100;

/// An entry as its row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryRow {
    pub(crate) version: u64,
    pub(crate) body: Vec<u8>,
}

/// A row of `catalog_history`, without its sequence and what all rows of a change share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EventRow {
    pub(crate) key: EntryKey,
    pub(crate) before: Option<Vec<u8>>,
    pub(crate) after: Option<Vec<u8>>,
}

/// Who changed the catalog, when and why.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cause<'a> {
    pub(crate) at: Instant,
    pub(crate) author: Option<&'a str>,
    pub(crate) reason: &'a str,
}

/// A row of `catalog_history`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent {
    pub(crate) seq: u64,
    pub(crate) at: Instant,
    pub(crate) author: Option<String>,
    pub(crate) reason: String,
    pub(crate) row: EventRow,
}

/// The entries of these keys that there are, each with the number it is asked for by.
pub(crate) fn find<'a>(
    database: &mut dyn Database,
    keys: impl Iterator<Item = (usize, &'a EntryKey)>,
) -> Result<Vec<(usize, EntryRow)>, Error> {
    const FIND: &str = "SELECT ?4, version, body FROM catalog
        WHERE noun = ?1 AND subject = ?2 AND place = ?3";
    let keys: Vec<_> = keys.map(|(index, key)| (index, key, key.subject())).collect();
    let runs = keys.iter().map(|(index, key, subject)| {
        let noun = codes::of_noun(key.noun()).into();
        [noun, Parameter::Text(subject), Parameter::Text(key.place()), Parameter::index(*index)]
    });
    read_each(database, FIND, runs, |cells| Ok((cells.number()?, entry(cells)?)))
}

/// Which entries to list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Range<'a> {
    pub(crate) noun: Noun,
    /// Keys behind this one, in order of subject and place.
    pub(crate) after: (&'a str, &'a str),
    /// Subjects and places that begin so.
    pub(crate) prefix: (&'a str, &'a str),
    /// Where the prefix has a place: only this very subject.
    pub(crate) exact_subject: bool,
    pub(crate) limit: u32,
}

/// Entries in order of their keys.
pub(crate) fn list(
    database: &mut dyn Database,
    range: Range<'_>,
) -> Result<Vec<(EntryKey, EntryRow)>, Error> {
    // No key has a character behind `~`, so what begins with a text lies between it and itself
    // with one more.
    const LIST: &str = "SELECT subject, place, version, body FROM catalog
        WHERE noun = ?1 AND (subject, place) > (?2, ?3)
        AND subject >= ?4 AND subject < ?4 || char(127)
        AND place >= ?5 AND place < ?5 || char(127)
        ORDER BY subject, place LIMIT ?6 + 0";
    const LIST_OF_SUBJECT: &str = "SELECT subject, place, version, body FROM catalog
        WHERE noun = ?1 AND (subject, place) > (?2, ?3) AND subject = ?4
        AND place >= ?5 AND place < ?5 || char(127)
        ORDER BY place LIMIT ?6 + 0";
    let statement = if range.exact_subject { LIST_OF_SUBJECT } else { LIST };
    let parameters = [
        codes::of_noun(range.noun).into(),
        Parameter::Text(range.after.0),
        Parameter::Text(range.after.1),
        Parameter::Text(range.prefix.0),
        Parameter::Text(range.prefix.1),
        range.limit.into(),
    ];
    read(database, statement, &parameters, |cells| Ok((key(range.noun, cells)?, entry(cells)?)))
}

/// The service areas, calendar and safety stock of a warehouse. Looks at all safety stock.
pub(crate) fn find_dependent(
    database: &mut dyn Database,
    warehouse: &WarehouseCode,
) -> Result<Vec<(EntryKey, EntryRow)>, Error> {
    const DEPENDENT: &str = "SELECT noun, subject, place, version, body FROM catalog
        WHERE noun IN (2, 5) AND subject = ?1 OR noun = 6 AND place = ?1
        ORDER BY noun, subject, place";
    read(database, DEPENDENT, &[Parameter::Text(warehouse.as_str())], |cells| {
        let noun = codes::to_noun(cells.number()?)?;
        Ok((key(noun, cells)?, entry(cells)?))
    })
}

/// Writes entries, made or replaced.
pub(crate) fn put<'a>(
    database: &mut dyn Database,
    entries: impl Iterator<Item = (&'a EntryKey, &'a EntryRow)>,
) -> Result<(), Error> {
    const PUT: &str = "INSERT INTO catalog (noun, subject, place, version, body)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body";
    let entries: Vec<_> = entries.map(|(key, row)| (key, key.subject(), row)).collect();
    let runs = entries.iter().map(|(key, subject, row)| {
        let [noun, subject, place] = key_parameters(key, subject);
        [noun, subject, place, of_sequence(row.version), Parameter::Blob(&row.body)]
    });
    write_each(database, PUT, runs)
}

/// Deletes entries that there are.
pub(crate) fn delete<'a>(
    database: &mut dyn Database,
    keys: impl Iterator<Item = &'a EntryKey>,
) -> Result<(), Error> {
    const DELETE: &str = "DELETE FROM catalog WHERE noun = ? AND subject = ? AND place = ?";
    let keys: Vec<_> = keys.map(|key| (key, key.subject())).collect();
    write_each(database, DELETE, keys.iter().map(|(key, subject)| key_parameters(key, subject)))
}

/// The sequence of the last change; 0 before the first.
pub(crate) fn last_seq(database: &mut dyn Database) -> Result<u64, Error> {
    const LAST: &str = "SELECT coalesce(max(seq), 0) FROM catalog_history";
    let found = read(database, LAST, &[], |cells| cells.number())?;
    Ok(found.into_iter().next().expect("an aggregate has one row"))
}

/// Appends changes after the sequence `last`.
pub(crate) fn append<'a>(
    database: &mut dyn Database,
    last: u64,
    cause: Cause<'a>,
    events: &'a [EventRow],
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO catalog_history
        (seq, at, author, reason, noun, subject, place, before, after)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let subjects: Vec<_> = events.iter().map(|event| event.key.subject()).collect();
    let runs = (last + 1..).zip(events).zip(&subjects).map(|((seq, event), subject)| {
        let [noun, subject, place] = key_parameters(&event.key, subject);
        let author = Parameter::optional_text(cause.author);
        let reason = Parameter::Text(cause.reason);
        let (before, after) =
            (optional_blob(event.before.as_deref()), optional_blob(event.after.as_deref()));
        [of_sequence(seq), cause.at.into(), author, reason, noun, subject, place, before, after]
    });
    write_each(database, INSERT, runs)
}

/// At most `limit` changes after a sequence, oldest first.
pub(crate) fn history(
    database: &mut dyn Database,
    after: u64,
    limit: u32,
) -> Result<Vec<StoredEvent>, Error> {
    const LIST: &str = "SELECT seq, at, author, reason, noun, subject, place, before, after
        FROM catalog_history WHERE seq > ? ORDER BY seq LIMIT ? + 0";
    let Ok(after) = i64::try_from(after) else {
        return Ok(Vec::new());
    };
    read(database, LIST, &[Parameter::Integer(after), limit.into()], |cells| {
        let (seq, at) = (cells.number()?, cells.instant()?);
        let author = cells.optional_text()?.map(str::to_owned);
        let reason = cells.text()?.to_owned();
        let noun = codes::to_noun(cells.number()?)?;
        let key = key(noun, cells)?;
        let before = cells.optional_blob()?.map(<[u8]>::to_vec);
        let after = cells.optional_blob()?.map(<[u8]>::to_vec);
        Ok(StoredEvent { seq, at, author, reason, row: EventRow { key, before, after } })
    })
}

/// The stamps of the nouns that have ever had an entry.
pub(crate) fn stamps(database: &mut dyn Database) -> Result<Vec<(Noun, u64)>, Error> {
    const STAMPS: &str = "SELECT noun, stamp FROM catalog_stamps ORDER BY noun";
    read(database, STAMPS, &[], |cells| {
        let noun = codes::to_noun(cells.number()?)?;
        Ok((noun, u64::from_ne_bytes(cells.integer()?.to_ne_bytes())))
    })
}

/// Sets the stamps of nouns.
pub(crate) fn set_stamps(
    database: &mut dyn Database,
    stamps: impl Iterator<Item = (Noun, u64)>,
) -> Result<(), Error> {
    const SET: &str = "INSERT INTO catalog_stamps (noun, stamp) VALUES (?, ?)
        ON CONFLICT DO UPDATE SET stamp = excluded.stamp";
    let runs = stamps.map(|(noun, stamp)| {
        let stamp = Parameter::Integer(i64::from_ne_bytes(stamp.to_ne_bytes()));
        [codes::of_noun(noun).into(), stamp]
    });
    write_each(database, SET, runs)
}

/// The orders that hold units in a warehouse now, the newest first, at most 100. Cheap while it
/// holds none; else every leg may be looked at.
pub(crate) fn orders_holding(
    database: &mut dyn Database,
    warehouse: &WarehouseCode,
    now: Instant,
) -> Result<Vec<OrderId>, Error> {
    const HELD: &str = "SELECT sku FROM sites NATURAL JOIN warehouse_stock
        WHERE warehouse = ? AND reserved + committed > 0 LIMIT 1";
    const HOLDING: &str = "SELECT DISTINCT o.order_id FROM legs l JOIN orders o
        ON o.order_no = l.order_no
        WHERE l.warehouse = ? AND l.ended_at IS NULL
        AND (o.expires_at IS NULL OR o.expires_at > ?)
        ORDER BY l.order_no DESC LIMIT ? + 0";
    let code = Parameter::Text(warehouse.as_str());
    let held: Vec<Sku> = read(database, HELD, &[code], |cells| cells.sku())?;
    if held.is_empty() {
        return Ok(Vec::new());
    }
    read(database, HOLDING, &[code, now.into(), ORDERS_LISTED_MAX.into()], |cells| {
        cells.text().map(OrderId::from_row)
    })
}

fn key(noun: Noun, cells: &mut Cells<'_>) -> Result<EntryKey, Error> {
    let (subject, place) = (cells.text()?, cells.text()?);
    EntryKey::parse(noun, subject, place).map_err(|fault| unreadable(&fault.to_string()))
}

fn entry(cells: &mut Cells<'_>) -> Result<EntryRow, Error> {
    Ok(EntryRow { version: cells.number()?, body: cells.blob()?.to_vec() })
}

fn key_parameters<'a>(key: &'a EntryKey, subject: &'a str) -> [Parameter<'a>; 3] {
    [codes::of_noun(key.noun()).into(), Parameter::Text(subject), Parameter::Text(key.place())]
}

fn of_sequence(seq: u64) -> Parameter<'static> {
    Parameter::Integer(i64::try_from(seq).expect("there are fewer changes than 2^63"))
}

fn optional_blob(bytes: Option<&[u8]>) -> Parameter<'_> {
    bytes.map_or(Parameter::Null, Parameter::Blob)
}

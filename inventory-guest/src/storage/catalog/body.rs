//! What an entry says, as the bytes of its row: a format byte, then postcard of the domain's type.

use crate::domain::Category;
use crate::domain::catalog::{Entry, EntryKey};
use crate::storage::Error;
use crate::storage::rows::unreadable;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The first byte of every body: postcard of today's types.
const FORMAT: u8 = 1;

/// The body of an entry's row.
pub(crate) fn encode(entry: &Entry) -> Vec<u8> {
    match entry {
        Entry::Warehouse(_, warehouse) => bytes(warehouse),
        Entry::ServiceArea(_, _, area) => bytes(area),
        Entry::Category(_, category) => bytes(category),
        Entry::Restriction(_, _, restriction) => bytes(restriction),
        Entry::Calendar(_, calendar) => bytes(calendar.as_ref()),
        Entry::SafetyStock(_, _, units) => bytes(units),
        Entry::Division(_, division) => bytes(division),
    }
}

/// The entry that a row's key and body make.
pub(crate) fn decode(key: EntryKey, body: &[u8]) -> Result<Entry, Error> {
    Ok(match key {
        EntryKey::Warehouse(code) => Entry::Warehouse(code, value(body)?),
        EntryKey::ServiceArea(code, area) => Entry::ServiceArea(code, area, value(body)?),
        EntryKey::Category(sku) => Entry::Category(sku, value::<Category>(body)?),
        EntryKey::Restriction(subject, area) => Entry::Restriction(subject, area, value(body)?),
        EntryKey::Calendar(code) => Entry::Calendar(code, Box::new(value(body)?)),
        EntryKey::SafetyStock(sku, code) => Entry::SafetyStock(sku, code, value(body)?),
        EntryKey::Division(adcode) => Entry::Division(adcode, value(body)?),
    })
}

fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(value, vec![FORMAT])
        .expect("memory is the only thing that can stop an encoder, and that traps")
}

pub(crate) fn value<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    match body {
        [FORMAT, encoded @ ..] => postcard::from_bytes(encoded)
            .map_err(|fault| unreadable(&format!("a catalog body that says {fault}"))),
        _ => Err(unreadable("a catalog body of an unknown format")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::WarehouseCode;
    use crate::domain::catalog::{Owner, ServiceArea, Warehouse};
    use crate::domain::{Area, Label};

    fn code() -> WarehouseCode {
        WarehouseCode::parse("SZ-1").unwrap()
    }

    fn warehouse(active: bool) -> Entry {
        let (name, owner, adcode, location) = (None, Owner::Own, None, None);
        Entry::Warehouse(code(), Warehouse { name, owner, adcode, location, active })
    }

    /// `migrations/0002_catalog.sql` writes these bytes.
    #[test]
    fn the_migration_writes_the_bodies_of_today() {
        assert_eq!(encode(&warehouse(true)), [1, 0, 0, 0, 0, 1]);
        assert_eq!(encode(&warehouse(false)), [1, 0, 0, 0, 0, 0]);
        let area = ServiceArea { priority: 100, backup: false };
        let area = Entry::ServiceArea(code(), Area::EVERYWHERE, area);
        assert_eq!(encode(&area), [1, 100, 0]);
    }

    #[test]
    fn bodies_are_read_as_they_are_written() {
        let Entry::Warehouse(code, mut named) = warehouse(true) else { unreachable!() };
        named.name = Some(Label::parse("深圳一号仓").unwrap());
        let entry = Entry::Warehouse(code, named);
        assert_eq!(decode(entry.key(), &encode(&entry)).unwrap(), entry);
        assert!(decode(entry.key(), &[]).is_err());
        assert!(decode(entry.key(), &[2, 0, 0, 0, 0, 1]).is_err());
        assert!(decode(entry.key(), &[1, 7]).is_err());
    }
}

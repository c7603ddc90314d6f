//! A change of the catalog as it is decided, item by item: no row is read or written here.

use super::Read;
use crate::domain::catalog::{Entry, EntryKey, Owner, ServiceArea, Warehouse};
use crate::domain::{
    Area, CatalogChange, CatalogItem, ChangedEntry, EntryChange, EntryEffect, OrderId, Refusal,
    VersionMismatch, WarehouseCode, WarehouseUse,
};
use crate::storage::catalog::{EntryRow, EventRow, decode, encode};

/// What a change comes to.
pub(super) struct Draft {
    read: Read,
    pub(super) last_seq: u64,
    pub(super) events: Vec<EventRow>,
    pub(super) changed: Vec<ChangedEntry>,
    unknown: Vec<WarehouseCode>,
}

/// The warehouse that an entry of this key is of, unless it is one.
pub(super) fn warehouse_of(key: &EntryKey) -> Option<EntryKey> {
    match key {
        EntryKey::ServiceArea(code, _)
        | EntryKey::Calendar(code)
        | EntryKey::SafetyStock(_, code) => Some(EntryKey::Warehouse(code.clone())),
        EntryKey::Warehouse(_)
        | EntryKey::Category(_)
        | EntryKey::Restriction(..)
        | EntryKey::Division(_) => None,
    }
}

/// The entries of a warehouse that an adjustment makes: active, and serving everywhere.
pub(super) fn of_new_warehouse(code: &WarehouseCode) -> [EventRow; 2] {
    let (name, owner, adcode, location) = (None, Owner::Own, None, None);
    let warehouse = Warehouse { name, owner, adcode, location, active: true };
    let area = ServiceArea::NEW;
    let entries = [
        Entry::Warehouse(code.clone(), warehouse),
        Entry::ServiceArea(code.clone(), Area::EVERYWHERE, area),
    ];
    entries.map(|it| EventRow { key: it.key(), before: None, after: Some(encode(&it)) })
}

impl Draft {
    /// Decides the items in order, each on what the ones before left.
    pub(super) fn decide(read: Read, change: &CatalogChange) -> Result<Self, Refusal> {
        let last_seq = read.last_seq;
        let (events, changed, unknown) = (Vec::new(), Vec::new(), Vec::new());
        let mut draft = Self { read, last_seq, events, changed, unknown };
        for item in change.items.iter() {
            draft.check_version(item)?;
            match &item.change {
                EntryChange::Put(entry) => draft.put(entry, change.refuse_in_use)?,
                EntryChange::Delete(key) => draft.delete(key)?,
            }
        }
        if draft.unknown.is_empty() {
            return Ok(draft);
        }
        draft.unknown.sort_unstable();
        draft.unknown.dedup();
        Err(Refusal::UnknownWarehouse(draft.unknown))
    }

    fn check_version(&self, item: &CatalogItem) -> Result<(), Refusal> {
        let key = item.change.key();
        let actual = self.read.entries.get(&key).map_or(0, |row| row.version);
        match item.expected_version.instead_of(actual) {
            None => Ok(()),
            Some(expected) => {
                Err(Refusal::VersionMismatch(VersionMismatch { key, expected, actual }))
            }
        }
    }

    fn put(&mut self, entry: &Entry, refuse_in_use: bool) -> Result<(), Refusal> {
        let key = entry.key();
        if let Some(EntryKey::Warehouse(code)) =
            warehouse_of(&key).filter(|it| !self.read.entries.contains_key(it))
        {
            self.unknown.push(code);
            return Ok(());
        }
        let body = encode(entry);
        let before = self.read.entries.get(&key);
        if let Some(same) = before.filter(|row| row.body == body) {
            let version = same.version;
            self.say(key, EntryEffect::Unchanged, version, Vec::new());
            return Ok(());
        }
        let holding = match entry {
            Entry::Warehouse(code, to)
                if !to.active && before.is_some_and(|it| is_open(&key, it)) =>
            {
                self.holding(code)
            }
            _ => Vec::new(),
        };
        if let (Entry::Warehouse(code, _), true) = (entry, refuse_in_use && !holding.is_empty()) {
            return Err(in_use(code, holding));
        }
        let effect = if before.is_some() { EntryEffect::Updated } else { EntryEffect::Created };
        let version = self.happen(key.clone(), Some(body));
        self.say(key, effect, version, holding);
        Ok(())
    }

    fn delete(&mut self, key: &EntryKey) -> Result<(), Refusal> {
        if !self.read.entries.contains_key(key) {
            self.say(key.clone(), EntryEffect::Absent, 0, Vec::new());
            return Ok(());
        }
        let mut gone = vec![key.clone()];
        if let EntryKey::Warehouse(code) = key {
            let holding = self.holding(code);
            if !holding.is_empty() {
                return Err(in_use(code, holding));
            }
            gone.extend(self.dependent(code));
        }
        for key in gone {
            self.happen(key.clone(), None);
            self.say(key, EntryEffect::Deleted, 0, Vec::new());
        }
        Ok(())
    }

    /// What goes with a warehouse, after the items so far.
    fn dependent(&self, code: &WarehouseCode) -> Vec<EntryKey> {
        let warehouse = EntryKey::Warehouse(code.clone());
        let stored = self.read.dependent.get(code).into_iter().flatten();
        let made = self.events.iter().map(|event| &event.key);
        let mut keys: Vec<_> = stored
            .chain(made)
            .filter(|key| warehouse_of(key).as_ref() == Some(&warehouse))
            .filter(|key| self.read.entries.contains_key(key))
            .cloned()
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn holding(&self, code: &WarehouseCode) -> Vec<OrderId> {
        self.read.holding.get(code).cloned().unwrap_or_default()
    }

    /// Notes a change; answers its sequence.
    fn happen(&mut self, key: EntryKey, after: Option<Vec<u8>>) -> u64 {
        let version = self.last_seq + self.events.len() as u64 + 1;
        let before = match &after {
            None => self.read.entries.remove(&key),
            Some(body) => {
                let row = EntryRow { version, body: body.clone() };
                self.read.entries.insert(key.clone(), row)
            }
        };
        self.events.push(EventRow { key, before: before.map(|row| row.body), after });
        version
    }

    fn say(&mut self, key: EntryKey, effect: EntryEffect, version: u64, holding: Vec<OrderId>) {
        self.changed.push(ChangedEntry { key, effect, version, holding });
    }
}

fn in_use(code: &WarehouseCode, orders: Vec<OrderId>) -> Refusal {
    Refusal::WarehouseInUse(WarehouseUse { warehouse: code.clone(), orders })
}

/// Whether it is a warehouse that is active.
pub(super) fn is_open(key: &EntryKey, row: &EntryRow) -> bool {
    matches!(decode(key.clone(), &row.body), Ok(Entry::Warehouse(_, it)) if it.active)
}

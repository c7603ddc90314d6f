//! The catalog: what operators say about warehouses, skus and areas. Seven nouns, each entry under
//! a key of two texts, a subject and a place.
//!
//! Entries are stored for ever, encoded by the order of their fields and cases: what is here may
//! grow only together with a new format.

mod memory;

pub use memory::{Catalog, Destination, Promises, Rows};

use super::calendar::Calendar;
use super::restriction::{Restriction, Subject};
use super::{Adcode, Area, Category, Label, Level, Location, Malformed, Sku, WarehouseCode};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// What kinds of entries there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Noun {
    /// A place that ships.
    Warehouse,
    /// An area that a warehouse serves.
    ServiceArea,
    /// The category of a sku.
    Category,
    /// What may not be shipped where.
    Restriction,
    /// When a warehouse ships.
    Calendar,
    /// Units of a sku that a warehouse keeps back.
    SafetyStock,
    /// A named area with its centre.
    Division,
}

impl Noun {
    /// All of them, each before those that refer to it.
    pub const ALL: [Self; 7] = [
        Self::Warehouse,
        Self::ServiceArea,
        Self::Category,
        Self::Restriction,
        Self::Calendar,
        Self::SafetyStock,
        Self::Division,
    ];

    /// The name that callers and the change feed use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warehouse => "warehouse",
            Self::ServiceArea => "service_area",
            Self::Category => "category",
            Self::Restriction => "restriction",
            Self::Calendar => "calendar",
            Self::SafetyStock => "safety_stock",
            Self::Division => "division",
        }
    }

    /// Accepts one of the seven names.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        Self::ALL.into_iter().find(|noun| noun.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            let given: String = text.chars().take(160).collect();
            Malformed(format!("a catalog entry must be one of {names}, not {given:?}"))
        })
    }
}

/// Who runs a warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Owner {
    /// We do.
    Own,
    /// Another company does, for us.
    ThirdParty,
}

/// A place that ships [仓].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Warehouse {
    /// What people call it.
    pub name: Option<Label>,
    /// Who runs it.
    pub owner: Owner,
    /// Where it stands.
    pub adcode: Option<Adcode>,
    /// Where exactly.
    pub location: Option<Location>,
    /// Only active ones are chosen for orders.
    pub active: bool,
}

/// An area that a warehouse serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceArea {
    /// Lower is chosen first.
    pub priority: u32,
    /// Only where no primary warehouse has the stock.
    pub backup: bool,
}

impl ServiceArea {
    /// How a warehouse serves everywhere that an adjustment has made.
    pub const NEW: Self = Self { priority: 100, backup: false };
}

/// Units of a sku that a warehouse does not give to orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SafetyStock(pub Level);

/// A province, city or district.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Division {
    /// What it is called.
    pub name: Label,
    /// Its centre.
    pub location: Location,
}

/// One fact of the catalog, under its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// See [`Warehouse`].
    Warehouse(WarehouseCode, Warehouse),
    /// See [`ServiceArea`].
    ServiceArea(WarehouseCode, Area, ServiceArea),
    /// See [`Category`].
    Category(Sku, Category),
    /// See [`Restriction`].
    Restriction(Subject, Area, Restriction),
    /// See [`Calendar`].
    Calendar(WarehouseCode, Box<Calendar>),
    /// See [`SafetyStock`].
    SafetyStock(Sku, WarehouseCode, SafetyStock),
    /// See [`Division`].
    Division(Adcode, Division),
}

impl Entry {
    /// What it is found by.
    pub fn key(&self) -> EntryKey {
        match self {
            Self::Warehouse(code, _) => EntryKey::Warehouse(code.clone()),
            Self::ServiceArea(code, area, _) => EntryKey::ServiceArea(code.clone(), *area),
            Self::Category(sku, _) => EntryKey::Category(sku.clone()),
            Self::Restriction(subject, area, _) => EntryKey::Restriction(subject.clone(), *area),
            Self::Calendar(code, _) => EntryKey::Calendar(code.clone()),
            Self::SafetyStock(sku, code, _) => EntryKey::SafetyStock(sku.clone(), code.clone()),
            Self::Division(adcode, _) => EntryKey::Division(adcode.clone()),
        }
    }
}

/// What an entry is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum EntryKey {
    /// A warehouse's code.
    Warehouse(WarehouseCode),
    /// A warehouse and an area it serves.
    ServiceArea(WarehouseCode, Area),
    /// A sku.
    Category(Sku),
    /// What is restricted where.
    Restriction(Subject, Area),
    /// A warehouse's code.
    Calendar(WarehouseCode),
    /// A sku in a warehouse.
    SafetyStock(Sku, WarehouseCode),
    /// The division's code.
    Division(Adcode),
}

impl EntryKey {
    /// Accepts the subject and the place of an entry of this noun; `""` where it has no place.
    pub fn parse(noun: Noun, subject: &str, place: &str) -> Result<Self, Malformed> {
        let has_place = matches!(noun, Noun::ServiceArea | Noun::Restriction | Noun::SafetyStock);
        if !has_place && !place.is_empty() {
            let given: String = place.chars().take(160).collect();
            return Err(Malformed(format!("a {} has no place, not {given:?}", noun.name())));
        }
        Ok(match noun {
            Noun::Warehouse => Self::Warehouse(WarehouseCode::parse(subject)?),
            Noun::ServiceArea => {
                Self::ServiceArea(WarehouseCode::parse(subject)?, Area::parse(place)?)
            }
            Noun::Category => Self::Category(Sku::parse(subject)?),
            Noun::Restriction => Self::Restriction(Subject::parse(subject)?, Area::parse(place)?),
            Noun::Calendar => Self::Calendar(WarehouseCode::parse(subject)?),
            Noun::SafetyStock => {
                Self::SafetyStock(Sku::parse(subject)?, WarehouseCode::parse(place)?)
            }
            Noun::Division => Self::Division(Adcode::parse(subject)?),
        })
    }

    /// Of which noun.
    pub fn noun(&self) -> Noun {
        match self {
            Self::Warehouse(_) => Noun::Warehouse,
            Self::ServiceArea(..) => Noun::ServiceArea,
            Self::Category(_) => Noun::Category,
            Self::Restriction(..) => Noun::Restriction,
            Self::Calendar(_) => Noun::Calendar,
            Self::SafetyStock(..) => Noun::SafetyStock,
            Self::Division(_) => Noun::Division,
        }
    }

    /// The first half of the key.
    pub fn subject(&self) -> Cow<'_, str> {
        match self {
            Self::Warehouse(code) | Self::ServiceArea(code, _) | Self::Calendar(code) => {
                Cow::Borrowed(code.as_str())
            }
            Self::Category(sku) | Self::SafetyStock(sku, _) => Cow::Borrowed(sku.as_str()),
            Self::Restriction(subject, _) => subject.text(),
            Self::Division(adcode) => Cow::Borrowed(adcode.as_str()),
        }
    }

    /// The second half of the key; empty for nouns without a place, and everywhere.
    pub fn place(&self) -> &str {
        match self {
            Self::ServiceArea(_, area) | Self::Restriction(_, area) => area.as_str(),
            Self::SafetyStock(_, code) => code.as_str(),
            Self::Warehouse(_) | Self::Category(_) | Self::Calendar(_) | Self::Division(_) => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let keys = [
            (Noun::Warehouse, "SZ-1", ""),
            (Noun::ServiceArea, "SZ-1", "4403"),
            (Noun::ServiceArea, "SZ-1", ""),
            (Noun::Category, "85123A", ""),
            (Noun::Restriction, "category:fragile", "54"),
            (Noun::Restriction, "all", ""),
            (Noun::Calendar, "SZ-1", ""),
            (Noun::SafetyStock, "85123A", "SZ-1"),
            (Noun::Division, "440305", ""),
        ];
        for (noun, subject, place) in keys {
            let key = EntryKey::parse(noun, subject, place).unwrap();
            assert_eq!((key.noun(), &*key.subject(), key.place()), (noun, subject, place));
        }
    }

    #[test]
    fn a_key_that_does_not_fit_its_noun_is_refused() {
        for (noun, subject, place) in [
            (Noun::Warehouse, "SZ-1", "4403"),
            (Noun::ServiceArea, "SZ-1", "440"),
            (Noun::Restriction, "85123A", "44"),
            (Noun::SafetyStock, "85123A", ""),
            (Noun::Division, "4403", ""),
        ] {
            assert!(EntryKey::parse(noun, subject, place).is_err(), "{noun:?} {subject} {place}");
        }
    }

    #[test]
    fn nouns_are_read_as_they_are_written() {
        for noun in Noun::ALL {
            assert_eq!(Noun::parse(noun.name()).unwrap(), noun);
        }
        assert!(Noun::parse("warehouses").is_err());
    }
}

//! The catalog as JSON: seven nouns, each with the same calls. What differs between them is in the
//! table of [`SHAPES`] and in their bodies.

pub mod bodies;
pub mod calendar;
pub mod change;
pub mod feed;
pub mod path;
pub mod query;
pub mod words;

pub(crate) use bodies::location;
pub use bodies::{Category, Division, Restriction, SafetyStock, ServiceArea, Warehouse};
pub use calendar::Calendar;
pub use change::{CatalogAnswer, CatalogChange, ChangedEntry, at, put_of};
pub(crate) use change::{changed_key, entry_name};
pub use feed::CatalogChanges;
pub use words::{Area, Latitude, Longitude};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::contract::{catalog, entries};
use crate::parse::{body, with_misplaced_array};
use crate::problem::Problem;
use crate::words::{Adcode, Sku, Text, TextRule, WarehouseCode};

pub use crate::contract::entries::Noun;

/// How a noun is written.
#[derive(Debug)]
pub struct Shape {
    /// Which.
    pub noun: Noun,
    /// Its name in commands, imports and the change feed.
    pub name: &'static str,
    /// The fields of its key: the subject, and the place where it has one.
    pub key: &'static [KeyField],
}

/// A field of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyField {
    /// `warehouse`
    Warehouse,
    /// `area`
    Area,
    /// `sku`
    Sku,
    /// `subject`: what a restriction is about.
    Subject,
    /// `adcode`
    Adcode,
}

use KeyField::Warehouse as WarehouseField;
use KeyField::{Adcode as AdcodeField, Area as AreaField, Sku as SkuField, Subject};

/// Every noun, each before those that refer to it.
pub static SHAPES: [Shape; 7] = [
    Shape { noun: Noun::Warehouse, name: "warehouse", key: &[WarehouseField] },
    Shape { noun: Noun::ServiceArea, name: "service_area", key: &[WarehouseField, AreaField] },
    Shape { noun: Noun::Category, name: "category", key: &[SkuField] },
    Shape { noun: Noun::Restriction, name: "restriction", key: &[Subject, AreaField] },
    Shape { noun: Noun::Calendar, name: "calendar", key: &[WarehouseField] },
    Shape { noun: Noun::SafetyStock, name: "safety_stock", key: &[SkuField, WarehouseField] },
    Shape { noun: Noun::Division, name: "division", key: &[AdcodeField] },
];

impl Shape {
    /// How this noun is written.
    pub fn of(noun: Noun) -> &'static Self {
        let at = SHAPES.iter().position(|shape| shape.noun == noun);
        &SHAPES[at.expect("every noun has a shape")]
    }

    /// The shape of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SHAPES.iter().find(|shape| shape.name == name)
    }

    /// The contract's key, from its fields' texts in order.
    pub fn key(&self, texts: &[&str]) -> Result<entries::EntryKey, (&'static str, String)> {
        let mut halves = [String::new(), String::new()];
        for (at, field) in self.key.iter().enumerate() {
            let text = texts.get(at).copied().unwrap_or_default();
            halves[at] = field.parse(text).map_err(|why| (field.name(), why))?;
        }
        let [subject, place] = halves;
        Ok(entries::EntryKey { noun: self.noun, subject, place })
    }

    /// The fields of a key, as callers read them.
    pub fn key_fields(&self, subject: &str, place: &str) -> Map<String, Value> {
        let halves = [subject, place];
        let fields = self.key.iter().zip(halves).map(|(field, half)| {
            let written = if *field == AreaField { Area::written(half) } else { half };
            (field.name().to_owned(), written.into())
        });
        fields.collect()
    }

    /// A body of this noun.
    pub fn body(
        &self,
        content_type: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<entries::EntryBody, Problem> {
        fn typed<T>(
            content_type: Option<&[u8]>,
            bytes: &[u8],
        ) -> Result<entries::EntryBody, Problem>
        where
            T: DeserializeOwned + Into<entries::EntryBody>,
        {
            Ok(body::<T>(content_type, bytes)?.into())
        }
        match self.noun {
            Noun::Warehouse => body::<Warehouse>(content_type, bytes)?
                .into_body()
                .map_err(|why| Problem::malformed_body("", why)),
            Noun::ServiceArea => typed::<ServiceArea>(content_type, bytes),
            Noun::Category => typed::<Category>(content_type, bytes),
            Noun::Restriction => typed::<Restriction>(content_type, bytes),
            Noun::Calendar => typed::<Calendar>(content_type, bytes),
            Noun::SafetyStock => typed::<SafetyStock>(content_type, bytes),
            Noun::Division => typed::<Division>(content_type, bytes),
        }
    }

    /// An entry of this noun, its key and body in one object. The error is a sentence.
    pub fn entry(&self, mut fields: Map<String, Value>) -> Result<entries::Entry, String> {
        if let Some(name) = with_misplaced_array(&fields) {
            return Err(format!("{name} has an array where the contract has none"));
        }
        let mut texts = Vec::with_capacity(2);
        for field in self.key {
            match fields.remove(field.name()) {
                Some(Value::String(text)) => texts.push(text),
                Some(_) => return Err(format!("{} is a text", field.name())),
                None => return Err(format!("missing field `{}`", field.name())),
            }
        }
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let entries::EntryKey { subject, place, .. } = self.key(&texts).map_err(|(_, why)| why)?;
        Ok(entries::Entry { subject, place, body: self.body_of(fields)? })
    }

    fn body_of(&self, fields: Map<String, Value>) -> Result<entries::EntryBody, String> {
        fn typed<T>(fields: Map<String, Value>) -> Result<entries::EntryBody, String>
        where
            T: DeserializeOwned + Into<entries::EntryBody>,
        {
            let body: T = value(fields)?;
            Ok(body.into())
        }
        fn value<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
            T::deserialize(Value::Object(fields)).map_err(|error| error.to_string())
        }
        match self.noun {
            Noun::Warehouse => Ok(value::<Warehouse>(fields)?.into_body()?),
            Noun::ServiceArea => typed::<ServiceArea>(fields),
            Noun::Category => typed::<Category>(fields),
            Noun::Restriction => typed::<Restriction>(fields),
            Noun::Calendar => typed::<Calendar>(fields),
            Noun::SafetyStock => typed::<SafetyStock>(fields),
            Noun::Division => typed::<Division>(fields),
        }
    }

    /// An entry as callers read it: the fields of its key and of its body in one object.
    pub fn fields(&self, entry: &entries::Entry) -> Map<String, Value> {
        let mut fields = self.key_fields(&entry.subject, &entry.place);
        fields.extend(body_fields(&entry.body));
        fields
    }
}

impl KeyField {
    /// Its name in JSON, and in a path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warehouse => "warehouse",
            Self::Area => "area",
            Self::Sku => "sku",
            Self::Subject => "subject",
            Self::Adcode => "adcode",
        }
    }

    /// What the contract has for a text.
    fn parse(self, text: &str) -> Result<String, String> {
        fn word<R: TextRule>(text: &str) -> Result<String, String> {
            Text::<R>::parse(text).map(Text::into_string).map_err(|bounds| bounds.to_string())
        }
        match self {
            Self::Warehouse => word::<crate::words::WarehouseCodeRule>(text),
            Self::Sku => word::<crate::words::SkuRule>(text),
            Self::Adcode => word::<crate::words::AdcodeRule>(text),
            Self::Area => match Area::parse(text) {
                Some(area) => Ok(area.into_digits()),
                None => Err(Area::refused().to_owned()),
            },
            Self::Subject => {
                let name = text.strip_prefix("sku:").or_else(|| text.strip_prefix("category:"));
                let fits = name.is_some_and(|name| Sku::parse(name).is_ok());
                if fits || text == "all" {
                    Ok(text.to_owned())
                } else {
                    Err("a restriction's subject is `all`, `sku:…` or `category:…`".to_owned())
                }
            }
        }
    }

    /// Its schema in a path.
    pub fn schema(self) -> RefOr<Schema> {
        match self {
            Self::Warehouse => WarehouseCode::schema(),
            Self::Area => Area::schema(),
            Self::Sku => Sku::schema(),
            Self::Adcode => Adcode::schema(),
            Self::Subject => ObjectBuilder::new()
                .schema_type(Type::String)
                .pattern(Some("^(all|(sku|category):[!-~]{1,64})$"))
                .into(),
        }
    }
}

/// What an entry says, as callers read it.
pub(crate) fn body_fields(body: &entries::EntryBody) -> Map<String, Value> {
    fn fields<T: Serialize>(view: &T) -> Map<String, Value> {
        match serde_json::to_value(view) {
            Ok(Value::Object(fields)) => fields,
            _ => unreachable!("bodies are objects of texts and finite numbers"),
        }
    }
    match body {
        entries::EntryBody::Warehouse(it) => fields(&Warehouse::from(it)),
        entries::EntryBody::ServiceArea(it) => {
            let pairs = [("priority", it.priority.into()), ("backup", it.backup.into())];
            pairs.map(|(name, value): (&str, Value)| (name.to_owned(), value)).into_iter().collect()
        }
        entries::EntryBody::Category(it) => one("category", it.as_str()),
        entries::EntryBody::Restriction(it) => fields(&Restriction::from(it.as_slice())),
        entries::EntryBody::Calendar(it) => fields(&Calendar::from(it)),
        entries::EntryBody::SafetyStock(units) => one("units", *units),
        entries::EntryBody::Division(it) => fields(&DivisionView::from(it)),
    }
}

fn one(name: &str, value: impl Into<Value>) -> Map<String, Value> {
    std::iter::once((name.to_owned(), value.into())).collect()
}

/// A division as it is written.
#[derive(Serialize)]
struct DivisionView<'a> {
    name: &'a str,
    lat: Latitude,
    lon: Longitude,
}

impl<'a> From<&'a entries::Division> for DivisionView<'a> {
    fn from(it: &'a entries::Division) -> Self {
        let entries::Location { latitude_e6, longitude_e6 } = it.location;
        let (lat, lon) = (words::Degrees(latitude_e6), words::Degrees(longitude_e6));
        Self { name: &it.name, lat, lon }
    }
}

/// An entry with its version, as an answer.
pub struct StoredEntry(pub Map<String, Value>);

impl StoredEntry {
    /// The answer to a reading.
    pub fn new(noun: Noun, stored: &catalog::StoredEntry) -> Self {
        let mut fields = Shape::of(noun).fields(&stored.entry);
        fields.insert("version".to_owned(), stored.version.into());
        Self(fields)
    }
}

/// A page of entries, as an answer.
pub fn page(noun: Noun, listed: &[catalog::StoredEntry], limit: u32) -> Value {
    let shape = Shape::of(noun);
    let next = listed.last().filter(|_| listed.len() == limit as usize);
    let next = next.map(|it| key_text(shape, &it.entry.subject, &it.entry.place));
    let entries: Vec<Value> =
        listed.iter().map(|it| Value::Object(StoredEntry::new(noun, it).0)).collect();
    serde_json::json!({ "entries": entries, "next": next })
}

/// A key in one text: what a list's `after` and `prefix` take.
pub fn key_text(shape: &Shape, subject: &str, place: &str) -> String {
    if shape.key.len() == 1 { subject.to_owned() } else { format!("{subject} {place}") }
}

/// A page of entries of any noun.
pub struct Entries;

impl PartialSchema for Entries {
    fn schema() -> RefOr<Schema> {
        let entry = ObjectBuilder::new().schema_type(Type::Object);
        let next = ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
            .description(Some(
                "What to pass as `after` for the next page; null: this is the last.",
            ));
        ObjectBuilder::new()
            .property("entries", ArrayBuilder::new().items(entry))
            .required("entries")
            .property("next", next)
            .required("next")
            .into()
    }
}

impl ToSchema for Entries {}

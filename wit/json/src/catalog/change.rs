//! Changes of the catalog: one entry by its path, or many in one body, all or none.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::query::Edit;
use super::{SHAPES, Shape};
use crate::contract::{entries, types};
use crate::object::Untyped;
use crate::words::{Reason, RequestId, list};

/// All items or none, in order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CatalogChange {
    reason: Reason,
    /// Who.
    author: Option<Reason>,
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<Item>,
    /// Refuse to close a warehouse that holds orders; without it they are listed.
    #[serde(default)]
    refuse_in_use: bool,
    /// Say what would come of it, and change nothing.
    #[serde(default)]
    dry_run: bool,
    /// Makes the call idempotent; without it every call counts.
    request_id: Option<RequestId>,
}

/// `{"put": {NOUN: {…}}}` or `{"delete": {NOUN: {…key…}}}`, and perhaps `expected_version`.
#[derive(Deserialize)]
#[serde(try_from = "ItemFields")]
pub struct Item(types::CatalogItem);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ItemFields {
    put: Option<Untyped>,
    delete: Option<Untyped>,
    /// The version it has; 0: there is none.
    expected_version: Option<u64>,
}

impl TryFrom<ItemFields> for Item {
    type Error = String;

    fn try_from(fields: ItemFields) -> Result<Self, String> {
        let ItemFields { put, delete, expected_version } = fields;
        let change = match (put, delete) {
            (Some(put), None) => {
                let (shape, fields) = of_noun(put.into_fields()?)?;
                types::EntryChange::Put(shape.entry(fields)?)
            }
            (None, Some(delete)) => {
                let (shape, fields) = of_noun(delete.into_fields()?)?;
                types::EntryChange::Delete(key(shape, &fields)?)
            }
            _ => return Err("an item has exactly one of put and delete".to_owned()),
        };
        let expected_version = at(expected_version);
        Ok(Self(types::CatalogItem { change, expected_version }))
    }
}

/// The version that is expected; 0: that there is none.
pub fn at(version: Option<u64>) -> types::ExpectedVersion {
    version.map_or(types::ExpectedVersion::Any, types::ExpectedVersion::Version)
}

/// The one field of an object, which is named as a noun.
fn of_noun(object: Map<String, Value>) -> Result<(&'static Shape, Map<String, Value>), String> {
    let mut fields = object.into_iter();
    match (fields.next(), fields.next()) {
        (Some((name, Value::Object(entry))), None) => {
            let names = SHAPES.each_ref().map(|shape| shape.name).join(", ");
            let shape = Shape::named(&name);
            let shape = shape.ok_or_else(|| format!("there is no {name}; nouns are {names}"))?;
            Ok((shape, entry))
        }
        _ => Err("an entry is written {\"NOUN\": {…}}".to_owned()),
    }
}

fn key(shape: &Shape, fields: &Map<String, Value>) -> Result<entries::EntryKey, String> {
    let known = |name: &str| shape.key.iter().any(|field| field.name() == name);
    if let Some(name) = fields.keys().find(|name| !known(name)) {
        return Err(format!("unknown field `{name}` in the key of a {}", shape.name));
    }
    let text = |field: &super::KeyField| fields.get(field.name()).and_then(Value::as_str);
    let texts: Vec<&str> = shape.key.iter().map(|field| text(field).unwrap_or_default()).collect();
    shape.key(&texts).map_err(|(_, why)| why)
}

impl CatalogChange {
    /// The command.
    pub fn into_command(self) -> types::Command {
        types::Command::Catalog(types::CatalogChange {
            author: self.author.map(Reason::into_string),
            reason: self.reason.into_string(),
            items: self.items.into_iter().map(|Item(item)| item).collect(),
            refuse_in_use: self.refuse_in_use,
            dry_run: self.dry_run,
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

/// The command that changes one entry.
pub fn put_of(
    change: types::EntryChange,
    expected_version: types::ExpectedVersion,
    edit: Edit,
) -> types::Command {
    let reason = match &change {
        types::EntryChange::Put(_) => "put",
        types::EntryChange::Delete(_) => "delete",
    };
    types::Command::Catalog(types::CatalogChange {
        author: edit.author,
        reason: edit.reason.unwrap_or_else(|| reason.to_owned()),
        items: vec![types::CatalogItem { change, expected_version }],
        refuse_in_use: edit.refuse_in_use,
        dry_run: edit.dry_run,
        request_id: edit.request_id,
    })
}

/// The answer to a change of the catalog.
#[derive(Serialize, ToSchema)]
pub struct CatalogAnswer<'a> {
    /// One for each item, each deleted warehouse followed by what went with it.
    changed: Vec<ChangedEntry<'a>>,
}

/// An entry after a change.
#[derive(Serialize, ToSchema)]
pub struct ChangedEntry<'a> {
    /// Its noun, and the fields of its key.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    key: Map<String, Value>,
    /// `created`, `updated`, `unchanged`, `deleted`, or `absent`: there was nothing to delete.
    effect: &'static str,
    /// 0 where there is none now.
    version: u64,
    /// Orders that hold units in a warehouse that this closed: at most 100.
    holding: &'a [String],
}

impl<'a> From<&'a [types::ChangedEntry]> for CatalogAnswer<'a> {
    fn from(changed: &'a [types::ChangedEntry]) -> Self {
        let entry = |it: &'a types::ChangedEntry| ChangedEntry {
            key: changed_key(&it.key),
            effect: match it.effect {
                types::EntryEffect::Created => "created",
                types::EntryEffect::Updated => "updated",
                types::EntryEffect::Unchanged => "unchanged",
                types::EntryEffect::Deleted => "deleted",
                types::EntryEffect::Absent => "absent",
            },
            version: it.version,
            holding: &it.holding,
        };
        Self { changed: changed.iter().map(entry).collect() }
    }
}

/// A key with its noun, as fields.
pub(crate) fn changed_key(key: &entries::EntryKey) -> Map<String, Value> {
    let shape = Shape::of(key.noun);
    let mut fields = shape.key_fields(&key.subject, &key.place);
    fields.insert("noun".to_owned(), shape.name.into());
    fields
}

/// A key in words.
pub(crate) fn entry_name(key: &entries::EntryKey) -> String {
    let shape = Shape::of(key.noun);
    let fields = shape.key_fields(&key.subject, &key.place);
    let texts: Vec<&str> =
        shape.key.iter().filter_map(|field| fields[field.name()].as_str()).collect();
    format!("{} {}", shape.name, texts.join(" "))
}

/// One object for each noun.
impl PartialSchema for Item {
    fn schema() -> RefOr<Schema> {
        let of_noun = || {
            let entry = || ObjectBuilder::new().schema_type(Type::Object);
            let nouns = ObjectBuilder::new()
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
                .max_properties(Some(1));
            SHAPES.iter().fold(nouns, |nouns, shape| nouns.property(shape.name, entry()))
        };
        ObjectBuilder::new()
            .description(Some(
                "Exactly one of `put`, with an entry under its noun's name (the fields of its key \
                 and body), and `delete`, with the fields of its key.",
            ))
            .property("put", of_noun())
            .property("delete", of_noun())
            .property("expected_version", ObjectBuilder::new().schema_type(Type::Integer))
            .additional_properties(Some(AdditionalProperties::FreeForm(false)))
            .into()
    }
}

impl ToSchema for Item {}

//! The columns of each subject: which fields a row has, and how a cell is read and written.

use serde_json::{Map, Value};

use super::Subject;
use crate::catalog::{Noun, Shape};
use crate::contract::sessions::{Row, StockRow};
use crate::object::Untyped;
use crate::words::{CounterValue, Sku, WarehouseCode};

/// How a cell is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// As it is.
    Text,
    /// A number, `true` or `false`.
    Plain,
    /// JSON.
    Json,
}

/// A column: its name, which is a field's, and how its cells are written.
pub(super) type Column = (&'static str, Cell);

/// The columns of a subject in the order they are exported. Restrictions have a row for each rule.
pub(super) fn of(subject: Subject) -> &'static [Column] {
    use Cell::{Json, Plain, Text};
    let Subject::Catalog(shape) = subject else {
        return &[
            ("sku", Text),
            ("warehouse", Text),
            ("sellable", Plain),
            ("on_hand", Plain),
            ("unavailable", Plain),
        ];
    };
    match shape.noun {
        Noun::Warehouse => &[
            ("warehouse", Text),
            ("name", Text),
            ("owner", Text),
            ("adcode", Text),
            ("lat", Plain),
            ("lon", Plain),
            ("active", Plain),
        ],
        Noun::ServiceArea => {
            &[("warehouse", Text), ("area", Text), ("priority", Plain), ("backup", Plain)]
        }
        Noun::Category => &[("sku", Text), ("category", Text)],
        Noun::Restriction => &[
            ("subject", Text),
            ("area", Text),
            ("verdict", Text),
            ("from", Text),
            ("until", Text),
            ("name", Text),
        ],
        Noun::Calendar => &[
            ("warehouse", Text),
            ("time_zone", Text),
            ("weekly", Json),
            ("cut_off", Text),
            ("handling_minutes", Plain),
            ("holidays", Json),
            ("workdays", Json),
            ("promotions", Json),
            ("stop_ship", Json),
        ],
        Noun::SafetyStock => &[("sku", Text), ("warehouse", Text), ("units", Plain)],
        Noun::Division => &[("adcode", Text), ("name", Text), ("lat", Plain), ("lon", Plain)],
    }
}

/// A cell as a field's value; `None` where it is empty.
pub(super) fn value(cell: Cell, text: &str) -> Result<Option<Value>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match cell {
        Cell::Text => Ok(Some(text.into())),
        Cell::Plain | Cell::Json => {
            let read: Untyped =
                serde_json::from_str(text).map_err(|_| format!("{text:?} cannot be read"))?;
            read.into_value().map(Some)
        }
    }
}

/// A field as a cell's text.
pub(super) fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

/// What a row's fields say.
pub(super) fn row(subject: Subject, fields: Map<String, Value>) -> Result<Row, String> {
    match subject {
        Subject::Catalog(shape) => shape.entry(fields).map(Row::Entry),
        Subject::Stock => stock(fields).map(Row::Stock),
    }
}

/// Exactly one of `sellable`, and `on_hand` with a warehouse, which may have `unavailable`, too.
fn stock(fields: Map<String, Value>) -> Result<StockRow, String> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        sku: Sku,
        warehouse: Option<WarehouseCode>,
        sellable: Option<CounterValue>,
        on_hand: Option<CounterValue>,
        unavailable: Option<CounterValue>,
    }
    let fields: Fields =
        serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    let units = match (&fields.warehouse, fields.sellable, fields.on_hand) {
        (None, Some(units), None) if fields.unavailable.is_none() => units.to_u32(),
        (Some(_), None, Some(units)) => units.to_u32(),
        _ => {
            let why = "a row has sellable, or a warehouse with on_hand and maybe unavailable";
            return Err(why.to_owned());
        }
    };
    let unavailable = fields.unavailable.map(|it| it.to_u32());
    let warehouse = fields.warehouse.map(WarehouseCode::into_string);
    Ok(StockRow { sku: fields.sku.into_string(), warehouse, units, unavailable })
}

/// The fields of an entry as rows: one, but for restrictions one for each rule.
pub(super) fn rows_of(shape: &Shape, mut fields: Map<String, Value>) -> Vec<Map<String, Value>> {
    match (shape.noun, fields.remove(RULES)) {
        (Noun::Restriction, Some(Value::Array(rules))) => rules
            .into_iter()
            .map(|rule| {
                let mut row = fields.clone();
                if let Value::Object(rule) = rule {
                    row.extend(rule);
                }
                row
            })
            .collect(),
        _ => vec![fields],
    }
}

/// The list that has a row for each of its items.
const RULES: &str = "rules";

/// The fields of a restriction's one row as those of its entry.
pub(super) fn with_rules(shape: &Shape, mut fields: Map<String, Value>) -> Map<String, Value> {
    if shape.noun == Noun::Restriction {
        let names = ["verdict", "from", "until", "name"];
        let rule: Map<String, Value> = names
            .into_iter()
            .filter_map(|name| fields.remove(name).map(|value| (name.to_owned(), value)))
            .collect();
        fields.insert(RULES.to_owned(), Value::Array(vec![Value::Object(rule)]));
    }
    fields
}

/// Adds the rules of a further row of the same key.
pub(super) fn merge(into: &mut Map<String, Value>, mut from: Map<String, Value>) {
    if let (Some(Value::Array(rules)), Some(Value::Array(more))) =
        (into.get_mut(RULES), from.remove(RULES))
    {
        rules.extend(more);
    }
}

//! Corrections of counters by an operator, and their answer.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::contract::types;
use crate::words::{CounterChange, CounterValue, Reason, RequestId, Sku, WarehouseCode, list};

/// All items or none, in order. Unknown skus and warehouses are made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Adjust {
    reason: Reason,
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    items: Vec<AdjustItem>,
    /// Makes the call idempotent; without it every call counts.
    request_id: Option<RequestId>,
}

/// One counter's correction.
#[derive(Deserialize)]
#[serde(try_from = "AdjustItemFields")]
pub struct AdjustItem(types::AdjustItem);

/// An item as it is written: exactly one of `sellable`, `on_hand` and `unavailable`, and with the
/// last two a warehouse.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AdjustItemFields {
    sku: Sku,
    #[serde(default, deserialize_with = "present")]
    warehouse: Option<WarehouseCode>,
    #[serde(default, deserialize_with = "present")]
    sellable: Option<Adjustment>,
    #[serde(default, deserialize_with = "present")]
    on_hand: Option<Adjustment>,
    #[serde(default, deserialize_with = "present")]
    unavailable: Option<Adjustment>,
    #[serde(default, deserialize_with = "present")]
    compare_quantity: Option<CounterValue>,
}

/// A field that may be missing, but not null: which fields there are says what an item corrects.
fn present<'de, D, T>(field: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(field).map(Some)
}

/// A new value for a counter.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// This many.
    Set(CounterValue),
    /// This many more or fewer.
    Change(CounterChange),
}

impl TryFrom<AdjustItemFields> for AdjustItem {
    type Error = &'static str;

    fn try_from(fields: AdjustItemFields) -> Result<Self, Self::Error> {
        let AdjustItemFields { sku, warehouse, sellable, on_hand, unavailable, compare_quantity } =
            fields;
        let warehouse = warehouse.map(WarehouseCode::into_string);
        let (counter, adjustment) = match (warehouse, sellable, on_hand, unavailable) {
            (None, Some(sellable), None, None) => (types::Counter::Sellable, sellable),
            (Some(code), None, Some(on_hand), None) => (types::Counter::OnHand(code), on_hand),
            (Some(code), None, None, Some(unavailable)) => {
                (types::Counter::Unavailable(code), unavailable)
            }
            (Some(_), Some(_), None, None) => return Err("sellable is kept without a warehouse"),
            (None, None, Some(_), None) | (None, None, None, Some(_)) => {
                return Err("on_hand and unavailable need a warehouse");
            }
            _ => return Err("an item has exactly one of sellable, on_hand and unavailable"),
        };
        Ok(Self(types::AdjustItem {
            sku: sku.into_string(),
            counter,
            adjustment: adjustment.into(),
            compare_quantity: compare_quantity.map(|value| value.to_u32()),
        }))
    }
}

impl From<Adjustment> for types::Adjustment {
    fn from(adjustment: Adjustment) -> Self {
        match adjustment {
            Adjustment::Set(value) => Self::Set(value.to_u32()),
            Adjustment::Change(change) => Self::Change(change.to_i32()),
        }
    }
}

/// One object for each counter, since only it says which fields go together.
impl PartialSchema for AdjustItem {
    fn schema() -> RefOr<Schema> {
        let item = |counter| {
            ObjectBuilder::new()
                .property("sku", Ref::from_schema_name(Sku::name()))
                .required("sku")
                .property(counter, Ref::from_schema_name(Adjustment::name()))
                .required(counter)
                .property("compare_quantity", Ref::from_schema_name(CounterValue::name()))
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let of_warehouse = |counter| {
            item(counter)
                .property("warehouse", Ref::from_schema_name(WarehouseCode::name()))
                .required("warehouse")
        };
        OneOfBuilder::new()
            .description(Some("Refused unless the counter has the value of compare_quantity."))
            .item(item("sellable"))
            .item(of_warehouse("on_hand"))
            .item(of_warehouse("unavailable"))
            .into()
    }
}

impl ToSchema for AdjustItem {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Sku::name().into(), Sku::schema()));
        schemas.push((CounterValue::name().into(), CounterValue::schema()));
        schemas.push((WarehouseCode::name().into(), WarehouseCode::schema()));
        schemas.push((Adjustment::name().into(), Adjustment::schema()));
        Adjustment::schemas(schemas);
    }
}

impl Adjust {
    /// The command.
    pub fn into_command(self) -> types::Command {
        types::Command::Adjust(types::Adjust {
            reason: self.reason.into_string(),
            items: self.items.into_iter().map(|AdjustItem(item)| item).collect(),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

/// The answer to an adjustment.
#[derive(Serialize, ToSchema)]
pub struct AdjustAnswer<'a> {
    /// One for each item, in order.
    adjusted: Vec<Adjusted<'a>>,
}

/// A counter after its adjustment.
#[derive(Serialize, ToSchema)]
pub struct Adjusted<'a> {
    sku: &'a str,
    #[serde(flatten)]
    #[schema(inline)]
    name: CounterView<'a>,
    before: u32,
    after: u32,
}

/// Which counter: its name, and its warehouse where it has one.
#[derive(Clone, Copy, Serialize, ToSchema)]
pub struct CounterView<'a> {
    /// `sellable`, `on_hand` or `unavailable`.
    pub counter: &'static str,
    /// The warehouse's code.
    pub warehouse: Option<&'a str>,
}

impl<'a> From<&'a types::Counter> for CounterView<'a> {
    fn from(counter: &'a types::Counter) -> Self {
        match counter {
            types::Counter::Sellable => Self { counter: "sellable", warehouse: None },
            types::Counter::OnHand(code) => Self { counter: "on_hand", warehouse: Some(code) },
            types::Counter::Unavailable(code) => {
                Self { counter: "unavailable", warehouse: Some(code) }
            }
        }
    }
}

impl fmt::Display for CounterView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.warehouse {
            Some(warehouse) => write!(f, "{} in {warehouse}", self.counter),
            None => f.write_str(self.counter),
        }
    }
}

impl<'a> From<&'a [types::Adjusted]> for AdjustAnswer<'a> {
    fn from(items: &'a [types::Adjusted]) -> Self {
        let adjusted = |item: &'a types::Adjusted| Adjusted {
            sku: &item.sku,
            name: (&item.counter).into(),
            before: item.before,
            after: item.after,
        };
        Self { adjusted: items.iter().map(adjusted).collect() }
    }
}

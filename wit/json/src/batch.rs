//! Many commands in one call, decided in order, each with its own outcome.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, Visitor};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::adjust::Adjust;
use crate::catalog::CatalogChange;
use crate::contract::types;
use crate::counts::Count;
use crate::orders::{Confirm, Defaults, Extend, Placement, Release, Ship, Transfer};
use crate::outcome::BatchOutcome;
use crate::problem::Problem;
use crate::words::{OrderId, list};

/// The commands to decide.
#[derive(serde::Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    /// What to do, in order.
    pub commands: Vec<Command>,
}

/// An operation by its name, with the body it would have alone and the order's id in it.
#[derive(serde::Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Hold units.
    Reserve(PlacementCommand),
    /// Hold and pay units in one step.
    Deduct(PlacementCommand),
    /// The hold is paid.
    Confirm(ConfirmCommand),
    /// Prolong a live hold.
    Extend(ExtendCommand),
    /// Packages leave.
    Ship(ShipCommand),
    /// Give units back.
    Release(ReleaseCommand),
    /// A package leaves from another warehouse.
    Transfer(TransferCommand),
    /// Needs the role `admin`.
    Adjust(Adjust),
    /// Needs the role `admin`.
    Catalog(CatalogChange),
    /// What was found in a warehouse.
    Count(Count),
}

// The derive of `ToSchema` wants a plain name for each.
type PlacementCommand = Addressed<Placement>;
type ConfirmCommand = Addressed<Confirm>;
type ExtendCommand = Addressed<Extend>;
type ShipCommand = Addressed<Ship>;
type ReleaseCommand = Addressed<Release>;
type TransferCommand = Addressed<Transfer>;

/// The outcomes, in the order of the commands.
#[derive(Serialize, ToSchema)]
pub struct BatchAnswer<'a> {
    /// One for each command.
    pub outcomes: Vec<BatchOutcome<'a>>,
}

impl Command {
    /// Whether the caller must be an operator.
    pub fn is_for_operators(&self) -> bool {
        matches!(self, Self::Adjust(_) | Self::Catalog(_))
    }

    /// The command, with what the caller left out; a watermark must be of this node.
    pub fn into_command(self, defaults: Defaults, node: &str) -> Result<types::Command, Problem> {
        Ok(match self {
            Self::Reserve(Addressed { order_id, body }) => body.into_reserve(order_id, defaults),
            Self::Deduct(Addressed { order_id, body }) => body.into_deduct(order_id),
            Self::Confirm(Addressed { order_id, body }) => body.into_command(order_id),
            Self::Extend(Addressed { order_id, body }) => body.into_command(order_id),
            Self::Ship(Addressed { order_id, body }) => body.into_command(order_id),
            Self::Release(Addressed { order_id, body }) => body.into_command(order_id),
            Self::Transfer(Addressed { order_id, body }) => body.into_command(order_id),
            Self::Adjust(body) => body.into_command(),
            Self::Catalog(body) => body.into_command(),
            Self::Count(body) => {
                body.into_command(node).map_err(|problem| problem.within("/count"))?
            }
        })
    }
}

impl Batch {
    /// The commands, each with what the caller left out.
    pub fn into_commands(
        self,
        defaults: Defaults,
        node: &str,
    ) -> Result<Vec<types::Command>, Problem> {
        let command = |(number, command): (usize, Command)| {
            let command = command.into_command(defaults, node);
            command.map_err(|problem| problem.within(&format!("/commands/{number}")))
        };
        self.commands.into_iter().enumerate().map(command).collect()
    }
}

/// A body with the order's id among its fields. (`serde(flatten)` would do, but cannot refuse
/// unknown fields, and copies the whole body first.)
pub struct Addressed<T> {
    order_id: OrderId,
    body: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Addressed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AddressedVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for AddressedVisitor<T> {
            type Value = Addressed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an order_id")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Addressed<T>, A::Error> {
                let mut order_id = None;
                let rest = WithoutOrderId { fields, order_id: &mut order_id };
                let body = T::deserialize(MapAccessDeserializer::new(rest))?;
                let order_id = order_id.ok_or_else(|| de::Error::missing_field(ORDER_ID))?;
                Ok(Addressed { order_id, body })
            }
        }
        deserializer.deserialize_map(AddressedVisitor(PhantomData))
    }
}

const ORDER_ID: &str = "order_id";

/// The fields of an object but `order_id`, which is put aside.
struct WithoutOrderId<'a, A> {
    fields: A,
    order_id: &'a mut Option<OrderId>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for WithoutOrderId<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(FieldName(name)) = self.fields.next_key()? {
            if name != ORDER_ID {
                return seed.deserialize(de::value::CowStrDeserializer::new(name)).map(Some);
            }
            if self.order_id.replace(self.fields.next_value()?).is_some() {
                return Err(de::Error::duplicate_field(ORDER_ID));
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.fields.next_value_seed(seed)
    }
}

/// Borrowed from the request unless it is written with escapes.
struct FieldName<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for FieldName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = FieldName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<FieldName<'de>, E> {
                Ok(FieldName(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<FieldName<'de>, E> {
                Ok(FieldName(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

/// The body's own schema with one field more.
impl<T: PartialSchema> PartialSchema for Addressed<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            let order_id = Ref::from_schema_name(OrderId::name()).into();
            object.properties.insert(ORDER_ID.into(), order_id);
            object.required.push(ORDER_ID.into());
        }
        schema
    }
}

impl<T: ToSchema> ToSchema for Addressed<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Command", T::name()).into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((OrderId::name().into(), OrderId::schema()));
        T::schemas(schemas);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::orders::Mode;
    use crate::parse::parse;

    fn refused_at(batch: &str) -> Option<(String, String)> {
        let problem = parse::<Batch>(batch.as_bytes()).err()?;
        let Some(Value::String(pointer)) = problem.members.get("pointer") else {
            panic!("{problem:?} has no pointer");
        };
        Some((pointer.clone(), problem.detail))
    }

    fn check(command: &str, pointer: &str, detail: &str) {
        let batch = format!("{{\"commands\":[{command}]}}");
        let (at, why) = refused_at(&batch).expect(command);
        assert_eq!(at, pointer, "{command}: {why}");
        assert!(why.contains(detail), "{command}: {why}");
    }

    #[test]
    fn every_command_carries_its_order_id_anywhere_in_its_body() {
        for command in [
            r#"{"reserve":{"order_id":"O","lines":[{"sku":"A","quantity":1}]}}"#,
            r#"{"deduct":{"lines":[{"sku":"A","quantity":1}],"order_id":"O"}}"#,
            r#"{"confirm":{"\u006frder_id":"O"}}"#,
            r#"{"extend":{"ttl_s":1,"order_id":"O","request_id":"r"}}"#,
            r#"{"ship":{"order_id":"O","package":1}}"#,
            r#"{"release":{"order_id":"O","reason":"cancel"}}"#,
            r#"{"transfer":{"order_id":"O","package":1,"warehouse":"W2"}}"#,
            r#"{"adjust":{"reason":"x","items":[{"sku":"A","sellable":{"set":0}}]}}"#,
            r#"{"count":{"warehouse":"W","as_of":"2026-11-22T00:00:00Z",
                "items":[{"sku":"A","on_hand":0}]}}"#,
        ] {
            let refused = refused_at(&format!("{{\"commands\":[{command}]}}"));
            assert_eq!(refused, None, "{command}");
        }
    }

    #[test]
    fn a_refused_batch_says_where_and_why() {
        check(r#"{"confirm":{}}"#, "/commands/0/confirm", "missing field `order_id`");
        check(
            r#"{"confirm":{"order_id":"O","order_id":"P"}}"#,
            "/commands/0/confirm",
            "duplicate field `order_id`",
        );
        check(r#"{"ship":{"order_id":"O","box":1}}"#, "/commands/0/ship", "unknown field `box`");
        check(
            r#"{"reserve":{"order_id":"O","lines":[{"sku":"A","quantity":0}]}}"#,
            "/commands/0/reserve/lines/0/quantity",
            "from 1 to 2147483647, not 0",
        );
        check(r#"{"expire":10}"#, "/commands/0", "unknown variant `expire`");
        check(r#"{"confirm":{"order_id":"O"},"ship":{}}"#, "/commands/0", "");
        check(
            r#"{"adjust":{"reason":"x","items":[{"sku":"A","on_hand":{"set":0}}]}}"#,
            "/commands/0/adjust/items/0",
            "need a warehouse",
        );
    }

    #[test]
    fn a_watermark_of_another_node_says_which_command_has_it() {
        let count = r#"{"count":{"warehouse":"W","as_of":"2026-11-22T00:00:00Z",
            "watermark":"edge-2:1","items":[{"sku":"A","on_hand":0}]}}"#;
        let batch = format!(r#"{{"commands":[{{"confirm":{{"order_id":"O"}}}},{count}]}}"#);
        let batch = parse::<Batch>(batch.as_bytes()).unwrap();
        let defaults = Defaults { mode: Mode::ReserveOnOrder, ttl_s: 1 };
        let problem = batch.into_commands(defaults, "edge-1").unwrap_err();
        assert_eq!(problem.members["pointer"], "/commands/1/count/watermark");
    }

    #[test]
    fn a_batch_is_1_to_1000_commands() {
        let command = r#"{"confirm":{"order_id":"O"}}"#;
        let batch = |count| format!("{{\"commands\":[{}]}}", vec![command; count].join(","));
        assert_eq!(refused_at(&batch(1_000)), None);
        assert!(refused_at(&batch(0)).is_some_and(|(at, _)| at == "/commands"));
        assert!(refused_at(&batch(1_001)).is_some_and(|(at, _)| at == "/commands"));
    }
}

//! An object that is read before it is known what it describes.

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// A JSON value, and the first name that one of its objects has twice: of those, JSON itself says
/// nothing, and whichever counts may not be the one that was meant.
pub(crate) struct Untyped {
    value: Value,
    named_twice: Option<String>,
}

impl Untyped {
    /// The value; or why a type of the contract could not be read from it.
    pub(crate) fn into_value(self) -> Result<Value, String> {
        match self.named_twice {
            Some(name) => Err(format!("duplicate field `{name}`")),
            None => Ok(self.value),
        }
    }

    /// The same, of what is to be an object: its fields.
    pub(crate) fn into_fields(self) -> Result<Map<String, Value>, String> {
        match self.into_value()? {
            Value::Object(fields) => Ok(fields),
            _ => Err("it is no object".to_owned()),
        }
    }
}

impl<'de> Deserialize<'de> for Untyped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut named_twice = None;
        let value = Reader(&mut named_twice).deserialize(deserializer)?;
        Ok(Self { value, named_twice })
    }
}

/// Reads a value, and on to its end where a name comes twice: another may follow in the same file.
struct Reader<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(Reader(self.0))? {
            read.push(item);
        }
        Ok(read.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(Reader(self.0))?;
            if read.contains_key(&name) {
                self.0.get_or_insert(name);
            } else {
                read.insert(name, value);
            }
        }
        Ok(read.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_serde_json_reads_it() {
        let text =
            r#" {"a":[1,-2,1.5,1e300,"\n",true,null,[]],"b":{"a":{}},"c":18446744073709551615}"#;
        let read: Untyped = serde_json::from_str(text).unwrap();
        let expected: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(read.into_fields(), Ok(expected));
    }

    #[test]
    fn no_object_names_a_field_twice() {
        let fields = |text: &str| serde_json::from_str::<Untyped>(text).unwrap().into_fields();
        assert!(fields(r#"{"a":{"b":1},"b":{"b":1}}"#).is_ok());
        for text in
            [r#"{"b":1,"b":1}"#, r#"{"a":{"b":1,"b":2}}"#, r#"{"a":[{"b":1,"a":0,"\u0062":2}]}"#]
        {
            assert_eq!(fields(text).unwrap_err(), "duplicate field `b`", "{text}");
        }
        assert_eq!(fields("[]").unwrap_err(), "it is no object");
    }
}

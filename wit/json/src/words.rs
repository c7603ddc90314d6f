//! The words of spec.md §2 as callers may write them: one door into each, with its bounds, which
//! the OpenAPI document repeats. Past this door nothing is a raw string or an unchecked number.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// The most items of any list in a request.
pub const LIST_ITEMS_MAX: usize = 1_000;

/// What a text of this kind may be.
pub trait TextRule {
    /// The name in the OpenAPI document.
    const NAME: &'static str;
    /// What it must be, as the rest of "a sku is …".
    const WHAT: &'static str;
    /// The fewest bytes.
    const LENGTH_MIN: usize;
    /// The most bytes.
    const LENGTH_MAX: usize;
    /// The same as `allows`, as a regular expression.
    const PATTERN: &'static str;
    /// Whether it may stand in such a text.
    fn allows(byte: u8) -> bool;
}

/// A text that keeps its rule.
pub struct Text<R>(String, PhantomData<R>);

/// A text or number outside its bounds; its message is a sentence.
#[derive(Debug, PartialEq)]
pub struct OutOfBounds(String);

impl<R: TextRule> Text<R> {
    /// The only door.
    pub fn parse(text: &str) -> Result<Self, OutOfBounds> {
        let fits = (R::LENGTH_MIN..=R::LENGTH_MAX).contains(&text.len());
        if fits && text.bytes().all(R::allows) {
            Ok(Self(text.to_owned(), PhantomData))
        } else {
            Err(OutOfBounds(format!("{} is {}", R::NAME, R::WHAT)))
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! text_rule {
    ($(#[$doc:meta])* $name:ident, $rule:ident, $min:literal..=$max:literal, $pattern:literal,
     $allows:expr, $what:literal) => {
        $(#[$doc])*
        pub type $name = Text<$rule>;
        #[doc = concat!("What a [`", stringify!($name), "`] is.")]
        pub enum $rule {}
        impl TextRule for $rule {
            const NAME: &'static str = stringify!($name);
            const WHAT: &'static str = $what;
            const LENGTH_MIN: usize = $min;
            const LENGTH_MAX: usize = $max;
            const PATTERN: &'static str = $pattern;
            fn allows(byte: u8) -> bool {
                let allows: fn(&u8) -> bool = $allows;
                allows(&byte)
            }
        }
    };
}

text_rule!(
    /// A stock-keeping unit.
    Sku, SkuRule, 1..=64, "^[!-~]+$", u8::is_ascii_graphic,
    "1 to 64 visible ASCII characters"
);
text_rule!(
    /// The caller's serial number of an order.
    OrderId, OrderIdRule, 1..=128, "^[!-~]+$", u8::is_ascii_graphic,
    "1 to 128 visible ASCII characters"
);
text_rule!(
    /// The caller's name for one attempt at an operation.
    RequestId, RequestIdRule, 1..=128, "^[!-~]+$", u8::is_ascii_graphic,
    "1 to 128 visible ASCII characters"
);
text_rule!(
    /// A warehouse's code.
    WarehouseCode, WarehouseCodeRule, 1..=64, "^[!-~]+$", u8::is_ascii_graphic,
    "1 to 64 visible ASCII characters"
);
text_rule!(
    /// A GB/T 2260 area code.
    Adcode, AdcodeRule, 6..=6, "^[0-9]{6}$", u8::is_ascii_digit,
    "six digits (GB/T 2260)"
);
text_rule!(
    /// What skus with the same restrictions have in common.
    Category, CategoryRule, 1..=64, "^[!-~]+$", u8::is_ascii_graphic,
    "1 to 64 visible ASCII characters"
);
text_rule!(
    /// Why an operator corrects a counter.
    Reason, ReasonRule, 1..=128, "^[ -~]+$", |byte| (b' '..=b'~').contains(byte),
    "1 to 128 visible ASCII characters or spaces"
);

/// What a number of this kind may be.
pub trait IntegerRule {
    /// The name in the OpenAPI document.
    const NAME: &'static str;
    /// The least.
    const MIN: i64;
    /// The most.
    const MAX: i64;
}

/// A whole number that keeps its rule.
pub struct Integer<R>(i64, PhantomData<R>);

impl<R: IntegerRule> Integer<R> {
    /// The only door.
    pub fn new(value: i64) -> Result<Self, OutOfBounds> {
        if (R::MIN..=R::MAX).contains(&value) {
            Ok(Self(value, PhantomData))
        } else {
            Err(Self::out_of_bounds(&value))
        }
    }

    fn out_of_bounds(value: &dyn fmt::Display) -> OutOfBounds {
        OutOfBounds(format!("{} is an integer from {} to {}, not {value}", R::NAME, R::MIN, R::MAX))
    }
}

impl<R: IntegerRule> Integer<R> {
    /// For rules whose numbers are never negative.
    pub fn to_u64(&self) -> u64 {
        u64::try_from(self.0).expect("the rule's MIN is not below zero")
    }

    /// For rules within 0..2^32.
    pub fn to_u32(&self) -> u32 {
        u32::try_from(self.0).expect("the rule's MIN and MAX fit 32 bits")
    }

    /// For rules within -2^31..2^31.
    pub fn to_i32(&self) -> i32 {
        i32::try_from(self.0).expect("the rule's MIN and MAX fit 32 bits with sign")
    }
}

macro_rules! integer_rule {
    ($(#[$doc:meta])* $name:ident, $rule:ident, $min:literal..=$max:literal) => {
        $(#[$doc])*
        pub type $name = Integer<$rule>;
        #[doc = concat!("What a [`", stringify!($name), "`] is.")]
        pub enum $rule {}
        impl IntegerRule for $rule {
            const NAME: &'static str = stringify!($name);
            const MIN: i64 = $min;
            const MAX: i64 = $max;
        }
    };
}

integer_rule!(
    /// Units of one sku in a request.
    Quantity, QuantityRule, 1..=2_147_483_647
);
integer_rule!(
    /// The value of a counter.
    CounterValue, CounterValueRule, 0..=2_147_483_647
);
integer_rule!(
    /// Units to add to a counter, or to take from it.
    CounterChange, CounterChangeRule, -2_147_483_647..=2_147_483_647
);
integer_rule!(
    /// Hundredths of something.
    Percent, PercentRule, 0..=100
);
integer_rule!(
    /// A page of a snapshot.
    PageNumber, PageNumberRule, 1..=10_000
);
integer_rule!(
    /// How many pages a snapshot has; none: nothing lies there.
    PageCount, PageCountRule, 0..=10_000
);
integer_rule!(
    /// Seconds until an unpaid hold ends; at most a year.
    TimeToLive, TimeToLiveRule, 1..=31_536_000
);
integer_rule!(
    /// A package's number within its order.
    PackageNumber, PackageNumberRule, 1..=2_147_483_647
);
integer_rule!(
    /// A sequence in the change feed; every JSON reader holds it exactly.
    Sequence, SequenceRule, 0..=9_007_199_254_740_991
);
integer_rule!(
    /// How many changes to list.
    ChangesLimit, ChangesLimitRule, 1..=1_000
);

/// A list of 1..1,000 items; stops reading at the first item too many.
pub fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(ListVisitor(PhantomData))
}

/// The same, where the list may be left out or `null`.
pub fn optional_list<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Given<T>(Vec<T>);
    impl<'de, T: Deserialize<'de>> Deserialize<'de> for Given<T> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            list(deserializer).map(Self)
        }
    }
    Ok(Option::<Given<T>>::deserialize(deserializer)?.map(|given| given.0))
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of 1 to {LIST_ITEMS_MAX} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            if list.len() == LIST_ITEMS_MAX {
                return Err(de::Error::invalid_length(LIST_ITEMS_MAX + 1, &self));
            }
            list.push(item);
        }
        if list.is_empty() {
            return Err(de::Error::invalid_length(0, &self));
        }
        Ok(list)
    }
}

impl<'de, R: TextRule> Deserialize<'de> for Text<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<R>(PhantomData<R>);
        impl<R: TextRule> Visitor<'_> for TextVisitor<R> {
            type Value = Text<R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(R::WHAT)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<R>, E> {
                Text::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

impl<'de, R: IntegerRule> Deserialize<'de> for Integer<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IntegerVisitor<R>(PhantomData<R>);
        impl<R: IntegerRule> Visitor<'_> for IntegerVisitor<R> {
            type Value = Integer<R>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "an integer from {} to {}", R::MIN, R::MAX)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Integer<R>, E> {
                Integer::new(value).map_err(E::custom)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Integer<R>, E> {
                match i64::try_from(value) {
                    Ok(value) => self.visit_i64(value),
                    Err(_) => Err(E::custom(Integer::<R>::out_of_bounds(&value))),
                }
            }
        }
        deserializer.deserialize_i64(IntegerVisitor(PhantomData))
    }
}

impl<R> Serialize for Text<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<R> Serialize for Integer<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<R: TextRule> PartialSchema for Text<R> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(R::WHAT))
            .min_length(Some(R::LENGTH_MIN))
            .max_length(Some(R::LENGTH_MAX))
            .pattern(Some(R::PATTERN))
            .into()
    }
}

impl<R: TextRule> ToSchema for Text<R> {
    fn name() -> Cow<'static, str> {
        R::NAME.into()
    }
}

impl<R: IntegerRule> PartialSchema for Integer<R> {
    fn schema() -> RefOr<Schema> {
        let number = |bound: i64| isize::try_from(bound).expect("the host is a 64-bit machine");
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(number(R::MIN)))
            .maximum(Some(number(R::MAX)))
            .into()
    }
}

impl<R: IntegerRule> ToSchema for Integer<R> {
    fn name() -> Cow<'static, str> {
        R::NAME.into()
    }
}

/// Milliseconds since 1970 UTC, written as RFC 3339 with three decimals.
#[derive(Clone, Copy, Debug)]
pub struct Instant(pub i64);

impl Instant {
    /// RFC 3339 in UTC; `None` for anything else, and before 1970.
    pub fn parse(text: &str) -> Option<Self> {
        let time = humantime::parse_rfc3339(text).ok()?;
        let since_1970 = time.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since_1970.as_millis()).ok().map(Self)
    }
}

/// The last millisecond of year 9999, the last that RFC 3339 can write.
const INSTANT_MAX_MS: u64 = 253_402_300_799_999;

impl fmt::Display for Instant {
    /// An instant RFC 3339 cannot write is shown as the nearest one it can: no guest sets such a
    /// time, and an answer must not fail on one that does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = u64::try_from(self.0).unwrap_or(0).min(INSTANT_MAX_MS);
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl PartialSchema for Instant {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .into()
    }
}

impl ToSchema for Instant {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_refused_outside_their_length_and_alphabet() {
        for (text, fits) in
            [("85123A", true), ("", false), ("a b", false), ("é", false), ("~!", true)]
        {
            assert_eq!(Sku::parse(text).is_ok(), fits, "{text:?}");
        }
        assert!(Sku::parse(&"x".repeat(64)).is_ok());
        assert!(Sku::parse(&"x".repeat(65)).is_err());
        assert!(OrderId::parse(&"x".repeat(128)).is_ok());
        assert!(OrderId::parse(&"x".repeat(129)).is_err());
        assert!(Adcode::parse("440305").is_ok());
        assert!(Adcode::parse("44030").is_err());
        assert!(Adcode::parse("44030a").is_err());
        assert!(Reason::parse("stock take 7").is_ok());
        assert!(Reason::parse("tab\there").is_err());
    }

    #[test]
    fn integers_are_whole_and_within_their_bounds() {
        for (json, fits) in [
            ("1", true),
            ("2147483647", true),
            ("0", false),
            ("-1", false),
            ("2147483648", false),
            ("18446744073709551615", false),
            ("99999999999999999999999", false),
            ("1.0", false),
            ("1e3", false),
            ("\"1\"", false),
            ("true", false),
            ("null", false),
        ] {
            assert_eq!(serde_json::from_str::<Quantity>(json).is_ok(), fits, "{json}");
        }
        assert!(serde_json::from_str::<CounterChange>("-2147483647").is_ok());
        assert!(serde_json::from_str::<CounterChange>("-2147483648").is_err());
    }

    #[test]
    fn an_instant_is_rfc_3339_with_milliseconds() {
        assert_eq!(Instant(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Instant(1_322_000_000_007).to_string(), "2011-11-22T22:13:20.007Z");
        assert_eq!(Instant::parse("2011-11-22T22:13:20.007Z").unwrap().0, 1_322_000_000_007);
        assert!(Instant::parse("1969-12-31T23:59:59Z").is_none());
        assert_eq!(Instant(-1).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Instant(i64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }
}

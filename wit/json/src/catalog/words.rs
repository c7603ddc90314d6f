//! Words of the catalog that are no plain text or number: one door into each, and out again.

use std::borrow::Cow;

use serde::de::{self, Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::words::Instant;

/// How everywhere is written: an area of no digits would vanish from a path.
const EVERYWHERE: &str = "everywhere";

/// A word that is written as text.
macro_rules! spelled {
    ($name:ident, $pattern:literal, $what:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| de::Error::custom($name::refused()))
            }
        }

        impl $name {
            /// What a text that is none is answered.
            pub fn refused() -> &'static str {
                concat!(stringify!($name), " is ", $what)
            }
        }

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .description(Some($what))
                    .pattern(Some($pattern))
                    .into()
            }
        }

        impl ToSchema for $name {}
    };
}

/// What people call a thing, in any script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(pub String);

spelled!(
    Label,
    r"^[^\u0000-\u001F\u007F]{1,128}$",
    "1 to 128 characters, none a control character"
);

impl Label {
    /// The only door for callers' texts.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=128).contains(&text.chars().count());
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The first 0 (written `everywhere`), 2, 4 or 6 digits of an adcode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area(String);

spelled!(
    Area,
    "^(everywhere|([0-9]{2}){1,3})$",
    "`everywhere`, or the first 2, 4 or 6 digits of an adcode"
);

impl Area {
    /// The only door for callers' texts.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = if text == EVERYWHERE { "" } else { text };
        let is_area = matches!((text.len(), digits.len()), (2 | 4 | 6, _) | (_, 0));
        let fits = is_area && !text.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        fits.then(|| Self(digits.to_owned()))
    }

    /// As the contract has it: the digits alone.
    pub fn into_digits(self) -> String {
        self.0
    }

    /// How the contract's digits are written.
    pub fn written(digits: &str) -> &str {
        if digits.is_empty() { EVERYWHERE } else { digits }
    }
}

/// A minute of a local day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(pub u16);

spelled!(TimeOfDay, "^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$", "a time from 00:00 to 24:00");

impl TimeOfDay {
    /// The only door for callers' texts.
    pub fn parse(text: &str) -> Option<Self> {
        let (hours, minutes) = text.split_once(':')?;
        let number = |text: &str| -> Option<u16> {
            (text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit()))
                .then(|| text.parse().ok())?
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let minute = hours * 60 + minutes;
        (minutes < 60 && minute <= 1_440).then_some(Self(minute))
    }
}

impl Serialize for TimeOfDay {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:02}:{:02}", self.0 / 60, self.0 % 60))
    }
}

/// A day of the calendar; the guest knows which there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Date(pub String);

spelled!(Date, "^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "a date, YYYY-MM-DD");

impl Date {
    /// The only door for callers' texts.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |at: usize, byte: u8| {
            if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
        };
        let fits = text.len() == 10 && text.bytes().enumerate().all(|(at, byte)| digit(at, byte));
        fits.then(|| Self(text.to_owned()))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A moment, RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(pub i64);

spelled!(
    Moment,
    "^[0-9]{4}-.*Z$",
    "a time in UTC as RFC 3339 has it, such as 2026-11-11T00:00:00Z"
);

impl Moment {
    /// The only door for callers' texts.
    pub fn parse(text: &str) -> Option<Self> {
        Instant::parse(text).map(|Instant(at)| Self(at))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Instant(self.0).serialize(serializer)
    }
}

/// An angle of at most `MAX` degrees either way, kept in millionths of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Degrees<const MAX: i32>(pub i32);

/// Degrees north.
pub type Latitude = Degrees<90>;
/// Degrees east.
pub type Longitude = Degrees<180>;

impl<'de, const MAX: i32> Deserialize<'de> for Degrees<MAX> {
    #[expect(clippy::cast_possible_truncation, reason = "it is within its bounds")]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let degrees = f64::deserialize(deserializer)?;
        let bound = f64::from(MAX);
        if (-bound..=bound).contains(&degrees) {
            Ok(Self((degrees * 1e6).round() as i32))
        } else {
            Err(de::Error::custom(format_args!("degrees are -{MAX} to {MAX}, not {degrees}")))
        }
    }
}

impl<const MAX: i32> Serialize for Degrees<MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 1e6)
    }
}

impl<const MAX: i32> PartialSchema for Degrees<MAX> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Number).minimum(Some(-MAX)).maximum(Some(MAX)).into()
    }
}

impl<const MAX: i32> ToSchema for Degrees<MAX> {
    fn name() -> Cow<'static, str> {
        if MAX == 90 { "Latitude".into() } else { "Longitude".into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written_and_nothing_else() {
        let area = |text| Area::parse(text).map(Area::into_digits);
        assert_eq!(area("everywhere").as_deref(), Some(""));
        for fits in ["44", "4403", "440305"] {
            assert_eq!(area(fits).as_deref(), Some(fits));
            assert_eq!(Area::written(fits), fits);
        }
        for text in ["", "4", "440", "44030x", "4403050", "Everywhere", "44 ", "all"] {
            assert_eq!(area(text), None, "{text:?}");
        }
        assert_eq!(TimeOfDay::parse("24:00"), Some(TimeOfDay(1_440)));
        assert_eq!(TimeOfDay::parse("09:05"), Some(TimeOfDay(545)));
        for text in ["9:00", "24:01", "12:60", "12", "", "12:5", "-1:00", "+1:00"] {
            assert_eq!(TimeOfDay::parse(text), None, "{text:?}");
        }
        assert!(Date::parse("2026-11-11").is_some());
        for text in ["2026-1-11", "2026/11/11", "26-11-11", "2026-11-11T"] {
            assert!(Date::parse(text).is_none(), "{text:?}");
        }
        let latitude: Latitude = serde_json::from_str("22.5430995").unwrap();
        assert_eq!(latitude, Degrees(22_543_100));
        assert_eq!(serde_json::to_string(&latitude).unwrap(), "22.5431");
        assert!(serde_json::from_str::<Latitude>("90.1").is_err());
        assert!(serde_json::from_str::<Longitude>("-180").is_ok());
    }
}

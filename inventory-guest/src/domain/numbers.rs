//! Numbers and lists with bounds: each is checked once, at its `parse` door.

use super::Malformed;
use serde::{Deserialize, Serialize};

/// The most units any counter or request may name: sums of two never overflow 32 bits.
pub const UNITS_MAX: u32 = i32::MAX as u32;

const TTL_S_MAX: u32 = 31_536_000;
/// The end of the year 9999, so that every instant has an RFC 3339 form.
const INSTANT_MS_MAX: i64 = 253_402_300_799_999;
const ITEMS_MAX: usize = 1_000;

/// Units of one sku in a request: 1..2^31-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Quantity(u32);

impl Quantity {
    /// Accepts 1..2^31-1.
    pub fn parse(units: u32) -> Result<Self, Malformed> {
        if (1..=UNITS_MAX).contains(&units) {
            Ok(Self(units))
        } else {
            Err(Malformed(format!("a quantity must be 1..{UNITS_MAX}, not {units}")))
        }
    }

    /// Units a rule has counted, which are some and within the bound.
    pub(crate) fn counted(units: u32) -> Self {
        assert!((1..=UNITS_MAX).contains(&units), "units of a leg are 1..{UNITS_MAX}, not {units}");
        Self(units)
    }

    /// The number of units.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A counter's value: 0..2^31-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Level(u32);

impl Level {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Accepts 0..2^31-1.
    pub fn parse(units: u32) -> Result<Self, Malformed> {
        if units <= UNITS_MAX {
            Ok(Self(units))
        } else {
            Err(Malformed(format!("a counter must be 0..{UNITS_MAX}, not {units}")))
        }
    }

    /// The number of units.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// A change of a counter: -(2^31-1)..2^31-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Delta(i32);

impl Delta {
    /// Accepts -(2^31-1)..2^31-1.
    pub fn parse(units: i32) -> Result<Self, Malformed> {
        if units == i32::MIN {
            Err(Malformed(format!("a change must be -{UNITS_MAX}..{UNITS_MAX}, not {units}")))
        } else {
            Ok(Self(units))
        }
    }

    /// The number of units, more or fewer.
    pub fn get(self) -> i32 {
        self.0
    }
}

/// How long an unpaid hold lives: 1..31,536,000 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(u32);

impl Seconds {
    /// Accepts 1..31,536,000.
    pub fn parse(seconds: u32) -> Result<Self, Malformed> {
        if (1..=TTL_S_MAX).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(Malformed(format!("a time to live must be 1..{TTL_S_MAX} s, not {seconds}")))
        }
    }
}

/// Milliseconds since 1970-01-01 UTC, up to the end of the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(i64);

impl Instant {
    /// Accepts 1970-01-01 to 9999-12-31.
    pub fn parse(milliseconds: i64) -> Result<Self, Malformed> {
        if (0..=INSTANT_MS_MAX).contains(&milliseconds) {
            Ok(Self(milliseconds))
        } else {
            Err(Malformed(format!("an instant must be 0..{INSTANT_MS_MAX}, not {milliseconds}")))
        }
    }

    /// What a row says; the schema keeps only what was an instant.
    pub(crate) fn from_row(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub fn as_milliseconds(self) -> i64 {
        self.0
    }

    /// This much later.
    #[must_use]
    pub fn after(self, seconds: Seconds) -> Self {
        Self(self.0 + i64::from(seconds.0) * 1_000)
    }
}

/// A list of 1..1,000 items.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Items<T>(Vec<T>);

impl<T> Items<T> {
    /// Accepts 1..1,000 items.
    pub fn parse(items: Vec<T>) -> Result<Self, Malformed> {
        if (1..=ITEMS_MAX).contains(&items.len()) {
            Ok(Self(items))
        } else {
            Err(Malformed(format!("a list must have 1..{ITEMS_MAX} items, not {}", items.len())))
        }
    }
}

impl<T> std::ops::Deref for Items<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_accept_exactly_their_bounds() {
        assert!(Quantity::parse(0).is_err());
        assert!(Quantity::parse(1).is_ok());
        assert!(Quantity::parse(UNITS_MAX).is_ok());
        assert!(Quantity::parse(UNITS_MAX + 1).is_err());
        assert!(Quantity::parse(u32::MAX).is_err());
        assert!(Level::parse(0).is_ok());
        assert!(Level::parse(UNITS_MAX + 1).is_err());
        assert!(Delta::parse(i32::MIN).is_err());
        assert!(Delta::parse(-i32::MAX).is_ok());
        assert!(Seconds::parse(0).is_err());
        assert!(Seconds::parse(TTL_S_MAX).is_ok());
        assert!(Seconds::parse(TTL_S_MAX + 1).is_err());
        assert!(Instant::parse(-1).is_err());
        assert!(Instant::parse(i64::MAX).is_err());
    }

    #[test]
    fn lists_accept_one_to_a_thousand_items() {
        assert!(Items::<u8>::parse(vec![]).is_err());
        assert!(Items::parse(vec![0]).is_ok());
        assert!(Items::parse(vec![0; 1_000]).is_ok());
        assert!(Items::parse(vec![0; 1_001]).is_err());
    }
}

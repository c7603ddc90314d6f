//! Dates of a warehouse's local calendar.

use crate::domain::Malformed;
use serde::{Deserialize, Serialize};
use std::fmt;

/// 9999-12-31.
const DAYS_MAX: i32 = 2_932_896;

/// A local date, 1970-01-01 to 9999-12-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(i32);

impl Date {
    /// 1970-01-01.
    pub(super) const FIRST: Self = Self(0);

    /// Accepts `YYYY-MM-DD`, 1970-01-01 to 9999-12-31.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = || {
            let given: String = text.chars().take(160).collect();
            let rule = "a date must be YYYY-MM-DD, 1970-01-01 to 9999-12-31";
            Malformed(format!("{rule}, not {given:?}"))
        };
        let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *text.as_bytes() else {
            return Err(malformed());
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_i32, |number, digit| {
                digit.is_ascii_digit().then(|| number * 10 + i32::from(digit - b'0'))
            })
        };
        let (year, month, day) = (number(&[y0, y1, y2, y3]), number(&[m0, m1]), number(&[d0, d1]));
        let (Some(year), Some(month), Some(day)) = (year, month, day) else {
            return Err(malformed());
        };
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(malformed());
        }
        let date = Self(days_of(year, month, day));
        // The 31st of a month of 30 days is the first of the next, and does not come back.
        let exists = date.civil() == (year, month, day) && (0..=DAYS_MAX).contains(&date.0);
        if exists { Ok(date) } else { Err(malformed()) }
    }

    /// Accepts 0..2,932,896 days since 1970-01-01.
    pub fn parse_days(days: i32) -> Result<Self, Malformed> {
        if (0..=DAYS_MAX).contains(&days) {
            Ok(Self(days))
        } else {
            Err(Malformed(format!("a date must be 0..{DAYS_MAX} days since 1970, not {days}")))
        }
    }

    /// The date this many days after 1970-01-01; may lie outside what `parse` accepts.
    pub(super) fn of_days(days: i32) -> Self {
        Self(days)
    }

    /// The date after it; may lie outside what `parse` accepts.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i32 {
        self.0
    }

    /// 0 is Monday.
    pub fn weekday(self) -> usize {
        // 1970-01-01 was a Thursday.
        usize::try_from((self.0 + 3).rem_euclid(7)).expect("a remainder of 7 is not negative")
    }

    /// Year, month and day; by Howard Hinnant's `civil_from_days`.
    pub(super) fn civil(self) -> (i32, i32, i32) {
        let days = self.0 + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = (month_from_march + 2) % 12 + 1;
        let year = era * 400 + year_of_era + i32::from(month <= 2);
        (year, month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(formatter, "{year:04}-{month:02}-{day:02}")
    }
}

/// Days since 1970-01-01; by Howard Hinnant's `days_from_civil`.
pub(super) fn days_of(year: i32, month: i32, day: i32) -> i32 {
    let year = year - i32::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_is_read_as_it_is_written() {
        let mut previous = String::new();
        for days in 0..=DAYS_MAX {
            let date = Date::parse_days(days).unwrap();
            let text = date.to_string();
            assert_eq!(Date::parse(&text).unwrap(), date);
            assert!(previous < text);
            previous = text;
        }
        assert_eq!(previous, "9999-12-31");
    }

    #[test]
    fn dates_agree_with_an_independent_calendar() {
        for text in ["1970-01-01", "2000-02-29", "2024-02-29", "2026-11-11", "2100-03-01"] {
            let date = Date::parse(text).unwrap();
            let other: jiff::civil::Date = text.parse().unwrap();
            let weekday = usize::try_from(other.weekday().to_monday_zero_offset()).unwrap();
            assert_eq!(date.weekday(), weekday, "{text}");
            let epoch = jiff::civil::date(1970, 1, 1);
            assert_eq!(date.days(), (other - epoch).get_days(), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026-4-1",
            "20260401",
            "2026-04-01 ",
            "1969-12-31",
            "+026-01-01",
            "2026/01/01",
            "2026-01-00",
        ] {
            assert!(Date::parse(text).is_err(), "{text:?}");
        }
    }
}

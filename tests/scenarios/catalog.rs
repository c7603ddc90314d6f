//! How the notebook changes the catalog: `catalog REASON ITEMS`, items between commas, each
//! `put NOUN KEY field=value …` or `delete NOUN KEY`, with `if=VERSION` where wanted; the whole
//! change with `id=REQUEST`, `dry` and `refuse` in its last item.

use crate::door::words::Command;
use serde_json::{Map, Value, json};

/// The fields of each noun's key.
const KEYS: [(&str, &[&str]); 7] = [
    ("warehouse", &["warehouse"]),
    ("service_area", &["warehouse", "area"]),
    ("category", &["sku"]),
    ("restriction", &["subject", "area"]),
    ("calendar", &["warehouse"]),
    ("safety_stock", &["sku", "warehouse"]),
    ("division", &["adcode"]),
];

pub(super) fn change(said: &str) -> Result<Command, String> {
    let (reason, rest) = said.split_once(' ').ok_or("catalog REASON ITEMS")?;
    let mut body = Map::new();
    body.insert("reason".into(), reason.replace('_', " ").into());
    let mut items = Vec::new();
    for said in rest.split(", ") {
        let mut words = Vec::new();
        for word in said.split(' ') {
            match word.split_once('=') {
                Some(("id", id)) => body.insert("request_id".into(), id.into()),
                None if word == "dry" => body.insert("dry_run".into(), true.into()),
                None if word == "refuse" => body.insert("refuse_in_use".into(), true.into()),
                _ => {
                    words.push(word);
                    None
                }
            };
        }
        items.push(item(&words).ok_or_else(|| format!("what is `{said}`?"))?);
    }
    body.insert("items".into(), items.into());
    Ok(Command::Catalog(Value::Object(body)))
}

fn item(words: &[&str]) -> Option<Value> {
    let (verb, noun, rest) = match words {
        [verb @ ("put" | "delete"), noun, rest @ ..] => (*verb, *noun, rest),
        _ => return None,
    };
    let (_, keys) = KEYS.iter().find(|(name, _)| *name == noun)?;
    let (key, fields) = rest.split_at_checked(keys.len())?;
    let mut entry: Map<String, Value> =
        keys.iter().zip(key).map(|(name, text)| ((*name).to_owned(), (*text).into())).collect();
    let mut item = Map::new();
    for field in fields {
        let (name, text) = field.split_once('=')?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| text.replace('_', " ").into());
        if name == "if" {
            item.insert("expected_version".into(), value);
        } else {
            entry.insert(name.into(), value);
        }
    }
    item.insert(verb.into(), json!({ noun: entry }));
    Some(Value::Object(item))
}

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

/// The same, said: values are JSON.
pub(super) fn change_said(body: &Value) -> String {
    let items = body["items"].as_array().expect("a change has items").iter().map(item_said);
    let mut text = items.collect::<Vec<_>>().join(", ");
    if let Some(id) = body["request_id"].as_str() {
        text = format!("{text} id={id}");
    }
    for (field, word) in [("dry_run", "dry"), ("refuse_in_use", "refuse")] {
        if body[field] == true {
            text = format!("{text} {word}");
        }
    }
    let reason = body["reason"].as_str().expect("a change has a reason").replace(' ', "_");
    format!("catalog {reason} {text}")
}

fn item_said(item: &Value) -> String {
    let item = item.as_object().expect("an item puts or deletes");
    let mut text = Vec::new();
    for (verb, said) in item.iter().filter(|(name, _)| *name != "expected_version") {
        let (noun, entry) = said.as_object().and_then(|it| it.iter().next()).expect("one noun");
        let (_, keys) = KEYS.iter().find(|(name, _)| name == noun).expect("a known noun");
        text.extend([verb.clone(), noun.clone()]);
        text.extend(keys.iter().filter_map(|key| entry[*key].as_str().map(str::to_owned)));
        let fields = entry.as_object().expect("an entry has fields").iter();
        let fields = fields.filter(|(name, _)| !keys.contains(&name.as_str()));
        text.extend(fields.map(|(name, value)| format!("{name}={value}")));
    }
    text.extend(item.get("expected_version").map(|version| format!("if={version}")));
    text.join(" ")
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

//! Counting what lies in a warehouse, and what was not found.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use inventory_json::contract::{counts, types};
use inventory_json::counts::{Count, Shortages};
use serde_json::{Map, Value, json};

use crate::body::{self, add};
use crate::failure::Failure;
use crate::output;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::tables::Table;

const COUNT: &str = "count";
pub(crate) const SHORTAGES: &str = "shortages";

pub(crate) fn commands() -> Vec<Command> {
    let flag = |name, value| Arg::new(name).long(name).value_name(value);
    let unless_body = "body";
    let items = Arg::new("items").value_name("SKU=N").num_args(1..);
    let limit = flag("limit", "N").default_value("100");
    vec![
        Command::new(COUNT)
            .about("Set what lies in a warehouse, as it was counted")
            .long_about(
                "Units that were shipped since are taken off again. A count that is not newer than \
                 the last changes nothing. On hand does not fall below what is held.",
            )
            .arg(flag("warehouse", "CODE").required_unless_present(unless_body).help("Where"))
            .arg(
                flag("as-of", "TIME")
                    .required_unless_present(unless_body)
                    .help("When it was counted"),
            )
            .arg(flag("watermark", "NODE:SEQ").help(
                "The last shipment that is no longer counted, an event id of `changes`; without \
                 it, the last one at or before --as-of",
            ))
            .arg(flag("reason", "TEXT").help("For the ledger: `count` where it is left out"))
            .arg(items.required_unless_present(unless_body).help("How many were found"))
            .arg(body::request_id())
            .arg(body::argument())
            .after_help(
                "Example:\n  inventory count --warehouse SZ-1 --as-of 2026-11-22T04:00:00Z \
                 --watermark edge-1:1234 85123A=40 22423=0",
            ),
        Command::new(SHORTAGES)
            .about("What counts did not find though it is held")
            .arg(flag("warehouse", "CODE").help("Of this one only"))
            .arg(flag("after", "KEY").default_value("").help("Those behind: \"WAREHOUSE SKU\""))
            .arg(limit.value_parser(value_parser!(u32).range(1..=1_000)).help("At most this many"))
            .after_help("Example:\n  inventory shortages --warehouse SZ-1"),
    ]
}

/// The command that a subcommand stands for; `None` where it is none of these.
pub(crate) fn parse(
    name: &str,
    matches: &ArgMatches,
    settings: &Settings,
) -> Option<Result<types::Command, Failure>> {
    (name == COUNT).then(|| {
        let count = body::read::<Count>(matches, || fields(matches))?;
        Ok(count.into_command(&settings.node)?)
    })
}

fn fields(matches: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    let string = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    add(&mut fields, "warehouse", string("warehouse"));
    add(&mut fields, "as_of", string("as-of"));
    add(&mut fields, "watermark", string("watermark"));
    add(&mut fields, "reason", string("reason"));
    add(&mut fields, "request_id", string("request-id"));
    fields.insert("items".into(), Value::Array(count_items(matches)?));
    Ok(fields)
}

/// What was found, `SKU=N` each.
pub(crate) fn count_items(matches: &ArgMatches) -> Result<Vec<Value>, Failure> {
    let items = matches.get_many::<String>("items").into_iter().flatten().map(|text| {
        let item = text.rsplit_once('=').and_then(|(sku, n)| Some((sku, n.parse::<i64>().ok()?)));
        let item = item.map(|(sku, on_hand)| json!({ "sku": sku, "on_hand": on_hand }));
        item.ok_or_else(|| Failure::Misused(format!("{text} is no item such as 85123A=40")))
    });
    items.collect()
}

/// What became of a count, for people.
pub(crate) fn counted(items: &[counts::Counted], again: &str) -> String {
    let mut table =
        Table::new(["sku", "counted", "shipped since", "before", "after", "missing", ""]);
    for it in items {
        table.row([
            it.sku.clone(),
            it.counted.to_string(),
            it.shipped.to_string(),
            it.before.to_string(),
            it.after.to_string(),
            it.missing.to_string(),
            format!("{:?}", it.effect).to_ascii_lowercase(),
        ]);
    }
    let mut out = format!("counted{again}\n");
    table.write(&mut out);
    out
}

pub(crate) fn shortages(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let warehouse = matches.get_one::<String>("warehouse").cloned();
    let after = matches.get_one::<String>("after").expect("has a default");
    let limit = *matches.get_one("limit").expect("has a default");
    let listed = shard.shortages(warehouse, after, limit)?;
    output::reading(Ok(Shortages::new(&listed, limit)), settings, || {
        let mut table = Table::new(["warehouse", "sku", "counted", "held", "missing"]);
        for it in &listed {
            table.row([
                it.warehouse.clone(),
                it.sku.clone(),
                it.counted.to_string(),
                it.held.to_string(),
                it.missing.to_string(),
            ]);
        }
        let mut out = String::new();
        table.write(&mut out);
        out
    })
}

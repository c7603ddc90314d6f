//! Stock: reading it, correcting it, and ending holds by hand.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use inventory_json::adjust::Adjust;
use inventory_json::contract::{stock, types};
use inventory_json::problem::Problem;
use inventory_json::refusal::UNKNOWN_SKU;
use inventory_json::stock::{Stock, StockAnswer};
use inventory_json::words::Sku;
use serde_json::{Map, Value, json};

use crate::body::{self, add, word};
use crate::failure::{Failure, REFUSED};
use crate::settings::Settings;
use crate::shard::Shard;
use crate::{output, plan, tables};

pub(crate) const STOCK: &str = "stock";
const ADJUST: &str = "adjust";
const EXPIRE: &str = "expire";

const ITEM_HELP: &str = "\
An item is SKU:sellable=100, SKU@WAREHOUSE:on_hand=80 or SKU@WAREHOUSE:unavailable=5. `=` sets a \
counter, `+=` and `-=` change it, and `,if=90` at the end refuses unless the counter is 90.";

pub(crate) fn commands() -> Vec<Command> {
    let skus = Arg::new("skus").value_name("SKU").num_args(1..).required(true);
    let ship_to = Arg::new("ship-to").long("ship-to").value_name("ADCODE");
    let items = Arg::new("items").value_name("ITEM").num_args(1..).required_unless_present("body");
    let reason = Arg::new("reason").long("reason").value_name("TEXT");
    let reason = reason.required_unless_present("body");
    let limit = Arg::new("limit").long("limit").value_name("N").default_value("1000");
    let limit = limit.value_parser(clap::value_parser!(u32).range(1..=1_000));
    vec![
        Command::new(STOCK)
            .about("The counters of skus, and of their warehouses")
            .long_about(
                "With --ship-to, of one sku: what can be promised there, from where and when, and \
                 why each warehouse gives, or does not.",
            )
            .arg(skus.help("Which"))
            .arg(ship_to.help("Where it would go (GB/T 2260)"))
            .after_help(
                "Examples:\n  inventory stock 85123A 22423\n  \
                 inventory stock 85123A --ship-to 440305",
            ),
        Command::new(ADJUST)
            .about("Correct counters, all or none")
            .long_about(
                "Sets or changes counters. Unknown skus and warehouses are made. Below what is \
                 promised to orders it is refused.",
            )
            .arg(items.help("A counter's correction; see below"))
            .arg(reason.help("Why"))
            .arg(body::request_id())
            .arg(body::argument())
            .after_help(format!(
                "{ITEM_HELP}\n\nExamples:\n  \
                 inventory adjust --reason initial 85123A:sellable=100\n  \
                 inventory adjust --reason 'stock take' 85123A@SZ-1:on_hand-=2,if=80"
            )),
        Command::new(EXPIRE)
            .about("End holds past their time")
            .long_about(
                "Ends holds whose time has passed, in order of expiry. `serve` does so by itself, \
                 and any operation on such an order or sku takes its units as free already.",
            )
            .arg(limit.help("At most this many"))
            .after_help("Example:\n  inventory expire"),
    ]
}

/// The command that a subcommand stands for; `None` where it is none of these.
pub(crate) fn parse(name: &str, matches: &ArgMatches) -> Option<Result<types::Command, Failure>> {
    match name {
        ADJUST => Some(body::read::<Adjust>(matches, || fields(matches)).map(Adjust::into_command)),
        EXPIRE => {
            let limit = *matches.get_one("limit").expect("has a default");
            Some(Ok(types::Command::Expire(limit)))
        }
        _ => None,
    }
}

fn fields(matches: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    let string = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    add(&mut fields, "reason", string("reason"));
    add(&mut fields, "request_id", string("request-id"));
    let items = matches.get_many::<String>("items").into_iter().flatten();
    let items = items.map(|text| {
        item(text).ok_or_else(|| Failure::Misused(format!("{text} is no item.\n  {ITEM_HELP}")))
    });
    fields.insert("items".into(), Value::Array(items.collect::<Result<_, _>>()?));
    Ok(fields)
}

/// `SKU[@WAREHOUSE]:COUNTER=N[,if=M]`; the door behind knows which go together.
fn item(text: &str) -> Option<Value> {
    let (text, compare) = match text.rsplit_once(",if=") {
        Some((text, compare)) => (text, Some(compare.parse::<i64>().ok()?)),
        None => (text, None),
    };
    let (subject, change) = text.rsplit_once(':')?;
    let (counter, number) = change.split_once('=')?;
    let number = number.parse::<i64>().ok()?;
    let (counter, adjustment) = match (counter.strip_suffix('+'), counter.strip_suffix('-')) {
        (Some(counter), _) => (counter, json!({ "change": number })),
        (_, Some(counter)) => (counter, json!({ "change": number.checked_neg()? })),
        _ => (counter, json!({ "set": number })),
    };
    let mut fields = Map::new();
    let (sku, warehouse) = match counter {
        "sellable" => (subject, None),
        _ => subject.rsplit_once('@').map(|(sku, code)| (sku, Some(code)))?,
    };
    add(&mut fields, "sku", Some(sku));
    add(&mut fields, "warehouse", warehouse);
    add(&mut fields, counter, Some(adjustment));
    add(&mut fields, "compare_quantity", compare);
    Some(Value::Object(fields))
}

pub(crate) fn read(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let skus = matches.get_many::<String>("skus").expect("is required");
    let skus: Vec<Sku> = skus.map(|text| word(text)).collect::<Result<_, _>>()?;
    let found = shard.stock(skus.iter().map(|sku| sku.as_str().to_owned()).collect())?;
    let ship_to = matches.get_one::<String>("ship-to");
    if let Some(adcode) = ship_to {
        let ([sku], [found]) = (skus.as_slice(), found.as_slice()) else {
            return Err(Failure::Misused("--ship-to is asked of one sku at a time".into()));
        };
        return plan::availability(shard, (sku, found.as_ref()), word(adcode)?, settings);
    }
    if let ([sku], [None]) = (skus.as_slice(), found.as_slice()) {
        return output::reading(Err::<(), _>(unknown(sku)), settings, String::new);
    }
    let known: Vec<stock::SkuStock> = found.iter().flatten().cloned().collect();
    let answer = query_answer(&skus, &found);
    let table = tables::stock(&known, &answer.unknown);
    if let (1, [one]) = (skus.len(), known.as_slice()) {
        return output::reading(Ok(Stock::from(one)), settings, || table);
    }
    let unknown = answer.unknown.join(", ");
    output::reading(Ok(answer), settings, || table)?;
    if unknown.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("inventory: there is no sku {unknown}");
    Ok(REFUSED.into())
}

/// As the host has it.
pub(crate) fn unknown(sku: &Sku) -> Problem {
    let sku = sku.as_str();
    Problem::new(&UNKNOWN_SKU, format!("there is no sku {sku}")).with("skus", vec![sku])
}

pub(crate) fn query_answer<'a>(
    skus: &'a [Sku],
    found: &'a [Option<stock::SkuStock>],
) -> StockAnswer<'a> {
    let unknown = skus.iter().zip(found).filter(|(_, found)| found.is_none());
    StockAnswer {
        stock: found.iter().flatten().map(Stock::from).collect(),
        unknown: unknown.map(|(sku, _)| sku.as_str()).collect(),
    }
}

//! The operations on an order, one subcommand each, and reading one back.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use inventory_json::answers::Order;
use inventory_json::contract::types;
use inventory_json::orders::{Confirm, Extend, Placement, Release, Ship, Transfer};
use inventory_json::problem::Problem;
use inventory_json::refusal::UNKNOWN_ORDER;
use serde_json::{Map, Value, json};

use crate::body::{self, add, order_id};
use crate::failure::Failure;
use crate::output;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::tables;

pub(crate) const GET: &str = "get";

pub(crate) fn commands() -> Vec<Command> {
    vec![
        placement(
            "reserve",
            "Hold units for an order until it is paid",
            "Holds the units of every line, or none and says which are short. The hold ends \
             --ttl-s seconds later unless `confirm` or `extend` comes first.",
            "Examples:\n  inventory reserve O-1 85123A=6 22423=1\n  \
             inventory reserve O-2 85123A=2 --ship-to 440305 --ttl-s 60\n  \
             inventory reserve O-3 --body '{\"lines\":[{\"sku\":\"85123A\",\"quantity\":6}]}'",
        ),
        placement(
            "deduct",
            "Hold and pay units in one step",
            "What `reserve` and `confirm` would do together; the units never expire. With \
             --mode deduct_on_payment at `reserve`, this is the payment.",
            "Example:\n  inventory deduct O-1 85123A=6",
        ),
        order_command("confirm", "The hold is paid")
            .long_about(
                "The order's units are paid, and no longer expire. A hold that has run out is \
                 reserved again if there is still stock, and otherwise refused.",
            )
            .after_help("Example:\n  inventory confirm O-1"),
        order_command("extend", "Prolong a live hold")
            .long_about("The hold ends --ttl-s seconds from now. One that has run out is refused.")
            .arg(
                number("ttl-s", "SECONDS", "Seconds from now until the hold ends")
                    .required_unless_present("body"),
            )
            .after_help("Example:\n  inventory extend O-1 --ttl-s 900 --request-id second-try"),
        order_command("ship", "Packages leave")
            .long_about("One package, or every package not yet shipped, leaves its warehouse.")
            .arg(number("package", "N", "Only this package"))
            .after_help("Example:\n  inventory ship O-1 --package 1"),
        order_command("release", "Give units back")
            .long_about(
                "Gives back what the order holds, all of it or by line: a cancel, or a refund \
                 before shipping. What has shipped is not given back. A release that comes before \
                 its order keeps the order from being placed.",
            )
            .arg(lines().required(false))
            .arg(
                Arg::new("reason")
                    .long("reason")
                    .value_name("cancel|refund")
                    .default_value("cancel")
                    .help("Why"),
            )
            .after_help(
                "Examples:\n  inventory release O-1\n  \
                 inventory release O-1 85123A=2 --reason refund",
            ),
        order_command("transfer", "A package leaves from another warehouse")
            .long_about(
                "All units that a package holds go to another warehouse, which must serve the \
                 order, ever ship, be allowed to, and have them free. The package gets a new \
                 number and a new promise.",
            )
            .arg(number("package", "N", "Which package"))
            .arg(text("warehouse", "CODE", "Where it leaves from then"))
            .after_help("Example:\n  inventory transfer O-1 --package 1 --warehouse SZ"),
        Command::new(GET)
            .about("An order, what became of its units, and its history")
            .arg(order_argument())
            .after_help("Example:\n  inventory get O-1"),
    ]
}

fn order_command(name: &'static str, about: &'static str) -> Command {
    let command = Command::new(name).about(about).arg(order_argument());
    command.arg(body::request_id()).arg(body::argument())
}

fn placement(
    name: &'static str,
    about: &'static str,
    long_about: &'static str,
    examples: &'static str,
) -> Command {
    order_command(name, about)
        .long_about(long_about)
        .arg(lines().required_unless_present("body"))
        .arg(ship_to())
        .arg(text("mode", "MODE", "reserve_on_order, deduct_on_order or deduct_on_payment"))
        .arg(strategy())
        .arg(number("ttl-s", "SECONDS", "Seconds until the unpaid hold ends"))
        .arg(allow_partial())
        .after_help(examples)
}

pub(crate) fn ship_to() -> Arg {
    let help = "Where it goes (GB/T 2260); without it no warehouse is chosen";
    text("ship-to", "ADCODE", help)
}

pub(crate) fn allow_partial() -> Arg {
    Arg::new("allow-partial")
        .long("allow-partial")
        .action(ArgAction::SetTrue)
        .help("Hold what there is and list the rest, instead of all or nothing")
}

pub(crate) fn strategy() -> Arg {
    let help = "How warehouses are ranked: priority (the default), nearest, or min_splits for as \
                few packages as can be";
    text("strategy", "WHICH", help)
}

fn order_argument() -> Arg {
    Arg::new("order").value_name("ORDER").required(true).help("The order's serial number")
}

pub(crate) fn lines() -> Arg {
    Arg::new("lines")
        .value_name("SKU=QUANTITY")
        .num_args(1..)
        .help("Units of a sku; a sku may repeat")
}

fn text(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

fn number(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    text(name, value, help).value_parser(clap::value_parser!(i64)).allow_negative_numbers(true)
}

/// The command that a subcommand stands for; `None` where it is not about an order.
pub(crate) fn parse(
    name: &str,
    matches: &ArgMatches,
    settings: &Settings,
) -> Option<Result<types::Command, Failure>> {
    Some(match name {
        "reserve" => read::<Placement>(matches, placement_fields)
            .and_then(|body| Ok(body.into_reserve(order_id(matches)?, settings.defaults))),
        "deduct" => read::<Placement>(matches, placement_fields)
            .and_then(|body| Ok(body.into_deduct(order_id(matches)?))),
        "confirm" => read::<Confirm>(matches, |matches| Ok(fields(matches)))
            .and_then(|body| Ok(body.into_command(order_id(matches)?))),
        "extend" => read::<Extend>(matches, |matches| {
            let mut fields = fields(matches);
            add(&mut fields, "ttl_s", matches.get_one::<i64>("ttl-s").copied());
            Ok(fields)
        })
        .and_then(|body| Ok(body.into_command(order_id(matches)?))),
        "ship" => read::<Ship>(matches, |matches| {
            let mut fields = fields(matches);
            add(&mut fields, "package", matches.get_one::<i64>("package").copied());
            Ok(fields)
        })
        .and_then(|body| Ok(body.into_command(order_id(matches)?))),
        "transfer" => read::<Transfer>(matches, |matches| {
            let mut fields = fields(matches);
            add(&mut fields, "package", matches.get_one::<i64>("package").copied());
            add(&mut fields, "warehouse", string(matches, "warehouse"));
            Ok(fields)
        })
        .and_then(|body| Ok(body.into_command(order_id(matches)?))),
        "release" => read::<Release>(matches, release_fields)
            .and_then(|body| Ok(body.into_command(order_id(matches)?))),
        _ => return None,
    })
}

fn read<T: serde::de::DeserializeOwned>(
    matches: &ArgMatches,
    fields: impl FnOnce(&ArgMatches) -> Result<Map<String, Value>, Failure>,
) -> Result<T, Failure> {
    body::read(matches, || fields(matches))
}

/// What every operation on an order may carry.
fn fields(matches: &ArgMatches) -> Map<String, Value> {
    let mut fields = Map::new();
    add(&mut fields, "request_id", string(matches, "request-id"));
    fields
}

fn placement_fields(matches: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut fields = wish_fields(matches)?;
    add(&mut fields, "request_id", string(matches, "request-id"));
    add(&mut fields, "mode", string(matches, "mode"));
    add(&mut fields, "ttl_s", matches.get_one::<i64>("ttl-s").copied());
    Ok(fields)
}

/// What an order wants, and a plan for one.
pub(crate) fn wish_fields(matches: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    add(&mut fields, "lines", line_values(matches)?);
    let adcode = string(matches, "ship-to");
    add(&mut fields, "ship_to", adcode.map(|adcode| json!({ "adcode": adcode })));
    add(&mut fields, "strategy", string(matches, "strategy"));
    add(&mut fields, "allow_partial", matches.get_flag("allow-partial").then_some(true));
    Ok(fields)
}

fn release_fields(matches: &ArgMatches) -> Result<Map<String, Value>, Failure> {
    let mut fields = fields(matches);
    add(&mut fields, "reason", string(matches, "reason"));
    add(&mut fields, "lines", line_values(matches)?);
    Ok(fields)
}

fn string<'a>(matches: &'a ArgMatches, name: &str) -> Option<&'a str> {
    matches.get_one::<String>(name).map(String::as_str)
}

/// `SKU=QUANTITY`, where a sku may have a `=` too. What is no number is refused by the door.
fn line_values(matches: &ArgMatches) -> Result<Option<Value>, Failure> {
    let Some(lines) = matches.get_many::<String>("lines") else {
        return Ok(None);
    };
    let line = |text: &String| {
        let (sku, quantity) = text.rsplit_once('=')?;
        let quantity = quantity.parse::<i64>().map_or_else(|_| json!(quantity), |it| json!(it));
        Some(json!({ "sku": sku, "quantity": quantity }))
    };
    let lines = lines.map(|text| {
        line(text).ok_or_else(|| Failure::Misused(format!("a line is SKU=QUANTITY, not {text}")))
    });
    lines.collect::<Result<Vec<_>, _>>().map(|lines| Some(Value::Array(lines)))
}

pub(crate) fn get(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let order = shard.order(order_id(matches)?.into_string())?;
    let view = order.as_ref().map(Order::from).ok_or_else(unknown);
    output::reading(view, settings, || order.as_ref().map_or_else(String::new, tables::order))
}

/// As the host has it.
pub(crate) fn unknown() -> Problem {
    Problem::new(&UNKNOWN_ORDER, "no such order was placed")
}

//! What would become of an order, what can be promised somewhere, and when warehouses ship.

use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use inventory_json::contract::{routing, stock, types};
use inventory_json::plan::{Availability, Inquiry, OPENINGS_DEFAULT, Plan, Preview, everything};
use inventory_json::problem::Problem;
use inventory_json::refusal::UNKNOWN_WAREHOUSE;
use inventory_json::words::{Adcode, Instant, Sku, WarehouseCode, WarehouseCodeRule};

use crate::body::{self, word};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::tables::{self, Table};
use crate::{orders, output, stock as skus};

pub(crate) const PLAN: &str = "plan";
pub(crate) const CALENDAR: &str = "calendar";

pub(crate) fn commands() -> Vec<Command> {
    let count = Arg::new("count").long("count").value_name("N");
    let count = count.value_parser(value_parser!(u32).range(1..=100));
    let count = count.help("At most this many; 7 where it is left out");
    let warehouse = Arg::new("warehouse").value_name("WAREHOUSE").required(true).help("Which");
    vec![
        Command::new(PLAN)
            .about("What a `reserve` of now would find, and why; nothing is held")
            .arg(orders::lines().required_unless_present("body"))
            .arg(orders::ship_to())
            .arg(orders::strategy())
            .arg(orders::allow_partial())
            .arg(body::argument())
            .after_help("Example:\n  inventory plan 85123A=6 --ship-to 440305 --strategy nearest"),
        Command::new(CALENDAR)
            .about("When warehouses ship")
            .subcommand_required(true)
            .arg_required_else_help(true)
            .after_help(
                "`catalog put calendar` says when; see `inventory catalog --help`.\n\n\
                 Example:\n  inventory calendar preview SZ-1 --count 14",
            )
            .subcommand(
                Command::new("preview")
                    .about("When a warehouse ships from now on")
                    .arg(warehouse)
                    .arg(count)
                    .after_help("Example:\n  inventory calendar preview SZ-1 --count 14"),
            ),
    ]
}

pub(crate) fn plan(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let inquiry: Inquiry = body::read(matches, || orders::wish_fields(matches))?;
    let planned = shard.plan(inquiry.into())?;
    output::reading(Ok(Plan::from(&planned)), settings, || {
        let mut out = String::new();
        tables::packages(&planned.packages, &mut out);
        tables::short(&planned.shortages, &mut out);
        tables::denied(&planned.denied, &mut out);
        for sku in &planned.unknown {
            let _ = writeln!(out, "unknown: {sku}");
        }
        explained(&planned.explain, &mut out);
        out
    })
}

/// Why each warehouse was taken or passed over, for people.
fn explained(explain: &[routing::Explained], out: &mut String) {
    let mut table = Table::new(["warehouse", "why", "free", "kept", "taken"]);
    for it in explain {
        let why = match it.why {
            routing::Why::Taken => "taken",
            routing::Why::NoService => "no_service",
            routing::Why::Inactive => "inactive",
            routing::Why::NoStock => "no_stock",
            routing::Why::Closed => "closed",
            routing::Why::NotNeeded => "not_needed",
            routing::Why::BackupNotNeeded => "backup_not_needed",
            routing::Why::NotSellable => "not_sellable",
            routing::Why::Denied => "denied",
        };
        let [free, kept, taken] = [it.free, it.kept, it.taken].map(|it| it.to_string());
        table.row([it.warehouse.clone(), why.to_owned(), free, kept, taken]);
    }
    table.write(out);
}

/// What can be promised of a sku somewhere.
pub(crate) fn availability(
    shard: &mut Shard,
    (sku, found): (&Sku, Option<&stock::SkuStock>),
    adcode: Adcode,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let Some(found) = found else {
        return output::reading(Err::<(), _>(skus::unknown(sku)), settings, String::new);
    };
    let ship_to = types::ShipTo { adcode: adcode.into_string(), location: None };
    let planned = shard.plan(everything(sku.as_str().to_owned(), ship_to))?;
    output::reading(Ok(Availability::new(found, &planned)), settings, || {
        let mut out = tables::stock(std::slice::from_ref(found), &[]);
        tables::packages(&planned.packages, &mut out);
        tables::denied(&planned.denied, &mut out);
        explained(&planned.explain, &mut out);
        out
    })
}

pub(crate) fn calendar(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let (_, matches) = matches.subcommand().expect("a subcommand is required");
    let warehouse = matches.get_one::<String>("warehouse").expect("is required");
    let warehouse: WarehouseCode = word::<WarehouseCodeRule>(warehouse)?;
    let count = matches.get_one("count").copied().unwrap_or(OPENINGS_DEFAULT);
    let warehouse = warehouse.into_string();
    let Some(found) = shard.preview(warehouse.clone(), count)? else {
        return output::reading(Err::<(), _>(unknown(&warehouse)), settings, String::new);
    };
    output::reading(Ok(Preview::new(&warehouse, &found)), settings, || {
        let at = |at: i64| Instant(at).to_string();
        let promised = found.promised_ship_at.map_or("not within 400 days".to_owned(), at);
        let mut out = format!("{warehouse} ships an order of now: {promised}\n");
        let mut table = Table::new(["opens", "closes"]);
        for it in &found.openings {
            table.row([at(it.since), at(it.until)]);
        }
        table.write(&mut out);
        out
    })
}

/// As the host has it.
pub(crate) fn unknown(warehouse: &str) -> Problem {
    let problem = Problem::new(&UNKNOWN_WAREHOUSE, format!("there is no warehouse {warehouse}"));
    problem.with("warehouses", vec![warehouse])
}

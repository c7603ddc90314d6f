//! What every subcommand may be told: by flag, or by the variable that the host has for the same.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, value_parser};
use inventory_json::orders::{Defaults, Mode};
use inventory_json::words::Instant;

const MODES: [(&str, Mode); 3] = [
    ("reserve_on_order", Mode::ReserveOnOrder),
    ("deduct_on_order", Mode::DeductOnOrder),
    ("deduct_on_payment", Mode::DeductOnPayment),
];

/// What a user asked for, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Where the database is.
    pub(crate) data: PathBuf,
    /// JSON instead of tables.
    pub(crate) json: bool,
    /// The clock's hand, where a user holds it.
    pub(crate) now: Option<Instant>,
    /// The first half of every event id.
    pub(crate) node: String,
    /// For reservations that do not say.
    pub(crate) defaults: Defaults,
}

impl Settings {
    pub(crate) fn new(matches: &ArgMatches) -> Self {
        let text = |name: &str| matches.get_one::<String>(name).expect("has a default").as_str();
        let mode = MODES.iter().find(|(name, _)| *name == text("default-mode"));
        Self {
            data: matches.get_one::<PathBuf>("data").expect("has a default").clone(),
            json: matches.get_flag("json"),
            now: matches.get_one("now").copied(),
            node: text("node").to_owned(),
            defaults: Defaults {
                mode: mode.expect("is one of the possible values").1,
                ttl_s: *matches.get_one("default-ttl-s").expect("has a default"),
            },
        }
    }
}

pub(crate) fn arguments() -> [Arg; 6] {
    [
        setting("data", "DIR", "EDGE_INVENTORY_DATA", "Where the database is; made when missing")
            .default_value("./edge-data")
            .value_parser(value_parser!(PathBuf)),
        Arg::new("json")
            .long("json")
            .global(true)
            .action(ArgAction::SetTrue)
            .help("Answer in JSON: {\"ok\":…}, {\"refused\":…} or {\"fault\":…}, on one line"),
        setting(
            "now",
            "TIME",
            "EDGE_INVENTORY_NOW",
            "The time it is, such as 2026-11-22T09:00:00Z",
        )
        .long_help(
            "The time it is, such as 2026-11-22T09:00:00Z, instead of the clock's: for tests, \
                 and for scripts that shall come out the same again.",
        )
        .value_parser(instant),
        setting("node", "NAME", "EDGE_INVENTORY_NODE", "The first half of every event id")
            .default_value("edge-1")
            .value_parser(node),
        setting(
            "default-mode",
            "MODE",
            "EDGE_INVENTORY_DEFAULT_MODE",
            "For reservations that name no mode",
        )
        .default_value(MODES[0].0)
        .value_parser(PossibleValuesParser::new(MODES.map(|(name, _)| name))),
        setting(
            "default-ttl-s",
            "SECONDS",
            "EDGE_INVENTORY_DEFAULT_TTL_S",
            "For reservations that name no time to live",
        )
        .default_value("900")
        .value_parser(value_parser!(u32).range(1..=31_536_000)),
    ]
}

fn setting(
    name: &'static str,
    value: &'static str,
    variable: &'static str,
    help: &'static str,
) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .env(variable)
        .global(true)
        .hide_env_values(true)
        .help_heading("Settings")
        .help(help)
}

fn instant(text: &str) -> Result<Instant, &'static str> {
    Instant::parse(text).ok_or("a time is written as 2026-11-22T09:00:00Z")
}

fn node(text: &str) -> Result<String, &'static str> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    if fits && !text.contains(':') {
        Ok(text.to_owned())
    } else {
        Err("a node is named with 1 to 64 visible ASCII characters without ':'")
    }
}

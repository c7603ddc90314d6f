//! The command line of `edge-host replay`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{Arg, ArgMatches, Command, value_parser};
use hyper::header::HeaderValue;
use hyper::http::uri::Authority;

use super::client::Server;
use super::drive::Travel;
use inventory_replay::plan::{InitialStock, Terms};

const TOKEN_VARIABLE: &str = "EDGE_INVENTORY_TOKEN";

/// What a user asked for, checked.
pub(super) struct Options {
    pub(super) file: PathBuf,
    pub(super) terms: Terms,
    pub(super) warehouses: Option<Warehouses>,
    pub(super) connections: usize,
    pub(super) travel: Travel,
    pub(super) server: Arc<Server>,
}

/// A network to make, and where its places come from.
pub(super) struct Warehouses {
    pub(super) count: usize,
    pub(super) divisions: PathBuf,
    pub(super) demand: PathBuf,
}

impl Options {
    pub(super) fn new(matches: &ArgMatches) -> Self {
        let get = |name: &str| matches.get_one::<usize>(name).copied();
        let duration = |name: &str| *matches.get_one::<Duration>(name).expect("has a default");
        let token = matches.get_one::<HeaderValue>("token").cloned();
        let path = |name: &str| matches.get_one::<PathBuf>(name).expect("clap requires it").clone();
        let warehouses = get("warehouses").map(|count| Warehouses {
            count,
            divisions: path("divisions"),
            demand: path("demand"),
        });
        Self {
            file: matches.get_one::<PathBuf>("file").expect("is required").clone(),
            terms: Terms {
                initial_stock: *matches.get_one("stock").expect("has a default"),
                ship_after: duration("ship-after"),
                orders_max: get("limit-orders").unwrap_or(usize::MAX),
            },
            warehouses,
            connections: get("connections").expect("has a default"),
            travel: get("batch").map_or(Travel::Alone, Travel::InBatches),
            server: Arc::new(Server::new(
                matches.get_one::<String>("server").expect("has a default").clone(),
                token.or_else(token_from_environment),
                duration("retry-for"),
            )),
        }
    }
}

const LONG_ABOUT: &str = "\
Drives the orders of a CSV file through the HTTP API of a running server, as fast as it answers, \
and checks in the end that not one unit is wrong.

A sale is reserved, confirmed, and shipped --ship-after later in the stream's own time; orders \
that would ship after the stream's end stay committed. A cancel is a release where its order has \
not shipped, and otherwise a return, which the server must refuse as already_shipped. Which sale \
a cancel belongs to stands in NAME_cancel_links.csv(.gz) beside NAME.csv(.gz); cancels without a \
link are left out.

With --warehouses N the country's divisions get N warehouses, each serving its city, its \
province and everywhere, with a calendar; the stock lies in one to eight of them, each order goes \
to a place drawn by --demand, and some skus may not be shipped to some provinces: those orders \
must be refused as region_restricted.";

const AFTER_HELP: &str = "\
The file, plain or gzipped, has a header and the columns invoice_no, line_no, sku, qty, ts \
(2010-12-01T08:26:00) and kind (sale, cancel), among others; an invoice's lines stand together. \
The links file has cancel_invoice, cancel_line, sale_invoice, sale_line and qty.

Every command has an identity that depends on the file alone. Server or replay may be killed \
anywhere: run the same command against the same data again, and what was done is answered as it \
was.

In the end the stock of every sku and every order are compared with what the answers add up to, \
and the server audits itself.

Exit status: 0 no unit is wrong and the audit is clean; 1 there are differences, the first 20 are \
listed; 2 the replay could not be finished.

Example:
  edge-host replay orders.csv.gz --connections 64
  edge-host replay orders.csv.gz --stock scarce --batch 100 --server 127.0.0.1:8080";

/// The subcommand that `command` describes and `run` carries out.
pub const REPLAY: &str = "replay";

/// How the subcommand is called.
pub fn command() -> Command {
    Command::new(REPLAY)
        .about("Drive a file of orders through a running server, and reconcile")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The orders, as CSV, plain or gzipped"),
        )
        .args(connection_options())
        .args(stream_options())
}

fn connection_options() -> [Arg; 5] {
    [
        option("server", "ADDRESS", "Where the server listens, as host:port or http://…")
            .default_value("127.0.0.1:8080")
            .value_parser(parse_address),
        option("token", "TOKEN", "Bearer token [default: $EDGE_INVENTORY_TOKEN, if set]")
            .value_parser(parse_token),
        option("connections", "N", "Keep-alive connections, each with one request at a time")
            .default_value("64")
            .value_parser(up_to(10_000)),
        option("batch", "N", "Send up to N commands in one request to /v1/batch")
            .value_parser(up_to(1_000)),
        option("retry-for", "TIME", "How long a request outlasts lost connections and 503")
            .default_value("60s")
            .value_parser(humantime::parse_duration),
    ]
}

fn stream_options() -> [Arg; 6] {
    [
        option("stock", "WHICH", "How much is sellable before the first order")
            .default_value("sufficient")
            .value_parser(initial_stock()),
        option("ship-after", "TIME", "Time in the stream from payment to shipping")
            .default_value("24h")
            .value_parser(humantime::parse_duration),
        option("limit-orders", "N", "Only the first N sales, with all their cancels")
            .value_parser(up_to(u32::MAX as usize)),
        option(
            "warehouses",
            "N",
            "Make N warehouses, and send each order to a place in the country",
        )
        .requires("divisions")
        .requires("demand")
        .value_parser(up_to(9_999)),
        option("divisions", "FILE", "The country's divisions: adcode, parent, lat and lon")
            .requires("warehouses")
            .value_parser(value_parser!(PathBuf)),
        option("demand", "FILE", "How much each province orders: adcode and orders")
            .requires("warehouses")
            .value_parser(value_parser!(PathBuf)),
    ]
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// A whole number from 1.
fn up_to(maximum: usize) -> ValueParser {
    ValueParser::new(move |text: &str| {
        let number = text.parse().ok().filter(|number| (1..=maximum).contains(number));
        number.ok_or_else(|| format!("not a whole number from 1 to {maximum}"))
    })
}

fn parse_address(text: &str) -> Result<String, String> {
    if text.starts_with("https://") {
        return Err("the replay speaks plain HTTP; run it beside the server".into());
    }
    let address = text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/');
    let authority: Authority = address.parse().map_err(|_| "not an address such as host:port")?;
    match authority.port_u16() {
        Some(_) if !address.contains('@') => Ok(address.to_owned()),
        _ => Err("not an address with a port, such as 127.0.0.1:8080".into()),
    }
}

fn parse_token(text: &str) -> Result<HeaderValue, String> {
    let header = HeaderValue::from_str(&format!("Bearer {text}"));
    let mut header = header.map_err(|_| "a token is visible ASCII")?;
    header.set_sensitive(true);
    Ok(header)
}

fn token_from_environment() -> Option<HeaderValue> {
    parse_token(&std::env::var(TOKEN_VARIABLE).ok()?).ok()
}

fn initial_stock() -> impl TypedValueParser<Value = InitialStock> {
    let sufficient = PossibleValue::new("sufficient");
    let scarce = PossibleValue::new("scarce");
    let values = PossibleValuesParser::new([
        sufficient.help("all that is ever sold: no order is refused"),
        scarce.help("six tenths of it: orders are refused, and the answers say which"),
    ]);
    values.map(|which| match which.as_str() {
        "scarce" => InitialStock::Scarce,
        _ => InitialStock::Sufficient,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, String> {
        let matches = command().try_get_matches_from([&["replay"], arguments].concat());
        matches.map(|matches| Options::new(&matches)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_command_line_is_sound_and_has_defaults() {
        command().debug_assert();
        let options = options(&["orders.csv"]).unwrap();
        assert_eq!(options.connections, 64);
        assert_eq!(options.server.address, "127.0.0.1:8080");
        assert_eq!(options.terms.ship_after, Duration::from_hours(24));
        assert!(matches!(options.travel, Travel::Alone));
    }

    #[test]
    fn values_out_of_bounds_are_refused_with_what_they_should_be() {
        for (arguments, why) in [
            (&["orders.csv", "--connections", "0"], "not a whole number from 1 to 10000"),
            (&["orders.csv", "--batch", "1001"], "not a whole number from 1 to 1000"),
            (&["orders.csv", "--server", "https://host:1"], "speaks plain HTTP"),
            (&["orders.csv", "--server", "host"], "an address with a port"),
            (&["orders.csv", "--stock", "much"], "possible values: sufficient, scarce"),
            (&["orders.csv", "--ship-after", "soon"], "ship-after"),
        ] {
            let error = options(arguments).err().expect("refused");
            assert!(error.contains(why), "{error}");
        }
        let server = options(&["orders.csv", "--server", "http://[::1]:80/"]).unwrap().server;
        assert_eq!(server.address, "[::1]:80");
    }
}

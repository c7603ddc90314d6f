//! The command line of `serve`.

use std::net::SocketAddrV4;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use inventory_json::auth::{Token, parse_tokens};

use crate::failure::Failure;
use crate::settings::Settings;

pub(crate) const NAME: &str = "serve";

/// Never a flag, which other users of the machine could read.
const TOKENS: &str = "EDGE_INVENTORY_TOKENS";

/// What a user asked for, checked.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) listen: SocketAddrV4,
    pub(crate) tokens: Vec<Token>,
    pub(crate) connections_max: usize,
    pub(crate) body_bytes_max: usize,
    /// Silence after which a connection is closed.
    pub(crate) idle_timeout: Duration,
    /// `None`: callers hold the clock.
    pub(crate) sweep_interval: Option<Duration>,
}

const LONG_ABOUT: &str = "\
Serves the paths of edge-host for orders, stock, batches, changes and the audit, with the same \
JSON, and /healthz and /readyz. Requests that arrive together are one transaction, with one fsync; \
an answer leaves after its commit, so a process that is killed loses nothing it acknowledged.

The first line of standard output is `listening on ADDR`. It speaks HTTP/1.1 with keep-alive and \
pipelining; bodies have a content-length.";

const AFTER_HELP: &str = "\
EDGE_INVENTORY_TOKENS=ROLE:TOKEN,… sets the bearer tokens (roles read, trade, admin), without \
which it listens on loopback addresses only.

Example:
  wasmedge --dir /data:./edge-data inventory.so serve --data /data --listen 127.0.0.1:8080
  curl localhost:8080/v1/stock/85123A";

pub(crate) fn command() -> Command {
    Command::new(NAME)
        .about("Serve HTTP over WasmEdge's sockets")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .args([
            option(
                "listen",
                "ADDR",
                "EDGE_INVENTORY_LISTEN",
                "IPv4 address and port; port 0 picks one",
            )
            .default_value("127.0.0.1:8080")
            .value_parser(value_parser!(SocketAddrV4)),
            option(
                "max-connections",
                "N",
                "EDGE_INVENTORY_MAX_CONNECTIONS",
                "Connections beyond these are turned away",
            )
            .default_value("1000")
            .value_parser(value_parser!(u32).range(1..=10_000)),
            option(
                "body-bytes-max",
                "N",
                "EDGE_INVENTORY_BODY_BYTES_MAX",
                "The largest body of a request",
            )
            .default_value("1048576")
            .value_parser(value_parser!(u32).range(1_024..=16_777_216)),
            option(
                "idle-timeout-s",
                "SECONDS",
                "EDGE_INVENTORY_IDLE_TIMEOUT_S",
                "Silence after which a connection is closed",
            )
            .default_value("60")
            .value_parser(value_parser!(u32).range(1..=3_600)),
            option(
                "sweep-interval-ms",
                "MS",
                "EDGE_INVENTORY_SWEEP_INTERVAL_MS",
                "How often holds past their time are ended",
            )
            .default_value("1000")
            .value_parser(value_parser!(u32).range(10..=3_600_000)),
            Arg::new("manual-clock").long("manual-clock").action(ArgAction::SetTrue).help(
                "For tests: the header Edge-Inventory-Now of a request says what time it is, from \
                 then on, and holds end only when a request meets them",
            ),
        ])
}

fn option(
    name: &'static str,
    value: &'static str,
    variable: &'static str,
    help: &'static str,
) -> Arg {
    Arg::new(name).long(name).value_name(value).env(variable).hide_env_values(true).help(help)
}

impl Options {
    pub(crate) fn new(matches: &ArgMatches, settings: &Settings) -> Result<Self, Failure> {
        let number = |name: &str| *matches.get_one::<u32>(name).expect("has a default");
        let listen = *matches.get_one::<SocketAddrV4>("listen").expect("has a default");
        let tokens = parse_tokens(&std::env::var(TOKENS).unwrap_or_default());
        let tokens = tokens.map_err(|what| Failure::Misused(format!("{TOKENS} is {what}")))?;
        if tokens.is_empty() && !listen.ip().is_loopback() {
            return Err(Failure::Misused(format!(
                "beyond loopback, anybody could change stock: no tokens are configured.\n  Set \
                 {TOKENS}=admin:…,trade:… (wasmedge --env), or listen on 127.0.0.1"
            )));
        }
        let sweep = Duration::from_millis(number("sweep-interval-ms").into());
        let held = matches.get_flag("manual-clock") || settings.now.is_some();
        Ok(Self {
            listen,
            tokens,
            connections_max: number("max-connections") as usize,
            body_bytes_max: number("body-bytes-max") as usize,
            idle_timeout: Duration::from_secs(number("idle-timeout-s").into()),
            sweep_interval: (!held).then_some(sweep),
        })
    }

    /// Whether a request may say what time it is.
    pub(crate) fn clock_is_held(&self) -> bool {
        self.sweep_interval.is_none()
    }
}

//! Structured logs to standard error; standard output belongs to `listening on ADDR`.

use std::io::IsTerminal;
use std::str::FromStr;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// What is written, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which events are written.
    pub levels: Levels,
    /// What a line looks like.
    pub format: Format,
}

/// A level for everything, or for a module: `info`, `info,edge_host::shard=debug`.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels(Targets);

impl Levels {
    /// Everything.
    pub fn all() -> Self {
        Self(Targets::new().with_default(tracing::Level::TRACE))
    }
}

impl FromStr for Levels {
    type Err = tracing_subscriber::filter::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// What a line looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For collectors: one JSON object a line.
    Json,
}

/// Starts logging for the process; fails when something else already has.
pub fn start(config: &Config) -> Result<(), TryInitError> {
    let colours = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours);
    let levels = config.levels.0.clone();
    match config.format {
        Format::Text => tracing_subscriber::registry().with(levels).with(lines).try_init(),
        Format::Json => tracing_subscriber::registry().with(levels).with(lines.json()).try_init(),
    }
}

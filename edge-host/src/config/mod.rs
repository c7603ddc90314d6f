//! The configuration: raw text from four places, validated once into what each room asks for.
//!
//! Everything that is wrong is reported together, with cures; nothing starts on half of it.

mod settings;

mod sources;

mod problem;

mod validate;

mod arguments;

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::ArgMatches;

pub use self::arguments::{CHECK_CONFIG, command};
pub use self::problem::{Problem, Problems};
pub use self::sources::Source;

use self::settings::{Kind, SETTINGS};
use self::sources::{Values, gather};
use crate::{hot_swap, http, log, runtime::ExecutionMode, shard, wms};

/// What `sysexits.h` calls `EX_USAGE`: the command line or the configuration cannot be used.
pub const EXIT_USAGE: u8 = 64;

/// Everything the host is told, in its bounds.
#[derive(Clone, Debug)]
pub struct Config {
    /// For the wire.
    pub http: http::Config,
    /// For the rows and their durability.
    pub shard: shard::Config,
    /// For the rules.
    pub guest: Guest,
    /// For replacing them.
    pub hot_swap: hot_swap::Config,
    /// For reading warehouses' own systems; `None`: none is read.
    pub wms: Option<wms::Config>,
    /// For the logs.
    pub log: log::Config,
}

/// Which rules run, and how.
#[derive(Clone, Debug)]
pub struct Guest {
    /// The compiled guest.
    pub file: PathBuf,
    /// How it runs, and every guest that replaces it.
    pub mode: ExecutionMode,
}

/// A configuration, and who said what.
#[derive(Debug)]
pub struct Effective {
    /// What each room gets.
    pub config: Config,
    values: Values,
}

/// Reads flags, environment and file; `flags` are the matches of [`command`] or of its
/// [`CHECK_CONFIG`], `variables` usually [`std::env::vars_os`].
pub fn load(
    flags: &ArgMatches,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Effective, Problems> {
    let (values, problems) = gather(flags, variables);
    let config = validate::validate(&values, problems)?;
    Ok(Effective { config, values })
}

/// As lines that could stand in the configuration file, each with who said it; secrets are hidden.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in SETTINGS {
            let raw = self.values.get(setting.key);
            let (key, source) = (setting.key, &raw.source);
            if setting.key == "wms_token" {
                let has_token = self.config.wms.as_ref().is_some_and(|it| it.token.is_some());
                writeln!(f, "# {key}: {}, hidden # {source}", u8::from(has_token))?;
            } else if setting.kind == Kind::Secret {
                let tokens = &self.config.http.tokens;
                let roles: Vec<&str> = tokens.iter().map(|token| token.role().as_str()).collect();
                writeln!(f, "# {key}: {} [{}], hidden # {source}", roles.len(), roles.join(", "))?;
            } else if setting.kind == Kind::Url {
                let shown = self.config.shard.redis.as_ref().map(|redis| redis.url.to_string());
                writeln!(f, "{key} = {:?} # {source}", shown.unwrap_or_default())?;
            } else if raw.text.parse::<i64>().is_ok() || setting.kind == Kind::Switch {
                writeln!(f, "{key} = {} # {source}", raw.text)?;
            } else {
                writeln!(f, "{key} = {:?} # {source}", raw.text)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;

//! A command's body: from flags, or as the JSON that the host would take. Either goes through the
//! same strict door, which knows every bound.

use std::io::Read;

use clap::{Arg, ArgMatches};
use inventory_json::parse::{parse, render};
use inventory_json::words::{OrderId, Text, TextRule};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// More than the largest body of the contract's limits.
const BODY_BYTES_MAX: u64 = 1 << 20;

pub(crate) fn argument() -> Arg {
    Arg::new("body")
        .long("body")
        .value_name("JSON")
        .help("The body as the HTTP call takes it, instead of flags; - reads standard input")
}

pub(crate) fn request_id() -> Arg {
    Arg::new("request-id").long("request-id").value_name("ID").help(
        "Names this attempt: the same id and body get the same answer for ever, another id is \
         another attempt",
    )
}

/// The body, from `--body` or else from what the flags say.
pub(crate) fn read<T: DeserializeOwned>(
    matches: &ArgMatches,
    from_flags: impl FnOnce() -> Result<Map<String, Value>, Failure>,
) -> Result<T, Failure> {
    Ok(match matches.get_one::<String>("body").map(String::as_str) {
        Some("-") => parse(&standard_input()?)?,
        Some(text) => parse(text.as_bytes())?,
        None => parse(&render(&from_flags()?))?,
    })
}

fn standard_input() -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = std::io::stdin().lock().take(BODY_BYTES_MAX + 1).read_to_end(&mut body);
    read.map_err(|source| Failure::Io { what: "standard input".into(), source })?;
    if body.len() as u64 > BODY_BYTES_MAX {
        return Err(Failure::Misused(format!("a body has at most {BODY_BYTES_MAX} bytes")));
    }
    Ok(body)
}

/// The order that a subcommand is about.
pub(crate) fn order_id(matches: &ArgMatches) -> Result<OrderId, Failure> {
    word(matches.get_one::<String>("order").expect("is required"))
}

pub(crate) fn word<R: TextRule>(text: &str) -> Result<Text<R>, Failure> {
    Text::parse(text).map_err(|bounds| Failure::Misused(bounds.to_string()))
}

/// Adds a field unless the flag was left out.
pub(crate) fn add(fields: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}

//! The change feed and the audit.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use inventory_json::audit::AuditReport;
use inventory_json::changes::Changes;

use crate::failure::{Failure, REFUSED};
use crate::output;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::tables;

pub(crate) const CHANGES: &str = "changes";
pub(crate) const AUDIT: &str = "audit";

pub(crate) fn commands() -> Vec<Command> {
    let after = Arg::new("after").long("after").value_name("SEQ").default_value("0");
    let limit = Arg::new("limit").long("limit").value_name("N").default_value("100");
    vec![
        Command::new(CHANGES)
            .about("Every committed change, oldest first, a page at a time")
            .arg(
                after
                    .value_parser(value_parser!(u64).range(..1 << 53))
                    .help("Those after this sequence"),
            )
            .arg(limit.value_parser(value_parser!(u32).range(1..=1_000)).help("At most this many"))
            .after_help("Example:\n  inventory changes --after 100 --limit 20"),
        Command::new(AUDIT)
            .about("Check every invariant on live data")
            .long_about(
                "Reads every row and checks every invariant: counters against orders, orders \
                 against their units, the ledger against both. Exit status 1 where one is broken.",
            )
            .after_help("Example:\n  inventory audit"),
    ]
}

pub(crate) fn list(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let after = *matches.get_one("after").expect("has a default");
    let listed = shard.changes(after, *matches.get_one("limit").expect("has a default"))?;
    let page = Changes::new(&settings.node, after, &listed);
    output::reading(Ok(page), settings, || tables::changes(&listed))
}

pub(crate) fn audit(shard: &mut Shard, settings: &Settings) -> Result<ExitCode, Failure> {
    let report = shard.audit()?;
    let view = AuditReport::from(&report);
    output::reading(Ok(view), settings, || tables::audit(&report))?;
    Ok(if report.differences.is_empty() { ExitCode::SUCCESS } else { REFUSED.into() })
}

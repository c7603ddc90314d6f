//! Many commands in one transaction, each with its own outcome.

use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command};
use inventory_json::batch::{Batch, BatchAnswer};

use crate::body;
use crate::failure::{FAILED, Failure};
use crate::output::{self, one_of_batch};
use crate::settings::Settings;
use crate::shard::Shard;
use crate::tables;

pub(crate) const NAME: &str = "batch";

pub(crate) fn command() -> Command {
    let body: Arg = body::argument().default_value("-");
    Command::new(NAME)
        .about("Many commands, decided in order, in one transaction")
        .long_about(
            "Decides up to 1,000 commands in order, each on what the ones before left, and makes \
             all of them durable at once. Each has its own outcome: a refused one does not stop \
             the others.",
        )
        .arg(body.help("The body as POST /v1/batch takes it; - reads standard input"))
        .after_help(
            "Example:\n  inventory batch --body '{\"commands\":[\n    \
             {\"reserve\":{\"order_id\":\"O-1\",\
             \"lines\":[{\"sku\":\"85123A\",\"quantity\":6}]}},\n    \
             {\"confirm\":{\"order_id\":\"O-1\"}}]}'",
        )
}

pub(crate) fn run(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let batch: Batch = body::read(matches, || Ok(serde_json::Map::new()))?;
    let commands = batch.into_commands(settings.defaults, &settings.node)?;
    let decided = shard.decide_all(commands);
    let failed = decided.iter().any(Result::is_err);
    let outcomes = decided.iter().map(|it| one_of_batch(it, settings)).collect();
    let table = || decided.iter().map(|it| tables::decided(it, settings)).collect();
    output::reading(Ok(BatchAnswer { outcomes }), settings, table)?;
    Ok(if failed { FAILED.into() } else { ExitCode::SUCCESS })
}

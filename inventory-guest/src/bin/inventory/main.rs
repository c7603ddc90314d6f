//! The rules on a laptop: one SQLite file, the same JSON as the host, and nothing but `wasmedge`.
//!
//! Files in reading order. A subcommand is parsed into the contract's commands (`orders`, `stock`,
//! `catalog`, `import`, `batch`, `script`), applied to the data folder (`shard`, kept to one
//! process by `owner`), and printed (`output`). `replay` sends a file of orders, `serve` listens.

mod settings;

mod clock;

mod failure;

mod owner;

mod shard;

mod body;

mod output;

mod tables;

mod orders;

mod stock;

mod counts;

mod snapshot;

mod plan;

mod changes;

mod catalog;

mod import;

mod batch;

mod script;

mod replay;

#[cfg_attr(
    not(target_family = "wasm"),
    allow(dead_code, reason = "its sockets are WasmEdge's; the rest is tested natively too")
)]
mod serve;

use std::process::ExitCode;

use clap::{ArgMatches, Command};

use failure::Failure;
use settings::Settings;
use shard::Shard;

const ABOUT: &str = "The inventory of one edge node, in one file: reserve, pay, ship, give back, \
and never oversell";

const AFTER_HELP: &str = "\
The data folder must be within what `wasmedge` may see:

  wasmedge --dir .:. inventory.so adjust --reason initial 85123A:sellable=100
  wasmedge --dir .:. inventory.so reserve O-1 85123A=6
  wasmedge --dir .:. inventory.so confirm O-1
  wasmedge --dir .:. inventory.so stock 85123A

Variables reach the program by `wasmedge --env NAME=VALUE`.

Exit status: 0 done; 1 refused, or an audit or reconciliation found differences; 64 the command
line or a body is wrong; 70 the database failed; 74 a file or address cannot be used; 75 the data
folder is in use.";

fn command() -> Command {
    let operations = [
        orders::commands(),
        stock::commands(),
        counts::commands(),
        plan::commands(),
        changes::commands(),
    ];
    let operations = operations.concat();
    Command::new("inventory")
        .bin_name("inventory")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER_HELP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(settings::arguments())
        .subcommands(operations)
        .subcommand(snapshot::command())
        .subcommand(catalog::command())
        .subcommands(import::commands())
        .subcommand(batch::command())
        .subcommand(script::command())
        .subcommand(replay::command())
        .subcommand(serve::command())
}

fn main() -> ExitCode {
    let matches = match command().try_get_matches() {
        Ok(matches) => matches,
        Err(error) => {
            // What cannot be printed has no reader.
            let _ = error.print();
            return if error.use_stderr() { failure::MISUSED.into() } else { ExitCode::SUCCESS };
        }
    };
    match run(&matches) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("inventory: {failure}");
            if let (Failure::Malformed(problem), true) = (&failure, matches.get_flag("json")) {
                // Said above already, should this not be readable.
                let _ = output::line(&output::fault(problem));
            }
            failure.exit_code()
        }
    }
}

fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let settings = Settings::new(matches);
    let (name, matches) = matches.subcommand().expect("a subcommand is required");
    if name == serve::NAME {
        return serve::run(matches, settings);
    }
    let mut shard = Shard::open(&settings)?;
    match name {
        import::IMPORT => import::import(&mut shard, matches, &settings),
        import::EXPORT => import::export(&mut shard, matches),
        snapshot::NAME => snapshot::run(&mut shard, matches, &settings),
        catalog::NAME => catalog::run(&mut shard, matches, &settings),
        batch::NAME => batch::run(&mut shard, matches, &settings),
        script::NAME => script::run(&mut shard, &settings),
        replay::NAME => replay::run(&mut shard, matches),
        changes::CHANGES => changes::list(&mut shard, matches, &settings),
        changes::AUDIT => changes::audit(&mut shard, &settings),
        plan::PLAN => plan::plan(&mut shard, matches, &settings),
        plan::CALENDAR => plan::calendar(&mut shard, matches, &settings),
        counts::SHORTAGES => counts::shortages(&mut shard, matches, &settings),
        stock::STOCK => stock::read(&mut shard, matches, &settings),
        orders::GET => orders::get(&mut shard, matches, &settings),
        name => {
            let command = orders::parse(name, matches, &settings)
                .or_else(|| stock::parse(name, matches))
                .or_else(|| counts::parse(name, matches, &settings))
                .expect("every subcommand is one of these")?;
            output::outcome(&shard.decide(command), &settings)
        }
    }
}

//! Replays a file of real orders through the HTTP API of a running server, and reconciles: what a
//! user sees and does, so it knows the server by its contract alone and shares no code with it.
//!
//! The crate `replay/` makes the file a plan of steps in stream order. `drive` sends the steps over
//! many connections (`schedule` keeps each order's own in sequence, `client` outlives a server that
//! goes away) and the plan's books add up the answers; `reconcile` holds the server to them.

mod options;

mod client;
mod drive;
mod network;
mod schedule;
mod wire;

mod reconcile;

mod progress;
mod report;
mod tally;

#[cfg(test)]
#[path = "../../../replay/src/tests.rs"]
mod tests;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::ArgMatches;
use inventory_replay::network::{Geography, Network};
use inventory_replay::plan::{Plan, PlanError};
use inventory_replay::{Feed, TableError};

pub use self::options::{REPLAY, command};

use self::client::ClientError;
use self::drive::Drive;
use self::options::{Options, Warehouses};
use self::reconcile::reconcile;
use self::report::{Report, Times, grouped};

/// Differences were found.
const EXIT_DIFFERENCES: u8 = 1;
/// The replay did not come to its end.
const EXIT_UNFINISHED: u8 = 2;

/// Why a replay did not come to its end.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot start: {0}")]
    Runtime(#[from] std::io::Error),
}

/// Runs the subcommand: the summary goes to standard output, progress and errors to standard error.
/// Starts a runtime of its own, and so must not be called from within one.
pub fn run(matches: &ArgMatches) -> ExitCode {
    match replay(Options::new(matches)) {
        Ok(report) => {
            print!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_DIFFERENCES) }
        }
        Err(error) => {
            eprintln!("replay: {error}");
            ExitCode::from(EXIT_UNFINISHED)
        }
    }
}

fn replay(options: Options) -> Result<Report, Error> {
    let Options { file, terms, warehouses, connections, travel, server } = options;
    let mut plan = Plan::new(Feed::read(&file)?, &terms)?;
    if let Some(Warehouses { count, divisions, demand }) = warehouses {
        let geography = Geography::read(&divisions, &demand)?;
        plan.network = Some(Network::new(&geography, count, &plan));
    }
    let (steps, orders) = (grouped(plan.steps.len()), grouped(plan.orders.len()));
    eprintln!(
        "{orders} orders make {steps} steps; {connections} connections to {}",
        server.address
    );
    // One thread: the server on the same machine needs the others more.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let drive = Arc::new(Drive::new(plan, server, terms.initial_stock));
        drive.stock_up().await?;
        let started = Instant::now();
        drive.run(connections, travel).await?;
        let replayed = Instant::now();
        let checked = reconcile(&drive, connections).await?;
        let times = Times { replay: replayed - started, reconciliation: replayed.elapsed() };
        Ok(Report::new(&drive, &checked, &times))
    })
}

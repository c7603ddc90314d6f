//! Drives a plan through the server with many connections, as fast as it answers.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use tokio::task::JoinSet;

use super::client::{Client, ClientError, Patience, Server, refused};
use super::network;
use super::progress::Progress;
use super::schedule::Schedule;
use super::tally::Tally;
use super::wire::{self, Succeeded};
use inventory_replay::books::Books;
use inventory_replay::difference::Differences;
use inventory_replay::outcome::Outcome;
use inventory_replay::plan::{InitialStock, Plan, Step};

/// A batch's body stays well under any server's limit: this, and at most one order more.
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Where counters are set (api.md).
const ADJUST: &str = "/v1/stock/adjust";
/// The most items of an adjustment (api.md).
const ADJUST_ITEMS_MAX: usize = 1_000;

/// How commands travel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Travel {
    Alone,
    /// At most this many in one request.
    InBatches(usize),
}

/// A replay under way, shared by its connections.
pub(super) struct Drive {
    pub(super) plan: Plan,
    pub(super) server: Arc<Server>,
    pub(super) progress: Arc<Progress>,
    state: Mutex<DriveState>,
}

/// What the answers so far came to.
pub(super) struct DriveState {
    schedule: Schedule,
    pub(super) books: Books,
    pub(super) tally: Tally,
    pub(super) differences: Differences,
}

impl Drive {
    pub(super) fn new(plan: Plan, server: Arc<Server>, initial_stock: InitialStock) -> Self {
        let state = DriveState {
            schedule: Schedule::new(),
            books: Books::new(&plan, initial_stock),
            tally: Tally::default(),
            differences: Differences::default(),
        };
        let progress = Arc::new(Progress::new("steps", plan.steps.len()));
        Self { plan, server, progress, state: Mutex::new(state) }
    }

    /// Sets the initial stock; a server that has it from an earlier run of the same replay only
    /// repeats its answer.
    pub(super) async fn stock_up(&self) -> Result<(), ClientError> {
        let skus = self.plan.sold_skus();
        let progress = Arc::new(Progress::new("skus stocked", skus.len()));
        shown(self.set_sellable(&skus, &progress), progress.clone(), &self.server).await
    }

    async fn set_sellable(&self, skus: &[u32], progress: &Progress) -> Result<(), ClientError> {
        let mut client = Client::new(self.server.clone());
        if let Some(network) = &self.plan.network {
            for change in network::catalog(&self.plan, network) {
                self.prepare(&mut client, network::CATALOG, change).await?;
            }
            let items = network::stock(&self.plan, network, skus);
            for (number, items) in (1..).zip(items.chunks(network::ITEMS_MAX)) {
                let request_id = format!("replay-lying-{number}");
                let body = wire::adjustment(items, &request_id);
                self.prepare(&mut client, ADJUST, body).await?;
            }
        }
        for (number, skus) in (1..).zip(skus.chunks(ADJUST_ITEMS_MAX)) {
            let request_id = format!("replay-initial-{number}");
            let body = wire::initial_stock(&self.plan, skus, &request_id);
            self.prepare(&mut client, ADJUST, body).await?;
            progress.add(skus.len());
        }
        Ok(())
    }

    /// Sends what comes before the first step.
    async fn prepare(
        &self,
        client: &mut Client,
        path: &'static str,
        body: Bytes,
    ) -> Result<(), ClientError> {
        let reply = client.post(path, body).await?;
        match reply.status {
            StatusCode::OK => Ok(()),
            StatusCode::CONFLICT => {
                Err(ClientError::OtherReplay { address: self.server.address.clone() })
            }
            _ => Err(refused(&reply, path)),
        }
    }

    /// Does every step of the plan.
    pub(super) async fn run(
        self: &Arc<Self>,
        connections: usize,
        travel: Travel,
    ) -> Result<(), ClientError> {
        let progress = self.progress.clone();
        let workers = (0..connections).map(|_| work(self.clone(), travel));
        all(workers, progress, &self.server).await
    }

    pub(super) fn state(&self) -> MutexGuard<'_, DriveState> {
        self.state.lock().expect("no holder of the lock panics")
    }

    fn next(&self) -> Option<Step> {
        let DriveState { schedule, books, tally, .. } = &mut *self.state();
        while let Some(step) = schedule.next(&self.plan.steps) {
            if books.calls_for(step) {
                return Some(step);
            }
            tally.skipped += 1;
            self.progress.add(1);
            schedule.done(step.order);
        }
        None
    }

    /// Steps of different orders that fill a batch, as commands.
    fn next_batch(&self, size: usize) -> Vec<(Step, Vec<u8>)> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < size && bytes < BATCH_BYTES_MAX {
            let Some(step) = self.next() else { break };
            let command = wire::command(&self.plan, step);
            bytes += command.len();
            batch.push((step, command));
        }
        batch
    }

    fn settle(&self, step: Step, settled: Settled) {
        let DriveState { schedule, books, tally, differences } = &mut *self.state();
        let row = tally.row(step.action);
        row.answered += 1;
        row.replayed += u64::from(settled.replayed);
        if let Some(took) = settled.took {
            row.latencies.add(took);
        }
        if let Err(difference) = books.record(&self.plan, step, &settled.outcome) {
            differences.add(difference);
        }
        if let Outcome::Refused(code) = settled.outcome {
            *row.refused.entry(code).or_default() += 1;
        }
        schedule.done(step.order);
        self.progress.add(1);
    }
}

/// What is known of a step that needs no further attempt.
struct Settled {
    outcome: Outcome,
    replayed: bool,
    /// Where the command travelled alone.
    took: Option<Duration>,
}

/// Does some work with its progress shown.
pub(super) async fn shown<T>(
    work: impl Future<Output = Result<T, ClientError>>,
    progress: Arc<Progress>,
    server: &Arc<Server>,
) -> Result<T, ClientError> {
    tokio::select! {
        result = work => result,
        never = progress.show(server.clone()) => match never {},
    }
}

/// Runs workers side by side, with their progress shown, until all end or one fails.
pub(super) async fn all<W>(
    workers: impl Iterator<Item = W>,
    progress: Arc<Progress>,
    server: &Arc<Server>,
) -> Result<(), ClientError>
where
    W: Future<Output = Result<(), ClientError>> + Send + 'static,
{
    let mut running: JoinSet<_> = workers.collect();
    let work = async {
        while let Some(ended) = running.join_next().await {
            ended.expect("no worker panics or is stopped from outside")?;
        }
        Ok(())
    };
    shown(work, progress, server).await
}

async fn work(drive: Arc<Drive>, travel: Travel) -> Result<(), ClientError> {
    let client = Client::new(drive.server.clone());
    match travel {
        Travel::Alone => work_alone(&drive, client).await,
        Travel::InBatches(size) => work_in_batches(&drive, client, size).await,
    }
}

async fn work_alone(drive: &Drive, mut client: Client) -> Result<(), ClientError> {
    while let Some(step) = drive.next() {
        let path = wire::path(drive.plan.order(step), step.action);
        let reply = client.post(&path, wire::body(&drive.plan, step)).await?;
        let succeeded = if reply.status == StatusCode::OK { Succeeded::Yes } else { Succeeded::No };
        let outcome = wire::outcome(succeeded, &reply.body);
        let settled = Settled { outcome, replayed: reply.replayed, took: Some(reply.took) };
        drive.settle(step, settled);
    }
    Ok(())
}

async fn work_in_batches(
    drive: &Drive,
    mut client: Client,
    size: usize,
) -> Result<(), ClientError> {
    loop {
        let mut batch = drive.next_batch(size);
        if batch.is_empty() {
            return Ok(());
        }
        let mut patience = Patience::new();
        loop {
            batch = send_batch(drive, &mut client, batch, &mut patience).await?;
            if batch.is_empty() {
                break;
            }
            client.pause(&mut patience).await?;
        }
    }
}

/// Sends a batch and answers with what of it must be sent again.
async fn send_batch(
    drive: &Drive,
    client: &mut Client,
    batch: Vec<(Step, Vec<u8>)>,
    patience: &mut Patience,
) -> Result<Vec<(Step, Vec<u8>)>, ClientError> {
    let path = "/v1/batch";
    let reply = client.post(path, wire::batch(&batch)).await?;
    let outcomes = match reply.status {
        StatusCode::OK => wire::outcomes(&reply.body).ok(),
        _ => None,
    };
    let outcomes = outcomes.filter(|outcomes| outcomes.len() == batch.len());
    let outcomes = outcomes.ok_or_else(|| refused(&reply, path))?;
    drive.state().tally.batches.add(reply.took);
    let mut undecided = Vec::new();
    for ((step, command), (outcome, replayed)) in batch.into_iter().zip(outcomes) {
        if let Outcome::Undecided(code) = outcome {
            patience.cause = code;
            undecided.push((step, command));
        } else {
            drive.settle(step, Settled { outcome, replayed, took: None });
        }
    }
    Ok(undecided)
}

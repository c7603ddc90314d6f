//! A round: every request that has arrived, the writes in one transaction, then the reads, then the
//! answers, each connection's in its order.

use std::collections::BTreeMap;
use std::time::Instant as Moment;

use inventory_json::answers::Order;
use inventory_json::audit::{AuditReport, Status};
use inventory_json::batch::BatchAnswer;
use inventory_json::changes::Changes;
use inventory_json::contract::sessions::SessionStep;
use inventory_json::contract::types;
use inventory_json::counts::{Shortages, ShortagesQuery};
use inventory_json::outcome::Answer;
use inventory_json::plan::{Availability, Plan, Preview, everything};
use inventory_json::problem::{MALFORMED, Problem, REQUEST_TIMEOUT};
use inventory_json::refusal::{QUEUE_FULL, refused};
use inventory_json::snapshots::{Snapshots, SnapshotsQuery};
use inventory_json::stock::Stock;
use inventory_json::words::Instant;

use super::catalog;
use super::connection::{Connection, Taken};
use super::options::Options;
use super::request::Request;
use super::response::{After, Response};
use super::routes::{Task, task};
use crate::output::{one_of_batch, told};
use crate::settings::Settings;
use crate::shard::{COMMANDS_MAX, Decided, Shard};
use crate::{orders, plan, snapshot, stock};

/// What all callers together may have sent and not been answered.
const BUFFERED_BYTES_MAX: usize = 64 << 20;
/// A caller with no more than this waiting is not turned away.
const SMALL_INPUT_BYTES: usize = 64 << 10;
/// Requests of one connection in a round, so that no caller has a round for itself.
const PIPELINED_MAX: usize = 128;
/// Holds ended at once.
const SWEEP_ORDERS: u32 = 1_000;

/// All callers, by a number that is never used again, and the shard they ask.
pub(crate) struct Rounds {
    shard: Shard,
    settings: Settings,
    pub(crate) options: Options,
    pub(crate) connections: BTreeMap<u64, Connection>,
    next: u64,
    swept_at: Moment,
}

/// A request on its way through a round.
struct Pending {
    connection: u64,
    after: After,
    now: Option<Instant>,
    task: Result<Task, Problem>,
}

impl Rounds {
    pub(crate) fn new(shard: Shard, settings: Settings, options: Options) -> Self {
        let connections = BTreeMap::new();
        Self { shard, settings, options, connections, next: 0, swept_at: Moment::now() }
    }

    pub(crate) fn add_connection(&mut self) -> u64 {
        self.next += 1;
        self.connections.insert(self.next, Connection::new(Moment::now()));
        self.next
    }

    /// Answers what has arrived. `true`: more is waiting already.
    pub(crate) fn answer(&mut self) -> bool {
        let (pending, more) = self.collect();
        let decided = self.decide(&pending);
        for (pending, decided) in pending.into_iter().zip(decided) {
            let response = self.response(pending.task, decided, pending.now);
            if let Some(connection) = self.connections.get_mut(&pending.connection) {
                connection.answer(&response, pending.after);
            }
        }
        self.turn_away();
        more
    }

    fn collect(&mut self) -> (Vec<Pending>, bool) {
        let mut pending = Vec::new();
        let mut more = false;
        let (shard, options, settings) = (&mut self.shard, &self.options, &self.settings);
        for (&number, connection) in &mut self.connections {
            let first = pending.len();
            // A read sees the writes before it and none behind it: reads come after all writes.
            let mut has_read = false;
            more |= connection.take_requests(options.body_bytes_max, |request| {
                let (task, after, now) = match request {
                    Ok(request) => understood(request, options, settings),
                    Err(problem) => (Err(problem), After::Close, None),
                };
                let task =
                    task.and_then(|it| check_is_no_import(shard, &it, settings).map(|()| it));
                let writes = task.as_ref().is_ok_and(Task::writes);
                if (writes && has_read) || pending.len() - first == PIPELINED_MAX {
                    return Taken::Later;
                }
                has_read |= !writes;
                pending.push(Pending { connection: number, after, now, task });
                Taken::Yes
            });
        }
        (pending, more)
    }

    /// What became of each request's commands; one transaction for all that fit, and that are asked
    /// for at the same time.
    fn decide(&mut self, pending: &[Pending]) -> Vec<Vec<Decided>> {
        let mut decided: Vec<Vec<Decided>> = Vec::with_capacity(pending.len());
        let mut together: Vec<types::Command> = Vec::new();
        let mut counts: Vec<usize> = Vec::new();
        for it in pending {
            let commands = match &it.task {
                Ok(Task::Command(command)) => std::slice::from_ref(command),
                Ok(Task::Batch(commands)) => commands.as_slice(),
                _ => &[],
            };
            if it.now.is_some() || together.len() + commands.len() > COMMANDS_MAX {
                self.commit(&mut together, &mut counts, &mut decided);
            }
            if let Some(now) = it.now {
                self.shard.clock.hold_at(now);
            }
            together.extend_from_slice(commands);
            counts.push(commands.len());
        }
        self.commit(&mut together, &mut counts, &mut decided);
        decided
    }

    fn commit(
        &mut self,
        together: &mut Vec<types::Command>,
        counts: &mut Vec<usize>,
        decided: &mut Vec<Vec<Decided>>,
    ) {
        let mut all = self.shard.decide_all(std::mem::take(together)).into_iter();
        decided.extend(counts.drain(..).map(|count| all.by_ref().take(count).collect()));
    }

    fn response(
        &mut self,
        task: Result<Task, Problem>,
        decided: Vec<Decided>,
        now: Option<Instant>,
    ) -> Response {
        if let Some(now) = now {
            self.shard.clock.hold_at(now);
        }
        let answered = task.and_then(|task| match task {
            Task::Command(command) => {
                let decided = decided.into_iter().next().expect("one command, one answer");
                command_response(&command, decided, &self.settings)
            }
            Task::Batch(_) => batch_response(&decided, &self.settings),
            Task::Status(status) => Ok(Response::json(&Status { status })),
            read => self.read(read),
        });
        answered.unwrap_or_else(Response::from)
    }

    fn read(&mut self, task: Task) -> Result<Response, Problem> {
        let shard = &mut self.shard;
        let failed = |fault: types::Fault| told(&fault);
        Ok(match task {
            Task::Order(order_id) => {
                let order = shard.order(order_id.into_string()).map_err(failed)?;
                Response::json(&Order::from(&order.ok_or_else(orders::unknown)?))
            }
            Task::Stock(sku) => {
                let found = shard.stock(vec![sku.as_str().to_owned()]).map_err(failed)?;
                let found = found.into_iter().next().flatten();
                Response::json(&Stock::from(&found.ok_or_else(|| stock::unknown(&sku))?))
            }
            Task::Availability(sku, ship_to) => {
                let name = sku.as_str().to_owned();
                let found = shard.stock(vec![name.clone()]).map_err(failed)?;
                let found = found.into_iter().next().flatten();
                let found = found.ok_or_else(|| stock::unknown(&sku))?;
                let planned = shard.plan(everything(name, ship_to)).map_err(failed)?;
                Response::json(&Availability::new(&found, &planned))
            }
            Task::Plan(inquiry) => {
                Response::json(&Plan::from(&shard.plan(inquiry).map_err(failed)?))
            }
            Task::Preview(warehouse, count) => {
                let warehouse = warehouse.into_string();
                let found = shard.preview(warehouse.clone(), count).map_err(failed)?;
                let found = found.ok_or_else(|| plan::unknown(&warehouse))?;
                Response::json(&Preview::new(&warehouse, &found))
            }
            Task::Shortages(ShortagesQuery { warehouse, after, limit }) => {
                let listed = shard.shortages(warehouse, &after, limit).map_err(failed)?;
                Response::json(&Shortages::new(&listed, limit))
            }
            Task::Snapshot(name) => {
                let found = shard.session(name.into_string()).map_err(failed)?;
                Response::json(&snapshot::report(found.as_ref(), &self.settings)?)
            }
            Task::Snapshots(SnapshotsQuery { state, after, limit }) => {
                let listed =
                    shard.snapshots(state.map(Into::into), &after, limit).map_err(failed)?;
                Response::json(&Snapshots::new(&listed, limit, &self.settings.node))
            }
            Task::StockQuery(query) => {
                let names = query.skus.iter().map(|sku| sku.as_str().to_owned()).collect();
                let found = shard.stock(names).map_err(failed)?;
                Response::json(&stock::query_answer(&query.skus, &found))
            }
            Task::Changes(page) => {
                let listed = shard.changes(page.after, page.limit).map_err(failed)?;
                Response::json(&Changes::new(&self.settings.node, page.after, &listed))
            }
            Task::Catalog(reading) => return catalog::read(shard, reading),
            Task::Audit | Task::Status(_) | Task::Command(_) | Task::Batch(_) => {
                Response::json(&AuditReport::from(&shard.audit().map_err(failed)?))
            }
        })
    }

    /// When callers together hold too much, those with much of it are told to come again.
    fn turn_away(&mut self) {
        let mut buffered: usize = self.connections.values().map(Connection::input_bytes).sum();
        for connection in self.connections.values_mut() {
            if buffered <= BUFFERED_BYTES_MAX {
                return;
            }
            if connection.input_bytes() > SMALL_INPUT_BYTES {
                buffered -= connection.input_bytes();
                let detail = "too much is arriving at once; nothing was done";
                let problem = Problem::new(&QUEUE_FULL, detail).retry_after(1);
                connection.turn_away(problem, Moment::now());
            }
        }
    }

    /// A request that takes too long to arrive is not waited for.
    pub(crate) fn turn_away_the_slow(&mut self, now: Moment) {
        let timeout = self.options.idle_timeout;
        for connection in self.connections.values_mut().filter(|it| it.is_slow(now, timeout)) {
            let detail = format!("the request did not arrive within {} s", timeout.as_secs());
            connection.turn_away(Problem::new(&REQUEST_TIMEOUT, detail), now);
        }
    }

    /// Ends due holds when it is time to.
    pub(crate) fn sweep(&mut self) {
        let Some(interval) = self.options.sweep_interval else { return };
        if self.swept_at.elapsed() < interval {
            return;
        }
        let swept = self.shard.decide(types::Command::Expire(SWEEP_ORDERS));
        let any =
            matches!(&swept, Ok(types::Outcome { result: Ok(types::Answer::Expired(1..)), .. }));
        if let Err(fault) = &swept {
            // `told` says why on standard error; the next sweep tries again.
            told(fault);
        }
        // More may be due: the next round goes on.
        if !any {
            self.swept_at = Moment::now();
        }
    }
}

fn understood(
    request: &Request<'_>,
    options: &Options,
    settings: &Settings,
) -> (Result<Task, Problem>, After, Option<Instant>) {
    let after = if request.keep_alive { After::KeepAlive } else { After::Close };
    let now = match request.now.filter(|_| options.clock_is_held()) {
        None => Ok(None),
        Some(text) => {
            std::str::from_utf8(text).ok().and_then(Instant::parse).map(Some).ok_or_else(|| {
                Problem::new(
                    &MALFORMED,
                    "Edge-Inventory-Now is no time such as 2026-11-22T09:00:00Z",
                )
            })
        }
    };
    match now {
        Ok(now) => (task(request, options, settings), after, now),
        Err(problem) => (Err(problem), after, None),
    }
}

/// Pages and `discard` are the same steps for imports, which whoever trades may not touch; and none
/// can begin while this process has the folder.
fn check_is_no_import(shard: &mut Shard, task: &Task, settings: &Settings) -> Result<(), Problem> {
    let id = match task {
        Task::Command(types::Command::Session(SessionStep::Page(it))) => &it.session_id,
        Task::Command(types::Command::Session(SessionStep::Discard(id))) => id,
        _ => return Ok(()),
    };
    match shard.session(id.clone()).map_err(|fault| told(&fault))? {
        None => Ok(()),
        found => snapshot::report(found.as_ref(), settings).map(|_| ()),
    }
}

fn command_response(
    command: &types::Command,
    decided: Decided,
    settings: &Settings,
) -> Result<Response, Problem> {
    let types::Outcome { replayed, result } = decided.map_err(|fault| told(&fault))?;
    match &result {
        Ok(answer) => {
            let response = Response::json(&Answer::new(answer, &settings.node));
            let response = match catalog::version(command, answer) {
                Some(version) => response.with_etag(version),
                None => response,
            };
            Ok(if replayed { response.replayed() } else { response })
        }
        Err(refusal) => Err(Problem { replayed, ..refused(refusal, &settings.node) }),
    }
}

fn batch_response(decided: &[Decided], settings: &Settings) -> Result<Response, Problem> {
    // Where no command at all was decided, the caller's ordinary retry should see it.
    match decided.first() {
        Some(Err(fault)) if decided.iter().all(Result::is_err) => Err(told(fault)),
        _ => {
            let outcomes = decided.iter().map(|it| one_of_batch(it, settings)).collect();
            Ok(Response::json(&BatchAnswer { outcomes }))
        }
    }
}

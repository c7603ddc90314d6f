//! Commands from standard input, one a line, in the JSON that `/v1/batch` takes.
//!
//! JSON and not the notebook language of `tests/scenarios`: programs write it without a grammar of
//! their own, it says everything the API says, its strict door exists already, and a line that was
//! logged from HTTP runs unchanged. Lines that wait together are decided in one transaction.

use std::io::{BufRead, BufReader, Read};
use std::process::ExitCode;

use clap::Command;
use inventory_json::answers::Order;
use inventory_json::audit::{AuditReport, AuditRequest};
use inventory_json::batch::{self, Batch, BatchAnswer};
use inventory_json::changes::{Changes, LIMIT_DEFAULT};
use inventory_json::contract::types;
use inventory_json::outcome::BatchOutcome;
use inventory_json::parse::parse;
use inventory_json::problem::{MALFORMED, Problem};
use inventory_json::stock::StockQuery;
use inventory_json::words::{ChangesLimit, Instant, OrderId, Sequence};
use serde::Deserialize;

use crate::failure::{FAILED, Failure, MISUSED};
use crate::output::{Read as Reading, line, one_of_batch};
use crate::settings::Settings;
use crate::shard::{COMMANDS_MAX, Shard};
use crate::snapshot::{self, Wanted};
use crate::{orders, stock};

pub(crate) const NAME: &str = "script";

/// As much as a body may have over HTTP.
const LINE_BYTES_MAX: u64 = 1 << 20;

const LONG_ABOUT: &str = "\
Reads commands from standard input, one JSON object a line, and answers each with one line: \
{\"ok\":…}, {\"refused\":…} or {\"fault\":…}. An answer is printed when what it says is durable. \
Lines that wait together are decided together, so a file runs many times faster than line by line. \
Empty lines and lines that begin with # are passed over.";

const AFTER_HELP: &str = "\
Lines:
  {\"adjust\":{\"reason\":\"initial\",\"items\":[{\"sku\":\"85123A\",\"sellable\":{\"set\":100}}]}}
  {\"reserve\":{\"order_id\":\"O-1\",\"lines\":[{\"sku\":\"85123A\",\"quantity\":6}]}}
  {\"deduct\":{…}}  {\"confirm\":{\"order_id\":\"O-1\"}}
  {\"extend\":{\"order_id\":\"O-1\",\"ttl_s\":900}}
  {\"ship\":{\"order_id\":\"O-1\"}}  {\"release\":{\"order_id\":\"O-1\",\"reason\":\"cancel\"}}
  {\"catalog\":{…}}  {\"count\":{…}}
  {\"batch\":{\"commands\":[…]}}    all in one transaction
  {\"expire\":{\"limit\":100}}      end holds past their time
  {\"get\":{\"order_id\":\"O-1\"}}  {\"stock\":{\"skus\":[\"85123A\"]}}
  {\"changes\":{\"after\":0}}  {\"audit\":{}}
  {\"snapshot\":{\"begin\":{…}}}    then page, commit, approve, discard or get, each with the
      name: {\"snapshot\":{\"commit\":{\"snapshot\":\"S-1\",\"pages\":3}}}
  {\"now\":\"2026-11-22T09:00:00Z\"}  the clock stands there from this line on

Exit status: 0 every line was understood and carried out or refused; 64 some line was not
understood; 70 the database failed.

Example:
  inventory script < monday.ndjson > answers.ndjson";

pub(crate) fn command() -> Command {
    Command::new(NAME)
        .about("Commands from standard input, one JSON object a line")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
}

/// What a line may say besides the commands of a batch.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Batch(Batch),
    Expire(Expire),
    Get(Get),
    Stock(StockQuery),
    Changes(Page),
    Audit(AuditRequest),
    Snapshot(snapshot::Step),
    Now(String),
}

const STEPS: [&str; 8] = ["batch", "expire", "get", "stock", "changes", "audit", "snapshot", "now"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expire {
    limit: ChangesLimit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Get {
    order_id: OrderId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<Sequence>,
    limit: Option<ChangesLimit>,
}

/// A line, understood.
enum Line {
    Command(batch::Command),
    Step(Step),
}

fn understood(text: &[u8]) -> Result<Line, Problem> {
    let key = text.split(|byte| *byte == b'"').nth(1).unwrap_or_default();
    if STEPS.iter().any(|step| step.as_bytes() == key) {
        parse(text).map(Line::Step)
    } else {
        parse(text).map(Line::Command)
    }
}

/// Commands that wait for their transaction.
struct Script<'a> {
    shard: &'a mut Shard,
    settings: &'a Settings,
    waiting: Vec<types::Command>,
    code: u8,
}

pub(crate) fn run(shard: &mut Shard, settings: &Settings) -> Result<ExitCode, Failure> {
    let unreadable = |source| Failure::Io { what: "standard input".into(), source };
    let mut input = BufReader::with_capacity(1 << 16, std::io::stdin());
    let mut script = Script { shard, settings, waiting: Vec::new(), code: 0 };
    let mut text = Vec::new();
    loop {
        text.clear();
        let read = (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut text);
        let read = read.map_err(unreadable)?;
        if read as u64 == LINE_BYTES_MAX {
            return Err(Failure::Misused(format!("a line has at most {LINE_BYTES_MAX} bytes")));
        }
        let said = text.trim_ascii();
        if !said.is_empty() && !said.starts_with(b"#") {
            script.take(said)?;
        }
        // Nobody waits for an answer while more of the question has arrived already.
        if script.waiting.len() == COMMANDS_MAX || !input.buffer().contains(&b'\n') {
            script.decide()?;
        }
        if read == 0 {
            return Ok(script.code.into());
        }
    }
}

impl Script<'_> {
    fn take(&mut self, text: &[u8]) -> Result<(), Failure> {
        match understood(text) {
            Ok(Line::Command(command)) => {
                let Settings { defaults, node, .. } = self.settings;
                match command.into_command(*defaults, node) {
                    Ok(command) => self.waiting.push(command),
                    Err(problem) => self.misunderstood(problem)?,
                }
            }
            Ok(Line::Step(step)) => {
                self.decide()?;
                self.step(step)?;
            }
            Err(problem) => self.misunderstood(problem)?,
        }
        Ok(())
    }

    fn misunderstood(&mut self, problem: Problem) -> Result<(), Failure> {
        self.decide()?;
        self.code = MISUSED;
        Ok(line(&BatchOutcome::new(Err(problem), &self.settings.node))?)
    }

    /// Decides what waits, and prints the answers once they are durable.
    fn decide(&mut self) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        for decided in self.shard.decide_all(std::mem::take(&mut self.waiting)) {
            match &decided {
                Ok(_) => {}
                Err(types::Fault::Malformed(_)) => self.code = MISUSED,
                Err(_) => self.code = FAILED,
            }
            line(&one_of_batch(&decided, self.settings))?;
        }
        Ok(())
    }

    fn step(&mut self, step: Step) -> Result<(), Failure> {
        match step {
            Step::Now(text) => return self.hold_clock_at(&text),
            Step::Expire(Expire { limit }) => {
                self.waiting.push(types::Command::Expire(limit.to_u32()));
                return self.decide();
            }
            Step::Batch(batch) => {
                let Settings { defaults, node, .. } = self.settings;
                let commands = match batch.into_commands(*defaults, node) {
                    Ok(commands) => commands,
                    Err(problem) => return self.misunderstood(problem.within("/batch")),
                };
                let decided = self.shard.decide_all(commands);
                let outcomes = decided.iter().map(|it| one_of_batch(it, self.settings)).collect();
                line(&Reading::Ok(BatchAnswer { outcomes }))?;
            }
            Step::Snapshot(step) => match step.wanted(&self.settings.node) {
                Ok(Wanted::Command(command)) => {
                    self.waiting.push(command);
                    return self.decide();
                }
                Ok(Wanted::Report(name)) => {
                    let found = self.shard.session(name)?;
                    match snapshot::report(found.as_ref(), self.settings) {
                        Ok(report) => line(&Reading::Ok(report))?,
                        Err(problem) => line(&Reading::<()>::Refused(problem.into_members()))?,
                    }
                }
                Err(problem) => return self.misunderstood(problem.within("/snapshot")),
            },
            Step::Get(Get { order_id }) => match self.shard.order(order_id.into_string())? {
                Some(order) => line(&Reading::Ok(Order::from(&order)))?,
                None => line(&Reading::<()>::Refused(orders::unknown().into_members()))?,
            },
            Step::Stock(StockQuery { skus }) => {
                let names = skus.iter().map(|sku| sku.as_str().to_owned()).collect();
                let found = self.shard.stock(names)?;
                line(&Reading::Ok(stock::query_answer(&skus, &found)))?;
            }
            Step::Changes(Page { after, limit }) => {
                let after = after.map_or(0, |it| it.to_u64());
                let limit = limit.map_or(LIMIT_DEFAULT, |it| it.to_u32());
                let listed = self.shard.changes(after, limit)?;
                line(&Reading::Ok(Changes::new(&self.settings.node, after, &listed)))?;
            }
            Step::Audit(AuditRequest {}) => {
                let report = self.shard.audit()?;
                line(&Reading::Ok(AuditReport::from(&report)))?;
            }
        }
        Ok(())
    }

    fn hold_clock_at(&mut self, text: &str) -> Result<(), Failure> {
        let Some(instant) = Instant::parse(text) else {
            self.code = MISUSED;
            let detail = format!("{text:?} is no time such as 2026-11-22T09:00:00Z");
            let problem = Problem::new(&MALFORMED, detail);
            return Ok(line(&Reading::<()>::Fault(problem.into_members()))?);
        };
        self.shard.clock.hold_at(instant);
        Ok(line(&Reading::Ok(serde_json::json!({ "now": instant })))?)
    }
}

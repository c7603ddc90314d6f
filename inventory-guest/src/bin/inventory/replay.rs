//! Replays a file of real orders straight into the data folder, in batches and without HTTP, and
//! reconciles. The file, the plan and the books are those of `edge-host replay`.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command, value_parser};
use inventory_json::contract::{orders, stock, types};
use inventory_json::refusal::refused;
use inventory_replay::Feed;
use inventory_replay::books::{Books, Counters, Fate};
use inventory_replay::compare::{Found, compare_order, compare_sku};
use inventory_replay::difference::{Difference, Differences};
use inventory_replay::outcome::{Outcome, State};
use inventory_replay::plan::{Action, InitialStock, Line, Plan, Step, Terms};

use crate::failure::{Failure, REFUSED};
use crate::output;
use crate::shard::{COMMANDS_MAX, Shard};

pub(crate) const NAME: &str = "replay";

const LONG_ABOUT: &str = "\
Takes the orders of a CSV file as fast as the database does, and checks in the end that not one \
unit is wrong. A sale is reserved, confirmed, and shipped --ship-after-s later in the stream's own \
time; a cancel is a release, or a return that must be refused where its order has shipped.";

const AFTER_HELP: &str = "\
The file, plain or gzipped, has a header and the columns invoice_no, line_no, sku, qty, ts \
(2010-12-01T08:26:00) and kind (sale, cancel); NAME_cancel_links.csv(.gz) beside it says which \
sale a cancel belongs to. Killed anywhere, the same command goes on where it was: what was done is \
answered as it was. `edge-host replay --help` says more.

Exit status: 0 no unit is wrong and the audit is clean; 1 there are differences.

Example:
  inventory replay orders.csv.gz --limit-orders 1000";

/// A refusal names the node with a watermark, and no step of a replay has one.
const NODE: &str = "";
/// The most skus of a query.
const SKUS_MAX: usize = 1_000;
/// How many steps may wait for one before them, of their own order, to be answered.
const WAITING_MAX: usize = 16 * COMMANDS_MAX;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

pub(crate) fn command() -> Command {
    let option = |name, value, help| Arg::new(name).long(name).value_name(value).help(help);
    Command::new(NAME)
        .about("Take a file of orders, and reconcile")
        .long_about(LONG_ABOUT)
        .after_help(AFTER_HELP)
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The orders, as CSV, plain or gzipped"),
        )
        .arg(
            option("stock", "WHICH", "sufficient: all that is ever sold; scarce: six tenths of it")
                .default_value("sufficient")
                .value_parser(PossibleValuesParser::new(["sufficient", "scarce"])),
        )
        .arg(
            option("ship-after-s", "SECONDS", "Time in the stream from payment to shipping")
                .default_value("86400")
                .value_parser(value_parser!(u64)),
        )
        .arg(
            option("limit-orders", "N", "Only the first N sales, with all their cancels")
                .value_parser(value_parser!(u32).range(1..)),
        )
        .arg(
            option("batch", "N", "Commands in one transaction")
                .default_value("512")
                .value_parser(value_parser!(u32).range(1..=1_024)),
        )
}

pub(crate) fn run(shard: &mut Shard, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let file = matches.get_one::<PathBuf>("file").expect("is required");
    let scarce = matches.get_one::<String>("stock").is_some_and(|which| which == "scarce");
    let limit = matches.get_one::<u32>("limit-orders");
    let terms = Terms {
        initial_stock: if scarce { InitialStock::Scarce } else { InitialStock::Sufficient },
        ship_after: Duration::from_secs(*matches.get_one("ship-after-s").expect("has a default")),
        orders_max: limit.map_or(usize::MAX, |orders| *orders as usize),
    };
    let misused = |error: &dyn std::error::Error| Failure::Misused(error.to_string());
    let feed = Feed::read(file).map_err(|error| misused(&error))?;
    let plan = Plan::new(feed, &terms).map_err(|error| misused(&error))?;
    eprintln!("{} orders make {} steps", plan.orders.len(), plan.steps.len());
    let batch = *matches.get_one::<u32>("batch").expect("has a default") as usize;
    let mut replay = Replay {
        shard,
        books: Books::new(&plan, terms.initial_stock),
        plan: &plan,
        answers: BTreeMap::new(),
        differences: Differences::default(),
    };
    let started = Instant::now();
    replay.stock_up()?;
    replay.take_steps(batch)?;
    let took = started.elapsed();
    let report = replay.reconcile()?;
    output::text(&replay.summary(took, &report))?;
    Ok(if replay.differences.count == 0 { ExitCode::SUCCESS } else { REFUSED.into() })
}

struct Replay<'a> {
    shard: &'a mut Shard,
    plan: &'a Plan,
    books: Books,
    /// How many steps were answered so.
    answers: BTreeMap<String, u64>,
    differences: Differences,
}

impl Replay<'_> {
    /// Sets what is sellable before the first order; once, however often it is run.
    fn stock_up(&mut self) -> Result<(), Failure> {
        let item = |sku: &u32| types::AdjustItem {
            sku: self.plan.sku(*sku).to_owned(),
            counter: types::Counter::Sellable,
            adjustment: types::Adjustment::Set(self.plan.initial[*sku as usize]),
            compare_quantity: None,
        };
        for (number, skus) in (1..).zip(self.plan.sold_skus().chunks(SKUS_MAX)) {
            let outcome = self.shard.decide(types::Command::Adjust(types::Adjust {
                reason: "initial stock of a replay".into(),
                items: skus.iter().map(item).collect(),
                request_id: Some(format!("replay-initial-{number}")),
            }))?;
            if let Err(refusal) = outcome.result {
                let why = refused(&refusal, NODE).detail;
                let what = "the data folder holds a replay of other orders";
                return Err(Failure::Misused(format!("{what}; name another with --data ({why})")));
            }
        }
        Ok(())
    }

    /// Every step, in stream order but for one thing: a step waits for the answer to the one before
    /// it of the same order, because a refused order has no further life.
    fn take_steps(&mut self, batch: usize) -> Result<(), Failure> {
        let mut coming = self.plan.steps.iter().copied();
        let mut waiting: VecDeque<Step> = VecDeque::new();
        let (mut taken, started) = (0, Instant::now());
        let mut told_at = started;
        loop {
            let mut orders = HashSet::new();
            let mut steps = Vec::new();
            let mut still_waiting = VecDeque::new();
            while steps.len() < batch && still_waiting.len() < WAITING_MAX {
                let Some(step) = waiting.pop_front().or_else(|| coming.next()) else { break };
                if orders.insert(step.order) {
                    steps.push(step);
                } else {
                    still_waiting.push_back(step);
                }
            }
            still_waiting.append(&mut waiting);
            waiting = still_waiting;
            if steps.is_empty() {
                return Ok(());
            }
            taken += steps.len();
            self.take(steps)?;
            if told_at.elapsed() > PROGRESS_INTERVAL {
                told_at = Instant::now();
                let all = self.plan.steps.len();
                eprintln!("{taken} of {all} steps after {} s", started.elapsed().as_secs());
            }
        }
    }

    /// Steps of different orders, in one transaction.
    fn take(&mut self, mut steps: Vec<Step>) -> Result<(), Failure> {
        steps.retain(|step| self.books.calls_for(*step));
        let commands = steps.iter().map(|step| asked(self.plan, *step)).collect();
        for (step, decided) in steps.into_iter().zip(self.shard.decide_all(commands)) {
            let outcome = match decided?.result {
                Ok(types::Answer::Order(answer)) => Outcome::Done(state(answer.state)),
                Ok(other) => unreachable!("an operation on an order is answered {other:?}"),
                Err(refusal) => Outcome::Refused(refused(&refusal, NODE).kind.code.into()),
            };
            let answer = match &outcome {
                Outcome::Refused(code) => format!("{} refused: {code}", name(step.action)),
                _ => name(step.action).to_owned(),
            };
            *self.answers.entry(answer).or_default() += 1;
            if let Err(difference) = self.books.record(self.plan, step, &outcome) {
                self.differences.add(difference);
            }
        }
        Ok(())
    }

    /// Holds the database to its answers: every sku, every order, and its own audit.
    fn reconcile(&mut self) -> Result<stock::AuditReport, Failure> {
        let expected = self.books.counters(self.plan);
        for skus in self.plan.sold_skus().chunks(SKUS_MAX) {
            let names = skus.iter().map(|sku| self.plan.sku(*sku).to_owned()).collect();
            for (sku, found) in skus.iter().zip(self.shard.stock(names)?) {
                let actual = found.map(|it| Counters {
                    sellable: it.sellable.into(),
                    reserved: it.reserved,
                    committed: it.committed,
                });
                let expected = expected[*sku as usize];
                compare_sku(self.plan, *sku, expected, actual, &mut self.differences);
            }
        }
        for (number, order) in (0..).zip(&self.plan.orders) {
            let order = self.shard.order(order.id.to_string())?;
            let found = order.as_ref().map(found);
            let differences = &mut self.differences;
            compare_order(self.plan, &self.books, number, found.as_ref(), differences);
        }
        let report = self.shard.audit()?;
        for it in &report.differences {
            self.differences.add(Difference {
                subject: format!("audit of {}", it.subject),
                what: it.invariant.clone(),
                expected: it.expected.clone(),
                actual: it.actual.clone(),
            });
        }
        Ok(report)
    }

    fn summary(&self, took: Duration, report: &stock::AuditReport) -> String {
        let mut lines: Vec<String> =
            self.answers.iter().map(|(answer, count)| format!("{count:>9} {answer}")).collect();
        let count: u64 = self.answers.values().sum();
        let a_second = u128::from(count) * 1_000 / took.as_millis().max(1);
        let seconds = took.as_secs_f64();
        lines.push(format!("{count:>9} commands in {seconds:.2} s: {a_second} a second"));
        lines.push(format!(
            "checked {} skus and {} orders; audited {} ledger rows",
            self.plan.sold_skus().len(),
            self.plan.orders.len(),
            report.checked.ledger_rows
        ));
        if self.plan.unlinked_units > 0 {
            let units = self.plan.unlinked_units;
            lines.push(format!("{units} units are cancelled without a link, and left out"));
        }
        match self.differences.count {
            0 => lines.push("no unit is wrong, and the audit is clean".into()),
            count => {
                let first = self.differences.first.len();
                lines.push(format!("{count} DIFFERENCES, of which the first {first}:"));
                lines.extend(self.differences.first.iter().map(|it| format!("  {it}")));
            }
        }
        lines.join("\n") + "\n"
    }
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Reserve => "reserve",
        Action::Confirm => "confirm",
        Action::Release(_) | Action::ReleaseRest(_) => "release",
        Action::Ship => "ship",
        Action::Return(_) => "return",
    }
}

fn asked(plan: &Plan, step: Step) -> types::Command {
    let order = plan.order(step);
    let order_id = order.id.to_string();
    let release = |number: u32, order_id, reason| {
        let release = &plan.releases[number as usize];
        types::Command::Release(types::Release {
            order_id,
            reason,
            lines: Some(lines(plan, &release.lines)),
            request_id: Some(release.request_id.to_string()),
        })
    };
    match step.action {
        Action::Reserve => types::Command::Reserve(types::Placement {
            order_id,
            lines: lines(plan, plan.lines(order)),
            ship_to: None,
            mode: types::Mode::ReserveOnOrder,
            strategy: types::Strategy::Priority,
            ttl_s: 900,
            allow_partial: false,
            request_id: None,
            left_out: types::LeftOut { mode: false, ttl: false },
        }),
        Action::Confirm => types::Command::Confirm(types::Confirm { order_id, request_id: None }),
        Action::Release(number) | Action::ReleaseRest(number) => {
            release(number, order_id, types::ReleaseReason::Cancel)
        }
        Action::Return(number) => release(number, order_id, types::ReleaseReason::Refund),
        Action::Ship => {
            types::Command::Ship(types::Ship { order_id, package: None, request_id: None })
        }
    }
}

fn lines(plan: &Plan, lines: &[Line]) -> Vec<types::Line> {
    let line =
        |line: &Line| types::Line { sku: plan.sku(line.sku).to_owned(), quantity: line.quantity };
    lines.iter().map(line).collect()
}

fn state(state: types::OrderState) -> State {
    match state {
        types::OrderState::Reserved => State::Reserved,
        types::OrderState::Committed => State::Committed,
        types::OrderState::PartiallyReleased => State::PartiallyReleased,
        types::OrderState::Released => State::Released,
        types::OrderState::Shipped => State::Shipped,
        _ => State::Other,
    }
}

fn found(order: &orders::Order) -> Found<'_> {
    let fate = |it: &orders::OrderLine| Fate {
        quantity: it.quantity,
        reserved: it.reserved,
        committed: it.committed,
        shipped: it.shipped,
        released: it.released,
    };
    let lines = order.lines.iter().map(|it| (it.sku.as_str(), fate(it))).collect();
    Found { state: state(order.state), lines }
}

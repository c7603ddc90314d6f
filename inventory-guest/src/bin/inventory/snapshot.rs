//! Bringing in what lies in a whole warehouse: pages of skus in any order, which count together.

use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use inventory_json::contract::counts::SnapshotNumbers;
use inventory_json::contract::sessions::{Session, SessionKind, SessionStep};
use inventory_json::contract::types;
use inventory_json::counts::{CountItem, Watermark};
use inventory_json::parse::render;
use inventory_json::problem::Problem;
use inventory_json::refusal::UNKNOWN_SESSION;
use inventory_json::snapshots::{
    SnapshotBegin, SnapshotCommit, SnapshotPage, SnapshotReport, SnapshotState, Snapshots, place_of,
};
use inventory_json::words::{
    Instant, PageCount, PageNumber, Percent, RequestId, RequestIdRule, list,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::body::{self, add, word};
use crate::counts::count_items;
use crate::failure::Failure;
use crate::output;
use crate::settings::Settings;
use crate::shard::Shard;
use crate::tables::Table;

pub(crate) const NAME: &str = "snapshot";

/// As the host has it where nobody configures it.
pub(crate) const ZERO_PERCENT_DEFAULT: u32 = 20;

const AFTER_HELP: &str = "\
Example:
  inventory snapshot begin S-1 --warehouse SZ-1 --as-of 2026-11-22T04:00:00Z
  inventory snapshot page S-1 1 85123A=40 22423=0
  inventory snapshot commit S-1 --pages 1";

pub(crate) fn command() -> Command {
    let name = || Arg::new("snapshot").value_name("NAME").required(true);
    let name = || name().help("Your name for it");
    let flag = |name: &'static str, value| Arg::new(name).long(name).value_name(value);
    let number = |arg: Arg, most: i64| arg.value_parser(value_parser!(i64).range(0..=most));
    let step = |step: &'static str, about: &'static str| Command::new(step).about(about);
    let begin = step("begin", "Begin to bring in what lies in a warehouse")
        .arg(name())
        .arg(flag("warehouse", "CODE").required(true).help("Where"))
        .arg(flag("as-of", "TIME").required(true).help("When it was counted"))
        .arg(flag("watermark", "NODE:SEQ").help("The last shipment that is no longer counted"))
        .arg(flag("reason", "TEXT").help("Why"))
        .arg(flag("author", "TEXT").help("Who"));
    let page = step("page", "Some of its skus; pages may come in any order, and again")
        .arg(name())
        .arg(Arg::new("page").value_name("N").required(true).value_parser(value_parser!(i64)))
        .arg(Arg::new("items").value_name("SKU=N").num_args(1..).required_unless_present("body"))
        .arg(body::argument());
    let commit = step("commit", "Let it count: every sku of its warehouse, those not named as 0")
        .arg(name())
        .arg(number(flag("pages", "N").required(true).help("How many pages there are"), 10_000))
        .arg(number(flag("zero-percent-max", "N"), 100).help(
            "If it counts more of the stocked skus as 0, it waits for `approve`; 20 by default",
        ))
        .arg(
            Arg::new("dry-run")
                .long("dry-run")
                .action(ArgAction::SetTrue)
                .help("Say what would come of it, and change nothing"),
        );
    let states = SnapshotState::ALL.map(SnapshotState::name);
    let list = step(
        "list",
        "Snapshots by name: those that are open, that wait for you, and a week's others",
    )
    .arg(flag("state", "STATE").value_parser(states).help("In this state only"))
    .arg(flag("after", "NAME").default_value("").help("Those behind this one"))
    .arg(
        flag("limit", "N")
            .value_parser(value_parser!(u32).range(1..=100))
            .default_value("100")
            .help("At most this many"),
    );
    Command::new(NAME)
        .about("Bring in what lies in a whole warehouse")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(AFTER_HELP)
        .subcommand(begin)
        .subcommand(page)
        .subcommand(commit)
        .subcommand(step("approve", "Let it count although it takes much away").arg(name()))
        .subcommand(step("discard", "Forget it; what counts already goes on counting").arg(name()))
        .subcommand(step("get", "How far it is, and what it did").arg(name()))
        .subcommand(list)
}

pub(crate) fn run(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let (step, matches) = matches.subcommand().expect("a subcommand is required");
    if step == "list" {
        return by_name(shard, matches, settings);
    }
    let name: RequestId = word(matches.get_one::<String>("snapshot").expect("is required"))?;
    let string = |name: &str| matches.get_one::<String>(name).map(String::as_str);
    let number = |name: &str| matches.get_one::<i64>(name).copied();
    let mut fields = Map::new();
    let command = match step {
        "begin" => {
            add(&mut fields, "snapshot", Some(name.as_str()));
            add(&mut fields, "warehouse", string("warehouse"));
            add(&mut fields, "as_of", string("as-of"));
            add(&mut fields, "watermark", string("watermark"));
            add(&mut fields, "reason", string("reason"));
            add(&mut fields, "author", string("author"));
            parsed::<SnapshotBegin>(&fields)?.into_command(&settings.node)?
        }
        "page" => {
            let number = PageNumber::new(number("page").expect("is required"));
            let number = number.map_err(|it| Failure::Misused(it.to_string()))?;
            let page: SnapshotPage = body::read(matches, || {
                fields.insert("items".into(), Value::Array(count_items(matches)?));
                Ok(fields)
            })?;
            page.into_command(name, &number)
        }
        "commit" => {
            add(&mut fields, "pages", number("pages"));
            add(&mut fields, "zero_percent_max", number("zero-percent-max"));
            add(&mut fields, "dry_run", Some(json!(matches.get_flag("dry-run"))));
            parsed::<SnapshotCommit>(&fields)?.into_command(name, ZERO_PERCENT_DEFAULT)
        }
        "approve" => types::Command::Session(SessionStep::Approve(name.into_string())),
        "discard" => types::Command::Session(SessionStep::Discard(name.into_string())),
        _ => return get(shard, name, settings),
    };
    output::outcome(&shard.decide(command), settings)
}

fn parsed<T: serde::de::DeserializeOwned>(fields: &Map<String, Value>) -> Result<T, Failure> {
    Ok(inventory_json::parse::parse(&render(fields))?)
}

fn by_name(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let state = matches.get_one::<String>("state");
    let state = state.and_then(|name| SnapshotState::parse(name)).map(Into::into);
    let after = matches.get_one::<String>("after").expect("has a default");
    if !after.is_empty() {
        word::<RequestIdRule>(after)?;
    }
    let limit = *matches.get_one("limit").expect("has a default");
    let listed = shard.snapshots(state, after, limit)?;
    let snapshots = Snapshots::new(&listed, limit, &settings.node);
    let next = snapshots.next().map(|name| format!("more: --after {name}\n"));
    output::reading(Ok(snapshots), settings, || {
        let mut table = Table::new(["snapshot", "warehouse", "state", "pages", "rows", "zeroed"]);
        for it in &listed {
            let SessionKind::Snapshot(of) = &it.kind else { continue };
            let state = SnapshotState::from(it.state).name().to_owned();
            let zeroed = it.snapshot.as_ref().map_or("-".to_owned(), |it| it.zeroed.to_string());
            let (pages, rows) = (it.pages.to_string(), it.staged.to_string());
            table.row([it.session_id.clone(), of.warehouse.clone(), state, pages, rows, zeroed]);
        }
        let mut out = String::new();
        table.write(&mut out);
        out + &next.unwrap_or_default()
    })
}

fn get(shard: &mut Shard, name: RequestId, settings: &Settings) -> Result<ExitCode, Failure> {
    let found = shard.session(name.into_string())?;
    let table = || found.as_ref().map_or(String::new(), |it| told(it, settings, ""));
    output::reading(report(found.as_ref(), settings), settings, table)
}

/// How far a snapshot is, and what it did.
pub(crate) fn report<'a>(
    found: Option<&'a Session>,
    settings: &Settings,
) -> Result<SnapshotReport<'a>, Problem> {
    let report = found.and_then(|it| SnapshotReport::new(it, &settings.node));
    report.ok_or_else(|| Problem::new(&UNKNOWN_SESSION, "no such snapshot"))
}

/// A step, as a script says it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Begin(SnapshotBegin),
    Page(PageStep),
    Commit(CommitStep),
    Approve(Name),
    Discard(Name),
    Get(Name),
}

/// A page, with what its path says over HTTP.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageStep {
    snapshot: RequestId,
    page: PageNumber,
    #[serde(deserialize_with = "list")]
    items: Vec<CountItem>,
}

/// A commit, with what its path says over HTTP.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CommitStep {
    snapshot: RequestId,
    pages: PageCount,
    zero_percent_max: Option<Percent>,
    #[serde(default)]
    dry_run: bool,
}

/// The caller's name for a snapshot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Name {
    snapshot: RequestId,
}

/// What a step asks for.
pub(crate) enum Wanted {
    Command(types::Command),
    /// How far the snapshot of this name is.
    Report(String),
}

impl Step {
    /// What is to be done, at this node.
    pub(crate) fn wanted(self, node: &str) -> Result<Wanted, Problem> {
        let session = |step: fn(String) -> SessionStep, it: Name| {
            types::Command::Session(step(it.snapshot.into_string()))
        };
        Ok(Wanted::Command(match self {
            Self::Begin(begin) => {
                begin.into_command(node).map_err(|problem| problem.within("/begin"))?
            }
            Self::Page(PageStep { snapshot, page, items }) => {
                SnapshotPage { items }.into_command(snapshot, &page)
            }
            Self::Commit(CommitStep { snapshot, pages, zero_percent_max, dry_run }) => {
                let commit = SnapshotCommit { pages, zero_percent_max, dry_run };
                commit.into_command(snapshot, ZERO_PERCENT_DEFAULT)
            }
            Self::Approve(name) => session(SessionStep::Approve, name),
            Self::Discard(name) => session(SessionStep::Discard, name),
            Self::Get(name) => return Ok(Wanted::Report(name.snapshot.into_string())),
        }))
    }
}

/// A snapshot, for people: how far it is, what its commit did, and the rows that cannot count.
pub(crate) fn told(session: &Session, settings: &Settings, again: &str) -> String {
    let SessionKind::Snapshot(of) = &session.kind else {
        return format!("{} rows staged\n", session.staged);
    };
    let state = SnapshotState::from(session.state).name();
    let mut out = format!("{} {state}{again}\n", session.session_id);
    let mut head = Table::new(["warehouse", "as of", "watermark", "pages", "rows"]);
    let watermark = of.seen.watermark.map(|seq| Watermark::at(&settings.node, seq).to_string());
    head.row([
        of.warehouse.clone(),
        Instant(of.seen.as_of).to_string(),
        watermark.unwrap_or_else(|| "-".into()),
        session.pages.to_string(),
        session.staged.to_string(),
    ]);
    head.write(&mut out);
    if let Some(numbers) = &session.snapshot {
        let mut done = Table::new([
            "created",
            "updated",
            "unchanged",
            "emptied",
            "stocked",
            "zeroed",
            "stale",
            "short",
        ]);
        let Session { created, updated, unchanged, deleted, .. } = session;
        let SnapshotNumbers { stocked, zeroed, stale, short } = numbers;
        let cells = [created, updated, unchanged, deleted, stocked, zeroed, stale, short];
        done.row(cells.map(u64::to_string));
        done.write(&mut out);
    }
    let mut refused = Table::new(["page", "item", "refused"]);
    for row in &session.refused_rows {
        let (page, item) = place_of(row.line);
        refused.row([page.to_string(), item.to_string(), row.why.clone()]);
    }
    refused.write(&mut out);
    out
}

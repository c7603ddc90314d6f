//! Files of rows in and out: an import in small transactions that count together, an export a page
//! at a time.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command};
use inventory_json::catalog::key_text;
use inventory_json::contract::types;
use inventory_json::import::{self, Failed, Format, ImportOptions, OnError, Subject, write};
use inventory_json::parse::render;
use inventory_json::problem::MALFORMED;
use inventory_json::words::{ReasonRule, RequestIdRule};

use crate::body::word;
use crate::failure::{Failure, REFUSED};
use crate::output;
use crate::settings::Settings;
use crate::shard::Shard;

pub(crate) const IMPORT: &str = "import";
pub(crate) const EXPORT: &str = "export";

/// Rows of one reading of an export.
const EXPORT_ROWS: u32 = 1_000;
/// Pages between two lines of progress.
const PROGRESS_PAGES: u32 = 20;

pub(crate) fn commands() -> Vec<Command> {
    let noun = || Arg::new("noun").value_name("NOUN").required(true).help(Subject::names());
    let flag = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let text = |name: &'static str| Arg::new(name).long(name).value_name("TEXT");
    let format =
        || Arg::new("format").long("format").value_name("FORM").value_parser(["csv", "json"]);
    vec![
        Command::new(IMPORT)
            .about("Bring in a file of rows, all or none")
            .long_about(
                "Reads a CSV file with a header, or JSON (an object on each line, or an array), in \
                 UTF-8 with or without a byte order mark. Every row that cannot count is told with \
                 its line, the first 100 of them; then nothing counts, unless they are skipped.",
            )
            .arg(noun())
            .arg(Arg::new("file").value_name("FILE").required(true).help("- is standard input"))
            .arg(format().help("By default what the file's name says: .csv, or else json"))
            .arg(flag("skip-errors").help("Leave out the rows that cannot count"))
            .arg(flag("dry-run").help("Say what would come of it, and change nothing"))
            .arg(
                flag("replace")
                    .conflicts_with("skip-errors")
                    .help("Delete the entries that no row names; then every row must be read"),
            )
            .arg(text("reason").help("Why"))
            .arg(text("author").help("Who"))
            .arg(text("id").help("Names the import, so that an interrupted one can go on"))
            .after_help("Example:\n  inventory import restriction rules.csv --dry-run"),
        Command::new(EXPORT)
            .about("Every row, as an import takes them, to standard output")
            .arg(noun())
            .arg(format().default_value("json").help("The form"))
            .after_help("Example:\n  inventory export warehouse --format csv > warehouses.csv"),
    ]
}

fn subject(matches: &ArgMatches) -> Result<Subject, Failure> {
    let name = matches.get_one::<String>("noun").expect("is required");
    Subject::named(name)
        .ok_or_else(|| Failure::Misused(format!("{name} is none of {}", Subject::names())))
}

fn format(matches: &ArgMatches) -> Option<Format> {
    let form = matches.get_one::<String>("format")?;
    Some(if form == "csv" { Format::Csv } else { Format::JsonLines })
}

pub(crate) fn import(
    shard: &mut Shard,
    matches: &ArgMatches,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let subject = subject(matches)?;
    let name = matches.get_one::<String>("file").expect("is required");
    let format = format(matches).unwrap_or_else(|| Format::of_file(name));
    let file: Box<dyn Read> = if name == "-" {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(name);
        Box::new(opened.map_err(|source| Failure::Io { what: name.clone(), source })?)
    };
    let text = |name| matches.get_one::<String>(name).map(String::as_str);
    let on_error = if matches.get_flag("skip-errors") { OnError::Skip } else { OnError::Refuse };
    let options = ImportOptions {
        id: text("id")
            .map(|it| Ok::<_, Failure>(word::<RequestIdRule>(it)?.into_string()))
            .transpose()?,
        reason: text("reason")
            .map(|it| Ok::<_, Failure>(word::<ReasonRule>(it)?.into_string()))
            .transpose()?,
        author: text("author")
            .map(|it| Ok::<_, Failure>(word::<ReasonRule>(it)?.into_string()))
            .transpose()?,
        on_error,
        dry_run: matches.get_flag("dry-run"),
        replace: matches.get_flag("replace"),
    };
    let id = options.id.clone().unwrap_or_else(|| format!("import-{}", shard.clock.now()));
    let mut pages = 0;
    let mut apply = |command: types::Command| {
        let outcome = shard.decide(command)?;
        if let Ok(types::Answer::Session(session)) = &outcome.result {
            if session.pages > pages && session.pages % PROGRESS_PAGES == 0 {
                eprintln!("{} rows staged, {} refused", session.staged, session.refused);
            }
            pages = session.pages;
        }
        Ok::<_, types::Fault>(outcome)
    };
    match import::import(subject, format, file, &options, &id, &mut apply) {
        Ok(report) => output::reading(Ok(&report), settings, || {
            String::from_utf8_lossy(&render(&report)).into_owned() + "\n"
        }),
        Err(Failed::Apply(fault)) => Err(Failure::from(fault)),
        Err(Failed::Refused(problem)) if problem.kind == &MALFORMED => Err(problem.into()),
        Err(Failed::Refused(problem)) if settings.json => {
            output::reading(Err::<(), _>(problem), settings, String::new)
        }
        Err(Failed::Refused(problem)) => {
            let errors = problem.members.get("errors").and_then(serde_json::Value::as_array);
            let line = |error: &serde_json::Value| {
                let why = error["why"].as_str().unwrap_or_default();
                format!("line {}: {why}\n", error["line"])
            };
            let lines: Vec<String> = errors.into_iter().flatten().map(line).collect();
            let said = format!("refused: {}\n{}", problem.detail, lines.concat());
            output::text(&said)?;
            Ok(REFUSED.into())
        }
    }
}

pub(crate) fn export(shard: &mut Shard, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let subject = subject(matches)?;
    let format = format(matches).expect("has a default");
    let mut out = io::stdout().lock();
    out.write_all(&write::head(subject, format))?;
    let mut after = String::new();
    loop {
        let page = match subject {
            Subject::Catalog(shape) => {
                let listed = shard.entries(shape.noun, "", &after, EXPORT_ROWS)?;
                let Some(last) = listed.last() else { break };
                after = key_text(shape, &last.entry.subject, &last.entry.place);
                write::entries(shape, format, &listed)
            }
            Subject::Stock => {
                let listed = shard.list_stock(&after, EXPORT_ROWS)?;
                let Some(last) = listed.last() else { break };
                after.clone_from(&last.sku);
                write::stock(format, &listed)
            }
        };
        out.write_all(&page)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

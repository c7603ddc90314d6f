//! The warehouse's notebook: files beside this one that say what is done and what must come of
//! it. README.md there has the words.
//!
//! `UPDATE=1 cargo test scenarios` writes what came of it into the files instead; read the
//! difference before you commit it.

mod catalog;
mod counts;
pub(crate) mod read;
pub(crate) mod write;

use crate::door::Door;
use crate::door::http::HttpDoor;
use crate::door::native::NativeDoor;
use crate::door::words::{Command, Instant};
use read::{Entry, Part, Step};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The most commands that one batch may have.
const BATCH_COMMANDS_MAX: usize = 1_000;

/// Plays every notebook, each through a new door, and reports every line that came out otherwise.
pub(crate) fn play_all(open: impl Fn() -> Box<dyn Door>) {
    play_these(&notebooks(), open);
}

/// The same with the notebooks of these names.
pub(crate) fn play_some(names: &[&str], open: impl Fn() -> Box<dyn Door>) {
    let mut files = notebooks();
    let is_named = |path: &Path, name| path.file_stem().is_some_and(|it| it == name);
    files.retain(|path| names.iter().any(|name| is_named(path, *name)));
    assert_eq!(files.len(), names.len(), "a notebook is missing: {names:?}");
    play_these(&files, open);
}

fn play_these(files: &[PathBuf], open: impl Fn() -> Box<dyn Door>) {
    let mut wrong = Vec::new();
    assert!(!files.is_empty(), "tests/scenarios has no notebooks");
    for path in files {
        play(path, open().as_mut(), &mut wrong);
    }
    assert!(wrong.is_empty(), "{} lines came out otherwise:\n{}", wrong.len(), wrong.join("\n"));
}

fn notebooks() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "txt")).collect();
    files.sort();
    files
}

fn play(path: &Path, door: &mut dyn Door, wrong: &mut Vec<String>) {
    let text = std::fs::read_to_string(path).unwrap();
    let parts = read::notebook(&text)
        .unwrap_or_else(|(line, why)| panic!("{}:{line}: {why}", path.display()));
    let mut clerk = Player { door, now: write::DAY_ONE, listed: 0, batch: None };
    let mut played = Vec::new();
    for part in parts {
        match part {
            Part::Remark(text) => played.push((text, None)),
            Part::Entry(entry) => clerk.step(&entry, &mut played),
        }
    }
    assert!(clerk.batch.is_none(), "{}: a batch without its end", path.display());
    if std::env::var_os("UPDATE").is_some() {
        let lines: Vec<String> =
            played.into_iter().map(|(text, came)| written(text, came)).collect();
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
        return;
    }
    for came in played.into_iter().filter_map(|(_, came)| came) {
        if came.expected != came.actual {
            wrong.push(format!(
                "{}:{}: {}\n  expected: {}\n  actual:   {}",
                path.display(),
                came.line,
                came.text.trim(),
                came.expected.join("\n            "),
                came.actual.join("\n            "),
            ));
        }
    }
}

/// What came of a line.
struct Came {
    line: usize,
    text: String,
    expected: Vec<String>,
    actual: Vec<String>,
}

fn written(text: String, came: Option<Came>) -> String {
    match came.map(|it| it.actual).as_deref() {
        None | Some([]) => text,
        Some([one]) => format!("{text} -> {one}"),
        Some(more) => format!("{text} ->\n    {}", more.join("\n    ")),
    }
}

struct Player<'a> {
    door: &'a mut dyn Door,
    now: Instant,
    /// The sequence of the last change that was listed.
    listed: u64,
    /// Entries since `batch`, to be applied together at `end`.
    batch: Option<Vec<(Entry, Command)>>,
}

impl Player<'_> {
    fn step(&mut self, entry: &Entry, played: &mut Vec<(String, Option<Came>)>) {
        let actual = match &entry.step {
            Step::Do(command) => {
                if let Some(batch) = &mut self.batch {
                    batch.push((entry.clone(), command.clone()));
                    return;
                }
                self.apply(std::slice::from_ref(command))
            }
            Step::Times(commands) => self.times(commands),
            Step::Batch => {
                self.batch = Some(Vec::new());
                Vec::new()
            }
            Step::End => {
                let batch = self.batch.take().expect("`end` ends a batch");
                let (entries, commands): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
                let outcomes = self.apply(&commands);
                for (entry, outcome) in entries.iter().zip(outcomes) {
                    played.push(came(entry, vec![outcome]));
                }
                Vec::new()
            }
            Step::At(now) => {
                self.now = *now;
                Vec::new()
            }
            read => self.read(read),
        };
        played.push(came(entry, actual));
    }

    fn apply(&mut self, commands: &[Command]) -> Vec<String> {
        let outcomes = match self.door.apply(self.now, commands) {
            Ok(applied) => applied.outcomes.iter().map(|it| write::outcome(it, self.now)).collect(),
            Err(fault) => vec![write::fault(&fault); commands.len()],
        };
        let differences = self.door.audit().unwrap();
        if differences.is_empty() {
            return outcomes;
        }
        outcomes
            .into_iter()
            .map(|it| format!("{it} AND AUDIT: {}", differences.join(" | ")))
            .collect()
    }

    /// How many came out how.
    fn times(&mut self, commands: &[Command]) -> Vec<String> {
        let mut count: BTreeMap<String, usize> = BTreeMap::new();
        for batch in commands.chunks(BATCH_COMMANDS_MAX) {
            for outcome in self.apply(batch) {
                let kind = outcome.split(';').next().unwrap_or_default();
                *count.entry(kind.to_owned()).or_default() += 1;
            }
        }
        let count: Vec<String> = count.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
        vec![count.join(", ")]
    }

    fn read(&mut self, step: &Step) -> Vec<String> {
        match step {
            Step::Stock(sku) => {
                let stock = self.door.stock(sku).unwrap();
                vec![stock.as_ref().map_or("unknown".to_owned(), write::stock)]
            }
            Step::Order(order_id) => {
                let order = self.door.order(order_id).unwrap();
                order.as_ref().map_or(vec!["unknown".to_owned()], |it| write::order(it, self.now))
            }
            Step::Changes => {
                let changes = self.door.changes(self.listed, 1_000).unwrap();
                self.listed = changes.last().map_or(self.listed, |change| change.seq);
                changes.iter().map(write::change).collect()
            }
            other => unreachable!("{other:?} is not a reading"),
        }
    }
}

fn came(entry: &Entry, actual: Vec<String>) -> (String, Option<Came>) {
    let came = Came {
        line: entry.line,
        text: entry.text.clone(),
        expected: entry.expected.clone(),
        actual,
    };
    (entry.text.clone(), Some(came))
}

#[test]
fn the_notebooks_come_out_as_written_natively() {
    play_all(|| Box::new(NativeDoor::open()));
}

#[test]
fn the_notebooks_come_out_as_written_through_the_host() {
    play_all(|| Box::new(HttpDoor::open()));
}

#[test]
fn every_refusal_of_the_contract_is_in_a_notebook() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let contract = std::fs::read_to_string(root.join("wit/types.wit")).unwrap();
    let (_, refusals) = contract.split_once("variant refusal {").unwrap();
    let (refusals, _) = refusals.split_once("\n    }").unwrap();
    let cases = refusals.lines().map(str::trim).filter(|line| !line.starts_with("///"));
    let codes = cases.filter_map(|case| case.split(['(', ',']).next()).filter(|it| !it.is_empty());
    let notebooks: String =
        notebooks().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    // Imports are no words of the notebook: they have notebooks of their own.
    let read = |file: &str| {
        let file = root.join("inventory-guest/src/operations/tests").join(file);
        std::fs::read_to_string(file).unwrap()
    };
    let apart = read("sessions.rs");
    let missing: Vec<String> = codes
        .map(|code| code.replace('-', "_"))
        .filter(|code| !notebooks.contains(&format!("refused {code}")))
        .filter(|code| !apart.contains(&format!("no {code}")))
        .collect();
    assert_eq!(missing, Vec::<String>::new());
}

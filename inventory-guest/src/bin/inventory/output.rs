//! What is printed: tables for people, or one line of JSON, and the exit status that goes with it.

use std::io::{self, Write};
use std::process::ExitCode;

use inventory_json::contract::types;
use inventory_json::outcome::BatchOutcome;
use inventory_json::parse::render;
use inventory_json::problem::{MALFORMED, Problem};
use inventory_json::refusal::faulted;
use serde::Serialize;

use crate::failure::{FAILED, Failure, MISUSED, REFUSED};
use crate::settings::Settings;
use crate::shard::Decided;
use crate::tables;

/// What a reading answers in JSON: the same envelope as a command's.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Read<T> {
    Ok(T),
    Refused(serde_json::Map<String, serde_json::Value>),
    Fault(serde_json::Map<String, serde_json::Value>),
}

/// Prints what became of a command.
pub(crate) fn outcome(decided: &Decided, settings: &Settings) -> Result<ExitCode, Failure> {
    let code = match decided {
        Ok(types::Outcome { result: Ok(_), .. }) => 0,
        Ok(types::Outcome { result: Err(_), .. }) => REFUSED,
        Err(types::Fault::Malformed(_)) => MISUSED,
        Err(_) => FAILED,
    };
    if settings.json {
        line(&one_of_batch(decided, settings))?;
        return Ok(code.into());
    }
    match decided {
        Ok(_) => text(&tables::decided(decided, settings))?,
        Err(fault) => eprintln!("inventory: {}", told(fault).detail),
    }
    Ok(code.into())
}

/// What `/v1/batch` says of one command.
pub(crate) fn one_of_batch<'a>(decided: &'a Decided, settings: &Settings) -> BatchOutcome<'a> {
    BatchOutcome::new(decided.as_ref().map_err(told), &settings.node)
}

/// What is answered to a body that breaks the contract.
pub(crate) fn fault(problem: &Problem) -> Read<()> {
    let Problem { kind, detail, members, .. } = problem;
    let problem = Problem { members: members.clone(), ..Problem::new(kind, detail.as_str()) };
    Read::Fault(problem.into_members())
}

/// A fault as the caller reads it; its cause, which HTTP hides in a log, goes to standard error.
pub(crate) fn told(fault: &types::Fault) -> Problem {
    let problem = faulted(fault);
    if let Some(cause) = &problem.cause {
        eprintln!("inventory: {}: {cause}", problem.kind.code);
    }
    problem
}

/// Prints a reading, or why there is none.
pub(crate) fn reading<T: Serialize>(
    found: Result<T, Problem>,
    settings: &Settings,
    table: impl FnOnce() -> String,
) -> Result<ExitCode, Failure> {
    let (answer, code) = match found {
        Ok(found) => (Read::Ok(found), 0),
        Err(problem) if problem.kind == &MALFORMED => return Err(problem.into()),
        Err(problem) if !settings.json => {
            eprint!("{}", tables::no(&problem, ""));
            return Ok(REFUSED.into());
        }
        Err(problem) => (Read::Refused(problem.into_members()), REFUSED),
    };
    if settings.json {
        line(&answer)?;
    } else {
        text(&table())?;
    }
    Ok(code.into())
}

/// One line of JSON.
pub(crate) fn line<T: Serialize>(value: &T) -> io::Result<()> {
    let mut bytes = render(value);
    bytes.push(b'\n');
    let mut out = io::stdout().lock();
    out.write_all(&bytes)?;
    out.flush()
}

pub(crate) fn text(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

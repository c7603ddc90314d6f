//! Why the program could not do what it was told, and the exit status that says so. A refusal is
//! not among them: it is an answer.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use inventory_json::contract::types::Fault;
use inventory_json::problem::Problem;

/// The command line or a body is wrong.
pub(crate) const MISUSED: u8 = 64;
/// The answer is no.
pub(crate) const REFUSED: u8 = 1;
/// The database failed.
pub(crate) const FAILED: u8 = 70;
/// A file or an address cannot be used.
const UNUSABLE: u8 = 74;
/// Somebody else has it; later it may be free.
const IN_USE: u8 = 75;

/// Why nothing was answered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{}{}", at(.0), .0.detail)]
    Malformed(Problem),
    #[error("{0}")]
    Misused(String),
    #[error(
        "{} is in use by another process: a data folder belongs to one at a time.\n  Wait for it, \
         end it, or name another folder with --data. (What shows it: {address}/udp is taken.)",
        path.display()
    )]
    InUse { path: PathBuf, address: SocketAddr },
    #[error(
        "{}: {source}\n  wasmedge shows the program only what --dir names, such as \
         `wasmedge --dir .:. …`, and the folder above must exist", path.display()
    )]
    Folder { path: PathBuf, source: io::Error },
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("the database failed: {0:?}")]
    Fault(Fault),
    #[error("the output broke off: {0}")]
    Output(#[from] io::Error),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Malformed(_) | Self::Misused(_) => MISUSED,
            Self::InUse { .. } => IN_USE,
            Self::Folder { .. } | Self::Io { .. } | Self::Output(_) => UNUSABLE,
            Self::Fault(_) => FAILED,
        })
    }
}

/// Where in a body the contract is broken.
fn at(problem: &Problem) -> String {
    let pointer = problem.members.get("pointer").and_then(|pointer| pointer.as_str());
    pointer.filter(|pointer| !pointer.is_empty()).map_or_else(String::new, |it| format!("{it}: "))
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Malformed(why) => Self::Misused(why),
            fault => Self::Fault(fault),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Malformed(problem)
    }
}

//! An import from its first row to its end: begin, pages, commit, and forgetting what was staged.

use std::io::{self, Read};

use super::{
    Format, ImportOptions, ImportReport, Item, OnError, Pages, Subject, Unreadable, discard, read,
};
use crate::contract::sessions::{Session, SessionState};
use crate::contract::types::{Answer, Command, Outcome, Refusal};
use crate::problem::{BODY_TOO_LARGE, Problem, REQUEST_TIMEOUT};
use crate::refusal::{refused, rows_refused};

/// A refusal names the node with a watermark, and an import has none.
const NO_NODE: &str = "";

/// Why an import has no report.
#[derive(Debug)]
pub enum Failed<E> {
    /// It is refused, or the file is no file.
    Refused(Problem),
    /// Commands are not decided.
    Apply(E),
}

impl<E> From<Problem> for Failed<E> {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// Does commands, each durable when it answers.
pub type Apply<'a, E> = &'a mut dyn FnMut(Command) -> Result<Outcome, E>;

/// Imports a file. One that was interrupted goes on, when it is sent again with the same id: pages
/// that came before are known, and one that counts already is answered as it was. Whatever comes of
/// it, what was staged is forgotten, unless `apply` fails; then it is by the steps of others: once
/// it counts, or else a day later.
pub fn import<E>(
    subject: Subject,
    format: Format,
    file: impl Read,
    options: &ImportOptions,
    session_id: &str,
    apply: Apply<'_, E>,
) -> Result<ImportReport, Failed<E>> {
    let begun = ask(apply, options.begin(subject, session_id))?;
    let replayed = begun.state == SessionState::Committed;
    let mut done = stage(subject, format, file, begun, apply)
        .and_then(|staged| finish(&staged, options, session_id, apply));
    if !matches!(done, Err(Failed::Apply(_))) {
        // An import that was not committed is unknown once it is forgotten. What came of it stays
        // true where forgetting fails: it must not be taken for undone, and done again.
        while matches!(ask(apply, discard(session_id)), Ok(session) if session.staged > 0) {}
    }
    if let Ok(report) = &mut done {
        report.replayed = replayed;
    }
    done
}

/// What has been staged.
struct Staged {
    pages: Pages,
    session: Session,
}

fn stage<E>(
    subject: Subject,
    format: Format,
    file: impl Read,
    begun: Session,
    apply: Apply<'_, E>,
) -> Result<Staged, Failed<E>> {
    let mut staged = Staged { pages: Pages::new(&begun.session_id), session: begun };
    let mut failed = None;
    let mut take = |item: Item| {
        let Some(page) = staged.pages.add(item) else {
            return true;
        };
        match ask(apply, page) {
            Ok(session) => staged.session = session,
            Err(error) => failed = Some(error),
        }
        failed.is_none()
    };
    let done = read(subject, format, file, &mut take);
    if let Some(failed) = failed {
        return Err(failed);
    }
    match done {
        Ok(()) | Err(Unreadable::Stopped) => {}
        Err(Unreadable::Form(why)) => return Err(Problem::malformed_body("", why).into()),
        Err(Unreadable::Io(error)) => return Err(broke_off(&error).into()),
    }
    if let Some(page) = staged.pages.finish() {
        staged.session = ask(apply, page)?;
    }
    Ok(staged)
}

/// Whoever hands on the file tells by the error's kind what ended it.
fn broke_off(error: &io::Error) -> Problem {
    match error.kind() {
        io::ErrorKind::TimedOut => {
            Problem::new(&REQUEST_TIMEOUT, "the file did not arrive in time; nothing was done")
        }
        io::ErrorKind::FileTooLarge => Problem::new(&BODY_TOO_LARGE, error.to_string()),
        _ => Problem::malformed_body("", format!("the file broke off: {error}")),
    }
}

fn finish<E>(
    staged: &Staged,
    options: &ImportOptions,
    session_id: &str,
    apply: Apply<'_, E>,
) -> Result<ImportReport, Failed<E>> {
    let Pages { refused, refused_rows, .. } = &staged.pages;
    let pages = staged.pages.count();
    if pages == 0 && *refused == 0 && options.replace {
        let why = "the file has no rows, and replacing by none would delete all";
        return Err(Problem::malformed_body("", why).into());
    }
    let known = refused + staged.session.refused;
    let counts = staged.session.state == SessionState::Committed;
    let must_refuse = known > 0 && options.on_error == OnError::Refuse && !counts;
    if !must_refuse {
        match ask(apply, options.commit(session_id, pages)) {
            Ok(session) => {
                let report = ImportReport::new(&session).with_refused(*refused, refused_rows);
                return Ok(if options.dry_run && !counts { report.dry() } else { report });
            }
            Err(failed) => return Err(failed),
        }
    }
    // It is refused in any case: everything that is wrong is told at once.
    let try_all = ImportOptions { dry_run: true, on_error: OnError::Skip, ..options.clone() };
    let tried = ask(apply, try_all.commit(session_id, pages))?;
    let mut rows = tried.refused_rows;
    rows.extend(refused_rows.iter().cloned());
    rows.sort_by_key(|row| row.line);
    rows.truncate(100);
    Err(rows_refused(refused + tried.refused, &rows).into())
}

/// The session after a step, or why the step was refused.
fn ask<E>(apply: Apply<'_, E>, command: Command) -> Result<Session, Failed<E>> {
    match apply(command).map_err(Failed::Apply)?.result {
        Ok(Answer::Session(session)) => Ok(session),
        Ok(_) => {
            let detail = "the guest answered a step of an import with something else";
            Err(Problem::new(&crate::refusal::TRAPPED, detail).into())
        }
        Err(Refusal::RowsRefused(it)) => Err(rows_refused(it.refused, &it.rows).into()),
        Err(refusal) => Err(refused(&refusal, NO_NODE).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::sessions::{SessionKind, SessionStep};

    fn session(state: SessionState, staged: u64) -> Outcome {
        let (session_id, refused_rows) = ("I-1".to_owned(), Vec::new());
        let session = Session {
            session_id,
            kind: SessionKind::Stock,
            state,
            pages: 1,
            staged,
            created: staged,
            updated: 0,
            unchanged: 0,
            deleted: 0,
            refused: 0,
            refused_rows,
            snapshot: None,
        };
        Outcome { replayed: false, result: Ok(Answer::Session(session)) }
    }

    #[test]
    fn a_file_that_ends_too_early_says_why() {
        struct Broken(io::ErrorKind);
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
        }
        for (kind, status) in [
            (io::ErrorKind::TimedOut, 408),
            (io::ErrorKind::FileTooLarge, 413),
            (io::ErrorKind::ConnectionReset, 400),
        ] {
            for format in [Format::Csv, Format::Json, Format::JsonLines] {
                let file = (&b"   "[..]).chain(Broken(kind));
                let mut apply = |_| Ok::<_, ()>(session(SessionState::Open, 0));
                let options = ImportOptions::default();
                let done = import(Subject::Stock, format, file, &options, "I-1", &mut apply);
                let Err(Failed::Refused(problem)) = done else { panic!("{done:?}") };
                assert_eq!(problem.kind.status.as_u16(), status, "{kind} {format:?}");
            }
        }
    }

    #[test]
    fn what_counts_is_told_although_forgetting_fails() {
        let mut steps = Vec::new();
        let mut apply = |command: Command| {
            let Command::Session(step) = command else { unreachable!("an import is a session") };
            let (name, done) = match step {
                SessionStep::Discard(_) => ("discard", Err("the disk is full")),
                SessionStep::Commit(_) => ("commit", Ok(session(SessionState::Committed, 1))),
                _ => ("stage", Ok(session(SessionState::Open, 1))),
            };
            steps.push(name);
            done
        };
        let file = &b"sku,warehouse,sellable,on_hand\nTEA,,7,\n"[..];
        let options = ImportOptions::default();
        let done = import(Subject::Stock, Format::Csv, file, &options, "I-1", &mut apply);
        let report = serde_json::to_value(done.unwrap()).unwrap();
        assert_eq!((&report["state"], &report["created"]), (&"committed".into(), &1.into()));
        assert_eq!(steps, ["stage", "stage", "commit", "discard"]);
    }
}

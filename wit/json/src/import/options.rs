//! How an import is asked for.

use std::ffi::OsStr;
use std::path::Path;

use crate::catalog::query::{flag, parameters};
use crate::contract::sessions::{SessionBegin, SessionCommit, SessionStep};
use crate::contract::types::Command;
use crate::problem::{Problem, UNSUPPORTED_MEDIA_TYPE};
use crate::words::{ReasonRule, RequestIdRule, Text, TextRule};

use super::Subject;

/// The forms of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/csv`
    Csv,
    /// `application/json`: an array of rows, or a row on each line, and at least one.
    Json,
    /// `application/x-ndjson`: as above, and a file without a line has no rows.
    JsonLines,
}

/// What is done where rows cannot count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// None counts.
    #[default]
    Refuse,
    /// The others count.
    Skip,
}

/// How an import is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportOptions {
    /// The caller's name for it, to ask how far it is.
    pub id: Option<String>,
    /// Why; `import` by default.
    pub reason: Option<String>,
    /// Who.
    pub author: Option<String>,
    /// Where rows cannot count.
    pub on_error: OnError,
    /// Say what would come of it, and change nothing.
    pub dry_run: bool,
    /// Delete the entries that no row names.
    pub replace: bool,
}

impl Format {
    /// By a file's name.
    pub fn of_file(name: &str) -> Self {
        let extension = Path::new(name).extension().and_then(OsStr::to_str);
        match extension.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Self::Csv,
            Some("json") => Self::Json,
            _ => Self::JsonLines,
        }
    }
}

/// By a `Content-Type`, which may say that the file is UTF-8, and nothing else of its letters.
pub fn format_of(content_type: Option<&[u8]>) -> Result<Format, Problem> {
    let mut parts = content_type.unwrap_or_default().split(|byte| *byte == b';');
    let essence = parts.next().unwrap_or_default().trim_ascii();
    let is = |known: &str| essence.eq_ignore_ascii_case(known.as_bytes());
    let format = if is("text/csv") {
        Format::Csv
    } else if is("application/json") {
        Format::Json
    } else if is("application/x-ndjson") || is("application/jsonl") {
        Format::JsonLines
    } else {
        let detail = "send text/csv, application/json or application/x-ndjson";
        return Err(Problem::new(&UNSUPPORTED_MEDIA_TYPE, detail));
    };
    if parts.all(says_utf8) {
        Ok(format)
    } else {
        Err(Problem::new(&UNSUPPORTED_MEDIA_TYPE, "send the file in UTF-8, with or without BOM"))
    }
}

/// Whether a parameter of a media type is another one than `charset`, or its value is UTF-8.
fn says_utf8(parameter: &[u8]) -> bool {
    let parameter = String::from_utf8_lossy(parameter);
    let (name, value) = parameter.split_once('=').unwrap_or_default();
    let value = value.trim().trim_matches('"');
    let is_charset = name.trim().eq_ignore_ascii_case("charset");
    !is_charset || ["utf-8", "utf8"].iter().any(|it| value.eq_ignore_ascii_case(it))
}

impl ImportOptions {
    /// `id`, `reason`, `author`, `on_error`, `dry_run` and `replace`, percent-encoded.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        fn word<R: TextRule>(
            name: &str,
            text: Option<std::borrow::Cow<'_, str>>,
        ) -> Result<Option<String>, Problem> {
            let refuse =
                |it: crate::words::OutOfBounds| Problem::malformed_parameter(name, it.to_string());
            text.map(|it| Text::<R>::parse(&it).map(Text::into_string).map_err(refuse)).transpose()
        }
        let names = ["id", "reason", "author", "on_error", "dry_run", "replace"];
        let [id, reason, author, on_error, dry_run, replace] = parameters(query, names)?;
        let options = Self {
            id: word::<RequestIdRule>("id", id)?,
            reason: word::<ReasonRule>("reason", reason)?,
            author: word::<ReasonRule>("author", author)?,
            on_error: match on_error.as_deref() {
                None | Some("refuse") => OnError::Refuse,
                Some("skip") => OnError::Skip,
                Some(other) => {
                    let detail = format!("on_error is refuse or skip, not {other}");
                    return Err(Problem::malformed_parameter("on_error", detail));
                }
            },
            dry_run: flag("dry_run", dry_run.as_deref())?,
            replace: flag("replace", replace.as_deref())?,
        };
        options.check().map_err(|why| Problem::malformed_parameter("replace", why))?;
        Ok(options)
    }

    /// Whether one does not contradict another: what a row that cannot be read names is not known,
    /// so that nobody could say what no row names.
    fn check(&self) -> Result<(), &'static str> {
        if self.replace && self.on_error == OnError::Skip {
            Err("replace deletes what no row names, so every row must be read: it does not go \
                 with on_error=skip")
        } else {
            Ok(())
        }
    }

    /// What begins its session.
    pub fn begin(&self, subject: Subject, session_id: &str) -> Command {
        Command::Session(SessionStep::Begin(SessionBegin {
            session_id: session_id.to_owned(),
            kind: subject.session_kind(),
            author: self.author.clone(),
            reason: self.reason.clone().unwrap_or_else(|| "import".to_owned()),
        }))
    }

    /// What makes its rows count.
    pub fn commit(&self, session_id: &str, pages: u32) -> Command {
        Command::Session(SessionStep::Commit(SessionCommit {
            session_id: session_id.to_owned(),
            pages,
            skip_refused: self.on_error == OnError::Skip,
            replace: self.replace,
            dry_run: self.dry_run,
        }))
    }
}

/// What forgets some of a session's rows.
pub fn discard(session_id: &str) -> Command {
    Command::Session(SessionStep::Discard(session_id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_asked_for_in_known_parameters() {
        let options = ImportOptions::parse("on_error=skip&dry_run=true&id=I-1").unwrap();
        assert_eq!((options.on_error, options.dry_run), (OnError::Skip, true));
        assert_eq!(options.id.as_deref(), Some("I-1"));
        assert_eq!(ImportOptions::parse("").unwrap(), ImportOptions::default());
        let both = "replace=true&on_error=skip";
        for query in
            [both, "on_error=stop", "dry_run=1", "id=", "mode=x", "replace=true&replace=true"]
        {
            assert!(ImportOptions::parse(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_form_is_told_by_its_media_type_or_name() {
        let format = |text: &'static str| format_of(Some(text.as_bytes())).ok();
        assert_eq!(format("text/csv; header=present; Charset=\"UTF-8\""), Some(Format::Csv));
        assert_eq!(format("text/csv; charset=gbk"), None);
        assert_eq!(format("Application/X-NDJSON"), Some(Format::JsonLines));
        assert_eq!(format("application/json"), Some(Format::Json));
        assert_eq!(format("text/plain"), None);
        assert_eq!(Format::of_file("a.CSV"), Format::Csv);
        assert_eq!(Format::of_file("a.json"), Format::Json);
        assert_eq!(Format::of_file("a.jsonl"), Format::JsonLines);
    }
}

//! Where values come from: flags over environment over file over defaults, as raw text.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
use clap::parser::ValueSource;

use super::problem::Problem;
use super::settings::{Kind, SETTINGS, Setting, VARIABLE_PREFIX, setting};

/// Who gave a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Nobody: it is the default.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// This environment variable.
    Environment(String),
    /// This flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// A value nobody has looked at yet, so it may be a secret.
#[derive(Clone, PartialEq)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) source: Source,
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").field("source", &self.source).finish_non_exhaustive()
    }
}

/// One raw value for each setting.
#[derive(Debug)]
pub(super) struct Values(BTreeMap<&'static str, Raw>);

impl Values {
    pub(super) fn defaults() -> Self {
        let raw = |setting: &Setting| Raw { text: setting.default.into(), source: Source::Default };
        Self(SETTINGS.iter().map(|setting| (setting.key, raw(setting))).collect())
    }

    pub(super) fn get(&self, key: &str) -> &Raw {
        self.0.get(key).expect("only keys of the table are asked for")
    }

    fn set(&mut self, setting: &Setting, text: String, source: Source) {
        self.0.insert(setting.key, Raw { text, source });
    }
}

/// Lays the file, then the environment, then the flags over the defaults.
pub(super) fn gather(
    flags: &ArgMatches,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> (Values, Vec<Problem>) {
    let mut values = Values::defaults();
    let mut problems = Vec::new();
    let (variables, named_file) = environment(variables, &mut problems);
    let by_flag = flags.get_one::<PathBuf>(CONFIG).map(|path| (path.clone(), by_flag()));
    if let Some((path, source)) = by_flag.or(named_file.map(|path| (path, by_variable()))) {
        match std::fs::read_to_string(&path) {
            Ok(text) => file(&path, &text, &mut values, &mut problems),
            Err(error) => problems.push(Problem {
                key: CONFIG.into(),
                value: Some(path.display().to_string()),
                why: format!("the file cannot be read: {error}"),
                cure: format!("name a file that is there, or leave {source} out"),
                source,
            }),
        }
    }
    for (setting, text) in variables {
        values.set(setting, text, Source::Environment(setting.variable()));
    }
    for setting in SETTINGS.iter().filter(|setting| setting.kind != Kind::Secret) {
        if flags.value_source(setting.key) == Some(ValueSource::CommandLine)
            && let Some(text) = flags.get_one::<String>(setting.key)
        {
            values.set(setting, text.clone(), Source::Flag(setting.flag()));
        }
    }
    (values, problems)
}

/// The flag that names the file.
pub(super) const CONFIG: &str = "config";

fn by_flag() -> Source {
    Source::Flag(CONFIG.into())
}

fn by_variable() -> Source {
    Source::Environment(format!("{VARIABLE_PREFIX}{}", CONFIG.to_ascii_uppercase()))
}

type Variables = Vec<(&'static Setting, String)>;

fn environment(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    problems: &mut Vec<Problem>,
) -> (Variables, Option<PathBuf>) {
    let mut known = Vec::new();
    let mut named_file = None;
    for (name, value) in variables {
        let name = name.to_string_lossy();
        let Some(rest) = name.strip_prefix(VARIABLE_PREFIX) else {
            continue;
        };
        let key = rest.to_ascii_lowercase();
        if key == CONFIG {
            named_file = Some(PathBuf::from(value));
        } else if let Some(setting) = setting(&key).filter(|known| known.variable() == name) {
            known.push((setting, value.to_string_lossy().into_owned()));
        } else if !is_made_by_kubernetes(rest, &value.to_string_lossy()) {
            problems.push(unknown(&name, Source::Environment(name.clone().into_owned())));
        }
    }
    (known, named_file)
}

/// Kubernetes gives every pod variables about every service; those of one named `edge-inventory…`
/// begin like ours: `…_SERVICE_HOST`, `…_SERVICE_PORT` and `…_SERVICE_PORT_NAME`, `…_PORT` with a
/// URL, and `…_PORT_80_TCP` with what it consists of.
fn is_made_by_kubernetes(rest: &str, value: &str) -> bool {
    let padded = format!("_{rest}");
    if padded.ends_with("_SERVICE_HOST") || format!("{padded}_").contains("_SERVICE_PORT_") {
        return true;
    }
    if padded.ends_with("_PORT") && value.contains("://") {
        return true;
    }
    let Some((_, port)) = padded.split_once("_PORT_") else {
        return false;
    };
    let mut words = port.split('_');
    let number = words.next().is_some_and(|number| number.parse::<u16>().is_ok());
    let protocol = words.next().is_some_and(|it| ["TCP", "UDP", "SCTP"].contains(&it));
    number && protocol
}

fn file(path: &Path, text: &str, values: &mut Values, problems: &mut Vec<Problem>) {
    let source = Source::File(path.to_owned());
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            problems.push(Problem {
                key: CONFIG.into(),
                value: None,
                source,
                why: format!("the file is not TOML: {}{}", place(text, &error), error.message()),
                cure: "correct the line named".into(),
            });
            return;
        }
    };
    for (key, value) in &table {
        let Some(setting) = setting(key) else {
            problems.push(unknown(key, source.clone()));
            continue;
        };
        match as_text(setting, value) {
            Some(text) => values.set(setting, text, source.clone()),
            None => problems.push(Problem {
                key: key.clone(),
                value: None,
                source: source.clone(),
                why: format!("a {} cannot be a value of this key", value.type_str()),
                cure: cure_of_type(setting),
            }),
        }
    }
}

/// Where a file is wrong. The line itself may hold a token or a password, and is not told.
fn place(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    before.map_or_else(String::new, |before| {
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|it| *it != '\n').count() + 1;
        format!("line {line}, column {column}: ")
    })
}

/// The value as a flag would carry it. Tokens, a list of tables, become `role:token,…`.
fn as_text(setting: &Setting, value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::Array(tokens) if is_tokens(setting) => {
            let tokens: Option<Vec<String>> = tokens.iter().map(token).collect();
            tokens.map(|tokens| tokens.join(","))
        }
        _ if is_tokens(setting) => None,
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The one setting that is a list of tables.
fn is_tokens(setting: &Setting) -> bool {
    setting.key == "tokens"
}

fn token(entry: &toml::Value) -> Option<String> {
    let entry = entry.as_table().filter(|entry| entry.len() == 2)?;
    let (role, token) = (entry.get("role")?.as_str()?, entry.get("token")?.as_str()?);
    // The separator would make two tokens of one; a comma is refused with its own sentence.
    Some(format!("{role}:{}", token.replace(',', " ")))
}

fn cure_of_type(setting: &Setting) -> String {
    match setting.kind {
        Kind::Secret if is_tokens(setting) => {
            "write [[tokens]] tables, each with role = \"…\" and token = \"…\" alone".into()
        }
        _ => format!("write {} = {:?}", setting.key, setting.default),
    }
}

fn unknown(name: &str, source: Source) -> Problem {
    let near = SETTINGS.iter().find(|setting| {
        let letters = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], "");
        letters(name).trim_start_matches("edgeinventory") == letters(setting.key)
    });
    let cure = match near {
        Some(setting) => format!("write {} or {}", setting.key, setting.variable()),
        None => "remove it, or correct its name".into(),
    };
    Problem { key: name.into(), value: None, source, why: "there is no such setting".into(), cure }
}

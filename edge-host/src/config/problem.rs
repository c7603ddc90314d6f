//! What is wrong with a configuration, all of it at once, each with its cure.

use std::fmt;

use super::sources::Source;

/// One value that cannot be used.
#[derive(Debug, PartialEq)]
pub struct Problem {
    /// The key as it stands in the file, or what stands in its place.
    pub key: String,
    /// What was given; secrets are hidden.
    pub value: Option<String>,
    /// Who gave it.
    pub source: Source,
    /// What is wrong or allowed.
    pub why: String,
    /// What to do.
    pub cure: String,
}

/// At least one.
#[derive(Debug, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, value, source, why, cure } = self;
        match value {
            Some(value) => writeln!(f, "  {key} = {value:?} ({source}): {why}")?,
            None => writeln!(f, "  {key} ({source}): {why}")?,
        }
        write!(f, "    cure: {cure}")
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "the configuration cannot be used:")?,
            count => writeln!(f, "the configuration cannot be used, for {count} reasons:")?,
        }
        for problem in &self.0 {
            writeln!(f, "{problem}")?;
        }
        write!(f, "edge-host --help lists every setting; check-config tries one without starting")
    }
}

impl std::error::Error for Problems {}

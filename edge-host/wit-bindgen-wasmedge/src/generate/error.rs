//! Why no code was generated.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why no code was generated.
#[derive(Debug)]
#[non_exhaustive]
pub enum GenerateError {
    /// The WIT does not parse, or the world is not in it: the parser's message, with file and line.
    Wit(String),
    /// The world uses something that core modules on a host without components cannot have.
    Unsupported {
        /// Where: such as `example:files/types` or `example:files/types open`.
        place: String,
        /// What: such as `the resource type file`.
        what: String,
    },
    /// Two things of the world would have the same name in Rust.
    NameClash {
        /// The name.
        name: String,
        /// What has it already, and what wants it too.
        between: [String; 2],
    },
    /// The output file cannot be written.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// `OUT_DIR` is not set: `write_to_out_dir` is for build scripts.
    NoOutDir,
}

impl fmt::Display for GenerateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wit(message) => f.write_str(message),
            Self::Unsupported { place, what } => {
                write!(f, "{place}: {what} is not supported by wit-bindgen-wasmedge")
            }
            Self::NameClash { name, between: [one, other] } => {
                write!(f, "{one} and {other} would both be named `{name}` in Rust; rename one")
            }
            Self::Write { path, source } => write!(f, "cannot write {}: {source}", path.display()),
            Self::NoOutDir => f.write_str("OUT_DIR is not set: call this from a build script"),
        }
    }
}

impl Error for GenerateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Write { source, .. } => Some(source),
            _ => None,
        }
    }
}

//! Many rows at once: what may be imported and exported, and in which forms.
//!
//! A file is read as a stream ([`read`]): its rows go into pages of the contract's sessions, and
//! what is wrong with a row is told with its line. The same columns are written ([`write`]), so
//! that what was exported can be imported.

mod columns;
mod csv;
mod drive;
mod json;
mod options;
mod pages;
pub mod report;
pub mod write;

use std::io::{self, Read};

pub use drive::{Apply, Failed, import};
pub use options::{Format, ImportOptions, OnError, discard, format_of};
pub use pages::{PAGE_ROWS, Pages};
pub use report::ImportReport;

use crate::catalog::{SHAPES, Shape};
use crate::contract::sessions::{NumberedRow, RefusedRow, SessionKind};

/// What can be imported and exported: a noun of the catalog, or stock.
#[derive(Clone, Copy, Debug)]
pub enum Subject {
    /// Entries of a noun.
    Catalog(&'static Shape),
    /// Counters.
    Stock,
}

/// The name of what is no noun of the catalog.
const STOCK: &str = "stock";

impl Subject {
    /// The subject of this name.
    pub fn named(name: &str) -> Option<Self> {
        if name == STOCK { Some(Self::Stock) } else { Shape::named(name).map(Self::Catalog) }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog(shape) => shape.name,
            Self::Stock => STOCK,
        }
    }

    /// The names of all subjects.
    pub fn names() -> String {
        let nouns = SHAPES.iter().map(|shape| shape.name);
        nouns.chain([STOCK]).collect::<Vec<_>>().join(", ")
    }

    /// The kind of session that it is imported by.
    pub fn session_kind(self) -> SessionKind {
        match self {
            Self::Catalog(shape) => SessionKind::Catalog(shape.noun),
            Self::Stock => SessionKind::Stock,
        }
    }
}

/// What a file has, one after the other.
#[derive(Debug)]
pub enum Item {
    /// A row that may be staged.
    Row(NumberedRow),
    /// A row that is none, and why.
    Refused(RefusedRow),
}

/// Why a file could not be read to its end.
#[derive(Debug)]
pub enum Unreadable {
    /// Its bytes do not come.
    Io(io::Error),
    /// It is not in its form, such as a header that names what there is not.
    Form(String),
    /// Whoever takes the items wants no more.
    Stopped,
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A row that is longer, as a line, an item of an array or a record, is none. The largest entry is
/// a calendar of some 720 KB, of 900 where a CSV doubles its quotes: an export has such.
const ROW_BYTES_MAX: usize = 1 << 20;

/// Takes items; `false` where no more are wanted.
pub type Sink<'a> = &'a mut dyn FnMut(Item) -> bool;

/// Reads a file of this form to its end. Memory holds a row at a time.
pub fn read(
    subject: Subject,
    format: Format,
    file: impl Read,
    sink: Sink<'_>,
) -> Result<(), Unreadable> {
    match format {
        Format::Csv => csv::read(subject, file, sink),
        Format::Json | Format::JsonLines => json::read(subject, format, file, sink),
    }
}

//! Files of comma-separated values with a header, plain or gzipped, read row by row; whatever is
//! wrong with one is said with its path and line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord};
use flate2::bufread::MultiGzDecoder;

/// A file that cannot be replayed, and where it says so.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each case's message says what it is")]
pub enum TableError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{}: {source}", path.display())]
    Broken { path: PathBuf, source: csv::Error },
    #[error("{}: the header has no column '{missing}'; needed are {needed}", path.display())]
    NoColumn { path: PathBuf, missing: &'static str, needed: String },
    #[error("{}, line {line}: {what}", path.display())]
    BadRow { path: PathBuf, line: u64, what: String },
}

/// An open file and where its `N` columns stand. Other columns are passed over.
pub(crate) struct Table<const N: usize> {
    path: PathBuf,
    names: [&'static str; N],
    positions: [usize; N],
    reader: csv::Reader<Box<dyn Read>>,
    record: StringRecord,
}

/// One row, its fields in the order the columns were asked for.
pub(crate) struct Row<'a, const N: usize> {
    path: &'a Path,
    line: u64,
    names: &'a [&'static str; N],
    fields: [&'a str; N],
}

impl<const N: usize> Table<N> {
    pub(crate) fn open(path: &Path, names: [&'static str; N]) -> Result<Self, TableError> {
        let unreadable = |source| TableError::Unreadable { path: path.to_owned(), source };
        let bytes = decompressed(path).map_err(unreadable)?;
        let mut reader = ReaderBuilder::new().from_reader(bytes);
        let header = reader.headers().map_err(|source| broken(path, source))?;
        let mut positions = [0; N];
        for (position, name) in positions.iter_mut().zip(names) {
            *position = header.iter().position(|field| field == name).ok_or_else(|| {
                let needed = names.join(", ");
                TableError::NoColumn { path: path.to_owned(), missing: name, needed }
            })?;
        }
        let record = StringRecord::new();
        Ok(Self { path: path.to_owned(), names, positions, reader, record })
    }

    /// The next row, or nothing after the last.
    pub(crate) fn row(&mut self) -> Result<Option<Row<'_, N>>, TableError> {
        let read = self.reader.read_record(&mut self.record);
        if !read.map_err(|source| broken(&self.path, source))? {
            return Ok(None);
        }
        Ok(Some(Row {
            path: &self.path,
            line: self.record.position().map_or(0, csv::Position::line),
            names: &self.names,
            fields: self.positions.map(|position| &self.record[position]),
        }))
    }
}

impl<'a, const N: usize> Row<'a, N> {
    pub(crate) fn fields(&self) -> [&'a str; N] {
        self.fields
    }

    /// A field that must be a text of 1 to `length_max` visible ASCII characters.
    pub(crate) fn word(&self, column: usize, length_max: usize) -> Result<&'a str, TableError> {
        let field = self.fields[column];
        let fits = (1..=length_max).contains(&field.len());
        if fits && field.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(field);
        }
        let name = self.names[column];
        Err(self.bad(format!("{name} '{field}' is not 1 to {length_max} visible ASCII characters")))
    }

    /// A field that must be a whole number from 1 to `maximum`.
    pub(crate) fn count(&self, column: usize, maximum: u32) -> Result<u32, TableError> {
        let field = self.fields[column];
        let count = field.parse().ok().filter(|count| (1..=maximum).contains(count));
        count.ok_or_else(|| {
            let name = self.names[column];
            self.bad(format!("{name} '{field}' is not a whole number from 1 to {maximum}"))
        })
    }

    /// This row's own fault.
    pub(crate) fn bad(&self, what: String) -> TableError {
        TableError::BadRow { path: self.path.to_owned(), line: self.line, what }
    }
}

fn broken(path: &Path, source: csv::Error) -> TableError {
    TableError::Broken { path: path.to_owned(), source }
}

/// Gzip is known by its first two bytes, so that a file's name does not matter.
fn decompressed(path: &Path) -> io::Result<Box<dyn Read>> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path)?);
    if file.fill_buf()?.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(MultiGzDecoder::new(file)))
    } else {
        Ok(Box::new(file))
    }
}

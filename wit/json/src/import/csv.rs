//! CSV: RFC 4180, UTF-8 with or without a byte order mark, a header that names the columns in any
//! order. An empty cell is a field that is left out.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use serde_json::{Map, Value};

use super::columns::{self, Cell, Column};
use super::{Item, ROW_BYTES_MAX, Sink, Subject, Unreadable};
use crate::catalog::{Noun, Shape};
use crate::contract::sessions::{NumberedRow, RefusedRow};

/// Reads a file to its end.
pub(super) fn read(subject: Subject, file: impl Read, sink: Sink<'_>) -> Result<(), Unreadable> {
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .has_headers(false)
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(Bounded { file, since_record: 0, last: b'\n', quotes: Quotes::new() });
    let mut record = csv::ByteRecord::new();
    if next(&mut reader, &mut record)?.is_none() {
        return Err(Unreadable::Form("the file is empty; its first line names the columns".into()));
    }
    let header = header(subject, &record)?;
    let mut rows = Rows::new(subject, sink);
    while let Some(line) = next(&mut reader, &mut record)? {
        match fields(&header, &record) {
            Ok(fields) => rows.add(line, fields)?,
            Err(why) => rows.refuse(line, why)?,
        }
    }
    rows.finish()
}

/// Bounds what one record takes: a quote that is never closed would hold the whole file. And ends
/// the last line, where the file does not.
struct Bounded<R> {
    file: R,
    since_record: usize,
    /// The last byte that was read.
    last: u8,
    quotes: Quotes,
}

/// Where a file stands with its quotes: the reader takes what stands behind a closing one for more
/// of the cell.
struct Quotes {
    line: u64,
    place: Place,
}

enum Place {
    /// Before the first byte of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    Quoted,
    /// Behind a quote that closes a cell, unless another one follows.
    Closed,
    /// Behind that and a CR.
    Return,
}

impl Quotes {
    fn new() -> Self {
        Self { line: 1, place: Place::Start }
    }

    fn read(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        for byte in bytes {
            self.line += u64::from(*byte == b'\n');
            self.place = match (&self.place, byte) {
                (Place::Quoted, b'"') => Place::Closed,
                (Place::Start | Place::Closed, b'"') | (Place::Quoted, _) => Place::Quoted,
                // A byte order mark is not of the first cell.
                (Place::Start, b'\xef' | b'\xbb' | b'\xbf')
                | (Place::Start | Place::Plain | Place::Closed, b',' | b'\n')
                | (Place::Return, b'\n') => Place::Start,
                (Place::Closed, b'\r') => Place::Return,
                (Place::Closed | Place::Return, _) => {
                    let line = self.line;
                    let why = format!("line {line} has text behind the closing quote of a cell");
                    return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, why));
                }
                (Place::Start | Place::Plain, _) => Place::Plain,
            };
        }
        Ok(())
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.since_record > ROW_BYTES_MAX + (8 << 10) {
            return Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                format!("a record has more than {ROW_BYTES_MAX} bytes; is a quote not closed?"),
            ));
        }
        let mut read = self.file.read(buffer)?;
        if read == 0 && self.last != b'\n' && !buffer.is_empty() {
            buffer[0] = b'\n';
            read = 1;
        }
        self.quotes.read(&buffer[..read])?;
        self.since_record += read;
        self.last = buffer[..read].last().copied().unwrap_or(self.last);
        Ok(read)
    }
}

/// Reads a record that is no empty line; answers the line that it begins on, or `None` at the end
/// of the file.
///
/// The reader knows the line it has come to. It is not asked for that of the record, because empty
/// lines before a record count as part of it there.
fn next<R: Read>(
    reader: &mut csv::Reader<Bounded<R>>,
    record: &mut csv::ByteRecord,
) -> Result<Option<u32>, Unreadable> {
    loop {
        let before = reader.position().line();
        let found = reader.read_byte_record(record).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Unreadable::Form(error.to_string())
            }
            csv::ErrorKind::Io(error) => Unreadable::Io(error),
            other => Unreadable::Form(format!("{other:?}")),
        })?;
        reader.get_mut().since_record = 0;
        if !found {
            return Ok(None);
        }
        let lines = record.as_slice().split(|byte| *byte == b'\n').count() as u64;
        let first = reader.position().line() - lines;
        if first < before {
            let why = format!("line {before} opens a quote that the file does not close");
            return Err(Unreadable::Form(why));
        }
        // A line may end in CR LF.
        if let Some(last) = record.iter().next_back().and_then(|cell| cell.strip_suffix(b"\r")) {
            let last = last.to_vec();
            record.truncate(record.len() - 1);
            record.push_field(&last);
        }
        if record.len() > 1 || record.iter().any(|cell| !cell.is_empty()) {
            return Ok(Some(u32::try_from(first).unwrap_or(u32::MAX)));
        }
    }
}

/// The column of each cell.
fn header(subject: Subject, record: &csv::ByteRecord) -> Result<Vec<Column>, Unreadable> {
    let known = columns::of(subject);
    let names = || known.iter().map(|column| column.0).collect::<Vec<_>>().join(", ");
    let mut header: Vec<Column> = Vec::new();
    for (at, cell) in record.iter().enumerate() {
        let cell = if at == 0 { cell.strip_prefix(b"\xef\xbb\xbf").unwrap_or(cell) } else { cell };
        let name = String::from_utf8_lossy(cell);
        let column = known.iter().find(|column| column.0 == name.trim());
        let column = column.ok_or_else(|| {
            let subject = subject.name();
            Unreadable::Form(format!("{subject} has no column {name:?}; it has {}", names()))
        })?;
        if header.contains(column) {
            return Err(Unreadable::Form(format!("the column {name:?} stands there twice")));
        }
        header.push(*column);
    }
    let key = match subject {
        Subject::Catalog(shape) => shape.key.iter().map(|field| field.name()).collect(),
        Subject::Stock => vec!["sku"],
    };
    match key.into_iter().find(|name| !header.iter().any(|column| column.0 == *name)) {
        Some(missing) => Err(Unreadable::Form(format!("the header has no column {missing:?}"))),
        None => Ok(header),
    }
}

fn fields(header: &[Column], record: &csv::ByteRecord) -> Result<Map<String, Value>, String> {
    if record.len() != header.len() {
        let (cells, columns) = (record.len(), header.len());
        return Err(format!("{cells} cells under {columns} columns"));
    }
    let mut fields = Map::new();
    for ((name, cell), bytes) in header.iter().zip(record) {
        let text = std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))?;
        let text = if *cell == Cell::Text { text } else { text.trim() };
        if let Some(value) = columns::value(*cell, text).map_err(|why| format!("{name}: {why}"))? {
            fields.insert((*name).to_owned(), value);
        }
    }
    Ok(fields)
}

/// Rows of one key that stand together are one entry: the rules of a restriction. It counts with
/// all of them or not at all, lest what is left of it allows what the file denies.
struct Rows<'s> {
    subject: Subject,
    sink: Sink<'s>,
    pending: Option<Pending>,
    /// Of the restrictions so far, the hashes of their keys.
    passed: BTreeSet<u64>,
    /// The row before is none, whatever its key is.
    unreadable: Option<u32>,
}

struct Pending {
    fields: Map<String, Value>,
    /// The first of its rows that is one by itself, as far as they were checked.
    line: Option<u32>,
    is_checked: bool,
    /// A row that is none is one of its, or may be.
    refused_at: Option<u32>,
}

impl<'s> Rows<'s> {
    fn new(subject: Subject, sink: Sink<'s>) -> Self {
        Self { subject, sink, pending: None, passed: BTreeSet::new(), unreadable: None }
    }

    fn send(&mut self, item: Item) -> Result<(), Unreadable> {
        if (self.sink)(item) { Ok(()) } else { Err(Unreadable::Stopped) }
    }

    /// Tells of a row that is none. Whose it is nobody knows: it may be of either neighbour's key.
    fn refuse(&mut self, line: u32, why: String) -> Result<(), Unreadable> {
        if let Some(entry) = &mut self.pending {
            entry.refused_at.get_or_insert(line);
        }
        self.unreadable = Some(line);
        self.send(Item::Refused(RefusedRow { line, why }))
    }

    fn add(&mut self, line: u32, fields: Map<String, Value>) -> Result<(), Unreadable> {
        let Some(shape) = restriction(self.subject) else {
            return self.send(item(self.subject, line, fields));
        };
        let (subject, refused_at) = (self.subject, self.unreadable.take());
        let fields = columns::with_rules(shape, fields);
        let Some(entry) = self.pending.as_mut().filter(|it| it.has_key_of(shape, &fields)) else {
            self.finish()?;
            if !self.passed.insert(hash_of_key(shape, &fields)) {
                let why = "the rules of one subject and area stand together in a file";
                return Err(Unreadable::Form(format!("{why}: those of line {line} do not")));
            }
            let line = Some(line);
            self.pending = Some(Pending { fields, line, is_checked: false, refused_at });
            return Ok(());
        };
        let first = if entry.is_checked { Ok(()) } else { entry.check(subject) };
        let this = columns::row(subject, fields.clone());
        if this.is_ok() {
            entry.line.get_or_insert(line);
            columns::merge(&mut entry.fields, fields);
        } else {
            entry.refused_at.get_or_insert(line);
        }
        if let Err(row) = first {
            self.send(Item::Refused(row))?;
        }
        match this {
            Ok(_) => Ok(()),
            Err(why) => self.send(Item::Refused(RefusedRow { line, why })),
        }
    }

    fn finish(&mut self) -> Result<(), Unreadable> {
        let Some(Pending { fields, line: Some(line), refused_at, .. }) = self.pending.take() else {
            return Ok(());
        };
        let Some(at) = refused_at else {
            return self.send(item(self.subject, line, fields));
        };
        let why = format!("a restriction counts with all of its rows or not at all: see line {at}");
        self.send(Item::Refused(RefusedRow { line, why }))
    }
}

impl Pending {
    fn has_key_of(&self, shape: &Shape, fields: &Map<String, Value>) -> bool {
        shape.key.iter().all(|it| self.fields.get(it.name()) == fields.get(it.name()))
    }

    /// Whether its first row, the only one so far, is one.
    fn check(&mut self, subject: Subject) -> Result<(), RefusedRow> {
        self.is_checked = true;
        let Err(why) = columns::row(subject, self.fields.clone()) else {
            return Ok(());
        };
        let line = self.line.take().expect("the line of its first row");
        self.refused_at = Some(line);
        Err(RefusedRow { line, why })
    }
}

/// The shape of restrictions, if it is they.
fn restriction(subject: Subject) -> Option<&'static Shape> {
    match subject {
        Subject::Catalog(shape) if shape.noun == Noun::Restriction => Some(shape),
        Subject::Catalog(_) | Subject::Stock => None,
    }
}

fn hash_of_key(shape: &Shape, fields: &Map<String, Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for field in shape.key {
        fields.get(field.name()).and_then(Value::as_str).hash(&mut hasher);
    }
    hasher.finish()
}

fn item(subject: Subject, line: u32, fields: Map<String, Value>) -> Item {
    match columns::row(subject, fields) {
        Ok(row) => Item::Row(NumberedRow { line, row }),
        Err(why) => Item::Refused(RefusedRow { line, why }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Subject, read};
    use super::*;

    /// `2: {…}` for a row, `3! why` for one that is none.
    fn items(subject: &str, file: &str) -> Result<Vec<String>, String> {
        let mut told = Vec::new();
        let subject = Subject::named(subject).unwrap();
        let done = read(subject, Format::Csv, file.as_bytes(), &mut |item| {
            told.push(match item {
                Item::Row(row) => format!("{}: {:?}", row.line, row.row),
                Item::Refused(row) => format!("{}! {}", row.line, row.why),
            });
            true
        });
        done.map(|()| told).map_err(|error| match error {
            Unreadable::Form(why) => why,
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn a_mark_quotes_and_line_ends_of_either_kind_are_read() {
        for file in [
            "sku,category\nA,toys\nB,tools\n",
            "\u{feff}sku,category\r\nA,toys\r\nB,tools",
            "category,sku\n\"toys\",\"A\"\n\ntools,B\n",
        ] {
            let items = items("category", file).unwrap();
            assert_eq!(items.len(), 2, "{file:?}: {items:?}");
            assert!(items[0].contains("\"A\"") && items[1].contains("tools"), "{items:?}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_row_is_told_with_its_line() {
        let file =
            "sku,warehouse,sellable,on_hand\nA,,5,\nB,W,5,\nC,W,,7\nD,,x,\nE\n,,1,\nF,,-1,\n";
        let items = items("stock", file).unwrap();
        let starts = ["2: ", "3! a row", "4: ", "5! sellable: ", "6! 1 cells", "7! ", "8! "];
        assert_eq!(items.len(), starts.len(), "{items:?}");
        for (item, start) in items.iter().zip(starts) {
            assert!(item.starts_with(start), "{item} does not start with {start}");
        }
    }

    /// The last one of a name counted, and the calendar was closed on Mondays.
    #[test]
    fn a_cell_of_json_names_no_field_twice() {
        let monday = r#""monday"":[{""from"":""09:00"",""until"":""18:00""}]"#;
        let file = format!(
            "warehouse,weekly\nW1,\"{{\"{monday}}}\"\nW2,\"{{\"{monday},\"\"monday\"\":[]}}\""
        );
        let items = items("calendar", &file).unwrap();
        assert!(items[0].starts_with("2: "), "{items:?}");
        assert_eq!(items[1], "3! weekly: duplicate field `monday`");
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        for (file, line) in [
            ("sku,category\nA,toys\n,x\n", 3),
            ("sku,category\r\nA,toys\r\n,x\r\n", 3),
            ("sku,category\r\n\r\nA,toys\r\n,x", 4),
            ("sku,category\n\n\nA,toys\n\n,x", 6),
            ("category,sku\n\"two\nlines\",A\nx,\n", 4),
            ("category,sku\r\n\"toys\",\"A\"\r\nx,\r\n", 3),
        ] {
            let items = items("category", file).unwrap();
            assert!(items.last().unwrap().starts_with(&format!("{line}! ")), "{file:?}: {items:?}");
        }
    }

    #[test]
    fn a_file_that_was_cut_off_in_a_quote_is_no_file() {
        for file in ["sku,category\nA,toys\nB,\"to", "sku,category\nB,\"tools\n", "\"sku"] {
            let refused = items("category", file).unwrap_err();
            assert!(refused.contains("opens a quote"), "{file:?}: {refused}");
        }
    }

    /// What stood behind a closing quote was taken for more of the cell.
    #[test]
    fn nothing_stands_behind_a_closing_quote() {
        for (file, line) in [
            ("sku,category\nA,toys\nB,\"to\"ols\n", 3),
            ("sku,category\n\"A\" ,toys\n", 2),
            ("sku,category\nA,\"two\nlines\"x\n", 3),
            ("\"sku\"s,category\n", 1),
            ("sku,category\nA,\"toys\"\rx\n", 2),
        ] {
            let refused = items("category", file).unwrap_err();
            let told = format!("line {line} has text behind the closing quote of a cell");
            assert_eq!(refused, told, "{file:?}");
        }
        let file = "\u{feff}\"sku\",\"category\"\r\nA\"B,\"a\"\"toy\"\"\"\r\n";
        let items = items("category", file).unwrap();
        assert!(items[0].contains(r#""A\"B""#) && items[0].contains(r#"a\"toy\""#), "{items:?}");
    }

    #[test]
    fn a_restriction_counts_with_all_of_its_rows_or_not_at_all() {
        let head = "subject,area,verdict,name\n";
        for (rows, told) in [
            ("all,54,deny,a\nall,54,no,b\nall,54,allow,c\n", &["3!", "2!"][..]),
            ("all,54,no,a\nall,54,deny,b\nall,54,allow,c\n", &["2!", "3!"]),
            ("all,54,deny,a\nall,54,allow,b\nall,54,no,c\n", &["4!", "2!"]),
            ("all,54,no,a\nall,54,no,b\nall,55,allow,c\n", &["2!", "3!", "4:"]),
            // Whose the row is that is none, nobody knows.
            ("all,54,deny,a\nall\nall,55,deny,b\nall,56,allow,c\n", &["3!", "2!", "4!", "5:"]),
        ] {
            let items = items("restriction", &format!("{head}{rows}")).unwrap();
            let starts: Vec<&str> = items.iter().map(|it| &it[..2]).collect();
            assert_eq!(starts, told, "{items:?}");
        }
        let apart = "all,54,deny,a\nall,55,deny,b\nall,54,allow,c\n";
        let refused = items("restriction", &format!("{head}{apart}")).unwrap_err();
        assert!(refused.contains("line 4"), "{refused}");
    }

    #[test]
    fn rules_of_one_key_that_stand_together_are_one_restriction() {
        let file = "subject,area,verdict,name,until\n\
                    all,54,deny,a,\nall,54,allow,b,2026-11-11T00:00:00Z\nall,everywhere,deny,c,\n";
        let items = items("restriction", file).unwrap();
        assert_eq!(items.len(), 2, "{items:?}");
        assert!(items[0].starts_with("2: ") && items[0].contains("\"b\""), "{items:?}");
        assert!(items[1].starts_with("4: "), "{items:?}");
    }

    #[test]
    fn a_header_that_does_not_fit_is_refused_as_a_whole() {
        for (file, why) in [
            ("", "is empty"),
            ("sku\nA\n", "no column \"warehouse\""),
            ("sku,warehouse,units,colour\n", "no column \"colour\""),
            ("sku,sku,warehouse,units\n", "twice"),
        ] {
            let refused = items("safety_stock", file).unwrap_err();
            assert!(refused.contains(why), "{file:?}: {refused}");
        }
        let endless = format!("sku,category\nA,\"{}", "x".repeat(2_000_000));
        assert!(items("category", &endless).unwrap_err().contains("quote"));
    }
}

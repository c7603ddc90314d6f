//! JSON: an array of objects, or an object on each line; UTF-8 with or without a byte order mark.
//! A row's line is its line; in an array, where it stands in it.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

use serde::de::{Deserializer as _, SeqAccess, Visitor};

use super::{Format, Item, ROW_BYTES_MAX, Sink, Subject, Unreadable, columns};
use crate::contract::sessions::{NumberedRow, RefusedRow};
use crate::object::Untyped;

/// Reads a file to its end.
pub(super) fn read(
    subject: Subject,
    format: Format,
    file: impl Read,
    sink: Sink<'_>,
) -> Result<(), Unreadable> {
    let mut file = BufReader::new(file);
    if file.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        file.consume(3);
    }
    loop {
        let first = file.fill_buf()?.first().copied();
        match first {
            None if format == Format::JsonLines => return Ok(()),
            None => return Err(Unreadable::Form("the file is empty; [] has no rows".into())),
            Some(b' ' | b'\t' | b'\r' | b'\n') => file.consume(1),
            Some(b'[') => return array(subject, file, sink),
            Some(_) => return lines(subject, file, sink),
        }
    }
}

fn lines(subject: Subject, mut file: impl BufRead, sink: Sink<'_>) -> Result<(), Unreadable> {
    let mut text = Vec::new();
    let mut line = 0_u32;
    loop {
        text.clear();
        let read = file.by_ref().take(ROW_BYTES_MAX as u64 + 1).read_until(b'\n', &mut text)?;
        if read == 0 {
            return Ok(());
        }
        line = line.saturating_add(1);
        if read > ROW_BYTES_MAX {
            let why = format!("line {line} has more than {ROW_BYTES_MAX} bytes");
            return Err(Unreadable::Form(why));
        }
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let row = serde_json::from_slice(&text).map_err(|error| error.to_string());
        if !sink(item(subject, line, row)) {
            return Err(Unreadable::Stopped);
        }
    }
}

/// Bounds what one item of an array takes.
struct Bounded<'a, R> {
    file: R,
    since_item: &'a Cell<usize>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.since_item.get() > ROW_BYTES_MAX {
            let why = format!("an item has more than {ROW_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let read = self.file.read(buffer)?;
        self.since_item.set(self.since_item.get() + read);
        Ok(read)
    }
}

/// An array is read an item at a time.
fn array(subject: Subject, file: impl Read, sink: Sink<'_>) -> Result<(), Unreadable> {
    struct Items<'a> {
        subject: Subject,
        sink: Sink<'a>,
        stopped: &'a mut bool,
        since_item: &'a Cell<usize>,
    }
    impl<'de> Visitor<'de> for Items<'_> {
        type Value = ();

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an array of objects")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
            let mut line = 0_u32;
            while let Some(row) = items.next_element()? {
                line = line.saturating_add(1);
                self.since_item.set(0);
                if !(self.sink)(item(self.subject, line, Ok(row))) {
                    *self.stopped = true;
                    return Err(serde::de::Error::custom("stopped"));
                }
            }
            Ok(())
        }
    }
    let (mut stopped, since_item) = (false, Cell::new(0));
    let file = BufReader::new(Bounded { file, since_item: &since_item });
    let mut parser = serde_json::Deserializer::from_reader(file);
    let items = Items { subject, sink, stopped: &mut stopped, since_item: &since_item };
    let done = parser.deserialize_seq(items);
    match done.and_then(|()| parser.end()) {
        Ok(()) => Ok(()),
        Err(_) if stopped => Err(Unreadable::Stopped),
        Err(error) => match error.io_error_kind() {
            None | Some(io::ErrorKind::InvalidData) => Err(Unreadable::Form(error.to_string())),
            Some(_) => Err(Unreadable::Io(error.into())),
        },
    }
}

fn item(subject: Subject, line: u32, row: Result<Untyped, String>) -> Item {
    match row.and_then(Untyped::into_fields).and_then(|fields| columns::row(subject, fields)) {
        Ok(row) => Item::Row(NumberedRow { line, row }),
        Err(why) => Item::Refused(RefusedRow { line, why }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, read};
    use super::*;

    fn items(file: &str) -> Result<Vec<String>, String> {
        let mut told = Vec::new();
        let subject = Subject::named("category").unwrap();
        let done = read(subject, Format::JsonLines, file.as_bytes(), &mut |item| {
            told.push(match item {
                Item::Row(row) => row.line.to_string(),
                Item::Refused(row) => format!("{}! {}", row.line, row.why),
            });
            true
        });
        done.map(|()| told).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn arrays_and_lines_are_the_same_rows() {
        for file in [
            "[{\"sku\":\"A\",\"category\":\"x\"},\n {\"sku\":\"B\",\"category\":\"x\"}]",
            "{\"sku\":\"A\",\"category\":\"x\"}\n{\"sku\":\"B\",\"category\":\"x\"}",
            "\u{feff} {\"sku\":\"A\",\"category\":\"x\"}\r\n{\"sku\":\"B\",\"category\":\"x\"}\n\n",
        ] {
            assert_eq!(items(file).unwrap(), ["1", "2"], "{file}");
        }
        assert_eq!(items("").unwrap(), [] as [&str; 0]);
        assert_eq!(items("[]").unwrap(), [] as [&str; 0]);
    }

    #[test]
    fn a_row_that_is_none_is_told_and_a_broken_file_refused() {
        let rows = "{\"sku\":\"A\"}\n\n{\n{\"sku\":\"B\",\"category\":\"x\",\"colour\":1}";
        let told = items(rows).unwrap();
        assert!(told[0].starts_with("1! missing field"), "{told:?}");
        assert!(told[1].starts_with("3! "), "{told:?}");
        assert!(told[2].starts_with("4! unknown field"), "{told:?}");
        let twice = "{\"sku\":\"A\",\"category\":\"x\",\"sku\":\"B\"}";
        let whole = "{\"sku\":\"A\",\"category\":\"x\"}";
        let expected = ["1! duplicate field `sku`", "2"];
        assert_eq!(items(&format!("[{twice},{whole}]")).unwrap(), expected);
        assert_eq!(items(&format!("{twice}\n{whole}")).unwrap(), expected);
        assert!(items("[1]").unwrap()[0].starts_with("1! it is no object"));
        for broken in ["[{\"sku\":\"A\"}", "[] []", "[{]"] {
            assert!(items(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn a_row_has_a_bound_in_either_form() {
        let row = |bytes: usize| {
            let rest = "{\"sku\":\"A\",\"category\":\"x\"}";
            format!("{}{rest}", " ".repeat(bytes - rest.len()))
        };
        let longest = row(ROW_BYTES_MAX - 1);
        assert_eq!(items(&format!("{longest}\n{longest}\n")).unwrap(), ["1", "2"]);
        assert_eq!(items(&format!("[{longest},{longest}]")).unwrap(), ["1", "2"]);
        let longer = row(ROW_BYTES_MAX + (16 << 10));
        for file in [format!("{{\n{longer}\n"), format!("[{longest},\n{longer}]")] {
            let refused = items(&file).unwrap_err();
            assert!(refused.contains("has more than 1048576 bytes"), "{refused}");
        }
    }
}

//! Items into the pages of a session.

use super::Item;
use crate::contract::entries::{Calendar, EntryBody};
use crate::contract::sessions::{NumberedRow, RefusedRow, Row, SessionPage, SessionStep};
use crate::contract::types::Command;

/// Rows of a page.
pub const PAGE_ROWS: usize = 1_000;
/// Parts of its rows, behind which a page has no more: a calendar may have twenty thousand windows,
/// and a page is in memory as a whole, here and in the guest. How a file is divided must not hang
/// on how it arrives: one that is sent again has the same pages.
const PAGE_PARTS: usize = 50_000;
/// The most refused rows that are told.
const REFUSED_TOLD_MAX: usize = 100;

/// Fills pages, and keeps the first rows that are none.
#[derive(Debug)]
pub struct Pages {
    session_id: String,
    number: u32,
    rows: Vec<NumberedRow>,
    /// Of these rows.
    parts: usize,
    /// Rows that were none.
    pub refused: u64,
    /// The first of them.
    pub refused_rows: Vec<RefusedRow>,
}

impl Pages {
    /// The pages of a session.
    pub fn new(session_id: &str) -> Self {
        let (rows, refused_rows) = (Vec::with_capacity(PAGE_ROWS), Vec::new());
        let session_id = session_id.to_owned();
        Self { session_id, number: 0, rows, parts: 0, refused: 0, refused_rows }
    }

    /// Adds an item; the command that stages a page, when one is full.
    pub fn add(&mut self, item: Item) -> Option<Command> {
        match item {
            Item::Row(row) => {
                self.parts += parts(&row.row);
                self.rows.push(row);
            }
            Item::Refused(row) => {
                self.refused += 1;
                if self.refused_rows.len() < REFUSED_TOLD_MAX {
                    self.refused_rows.push(row);
                }
            }
        }
        let is_full = self.rows.len() >= PAGE_ROWS || self.parts >= PAGE_PARTS;
        if is_full { self.finish() } else { None }
    }

    /// The command that stages what is left; `None` where that is nothing.
    pub fn finish(&mut self) -> Option<Command> {
        if self.rows.is_empty() {
            return None;
        }
        self.number += 1;
        self.parts = 0;
        let rows = std::mem::replace(&mut self.rows, Vec::with_capacity(PAGE_ROWS));
        let session_id = self.session_id.clone();
        let page = SessionPage { session_id, number: self.number, rows };
        Some(Command::Session(SessionStep::Page(page)))
    }

    /// Pages so far.
    pub fn count(&self) -> u32 {
        self.number
    }
}

/// How many windows, days, stops or rules a row has.
fn parts(row: &Row) -> usize {
    let Row::Entry(entry) = row else {
        return 0;
    };
    match &entry.body {
        EntryBody::Restriction(rules) => rules.len(),
        EntryBody::Calendar(it) => {
            let Calendar { weekly, holidays, workdays, promotions, stops, .. } = it;
            let days = workdays.iter().map(|it| &it.windows);
            let days = days.chain(promotions.iter().map(|it| &it.windows)).chain(weekly);
            days.map(|windows| 1 + windows.len()).sum::<usize>() + holidays.len() + stops.len()
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Format, Subject, read};
    use super::*;

    /// As exported, it was longer than a row could be.
    #[test]
    fn the_largest_calendars_are_rows_and_few_of_them_a_page() {
        let two = |number: usize| format!("{number:02}");
        let windows = |_| {
            let window =
                |hour| format!(r#"{{"from":"{}:00","until":"{}:30"}}"#, two(hour), two(hour));
            (0..24).map(window).collect::<Vec<_>>().join(",")
        };
        let date = |day: usize| {
            format!("20{}-{}-{}", two(day / 336), two(day / 28 % 12 + 1), two(day % 28 + 1))
        };
        let workday = |day| format!(r#"{{"date":"{}","windows":[{}]}}"#, date(day), windows(day));
        let promotion = |day| {
            let (from, until) = (date(2 * day), date(2 * day + 1));
            format!(r#"{{"from":"{from}","until":"{until}","windows":[{}]}}"#, windows(day))
        };
        let list =
            |item: &dyn Fn(usize) -> String| (0..400).map(item).collect::<Vec<_>>().join(",");
        let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
        let (workdays, promotions) = (list(&workday), list(&promotion));
        let row = quoted(format!("[{workdays}]")) + "," + &quoted(format!("[{promotions}]"));
        assert!(row.len() > 800_000, "{}", row.len());
        let rows: Vec<String> = (0..7).map(|number| format!("W{number},{{}},{row}\n")).collect();
        let file = format!("warehouse,weekly,workdays,promotions\n{}", rows.concat());
        let (mut pages, mut staged) = (Pages::new("I-1"), Vec::new());
        let subject = Subject::named("calendar").unwrap();
        read(subject, Format::Csv, file.as_bytes(), &mut |item| {
            staged.extend(pages.add(item));
            true
        })
        .unwrap();
        staged.extend(pages.finish());
        assert_eq!(pages.refused_rows, []);
        let rows = |command: &Command| match command {
            Command::Session(SessionStep::Page(page)) => page.rows.len(),
            _ => unreachable!("a page"),
        };
        assert_eq!(staged.iter().map(rows).collect::<Vec<_>>(), [3, 3, 1]);
    }
}

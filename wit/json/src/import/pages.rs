//! Items into the pages of a session.

use super::Item;
use crate::contract::sessions::{NumberedRow, RefusedRow, SessionPage, SessionStep};
use crate::contract::types::Command;

/// Rows of a page.
pub const PAGE_ROWS: usize = 1_000;
/// The most refused rows that are told.
const REFUSED_TOLD_MAX: usize = 100;

/// Fills pages, and keeps the first rows that are none.
#[derive(Debug)]
pub struct Pages {
    session_id: String,
    number: u32,
    rows: Vec<NumberedRow>,
    /// Rows that were none.
    pub refused: u64,
    /// The first of them.
    pub refused_rows: Vec<RefusedRow>,
}

impl Pages {
    /// The pages of a session.
    pub fn new(session_id: &str) -> Self {
        let (rows, refused_rows) = (Vec::with_capacity(PAGE_ROWS), Vec::new());
        Self { session_id: session_id.to_owned(), number: 0, rows, refused: 0, refused_rows }
    }

    /// Adds an item; the command that stages a page, when one is full.
    pub fn add(&mut self, item: Item) -> Option<Command> {
        match item {
            Item::Row(row) => self.rows.push(row),
            Item::Refused(row) => {
                self.refused += 1;
                if self.refused_rows.len() < REFUSED_TOLD_MAX {
                    self.refused_rows.push(row);
                }
            }
        }
        if self.rows.len() < PAGE_ROWS { None } else { self.finish() }
    }

    /// The command that stages what is left; `None` where that is nothing.
    pub fn finish(&mut self) -> Option<Command> {
        if self.rows.is_empty() {
            return None;
        }
        self.number += 1;
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

//! Reading typed cells out of rows, and running a statement over many rows of parameters.

use super::{Cell, Database, Error, Parameter, Rows};
use crate::domain::{Instant, Sku, WarehouseCode};

/// Bounds the memory that one call needs on either side of the boundary.
const RUNS_PER_CALL_MAX: usize = 4_096;

/// The cells of one result, read in order; each row is read whole by its reader.
pub(super) struct Cells<'r> {
    cells: std::slice::Iter<'r, Cell>,
    /// The texts and blobs that were not read yet.
    bytes: &'r [u8],
}

impl<'r> Cells<'r> {
    fn next(&mut self) -> Result<Cell, Error> {
        self.cells.next().copied().ok_or_else(|| unreadable("a missing cell"))
    }

    fn take(&mut self, length: u32) -> Result<&'r [u8], Error> {
        let (taken, rest) = self
            .bytes
            .split_at_checked(length as usize)
            .ok_or_else(|| unreadable("fewer bytes than its cells say"))?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline]
    pub(super) fn integer(&mut self) -> Result<i64, Error> {
        match self.next()? {
            Cell::Integer(integer) => Ok(integer),
            other => Err(no_integer(other)),
        }
    }

    #[inline]
    pub(super) fn optional_integer(&mut self) -> Result<Option<i64>, Error> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Integer(integer) => Ok(Some(integer)),
            other => Err(no_integer(other)),
        }
    }

    /// An integer in the range of the type asked for.
    #[inline]
    pub(super) fn number<T: TryFrom<i64>>(&mut self) -> Result<T, Error> {
        narrow(self.integer()?)
    }

    #[inline]
    pub(super) fn optional_number<T: TryFrom<i64>>(&mut self) -> Result<Option<T>, Error> {
        match self.optional_integer()? {
            None => Ok(None),
            Some(integer) => narrow(integer).map(Some),
        }
    }

    pub(super) fn text(&mut self) -> Result<&'r str, Error> {
        self.optional_text()?.ok_or_else(|| unreadable("NULL for a text"))
    }

    pub(super) fn optional_text(&mut self) -> Result<Option<&'r str>, Error> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Text(length) => {
                let text = std::str::from_utf8(self.take(length)?);
                text.map(Some).map_err(|_| unreadable("text that is not UTF-8"))
            }
            other => Err(unreadable(&format!("{other:?} for a text"))),
        }
    }

    pub(super) fn blob(&mut self) -> Result<&'r [u8], Error> {
        self.optional_blob()?.ok_or_else(|| unreadable("NULL for bytes"))
    }

    pub(super) fn optional_blob(&mut self) -> Result<Option<&'r [u8]>, Error> {
        match self.next()? {
            Cell::Null => Ok(None),
            Cell::Blob(length) => self.take(length).map(Some),
            other => Err(unreadable(&format!("{other:?} for bytes"))),
        }
    }

    pub(super) fn sku(&mut self) -> Result<Sku, Error> {
        self.text().map(Sku::from_row)
    }

    pub(super) fn warehouse(&mut self) -> Result<WarehouseCode, Error> {
        self.text().map(WarehouseCode::from_row)
    }

    pub(super) fn optional_warehouse(&mut self) -> Result<Option<WarehouseCode>, Error> {
        Ok(self.optional_text()?.map(WarehouseCode::from_row))
    }

    pub(super) fn instant(&mut self) -> Result<Instant, Error> {
        self.integer().map(Instant::from_row)
    }

    pub(super) fn optional_instant(&mut self) -> Result<Option<Instant>, Error> {
        Ok(self.optional_integer()?.map(Instant::from_row))
    }
}

#[inline]
fn narrow<T: TryFrom<i64>>(integer: i64) -> Result<T, Error> {
    T::try_from(integer).map_err(|_| out_of_range(integer))
}

// Apart from where cells are read: a batch reads thousands, and next to none is wrong.
#[cold]
fn no_integer(found: Cell) -> Error {
    unreadable(&format!("{found:?} for an integer"))
}

#[cold]
fn out_of_range(integer: i64) -> Error {
    unreadable(&format!("{integer}, which is out of range"))
}

#[cold]
pub(super) fn unreadable(found: &str) -> Error {
    Error::Unreadable(format!("a row has {found}"))
}

/// Runs a query once and reads each row.
pub(super) fn read<T>(
    database: &mut dyn Database,
    statement: &'static str,
    parameters: &[Parameter<'_>],
    mut reader: impl FnMut(&mut Cells<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    append(&database.query(statement, parameters)?, &mut found, &mut reader)?;
    Ok(found)
}

/// Runs a query once for each row of `N` parameters, in as few calls as the bound allows; makes no
/// call when there is none.
pub(super) fn read_each<'p, T, const N: usize>(
    database: &mut dyn Database,
    statement: &'static str,
    runs: impl Iterator<Item = [Parameter<'p>; N]>,
    mut reader: impl FnMut(&mut Cells<'_>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let mut found = Vec::new();
    in_calls(runs, |parameters| {
        append(&database.query(statement, parameters)?, &mut found, &mut reader)
    })?;
    Ok(found)
}

/// Runs a write once for each row of `N` parameters, as [`read_each`] does.
pub(super) fn write_each<'p, const N: usize>(
    database: &mut dyn Database,
    statement: &'static str,
    runs: impl Iterator<Item = [Parameter<'p>; N]>,
) -> Result<(), Error> {
    in_calls(runs, |parameters| {
        let changed = database.execute(statement, parameters)?;
        assert_eq!(changed, (parameters.len() / N) as u64, "each run changes one row: {statement}");
        Ok(())
    })
}

fn in_calls<'p, const N: usize>(
    mut runs: impl Iterator<Item = [Parameter<'p>; N]>,
    mut call: impl FnMut(&[Parameter<'p>]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut parameters = Vec::with_capacity(runs.size_hint().0.min(RUNS_PER_CALL_MAX) * N);
    loop {
        parameters.clear();
        for run in runs.by_ref().take(RUNS_PER_CALL_MAX) {
            parameters.extend_from_slice(&run);
        }
        if parameters.is_empty() {
            return Ok(());
        }
        call(&parameters)?;
    }
}

fn append<T>(
    rows: &Rows,
    found: &mut Vec<T>,
    reader: &mut impl FnMut(&mut Cells<'_>) -> Result<T, Error>,
) -> Result<(), Error> {
    let count = rows.cells.len().checked_div(rows.columns).unwrap_or(0);
    found.reserve(count);
    let mut cells = Cells { cells: rows.cells.iter(), bytes: &rows.bytes };
    for _ in 0..count {
        let before = cells.cells.len();
        found.push(reader(&mut cells)?);
        assert_eq!(before - cells.cells.len(), rows.columns, "a reader reads its row whole");
    }
    Ok(())
}

impl<'a> Parameter<'a> {
    pub(super) fn optional_text(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }

    pub(super) fn optional(integer: Option<impl Into<i64>>) -> Self {
        integer.map_or(Self::Null, |integer| Self::Integer(integer.into()))
    }

    /// Echoed by queries, so that a row says which run it belongs to.
    pub(super) fn index(index: usize) -> Self {
        Self::Integer(i64::try_from(index).expect("an index in memory fits 63 bits"))
    }
}

impl From<u32> for Parameter<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(i64::from(number))
    }
}

impl From<Instant> for Parameter<'_> {
    fn from(instant: Instant) -> Self {
        Self::Integer(instant.as_milliseconds())
    }
}

impl From<Instant> for i64 {
    fn from(instant: Instant) -> Self {
        instant.as_milliseconds()
    }
}

//! The host's `SQLite`, over the WIT import.

use super::{Cell, Database, Error, Parameter, Rows};
use crate::bindings::inventory::host::sqlite;

/// The database of the shard that called. The host holds its transaction and statements.
#[derive(Debug)]
pub(crate) struct HostDatabase;

impl Database for HostDatabase {
    fn execute(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, Error> {
        sqlite::execute(statement, &lower(parameters)).map_err(error)
    }

    fn query(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Rows, Error> {
        let rows = sqlite::query(statement, &lower(parameters)).map_err(error)?;
        let columns = rows.columns as usize;
        let cells = rows.cells.into_iter().map(cell).collect();
        Ok(Rows { columns, cells, bytes: rows.bytes })
    }
}

fn lower<'a>(parameters: &[Parameter<'a>]) -> Vec<sqlite::Value<'a>> {
    let lowered = parameters.iter().map(|parameter| match *parameter {
        Parameter::Null => sqlite::Value::Null,
        Parameter::Integer(integer) => sqlite::Value::Integer(integer),
        Parameter::Text(text) => sqlite::Value::Text(text),
        Parameter::Blob(bytes) => sqlite::Value::Blob(bytes),
    });
    lowered.collect()
}

fn cell(cell: sqlite::Cell) -> Cell {
    match cell {
        sqlite::Cell::Null => Cell::Null,
        sqlite::Cell::Integer(integer) => Cell::Integer(integer),
        sqlite::Cell::Real(real) => Cell::Real(real),
        sqlite::Cell::Text(length) => Cell::Text(length),
        sqlite::Cell::Blob(length) => Cell::Blob(length),
    }
}

fn error(error: sqlite::Error) -> Error {
    match error {
        sqlite::Error::Busy => Error::Busy,
        sqlite::Error::Constraint(constraint) => Error::Constraint(constraint.message),
        sqlite::Error::Full => Error::Full,
        sqlite::Error::ReadOnly => Error::ReadOnly,
        sqlite::Error::TooLarge => Error::TooLarge,
        sqlite::Error::Interrupted => Error::Interrupted,
        sqlite::Error::Other(message) => Error::Other(message),
    }
}

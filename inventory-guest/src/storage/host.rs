//! The host's `SQLite`, over the WIT import.

use super::rows::unreadable;
use super::{Database, Error, Parameter, Rows, Value};
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
        let mut bytes = &rows.bytes[..];
        let values = rows.cells.into_iter().map(|cell| value(cell, &mut bytes));
        Ok(Rows { columns, values: values.collect::<Result<_, _>>()? })
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

/// A cell's value, which takes its bytes from the front of what is left of them.
fn value(cell: sqlite::Cell, bytes: &mut &[u8]) -> Result<Value, Error> {
    let mut take = |length: u32| {
        let (taken, rest) = bytes
            .split_at_checked(length as usize)
            .ok_or_else(|| unreadable("fewer bytes than its cells say"))?;
        *bytes = rest;
        Ok(taken.to_vec())
    };
    Ok(match cell {
        sqlite::Cell::Null => Value::Null,
        sqlite::Cell::Integer(integer) => Value::Integer(integer),
        sqlite::Cell::Real(real) => Value::Real(real),
        sqlite::Cell::Text(length) => Value::Text(
            String::from_utf8(take(length)?).map_err(|_| unreadable("text that is not UTF-8"))?,
        ),
        sqlite::Cell::Blob(length) => Value::Blob(take(length)?),
    })
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

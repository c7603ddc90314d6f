//! The host's `SQLite`, over the WIT import.

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
        Ok(Rows { columns, values: rows.values.into_iter().map(value).collect() })
    }
}

fn lower<'a>(parameters: &[Parameter<'a>]) -> Vec<sqlite::ValueParam<'a>> {
    let lowered = parameters.iter().map(|parameter| match *parameter {
        Parameter::Null => sqlite::ValueParam::Null,
        Parameter::Integer(integer) => sqlite::ValueParam::Integer(integer),
        Parameter::Text(text) => sqlite::ValueParam::Text(text),
        Parameter::Blob(bytes) => sqlite::ValueParam::Blob(bytes),
    });
    lowered.collect()
}

fn value(value: sqlite::ValueResult) -> Value {
    match value {
        sqlite::ValueResult::Null => Value::Null,
        sqlite::ValueResult::Integer(integer) => Value::Integer(integer),
        sqlite::ValueResult::Real(real) => Value::Real(real),
        sqlite::ValueResult::Text(text) => Value::Text(text),
        sqlite::ValueResult::Blob(bytes) => Value::Blob(bytes),
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

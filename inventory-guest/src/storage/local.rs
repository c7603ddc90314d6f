//! `SQLite` inside this program, for tests, the simulator, the benches and the CLI.

use super::{Cell, Database, Error, Parameter, Rows};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ErrorCode, OpenFlags};
use std::path::Path;

/// More than all statements there are, so that each is prepared once.
const STATEMENTS_MAX: usize = 128;

/// A database of its own. Its user begins and ends the transactions, as a host does.
#[derive(Debug)]
pub struct LocalDatabase {
    connection: Connection,
}

impl LocalDatabase {
    /// Opens a file, or makes it; durable on commit, as the host's shards are.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let connection = Connection::open(path).map_err(error)?;
        connection
            .execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
            .map_err(error)?;
        Ok(Self::over(connection))
    }

    /// Opens a file, or makes it, without a lock of its own: the caller MUST be the only process
    /// that uses it. WASI has no file locks, and the lock folder that `SQLite` would make there
    /// instead stays behind when a process is killed.
    pub fn open_alone(path: &Path) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection =
            Connection::open_with_flags_and_vfs(path, flags, c"unix-none").map_err(error)?;
        // Exclusive first: a WAL needs shared memory otherwise, which WASI does not have.
        // Temporary files would have no folder but the data's.
        connection
            .execute_batch(
                "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; \
                 PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;",
            )
            .map_err(error)?;
        Ok(Self::over(connection))
    }

    /// Opens an empty database that lives in memory.
    pub fn open_in_memory() -> Result<Self, Error> {
        Connection::open_in_memory().map(Self::over).map_err(error)
    }

    fn over(connection: Connection) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        Self { connection }
    }

    /// Begins a write transaction.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.run("BEGIN IMMEDIATE")
    }

    /// Makes the open transaction's changes durable.
    pub fn commit(&mut self) -> Result<(), Error> {
        self.run("COMMIT")
    }

    /// Undoes the open transaction's changes.
    pub fn rollback(&mut self) -> Result<(), Error> {
        self.run("ROLLBACK")
    }

    /// The connection, for what only a test or bench would do.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn run(&mut self, statement: &str) -> Result<(), Error> {
        self.connection
            .prepare_cached(statement)
            .and_then(|mut it| it.execute([]))
            .map_err(error)?;
        Ok(())
    }
}

impl Database for LocalDatabase {
    fn execute(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, Error> {
        let mut prepared = self.connection.prepare_cached(statement).map_err(error)?;
        let mut changed = 0;
        for run in runs(&prepared, parameters)? {
            bind(&mut prepared, run)?;
            changed += prepared.raw_execute().map_err(error)? as u64;
        }
        Ok(changed)
    }

    fn query(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Rows, Error> {
        let mut prepared = self.connection.prepare_cached(statement).map_err(error)?;
        let columns = prepared.column_count();
        let (mut cells, mut bytes) = (Vec::new(), Vec::new());
        for run in runs(&prepared, parameters)? {
            bind(&mut prepared, run)?;
            let mut rows = prepared.raw_query();
            while let Some(row) = rows.next().map_err(error)? {
                for column in 0..columns {
                    cells.push(cell(row.get_ref(column).map_err(error)?, &mut bytes)?);
                }
            }
        }
        Ok(Rows { columns, cells, bytes })
    }
}

/// The parameters of each run.
fn runs<'a, 'p>(
    prepared: &CachedStatement<'_>,
    parameters: &'a [Parameter<'p>],
) -> Result<impl Iterator<Item = &'a [Parameter<'p>]> + use<'a, 'p>, Error> {
    let count = prepared.parameter_count();
    let fits = if count == 0 {
        parameters.is_empty()
    } else {
        !parameters.is_empty() && parameters.len() % count == 0
    };
    if !fits {
        let given = parameters.len();
        return Err(Error::Other(format!("{given} parameters for a statement of {count}")));
    }
    let once = (count == 0).then_some(&[][..]);
    Ok(once.into_iter().chain(parameters.chunks_exact(count.max(1))))
}

fn bind(prepared: &mut CachedStatement<'_>, run: &[Parameter<'_>]) -> Result<(), Error> {
    for (index, parameter) in (1..).zip(run) {
        prepared.raw_bind_parameter(index, parameter).map_err(error)?;
    }
    Ok(())
}

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(integer) => ValueRef::Integer(*integer),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// A cell, whose text or blob goes behind the bytes of those before it.
fn cell(value: ValueRef<'_>, bytes: &mut Vec<u8>) -> Result<Cell, Error> {
    let mut put = |taken: &[u8]| {
        bytes.extend_from_slice(taken);
        u32::try_from(taken.len()).map_err(|_| Error::TooLarge)
    };
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(integer) => Cell::Integer(integer),
        ValueRef::Real(real) => Cell::Real(real),
        ValueRef::Text(text) => Cell::Text(put(text)?),
        ValueRef::Blob(blob) => Cell::Blob(put(blob)?),
    })
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn error(error: rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
        Some(ErrorCode::ConstraintViolation) => Error::Constraint(error.to_string()),
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::ReadOnly) => Error::ReadOnly,
        Some(ErrorCode::TooBig) => Error::TooLarge,
        Some(ErrorCode::OperationInterrupted) => Error::Interrupted,
        _ => Error::Other(error.to_string()),
    }
}

//! `inventory:host/sqlite` over one SQLite connection.
//!
//! Whoever holds the instance owns the transaction; a guest's statement that would begin, end or
//! leave it (BEGIN, SAVEPOINT, ATTACH, PRAGMA, …) is refused by SQLite's authorizer, and one that
//! calls a function which may run for hours.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use rusqlite::{
    CachedStatement, Connection, ErrorCode, ffi,
    functions::FunctionFlags,
    hooks::{AuthAction, AuthContext, Authorization},
    limits::Limit,
    types::{Null, ToSqlOutput, ValueRef},
};

use crate::guest::{
    Sqlite,
    sqlite::{Cell, Constraint, ConstraintKind, Error, Rows, Value},
};

/// Statements kept prepared for each connection. A guest has a few dozen.
const STATEMENTS_KEPT: usize = 128;
/// The longest text or blob, in bytes. One instruction copies it in milliseconds, and [`FUNCTIONS`]
/// take as long: an overdue statement ends a second or two later. The longest value that a guest
/// has is a parameter with all skus of a batch, 64 bytes each.
const VALUE_BYTES_MAX: i32 = 8 << 20;
/// The longest pattern of LIKE, which takes as long as text times pattern.
const PATTERN_BYTES_MAX: i32 = 64;
/// The longest statement, in bytes.
const STATEMENT_BYTES_MAX: i32 = 64 << 10;
/// The most that one query may answer, in bytes of cells.
const RESULT_BYTES_MAX: usize = 64 << 20;
/// Instructions of SQLite's virtual machine between two looks at the deadline: about 25 µs, where
/// none of them has a long value.
const DEADLINE_CHECK_INTERVAL: i32 = 1_024;
/// The functions that a guest's SQL may call. A call is one instruction, within which no deadline
/// is looked at, so each of these takes time in proportion to its arguments; `instr`, `replace` and
/// `trim` take as long as one argument times the other.
const FUNCTIONS: &[&str] = &[
    "abs",
    "avg",
    "char",
    "coalesce",
    "count",
    "group_concat",
    "ifnull",
    "iif",
    "length",
    "lower",
    "max",
    "min",
    "nullif",
    "random",
    "row_number",
    "rtrim",
    "substr",
    "sum",
    "total",
    "typeof",
    "upper",
];
/// What SQLite's own statements call for the guest's ALTER TABLE, besides `length` and `substr`.
const FUNCTIONS_OF_ALTER: &[&str] = &[
    "like",
    "printf",
    "sqlite_add_constraint",
    "sqlite_drop_column",
    "sqlite_drop_constraint",
    "sqlite_fail",
    "sqlite_find_constraint",
    "sqlite_rename_column",
    "sqlite_rename_quotefix",
    "sqlite_rename_table",
    "sqlite_rename_test",
];

/// One connection, as a guest's import.
pub struct SqliteHost {
    connection: Connection,
    watch: Arc<Watch>,
}

/// What SQLite's callbacks look at.
#[derive(Default)]
struct Watch {
    /// The guest's statement is being prepared or run, not the host's.
    guest: AtomicBool,
    deadline: parking_lot::Mutex<Option<Instant>>,
}

impl SqliteHost {
    /// Takes over an open connection.
    pub fn new(connection: Connection) -> rusqlite::Result<Self> {
        let watch = Arc::new(Watch::default());
        connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX)?;
        connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, STATEMENT_BYTES_MAX)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, PATTERN_BYTES_MAX)?;
        refuse_rtrim_of_two(&connection)?;
        let seen = Arc::clone(&watch);
        connection.authorizer(Some(move |context: AuthContext<'_>| {
            if seen.guest.load(Ordering::Relaxed) { authorize(&context.action) } else { ALLOW }
        }))?;
        let seen = Arc::clone(&watch);
        let overdue = move || seen.deadline.lock().is_some_and(|at| Instant::now() >= at);
        connection.progress_handler(DEADLINE_CHECK_INTERVAL, Some(overdue))?;
        Ok(Self { connection, watch })
    }

    /// The connection, for its owner's transactions.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Statements that run past this are answered `interrupted`; `None` lifts the deadline.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        *self.watch.deadline.lock() = deadline;
    }

    /// Runs `work` on a guest's statement, with its parameters in rows.
    fn with_statement<T>(
        &self,
        statement: &str,
        work: impl FnOnce(&mut CachedStatement<'_>, usize) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.watch.guest.store(true, Ordering::Relaxed);
        let result = self.connection.prepare_cached(statement).map_err(translate).and_then(
            |mut statement| {
                let columns = statement.parameter_count();
                let result = work(&mut statement, columns);
                // Keeps neither the last row's snapshot nor the parameters alive.
                statement.clear_bindings();
                result
            },
        );
        self.watch.guest.store(false, Ordering::Relaxed);
        result
    }
}

impl Sqlite for SqliteHost {
    fn execute(&mut self, statement: String, parameters: Vec<Value>) -> Result<u64, Error> {
        self.with_statement(&statement, |statement, columns| {
            let mut changed = 0;
            for_each_run(statement, columns, &parameters, |statement| {
                changed += statement.raw_execute().map_err(translate)? as u64;
                Ok(())
            })?;
            Ok(changed)
        })
    }

    fn query(&mut self, statement: String, parameters: Vec<Value>) -> Result<Rows, Error> {
        self.with_statement(&statement, |statement, columns| {
            let width = statement.column_count();
            let mut cells = Vec::new();
            let mut bytes = Vec::new();
            for_each_run(statement, columns, &parameters, |statement| {
                let mut rows = statement.raw_query();
                while let Some(row) = rows.next().map_err(translate)? {
                    for column in 0..width {
                        let value = row.get_ref(column).map_err(translate)?;
                        let taken = (cells.len() + 1) * size_of::<Cell>() + bytes.len();
                        // Before the copy: one row alone may hold thousands of long values.
                        if taken + length(value) > RESULT_BYTES_MAX {
                            return Err(Error::TooLarge);
                        }
                        cells.push(cell(value, &mut bytes)?);
                    }
                }
                Ok(())
            })?;
            let columns = u32::try_from(width).map_err(|_| Error::TooLarge)?;
            Ok(Rows { columns, cells, bytes })
        })
    }
}

/// Binds each row of parameters and runs `run`; once, where the statement has none.
fn for_each_run(
    statement: &mut CachedStatement<'_>,
    columns: usize,
    parameters: &[Value],
    mut run: impl FnMut(&mut CachedStatement<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    if columns == 0 && parameters.is_empty() {
        return run(statement);
    }
    if columns == 0 || parameters.is_empty() || !parameters.len().is_multiple_of(columns) {
        return Err(Error::Other(format!(
            "{} parameters for a statement that takes {columns}",
            parameters.len()
        )));
    }
    for row in parameters.chunks_exact(columns) {
        for (index, value) in row.iter().enumerate() {
            statement.raw_bind_parameter(index + 1, parameter(value)).map_err(translate)?;
        }
        run(statement)?;
    }
    Ok(())
}

fn parameter(value: &Value) -> ToSqlOutput<'_> {
    ToSqlOutput::Borrowed(match value {
        Value::Null => ValueRef::Null,
        Value::Integer(value) => ValueRef::Integer(*value),
        Value::Real(value) => ValueRef::Real(*value),
        Value::Text(value) => ValueRef::Text(value.as_bytes()),
        Value::Blob(value) => ValueRef::Blob(value),
    })
}

/// The bytes that a value takes behind its cell.
fn length(value: ValueRef<'_>) -> usize {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
        _ => 0,
    }
}

/// A value as a cell; what takes room goes behind `bytes`.
fn cell(value: ValueRef<'_>, bytes: &mut Vec<u8>) -> Result<Cell, Error> {
    let mut put = |more: &[u8]| {
        bytes.extend_from_slice(more);
        u32::try_from(more.len()).map_err(|_| Error::TooLarge)
    };
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Integer(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) => {
            if str::from_utf8(text).is_err() {
                return Err(Error::Other("text in the database is not UTF-8".to_owned()));
            }
            Cell::Text(put(text)?)
        }
        ValueRef::Blob(blob) => Cell::Blob(put(blob)?),
    })
}

const ALLOW: Authorization = Authorization::Allow;

fn authorize(action: &AuthAction<'_>) -> Authorization {
    match action {
        AuthAction::Transaction { .. }
        | AuthAction::Savepoint { .. }
        | AuthAction::Attach { .. }
        | AuthAction::Detach { .. }
        | AuthAction::Unknown { .. } => Authorization::Deny,
        // The guest's own note of its schema; every other PRAGMA changes how the host works.
        AuthAction::Pragma { pragma_name, .. } if *pragma_name != "user_version" => {
            Authorization::Deny
        }
        // SQLite's error names the function.
        AuthAction::Function { function_name }
            if !FUNCTIONS.contains(function_name)
                && !FUNCTIONS_OF_ALTER.contains(function_name) =>
        {
            Authorization::Deny
        }
        _ => ALLOW,
    }
}

/// With the characters to trim `rtrim` takes as long as one text times the other; the authorizer
/// does not tell it from the one that guests need.
fn refuse_rtrim_of_two(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("rtrim", 2, flags, |_| -> rusqlite::Result<Null> {
        Err(rusqlite::Error::UserFunctionError("rtrim takes one argument here".into()))
    })
}

/// SQLite's codes in the words of the contract.
pub fn translate(error: rusqlite::Error) -> Error {
    let rusqlite::Error::SqliteFailure(failure, message) = error else {
        return Error::Other(error.to_string());
    };
    let message = message.unwrap_or_else(|| failure.to_string());
    match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Error::Busy,
        ErrorCode::ConstraintViolation => {
            Error::Constraint(Constraint { kind: constraint_kind(failure.extended_code), message })
        }
        ErrorCode::DiskFull => Error::Full,
        ErrorCode::ReadOnly => Error::ReadOnly,
        ErrorCode::TooBig => Error::TooLarge,
        ErrorCode::OperationInterrupted => Error::Interrupted,
        _ => Error::Other(message),
    }
}

fn constraint_kind(extended_code: i32) -> ConstraintKind {
    match extended_code {
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID
        | ffi::SQLITE_CONSTRAINT_UNIQUE => ConstraintKind::Unique,
        ffi::SQLITE_CONSTRAINT_NOTNULL => ConstraintKind::NotNull,
        ffi::SQLITE_CONSTRAINT_CHECK => ConstraintKind::Check,
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => ConstraintKind::ForeignKey,
        _ => ConstraintKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> SqliteHost {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT NOT NULL CHECK(b <> ''))")
            .unwrap();
        SqliteHost::new(connection).unwrap()
    }

    fn rows(host: &mut SqliteHost, statement: &str) -> Vec<Cell> {
        host.query(statement.to_owned(), Vec::new()).unwrap().cells
    }

    #[test]
    fn a_statement_runs_once_for_each_row_of_parameters() {
        let mut host = host();
        let parameters = vec![
            Value::Integer(1),
            Value::Text("one".to_owned()),
            Value::Integer(2),
            Value::Text("two".to_owned()),
        ];
        assert_eq!(host.execute("INSERT INTO t VALUES (?1, ?2)".to_owned(), parameters), Ok(2));
        let keys = vec![Value::Integer(2), Value::Integer(9), Value::Integer(1)];
        let found = host.query("SELECT b FROM t WHERE a = ?1".to_owned(), keys).unwrap();
        assert_eq!(found.columns, 1);
        assert_eq!(found.cells, [Cell::Text(3), Cell::Text(3)]);
        assert_eq!(found.bytes, b"twoone");
    }

    #[test]
    fn parameters_that_do_not_fill_a_row_are_refused() {
        let mut host = host();
        for parameters in [vec![], vec![Value::Null; 3]] {
            let answer = host.execute("INSERT INTO t VALUES (?1, ?2)".to_owned(), parameters);
            assert!(matches!(answer, Err(Error::Other(_))));
        }
        let answer = host.query("SELECT 1".to_owned(), vec![Value::Null]);
        assert!(matches!(answer, Err(Error::Other(_))));
    }

    #[test]
    fn broken_constraints_name_their_kind() {
        let mut host = host();
        let insert = |host: &mut SqliteHost, b: Value| {
            host.execute("INSERT INTO t VALUES (1, ?1)".to_owned(), vec![b])
        };
        let kind = |answer| match answer {
            Err(Error::Constraint(constraint)) => constraint.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(kind(insert(&mut host, Value::Null)), ConstraintKind::NotNull);
        let empty = Value::Text(String::new());
        assert_eq!(kind(insert(&mut host, empty)), ConstraintKind::Check);
        let text = Value::Text("x".to_owned());
        assert_eq!(insert(&mut host, text.clone()), Ok(1));
        assert_eq!(kind(insert(&mut host, text)), ConstraintKind::Unique);
    }

    #[test]
    fn a_guest_cannot_leave_its_transaction_or_its_file() {
        let mut host = host();
        host.connection().execute_batch("BEGIN IMMEDIATE").unwrap();
        for statement in [
            "COMMIT",
            "ROLLBACK",
            "SAVEPOINT s",
            "ATTACH '/tmp/x' AS x",
            "PRAGMA journal_mode = OFF",
            "PRAGMA writable_schema = ON",
            "VACUUM INTO '/tmp/x'",
        ] {
            let answer = host.execute(statement.to_owned(), Vec::new());
            assert!(matches!(answer, Err(Error::Other(_))), "{statement}: {answer:?}");
        }
        host.connection().execute_batch("COMMIT").unwrap();
        assert_eq!(rows(&mut host, "PRAGMA user_version"), [Cell::Integer(0)]);
    }

    #[test]
    fn a_function_that_takes_hours_is_refused_by_name() {
        let mut host = host();
        let hours = "SELECT instr(hex(zeroblob(8000000)), hex(zeroblob(4000000)) || '1')";
        let Err(Error::Other(said)) = host.query(hours.to_owned(), Vec::new()) else {
            panic!("it is refused");
        };
        assert!(said.contains("hex") || said.contains("instr"), "{said}");
        let texts = vec![Value::Text("a".to_owned()), Value::Text("ba".to_owned())];
        let answer = host.query("SELECT rtrim(?1, ?2)".to_owned(), texts);
        assert!(matches!(&answer, Err(Error::Other(said)) if said.contains("one argument")));
        let pattern = vec![Value::Text("%a".repeat(40))];
        let answer = host.query("SELECT 'x' LIKE ?1".to_owned(), pattern);
        assert!(matches!(answer, Err(Error::Other(_))), "{answer:?}");
    }

    #[test]
    fn a_guest_may_alter_its_tables() {
        let mut host = host();
        for statement in [
            "INSERT INTO t VALUES (1, 'one')",
            "ALTER TABLE t RENAME COLUMN b TO c",
            "ALTER TABLE t ADD COLUMN d INTEGER NOT NULL DEFAULT 1",
            "CREATE INDEX by_d ON t(d)",
            "ALTER TABLE t RENAME TO u",
            "DROP INDEX by_d",
            "ALTER TABLE u DROP COLUMN d",
        ] {
            host.execute(statement.to_owned(), Vec::new()).expect(statement);
        }
        let read = "SELECT a, rtrim(c) FROM u";
        assert_eq!(rows(&mut host, read), [Cell::Integer(1), Cell::Text(3)]);
    }

    #[test]
    fn one_row_cannot_pass_the_bound_of_results() {
        let mut host = host();
        let long = vec![Value::Blob(vec![0; 7 << 20])];
        let wide = format!("SELECT {}", ["?1"; 10].join(", "));
        assert_eq!(host.query(wide, long.clone()), Err(Error::TooLarge));
        let wide = format!("SELECT {}", ["?1"; 9].join(", "));
        assert_eq!(host.query(wide, long).unwrap().bytes.len(), 63 << 20);
    }

    #[test]
    fn a_query_past_its_deadline_is_interrupted() {
        let mut host = host();
        host.set_deadline(Some(Instant::now()));
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";
        assert_eq!(host.query(endless.to_owned(), Vec::new()), Err(Error::Interrupted));
        host.set_deadline(None);
        assert_eq!(rows(&mut host, "SELECT 7"), [Cell::Integer(7)]);
    }
}

//! All SQL text, and the [`Database`] it runs on: over WIT imports in a guest (`host`), or `SQLite`
//! inside the program (`local`). `DESIGN.md` beside this file says why the tables are as they are.
//!
//! Functions here turn rows into the domain's words and back. They run once for a whole batch: a
//! call into the database costs more than a row. `LIMIT ? + 0` instead of `LIMIT ?`: `SQLite` would
//! plan by the parameter's value, and so prepare the statement anew each time one is bound.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method of `Cells<'_>` reads rows of one lifetime, a reader those of any"
)]

pub(crate) mod audit;
pub(crate) mod catalog;
pub(crate) mod changes;
pub(crate) mod codes;
pub(crate) mod counts;
#[cfg(all(target_family = "wasm", not(feature = "cli")))]
pub(crate) mod host;
#[cfg(any(test, feature = "local"))]
pub mod local;
pub(crate) mod migrations;
pub(crate) mod orders;
pub(crate) mod requests;
pub(crate) mod rows;
pub(crate) mod sessions;
pub(crate) mod stock;

/// A parameter of a statement: a `SQLite` storage class. No statement here has a real one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Parameter<'a> {
    /// SQL NULL.
    Null,
    /// A 64-bit signed integer.
    Integer(i64),
    /// UTF-8 text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

/// A cell of a result: one of `SQLite`'s five storage classes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// A 64-bit signed integer.
    Integer(i64),
    /// A 64-bit IEEE float.
    Real(f64),
    /// The next so many bytes are UTF-8 text.
    Text(u32),
    /// The next so many bytes.
    Blob(u32),
}

/// The result of a query, cells in row order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// Cells in a row.
    pub columns: usize,
    /// `columns` cells for each row, row after row.
    pub cells: Vec<Cell>,
    /// The texts and blobs, in the order of their cells, with nothing in between.
    pub bytes: Vec<u8>,
}

/// Why the database did not do its work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another connection holds the lock.
    #[error("the database is locked")]
    Busy,
    /// The schema refused a row: the guest's rules and the rows contradict each other.
    #[error("{0}")]
    Constraint(String),
    /// The disk or the database's size limit is full.
    #[error("the disk is full")]
    Full,
    /// The connection is read-only, and the statement writes.
    #[error("the connection is read-only")]
    ReadOnly,
    /// A value, the statement or the result passes the host's limits.
    #[error("a value or result passes the host's limits")]
    TooLarge,
    /// The host's deadline has passed.
    #[error("the deadline has passed")]
    Interrupted,
    /// A row does not have the shape its table promises.
    #[error("{0}")]
    Unreadable(String),
    /// Anything else: `SQLite`'s message.
    #[error("{0}")]
    Other(String),
}

/// An `SQLite` database inside a transaction that somebody else began and will end.
///
/// An implementation:
/// - MUST run `statement` once for each `n` parameters, in order, where `n` is the statement's
///   parameter count; once when `n` is 0. It MUST refuse parameters that are no multiple of `n`,
///   or none when `n` is not 0.
/// - MUST show later calls what earlier ones wrote, and MUST keep all calls of one operation on one
///   snapshot.
/// - MUST NOT begin, commit or roll back by itself. After an error the caller rolls back.
/// - SHOULD keep each statement prepared: the texts are few and `'static`.
pub trait Database {
    /// Runs a statement that returns no rows. Answers how many rows changed, over all runs.
    fn execute(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<u64, Error>;

    /// Runs a statement that returns rows: those of all runs, in the order of the runs.
    fn query(
        &mut self,
        statement: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Rows, Error>;
}

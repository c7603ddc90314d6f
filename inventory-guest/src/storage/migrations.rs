//! Bringing the tables to the version this guest reads and writes.

use super::rows::{Cells, read};
use super::{Database, Error};
use crate::domain::Instant;

/// In order; the last one's number is the schema version. Never edited once released. A semicolon
/// and an empty line end a statement.
const MIGRATIONS: [&str; 4] = [
    include_str!("../../migrations/0001_stock.sql"),
    include_str!("../../migrations/0002_catalog.sql"),
    include_str!("../../migrations/0003_sessions.sql"),
    include_str!("../../migrations/0004_counts.sql"),
];

/// The number of the last migration.
#[expect(clippy::cast_possible_truncation, reason = "there are few migrations")]
pub(crate) const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// The version of the tables found: 0 for an empty database.
pub(crate) fn version(database: &mut dyn Database) -> Result<u32, Error> {
    const TABLE: &str =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'";
    const VERSION: &str = "SELECT coalesce(max(version), 0) FROM migrations";
    if read(database, TABLE, &[], Cells::text)?.is_empty() {
        return Ok(0);
    }
    let versions = read(database, VERSION, &[], Cells::number)?;
    Ok(versions.into_iter().next().unwrap_or(0))
}

/// Runs the migrations after `found`.
pub(crate) fn run(database: &mut dyn Database, found: u32, now: Instant) -> Result<(), Error> {
    const RECORD: &str = "INSERT INTO migrations (version, applied_at) VALUES (?, ?)";
    for (version, migration) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        for statement in migration.split(";\n\n") {
            database.execute(statement, &[])?;
        }
        database.execute(RECORD, &[version.into(), now.into()])?;
    }
    Ok(())
}

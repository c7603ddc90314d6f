//! What this guest is, and bringing the tables to its version.

use super::Fault;
use crate::domain::Instant;
use crate::storage::{Database, migrations};

/// Who a guest says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    /// The guest's name.
    pub name: &'static str,
    /// Its semantic version.
    pub version: &'static str,
    /// The schema it reads and writes: the number of its last migration.
    pub schema_version: u32,
}

/// Needs no database.
pub fn describe() -> Description {
    Description {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        schema_version: migrations::SCHEMA_VERSION,
    }
}

/// Brings the tables to this guest's version, inside the caller's open transaction; answers the
/// version found before (0: an empty database).
pub fn migrate(database: &mut impl Database, now: Instant) -> Result<u32, Fault> {
    let found = migrations::version(database)?;
    let wanted = migrations::SCHEMA_VERSION;
    if found > wanted {
        let newer = format!("the database has schema {found}, newer than this guest's {wanted}");
        return Err(Fault::Corrupt(newer));
    }
    migrations::run(database, found, now)?;
    Ok(found)
}

//! Bringing the tables to the version this guest reads and writes.

use super::rows::read;
use super::{Database, Error};
use crate::domain::Instant;

/// In order; the last one's number is the schema version. Never edited once released. A semicolon
/// and an empty line end a statement.
const MIGRATIONS: [&str; 7] = [
    include_str!("../../migrations/0001_stock.sql"),
    include_str!("../../migrations/0002_catalog.sql"),
    include_str!("../../migrations/0003_sessions.sql"),
    include_str!("../../migrations/0004_counts.sql"),
    include_str!("../../migrations/0005_forgetting.sql"),
    include_str!("../../migrations/0006_chained_shipments.sql"),
    include_str!("../../migrations/0007_sites.sql"),
];

/// The number of the last migration.
#[expect(clippy::cast_possible_truncation, reason = "there are few migrations")]
pub(crate) const SCHEMA_VERSION: u32 = MIGRATIONS.len() as u32;

/// The version of the tables found: 0 for an empty database.
pub(crate) fn version(database: &mut dyn Database) -> Result<u32, Error> {
    const TABLE: &str =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'";
    const VERSION: &str = "SELECT coalesce(max(version), 0) FROM migrations";
    if read(database, TABLE, &[], |cells| cells.text().map(str::to_owned))?.is_empty() {
        return Ok(0);
    }
    let versions = read(database, VERSION, &[], |cells| cells.number())?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog::Entry;
    use crate::domain::{Operation, Sku};
    use crate::operations::queries::{audit, list_catalog_events, list_entries};
    use crate::storage::local::LocalDatabase;
    use crate::storage::requests::{self, RequestKey};
    use crate::storage::sessions;
    use crate::storage::stock::{self, Kept, StoredSite};
    use std::borrow::Cow;

    /// Issue 4: warehouses had a table of their own.
    #[test]
    fn warehouses_of_a_first_database_are_entries_that_serve_everywhere() {
        let mut database = LocalDatabase::open_in_memory().unwrap();
        for statement in MIGRATIONS[0].split(";\n\n") {
            database.execute(statement, &[]).unwrap();
        }
        let before = "INSERT INTO migrations VALUES (1, 5);
            INSERT INTO warehouses (warehouse, active) VALUES ('SZ', 1), ('GZ', 0)";
        database.connection().execute_batch(before).unwrap();
        let now = Instant::parse(9).unwrap();
        assert_eq!(crate::operations::migrate(&mut database, now).unwrap(), 1);
        assert_eq!(version(&mut database).unwrap(), SCHEMA_VERSION);
        let mut told = Vec::new();
        for event in list_catalog_events(&mut database, 0, 9).unwrap() {
            let key = event.key;
            told.push(match event.after.unwrap() {
                Entry::Warehouse(_, it) => format!("{} {}", key.subject(), it.active),
                Entry::ServiceArea(_, area, it) => {
                    format!("{} {area:?} {} {}", key.subject(), it.priority, it.backup)
                }
                other => format!("{other:?}"),
            });
        }
        let everywhere = "Area(\"\") 100 false";
        let areas = [format!("GZ {everywhere}"), format!("SZ {everywhere}")];
        assert_eq!(told, ["GZ false", "SZ true", &areas[0], &areas[1]]);
        let noun = crate::domain::catalog::Noun::Warehouse;
        assert_eq!(list_entries(&mut database, noun, "", "", 9).unwrap().len(), 2);
        assert_eq!(audit(&mut database).unwrap().differences, []);
    }

    /// Shipments had an index, and answers a place beside their order's others.
    #[test]
    fn shipments_of_a_fifth_database_are_chained_and_its_answers_found() {
        let mut database = LocalDatabase::open_in_memory().unwrap();
        for statement in MIGRATIONS[..5].iter().flat_map(|it| it.split(";\n\n")) {
            database.execute(statement, &[]).unwrap();
        }
        let before = "INSERT INTO migrations VALUES (5, 5);
            INSERT INTO warehouse_stock VALUES
              ('A', 'SZ', 5, 0, 0, 0), ('A', 'GZ', 5, 0, 0, 0), ('B', 'SZ', 5, 0, 0, 0);
            INSERT INTO ledger SELECT column1, 7, column2, column2, NULL, NULL, column3, column4,
              NULL, 9, 0, 0, 0, 5, 0, 0, 0
            FROM (VALUES (1, 8, 'A', 'SZ'), (2, 4, 'A', 'SZ'), (3, 4, 'A', 'GZ'), (4, 4, 'A', NULL),
              (5, 4, 'A', 'SZ'), (6, 8, 'A', 'SZ'), (7, 4, 'A', 'SZ'));
            INSERT INTO requests VALUES (2, 6, 'x', 1, 7, 3, x'09'), (1, 1, '', 1, 7, 3, x'0a')";
        database.connection().execute_batch(before).unwrap();
        let now = Instant::parse(9).unwrap();
        assert_eq!(crate::operations::migrate(&mut database, now).unwrap(), 5);
        let told = |database: &mut LocalDatabase, query| {
            read(database, query, &[], |cells| cells.text().map(str::to_owned)).unwrap().remove(0)
        };
        let chain = "SELECT group_concat(seq || '<' || coalesce(shipment_before, ''), ' ')
            FROM (SELECT * FROM ledger ORDER BY seq)";
        assert_eq!(told(&mut database, chain), "1< 2< 3< 4< 5<2 6< 7<5");
        let last = "SELECT group_concat(sku || warehouse || coalesce(last_shipment, ''), ' ')
            FROM (SELECT * FROM sites NATURAL JOIN warehouse_stock ORDER BY sku, warehouse)";
        assert_eq!(told(&mut database, last), "AGZ3 ASZ7 BSZ");
        let request_id = Cow::Borrowed("x");
        let key = RequestKey { order_no: 2, operation: Operation::Deduct, request_id };
        let found = requests::find(&mut database, std::iter::once((0, &key))).unwrap();
        assert_eq!(found, [(0, 3, vec![9])]);
    }

    /// What lies in warehouses had its names in each row.
    #[test]
    fn warehouse_stock_of_a_sixth_database_is_found_by_its_site() {
        let mut database = LocalDatabase::open_in_memory().unwrap();
        for statement in MIGRATIONS[..6].iter().flat_map(|it| it.split(";\n\n")) {
            database.execute(statement, &[]).unwrap();
        }
        let before = "INSERT INTO migrations VALUES (6, 5);
            INSERT INTO warehouse_stock VALUES
              ('B', 'SZ', 9, 1, 2, 3, 7), ('A', 'SZ', 5, 0, 0, 0, NULL),
              ('B', 'GZ', 4, 0, 0, 0, 2)";
        database.connection().execute_batch(before).unwrap();
        let now = Instant::parse(9).unwrap();
        assert_eq!(crate::operations::migrate(&mut database, now).unwrap(), 6);
        let skus = ["A", "B"].map(|sku| Sku::parse(sku).unwrap());
        let found = stock::find_sites(
            &mut database,
            skus.iter().enumerate(),
            Kept::default(),
            str::to_owned,
        );
        let told = found.unwrap().into_iter().map(|(sku, row)| {
            let StoredSite { counters: it, last_shipment, .. } = row.stored;
            let last = last_shipment.unwrap_or_default();
            let held = format!("{}+{}+{}", it.unavailable, it.reserved, it.committed);
            format!("{} {} {} {held} #{last}", skus[sku].as_str(), row.warehouse, it.on_hand)
        });
        let told: Vec<_> = told.collect();
        assert_eq!(told, ["A SZ 5 0+0+0 #0", "B GZ 4 0+0+0 #2", "B SZ 9 1+2+3 #7"]);
    }

    /// Every session was looked at again and again: one that counts and is forgotten need not be.
    #[test]
    fn sessions_of_a_fourth_database_are_forgotten_when_they_are_due() {
        let mut database = LocalDatabase::open_in_memory().unwrap();
        for statement in MIGRATIONS[..4].iter().flat_map(|it| it.split(";\n\n")) {
            database.execute(statement, &[]).unwrap();
        }
        let before = "INSERT INTO migrations VALUES (4, 5);
            INSERT INTO sessions VALUES (1, 'an import', 8, NULL, 'x', 5, 0, x'00'),
              (2, 'a snapshot', 9, NULL, 'x', 5, 0, x'00'), (3, 'begun', 8, NULL, 'x', 5, 0, NULL);
            INSERT INTO snapshots VALUES (2, 'SZ', 4, NULL, NULL)";
        database.connection().execute_batch(before).unwrap();
        let (day, week) = (86_400_000, 7 * 86_400_000);
        assert_eq!(
            crate::operations::migrate(&mut database, Instant::parse(9).unwrap()).unwrap(),
            4
        );
        let mut known = Vec::new();
        for now in [9, 5 + day, 5 + week] {
            let now = Instant::parse(now).unwrap();
            for (number, _) in sessions::due(&mut database, now).unwrap() {
                sessions::delete(&mut database, number, now).unwrap();
            }
            let names = "SELECT group_concat(session_id, ',' ORDER BY session_id) FROM sessions";
            known.extend(
                read(&mut database, names, &[], |cells| cells.text().map(str::to_owned)).unwrap(),
            );
        }
        assert_eq!(known, ["a snapshot,an import,begun", "a snapshot,an import", "an import"]);
        assert_eq!(sessions::due(&mut database, Instant::parse(week * 9).unwrap()).unwrap(), []);
    }
}

//! The rules natively, over a database in this program: the fastest door, and the one that breaks
//! on demand.

use super::counts::Missing;
use super::words::{Applied, Change, Command, Fault, Instant, Order, SkuStock};
use super::{Disturbance, Door, FragileDoor, Seen, StorageFault, translate};
use inventory_guest::domain;
use inventory_guest::operations::{self, queries};
use inventory_guest::storage::local::LocalDatabase;
use inventory_guest::storage::{Database, Error, Parameter, Rows};
use std::path::Path;
use tempfile::TempDir;

/// A shard in a folder of its own, which goes away with it.
pub(crate) struct NativeDoor {
    database: Fragile,
    /// Dropped, and removed, after the database.
    folder: TempDir,
}

impl NativeDoor {
    /// Opens an empty shard.
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut door = Self { database: Fragile::open(folder.path()), folder };
        door.in_transaction(|database| operations::migrate(database, instant(0))).unwrap();
        door
    }

    /// Every row of every table.
    pub(crate) fn rows(&mut self) -> Vec<String> {
        let connection = self.database.inner.connection();
        let tables: Vec<String> = connection
            .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let mut all = Vec::new();
        for table in tables {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table}")).unwrap();
            let columns = statement.column_count();
            let mut rows = statement.query([]).unwrap();
            let first = all.len();
            while let Some(row) = rows.next().unwrap() {
                let cells: Vec<String> =
                    (0..columns).map(|it| format!("{:?}", row.get_ref(it).unwrap())).collect();
                all.push(format!("{table} {}", cells.join(" ")));
            }
            all[first..].sort();
        }
        all
    }

    /// What the audit would say after a change of rows that the guest did not make, and how many
    /// rows that changed: none where the schema forbids it. The change is undone.
    pub(crate) fn audit_after(&mut self, statement: &str) -> (usize, Vec<queries::Difference>) {
        self.database.inner.begin().unwrap();
        let changed = self.database.inner.connection().execute(statement, []).unwrap_or(0);
        let report = queries::audit(&mut self.database).unwrap();
        self.database.inner.rollback().unwrap();
        (changed, report.differences)
    }

    fn in_transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Fragile) -> Result<T, operations::Fault>,
    ) -> Result<T, operations::Fault> {
        self.database.inner.begin()?;
        let worked = work(&mut self.database);
        match &worked {
            Ok(_) => self.database.inner.commit()?,
            Err(_) => self.database.inner.rollback()?,
        }
        worked
    }

    fn crash(&mut self) {
        self.database = Fragile::open(self.folder.path());
    }
}

impl Door for NativeDoor {
    fn apply(&mut self, now: Instant, commands: &[Command]) -> Result<Applied, Fault> {
        match self.apply_disturbed(now, commands, Disturbance::None) {
            Seen::Answered(applied) => Ok(applied),
            Seen::Undone(fault) => Err(fault),
            seen @ (Seen::Lost | Seen::DoneUnseen) => unreachable!("{seen:?}, undisturbed"),
        }
    }

    fn order(&mut self, order_id: &str) -> Result<Option<Order>, Fault> {
        let order_id = domain::OrderId::parse(order_id).map_err(|_| Fault::Malformed)?;
        let order = self.in_transaction(|it| queries::get_order(it, order_id));
        Ok(order.map_err(translate::fault)?.map(translate::order))
    }

    fn stock(&mut self, sku: &str) -> Result<Option<SkuStock>, Fault> {
        let sku = domain::Sku::parse(sku).map_err(|_| Fault::Malformed)?;
        let stock = self.in_transaction(|it| queries::get_stock(it, vec![sku]));
        let stock = stock.map_err(translate::fault)?.pop().expect("one sku, one answer");
        Ok(stock.map(translate::stock))
    }

    fn changes(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, Fault> {
        let changes = self.in_transaction(|it| queries::list_changes(it, after, limit));
        Ok(changes.map_err(translate::fault)?.into_iter().map(translate::change).collect())
    }

    fn audit(&mut self) -> Result<Vec<String>, Fault> {
        let report = self.in_transaction(queries::audit).map_err(translate::fault)?;
        Ok(report.differences.iter().map(|it| format!("{it:?}")).collect())
    }
}

impl FragileDoor for NativeDoor {
    fn missing(&mut self) -> Result<Vec<Missing>, Fault> {
        let listed = self.in_transaction(|it| queries::list_shortages(it, None, "", 1_000));
        Ok(listed.map_err(translate::fault)?.into_iter().map(translate::missing).collect())
    }

    fn apply_disturbed(
        &mut self,
        now: Instant,
        commands: &[Command],
        disturbance: Disturbance,
    ) -> Seen {
        let Ok(commands) = commands.iter().map(translate::command).collect::<Result<Vec<_>, _>>()
        else {
            return Seen::Undone(Fault::Malformed);
        };
        self.database.inner.begin().unwrap();
        self.database.fail = match disturbance {
            Disturbance::Fault { call, fault } => Some((call, fault)),
            _ => None,
        };
        let applied = operations::apply(&mut self.database, instant(now), &commands);
        self.database.fail = None;
        let applied = match applied {
            Ok(applied) => translate::applied(applied),
            Err(fault) => {
                self.database.inner.rollback().unwrap();
                return Seen::Undone(translate::fault(fault));
            }
        };
        match disturbance {
            Disturbance::None | Disturbance::Fault { .. } => {
                self.database.inner.commit().unwrap();
                Seen::Answered(applied)
            }
            Disturbance::CommitFails => {
                self.database.inner.rollback().unwrap();
                Seen::Lost
            }
            Disturbance::CrashBeforeCommit => {
                self.crash();
                Seen::Lost
            }
            Disturbance::CrashAfterCommit => {
                self.database.inner.commit().unwrap();
                self.crash();
                Seen::DoneUnseen
            }
        }
    }
}

fn instant(now: Instant) -> domain::Instant {
    domain::Instant::parse(now).expect("tests live in our times")
}

/// A database that refuses one call when told.
struct Fragile {
    inner: LocalDatabase,
    /// How many calls still go well, and what the next is answered.
    fail: Option<(usize, StorageFault)>,
}

impl Fragile {
    fn open(folder: &Path) -> Self {
        let mut inner = LocalDatabase::open(&folder.join("shard.db")).unwrap();
        // Here processes end, machines do not: nothing is gained by waiting for the disk.
        inner.connection().execute_batch("PRAGMA synchronous = OFF").unwrap();
        Self { inner, fail: None }
    }

    fn count_call(&mut self) -> Result<(), Error> {
        match &mut self.fail {
            None => Ok(()),
            Some((0, fault)) => Err(match fault {
                StorageFault::Busy => Error::Busy,
                StorageFault::Full => Error::Full,
                StorageFault::Interrupted => Error::Interrupted,
                StorageFault::Other => Error::Other("disk I/O error".to_owned()),
            }),
            Some((left, _)) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Database for Fragile {
    fn execute(&mut self, text: &'static str, with: &[Parameter<'_>]) -> Result<u64, Error> {
        self.count_call()?;
        self.inner.execute(text, with)
    }

    fn query(&mut self, text: &'static str, with: &[Parameter<'_>]) -> Result<Rows, Error> {
        self.count_call()?;
        self.inner.query(text, with)
    }
}

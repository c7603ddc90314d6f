//! Who writes, and how its time is taken.

use std::{
    fs,
    time::{Duration, Instant},
};

use inventory_guest::{domain, operations::migrate, storage::local::LocalDatabase};
use tempfile::TempDir;

use crate::measure::{
    folder,
    orders::{Deduction, ENOUGH, Orders, sku},
};

/// The writer's settings in `edge-host/src/shard/database.rs`, as far as they bear on speed.
const PRAGMAS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000;";

/// A way to write orders.
pub(super) trait Contender {
    /// Orders in its own form.
    type Commands;

    /// Brings orders into its own form, which takes no time of it.
    fn prepare(&self, orders: Vec<Deduction>) -> Self::Commands;

    /// Decides and writes them; they are durable when this returns.
    fn commit(&mut self, commands: Self::Commands);
}

/// A contender, what it is fed with, and what it has done so far.
pub(super) struct Lane<C> {
    contender: C,
    orders: Orders,
    batch: usize,
    commands: f64,
    time: Duration,
    /// Of all the process's threads, making the orders included: what the machine does besides
    /// hardly moves this.
    processor_time: Duration,
}

impl<C: Contender> Lane<C> {
    pub(super) fn new(contender: C, orders: Orders, batch: usize) -> Self {
        Self {
            contender,
            orders,
            batch,
            commands: 0.0,
            time: Duration::ZERO,
            processor_time: Duration::ZERO,
        }
    }

    /// Commits batches until `slice` has been spent on them.
    pub(super) fn run(&mut self, slice: Duration) {
        let until = self.time + slice;
        let before = processor_time();
        while self.time < until {
            let commands = self.contender.prepare(self.orders.take(self.batch));
            let started = Instant::now();
            self.contender.commit(commands);
            self.time += started.elapsed();
            #[expect(clippy::cast_precision_loss, reason = "a batch is small")]
            let commands = self.batch as f64;
            self.commands += commands;
        }
        self.processor_time += processor_time().saturating_sub(before);
    }

    pub(super) fn per_second(&self) -> f64 {
        self.commands / self.time.as_secs_f64()
    }

    pub(super) fn processor_microseconds(&self) -> f64 {
        self.processor_time.as_secs_f64() * 1e6 / self.commands
    }
}

/// Time on a processor of all threads alive.
fn processor_time() -> Duration {
    let threads = fs::read_dir("/proc/self/task").expect("Linux has it");
    let spent = threads.flatten().map(|thread| {
        let spent = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        spent
            .split(' ')
            .next()
            .and_then(|it| it.parse().ok())
            .map_or(Duration::ZERO, Duration::from_nanos)
    });
    spent.sum()
}

/// A fresh database with the guest's tables and so many skus, and the folder it dies with.
pub(super) fn local_database(skus: u32) -> (LocalDatabase, TempDir) {
    const INSERT: &str = "INSERT INTO stock VALUES (?1, ?2, 0, 0)";
    let folder = folder();
    let file = folder.path().join("inventory.sqlite");
    let mut database = LocalDatabase::open(&file).expect("the folder is fresh");
    database.connection().execute_batch(PRAGMAS).expect("no transaction is open");
    database.begin().expect("nobody else has it");
    let now = domain::Instant::parse(0).expect("1970 is an instant");
    migrate(&mut database, now).expect("the database is empty");
    let mut insert = database.connection().prepare(INSERT).expect("the tables are there");
    for number in 0..skus {
        insert.execute((sku(number), ENOUGH)).expect("each sku is new");
    }
    drop(insert);
    database.commit().expect("the disk has room");
    (database, folder)
}

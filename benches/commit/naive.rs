//! The limit: native code that does what most would write, each command by itself: look the order
//! up, take the unit where there is one, insert a row in each table. Same tables, same columns,
//! prepared statements, one COMMIT for the batch.

use inventory_guest::storage::local::LocalDatabase;
use rusqlite::{Connection, OptionalExtension, params};
use tempfile::TempDir;

use super::contender::{Contender, local_database};
use crate::measure::orders::Deduction;

const FIND_ORDER: &str = "SELECT order_no, state FROM orders WHERE order_id = ?1";
const FIND_REQUEST: &str = "SELECT fingerprint, outcome FROM requests
    WHERE order_no = ?1 AND operation = 6 AND request_id = ''";
const TAKE: &str = "UPDATE stock SET sellable = sellable - ?2, committed = committed + ?2
    WHERE sku = ?1 AND sellable >= ?2 RETURNING sellable, reserved, committed";
const INSERT_ORDER: &str = "INSERT INTO orders (order_id, state, steps) VALUES (?1, 3, 1)";
const INSERT_LEG: &str = "INSERT INTO legs (order_no, leg_no, placement, line_no, package, sku,
    quantity, reserved, committed, shipped, released, expired)
    VALUES (?1, 1, 1, 1, 1, ?2, ?3, 0, ?3, 0, 0, 0)";
const INSERT_REQUEST: &str = "INSERT INTO requests
    (order_no, operation, request_id, step, at, fingerprint, outcome)
    VALUES (?1, 6, '', 1, ?2, ?3, ?4)";
const INSERT_LEDGER: &str = "INSERT INTO ledger (at, kind, cause, order_no, line_no, sku,
    stock_before, reserved_before, committed_before, stock_after, reserved_after, committed_after)
    VALUES (?1, 6, 6, ?2, 1, ?3, ?4, ?5, ?6, ?7, ?5, ?8)";

pub(super) struct Naive {
    database: LocalDatabase,
    _folder: TempDir,
}

impl Naive {
    pub(super) fn open(skus: u32) -> Self {
        let (database, folder) = local_database(skus);
        Self { database, _folder: folder }
    }
}

impl Contender for Naive {
    type Commands = Vec<Deduction>;

    fn prepare(&self, orders: Vec<Deduction>) -> Vec<Deduction> {
        orders
    }

    fn commit(&mut self, orders: Vec<Deduction>) {
        self.database.begin().expect("nobody else has it");
        for order in &orders {
            deduct(self.database.connection(), order).expect("no fault");
        }
        self.database.commit().expect("the disk has room");
    }
}

/// Takes one unit for an order, once.
fn deduct(connection: &Connection, order: &Deduction) -> rusqlite::Result<()> {
    const UNITS: i64 = 1;
    const NOW: i64 = 0;
    let fingerprint = 0x0123_4567_89ab_cdef_i64;
    let known: Option<i64> = connection
        .prepare_cached(FIND_ORDER)?
        .query_row([&order.order_id], |row| row.get(0))
        .optional()?;
    if let Some(order_no) = known {
        let mut answered = connection.prepare_cached(FIND_REQUEST)?;
        assert!(!answered.exists([order_no])?, "every order of a bench is new");
    }
    let (sellable, reserved, committed): (i64, i64, i64) = connection
        .prepare_cached(TAKE)?
        .query_row(params![order.sku, UNITS], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    connection.prepare_cached(INSERT_ORDER)?.execute([&order.order_id])?;
    let order_no = connection.last_insert_rowid();
    connection.prepare_cached(INSERT_LEG)?.execute(params![order_no, order.sku, UNITS])?;
    // As long as the answer that the guest remembers.
    let outcome = format!("1 ok {} committed 1 {} 1", order.order_id, order.sku);
    let outcome = outcome.as_bytes();
    connection.prepare_cached(INSERT_REQUEST)?.execute(params![
        order_no,
        NOW,
        fingerprint,
        outcome
    ])?;
    let (sellable_before, committed_before) = (sellable + UNITS, committed - UNITS);
    connection.prepare_cached(INSERT_LEDGER)?.execute(params![
        NOW,
        order_no,
        order.sku,
        sellable_before,
        reserved,
        committed_before,
        sellable,
        committed,
    ])?;
    Ok(())
}

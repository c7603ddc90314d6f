//! Answered requests: what makes a repeated request get the same answer, and an order's history.

use super::rows::{read, read_each, write_each};
use super::{Database, Error, Parameter, codes};
use crate::domain::{Instant, Operation};
use std::borrow::Cow;

/// `order_no` of the requests that concern no order: corrections of counters.
pub(crate) const NO_ORDER: i64 = 0;
/// `order_no` of corrections of the catalog: no order ever has it.
pub(crate) const CATALOG: i64 = -1;
/// Likewise, of counts; their operation is `adjust`, too.
pub(crate) const COUNTS: i64 = -2;

/// What names a request among those of its order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey<'a> {
    pub(crate) order_no: i64,
    pub(crate) operation: Operation,
    pub(crate) request_id: Cow<'a, str>,
}

/// A row of `requests` to write.
#[derive(Clone, Debug)]
pub(crate) struct RequestRow<'a> {
    pub(crate) key: &'a RequestKey<'a>,
    pub(crate) step: u32,
    pub(crate) fingerprint: u64,
    pub(crate) outcome: &'a [u8],
}

/// A request as an order's history shows it.
#[derive(Clone, Debug)]
pub(crate) struct StepRow {
    pub(crate) at: Instant,
    pub(crate) operation: Operation,
    pub(crate) request_id: String,
    pub(crate) outcome: Vec<u8>,
}

/// The requests that were answered before: number asked for by, fingerprint, encoded outcome.
pub(crate) fn find<'a>(
    database: &mut dyn Database,
    keys: impl Iterator<Item = (usize, &'a RequestKey<'a>)>,
) -> Result<Vec<(usize, u64, Vec<u8>)>, Error> {
    const FIND: &str = "SELECT ?4, fingerprint, outcome FROM requests
        WHERE order_no = ?1 AND operation = ?2 AND request_id = ?3";
    let runs = keys.map(|(index, key)| {
        let [order_no, operation, request_id] = key_parameters(key);
        [order_no, operation, request_id, Parameter::index(index)]
    });
    read_each(database, FIND, runs, |cells| {
        Ok((
            cells.number()?,
            u64::from_ne_bytes(cells.integer()?.to_ne_bytes()),
            cells.blob()?.to_vec(),
        ))
    })
}

/// Writes requests answered now.
pub(crate) fn insert<'a>(
    database: &mut dyn Database,
    now: Instant,
    requests: impl Iterator<Item = RequestRow<'a>>,
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO requests
        (order_no, operation, request_id, step, at, fingerprint, outcome)
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    let runs = requests.map(|row| {
        let [order_no, operation, request_id] = key_parameters(row.key);
        let fingerprint = Parameter::Integer(i64::from_ne_bytes(row.fingerprint.to_ne_bytes()));
        let outcome = Parameter::Blob(row.outcome);
        [order_no, operation, request_id, row.step.into(), now.into(), fingerprint, outcome]
    });
    write_each(database, INSERT, runs)
}

/// An order's requests, oldest first.
pub(crate) fn history(database: &mut dyn Database, order_no: i64) -> Result<Vec<StepRow>, Error> {
    const HISTORY: &str = "SELECT at, operation, request_id, outcome FROM requests
        WHERE order_no = ? ORDER BY step";
    read(database, HISTORY, &[Parameter::Integer(order_no)], |cells| {
        Ok(StepRow {
            at: cells.instant()?,
            operation: codes::to_operation(cells.number()?)?,
            request_id: cells.text()?.to_owned(),
            outcome: cells.blob()?.to_vec(),
        })
    })
}

fn key_parameters<'a>(key: &'a RequestKey<'a>) -> [Parameter<'a>; 3] {
    [
        Parameter::Integer(key.order_no),
        codes::of_operation(key.operation).into(),
        Parameter::Text(&key.request_id),
    ]
}

//! What a session of kind snapshot is of, and what its rows come to beside what is stocked.

use crate::domain::count::{Moment, Snapshot, SnapshotNumbers};
use crate::domain::{Sku, WarehouseCode};
use crate::storage::counts::sequence;
use crate::storage::rows::{Cells, read, write_each};
use crate::storage::{Database, Error, Parameter};

/// Notes what the session that was just inserted is of.
pub(super) fn insert(
    database: &mut dyn Database,
    session_id: &str,
    snapshot: &Snapshot,
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO snapshots (session_no, warehouse, as_of, watermark)
        SELECT session_no, ?2, ?3, ?4 FROM sessions WHERE session_id = ?1";
    let warehouse = Parameter::Text(snapshot.warehouse.as_str());
    let watermark = snapshot.seen.watermark.map_or(Parameter::Null, sequence);
    let run = [Parameter::Text(session_id), warehouse, snapshot.seen.as_of.into(), watermark];
    write_each(database, INSERT, std::iter::once(run))
}

/// Notes that a commit leaves it to an operator, and what it answered.
pub(crate) fn set_awaiting(
    database: &mut dyn Database,
    session_no: i64,
    outcome: &[u8],
) -> Result<(), Error> {
    const SET: &str = "UPDATE snapshots SET awaiting = ? WHERE session_no = ?";
    let run = [Parameter::Blob(outcome), Parameter::Integer(session_no)];
    write_each(database, SET, std::iter::once(run))
}

/// How many skus the warehouse stocks, and how many of them the snapshot counts as 0. (The body of
/// a staged 0 is one zero byte.)
pub(crate) fn zeroed(
    database: &mut dyn Database,
    session_no: i64,
    warehouse: &WarehouseCode,
    moment: Moment,
) -> Result<SnapshotNumbers, Error> {
    const COUNTS: &str = "SELECT count(*), coalesce(sum(
          (r.body IS NULL OR r.body = x'00')
          AND NOT coalesce((c.as_of, c.watermark) >= (?3, ?4), 0)), 0)
        FROM warehouse_stock s
        LEFT JOIN session_rows r ON r.session_no = ?1 AND r.subject = s.sku AND r.place = ''
        LEFT JOIN counts c ON c.warehouse = s.warehouse AND c.sku = s.sku
        WHERE s.warehouse = ?2 AND s.on_hand > 0";
    let parameters = [
        Parameter::Integer(session_no),
        Parameter::Text(warehouse.as_str()),
        moment.as_of.into(),
        sequence(moment.watermark),
    ];
    let found = read(database, COUNTS, &parameters, |cells| {
        let (stocked, zeroed) = (cells.number()?, cells.number()?);
        Ok(SnapshotNumbers { stocked, zeroed, ..SnapshotNumbers::default() })
    })?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// Skus that the warehouse stocks, or stood short of, and that no row names, behind one.
pub(crate) fn unnamed_after(
    database: &mut dyn Database,
    session_no: i64,
    warehouse: &WarehouseCode,
    after: &str,
    limit: u32,
) -> Result<Vec<Sku>, Error> {
    const PAGE: &str = "SELECT s.sku FROM warehouse_stock s
        WHERE s.warehouse = ?2 AND s.sku > ?3 AND (s.on_hand > 0 OR EXISTS (
          SELECT 1 FROM count_shortages x WHERE x.warehouse = s.warehouse AND x.sku = s.sku))
        AND NOT EXISTS (SELECT 1 FROM session_rows r
          WHERE r.session_no = ?1 AND r.subject = s.sku AND r.place = '')
        ORDER BY s.sku LIMIT ?4 + 0";
    let warehouse = Parameter::Text(warehouse.as_str());
    let parameters =
        [Parameter::Integer(session_no), warehouse, Parameter::Text(after), limit.into()];
    read(database, PAGE, &parameters, Cells::sku)
}

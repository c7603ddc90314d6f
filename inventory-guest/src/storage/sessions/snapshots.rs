//! What a session of kind snapshot is of, and what its rows come to beside what is stocked.

use super::SNAPSHOT_KNOWN_MS;
use crate::domain::count::{Moment, Snapshot, SnapshotNumbers};
use crate::domain::session::SessionState;
use crate::domain::{Sku, WarehouseCode};
use crate::storage::counts::sequence;
use crate::storage::rows::{read, write_each};
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

/// Notes that a commit leaves it to an operator, who has a week, and what it answered.
pub(crate) fn set_awaiting(
    database: &mut dyn Database,
    session_no: i64,
    outcome: &[u8],
) -> Result<(), Error> {
    const SET: &str = "UPDATE snapshots SET awaiting = ? WHERE session_no = ?";
    const STAYS: &str = "UPDATE sessions SET forget_at = began_at + ? WHERE session_no = ?";
    let number = Parameter::Integer(session_no);
    write_each(database, SET, std::iter::once([Parameter::Blob(outcome), number]))?;
    write_each(database, STAYS, std::iter::once([Parameter::Integer(SNAPSHOT_KNOWN_MS), number]))
}

/// The names of those in one state, or of all, in order, behind one. Those that are being forgotten
/// are not among them.
pub(crate) fn names(
    database: &mut dyn Database,
    state: Option<SessionState>,
    after: &str,
    limit: u32,
) -> Result<Vec<String>, Error> {
    const NAMES: &str = "SELECT s.session_id FROM sessions s
        CROSS JOIN snapshots h ON h.session_no = s.session_no
        WHERE s.session_id > ?1 AND s.kind = 9 AND CASE ?2
            WHEN 1 THEN s.committed IS NULL AND h.awaiting IS NULL
            WHEN 2 THEN s.committed IS NOT NULL
            WHEN 3 THEN s.committed IS NULL AND h.awaiting IS NOT NULL
            WHEN 4 THEN 0
            ELSE 1 END
        AND (s.committed IS NOT NULL
          OR EXISTS (SELECT 1 FROM session_pages p WHERE p.session_no = s.session_no)
          OR NOT EXISTS (SELECT 1 FROM session_rows r WHERE r.session_no = s.session_no))
        ORDER BY s.session_id LIMIT ?3 + 0";
    let state = state.map(|state| match state {
        SessionState::Open => 1_u32,
        SessionState::Committed => 2,
        SessionState::AwaitingApproval => 3,
        SessionState::Discarded => 4,
    });
    let parameters = [Parameter::Text(after), Parameter::optional(state), limit.into()];
    read(database, NAMES, &parameters, |cells| cells.text().map(str::to_owned))
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
        FROM sites s JOIN warehouse_stock w ON w.site_no = s.site_no
        LEFT JOIN session_rows r ON r.session_no = ?1 AND r.subject = s.sku AND r.place = ''
        LEFT JOIN counts c ON c.warehouse = s.warehouse AND c.sku = s.sku
        WHERE s.warehouse = ?2 AND w.on_hand > 0";
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
    const PAGE: &str = "SELECT s.sku FROM sites s JOIN warehouse_stock w ON w.site_no = s.site_no
        WHERE s.warehouse = ?2 AND s.sku > ?3 AND (w.on_hand > 0 OR EXISTS (
          SELECT 1 FROM count_shortages x WHERE x.warehouse = s.warehouse AND x.sku = s.sku))
        AND NOT EXISTS (SELECT 1 FROM session_rows r
          WHERE r.session_no = ?1 AND r.subject = s.sku AND r.place = '')
        ORDER BY s.sku LIMIT ?4 + 0";
    let warehouse = Parameter::Text(warehouse.as_str());
    let parameters =
        [Parameter::Integer(session_no), warehouse, Parameter::Text(after), limit.into()];
    read(database, PAGE, &parameters, |cells| cells.sku())
}

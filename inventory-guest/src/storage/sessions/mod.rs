//! Sessions and their staged rows. What a commit does to the catalog is in `commit`: whole tables
//! at once, because a row at a time would keep the writer for too long.

pub(crate) mod commit;
pub(crate) mod snapshots;

use super::rows::{Cells, read, read_each, write_each};
use super::{Database, Error, Parameter, codes};
use crate::domain::count::{Seen, Snapshot};
use crate::domain::session::{REFUSED_LISTED_MAX, RefusedRow, SessionKind};
use crate::domain::{Instant, Reason};

/// What nobody commits or discards is forgotten a day after it began.
const IDLE_MS: i64 = 86_400_000;
/// How long after it began a snapshot is known that was committed, also where it awaits approval.
const SNAPSHOT_KNOWN_MS: i64 = 7 * 86_400_000;

/// A row of `sessions`.
#[derive(Clone, Debug)]
pub(crate) struct SessionHead {
    pub(crate) session_no: i64,
    pub(crate) kind: SessionKind,
    pub(crate) author: Option<String>,
    pub(crate) reason: String,
    pub(crate) fingerprint: u64,
    pub(crate) committed: Option<Vec<u8>>,
    /// What a snapshot's commit answered when it left it to an operator.
    pub(crate) awaiting: Option<Vec<u8>>,
}

/// Sums over a session's pages.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PageSums {
    pub(crate) pages: u32,
    pub(crate) highest: u32,
    pub(crate) staged: u64,
    pub(crate) refused: u64,
}

/// A row to stage.
#[derive(Clone, Debug)]
pub(crate) struct StagedRow {
    pub(crate) subject: String,
    pub(crate) place: String,
    pub(crate) line: u32,
    pub(crate) body: Vec<u8>,
}

/// The session of this name.
pub(crate) fn find(database: &mut dyn Database, id: &str) -> Result<Option<SessionHead>, Error> {
    const FIND: &str = "SELECT s.session_no, s.kind, h.warehouse, h.as_of, h.watermark,
        s.author, s.reason, s.fingerprint, s.committed, h.awaiting
        FROM sessions s LEFT JOIN snapshots h ON h.session_no = s.session_no
        WHERE s.session_id = ?";
    let found = read(database, FIND, &[Parameter::Text(id)], |cells| {
        let (session_no, kind) = (cells.integer()?, cells.number()?);
        let (warehouse, as_of) = (cells.optional_warehouse()?, cells.optional_instant()?);
        let watermark = cells.optional_number()?;
        let snapshot = warehouse.zip(as_of).map(|(warehouse, as_of)| {
            let seen = Seen { as_of, watermark };
            Snapshot { warehouse, seen }
        });
        Ok(SessionHead {
            session_no,
            kind: codes::to_session_kind(kind, snapshot)?,
            author: cells.optional_text()?.map(str::to_owned),
            reason: cells.text()?.to_owned(),
            fingerprint: hash(cells)?,
            committed: cells.optional_blob()?.map(<[u8]>::to_vec),
            awaiting: cells.optional_blob()?.map(<[u8]>::to_vec),
        })
    })?;
    Ok(found.into_iter().next())
}

/// Writes a new session.
pub(crate) fn insert(
    database: &mut dyn Database,
    now: Instant,
    (id, kind): (&str, &SessionKind),
    (author, reason): (Option<&Reason>, &Reason),
    fingerprint: u64,
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO sessions
        (session_id, kind, author, reason, began_at, fingerprint, forget_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5 + ?7)";
    let run = [
        Parameter::Text(id),
        codes::of_session_kind(kind).into(),
        Parameter::optional_text(author.map(Reason::as_str)),
        Parameter::Text(reason.as_str()),
        now.into(),
        of_hash(fingerprint),
        Parameter::Integer(IDLE_MS),
    ];
    write_each(database, INSERT, std::iter::once(run))?;
    match kind {
        SessionKind::Snapshot(snapshot) => snapshots::insert(database, id, snapshot),
        SessionKind::Catalog(_) | SessionKind::Stock => Ok(()),
    }
}

/// Notes what a commit answered; nobody needs the rows any more.
pub(crate) fn set_committed(
    database: &mut dyn Database,
    session_no: i64,
    now: Instant,
    outcome: &[u8],
) -> Result<(), Error> {
    const SET: &str = "UPDATE sessions SET committed = ?, forget_at = ? WHERE session_no = ?";
    let run = [Parameter::Blob(outcome), now.into(), Parameter::Integer(session_no)];
    write_each(database, SET, std::iter::once(run))
}

/// Sums over the pages that have come.
pub(crate) fn page_sums(database: &mut dyn Database, session_no: i64) -> Result<PageSums, Error> {
    const SUMS: &str = "SELECT count(*), coalesce(max(number), 0), coalesce(sum(staged), 0),
        coalesce(sum(refused), 0) FROM session_pages WHERE session_no = ?";
    let found = read(database, SUMS, &[Parameter::Integer(session_no)], |cells| {
        let (pages, highest) = (cells.number()?, cells.number()?);
        Ok(PageSums { pages, highest, staged: cells.number()?, refused: cells.number()? })
    })?;
    Ok(found.into_iter().next().unwrap_or_default())
}

/// The numbers of the pages that have come, and their fingerprints, in order.
pub(crate) fn pages(
    database: &mut dyn Database,
    session_no: i64,
) -> Result<Vec<(u32, u64)>, Error> {
    const PAGES: &str =
        "SELECT number, fingerprint FROM session_pages WHERE session_no = ? ORDER BY number";
    read(database, PAGES, &[Parameter::Integer(session_no)], |cells| {
        Ok((cells.number()?, hash(cells)?))
    })
}

/// The fingerprint of a page that has come.
pub(crate) fn page(
    database: &mut dyn Database,
    session_no: i64,
    number: u32,
) -> Result<Option<u64>, Error> {
    const PAGE: &str = "SELECT fingerprint FROM session_pages WHERE session_no = ? AND number = ?";
    let found = read(database, PAGE, &[Parameter::Integer(session_no), number.into()], hash)?;
    Ok(found.into_iter().next())
}

/// Notes that a page has come.
pub(crate) fn insert_page(
    database: &mut dyn Database,
    session_no: i64,
    number: u32,
    fingerprint: u64,
    [staged, refused]: [u32; 2],
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO session_pages
        (session_no, number, fingerprint, staged, refused) VALUES (?, ?, ?, ?, ?)";
    let session = Parameter::Integer(session_no);
    let run = [session, number.into(), of_hash(fingerprint), staged.into(), refused.into()];
    write_each(database, INSERT, std::iter::once(run))
}

/// How many rows are not yet forgotten. They are counted: not for readings, whose time is short.
pub(crate) fn rows_left(database: &mut dyn Database, session_no: i64) -> Result<u64, Error> {
    const LEFT: &str = "SELECT count(*) FROM session_rows WHERE session_no = ?";
    one(database, LEFT, session_no)
}

fn one(
    database: &mut dyn Database,
    statement: &'static str,
    session_no: i64,
) -> Result<u64, Error> {
    let found =
        read(database, statement, &[Parameter::Integer(session_no)], |cells| cells.number())?;
    Ok(found.into_iter().next().expect("an aggregate has one row"))
}

/// The lines of staged rows with these keys, each with the number it is asked for by.
pub(crate) fn find_lines<'a>(
    database: &mut dyn Database,
    session_no: i64,
    rows: impl Iterator<Item = (usize, &'a StagedRow)>,
) -> Result<Vec<(usize, u32)>, Error> {
    const FIND: &str = "SELECT ?4, line FROM session_rows
        WHERE session_no = ?1 AND subject = ?2 AND place = ?3";
    let runs = rows.map(|(index, row)| {
        let [session, subject, place] = key(session_no, row);
        [session, subject, place, Parameter::index(index)]
    });
    read_each(database, FIND, runs, |cells| Ok((cells.number()?, cells.number()?)))
}

/// Stages rows whose keys are new.
pub(crate) fn insert_rows<'a>(
    database: &mut dyn Database,
    session_no: i64,
    rows: impl Iterator<Item = &'a StagedRow>,
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO session_rows (session_no, subject, place, line, body)
        VALUES (?, ?, ?, ?, ?)";
    let runs = rows.map(|row| {
        let [session, subject, place] = key(session_no, row);
        [session, subject, place, row.line.into(), Parameter::Blob(&row.body)]
    });
    write_each(database, INSERT, runs)
}

/// Takes rows out of the session.
pub(crate) fn delete_each<'a>(
    database: &mut dyn Database,
    session_no: i64,
    rows: impl Iterator<Item = &'a StagedRow>,
) -> Result<(), Error> {
    const DELETE: &str =
        "DELETE FROM session_rows WHERE session_no = ? AND subject = ? AND place = ?";
    write_each(database, DELETE, rows.map(|row| key(session_no, row)))
}

fn key(session_no: i64, row: &StagedRow) -> [Parameter<'_>; 3] {
    let (subject, place) = (Parameter::Text(&row.subject), Parameter::Text(&row.place));
    [Parameter::Integer(session_no), subject, place]
}

/// Rows in order of their keys, behind one.
pub(crate) fn rows_after(
    database: &mut dyn Database,
    session_no: i64,
    (subject, place): (&str, &str),
    limit: u32,
) -> Result<Vec<StagedRow>, Error> {
    const PAGE: &str = "SELECT subject, place, line, body FROM session_rows
        WHERE session_no = ? AND (subject, place) > (?, ?) ORDER BY subject, place LIMIT ? + 0";
    let (subject, place) = (Parameter::Text(subject), Parameter::Text(place));
    let parameters = [Parameter::Integer(session_no), subject, place, limit.into()];
    read(database, PAGE, &parameters, |cells| {
        let (subject, place) = (cells.text()?.to_owned(), cells.text()?.to_owned());
        Ok(StagedRow { subject, place, line: cells.number()?, body: cells.blob()?.to_vec() })
    })
}

/// Notes rows that cannot count.
pub(crate) fn insert_refusals<'a>(
    database: &mut dyn Database,
    session_no: i64,
    refused: impl Iterator<Item = &'a RefusedRow>,
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO session_refusals (session_no, line, why) VALUES (?, ?, ?)
        ON CONFLICT DO UPDATE SET why = excluded.why";
    let runs = refused
        .map(|row| [Parameter::Integer(session_no), row.line.into(), Parameter::Text(&row.why)]);
    write_each(database, INSERT, runs)
}

/// The first of them, by line.
pub(crate) fn refusals(
    database: &mut dyn Database,
    session_no: i64,
) -> Result<Vec<RefusedRow>, Error> {
    const FIRST: &str = "SELECT line, why FROM session_refusals
        WHERE session_no = ? ORDER BY line LIMIT ? + 0";
    let most = Parameter::index(REFUSED_LISTED_MAX);
    read(database, FIRST, &[Parameter::Integer(session_no), most], |cells| {
        Ok(RefusedRow { line: cells.number()?, why: cells.text()?.to_owned() })
    })
}

/// Whether rows of it are there, and no page: they are being forgotten, pages first.
pub(crate) fn has_rows_without_pages(
    database: &mut dyn Database,
    session_no: i64,
) -> Result<bool, Error> {
    const HAS: &str = "SELECT EXISTS (SELECT 1 FROM session_rows WHERE session_no = ?1)
        AND NOT EXISTS (SELECT 1 FROM session_pages WHERE session_no = ?1)";
    Ok(one(database, HAS, session_no)? == 1)
}

/// Makes the name of a session free for another. No caller's name has a space in it.
pub(crate) fn put_aside(database: &mut dyn Database, session_no: i64) -> Result<(), Error> {
    const RENAME: &str = "UPDATE sessions SET session_id = 'discarded ' || session_no
        WHERE session_no = ?";
    database.execute(RENAME, &[Parameter::Integer(session_no)])?;
    Ok(())
}

/// The sessions that are the longest due to be forgotten, and whether each is committed.
const DUE: &str = "SELECT session_no, committed IS NOT NULL FROM sessions
    WHERE forget_at <= ? ORDER BY forget_at, session_no LIMIT 2";

/// Two of those sessions.
pub(crate) fn due(database: &mut dyn Database, now: Instant) -> Result<Vec<(i64, bool)>, Error> {
    read(database, DUE, &[now.into()], |cells| Ok((cells.integer()?, cells.integer()? == 1)))
}

/// Deletes at most `limit` rows; answers whether any are left.
pub(crate) fn delete_rows(
    database: &mut dyn Database,
    session_no: i64,
    limit: u32,
) -> Result<bool, Error> {
    const DELETE: &str = "DELETE FROM session_rows WHERE session_no = ?1 AND (subject, place) IN
        (SELECT subject, place FROM session_rows WHERE session_no = ?1 LIMIT ?2 + 0)";
    const LEFT: &str = "SELECT EXISTS (SELECT 1 FROM session_rows WHERE session_no = ?)";
    database.execute(DELETE, &[Parameter::Integer(session_no), limit.into()])?;
    Ok(one(database, LEFT, session_no)? == 1)
}

/// Deletes the pages of a session.
pub(crate) fn delete_pages(database: &mut dyn Database, session_no: i64) -> Result<(), Error> {
    const PAGES: &str = "DELETE FROM session_pages WHERE session_no = ?";
    database.execute(PAGES, &[Parameter::Integer(session_no)])?;
    Ok(())
}

/// Notes that the rest of a session's rows are to be forgotten.
pub(crate) fn set_due(
    database: &mut dyn Database,
    session_no: i64,
    now: Instant,
) -> Result<(), Error> {
    const SET: &str = "UPDATE sessions SET forget_at = ? WHERE session_no = ?";
    database.execute(SET, &[now.into(), Parameter::Integer(session_no)])?;
    Ok(())
}

/// Deletes what is left of a session without rows; of one that was committed only what does not
/// stay, or does not stay any longer.
pub(crate) fn delete(
    database: &mut dyn Database,
    session_no: i64,
    now: Instant,
) -> Result<(), Error> {
    const REFUSALS: &str = "DELETE FROM session_refusals WHERE session_no = ?";
    const STAYS: &str = "UPDATE sessions SET forget_at = iif(kind = 9, began_at + ?2, NULL)
        WHERE session_no = ?1 AND committed IS NOT NULL";
    const DELETE: &str = "DELETE FROM sessions
        WHERE session_no = ?1 AND (committed IS NULL OR forget_at <= ?2)";
    const PAGES: &str = "DELETE FROM session_pages
        WHERE session_no = ?1 AND session_no NOT IN (SELECT s.session_no FROM sessions s)";
    const SNAPSHOT: &str = "DELETE FROM snapshots
        WHERE session_no = ?1 AND session_no NOT IN (SELECT s.session_no FROM sessions s)";
    let number = Parameter::Integer(session_no);
    database.execute(REFUSALS, &[number])?;
    database.execute(STAYS, &[number, Parameter::Integer(SNAPSHOT_KNOWN_MS)])?;
    database.execute(DELETE, &[number, now.into()])?;
    database.execute(PAGES, &[number])?;
    database.execute(SNAPSHOT, &[number])?;
    Ok(())
}

fn hash(cells: &mut Cells) -> Result<u64, Error> {
    Ok(u64::from_ne_bytes(cells.integer()?.to_ne_bytes()))
}

fn of_hash(hash: u64) -> Parameter<'static> {
    Parameter::Integer(i64::from_ne_bytes(hash.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::local::LocalDatabase;

    /// Each begin and page looks for them: sessions that stay must not be looked at.
    #[test]
    fn what_is_due_is_found_by_its_index() {
        let mut database = LocalDatabase::open_in_memory().unwrap();
        crate::operations::migrate(&mut database, Instant::parse(0).unwrap()).unwrap();
        let explained = format!("EXPLAIN QUERY PLAN {DUE}");
        let row = |row: &rusqlite::Row<'_>| row.get::<_, String>("detail");
        let plan: String = database.connection().query_row(&explained, [0], row).unwrap();
        assert!(plan.contains("SEARCH sessions USING INDEX sessions_to_forget"), "{plan}");
    }
}

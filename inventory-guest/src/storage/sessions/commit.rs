//! What a commit does to the catalog, a table at a time. Staged rows are in order of the catalog's
//! own key, so each statement walks both once.

use super::super::catalog::Cause;
use super::super::rows::read;
use super::super::{Database, Error, Parameter, codes};
use crate::domain::catalog::Noun;
use crate::domain::session::{Effects, REFUSED_LISTED_MAX};

/// A staged row that is of a warehouse that there is not: its line, and the warehouse.
pub(crate) type Orphan = (u32, String);

/// The first such rows by line, and how many there are.
pub(crate) fn orphans(
    database: &mut dyn Database,
    session_no: i64,
    noun: Noun,
) -> Result<(u64, Vec<Orphan>), Error> {
    const BY_SUBJECT: &str = "SELECT count(*) OVER (), line, subject FROM session_rows r
        WHERE session_no = ? AND NOT EXISTS (SELECT 1 FROM catalog w
          WHERE w.noun = 1 AND w.subject = r.subject AND w.place = '')
        ORDER BY line LIMIT ? + 0";
    const BY_PLACE: &str = "SELECT count(*) OVER (), line, place FROM session_rows r
        WHERE session_no = ? AND NOT EXISTS (SELECT 1 FROM catalog w
          WHERE w.noun = 1 AND w.subject = r.place AND w.place = '')
        ORDER BY line LIMIT ? + 0";
    let statement = match noun {
        Noun::ServiceArea | Noun::Calendar => BY_SUBJECT,
        Noun::SafetyStock => BY_PLACE,
        Noun::Warehouse | Noun::Category | Noun::Restriction | Noun::Division => {
            return Ok((0, Vec::new()));
        }
    };
    let parameters = [Parameter::Integer(session_no), Parameter::index(REFUSED_LISTED_MAX)];
    let mut count = 0;
    let first = read(database, statement, &parameters, |cells| {
        count = cells.number()?;
        Ok((cells.number()?, cells.text()?.to_owned()))
    })?;
    Ok((count, first))
}

/// Takes such rows out of the session.
pub(crate) fn delete_orphans(
    database: &mut dyn Database,
    session_no: i64,
    noun: Noun,
) -> Result<(), Error> {
    const BY_SUBJECT: &str = "DELETE FROM session_rows WHERE session_no = ?
        AND NOT EXISTS (SELECT 1 FROM catalog w
          WHERE w.noun = 1 AND w.subject = session_rows.subject AND w.place = '')";
    const BY_PLACE: &str = "DELETE FROM session_rows WHERE session_no = ?
        AND NOT EXISTS (SELECT 1 FROM catalog w
          WHERE w.noun = 1 AND w.subject = session_rows.place AND w.place = '')";
    let statement = if noun == Noun::SafetyStock { BY_PLACE } else { BY_SUBJECT };
    database.execute(statement, &[Parameter::Integer(session_no)])?;
    Ok(())
}

/// What putting the staged rows, and deleting what they do not name, would do.
pub(crate) fn effects(
    database: &mut dyn Database,
    session_no: i64,
    noun: Noun,
    replace: bool,
) -> Result<Effects, Error> {
    const COUNTS: &str = "SELECT coalesce(sum(c.body IS NULL), 0),
        coalesce(sum(c.body IS NOT NULL AND c.body <> r.body), 0),
        coalesce(sum(c.body IS NOT NULL AND c.body = r.body), 0)
        FROM session_rows r LEFT JOIN catalog c
        ON c.noun = ?2 AND c.subject = r.subject AND c.place = r.place
        WHERE r.session_no = ?1";
    const OTHERS: &str = "SELECT count(*) FROM catalog c WHERE c.noun = ?2
        AND NOT EXISTS (SELECT 1 FROM session_rows r
          WHERE r.session_no = ?1 AND r.subject = c.subject AND r.place = c.place)";
    let parameters = [Parameter::Integer(session_no), codes::of_noun(noun).into()];
    let counted = read(database, COUNTS, &parameters, |cells| {
        let (created, updated) = (cells.number()?, cells.number()?);
        Ok(Effects { created, updated, unchanged: cells.number()?, deleted: 0 })
    })?;
    let mut effects = counted.into_iter().next().unwrap_or_default();
    if replace {
        let deleted = read(database, OTHERS, &parameters, |cells| cells.number())?;
        effects.deleted = deleted.into_iter().next().unwrap_or_default();
    }
    Ok(effects)
}

/// What the changes behind the sequence `last` did.
pub(crate) fn effects_since(database: &mut dyn Database, last: u64) -> Result<Effects, Error> {
    const COUNTS: &str = "SELECT coalesce(sum(before IS NULL), 0),
        coalesce(sum(before IS NOT NULL AND after IS NOT NULL), 0),
        coalesce(sum(after IS NULL), 0) FROM catalog_history WHERE seq > ?";
    let counted = read(database, COUNTS, &[sequence(last)], |cells| {
        let (created, updated) = (cells.number()?, cells.number()?);
        Ok(Effects { created, updated, unchanged: 0, deleted: cells.number()? })
    })?;
    Ok(counted.into_iter().next().unwrap_or_default())
}

/// Puts the staged rows into the catalog, with their history behind the sequence `last`, in order
/// of their keys. Answers the last sequence.
pub(crate) fn put(
    database: &mut dyn Database,
    session_no: i64,
    noun: Noun,
    cause: Cause<'_>,
    last: u64,
) -> Result<u64, Error> {
    const HISTORY: &str = "INSERT INTO catalog_history
        (at, author, reason, noun, subject, place, before, after)
        SELECT ?3, ?4, ?5, ?2, r.subject, r.place, c.body, r.body
        FROM session_rows r LEFT JOIN catalog c
        ON c.noun = ?2 AND c.subject = r.subject AND c.place = r.place
        WHERE r.session_no = ?1 AND c.body IS NOT r.body ORDER BY r.subject, r.place";
    const PUT: &str = "INSERT INTO catalog (noun, subject, place, version, body)
        SELECT noun, subject, place, seq, after FROM catalog_history WHERE seq > ? ORDER BY seq
        ON CONFLICT DO UPDATE SET version = excluded.version, body = excluded.body";
    let changed = write_history(database, HISTORY, session_no, noun, cause)?;
    database.execute(PUT, &[sequence(last)])?;
    Ok(last + changed)
}

/// Deletes the entries of the noun that no staged row names, likewise.
pub(crate) fn delete_others(
    database: &mut dyn Database,
    session_no: i64,
    noun: Noun,
    cause: Cause<'_>,
    last: u64,
) -> Result<u64, Error> {
    const HISTORY: &str = "INSERT INTO catalog_history
        (at, author, reason, noun, subject, place, before, after)
        SELECT ?3, ?4, ?5, ?2, c.subject, c.place, c.body, NULL
        FROM catalog c WHERE c.noun = ?2 AND NOT EXISTS (SELECT 1 FROM session_rows r
          WHERE r.session_no = ?1 AND r.subject = c.subject AND r.place = c.place)
        ORDER BY c.subject, c.place";
    const DELETE: &str = "DELETE FROM catalog WHERE (noun, subject, place) IN
        (SELECT noun, subject, place FROM catalog_history WHERE seq > ?)";
    let changed = write_history(database, HISTORY, session_no, noun, cause)?;
    if changed > 0 {
        database.execute(DELETE, &[sequence(last)])?;
    }
    Ok(last + changed)
}

/// Appends history; SQLite counts the sequence on from the last row, which a window function would
/// take three times as long for.
fn write_history(
    database: &mut dyn Database,
    statement: &'static str,
    session_no: i64,
    noun: Noun,
    cause: Cause<'_>,
) -> Result<u64, Error> {
    let parameters = [
        Parameter::Integer(session_no),
        codes::of_noun(noun).into(),
        cause.at.into(),
        Parameter::optional_text(cause.author),
        Parameter::Text(cause.reason),
    ];
    database.execute(statement, &parameters)
}

fn sequence(seq: u64) -> Parameter<'static> {
    Parameter::Integer(i64::try_from(seq).expect("there are fewer changes than 2^63"))
}

-- `forget_at`: from when on a session has something to forget, its rows or itself; NULL where what is
-- left of it stays. Each begin and page of any session looks for what is due, so it has an index, in
-- which sessions that stay are not. What stays of a session that was committed is its row and its
-- pages' fingerprints, so that the same steps are answered the same again: of an import for ever,
-- since callers name few of them, of a snapshot for a week after it began. A snapshot that is begun
-- again later is stale by what `counts` says.
-- (The host lets no column be added to a strict table, which SQLite does by a PRAGMA: it is copied.)
ALTER TABLE sessions RENAME TO sessions_before;

CREATE TABLE sessions (
  session_no INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 9),
  author TEXT,
  reason TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  committed BLOB,
  forget_at INTEGER
) STRICT;

INSERT INTO sessions
SELECT *, iif(committed IS NULL, began_at + 86400000, began_at) FROM sessions_before;

DROP TABLE sessions_before;

CREATE INDEX sessions_to_forget ON sessions (forget_at) WHERE forget_at IS NOT NULL;

-- A session brings in many rows over many transactions: its pages are staged here, and count in
-- the one transaction of its commit. `kind`: 1..7 is a noun of the catalog, 8 stock, 9 a snapshot.
-- `fingerprint` is xxh3 of what it was begun with. `committed` is what the commit answered, encoded
-- as an outcome in requests; NULL while the session is open. The row of a committed session stays
-- for ever, so that its commit is answered the same again.
CREATE TABLE sessions (
  session_no INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 9),
  author TEXT,
  reason TEXT NOT NULL,
  began_at INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  committed BLOB
) STRICT;

-- Which pages have come. `fingerprint` is xxh3 of the page's rows.
CREATE TABLE session_pages (
  session_no INTEGER NOT NULL,
  number INTEGER NOT NULL CHECK (number > 0),
  fingerprint INTEGER NOT NULL,
  staged INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  PRIMARY KEY (session_no, number)
) STRICT, WITHOUT ROWID;

-- Staged rows under the keys they will have, so that a repeated key is found when it comes and a
-- commit reads them in order. For stock: sku, warehouse ('' for what is sellable), and the counter.
CREATE TABLE session_rows (
  session_no INTEGER NOT NULL,
  subject TEXT NOT NULL,
  place TEXT NOT NULL,
  line INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY (session_no, subject, place)
) STRICT, WITHOUT ROWID;

-- Rows that cannot count, and why; of each page the first 100.
CREATE TABLE session_refusals (
  session_no INTEGER NOT NULL,
  line INTEGER NOT NULL,
  why TEXT NOT NULL,
  PRIMARY KEY (session_no, line)
) STRICT, WITHOUT ROWID;

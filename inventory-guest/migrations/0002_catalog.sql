-- The catalog: what operators say about warehouses, skus and areas, in one table, because every
-- noun is kept, listed, imported and audited alike. `noun`: 1 warehouse, 2 service_area,
-- 3 category, 4 restriction, 5 calendar, 6 safety_stock, 7 division. `subject` and `place` are the
-- key's halves ('' where there is no place, and for everywhere). `version` is the sequence of the
-- entry's last change, so it never repeats, not even when an entry is deleted and made anew.
-- `body` is a format byte and the encoded entry, without its key.
CREATE TABLE catalog (
  noun INTEGER NOT NULL CHECK (noun BETWEEN 1 AND 7),
  subject TEXT NOT NULL,
  place TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version > 0),
  body BLOB NOT NULL,
  PRIMARY KEY (noun, subject, place)
) STRICT, WITHOUT ROWID;

-- Every change of an entry: its history, and the catalog's own change feed. `seq` has no gap.
-- `before` is NULL where there was no entry, `after` where it was deleted.
CREATE TABLE catalog_history (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  author TEXT,
  reason TEXT NOT NULL,
  noun INTEGER NOT NULL CHECK (noun BETWEEN 1 AND 7),
  subject TEXT NOT NULL,
  place TEXT NOT NULL,
  before BLOB,
  after BLOB,
  CHECK (before IS NOT NULL OR after IS NOT NULL)
) STRICT;

-- What a guest compares to know whether its memory of a noun still holds: a hash over all the
-- noun's changes so far. Equal stamps mean equal entries, also after a transaction that was rolled
-- back, where a mere count would repeat itself.
CREATE TABLE catalog_stamps (
  noun INTEGER PRIMARY KEY CHECK (noun BETWEEN 1 AND 7),
  stamp INTEGER NOT NULL
) STRICT;

-- Warehouses were made by adjustments alone, all with priority 100. Each becomes an entry without
-- a name, address or place, of our own, and a service area: everywhere.
INSERT INTO catalog_history (seq, at, reason, noun, subject, place, after)
SELECT
  row_number() OVER (ORDER BY noun, warehouse),
  coalesce((SELECT at FROM ledger ORDER BY seq DESC LIMIT 1), 0),
  'migration 2', noun, warehouse, '',
  CASE noun WHEN 1 THEN iif(active, x'010000000001', x'010000000000') ELSE x'016400' END
FROM warehouses CROSS JOIN (SELECT 1 AS noun UNION ALL SELECT 2);

INSERT INTO catalog (noun, subject, place, version, body)
SELECT noun, subject, place, seq, after FROM catalog_history;

-- Any number that no other database has.
INSERT INTO catalog_stamps (noun, stamp)
SELECT noun, random() FROM catalog GROUP BY noun;

-- Packages may be transferred, and warehouses counted: 11 and 12 in `kind` and `cause`, behind the
-- feed's own kinds. A transfer has a request too; its id is `package N` as that of `ship`, where the
-- caller gave none. A CHECK is changed by copying the table.
ALTER TABLE requests RENAME TO requests_before;

CREATE TABLE requests (
  order_no INTEGER NOT NULL,
  operation INTEGER NOT NULL CHECK (operation BETWEEN 1 AND 8 OR operation = 11),
  request_id TEXT NOT NULL,
  step INTEGER NOT NULL,
  at INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  outcome BLOB NOT NULL,
  PRIMARY KEY (order_no, operation, request_id)
) STRICT, WITHOUT ROWID;

INSERT INTO requests SELECT * FROM requests_before;

DROP TABLE requests_before;

ALTER TABLE ledger RENAME TO ledger_before;

CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 12),
  cause INTEGER NOT NULL CHECK (cause BETWEEN 1 AND 12 AND cause NOT IN (9, 10)),
  order_no INTEGER,
  line_no INTEGER,
  sku TEXT NOT NULL,
  warehouse TEXT,
  reason TEXT,
  stock_before INTEGER NOT NULL,
  unavailable_before INTEGER,
  reserved_before INTEGER NOT NULL,
  committed_before INTEGER NOT NULL,
  stock_after INTEGER NOT NULL,
  unavailable_after INTEGER,
  reserved_after INTEGER NOT NULL,
  committed_after INTEGER NOT NULL
) STRICT;

INSERT INTO ledger SELECT * FROM ledger_before ORDER BY seq;

DROP TABLE ledger_before;

-- (orders.ship_to has meanwhile more to say, so that an order is reserved again as it was first: the
-- adcode alone still means strategy `priority` and no very place; else the strategy's number
-- follows, 1 priority, 2 nearest or 3 min_splits, and latitude and longitude in millionths of a
-- degree where they were given, all with spaces between.)
DROP TABLE warehouses;

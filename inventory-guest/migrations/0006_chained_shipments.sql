-- What left a warehouse was found by an index, in which each line of a shipment wrote a page of its
-- own: half of what a replay with routing wrote. Instead each such row of the ledger says which was
-- the one before it of the same sku and warehouse, `shipment_before`, and the sku in the warehouse
-- knows its last one, `last_shipment`: rows that are written anyway.
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
  committed_after INTEGER NOT NULL,
  shipment_before INTEGER
) STRICT;

INSERT INTO ledger
SELECT l.*, iif(l.cause = 4 AND l.warehouse IS NOT NULL, (
  SELECT max(p.seq) FROM ledger_before p
  WHERE p.cause = 4 AND p.sku = l.sku AND p.warehouse = l.warehouse AND p.seq < l.seq), NULL)
FROM ledger_before l ORDER BY l.seq;

ALTER TABLE warehouse_stock RENAME TO warehouse_stock_before;

CREATE TABLE warehouse_stock (
  sku TEXT NOT NULL,
  warehouse TEXT NOT NULL,
  on_hand INTEGER NOT NULL CHECK (on_hand <= 2147483647),
  unavailable INTEGER NOT NULL CHECK (unavailable >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  committed INTEGER NOT NULL CHECK (committed >= 0),
  last_shipment INTEGER,
  PRIMARY KEY (sku, warehouse),
  CHECK (reserved + committed + unavailable <= on_hand)
) STRICT, WITHOUT ROWID;

INSERT INTO warehouse_stock
SELECT s.*, (
  SELECT max(p.seq) FROM ledger_before p
  WHERE p.cause = 4 AND p.sku = s.sku AND p.warehouse = s.warehouse)
FROM warehouse_stock_before s;

DROP TABLE ledger_before;

DROP TABLE warehouse_stock_before;

CREATE INDEX warehouse_stock_by_warehouse ON warehouse_stock (warehouse, sku);

-- An answer was kept beside its order's others, so that each request behind the first wrote a page
-- in the midst of the table, and a long answer one more. Now answers are appended; in the midst is
-- only their identity, a hundred to a page.
ALTER TABLE requests RENAME TO requests_before;

CREATE TABLE requests (
  order_no INTEGER NOT NULL,
  operation INTEGER NOT NULL CHECK (operation BETWEEN 1 AND 8 OR operation = 11),
  request_id TEXT NOT NULL,
  step INTEGER NOT NULL,
  at INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  outcome BLOB NOT NULL
) STRICT;

INSERT INTO requests SELECT * FROM requests_before;

DROP TABLE requests_before;

CREATE UNIQUE INDEX requests_by_identity ON requests (order_no, operation, request_id);

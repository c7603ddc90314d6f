-- A count asks what left a warehouse behind a sequence; only those rows are here.
CREATE INDEX ledger_shipments ON ledger (sku, warehouse, seq)
WHERE cause = 4 AND warehouse IS NOT NULL;

-- A snapshot asks what else a warehouse stocks. The keys never change, so writes of counters do not
-- touch this.
CREATE INDEX warehouse_stock_by_warehouse ON warehouse_stock (warehouse, sku);

-- What the last count of a sku in a warehouse has seen, and under sku '' what the last snapshot of
-- the whole warehouse has: it stands for every sku whose own row is older, or missing.
CREATE TABLE counts (
  warehouse TEXT NOT NULL,
  sku TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  watermark INTEGER NOT NULL,
  PRIMARY KEY (warehouse, sku)
) STRICT, WITHOUT ROWID;

-- What the last count did not find though it was held: `missing` = on_hand - what is there. It is
-- kept from orders, as safety stock is, until a count or a correction says otherwise.
CREATE TABLE count_shortages (
  warehouse TEXT NOT NULL,
  sku TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  counted INTEGER NOT NULL CHECK (counted >= 0),
  held INTEGER NOT NULL CHECK (held >= 0),
  missing INTEGER NOT NULL CHECK (missing > 0),
  PRIMARY KEY (warehouse, sku)
) STRICT, WITHOUT ROWID;

-- What a session of kind 9 is a snapshot of. `awaiting` is what its commit answered when that left
-- it to an operator, encoded as an outcome in requests.
CREATE TABLE snapshots (
  session_no INTEGER PRIMARY KEY,
  warehouse TEXT NOT NULL,
  as_of INTEGER NOT NULL,
  watermark INTEGER,
  awaiting BLOB
) STRICT;

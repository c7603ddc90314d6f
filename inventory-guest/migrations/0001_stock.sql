-- Stock, orders and the ledger. The guest prefetches the rows of a whole batch, decides in memory
-- and writes back; so every table is read by its key, and has as few indexes as that allows.
-- STRICT keeps the types the guest reads; the CHECKs repeat its assertions, so that not even a
-- defective guest can store what spec.md §11 forbids.

-- Which migrations this database has had.
CREATE TABLE migrations (
  version INTEGER PRIMARY KEY,
  applied_at INTEGER NOT NULL
) STRICT;

-- A sku's own counters. `reserved` and `committed` are those held without a warehouse; the others
-- live in warehouse_stock, so that each unit is counted once. Sums are made when read.
CREATE TABLE stock (
  sku TEXT PRIMARY KEY,
  sellable INTEGER NOT NULL CHECK (sellable BETWEEN 0 AND 2147483647),
  reserved INTEGER NOT NULL CHECK (reserved BETWEEN 0 AND 2147483647),
  committed INTEGER NOT NULL CHECK (committed BETWEEN 0 AND 2147483647)
) STRICT, WITHOUT ROWID;

-- Warehouses appear with their first adjustment. Lower `priority` is chosen first, ties go by code;
-- no new hold goes to one that is not `active`.
CREATE TABLE warehouses (
  warehouse TEXT PRIMARY KEY,
  priority INTEGER NOT NULL DEFAULT 100 CHECK (priority >= 0),
  active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
) STRICT, WITHOUT ROWID;

-- A sku in a warehouse. Keyed by sku first: a placement reads all warehouses of its skus.
CREATE TABLE warehouse_stock (
  sku TEXT NOT NULL,
  warehouse TEXT NOT NULL,
  on_hand INTEGER NOT NULL CHECK (on_hand <= 2147483647),
  unavailable INTEGER NOT NULL CHECK (unavailable >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  committed INTEGER NOT NULL CHECK (committed >= 0),
  PRIMARY KEY (sku, warehouse),
  CHECK (reserved + committed + unavailable <= on_hand)
) STRICT, WITHOUT ROWID;

-- Gives each order id a short number, so that the other tables append and stay small. `state` is
-- NULL while only refused requests know the order: 1 awaiting_payment, 2 reserved, 3 committed,
-- 4 partially_shipped, 5 shipped, 6 partially_released, 7 released, 8 expired.
-- `expires_at` is set exactly while units are reserved. `ship_to` is where the last placement
-- goes, for reserving it again. `steps` counts the order's rows in requests.
CREATE TABLE orders (
  order_no INTEGER PRIMARY KEY,
  order_id TEXT NOT NULL UNIQUE,
  state INTEGER CHECK (state BETWEEN 1 AND 8),
  expires_at INTEGER,
  ship_to TEXT,
  steps INTEGER NOT NULL
) STRICT;

-- The sweep ends holds in order of expiry.
CREATE INDEX orders_by_expiry ON orders (expires_at, order_no) WHERE expires_at IS NOT NULL;

-- A leg: units of one line of an order from one warehouse (NULL: none was chosen). `line_no` and
-- `package` go on counting when an order is placed anew after its hold expired; `placement` says
-- which attempt a leg belongs to. `ended_at` is the soft delete: when the leg's last unit left its
-- hold (for an expired one, when the hold ran out).
CREATE TABLE legs (
  order_no INTEGER NOT NULL,
  leg_no INTEGER NOT NULL,
  placement INTEGER NOT NULL,
  line_no INTEGER NOT NULL,
  package INTEGER NOT NULL,
  sku TEXT NOT NULL,
  warehouse TEXT,
  quantity INTEGER NOT NULL CHECK (quantity > 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  committed INTEGER NOT NULL CHECK (committed >= 0),
  shipped INTEGER NOT NULL CHECK (shipped >= 0),
  released INTEGER NOT NULL CHECK (released >= 0),
  expired INTEGER NOT NULL CHECK (expired >= 0),
  promised_ship_at INTEGER,
  ended_at INTEGER,
  PRIMARY KEY (order_no, leg_no),
  CHECK (quantity = reserved + committed + shipped + released + expired)
) STRICT, WITHOUT ROWID;

-- Every answered request, for ever: the same identity gets the same answer, another fingerprint is
-- a conflict. Also an order's history: `step` is its place there, and the end of a hold has a row.
-- `order_no` is 0 for adjust. `operation`: 1 reserve, 2 confirm, 3 extend, 4 ship, 5 release,
-- 6 deduct, 7 expire, 8 adjust. `request_id` is '' where the caller gave none; `package N` for the
-- ship of one package, `placement N` for the end of a hold: callers' names have no spaces.
-- `fingerprint` is xxh3 of the body. `outcome` is a format byte and the encoded result.
CREATE TABLE requests (
  order_no INTEGER NOT NULL,
  operation INTEGER NOT NULL CHECK (operation BETWEEN 1 AND 8),
  request_id TEXT NOT NULL,
  step INTEGER NOT NULL,
  at INTEGER NOT NULL,
  fingerprint INTEGER NOT NULL,
  outcome BLOB NOT NULL,
  PRIMARY KEY (order_no, operation, request_id)
) STRICT, WITHOUT ROWID;

-- The ledger, which is also the change feed: one row for each time the counters of a sku
-- (warehouse NULL) or of a sku in a warehouse moved. The quantity moved is the difference.
-- `kind` is an operation as in requests, or 9 sold_out, 10 back_in_stock (which move nothing and
-- follow the row that made them true); `cause` is always the operation.
-- `stock_*` is sellable of a sku, on_hand of a sku in a warehouse.
CREATE TABLE ledger (
  seq INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 10),
  cause INTEGER NOT NULL CHECK (cause BETWEEN 1 AND 8),
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

-- What a guest compares to know whether it may trust what it remembers of `sites` and
-- `warehouse_stock`: the sum of a hash for each site made and for each row of the ledger. As with
-- `catalog_stamps`, equal stamps mean equal rows, whatever was rolled back meanwhile. It has one row,
-- and begins with 0, or where there are rows already with any number that no other database has.
CREATE TABLE stock_stamp (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  stamp INTEGER NOT NULL
) STRICT;

INSERT INTO stock_stamp (one, stamp)
SELECT 1, iif(EXISTS (SELECT 1 FROM ledger) OR EXISTS (SELECT 1 FROM warehouse_stock), random(), 0);

-- Where a sku lies: a warehouse that stocks it, or has. The names are here, and what orders move is in
-- `warehouse_stock`: next to every commit writes most of its pages, so its rows are short, and found by
-- a number.
CREATE TABLE sites (
  site_no INTEGER PRIMARY KEY,
  sku TEXT NOT NULL,
  warehouse TEXT NOT NULL,
  UNIQUE (sku, warehouse)
) STRICT;

INSERT INTO sites (sku, warehouse)
SELECT sku, warehouse FROM warehouse_stock ORDER BY sku, warehouse;

ALTER TABLE warehouse_stock RENAME TO warehouse_stock_before;

CREATE TABLE warehouse_stock (
  site_no INTEGER PRIMARY KEY,
  on_hand INTEGER NOT NULL CHECK (on_hand <= 2147483647),
  unavailable INTEGER NOT NULL CHECK (unavailable >= 0),
  reserved INTEGER NOT NULL CHECK (reserved >= 0),
  committed INTEGER NOT NULL CHECK (committed >= 0),
  last_shipment INTEGER,
  CHECK (reserved + committed + unavailable <= on_hand)
) STRICT;

INSERT INTO warehouse_stock
SELECT s.site_no, b.on_hand, b.unavailable, b.reserved, b.committed, b.last_shipment
FROM sites s JOIN warehouse_stock_before b ON b.sku = s.sku AND b.warehouse = s.warehouse
ORDER BY s.site_no;

DROP TABLE warehouse_stock_before;

CREATE INDEX sites_by_warehouse ON sites (warehouse, sku);

//! Orders and their legs.

use super::rows::{Cells, read, read_each, unreadable, write_each};
use super::{Database, Error, Parameter, codes};
use crate::domain::order::LegUnits;
use crate::domain::{
    Adcode, Instant, Location, OrderId, OrderState, ShipTo, Sku, Strategy, WarehouseCode,
};
use std::borrow::Cow;

/// The longest sku.
const SKU_BYTES_MAX: usize = 64;

/// A row of `orders`, without its id: callers look it up by that, or do not need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OrderRow {
    pub(crate) order_no: i64,
    pub(crate) state: Option<OrderState>,
    pub(crate) expires_at: Option<Instant>,
    pub(crate) route: Option<Route>,
    pub(crate) steps: u32,
}

/// Where an order goes, and how its warehouses are ranked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) ship_to: ShipTo,
    pub(crate) strategy: Strategy,
}

/// A row of `legs`; `S` and `W` are the caller's words for sku and warehouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LegRow<S, W> {
    pub(crate) placement: u32,
    pub(crate) line: u32,
    pub(crate) package: u32,
    pub(crate) sku: S,
    pub(crate) warehouse: Option<W>,
    pub(crate) units: LegUnits,
    pub(crate) promised_ship_at: Option<Instant>,
    pub(crate) ended_at: Option<Instant>,
}

/// The last number given.
pub(crate) fn last_number(database: &mut dyn Database) -> Result<i64, Error> {
    const LAST: &str = "SELECT coalesce(max(order_no), 0) FROM orders";
    let found = read(database, LAST, &[], |cells| cells.integer())?;
    Ok(found.into_iter().next().expect("an aggregate has one row"))
}

/// The orders of these ids that have a row, each with its index among the ids.
pub(crate) fn find<'a>(
    database: &mut dyn Database,
    ids: impl Iterator<Item = &'a OrderId>,
) -> Result<Vec<(usize, OrderRow)>, Error> {
    const FIND: &str = "SELECT ?2, order_no, state, expires_at, ship_to, steps
        FROM orders WHERE order_id = ?1";
    let runs =
        ids.enumerate().map(|(index, id)| [Parameter::Text(id.as_str()), Parameter::index(index)]);
    read_each(database, FIND, runs, |cells| Ok((cells.number()?, order_row(cells)?)))
}

/// Expiry and number of an order: its place among those that are due.
pub(crate) type DuePlace = (i64, i64);

/// At most `limit` orders whose holds end at or before `now`, after `past`, in order of expiry;
/// each with the number of its legs.
pub(crate) fn due(
    database: &mut dyn Database,
    now: Instant,
    past: DuePlace,
    limit: u32,
) -> Result<Vec<(u32, OrderRow)>, Error> {
    const DUE: &str = "SELECT
        (SELECT coalesce(max(leg_no), 0) FROM legs WHERE legs.order_no = orders.order_no),
        order_no, state, expires_at, ship_to, steps FROM orders
        WHERE expires_at <= ?1 AND (expires_at, order_no) > (?2, ?3)
        ORDER BY expires_at, order_no LIMIT ?4 + 0";
    let parameters =
        [now.into(), Parameter::Integer(past.0), Parameter::Integer(past.1), limit.into()];
    read(database, DUE, &parameters, |cells| Ok((cells.number()?, order_row(cells)?)))
}

/// Units of a sku that an order holds, though it is due.
pub(crate) struct DueLeg {
    pub(crate) order_no: i64,
    pub(crate) sku: Sku,
    pub(crate) warehouse: Option<WarehouseCode>,
    pub(crate) units: u32,
}

/// What the next `orders_max` due orders after `past` hold of these skus, in order of expiry: at
/// most `legs_max` legs.
pub(crate) fn due_legs<'a>(
    database: &mut dyn Database,
    now: Instant,
    past: DuePlace,
    skus: impl Iterator<Item = &'a Sku>,
    (orders_max, legs_max): (u32, u32),
) -> Result<Vec<DueLeg>, Error> {
    // The orders come first, whatever the planner thinks: there is no index of legs by their sku.
    // The CLI's SQLite has no JSON, so the skus are a blob of equal parts.
    const LEGS: &str = "WITH RECURSIVE part(start) AS (
            SELECT 1 UNION ALL SELECT start + 64 FROM part WHERE start + 64 < length(?4))
        SELECT o.order_no, l.sku, l.warehouse, l.reserved
        FROM (SELECT order_no, expires_at FROM orders
            WHERE expires_at <= ?1 AND (expires_at, order_no) > (?2, ?3)
            ORDER BY expires_at, order_no LIMIT ?5 + 0) o
        CROSS JOIN legs l ON l.order_no = o.order_no
        WHERE l.reserved > 0 AND l.sku IN (
            SELECT rtrim(CAST(substr(?4, start, 64) AS TEXT)) FROM part)
        ORDER BY o.expires_at, o.order_no, l.leg_no LIMIT ?6 + 0";
    let skus = padded(skus);
    let parameters = [
        now.into(),
        Parameter::Integer(past.0),
        Parameter::Integer(past.1),
        Parameter::Blob(&skus),
        orders_max.into(),
        legs_max.into(),
    ];
    read(database, LEGS, &parameters, |cells| {
        Ok(DueLeg {
            order_no: cells.integer()?,
            sku: cells.sku()?,
            warehouse: cells.optional_warehouse()?,
            units: cells.number()?,
        })
    })
}

/// Skus one after the other, each with spaces behind it, which no sku has, to 64 bytes.
fn padded<'a>(skus: impl Iterator<Item = &'a Sku>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, sku) in (1..).zip(skus) {
        bytes.extend_from_slice(sku.as_str().as_bytes());
        bytes.resize(number * SKU_BYTES_MAX, b' ');
    }
    bytes
}

/// Whether more than `orders` orders are due after `past`.
pub(crate) fn is_more_due(
    database: &mut dyn Database,
    now: Instant,
    past: DuePlace,
    orders: u32,
) -> Result<bool, Error> {
    const MORE: &str = "SELECT order_no FROM orders
        WHERE expires_at <= ?1 AND (expires_at, order_no) > (?2, ?3)
        ORDER BY expires_at, order_no LIMIT 1 OFFSET ?4 + 0";
    let parameters =
        [now.into(), Parameter::Integer(past.0), Parameter::Integer(past.1), orders.into()];
    Ok(!read(database, MORE, &parameters, |cells| cells.integer())?.is_empty())
}

/// The rows of orders, which there are.
pub(crate) fn rows(
    database: &mut dyn Database,
    numbers: impl Iterator<Item = i64>,
) -> Result<Vec<OrderRow>, Error> {
    const ROWS: &str = "SELECT order_no, state, expires_at, ship_to, steps
        FROM orders WHERE order_no = ?1";
    read_each(database, ROWS, numbers.map(|number| [Parameter::Integer(number)]), order_row)
}

fn order_row(cells: &mut Cells<'_>) -> Result<OrderRow, Error> {
    Ok(OrderRow {
        order_no: cells.integer()?,
        state: cells.optional_number()?.map(codes::to_state).transpose()?,
        expires_at: cells.optional_instant()?,
        route: cells.optional_text()?.map(to_route).transpose()?,
        steps: cells.number()?,
    })
}

/// A leg, with the index of its order.
pub(crate) type StoredLeg<S, W> = (usize, LegRow<S, W>);

/// The legs of these orders in order of their numbers; `name` says what the caller calls their skus
/// and warehouses.
pub(crate) fn legs<S, W>(
    database: &mut dyn Database,
    orders: impl Iterator<Item = (usize, i64)>,
    mut name: impl FnMut(&str, Option<&str>) -> (S, Option<W>),
) -> Result<Vec<StoredLeg<S, W>>, Error> {
    const LEGS: &str = "SELECT ?2, placement, line_no, package, sku, warehouse, quantity, reserved,
        committed, shipped, released, expired, promised_ship_at, ended_at
        FROM legs WHERE order_no = ?1 ORDER BY leg_no";
    let runs =
        orders.map(|(index, order_no)| [Parameter::Integer(order_no), Parameter::index(index)]);
    read_each(database, LEGS, runs, |cells| Ok((cells.number()?, leg_row(cells, &mut name)?)))
}

fn leg_row<S, W>(
    cells: &mut Cells<'_>,
    mut name: impl FnMut(&str, Option<&str>) -> (S, Option<W>),
) -> Result<LegRow<S, W>, Error> {
    let (placement, line, package) = (cells.number()?, cells.number()?, cells.number()?);
    let (sku, warehouse) = name(cells.text()?, cells.optional_text()?);
    Ok(LegRow {
        placement,
        line,
        package,
        sku,
        warehouse,
        units: LegUnits {
            quantity: cells.number()?,
            reserved: cells.number()?,
            committed: cells.number()?,
            shipped: cells.number()?,
            released: cells.number()?,
            expired: cells.number()?,
        },
        promised_ship_at: cells.optional_instant()?,
        ended_at: cells.optional_instant()?,
    })
}

/// Writes orders that have no row yet, in order of their numbers.
pub(crate) fn insert<'a>(
    database: &mut dyn Database,
    orders: impl Iterator<Item = (&'a OrderId, &'a OrderRow)>,
) -> Result<(), Error> {
    const INSERT: &str =
        "INSERT INTO orders (order_no, order_id, state, expires_at, ship_to, steps)
        VALUES (?, ?, ?, ?, ?, ?)";
    let orders: Vec<_> = orders.map(|(id, row)| (id, row, of_route(row))).collect();
    let runs = orders.iter().map(|(id, row, route)| {
        let [state, expires_at, ship_to, steps] = changing(row, route.as_deref());
        let order_no = Parameter::Integer(row.order_no);
        [order_no, Parameter::Text(id.as_str()), state, expires_at, ship_to, steps]
    });
    write_each(database, INSERT, runs)
}

/// Writes what may change of orders that have a row.
pub(crate) fn update<'a>(
    database: &mut dyn Database,
    orders: impl Iterator<Item = &'a OrderRow>,
) -> Result<(), Error> {
    const UPDATE: &str = "UPDATE orders SET state = ?, expires_at = ?, ship_to = ?, steps = ?
        WHERE order_no = ?";
    let orders: Vec<_> = orders.map(|row| (row, of_route(row))).collect();
    let runs = orders.iter().map(|(row, route)| {
        let [state, expires_at, ship_to, steps] = changing(row, route.as_deref());
        [state, expires_at, ship_to, steps, Parameter::Integer(row.order_no)]
    });
    write_each(database, UPDATE, runs)
}

fn changing<'a>(row: &OrderRow, route: Option<&'a str>) -> [Parameter<'a>; 4] {
    [
        Parameter::optional(row.state.map(codes::of_state)),
        Parameter::optional(row.expires_at),
        Parameter::optional_text(route),
        row.steps.into(),
    ]
}

/// `migrations/0002_catalog.sql` says how a route is written.
fn of_route(row: &OrderRow) -> Option<Cow<'_, str>> {
    let Route { ship_to: ShipTo { adcode, location }, strategy } = row.route.as_ref()?;
    let (adcode, code) = (adcode.as_str(), codes::of_strategy(*strategy));
    Some(match location.map(Location::microdegrees) {
        None if *strategy == Strategy::Priority => Cow::Borrowed(adcode),
        None => Cow::Owned(format!("{adcode} {code}")),
        Some((latitude, longitude)) => {
            Cow::Owned(format!("{adcode} {code} {latitude} {longitude}"))
        }
    })
}

fn to_route(text: &str) -> Result<Route, Error> {
    if !text.contains(' ') {
        let ship_to = ShipTo { adcode: Adcode::from_row(text), location: None };
        return Ok(Route { ship_to, strategy: Strategy::Priority });
    }
    let broken = || unreadable(&format!("the route {text:?}"));
    let mut words = text.split(' ');
    let adcode = Adcode::from_row(words.next().ok_or_else(broken)?);
    let numbers: Result<Vec<i32>, _> = words.map(str::parse).collect();
    let (code, location) = match numbers.map_err(|_| broken())?.as_slice() {
        [code] => (*code, None),
        [code, latitude, longitude] => {
            let location = Location::parse_microdegrees(*latitude, *longitude);
            (*code, Some(location.map_err(|_| broken())?))
        }
        _ => return Err(broken()),
    };
    let strategy = codes::to_strategy(u32::try_from(code).map_err(|_| broken())?)?;
    Ok(Route { ship_to: ShipTo { adcode, location }, strategy })
}

/// Writes new legs: of order, leg number, and row.
pub(crate) fn insert_legs<'a>(
    database: &mut dyn Database,
    legs: impl Iterator<Item = (i64, u32, LegRow<&'a Sku, &'a WarehouseCode>)>,
) -> Result<(), Error> {
    const INSERT: &str = "INSERT INTO legs (order_no, leg_no, placement, line_no, package, sku,
        warehouse, quantity, reserved, committed, shipped, released, expired, promised_ship_at,
        ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let runs = legs.map(|(order_no, leg_no, leg)| {
        let [reserved, committed, shipped, released, expired] = places(leg.units);
        [
            Parameter::Integer(order_no),
            leg_no.into(),
            leg.placement.into(),
            leg.line.into(),
            leg.package.into(),
            Parameter::Text(leg.sku.as_str()),
            Parameter::optional_text(leg.warehouse.map(WarehouseCode::as_str)),
            leg.units.quantity.into(),
            reserved,
            committed,
            shipped,
            released,
            expired,
            Parameter::optional(leg.promised_ship_at),
            Parameter::optional(leg.ended_at),
        ]
    });
    write_each(database, INSERT, runs)
}

/// Writes what may change of legs: of order, leg number, units and end.
pub(crate) fn update_legs(
    database: &mut dyn Database,
    legs: impl Iterator<Item = (i64, u32, LegUnits, Option<Instant>)>,
) -> Result<(), Error> {
    const UPDATE: &str = "UPDATE legs SET reserved = ?, committed = ?, shipped = ?, released = ?,
        expired = ?, ended_at = ? WHERE order_no = ? AND leg_no = ?";
    let runs = legs.map(|(order_no, leg_no, units, ended_at)| {
        let [reserved, committed, shipped, released, expired] = places(units);
        let ended_at = Parameter::optional(ended_at);
        let order_no = Parameter::Integer(order_no);
        [reserved, committed, shipped, released, expired, ended_at, order_no, leg_no.into()]
    });
    write_each(database, UPDATE, runs)
}

/// Writes what a transfer changes of legs: of order, leg number, and row.
pub(crate) fn transfer_legs<'a>(
    database: &mut dyn Database,
    legs: impl Iterator<Item = (i64, u32, LegRow<&'a Sku, &'a WarehouseCode>)>,
) -> Result<(), Error> {
    const UPDATE: &str = "UPDATE legs SET package = ?, warehouse = ?, promised_ship_at = ?
        WHERE order_no = ? AND leg_no = ?";
    let runs = legs.map(|(order_no, leg_no, leg)| {
        let warehouse = Parameter::optional_text(leg.warehouse.map(WarehouseCode::as_str));
        let promised_ship_at = Parameter::optional(leg.promised_ship_at);
        let order_no = Parameter::Integer(order_no);
        [leg.package.into(), warehouse, promised_ship_at, order_no, leg_no.into()]
    });
    write_each(database, UPDATE, runs)
}

fn places(units: LegUnits) -> [Parameter<'static>; 5] {
    [
        units.reserved.into(),
        units.committed.into(),
        units.shipped.into(),
        units.released.into(),
        units.expired.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_read_as_they_are_written() {
        for text in ["440305", "440305 2", "440305 3 22543099 -114057868", "440305 1 0 0"] {
            let row = OrderRow {
                order_no: 1,
                state: None,
                expires_at: None,
                route: Some(to_route(text).unwrap()),
                steps: 0,
            };
            assert_eq!(of_route(&row).unwrap(), text);
        }
        for text in ["440305 ", "440305 4", "440305 1 2", "440305 1 91000000 0", "440305 x"] {
            assert!(to_route(text).is_err(), "{text:?}");
        }
    }
}

//! What would become of an order, and why; and when warehouses ship.

use super::batch::Batch;
use super::catalog::memory::known;
use super::placement;
use super::{Fault, Stop};
use crate::domain::calendar::Opening;
use crate::domain::catalog::Promises;
use crate::domain::routing::Explained;
use crate::domain::{
    Denied, Instant, Items, Line, Malformed, Package, Refusal, ShipTo, Shortage, Sku, Strategy,
    WarehouseCode,
};
use crate::storage::Database;
use crate::storage::orders::Route;
use std::rc::Rc;

const OPENINGS_MAX: u32 = 100;

/// An order that is not placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inquiry {
    /// What it wants; a sku may repeat.
    pub lines: Items<Line>,
    /// Where it would go; without it no warehouse is chosen.
    pub ship_to: Option<ShipTo>,
    /// How warehouses are ranked.
    pub strategy: Strategy,
    /// What may not be shipped there is a shortage, and the others are planned.
    pub allow_partial: bool,
}

/// What would become of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// Numbered from 1.
    pub packages: Vec<Package>,
    /// What could not be held.
    pub shortages: Vec<Shortage>,
    /// What may not be shipped there; nothing is planned then, unless a part may be.
    pub denied: Vec<Denied>,
    /// What was never adjusted into being; then nothing is planned.
    pub unknown: Vec<Sku>,
    /// Why each warehouse was taken or passed over.
    pub explain: Vec<WarehouseWhy>,
}

/// Why a warehouse was taken or passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarehouseWhy {
    /// Which.
    pub warehouse: WarehouseCode,
    /// Why, with the numbers.
    pub explained: Explained,
}

/// When a warehouse ships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// The next times without a break.
    pub openings: Vec<Opening>,
    /// When an order of now leaves.
    pub promised_ship_at: Option<Instant>,
}

/// The plan that a reservation of now would follow: the same code on the same rows, and nothing is
/// written.
pub fn plan(
    database: &mut impl Database,
    now: Instant,
    inquiry: &Inquiry,
) -> Result<Planned, Fault> {
    let route = inquiry.ship_to.clone();
    let route = route.map(|ship_to| Route { ship_to, strategy: inquiry.strategy });
    let mut batch = Batch::of_lines(database, now, &inquiry.lines, route.is_some())?;
    let decided = decide(&mut batch, inquiry, route.as_ref());
    match decided {
        Ok(planned) => Ok(planned),
        Err(Stop::Refused(Refusal::UnknownSku(unknown))) => {
            Ok(Planned { unknown, ..Planned::default() })
        }
        Err(Stop::Refused(refusal)) => {
            let code = refusal.code();
            unreachable!("a plan is refused for what is unknown, not for {code}")
        }
        Err(Stop::Failed(fault)) => Err(fault),
    }
}

fn decide(
    batch: &mut Batch<'_>,
    inquiry: &Inquiry,
    route: Option<&Route>,
) -> Result<Planned, Stop> {
    let mut wanted = placement::wanted(batch, &inquiry.lines, inquiry.allow_partial)?;
    wanted.explain = true;
    placement::prepare(batch, &wanted, route)?;
    let mut chosen = placement::plan(batch, &wanted, route)?;
    let explained = std::mem::take(&mut chosen.explained);
    Ok(Planned {
        shortages: placement::shortages(batch, &wanted, &chosen),
        packages: placement::planned_packages(batch, None, &wanted, &chosen),
        explain: named(batch, explained),
        denied: chosen.denied,
        unknown: Vec::new(),
    })
}

fn named(batch: &mut Batch<'_>, explained: Vec<Explained>) -> Vec<WarehouseWhy> {
    let (routing, _) = batch.routing();
    let named = explained.into_iter().map(|explained| WarehouseWhy {
        warehouse: routing.catalog.code(explained.considered.warehouse).clone(),
        explained,
    });
    named.collect()
}

/// When a warehouse ships from now on: at most `count` (1..100) openings. `None`: there is none.
pub fn preview(
    database: &mut impl Database,
    now: Instant,
    warehouse: &WarehouseCode,
    count: u32,
) -> Result<Option<Preview>, Fault> {
    if !(1..=OPENINGS_MAX).contains(&count) {
        let fault = format!("a preview has 1..{OPENINGS_MAX} openings, not {count}");
        return Err(Malformed(fault).into());
    }
    let catalog = known(database)?.catalog;
    let Some(number) = catalog.number(warehouse.as_str()) else {
        return Ok(None);
    };
    let openings =
        catalog.schedule(number).map(|schedule| schedule.next_openings(now, count as usize));
    let promised_ship_at = Promises::new(Rc::clone(&catalog), now).promised_ship_at(number);
    Ok(Some(Preview { openings: openings.unwrap_or_default(), promised_ship_at }))
}

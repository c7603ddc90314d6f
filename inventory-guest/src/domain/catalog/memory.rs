//! The part of the catalog that every order needs, ready in memory: who serves an address, in which
//! order, and when they ship.

use super::{Division, ServiceArea, Warehouse};
use crate::domain::calendar::{Calendar, Schedule, TimeZones};
use crate::domain::routing::{Candidate, Considered, Standing};
use crate::domain::{Adcode, Area, Instant, Location, Position, Strategy, WarehouseCode};
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// All entries of some nouns. `None`: those of the noun stay as they are.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Warehouses, each once.
    pub warehouses: Option<Vec<(WarehouseCode, Warehouse)>>,
    /// Areas served, each once for a warehouse; those of unknown warehouses count for nothing.
    pub service_areas: Option<Vec<(WarehouseCode, Area, ServiceArea)>>,
    /// Calendars, each once for a warehouse.
    pub calendars: Option<Vec<(WarehouseCode, Calendar)>>,
    /// Divisions, each once.
    pub divisions: Option<Vec<(Adcode, Division)>>,
}

/// Warehouses, what they serve, when they ship, and where everything is. Each warehouse has a
/// number here, which stays until the next update.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    warehouses: Vec<(WarehouseCode, Warehouse)>,
    service_areas: Vec<(WarehouseCode, Area, ServiceArea)>,
    schedules: FxHashMap<WarehouseCode, Rc<Schedule>>,
    centres: FxHashMap<Area, Position>,
    /// The warehouses' numbers, and by number when each ships and where it stands: all follow from
    /// the above.
    numbers: FxHashMap<WarehouseCode, usize>,
    shipping: Vec<Option<Rc<Schedule>>>,
    positions: Vec<Option<Position>>,
    serving: FxHashMap<Area, Vec<Serving>>,
}

/// A warehouse that serves an area.
#[derive(Clone, Copy, Debug)]
struct Serving {
    warehouse: usize,
    service: ServiceArea,
}

impl Catalog {
    /// Takes over what the rows say, in place of what it had of their nouns.
    pub fn update(&mut self, rows: Rows) {
        if let Some(warehouses) = rows.warehouses {
            self.warehouses = warehouses;
            self.warehouses.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        }
        if let Some(service_areas) = rows.service_areas {
            self.service_areas = service_areas;
        }
        if let Some(calendars) = rows.calendars {
            let mut zones = TimeZones::default();
            let schedules = calendars.into_iter();
            self.schedules = schedules
                .map(|(code, it)| (code, Rc::new(Schedule::new(it, &mut zones))))
                .collect();
        }
        if let Some(divisions) = rows.divisions {
            let centres = divisions.into_iter();
            let centres = centres.map(|(adcode, it)| (Area::named_by(&adcode), it.location.into()));
            self.centres = centres.collect();
        }
        let codes = self.warehouses.iter().enumerate();
        self.numbers = codes.map(|(number, (code, _))| (code.clone(), number)).collect();
        let codes = self.warehouses.iter().map(|(code, _)| code);
        self.shipping = codes.map(|code| self.schedules.get(code).cloned()).collect();
        self.positions = self.warehouses.iter().map(|(_, it)| self.stands_at(it)).collect();
        self.serving = self.serving();
    }

    /// Where a warehouse is, or else the middle of where it is.
    fn stands_at(&self, warehouse: &Warehouse) -> Option<Position> {
        let centre = || self.centre(warehouse.adcode.as_ref()?);
        warehouse.location.map(Position::from).or_else(centre)
    }

    /// The centre of the smallest known division that holds the adcode.
    fn centre(&self, adcode: &Adcode) -> Option<Position> {
        Area::around(adcode).iter().find_map(|area| self.centres.get(area).copied())
    }

    /// The warehouses of each area, by number.
    fn serving(&self) -> FxHashMap<Area, Vec<Serving>> {
        let mut serving: FxHashMap<Area, Vec<Serving>> = FxHashMap::default();
        for (code, area, service) in &self.service_areas {
            if let Some(&warehouse) = self.numbers.get(code) {
                serving.entry(*area).or_default().push(Serving { warehouse, service: *service });
            }
        }
        for area in serving.values_mut() {
            area.sort_unstable_by_key(|it| it.warehouse);
        }
        serving
    }

    /// How many warehouses there are: their numbers are less.
    pub fn warehouses(&self) -> usize {
        self.warehouses.len()
    }

    /// The warehouse's number. `None`: unknown.
    pub fn number(&self, code: &str) -> Option<usize> {
        self.numbers.get(code).copied()
    }

    /// The code of the warehouse with this number.
    pub fn code(&self, warehouse: usize) -> &WarehouseCode {
        &self.warehouses[warehouse].0
    }

    /// The warehouse with this number.
    pub fn warehouse(&self, warehouse: usize) -> &Warehouse {
        &self.warehouses[warehouse].1
    }

    /// When the warehouse with this number ships; `None`: always.
    pub fn schedule(&self, warehouse: usize) -> Option<&Schedule> {
        self.shipping[warehouse].as_deref()
    }

    /// An address, or its centre where the point is not given.
    pub fn destination(&self, ship_to: &Adcode, point: Option<Location>) -> Destination<'_> {
        let mut serving = vec![None; self.warehouses.len()];
        // The smallest area comes last, and is the one that counts.
        for area in Area::around(ship_to).iter().rev() {
            for it in self.serving.get(area).into_iter().flatten() {
                serving[it.warehouse] = Some((area.digits(), it.service));
            }
        }
        let position = point.map(Position::from).or_else(|| self.centre(ship_to));
        Destination { catalog: self, serving, position }
    }
}

/// An address, as the catalog sees it.
#[derive(Clone, Debug)]
pub struct Destination<'c> {
    catalog: &'c Catalog,
    /// By the warehouse's number: the digits of the smallest of its areas that holds the address,
    /// and how it serves that. `None`: it has no such area.
    serving: Vec<Option<(u8, ServiceArea)>>,
    position: Option<Position>,
}

impl Destination<'_> {
    /// What the warehouse with this number is to the address.
    pub fn standing(&self, warehouse: usize) -> Standing {
        let Some((digits, service)) = self.serving[warehouse] else {
            return Standing::NoService;
        };
        if !self.catalog.warehouse(warehouse).active {
            return Standing::Inactive;
        }
        let from = self.catalog.positions[warehouse];
        let distance = from.zip(self.position).map(|(from, to)| from.distance(to));
        Standing::Candidate(Candidate { warehouse, digits, service, distance })
    }

    /// All warehouses that serve the address, by rank and code; then those that would, were they
    /// active, and those of `others` that do not, each by code.
    pub fn considered(
        &self,
        strategy: Strategy,
        others: impl IntoIterator<Item = usize>,
    ) -> Vec<Considered> {
        let mut is_listed: Vec<bool> = self.serving.iter().map(Option::is_some).collect();
        for warehouse in others {
            is_listed[warehouse] = true;
        }
        let listed = is_listed.into_iter().enumerate().filter(|(_, is_listed)| *is_listed);
        let considered =
            |(warehouse, _)| Considered { warehouse, standing: self.standing(warehouse) };
        let mut considered: Vec<_> = listed.map(considered).collect();
        considered.sort_by_cached_key(|it| match it.standing {
            Standing::Candidate(candidate) => (0, Some(candidate.rank(strategy)), it.warehouse),
            Standing::Inactive => (1, None, it.warehouse),
            Standing::NoService => (2, None, it.warehouse),
        });
        considered
    }

    /// The warehouses that may be chosen for the address, by rank and code.
    pub fn candidates(&self, strategy: Strategy) -> Vec<Candidate> {
        let candidate = |it: Considered| match it.standing {
            Standing::Candidate(candidate) => Some(candidate),
            Standing::Inactive | Standing::NoService => None,
        };
        self.considered(strategy, []).into_iter().filter_map(candidate).collect()
    }
}

/// When each warehouse ships what is ordered now: worked out when it is asked for, once.
#[derive(Debug)]
pub struct Promises {
    catalog: Rc<Catalog>,
    now: Instant,
    known: FxHashMap<usize, Option<Instant>>,
}

impl Promises {
    /// For orders of now.
    pub fn new(catalog: Rc<Catalog>, now: Instant) -> Self {
        Self { catalog, now, known: FxHashMap::default() }
    }

    /// When the warehouse with this number ships; now, where it has no calendar, as one that the
    /// catalog does not know yet. `None`: closed.
    pub fn promised_ship_at(&mut self, warehouse: usize) -> Option<Instant> {
        *self.known.entry(warehouse).or_insert_with(|| {
            let is_known = warehouse < self.catalog.warehouses.len();
            let schedule = if is_known { self.catalog.schedule(warehouse) } else { None };
            schedule.map_or(Some(self.now), |it| it.promised_ship_at(self.now))
        })
    }
}

#[cfg(test)]
mod tests;

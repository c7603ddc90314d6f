//! Warehouses for a replay, and where its orders go: made from a country's divisions and how much
//! each province orders. The same files and plan give the same network.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::plan::{Order, Plan};
use crate::table::{Table, TableError};

/// A sku is stocked in this many warehouses at most.
const WAREHOUSES_OF_A_SKU_MAX: u64 = 8;
/// One in so many pairs of a sku and a province is denied.
const DENIED_ONE_IN: u64 = 2_000;

/// A network of warehouses.
pub struct Network {
    /// Every province, city and district.
    pub divisions: Vec<Place>,
    /// By number.
    pub warehouses: Vec<Warehouse>,
    /// What may not be shipped where: the sku's index, and two digits of an adcode.
    pub denied: Vec<(u32, Box<str>)>,
    /// The adcode that each order of the plan goes to.
    pub destinations: Vec<Box<str>>,
    /// Orders that a denial concerns.
    restricted: HashSet<u32>,
}

/// A place that ships.
pub struct Warehouse {
    /// `W0001`, `W0002`, ….
    pub code: String,
    /// Where it stands.
    pub place: Place,
}

/// A division and its centre.
#[derive(Clone, Debug)]
pub struct Place {
    /// Six digits.
    pub adcode: Box<str>,
    /// In degrees.
    pub lat: f64,
    /// In degrees.
    pub lon: f64,
}

/// Units of a sku that lie in a warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Index of the warehouse.
    pub warehouse: usize,
    /// How many.
    pub units: u32,
}

/// Where a network's places come from.
pub struct Geography {
    divisions: Vec<Place>,
    /// Two digits and a weight.
    provinces: Vec<(Box<str>, u64)>,
    /// The divisions of a province that have no parts, by its two digits.
    leaves: HashMap<Box<str>, Vec<usize>>,
}

impl Geography {
    /// Reads the divisions (adcode, parent, lat, lon) and the demand (a province's adcode, orders).
    pub fn read(divisions: &Path, demand: &Path) -> Result<Self, TableError> {
        let mut table = Table::open(divisions, ["adcode", "parent", "lat", "lon"])?;
        let mut read = Self { divisions: vec![], provinces: vec![], leaves: HashMap::new() };
        let mut parents: HashSet<Box<str>> = HashSet::new();
        while let Some(row) = table.row()? {
            let [_, parent, lat, lon] = row.fields();
            let degrees = |text: &str| {
                let value = text.parse().ok().filter(|value: &f64| value.is_finite());
                value.ok_or_else(|| row.bad(format!("'{text}' is no number of degrees")))
            };
            let (adcode, lat, lon) = (adcode(&row, 0)?, degrees(lat)?, degrees(lon)?);
            parents.insert(parent.into());
            read.divisions.push(Place { adcode, lat, lon });
        }
        for (index, division) in read.divisions.iter().enumerate() {
            if !parents.contains(&division.adcode) {
                read.leaves.entry(division.adcode[..2].into()).or_default().push(index);
            }
        }
        let mut table = Table::open(demand, ["adcode", "orders"])?;
        while let Some(row) = table.row()? {
            let province: Box<str> = adcode(&row, 0)?[..2].into();
            if !read.leaves.contains_key(&province) {
                return Err(row.bad(format!("the divisions have no province {province}")));
            }
            let [_, orders] = row.fields();
            let refuse = || row.bad(format!("orders '{orders}' is not a whole number"));
            read.provinces.push((province, orders.parse().map_err(|_| refuse())?));
        }
        Ok(read)
    }

    /// A place, drawn by how much its province orders.
    fn draw(&self, seed: u64) -> &Place {
        let all: u64 = self.provinces.iter().map(|(_, weight)| weight).sum();
        let mut at = seed % all.max(1);
        let mut drawn = &self.provinces[0].0;
        for (province, weight) in &self.provinces {
            if at < *weight {
                drawn = province;
                break;
            }
            at -= weight;
        }
        let leaves = &self.leaves[drawn];
        &self.divisions[leaves[pick(mix(seed), leaves.len())]]
    }
}

impl Network {
    /// A network of so many warehouses for the orders of a plan.
    pub fn new(geography: &Geography, warehouses: usize, plan: &Plan) -> Self {
        let warehouse = |number: usize| {
            let place = geography.draw(hash(&format!("warehouse {number}"))).clone();
            Warehouse { code: format!("W{number:04}"), place }
        };
        let destination = |order: &Order| geography.draw(hash(&order.id)).adcode.clone();
        let mut network = Self {
            divisions: geography.divisions.clone(),
            warehouses: (1..=warehouses).map(warehouse).collect(),
            denied: vec![],
            destinations: plan.orders.iter().map(destination).collect(),
            restricted: HashSet::new(),
        };
        for (sku, name) in (0..).zip(&plan.skus) {
            for (province, _) in &geography.provinces {
                if hash(&format!("{name} in {province}")) % DENIED_ONE_IN == 0 {
                    network.denied.push((sku, province.clone()));
                }
            }
        }
        let denied: HashSet<(u32, &str)> =
            network.denied.iter().map(|(sku, province)| (*sku, &**province)).collect();
        for (index, (order, to)) in (0..).zip(plan.orders.iter().zip(&network.destinations)) {
            if plan.lines(order).iter().any(|line| denied.contains(&(line.sku, &to[..2]))) {
                network.restricted.insert(index);
            }
        }
        network
    }

    /// Whether the order may not be shipped to where it goes.
    pub fn is_restricted(&self, order: u32) -> bool {
        self.restricted.contains(&order)
    }

    /// How a sku's units are spread: over one to eight warehouses, about evenly.
    pub fn shares(&self, sku: &str, units: u32) -> Vec<Share> {
        let seed = hash(sku);
        let wanted = 1 + seed % WAREHOUSES_OF_A_SKU_MAX;
        let mut chosen: Vec<usize> =
            (0..wanted).map(|turn| pick(mix(seed ^ turn), self.warehouses.len())).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let each = units / u32::try_from(chosen.len()).expect("there are at most eight");
        let mut rest = units;
        let mut shares: Vec<Share> = Vec::with_capacity(chosen.len());
        for warehouse in chosen {
            shares.push(Share { warehouse, units: each });
            rest -= each;
        }
        shares[0].units += rest;
        shares.retain(|share| share.units > 0);
        shares
    }
}

fn adcode<const N: usize>(
    row: &crate::table::Row<'_, N>,
    column: usize,
) -> Result<Box<str>, TableError> {
    let field = row.word(column, 6)?;
    if field.len() == 6 && field.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(field.into());
    }
    Err(row.bad(format!("adcode '{field}' is not six digits")))
}

fn pick(seed: u64, of: usize) -> usize {
    usize::try_from(seed % of as u64).expect("is less than a length")
}

/// FNV-1a, then mixed: the same on every machine, which the standard library's is not.
fn hash(text: &str) -> u64 {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// The finisher of `SplitMix64`.
fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Feed;
    use crate::plan::{InitialStock, Terms};
    use crate::tests::{ORDERS, Sample};
    use std::time::Duration;

    const DIVISIONS: &str = "\
        adcode,name,level,parent,lat,lon\n\
        110000,B,province,,39.9,116.4\n110100,B,city,110000,39.9,116.4\n\
        110101,D,district,110100,39.93,116.42\n440000,G,province,,23.1,113.3\n\
        441900,C,city,440000,23.02,113.75\n";

    fn geography() -> Geography {
        let divisions = Sample::new(DIVISIONS, None);
        let demand = Sample::new("adcode,name,orders\n110000,B,1\n440000,G,3\n", None);
        Geography::read(divisions.path(), demand.path()).unwrap()
    }

    #[test]
    fn places_are_divisions_without_parts_drawn_by_demand() {
        let geography = geography();
        let drawn: Vec<&str> =
            (0..400_u64).map(|seed| &*geography.draw(mix(seed)).adcode).collect();
        let of = |adcode| drawn.iter().filter(|it| **it == adcode).count();
        assert_eq!(of("110101") + of("441900"), 400);
        assert!((60..140).contains(&of("110101")), "{}", of("110101"));
    }

    #[test]
    fn shares_add_up_and_a_network_comes_out_the_same_again() {
        let sample = Sample::new(ORDERS, None);
        let terms = Terms {
            initial_stock: InitialStock::Sufficient,
            ship_after: Duration::from_hours(24),
            orders_max: usize::MAX,
        };
        let plan = Plan::new(Feed::read(sample.path()).unwrap(), &terms).unwrap();
        let geography = geography();
        let network = Network::new(&geography, 20, &plan);
        assert_eq!(network.destinations, Network::new(&geography, 20, &plan).destinations);
        assert_eq!(network.destinations.len(), plan.orders.len());
        for units in [0, 1, 7, 1_000] {
            let shares = network.shares("A", units);
            assert_eq!(shares.iter().map(|share| share.units).sum::<u32>(), units);
            assert!(shares.iter().all(|share| share.units > 0 && share.warehouse < 20));
        }
    }
}

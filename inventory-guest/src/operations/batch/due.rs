//! Holds that are due and have not ended: what they have counts as free. To end one takes many
//! rows, so a command ends only those whose units it takes; the others wait for the sweep.

use super::stock::{SiteIndex, SkuIndex};
use super::warehouses::MetIndex;
use super::{Batch, Fault, OrderIndex};
use crate::domain::{Sku, WarehouseCode};
use crate::storage;
use rustc_hash::{FxHashMap, FxHashSet};

/// How many due orders are looked at, and how many of their legs are remembered, beyond those that
/// end at a batch's start.
const ORDERS_MAX: u32 = 16_384;
const LEGS_MAX: u32 = 16_384;
/// How many holds end on the way to one command.
const ENDED_MAX: usize = 8_192;

/// What due holds have of the batch's skus.
#[derive(Default)]
pub(super) struct Due {
    /// Skus from here on were not looked for.
    skus: SkuIndex,
    /// Some due holds were not looked at.
    more: bool,
    of: FxHashMap<SkuIndex, OfSku>,
    at: FxHashMap<(SkuIndex, MetIndex), u32>,
    holds: FxHashMap<i64, Hold>,
}

#[derive(Default)]
struct OfSku {
    units: u32,
    /// Who has them or had them, in order of expiry.
    orders: Vec<i64>,
}

#[derive(Default)]
struct Hold {
    /// Where the batch has its order, if it does.
    order: Option<OrderIndex>,
    legs: Vec<Leg>,
}

struct Leg {
    sku: SkuIndex,
    warehouse: Option<MetIndex>,
    units: u32,
}

/// Units that must be free: of a sku in a warehouse, or, without one, to be sold at all.
pub(in crate::operations) struct Need {
    pub(in crate::operations) sku: SkuIndex,
    pub(in crate::operations) site: Option<SiteIndex>,
    pub(in crate::operations) units: u64,
}

impl Due {
    /// Units of a sku that count as free, in a warehouse or anywhere.
    pub(super) fn units(&self, sku: SkuIndex, warehouse: Option<MetIndex>) -> u32 {
        match warehouse {
            None => self.of.get(&sku).map_or(0, |of| of.units),
            Some(warehouse) => self.at.get(&(sku, warehouse)).copied().unwrap_or(0),
        }
    }

    fn count(&mut self, order_no: i64, order: Option<OrderIndex>, leg: Leg) {
        let of = self.of.entry(leg.sku).or_default();
        of.units += leg.units;
        if of.orders.last() != Some(&order_no) {
            of.orders.push(order_no);
        }
        if let Some(warehouse) = leg.warehouse {
            *self.at.entry((leg.sku, warehouse)).or_default() += leg.units;
        }
        let hold = self.holds.entry(order_no).or_default();
        hold.order = order;
        hold.legs.push(leg);
    }

    /// What the order held is free now.
    pub(super) fn ended(&mut self, order_no: i64) {
        for leg in self.holds.remove(&order_no).unwrap_or_default().legs {
            let counted = "what an order holds was counted";
            self.of.get_mut(&leg.sku).expect(counted).units -= leg.units;
            if let Some(warehouse) = leg.warehouse {
                *self.at.get_mut(&(leg.sku, warehouse)).expect(counted) -= leg.units;
            }
        }
    }

    /// Chooses holds in order of expiry, until they have as many units as are lacking.
    fn choose(
        &self,
        (sku, warehouse): (SkuIndex, Option<MetIndex>),
        mut lacking: u64,
        chosen: &mut Chosen,
    ) {
        let Some(of) = self.of.get(&sku) else {
            return;
        };
        for order_no in &of.orders {
            if lacking == 0 {
                return;
            }
            let legs = self.holds.get(order_no).map_or(&[][..], |hold| &hold.legs);
            let is_there =
                |leg: &&Leg| leg.sku == sku && (warehouse.is_none() || leg.warehouse == warehouse);
            let units: u64 = legs.iter().filter(is_there).map(|leg| u64::from(leg.units)).sum();
            if units > 0 {
                lacking = lacking.saturating_sub(units);
                if chosen.known.insert(*order_no) {
                    chosen.orders.push(*order_no);
                }
            }
        }
    }
}

/// Holds that are to end.
#[derive(Default)]
struct Chosen {
    orders: Vec<i64>,
    known: FxHashSet<i64>,
}

impl Batch<'_> {
    /// Lets due holds that have not ended count as free, as far as they have any of the batch's
    /// skus; the given ones are among these. Answers whether that is news.
    pub(in crate::operations) fn count_due(&mut self, skus: &[SkuIndex]) -> Result<bool, Fault> {
        let is_counted = skus.iter().all(|sku| *sku < self.stock.due.skus);
        if is_counted || !self.holds.more {
            return Ok(false);
        }
        let (database, now, past) = (&mut *self.database, self.now, self.holds.past);
        let names = self.stock.names();
        let bounds = (ORDERS_MAX, LEGS_MAX);
        let legs = storage::orders::due_legs(database, now, past, names, bounds)?;
        let more = legs.len() == LEGS_MAX as usize
            || storage::orders::is_more_due(database, now, past, ORDERS_MAX)?;
        let known: FxHashMap<_, _> =
            self.orders.iter().enumerate().map(|(at, order)| (order.row.order_no, at)).collect();
        let mut due = Due { skus: self.stock.names().len(), more, ..Due::default() };
        for leg in legs {
            let order = known.get(&leg.order_no).copied();
            if order.is_some_and(|order| !self.is_due(order)) {
                continue;
            }
            let sku = self.stock.index(&leg.sku).expect("it is one that was asked for");
            let warehouse = leg.warehouse.map(|code| self.stock.warehouses.meet(code.as_str()));
            due.count(leg.order_no, order, Leg { sku, warehouse, units: leg.units });
        }
        let any = !due.holds.is_empty();
        self.stock.due = due;
        Ok(any)
    }

    /// Whether what is short is really short. Where more is due than is looked at, nobody knows:
    /// the sweep ends some, and the request is decided later.
    pub(in crate::operations) fn check_all_due_counted(&self) -> Result<(), Fault> {
        if self.holds.more && self.stock.due.more { Err(Fault::Busy) } else { Ok(()) }
    }

    /// Whether something counts as free that is not.
    pub(in crate::operations) fn is_any_due(&self) -> bool {
        !self.stock.due.holds.is_empty()
    }

    /// Ends as many of the holds that count as free as it takes for these units to be so.
    pub(in crate::operations) fn end_due(
        &mut self,
        needs: impl Iterator<Item = Need>,
    ) -> Result<(), Fault> {
        let mut chosen = Chosen::default();
        for Need { sku, site, units } in needs {
            let lacking = self.stock.lacking(sku, site, units);
            let warehouse = site.map(|site| self.stock.met(sku, site));
            self.stock.due.choose((sku, warehouse), lacking, &mut chosen);
        }
        self.end_chosen(&chosen.orders)
    }

    /// Ends all due holds of skus, in a warehouse or anywhere.
    pub(in crate::operations) fn end_all_due_of<'s>(
        &mut self,
        places: impl Iterator<Item = (&'s Sku, Option<&'s WarehouseCode>)>,
    ) -> Result<(), Fault> {
        let place = |(sku, code): (&Sku, Option<&WarehouseCode>)| {
            (self.stock.want(sku), code.map(|code| self.stock.warehouses.meet(code.as_str())))
        };
        let places: Vec<_> = places.map(place).collect();
        self.stock.load(self.database)?;
        let skus: Vec<SkuIndex> = places.iter().map(|(sku, _)| *sku).collect();
        self.count_due(&skus)?;
        self.check_all_due_counted()?;
        let mut chosen = Chosen::default();
        for place in places {
            self.stock.due.choose(place, u64::MAX, &mut chosen);
        }
        self.end_chosen(&chosen.orders)
    }

    fn end_chosen(&mut self, chosen: &[i64]) -> Result<(), Fault> {
        if chosen.len() > ENDED_MAX {
            return Err(Fault::Busy);
        }
        let order_of = |order_no: &i64| self.stock.due.holds[order_no].order;
        let unread = chosen.iter().copied().filter(|order_no| order_of(order_no).is_none());
        let rows = storage::orders::rows(self.database, unread)?;
        let mut ending: Vec<OrderIndex> = chosen.iter().filter_map(order_of).collect();
        for row in rows {
            ending.push(self.add_due(row));
        }
        self.load_legs(ending.iter().copied(), |_| true)?;
        self.end_holds(&ending);
        Ok(())
    }
}

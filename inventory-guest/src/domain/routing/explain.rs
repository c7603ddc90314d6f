//! Why each warehouse was taken or passed over.

use super::{Considered, Demand, Plan, Short, Site, Standing, Supply};

/// Why a warehouse was taken or passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It gives units.
    Taken,
    /// None of its areas holds the address.
    NoService,
    /// It is not active.
    Inactive,
    /// It has nothing of what is asked for.
    NoStock,
    /// Its calendar never opens again.
    Closed,
    /// Warehouses before it in the order, or fewer of them, give everything.
    NotNeeded,
    /// Primary warehouses give everything that it has.
    BackupNotNeeded,
    /// It could give what is short, but no more may be sold.
    NotSellable,
    /// What it could give may not be shipped there, or the order is refused for what may not.
    Denied,
}

impl Why {
    /// The stable code that callers see.
    pub fn code(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::NoService => "no_service",
            Self::Inactive => "inactive",
            Self::NoStock => "no_stock",
            Self::Closed => "closed",
            Self::NotNeeded => "not_needed",
            Self::BackupNotNeeded => "backup_not_needed",
            Self::NotSellable => "not_sellable",
            Self::Denied => "denied",
        }
    }
}

/// What became of a warehouse, with the numbers behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Which.
    pub considered: Considered,
    /// Units that the order asks for.
    pub requested: u64,
    /// How many of those it could give.
    pub free: u64,
    /// How many more it could, were they not kept: safety stock, and what a count did not find.
    pub kept: u64,
    /// How many it gives.
    pub taken: u64,
    /// Why.
    pub why: Why,
}

impl Explained {
    /// The same where what a warehouse has may not be shipped there: `there` is what it would be
    /// without the rules.
    #[must_use]
    pub fn denying(self, there: &Self) -> Self {
        let is_denied = self.why == Why::NoStock && there.free > 0;
        if is_denied { Self { why: Why::Denied, ..self } } else { self }
    }

    /// The same of an order that is refused for what may not be shipped there: nobody gives.
    #[must_use]
    pub fn of_refused(self) -> Self {
        let why = match self.why {
            Why::Taken | Why::NotNeeded | Why::BackupNotNeeded | Why::NotSellable => Why::Denied,
            why @ (Why::NoService | Why::Inactive | Why::NoStock | Why::Closed | Why::Denied) => {
                why
            }
        };
        Self { why, taken: 0, ..self }
    }
}

/// What the supplies have of a warehouse.
#[derive(Clone, Copy, Default)]
struct Units {
    free: u64,
    kept: u64,
    taken: u64,
    /// Some of what is free is of a supply that is short.
    is_short: bool,
}

/// Explains a plan of these demands and supplies: one answer for each warehouse considered. `kept`
/// says of a supply's site how many more units lie there, but not for orders.
pub fn explain(
    demands: &[Demand],
    supplies: &[Supply],
    plan: &Plan,
    considered: &[Considered],
    kept: impl Fn(usize, &Site) -> u32,
) -> Vec<Explained> {
    let mut requested = vec![0_u64; supplies.len()];
    for demand in demands {
        requested[demand.supply] += u64::from(demand.units);
    }
    // By the warehouse's number.
    let count = considered.iter().map(|it| it.warehouse + 1).max().unwrap_or(0);
    let mut units = vec![Units::default(); count];
    for (number, (supply, requested)) in supplies.iter().zip(&requested).enumerate() {
        let is_short = |short: &Short| short.supply.cmp(&number);
        let is_short = plan.shorts.binary_search_by(is_short).is_ok();
        for site in supply.sites.iter().flatten() {
            let Some(units) = units.get_mut(site.warehouse) else { continue };
            let there = u64::from(site.free) + u64::from(kept(number, site));
            let free = u64::from(site.free).min(*requested);
            units.free += free;
            units.kept += there.min(*requested) - free;
            units.is_short |= is_short && free > 0;
        }
    }
    for share in &plan.shares {
        let sites = supplies[demands[share.demand].supply].sites.as_ref();
        let giving = |index| {
            let at = sites?.binary_search_by_key(&index, |site| site.index).ok()?;
            Some(sites?[at].warehouse)
        };
        let giving = share.site.and_then(giving);
        if let Some(units) = giving.and_then(|it| units.get_mut(it)) {
            units.taken += u64::from(share.units);
        }
    }
    let requested = requested.iter().sum();
    let explained = considered.iter().map(|it| {
        let units = units[it.warehouse];
        let Units { free, kept, taken, .. } = units;
        Explained { considered: *it, requested, free, kept, taken, why: why(it, units, plan) }
    });
    explained.collect()
}

fn why(considered: &Considered, units: Units, plan: &Plan) -> Why {
    let candidate = match considered.standing {
        Standing::NoService => return Why::NoService,
        Standing::Inactive => return Why::Inactive,
        Standing::Candidate(candidate) => candidate,
    };
    if units.taken > 0 {
        Why::Taken
    } else if plan.closed.binary_search(&considered.warehouse).is_ok() {
        Why::Closed
    } else if units.free == 0 {
        Why::NoStock
    } else if units.is_short {
        Why::NotSellable
    } else if candidate.service.backup {
        Why::BackupNotNeeded
    } else {
        Why::NotNeeded
    }
}

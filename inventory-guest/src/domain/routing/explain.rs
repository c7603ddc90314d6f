//! Why each warehouse was taken or passed over.

use super::{Considered, Demand, Plan, Standing, Supply};

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
    /// How many it gives.
    pub taken: u64,
    /// Why.
    pub why: Why,
}

/// Explains a plan of these demands and supplies: one answer for each warehouse considered.
pub fn explain(
    demands: &[Demand],
    supplies: &[Supply],
    plan: &Plan,
    considered: &[Considered],
) -> Vec<Explained> {
    let mut requested = vec![0_u64; supplies.len()];
    for demand in demands {
        requested[demand.supply] += u64::from(demand.units);
    }
    // By the warehouse's number: free, and taken.
    let count = considered.iter().map(|it| it.warehouse + 1).max().unwrap_or(0);
    let mut units = vec![(0_u64, 0_u64); count];
    for (supply, requested) in supplies.iter().zip(&requested) {
        for site in supply.sites.iter().flatten() {
            if let Some((free, _)) = units.get_mut(site.warehouse) {
                *free += u64::from(site.free).min(*requested);
            }
        }
    }
    for share in &plan.shares {
        let sites = supplies[demands[share.demand].supply].sites.as_ref();
        let giving = |index| {
            let at = sites?.binary_search_by_key(&index, |site| site.index).ok()?;
            Some(sites?[at].warehouse)
        };
        let giving = share.site.and_then(giving);
        if let Some((_, taken)) = giving.and_then(|it| units.get_mut(it)) {
            *taken += u64::from(share.units);
        }
    }
    let requested = requested.iter().sum();
    let explained = considered.iter().map(|it| {
        let (free, taken) = units[it.warehouse];
        Explained { considered: *it, requested, free, taken, why: why(it, free, taken, plan) }
    });
    explained.collect()
}

fn why(considered: &Considered, free: u64, taken: u64, plan: &Plan) -> Why {
    let candidate = match considered.standing {
        Standing::NoService => return Why::NoService,
        Standing::Inactive => return Why::Inactive,
        Standing::Candidate(candidate) => candidate,
    };
    if taken > 0 {
        Why::Taken
    } else if plan.closed.binary_search(&considered.warehouse).is_ok() {
        Why::Closed
    } else if free == 0 {
        Why::NoStock
    } else if candidate.service.backup {
        Why::BackupNotNeeded
    } else {
        Why::NotNeeded
    }
}

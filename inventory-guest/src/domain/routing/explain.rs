//! Why each warehouse was taken or passed over.

use super::{Considered, Demand, Plan, Standing, Supply};
use rustc_hash::FxHashMap;

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
    let mut free: FxHashMap<usize, u64> = FxHashMap::default();
    for (supply, requested) in supplies.iter().zip(&requested) {
        for site in supply.sites.iter().flatten() {
            *free.entry(site.warehouse).or_default() += u64::from(site.free).min(*requested);
        }
    }
    let mut taken: FxHashMap<usize, u64> = FxHashMap::default();
    for share in &plan.shares {
        let sites = supplies[demands[share.demand].supply].sites.as_ref();
        let is_giving = |index| sites?.iter().find(|site| site.index == index);
        if let Some(site) = share.site.and_then(is_giving) {
            *taken.entry(site.warehouse).or_default() += u64::from(share.units);
        }
    }
    let of = |units: &FxHashMap<usize, u64>, it: &Considered| {
        units.get(&it.warehouse).copied().unwrap_or(0)
    };
    let requested = requested.iter().sum();
    let explained = considered.iter().map(|it| {
        let (free, taken) = (of(&free, it), of(&taken, it));
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
    } else if free == 0 {
        Why::NoStock
    } else if plan.closed.binary_search(&considered.warehouse).is_ok() {
        Why::Closed
    } else if candidate.service.backup {
        Why::BackupNotNeeded
    } else {
        Why::NotNeeded
    }
}

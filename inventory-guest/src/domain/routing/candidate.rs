//! Warehouses that serve an address, and their order.

use crate::domain::catalog::ServiceArea;
use crate::domain::{Distance, Strategy};

/// A warehouse that serves an address, by the smallest of its areas that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The catalog's number for it.
    pub warehouse: usize,
    /// Digits of that area: more are served first.
    pub digits: u8,
    /// How it serves it.
    pub service: ServiceArea,
    /// From the warehouse to the address; `None`: not known of one of them.
    pub distance: Option<Distance>,
}

/// A warehouse's place in the order; the same catalog, address and strategy give the same. Equal
/// ones are told apart by their codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Backup warehouses come after all primary ones.
    backup: bool,
    first: u64,
    second: u64,
}

impl Candidate {
    /// Its place in the order of this strategy.
    pub fn rank(&self, strategy: Strategy) -> Rank {
        assert!(self.digits <= 6, "an area has 0..6 digits, not {}", self.digits);
        let service = (u64::from(6 - self.digits) << 32) | u64::from(self.service.priority);
        let distance = self.distance.unwrap_or(Distance::UNKNOWN).steps();
        let (first, second) = match strategy {
            Strategy::Priority | Strategy::MinSplits => (service, distance),
            Strategy::Nearest => (distance, service),
        };
        Rank { backup: self.service.backup, first, second }
    }
}

impl Rank {
    /// Whether the warehouse is only a backup for the address.
    pub fn is_backup(self) -> bool {
        self.backup
    }
}

/// What a warehouse is to an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It serves it, and may be chosen.
    Candidate(Candidate),
    /// It serves it, and is not active.
    Inactive,
    /// None of its areas holds it.
    NoService,
}

/// A warehouse that routing looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Considered {
    /// The catalog's number for it.
    pub warehouse: usize,
    /// What it is to the address.
    pub standing: Standing,
}

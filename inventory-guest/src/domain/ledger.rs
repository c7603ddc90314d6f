//! Where units are, and how they move. Every counter moves through here, so none is ever negative,
//! lost or made: what leaves one place arrives in another.

use super::UNITS_MAX;

/// Where units of an order's leg are, or have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Free: not yet held.
    Sellable,
    /// Held, unpaid.
    Reserved,
    /// Held and paid.
    Committed,
    /// Left the warehouse.
    Shipped,
    /// Given back by a cancel or refund: sellable again.
    Released,
    /// Given back by the end of the hold: sellable again.
    Expired,
}

/// Which counters hold a leg's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// No warehouse was chosen: the sku's own.
    Sku,
    /// Those of the sku in its warehouse.
    Site,
}

/// Units of one leg that go from one place to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Where they were.
    pub from: Place,
    /// Where they are then.
    pub to: Place,
    /// How many.
    pub units: u32,
}

impl Movement {
    /// Whether it takes units from what is sellable, or gives them back.
    #[must_use]
    pub fn is_of_sellable(self) -> bool {
        let is_sellable =
            |place| matches!(place, Place::Sellable | Place::Released | Place::Expired);
        is_sellable(self.from) || is_sellable(self.to)
    }
}

/// The counters of a sku: what is sellable, and what is held without a warehouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SkuCounters {
    /// What may still be promised.
    pub sellable: u32,
    /// Held without a warehouse, unpaid.
    pub reserved: u32,
    /// Held without a warehouse, paid.
    pub committed: u32,
}

/// The counters of a sku in a warehouse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteCounters {
    /// What physically lies there.
    pub on_hand: u32,
    /// What lies there and is not for sale.
    pub unavailable: u32,
    /// Held there, unpaid.
    pub reserved: u32,
    /// Held there, paid.
    pub committed: u32,
}

impl SkuCounters {
    /// These counters after a movement of a leg whose held units are counted at `home`.
    #[must_use]
    pub fn after(mut self, movement: Movement, home: Home) -> Self {
        if let Some(counter) = self.counter(movement.from, home) {
            take(counter, movement.units);
        }
        if let Some(counter) = self.counter(movement.to, home) {
            put(counter, movement.units);
        }
        self
    }

    fn counter(&mut self, place: Place, home: Home) -> Option<&mut u32> {
        match (place, home) {
            (Place::Sellable | Place::Released | Place::Expired, _) => Some(&mut self.sellable),
            (Place::Reserved, Home::Sku) => Some(&mut self.reserved),
            (Place::Committed, Home::Sku) => Some(&mut self.committed),
            (Place::Reserved | Place::Committed, Home::Site) | (Place::Shipped, _) => None,
        }
    }
}

impl SiteCounters {
    /// These counters after a movement of a leg of this warehouse.
    #[must_use]
    pub fn after(mut self, movement: Movement) -> Self {
        self.assert_bound();
        match movement.from {
            Place::Reserved => take(&mut self.reserved, movement.units),
            Place::Committed => take(&mut self.committed, movement.units),
            Place::Sellable | Place::Shipped | Place::Released | Place::Expired => {}
        }
        match movement.to {
            Place::Reserved => put(&mut self.reserved, movement.units),
            Place::Committed => put(&mut self.committed, movement.units),
            Place::Shipped => take(&mut self.on_hand, movement.units),
            Place::Sellable | Place::Released | Place::Expired => {}
        }
        self.assert_bound();
        self
    }

    /// Units held there for orders.
    pub fn held(self) -> u32 {
        self.reserved + self.committed
    }

    /// Units that may still be held there.
    pub fn free(self) -> u32 {
        self.on_hand - self.unavailable - self.held()
    }

    fn assert_bound(self) {
        let bound = u64::from(self.reserved) + u64::from(self.committed);
        assert!(
            bound + u64::from(self.unavailable) <= u64::from(self.on_hand),
            "reserved + committed + unavailable must not pass on_hand: {self:?}",
        );
    }
}

fn take(counter: &mut u32, units: u32) {
    assert!(units <= *counter, "{units} units cannot leave a counter of {counter}");
    *counter -= units;
}

fn put(counter: &mut u32, units: u32) {
    assert!(units <= UNITS_MAX - *counter, "{units} units overflow a counter of {counter}");
    *counter += units;
}

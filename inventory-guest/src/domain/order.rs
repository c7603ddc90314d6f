//! An order's state, and what becomes of the units of its legs.

use super::ledger::{Movement, Place};
use serde::{Deserialize, Serialize};

/// What an order has come to. Set by the operation that last moved it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderState {
    /// Known, to be deducted at payment; nothing held.
    AwaitingPayment,
    /// Units held, unpaid, until the hold ends.
    Reserved,
    /// Units held and paid, not yet shipped.
    Committed,
    /// Some packages have left, others not.
    PartiallyShipped,
    /// Everything that was still held has left.
    Shipped,
    /// Some units were given back; others are held or shipped.
    PartiallyReleased,
    /// Everything was given back, or released before it was ever held (a tombstone).
    Released,
    /// The hold ran out unpaid.
    Expired,
}

/// The units of one leg: some of an order's line, from one warehouse (or none).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LegUnits {
    /// How many were placed: always the sum of the others.
    pub quantity: u32,
    /// Held, unpaid.
    pub reserved: u32,
    /// Held and paid.
    pub committed: u32,
    /// Left.
    pub shipped: u32,
    /// Given back by a cancel or refund.
    pub released: u32,
    /// Given back by the end of the hold.
    pub expired: u32,
}

impl LegUnits {
    /// A leg's units as they are placed: all in one place.
    pub fn placed(movement: Movement) -> Self {
        assert!(
            movement.from == Place::Sellable && movement.units > 0,
            "{movement:?} places a leg"
        );
        let mut units = Self { quantity: movement.units, ..Self::default() };
        *units.counter(movement.to) += movement.units;
        units
    }

    /// The units after some of them moved.
    #[must_use]
    pub fn after(mut self, movement: Movement) -> Self {
        let source = self.counter(movement.from);
        assert!(movement.units <= *source, "{movement:?} moves more than the leg has");
        *source -= movement.units;
        *self.counter(movement.to) += movement.units;
        assert!(self.adds_up(), "a leg's quantity must be the sum of its places: {self:?}");
        self
    }

    /// Units held for the order.
    pub fn held(self) -> u32 {
        self.reserved + self.committed
    }

    /// Where the held units are: an order's units are all paid or all unpaid.
    pub fn held_at(self) -> Place {
        assert!(self.reserved == 0 || self.committed == 0, "a leg is paid or not: {self:?}");
        if self.reserved > 0 { Place::Reserved } else { Place::Committed }
    }

    fn adds_up(self) -> bool {
        self.quantity
            == self.reserved + self.committed + self.shipped + self.released + self.expired
    }

    fn counter(&mut self, place: Place) -> &mut u32 {
        match place {
            Place::Reserved => &mut self.reserved,
            Place::Committed => &mut self.committed,
            Place::Shipped => &mut self.shipped,
            Place::Released => &mut self.released,
            Place::Expired => &mut self.expired,
            Place::Sellable => unreachable!("a leg's units never become unplaced"),
        }
    }
}

/// Sums over an order's legs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderUnits {
    /// Held, unpaid.
    pub reserved: u64,
    /// Held and paid.
    pub committed: u64,
    /// Left.
    pub shipped: u64,
}

impl OrderUnits {
    /// Adds up legs.
    pub fn sum(legs: impl Iterator<Item = LegUnits>) -> Self {
        legs.fold(Self::default(), |sum, leg| Self {
            reserved: sum.reserved + u64::from(leg.reserved),
            committed: sum.committed + u64::from(leg.committed),
            shipped: sum.shipped + u64::from(leg.shipped),
        })
    }

    /// Units held for the order.
    pub fn held(self) -> u64 {
        self.reserved + self.committed
    }

    /// The state of an order that has just shipped some units and is left with these.
    pub fn state_after_ship(self) -> OrderState {
        if self.held() == 0 { OrderState::Shipped } else { OrderState::PartiallyShipped }
    }

    /// The state of an order that has just given back some units and is left with these.
    pub fn state_after_release(self) -> OrderState {
        if self.held() == 0 && self.shipped == 0 {
            OrderState::Released
        } else {
            OrderState::PartiallyReleased
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ledger::{Home, SiteCounters, SkuCounters};
    use proptest::prelude::*;

    /// What an order may do to a leg, one after the other.
    fn step() -> impl Strategy<Value = (Place, Place)> {
        prop_oneof![
            Just((Place::Reserved, Place::Committed)),
            Just((Place::Reserved, Place::Expired)),
            Just((Place::Reserved, Place::Released)),
            Just((Place::Committed, Place::Released)),
            Just((Place::Committed, Place::Shipped)),
        ]
    }

    fn placed() -> impl Strategy<Value = Place> {
        prop_oneof![Just(Place::Reserved), Just(Place::Committed)]
    }

    proptest! {
        #[test]
        fn no_step_makes_or_loses_a_unit(
            to in placed(),
            units in 1_u32..100,
            steps in proptest::collection::vec((step(), 0.0..=1.0), 0..9),
        ) {
            let placed = Movement { from: Place::Sellable, to, units };
            let mut leg = LegUnits::placed(placed);
            let start = SkuCounters { sellable: 150, ..SkuCounters::default() };
            let shelf = SiteCounters { on_hand: 100, ..SiteCounters::default() };
            let mut anywhere = start.after(placed, Home::Sku);
            let mut routed = start.after(placed, Home::Site);
            let mut site = shelf.after(placed);
            for ((from, to), part) in steps {
                let there = *leg.clone().counter(from);
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let units = (f64::from(there) * part) as u32;
                let movement = Movement { from, to, units };
                leg = leg.after(movement);
                anywhere = anywhere.after(movement, Home::Sku);
                routed = routed.after(movement, Home::Site);
                site = site.after(movement);
                prop_assert_eq!(leg.quantity, placed.units);
                let held = (leg.reserved, leg.committed);
                prop_assert_eq!((anywhere.reserved, anywhere.committed), held);
                prop_assert_eq!((site.reserved, site.committed), held);
                prop_assert_eq!((routed.reserved, routed.committed), (0, 0));
                prop_assert_eq!(anywhere.sellable, routed.sellable);
                prop_assert_eq!(anywhere.sellable + leg.held() + leg.shipped, 150);
                prop_assert_eq!(site.on_hand + leg.shipped, 100);
                prop_assert_eq!(site.free(), site.on_hand - leg.held());
            }
        }
    }

    #[test]
    #[should_panic(expected = "moves more than the leg has")]
    fn a_leg_never_gives_what_it_does_not_have() {
        let leg =
            LegUnits::placed(Movement { from: Place::Sellable, to: Place::Reserved, units: 1 });
        let _ = leg.after(Movement { from: Place::Committed, to: Place::Shipped, units: 1 });
    }

    #[test]
    #[should_panic(expected = "cannot leave a counter of 0")]
    fn a_counter_never_goes_below_zero() {
        let sale = Movement { from: Place::Sellable, to: Place::Reserved, units: 1 };
        let _ = SkuCounters::default().after(sale, Home::Sku);
    }

    #[test]
    fn states_follow_from_what_is_left() {
        let units = |reserved, committed, shipped| OrderUnits { reserved, committed, shipped };
        assert_eq!(units(0, 0, 3).state_after_ship(), OrderState::Shipped);
        assert_eq!(units(0, 1, 3).state_after_ship(), OrderState::PartiallyShipped);
        assert_eq!(units(0, 0, 0).state_after_release(), OrderState::Released);
        assert_eq!(units(1, 0, 0).state_after_release(), OrderState::PartiallyReleased);
        assert_eq!(units(0, 1, 0).state_after_release(), OrderState::PartiallyReleased);
        assert_eq!(units(0, 0, 1).state_after_release(), OrderState::PartiallyReleased);
    }
}

//! What the server must hold, going by its own answers: orders it says it took are counted, orders
//! it says it refused are not. Reconciliation holds the server to it.

use std::collections::{BTreeMap, HashMap};

use crate::difference::Difference;
use crate::network::Network;
use crate::outcome::{Outcome, State};
use crate::plan::{Action, InitialStock, Line, Plan, Step};

/// The state of every order, as last answered.
pub struct Books {
    initial_stock: InitialStock,
    /// By the order's index; `None` where it was never placed.
    states: Vec<Option<State>>,
    /// The releases that were carried out, of the orders that have any.
    released: HashMap<u32, Vec<u32>>,
}

/// The counters of a sku.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What may still be promised.
    pub sellable: u64,
    /// Held, unpaid.
    pub reserved: u64,
    /// Held and paid.
    pub committed: u64,
}

/// What became of an order's units of one sku.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Placed.
    pub quantity: u64,
    /// Held, unpaid.
    pub reserved: u64,
    /// Held and paid.
    pub committed: u64,
    /// Left.
    pub shipped: u64,
    /// Given back.
    pub released: u64,
}

impl Fate {
    /// Both together.
    #[must_use]
    pub fn plus(self, other: &Self) -> Self {
        Self {
            quantity: self.quantity + other.quantity,
            reserved: self.reserved + other.reserved,
            committed: self.committed + other.committed,
            shipped: self.shipped + other.shipped,
            released: self.released + other.released,
        }
    }
}

impl Books {
    /// Nothing has been answered yet.
    pub fn new(plan: &Plan, initial_stock: InitialStock) -> Self {
        let states = vec![None; plan.orders.len()];
        Self { initial_stock, states, released: HashMap::new() }
    }

    /// Whether the step means anything: an order that was refused has no further life.
    pub fn calls_for(&self, step: Step) -> bool {
        step.action == Action::Reserve || self.states[step.order as usize].is_some()
    }

    /// An order's state; `None` where it was never placed.
    pub fn state(&self, order: u32) -> Option<State> {
        self.states[order as usize]
    }

    /// Notes what became of a step. An outcome the plan did not foresee is noted all the same, and
    /// told as a difference.
    pub fn record(&mut self, plan: &Plan, step: Step, outcome: &Outcome) -> Result<(), Difference> {
        if let Outcome::Done(state) = outcome {
            self.states[step.order as usize] = Some(*state);
            if let Action::Release(release)
            | Action::ReleaseRest(release)
            | Action::Return(release) = step.action
            {
                self.released.entry(step.order).or_default().push(release);
            }
        }
        let refused = |code: &str| matches!(outcome, Outcome::Refused(actual) if actual == code);
        let is_restricted = |network: &Network| network.is_restricted(step.order);
        let foreseen = match step.action {
            Action::Reserve if plan.network.as_ref().is_some_and(is_restricted) => {
                Foreseen::Refused("region_restricted")
            }
            action => foreseen(action),
        };
        let fits = match (foreseen, self.initial_stock) {
            (Foreseen::Done(State::Reserved), InitialStock::Scarce)
                if refused("insufficient_stock") =>
            {
                true
            }
            (Foreseen::Done(state), _) => *outcome == Outcome::Done(state),
            (Foreseen::Refused(code), _) => refused(code),
        };
        if fits {
            return Ok(());
        }
        Err(Difference {
            subject: format!("order {}", plan.order(step).id),
            what: format!("outcome of {:?}", step.action),
            expected: format!("{foreseen:?}"),
            actual: format!("{outcome:?}"),
        })
    }

    /// What became of each sku of an order that was placed.
    pub fn fates(&self, plan: &Plan, order: u32) -> BTreeMap<u32, Fate> {
        let mut fates: BTreeMap<u32, Fate> = BTreeMap::new();
        for Line { sku, quantity } in plan.lines(&plan.orders[order as usize]) {
            fates.entry(*sku).or_default().quantity += u64::from(*quantity);
        }
        for release in self.released.get(&order).into_iter().flatten() {
            for Line { sku, quantity } in &plan.releases[*release as usize].lines {
                fates.entry(*sku).or_default().released += u64::from(*quantity);
            }
        }
        for fate in fates.values_mut() {
            // Fewer are left than none only where the server took a release it had to refuse.
            let left = fate.quantity.saturating_sub(fate.released);
            match self.state(order) {
                Some(State::Reserved) => fate.reserved = left,
                Some(State::Shipped) => fate.shipped = left,
                _ => fate.committed = left,
            }
        }
        fates
    }

    /// The counters of every sku.
    pub fn counters(&self, plan: &Plan) -> Vec<Counters> {
        let full = |units: &u32| Counters { sellable: u64::from(*units), ..Counters::default() };
        let mut counters: Vec<_> = plan.initial.iter().map(full).collect();
        for (order, _) in (0..).zip(&plan.orders).filter(|(order, _)| self.state(*order).is_some())
        {
            for (sku, fate) in self.fates(plan, order) {
                let counters = &mut counters[sku as usize];
                let gone = fate.reserved + fate.committed + fate.shipped;
                counters.sellable = counters.sellable.saturating_sub(gone);
                counters.reserved += fate.reserved;
                counters.committed += fate.committed;
            }
        }
        counters
    }
}

#[derive(Clone, Copy, Debug)]
enum Foreseen {
    Done(State),
    Refused(&'static str),
}

fn foreseen(action: Action) -> Foreseen {
    match action {
        Action::Reserve => Foreseen::Done(State::Reserved),
        Action::Confirm => Foreseen::Done(State::Committed),
        Action::Release(_) => Foreseen::Done(State::PartiallyReleased),
        Action::ReleaseRest(_) => Foreseen::Done(State::Released),
        Action::Ship => Foreseen::Done(State::Shipped),
        Action::Return(_) => Foreseen::Refused("already_shipped"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::feed::Feed;
    use crate::plan::Terms;
    use crate::tests::{LINKS, ORDERS, Sample};

    fn plan(initial_stock: InitialStock) -> Plan {
        let sample = Sample::new(ORDERS, Some(LINKS));
        let ship_after = Duration::from_hours(24);
        let terms = Terms { initial_stock, ship_after, orders_max: usize::MAX };
        Plan::new(Feed::read(sample.path()).unwrap(), &terms).unwrap()
    }

    fn foreseen_outcome(step: Step) -> Outcome {
        match foreseen(step.action) {
            Foreseen::Done(state) => Outcome::Done(state),
            Foreseen::Refused(code) => Outcome::Refused(code.into()),
        }
    }

    #[test]
    fn the_books_follow_the_answers() {
        let plan = plan(InitialStock::Sufficient);
        let mut books = Books::new(&plan, InitialStock::Sufficient);
        for step in &plan.steps {
            assert!(books.calls_for(*step));
            assert_eq!(books.record(&plan, *step, &foreseen_outcome(*step)), Ok(()));
        }
        let row = |sellable, reserved, committed| Counters { sellable, reserved, committed };
        assert_eq!(books.counters(&plan), [row(0, 0, 2), row(2, 0, 0), row(1, 0, 0)]);
        assert_eq!(books.state(0), Some(State::Shipped));
        let fates = books.fates(&plan, 0);
        assert_eq!(fates[&0], Fate { quantity: 7, shipped: 7, ..Fate::default() });
        assert_eq!(fates[&1], Fate { quantity: 4, shipped: 2, released: 2, ..Fate::default() });
    }

    #[test]
    fn a_refused_order_has_no_further_life_and_keeps_nothing() {
        let plan = plan(InitialStock::Scarce);
        let mut books = Books::new(&plan, InitialStock::Scarce);
        for step in &plan.steps {
            let outcome = match &*plan.order(*step).id {
                "2" => Outcome::Refused("insufficient_stock".into()),
                _ => foreseen_outcome(*step),
            };
            if books.calls_for(*step) {
                assert_eq!(books.record(&plan, *step, &outcome), Ok(()));
            } else {
                assert_eq!(&*plan.order(*step).id, "2");
            }
        }
        assert_eq!(books.state(1), None);
        let sellable: Vec<_> = books.counters(&plan).iter().map(|sku| sku.sellable).collect();
        assert_eq!(sellable, [0, 1, 3]);
    }

    #[test]
    fn an_unforeseen_outcome_is_a_difference() {
        let plan = plan(InitialStock::Sufficient);
        let mut books = Books::new(&plan, InitialStock::Sufficient);
        let step = plan.steps[0];
        let outcome = Outcome::Refused("insufficient_stock".into());
        let difference = books.record(&plan, step, &outcome).unwrap_err().to_string();
        assert_eq!(
            difference,
            "order 1: outcome of Reserve: expected Done(Reserved), is \
             Refused(\"insufficient_stock\")"
        );
        assert!(books.record(&plan, step, &Outcome::Done(State::Shipped)).is_err());
    }
}

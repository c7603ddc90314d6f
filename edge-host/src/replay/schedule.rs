//! Hands out a plan's steps to many connections: in stream order, except that no two steps of an
//! order are ever under way together.

use std::collections::{HashMap, VecDeque};

use inventory_replay::plan::Step;

/// Where the stream stands. A step that comes up while its order is under way waits for it.
pub(super) struct Schedule {
    /// The next step of the plan to look at.
    position: usize,
    /// Steps whose order has become free; they go first.
    ready: VecDeque<Step>,
    /// The orders under way, and what waits for each. No larger than the steps under way.
    under_way: HashMap<u32, VecDeque<Step>>,
}

impl Schedule {
    pub(super) fn new() -> Self {
        Self { position: 0, ready: VecDeque::new(), under_way: HashMap::new() }
    }

    /// The next step that may be done now. After `None`, only `done` can bring further ones: to its
    /// caller, who must ask again.
    pub(super) fn next(&mut self, steps: &[Step]) -> Option<Step> {
        if let Some(step) = self.ready.pop_front() {
            return Some(step);
        }
        while let Some(step) = steps.get(self.position) {
            self.position += 1;
            if let Some(waiting) = self.under_way.get_mut(&step.order) {
                waiting.push_back(*step);
            } else {
                self.under_way.insert(step.order, VecDeque::new());
                return Some(*step);
            }
        }
        None
    }

    /// The step of this order that was under way is done.
    pub(super) fn done(&mut self, order: u32) {
        let waiting =
            self.under_way.get_mut(&order).expect("a step is done after it was handed out");
        match waiting.pop_front() {
            Some(step) => self.ready.push_back(step),
            None => drop(self.under_way.remove(&order)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use inventory_replay::plan::Action::{Confirm, Reserve, Ship};

    #[test]
    fn steps_of_one_order_follow_each_other_and_others_pass_by() {
        let step = |order, action| Step { order, action };
        let steps =
            [step(1, Reserve), step(1, Confirm), step(2, Reserve), step(1, Ship), step(2, Confirm)];
        let mut schedule = Schedule::new();
        assert_eq!(schedule.next(&steps), Some(step(1, Reserve)));
        assert_eq!(schedule.next(&steps), Some(step(2, Reserve)));
        assert_eq!(schedule.next(&steps), None);
        schedule.done(1);
        assert_eq!(schedule.next(&steps), Some(step(1, Confirm)));
        assert_eq!(schedule.next(&steps), None);
        schedule.done(2);
        schedule.done(1);
        assert_eq!(schedule.next(&steps), Some(step(2, Confirm)));
        assert_eq!(schedule.next(&steps), Some(step(1, Ship)));
        schedule.done(1);
        schedule.done(2);
        assert_eq!(schedule.next(&steps), None);
        assert!(schedule.under_way.is_empty());
    }
}

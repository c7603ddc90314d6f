//! Holds whose time has passed: they count as free for every command of the batch.

use super::orders::OrderEntry;
use super::{Batch, Earlier, Fault, OrderIndex};
use crate::domain::ledger::{Movement, Place};
use crate::domain::{Answer, Operation, OrderState, Refusal};
use crate::storage;
use crate::storage::orders::{DuePlace, OrderRow};
use rustc_hash::FxHashMap;

/// How many holds end together; bounds what a step reads and writes.
pub(super) const STEP_ORDERS_MAX: u32 = 256;
/// How many legs the steps of a batch end, unless a single order has more.
const BATCH_LEGS_MAX: u32 = 4_096;

/// How far the batch has come with the holds that are due.
#[derive(Default)]
pub(super) struct DueHolds {
    /// Expiry and number of the last due order that was read.
    pub(super) past: DuePlace,
    /// The last step was a whole one: there may be more.
    pub(super) more: bool,
    /// Legs of all steps so far.
    legs: u32,
    /// Ended at the batch's start, not yet answered to an `expire`.
    pub(super) unclaimed: u32,
}

impl Batch<'_> {
    /// Reads the next due orders, without their legs.
    pub(super) fn find_due(&mut self, limit: u32) -> Result<Vec<OrderIndex>, Fault> {
        let rows = storage::orders::due(self.database, self.now, self.holds.past, limit)?;
        let sums = rows.iter().scan(self.holds.legs, |sum, (legs, _)| {
            *sum += legs;
            Some(*sum)
        });
        // The batch's first one ends, whatever it has.
        let minimum = rows.len().min(usize::from(self.holds.legs == 0));
        let count = sums.take_while(|sum| *sum <= BATCH_LEGS_MAX).count().max(minimum);
        self.holds.more = rows.len() == limit as usize || count < rows.len();
        let Some((_, last)) = rows[..count].last() else {
            return Ok(Vec::new());
        };
        let expires_at = last.expires_at.expect("a due order has an expiry");
        self.holds.past = (expires_at.as_milliseconds(), last.order_no);
        let known: FxHashMap<_, _> =
            self.orders.iter().enumerate().map(|(at, order)| (order.row.order_no, at)).collect();
        let mut due = Vec::with_capacity(count);
        for (legs, row) in rows.into_iter().take(count) {
            self.holds.legs += legs;
            due.push(match known.get(&row.order_no) {
                Some(order) => *order,
                None => self.add_due(row),
            });
        }
        Ok(due)
    }

    /// Takes in an order whose hold is due.
    pub(super) fn add_due(&mut self, row: OrderRow) -> OrderIndex {
        self.orders.push(OrderEntry::due(row));
        self.orders.len() - 1
    }

    /// Ends those of the holds that have not ended meanwhile; answers how many.
    pub(super) fn end_holds(&mut self, due: &[OrderIndex]) -> u32 {
        let mut ended = 0;
        for &order in due {
            if self.is_due(order) {
                self.end_hold(order);
                ended += 1;
            }
        }
        ended
    }

    /// Ends one order's hold if its time has passed.
    pub(in crate::operations) fn end_hold_if_due(&mut self, order: OrderIndex) {
        if self.is_due(order) {
            self.end_hold(order);
        }
    }

    /// Ends at most `limit` holds that are due, counting those ended at the batch's start; fewer,
    /// if they have many legs.
    pub(in crate::operations) fn expire(&mut self, limit: u32) -> Result<u32, Fault> {
        let mut ended = self.holds.unclaimed.min(limit);
        self.holds.unclaimed -= ended;
        while ended < limit && self.holds.more {
            let due = self.find_due((limit - ended).min(STEP_ORDERS_MAX))?;
            if due.is_empty() {
                break;
            }
            self.load_legs(due.iter().copied(), |_| true)?;
            ended += self.end_holds(&due);
        }
        Ok(ended)
    }

    pub(super) fn is_due(&self, order: OrderIndex) -> bool {
        self.orders[order].row.expires_at.is_some_and(|expires_at| expires_at <= self.now)
    }

    fn end_hold(&mut self, order: OrderIndex) {
        let ended_at = self.orders[order].row.expires_at.take().expect("a due hold has an expiry");
        for leg in 0..self.orders[order].legs.len() {
            let units = self.orders[order].legs[leg].row.units.reserved;
            if units > 0 {
                let movement = Movement { from: Place::Reserved, to: Place::Expired, units };
                self.move_leg(order, leg, movement, ended_at, (Operation::Expire, None));
            }
        }
        let entry = &mut self.orders[order];
        self.stock.due.ended(entry.row.order_no);
        entry.row.state = Some(OrderState::Expired);
        let step = entry.next_step();
        self.requests.remember_expiry(entry.row.order_no, entry.last_placement(), step);
    }

    /// What was answered before to the identity of a command.
    pub(in crate::operations) fn answered_before(&self, number: usize) -> Result<Earlier, Fault> {
        self.requests.earlier(number)
    }

    /// Remembers what is answered now.
    pub(in crate::operations) fn remember(
        &mut self,
        number: usize,
        result: &Result<Answer, Refusal>,
    ) {
        self.requests.remember(number, result, &mut self.orders);
    }
}

//! Holds whose time has passed: they count as free for every command of the batch.

use super::orders::OrderEntry;
use super::{Batch, Earlier, Fault, OrderIndex};
use crate::domain::ledger::{Movement, Place};
use crate::domain::{Answer, Operation, OrderState, Refusal};
use crate::storage;
use rustc_hash::FxHashMap;

/// How many holds end together; bounds what a step reads and writes.
pub(super) const STEP_ORDERS_MAX: u32 = 256;

/// How far the batch has come with the holds that are due.
#[derive(Default)]
pub(super) struct DueHolds {
    /// Expiry and number of the last due order that was read.
    past: (i64, i64),
    /// The last step was a whole one: there may be more.
    more: bool,
    /// Ended at the batch's start, not yet answered to an `expire`.
    pub(super) unclaimed: u32,
}

impl Batch<'_> {
    /// Reads the next due orders, without their legs.
    pub(super) fn find_due(&mut self, limit: u32) -> Result<Vec<OrderIndex>, Fault> {
        let rows = storage::orders::due(self.database, self.now, self.holds.past, limit)?;
        self.holds.more = rows.len() == limit as usize;
        let Some(last) = rows.last() else {
            return Ok(Vec::new());
        };
        let expires_at = last.expires_at.expect("a due order has an expiry");
        self.holds.past = (expires_at.as_milliseconds(), last.order_no);
        let known: FxHashMap<_, _> =
            self.orders.iter().enumerate().map(|(at, order)| (order.row.order_no, at)).collect();
        let mut due = Vec::with_capacity(rows.len());
        for row in rows {
            due.push(known.get(&row.order_no).copied().unwrap_or(self.orders.len()));
            if !known.contains_key(&row.order_no) {
                self.orders.push(OrderEntry::due(row));
            }
        }
        Ok(due)
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

    /// Ends every hold that is due, in steps; answers whether there was any.
    pub(in crate::operations) fn end_all_due(&mut self) -> Result<bool, Fault> {
        let mut any = false;
        while self.holds.more {
            any |= self.end_step(STEP_ORDERS_MAX)? > 0;
        }
        Ok(any)
    }

    /// Ends at most `limit` holds that are due, counting those ended at the batch's start.
    pub(in crate::operations) fn expire(&mut self, limit: u32) -> Result<u32, Fault> {
        let mut ended = self.holds.unclaimed.min(limit);
        self.holds.unclaimed -= ended;
        while ended < limit && self.holds.more {
            ended += self.end_step((limit - ended).min(STEP_ORDERS_MAX))?;
        }
        Ok(ended)
    }

    fn end_step(&mut self, limit: u32) -> Result<u32, Fault> {
        let due = self.find_due(limit)?;
        self.load_legs(due.iter().copied())?;
        Ok(self.end_holds(&due))
    }

    fn is_due(&self, order: OrderIndex) -> bool {
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

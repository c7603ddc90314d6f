//! The rows of the change feed, as far as counts must know them: when each was written, and which
//! of them let units leave a warehouse.

use super::Model;
use crate::door::words::Instant;

/// Units that left a warehouse.
#[derive(Clone, Debug)]
pub(super) struct Shipment {
    pub(super) seq: u64,
    pub(super) sku: String,
    pub(super) warehouse: String,
    pub(super) units: i64,
}

impl Model {
    /// The sequence of the last row.
    pub(crate) fn last_seq(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The sequences of shipments from warehouses.
    pub(crate) fn shipped_at(&self) -> Vec<u64> {
        self.shipments.iter().map(|it| it.seq).collect()
    }

    /// A row is written now.
    pub(super) fn write_row(&mut self, now: Instant) {
        self.rows.push(now);
    }

    /// What may be promised of a sku was and is this: a row, and one more when it begins or ends.
    pub(super) fn write_sellable(&mut self, now: Instant, before: i64, after: i64) {
        self.write_row(now);
        if (before == 0) != (after == 0) {
            self.write_row(now);
        }
    }

    /// So many more may be promised of a sku: an order holds less in a warehouse, or in none.
    pub(super) fn sell(&mut self, now: Instant, sku: &str, warehouse: Option<&str>, units: i64) {
        let sellable = self.sellable.get_mut(sku).expect("an order's skus are known");
        let before = *sellable;
        *sellable += units;
        let after = *sellable;
        self.write_sellable(now, before, after);
        if warehouse.is_some() {
            self.write_row(now);
        }
    }

    /// Units leave.
    pub(super) fn leave(&mut self, now: Instant, sku: &str, warehouse: Option<&str>, units: i64) {
        self.write_row(now);
        let Some(code) = warehouse else {
            return;
        };
        let (sku, warehouse, seq) = (sku.to_owned(), code.to_owned(), self.last_seq());
        let place = (sku.clone(), warehouse.clone());
        let site = self.sites.get_mut(&place).expect("a leg's warehouse is known");
        site.on_hand -= units;
        // No more is missing than lies there.
        let left = u32::try_from(site.on_hand).expect("what is held lies there");
        let missing = (warehouse.clone(), sku.clone());
        if let Some(it) = self.missing.get_mut(&missing) {
            it.missing = it.missing.min(left);
        }
        self.missing.retain(|_, it| it.missing > 0);
        self.shipments.push(Shipment { seq, sku, warehouse, units });
    }
}

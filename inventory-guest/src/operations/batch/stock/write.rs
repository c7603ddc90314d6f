//! Writing the counters that changed, and their ledger rows.

use super::super::Fault;
use super::{Entry, SiteEntry, SkuEntry, Stock};
use crate::domain::{Instant, Operation, Sku, WarehouseCode};
use crate::operations::catalog;
use crate::storage::changes::LedgerRow;
use crate::storage::stock::StoredSite;
use crate::storage::{self, Database};

impl<'a> Stock<'a> {
    /// Writes what changed.
    pub(in crate::operations::batch) fn write(
        &mut self,
        database: &mut dyn Database,
        now: Instant,
        last_seq: i64,
    ) -> Result<(), Fault> {
        self.chain_shipments(last_seq);
        catalog::make_warehouses(database, now, self.warehouses.made())?;

        let skus = || self.skus.iter().filter_map(|it| Some((it, it.counters?)));
        let new = skus().filter(|(it, _)| it.stored.is_none());
        storage::stock::insert(database, new.map(|(it, counters)| (&it.sku, counters)))?;
        let changed = skus().filter(|(it, now)| it.stored.is_some_and(|stored| stored != *now));
        storage::stock::update(database, changed.map(|(it, counters)| (&it.sku, counters)))?;

        let sites = || self.skus.iter().flat_map(|it| it.sites.iter().map(|site| (&it.sku, site)));
        let row = |(sku, site)| self.site_row(sku, site);
        let new = sites().filter(|(_, site)| site.stored.is_none());
        storage::stock::insert_sites(database, new.map(row))?;
        let changed = sites().filter(|(_, it)| it.stored.is_some_and(|row| row != it.now));
        storage::stock::update_sites(database, changed.map(row))?;

        let made_good = self.made_good.iter();
        let made_good = made_good.map(|&(sku, site)| (self.sku(sku), self.code(sku, site)));
        storage::counts::delete_shortages(database, made_good)?;
        let left = self.ledger.iter().filter(|it| it.origin.operation == Operation::Ship);
        let left = left.filter_map(|it| Some((it.sku, it.site?, it.after.on_hand?)));
        let left = left.map(|(sku, site, left)| (self.sku(sku), self.code(sku, site), left));
        storage::counts::lower_shortages(database, left)?;

        let rows = self.ledger.iter().map(|entry| self.ledger_row(entry));
        storage::changes::append(database, now, last_seq, rows)?;
        Ok(())
    }

    /// Tells each row of what left a warehouse which was the one before it; counts follow them.
    fn chain_shipments(&mut self, last_seq: i64) {
        for (seq, entry) in (last_seq + 1..).zip(&mut self.ledger) {
            if let (Some(site), Operation::Ship) = (entry.site, entry.origin.operation) {
                let site = &mut self.skus[entry.sku].sites[site];
                entry.shipment_before = site.now.last_shipment.replace(seq);
            }
        }
    }

    /// The skus whose counters changed, anywhere; sorted.
    pub(in crate::operations::batch) fn into_changed_skus(self) -> Vec<Sku> {
        let changed = self.skus.into_iter().filter(SkuEntry::has_changed);
        let mut skus: Vec<_> = changed.map(|entry| entry.sku).collect();
        skus.sort_unstable();
        skus
    }

    fn ledger_row(&self, entry: &Entry<'a>) -> LedgerRow<'_> {
        LedgerRow {
            kind: entry.kind,
            cause: entry.origin.operation,
            order_no: entry.origin.order_no,
            line: entry.origin.line,
            sku: self.sku(entry.sku),
            warehouse: entry.site.map(|site| self.code(entry.sku, site)),
            reason: entry.origin.reason,
            before: entry.before,
            after: entry.after,
            shipment_before: entry.shipment_before,
        }
    }

    fn site_row<'s>(
        &'s self,
        sku: &'s Sku,
        site: &SiteEntry,
    ) -> (&'s Sku, &'s WarehouseCode, StoredSite) {
        (sku, self.warehouses.code(site.warehouse), site.now)
    }
}

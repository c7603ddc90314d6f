//! Writing the counters that changed, and their ledger rows.

use super::super::Fault;
use super::{Entry, SiteIndex, SkuIndex, Stock};
use crate::domain::{Instant, Operation, Sku};
use crate::operations::catalog;
use crate::storage::changes::{LedgerEnd, LedgerRow};
use crate::storage::stock::StoredSite;
use crate::storage::{self, Database};

impl<'a> Stock<'a> {
    /// Writes what changed; answers the ledger's new end.
    pub(in crate::operations::batch) fn write(
        &mut self,
        database: &mut dyn Database,
        now: Instant,
        end: LedgerEnd,
    ) -> Result<LedgerEnd, Fault> {
        self.chain_shipments(end.seq);
        catalog::make_warehouses(database, now, self.warehouses.made())?;

        let skus = || self.skus.iter().filter_map(|it| Some((it, it.counters?)));
        let new = skus().filter(|(it, _)| it.stored.is_none());
        storage::stock::insert(database, new.map(|(it, counters)| (&it.sku, counters)))?;
        let changed = skus().filter(|(it, now)| it.stored.is_some_and(|stored| stored != *now));
        storage::stock::update(database, changed.map(|(it, counters)| (&it.sku, counters)))?;

        let made = self.changed_sites().filter(|(.., now)| now.site_no == 0);
        let made = made.map(|(sku, site, now)| (self.sku(sku), self.code(sku, site), now));
        let first = storage::stock::insert_sites(database, made.clone())?;
        let changed = self.changed_sites().map(|(.., now)| now);
        storage::stock::update_sites(database, changed.filter(|now| now.site_no != 0))?;

        let made_good = self.made_good.iter();
        let made_good = made_good.map(|&(sku, site)| (self.sku(sku), self.code(sku, site)));
        storage::counts::delete_shortages(database, made_good)?;
        if self.kept.missing {
            let left = self.ledger.iter().filter(|it| it.origin.operation == Operation::Ship);
            let left = left.filter_map(|it| Some((it.sku, it.site?, it.after.on_hand?)));
            let left = left.map(|(sku, site, left)| (self.sku(sku), self.code(sku, site), left));
            storage::counts::lower_shortages(database, left)?;
        }

        let rows = self.ledger.iter().map(|entry| self.ledger_row(entry));
        let made =
            (first..).zip(made).map(|(number, (sku, warehouse, _))| (number, sku, warehouse));
        Ok(storage::changes::append(database, now, end, made, rows)?)
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

    /// The sites that are new or changed, as they are now.
    fn changed_sites(&self) -> impl Iterator<Item = (SkuIndex, SiteIndex, StoredSite)> + Clone {
        self.touched.iter().filter_map(|&(sku, site, before)| {
            let now = self.skus[sku].sites[site].now;
            (now.site_no == 0 || now != before).then_some((sku, site, now))
        })
    }

    /// The skus whose counters changed, anywhere; sorted.
    pub(in crate::operations::batch) fn changed_skus(&self) -> Vec<Sku> {
        let changed = self.skus.iter().filter(|it| it.has_changed()).map(|it| &it.sku);
        let sites = self.changed_sites().map(|(sku, ..)| self.sku(sku));
        let mut skus: Vec<_> = changed.chain(sites).cloned().collect();
        skus.sort_unstable();
        skus.dedup();
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
}

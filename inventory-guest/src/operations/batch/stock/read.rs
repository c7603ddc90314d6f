//! Reading the counters that commands want, and the warehouses of their skus.

use super::super::Fault;
use super::super::warehouses::MetIndex;
use super::{SiteEntry, SkuIndex, Stock};
use crate::domain::{Sku, WarehouseCode};
use crate::storage::{self, Database};

impl Stock<'_> {
    /// Gives a sku its index; its counters are there after [`Self::load`].
    pub(in crate::operations::batch) fn want(&mut self, sku: &Sku) -> SkuIndex {
        let index = self.name(sku.as_str());
        self.want_counters(index);
        index
    }

    /// A sku's counters are there after [`Self::load`].
    pub(in crate::operations::batch) fn want_counters(&mut self, sku: SkuIndex) {
        let entry = &mut self.skus[sku];
        if !entry.counters_wanted {
            entry.counters_wanted = true;
            self.unread.push(sku);
        }
    }

    /// All of its warehouses are there after [`Self::load`].
    pub(in crate::operations::batch) fn want_sites(&mut self, sku: SkuIndex) {
        let entry = &mut self.skus[sku];
        if !entry.sites_wanted {
            entry.sites_wanted = true;
            self.unread_sites.push(sku);
        }
    }

    /// Reads single warehouses of skus, where they are not there. They know their counters only:
    /// what is kept from orders comes with [`Self::want_sites`].
    pub(in crate::operations::batch) fn read_single_sites(
        &mut self,
        database: &mut dyn Database,
        sites: impl Iterator<Item = (SkuIndex, MetIndex)>,
    ) -> Result<(), Fault> {
        let mut unknown: Vec<_> =
            sites.filter(|(sku, warehouse)| self.site_at(*sku, *warehouse).is_none()).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let asked = unknown.iter().enumerate();
        let asked = asked.map(|(number, (sku, warehouse))| {
            (number, self.sku(*sku), self.warehouses.code(*warehouse))
        });
        for (number, row) in storage::stock::find_single_sites(database, asked)? {
            let (sku, warehouse) = unknown[number];
            self.skus[sku].sites.push(SiteEntry::stored(warehouse, row));
        }
        Ok(())
    }

    /// Reads what is wanted and was not read before.
    pub(in crate::operations::batch) fn load(
        &mut self,
        database: &mut dyn Database,
    ) -> Result<(), Fault> {
        let unread = std::mem::take(&mut self.unread);
        let asked = unread.iter().map(|&index| (index, &self.skus[index].sku));
        for (index, counters) in storage::stock::find(database, asked)? {
            let entry = &mut self.skus[index];
            entry.counters = Some(counters);
            entry.stored = Some(counters);
        }
        self.load_sites(database)
    }

    fn load_sites(&mut self, database: &mut dyn Database) -> Result<(), Fault> {
        let unread = std::mem::take(&mut self.unread_sites);
        let (skus, warehouses) = (&self.skus, &mut self.warehouses);
        let asked = unread.iter().map(|&index| (index, &skus[index].sku));
        let meet = |code: &str| warehouses.meet(code);
        let rows = storage::stock::find_sites(database, asked, self.kept, meet)?;
        for rows in rows.chunk_by(|(one, _), (next, _)| one == next) {
            let sites = &mut self.skus[rows[0].0].sites;
            // Those of legs were there before: what they moved since counts, not what is stored.
            let known = sites.len();
            sites.reserve_exact(rows.len());
            for (_, row) in rows {
                match sites[..known].iter_mut().find(|site| site.warehouse == row.warehouse) {
                    Some(known) => {
                        known.safety_stock = row.safety_stock;
                        known.missing = row.missing.min(known.now.counters.on_hand);
                    }
                    None => sites.push(SiteEntry {
                        safety_stock: row.safety_stock,
                        missing: row.missing,
                        ..SiteEntry::stored(row.warehouse, row.stored)
                    }),
                }
            }
        }
        Ok(())
    }

    /// Reads the warehouses that an adjustment names.
    pub(in crate::operations::batch) fn find_warehouses<'c>(
        &mut self,
        database: &mut dyn Database,
        codes: impl Iterator<Item = &'c WarehouseCode>,
    ) -> Result<(), Fault> {
        let mut unknown: Vec<_> = codes.filter(|it| !self.named.contains(*it)).collect();
        unknown.sort_unstable();
        unknown.dedup();
        let found = storage::stock::find_warehouses(database, unknown.iter().copied())?;
        self.named.extend(found.into_iter().map(|index| unknown[index].clone()));
        Ok(())
    }

    /// Reads what is kept from orders where this batch has made a sku's warehouse.
    pub(in crate::operations::batch) fn load_kept(
        &mut self,
        database: &mut dyn Database,
    ) -> Result<(), Fault> {
        let made = std::mem::take(&mut self.made);
        let asked = made.iter().enumerate();
        let asked = asked
            .map(|(number, (sku, site))| (number, &self.skus[*sku].sku, self.code(*sku, *site)));
        for (number, units) in storage::stock::find_safety_stock(database, asked)? {
            let (sku, site) = made[number];
            self.skus[sku].sites[site].safety_stock = units;
        }
        Ok(())
    }
}

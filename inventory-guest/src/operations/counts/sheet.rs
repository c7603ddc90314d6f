//! Some skus of one warehouse, counted at one moment: what is known of them is read, each is
//! decided, and what changes is written with its ledger rows.

use super::Fault;
use crate::domain::change::ChangeKind;
use crate::domain::count::{self, CountEffect, CountItem, Counted, Moment};
use crate::domain::ledger::{SiteCounters, SkuCounters};
use crate::domain::{Instant, Operation, Sku, WarehouseCode};
use crate::storage::changes::LedgerRow;
use crate::storage::counts::Facts;
use crate::storage::stock::StoredSite;
use crate::storage::{self, Database, counts};

/// Which skus are counted: where, and at which moment.
#[derive(Clone, Copy)]
pub(in crate::operations) struct Sheet<'a> {
    pub(in crate::operations) warehouse: &'a WarehouseCode,
    pub(in crate::operations) moment: Moment,
    /// Whether the count says which watermark it has. Else it is newer only by its `as_of`: while
    /// that is to come, the last shipment up to it is another one each time.
    pub(in crate::operations) names_watermark: bool,
    /// That of the snapshot that counts, where it may be newer.
    pub(in crate::operations) newest: Option<Moment>,
}

/// Whether each sku's moment is written, or the caller writes one for the whole warehouse.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::operations) enum Written {
    WithMoments,
    WithoutMoments,
}

/// A sku, decided.
pub(in crate::operations) struct Line {
    facts: Facts,
    counted: Counted,
}

impl Line {
    pub(in crate::operations) fn is_short(&self) -> bool {
        self.counted.missing > 0
    }

    pub(in crate::operations) fn counted(&self) -> &Counted {
        &self.counted
    }

    pub(super) fn into_counted(self) -> Counted {
        self.counted
    }

    fn is_stale(&self) -> bool {
        self.counted.effect == CountEffect::Stale
    }

    /// The site before and after, where they differ.
    fn change(&self) -> Option<(StoredSite, StoredSite)> {
        let before = self.facts.site.unwrap_or_default();
        let counters = SiteCounters { on_hand: self.counted.after, ..before.counters };
        (before.counters != counters).then_some((before, StoredSite { counters, ..before }))
    }
}

impl Sheet<'_> {
    /// Reads and decides.
    pub(in crate::operations) fn read(
        &self,
        database: &mut dyn Database,
        items: &[CountItem],
    ) -> Result<Vec<Line>, Fault> {
        let skus = items.iter().map(|item| &item.sku);
        let facts = counts::facts(database, self.warehouse, self.moment.watermark, skus)?;
        assert_eq!(facts.len(), items.len(), "each sku has one row of facts");
        let line = |(item, facts): (&CountItem, Facts)| {
            let is_newer = facts.last.max(self.newest).is_none_or(|last| self.is_newer(last));
            let decide = if is_newer { count::decide } else { count::stale };
            Line { counted: decide(item, facts.shipped, facts.site.map(|it| it.counters)), facts }
        };
        Ok(items.iter().zip(facts).map(line).collect())
    }

    fn is_newer(&self, last: Moment) -> bool {
        if self.names_watermark { self.moment > last } else { self.moment.as_of > last.as_of }
    }

    /// Writes; answers the skus whose counters changed.
    pub(in crate::operations) fn write(
        &self,
        database: &mut dyn Database,
        now: Instant,
        lines: &[Line],
        reason: &str,
        written: Written,
    ) -> Result<Vec<Sku>, Fault> {
        let changes = || lines.iter().filter_map(|line| Some((line, line.change()?)));
        let unknown = changes().filter(|(line, _)| !line.facts.is_known);
        let unknown = unknown.map(|(line, _)| (&line.counted.sku, SkuCounters::default()));
        storage::stock::insert(database, unknown)?;
        let site = |(line, (_, after))| -> (&Sku, &WarehouseCode, StoredSite) {
            let line: &Line = line;
            (&line.counted.sku, self.warehouse, after)
        };
        let new = changes().filter(|(line, _)| line.facts.site.is_none());
        storage::stock::insert_sites(database, new.map(site))?;
        let old = changes().filter(|(line, _)| line.facts.site.is_some());
        storage::stock::update_sites(database, old.map(|(_, (_, after))| after))?;
        let end = storage::changes::end(database)?;
        let rows = changes().map(|(line, (before, after))| LedgerRow {
            kind: ChangeKind::Moved(Operation::Count),
            cause: Operation::Count,
            order_no: None,
            line: None,
            sku: &line.counted.sku,
            warehouse: Some(self.warehouse),
            reason: Some(reason),
            before: before.counters.into(),
            after: after.counters.into(),
            shipment_before: None,
        });
        // A count makes a site only where it moves what lies there.
        storage::changes::append(database, now, end, std::iter::empty(), rows)?;
        self.write_shortages(database, lines)?;
        if written == Written::WithMoments {
            let skus = lines.iter().filter(|line| !line.is_stale());
            let skus = skus.map(|line| line.counted.sku.as_str());
            counts::note(database, self.warehouse, self.moment, skus)?;
        }
        Ok(changes().map(|(line, _)| line.counted.sku.clone()).collect())
    }

    fn write_shortages(&self, database: &mut dyn Database, lines: &[Line]) -> Result<(), Fault> {
        let decided = || lines.iter().filter(|line| !line.is_stale());
        let short = decided().filter(|line| line.is_short()).map(|line| &line.counted);
        counts::put_shortages(database, self.warehouse, self.moment.as_of, short)?;
        let over = decided().filter(|line| line.facts.was_short && !line.is_short());
        let over = over.map(|line| (&line.counted.sku, self.warehouse));
        Ok(counts::delete_shortages(database, over)?)
    }
}

//! Operators' corrections of counters: all items or none.

use super::Stop;
use super::batch::{Batch, Origin, SkuIndex};
use crate::domain::ledger::{SiteCounters, SkuCounters};
use crate::domain::{
    Adjust, AdjustItem, Adjusted, Adjustment, Counter, Operation, Refusal, Sku, WarehouseCode,
    adjustment,
};
use rustc_hash::FxHashMap;

/// Counters as the items before left them, until all are accepted.
#[derive(Default)]
struct Draft<'a> {
    skus: FxHashMap<SkuIndex, SkuCounters>,
    sites: FxHashMap<(SkuIndex, &'a WarehouseCode), SiteCounters>,
}

pub(super) fn adjust<'a>(batch: &mut Batch<'a>, adjust: &'a Adjust) -> Result<Vec<Adjusted>, Stop> {
    let adjusted = match draft(batch, adjust) {
        Err(Refusal::QuantityOutOfBounds(_)) if batch.is_more_due() => {
            let places = adjust.items.iter().map(|item| (&item.sku, item.counter.warehouse()));
            batch.end_all_due_of(places)?;
            draft(batch, adjust)?
        }
        decided => decided?,
    };
    let origin = Origin {
        operation: Operation::Adjust,
        order_no: None,
        line: None,
        reason: Some(adjust.reason.as_str()),
    };
    for (item, asked) in adjusted.iter().zip(adjust.items.iter()) {
        put(batch, (&item.sku, &item.counter), item.after, origin);
        make_good(batch, asked);
    }
    Ok(adjusted)
}

/// Gives a counter its value; its sku and warehouse are made where they are new.
pub(super) fn put<'a>(
    batch: &mut Batch<'a>,
    (sku, counter): (&Sku, &Counter),
    after: u32,
    origin: Origin<'a>,
) {
    let sku = batch.stock.index(sku).expect("an adjustment's skus are prefetched");
    match counter.warehouse() {
        None => {
            let mut counters = batch.stock.counters(sku).unwrap_or_default();
            counters.sellable = after;
            batch.stock.set_counters(sku, counters, origin);
        }
        Some(warehouse) => {
            let reason = origin.reason.expect("a correction has a reason");
            let site = batch.stock.make_site(sku, warehouse, reason);
            let mut counters = batch.stock.site_counters(sku, site);
            set(&mut counters, counter, after);
            batch.stock.set_site_counters(sku, site, counters, origin);
        }
    }
}

/// An operator who says what lies in a warehouse overrules what a count did not find there.
pub(super) fn make_good(batch: &mut Batch<'_>, item: &AdjustItem) {
    if let (Adjustment::Set(_), Counter::OnHand(warehouse)) = (item.adjustment, &item.counter) {
        batch.stock.make_good(&item.sku, warehouse);
    }
}

/// What a correction would come to.
pub(super) struct Tried {
    /// `None`: the sku, or its site, is not there yet.
    pub(super) before: Option<u32>,
    pub(super) after: u32,
}

/// What these corrections, one after the other, would come to by themselves.
pub(super) fn tried<'i>(
    batch: &Batch<'_>,
    items: Vec<&'i AdjustItem>,
) -> Result<Vec<Tried>, Refusal> {
    let mut draft = Draft::default();
    let tried = |item: &'i AdjustItem| {
        let Adjusted { before, after, .. } = draft.decide(batch, item)?;
        let sku = batch.stock.index(&item.sku).expect("an adjustment's skus are prefetched");
        let is_known = match item.counter.warehouse() {
            None => batch.stock.counters(sku).is_some(),
            Some(warehouse) => batch.stock.site(sku, warehouse).is_some(),
        };
        Ok(Tried { before: is_known.then_some(before), after })
    };
    items.into_iter().map(tried).collect()
}

/// Decides the items in order, without changing the batch.
fn draft(batch: &Batch<'_>, adjust: &Adjust) -> Result<Vec<Adjusted>, Refusal> {
    let mut draft = Draft::default();
    adjust.items.iter().map(|item| draft.decide(batch, item)).collect()
}

impl<'a> Draft<'a> {
    fn decide(&mut self, batch: &Batch<'_>, item: &'a AdjustItem) -> Result<Adjusted, Refusal> {
        let sku = batch.stock.index(&item.sku).expect("an adjustment's skus are prefetched");
        let (before, after) = match item.counter.warehouse() {
            None => {
                let stored = || batch.stock.counters(sku).unwrap_or_default();
                let counters = self.skus.entry(sku).or_insert_with(stored);
                let before = counters.sellable;
                counters.sellable = adjustment::sellable(item, *counters, batch.stock.held(sku))?;
                (before, counters.sellable)
            }
            Some(warehouse) => {
                let stored = || {
                    let site = batch.stock.site(sku, warehouse);
                    site.map(|site| batch.stock.site_counters(sku, site)).unwrap_or_default()
                };
                let counters = self.sites.entry((sku, warehouse)).or_insert_with(stored);
                let before = get(*counters, &item.counter);
                let after = match item.counter {
                    Counter::Unavailable(_) => adjustment::unavailable(item, *counters)?,
                    Counter::OnHand(_) | Counter::Sellable => adjustment::on_hand(item, *counters)?,
                };
                set(counters, &item.counter, after);
                (before, after)
            }
        };
        Ok(Adjusted { sku: item.sku.clone(), counter: item.counter.clone(), before, after })
    }
}

fn get(counters: SiteCounters, counter: &Counter) -> u32 {
    match counter {
        Counter::Unavailable(_) => counters.unavailable,
        Counter::OnHand(_) | Counter::Sellable => counters.on_hand,
    }
}

fn set(counters: &mut SiteCounters, counter: &Counter, value: u32) {
    match counter {
        Counter::Unavailable(_) => counters.unavailable = value,
        Counter::OnHand(_) | Counter::Sellable => counters.on_hand = value,
    }
}

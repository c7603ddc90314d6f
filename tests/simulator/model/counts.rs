//! Counts: what was found is what lies there, less what has left since, and no less than is held.

use super::due::Where;
use super::{Model, Reply};
use crate::door::counts::{Count, Counted, Found, Missing, Seen};
use crate::door::words::{Answer, Instant, Refusal};

/// When something was counted, and the last row of the feed that it has seen.
pub(super) type Moment = (Instant, u64);

/// A clock that counts may go ahead of ours.
const AHEAD_MS: Instant = 60_000;
const STALE: &str = "stale";

impl Model {
    pub(super) fn count(&mut self, now: Instant, count: &Count) -> Reply {
        let moment = self.moment(now, count.seen)?;
        self.check_warehouse(&count.warehouse)?;
        let code = &count.warehouse;
        // Without a watermark the last row is another one each time, while `as_of` is to come.
        let since = if count.seen.watermark.is_none() { (moment.0, 0) } else { moment };
        let mut counted = self.counted(code, (moment, since), &count.items);
        let short = counted.iter().filter(|it| it.missing > 0);
        let short: Vec<Where> = short.map(|it| (it.sku.clone(), Some(code.clone()))).collect();
        if !short.is_empty() {
            self.begin_batch(now);
            self.end_due_of(now, &short);
            counted = self.counted(code, (moment, since), &count.items);
        }
        self.take_over(now, code, moment.0, &counted);
        for it in counted.iter().filter(|it| it.effect != STALE) {
            self.moments.insert((code.clone(), Some(it.sku.clone())), moment);
        }
        Ok(Answer::Counted(counted))
    }

    pub(super) fn moment(&self, now: Instant, seen: Seen) -> Result<Moment, Refusal> {
        let last_seq = self.last_seq();
        if seen.as_of > now + AHEAD_MS || seen.watermark.is_some_and(|it| it > last_seq) {
            return Err(Refusal::CountAhead { seen, now, last_seq });
        }
        Ok((seen.as_of, self.watermark(seen)))
    }

    /// The one given, or the last sequence at or before `as_of`.
    pub(super) fn watermark(&self, seen: Seen) -> u64 {
        let until = self.rows.iter().filter(|at| **at <= seen.as_of).count() as u64;
        seen.watermark.unwrap_or(until)
    }

    pub(super) fn check_warehouse(&self, code: &str) -> Result<(), Refusal> {
        let known = self.is_warehouse(code);
        if known { Ok(()) } else { Err(Refusal::UnknownWarehouse(vec![code.to_owned()])) }
    }

    /// The newest count that a sku's own is, or that the whole warehouse's is.
    pub(super) fn last_count(&self, code: &str, sku: Option<&str>) -> Option<Moment> {
        self.moments.get(&(code.to_owned(), sku.map(str::to_owned))).copied()
    }

    /// What counting these skus of a warehouse at this moment comes to; it must be newer than the
    /// last one as of `since`.
    pub(super) fn counted(
        &self,
        code: &str,
        moments: (Moment, Moment),
        items: &[Found],
    ) -> Vec<Counted> {
        items.iter().map(|(sku, found)| self.counted_one(code, moments, sku, *found)).collect()
    }

    fn counted_one(
        &self,
        code: &str,
        (moment, since): (Moment, Moment),
        sku: &str,
        found: i64,
    ) -> Counted {
        let place = (sku.to_owned(), code.to_owned());
        let is_stocked = self.sites.contains_key(&place);
        let site = self.sites.get(&place).copied().unwrap_or_default();
        let left = self.shipments.iter().filter(|it| it.sku == sku && it.warehouse == code);
        let shipped: i64 = left.filter(|it| it.seq > moment.1).map(|it| it.units).sum();
        let there = (found - shipped).max(0);
        let held = self.held(sku, Some(code)) + site.unavailable;
        let newest = self.last_count(code, Some(sku)).max(self.last_count(code, None));
        let is_newer = newest.is_none_or(|newest| since > newest);
        let after = if is_newer { there.max(held) } else { site.on_hand };
        let effect = match () {
            () if !is_newer => STALE,
            () if after == site.on_hand => "unchanged",
            () if is_stocked => "updated",
            () => "created",
        };
        Counted {
            sku: sku.to_owned(),
            effect: effect.to_owned(),
            counted: narrow(found),
            shipped: shipped.unsigned_abs(),
            before: narrow(site.on_hand),
            after: narrow(after),
            held: narrow(held),
            missing: if is_newer { narrow(after - there) } else { 0 },
        }
    }

    /// Lets what was counted count.
    pub(super) fn take_over(
        &mut self,
        now: Instant,
        code: &str,
        as_of: Instant,
        counted: &[Counted],
    ) {
        for it in counted.iter().filter(|it| it.effect != STALE) {
            if it.before != it.after {
                self.sellable.entry(it.sku.clone()).or_default();
                let place = (it.sku.clone(), code.to_owned());
                self.sites.entry(place).or_default().on_hand = it.after.into();
                self.write_row(now);
            }
            let place = (code.to_owned(), it.sku.clone());
            self.missing.remove(&place);
            if it.missing > 0 {
                let (counted, held, missing) = (it.counted, it.held, it.missing);
                let (warehouse, sku) = place.clone();
                let it = Missing { warehouse, sku, as_of, counted, held, missing };
                self.missing.insert(place, it);
            }
        }
    }
}

fn narrow(units: i64) -> u32 {
    u32::try_from(units).expect("the model keeps counters in their bounds")
}

//! The words of counts and snapshots, in and out.

use super::counts;
use crate::domain::count::{
    Ahead, Count, CountEffect, CountItem, CountShortage, Counted, Seen, Snapshot, SnapshotNumbers,
    StaleSnapshot,
};
use crate::domain::{Instant, Level, Malformed, Reason, RequestId, Sku, WarehouseCode};

pub(super) fn count(count: counts::Count) -> Result<Count, Malformed> {
    let item = |it: counts::CountItem| -> Result<CountItem, Malformed> {
        Ok(CountItem { sku: Sku::parse(it.sku)?, on_hand: Level::parse(it.on_hand)? })
    };
    let items = count.items.into_iter().map(item).collect::<Result<_, _>>()?;
    Ok(Count {
        warehouse: WarehouseCode::parse(count.warehouse)?,
        reason: Reason::parse(count.reason)?,
        seen: seen(&count.seen)?,
        items: Count::items(items)?,
        request_id: count.request_id.map(RequestId::parse).transpose()?,
    })
}

fn seen(seen: &counts::Seen) -> Result<Seen, Malformed> {
    Ok(Seen { as_of: Instant::parse(seen.as_of)?, watermark: seen.watermark })
}

pub(super) fn snapshot(snapshot: counts::Snapshot) -> Result<Snapshot, Malformed> {
    let seen = seen(&snapshot.seen)?;
    Ok(Snapshot { warehouse: WarehouseCode::parse(snapshot.warehouse)?, seen })
}

pub(super) fn snapshot_out(snapshot: Snapshot) -> counts::Snapshot {
    let warehouse = snapshot.warehouse.into_string();
    counts::Snapshot { warehouse, seen: seen_out(snapshot.seen) }
}

fn seen_out(seen: Seen) -> counts::Seen {
    counts::Seen { as_of: seen.as_of.as_milliseconds(), watermark: seen.watermark }
}

pub(super) fn numbers(numbers: SnapshotNumbers) -> counts::SnapshotNumbers {
    let SnapshotNumbers { stocked, zeroed, stale, short } = numbers;
    counts::SnapshotNumbers { stocked, zeroed, stale, short }
}

pub(super) fn counted(counted: Counted) -> counts::Counted {
    counts::Counted {
        sku: counted.sku.into_string(),
        effect: match counted.effect {
            CountEffect::Created => counts::CountEffect::Created,
            CountEffect::Updated => counts::CountEffect::Updated,
            CountEffect::Unchanged => counts::CountEffect::Unchanged,
            CountEffect::Stale => counts::CountEffect::Stale,
        },
        counted: counted.counted,
        shipped: counted.shipped,
        before: counted.before,
        after: counted.after,
        held: counted.held,
        missing: counted.missing,
    }
}

/// What a count did not find.
pub fn shortage(shortage: CountShortage) -> counts::CountShortage {
    counts::CountShortage {
        warehouse: shortage.warehouse.into_string(),
        sku: shortage.sku.into_string(),
        as_of: shortage.as_of.as_milliseconds(),
        counted: shortage.counted,
        held: shortage.held,
        missing: shortage.missing,
    }
}

pub(super) fn ahead(ahead: &Ahead) -> counts::Ahead {
    let (now, last_seq) = (ahead.now.as_milliseconds(), ahead.last_seq);
    let counts::Seen { as_of, watermark } = seen_out(ahead.seen);
    counts::Ahead { as_of, now, watermark, last_seq }
}

pub(super) fn stale(stale: &StaleSnapshot) -> counts::StaleSnapshot {
    counts::StaleSnapshot {
        as_of: stale.as_of.as_milliseconds(),
        watermark: stale.watermark,
        newest_as_of: stale.newest_as_of.as_milliseconds(),
        newest_watermark: stale.newest_watermark,
    }
}

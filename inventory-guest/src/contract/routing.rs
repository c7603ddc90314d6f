//! Inquiries in, plans and previews out.

use super::{arguments, inquiries, results};
use crate::domain::calendar::Opening;
use crate::domain::routing::Why;
use crate::domain::{Instant, Malformed};
use crate::operations::queries::{Inquiry, Planned, Preview, WarehouseWhy};

/// An order that is not placed, or why it breaks the contract.
pub fn inquiry(inquiry: inquiries::Inquiry) -> Result<Inquiry, Malformed> {
    Ok(Inquiry {
        lines: arguments::lines(inquiry.lines)?,
        ship_to: inquiry.ship_to.map(arguments::ship_to).transpose()?,
        strategy: arguments::strategy(inquiry.strategy),
        allow_partial: inquiry.allow_partial,
    })
}

/// What would become of it.
pub fn planned(planned: Planned) -> inquiries::Planned {
    inquiries::Planned {
        packages: planned.packages.into_iter().map(results::package).collect(),
        shortages: results::shortages(planned.shortages),
        denied: planned.denied.into_iter().map(results::denied).collect(),
        unknown: planned.unknown.into_iter().map(crate::domain::Sku::into_string).collect(),
        explain: planned.explain.into_iter().map(explained).collect(),
    }
}

fn explained(it: WarehouseWhy) -> inquiries::Explained {
    inquiries::Explained {
        warehouse: it.warehouse.into_string(),
        why: match it.explained.why {
            Why::Taken => inquiries::Why::Taken,
            Why::NoService => inquiries::Why::NoService,
            Why::Inactive => inquiries::Why::Inactive,
            Why::NoStock => inquiries::Why::NoStock,
            Why::Closed => inquiries::Why::Closed,
            Why::NotNeeded => inquiries::Why::NotNeeded,
            Why::BackupNotNeeded => inquiries::Why::BackupNotNeeded,
            Why::NotSellable => inquiries::Why::NotSellable,
            Why::Denied => inquiries::Why::Denied,
        },
        requested: it.explained.requested,
        free: it.explained.free,
        kept: it.explained.kept,
        taken: it.explained.taken,
    }
}

/// When a warehouse ships.
pub fn preview(preview: Preview) -> inquiries::CalendarPreview {
    let opening = |it: Opening| inquiries::Opening {
        since: it.from.as_milliseconds(),
        until: it.until.as_milliseconds(),
    };
    inquiries::CalendarPreview {
        openings: preview.openings.into_iter().map(opening).collect(),
        promised_ship_at: preview.promised_ship_at.map(Instant::as_milliseconds),
    }
}

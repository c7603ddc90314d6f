//! Commands as they come in, through the domain's `parse` doors.

use super::{catalog, counting, imports, types};
use crate::domain::{
    Adcode, Adjust, AdjustItem, Adjustment, Command, Confirm, Counter, Delta, ExpireLimit, Extend,
    Items, LeftOut, Level, Line, Malformed, Mode, OrderId, Placement, Quantity, Reason, Release,
    ReleaseReason, RequestId, Seconds, Ship, ShipTo, Sku, Strategy, Transfer, WarehouseCode,
};

/// A command, or why it breaks the contract.
pub fn command(command: types::Command) -> Result<Command, Malformed> {
    Ok(match command {
        types::Command::Reserve(it) => Command::Reserve(placement(it)?),
        types::Command::Deduct(it) => Command::Deduct(placement(it)?),
        types::Command::Confirm(it) => Command::Confirm(Confirm {
            order_id: OrderId::parse(it.order_id)?,
            request_id: request_id(it.request_id)?,
        }),
        types::Command::Extend(it) => Command::Extend(Extend {
            order_id: OrderId::parse(it.order_id)?,
            ttl: Seconds::parse(it.ttl_s)?,
            request_id: request_id(it.request_id)?,
        }),
        types::Command::Ship(it) => Command::Ship(Ship {
            order_id: OrderId::parse(it.order_id)?,
            package: it.package,
            request_id: request_id(it.request_id)?,
        }),
        types::Command::Release(it) => Command::Release(Release {
            order_id: OrderId::parse(it.order_id)?,
            reason: release_reason(it.reason),
            lines: it.lines.map(lines).transpose()?,
            request_id: request_id(it.request_id)?,
        }),
        types::Command::Transfer(it) => Command::Transfer(Transfer {
            order_id: OrderId::parse(it.order_id)?,
            package: it.package,
            warehouse: WarehouseCode::parse(it.warehouse)?,
            request_id: request_id(it.request_id)?,
        }),
        types::Command::Adjust(it) => Command::Adjust(adjust(it)?),
        types::Command::Count(it) => Command::Count(counting::count(it)?),
        types::Command::Session(it) => Command::Session(imports::step(it)?),
        types::Command::Catalog(it) => Command::Catalog(catalog::change(it)?),
        types::Command::Expire(limit) => Command::Expire(ExpireLimit::parse(limit)?),
    })
}

fn placement(placement: types::Placement) -> Result<Placement, Malformed> {
    Ok(Placement {
        order_id: OrderId::parse(placement.order_id)?,
        lines: lines(placement.lines)?,
        ship_to: placement.ship_to.map(ship_to).transpose()?,
        mode: match placement.mode {
            types::Mode::ReserveOnOrder => Mode::ReserveOnOrder,
            types::Mode::DeductOnOrder => Mode::DeductOnOrder,
            types::Mode::DeductOnPayment => Mode::DeductOnPayment,
        },
        strategy: strategy(placement.strategy),
        ttl: Seconds::parse(placement.ttl_s)?,
        allow_partial: placement.allow_partial,
        request_id: request_id(placement.request_id)?,
        left_out: LeftOut { mode: placement.left_out.mode, ttl: placement.left_out.ttl },
    })
}

pub(super) fn ship_to(place: types::ShipTo) -> Result<ShipTo, Malformed> {
    let location = place.location.as_ref().map(catalog::location).transpose()?;
    Ok(ShipTo { adcode: Adcode::parse(place.adcode)?, location })
}

pub(super) fn lines(lines: Vec<types::Line>) -> Result<Items<Line>, Malformed> {
    let line = |it: types::Line| {
        Ok(Line { sku: Sku::parse(it.sku)?, quantity: Quantity::parse(it.quantity)? })
    };
    Items::parse(lines.into_iter().map(line).collect::<Result<_, Malformed>>()?)
}

pub(super) fn strategy(strategy: types::Strategy) -> Strategy {
    match strategy {
        types::Strategy::Priority => Strategy::Priority,
        types::Strategy::Nearest => Strategy::Nearest,
        types::Strategy::MinSplits => Strategy::MinSplits,
    }
}

fn request_id(id: Option<types::RequestId>) -> Result<Option<RequestId>, Malformed> {
    id.map(RequestId::parse).transpose()
}

fn release_reason(reason: types::ReleaseReason) -> ReleaseReason {
    match reason {
        types::ReleaseReason::Cancel => ReleaseReason::Cancel,
        types::ReleaseReason::Refund => ReleaseReason::Refund,
    }
}

fn adjust(adjust: types::Adjust) -> Result<Adjust, Malformed> {
    let items = adjust.items.into_iter().map(adjust_item).collect::<Result<_, Malformed>>()?;
    Ok(Adjust {
        reason: Reason::parse(adjust.reason)?,
        items: Items::parse(items)?,
        request_id: request_id(adjust.request_id)?,
    })
}

fn adjust_item(item: types::AdjustItem) -> Result<AdjustItem, Malformed> {
    Ok(AdjustItem {
        sku: Sku::parse(item.sku)?,
        counter: match item.counter {
            types::Counter::Sellable => Counter::Sellable,
            types::Counter::OnHand(code) => Counter::OnHand(WarehouseCode::parse(code)?),
            types::Counter::Unavailable(code) => Counter::Unavailable(WarehouseCode::parse(code)?),
        },
        adjustment: match item.adjustment {
            types::Adjustment::Set(units) => Adjustment::Set(Level::parse(units)?),
            types::Adjustment::Change(units) => Adjustment::Change(Delta::parse(units)?),
        },
        compare_quantity: item.compare_quantity,
    })
}

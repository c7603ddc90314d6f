//! Orders: placing them, moving them on, and reading them back.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::answers::Order;
use super::outcome::apply;
use super::problem::Problem;
use super::refusal::{UNKNOWN_ORDER, failed};
use super::route::Call;
use super::words::{
    Adcode, OrderId, OrderIdRule, PackageNumber, Quantity, RequestId, Sku, TimeToLive, list,
    optional_list,
};
use super::{Config, json};
use crate::guest::types;

/// Units of one sku.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Line {
    sku: Sku,
    quantity: Quantity,
}

/// Where an order goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShipTo {
    adcode: Adcode,
}

/// When an order's units are held and paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Hold now, confirm at payment, expire after the time to live.
    ReserveOnOrder,
    /// Hold and confirm in one step; never expires.
    DeductOnOrder,
    /// Hold nothing until payment calls `deduct`.
    DeductOnPayment,
}

/// How warehouses are ranked.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Strategy {
    /// By the warehouse's priority, then its code.
    Priority,
}

/// An order to place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Placement {
    /// A sku may repeat.
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    lines: Vec<Line>,
    /// Without it no warehouse is chosen.
    ship_to: Option<ShipTo>,
    /// The default is configured.
    mode: Option<Mode>,
    strategy: Option<Strategy>,
    /// Seconds until an unpaid hold ends; the default is configured. `deduct` ignores it.
    ttl_s: Option<TimeToLive>,
    /// Hold what there is and list the rest as shortages, instead of all or nothing.
    allow_partial: Option<bool>,
    request_id: Option<RequestId>,
}

/// A payment that came.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    request_id: Option<RequestId>,
}

/// A live hold's new end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Extend {
    /// Seconds from now until the hold ends.
    ttl_s: TimeToLive,
    request_id: Option<RequestId>,
}

/// Units that leave.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ship {
    /// One package; without it, every package not yet shipped.
    package: Option<PackageNumber>,
    request_id: Option<RequestId>,
}

/// Why held units are given back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReleaseReason {
    Cancel,
    Refund,
}

/// Units given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    reason: ReleaseReason,
    /// What to give back; without it, everything held.
    #[serde(default, deserialize_with = "optional_list")]
    #[schema(min_items = 1, max_items = 1000)]
    lines: Option<Vec<Line>>,
    request_id: Option<RequestId>,
}

impl Placement {
    pub(super) fn into_reserve(self, order_id: OrderId, config: &Config) -> types::Command {
        let defaults = (config.default_mode, config.default_ttl_s);
        types::Command::Reserve(self.into_placement(order_id, defaults))
    }

    /// Mode and time to live mean nothing here. What the caller left out is the same for ever, so
    /// that a repeated request equals the first one under any configuration.
    pub(super) fn into_deduct(self, order_id: OrderId) -> types::Command {
        types::Command::Deduct(self.into_placement(order_id, (Mode::DeductOnOrder, 1)))
    }

    fn into_placement(self, order_id: OrderId, defaults: (Mode, u32)) -> types::Placement {
        let (default_mode, default_ttl_s) = defaults;
        types::Placement {
            order_id: order_id.into_string(),
            lines: lines(self.lines),
            ship_to: self.ship_to.map(|place| place.adcode.into_string()),
            mode: match self.mode.unwrap_or(default_mode) {
                Mode::ReserveOnOrder => types::Mode::ReserveOnOrder,
                Mode::DeductOnOrder => types::Mode::DeductOnOrder,
                Mode::DeductOnPayment => types::Mode::DeductOnPayment,
            },
            strategy: match self.strategy.unwrap_or(Strategy::Priority) {
                Strategy::Priority => types::Strategy::Priority,
            },
            ttl_s: self.ttl_s.map_or(default_ttl_s, |ttl| ttl.to_u32()),
            allow_partial: self.allow_partial.unwrap_or(false),
            request_id: self.request_id.map(RequestId::into_string),
        }
    }
}

impl Confirm {
    pub(super) fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Confirm(types::Confirm {
            order_id: order_id.into_string(),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

impl Extend {
    pub(super) fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Extend(types::Extend {
            order_id: order_id.into_string(),
            ttl_s: self.ttl_s.to_u32(),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

impl Ship {
    pub(super) fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Ship(types::Ship {
            order_id: order_id.into_string(),
            package: self.package.map(|number| number.to_u32()),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

impl Release {
    pub(super) fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Release(types::Release {
            order_id: order_id.into_string(),
            reason: match self.reason {
                ReleaseReason::Cancel => types::ReleaseReason::Cancel,
                ReleaseReason::Refund => types::ReleaseReason::Refund,
            },
            lines: self.lines.map(lines),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

fn lines(lines: Vec<Line>) -> Vec<types::Line> {
    let line =
        |line: Line| types::Line { sku: line.sku.into_string(), quantity: line.quantity.to_u32() };
    lines.into_iter().map(line).collect()
}

pub(super) async fn reserve(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Placement = json::read(&mut call).await?;
    let command = body.into_reserve(order_id, &call.wire.config);
    apply(&call.wire, command).await
}

pub(super) async fn deduct(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Placement = json::read(&mut call).await?;
    apply(&call.wire, body.into_deduct(order_id)).await
}

pub(super) async fn confirm(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Confirm = json::read_or_default(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn extend(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Extend = json::read(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn ship(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Ship = json::read_or_default(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn release(mut call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter("order_id")?;
    let body: Release = json::read(&mut call).await?;
    apply(&call.wire, body.into_command(order_id)).await
}

pub(super) async fn get(call: Call) -> Result<Response, Problem> {
    let order_id = call.parameter::<OrderIdRule>("order_id")?.into_string();
    let order = call.wire.shard.order(order_id).await.map_err(|error| failed(&error))?;
    let order = order.ok_or_else(|| Problem::new(&UNKNOWN_ORDER, "no such order was placed"))?;
    Ok(json::answer(&Order::from(&order)))
}

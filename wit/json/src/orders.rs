//! Bodies of the operations on an order, and the commands they become.

use serde::Deserialize;
use serde::de::{self, Deserializer};
use utoipa::ToSchema;

use crate::catalog::{Latitude, Longitude, location};
use crate::contract::types;
use crate::words::{
    Adcode, OrderId, PackageNumber, Quantity, RequestId, Sku, TimeToLive, WarehouseCode, list,
    optional_list,
};

/// Units of one sku.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Line {
    sku: Sku,
    quantity: Quantity,
}

/// Where an order goes.
#[derive(ToSchema)]
pub struct ShipTo {
    adcode: Adcode,
    /// The very place, with `lon`; without it distances are measured from the district.
    lat: Option<Latitude>,
    lon: Option<Longitude>,
}

impl<'de> Deserialize<'de> for ShipTo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            adcode: Adcode,
            lat: Option<Latitude>,
            lon: Option<Longitude>,
        }
        let Fields { adcode, lat, lon } = Fields::deserialize(deserializer)?;
        if lat.is_some() == lon.is_some() {
            Ok(Self { adcode, lat, lon })
        } else {
            Err(de::Error::custom("lat and lon go together"))
        }
    }
}

impl From<ShipTo> for types::ShipTo {
    fn from(place: ShipTo) -> Self {
        let location = place.lat.zip(place.lon).map(|(lat, lon)| location(lat, lon));
        Self { adcode: place.adcode.into_string(), location }
    }
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

/// What a reservation means that does not say it itself; configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Its mode.
    pub mode: Mode,
    /// Its time to live, in seconds.
    pub ttl_s: u32,
}

/// How warehouses are ranked.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The longest area that is served first, then the lowest priority, the nearest, by code.
    Priority,
    /// The nearest first, then as `priority`.
    Nearest,
    /// As few packages as can be, then as `priority`.
    MinSplits,
}

impl From<Strategy> for types::Strategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::Priority => Self::Priority,
            Strategy::Nearest => Self::Nearest,
            Strategy::MinSplits => Self::MinSplits,
        }
    }
}

/// An order to place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
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
pub struct Confirm {
    request_id: Option<RequestId>,
}

/// A live hold's new end.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Extend {
    /// Seconds from now until the hold ends.
    ttl_s: TimeToLive,
    request_id: Option<RequestId>,
}

/// Units that leave.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ship {
    /// One package; without it, every package not yet shipped.
    package: Option<PackageNumber>,
    request_id: Option<RequestId>,
}

/// Why held units are given back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseReason {
    /// The buyer, or the shop, called it off.
    Cancel,
    /// Paid, and paid back before it shipped.
    Refund,
}

/// Units given back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Release {
    reason: ReleaseReason,
    /// What to give back; without it, everything held.
    #[serde(default, deserialize_with = "optional_list")]
    #[schema(min_items = 1, max_items = 1000)]
    lines: Option<Vec<Line>>,
    request_id: Option<RequestId>,
}

/// Another warehouse for a package that has not left.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// Whose units all move; it has another number then.
    package: PackageNumber,
    /// Where it leaves from then.
    warehouse: WarehouseCode,
    request_id: Option<RequestId>,
}

impl Placement {
    /// The command, with what the caller left out.
    pub fn into_reserve(self, order_id: OrderId, defaults: Defaults) -> types::Command {
        types::Command::Reserve(self.into_placement(order_id, defaults))
    }

    /// Mode and time to live mean nothing here. What the caller left out is the same for ever, so
    /// that a repeated request equals the first one under any configuration.
    pub fn into_deduct(self, order_id: OrderId) -> types::Command {
        types::Command::Deduct(
            self.into_placement(order_id, Defaults { mode: Mode::DeductOnOrder, ttl_s: 1 }),
        )
    }

    fn into_placement(self, order_id: OrderId, defaults: Defaults) -> types::Placement {
        let left_out = types::LeftOut { mode: self.mode.is_none(), ttl: self.ttl_s.is_none() };
        types::Placement {
            order_id: order_id.into_string(),
            lines: lines(self.lines),
            ship_to: self.ship_to.map(Into::into),
            mode: match self.mode.unwrap_or(defaults.mode) {
                Mode::ReserveOnOrder => types::Mode::ReserveOnOrder,
                Mode::DeductOnOrder => types::Mode::DeductOnOrder,
                Mode::DeductOnPayment => types::Mode::DeductOnPayment,
            },
            strategy: self.strategy.unwrap_or(Strategy::Priority).into(),
            ttl_s: self.ttl_s.map_or(defaults.ttl_s, |ttl| ttl.to_u32()),
            allow_partial: self.allow_partial.unwrap_or(false),
            request_id: self.request_id.map(RequestId::into_string),
            left_out,
        }
    }
}

impl Confirm {
    /// The command for this order.
    pub fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Confirm(types::Confirm {
            order_id: order_id.into_string(),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

impl Extend {
    /// The command for this order.
    pub fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Extend(types::Extend {
            order_id: order_id.into_string(),
            ttl_s: self.ttl_s.to_u32(),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

impl Ship {
    /// The command for this order.
    pub fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Ship(types::Ship {
            order_id: order_id.into_string(),
            package: self.package.map(|number| number.to_u32()),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

impl Release {
    /// The command for this order.
    pub fn into_command(self, order_id: OrderId) -> types::Command {
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

impl Transfer {
    /// The command for this order.
    pub fn into_command(self, order_id: OrderId) -> types::Command {
        types::Command::Transfer(types::Transfer {
            order_id: order_id.into_string(),
            package: self.package.to_u32(),
            warehouse: self.warehouse.into_string(),
            request_id: self.request_id.map(RequestId::into_string),
        })
    }
}

pub(crate) fn lines(lines: Vec<Line>) -> Vec<types::Line> {
    let line =
        |line: Line| types::Line { sku: line.sku.into_string(), quantity: line.quantity.to_u32() };
    lines.into_iter().map(line).collect()
}

//! What would become of an order, and when warehouses ship: as callers ask and read it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answers::{Package, Shortage, shortages};
use crate::catalog::query::parameters;
use crate::contract::{routing, stock, types};
use crate::orders::{Line, ShipTo, Strategy, lines};
use crate::problem::Problem;
use crate::stock::Stock;
use crate::words::{Adcode, Instant, Integer, IntegerRule, list};

/// An order that is not placed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Inquiry {
    /// A sku may repeat.
    #[serde(deserialize_with = "list")]
    #[schema(min_items = 1, max_items = 1000)]
    lines: Vec<Line>,
    /// Without it no warehouse is chosen.
    ship_to: Option<ShipTo>,
    strategy: Option<Strategy>,
    /// As that of the order: plan the others where a line may not be shipped there.
    allow_partial: Option<bool>,
}

impl From<Inquiry> for routing::Inquiry {
    fn from(it: Inquiry) -> Self {
        Self {
            lines: lines(it.lines),
            ship_to: it.ship_to.map(Into::into),
            strategy: it.strategy.unwrap_or(Strategy::Priority).into(),
            allow_partial: it.allow_partial.unwrap_or(false),
        }
    }
}

/// All of a sku that can be promised somewhere.
pub fn everything(sku: String, ship_to: types::ShipTo) -> routing::Inquiry {
    const MOST: u32 = (1 << 31) - 1;
    let lines = vec![types::Line { sku, quantity: MOST }];
    routing::Inquiry {
        lines,
        ship_to: Some(ship_to),
        strategy: types::Strategy::Priority,
        allow_partial: false,
    }
}

/// What a `reserve` of now would find.
#[derive(Serialize, ToSchema)]
pub struct Plan<'a> {
    packages: Vec<Package<'a>>,
    /// When the last package leaves; `null` where one of them has no date, or there is none.
    promised_ship_at: Option<Instant>,
    /// What could not be held: packages and shortages add up to the lines.
    shortages: Vec<Shortage<'a>>,
    /// Skus that may not be shipped there; without `allow_partial` nothing is planned then.
    denied: Vec<Denied<'a>>,
    /// Skus that there are not; nothing is planned then.
    unknown: &'a [String],
    /// Why each warehouse was taken or passed over, in the order they were looked at.
    explain: Vec<Explained<'a>>,
}

/// A sku that may not be shipped somewhere, and the rule that says so.
#[derive(Serialize, ToSchema)]
pub struct Denied<'a> {
    sku: &'a str,
    /// `sku:…`, `category:…` or `all`.
    subject: &'a str,
    /// Digits of an adcode, or `everywhere`.
    area: &'a str,
    /// Its name.
    rule: &'a str,
}

/// What became of a warehouse.
#[derive(Serialize, ToSchema)]
pub struct Explained<'a> {
    warehouse: &'a str,
    why: Why,
    /// Units that the order asks for; not where everything is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<u64>,
    /// How many of those it could give.
    free: u64,
    /// How many more it could, were they not kept: safety stock, and what a count did not find.
    kept: u64,
    /// How many it gives.
    taken: u64,
}

/// Why a warehouse was taken or passed over.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It gives units.
    Taken,
    /// None of its areas holds the address.
    NoService,
    /// It is not active.
    Inactive,
    /// It has nothing of what is asked for.
    NoStock,
    /// Its calendar never opens again.
    Closed,
    /// Others before it give everything.
    NotNeeded,
    /// It is a backup, and primary warehouses give everything that it has.
    BackupNotNeeded,
    /// It could give what is short, but no more may be sold.
    NotSellable,
    /// What it could give may not be shipped there, or the order is refused for what may not.
    Denied,
}

impl<'a> From<&'a routing::Planned> for Plan<'a> {
    fn from(it: &'a routing::Planned) -> Self {
        Self {
            packages: it.packages.iter().map(Into::into).collect(),
            promised_ship_at: promised_ship_at(&it.packages),
            shortages: shortages(&it.shortages, &it.denied),
            denied: it.denied.iter().map(Into::into).collect(),
            unknown: &it.unknown,
            explain: it.explain.iter().map(Into::into).collect(),
        }
    }
}

/// When the last package leaves.
pub(crate) fn promised_ship_at(packages: &[types::Package]) -> Option<Instant> {
    let promises = packages.iter().map(|it| it.promised_ship_at);
    let latest = promises.reduce(|one, other| one.zip(other).map(|(a, b)| a.max(b)));
    latest.flatten().map(Instant)
}

impl<'a> From<&'a types::Denied> for Denied<'a> {
    fn from(it: &'a types::Denied) -> Self {
        let area = if it.area.is_empty() { "everywhere" } else { &it.area };
        Self { sku: &it.sku, subject: &it.subject, area, rule: &it.rule }
    }
}

impl<'a> From<&'a routing::Explained> for Explained<'a> {
    fn from(it: &'a routing::Explained) -> Self {
        let why = match it.why {
            routing::Why::Taken => Why::Taken,
            routing::Why::NoService => Why::NoService,
            routing::Why::Inactive => Why::Inactive,
            routing::Why::NoStock => Why::NoStock,
            routing::Why::Closed => Why::Closed,
            routing::Why::NotNeeded => Why::NotNeeded,
            routing::Why::BackupNotNeeded => Why::BackupNotNeeded,
            routing::Why::NotSellable => Why::NotSellable,
            routing::Why::Denied => Why::Denied,
        };
        let routing::Explained { warehouse, requested, free, kept, taken, .. } = it;
        let (requested, free, kept, taken) = (Some(*requested), *free, *kept, *taken);
        Self { warehouse, why, requested, free, kept, taken }
    }
}

/// A sku's counters, and what of it can be promised somewhere.
#[derive(Serialize, ToSchema)]
pub struct Availability<'a> {
    #[serde(flatten)]
    stock: Stock<'a>,
    /// What can be promised there.
    available: u64,
    /// From where, and when it leaves.
    sources: Vec<Source<'a>>,
    /// The rule by which it may not be shipped there.
    denied: Option<Denied<'a>>,
    /// Why each warehouse gives, or does not.
    explain: Vec<Explained<'a>>,
}

/// Units that leave one warehouse.
#[derive(Serialize, ToSchema)]
pub struct Source<'a> {
    /// `null`: no warehouse stocks it.
    warehouse: Option<&'a str>,
    units: u64,
    promised_ship_at: Option<Instant>,
}

impl<'a> Availability<'a> {
    /// What a plan for [`everything`] says.
    pub fn new(stock: &'a stock::SkuStock, planned: &'a routing::Planned) -> Self {
        let sources: Vec<Source> = planned.packages.iter().map(Into::into).collect();
        Self {
            stock: stock.into(),
            available: sources.iter().map(|source| source.units).sum(),
            sources,
            denied: planned.denied.first().map(Into::into),
            explain: planned.explain.iter().map(Explained::of_everything).collect(),
        }
    }
}

impl<'a> Explained<'a> {
    fn of_everything(it: &'a routing::Explained) -> Self {
        Self { requested: None, ..it.into() }
    }
}

impl<'a> From<&'a types::Package> for Source<'a> {
    fn from(it: &'a types::Package) -> Self {
        Self {
            warehouse: it.warehouse.as_deref(),
            units: it.lines.iter().map(|line| u64::from(line.quantity)).sum(),
            promised_ship_at: it.promised_ship_at.map(Instant),
        }
    }
}

/// When a warehouse ships.
#[derive(Serialize, ToSchema)]
pub struct Preview<'a> {
    warehouse: &'a str,
    /// When an order of now leaves; `null`: not within 400 days.
    promised_ship_at: Option<Instant>,
    /// The next times without a break; none where there is no calendar, or it never opens.
    openings: Vec<Opening>,
}

/// A time without a break: from `from` to before `until`.
#[derive(Serialize, ToSchema)]
pub struct Opening {
    from: Instant,
    until: Instant,
}

impl<'a> Preview<'a> {
    /// Of this warehouse.
    pub fn new(warehouse: &'a str, preview: &routing::CalendarPreview) -> Self {
        let opening =
            |it: &routing::Opening| Opening { from: Instant(it.since), until: Instant(it.until) };
        Self {
            warehouse,
            promised_ship_at: preview.promised_ship_at.map(Instant),
            openings: preview.openings.iter().map(opening).collect(),
        }
    }
}

/// How many openings to show.
pub type OpeningsLimit = Integer<OpeningsLimitRule>;
/// What an [`OpeningsLimit`] is.
pub enum OpeningsLimitRule {}
impl IntegerRule for OpeningsLimitRule {
    const NAME: &'static str = "OpeningsLimit";
    const MIN: i64 = 1;
    const MAX: i64 = 100;
}

/// How many openings are shown where the caller does not say.
pub const OPENINGS_DEFAULT: u32 = 7;

/// How many openings a query asks for: its `count`.
pub fn openings(query: &str) -> Result<u32, Problem> {
    let [count] = parameters(query, ["count"])?;
    let Some(text) = count else {
        return Ok(OPENINGS_DEFAULT);
    };
    let number = text.parse().ok().and_then(|number| OpeningsLimit::new(number).ok());
    let refuse = || Problem::malformed_parameter("count", "count is 1 to 100");
    Ok(number.ok_or_else(refuse)?.to_u32())
}

/// Where a query asks for what can be promised: its `ship_to`.
pub fn ship_to(query: &str) -> Result<Option<types::ShipTo>, Problem> {
    let [ship_to] = parameters(query, ["ship_to"])?;
    let refuse = || Problem::malformed_parameter("ship_to", "ship_to is an adcode: six digits");
    let adcode = ship_to.map(|text| Adcode::parse(&text).map_err(|_| refuse())).transpose()?;
    Ok(adcode.map(|adcode| types::ShipTo { adcode: adcode.into_string(), location: None }))
}

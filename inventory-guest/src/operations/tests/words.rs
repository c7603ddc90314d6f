//! Short forms of commands and outcomes.

use super::catalog::{changed, key};
use super::counting::counted;
use super::sessions::{refused_rows, session_now};
use crate::domain::{
    Adcode, Adjust, AdjustItem, Adjusted, Adjustment, Answer, Command, Confirm, Counter, Delta,
    ExpireLimit, Extend, Items, LeftOut, Level, Line, Location, Mode, OrderAnswer, OrderId,
    OrderState, Outcome, Package, Placement, Quantity, Reason, Refusal, Release, ReleaseReason,
    RequestId, Seconds, Ship, ShipTo, Shortage, Sku, Strategy, Transfer, WarehouseCode,
};

fn id(order: &str) -> OrderId {
    OrderId::parse(order).unwrap()
}

/// Reads lines such as `A*3 B*1`.
fn lines(text: &str) -> Items<Line> {
    let line = |text: &str| {
        let (sku, units) = text.split_once('*').unwrap();
        let quantity = Quantity::parse(units.parse().unwrap()).unwrap();
        Line { sku: Sku::parse(sku).unwrap(), quantity }
    };
    Items::parse(text.split(' ').map(line).collect()).unwrap()
}

fn placement(order: &str, text: &str) -> Placement {
    Placement {
        order_id: id(order),
        lines: lines(text),
        ship_to: None,
        mode: Mode::ReserveOnOrder,
        strategy: Strategy::Priority,
        ttl: Seconds::parse(10).unwrap(),
        allow_partial: false,
        request_id: None,
        left_out: LeftOut::default(),
    }
}

/// Holds for 10 s unless told otherwise.
pub(super) fn reserve(order: &str, lines: &str) -> Command {
    Command::Reserve(placement(order, lines))
}

pub(super) fn deduct(order: &str, lines: &str) -> Command {
    Command::Deduct(placement(order, lines))
}

pub(super) fn confirm(order: &str) -> Command {
    Command::Confirm(Confirm { order_id: id(order), request_id: None })
}

pub(super) fn extend(order: &str, seconds: u32) -> Command {
    let ttl = Seconds::parse(seconds).unwrap();
    Command::Extend(Extend { order_id: id(order), ttl, request_id: None })
}

pub(super) fn ship(order: &str) -> Command {
    Command::Ship(Ship { order_id: id(order), package: None, request_id: None })
}

pub(super) fn transfer(order: &str, package: u32, warehouse: &str) -> Command {
    let warehouse = WarehouseCode::parse(warehouse).unwrap();
    Command::Transfer(Transfer { order_id: id(order), package, warehouse, request_id: None })
}

/// Everything.
pub(super) fn release(order: &str) -> Command {
    let reason = ReleaseReason::Cancel;
    Command::Release(Release { order_id: id(order), reason, lines: None, request_id: None })
}

/// Some lines.
pub(super) fn get_back(order: &str, text: &str) -> Command {
    let (reason, lines) = (ReleaseReason::Refund, Some(lines(text)));
    Command::Release(Release { order_id: id(order), reason, lines, request_id: None })
}

pub(super) fn expire(orders: u32) -> Command {
    Command::Expire(ExpireLimit::parse(orders).unwrap())
}

pub(super) fn adjust(items: impl IntoIterator<Item = AdjustItem>) -> Command {
    Command::Adjust(Adjust {
        reason: Reason::parse("a count").unwrap(),
        items: Items::parse(items.into_iter().collect()).unwrap(),
        request_id: None,
    })
}

/// Sets with `5`, changes with `+5` or `-5`.
fn item(sku: &str, counter: Counter, value: &str) -> AdjustItem {
    let adjustment = if value.starts_with(['+', '-']) {
        Adjustment::Change(Delta::parse(value.parse().unwrap()).unwrap())
    } else {
        Adjustment::Set(Level::parse(value.parse().unwrap()).unwrap())
    };
    AdjustItem { sku: Sku::parse(sku).unwrap(), counter, adjustment, compare_quantity: None }
}

pub(super) fn sellable(sku: &str, value: &str) -> AdjustItem {
    item(sku, Counter::Sellable, value)
}

pub(super) fn on_hand(sku: &str, warehouse: &str, value: &str) -> AdjustItem {
    item(sku, Counter::OnHand(WarehouseCode::parse(warehouse).unwrap()), value)
}

pub(super) fn unavailable(sku: &str, warehouse: &str, value: &str) -> AdjustItem {
    item(sku, Counter::Unavailable(WarehouseCode::parse(warehouse).unwrap()), value)
}

impl AdjustItem {
    pub(super) fn if_was(mut self, units: u32) -> Self {
        self.compare_quantity = Some(units);
        self
    }
}

impl Command {
    /// Under this request id.
    pub(super) fn named(mut self, name: &str) -> Self {
        let name = RequestId::parse(name).unwrap();
        let request_id = match &mut self {
            Self::Reserve(it) | Self::Deduct(it) => &mut it.request_id,
            Self::Confirm(it) => &mut it.request_id,
            Self::Extend(it) => &mut it.request_id,
            Self::Ship(it) => &mut it.request_id,
            Self::Release(it) => &mut it.request_id,
            Self::Transfer(it) => &mut it.request_id,
            Self::Adjust(it) => &mut it.request_id,
            Self::Catalog(it) => &mut it.request_id,
            Self::Count(it) => &mut it.request_id,
            Self::Expire(_) | Self::Session(_) => panic!("this has no such name"),
        };
        *request_id = Some(name);
        self
    }

    /// To Shenzhen, from warehouses.
    pub(super) fn shipped(self) -> Self {
        self.to("440305")
    }

    /// For this order.
    pub(super) fn of(self, order: &str) -> Self {
        self.placed(|it| it.order_id = id(order))
    }

    /// By a caller who said neither mode nor time to live.
    pub(super) fn left_to(self, mode: Mode, ttl_s: u32) -> Self {
        self.placed(|it| {
            it.left_out = LeftOut { mode: true, ttl: true };
            (it.mode, it.ttl) = (mode, Seconds::parse(ttl_s).unwrap());
        })
    }

    /// To a district, from warehouses.
    pub(super) fn to(self, adcode: &str) -> Self {
        let adcode = Adcode::parse(adcode).unwrap();
        self.placed(|it| it.ship_to = Some(ShipTo { adcode, location: None }))
    }

    /// To the very place, in degrees.
    pub(super) fn at(self, latitude: i32, longitude: i32) -> Self {
        let [latitude, longitude] = [latitude, longitude].map(|degrees| degrees * 1_000_000);
        let location = Location::parse_microdegrees(latitude, longitude).unwrap();
        self.placed(|it| it.ship_to.as_mut().unwrap().location = Some(location))
    }

    pub(super) fn by(self, strategy: Strategy) -> Self {
        self.placed(|it| it.strategy = strategy)
    }

    pub(super) fn partial(self) -> Self {
        self.placed(|it| it.allow_partial = true)
    }

    pub(super) fn mode(self, mode: Mode) -> Self {
        self.placed(|it| it.mode = mode)
    }

    pub(super) fn package(mut self, number: u32) -> Self {
        let Self::Ship(ship) = &mut self else { panic!("only ship has packages") };
        ship.package = Some(number);
        self
    }

    fn placed(mut self, change: impl FnOnce(&mut Placement)) -> Self {
        let (Self::Reserve(it) | Self::Deduct(it)) = &mut self else {
            panic!("only placements have that")
        };
        change(it);
        self
    }
}

/// An outcome, short: `reserved 1:-(A*3) until 10000`, `no insufficient_stock A 1/3`.
pub(super) fn short(outcome: &Outcome) -> String {
    let again = if outcome.replayed { "as before: " } else { "" };
    let text = match &outcome.result {
        Ok(Answer::Order(answer)) => placed(answer),
        Ok(Answer::OrderInPart(answer, denied)) => {
            let rules =
                denied.iter().map(|it| format!(" {}!{}", it.sku.as_str(), it.rule.as_str()));
            placed(answer) + &rules.collect::<String>()
        }
        Ok(Answer::Adjusted(items)) => items.iter().map(adjusted).collect::<Vec<_>>().join(", "),
        Ok(Answer::Catalog(entries)) => entries.iter().map(changed).collect::<Vec<_>>().join(", "),
        Ok(Answer::Session(session)) => session_now(session),
        Ok(Answer::Counted(items)) => items.iter().map(counted).collect::<Vec<_>>().join(", "),
        Ok(Answer::Expired(orders)) => format!("{orders} expired"),
        Err(refusal) => format!("no {}{}", refusal.code(), numbers(refusal)),
    };
    format!("{again}{text}")
}

fn placed(answer: &OrderAnswer) -> String {
    let mut text = state(answer.state).to_owned();
    answer.packages.iter().for_each(|it| text += &package(it));
    answer.shortages.iter().for_each(|it| text += &shortage(it));
    if let Some(until) = answer.expires_at {
        text += &format!(" until {}", until.as_milliseconds());
    }
    if answer.reserved_again {
        text += " reserved again";
    }
    text
}

fn numbers(refusal: &Refusal) -> String {
    match refusal {
        Refusal::InsufficientStock(shortages) | Refusal::NoShippableWarehouse(shortages) => {
            shortages.iter().map(shortage).collect()
        }
        Refusal::UnknownSku(skus) => skus.iter().map(|sku| format!(" {}", sku.as_str())).collect(),
        Refusal::UnknownPackage(number) => format!(" {number}"),
        Refusal::OrderExists(it) | Refusal::InvalidState(it) => format!(" {}", state(*it)),
        Refusal::ReservationExpired(it) => {
            let shortages: String = it.shortages.iter().map(shortage).collect();
            format!(" at {}{shortages}", it.expired_at.as_milliseconds())
        }
        Refusal::AlreadyShipped(it) => format!(" shipped {} held {}", it.shipped, it.held),
        Refusal::QuantityExceedsHeld(it) => {
            format!(" {} {}/{}", it.sku.as_str(), it.held, it.requested)
        }
        Refusal::QuantityOutOfBounds(it) => {
            let counter = counter(&it.counter);
            let (sku, requested) = (it.sku.as_str(), it.requested);
            format!(" {sku}{counter} {requested} not in {}..{}", it.minimum, it.maximum)
        }
        Refusal::CompareMismatch(it) => {
            let (sku, counter) = (it.sku.as_str(), counter(&it.counter));
            format!(" {sku}{counter} {} not {}", it.actual, it.expected)
        }
        Refusal::RegionRestricted(denied) => {
            let denied =
                denied.iter().map(|it| format!(" {} by {}", it.sku.as_str(), it.rule.as_str()));
            denied.collect()
        }
        Refusal::UnknownWarehouse(codes) => {
            codes.iter().map(|code| format!(" {}", code.as_str())).collect()
        }
        Refusal::WarehouseInUse(it) => {
            let orders = it.orders.iter().map(|order| format!(" {}", order.as_str()));
            format!(" {}{}", it.warehouse.as_str(), orders.collect::<String>())
        }
        Refusal::VersionMismatch(it) => {
            format!(" {} {} not {}", key(&it.key), it.actual, it.expected)
        }
        Refusal::SessionIncomplete(pages) => format!(" {pages:?}"),
        Refusal::SessionFull(rows) => format!(" {rows}"),
        Refusal::RowsRefused(rows) => refused_rows(rows),
        Refusal::CountAhead(it) => {
            let (as_of, watermark) = (it.seen.as_of.as_milliseconds(), it.seen.watermark);
            let watermark = watermark.map_or(String::new(), |it| format!("#{it}"));
            format!(" {as_of}{watermark} at {}#{}", it.now.as_milliseconds(), it.last_seq)
        }
        Refusal::SnapshotStale(it) => {
            let newest = it.newest_as_of.as_milliseconds();
            let as_of = it.as_of.as_milliseconds();
            format!(" {newest}#{} not {as_of}#{}", it.newest_watermark, it.watermark)
        }
        Refusal::UnknownSession | Refusal::SessionConflict => String::new(),
        Refusal::UnknownOrder | Refusal::IdempotencyConflict | Refusal::AlreadyReleased => {
            String::new()
        }
    }
}

fn adjusted(item: &Adjusted) -> String {
    let counter = counter(&item.counter);
    format!("{}{counter} {}->{}", item.sku.as_str(), item.before, item.after)
}

fn counter(counter: &Counter) -> String {
    match counter {
        Counter::Sellable => String::new(),
        Counter::OnHand(code) => format!("@{}", code.as_str()),
        Counter::Unavailable(code) => format!("@{}!", code.as_str()),
    }
}

pub(super) fn package(package: &Package) -> String {
    let warehouse = package.warehouse.as_ref().map_or("-", WarehouseCode::as_str);
    let line = |it: &Line| format!("{}*{}", it.sku.as_str(), it.quantity.get());
    let lines = package.lines.iter().map(line).collect::<Vec<_>>().join(" ");
    format!(" {}:{warehouse}({lines})", package.number)
}

fn shortage(shortage: &Shortage) -> String {
    format!(" {} {}/{}", shortage.sku.as_str(), shortage.available, shortage.requested)
}

pub(super) fn state(state: OrderState) -> &'static str {
    match state {
        OrderState::AwaitingPayment => "awaiting",
        OrderState::Reserved => "reserved",
        OrderState::Committed => "committed",
        OrderState::PartiallyShipped => "partially shipped",
        OrderState::Shipped => "shipped",
        OrderState::PartiallyReleased => "partially released",
        OrderState::Released => "released",
        OrderState::Expired => "expired",
    }
}

//! STUB, never merged: the generated bindings of `wit/`, until the generator is there.
#![allow(missing_docs)]
pub mod types {
    #[derive(Debug, Clone, PartialEq)]
    pub struct Line {
        pub sku: String,
        pub quantity: u32,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Mode {
        ReserveOnOrder,
        DeductOnOrder,
        DeductOnPayment,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Strategy {
        Priority,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum ReleaseReason {
        Cancel,
        Refund,
    }
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum OrderState {
        AwaitingPayment,
        Reserved,
        Committed,
        PartiallyShipped,
        Shipped,
        PartiallyReleased,
        Released,
        Expired,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Placement {
        pub order_id: String,
        pub lines: Vec<Line>,
        pub ship_to: Option<String>,
        pub mode: Mode,
        pub strategy: Strategy,
        pub ttl_s: u32,
        pub allow_partial: bool,
        pub request_id: Option<String>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Confirm {
        pub order_id: String,
        pub request_id: Option<String>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Extend {
        pub order_id: String,
        pub ttl_s: u32,
        pub request_id: Option<String>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Ship {
        pub order_id: String,
        pub package: Option<u32>,
        pub request_id: Option<String>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Release {
        pub order_id: String,
        pub reason: ReleaseReason,
        pub lines: Option<Vec<Line>>,
        pub request_id: Option<String>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub enum Adjustment {
        Set(u32),
        Change(i32),
    }
    #[derive(Debug, Clone, PartialEq)]
    pub enum Counter {
        Sellable,
        OnHand(String),
        Unavailable(String),
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct AdjustItem {
        pub sku: String,
        pub counter: Counter,
        pub adjustment: Adjustment,
        pub compare_quantity: Option<u32>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Adjust {
        pub reason: String,
        pub items: Vec<AdjustItem>,
        pub request_id: Option<String>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub enum Command {
        Reserve(Placement),
        Confirm(Confirm),
        Extend(Extend),
        Ship(Ship),
        Release(Release),
        Deduct(Placement),
        Adjust(Adjust),
        Expire(u32),
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Shortage {
        pub sku: String,
        pub requested: u64,
        pub available: u64,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Package {
        pub number: u32,
        pub warehouse: Option<String>,
        pub lines: Vec<Line>,
        pub promised_ship_at: Option<i64>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct OrderAnswer {
        pub order_id: String,
        pub state: OrderState,
        pub expires_at: Option<i64>,
        pub packages: Vec<Package>,
        pub shortages: Vec<Shortage>,
        pub reserved_again: bool,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Adjusted {
        pub sku: String,
        pub counter: Counter,
        pub before: u32,
        pub after: u32,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub enum Answer {
        Order(OrderAnswer),
        Adjusted(Vec<Adjusted>),
        Expired(u32),
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct OrderInState {
        pub state: OrderState,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct ExpiredHold {
        pub expired_at: i64,
        pub shortages: Vec<Shortage>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct ShippedUnits {
        pub shipped: u64,
        pub held: u64,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Excess {
        pub sku: String,
        pub requested: u64,
        pub held: u64,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Bound {
        pub sku: String,
        pub counter: Counter,
        pub requested: i64,
        pub minimum: u32,
        pub maximum: u32,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Mismatch {
        pub sku: String,
        pub counter: Counter,
        pub expected: u32,
        pub actual: u32,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub enum Refusal {
        InsufficientStock(Vec<Shortage>),
        UnknownSku(Vec<String>),
        UnknownOrder,
        UnknownPackage(u32),
        IdempotencyConflict,
        OrderExists(OrderInState),
        AlreadyReleased,
        InvalidState(OrderInState),
        ReservationExpired(ExpiredHold),
        AlreadyShipped(ShippedUnits),
        QuantityExceedsHeld(Excess),
        QuantityOutOfBounds(Bound),
        CompareMismatch(Mismatch),
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Outcome {
        pub replayed: bool,
        pub result: Result<Answer, Refusal>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub enum Fault {
        Busy,
        Full,
        Interrupted,
        Malformed(String),
        Storage(String),
        Corrupt(String),
    }
}
pub mod orders {
    use super::types::*;
    #[derive(Debug, Clone, PartialEq)]
    pub struct OrderLine {
        pub sku: String,
        pub quantity: u64,
        pub reserved: u64,
        pub committed: u64,
        pub shipped: u64,
        pub released: u64,
        pub expired: u64,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct HistoryEntry {
        pub at: i64,
        pub operation: String,
        pub request_id: Option<String>,
        pub outcome: String,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Order {
        pub order_id: String,
        pub state: OrderState,
        pub expires_at: Option<i64>,
        pub lines: Vec<OrderLine>,
        pub packages: Vec<Package>,
        pub history: Vec<HistoryEntry>,
    }
}
pub mod stock {
    use super::types::*;
    #[derive(Debug, Clone, PartialEq)]
    pub struct WarehouseStock {
        pub warehouse: String,
        pub on_hand: u32,
        pub reserved: u32,
        pub committed: u32,
        pub unavailable: u32,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct SkuStock {
        pub sku: String,
        pub sellable: u32,
        pub reserved: u64,
        pub committed: u64,
        pub on_hand: u64,
        pub warehouses: Vec<WarehouseStock>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct AuditCounts {
        pub skus: u64,
        pub warehouse_stocks: u64,
        pub orders: u64,
        pub legs: u64,
        pub ledger_rows: u64,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Difference {
        pub invariant: String,
        pub subject: String,
        pub expected: String,
        pub actual: String,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct AuditReport {
        pub checked: AuditCounts,
        pub differences: Vec<Difference>,
    }
}
pub mod changes {
    use super::types::*;
    #[derive(Debug, Clone, PartialEq)]
    pub struct Quantities {
        pub sellable: Option<u32>,
        pub on_hand: Option<u32>,
        pub unavailable: Option<u32>,
        pub reserved: u32,
        pub committed: u32,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Cause {
        pub kind: String,
        pub order_id: Option<String>,
        pub reason: Option<String>,
    }
    #[derive(Debug, Clone, PartialEq)]
    pub struct Change {
        pub seq: u64,
        pub at: i64,
        pub kind: String,
        pub sku: String,
        pub warehouse: Option<String>,
        pub before: Quantities,
        pub after: Quantities,
        pub cause: Cause,
    }
}
pub mod lifecycle {
    use super::types::*;
    #[derive(Debug, Clone, PartialEq)]
    pub struct Description {
        pub name: String,
        pub version: String,
        pub schema_version: u32,
    }
}

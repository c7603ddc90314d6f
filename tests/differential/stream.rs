//! Random calls that a seed repeats: few skus, warehouses and orders, so that they meet.

use edge_host::guest::types::{
    Adjust, AdjustItem, Adjustment, Command, Confirm, Counter, Extend, Instant, LeftOut, Line,
    Mode, Placement, Release, ReleaseReason, Ship, ShipTo, Strategy, Transfer,
};

use super::{Call, entries};

/// `GHOST` is never stocked.
const SKUS: [&str; 6] = ["TEA", "CUP", "MUG", "POT", "JAR", "GHOST"];
pub(super) const WAREHOUSES: [&str; 3] = ["GZ", "SZ", "BJ"];
/// Orders that calls name at one time; the oldest give way to new ones.
const ORDERS_AT_ONCE: usize = 24;
/// Commands after which a new order takes the oldest's place.
const COMMANDS_PER_ORDER: usize = 6;
const COMMANDS_IN_BATCH_MAX: usize = 64;

pub(super) struct Stream {
    /// The state of `SplitMix64`.
    random: u64,
    now: Instant,
    commands: usize,
    /// The last batches' commands, for saying them again.
    said: Vec<Command>,
}

impl Stream {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: seed, now: 1_800_000_000_000, commands: 0, said: Vec::new() }
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Commands said so far.
    pub(super) fn commands(&self) -> usize {
        self.commands
    }

    pub(super) fn next_call(&mut self) -> Call {
        match self.below(25) {
            20 => Call::GetEntry(entries::key(self)),
            21 => Call::ListEntries(entries::key(self).noun, format!("W{}", self.below(3))),
            23 => Call::GetSession(entries::session_id(self)),
            24 => Call::ListStock(self.sku()),
            22 => Call::ListCatalogEvents { after: self.next() % 64, limit: self.units(20) },
            0..=2 => Call::GetOrder(self.order_id()),
            3..=5 => {
                let skus = self.below(SKUS.len());
                Call::GetStock((0..=skus).map(|_| self.sku()).collect())
            }
            6 => Call::ListChanges { after: self.next() % 512, limit: self.units(40) },
            7 => Call::Audit,
            _ => self.apply(),
        }
    }

    fn apply(&mut self) -> Call {
        // Holds last up to a quarter of an hour.
        self.now += match self.below(8) {
            0..=3 => 0,
            4..=5 => self.milliseconds(2_000),
            6 => self.milliseconds(1_000_000),
            _ => self.milliseconds(86_400_000),
        };
        let size = match self.below(4) {
            0..=1 => 1,
            2 => 1 + self.below(8),
            _ => 1 + self.below(COMMANDS_IN_BATCH_MAX),
        };
        let mut batch: Vec<_> = (0..size).map(|_| self.command()).collect();
        self.commands += size;
        self.said.extend_from_slice(&batch);
        let old = self.said.len().saturating_sub(2 * COMMANDS_IN_BATCH_MAX);
        self.said.drain(..old);
        if self.below(32) == 0 {
            batch.push(self.malformed());
        }
        Call::Apply(self.now, batch)
    }

    fn command(&mut self) -> Command {
        if !self.said.is_empty() && self.below(6) == 0 {
            let index = self.below(self.said.len());
            let said = self.said[index].clone();
            return if self.below(3) == 0 { self.altered(said) } else { said };
        }
        let (order_id, request_id) = (self.order_id(), self.request_id());
        match self.below(30) {
            28..=29 => entries::count(self, self.now, request_id),
            26..=27 => Command::Session(entries::session_step(self)),
            24..=25 => Command::Catalog(entries::change(self, request_id)),
            0..=5 => Command::Reserve(self.placement(order_id, request_id)),
            6..=7 => Command::Deduct(self.placement(order_id, request_id)),
            8..=10 => Command::Confirm(Confirm { order_id, request_id }),
            11 => Command::Extend(Extend { order_id, ttl_s: self.units(900), request_id }),
            12..=14 => {
                let package = (self.below(2) == 0).then(|| self.units(3));
                Command::Ship(Ship { order_id, package, request_id })
            }
            15..=16 => self.release(order_id, request_id),
            17 => {
                let (package, warehouse) = (self.units(3), self.warehouse());
                Command::Transfer(Transfer { order_id, package, warehouse, request_id })
            }
            18..=22 => self.adjust(request_id),
            _ => Command::Expire(self.units(100)),
        }
    }

    /// The same identity with another body.
    fn altered(&mut self, mut said: Command) -> Command {
        match &mut said {
            Command::Reserve(it) | Command::Deduct(it) => it.lines = self.lines(),
            Command::Extend(it) => it.ttl_s = self.units(900),
            Command::Release(it) => it.lines = Some(self.lines()),
            Command::Ship(it) => it.package = None,
            Command::Transfer(it) => it.warehouse = self.warehouse(),
            Command::Adjust(it) => "counted anew".clone_into(&mut it.reason),
            Command::Confirm(it) => it.request_id = None,
            Command::Expire(limit) => *limit = 1,
            Command::Count(it) => "counted anew".clone_into(&mut it.reason),
            Command::Catalog(it) => "planned anew".clone_into(&mut it.reason),
            Command::Session(it) => *it = entries::session_step(self),
        }
        said
    }

    /// A command that makes its whole batch a fault; its text is not ASCII.
    fn malformed(&mut self) -> Command {
        let mut placement = self.placement("O-\u{8336}".to_owned(), None);
        "\u{1f375} tea".clone_into(&mut placement.lines[0].sku);
        Command::Reserve(placement)
    }

    fn placement(&mut self, order_id: String, request_id: Option<String>) -> Placement {
        let mode = match self.below(6) {
            0 => Mode::DeductOnOrder,
            1 => Mode::DeductOnPayment,
            _ => Mode::ReserveOnOrder,
        };
        Placement {
            order_id,
            lines: self.lines(),
            ship_to: (self.below(2) == 0)
                .then(|| ShipTo { adcode: "440305".to_owned(), location: None }),
            mode,
            strategy: Strategy::Priority,
            ttl_s: self.units(900),
            allow_partial: self.below(4) == 0,
            request_id,
            left_out: LeftOut { mode: self.below(2) == 0, ttl: self.below(2) == 0 },
        }
    }

    fn release(&mut self, order_id: String, request_id: Option<String>) -> Command {
        let reason = if self.below(2) == 0 { ReleaseReason::Cancel } else { ReleaseReason::Refund };
        let lines = (self.below(2) == 0).then(|| self.lines());
        Command::Release(Release { order_id, reason, lines, request_id })
    }

    fn adjust(&mut self, request_id: Option<String>) -> Command {
        let items = (0..=self.below(4)).map(|_| self.adjust_item()).collect();
        Command::Adjust(Adjust { reason: "counted".to_owned(), items, request_id })
    }

    fn adjust_item(&mut self) -> AdjustItem {
        let warehouse = self.warehouse();
        let counter = match self.below(5) {
            0..=1 => Counter::Sellable,
            2..=3 => Counter::OnHand(warehouse),
            _ => Counter::Unavailable(warehouse),
        };
        let adjustment = match self.below(5) {
            0..=1 => Adjustment::Set(self.units(80)),
            2..=3 => Adjustment::Change(self.units(40).cast_signed()),
            _ => Adjustment::Change(-self.units(40).cast_signed()),
        };
        AdjustItem {
            sku: SKUS[self.below(SKUS.len() - 1)].to_owned(),
            counter,
            adjustment,
            compare_quantity: (self.below(16) == 0).then(|| self.units(80)),
        }
    }

    fn warehouse(&mut self) -> String {
        WAREHOUSES[self.below(WAREHOUSES.len())].to_owned()
    }

    fn lines(&mut self) -> Vec<Line> {
        let lines = self.below(3);
        (0..=lines).map(|_| Line { sku: self.sku(), quantity: self.units(12) }).collect()
    }

    /// Seldom the one that is never stocked.
    pub(super) fn sku(&mut self) -> String {
        let stocked = SKUS.len() - 1;
        let index = if self.below(24) == 0 { stocked } else { self.below(stocked) };
        SKUS[index].to_owned()
    }

    fn order_id(&mut self) -> String {
        let first = self.commands / COMMANDS_PER_ORDER;
        format!("O-{}", first + self.below(ORDERS_AT_ONCE))
    }

    fn request_id(&mut self) -> Option<String> {
        (self.below(2) == 0).then(|| format!("R-{}", self.below(4)))
    }

    /// One of 1..=`most`.
    pub(super) fn units(&mut self, most: u32) -> u32 {
        1 + u32::try_from(self.next() % u64::from(most)).expect("less than a u32")
    }

    fn milliseconds(&mut self, most: u32) -> Instant {
        Instant::from(self.units(most))
    }

    /// One of 0..`bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("less than a usize")
    }

    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

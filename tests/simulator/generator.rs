//! What the simulated callers do: few skus, orders and warehouses, so that they meet all the time.

use super::random::Random;
use crate::door::words::{
    AdjustItem, Adjustment, Command, Counter, Instant, Line, Mode, Placement, ReleaseReason,
};
use crate::door::{Disturbance, StorageFault};
use crate::scenarios::write::DAY_ONE;

const UNITS_MAX: i64 = 2_147_483_647;
/// More calls than most batches make, so that some faults come too late to matter.
const CALLS_MAX: usize = 24;
const SKUS: [&str; 4] = ["TEA", "CUP", "MUG", "POT"];
const WAREHOUSES: [&str; 3] = ["GZ", "SZ", "BJ"];

/// One batch, when it comes, and what goes wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) now: Instant,
    pub(super) commands: Vec<Command>,
    pub(super) disturbance: Disturbance,
}

/// How a seed's world is: drawn once.
#[derive(Debug)]
pub(super) struct Generator {
    random: Random,
    now: Instant,
    skus: usize,
    warehouses: usize,
    orders: usize,
    /// How much is adjusted and ordered at once, at most; some worlds deal in the largest numbers.
    units: i64,
    disturbed_percent: usize,
    said: Vec<Command>,
    /// The batch whose answer its callers never saw.
    unanswered: Option<Vec<Command>>,
}

impl Generator {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let skus = 1 + random.below(SKUS.len());
        let warehouses = random.below(WAREHOUSES.len() + 1);
        let orders = 2 + random.below(12);
        let units = random.weighted(&[(6, 6), (2, 60), (1, UNITS_MAX)]);
        let disturbed_percent = random.weighted(&[(1, 0), (2, 15), (1, 40)]);
        Self {
            random,
            now: DAY_ONE,
            skus,
            warehouses,
            orders,
            units,
            disturbed_percent,
            said: Vec::new(),
            unanswered: None,
        }
    }

    /// The next batch. `ends` is when the live holds end.
    pub(super) fn step(&mut self, ends: &[Instant]) -> Step {
        self.pass_time(ends);
        let commands = match self.unanswered.take() {
            Some(commands) if self.random.chance(80) => commands,
            _ => {
                let size = self.random.weighted(&[(6, 1), (3, 3), (2, 8), (1, 40)]);
                (0..=self.random.below(size))
                    .map(|_| self.command())
                    .collect()
            }
        };
        self.said.extend(commands.iter().cloned());
        let disturbance = self.disturbance();
        if disturbance != Disturbance::None {
            self.unanswered = Some(commands.clone());
        }
        Step {
            now: self.now,
            commands,
            disturbance,
        }
    }

    /// Commands that come at one instant, in any batches, and undisturbed.
    pub(super) fn commands(&mut self, ends: &[Instant], count: usize) -> (Instant, Vec<Command>) {
        self.pass_time(ends);
        let commands: Vec<Command> = (0..count).map(|_| self.command()).collect();
        self.said.extend(commands.iter().cloned());
        (self.now, commands)
    }

    fn pass_time(&mut self, ends: &[Instant]) {
        let later = match self.random.weighted(&[(8, 0), (4, 1), (6, 2), (1, 3)]) {
            0 => self.now,
            1 => self.now + self.random.between(1, 2_000),
            2 if !ends.is_empty() => *self.random.pick(ends) + self.random.between(-1, 1),
            2 => self.now,
            _ => self.now + self.random.between(1, 86_400_000),
        };
        self.now = self.now.max(later);
    }

    fn disturbance(&mut self) -> Disturbance {
        if !self.random.chance(self.disturbed_percent) {
            return Disturbance::None;
        }
        match self.random.below(5) {
            0 => Disturbance::CrashBeforeCommit,
            1 => Disturbance::CrashAfterCommit,
            2 => Disturbance::CommitFails,
            _ => Disturbance::Fault {
                call: self.random.below(CALLS_MAX),
                fault: *self.random.pick(&StorageFault::ALL),
            },
        }
    }

    fn command(&mut self) -> Command {
        if !self.said.is_empty() && self.random.chance(12) {
            return self.random.pick(&self.said).clone();
        }
        if !self.said.is_empty() && self.random.chance(6) {
            let said = self.random.pick(&self.said).clone();
            return self.altered(said);
        }
        match self.random.weighted(&[
            (7, 0),
            (4, 1),
            (6, 2),
            (2, 3),
            (5, 4),
            (6, 5),
            (5, 6),
            (1, 7),
        ]) {
            0 => Command::Reserve(self.placement()),
            1 => Command::Deduct(self.placement()),
            2 => Command::Confirm {
                order_id: self.order_id(),
                request_id: self.request_id(),
            },
            3 => Command::Extend {
                order_id: self.order_id(),
                ttl_s: self.ttl_s(),
                request_id: self.request_id(),
            },
            4 => self.ship(),
            5 => self.release(),
            6 => self.adjust(),
            _ => Command::Expire(*self.random.pick(&[0, 1, 2, 100])),
        }
    }

    /// The same name, for something else.
    fn altered(&mut self, said: Command) -> Command {
        match said {
            Command::Reserve(first) => Command::Reserve(self.altered_placement(first)),
            Command::Deduct(first) => Command::Deduct(self.altered_placement(first)),
            Command::Extend {
                order_id,
                request_id,
                ..
            } => Command::Extend {
                order_id,
                ttl_s: self.ttl_s(),
                request_id,
            },
            Command::Release {
                order_id,
                reason,
                request_id,
                ..
            } => Command::Release {
                order_id,
                reason,
                lines: Some(self.lines()),
                request_id,
            },
            Command::Ship {
                order_id,
                request_id,
                ..
            } => Command::Ship {
                order_id,
                package: Some(1),
                request_id,
            },
            Command::Adjust {
                items, request_id, ..
            } => Command::Adjust {
                reason: "other".to_owned(),
                items,
                request_id,
            },
            same @ (Command::Confirm { .. } | Command::Expire(_)) => same,
        }
    }

    fn altered_placement(&mut self, mut first: Placement) -> Placement {
        match self.random.below(4) {
            0 => first.lines.reverse(),
            1 => first.lines[0].quantity = self.quantity(),
            2 => first.ship_to = self.ship_to(),
            _ => first.allow_partial = !first.allow_partial,
        }
        first
    }

    fn placement(&mut self) -> Placement {
        let modes = [
            (6, Mode::ReserveOnOrder),
            (1, Mode::DeductOnOrder),
            (1, Mode::DeductOnPayment),
        ];
        Placement {
            order_id: self.order_id(),
            lines: self.lines(),
            ship_to: self.ship_to(),
            mode: self.random.weighted(&modes),
            ttl_s: self.ttl_s(),
            allow_partial: self.random.chance(25),
            request_id: self.request_id(),
        }
    }

    fn ship(&mut self) -> Command {
        let package = self
            .random
            .weighted(&[(3, None), (3, Some(1)), (2, Some(2)), (1, Some(3))]);
        Command::Ship {
            order_id: self.order_id(),
            package,
            request_id: self.request_id(),
        }
    }

    fn release(&mut self) -> Command {
        let reasons = [ReleaseReason::Cancel, ReleaseReason::Refund];
        Command::Release {
            order_id: self.order_id(),
            reason: *self.random.pick(&reasons),
            lines: self.random.chance(55).then(|| self.lines()),
            request_id: self.request_id(),
        }
    }

    fn adjust(&mut self) -> Command {
        let items = (0..=self.random.below(3)).map(|_| self.item()).collect();
        let request_id = if self.random.chance(60) {
            None
        } else {
            self.request_id()
        };
        Command::Adjust {
            reason: "count".to_owned(),
            items,
            request_id,
        }
    }

    fn item(&mut self) -> AdjustItem {
        let counter = if self.warehouses > 0 && self.random.chance(60) {
            let code = WAREHOUSES[self.random.below(self.warehouses)].to_owned();
            if self.random.chance(70) {
                Counter::OnHand(code)
            } else {
                Counter::Unavailable(code)
            }
        } else {
            Counter::Sellable
        };
        let level = match self.random.weighted(&[(1, 0), (1, 1), (8, 2), (1, 3)]) {
            0 => 0,
            1 => UNITS_MAX,
            2 => self.random.between(0, self.units),
            _ => UNITS_MAX - self.random.between(0, self.units),
        };
        let adjustment = match self.random.below(3) {
            0 => Adjustment::Change(level),
            1 => Adjustment::Change(-level),
            _ => Adjustment::Set(level),
        };
        let compare_quantity = self
            .random
            .chance(10)
            .then(|| self.random.between(0, self.units));
        AdjustItem {
            sku: self.sku(),
            counter,
            adjustment,
            compare_quantity,
        }
    }

    fn lines(&mut self) -> Vec<Line> {
        let count = self.random.weighted(&[(5, 1), (3, 2), (2, 4)]);
        (0..count)
            .map(|_| Line {
                sku: self.sku(),
                quantity: self.quantity(),
            })
            .collect()
    }

    fn sku(&mut self) -> String {
        if self.random.chance(1) {
            return "NONE".to_owned();
        }
        SKUS[self.random.below(self.skus)].to_owned()
    }

    fn quantity(&mut self) -> i64 {
        match self.random.below(20) {
            0 => UNITS_MAX,
            1..=6 => 1,
            _ => self.random.between(1, self.units / 2),
        }
    }

    fn ship_to(&mut self) -> Option<String> {
        self.random.chance(60).then(|| "440305".to_owned())
    }

    fn ttl_s(&mut self) -> i64 {
        *self.random.pick(&[1, 1, 2, 60, 900, 31_536_000])
    }

    fn order_id(&mut self) -> String {
        format!("O-{}", 1 + self.random.below(self.orders))
    }

    fn request_id(&mut self) -> Option<String> {
        self.random
            .weighted(&[(3, None), (2, Some("a")), (2, Some("b")), (4, Some(""))])
            .map(|id| {
                // Most attempts have a name of their own, or nothing would ever happen twice.
                if id.is_empty() {
                    format!("n{}", self.random.below(1_000))
                } else {
                    id.to_owned()
                }
            })
    }
}

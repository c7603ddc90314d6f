//! What a durable commit costs in one process, without HTTP: through the guest, against the same
//! rows written one command at a time by native code, and against the guest's own code run
//! natively.
//!
//! All three write the same tables on the same disk with the same settings, and take turns in short
//! slices, so that what else the machine does meets them alike.

mod contender;
mod naive;
mod native;
mod shard;

use std::time::Duration;

use crate::measure::{
    Figure, Report, load_time,
    orders::{Choice, Orders},
};
use contender::{Contender, Lane};

/// Commands of one commit.
const BATCHES: [usize; 4] = [1, 16, 128, 512];
const SKUS: u32 = 10_000;
/// Turns of each contender.
const SLICES: u32 = 4;

pub(crate) fn run(report: &mut Report) {
    let mut at_128 = Vec::new();
    for (choice, name) in [(Choice::Random(SKUS), "random skus"), (Choice::Hot, "one hot sku")] {
        for batch in BATCHES {
            let [guest, rules, naive] = measure(choice, batch);
            let asked = if batch == 128 { "≥ 0.6, aim > 1.0" } else { "" };
            report.add(&guest.figure(format!("{name}, {batch} a commit"), &naive).asked(asked));
            report.add(&rules.figure("  the same rules, native".to_owned(), &naive));
            if batch == 128 {
                at_128.push(guest);
            }
        }
    }
    let [random, hot] = &at_128[..] else { return };
    report.add(
        &Figure::new("one hot sku, 128 a commit", hot.per_second, "commands/s")
            .with(hot.processor())
            .against(random.per_second, "random skus")
            .beside(random.processor())
            .asked("≥ 1.0"),
    );
}

/// What a contender came to.
struct Measured {
    per_second: f64,
    processor_us: f64,
}

impl Measured {
    fn of<C: Contender>(lane: &Lane<C>) -> Self {
        Self { per_second: lane.per_second(), processor_us: lane.processor_microseconds() }
    }

    fn processor(&self) -> String {
        format!("{:.1} µs of processor each", self.processor_us)
    }

    fn figure(&self, what: String, naive: &Self) -> Figure {
        Figure::new(what, self.per_second, "commands/s")
            .with(self.processor())
            .against(naive.per_second, "naive native")
            .beside(naive.processor())
    }
}

/// The guest, the guest's rules compiled natively, and naive native code.
fn measure(choice: Choice, batch: usize) -> [Measured; 3] {
    let slice: Duration = load_time() / 4 / SLICES;
    let mut guest = Lane::new(shard::Guest::open(SKUS, batch), Orders::new(choice), batch);
    let mut rules = Lane::new(native::Native::open(SKUS), Orders::new(choice), batch);
    let mut naive = Lane::new(naive::Naive::open(SKUS), Orders::new(choice), batch);
    for _ in 0..SLICES {
        guest.run(slice);
        rules.run(slice);
        naive.run(slice);
    }
    [Measured::of(&guest), Measured::of(&rules), Measured::of(&naive)]
}

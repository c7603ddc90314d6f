//! What a durable commit costs in one process, without HTTP: through the guest, against the same
//! rows written one command at a time by native code, and against the guest's own code run natively.
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
use contender::Lane;

/// Commands of one commit.
const BATCHES: [usize; 4] = [1, 16, 128, 512];
const SKUS: u32 = 10_000;
/// Turns of each contender.
const SLICES: u32 = 4;

pub(crate) fn run(report: &mut Report) {
    let mut at_128 = Vec::new();
    for (choice, name) in [(Choice::Random(SKUS), "random skus"), (Choice::Hot, "one hot sku")] {
        for batch in BATCHES {
            let measured = measure(choice, batch);
            if batch == 128 {
                at_128.push(measured.guest);
            }
            let what = format!("{name}, {batch} a commit");
            let asked = if batch == 128 { "≥ 0.6, aim > 1.0" } else { "" };
            report.add(
                &Figure::new(what, measured.guest, "commands/s")
                    .against(measured.naive, "naive native")
                    .asked(asked),
            );
            report.add(
                &Figure::new("  the same rules, native", measured.native, "commands/s")
                    .against(measured.naive, "naive native"),
            );
        }
    }
    if let [random, hot] = at_128[..] {
        report.add(
            &Figure::new("one hot sku, 128 a commit", hot, "commands/s")
                .against(random, "random skus")
                .asked("≥ 1.0"),
        );
    }
}

/// Commands per second.
struct Measured {
    guest: f64,
    naive: f64,
    native: f64,
}

fn measure(choice: Choice, batch: usize) -> Measured {
    let slice: Duration = load_time() / 4 / SLICES;
    let mut guest = Lane::new(shard::Guest::open(SKUS, batch), Orders::new(choice), batch);
    let mut naive = Lane::new(naive::Naive::open(SKUS), Orders::new(choice), batch);
    let mut native = Lane::new(native::Native::open(SKUS), Orders::new(choice), batch);
    for _ in 0..SLICES {
        guest.run(slice);
        naive.run(slice);
        native.run(slice);
    }
    Measured { guest: guest.per_second(), naive: naive.per_second(), native: native.per_second() }
}

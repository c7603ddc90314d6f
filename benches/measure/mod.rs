//! What every bench needs: programs to start, loads to put on them, orders to send, and a table
//! to fill.

pub(crate) mod constant_server;
pub(crate) mod load;
pub(crate) mod orders;
pub(crate) mod program;
mod report;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

pub(crate) use report::{Figure, Report};

/// How long one load runs.
pub(crate) fn load_time() -> Duration {
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(5.0))
}

/// A path inside the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A fresh folder on the disk that the repository is on: temporary ones may be in memory, where
/// durability costs nothing.
pub(crate) fn folder() -> tempfile::TempDir {
    let parent = repository("target/bench");
    std::fs::create_dir_all(&parent).expect("target/ can be written");
    tempfile::tempdir_in(parent).expect("target/bench/ can be written")
}

/// Calls `call` for `time`, after a tenth of it to warm up; microseconds of one call.
pub(crate) fn microseconds_per_call(time: Duration, mut call: impl FnMut()) -> f64 {
    let mut calls = 0_u32;
    for time in [time / 10, time] {
        calls = 0;
        let started = Instant::now();
        while started.elapsed() < time {
            for _ in 0..16 {
                call();
            }
            calls += 16;
        }
    }
    time.as_secs_f64() * 1e6 / f64::from(calls)
}

/// The value that this share of the sorted values does not exceed.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    #[expect(clippy::cast_precision_loss, reason = "a few thousand values")]
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

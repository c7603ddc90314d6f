//! Looks at a new guest for a while, and takes it back where it fails.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::HotSwap;
use crate::{guest::types::Fault, shard::Error};

/// How often the traps are counted.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// How often the guest is asked something, for nodes without traffic.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);
/// An order that nobody placed.
const PROBE_ORDER: &str = "edge-host-probe";

/// Watches on a thread of its own, until the window ends or another guest is switched to.
pub(super) fn begin(hot_swap: &HotSwap, watch: u64, digest: String) {
    let watched = hot_swap.clone();
    let traps = &hot_swap.0.metrics.writer.traps;
    let before = traps.get();
    let run = move || look_after(&watched, watch, &digest, before);
    if let Err(error) = thread::Builder::new().name("guest-watch".to_owned()).spawn(run) {
        tracing::error!(%error, "no thread to watch the new guest; it is not taken back by itself");
    }
}

fn look_after(hot_swap: &HotSwap, watch: u64, digest: &str, traps_before: u64) {
    let inner = &hot_swap.0;
    let started = Instant::now();
    let (mut probed, mut probes_failed) = (started, 0);
    while started.elapsed() < inner.config.watch_window {
        if inner.state.lock().watch != watch {
            return;
        }
        let traps = inner.metrics.writer.traps.get() - traps_before + probes_failed;
        if traps >= inner.config.traps_max {
            let age = started.elapsed().as_secs_f64();
            let reason = format!("{traps} traps or failed probes within its first {age:.1} s");
            tracing::error!(guest = digest, reason, "taking the guest back");
            return hot_swap.take_back(watch, digest, &reason);
        }
        if probed.elapsed() >= PROBE_INTERVAL {
            probed = Instant::now();
            match inner.shard.probe(PROBE_ORDER.to_owned()) {
                Err(Error::Trapped(reason)) => {
                    tracing::warn!(guest = digest, reason, "a probe of the new guest trapped");
                }
                // A read of callers may be a long one, and count for nothing; this is the shortest.
                Err(Error::Stopped) => {
                    tracing::warn!(guest = digest, "a probe of the new guest was stopped");
                    probes_failed += 1;
                }
                // A full disk or a busy database is not the guest's doing.
                Err(Error::Fault(fault @ (Fault::Storage(_) | Fault::Corrupt(_)))) => {
                    tracing::warn!(guest = digest, ?fault, "a probe of the new guest failed");
                    probes_failed += 1;
                }
                _ => {}
            }
        }
        thread::sleep(LOOK_INTERVAL);
    }
    if let Err(error) = inner.state.lock().history.passes(digest) {
        tracing::error!(%error, "the history was not written");
    }
    tracing::info!(guest = digest, "the new guest has passed its watch");
}

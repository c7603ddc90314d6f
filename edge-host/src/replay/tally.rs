//! Counts and latencies of a replay, by kind of command.

use std::collections::BTreeMap;
use std::time::Duration;

use inventory_replay::plan::Action;

/// The rows of the summary, in its order.
pub(super) const KINDS: [&str; 5] = ["reserve", "confirm", "release", "ship", "return"];

/// What was sent and what came back.
#[derive(Default)]
pub(super) struct Tally {
    /// One for each of `KINDS`.
    pub(super) rows: [Row; KINDS.len()],
    /// Of whole requests, where commands are sent in batches.
    pub(super) batches: Latencies,
    /// Steps of orders that were refused, and were therefore not sent.
    pub(super) skipped: u64,
}

/// Commands of one kind.
#[derive(Default)]
pub(super) struct Row {
    pub(super) answered: u64,
    /// Answers the server had given before.
    pub(super) replayed: u64,
    /// By code.
    pub(super) refused: BTreeMap<String, u64>,
    /// Empty where commands are sent in batches.
    pub(super) latencies: Latencies,
}

/// Four bytes a request, so that the percentiles are exact.
#[derive(Default)]
pub(super) struct Latencies(Vec<u32>);

impl Tally {
    pub(super) fn row(&mut self, action: Action) -> &mut Row {
        &mut self.rows[match action {
            Action::Reserve => 0,
            Action::Confirm => 1,
            Action::Release(_) | Action::ReleaseRest(_) => 2,
            Action::Ship => 3,
            Action::Return(_) => 4,
        }]
    }

    pub(super) fn answered(&self) -> u64 {
        self.rows.iter().map(|row| row.answered).sum()
    }
}

impl Latencies {
    pub(super) fn add(&mut self, took: Duration) {
        self.0.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    /// The values that these shares of all (in thousandths) do not exceed, in microseconds.
    pub(super) fn percentiles<const N: usize>(
        &mut self,
        permilles: [usize; N],
    ) -> Option<[u32; N]> {
        self.0.sort_unstable();
        let last = self.0.len().checked_sub(1)?;
        let rank = |permille: usize| (self.0.len() * permille).div_ceil(1_000).saturating_sub(1);
        Some(permilles.map(|permille| self.0[rank(permille).min(last)]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentiles([500]), None);
        for us in (1..=100).rev() {
            latencies.add(Duration::from_micros(us));
        }
        assert_eq!(latencies.percentiles([500, 990, 1_000]), Some([50, 99, 100]));
    }
}

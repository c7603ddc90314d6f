//! Pulls snapshots of what lies in warehouses from their own system, on a schedule; WMS.md beside
//! this file is the interface that such a system offers.
//!
//! A snapshot goes through the writer as a caller's would: a page at a time, then a commit. Orders
//! go on between the pages. Whatever fails is tried again later, and nothing of it counts before.

mod fetch;

mod page;

mod pull;

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::fetch::Source;
pub use self::fetch::Url;
use self::pull::{Pull, Pulled};
use crate::metrics;
use crate::shard::Shard;

/// Warehouses that are read at one time: the others wait, and the writer is nobody's alone.
const PULLS_MAX: usize = 2;
/// The first pause after a failure; it doubles with each, up to the interval or the bound.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_mins(5);

/// Where snapshots come from, validated by `config`.
#[derive(Clone, Debug)]
pub struct Config {
    /// The system's address.
    pub url: Url,
    /// From one reading of a warehouse to the next.
    pub interval: Duration,
    /// Whose snapshots.
    pub warehouses: Vec<String>,
    /// What the system is told of who asks.
    pub token: Option<Token>,
    /// How long one page may take.
    pub timeout: Duration,
    /// A snapshot that counts more of a warehouse's stocked skus as 0 waits for approval.
    pub zero_percent_max: u32,
    /// This node's name, of which watermarks are.
    pub node: String,
}

/// A bearer token; never shown.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// Accepts 1..512 visible ASCII characters.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=512).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hidden")
    }
}

/// Reads every warehouse again and again until the host stops.
pub async fn run(
    config: Config,
    shard: Shard,
    metrics: metrics::Wms,
    mut stopped: watch::Receiver<bool>,
) {
    let source = Arc::new(Source::new(&config));
    let places = Arc::new(Semaphore::new(PULLS_MAX));
    let (mut pulls, mut names) = (JoinSet::new(), HashMap::new());
    for warehouse in &config.warehouses {
        let pull = Pull {
            source: Arc::clone(&source),
            shard: shard.clone(),
            metrics: metrics.warehouse(warehouse),
            warehouse: warehouse.clone(),
            node: config.node.clone(),
            zero_percent_max: config.zero_percent_max,
        };
        let pull = pulls.spawn(again_and_again(pull, config.interval, Arc::clone(&places)));
        names.insert(pull.id(), warehouse.as_str());
    }
    loop {
        tokio::select! {
            // An error means that the App is gone, which is a stop too. What was in the writer's
            // queue is carried out; a snapshot that was half read is read again after the next
            // start.
            _ = stopped.wait_for(|stopped| *stopped) => break,
            Some(Err(error)) = pulls.join_next() => {
                let warehouse = names.get(&error.id()).copied();
                tracing::error!(warehouse, %error, "a warehouse is not read any more");
            }
        }
    }
    pulls.shutdown().await;
}

/// Reads one warehouse, at times that do not fall together with the others'.
async fn again_and_again(pull: Pull, interval: Duration, places: Arc<Semaphore>) {
    let mut failures = 0_u32;
    let mut pause = random_part(interval.min(PAUSE_MIN));
    loop {
        sleep(pause).await;
        let place = places.acquire().await.expect("nobody closes it");
        let pulled = pull.once().await;
        drop(place);
        let warehouse = pull.warehouse.as_str();
        pull.metrics.pulled(pulled.as_ref().map_or("failed", Pulled::name));
        pause = match pulled {
            Ok(pulled) => {
                failures = 0;
                pulled.log(warehouse);
                interval.saturating_sub(random_part(interval / 10))
            }
            Err(error) => {
                let pause = backoff(failures, interval);
                failures += 1;
                tracing::warn!(warehouse, %error, failures, retry_in = ?pause, "no snapshot");
                pause
            }
        };
    }
}

/// The pause after so many failures: doubled each time, bounded, and half of it left to chance.
fn backoff(failures: u32, interval: Duration) -> Duration {
    let whole = PAUSE_MIN.saturating_mul(1 << failures.min(16)).min(PAUSE_MAX).min(interval);
    whole / 2 + random_part(whole / 2)
}

/// From nothing to all of it.
fn random_part(of: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish();
    of.mul_f64(f64::from((random >> 32) as u32) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_interval_and_the_bound() {
        let hour = Duration::from_hours(1);
        for (failures, interval, most) in [
            (0, hour, PAUSE_MIN),
            (3, hour, PAUSE_MIN * 8),
            (9, hour, PAUSE_MAX),
            (4_000_000_000, hour, PAUSE_MAX),
            (9, Duration::from_millis(100), Duration::from_millis(100)),
        ] {
            for _ in 0..100 {
                let pause = backoff(failures, interval);
                assert!(pause >= most / 2 && pause <= most, "{failures}: {pause:?}");
            }
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::parse("s3cret").unwrap();
        assert_eq!(format!("{token:?}"), "hidden");
        assert!(Token::parse("").is_none() && Token::parse("two words").is_none());
    }
}

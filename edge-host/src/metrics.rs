//! Every number the host publishes, in one registry that is handed around, never global.
//!
//! A caller asks for its handle once, at start, and then only touches atomics: no lock, no label
//! look-up and no allocation on a request's path.

mod redis;
mod wms;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use prometheus_client::encoding::{EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::{MetricType, TypedMetric};
use prometheus_client::registry::{Registry, Unit};

pub use self::redis::{Redis, RedisOutcome, RedisUser};
pub use self::wms::{Wms, WmsWarehouse};

/// What `/metrics` answers with.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The registry and the handles of everything that has no label.
pub struct Metrics {
    registry: Registry,
    started: Instant,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refusals: Family<CodeLabels, Counter>,
    guest: Family<GuestLabels, Gauge>,
    guest_installs: Family<ResultLabels, Counter>,
    resident_bytes: Gauge,
    uptime_seconds: Gauge,
    /// How far the start has come.
    pub start: Start,
    /// Requests answered from their idempotency record.
    pub replays: Counter,
    /// Connections open now.
    pub connections: Gauge,
    /// Connections turned away because `max_connections` were open.
    pub connections_rejected: Counter,
    /// The writer's numbers.
    pub writer: Writer,
    /// The read cache's numbers.
    pub cache: Cache,
    /// The calls to Redis.
    pub redis: Redis,
    /// The snapshots that are read from a warehouse's system.
    pub wms: Wms,
}

/// When the parts of a start were done, each counted from the entry of `main`: those that are made
/// side by side overlap.
#[derive(Clone, Debug)]
pub struct Start {
    reached: Family<MilestoneLabels, Gauge<f64, AtomicU64>>,
    entered: Instant,
}

/// Handles for the one writer of a shard.
#[derive(Clone, Debug)]
pub struct Writer {
    /// Commands in one commit.
    pub batch_commands: Histogram,
    /// From `BEGIN` to the end of `COMMIT`.
    pub commit_seconds: Histogram,
    /// Commands waiting to be decided.
    pub queue_commands: Gauge<i64, AtomicI64>,
    /// Guest calls that ended in a trap.
    pub traps: Counter,
    /// Reads in which the guest was stopped.
    pub reads_stopped: Counter,
    /// Holds ended by the sweep or by a placement that needed their units.
    pub expirations: Counter,
}

/// The read cache of a shard, by where it is.
#[derive(Clone, Debug)]
pub struct Cache {
    hits: Family<BackendLabels, Counter>,
    misses: Family<BackendLabels, Counter>,
    entries: Family<BackendLabels, Gauge<i64, AtomicI64>>,
    bypasses: Family<BackendLabels, Counter>,
    generations: Family<BackendLabels, Counter>,
}

/// Handles for a cache in one place.
#[derive(Clone, Debug)]
pub struct CacheBackend {
    /// Skus answered without a guest.
    pub hits: Counter,
    /// Skus that a guest had to be asked for.
    pub misses: Counter,
    /// Skus held now; 0 where they are held elsewhere.
    pub entries: Gauge<i64, AtomicI64>,
    /// Reads that went on without a cache that did not answer.
    pub bypasses: Counter,
    /// Times that the cache began empty.
    pub generations: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BackendLabels {
    backend: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct MilestoneLabels {
    until: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: &'static str,
    status: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    method: &'static str,
    route: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CodeLabels {
    code: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    result: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct GuestLabels {
    digest: String,
    version: String,
    mode: &'static str,
}

impl Metrics {
    /// Registers everything; `started` is the process's start, for the uptime.
    pub fn new(started: Instant) -> Self {
        let mut registry = Registry::with_prefix("edge_inventory");
        let r = &mut registry;
        Self {
            requests: register(r, "http_requests", "Requests answered", Family::default()),
            request_seconds: register_seconds(
                r,
                "http_request",
                "From the request's head to its answer",
                Family::new_with_constructor(Histogram::seconds as fn() -> Histogram),
            ),
            refusals: register(r, "refusals", "Business refusals", Family::default()),
            guest: register(r, "guest_info", "The guest that runs now", Family::default()),
            guest_installs: register(
                r,
                "guest_installs",
                "Guests that came to be installed or rolled back to, by what became of them",
                Family::default(),
            ),
            resident_bytes: register(r, "resident_bytes", "Resident memory", Gauge::default()),
            uptime_seconds: register(r, "uptime_seconds", "Since the start", Gauge::default()),
            start: Start::new(r, started),
            replays: register(r, "replays", "Answers given a second time", Counter::default()),
            connections: register(r, "connections", "Open connections", Gauge::default()),
            connections_rejected: register(
                r,
                "connections_rejected",
                "Connections turned away at max_connections",
                Counter::default(),
            ),
            writer: Writer::new(r),
            cache: Cache::new(r),
            redis: Redis::new(r),
            wms: Wms::new(r),
            registry,
            started,
        }
    }

    /// The handles of one route, to keep for the life of the process.
    pub fn route(&self, method: &'static str, route: &'static str) -> Route {
        let by_class = STATUS_CLASSES.map(|status| {
            self.requests.get_or_create_owned(&RequestLabels { method, route, status })
        });
        let seconds = self.request_seconds.get_or_create_owned(&RouteLabels { method, route });
        Route { by_class, seconds }
    }

    /// Counts a business refusal by its code.
    pub fn refused(&self, code: &'static str) {
        self.refusals.get_or_create(&CodeLabels { code }).inc();
    }

    /// Says which guest runs now, in place of the one before; `mode` is `aot` or `interpreter`.
    pub fn guest_is(&self, digest: &str, version: &str, mode: &'static str) {
        self.guest.clear();
        let labels = GuestLabels { digest: digest.into(), version: version.into(), mode };
        self.guest.get_or_create(&labels).set(1);
    }

    /// Counts a guest on its way in: `installed`, `refused`, `failed` or `taken_back`.
    pub fn guest_installed(&self, result: &'static str) {
        self.guest_installs.get_or_create(&ResultLabels { result }).inc();
    }

    /// The text exposition, for `/metrics`.
    pub fn render(&self) -> String {
        self.resident_bytes.set(resident_bytes().unwrap_or(0));
        let uptime_s = self.started.elapsed().as_secs();
        self.uptime_seconds.set(i64::try_from(uptime_s).unwrap_or(i64::MAX));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)
            .expect("writing to a String cannot fail");
        text
    }
}

impl Start {
    fn new(r: &mut Registry, entered: Instant) -> Self {
        let help = "From the entry of main, by what was done then";
        let reached = register_seconds(r, "start", help, Family::default());
        Self { reached, entered }
    }

    /// Notes that this much of the start is done now.
    pub fn reached(&self, until: &'static str) {
        let seconds = self.entered.elapsed().as_secs_f64();
        self.reached.get_or_create(&MilestoneLabels { until }).set(seconds);
    }
}

impl Writer {
    fn new(r: &mut Registry) -> Self {
        Self {
            batch_commands: register(
                r,
                "batch_commands",
                "Commands in one commit",
                Histogram::new(&BATCH_BOUNDS, 1.0),
            ),
            commit_seconds: register_seconds(
                r,
                "commit",
                "From BEGIN to the end of COMMIT",
                Histogram::seconds(),
            ),
            queue_commands: register(r, "queue_commands", "Commands waiting", Gauge::default()),
            traps: register(r, "guest_traps", "Guest calls that trapped", Counter::default()),
            reads_stopped: register(
                r,
                "guest_reads_stopped",
                "Reads in which the guest ran longer than one may take",
                Counter::default(),
            ),
            expirations: register(r, "expirations", "Holds that ran out", Counter::default()),
        }
    }
}

impl Cache {
    fn new(r: &mut Registry) -> Self {
        Self {
            hits: register(r, "cache_hits", "Skus read without a guest", Family::default()),
            misses: register(r, "cache_misses", "Skus read through a guest", Family::default()),
            entries: register(r, "cache_entries", "Skus in the cache", Family::default()),
            bypasses: register(
                r,
                "cache_bypasses",
                "Reads that went on without a cache that did not answer",
                Family::default(),
            ),
            generations: register(
                r,
                "cache_generations",
                "Times that the cache began empty",
                Family::default(),
            ),
        }
    }

    /// The handles of one place: `memory` or `redis`.
    pub fn backend(&self, backend: &'static str) -> CacheBackend {
        let labels = BackendLabels { backend };
        CacheBackend {
            hits: self.hits.get_or_create_owned(&labels),
            misses: self.misses.get_or_create_owned(&labels),
            entries: self.entries.get_or_create_owned(&labels),
            bypasses: self.bypasses.get_or_create_owned(&labels),
            generations: self.generations.get_or_create_owned(&labels),
        }
    }
}

const STATUS_CLASSES: [&str; 3] = ["2xx", "4xx", "5xx"];

/// One route's counters.
#[derive(Clone, Debug)]
pub struct Route {
    by_class: [Counter; STATUS_CLASSES.len()],
    seconds: Histogram,
}

impl Route {
    /// Counts one answer. We send no 1xx or 3xx; they would count as 2xx.
    pub fn answered(&self, status: u16, took: Duration) {
        let class = usize::from(status / 100).saturating_sub(3).min(STATUS_CLASSES.len() - 1);
        self.by_class[class].inc();
        self.seconds.observe_duration(took);
    }
}

/// A histogram of atomics, since the library's own takes a lock for each observation.
///
/// The sum, the count and the buckets are read one after the other: a scrape during traffic may see
/// an observation in one and not yet in another, which the next scrape puts right.
#[derive(Clone, Debug)]
pub struct Histogram(Arc<Buckets>);

struct Buckets {
    /// The greatest value of each bucket but the last, which takes the rest.
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
    /// What one unit of `bounds` is, in the unit published.
    scale: f64,
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("counts", &self.counts).finish_non_exhaustive()
    }
}

/// Nanoseconds: 50 µs to 10 s, close to the limits of spec.md §10.
const SECONDS_BOUNDS: [u64; 16] = [
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    20_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

const BATCH_BOUNDS: [u64; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

impl Histogram {
    fn new(bounds: &'static [u64], scale: f64) -> Self {
        assert!(bounds.is_sorted(), "bucket bounds must rise");
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self(Arc::new(Buckets { bounds, counts, sum: AtomicU64::new(0), scale }))
    }

    fn seconds() -> Self {
        Self::new(&SECONDS_BOUNDS, 1e-9)
    }

    /// Counts one value.
    pub fn observe(&self, value: u64) {
        let bucket = self.0.bounds.partition_point(|bound| *bound < value);
        self.0.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.0.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Counts one duration, in a histogram of seconds.
    pub fn observe_duration(&self, took: Duration) {
        self.observe(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl EncodeMetric for Histogram {
    #[expect(clippy::cast_precision_loss, reason = "a gauge on a dashboard, not a balance")]
    fn encode(&self, mut encoder: MetricEncoder) -> Result<(), fmt::Error> {
        let counts = self.0.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let bounds = self.0.bounds.iter().map(|bound| *bound as f64 * self.0.scale);
        let buckets: Vec<(f64, u64)> = bounds.chain([f64::INFINITY]).zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = self.0.sum.load(Ordering::Relaxed) as f64 * self.0.scale;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for Histogram {
    const TYPE: MetricType = MetricType::Histogram;
}

fn register<M>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M
where
    M: prometheus_client::registry::Metric + Clone,
{
    registry.register(name, help, metric.clone());
    metric
}

fn register_seconds<M>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M
where
    M: prometheus_client::registry::Metric + Clone,
{
    registry.register_with_unit(name, help, Unit::Seconds, metric.clone());
    metric
}

/// The second field of `/proc/self/statm`, in pages of 4 KiB (the only size on x86-64 and the
/// default on arm64); `None` where there is no `/proc`.
fn resident_bytes() -> Option<i64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(4_096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_counts_in_its_class_and_in_every_bucket_above_it() {
        let metrics = Metrics::new(Instant::now());
        let route = metrics.route("GET", "/v1/stock/{sku}");
        route.answered(200, Duration::from_micros(60));
        route.answered(404, Duration::from_secs(20));
        let text = metrics.render();
        let labels = "method=\"GET\",route=\"/v1/stock/{sku}\"";
        for line in [
            format!("edge_inventory_http_requests_total{{{labels},status=\"2xx\"}} 1"),
            format!("edge_inventory_http_requests_total{{{labels},status=\"4xx\"}} 1"),
            format!("edge_inventory_http_requests_total{{{labels},status=\"5xx\"}} 0"),
            format!("edge_inventory_http_request_seconds_bucket{{le=\"0.0001\",{labels}}} 1"),
            format!("edge_inventory_http_request_seconds_bucket{{le=\"+Inf\",{labels}}} 2"),
            format!("edge_inventory_http_request_seconds_count{{{labels}}} 2"),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_value_on_a_bound_belongs_to_the_bucket_it_closes() {
        let histogram = Histogram::new(&BATCH_BOUNDS, 1.0);
        for value in [1, 2, 3, 1_024, 1_025] {
            histogram.observe(value);
        }
        let counts: Vec<u64> =
            histogram.0.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn only_the_guest_that_runs_now_is_named() {
        let metrics = Metrics::new(Instant::now());
        metrics.guest_is("sha256:aa", "1.0.0", "aot");
        metrics.guest_is("sha256:bb", "1.1.0", "interpreter");
        let text = metrics.render();
        assert!(!text.contains("sha256:aa"), "{text}");
        assert!(text.contains("version=\"1.1.0\",mode=\"interpreter\"} 1"), "{text}");
    }

    #[test]
    fn resident_memory_is_read_from_the_kernel() {
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1 << 20));
    }
}

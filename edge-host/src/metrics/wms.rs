//! The numbers of the snapshots that are read from a warehouse's system.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::register;

/// Readings of warehouses.
#[derive(Clone, Debug)]
pub struct Wms {
    pulls: Family<PullLabels, Counter>,
    pages: Family<WarehouseLabels, Counter>,
    counts_since: Family<WarehouseLabels, Gauge>,
}

/// One warehouse's handles.
#[derive(Clone, Debug)]
pub struct WmsWarehouse {
    pulls: Family<PullLabels, Counter>,
    counts_since: Family<WarehouseLabels, Gauge>,
    labels: WarehouseLabels,
    /// Pages that were read and staged.
    pub pages: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WarehouseLabels {
    warehouse: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct PullLabels {
    warehouse: String,
    result: &'static str,
}

impl Wms {
    pub(super) fn new(r: &mut Registry) -> Self {
        let since = "When the snapshot that counts was taken, in seconds since 1970";
        Self {
            pulls: register(r, "wms_pulls", "Readings, by what they came to", Family::default()),
            pages: register(r, "wms_pages", "Pages of snapshots read", Family::default()),
            counts_since: register(r, "wms_snapshot_timestamp_seconds", since, Family::default()),
        }
    }

    /// The handles of one warehouse.
    pub fn warehouse(&self, code: &str) -> WmsWarehouse {
        let labels = WarehouseLabels { warehouse: code.to_owned() };
        WmsWarehouse {
            pages: self.pages.get_or_create_owned(&labels),
            pulls: self.pulls.clone(),
            counts_since: self.counts_since.clone(),
            labels,
        }
    }
}

impl WmsWarehouse {
    /// Counts a reading: `applied`, `unchanged`, `awaiting_approval` or `failed`.
    pub fn pulled(&self, result: &'static str) {
        let warehouse = self.labels.warehouse.clone();
        self.pulls.get_or_create(&PullLabels { warehouse, result }).inc();
    }

    /// Says when the snapshot that counts was taken, in milliseconds since 1970.
    pub fn counts_since(&self, as_of_ms: i64) {
        self.counts_since.get_or_create(&self.labels).set(as_of_ms / 1_000);
    }
}

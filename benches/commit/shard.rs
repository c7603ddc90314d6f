//! Our own way: the shard's writer thread, the guest in WasmEdge, SQLite behind its import.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use edge_host::{
    guest::types::{
        Adjust, AdjustItem, Adjustment, Command, Counter, LeftOut, Line, Mode, Placement, Strategy,
    },
    metrics::Metrics,
    shard::{Clock, Config, Shard},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::contender::Contender;
use crate::{
    boundary::{aot_guest, keep_warm},
    measure::{
        folder,
        orders::{Deduction, ENOUGH, sku},
    },
};

/// Items of one adjustment: the most that the contract takes.
const ADJUST_ITEMS: u32 = 1_000;

pub(super) struct Guest {
    shard: Shard,
    /// Only waits for answers: the shard has its own threads.
    runtime: Runtime,
    _folder: TempDir,
}

impl Guest {
    /// A shard on a fresh database with so many skus, that commits `batch` commands at a time.
    pub(super) fn open(skus: u32, batch: usize) -> Self {
        let folder = folder();
        let module = Arc::new(aot_guest());
        let metrics = Metrics::new(Instant::now());
        let config = Config {
            data: folder.path().to_owned(),
            queue_commands_max: 8_192,
            batch_commands_max: batch,
            batch_time_max: Duration::from_secs(2),
            readers: 1,
            query_timeout: Duration::from_secs(1),
            sweep_interval: Duration::from_secs(1),
            cache: None,
            redis: None,
        };
        let claim = Shard::claim(&config).expect("the folder is fresh");
        let shard = Shard::open(claim, config, Arc::clone(&module), Clock::System, &metrics);
        let shard = shard.expect("the guest fits");
        keep_warm(&module);
        let runtime = Builder::new_current_thread().build().expect("it needs nothing");
        let mut guest = Self { shard, runtime, _folder: folder };
        for first in (0..skus).step_by(ADJUST_ITEMS as usize) {
            guest.commit(vec![make_skus(first..skus.min(first + ADJUST_ITEMS))]);
        }
        guest
    }
}

impl Contender for Guest {
    type Commands = Vec<Command>;

    fn prepare(&self, orders: Vec<Deduction>) -> Vec<Command> {
        orders.into_iter().map(deduct).collect()
    }

    fn commit(&mut self, commands: Vec<Command>) {
        for outcome in self.runtime.block_on(self.shard.apply_all(commands)) {
            outcome.expect("no fault").result.expect("there is enough of every sku");
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.shard.stop();
    }
}

fn deduct(order: Deduction) -> Command {
    Command::Deduct(Placement {
        order_id: order.order_id,
        lines: vec![Line { sku: order.sku, quantity: 1 }],
        ship_to: None,
        mode: Mode::DeductOnOrder,
        strategy: Strategy::Priority,
        ttl_s: 900,
        allow_partial: false,
        request_id: None,
        left_out: LeftOut { mode: false, ttl: false },
    })
}

fn make_skus(numbers: std::ops::Range<u32>) -> Command {
    let item = |number| AdjustItem {
        sku: sku(number),
        counter: Counter::Sellable,
        adjustment: Adjustment::Set(ENOUGH),
        compare_quantity: None,
    };
    Command::Adjust(Adjust {
        reason: "bench".to_owned(),
        items: numbers.map(item).collect(),
        request_id: None,
    })
}

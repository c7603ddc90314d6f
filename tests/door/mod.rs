//! One door to every way of running the rules, so that the same scenarios and simulations go
//! through all of them: natively, through the wasm guest over HTTP, through the CLI.

pub(crate) mod cli;
pub(crate) mod counts;
pub(crate) mod http;
mod json;
pub(crate) mod native;
pub(crate) mod remote;
mod translate;
pub(crate) mod words;

pub(crate) use json::{instant, written};

use counts::Missing;
use words::{Applied, Change, Command, Fault, Instant, Order, SkuStock};

/// The inventory as its callers have it.
pub(crate) trait Door {
    /// Decides the commands in order at `now`; MUST have made the effects durable, all of them,
    /// when it answers, and MUST leave no effect when it answers a fault.
    fn apply(&mut self, now: Instant, commands: &[Command]) -> Result<Applied, Fault>;

    /// An order; `None` when nothing was ever placed under the id.
    fn order(&mut self, order_id: &str) -> Result<Option<Order>, Fault>;

    /// A sku's counters; `None` when it is unknown.
    fn stock(&mut self, sku: &str) -> Result<Option<SkuStock>, Fault>;

    /// At most `limit` changes after a sequence.
    fn changes(&mut self, after: u64, limit: u32) -> Result<Vec<Change>, Fault>;

    /// A line for each invariant that does not hold.
    fn audit(&mut self) -> Result<Vec<String>, Fault>;
}

/// What may go wrong between a batch and its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disturbance {
    /// Nothing does.
    None,
    /// The storage refuses the guest's call of this number, counted from 0; the batch is undone.
    Fault { call: usize, fault: StorageFault },
    /// The commit fails, and the batch is undone.
    CommitFails,
    /// The process ends before the commit, and starts again.
    CrashBeforeCommit,
    /// The process ends after the commit, before anybody saw an answer, and starts again.
    CrashAfterCommit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StorageFault {
    Busy,
    Full,
    Interrupted,
    Other,
}

impl StorageFault {
    pub(crate) const ALL: [Self; 4] = [Self::Busy, Self::Full, Self::Interrupted, Self::Other];
}

/// What became of a disturbed batch.
#[derive(Clone, Debug)]
pub(crate) enum Seen {
    /// The disturbance came too late, or there was none.
    Answered(Applied),
    /// The batch was answered with a fault, and nothing of it was done.
    Undone(Fault),
    /// Nobody saw an answer, and nothing of it was done.
    Lost,
    /// Nobody saw an answer, and all of it was done.
    DoneUnseen,
}

/// A door that can be made to fail, and that warehouses' own systems go through.
pub(crate) trait FragileDoor: Door {
    /// What counts did not find though it was held, by warehouse and sku.
    fn missing(&mut self) -> Result<Vec<Missing>, Fault>;

    /// Applies a batch while something goes wrong.
    fn apply_disturbed(
        &mut self,
        now: Instant,
        commands: &[Command],
        disturbance: Disturbance,
    ) -> Seen;
}

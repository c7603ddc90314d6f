//! The machine around the guest: durability, speed, wires. It knows no rule and no table.

pub mod metrics;
pub mod runtime;
pub mod guest;
pub mod host_functions;
pub mod shard;

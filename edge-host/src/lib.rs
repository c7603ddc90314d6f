//! The machine around the guest: durability, speed, wires. It knows no rule and no table.
//!
//! Rooms in reading order; each imports only those above it.

pub mod metrics;

pub mod runtime;

pub mod guest;

pub mod host_functions;

pub mod shard;

pub mod hot_swap;

pub mod http;

pub mod wms;

pub mod log;

pub mod config;

pub mod app;

pub mod replay;

//! The machine around the guest: durability, speed, wires. Knows no rule and no table.
#![allow(dead_code)]

pub mod metrics;

pub mod log;

pub mod guest;

pub mod shard;

pub mod http;

pub mod config;

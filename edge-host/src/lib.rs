//! The host.

pub mod replay;

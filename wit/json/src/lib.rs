//! The contract as JSON: what callers may write and what they read, for the host and the CLI. Both
//! send the same requests to the same rules, so neither has a JSON of its own.
//!
//! A body is parsed strictly ([`parse`]) into the nouns' request types, which become the contract's
//! commands ([`contract`], generated from `wit/`); the contract's answers become JSON through views
//! that only know how to be written. No server and no engine is named here.

pub mod contract;

pub mod words;

pub mod problem;

pub mod parse;

mod object;

pub mod orders;

pub mod plan;

pub mod adjust;

pub mod batch;

pub mod answers;

pub mod stock;

pub mod changes;

pub mod catalog;

pub mod counts;

pub mod snapshots;

pub mod import;

pub mod audit;

pub mod refusal;

pub mod outcome;

pub mod auth;

pub use http::StatusCode;

//! Host glue from WIT. The README says what, why and how:
#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![allow(clippy::doc_markdown, reason = "WasmEdge is a name, not code")]

pub mod rt;

#[cfg(feature = "generate")]
pub mod generate;

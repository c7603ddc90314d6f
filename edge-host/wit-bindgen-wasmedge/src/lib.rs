#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod rt;

#[cfg(feature = "generate")]
pub mod generate;

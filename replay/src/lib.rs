//! A file of real orders as a plan of steps, and the books that hold whoever carries it out to its
//! own answers: what `edge-host replay` and the CLI's `replay` share.
//!
//! The file becomes a feed, the feed a [`plan`] of steps in stream order; [`books`] adds up the
//! answers, and [`compare`] tells what is there from what they say.

mod table;

mod feed;

pub mod plan;

pub mod network;

pub mod outcome;

pub mod books;

pub mod difference;

pub mod compare;

pub use feed::Feed;
pub use table::TableError;

#[cfg(test)]
mod tests;

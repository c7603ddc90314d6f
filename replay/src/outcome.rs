//! What became of a step.

use serde::Deserialize;

/// An order's state, as far as a replay can bring one there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Held, unpaid.
    Reserved,
    /// Paid.
    Committed,
    /// Some units were given back.
    PartiallyReleased,
    /// Everything was given back.
    Released,
    /// Everything that was still held has left.
    Shipped,
    /// Any other.
    #[serde(other)]
    Other,
}

/// What became of a step.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// It was done, and this is the order's state now.
    Done(State),
    /// Refused, or failed in a way that trying again does not help; by its code.
    Refused(String),
    /// Not decided: it should be sent again.
    Undecided(String),
}

//! Tests through public doors, in one binary.

mod harness;

mod crash;
mod hostile;
mod lifecycle;
mod parallel;
mod replay;
mod tidy;

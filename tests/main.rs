//! Tests through public doors, in one binary.

mod harness;

mod crash;
mod differential;
mod hostile;
mod lifecycle;
mod parallel;
mod tidy;

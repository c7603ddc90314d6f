//! Tests through public doors, in one binary.

mod harness;

mod crash;
mod differential;
mod hostile;
mod http;
mod lifecycle;
mod parallel;
mod tidy;

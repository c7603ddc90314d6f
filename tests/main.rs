//! Tests through public doors, in one binary.

mod door;
mod harness;

mod cli;
mod crash;
mod differential;
mod hostile;
mod hot_swap;
mod http;
mod lifecycle;
mod limits;
mod parallel;
mod replay;
mod scenarios;
mod simulator;
mod tidy;

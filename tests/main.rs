//! Tests through public doors, in one binary.

mod containers;
mod door;
mod harness;

mod catalog;
mod cli;
mod containerd;
mod crash;
mod crun;
mod differential;
mod hostile;
mod hot_swap;
mod http;
mod images;
mod imports;
mod lifecycle;
mod limits;
mod manifests;
mod parallel;
mod planning;
mod redis;
mod replay;
mod scenarios;
mod simulator;
mod tidy;
mod warehouse;

//! Tests through public doors.

mod door;
mod scenarios;
mod simulator;

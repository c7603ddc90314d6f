//! Tests through public doors, in one binary.

mod tidy;

//! The rules and rows of the inventory.

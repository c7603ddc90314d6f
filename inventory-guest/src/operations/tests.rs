//! Operations on a database in memory.

//! Host glue from WIT.

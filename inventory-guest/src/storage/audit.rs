//! Reading every row once, in pages, for the audit.

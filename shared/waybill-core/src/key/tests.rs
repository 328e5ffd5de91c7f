//! Facts about the key.

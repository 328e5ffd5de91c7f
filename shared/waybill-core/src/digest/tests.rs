//! Facts about the digest.

//! What an event's data is told apart by, without keeping it.

/// A digest with the name of its algorithm: `json-sha256:…` or `raw-sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest(pub String);

//! Facts about the envelope.

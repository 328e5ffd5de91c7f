//! What became of everything that was sent.

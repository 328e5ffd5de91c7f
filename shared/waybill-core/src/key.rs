//! What one event is known by.

//! Whether something may still be begun.

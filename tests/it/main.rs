//! The system, tested from outside.

mod template;
mod yaml;

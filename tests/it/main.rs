//! The system, tested from outside.

mod conformance;
mod support;
mod template;
mod yaml;

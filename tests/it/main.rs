//! The system, tested from outside.

mod conformance;
mod support;

//! An error with its causes, in one line for people.

use std::error::Error;
use std::fmt::Write;

/// The error and each of its causes, joined by colons; a cause that says nothing new is left out.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            // Writing to a string does not fail.
            let _ = write!(text, ": {more}");
        }
        cause = error.source();
    }
    text
}

//! Text compared without regard to case, character by character.
//!
//! A character is matched by itself, its lower and its upper case, of any script and without
//! regard to a language.

/// The rest of a text that begins so, whatever the case.
pub(super) fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    prefix.chars().try_fold(text, |rest, wanted| {
        if let Some(rest) = rest.strip_prefix(wanted) {
            return Some(rest);
        }
        let lower = || wanted.to_lowercase().try_fold(rest, str::strip_prefix);
        let upper = || wanted.to_uppercase().try_fold(rest, str::strip_prefix);
        lower().or_else(upper)
    })
}

/// The rest of a text that ends so, whatever the case.
pub(super) fn strip_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    suffix.chars().rev().try_fold(text, |rest, wanted| {
        if let Some(rest) = rest.strip_suffix(wanted) {
            return Some(rest);
        }
        let lower = || {
            wanted
                .to_lowercase()
                .rev()
                .try_fold(rest, str::strip_suffix)
        };
        let upper = || {
            wanted
                .to_uppercase()
                .rev()
                .try_fold(rest, str::strip_suffix)
        };
        lower().or_else(upper)
    })
}

/// Whether a text is the other, whatever the case.
pub(super) fn is_same(text: &str, wanted: &str) -> bool {
    strip_prefix(text, wanted).is_some_and(str::is_empty)
}

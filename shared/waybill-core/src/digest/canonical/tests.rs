//! The rewriting against the plain way to do it: a text of its own for every member.

use proptest::prelude::*;

use crate::json::tests::{any_json, any_text};

use super::{canonical, hash, repaired};

mod plainly;

/// What the hash of a text must be, by the plain way.
fn hashed(text: &str) -> Option<[u8; 32]> {
    use sha2::Digest as _;
    plainly::canonical(text).map(|text| sha2::Sha256::digest(text).into())
}

proptest! {
    #[test]
    fn any_json_is_rewritten_as_it_always_was(text in prop_oneof![any_json(), any_text()]) {
        prop_assert_eq!(canonical(&text), plainly::canonical(&text));
        prop_assert_eq!(repaired(&text), plainly::repaired(&text));
        prop_assert_eq!(hash(&text), hashed(&text));
    }

    #[test]
    fn pieces_of_any_length_are_hashed_in_order(lengths in proptest::collection::vec(0..10_000_usize, 0..8)) {
        let members: Vec<_> = lengths.iter().map(|n| format!("\"{n}\":\"{}\"", "x".repeat(*n))).collect();
        let text = format!("{{{}}}", members.join(","));
        prop_assert_eq!(hash(&text), hashed(&text));
    }
}

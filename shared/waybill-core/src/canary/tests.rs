//! What is a canary, and what is not.

use crate::event::{Data, Event};

use super::{NAME, is_canary};

fn event(source: &str, kind: &str) -> Event {
    Event {
        id: "1".to_owned(),
        source: source.to_owned(),
        kind: kind.to_owned(),
        subject: None,
        time: None,
        content_type: None,
        traceparent: None,
        data: Data::Text("".into()),
        attributes: std::collections::BTreeMap::new(),
    }
}

#[test]
fn only_source_and_type_together_make_a_canary() {
    assert!(is_canary(&event(NAME, NAME)));
    assert!(!is_canary(&event("orders", NAME)));
    assert!(!is_canary(&event(NAME, "orders")));
    assert!(!is_canary(&event("orders", "orders")));
}

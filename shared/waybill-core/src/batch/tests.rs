use proptest::prelude::*;

use super::*;

fn ids(names: &[&str]) -> Vec<MessageId> {
    names
        .iter()
        .map(|name| MessageId::new(*name).unwrap())
        .collect()
}

#[test]
fn only_what_is_handed_back_is_named() {
    let response = BatchResponse::new(&ids(&["a", "b"]), &[Handed::Over, Handed::Back]);
    let json = serde_json::to_string(&response).unwrap();
    assert_eq!(json, r#"{"batchItemFailures":[{"itemIdentifier":"b"}]}"#);
}

#[test]
fn a_message_without_an_answer_is_handed_back_f12() {
    let response = BatchResponse::new(&ids(&["a", "b"]), &[Handed::Over]);
    assert_eq!(response.failures(), ids(&["b"]));
}

#[test]
fn every_message_that_stays_is_named_not_the_first_alone_f24() {
    let handed = [Handed::Over, Handed::Back, Handed::Back, Handed::Back];
    let response = BatchResponse::new(&ids(&["a", "b", "c", "d"]), &handed);
    assert_eq!(response.failures(), ids(&["b", "c", "d"]));
}

proptest! {
    #[test]
    fn no_answer_names_a_foreign_or_empty_id_f12(
        names in prop::collection::vec("[a-z]{1,4}", 0..20), over in prop::collection::vec(any::<bool>(), 0..25),
    ) {
        let received: Vec<_> = names.iter().map(|name| MessageId::new(name.as_str()).unwrap()).collect();
        let handed: Vec<_> = over.iter().map(|over| if *over { Handed::Over } else { Handed::Back }).collect();
        let response = BatchResponse::new(&received, &handed);
        for id in response.failures() {
            prop_assert!(received.contains(id) && !id.as_str().is_empty());
        }
        let over = handed.iter().take(received.len()).filter(|handed| **handed == Handed::Over).count();
        prop_assert_eq!(response.failures().len(), received.len() - over);
    }
}

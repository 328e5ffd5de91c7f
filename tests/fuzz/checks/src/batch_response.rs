//! A payload and what became of its messages as the answer to Lambda.
//!
//! An input is a payload; after a separator, a letter for each message: `o` for one that leaves,
//! anything else for one that stays. There may be too many letters, or too few.

use std::collections::BTreeSet;

use serde_json::Value;

use waybill_core::batch::{BatchResponse, Handed};
use waybill_core::sqs_event::Batch;

use crate::SEPARATOR;

/// Reads an input as a payload and its messages' fates, and checks the answer.
pub fn check(input: &[u8]) {
    let Ok(input) = str::from_utf8(input) else {
        return;
    };
    let (payload, letters) = input.split_once(SEPARATOR).unwrap_or((input, ""));
    let Ok(batch) = Batch::parse(payload) else {
        return;
    };
    let mut answers = letters.chars().map(|letter| match letter {
        'o' => Handed::Over,
        _ => Handed::Back,
    });
    // As an invocation does it: what was not read stays, whatever becomes of the others.
    let mut handed = vec![Handed::Back; batch.ids.len()];
    for (at, _) in &batch.messages {
        handed[*at] = answers.next().unwrap_or(Handed::Back);
    }
    let response = BatchResponse::new(&batch.ids, &handed);
    response_holds(&batch, &handed, &response);
    let failures: BTreeSet<_> = response.failures().iter().collect();
    for (at, _) in &batch.unread {
        assert!(
            failures.contains(&batch.ids[*at]),
            "what was not read stays"
        );
    }

    // As nobody should do it: with any number of answers, and for messages that nobody read.
    let answers: Vec<_> = letters
        .chars()
        .map(|letter| {
            if letter == 'o' {
                Handed::Over
            } else {
                Handed::Back
            }
        })
        .collect();
    response_holds(&batch, &answers, &BatchResponse::new(&batch.ids, &answers));
}

/// The answer names what stays, all of it, in order, and nothing else.
fn response_holds(batch: &Batch, handed: &[Handed], response: &BatchResponse) {
    let back = batch.ids.iter().enumerate().filter_map(|(at, id)| {
        let stays = handed.get(at).is_none_or(|handed| *handed == Handed::Back);
        stays.then_some(id)
    });
    assert!(response.failures().iter().eq(back.clone()));

    let printed = serde_json::to_string(response).unwrap();
    let read: Value = serde_json::from_str(&printed).unwrap();
    let members = read.as_object().unwrap();
    assert_eq!(members.len(), 1);
    let failures = members["batchItemFailures"].as_array().unwrap();
    let named: Vec<_> = failures
        .iter()
        .map(|failure| {
            assert_eq!(failure.as_object().unwrap().len(), 1);
            failure["itemIdentifier"].as_str().unwrap()
        })
        .collect();
    assert!(
        named.iter().all(|id| !id.is_empty()),
        "an empty id retries the whole batch"
    );
    assert!(named.iter().copied().eq(back.map(|id| id.as_str())));
    let some_stay = (0..batch.ids.len()).any(|at| handed.get(at) != Some(&Handed::Over));
    assert_eq!(
        named.is_empty(),
        !some_stay,
        "an empty list deletes the whole batch"
    );
    let ids: usize = batch.ids.iter().map(|id| 6 * id.as_str().len() + 24).sum();
    assert!(printed.len() <= ids + 24);
}

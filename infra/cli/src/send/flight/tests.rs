//! Facts about what is tried again.

use super::*;
use crate::send::tests::{Answer, Played, letter, refused};

/// No chance.
fn still() -> Jitter {
    Jitter::from_bits(0)
}

fn transient(code: &str) -> QueueError {
    refused(QueueErrorKind::Transient, code)
}

#[test]
fn waits_double_up_to_five_seconds_and_end() {
    let wait = |tries| match next(&transient("Throttling"), tries, Contact::Proven, still()) {
        Next::Again(wait) => u64::try_from(wait.as_millis()).ok(),
        Next::GiveUp => None,
    };
    let waits: Vec<_> = (1..=8).map(wait).collect();
    let expected = [200, 400, 800, 1_600, 3_200, 5_000, 5_000];
    let expected = expected.map(Some).into_iter().chain([None]);
    assert_eq!(waits, expected.collect::<Vec<_>>());
}

#[test]
fn chance_at_most_doubles_a_wait() {
    let jitter = Jitter::from_bits(u64::MAX);
    let Next::Again(wait) = next(&transient("Throttling"), 1, Contact::Proven, jitter) else {
        panic!("it is tried again");
    };
    assert!(wait > FIRST_WAIT && wait <= FIRST_WAIT * 2, "{wait:?}");
}

#[test]
fn the_senders_fault_is_not_tried_again_f31() {
    let error = refused(QueueErrorKind::Permanent, "InvalidMessageContents");
    assert_eq!(next(&error, 1, Contact::Proven, still()), Next::GiveUp);
}

#[test]
fn an_address_where_nobody_has_answered_yet_is_not_tried_again() {
    for code in ["Dispatch", "Timeout"] {
        let error = transient(code);
        assert_eq!(next(&error, 1, Contact::Unproven, still()), Next::GiveUp);
        assert_ne!(next(&error, 1, Contact::Proven, still()), Next::GiveUp);
    }
    let busy = transient("Throttling");
    assert_ne!(next(&busy, 1, Contact::Unproven, still()), Next::GiveUp);
}

#[tokio::test(start_paused = true)]
async fn only_what_failed_of_a_batch_is_sent_again_f35() {
    let queue = Played::new(|body, tries| match (body, tries) {
        ("2", 1..=3) => Answer::Transient,
        ("3", _) => Answer::Permanent,
        _ => Answer::Taken,
    });
    let letters = (1..=4).map(|line| letter(line, None)).collect();
    let landed = fly(&queue, &queue, Contact::Unproven, letters).await;
    let mut ends: Vec<_> = landed
        .iter()
        .map(|(l, end)| (l.line, end.is_ok()))
        .collect();
    ends.sort_unstable();
    assert_eq!(ends, [(1, true), (2, true), (3, false), (4, true)]);
    let batches: Vec<Vec<&str>> = vec![vec!["1", "2", "3", "4"], vec!["2"], vec!["2"], vec!["2"]];
    assert_eq!(queue.batches(), batches);
}

#[tokio::test(start_paused = true)]
async fn what_never_succeeds_is_given_up_in_bounded_time() {
    let queue = Played::new(|_, _| Answer::Transient);
    let begun = tokio::time::Instant::now();
    let landed = fly(&queue, &queue, Contact::Proven, vec![letter(1, None)]).await;
    assert!(landed[0].1.is_err());
    assert_eq!(queue.batches().len(), 8);
    assert!(
        begun.elapsed() < Duration::from_secs(35),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_batch_of_which_nothing_was_taken_shows_what_is_wrong_with_the_queue() {
    let answer = |code: &str| Err(refused(QueueErrorKind::Permanent, code));
    let told = |ends: Vec<Result<(), QueueError>>| {
        let landed = ends.into_iter().map(|end| (letter(1, None), end)).collect();
        broken(&landed)
    };
    let said = told(vec![answer("AccessDenied"), answer("AccessDenied")]);
    assert!(said.unwrap().contains("AccessDenied"));
    assert_eq!(told(vec![answer("AccessDenied"), Ok(())]), None);
    let too_long = answer("AWS.SimpleQueueService.BatchRequestTooLong");
    assert_eq!(told(vec![too_long.clone(), too_long]), None);
    assert_eq!(told(vec![answer("InvalidMessageContents")]), None);
}

//! Facts about batch entries.

use std::time::Duration;

use aws_sdk_sqs::types::BatchResultErrorEntry;

use waybill_engine::ports::QueueErrorKind::{LeaseLost, Transient};

use super::*;

fn failed(id: &str) -> BatchResultErrorEntry {
    BatchResultErrorEntry::builder()
        .id(id)
        .code("ReceiptHandleIsInvalid")
        .sender_fault(true)
        .build()
        .unwrap()
}

/// The kinds of the answers of a delete of three.
fn kinds(
    done: &[&str],
    failures: &[&str],
) -> Vec<Result<(), waybill_engine::ports::QueueErrorKind>> {
    let done = done.iter().map(|id| ((*id).to_owned(), ())).collect();
    let failures = failures.iter().map(|id| failed(id)).collect();
    let answers = answers(3, Ok((done, failures)), Asked::Delete, "q");
    answers.into_iter().map(|a| a.map_err(|e| e.kind)).collect()
}

#[test]
fn answers_are_put_where_they_belong_f31() {
    assert_eq!(kinds(&["2", "0"], &["1"]), [Ok(()), Err(LeaseLost), Ok(())]);
}

#[test]
fn an_entry_that_was_not_answered_may_be_tried_again_f31() {
    assert_eq!(kinds(&["0"], &[]), [Ok(()), Err(Transient), Err(Transient)]);
}

#[test]
fn a_reply_that_cannot_be_correlated_fails_every_entry_f31() {
    let all = [Err(Transient), Err(Transient), Err(Transient)];
    assert_eq!(kinds(&["0", "1", "3"], &[]), all);
    assert_eq!(kinds(&["0", "1", "x"], &[]), all);
    assert_eq!(kinds(&["0", "1", "2"], &["1"]), all);
    assert_eq!(kinds(&["0", "0"], &[]), all);
}

#[test]
fn seconds_are_rounded_up() {
    assert_eq!(seconds(Duration::ZERO), 0);
    assert_eq!(seconds(Duration::from_millis(1)), 1);
    assert_eq!(seconds(Duration::from_secs(1)), 1);
    assert_eq!(seconds(Duration::from_millis(1001)), 2);
    assert_eq!(seconds(Duration::MAX), i32::MAX);
}

#[test]
fn a_message_without_an_id_or_a_handle_is_left_to_come_again() {
    let whole = || Received::builder().message_id("m-1").receipt_handle("h");
    assert!(message(whole().build(), "arn").is_some());
    assert!(message(whole().set_message_id(None).build(), "arn").is_none());
    assert!(message(whole().message_id("").build(), "arn").is_none());
    assert!(message(whole().set_receipt_handle(None).build(), "arn").is_none());
}

#[test]
fn the_trace_header_goes_there_and_comes_back() {
    let sent = trace(Some("Root=1-2")).unwrap();
    let header = sent[&SystemForSends::AwsTraceHeader]
        .string_value()
        .unwrap();
    let received = Received::builder()
        .message_id("m-1")
        .receipt_handle("h")
        .attributes(System::AwsTraceHeader, header)
        .build();
    let message = message(received, "arn").unwrap();
    assert_eq!(message.trace_header.as_deref(), Some("Root=1-2"));
    assert!(trace(None).is_none());
}

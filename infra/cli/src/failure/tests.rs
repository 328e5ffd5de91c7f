//! Facts about what people are told of AWS's errors.

use waybill_engine::ports::{QueueErrorKind, StoreErrorKind};

use super::*;

/// What is said of a queue's error.
fn said(code: &str, message: &str) -> String {
    let error = QueueError {
        kind: QueueErrorKind::Permanent,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    Failure::from(error).to_string()
}

#[test]
fn each_answer_has_its_remedy() {
    let queue = "queue `q` answered";
    let refused = "queue `q` did not answer: dispatch failure: io error: Connection refused";
    let table = [
        ("ExpiredToken", queue, "aws sso login"),
        (
            "com.amazon#ExpiredTokenException",
            queue,
            "export-credentials",
        ),
        ("InvalidClientTokenId", queue, "--profile"),
        ("SignatureDoesNotMatch", queue, "clock"),
        ("Dispatch", refused, "--endpoint-url"),
        ("Timeout", "queue `q` did not answer", "--endpoint-url"),
        ("QueueDoesNotExist", queue, "--region"),
        ("AWS.SimpleQueueService.NonExistentQueue", queue, "--region"),
        ("InvalidAddress", queue, "another region"),
    ];
    for (code, message, remedy) in table {
        let said = said(code, message);
        assert!(said.starts_with(message), "{said}");
        assert!(said.contains(remedy), "{code}: {said}");
    }
}

#[test]
fn words_without_their_code_have_the_same_remedy() {
    let table = [
        (
            "queue `q` answered `AWS.X#ExpiredToken`: no",
            "aws sso login",
        ),
        ("ledger table `t` answered `SignatureDoesNotMatch`", "clock"),
        ("queue `q` does not exist; deploy it", "--region"),
        (
            "ledger table `t` does not exist in this account",
            "--region",
        ),
        ("queue `q` did not answer: time out", "--endpoint-url"),
        (
            "ledger table `t` cannot be reached (time out)",
            "--endpoint-url",
        ),
    ];
    for (words, remedy) in table {
        let said = Failure::of_words(words).to_string();
        assert!(said.starts_with(words) && said.contains(remedy), "{said}");
    }
    let denied = Failure::of_words("the function may not use queue `q`; allow `x` on it: no");
    let denied = denied.to_string();
    assert!(denied.starts_with("you may not use queue `q`"), "{denied}");
    assert!(denied.contains("--profile"), "{denied}");
    let other = "1 of 2 canaries are not delivered: see that the consumer works";
    assert_eq!(Failure::of_words(other).to_string(), other);
}

#[test]
fn credentials_that_cannot_be_had_are_told_in_one_line_without_the_sdks_search() {
    let failure = "queue `q` did not answer: dispatch failure: other: the credential";
    let table = [
        (
            " provider was not enabled: no credentials found in chain. Attempted:\n  Environment: no",
            "there are no AWS credentials; give --profile",
        ),
        (
            "s provider was not properly configured: This behavior requires following cargo \
             feature(s) enabled: sso. ",
            "the profile is one of the IAM Identity Center, whose credentials are not read here; \
             `aws sso login`",
        ),
        (
            " provider was not enabled: profile `x` was not defined: could not find it",
            "there is no profile `x`",
        ),
    ];
    for (rest, expected) in table {
        let said = said("Dispatch", &format!("{failure}{rest}"));
        assert!(said.starts_with(expected), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(!said.contains("dispatch failure"), "{said}");
    }
    let expired = said("Dispatch", &format!("{failure} has expired"));
    assert!(
        expired.contains("have expired; `aws sso login`"),
        "{expired}"
    );
}

#[test]
fn an_endpoint_that_is_none_is_told_without_the_request() {
    let message = "queue `q` did not answer: dispatch failure: other: failed to apply endpoint \
                   `nonsense` to request `Request { body: s3cr3t }`: endpoint must contain scheme";
    let said = said("Dispatch", message);
    assert!(
        said.starts_with("endpoint `nonsense` is no address"),
        "{said}"
    );
    assert!(
        said.contains("--endpoint-url") && !said.contains("s3cr3t"),
        "{said}"
    );
}

#[test]
fn a_missing_permission_is_told_to_the_person_who_lacks_it() {
    let message = "the function may not use queue `q`; allow `sqs:SendMessage` on it: no";
    let said = said("AccessDenied", message);
    assert!(said.starts_with("you may not use queue `q`"), "{said}");
    assert!(said.contains("`sqs:SendMessage`"), "{said}");
}

#[test]
fn what_is_not_known_is_said_as_it_came() {
    assert_eq!(
        said("SomethingNew", "queue `q` answered"),
        "queue `q` answered"
    );
}

#[test]
fn a_missing_table_is_told_as_a_missing_queue_is() {
    let error = StoreError {
        kind: StoreErrorKind::Permanent,
        code: "ResourceNotFoundException".to_owned(),
        message: "ledger table `t` does not exist".to_owned(),
    };
    let said = Failure::from(error).to_string();
    assert!(
        said.contains("`t` does not exist") && said.contains("--region"),
        "{said}"
    );
}

#[test]
fn a_missing_region_names_the_option() {
    let said = Failure::from(ConnectError::RegionMissing).to_string();
    assert!(said.contains("--region"), "{said}");
}

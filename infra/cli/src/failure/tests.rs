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
fn each_trouble_has_its_remedy() {
    let queue = "queue `q` answered";
    let none = "queue `q` did not answer: dispatch failure: other: the credential provider was not \
                enabled";
    let old = "queue `q` did not answer: dispatch failure: other: an error occurred while loading \
               credentials: the token has expired";
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
        ("Dispatch", none, "there are no credentials"),
        ("Dispatch", old, "have expired"),
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

//! Facts about what SQS's errors mean.

use waybill_engine::ports::QueueErrorKind::{LeaseLost, Permanent, Transient};

use super::{Asked, Fault, of_code};

#[test]
fn a_handle_that_holds_nothing_is_a_lost_lease_f02() {
    let codes = [
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    ];
    for code in codes {
        for asked in [Asked::Change, Asked::Delete] {
            let error = of_code(code, "why", Fault::Sender, asked, "q");
            assert_eq!(error.kind, LeaseLost, "{code} {asked:?}");
        }
        let error = of_code(code, "why", Fault::Sender, Asked::Send, "q");
        assert_eq!(error.kind, Permanent, "{code}");
    }
}

#[test]
fn too_long_a_visibility_is_no_lost_lease() {
    let why = "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total \
               VisibilityTimeout for the message is beyond the limit [43200 seconds]";
    let code = "InvalidParameterValue";
    let error = of_code(code, why, Fault::Sender, Asked::Change, "q");
    assert_eq!(error.kind, Permanent);
    let expired = "Value h for parameter ReceiptHandle is invalid. Reason: The receipt handle has \
                   expired.";
    let error = of_code(code, expired, Fault::Sender, Asked::Change, "q");
    assert_eq!(error.kind, LeaseLost);
}

#[test]
fn the_senders_fault_is_not_tried_again_f31() {
    let table = [
        ("InternalError", Fault::Service, Transient),
        ("SomethingNew", Fault::Service, Transient),
        ("SomethingNew", Fault::Sender, Permanent),
        ("OverLimit", Fault::Sender, Transient),
        ("KmsThrottled", Fault::Sender, Transient),
        ("RequestThrottled", Fault::Sender, Transient),
        ("ThrottlingException", Fault::Sender, Transient),
        ("KmsDisabled", Fault::Sender, Permanent),
        (
            "AWS.SimpleQueueService.NonExistentQueue",
            Fault::Sender,
            Permanent,
        ),
        ("AccessDenied", Fault::Service, Permanent),
    ];
    for (code, fault, kind) in table {
        let error = of_code(code, "why", fault, Asked::Change, "q");
        assert_eq!(error.kind, kind, "{code}");
    }
}

#[test]
fn a_missing_permission_is_named() {
    let error = of_code("AccessDenied", "no", Fault::Sender, Asked::Change, "q");
    assert_eq!(
        error.message,
        "the function may not use queue `q`; allow `sqs:ChangeMessageVisibility` on it: no"
    );
}

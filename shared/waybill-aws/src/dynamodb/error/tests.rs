//! Facts about what DynamoDB's errors mean.

use waybill_engine::ports::StoreErrorKind::{Permanent, Transient};

use super::{Asked, of_code};

#[test]
fn what_may_pass_is_tried_again_and_what_a_person_must_mend_is_not() {
    let table = [
        ("ProvisionedThroughputExceededException", Transient),
        ("ProvisionedThroughputExceeded", Transient),
        ("ThrottlingException", Transient),
        ("ThrottlingError", Transient),
        ("RequestLimitExceeded", Transient),
        ("TransactionConflict", Transient),
        ("TransactionConflictException", Transient),
        ("InternalServerError", Transient),
        ("ServiceUnavailable", Transient),
        ("Unknown", Transient),
        ("ResourceNotFoundException", Permanent),
        ("ResourceNotFound", Permanent),
        ("AccessDeniedException", Permanent),
        ("AccessDenied", Permanent),
        ("ValidationException", Permanent),
        ("ValidationError", Permanent),
        ("UnrecognizedClientException", Permanent),
        ("ItemCollectionSizeLimitExceeded", Permanent),
        ("SomethingNew", Permanent),
    ];
    for (code, kind) in table {
        let error = of_code(code, "why", Asked::Write, "ledger");
        assert_eq!(error.kind, kind, "{code}");
        assert_eq!(error.code, code);
    }
}

#[test]
fn a_missing_permission_is_named() {
    let write = of_code("AccessDenied", "no", Asked::Write, "ledger");
    assert!(
        write.message.contains("`dynamodb:PartiQLInsert`"),
        "{write}"
    );
    assert!(
        write.message.contains("`dynamodb:PartiQLUpdate`"),
        "{write}"
    );
    let read = of_code("AccessDeniedException", "no", Asked::Read, "ledger");
    assert!(read.message.contains("`dynamodb:BatchGetItem`"), "{read}");
    assert!(read.message.contains("`ledger`"), "{read}");
}

//! Facts about what is said of a source that did not answer.

use super::*;

#[test]
fn a_permission_that_is_missing_is_named_first() {
    let table = [
        ("AccessDenied", "you may not sqs:GetQueueAttributes: "),
        (
            "com.amazonaws#AccessDeniedException",
            "you may not sqs:GetQueueAttributes: ",
        ),
        (
            "ThrottlingException",
            "sqs:GetQueueAttributes is throttled (`ThrottlingException`)",
        ),
        (
            "ProvisionedThroughputExceededException",
            "sqs:GetQueueAttributes is throttled",
        ),
        ("InternalError", "queue `q` answered `InternalError`"),
        (
            "ExpiredToken",
            "queue `q` answered `InternalError`: the credentials have expired",
        ),
    ];
    for (code, beginning) in table {
        let told = fault(
            "sqs:GetQueueAttributes",
            code,
            "queue `q` answered `InternalError`",
        );
        assert!(told.starts_with(beginning), "{code}: {told}");
    }
}

#[test]
fn names_that_one_has_learned_the_other_has() {
    let names = Names::default();
    let other = names.clone();
    names.add(["crm".to_owned()]);
    names.add(["crm".to_owned(), "audit".to_owned()]);
    assert_eq!(other.all(), ["audit", "crm"].map(str::to_owned).into());
}

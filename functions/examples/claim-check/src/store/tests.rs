use aws_sdk_s3::primitives::ByteStream;

use super::*;

#[test]
fn only_what_is_gone_is_refused_for_good() {
    let cases = [
        (Some("NoSuchKey"), "claim_missing", false),
        (Some("NoSuchBucket"), "claim_missing", false),
        (Some("AccessDenied"), "claim_denied", true),
        (Some("SlowDown"), "claim_unavailable", true),
        (Some("InternalError"), "claim_unavailable", true),
        (Some("RequestTimeout"), "claim_unavailable", true),
        (Some("ExpiredToken"), "claim_unavailable", true),
        (None, "claim_unavailable", true),
    ];
    for (code, ours, retried) in cases {
        let failure = refused(code);
        assert_eq!(failure.code(), ours, "{code:?}");
        assert_eq!(failure.is_retried(), retried, "{code:?}");
    }
}

/// An object of so many bytes, which is told to have another number.
fn object(bytes: usize, told: Option<i64>) -> GetObjectOutput {
    let object = GetObjectOutput::builder().body(ByteStream::from(vec![b' '; bytes]));
    object.set_content_length(told).build()
}

#[tokio::test]
async fn an_object_is_no_larger_than_the_bound_whatever_it_is_told_to_be_f17() {
    let largest = whole(object(OBJECT_MAX, None)).await;
    assert_eq!(largest.map(|bytes| bytes.len()), Ok(OBJECT_MAX));
    let over = OBJECT_MAX + 1;
    for (bytes, told) in [(over, None), (over, Some(1)), (1, i64::try_from(over).ok())] {
        let failure = whole(object(bytes, told)).await.expect_err("it is refused");
        assert_eq!(failure.code(), "claim_too_large");
        assert!(!failure.is_retried());
    }
}

use waybill_core::event::{Data, Event};
use waybill_core::outcome::Outcome;
use waybill_core::routes::TargetSpec;

use super::super::served::{Answer, TRANSIENT, deliver, event, refuses, serving, spec};
use super::*;

fn function(lines: &str) -> LambdaSpec {
    let TargetSpec::Lambda(spec) = spec(&format!("{{lambda: {{function: bill{lines}}}}}")) else {
        panic!("it is another target");
    };
    spec
}

fn done() -> Answer {
    Answer::With(200, "null".to_owned())
}

/// What one try comes to, and what was asked for it.
async fn asked(
    spec: &LambdaSpec,
    event: &Event,
    answer: Answer,
) -> (Attempt, Option<(String, Value)>) {
    let (connection, mut requests) = serving([answer]).await;
    let target = LambdaTarget::new(Client::new(&connection.target_config()), spec, None).unwrap();
    let attempt = deliver(&target, event).await;
    (attempt, requests.try_recv().ok())
}

#[tokio::test]
async fn a_payload_is_the_whole_event_with_its_key_or_its_data_alone_f33() {
    let event = event(r#"{"a": 1}"#);
    let (attempt, asked_for) = asked(&function(", qualifier: live"), &event, done()).await;
    assert_eq!(attempt, Attempt::delivered("invoked"));
    let (path, payload) = asked_for.unwrap();
    assert_eq!(
        path,
        "/2015-03-31/functions/bill/invocations?qualifier=live"
    );
    assert_eq!(
        (&payload["id"], &payload["data"]["a"]),
        (&"e-1".into(), &1.into())
    );
    assert_eq!(payload["idempotencykey"], "c0ffee");
    let (attempt, asked_for) = asked(&function(", body: plain"), &event, done()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    assert_eq!(asked_for.unwrap().1, serde_json::json!({"a": 1}));
}

#[tokio::test]
async fn what_is_not_waited_for_is_delivered_when_lambda_has_taken_it() {
    let spec = function(", invocation: event");
    let taken = Answer::With(202, String::new());
    let (attempt, _) = asked(&spec, &event("{}"), taken.clone()).await;
    assert_eq!(attempt, Attempt::delivered("accepted"));
    for (spec, answer) in [(spec, done()), (function(""), taken)] {
        let (attempt, _) = asked(&spec, &event("{}"), answer).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(
            found,
            (Outcome::Unknown, "no_answer"),
            "it is not what was asked"
        );
    }
}

#[tokio::test]
async fn a_function_that_fails_is_no_success_and_its_words_are_not_repeated_f60() {
    let failing = |payload: &str| {
        let header = "x-amz-function-error: Unhandled";
        Answer::Headed(200, header, payload.to_owned())
    };
    let cases = [
        (
            r#"{"errorType": "Sandbox.Timedout", "errorMessage": "SECRET"}"#,
            "`Sandbox.Timedout`",
        ),
        (
            r#"{"errorType": "SECRET of mine", "errorMessage": "SECRET"}"#,
            "the function failed;",
        ),
        (r#"{"errorType": ["SECRET"]}"#, "the function failed;"),
        ("SECRET", "the function failed;"),
        ("", "the function failed;"),
    ];
    for (payload, expected) in cases {
        let (attempt, _) = asked(&function(""), &event("{}"), failing(payload)).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (TRANSIENT, "function_error"));
        assert!(attempt.message.contains(expected), "{}", attempt.message);
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
    }
}

#[tokio::test]
async fn what_lambda_does_not_take_is_rejected_unsent() {
    let with = |data: Data| Event { data, ..event("") };
    let long = |size: usize| event(&format!(r#""{}""#, "x".repeat(size - 2)));
    let (plain, later) = (", body: plain", ", body: plain, invocation: event");
    let cases = [
        (plain, with(Data::Text("{}".into())), "body_unfit"),
        (plain, with(Data::Bytes(vec![1].into())), "body_unfit"),
        (plain, with(Data::Absent), "body_unfit"),
        (plain, long(LAMBDA_REQUEST_MAX + 1), "too_large"),
        (later, long(LAMBDA_EVENT_MAX + 1), "too_large"),
    ];
    for (lines, event, code) in cases {
        let (connection, mut requests) = serving([]).await;
        let client = Client::new(&connection.target_config());
        let target = LambdaTarget::new(client, &function(lines), None).unwrap();
        let attempt = deliver(&target, &event).await;
        assert_eq!((attempt.outcome, &*attempt.code), (Outcome::Rejected, code));
        assert!(requests.try_recv().is_err(), "nothing was sent");
    }
    let (attempt, _) = asked(&function(plain), &long(LAMBDA_EVENT_MAX + 1), done()).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn each_refusal_of_lambda_is_final_only_where_it_is_about_the_payload() {
    let cases = [
        (
            400,
            "InvalidRequestContentException",
            Outcome::Rejected,
            "event_refused",
        ),
        (
            413,
            "RequestTooLargeException",
            Outcome::Rejected,
            "too_large",
        ),
        (
            404,
            "ResourceNotFoundException",
            TRANSIENT,
            "function_missing",
        ),
        (429, "TooManyRequestsException", TRANSIENT, "throttled"),
        (403, "AccessDeniedException", TRANSIENT, "access_denied"),
        (
            400,
            "RecursiveInvocationException",
            TRANSIENT,
            "request_refused",
        ),
        (502, "EC2ThrottledException", TRANSIENT, "service_failed"),
        (500, "ServiceException", TRANSIENT, "service_failed"),
    ];
    for (status, code, outcome, expected) in cases {
        let (attempt, _) = asked(&function(""), &event("{}"), refuses(status, code)).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (outcome, expected), "{code}");
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
    }
}

#[tokio::test]
async fn a_function_that_does_not_answer_may_be_at_work_f57() {
    let (attempt, _) = asked(&function(""), &event("{}"), Answer::Close).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "no_answer")
    );
    let brief = function(", timeout: 50ms");
    let (attempt, _) = asked(&brief, &event("{}"), Answer::Silence).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "timeout")
    );
}

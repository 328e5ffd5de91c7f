//! What is asked of EventBridge Scheduler, and what its answers mean.

use serde_json::json;

use super::*;
use crate::targets::served::{Answer, refuses, serving};

fn settings() -> ScheduleSettings {
    ScheduleSettings {
        group: "orders".to_owned(),
        role_arn: "arn:aws:iam::123456789012:role/orders-schedules".to_owned(),
        dead_letter_arn: "arn:aws:sqs:eu-central-1:123456789012:orders-unsent".to_owned(),
    }
}

fn appointment() -> Appointment {
    Appointment {
        name: "waybill-0a".to_owned(),
        at: Timestamp::from_secs(1_795_306_583),
        queue_arn: "arn:aws:sqs:eu-central-1:123456789012:orders".to_owned(),
        body: "{\"waybill-scheduled\":{}}".to_owned(),
    }
}

/// What is asked and what becomes of it when the service answers so.
async fn asked(answer: Answer) -> (serde_json::Value, Result<(), ScheduleError>) {
    // The SDK tries three times what may pass.
    let (connection, mut requests) = serving(vec![answer; 3]).await;
    let scheduler = connection.scheduler(settings());
    let made = scheduler.schedule(&appointment()).await;
    (requests.recv().await.unwrap().1, made)
}

#[tokio::test]
async fn a_schedule_sends_once_by_its_own_role_and_deletes_itself() {
    let made = Answer::With(200, r#"{"ScheduleArn": "arn"}"#.to_owned());
    let (mut request, made) = asked(made).await;
    assert_eq!(made, Ok(()));
    let token = request["ClientToken"].take();
    assert!(token.is_string());
    let expected = json!({
        "ClientToken": null,
        "GroupName": "orders",
        "ScheduleExpression": "at(2026-11-22T00:16:23)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ActionAfterCompletion": "DELETE",
        "Target": {
            "Arn": "arn:aws:sqs:eu-central-1:123456789012:orders",
            "RoleArn": "arn:aws:iam::123456789012:role/orders-schedules",
            "Input": "{\"waybill-scheduled\":{}}",
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
            "DeadLetterConfig": {
                "Arn": "arn:aws:sqs:eu-central-1:123456789012:orders-unsent",
            },
        },
    });
    assert_eq!(request, expected);
}

#[tokio::test]
async fn a_schedule_that_is_there_already_is_made() {
    let (_, made) = asked(refuses(409, "ConflictException")).await;
    assert_eq!(made, Ok(()));
}

#[tokio::test]
async fn every_other_answer_says_that_it_is_not_made_and_what_to_do() {
    for (status, code, remedy) in [
        (403, "AccessDeniedException", "iam:PassRole"),
        (404, "ResourceNotFoundException", "WAYBILL_SCHEDULE_GROUP"),
        (402, "ServiceQuotaExceededException", "higher quota"),
        (400, "ValidationException", "answered"),
        (429, "ThrottlingException", "answered"),
        (500, "InternalServerException", "answered"),
    ] {
        let (_, made) = asked(refuses(status, code)).await;
        let error = made.unwrap_err();
        assert_eq!(error.code, code);
        assert!(error.message.contains(remedy), "{code}: {}", error.message);
    }
    let (_, made) = asked(Answer::Close).await;
    assert_eq!(made.unwrap_err().code, "no_answer");
}

#[test]
fn a_time_is_said_in_whole_seconds_and_never_early() {
    let ms = |ms: u64| at(Timestamp::from_millis(1_795_306_583_000 + ms));
    assert_eq!(ms(0), "at(2026-11-22T00:16:23)");
    assert_eq!(ms(1), "at(2026-11-22T00:16:24)");
}

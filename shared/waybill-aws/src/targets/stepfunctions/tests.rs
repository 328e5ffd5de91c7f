use serde_json::{Value, json};

use waybill_core::event::{Data, Event};
use waybill_core::outcome::Outcome;
use waybill_core::routes::TargetSpec;

use super::super::served::{Answer, TRANSIENT, deliver, event, refuses, serving, spec};
use super::*;

const MACHINE: &str = "arn:aws:states:eu-central-1:123456789012:stateMachine:m";

fn machine(lines: &str) -> StepFunctionsSpec {
    let text = format!("{{stepfunctions: {{state_machine_arn: '{MACHINE}:live'{lines}}}}}");
    let TargetSpec::StepFunctions(spec) = spec(&text) else {
        panic!("it is another target");
    };
    spec
}

/// A state machine's description.
fn of_type(kind: &str) -> Answer {
    let body = json!({
        "stateMachineArn": MACHINE, "name": "m", "definition": "{}", "roleArn": "r",
        "type": kind, "creationDate": 1.0,
    });
    Answer::With(200, body.to_string())
}

fn started() -> Answer {
    let body = json!({"executionArn": "arn:m:c0ffee", "startDate": 1.0});
    Answer::With(200, body.to_string())
}

/// The description of an execution that has this input.
fn with_input(input: Option<&str>) -> Answer {
    let body = json!({
        "executionArn": "arn:m:c0ffee", "stateMachineArn": MACHINE, "status": "SUCCEEDED",
        "startDate": 1.0, "input": input,
    });
    Answer::With(200, body.to_string())
}

/// What one try comes to, and what was asked for it.
async fn asked(
    spec: &StepFunctionsSpec,
    event: &Event,
    answers: impl Into<Vec<Answer>>,
) -> (Attempt, Vec<(String, Value)>) {
    let (connection, mut requests) = serving(answers).await;
    let target = StepFunctionsTarget::new(Client::new(&connection.target_config()), spec);
    let attempt = deliver(&target, event).await;
    let asked = std::iter::from_fn(|| requests.try_recv().ok());
    (attempt, asked.collect())
}

#[tokio::test]
async fn an_execution_is_named_by_the_key_and_its_machine_is_asked_once_f60() {
    let spec = machine("");
    let (connection, mut requests) = serving([of_type("STANDARD"), started(), started()]).await;
    let target = StepFunctionsTarget::new(Client::new(&connection.target_config()), &spec);
    for _ in 0..2 {
        let attempt = deliver(&target, &event(r#"{"a": 1}"#)).await;
        assert_eq!(attempt, Attempt::delivered("started"));
    }
    let (what, body) = requests.try_recv().unwrap();
    assert_eq!(what, "awsstepfunctions.describestatemachine");
    assert_eq!(
        body,
        json!({"stateMachineArn": MACHINE, "includedData": "METADATA_ONLY"})
    );
    for _ in 0..2 {
        let (what, body) = requests.try_recv().unwrap();
        assert_eq!(what, "awsstepfunctions.startexecution");
        assert_eq!(body["stateMachineArn"], format!("{MACHINE}:live"));
        assert_eq!(body["name"], "c0ffee");
        let input: Value = serde_json::from_str(body["input"].as_str().unwrap()).unwrap();
        assert_eq!(input["idempotencykey"], "c0ffee");
        assert_eq!(input["data"], json!({"a": 1}));
    }
    assert!(requests.try_recv().is_err());
}

#[tokio::test]
async fn an_execution_that_is_there_is_delivered_only_with_the_same_data_f60() {
    let there = || refuses(400, "ExecutionAlreadyExists");
    let cases = [
        (
            Some(r#"{"b":2,"a":1}"#),
            Outcome::Delivered,
            "already_started",
        ),
        (Some(r#"{"a":1}"#), Outcome::Rejected, "execution_conflict"),
        (None, TRANSIENT, "execution_unread"),
    ];
    for (theirs, outcome, code) in cases {
        let answers = [of_type("STANDARD"), there(), with_input(theirs)];
        let event = event(r#"{"a": 1, "b": 2}"#);
        let (attempt, asked) = asked(&machine(", body: plain"), &event, answers).await;
        assert_eq!((attempt.outcome, &*attempt.code), (outcome, code));
        let execution = "arn:aws:states:eu-central-1:123456789012:execution:m:c0ffee";
        assert_eq!(asked[2].1, json!({"executionArn": execution}));
    }
    let denied = [
        of_type("STANDARD"),
        there(),
        refuses(403, "AccessDeniedException"),
    ];
    let (attempt, _) = asked(&machine(""), &event("1"), denied).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (TRANSIENT, "access_denied")
    );
    assert!(
        attempt.message.contains("states:DescribeExecution"),
        "{}",
        attempt.message
    );
}

#[tokio::test]
async fn nothing_is_started_by_a_machine_that_keeps_no_names() {
    let (attempt, asked_for) = asked(&machine(""), &event("1"), [of_type("EXPRESS")]).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (TRANSIENT, "state_machine_express")
    );
    assert_eq!(asked_for.len(), 1);
    let (attempt, asked_for) = asked(&machine(""), &event("1"), [Answer::Close]).await;
    assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, "no_answer"));
    assert_eq!(asked_for.len(), 1);
}

#[tokio::test]
async fn what_is_no_input_is_rejected_unsent() {
    let with = |data: Data| Event { data, ..event("") };
    let long = format!(r#""{}""#, "x".repeat(EXECUTION_INPUT_MAX - 1));
    let cases = [
        (with(Data::Text("{}".into())), "body_unfit"),
        (with(Data::Absent), "body_unfit"),
        (event(&long), "too_large"),
    ];
    for (event, code) in cases {
        let (attempt, asked) = asked(&machine(", body: plain"), &event, []).await;
        assert_eq!((attempt.outcome, &*attempt.code), (Outcome::Rejected, code));
        assert!(asked.is_empty(), "nothing was sent");
    }
    let answers = [of_type("STANDARD"), started()];
    let longest = event(&format!(r#""{}""#, "x".repeat(EXECUTION_INPUT_MAX - 2)));
    let (attempt, _) = asked(&machine(", body: plain"), &longest, answers).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn each_refusal_of_step_functions_is_final_only_where_it_is_about_the_input() {
    let cases = [
        (
            400,
            "InvalidExecutionInput",
            Outcome::Rejected,
            "event_refused",
        ),
        (
            400,
            "StateMachineDoesNotExist",
            TRANSIENT,
            "state_machine_missing",
        ),
        (
            400,
            "StateMachineDeleting",
            TRANSIENT,
            "state_machine_missing",
        ),
        (400, "ExecutionLimitExceeded", TRANSIENT, "throttled"),
        (400, "ThrottlingException", TRANSIENT, "throttled"),
        (400, "KmsAccessDeniedException", TRANSIENT, "access_denied"),
        (400, "KmsThrottlingException", TRANSIENT, "throttled"),
        (400, "InvalidArn", TRANSIENT, "request_refused"),
        (400, "ValidationException", TRANSIENT, "request_refused"),
        (500, "InternalError", TRANSIENT, "service_failed"),
    ];
    for (status, code, outcome, expected) in cases {
        let answers = [of_type("STANDARD"), refuses(status, code)];
        let (attempt, _) = asked(&machine(""), &event("1"), answers).await;
        let found = (attempt.outcome, &*attempt.code);
        assert_eq!(found, (outcome, expected), "{code}");
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
    }
    let answers = [of_type("STANDARD"), Answer::Close];
    let (attempt, _) = asked(&machine(""), &event("1"), answers).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "no_answer")
    );
}

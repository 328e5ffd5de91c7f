use crate::targets::served::{Answer, connected, refuses, serving};

use super::*;

#[tokio::test]
async fn lines_are_asked_for_by_group_pattern_and_time_page_by_page() {
    let first = json!({
        "events": [{
            "eventId": "3801", "logStreamName": "s", "timestamp": 1_700_000_000_001_u64,
            "message": "one", "ingestionTime": 1_700_000_000_900_u64,
        }],
        "nextToken": "t-1",
    });
    // A stand-in says no id, and a page may be empty.
    let second = json!({ "events": [{ "logStreamName": "s", "timestamp": 2, "message": "two" }] });
    let answers = [first, second].map(|page| Answer::With(200, page.to_string()));
    let (connection, mut asked) = serving(answers).await;
    let logs = connection.function_logs();
    let from = Timestamp::from_millis(1_700_000_000_000);
    let page = logs.lines("g", "\"x\"", from, None).await.unwrap();
    assert_eq!(page.lines[0].id.as_deref(), Some("3801"));
    assert_eq!(page.lines[0].at_ms, 1_700_000_000_001);
    assert_eq!(page.next.as_deref(), Some("t-1"));
    let page = logs.lines("g", "\"x\"", from, Some("t-1")).await.unwrap();
    assert_eq!((page.lines[0].id.as_deref(), page.next), (None, None));
    let (operation, body) = asked.try_recv().unwrap();
    assert_eq!(operation, "logs_20140328.filterlogevents");
    let expected = json!({
        "logGroupName": "g", "filterPattern": "\"x\"", "startTime": 1_700_000_000_000_u64,
        "limit": 10_000,
    });
    assert_eq!(body, expected);
    assert_eq!(asked.try_recv().unwrap().1["nextToken"], "t-1");
}

#[tokio::test]
async fn the_groups_of_a_queue_are_those_of_the_functions_that_it_triggers() {
    let function =
        |name: &str| json!({ "FunctionArn": format!("arn:aws:lambda:r:1:function:{name}") });
    let mappings = json!({
        "EventSourceMappings": [function("a:live"), function("b"), function("a")],
    });
    let own = json!({ "LoggingConfig": { "LogGroup": "of-a" } });
    let answers = [mappings, own, json!({})].map(|told| Answer::With(200, told.to_string()));
    let (connection, mut asked) = serving(answers).await;
    let groups = connection
        .function_logs()
        .groups_of("arn:aws:sqs:r:1:q")
        .await;
    assert_eq!(groups.unwrap(), ["of-a", "/aws/lambda/b"]);
    let paths = std::iter::from_fn(|| asked.try_recv().ok()).map(|(path, _)| path);
    let expected = [
        "/2015-03-31/event-source-mappings/?eventsourcearn=arn%3aaws%3asqs%3ar%3a1%3aq",
        "/2015-03-31/functions/a/configuration",
        "/2015-03-31/functions/b/configuration",
    ];
    assert_eq!(paths.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn a_refusal_names_what_was_asked_and_the_permission() {
    let table = [
        (
            refuses(400, "AccessDeniedException"),
            "AccessDeniedException",
            "allow `logs:FilterLogEvents` on it",
        ),
        (
            refuses(400, "ResourceNotFoundException"),
            "ResourceNotFoundException",
            "log group `g` does not exist",
        ),
        (
            refuses(400, "ThrottlingException"),
            "ThrottlingException",
            "log group `g` answered `ThrottlingException`",
        ),
        // A service that speaks REST says its code in a header.
        (
            Answer::With(429, r#"{"Reason":"x","message":"slow"}"#.to_owned()),
            "TooManyRequestsException",
            "slow",
        ),
        (
            Answer::With(502, "<html>".to_owned()),
            "Unknown",
            "log group `g`",
        ),
        (
            Answer::With(200, "<html>".to_owned()),
            "Unreadable",
            "log group `g`",
        ),
        (Answer::Close, "Dispatch", "log group `g` did not answer"),
    ];
    for (reply, code, told) in table {
        let (connection, _) = serving([reply]).await;
        let logs = connection.function_logs();
        let error = logs.lines("g", "", Timestamp::default(), None).await;
        let error = error.unwrap_err();
        assert_eq!((error.code.as_str(), error.action), (code, FILTER));
        assert!(error.message.contains(told), "no {told} in {error}");
    }
    let connection = connected("http://127.0.0.1:1").await;
    let refused = connection.function_logs().groups_of("arn").await;
    assert_eq!(refused.unwrap_err().action, LIST);
}

#[test]
fn the_name_of_a_function_stands_in_its_arn() {
    let table = [
        ("arn:aws:lambda:r:1:function:a", Some("a")),
        ("arn:aws:lambda:r:1:function:a:live", Some("a")),
        ("arn:aws:lambda:r:1:function:", None),
        ("arn:aws:sqs:r:1:q", None),
    ];
    for (arn, name) in table {
        assert_eq!(function_of(arn), name, "{arn}");
    }
}

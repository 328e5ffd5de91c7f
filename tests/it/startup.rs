//! A function's binary alone under Lambda's Runtime API, the consumer's here: what stops its start,
//! what fails an invocation, and what it says then. It fails closed, with one line that a person
//! can act on.

mod poller;
mod redrive;

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::Value;

use waybill_local::local_aws::free_port;
use waybill_local::runtime_api::sqs_event;
use waybill_local::{
    Answer, Environment, Exchange, Fault, FaultAction, Function, Proxy, Receiver, Reply,
};

use crate::support::dynamodb_local::DynamoDbLocal;
use crate::support::stage::{built, events};

const QUEUE: &str = "arn:aws:sqs:us-east-1:000000000000:orders";

/// How long the function may take to start or to end on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What must never be in a line: the credentials, and what stands in a URL's path, in a header and
/// in a body.
const SECRETS: [&str; 3] = ["local-secret-access-key", "local-session-token", "s3cr3t"];

/// Variables by which the function starts, its one target public.
fn environment() -> Environment {
    environment_of("consumer")
}

/// The same for a function of this name.
fn environment_of(function: &str) -> Environment {
    let routes = r#"{routes: [{name: hook, target: {http: {url: "https://example.com/s3cr3t"}}}]}"#;
    Environment::of(function)
        .with("WAYBILL_CONSUMER", "orders")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("WAYBILL_ROUTES", format!("inline:{routes}"))
}

async fn start(environment: &Environment) -> Function {
    let binary = built().binary(environment.function());
    let binary = binary.expect("the function is built");
    let started = Function::start(binary, environment).await;
    started.expect("a process can be started")
}

/// The one line of a function that refuses to start.
async fn refusal(environment: Environment) -> String {
    let mut function = start(&environment).await;
    let status = function.ended(PATIENCE).await;
    let lines = function.lines();
    let status = status.unwrap_or_else(|| panic!("it runs: {lines:#?}"));
    assert!(!status.success(), "{lines:#?}");
    assert_eq!(function.ready(Duration::ZERO).await, None, "it asked");
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_no_secret(&lines);
    let line: Value = serde_json::from_str(&lines[0]).expect("a line of JSON");
    assert_eq!(line["level"], "ERROR");
    let said = line["message"].as_str().unwrap().to_owned();
    assert!(said.starts_with("cannot start: "), "{said}");
    said
}

fn assert_no_secret(lines: &[String]) {
    for secret in SECRETS {
        let told = lines.iter().find(|line| line.contains(secret));
        assert_eq!(told, None, "tells a secret");
    }
}

fn assert_says(said: &str, what: &[&str]) {
    for what in what {
        assert!(said.contains(what), "`{said}` does not say `{what}`");
    }
}

/// Lines of one level.
fn of_level(lines: &[String], level: &str) -> Vec<Value> {
    let lines = lines.iter().map(|line| {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        line
    });
    lines.filter(|line| line["level"] == level).collect()
}

/// What a function talks to: SQS as far as visibilities go, the target, and, where nothing else
/// is, a DynamoDB that answers everything so.
async fn outside(status: u16, answer: &'static str) -> Receiver {
    let entries: Vec<_> = (0..10)
        .map(|n| serde_json::json!({"Id": n.to_string()}))
        .collect();
    let changed = serde_json::json!({"Successful": entries, "Failed": []}).to_string();
    let receiver = Receiver::start(move |received, _| {
        match received.header("x-amz-target").unwrap_or_default() {
            "AmazonSQS.ChangeMessageVisibilityBatch" => Reply::status(200).body(changed.clone()),
            "" => Reply::status(200),
            _ => Reply::status(status).body(answer),
        }
    });
    receiver.await.expect("the receiver starts")
}

/// Variables by which the function talks to that, and to DynamoDB at this endpoint.
fn with_outside(outside: &Receiver, dynamodb: &str) -> Environment {
    let environment = environment().with("WAYBILL_QUEUE_URL", outside.url("/000000000000/orders"));
    reaching(environment, outside, dynamodb)
}

/// The same for any function, which knows its queue.
fn reaching(environment: Environment, outside: &Receiver, dynamodb: &str) -> Environment {
    let url = outside.url("/hook/s3cr3t");
    let routes = format!(
        r#"{{routes: [{{name: hook, target: {{http: {{url: "{url}",
             headers: {{authorization: "Bearer ${{TOKEN}}"}}}}}}}}]}}"#
    );
    environment
        .with("TOKEN", "s3cr3t")
        .with("WAYBILL_ROUTES", format!("inline:{routes}"))
        .with("WAYBILL_ALLOW_PRIVATE_TARGETS", "true")
        .with("AWS_ENDPOINT_URL_SQS", outside.url(""))
        .with("AWS_ENDPOINT_URL_DYNAMODB", dynamodb)
}

/// Ten events whose keys begin so.
fn ten(prefix: &str) -> String {
    let bodies = events(&format!("{prefix}-s3cr3t"), 10);
    let ids: Vec<_> = (0..10).map(|n| format!("{prefix}-{n}")).collect();
    let ids = ids.iter().map(String::as_str);
    sqs_event(QUEUE, ids.zip(bodies.iter().map(String::as_str)))
}

/// The ids that an answer hands back.
fn failures(answer: &Answer) -> Vec<String> {
    let Answer::Response(text) = answer else {
        panic!("{answer:?}");
    };
    let answer: Value = serde_json::from_str(text).unwrap();
    let failures = answer["batchItemFailures"].as_array().unwrap().iter();
    failures
        .map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned())
        .collect()
}

/// Requests to the target.
fn sent(outside: &Receiver) -> Vec<Exchange> {
    let mut exchanges = outside.exchanges();
    exchanges.retain(|exchange| exchange.received.path.starts_with("/hook"));
    exchanges
}

/// Runs a batch of ten that the ledger gives no claim for: all are handed back and nothing is
/// sent. The one error line, which is about all ten.
async fn handed_back(outside: &Receiver, environment: &Environment) -> Value {
    let function = start(environment).await;
    let answer = function.invoke(ten("e"), Duration::from_secs(60)).await;
    let lines = function.end().await;
    let all: Vec<_> = (0..10).map(|n| format!("e-{n}")).collect();
    assert_eq!(failures(&answer.unwrap()), all, "{lines:#?}");
    assert_eq!(sent(outside).len(), 0, "no effect without a claim");
    assert_no_secret(&lines);
    assert_eq!(of_level(&lines, "WARN").len(), 0, "{lines:#?}");
    let mut errors = of_level(&lines, "ERROR");
    assert_eq!(errors.len(), 1, "{lines:#?}");
    let error = errors.remove(0);
    assert_eq!(error["messages"], 10);
    assert_says(text(&error, "message"), &["the messages stay"]);
    error
}

/// The same with DynamoDB in trouble: the trouble's code, and what the line says of it.
async fn without_a_claim(outside: &Receiver, dynamodb: &str) -> (String, String) {
    let error = handed_back(outside, &with_outside(outside, dynamodb)).await;
    assert_says(text(&error, "message"), &["no claim without the ledger"]);
    let text = |name| text(&error, name).to_owned();
    (text("failure.code"), text("failure.message"))
}

/// A field of a line.
fn text<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name]
        .as_str()
        .unwrap_or_else(|| panic!("no `{name}` in {line}"))
}

#[tokio::test]
async fn with_all_it_needs_it_asks_for_work_and_says_nothing() {
    let mut function = start(&environment()).await;
    let ready = function.ready(PATIENCE).await;
    let lines = function.end().await;
    assert!(ready.is_some(), "{lines:#?}");
    assert_eq!(lines, [""; 0]);
}

#[tokio::test]
async fn promise_6_an_invalid_routes_file_stops_the_start_with_its_place_and_remedy() {
    let https = r#"{http: {url: "https://example.com/s3cr3t"}}"#;
    let secret = r#"{http: {url: "https://example.com/s3cr3t", headers: {a: "s3cr3t ${TOKEN}"}}}"#;
    let table: [(String, &[&str]); 3] = [
        ("routes:\n  - {name: hook".to_owned(), &["line 2"]),
        (
            format!("routes:\n  - name: hook\n    tarjet: 1\n    target: {https}"),
            &["line 3", "`routes[0].tarjet`", "not known", "`target`"],
        ),
        (
            format!("routes:\n  - name: hook\n    target: {secret}"),
            &["line 3", "`TOKEN` is not set; set it"],
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    for (routes, what) in table {
        std::fs::write(&file, &routes).unwrap();
        let path = file.to_str().unwrap();
        let said = refusal(environment().with("WAYBILL_ROUTES", path)).await;
        assert_says(&said, what);
        assert_says(&said, &[&format!("`{path}`")]);
    }
}

#[tokio::test]
async fn promise_6_a_routes_file_that_is_not_there_stops_the_start() {
    let said = refusal(environment().with("WAYBILL_ROUTES", "/nowhere/routes.yaml")).await;
    let what = ["`/nowhere/routes.yaml`", "No such file", "WAYBILL_ROUTES"];
    assert_says(&said, &what);
}

#[tokio::test]
async fn promise_6_every_missing_variable_is_named_in_one_line() {
    let variables = ["WAYBILL_ROUTES", "WAYBILL_LEDGER_TABLE", "WAYBILL_CONSUMER"];
    let nothing = variables
        .iter()
        .fold(environment(), |left, variable| left.without(variable));
    let said = refusal(nothing).await;
    for variable in variables {
        assert_says(&said, &[&format!("{variable} is not set: give the")]);
        let said = refusal(environment().without(variable)).await;
        assert_says(&said, &[&format!("{variable} is not set: give the")]);
    }
}

#[tokio::test]
async fn promise_6_a_target_that_is_not_public_stops_the_start_f65() {
    let urls = [
        ("http://example.com/s3cr3t", "must be `https:`"),
        ("https://10.0.0.1/s3cr3t", "not public"),
        ("https://169.254.169.254/s3cr3t", "not public"),
        ("https://localhost/s3cr3t", "not public"),
    ];
    for (url, what) in urls {
        let routes = format!(r#"{{routes: [{{name: hook, target: {{http: {{url: "{url}"}}}}}}]}}"#);
        let said = refusal(environment().with("WAYBILL_ROUTES", format!("inline:{routes}"))).await;
        assert_says(&said, &["`hook`", what, "WAYBILL_ALLOW_PRIVATE_TARGETS"]);
    }
}

#[tokio::test]
async fn promise_6_without_a_queue_for_its_dead_send_stops_the_start() {
    let said = refusal(environment().with("WAYBILL_DEAD_LETTER", "send")).await;
    assert_says(&said, &["WAYBILL_DLQ_URL is not set", "needs the URL"]);
}

#[tokio::test]
async fn promise_6_a_fifo_queue_with_redrive_stops_the_start() {
    let queue = "http://127.0.0.1/000000000000/orders.fifo";
    let said = refusal(environment().with("WAYBILL_QUEUE_URL", queue)).await;
    let what = ["FIFO queue", "say `dead_letter: send`", "WAYBILL_DLQ_URL"];
    assert_says(&said, &what);
    let send = environment()
        .with("WAYBILL_QUEUE_URL", queue)
        .with("WAYBILL_DEAD_LETTER", "send")
        .with("WAYBILL_DLQ_URL", "http://127.0.0.1/000000000000/dead");
    let said = refusal(send).await;
    assert_says(&said, &["is no FIFO queue", "must be FIFO"]);
}

#[tokio::test]
async fn promise_6_without_a_region_the_start_is_stopped_and_nobody_is_asked_for_one() {
    let nowhere = environment()
        .without("AWS_REGION")
        .without("AWS_DEFAULT_REGION");
    assert_says(
        &refusal(nowhere).await,
        &["no AWS region", "set AWS_REGION"],
    );
}

#[tokio::test]
async fn a_clean_batch_is_answered_without_a_failure_and_leaves_one_line_beside_its_metrics() {
    let dynamodb = DynamoDbLocal::get().await;
    dynamodb.make_table("ledger-clean").await;
    let outside = outside(500, "").await;
    // DynamoDB Local keeps tables by key.
    let environment = with_outside(&outside, dynamodb.endpoint())
        .with("AWS_ACCESS_KEY_ID", "local")
        .with("WAYBILL_LEDGER_TABLE", "ledger-clean");
    let function = start(&environment).await;
    let answer = function.invoke(ten("clean"), Duration::from_secs(60)).await;
    let lines = function.end().await;
    assert_eq!(failures(&answer.unwrap()), [""; 0], "{lines:#?}");
    assert_eq!(sent(&outside).len(), 10);
    assert_no_secret(&lines);
    let is_metrics = |line: &String| line.starts_with("{\"_aws\"");
    let (metrics, lines): (Vec<_>, Vec<_>) = lines.into_iter().partition(is_metrics);
    // Of the queue, of the route, and of the route with the outcome of its tries.
    assert_eq!((metrics.len(), lines.len()), (3, 1), "{lines:#?}");
    let ended = &of_level(&lines, "INFO")[0];
    assert_eq!(
        (&ended["received"], &ended["delivered"]),
        (&10.into(), &10.into())
    );
}

#[tokio::test]
async fn promise_6_without_its_table_every_message_is_handed_back_f43() {
    let dynamodb = DynamoDbLocal::get().await;
    let outside = outside(500, "").await;
    let (code, said) = without_a_claim(&outside, dynamodb.endpoint()).await;
    assert!(code.starts_with("ResourceNotFound"), "{code}");
    assert_says(
        &said,
        &[
            "`ledger` does not exist",
            "deploy it",
            "WAYBILL_LEDGER_TABLE",
        ],
    );
}

#[tokio::test]
async fn promise_6_without_a_way_to_dynamodb_every_message_is_handed_back_f43() {
    let outside = outside(500, "").await;
    let nobody = format!("http://127.0.0.1:{}", free_port().expect("a port is free"));
    let (code, said) = without_a_claim(&outside, &nobody).await;
    assert_eq!(code, "Dispatch");
    let what = [
        "`ledger` cannot be reached",
        "refused",
        "VPC",
        "AWS_ENDPOINT_URL",
    ];
    assert_says(&said, &what);
}

#[tokio::test]
async fn promise_6_without_the_permission_every_message_is_handed_back_f30() {
    let nobody = format!("127.0.0.1:{}", free_port().expect("a port is free"));
    let proxy = Proxy::start(&nobody).await.unwrap();
    proxy.inject(Fault::new(FaultAction::AccessDenied));
    let outside = outside(500, "").await;
    let (code, said) = without_a_claim(&outside, &proxy.endpoint()).await;
    assert_eq!(code, "AccessDeniedException");
    let what = [
        "`ledger`",
        "allow `dynamodb:PartiQLInsert` and `dynamodb:PartiQLUpdate`",
    ];
    assert_says(&said, &what);
    assert_eq!(
        proxy.counts().of_service("dynamodb"),
        1,
        "asked once: a person must mend it"
    );
}

#[tokio::test]
async fn promise_6_an_answer_of_unknown_shape_is_no_claim() {
    let table = [
        (200, "<html>s3cr3t</html>", "Unreadable"),
        (200, "", "Unanswered"),
        (200, "null", "Unreadable"),
        (200, "[1]", "Unreadable"),
        (200, r#"{"Responses": 7}"#, "Unreadable"),
        (200, r#"{"Responses": []}"#, "Unreadable"),
        (200, r#"{"Responses": [{"Error": {}}]}"#, "Unreadable"),
        (503, "<html>s3cr3t</html>", "Unreadable"),
        (
            400,
            r#"{"__type": "x#NewException", "message": "new"}"#,
            "NewException",
        ),
    ];
    for (status, answer, code) in table {
        let outside = outside(status, answer).await;
        let (seen, said) = without_a_claim(&outside, &outside.url("")).await;
        assert_eq!(seen, code, "{answer}");
        assert_says(&said, &["`ledger`"]);
    }
}

#[tokio::test]
async fn promise_6_a_row_of_another_release_is_left_alone() {
    let dynamodb = DynamoDbLocal::get().await;
    dynamodb.make_table("ledger-newer").await;
    for n in 0..10 {
        let row = dynamodb
            .client()
            .await
            .put_item()
            .table_name("ledger-newer");
        let key = AttributeValue::S(format!("orders#plain:orders\0e-s3cr3t-{n}"));
        let row = row
            .item("pk", key)
            .item("v", AttributeValue::N("99".to_owned()));
        row.send().await.expect("a row can be written");
    }
    let outside = outside(500, "").await;
    // DynamoDB Local keeps tables by key.
    let environment = with_outside(&outside, dynamodb.endpoint())
        .with("AWS_ACCESS_KEY_ID", "local")
        .with("WAYBILL_LEDGER_TABLE", "ledger-newer");
    let error = handed_back(&outside, &environment).await;
    let what = ["does not know", "Deploy the release that wrote them"];
    assert_says(text(&error, "message"), &what);
}

#[tokio::test]
async fn promise_6_a_payload_that_no_answer_could_be_right_for_fails_as_a_whole_f12() {
    let good = ten("e");
    let mut unnamed: Value = serde_json::from_str(&good).unwrap();
    unnamed["Records"][4]
        .as_object_mut()
        .unwrap()
        .remove("messageId");
    let mut mixed: Value = serde_json::from_str(&good).unwrap();
    mixed["Records"][4]["eventSourceARN"] = format!("{QUEUE}-2").into();
    let table: [(String, &[&str]); 5] = [
        (
            r#"{"hello": "s3cr3t"}"#.to_owned(),
            &["not an SQS event", "`Records`"],
        ),
        ("null".to_owned(), &["not an SQS event", "`Records`"]),
        ("7".to_owned(), &["not an SQS event", "`Records`"]),
        (
            unnamed.to_string(),
            &["record 4 has no `messageId`", "event source mapping"],
        ),
        (
            mixed.to_string(),
            &["orders` and `", "orders-2`", "one queue at a time"],
        ),
    ];
    let outside = outside(500, "").await;
    for (payload, what) in table {
        let function = start(&with_outside(&outside, &outside.url(""))).await;
        let answer = function.invoke(payload, Duration::from_secs(60)).await;
        let next = r#"{"Records": []}"#;
        let next = function.invoke(next, Duration::from_secs(60)).await;
        let lines = function.end().await;
        let Answer::Error(diagnostic) = answer.unwrap() else {
            panic!("{what:?} succeeded: {lines:#?}");
        };
        let diagnostic: Value = serde_json::from_str(&diagnostic).unwrap();
        assert_eq!(diagnostic["errorType"], "InvocationRefused");
        assert_says(diagnostic["errorMessage"].as_str().unwrap(), what);
        assert_eq!(failures(&next.unwrap()), [""; 0], "it goes on");
        assert_eq!(lines.len(), 1, "{lines:#?}");
        assert_no_secret(&lines);
        let error = &of_level(&lines, "ERROR")[0];
        let said = error["message"].as_str().unwrap();
        assert_says(said, &["every message stays in the queue"]);
        assert_says(said, what);
    }
    assert_eq!(outside.exchanges().len(), 0, "nobody was asked");
}

#[tokio::test]
async fn promise_6_records_of_a_fifo_queue_are_refused_with_redrive_f25() {
    let bodies = events("e-s3cr3t", 2);
    let messages = ["e-1", "e-2"]
        .into_iter()
        .zip(bodies.iter().map(String::as_str));
    let payload = sqs_event(&format!("{QUEUE}.fifo"), messages);
    let mut payload: Value = serde_json::from_str(&payload).unwrap();
    for record in payload["Records"].as_array_mut().unwrap() {
        record["attributes"]["MessageGroupId"] = "a".into();
    }
    let outside = outside(500, "").await;
    let function = start(&with_outside(&outside, &outside.url(""))).await;
    let answer = function
        .invoke(payload.to_string(), Duration::from_secs(60))
        .await;
    let lines = function.end().await;
    let Answer::Error(diagnostic) = answer.unwrap() else {
        panic!("it succeeded: {lines:#?}");
    };
    let diagnostic: Value = serde_json::from_str(&diagnostic).unwrap();
    assert_eq!(diagnostic["errorType"], "InvocationRefused");
    let said = text(&diagnostic, "errorMessage");
    let what = ["orders.fifo`", "dead_letter: send", "WAYBILL_DEAD_LETTER"];
    assert_says(said, &what);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert_no_secret(&lines);
    assert_eq!(outside.exchanges().len(), 0, "nobody was asked");
}

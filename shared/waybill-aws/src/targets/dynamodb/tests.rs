use serde_json::json;

use waybill_core::outcome::Outcome;
use waybill_core::routes::TargetSpec;
use waybill_testkit::fixtures;

use super::super::served::{Answer, TRANSIENT, event, message, refuses, serving, spec};
use super::*;

fn table(lines: &str) -> DynamoDbSpec {
    let lines = format!("{{dynamodb: {{table: orders, key: '{{id: data.id}}', {lines}}}}}");
    let TargetSpec::DynamoDb(spec) = spec(&lines) else {
        panic!("it is another target");
    };
    spec
}

fn markers() -> Markers {
    Markers {
        table: "ledger".to_owned(),
        time_to_live: Duration::from_secs(60),
    }
}

/// The row of the event `e` as a delivery leaves it that was not claimed.
fn delivered_row() -> Record {
    let first = fixtures::claimed("e", 1).unwritten();
    first.as_delivered(&fixtures::route("crm"), "written", 9)
}

/// What one try comes to, and what was asked for it.
async fn asked(spec: &DynamoDbSpec, answers: impl Into<Vec<Answer>>) -> (Attempt, Vec<Value>) {
    asked_with(spec, None, answers).await
}

/// The same of a try that is to write this row.
async fn asked_with(
    spec: &DynamoDbSpec,
    row: Option<&Record>,
    answers: impl Into<Vec<Answer>>,
) -> (Attempt, Vec<Value>) {
    let (connection, mut requests) = serving(answers).await;
    let client = Client::new(&connection.target_config());
    let target = DynamoDbTarget::new(client, spec, markers()).unwrap();
    let event = event(r#"{"id": "o-1", "total": 1.5, "n": [null]}"#);
    let request = TargetRequest {
        event: &event,
        data: &event.data,
        message: &message(),
        idempotency_key: "c0ffee",
        limit: Duration::from_secs(30),
        given_up: None,
        trace: None,
        row,
    };
    let attempt = target.send(request).await;
    let mut asked = Vec::new();
    while let Ok((_, body)) = requests.try_recv() {
        asked.push(body);
    }
    (attempt, asked)
}

/// A cancelled transaction, with the codes of its two reasons.
fn canceled(item: &str, marker: &str) -> Answer {
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": item, "Message": "why"}, {"Code": marker}],
    });
    Answer::With(400, body.to_string())
}

fn marked(expires_at: u64) -> Answer {
    let marker = json!({"pk": {"S": "#c0ffee"}, "expires_at": {"N": expires_at.to_string()}});
    Answer::With(200, json!({"Responses": {"ledger": [marker]}}).to_string())
}

#[tokio::test]
async fn an_item_is_put_in_one_transaction_with_its_marker() {
    let (attempt, asked) = asked(&table("put: data"), [Answer::With(200, "{}".to_owned())]).await;
    assert_eq!(attempt, Attempt::delivered("written"));
    let items = &asked[0]["TransactItems"];
    let put = json!({"Put": {
        "TableName": "orders",
        "Item": {"id": {"S": "o-1"}, "total": {"N": "1.5"}, "n": {"L": [{"NULL": true}]}},
    }});
    assert_eq!(items[0], put);
    let marker = &items[1]["Put"];
    assert_eq!(marker["TableName"], "ledger");
    assert_eq!(marker["Item"]["pk"], json!({"S": "#c0ffee"}));
    let condition = "attribute_not_exists(pk) OR expires_at < :now";
    assert_eq!(marker["ConditionExpression"], condition);
    let number = |value: &Value| value["N"].as_str().unwrap().parse::<u64>().unwrap();
    let now = number(&marker["ExpressionAttributeValues"][":now"]);
    let ends = number(&marker["Item"]["expires_at"]) - now;
    assert!((60..=61).contains(&ends), "{ends}");
    assert_eq!(items.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn the_row_of_an_event_that_was_not_claimed_stands_in_the_place_of_the_marker() {
    let row = delivered_row();
    let answers = [Answer::With(200, "{}".to_owned())];
    let (attempt, asked) = asked_with(&table("put: data, only: new"), Some(&row), answers).await;
    let written = Attempt::delivered("written").with_row(RowEnd::Written);
    assert_eq!(attempt, written);
    let items = &asked[0]["TransactItems"];
    assert_eq!(items.as_array().unwrap().len(), 2);
    let put = &items[1]["Put"];
    assert_eq!(put["TableName"], "ledger");
    // No row, whether it has ended or not: that is the ledger's to judge.
    assert_eq!(put["ConditionExpression"], "attribute_not_exists(pk)");
    assert_eq!(put["Item"]["pk"], json!({"S": "test#e"}));
    assert_eq!(put["Item"]["status"], json!({"S": "COMPLETED"}));
    assert_eq!(put["Item"]["rev"], json!({"N": "1"}));
    assert_eq!(asked.len(), 1);
}

#[tokio::test]
async fn a_row_that_stands_refuses_the_item_with_it_and_nothing_is_read_f09_f39() {
    let row = delivered_row();
    for item in ["None", "ConditionalCheckFailed", "TransactionConflict"] {
        let answer = [canceled(item, "ConditionalCheckFailed")];
        let spec = table("put: data, only: new");
        let (attempt, asked) = asked_with(&spec, Some(&row), answer).await;
        assert_eq!((attempt.outcome, &*attempt.code), (TRANSIENT, "conflict"));
        assert_eq!((attempt.row, asked.len()), (RowEnd::Refused, 1), "{item}");
    }
    // What is refused for another reason leaves the row to the engine.
    for (item, row_code, code) in [
        ("ConditionalCheckFailed", "None", "condition_failed"),
        ("None", "TransactionConflict", "conflict"),
        ("ValidationError", "None", "item_refused"),
    ] {
        let spec = table("put: data, only: new");
        let answer = [canceled(item, row_code)];
        let (attempt, asked) = asked_with(&spec, Some(&row), answer).await;
        assert_eq!((&*attempt.code, attempt.row), (code, RowEnd::Untouched));
        assert_eq!(asked.len(), 1);
    }
    let lost = asked_with(&table("put: data"), Some(&row), [Answer::Close])
        .await
        .0;
    assert_eq!(
        (lost.outcome, lost.row),
        (Outcome::Unknown, RowEnd::Untouched)
    );
}

#[tokio::test]
async fn an_update_names_nothing_in_its_text() {
    let spec =
        table("set: '{status: data.total, size: data.n}', add: '{count: `1`}', only: existing");
    let (attempt, asked) = asked(&spec, [Answer::With(200, "{}".to_owned())]).await;
    assert_eq!(attempt.outcome, Outcome::Delivered);
    let update = json!({"Update": {
        "TableName": "orders",
        "Key": {"id": {"S": "o-1"}},
        "UpdateExpression": "SET #set0=:set0, #set1=:set1 ADD #add0 :add0",
        "ConditionExpression": "attribute_exists(#k)",
        "ExpressionAttributeNames":
            {"#set0": "size", "#set1": "status", "#add0": "count", "#k": "id"},
        "ExpressionAttributeValues":
            {":set0": {"L": [{"NULL": true}]}, ":set1": {"N": "1.5"}, ":add0": {"N": "1"}},
    }});
    assert_eq!(asked[0]["TransactItems"][0], update);
}

#[tokio::test]
async fn a_delivery_that_is_marked_counts_and_writes_nothing_f40() {
    for item in ["None", "ConditionalCheckFailed", "TransactionConflict"] {
        let answer = canceled(item, "ConditionalCheckFailed");
        let (attempt, asked) = asked(&table("put: data, only: new"), [answer]).await;
        assert_eq!(attempt, Attempt::delivered("already_done"), "{item}");
        assert_eq!(asked.len(), 1);
    }
}

#[tokio::test]
async fn an_item_that_is_not_as_wanted_is_rejected_unless_an_earlier_try_wrote_it_f40() {
    let cases = [
        (marked(u64::MAX), Outcome::Delivered, "already_done"),
        (marked(1), Outcome::Rejected, "condition_failed"),
        (
            Answer::With(200, "{}".to_owned()),
            Outcome::Rejected,
            "condition_failed",
        ),
        (
            refuses(500, "InternalServerError"),
            TRANSIENT,
            "marker_unread",
        ),
    ];
    for (read, outcome, code) in cases {
        let answers = [canceled("ConditionalCheckFailed", "None"), read];
        let (attempt, asked) = asked(&table("put: data, only: new"), answers).await;
        assert_eq!((attempt.outcome, &*attempt.code), (outcome, code));
        let item = &asked[0]["TransactItems"][0]["Put"];
        assert_eq!(item["ConditionExpression"], "attribute_not_exists(#k)");
        let key = &asked[1]["RequestItems"]["ledger"];
        assert_eq!(key["Keys"][0]["pk"], json!({"S": "#c0ffee"}));
        assert_eq!(key["ConsistentRead"], true);
    }
}

#[tokio::test]
async fn each_reason_of_a_cancelled_transaction_is_told_apart() {
    let cases = [
        ("TransactionConflict", "None", TRANSIENT, "conflict"),
        ("None", "TransactionConflict", TRANSIENT, "conflict"),
        (
            "ValidationError",
            "TransactionConflict",
            TRANSIENT,
            "conflict",
        ),
        ("ThrottlingError", "None", TRANSIENT, "throttled"),
        (
            "None",
            "ProvisionedThroughputExceeded",
            TRANSIENT,
            "throttled",
        ),
        ("ValidationError", "None", Outcome::Rejected, "item_refused"),
        (
            "ItemCollectionSizeLimitExceeded",
            "None",
            Outcome::Rejected,
            "item_refused",
        ),
        ("None", "ValidationError", TRANSIENT, "request_refused"),
        ("SomethingNew", "None", TRANSIENT, "request_refused"),
    ];
    for (item, marker, outcome, code) in cases {
        let (attempt, _) = asked(&table("put: data"), [canceled(item, marker)]).await;
        assert_eq!(
            (attempt.outcome, &*attempt.code),
            (outcome, code),
            "{item}, {marker}"
        );
    }
}

#[tokio::test]
async fn each_refusal_of_dynamodb_is_final_only_where_it_is_about_the_item() {
    let cases = [
        (
            400,
            "ValidationException",
            Outcome::Rejected,
            "item_refused",
        ),
        (400, "ResourceNotFoundException", TRANSIENT, "table_missing"),
        (400, "AccessDeniedException", TRANSIENT, "access_denied"),
        (400, "TransactionInProgressException", TRANSIENT, "conflict"),
        (
            400,
            "ProvisionedThroughputExceededException",
            TRANSIENT,
            "throttled",
        ),
        (400, "ThrottlingException", TRANSIENT, "throttled"),
        (
            400,
            "UnrecognizedClientException",
            TRANSIENT,
            "request_refused",
        ),
        (500, "InternalServerError", TRANSIENT, "service_failed"),
    ];
    for (status, code, outcome, expected) in cases {
        let (attempt, asked) = asked(&table("put: data"), [refuses(status, code)]).await;
        assert_eq!(
            (attempt.outcome, &*attempt.code),
            (outcome, expected),
            "{code}"
        );
        assert!(!attempt.message.contains("SECRET"), "{}", attempt.message);
        assert_eq!(asked.len(), 1, "it is asked once");
    }
}

#[tokio::test]
async fn a_transaction_without_an_answer_is_unknown_f57() {
    let (attempt, asked) = asked(&table("put: data"), [Answer::Close]).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "no_answer")
    );
    assert_eq!(asked.len(), 1);
    let brief = table("put: data, timeout: 50ms");
    let (attempt, _) = self::asked(&brief, [Answer::Silence]).await;
    assert_eq!(
        (attempt.outcome, &*attempt.code),
        (Outcome::Unknown, "timeout")
    );
}

#[tokio::test]
async fn an_event_that_makes_no_item_is_rejected_unsent() {
    let cases = [
        ("key: '{id: data.gone}', put: data", "key_attribute_missing"),
        ("key: '{id: data.id}', put: data.id", "item_unusable"),
    ];
    for (lines, code) in cases {
        let TargetSpec::DynamoDb(spec) = spec(&format!("{{dynamodb: {{table: orders, {lines}}}}}"))
        else {
            panic!("it is a table");
        };
        let (attempt, asked) = asked(&spec, []).await;
        assert_eq!((attempt.outcome, &*attempt.code), (Outcome::Rejected, code));
        assert_eq!(asked.len(), 0);
    }
}

#[tokio::test]
async fn the_ledger_is_no_target() {
    let (connection, _) = serving([]).await;
    let arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/ledger";
    for name in ["ledger", arn] {
        let spec = DynamoDbSpec {
            table: name.to_owned(),
            ..table("put: data")
        };
        let client = Client::new(&connection.target_config());
        let target = DynamoDbTarget::new(client, &spec, markers());
        assert_eq!(target.err(), Some(TargetError::LedgerTable), "{name}");
    }
}

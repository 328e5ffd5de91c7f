use serde_json::{Value, json};

use super::*;
use crate::targets::served::{Answer, Requests, refuses, serving};

const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:orders";

fn told(answer: &Value) -> Answer {
    Answer::With(200, answer.to_string())
}

async fn survey_of(answers: &[Value]) -> (Survey, Requests) {
    let answers: Vec<_> = answers.iter().map(told).collect();
    let (connection, requests) = serving(answers).await;
    (connection.survey(), requests)
}

#[tokio::test]
async fn a_queue_tells_its_attributes_by_their_names() {
    let attributes = json!({ "VisibilityTimeout": "30", "FifoQueue": "true" });
    let (survey, mut requests) = survey_of(&[json!({ "Attributes": attributes })]).await;
    let told = survey.queue("http://localhost/1/orders").await.unwrap();
    assert_eq!(told["VisibilityTimeout"], "30");
    assert_eq!(told["FifoQueue"], "true");
    let (asked, body) = requests.try_recv().unwrap();
    assert_eq!(asked, "amazonsqs.getqueueattributes");
    assert_eq!(body["AttributeNames"], json!(["All"]));
}

#[tokio::test]
async fn every_mapping_of_a_queue_is_told_over_all_pages() {
    let first = json!({
        "EventSourceMappings": [{
            "UUID": "m-1", "FunctionArn": "f-1", "State": "Enabled", "BatchSize": 10,
            "MaximumBatchingWindowInSeconds": 1,
            "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "ScalingConfig": { "MaximumConcurrency": 5 },
        }],
        "NextMarker": "more",
    });
    let second = json!({
        "EventSourceMappings": [{
            "UUID": "m-2", "FunctionArn": "f-2", "State": "Disabling",
            "FilterCriteria": { "Filters": [{ "Pattern": "{}" }] },
            "ProvisionedPollerConfig": { "MaximumPollers": 7 },
        }],
        "NextMarker": "",
    });
    let (survey, mut requests) = survey_of(&[first, second]).await;
    let found = survey.mappings(QUEUE).await.unwrap();
    let expected = [
        SurveyedMapping {
            id: "m-1".to_owned(),
            function_arn: "f-1".to_owned(),
            enabled: true,
            batch_size: Some(10),
            window_seconds: Some(1),
            response_types: vec!["ReportBatchItemFailures".to_owned()],
            maximum_concurrency: Some(5),
            ..SurveyedMapping::default()
        },
        SurveyedMapping {
            id: "m-2".to_owned(),
            function_arn: "f-2".to_owned(),
            provisioned: true,
            maximum_pollers: Some(7),
            filters: true,
            ..SurveyedMapping::default()
        },
    ];
    assert_eq!(found, expected);
    let (path, _) = requests.try_recv().unwrap();
    assert!(!path.contains("functionname"), "{path}");
    let (path, _) = requests.try_recv().unwrap();
    assert!(path.contains("marker=more"), "{path}");
}

#[tokio::test]
async fn a_function_tells_its_time_its_variables_and_what_is_reserved() {
    let function = json!({
        "FunctionName": "consumer", "Timeout": 60,
        "Environment": { "Variables": { "WAYBILL_CONSUMER": "shop" } },
    });
    let hidden = json!({
        "FunctionName": "consumer",
        "Environment": { "Error": { "Message": "the key may not be used" } },
    });
    let answers = [
        function,
        hidden,
        json!({ "ReservedConcurrentExecutions": 5 }),
        json!({}),
    ];
    let (survey, _requests) = survey_of(&answers).await;
    let told = survey.function("consumer").await.unwrap();
    assert_eq!((told.name.as_str(), told.timeout), ("consumer", Some(60)));
    assert_eq!(told.variables.unwrap()["WAYBILL_CONSUMER"], "shop");
    let hidden = survey.function("consumer").await.unwrap();
    assert_eq!(hidden.variables.unwrap_err(), "the key may not be used");
    assert_eq!(survey.reserved("consumer").await, Ok(Some(5)));
    assert_eq!(survey.reserved("consumer").await, Ok(None));
}

#[tokio::test]
async fn a_table_tells_its_key_its_regions_and_how_warm_it_is() {
    let table = json!({ "Table": {
        "TableArn": "arn:aws:dynamodb:eu-central-1:123456789012:table/ledger",
        "KeySchema": [{ "AttributeName": "pk", "KeyType": "HASH" }],
        "AttributeDefinitions": [{ "AttributeName": "pk", "AttributeType": "S" }],
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "WarmThroughput": { "WriteUnitsPerSecond": 4000 },
        "Replicas": [{ "RegionName": "eu-west-1" }],
        "MultiRegionConsistency": "STRONG",
        "DeletionProtectionEnabled": true,
    }});
    let old = json!({ "Table": {
        "GlobalTableVersion": "2017.11.29",
        "WarmThroughput": { "WriteUnitsPerSecond": 0 },
    }});
    let (survey, _requests) = survey_of(&[table, json!({ "Table": {} }), old]).await;
    let told = survey.table("ledger").await.unwrap();
    let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
    let expected = SurveyedTable {
        keys: pair("pk", "HASH"),
        attributes: pair("pk", "S"),
        on_demand: true,
        warm_writes: Some(4000),
        regions: vec!["eu-central-1".to_owned(), "eu-west-1".to_owned()],
        consistency: Some("STRONG".to_owned()),
        protected: true,
    };
    assert_eq!(told, expected);
    assert_eq!(survey.table("ledger").await, Ok(SurveyedTable::default()));
    let old = survey.table("ledger").await.unwrap();
    assert_eq!((old.regions.len(), old.consistency), (2, None));
    assert_eq!(old.warm_writes, None);
}

#[tokio::test]
async fn a_table_tells_whether_its_rows_end_and_whether_it_can_be_brought_back() {
    let ttl = |status: &str| {
        json!({ "TimeToLiveDescription": {
            "TimeToLiveStatus": status, "AttributeName": "expires_at",
        }})
    };
    let recovery = |status: &str| {
        json!({ "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": status },
        }})
    };
    let answers = [
        ttl("ENABLED"),
        ttl("DISABLING"),
        json!({}),
        recovery("ENABLED"),
        recovery("DISABLED"),
        json!({}),
    ];
    let (survey, _requests) = survey_of(&answers).await;
    let by = Ok(Some("expires_at".to_owned()));
    assert_eq!(survey.expiry("ledger").await, by);
    assert_eq!(survey.expiry("ledger").await, Ok(None));
    assert_eq!(survey.expiry("ledger").await, Ok(None));
    for expected in [true, false, false] {
        assert_eq!(survey.recovery("ledger").await, Ok(expected));
    }
}

#[tokio::test]
async fn a_refusal_names_the_permission_and_what_is_missing() {
    let (connection, _requests) = serving([
        refuses(400, "AccessDeniedException"),
        refuses(400, "ResourceNotFoundException"),
        refuses(400, "ValidationException"),
        Answer::Close,
        Answer::Close,
        Answer::Close,
    ])
    .await;
    let survey = connection.survey();
    let denied = survey.table("ledger").await.unwrap_err();
    assert_eq!(denied.kind, RefusedKind::NotAllowed);
    assert!(denied.message.contains("allow `dynamodb:DescribeTable`"));
    let missing = survey.expiry("ledger").await.unwrap_err();
    assert_eq!(missing.kind, RefusedKind::NotThere);
    assert!(missing.message.contains("`ledger` is not there"));
    let other = survey.recovery("ledger").await.unwrap_err();
    assert_eq!(other.kind, RefusedKind::Other);
    assert!(other.message.contains("ValidationException"), "{other}");
    let silent = survey.reserved("consumer").await.unwrap_err();
    assert_eq!(silent.kind, RefusedKind::Other);
    assert!(silent.message.contains("cannot be asked for"), "{silent}");
}

#[tokio::test]
async fn a_parameter_is_read_or_says_what_is_missing() {
    let kept = told(&json!({ "Parameter": { "Value": "routes: []", "Version": 1 } }));
    let (connection, _requests) = serving([
        kept,
        refuses(400, "AccessDeniedException"),
        refuses(400, "ParameterNotFound"),
        refuses(400, "ValidationException"),
    ])
    .await;
    let survey = connection.survey();
    assert_eq!(survey.parameter("/shop").await.as_deref(), Ok("routes: []"));
    for kind in [
        RefusedKind::NotAllowed,
        RefusedKind::NotThere,
        RefusedKind::Other,
    ] {
        let refused = survey.parameter("/shop").await.unwrap_err();
        assert_eq!((refused.kind, refused.action), (kind, "ssm:GetParameter"));
        assert!(refused.message.contains("/shop"), "{refused}");
    }
}

#[test]
fn a_queue_is_known_by_its_url_and_its_arn() {
    let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders";
    assert_eq!(queue_arn(url).as_deref(), Some(QUEUE));
    assert!(is_queue_of(QUEUE, url));
    assert!(is_same_queue(
        url,
        "http://127.0.0.1:4566/123456789012/orders"
    ));
    assert!(!is_same_queue(
        url,
        "http://127.0.0.1:4566/123456789012/other"
    ));
}

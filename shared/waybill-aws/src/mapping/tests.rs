use serde_json::{Value, json};

use super::*;
use crate::targets::served::{Answer, Requests, refuses, serving};

const QUEUE: &str = "arn:aws:sqs:eu-central-1:123456789012:orders";

fn told(answer: &Value) -> Answer {
    Answer::With(200, answer.to_string())
}

/// The ARN of a function, with or without what stands behind its name.
fn function(name: &str) -> String {
    format!("arn:aws:lambda:eu-central-1:123456789012:function:{name}")
}

/// A list with one mapping of ours.
fn listed_as(id: &str) -> Answer {
    let ours = json!({ "UUID": id, "FunctionArn": function("consumer") });
    told(&json!({ "EventSourceMappings": [ours] }))
}

fn listed() -> Answer {
    listed_as("m-1")
}

async fn mapping_of(answers: Vec<Answer>) -> (LambdaMapping, Requests) {
    let (connection, requests) = serving(answers).await;
    let client = Client::new(&connection.target_config());
    (LambdaMapping::new(client, "consumer"), requests)
}

#[tokio::test]
async fn a_mapping_is_found_once_and_told_as_it_is() {
    let cases = [
        (json!({ "State": "Enabled" }), Mapping::At(None)),
        (
            json!({ "State": "Enabled", "ScalingConfig": { "MaximumConcurrency": 10 } }),
            Mapping::At(Some(10)),
        ),
        (
            json!({ "State": "Disabled", "ScalingConfig": {} }),
            Mapping::At(None),
        ),
        (
            json!({ "State": "Updating", "ScalingConfig": { "MaximumConcurrency": 10 } }),
            Mapping::Busy,
        ),
        (json!({}), Mapping::Busy),
        (
            json!({ "State": "Enabled", "ProvisionedPollerConfig": { "MinimumPollers": 2 } }),
            Mapping::Provisioned,
        ),
    ];
    let answers = cases.iter().map(|(answer, _)| told(answer));
    let answers = std::iter::once(listed()).chain(answers).collect();
    let (mapping, mut requests) = mapping_of(answers).await;
    for (answer, expected) in &cases {
        assert_eq!(mapping.look(QUEUE).await.as_ref(), Ok(expected), "{answer}");
    }
    let (path, _) = requests.try_recv().unwrap();
    let (place, query) = path.split_once('?').unwrap();
    assert_eq!(place, "/2015-03-31/event-source-mappings");
    assert!(query.contains("orders"), "{query}");
    for _ in &cases {
        let (path, _) = requests.try_recv().unwrap();
        assert_eq!(path, "/2015-03-31/event-source-mappings/m-1");
    }
}

#[tokio::test]
async fn a_mapping_is_ours_by_the_functions_name_also_where_it_invokes_an_alias_f27() {
    for (ours, found) in [
        ("consumer:live", true),
        ("consumer:7", true),
        ("consumer", true),
        ("consumer-2", false),
        ("other:consumer", false),
    ] {
        let other = json!({ "UUID": "m-0", "FunctionArn": function("other") });
        let nameless = json!({ "UUID": "m-1" });
        let ours = json!({ "UUID": "m-2", "FunctionArn": function(ours) });
        let list = told(&json!({ "EventSourceMappings": [other, nameless, ours] }));
        let state = told(&json!({ "State": "Enabled" }));
        let (mapping, mut requests) = mapping_of(vec![list, state]).await;
        let told = mapping.look(QUEUE).await;
        assert_eq!(told.is_ok(), found, "{ours}: {told:?}");
        requests.try_recv().unwrap();
        let looked = requests.try_recv().map(|(path, _)| path);
        let looked = looked.as_deref() == Ok("/2015-03-31/event-source-mappings/m-2");
        assert_eq!(looked, found, "{ours}");
    }
}

#[tokio::test]
async fn a_maximum_is_set_or_taken_away_and_nothing_else_is_touched() {
    let done = told(&json!({ "State": "Updating" }));
    let (mapping, mut requests) = mapping_of(vec![listed(), done.clone(), done]).await;
    mapping.limit(QUEUE, Some(2)).await.unwrap();
    mapping.limit(QUEUE, None).await.unwrap();
    requests.try_recv().unwrap();
    let scaling = [json!({ "MaximumConcurrency": 2 }), json!({})];
    for scaling in scaling {
        let (path, body) = requests.try_recv().unwrap();
        assert_eq!(path, "/2015-03-31/event-source-mappings/m-1");
        assert_eq!(body, json!({ "ScalingConfig": scaling }));
    }
}

#[tokio::test]
async fn a_mapping_that_a_deploy_made_anew_is_looked_for_again() {
    let gone = refuses(404, "ResourceNotFoundException");
    let anew = listed_as("m-2");
    let state = told(&json!({ "State": "Enabled" }));
    let (mapping, mut requests) = mapping_of(vec![listed(), gone, anew, state]).await;
    assert!(mapping.look(QUEUE).await.is_err());
    assert_eq!(mapping.look(QUEUE).await, Ok(Mapping::At(None)));
    let mut last = String::new();
    while let Ok((path, _)) = requests.try_recv() {
        last = path;
    }
    assert_eq!(last, "/2015-03-31/event-source-mappings/m-2");
}

#[tokio::test]
async fn what_lambda_refuses_is_told_with_its_remedy() {
    let (mapping, _) = mapping_of(vec![refuses(403, "AccessDeniedException")]).await;
    let what = mapping.look(QUEUE).await.unwrap_err();
    assert!(what.contains("lambda:ListEventSourceMappings"), "{what}");
    let none = told(&json!({ "EventSourceMappings": [] }));
    let (mapping, _) = mapping_of(vec![none]).await;
    let what = mapping.look(QUEUE).await.unwrap_err();
    assert!(what.contains("no event source mapping"), "{what}");
    let (mapping, _) = mapping_of(vec![Answer::Close]).await;
    assert!(mapping.look(QUEUE).await.is_err());
}

use std::collections::BTreeMap;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::config::{Credentials, Region};

use waybill_engine::env::EnvSource;

use super::*;

/// The variables of a function whose one route has this target.
struct Told(BTreeMap<&'static str, String>);

impl EnvSource for Told {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::Error::other("there is none"))
    }
}

const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders";

/// What is wrong with a target, as the function says it at its start.
async fn fault(target: &str, allow_private: &str) -> Option<String> {
    let private = ("WAYBILL_ALLOW_PRIVATE_TARGETS", allow_private);
    let (connection, settings) = told(target, private).await;
    connection
        .router(&settings)
        .err()
        .map(|error| error.to_string())
}

/// A function whose one route has this target, with one more variable.
async fn told(target: &str, more: (&'static str, &str)) -> (Connection, RouteSettings) {
    let told = [
        ("WAYBILL_CONSUMER", "orders".to_owned()),
        ("WAYBILL_LEDGER_TABLE", "ledger".to_owned()),
        ("WAYBILL_LEDGER_TTL_DAYS", "25".to_owned()),
        ("WAYBILL_QUEUE_URL", QUEUE.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "consumer".to_owned()),
        (more.0, more.1.to_owned()),
        (
            "WAYBILL_ROUTES",
            format!("inline:{{routes: [{{name: crm, target: {target}}}]}}"),
        ),
    ];
    let settings = RouteSettings::read(&Told(told.into()), 10).unwrap();
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"));
    (Connection::load(loader).await.unwrap(), settings)
}

#[tokio::test]
async fn a_route_without_a_target_that_can_be_called_is_named_f65() {
    let private = "{http: {url: 'http://example.com/in'}}";
    let told = fault(private, "false").await.unwrap();
    assert!(
        told.starts_with("route `crm`: url must be `https:`"),
        "{told}"
    );
    assert_eq!(fault(private, "true").await, None);
    let public = "{http: {url: 'https://example.com/in'}}";
    assert_eq!(fault(public, "false").await, None);
}

#[tokio::test]
async fn a_route_back_into_its_own_queue_or_ledger_stops_the_start_f28() {
    let queue = |url: &str| format!("{{sqs: {{queue_url: '{url}'}}}}");
    let told = fault(&queue(QUEUE), "false").await.unwrap();
    assert!(
        told.starts_with("route `crm`: queue_url is the source queue's own"),
        "{told}"
    );
    assert_eq!(fault(&queue(&format!("{QUEUE}-out")), "false").await, None);

    let table =
        |name: &str| format!("{{dynamodb: {{table: {name}, key: '{{id: id}}', put: data}}}}");
    let told = fault(&table("ledger"), "false").await.unwrap();
    assert!(
        told.starts_with("route `crm`: table is the ledger's own"),
        "{told}"
    );
    assert_eq!(fault(&table("orders"), "false").await, None);
}

#[tokio::test]
async fn a_function_that_would_invoke_itself_does_not_start_f28() {
    if cfg!(not(feature = "target-lambda")) {
        return;
    }
    let function = |name: &str| format!("{{lambda: {{function: '{name}'}}}}");
    let arn = |region: &str| format!("arn:aws:lambda:{region}:123456789012:function:consumer");
    for own in ["consumer", &arn("eu-central-1")] {
        let told = fault(&function(own), "false").await.unwrap();
        assert!(
            told.starts_with("route `crm`: function is this one"),
            "{told}"
        );
    }
    for other in ["bill", &arn("us-east-1")] {
        assert_eq!(fault(&function(other), "false").await, None);
    }
}

/// The targets that a bundle may be built without, each with its feature.
const OPTIONAL: [(&str, bool, &str); 5] = [
    (
        "{sns: {topic_arn: 'arn:aws:sns:eu-central-1:123456789012:out'}}",
        cfg!(feature = "target-sns"),
        "target-sns",
    ),
    (
        "{eventbridge: {bus: default}}",
        cfg!(feature = "target-eventbridge"),
        "target-eventbridge",
    ),
    (
        "{lambda: {function: bill}}",
        cfg!(feature = "target-lambda"),
        "target-lambda",
    ),
    (
        "{stepfunctions: {state_machine_arn: \
         'arn:aws:states:eu-central-1:123456789012:stateMachine:m'}}",
        cfg!(feature = "target-stepfunctions"),
        "target-stepfunctions",
    ),
    (
        "{kinesis: {stream: out}}",
        cfg!(feature = "target-kinesis"),
        "target-kinesis",
    ),
];

#[tokio::test]
async fn a_target_that_is_not_built_in_is_refused_at_start_by_its_feature() {
    for (target, is_built, feature) in OPTIONAL {
        let told = fault(target, "false").await;
        let expected = format!(
            "route `crm`: this bundle is built without its target; build it with `--features \
             {feature}`"
        );
        assert_eq!(told, (!is_built).then_some(expected), "{target}");
    }
}

#[tokio::test]
async fn a_valve_is_there_where_it_is_switched_on_and_refused_where_it_is_not_built_in() {
    let public = "{http: {url: 'https://example.com/in'}}";
    for (said, is_on) in [("false", false), ("true", true)] {
        let (connection, settings) = told(public, ("WAYBILL_SOURCE_VALVE", said)).await;
        let valve = connection.valve(&settings).map(|valve| valve.is_some());
        match cfg!(feature = "target-lambda") {
            false if is_on => {
                let told = valve.unwrap_err().to_string();
                assert!(told.contains("the feature `target-lambda`"), "{told}");
            }
            true | false => assert_eq!(valve, Ok(is_on)),
        }
    }
}

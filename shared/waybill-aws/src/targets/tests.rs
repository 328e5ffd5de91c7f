use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use waybill_core::event::Event;
use waybill_core::routes::TargetSpec;
use waybill_engine::ports::{Carried, Target, TargetRequest};

use crate::connect::Connection;

use super::served::{Answer, event, message, serving, spec};
use super::*;

const OF_EVENT: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00000000000000a1-01";
const OF_TRY: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00000000000000b2-01";
const HEADER: &str = "Root=1-aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=00000000000000b2;Sampled=1";

/// The target of a route.
fn target(connection: &Connection, text: &str) -> Box<dyn Target> {
    let config = connection.target_config();
    match spec(text) {
        TargetSpec::Sqs(spec) => {
            Box::new(SqsTarget::new(aws_sdk_sqs::Client::new(&config), &spec, None).unwrap())
        }
        TargetSpec::Sns(spec) => Box::new(SnsTarget::new(aws_sdk_sns::Client::new(&config), &spec)),
        TargetSpec::EventBridge(spec) => {
            let client = aws_sdk_eventbridge::Client::new(&config);
            Box::new(EventBridgeTarget::new(client, &spec))
        }
        TargetSpec::Lambda(spec) => {
            let client = aws_sdk_lambda::Client::new(&config);
            Box::new(LambdaTarget::new(client, &spec, None).unwrap())
        }
        TargetSpec::StepFunctions(spec) => {
            let client = aws_sdk_sfn::Client::new(&config);
            Box::new(StepFunctionsTarget::new(client, &spec))
        }
        TargetSpec::Kinesis(spec) => {
            let client = aws_sdk_kinesis::Client::new(&config);
            Box::new(KinesisTarget::new(client, &spec))
        }
        TargetSpec::Http(_) | TargetSpec::DynamoDb(_) => panic!("it has tests of its own"),
    }
}

/// What a target sends last, of an event and a message with traces of their own, with traces on or
/// off.
async fn sent(text: &str, trace: Option<&Carried>) -> Value {
    let machine = json!({
        "stateMachineArn": "arn", "name": "m", "definition": "{}", "roleArn": "r",
        "type": "STANDARD", "creationDate": 1.0,
    });
    let (connection, mut requests) = serving(vec![Answer::With(200, machine.to_string()); 2]).await;
    let event = Event {
        traceparent: Some(OF_EVENT.to_owned()),
        ..event("{}")
    };
    let request = TargetRequest {
        event: &event,
        data: &event.data,
        message: &message(),
        idempotency_key: "c0ffee",
        limit: Duration::from_secs(30),
        given_up: None,
        trace,
        row: None,
    };
    target(&connection, text).send(request).await;
    let requests = std::iter::from_fn(|| requests.try_recv().ok());
    requests.last().unwrap().1
}

/// The place of a text in a JSON document.
fn at<'a>(body: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter()
        .try_fold(body, |body, name| body.get(name))?
        .as_str()
}

/// `traceparent` of the CloudEvent that a text is.
fn of_cloud_event(text: &str) -> Option<String> {
    let event: Value = serde_json::from_str(text).unwrap();
    at(&event, &["traceparent"]).map(str::to_owned)
}

#[tokio::test]
async fn each_target_is_given_the_trys_place_or_else_what_came_f78() {
    let on = Carried {
        traceparent: OF_TRY.to_owned(),
        trace_header: HEADER.to_owned(),
        in_amazon_header: false,
    };
    for (trace, parent, header) in [(None, OF_EVENT, "Root=1"), (Some(&on), OF_TRY, HEADER)] {
        let url = "https://sqs.eu-central-1.amazonaws.com/123456789012/out";
        let sqs = sent(&format!("{{sqs: {{queue_url: '{url}'}}}}"), trace).await;
        let attribute = ["MessageAttributes", "traceparent", "StringValue"];
        assert_eq!(at(&sqs, &attribute), Some(parent));
        let system = ["MessageSystemAttributes", "AWSTraceHeader", "StringValue"];
        assert_eq!(at(&sqs, &system), Some(header));
        // The event's own is of its beginning, wherever it is carried besides.
        let body = at(&sqs, &["MessageBody"]).unwrap();
        assert_eq!(of_cloud_event(body).as_deref(), Some(OF_EVENT));

        let arn = "arn:aws:sns:eu-central-1:123456789012:out";
        let sns = sent(&format!("{{sns: {{topic_arn: '{arn}'}}}}"), trace).await;
        let fields = sns.as_object().unwrap().iter();
        let name = fields
            .clone()
            .find(|(_, value)| **value == json!("traceparent"));
        let name = name.unwrap().0.replace("Name", "Value.StringValue");
        assert_eq!(sns[name], json!(parent));

        let bus = sent("{eventbridge: {bus: default}}", trace).await;
        assert_eq!(bus["Entries"][0]["TraceHeader"], json!(header));

        let lambda = sent("{lambda: {function: f}}", trace).await;
        assert_eq!(lambda["traceparent"], json!(parent));

        let arn = "arn:aws:states:eu-central-1:123456789012:stateMachine:m";
        let machine = format!("{{stepfunctions: {{state_machine_arn: '{arn}'}}}}");
        let machine = sent(&machine, trace).await;
        let input = of_cloud_event(at(&machine, &["input"]).unwrap());
        assert_eq!(input.as_deref(), Some(parent));
        let expected = trace.map(|_| HEADER);
        assert_eq!(at(&machine, &["traceHeader"]), expected);

        let stream = sent("{kinesis: {stream: s, partition_key: id}}", trace).await;
        let data = STANDARD.decode(at(&stream, &["Data"]).unwrap()).unwrap();
        let data = of_cloud_event(&String::from_utf8(data).unwrap());
        assert_eq!(data.as_deref(), Some(parent));
    }
}

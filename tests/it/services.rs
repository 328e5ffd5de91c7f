//! Routes into services of AWS's: each has the event, and something to know a repeat by.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use waybill_local::api::{Api, Method, element};
use waybill_local::functions::zip_files;
use waybill_local::{Mode, Reply};

use crate::support::stage::{Setting, Stage, event};
use crate::template::deployed::ECHO;

/// A route into each, of MiniStack's account and region.
const ROUTES: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [
    {name: topic, target: {sns: {topic_arn: "arn:aws:sns:us-east-1:000000000000:out", body: plain}}},
    {name: bus, target: {eventbridge: {bus: out, detail_type: seen}}},
    {name: function, target: {lambda: {function: echo, timeout: 1m}}},
    {name: failing, transform: "{fail: `true`}",
      target: {lambda: {function: echo, body: plain, timeout: 1m}}, retry: {steps: 0}},
    {name: machine, target: {stepfunctions:
      {state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:out"}}},
    {name: stream, target: {kinesis: {stream: out, partition_key: source}}}
  ]
}"#;

/// What an account has beside the stack.
struct Services(Api);

impl Services {
    /// A topic and a bus that lead to queues, a function, a state machine and a stream.
    async fn make(endpoint: &str) -> Self {
        let services = Self(Api::new(endpoint).unwrap());
        services.make_queues().await;
        services.make_function().await;
        services
            .json(
                "states",
                "AWSStepFunctions.CreateStateMachine",
                json!({
                    "name": "out", "type": "STANDARD",
                    "definition": r#"{"StartAt":"a","States":{"a":{"Type":"Pass","End":true}}}"#,
                    "roleArn": "arn:aws:iam::000000000000:role/out",
                }),
            )
            .await;
        let stream = json!({"StreamName": "out", "ShardCount": 1});
        let make = "Kinesis_20131202.CreateStream";
        services.json("kinesis", make, stream).await;
        services
    }

    /// The queues `topic` and `bus`, and what sends to them.
    async fn make_queues(&self) {
        for queue in ["topic", "bus"] {
            let queue = json!({"QueueName": queue});
            self.json("sqs", "AmazonSQS.CreateQueue", queue).await;
        }
        let topic = [("Name".to_owned(), "out".to_owned())];
        let version = "2010-03-31";
        let made = self.0.query("sns", version, "CreateTopic", &topic).await;
        let subscription = [
            ("TopicArn", element(&made.unwrap(), "TopicArn").unwrap()),
            ("Protocol", "sqs".to_owned()),
            ("Endpoint", arn_of("topic")),
            ("Attributes.entry.1.key", "RawMessageDelivery".to_owned()),
            ("Attributes.entry.1.value", "true".to_owned()),
        ];
        let subscription = subscription.map(|(name, value)| (name.to_owned(), value));
        let made = self.0.query("sns", version, "Subscribe", &subscription);
        made.await.unwrap();

        self.json("events", "AWSEvents.CreateEventBus", json!({"Name": "out"}))
            .await;
        let pattern = json!({
            "detail-type": ["seen"],
            "resources": [{"prefix": "waybill:idempotency-key:"}],
        });
        let rule = json!({
            "Name": "all", "EventBusName": "out", "EventPattern": pattern.to_string(),
        });
        self.json("events", "AWSEvents.PutRule", rule).await;
        let targets = json!({
            "Rule": "all", "EventBusName": "out",
            "Targets": [{"Id": "queue", "Arn": arn_of("bus")}],
        });
        self.json("events", "AWSEvents.PutTargets", targets).await;
    }

    /// The function `echo`.
    async fn make_function(&self) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bootstrap");
        fs::write(&path, ECHO).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let archive = zip_files(&[("bootstrap".to_owned(), path)]).unwrap();
        self.0.put("/services", Vec::new()).await.unwrap();
        self.0.put("/services/echo.zip", archive).await.unwrap();
        let function = json!({
            "FunctionName": "echo", "Runtime": "provided.al2023", "Handler": "bootstrap",
            "Role": "arn:aws:iam::000000000000:role/echo", "Timeout": 30,
            "Code": {"S3Bucket": "services", "S3Key": "echo.zip"},
        });
        let path = "/2015-03-31/functions";
        let made = self.0.rest("lambda", Method::POST, path, Some(&function));
        made.await.unwrap();
    }

    async fn json(&self, service: &str, operation: &str, body: Value) -> Value {
        self.0.json(service, operation, &body).await.unwrap()
    }

    /// The executions there are.
    async fn executions(&self) -> Vec<Value> {
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:out";
        let list = json!({ "stateMachineArn": machine });
        let listed = self.json("states", "AWSStepFunctions.ListExecutions", list);
        let listed = listed.await["executions"].take();
        listed.as_array().unwrap().clone()
    }

    /// The input of an execution.
    async fn input(&self, execution: &Value) -> Value {
        let asked = json!({"executionArn": execution["executionArn"]});
        let operation = "AWSStepFunctions.DescribeExecution";
        let described = self.json("states", operation, asked).await;
        serde_json::from_str(described["input"].as_str().unwrap()).unwrap()
    }

    /// The records there are.
    async fn records(&self) -> Vec<Value> {
        let from = json!({
            "StreamName": "out", "ShardId": "shardId-000000000000",
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let operation = "Kinesis_20131202.GetShardIterator";
        let from = self.json("kinesis", operation, from).await;
        let from = json!({"ShardIterator": from["ShardIterator"]});
        let read = self.json("kinesis", "Kinesis_20131202.GetRecords", from);
        read.await["Records"].as_array().unwrap().clone()
    }
}

/// The ARN of a queue.
fn arn_of(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

/// What a queue beside the stack's holds; it is held for a while.
async fn received(stage: &Stage, queue: &str) -> Vec<aws_sdk_sqs::types::Message> {
    let source = stage.bundle.source();
    let url = source.client().get_queue_url().queue_name(queue).send();
    let url = url.await.unwrap().queue_url.unwrap();
    let receive = source.client().receive_message().queue_url(url);
    let receive = receive.message_attribute_names("All");
    let received = receive.max_number_of_messages(10).wait_time_seconds(5);
    received.send().await.unwrap().messages.unwrap_or_default()
}

/// The events that the function `echo` was invoked with.
async fn echoed(stage: &Stage) -> Vec<Value> {
    let lines = stage.bundle.logs("echo").await.unwrap();
    let said = lines.iter().filter_map(|line| line.split_once("event {"));
    said.map(|(_, rest)| serde_json::from_str(&format!("{{{rest}")).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_target_of_aws_has_the_event_and_its_key_f33_f60() {
    let setting = Setting::new("services").await.mode(Mode::Poll);
    let services = Services::make(setting.aws().endpoint()).await;
    let setting = setting.routes(ROUTES);
    let stage = setting.stage(|_, _| Reply::status(500)).await;
    stage.send(&[event("e-1")]).await;
    stage.poll(json!({"stop_when_empty": true})).await;

    let topic = received(&stage, "topic").await;
    let key_of = |message: &aws_sdk_sqs::types::Message| {
        let attributes = message.message_attributes.as_ref().unwrap();
        let id = attributes["ce-id"].string_value.as_deref();
        assert_eq!(id, Some("e-1"));
        let key = &attributes["idempotency-key"];
        key.string_value.clone().unwrap()
    };
    assert_eq!(topic.len(), 1);
    assert_eq!(key_of(&topic[0]).len(), 64);
    let data: Value = serde_json::from_str(topic[0].body.as_deref().unwrap()).unwrap();

    let bus = received(&stage, "bus").await;
    assert_eq!(bus.len(), 1);
    let seen: Value = serde_json::from_str(bus[0].body.as_deref().unwrap()).unwrap();
    assert_eq!(seen["detail"], data);
    let resource = seen["resources"][0].as_str().unwrap();
    assert_eq!(resource.len(), "waybill:idempotency-key:".len() + 64);

    let executions = services.executions().await;
    assert_eq!(executions.len(), 1);
    let input = services.input(&executions[0]).await;
    assert_eq!((&input["id"], &input["data"]), (&json!("e-1"), &data));
    assert_eq!(executions[0]["name"], input["idempotencykey"]);

    let records = services.records().await;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["PartitionKey"], input["source"]);

    let echoed = echoed(&stage).await;
    let whole: Vec<_> = echoed.iter().filter(|event| event["id"] == "e-1").collect();
    assert_eq!(whole.len(), 1, "{echoed:?}");
    assert_eq!(whole[0]["data"], data);
    // The function of the route `failing` was told to, and so the event is dead.
    let row = stage.row("e-1").await;
    assert_eq!(
        (row.status(), row.dead_reason()),
        ("DEAD", Some("attempts_spent"))
    );
    let logs = stage.bundle.logs(stage.bundle.poller_function()).await;
    let logs = logs.unwrap().join("\n");
    assert!(
        logs.contains("function_error") && logs.contains("`Told`"),
        "{logs}"
    );

    // A ledger that has forgotten, and the same event in another message: it is started once.
    let ledger = stage.bundle.ledger();
    let forget = ledger.client().delete_item().table_name(ledger.name());
    let forget = forget.key("pk", AttributeValue::S(row.pk().to_owned()));
    forget.send().await.unwrap();
    stage.send(&[event("e-1")]).await;
    stage.poll(json!({"stop_when_empty": true})).await;
    assert_eq!(services.executions().await.len(), 1);
    assert_eq!(
        services.records().await.len(),
        2,
        "a stream knows no repeat"
    );
    let logs = stage.bundle.logs(stage.bundle.poller_function()).await;
    assert!(!logs.unwrap().join("\n").contains("execution_conflict"));
}

//! One event followed by its trace's id: from its producer through the function to an HTTP target
//! and to a second queue, and the spans that the function exports of it.

use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName as System,
    MessageSystemAttributeNameForSends as SystemForSends, MessageSystemAttributeValue,
};
use serde_json::{Value, json};

use waybill_core::trace::Upstream;
use waybill_local::api::Api;
use waybill_local::{Mode, Reply};

use crate::support::stage::{Setting, Stage, event};

/// The trace of the producer, and its span.
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The same trace, as X-Ray's header of the producer's request has it: another span of it.
const HEADER: &str = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=00000000000000aa;Sampled=1";

/// A target that fails once, and a second queue.
const ROUTES: &str = r#"{
  defaults: {retry: {steps: 3, duration: 1s, factor: 1, jitter: 0}},
  routes: [
    {name: hook, target: {http: {url: "URL/hook", timeout: 5s}}},
    {name: next, target: {sqs: {queue_url: "QUEUE", timeout: 5s}}}
  ]
}"#;

/// A stage whose functions export traces to their log, and the second queue's URL.
async fn traced(name: &'static str, mode: Mode) -> (Stage, String) {
    let setting = Setting::new(name).await.mode(mode).with("Traces", "stdout");
    let api = Api::new(setting.aws().endpoint()).unwrap();
    let made = json!({"QueueName": "next"});
    let made = api.json("sqs", "AmazonSQS.CreateQueue", &made).await;
    let url = made.unwrap()["QueueUrl"].as_str().unwrap().to_owned();
    let routes = ROUTES.replace("QUEUE", &url);
    let stage = setting.routes(&routes);
    let stage = stage.stage(|_, nth| match nth {
        1 => Reply::status(503),
        _ => Reply::status(200),
    });
    (stage.await, url)
}

/// Sends an event as a producer does that is traced.
async fn send(stage: &Stage, id: &str) {
    let text = |value: &str| {
        let attribute = MessageAttributeValue::builder().data_type("String");
        attribute.string_value(value).build().unwrap()
    };
    let header = MessageSystemAttributeValue::builder().data_type("String");
    let header = header.string_value(HEADER).build().unwrap();
    let source = stage.bundle.source();
    let send = source.client().send_message().queue_url(source.url());
    let send = send.message_body(event(id));
    let send = send.message_attributes("traceparent", text(PARENT));
    let send = send.message_system_attributes(SystemForSends::AwsTraceHeader, header);
    send.send().await.unwrap();
}

/// The message of the second queue.
async fn next(stage: &Stage, url: &str) -> Message {
    let receive = stage.bundle.source().client().receive_message();
    let receive = receive.queue_url(url).message_attribute_names("All");
    let receive = receive.message_system_attribute_names(System::AwsTraceHeader);
    let received = receive.wait_time_seconds(5).send().await.unwrap();
    let [message] = received.messages() else {
        panic!("{received:?}");
    };
    message.clone()
}

/// Every span in what the functions said.
async fn spans(stage: &Stage) -> Vec<Value> {
    let mut spans = Vec::new();
    for line in stage.logs().await {
        let Ok(line) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        let exported = line["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array();
        spans.extend(exported.into_iter().flatten().cloned());
    }
    spans
}

/// The span's value of an attribute.
fn said<'a>(span: &'a Value, name: &str) -> &'a str {
    let attributes = span["attributes"].as_array().unwrap().iter();
    let mut found = attributes.filter(|attribute| attribute["key"] == name);
    found.next().map_or("", |attribute| {
        let value = &attribute["value"];
        let said = value["stringValue"].as_str().or(value["intValue"].as_str());
        said.unwrap_or_default()
    })
}

/// Trace and span that a text names.
fn place(read: Option<Upstream>) -> (String, String) {
    let read = read.unwrap();
    assert_eq!(read.sampled, Some(true));
    let span_id = read.span_id.unwrap();
    (read.trace_id.to_string(), span_id.to_string())
}

/// Trace and span of a span.
fn place_of(span: &Value) -> (String, String) {
    let id = |name: &str| span[name].as_str().unwrap().to_owned();
    (id("traceId"), id("spanId"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_is_followed_through_a_target_and_a_second_queue_f78() {
    for (name, mode) in [("traced", Mode::Trigger), ("traced-poll", Mode::Poll)] {
        let (stage, url) = traced(name, mode).await;
        send(&stage, "e-1").await;
        if mode == Mode::Poll {
            stage.poll_until_drained().await;
        }
        stage.until_delivered(1).await;
        stage
            .until("the spans are logged", async |stage| {
                spans(stage).await.len() >= 5
            })
            .await;
        let spans = spans(&stage).await;
        let trace = PARENT[3..35].to_owned();
        assert!(
            spans.iter().all(|span| span["traceId"] == trace),
            "{spans:#?}"
        );
        // Two receives: the first ends with a failure of one route, the second with its delivery.
        let of_kind = |kind: u8| spans.iter().filter(move |span| span["kind"] == kind);
        let records: Vec<_> = of_kind(5).collect();
        let ends: Vec<_> = records
            .iter()
            .map(|span| said(span, "waybill.disposition"))
            .collect();
        assert_eq!(ends, ["retried", "delivered"]);
        for record in &records {
            assert_eq!(record["parentSpanId"], PARENT[36..52]);
            let link = json!({"traceId": trace, "spanId": "00000000000000aa"});
            assert!(record["links"].as_array().unwrap().contains(&link));
        }
        let tries: Vec<_> = of_kind(3).collect();
        assert_eq!(tries.len(), 3);
        let of = |route: &str, outcome: &str| {
            let mut found = tries.iter().filter(|span| {
                said(span, "waybill.route") == route && said(span, "waybill.outcome") == outcome
            });
            let span = found.next().unwrap();
            assert!(found.next().is_none());
            span
        };
        let (failed, hooked) = (of("hook", "transient"), of("hook", "delivered"));
        let sent = of("next", "delivered");
        assert_eq!(failed["parentSpanId"], records[0]["spanId"]);
        assert_eq!(sent["parentSpanId"], records[0]["spanId"]);
        assert_eq!(hooked["parentSpanId"], records[1]["spanId"]);
        assert_eq!(said(failed, "error.type"), "http_503");

        // What the HTTP target saw: each request the span of its own try.
        let requests = stage.requests("e-1");
        let seen: Vec<_> = requests
            .iter()
            .map(|exchange| &exchange.received.headers["traceparent"])
            .map(|parent| place(Upstream::of_traceparent(parent)))
            .collect();
        assert_eq!(seen, [place_of(failed), place_of(hooked)]);

        // What the second queue holds.
        let message = next(&stage, &url).await;
        let attributes = message.message_attributes().unwrap();
        let parent = attributes["traceparent"].string_value().unwrap();
        assert_eq!(place(Upstream::of_traceparent(parent)), place_of(sent));
        let header = &message.attributes().unwrap()[&System::AwsTraceHeader];
        assert_eq!(place(Upstream::of_trace_header(header)), place_of(sent));
    }
}

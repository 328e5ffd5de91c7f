//! A span for each record and each try, and what targets are given of them.

use std::future::pending;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use waybill_core::batch::Handed;
use waybill_core::deadline::Budget;
use waybill_core::event::Event;
use waybill_core::id::RouteName;
use waybill_core::outcome::Attempt;
use waybill_core::trace::{Link, Ratio, Span, SpanKind, TraceContext, Upstream, Value as Said};
use waybill_engine::consumer::Consumer;
use waybill_engine::engine::{Engine, Source};
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};
use waybill_engine::poller::{Poller, PollerConfig};
use waybill_engine::ports::{Ambient, Carried, Outgoing, Queue, SpanSink};
use waybill_engine::traces::{EXPORT_AT, EXPORT_TIME, Traces, WAITING_MAX};
use waybill_testkit::{FakeLedger, FakeQueue, Faulty, TestAmbient, fixtures};

use crate::scene::{Answer, HELD, Scene, Script, TIMEOUT, VISIBILITY};

const A: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-00000000000000a1-01";
const B: &str = "Root=1-bbbbbbbb-bbbbbbbbbbbbbbbbbbbbbbbb;Parent=00000000000000b1;Sampled=1";
const INVOCATION: &str =
    "Root=1-cccccccc-cccccccccccccccccccccccc;Parent=00000000000000c1;Sampled=0;Lineage=x:1";

/// What a sink does with spans.
#[derive(Clone, Copy, PartialEq)]
enum Takes {
    Them,
    Nothing,
    Slowly,
    Forever,
}

/// A sink that keeps what it takes, export by export.
#[derive(Clone)]
struct Sink {
    takes: Takes,
    exports: Arc<Mutex<Vec<Vec<Span>>>>,
}

impl SpanSink for Sink {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            if self.takes == Takes::Slowly {
                sleep(EXPORT_TIME / 2).await;
            }
            self.exports.lock().unwrap().push(spans.to_vec());
            match self.takes {
                Takes::Them | Takes::Slowly => Ok(()),
                Takes::Nothing => Err("scripted".to_owned()),
                Takes::Forever => pending().await,
            }
        })
    }
}

/// The route of a try, and what the try was given of its trace.
type Given = (String, Option<Carried>);

/// The scene's handler, which tells what each try was given of its trace.
#[derive(Clone)]
struct Watched {
    script: Script,
    given: Arc<Mutex<Vec<Given>>>,
}

impl Handler for Watched {
    fn plan(&self, event: &Event) -> Plan {
        self.script.plan(event)
    }

    fn policy(&self, route: &RouteName) -> Option<Arc<Policy>> {
        self.script.policy(route)
    }

    fn deliver<'a>(&'a self, delivery: Delivery<'a>) -> impl Future<Output = Attempt> + Send + 'a {
        let given = (delivery.route.to_string(), delivery.trace.cloned());
        self.given.lock().unwrap().push(given);
        self.script.deliver(delivery)
    }
}

/// A scene that is traced.
struct Traced {
    scene: Scene,
    sink: Sink,
    handler: Watched,
    ratio: Ratio,
    traces: OnceLock<Traces>,
}

impl Traced {
    fn new(routes: &[&str]) -> Self {
        let scene = Scene::new(routes);
        let handler = Watched {
            script: scene.script.clone(),
            given: Arc::default(),
        };
        let sink = Sink {
            takes: Takes::Them,
            exports: Arc::default(),
        };
        Self {
            scene,
            sink,
            handler,
            ratio: Ratio::ALL,
            traces: OnceLock::new(),
        }
    }

    fn engine(&self) -> Engine<Watched, Faulty<FakeLedger>, Arc<TestAmbient>> {
        let scene = &self.scene;
        let traces = || Traces::new(self.sink.clone(), scene.ambient.clone(), self.ratio);
        let traces = self.traces.get_or_init(traces).clone();
        let (handler, ledger) = (self.handler.clone(), scene.ledger.clone());
        let engine = Engine::new(handler, ledger, scene.ambient.clone(), scene.config.clone());
        engine.with_traces(traces)
    }

    /// One invocation of the consumer with these records; the ids that stay.
    async fn invoke(&self, records: &[Value]) -> Vec<String> {
        let queue = self.scene.queue.clone();
        let open = move |_: &str| Source::new(queue.clone(), None);
        let consumer: Consumer<_, _, _, Faulty<FakeQueue>> =
            Consumer::new(self.engine(), self.scene.ambient.clone(), open);
        let deadline = self.scene.ambient.now().after(TIMEOUT);
        let payload = json!({ "Records": records }).to_string();
        let answer = consumer.handle_traced(&payload, deadline, Some(INVOCATION));
        let answer = serde_json::to_value(answer.await.unwrap()).unwrap();
        assert!(self.scene.ambient.now() < deadline, "the deadline passed");
        let failures = answer["batchItemFailures"].as_array().unwrap().iter();
        let failures = failures.map(|failure| failure["itemIdentifier"].as_str().unwrap());
        failures.map(str::to_owned).collect()
    }

    /// Every span that was exported.
    fn spans(&self) -> Vec<Span> {
        self.sink.exports.lock().unwrap().concat()
    }

    /// The span of a record.
    fn record(&self, id: &str) -> Span {
        let is = |span: &Span| said(span, "messaging.message.id") == Some(id.to_owned());
        self.spans().into_iter().find(is).unwrap()
    }

    /// The spans of the tries of a record.
    fn tries(&self, record: &Span) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.parent == Some(record.span_id));
        spans.sort_by(|a, b| a.name.cmp(&b.name));
        spans
    }
}

/// The value of an attribute, as text.
fn said(span: &Span, name: &str) -> Option<String> {
    let (_, value) = span.attributes.iter().find(|(key, _)| *key == name)?;
    Some(match value {
        Said::Text(text) => text.clone().into_owned(),
        Said::Number(number) => number.to_string(),
        Said::Flag(flag) => flag.to_string(),
    })
}

/// A record of an event whose message carries this.
fn record(id: &str, traceparent: Option<&str>, header: Option<&str>) -> Value {
    let mut record = json!({
        "messageId": id, "receiptHandle": "r", "body": format!("body of {id}"),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
    });
    if let Some(text) = traceparent {
        let value = json!({"dataType": "String", "stringValue": text});
        record["messageAttributes"]["traceparent"] = value;
    }
    if let Some(text) = header {
        record["attributes"]["AWSTraceHeader"] = text.into();
    }
    record
}

/// The span that a text names.
fn link(upstream: Option<Upstream>) -> Link {
    let Upstream {
        trace_id, span_id, ..
    } = upstream.unwrap();
    let span_id = span_id.unwrap();
    Link { trace_id, span_id }
}

fn of_parent(text: &str) -> Link {
    link(Upstream::of_traceparent(text))
}

fn of_header(text: &str) -> Link {
    link(Upstream::of_trace_header(text))
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_many_parents_has_a_span_for_each_record_f78() {
    let traced = Traced::new(&["crm"]);
    let records = [
        record("m-1", Some(A), None),
        record("m-2", None, Some(B)),
        record("m-3", None, None),
        record("m-4", Some("00-no-trace-01"), Some("Root=1")),
    ];
    assert_eq!(traced.invoke(&records).await, [""; 0]);
    let beside = of_header(INVOCATION);
    for (id, parent) in [
        ("m-1", Some(of_parent(A))),
        ("m-2", Some(of_header(B))),
        ("m-3", None),
        ("m-4", None),
    ] {
        let span = traced.record(id);
        assert_eq!(span.parent, parent.map(|parent| parent.span_id), "{id}");
        assert_eq!(span.links, [beside], "{id}: the invocation's own trace");
        assert_eq!(span.kind, SpanKind::Consumer);
        assert_eq!(span.name, "process orders");
        assert_eq!(said(&span, "waybill.disposition").unwrap(), "delivered");
        assert_eq!(said(&span, "messaging.system").unwrap(), "aws_sqs");
        assert_eq!(span.failure, None);
        if let Some(parent) = parent {
            assert_eq!(span.trace_id, parent.trace_id, "{id}");
        }
    }
    let (third, fourth) = (traced.record("m-3"), traced.record("m-4"));
    assert_ne!(third.trace_id, fourth.trace_id, "each begins a trace");
    assert_ne!(third.trace_id, beside.trace_id);
}

#[tokio::test(start_paused = true)]
async fn a_record_with_several_goes_on_with_the_nearest_and_is_linked_to_the_rest_f78() {
    let traced = Traced::new(&["crm"]);
    let beginning = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-0000000000000001-01";
    let body = |parent: &str| {
        json!({"specversion": "1.0", "id": parent, "source": "shop", "type": "made",
            "traceparent": parent})
        .to_string()
    };
    let mut all = record("m-1", Some(A), Some(B));
    all["body"] = body(beginning).into();
    let mut of_event = record("m-2", None, Some(B));
    of_event["body"] = body(A).into();
    traced.invoke(&[all, of_event]).await;
    let span = traced.record("m-1");
    assert_eq!((span.trace_id, span.parent.unwrap()), {
        let parent = of_parent(A);
        (parent.trace_id, parent.span_id)
    });
    let invocation = of_header(INVOCATION);
    assert_eq!(span.links, [of_parent(beginning), of_header(B), invocation]);
    let span = traced.record("m-2");
    assert_eq!(span.parent, Some(of_parent(A).span_id));
    assert_eq!(span.links, [of_header(B), invocation]);
}

#[tokio::test(start_paused = true)]
async fn each_try_is_a_span_of_its_record_and_its_target_is_given_that_f78() {
    let traced = Traced::new(&["bi", "crm"]);
    let refused = Attempt::transient("http_503", "later", None);
    let body = "body of m-1";
    traced.scene.answer(body, "crm", Answer::Give(refused));
    let stay = traced.invoke(&[record("m-1", Some(A), None)]).await;
    assert_eq!(stay, ["m-1"]);
    let of_record = traced.record("m-1");
    assert_eq!(of_record.failure.as_deref(), Some("retried"));
    assert_eq!(said(&of_record, "waybill.attempts").unwrap(), "2");
    let tries = traced.tries(&of_record);
    let names: Vec<_> = tries.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["deliver bi", "deliver crm"]);
    assert_eq!(tries[0].failure, None);
    assert_eq!(tries[1].failure.as_deref(), Some("http_503"));
    assert_eq!(said(&tries[1], "waybill.outcome").unwrap(), "transient");
    assert_eq!(said(&tries[1], "waybill.attempt").unwrap(), "1");
    for span in &tries {
        assert_eq!(span.kind, SpanKind::Client);
        assert_eq!(span.trace_id, of_parent(A).trace_id);
        let context = TraceContext {
            trace_id: span.trace_id,
            span_id: span.span_id,
            sampled: true,
        };
        let carried = Carried {
            traceparent: context.to_traceparent(),
            trace_header: context.to_trace_header(),
            in_amazon_header: false,
        };
        let route = said(span, "waybill.route").unwrap();
        let given = traced.handler.given.lock().unwrap();
        assert!(given.contains(&(route, Some(carried))), "{given:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_sampled_is_passed_on_and_not_exported_f78() {
    let mut traced = Traced::new(&["crm"]);
    traced.ratio = Ratio::new(0.0).unwrap();
    let records = [
        record("m-1", Some(&A.replace("-01", "-00")), None),
        record("m-2", None, Some(&B.replace("Sampled=1", "Sampled=0"))),
        // Not decided, and decided here.
        record("m-3", None, Some(&B.replace(";Sampled=1", ""))),
        record("m-4", None, None),
        record("m-5", Some(A), None),
    ];
    assert_eq!(traced.invoke(&records).await, [""; 0]);
    let spans = traced.spans();
    let kept = |span: &Span| span.trace_id == of_parent(A).trace_id;
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(spans.iter().all(kept), "a trace that is sampled stays so");
    let given = traced.handler.given.lock().unwrap();
    let given: Vec<_> = given.iter().map(|(_, it)| it.clone().unwrap()).collect();
    assert_eq!(given.len(), 5);
    let unsampled: Vec<_> = given
        .iter()
        .filter(|carried| carried.trace_header.ends_with("Sampled=0"))
        .map(|carried| carried.traceparent.clone())
        .collect();
    assert_eq!(unsampled.len(), 4);
    assert!(unsampled.contains(&A.replace("-01", "-00")), "as it came");
    let b = "00-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-00000000000000b1-00".to_owned();
    assert_eq!(unsampled.iter().filter(|given| **given == b).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn without_traces_a_try_is_given_none_f78() {
    let traced = Traced::new(&["crm"]);
    let scene = &traced.scene;
    let (handler, ledger) = (traced.handler.clone(), scene.ledger.clone());
    let engine = Engine::new(handler, ledger, scene.ambient.clone(), scene.config.clone());
    let budget = Budget {
        started: scene.ambient.now(),
        deadline: scene.ambient.now().after(TIMEOUT),
    };
    let messages = vec![fixtures::message("m-1", "a")];
    let handed = engine.run(messages, &scene.source(), budget).await;
    assert_eq!(handed, [Handed::Over]);
    let given = traced.handler.given.lock().unwrap();
    assert_eq!(*given, [("crm".to_owned(), None)]);
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_fails_or_hangs_touches_no_message_f78() {
    for takes in [Takes::Nothing, Takes::Forever] {
        let mut traced = Traced::new(&["crm"]);
        traced.sink.takes = takes;
        let begun = traced.scene.ambient.now();
        let records = [record("m-1", None, None), record("m-2", None, None)];
        assert_eq!(traced.invoke(&records).await, [""; 0]);
        let took = traced.scene.ambient.now().since(begun);
        assert!(took <= EXPORT_TIME, "{took:?}");
        assert_eq!(traced.sink.exports.lock().unwrap().len(), 1, "tried once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_place_is_lost_and_no_message_with_it_f78() {
    let mut traced = Traced::new(&["crm"]);
    traced.sink.takes = Takes::Forever;
    let records = (0..WAITING_MAX).map(|n| record(&format!("m-{n}"), None, None));
    let records: Vec<_> = records.collect();
    assert_eq!(traced.invoke(&records).await, [""; 0]);
    let exports = traced.sink.exports.lock().unwrap();
    let sizes: Vec<_> = exports.iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|size| *size <= WAITING_MAX), "{sizes:?}");
    assert!(sizes.iter().sum::<usize>() < 2 * WAITING_MAX, "{sizes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_has_its_spans_too_f78() {
    let traced = Traced::new(&["crm"]);
    traced.scene.answer("body of m-1", "crm", Answer::Hang);
    let records = [record("m-1", Some(A), None)];
    let cut = timeout(Duration::from_secs(1), traced.invoke(&records));
    assert!(cut.await.is_err());
    traced.invoke(&[record("m-2", None, None)]).await;
    let span = traced.record("m-1");
    assert_eq!(span.failure.as_deref(), Some("cut_off"));
    assert_eq!(span.ended.since(span.started), Duration::from_secs(1));
    let tries = traced.tries(&span);
    assert_eq!(tries.len(), 1);
    assert_eq!(tries[0].failure.as_deref(), Some("cut_off"));
    assert_eq!(said(&tries[0], "waybill.outcome").unwrap(), "cut_off");
}

#[tokio::test(start_paused = true)]
async fn a_poll_exports_while_it_goes_on_and_the_rest_at_its_end_f78() {
    let traced = Traced::new(&["crm"]);
    let messages = EXPORT_AT;
    for n in 0..messages {
        let name = format!("e-{n}");
        traced.scene.queue.inner().put(Outgoing {
            body: name,
            trace_header: Some(B.to_owned()),
            ..Outgoing::default()
        });
    }
    let queue = traced.scene.queue.clone();
    let config = PollerConfig {
        queue_url: queue.inner().arn().to_owned(),
        visibility: HELD,
        reserve: Duration::from_secs(10),
    };
    let ambient = traced.scene.ambient.clone();
    let open = move |_: &str| Source::new(queue.clone(), None);
    let poller = Poller::new(traced.engine(), ambient.clone(), config, open);
    let deadline = ambient.now().after(VISIBILITY);
    let payload = r#"{"stop_when_empty": true}"#;
    let report = poller.handle_traced(payload, deadline, Some(INVOCATION));
    assert_eq!(
        report.await.unwrap().delivered,
        u64::try_from(messages).unwrap()
    );
    let exports = traced.sink.exports.lock().unwrap();
    assert!(exports.len() >= 2, "{}", exports.len());
    let spans = exports.concat();
    assert_eq!(spans.len(), 2 * messages);
    let records = spans.iter().filter(|span| span.kind == SpanKind::Consumer);
    let linked = |span: &Span| span.links == [of_header(INVOCATION)];
    assert!(records.clone().all(linked));
    assert!(
        records
            .clone()
            .all(|span| span.parent == Some(of_header(B).span_id))
    );
}

#[tokio::test(start_paused = true)]
async fn an_export_that_the_end_of_the_work_cuts_off_is_made_again_f78() {
    let mut traced = Traced::new(&["crm"]);
    traced.sink.takes = Takes::Slowly;
    let records = (0..EXPORT_AT).map(|n| record(&format!("m-{n}"), None, None));
    let records: Vec<_> = records.collect();
    assert_eq!(traced.invoke(&records).await, [""; 0]);
    let mut spans: Vec<_> = traced.spans().iter().map(|span| span.span_id).collect();
    spans.sort_by_key(ToString::to_string);
    spans.dedup();
    assert_eq!(spans.len(), 2 * EXPORT_AT, "none is lost");
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_keeps_the_trace_that_its_message_came_with_f78() {
    let mut traced = Traced::new(&["crm"]);
    traced.scene = traced.scene.sending_the_dead();
    let refused = Attempt::rejected("http_422", "never");
    traced.scene.answer("body", "crm", Answer::Give(refused));
    traced.scene.queue.inner().put(Outgoing {
        body: "body".to_owned(),
        attributes: [("traceparent".to_owned(), fixtures::text(A))].into(),
        trace_header: Some(B.to_owned()),
        ..Outgoing::default()
    });
    let queue = traced.scene.queue.inner();
    let messages = queue.receive(10, Duration::ZERO, VISIBILITY).await.unwrap();
    let budget = Budget {
        started: traced.scene.ambient.now(),
        deadline: traced.scene.ambient.now().after(TIMEOUT),
    };
    let engine = traced.engine();
    let handed = engine.run(messages, &traced.scene.source(), budget).await;
    assert_eq!(handed, [Handed::Over]);
    let dead = traced.scene.dead_letters.inner();
    let dead = dead.receive(10, Duration::ZERO, VISIBILITY).await.unwrap();
    assert_eq!(dead[0].trace_header.as_deref(), Some(B));
    assert_eq!(dead[0].text_attribute("traceparent"), Some(A));
}

//! What traces cost: the time of a record through the engine without them and with them, and the
//! bytes of a span in each form. Nothing is sent anywhere: ledger and queue are fakes in memory, and
//! an export is printed and thrown away.
//!
//! `cargo run --profile simulate -p waybill-engine --example traces_cost`; with `-- otlp` or
//! `-- xray` behind it, what one batch exports is shown in that form.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints, and stops where it cannot go on"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use serde_json::json;

use waybill_core::event::Event;
use waybill_core::id::{Consumer, RouteName};
use waybill_core::ledger::DeadLetter;
use waybill_core::outcome::Attempt;
use waybill_core::routes::OnConflict;
use waybill_core::trace::otlp::{self, Resource};
use waybill_core::trace::{Ratio, Span, segment};
use waybill_engine::engine::{Config, Engine, Source};
use waybill_engine::handler::{Delivery, Handler, Plan, Policy};
use waybill_engine::ports::{Ambient, SpanSink};
use waybill_engine::traces::Traces;
use waybill_testkit::{FakeLedger, FakeQueue, TestAmbient};

/// Batches of ten in one measurement.
const BATCHES: usize = 2000;

/// Measurements of each kind, in turn; the shortest is told.
const ROUNDS: usize = 7;

/// How spans are printed.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Off,
    Otlp,
    XRay,
}

/// Prints spans and counts.
struct Printer {
    form: Form,
    /// Whether it is shown too.
    shown: bool,
    spans: Arc<AtomicUsize>,
    bytes: Arc<AtomicUsize>,
}

impl SpanSink for Printer {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        let resource = Resource {
            service: "shop-ConsumerFunction-1A2B3C4D5E6F".to_owned(),
            ..Resource::default()
        };
        let lines = match self.form {
            Form::Off => Vec::new(),
            Form::Otlp => vec![otlp::json(&resource, spans)],
            Form::XRay => {
                let documents = spans.iter();
                documents
                    .map(|span| segment::json(&resource.service, span))
                    .collect()
            }
        };
        if self.shown {
            lines.iter().for_each(|line| println!("{line}"));
        }
        let bytes = lines.iter().map(String::len).sum();
        self.spans.fetch_add(spans.len(), Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Box::pin(async { Ok(()) })
    }
}

/// Takes everything at once along one route.
struct Taker(RouteName);

impl Handler for Taker {
    fn plan(&self, _: &Event) -> Plan {
        Plan::Deliver {
            version: "1".to_owned(),
            routes: vec![self.0.clone()],
        }
    }

    fn policy(&self, _: &RouteName) -> Option<Arc<Policy>> {
        Some(Arc::default())
    }

    async fn deliver<'a>(&'a self, _: Delivery<'a>) -> Attempt {
        Attempt::delivered("http_200")
    }
}

/// What one measurement found.
struct Found {
    micros_per_record: f64,
    bytes_per_span: f64,
}

/// Runs batches of ten through a consumer.
async fn measure(form: Form, batches: usize, shown: bool) -> Found {
    let ambient = Arc::new(TestAmbient::default());
    let config = Config {
        consumer: Consumer::new("cost").unwrap(),
        key: None,
        dead_letter: DeadLetter::Redrive,
        on_conflict: OnConflict::Dead,
        time_to_live: Duration::from_secs(3600),
        retention: None,
        redrive_limit: 3,
        concurrency: 25,
        metrics: None,
    };
    let (spans, bytes) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let printer = Printer {
        form,
        shown,
        spans: Arc::clone(&spans),
        bytes: Arc::clone(&bytes),
    };
    let taker = Taker(RouteName::new("crm").unwrap());
    let engine = Engine::new(taker, FakeLedger::new(), Arc::clone(&ambient), config);
    let engine = match form {
        Form::Off => engine,
        Form::Otlp | Form::XRay => {
            engine.with_traces(Traces::new(printer, Arc::clone(&ambient), Ratio::ALL))
        }
    };
    let queue = FakeQueue::new("orders", ambient.clone());
    let open = move |_: &str| Source::new(queue.clone(), None);
    let consumer = waybill_engine::consumer::Consumer::new(engine, Arc::clone(&ambient), open);
    let mut took = Duration::ZERO;
    for batch in 0..batches {
        let records = (0..10).map(|n| {
            json!({
                "messageId": format!("{batch:032x}{n:04x}"),
                "receiptHandle": "r",
                "body": r#"{"order": 17}"#,
                "attributes": {"ApproximateReceiveCount": "1", "AWSTraceHeader": HEADER},
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
            })
        });
        let payload = json!({ "Records": records.collect::<Vec<_>>() }).to_string();
        let deadline = ambient.now().after(Duration::from_secs(60));
        let begun = Instant::now();
        let answer = consumer.handle_traced(&payload, deadline, Some(INVOCATION));
        assert!(answer.await.unwrap().failures().is_empty());
        took += begun.elapsed();
    }
    let of = |all: usize, of: usize| all as f64 / of.max(1) as f64;
    Found {
        micros_per_record: took.as_secs_f64() * 1e6 / (10 * batches) as f64,
        bytes_per_span: of(bytes.load(Ordering::Relaxed), spans.load(Ordering::Relaxed)),
    }
}

/// The trace of each invocation.
const INVOCATION: &str =
    "Root=1-0af76519-000000008448eb211c80319c;Parent=b7ad6b7100000001;Sampled=0";

/// What each message carries.
const HEADER: &str = "Root=1-0af76519-16cd43dd8448eb211c80319c;Parent=b7ad6b7169203331;Sampled=1";

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let form = match std::env::args().nth(1).as_deref() {
        Some("otlp") => Some(Form::Otlp),
        Some("xray") => Some(Form::XRay),
        Some(_) | None => None,
    };
    if let Some(form) = form {
        measure(form, 1, true).await;
        return;
    }
    let forms = [
        (Form::Off, "off"),
        (Form::Otlp, "OTLP"),
        (Form::XRay, "X-Ray"),
    ];
    let mut best = [f64::INFINITY; 3];
    let mut bytes = [0.0; 3];
    for _ in 0..ROUNDS {
        for (at, (form, _)) in forms.iter().enumerate() {
            let found = measure(*form, BATCHES, false).await;
            if let (Some(best), Some(bytes)) = (best.get_mut(at), bytes.get_mut(at)) {
                *best = best.min(found.micros_per_record);
                *bytes = found.bytes_per_span;
            }
        }
    }
    for ((_, name), (micros, bytes)) in forms.iter().zip(best.iter().zip(bytes)) {
        println!("{name:6} {micros:6.2} us a record, {bytes:4.0} bytes a span");
    }
}

//! Spans of what the engine does, kept until they are exported: one for each record, which goes on
//! with its message's trace (F78), and one for each try, whose context the target is given.
//!
//! Off unless it is switched on, and then nothing is made. Whatever becomes of spans, no message's
//! fate depends on it: the buffer is bounded, an export has a short time, and what is lost is
//! counted. Nothing is exported after the answer of the invocation that it is of (F64).

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use waybill_core::event::Event;
use waybill_core::id::RouteName;
use waybill_core::message::Message;
use waybill_core::outcome::{Attempt, Disposition, Outcome};
use waybill_core::time::Timestamp;
use waybill_core::trace::{
    Lineage, Link, Ratio, Span, SpanId, SpanKind, TraceContext, TraceId, Upstream, Value,
};

use crate::ports::{Ambient, Carried, SpanSink};
use crate::telemetry::{self, Happened};
use crate::work::{Finished, Over};

/// Whether and how spans are made. Clones share their buffer.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Tracing>>);

/// What it takes to make spans.
struct Tracing {
    sink: Box<dyn SpanSink>,
    ambient: Box<dyn Ambient>,
    ratio: Ratio,
    buffer: Mutex<Buffer>,
    /// There are spans enough for an export.
    enough: Notify,
}

/// What waits for its export.
#[derive(Default)]
struct Buffer {
    spans: Vec<Span>,
    /// How many had no place.
    lost: u64,
}

/// How many spans are exported at once, while an invocation goes on.
pub const EXPORT_AT: usize = 256;

/// Most spans that wait for their export; what comes then is lost.
pub const WAITING_MAX: usize = 2048;

/// How long one export may take.
pub const EXPORT_TIME: Duration = Duration::from_millis(500);

/// What is left of an invocation's time for its answer.
const MARGIN: Duration = Duration::from_millis(40);

impl Traces {
    /// Traces that are on: `sink` is where spans go. Of those traces that begin here, `ratio` are
    /// kept; of the others, those whose beginning was.
    pub fn new(
        sink: impl SpanSink + 'static,
        ambient: impl Ambient + 'static,
        ratio: Ratio,
    ) -> Self {
        Self(Some(Arc::new(Tracing {
            sink: Box::new(sink),
            ambient: Box::new(ambient),
            ratio,
            buffer: Mutex::default(),
            enough: Notify::new(),
        })))
    }

    /// The span of a record that has come in now, in an invocation of this trace.
    pub(crate) fn record(
        &self,
        message: &Arc<Message>,
        invocation: Option<Upstream>,
    ) -> Option<Arc<RecordSpan>> {
        let tracing = self.0.as_ref()?;
        Some(Arc::new(RecordSpan {
            tracing: Arc::clone(tracing),
            message: Arc::clone(message),
            invocation,
            started: tracing.ambient.now(),
            place: OnceLock::new(),
            ended: AtomicBool::new(false),
        }))
    }

    /// Exports whenever there is enough. Never ends.
    pub(crate) async fn export_what_is_enough(&self) {
        let Some(tracing) = &self.0 else {
            return std::future::pending().await;
        };
        loop {
            tracing.enough.notified().await;
            tracing.export(EXPORT_TIME).await;
        }
    }

    /// Exports what is there: the last that an invocation does before it answers.
    pub(crate) async fn flush(&self, deadline: Timestamp) {
        if let Some(tracing) = &self.0 {
            let left = deadline.before(MARGIN).since(tracing.ambient.now());
            tracing.export(left.min(EXPORT_TIME)).await;
        }
    }
}

impl Tracing {
    /// Keeps a span until the next export.
    fn keep(&self, span: Span) {
        let mut buffer = self.buffer();
        if buffer.spans.len() >= WAITING_MAX {
            buffer.lost += 1;
            return;
        }
        buffer.spans.push(span);
        if buffer.spans.len() >= EXPORT_AT {
            self.enough.notify_one();
        }
    }

    /// Exports what is there, once: what is not taken in time is lost. A sink that need not wait
    /// has taken it even where no time is left. Dropped before its end, it leaves what it had to the
    /// next: that may then be taken twice, which its ids tell.
    async fn export(&self, limit: Duration) {
        let buffer = std::mem::take(&mut *self.buffer());
        if buffer.lost > 0 {
            lost(buffer.lost, "more spans than there was place for");
        }
        if buffer.spans.is_empty() {
            return;
        }
        let mut export = Export {
            tracing: self,
            spans: buffer.spans,
        };
        let all = u64::try_from(export.spans.len()).unwrap_or(u64::MAX);
        match timeout(limit, self.sink.export(&export.spans)).await {
            Ok(Ok(())) => {}
            Ok(Err(what)) => lost(all, &what),
            Err(_) => lost(all, "they were not taken in time"),
        }
        export.spans.clear();
    }

    /// What waits for its export.
    fn buffer(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new span's id.
    fn span_id(&self) -> SpanId {
        SpanId::new(self.ambient.random())
    }

    /// Where a record stands, by what its message carries.
    fn place(&self, lineage: Lineage) -> Place {
        let Lineage { parent, links } = lineage;
        let trace_id = parent.map_or_else(
            || {
                let random = [self.ambient.random(), self.ambient.random()];
                TraceId::new(self.ambient.now(), random)
            },
            |parent| parent.trace_id,
        );
        let decided = parent.and_then(|parent| parent.sampled);
        let sampled = decided.unwrap_or_else(|| self.ratio.keeps(trace_id));
        let parent = parent.and_then(|parent| parent.span_id);
        // What is not kept adds no ids of its own: whoever keeps spans all the same finds a parent.
        let span_id = parent.filter(|_| !sampled);
        let context = TraceContext {
            trace_id,
            span_id: span_id.unwrap_or_else(|| self.span_id()),
            sampled,
        };
        Place {
            context,
            parent,
            links,
        }
    }
}

/// An export under way.
struct Export<'a> {
    tracing: &'a Tracing,
    /// What is exported; none once that has ended.
    spans: Vec<Span>,
}

impl Drop for Export<'_> {
    fn drop(&mut self) {
        for span in self.spans.drain(..) {
            self.tracing.keep(span);
        }
    }
}

/// The span of one record, from when it came in to its end. Dropped before that, it was cut off.
pub(crate) struct RecordSpan {
    tracing: Arc<Tracing>,
    message: Arc<Message>,
    invocation: Option<Upstream>,
    started: Timestamp,
    place: OnceLock<Place>,
    ended: AtomicBool,
}

/// Where a record stands.
pub(crate) struct Place {
    context: TraceContext,
    parent: Option<SpanId>,
    links: Vec<Link>,
}

impl RecordSpan {
    /// Settles where the record stands, by its message as its producer sent it and by what is in
    /// that. The first to do so decides.
    ///
    /// The message's attribute is of whoever sent it last; the event's own `traceparent` is of the
    /// beginning, as CloudEvents has it.
    /// <https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/extensions/distributed-tracing.md>
    pub(crate) fn settle_place(&self, message: &Message, event: Option<&Event>) -> &Place {
        self.place.get_or_init(|| {
            let attribute = message.text_attribute("traceparent");
            let of_event = event.and_then(|event| event.traceparent.as_deref());
            let header = message.trace_header.as_deref();
            let carried = [
                attribute.and_then(Upstream::of_traceparent),
                of_event.and_then(Upstream::of_traceparent),
                header.and_then(Upstream::of_trace_header),
            ];
            self.tracing.place(Lineage::of(carried, self.invocation))
        })
    }

    /// The span of a try that begins now.
    pub(crate) fn a_try(
        self: &Arc<Self>,
        route: &RouteName,
        attempt: u32,
        dead_letter: bool,
    ) -> TrySpan {
        let place = self.place();
        let mut context = place.context;
        if context.sampled {
            context.span_id = self.tracing.span_id();
        }
        TrySpan {
            record: Arc::clone(self),
            carried: Carried {
                traceparent: context.to_traceparent(),
                trace_header: context.to_trace_header(),
                in_amazon_header: self.tracing.sink.is_amazon(),
            },
            context,
            started: self.tracing.ambient.now(),
            route: route.clone(),
            attempt,
            dead_letter,
            ended: false,
        }
    }

    /// Notes how the record ended.
    pub(crate) fn end(&self, end: &Finished) {
        let mut attributes = Vec::new();
        let mut failure = None;
        let (word, why) = match end.disposition {
            Disposition::Ack => match end.over {
                Over::Delivered => ("delivered", None),
                Over::Duplicate => ("duplicate", None),
                Over::Ignored => ("ignored", None),
                Over::Scheduled => ("scheduled", None),
                Over::Canary => ("canary", None),
            },
            Disposition::Retry { .. } => {
                failure = Some("retried");
                ("retried", None)
            }
            Disposition::Dead { reason } => {
                failure = Some(reason.word());
                ("dead", Some(("waybill.dead.reason", reason.word())))
            }
            Disposition::Defer { cause, .. } => {
                ("deferred", Some(("waybill.defer.cause", cause.word())))
            }
        };
        attributes.push(("waybill.disposition", text(word)));
        attributes.extend(why.map(|(name, word)| (name, text(word))));
        attributes.push(("waybill.attempts", Value::Number(end.attempts)));
        self.keep(attributes, failure);
    }

    /// Keeps the span, once.
    fn keep(&self, more: Vec<(&'static str, Value)>, failure: Option<&'static str>) {
        if self.ended.swap(true, Ordering::Relaxed) {
            return;
        }
        let place = self.place();
        if !place.context.sampled {
            return;
        }
        let message = &self.message;
        let queue = message.queue_arn.rsplit(':').next().unwrap_or_default();
        let mut attributes = vec![
            ("messaging.system", text("aws_sqs")),
            ("messaging.operation.name", text("process")),
            ("messaging.operation.type", text("process")),
            ("messaging.destination.name", owned(queue)),
            ("messaging.message.id", owned(message.message_id.as_str())),
            (
                "waybill.receive_count",
                Value::Number(message.receive_count),
            ),
        ];
        attributes.extend(more);
        self.tracing.keep(Span {
            trace_id: place.context.trace_id,
            span_id: place.context.span_id,
            parent: place.parent,
            name: format!("process {queue}"),
            kind: SpanKind::Consumer,
            started: self.started,
            ended: self.tracing.ambient.now(),
            links: place.links.clone(),
            attributes,
            failure: failure.map(Cow::Borrowed),
        });
    }

    /// Where it stands; of a message that was not read, by that alone.
    fn place(&self) -> &Place {
        self.settle_place(&self.message, None)
    }
}

impl fmt::Debug for RecordSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordSpan").finish_non_exhaustive()
    }
}

impl Drop for RecordSpan {
    fn drop(&mut self) {
        self.keep(vec![("waybill.disposition", text(CUT_OFF))], Some(CUT_OFF));
    }
}

/// The span of one try. Dropped before its end, the try was cut off.
pub(crate) struct TrySpan {
    record: Arc<RecordSpan>,
    carried: Carried,
    context: TraceContext,
    started: Timestamp,
    route: RouteName,
    attempt: u32,
    dead_letter: bool,
    ended: bool,
}

impl TrySpan {
    /// What the target is given.
    pub(crate) fn carried(&self) -> &Carried {
        &self.carried
    }

    /// Notes how the try ended.
    pub(crate) fn end(mut self, attempt: &Attempt) {
        let failure = match attempt.outcome {
            Outcome::Delivered => None,
            Outcome::Rejected | Outcome::Transient { .. } | Outcome::Unknown => {
                Some(attempt.code.clone())
            }
        };
        let outcome = attempt.outcome.word();
        self.keep(outcome, Some(attempt.code.clone()), failure);
    }

    /// Keeps the span, once.
    fn keep(
        &mut self,
        outcome: &'static str,
        code: Option<Cow<'static, str>>,
        failure: Option<Cow<'static, str>>,
    ) {
        if std::mem::replace(&mut self.ended, true) || !self.context.sampled {
            return;
        }
        let route = self.route.as_str();
        let mut attributes = vec![
            ("waybill.route", owned(route)),
            ("waybill.attempt", Value::Number(self.attempt)),
            ("waybill.outcome", text(outcome)),
        ];
        attributes.extend(code.map(|code| ("waybill.code", Value::Text(code))));
        if self.dead_letter {
            attributes.push(("waybill.dead_letter", Value::Flag(true)));
        }
        let tracing = &self.record.tracing;
        tracing.keep(Span {
            trace_id: self.context.trace_id,
            span_id: self.context.span_id,
            parent: Some(self.record.place().context.span_id),
            name: format!("deliver {route}"),
            kind: SpanKind::Client,
            started: self.started,
            ended: tracing.ambient.now(),
            links: Vec::new(),
            attributes,
            failure,
        });
    }
}

impl Drop for TrySpan {
    fn drop(&mut self) {
        self.keep(CUT_OFF, None, Some(Cow::Borrowed(CUT_OFF)));
    }
}

/// Tells that spans are lost.
fn lost(spans: u64, what: &str) {
    telemetry::tell(Happened::SpansLost { spans, what });
}

/// What did not come to its end.
const CUT_OFF: &str = "cut_off";

/// A word of ours as a value.
fn text(word: &'static str) -> Value {
    Value::Text(Cow::Borrowed(word))
}

/// A name as a value.
fn owned(name: &str) -> Value {
    Value::Text(Cow::Owned(name.to_owned()))
}

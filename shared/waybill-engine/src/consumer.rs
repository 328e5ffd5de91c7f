//! An SQS event in, engine calls, a batch response out: what a function that SQS triggers does
//! with each invocation.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use waybill_core::batch::{BatchResponse, Handed};
use waybill_core::deadline::Budget;
use waybill_core::ledger::DeadLetter;
use waybill_core::sqs_event::{Batch, PayloadError};
use waybill_core::time::Timestamp;
use waybill_core::trace::Upstream;

use crate::engine::{Engine, Source};
use crate::handler::Handler;
use crate::poller::fifo_needs_send;
use crate::ports::{Ambient, Ledger, Queue};
use crate::telemetry::{self, Happened};
use crate::valve::SourceValve;

/// The function, kept between invocations; it may serve several at once.
pub struct Consumer<H, L, A, Q> {
    engine: Engine<H, L, A>,
    ambient: A,
    open: Box<Open<Q>>,
    sources: Mutex<HashMap<String, Arc<Source<Q>>>>,
    valve: Option<SourceValve>,
}

/// Makes a source of a queue's ARN.
type Open<Q> = dyn Fn(&str) -> Source<Q> + Send + Sync;

/// Why an invocation fails as a whole, so that every message stays.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No answer could be right for every record.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// Handing back the head of a FIFO group again and again would carry its followers into the
    /// dead-letter queue.
    #[error("{}", fifo_needs_send(.0))]
    Fifo(String),
}

impl<H: Handler, L: Ledger, A: Ambient, Q: Queue> Consumer<H, L, A, Q> {
    /// A function over its engine; `open` makes a source of a queue's ARN, once for each.
    pub fn new(
        engine: Engine<H, L, A>,
        ambient: A,
        open: impl Fn(&str) -> Source<Q> + Send + Sync + 'static,
    ) -> Self {
        Self {
            engine,
            ambient,
            open: Box::new(open),
            sources: Mutex::default(),
            valve: None,
        }
    }

    /// The same with a valve on its sources, which it looks at when an invocation's work is done.
    #[must_use]
    pub fn with_valve(mut self, valve: Option<SourceValve>) -> Self {
        self.valve = valve;
        self
    }

    /// Runs one invocation.
    ///
    /// # Errors
    ///
    /// When the invocation must fail as a whole, so that every message stays.
    pub async fn handle(
        &self,
        payload: &str,
        deadline: Timestamp,
    ) -> Result<BatchResponse, Refused> {
        self.handle_traced(payload, deadline, None).await
    }

    /// The same in an invocation of this trace, as X-Ray's header has it: every record's span is
    /// linked to it.
    ///
    /// # Errors
    ///
    /// As above.
    pub async fn handle_traced(
        &self,
        payload: &str,
        deadline: Timestamp,
        trace_header: Option<&str>,
    ) -> Result<BatchResponse, Refused> {
        self.handle_batch(Batch::parse(payload), deadline, trace_header)
            .await
    }

    /// The same of a payload that was read already: what it was read from need not be kept while
    /// its messages are worked on.
    ///
    /// # Errors
    ///
    /// As above.
    pub async fn handle_batch(
        &self,
        batch: Result<Batch, PayloadError>,
        deadline: Timestamp,
        trace_header: Option<&str>,
    ) -> Result<BatchResponse, Refused> {
        let invocation = trace_header.and_then(Upstream::of_trace_header);
        let budget = Budget {
            started: self.ambient.now(),
            deadline,
        };
        let batch = batch?;
        for (at, what) in &batch.unread {
            telemetry::tell(Happened::RecordUnread {
                message_id: batch.ids.get(*at).map_or("", |id| id.as_str()),
                what,
            });
        }
        let mut handed = vec![Handed::Back; batch.ids.len()];
        if let Some((_, first)) = batch.messages.first() {
            if first.is_fifo() && self.engine.config.dead_letter == DeadLetter::Redrive {
                return Err(Refused::Fifo(first.queue_arn.clone()));
            }
            let source = self.source(&first.queue_arn);
            let queue_arn = first.queue_arn.clone();
            let (places, messages): (Vec<_>, Vec<_>) = batch.messages.into_iter().unzip();
            let answers = self.engine.run_in(messages, &source, budget, invocation);
            for (place, answer) in places.into_iter().zip(answers.await) {
                if let Some(handed) = handed.get_mut(place) {
                    *handed = answer;
                }
            }
            if let Some(valve) = &self.valve {
                let flow = self.engine.handler.flow();
                valve.look(&queue_arn, flow, deadline).await;
            }
            self.engine.traces.flush(deadline).await;
        }
        Ok(BatchResponse::new(&batch.ids, &handed))
    }

    /// The source of a queue, opened at its first message.
    fn source(&self, arn: &str) -> Arc<Source<Q>> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(source) = sources.get(arn) {
            return Arc::clone(source);
        }
        let source = Arc::new((self.open)(arn));
        sources.insert(arn.to_owned(), Arc::clone(&source));
        source
    }
}

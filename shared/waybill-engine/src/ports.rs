//! What the loops need of the outside, and what a caller may rely on.
//!
//! An implementation translates and decides nothing; every one of them passes the conformance
//! suite of `waybill-testkit`.

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;

use waybill_core::event::{Data, Event};
use waybill_core::gate::valve::Mapping;
use waybill_core::gate::{GateKey, GateRow};
use waybill_core::id::{Consumer, LedgerKey, MessageId, OwnerId, ReceiptHandle, RouteName};
use waybill_core::ledger::{Fence, Record, Row};
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::outcome::{Attempt, DeadReason};
use waybill_core::time::Timestamp;
use waybill_core::trace::Span;

/// The ledger: rows by key, linearizable per key.
pub trait Ledger: Send + Sync {
    /// Makes at most [`waybill_core::limit::STATEMENTS_MAX`] writes of distinct keys in one
    /// request; each succeeds or fails alone. Answers by position, one for each write.
    ///
    /// A write that answers `Err` may have happened, whatever its kind. One request is made; the
    /// caller retries. A request with too many writes, or with a key twice, is answered by
    /// [`StoreErrorKind::Permanent`] at every position.
    fn write(
        &self,
        writes: &[Write],
    ) -> impl Future<Output = Vec<Result<Written, StoreError>>> + Send;

    /// Reads at most [`waybill_core::limit::BATCH_GET_MAX`] rows of distinct keys, consistently,
    /// in one request. Answers by position; a key that the store left unprocessed is an `Err`.
    fn read(
        &self,
        keys: &[LedgerKey],
    ) -> impl Future<Output = Vec<Result<Option<Row>, StoreError>>> + Send;
}

/// One conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    /// Where no row stands. A refusal carries no row.
    Insert(Record),
    /// Where the row stands as it was read. Success carries the row as it is after the write
    /// where the store returns it; a refusal carries the row that stands there, where the store
    /// returns it.
    TakeOver {
        /// What was read.
        seen: Fence,
        /// The row to be.
        next: Record,
    },
    /// Where the row stands as I last wrote it. Success carries no row; a refusal as above.
    Settle {
        /// What I last wrote.
        held: Fence,
        /// The row to be.
        next: Record,
    },
}

/// The answer to one conditional write.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// The row is as asked.
    Done(Option<Row>),
    /// The condition did not hold.
    Refused(Option<Row>),
}

/// The store did not answer one request, or one statement of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// Whether trying again soon can help.
    pub kind: StoreErrorKind,
    /// A short word for queries: the service's own error code where it gave one.
    pub code: String,
    /// What happened and, where a person can mend it, what to do.
    pub message: String,
}

impl StoreError {
    /// No answer came, or none in time: what was asked may have happened.
    pub(crate) fn unanswered() -> Self {
        Self {
            kind: StoreErrorKind::Transient,
            code: "no_answer".to_owned(),
            message: "the ledger gave no answer in time".to_owned(),
        }
    }
}

/// Whether trying again soon can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Throttled, refused, timed out, or broken off: retried within the deadline.
    Transient,
    /// A missing table or permission, or a request that is wrong: a person must mend it.
    Permanent,
}

/// Rows that say how gates stand ([`waybill_core::gate`]): few, small, each linearizable. Boxed,
/// because what delivers along routes does not know the ledger.
pub trait GateStore: Send + Sync {
    /// Reads at most [`waybill_core::limit::BATCH_GET_MAX`] rows of distinct keys, consistently, in
    /// one request. Answers by position. A row of another release is
    /// [`waybill_core::gate::GateState::Unknown`].
    fn read<'a>(
        &'a self,
        keys: &'a [GateKey],
    ) -> BoxFuture<'a, Vec<Result<Option<GateRow>, StoreError>>>;

    /// Puts a row where the one that stands has the number before its own; or where none stands,
    /// when its number is 1. One request is made. Where the answer is `Err` the row may be there.
    fn put<'a>(&'a self, row: &'a GateRow) -> BoxFuture<'a, Result<GatePut, StoreError>>;
}

/// The answer to the put of a gate's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GatePut {
    /// The row is as asked.
    Done,
    /// Another stands there, or none does.
    Refused(Option<GateRow>),
}

/// Rows that keep how far runs over dead letters have come: one small text for each run.
pub trait RunStore: Send + Sync {
    /// Reads the row of a run, consistently.
    fn load(
        &self,
        consumer: &Consumer,
        run: &str,
    ) -> impl Future<Output = Result<Option<RunRow>, StoreError>> + Send;

    /// Puts the row of a run where the one that stands has the number before its own; or where none
    /// stands, when its number is 1. `false` where another stands there, or none does. Where the
    /// answer is `Err` the row may be there.
    fn save(
        &self,
        consumer: &Consumer,
        run: &str,
        row: &RunRow,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// How far a run has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// How often the row was written.
    pub rev: u64,
    /// The run, as JSON.
    pub text: String,
    /// Time to live, in seconds since the epoch.
    pub expires_at: u64,
}

/// One SQS queue. Every answer is by position (F31); batch entry ids are positions (F32). A batch
/// of more than ten is refused whole, as [`QueueErrorKind::Permanent`], and has no effect.
pub trait Queue: Send + Sync {
    /// Receives at most ten messages, waiting at most `wait` (0 to 20 s) for the first, and holds
    /// them for `visibility`.
    fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> impl Future<Output = Result<Vec<Message>, QueueError>> + Send;

    /// Sets when messages are visible again, counted from now (F06), at most ten at once.
    fn change_visibility(
        &self,
        changes: &[VisibilityChange],
    ) -> impl Future<Output = Vec<Result<(), QueueError>>> + Send;

    /// Deletes at most ten messages by their newest handles.
    fn delete(
        &self,
        handles: &[ReceiptHandle],
    ) -> impl Future<Output = Vec<Result<(), QueueError>>> + Send;

    /// Sends at most ten messages.
    fn send(
        &self,
        messages: &[Outgoing],
    ) -> impl Future<Output = Vec<Result<MessageId, QueueError>>> + Send;

    /// Whether the queue has a redrive policy.
    fn has_redrive_policy(&self) -> impl Future<Output = Result<bool, QueueError>> + Send;
}

/// When one message is visible again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibilityChange {
    /// Which receive.
    pub receipt_handle: ReceiptHandle,
    /// From now; sent in whole seconds, rounded up, at most twelve hours.
    pub visible_in: Duration,
}

/// One message to send.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outgoing {
    /// The body.
    pub body: String,
    /// At most ten message attributes (F74).
    pub attributes: std::collections::BTreeMap<String, MessageAttribute>,
    /// `MessageGroupId`: the order of a FIFO queue, the fairness of a standard one.
    pub group_id: Option<String>,
    /// `MessageDeduplicationId`, for FIFO queues.
    pub deduplication_id: Option<String>,
    /// `AWSTraceHeader`, which counts toward no quota.
    pub trace_header: Option<String>,
}

impl Outgoing {
    /// How long SQS takes it to be: body and attributes, with their names and types (F74).
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html>
    pub fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, attribute)| {
            let value = match &attribute.value {
                AttributeValue::Text(text) => text.len(),
                AttributeValue::Bytes(bytes) => bytes.len(),
            };
            name.len() + attribute.data_type.len() + value
        });
        self.body.len() + attributes.sum::<usize>()
    }
}

/// The queue did not do one thing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueueError {
    /// What follows from it.
    pub kind: QueueErrorKind,
    /// The service's own error code where it gave one.
    pub code: String,
    /// What happened and, where a person can mend it, what to do.
    pub message: String,
}

impl QueueError {
    /// Whether it is about one message, and not about the queue or who uses it.
    /// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>
    pub fn is_of_message(&self) -> bool {
        const CODES: [&str; 5] = [
            "BatchRequestTooLong",
            "InvalidAttributeValue",
            "InvalidMessageContents",
            "InvalidParameterValue",
            "MissingParameter",
        ];
        let name = self.code.rsplit(['.', '#']).next().unwrap_or_default();
        CODES.contains(&name)
    }

    /// No answer came for an entry: what was asked may have happened.
    pub(crate) fn unanswered() -> Self {
        Self {
            kind: QueueErrorKind::Transient,
            code: "no_answer".to_owned(),
            message: "the queue gave no answer".to_owned(),
        }
    }
}

/// What follows from a queue's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueErrorKind {
    /// Throttled, refused, timed out: may be tried again.
    Transient,
    /// The handle holds nothing any more: the lease is lost (F02).
    LeaseLost,
    /// The request, the permission or the queue is wrong (`SenderFault`): not tried again.
    Permanent,
}

/// Where an event waits outside its queue. Boxed, because a queue has one or none.
pub trait Scheduler: fmt::Debug + Send + Sync {
    /// Makes a schedule that sends a message once, or finds that there is one of this name: either
    /// is `Ok`. Then the message will come, once or more often, and not before its time but for the
    /// difference of clocks.
    ///
    /// What answers `Err` may have happened.
    fn schedule<'a>(
        &'a self,
        appointment: &'a Appointment,
    ) -> BoxFuture<'a, Result<(), ScheduleError>>;
}

/// One message to be sent at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// What it is called, 1 to 64 characters: one name is one message.
    pub name: String,
    /// When, in whole seconds.
    pub at: Timestamp,
    /// ARN of the queue that it goes to.
    pub queue_arn: String,
    /// The message's body, at most [`waybill_core::limit::SCHEDULE_INPUT_MAX`].
    pub body: String,
}

/// A schedule was not made, or nobody said that it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ScheduleError {
    /// The service's own error code where it gave one.
    pub code: String,
    /// What happened and, where a person can mend it, what to do.
    pub message: String,
}

/// A place that events are delivered to. Boxed, because a bundle has a list of different ones.
pub trait Target: Send + Sync {
    /// Makes one try, which ends within `request.limit`. Every error is an outcome.
    fn send<'a>(&'a self, request: TargetRequest<'a>) -> BoxFuture<'a, Attempt>;
}

/// What a target is given for one try.
#[derive(Debug, Clone, Copy)]
pub struct TargetRequest<'a> {
    /// The event.
    pub event: &'a Event,
    /// What is delivered of it: its data, or what the route makes of it.
    pub data: &'a Data,
    /// The message that carries it.
    pub message: &'a Message,
    /// Hex SHA-256 of consumer, event key and route: the same on every try.
    pub idempotency_key: &'a str,
    /// How long this try may take at most.
    pub limit: Duration,
    /// Where the target is a route's own dead-letter target: what the route gave up.
    pub given_up: Option<GivenUp<'a>>,
    /// Where traces are on: what is passed on of this try's, in place of what the message carries.
    pub trace: Option<&'a Carried>,
    /// Where the event was not claimed: its row as it stands once this try has delivered it. A
    /// target that can writes it with its effect, both or neither and only where no row stands, and
    /// says so ([`Attempt::row`]); any other leaves it to the engine.
    pub row: Option<&'a Record>,
}

impl<'a> TargetRequest<'a> {
    /// W3C trace context for the target: this try's, or else what the event carries, whatever its
    /// form.
    pub fn traceparent(&self) -> Option<&'a str> {
        let of_try = self.trace.map(|trace| trace.traceparent.as_str());
        of_try.or(self.event.traceparent.as_deref())
    }

    /// X-Ray's header for the target: this try's, or else what the message carries.
    pub fn trace_header(&self) -> Option<&'a str> {
        let of_try = self.trace.map(|trace| trace.trace_header.as_str());
        of_try.or(self.message.trace_header.as_deref())
    }
}

/// Where a try stands in its trace, as targets are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// As W3C's `traceparent`.
    pub traceparent: String,
    /// As X-Ray's header, `AWSTraceHeader` of a message.
    pub trace_header: String,
    /// Whether HTTP targets are told in `x-amzn-trace-id` too.
    pub in_amazon_header: bool,
}

/// Where spans go.
pub trait SpanSink: Send + Sync {
    /// Exports spans, once: what fails is lost. The error is a sentence that says what to do. It
    /// may be dropped before it ends.
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>>;

    /// Whether what reads them knows `x-amzn-trace-id`; by default it does not.
    fn is_amazon(&self) -> bool {
        false
    }
}

/// Why a route gave an event up: what its own dead-letter target is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GivenUp<'a> {
    /// Which route.
    pub route: &'a RouteName,
    /// Why.
    pub reason: DeadReason,
    /// The code of the last try at the route's target; empty where there was none.
    pub code: &'a str,
}

impl GivenUp<'_> {
    /// The HTTP header and the message attribute that says it.
    pub const NAME: &'static str = "waybill-dead";

    /// As one line of JSON: `{"route":"crm","reason":"attempts_spent","code":"http_503"}`.
    pub fn to_json(&self) -> String {
        // Three texts: nothing of it can fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Where the text of a routes file is kept that changes while functions run.
pub trait RoutesStore: Send + Sync {
    /// Reads the text as it is now. The error is a sentence that says what to do.
    fn read(&self) -> BoxFuture<'_, Result<StoredRoutes, String>>;
}

/// The text of a routes file and what its store calls this version of it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredRoutes {
    /// The version.
    pub version: String,
    /// The text; not shown, because it may hold secrets that ought to be elsewhere.
    pub text: String,
}

impl fmt::Debug for StoredRoutes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredRoutes")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The event source mappings that bring the messages of queues to this function.
pub trait SourceMapping: Send + Sync {
    /// How the mapping of a queue is set now. The error is a sentence that says what to do.
    fn look<'a>(&'a self, queue_arn: &'a str) -> BoxFuture<'a, Result<Mapping, String>>;

    /// Sets the most invocations at once of the mapping of a queue, and nothing else; `None` is no
    /// bound. What answers `Err` may have happened.
    fn limit<'a>(
        &'a self,
        queue_arn: &'a str,
        maximum: Option<u32>,
    ) -> BoxFuture<'a, Result<(), String>>;
}

/// Time and chance, handed to decisions as values.
pub trait Ambient: Send + Sync {
    /// The time by this machine's clock.
    fn now(&self) -> Timestamp;

    /// 64 random bits.
    fn random(&self) -> u64;

    /// A name that nobody else has, for one claim or one write.
    fn owner(&self) -> OwnerId {
        OwnerId(u128::from(self.random()) << 64 | u128::from(self.random()))
    }
}

impl<A: Ambient + ?Sized> Ambient for std::sync::Arc<A> {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn random(&self) -> u64 {
        (**self).random()
    }
}

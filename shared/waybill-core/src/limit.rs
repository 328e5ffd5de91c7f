//! Every limit of the services, once, with the page that states it; and our own bounds.

use std::time::Duration;

/// Longest visibility timeout, counted from the receive.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const VISIBILITY_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// Shortest and longest retention of a queue.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const RETENTION_MIN: Duration = Duration::from_secs(60);
/// See [`RETENTION_MIN`].
pub const RETENTION_MAX: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Longest wait of one receive.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html>
pub const LONG_POLL_MAX: Duration = Duration::from_secs(20);

/// Most messages of a queue that may be hidden at once: received, and not deleted or back yet.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-fifo.html>
pub const IN_FLIGHT_MAX: u32 = 120_000;

/// How many batches of a queue Lambda works on at once when it begins; how many more each minute;
/// how many at most. A mapping's `MaximumConcurrency` can lower the last.
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>
pub const BATCHES_AT_FIRST: u32 = 5;
/// See [`BATCHES_AT_FIRST`].
pub const BATCHES_MORE_A_MINUTE: u32 = 300;
/// See [`BATCHES_AT_FIRST`].
pub const BATCHES_MAX: u32 = 1_000;

/// The write request units a second that a new on-demand table takes at once; it grows from there.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html>
pub const NEW_TABLE_WRITES: u32 = 4_000;

/// Most entries of one SQS batch request.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const SQS_BATCH_MAX: usize = 10;

/// Longest message in bytes, its attributes among them: their names, types and values.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const SQS_MESSAGE_MAX: usize = 1024 * 1024;

/// Most message attributes of one message.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const SQS_ATTRIBUTES_MAX: usize = 10;

/// Longest message in bytes that a topic can be made to take, its attributes among them; 256 KiB
/// unless its `MaximumMessageSize` says more.
/// <https://docs.aws.amazon.com/sns/latest/dg/large-message-payloads.html>
pub const SNS_MESSAGE_MAX: usize = 1024 * 1024;

/// Longest entry of `PutEvents` in bytes: its source, detail type, detail and resources, and 14 for
/// a time.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
pub const EVENTBRIDGE_ENTRY_MAX: usize = 1024 * 1024;

/// Longest payload in bytes of an invocation that is waited for.
/// <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>
pub const LAMBDA_REQUEST_MAX: usize = 6 * 1024 * 1024;

/// Longest payload in bytes of an invocation that is not. See [`LAMBDA_REQUEST_MAX`].
pub const LAMBDA_EVENT_MAX: usize = 1024 * 1024;

/// Longest input of an execution, in bytes.
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>
pub const EXECUTION_INPUT_MAX: usize = 256 * 1024;

/// Most statements of one `BatchExecuteStatement`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchExecuteStatement.html>
pub const STATEMENTS_MAX: usize = 25;

/// Most keys of one `BatchGetItem`.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
pub const BATCH_GET_MAX: usize = 100;

/// Longest event key in bytes before it is hashed; DynamoDB allows 2048 for a partition key.
pub const EVENT_KEY_MAX: usize = 256;

/// How many tries of one event's route may be uncharged, because they asked whether a target is back
/// ([`crate::gate::breaker`]). An event that its target fails at, and nothing else, must end: so many
/// are more than an outage of ten hours takes.
pub const UNCHARGED_MAX: u32 = 100;

/// How many attempts a ledger row remembers.
pub const ATTEMPTS_KEPT: usize = 20;

/// How much of an attempt's message a ledger row remembers, in bytes.
pub const ATTEMPT_MESSAGE_MAX: usize = 256;

/// How many deeds of people a ledger row remembers.
pub const AUDIT_KEPT: usize = 10;

/// How much of a deed's note a ledger row remembers, in bytes.
pub const AUDIT_NOTE_MAX: usize = 256;

/// How much of who did it a ledger row remembers, in bytes.
pub const AUDIT_WHO_MAX: usize = 128;

/// Over how many partitions the index spreads the rows of one consumer and status (F44).
pub const INDEX_SHARDS: u8 = 16;

/// How long after a lease's end another may take over: covers the clocks' disagreement (F10).
pub const LEASE_SKEW: Duration = Duration::from_secs(2);

/// How long before a lease's end that was not renewed the last request must have ended.
pub const LEASE_MARGIN: Duration = Duration::from_millis(500);

/// How long a lease outlives the deadline of the invocation that holds it: until then its process
/// may still be there.
pub const LEASE_OVER_DEADLINE: Duration = Duration::from_secs(2);

/// Longest wait that waybill asks of visibility by default: long waits hold messages in flight (F07).
pub const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// Longest input of a schedule, in bytes: the message that it sends. Of the 256 KB of a target's
/// payload, in the stricter reading of that.
/// <https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html>
pub const SCHEDULE_INPUT_MAX: usize = 256 * 1000;

/// Longest wait in a schedule: a message that comes from its queue's longest retention.
pub const SCHEDULE_WAIT_MAX: Duration = RETENTION_MAX;

/// Shortest wait in a schedule: time enough to make it. What is due sooner is waited for in the
/// queue.
pub const SCHEDULE_WAIT_MIN: Duration = Duration::from_secs(10);

/// Receives from which on a message is not handed back to wait, where it can wait in a schedule:
/// ten are left then of the 25 that the template's redrive policy allows, for trouble.
pub const RECEIVES_SPARED: u32 = 15;

/// Takings-over of a row whose lease ended without a word after which the event runs alone.
pub const CRASHES_ALONE: u32 = 2;

/// Takings-over of a row whose lease ended without a word after which the event is dead.
pub const CRASHES_DEAD: u32 = 3;

/// Longest result of an operation that a ledger row keeps, in bytes: well below the 400 KB that
/// DynamoDB lets an item have.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
pub const RESULT_MAX: usize = 256 * 1024;

/// Longest result of a route's transform, in bytes: as long as the longest message that SQS takes.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
pub const TRANSFORMED_MAX: usize = 1024 * 1024;

/// At most `max` bytes of a text, cut between characters.
pub(crate) fn cut(text: &str, max: usize) -> &str {
    text.get(..text.floor_char_boundary(max)).unwrap_or(text)
}

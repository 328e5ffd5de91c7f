//! The metrics: names, units, dimensions. `docs/METRICS.md` is held to them by a test.

/// A metric in CloudWatch's namespace [`NAMESPACE`].
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// What it is called.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// The sets of dimensions that it has, each in order.
    pub dimensions: &'static [&'static [Dimension]],
    /// What it means, and which statistic says something.
    pub meaning: &'static str,
}

/// A unit of CloudWatch's.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of things.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// No unit.
    None,
}

/// A dimension. Each has few values: ids are never one (F77).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Name of the source queue.
    Queue,
    /// Name of a route, or of a part of a handler's.
    Route,
    /// How a try ended.
    Outcome,
    /// Why a message was put off.
    Cause,
    /// Why a message is dead.
    Reason,
}

/// CloudWatch's namespace of all metrics.
pub const NAMESPACE: &str = "Waybill";

impl Unit {
    /// What CloudWatch calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

impl Dimension {
    /// What it is called.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queue => "Queue",
            Self::Route => "Route",
            Self::Outcome => "Outcome",
            Self::Cause => "Cause",
            Self::Reason => "Reason",
        }
    }
}

/// By queue.
const QUEUE: &[&[Dimension]] = &[&[Dimension::Queue]];

/// By queue and route.
const ROUTE: &[&[Dimension]] = &[&[Dimension::Queue, Dimension::Route]];

/// By queue, and by route and outcome.
const OUTCOME: &[&[Dimension]] = &[
    &[Dimension::Queue],
    &[Dimension::Queue, Dimension::Route, Dimension::Outcome],
];

/// By queue, and by cause.
const CAUSE: &[&[Dimension]] = &[&[Dimension::Queue], &[Dimension::Queue, Dimension::Cause]];

/// By queue, and by reason.
const REASON: &[&[Dimension]] = &[&[Dimension::Queue], &[Dimension::Queue, Dimension::Reason]];

/// All metrics, in the order in which they are documented.
pub static ALL: [&Metric; 28] = [
    &RECEIVED,
    &DELIVERED,
    &DUPLICATES,
    &IGNORED,
    &SCHEDULED,
    &RETRIED,
    &DEFERRED,
    &DEAD,
    &FAILED,
    &FENCED,
    &CRASHES,
    &ATTEMPTS,
    &LEASES_EXTENDED,
    &LEASES_LOST,
    &LEDGER_REQUESTS,
    &LEDGER_FAILURES,
    &QUEUE_REQUESTS,
    &QUEUE_FAILURES,
    &ESTIMATED_COST,
    &BATCH_FILL,
    &AGE_AT_RECEIPT,
    &END_TO_END_LATENCY,
    &PROCESSING_TIME,
    &DELIVERY_TIME,
    &BREAKER_STATE,
    &BREAKERS_OPEN,
    &CANARY_DELIVERED,
    &CANARY_LATENCY,
];

/// Messages received, by trigger or poll.
pub static RECEIVED: Metric = Metric {
    name: "Received",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages received, by trigger or poll; `Sum`",
};

/// Messages whose event was delivered, now or piece by piece.
pub static DELIVERED: Metric = Metric {
    name: "Delivered",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages whose event was delivered, now or piece by piece; `Sum`",
};

/// Messages whose event had been done before: suppressed.
pub static DUPLICATES: Metric = Metric {
    name: "Duplicates",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages whose event had been done before: suppressed; `Sum`",
};

/// Messages that asked for nothing.
pub static IGNORED: Metric = Metric {
    name: "Ignored",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages that asked for nothing; `Sum`",
};

/// Events that left the queue to wait in a schedule.
pub static SCHEDULED: Metric = Metric {
    name: "Scheduled",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "events that left the queue to wait in a schedule; `Sum`",
};

/// Messages handed back after a try, for the next one.
pub static RETRIED: Metric = Metric {
    name: "Retried",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages handed back after a try, for the next one; `Sum`",
};

/// Messages handed back untried.
pub static DEFERRED: Metric = Metric {
    name: "Deferred",
    unit: Unit::Count,
    dimensions: CAUSE,
    meaning: "messages handed back untried; `Sum`",
};

/// Receives of dead messages: such a message comes until the redrive policy has moved it.
pub static DEAD: Metric = Metric {
    name: "Dead",
    unit: Unit::Count,
    dimensions: REASON,
    meaning: "receives of dead messages: such a message comes until the redrive policy has moved it; `Sum`",
};

/// Events that came to their end undelivered, once for each death.
pub static FAILED: Metric = Metric {
    name: "Failed",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "events that came to their end undelivered, once for each death; `Sum`",
};

/// Messages whose row another took over while they were worked on.
pub static FENCED: Metric = Metric {
    name: "Fenced",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages whose row another took over while they were worked on; `Sum`",
};

/// Leases that ended without a word: a process was killed with a message in hand.
pub static CRASHES: Metric = Metric {
    name: "Crashes",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "leases that ended without a word: a process was killed with a message in hand; `Sum`",
};

/// Tries at targets.
pub static ATTEMPTS: Metric = Metric {
    name: "Attempts",
    unit: Unit::Count,
    dimensions: OUTCOME,
    meaning: "tries at targets; `Sum`",
};

/// Renewals of a message's visibility and lease, in poll mode.
pub static LEASES_EXTENDED: Metric = Metric {
    name: "LeasesExtended",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "renewals of a message's visibility and lease, in poll mode; `Sum`",
};

/// Messages whose visibility could not be kept, in poll mode.
pub static LEASES_LOST: Metric = Metric {
    name: "LeasesLost",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages whose visibility could not be kept, in poll mode; `Sum`",
};

/// Requests made of the ledger's table.
pub static LEDGER_REQUESTS: Metric = Metric {
    name: "LedgerRequests",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "requests made of the ledger's table; `Sum`, for each message over `Received`",
};

/// Of `LedgerRequests`, those of which any part was throttled, refused, or not answered.
pub static LEDGER_FAILURES: Metric = Metric {
    name: "LedgerFailures",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "of `LedgerRequests`, those of which any part was throttled, refused, or not answered; `Sum`",
};

/// Requests made of SQS by the function itself, Lambda's own not among them.
pub static QUEUE_REQUESTS: Metric = Metric {
    name: "QueueRequests",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "requests made of SQS by the function itself, Lambda's own not among them; `Sum`, for each message over `Received`",
};

/// Of `QueueRequests`, those of which any part failed.
pub static QUEUE_FAILURES: Metric = Metric {
    name: "QueueFailures",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "of `QueueRequests`, those of which any part failed; `Sum`",
};

/// US dollars, by the price list below.
pub static ESTIMATED_COST: Metric = Metric {
    name: "EstimatedCost",
    unit: Unit::None,
    dimensions: QUEUE,
    meaning: "US dollars, by the price list below; `Sum`, for a thousand events times 1000 over `Delivered`",
};

/// Messages that one invocation, or one receive of a poller's, brought.
pub static BATCH_FILL: Metric = Metric {
    name: "BatchFill",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "messages that one invocation, or one receive of a poller's, brought; `Average`",
};

/// From a message's `SentTimestamp` to its receive.
pub static AGE_AT_RECEIPT: Metric = Metric {
    name: "AgeAtReceipt",
    unit: Unit::Milliseconds,
    dimensions: QUEUE,
    meaning: "from a message's `SentTimestamp` to its receive; percentiles",
};

/// From a message's `SentTimestamp` to its event's delivery along every route.
pub static END_TO_END_LATENCY: Metric = Metric {
    name: "EndToEndLatency",
    unit: Unit::Milliseconds,
    dimensions: QUEUE,
    meaning: "from a message's `SentTimestamp` to its event's delivery along every route; percentiles",
};

/// From a message's receive to the end of the work on it, however it ended.
pub static PROCESSING_TIME: Metric = Metric {
    name: "ProcessingTime",
    unit: Unit::Milliseconds,
    dimensions: QUEUE,
    meaning: "from a message's receive to the end of the work on it, however it ended, canaries apart; percentiles",
};

/// One try at a route's target.
pub static DELIVERY_TIME: Metric = Metric {
    name: "DeliveryTime",
    unit: Unit::Milliseconds,
    dimensions: ROUTE,
    meaning: "one try at a route's target; percentiles",
};

/// 0 closed, 1 closing, 2 open, as far as the process knows.
pub static BREAKER_STATE: Metric = Metric {
    name: "BreakerState",
    unit: Unit::None,
    dimensions: ROUTE,
    meaning: "0 closed, 1 closing, 2 open, as far as the process knows; `Maximum`",
};

/// Routes whose breaker is open.
pub static BREAKERS_OPEN: Metric = Metric {
    name: "BreakersOpen",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "routes whose breaker is open; not there where no route has one; `Maximum`",
};

/// Canary events that came through.
pub static CANARY_DELIVERED: Metric = Metric {
    name: "CanaryDelivered",
    unit: Unit::Count,
    dimensions: QUEUE,
    meaning: "canary events that came through; `Sum`",
};

/// From a canary's `SentTimestamp` to the write that says it is done.
pub static CANARY_LATENCY: Metric = Metric {
    name: "CanaryLatency",
    unit: Unit::Milliseconds,
    dimensions: QUEUE,
    meaning: "from a canary's `SentTimestamp` to the write that says it is done; `Maximum`",
};

//! The dead-letter queue: that it fits its source, and keeps what it takes.

use waybill_core::ledger::DeadLetter;

use super::super::finding::Severity;
use super::super::resource::Resource;
use super::super::value::{Unknown, Value};
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "fifo-redrive",
        severity: Severity::Error,
        failures: &["F25"],
        relation: "the functions of a FIFO queue send dead messages themselves",
        remedy: "set WAYBILL_DEAD_LETTER to send",
        judge: fifo_redrive,
    },
    Rule {
        id: "dead-letter-kind",
        severity: Severity::Error,
        failures: &[],
        relation: "the dead-letter queue of a FIFO queue is FIFO, that of a standard one standard",
        remedy: "make both queues FIFO, or neither",
        judge: |known| known.each_source(|queue| kind(known, queue)),
    },
    Rule {
        id: "dead-letter-told",
        severity: Severity::Error,
        failures: &[],
        relation: "WAYBILL_DLQ_URL names the queue that the redrive policy names",
        remedy: "make WAYBILL_DLQ_URL and RedrivePolicy name one queue",
        judge: |known| known.each_worker(dead_letter_told),
    },
    Rule {
        id: "dead-letter-retention",
        severity: Severity::Error,
        failures: &["F68"],
        relation: "the dead-letter queue keeps messages longer than the source queue",
        remedy: "set MessageRetentionPeriod of the dead-letter queue to 1209600",
        judge: |known| known.each_source(|queue| dead_longer(known, queue)),
    },
    Rule {
        id: "dead-letter-retention-not-longest",
        severity: Severity::Warning,
        failures: &["F68"],
        relation: "the dead-letter queue keeps messages for 14 days",
        remedy: "set MessageRetentionPeriod of the dead-letter queue to 1209600",
        judge: |known| known.each_source(|queue| dead_longest(known, queue)),
    },
    Rule {
        id: "redrive-not-allowed",
        severity: Severity::Error,
        failures: &[],
        relation: "the dead-letter queue's RedriveAllowPolicy lets the source queue in",
        remedy: "name the source queue in RedriveAllowPolicy, or leave that out",
        judge: |known| known.each_source(|queue| allowed(known, queue)),
    },
];

impl Known<'_> {
    /// The dead-letter queue of a source queue, which must be one of the template's; none where
    /// there is no redrive policy and no function is told of one.
    pub(super) fn dead_letters(&self, source: &Resource) -> Result<Option<&Resource>, Unknown> {
        let named = source.property("RedrivePolicy").get("deadLetterTargetArn");
        match self.bundle.dead_letters_of(source) {
            Some(queue) => Ok(Some(queue)),
            None if named.is_absent() => Ok(None),
            None => Err(named.outside("dead-letter queue")),
        }
    }
}

/// `redrive` and FIFO.
fn fifo_redrive(known: &Known<'_>) -> Vec<Verdict> {
    known.each_worker(|known, queue, function| {
        let redrives = known.dead_letter_mode(function)? == DeadLetter::Redrive;
        let (id, of) = (&queue.id, &function.id);
        Ok((queue.is_fifo()? && redrives).then(|| {
            Fault::new(
                function.path_of_variable("WAYBILL_DEAD_LETTER"),
                format!(
                    "`{id}` is FIFO and `{of}` leaves the dead to its redrive policy: a dead \
                     message at the head of its group uses up the receives of those behind it"
                ),
                format!("set WAYBILL_DEAD_LETTER of `{of}` to send"),
            )
        }))
    })
}

/// FIFO or not, both.
fn kind(known: &Known<'_>, source: &Resource) -> Verdict {
    let Some(dead) = known.dead_letters(source)? else {
        return Ok(None);
    };
    let (source_fifo, dead_fifo) = (source.is_fifo()?, dead.is_fifo()?);
    let word = |fifo: bool| if fifo { "FIFO" } else { "standard" };
    let (id, of) = (&dead.id, &source.id);
    Ok((source_fifo != dead_fifo).then(|| {
        let (is, wanted) = (word(dead_fifo), word(source_fifo));
        Fault::new(
            dead.path_of("FifoQueue"),
            format!("`{id}` is {is}, and `{of}`, whose dead it takes, is {wanted}: SQS refuses it"),
            format!("make `{id}` a {wanted} queue"),
        )
    }))
}

/// One dead-letter queue.
fn dead_letter_told(_: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    let policy = queue.property("RedrivePolicy").get("deadLetterTargetArn");
    let told = function.variable("WAYBILL_DLQ_URL");
    if !policy.is_written()? || !told.is_written()? {
        return Ok(None);
    }
    let named = |value: &Value| {
        let id = value.resource().map(str::to_owned);
        id.ok_or_else(|| value.outside("dead-letter queue"))
    };
    let (policy, told) = (named(policy)?, named(told)?);
    let of = &function.id;
    Ok((policy != told).then(|| {
        Fault::new(
            function.path_of_variable("WAYBILL_DLQ_URL"),
            format!("`{of}` is told of `{told}`, and the redrive policy names `{policy}`"),
            format!("let WAYBILL_DLQ_URL of `{of}` be the URL of `{policy}`"),
        )
    }))
}

/// The dead are kept longer.
fn dead_longer(known: &Known<'_>, source: &Resource) -> Verdict {
    let Some(dead) = known.dead_letters(source)? else {
        return Ok(None);
    };
    let (of_source, of_dead) = (source.retention_seconds()?, dead.retention_seconds()?);
    let (id, of) = (&dead.id, &source.id);
    Ok((of_dead <= of_source).then(|| {
        Fault::new(
            dead.path_of("MessageRetentionPeriod"),
            format!(
                "`{id}` keeps messages for {of_dead} s, and `{of}` for {of_source} s: a standard \
                 queue's messages are as old in `{id}` as they were, and may be gone at once"
            ),
            format!("set MessageRetentionPeriod of `{id}` to {RETENTION_LONGEST}"),
        )
    }))
}

/// The dead are kept for 14 days.
fn dead_longest(known: &Known<'_>, source: &Resource) -> Verdict {
    let Some(dead) = known.dead_letters(source)? else {
        return Ok(None);
    };
    let (of_source, of_dead) = (source.retention_seconds()?, dead.retention_seconds()?);
    let id = &dead.id;
    Ok((of_dead < RETENTION_LONGEST && of_dead > of_source).then(|| {
        Fault::new(
            dead.path_of("MessageRetentionPeriod"),
            format!(
                "`{id}` keeps messages for {of_dead} s, counted from when they were first sent; \
                 the longest there is are {RETENTION_LONGEST} s"
            ),
            format!("set MessageRetentionPeriod of `{id}` to {RETENTION_LONGEST}"),
        )
    }))
}

/// Who may use the dead-letter queue.
fn allowed(known: &Known<'_>, source: &Resource) -> Verdict {
    let Some(dead) = known.dead_letters(source)? else {
        return Ok(None);
    };
    let policy = dead.property("RedriveAllowPolicy");
    let permission = policy.get("redrivePermission").text()?;
    let refuses = match permission {
        None | Some("allowAll") => false,
        Some("byQueue") => {
            let mut let_in = false;
            for arn in policy.get("sourceQueueArns").list()? {
                let_in |= names(arn, source)?;
            }
            !let_in
        }
        Some(_) => true,
    };
    let (id, of) = (&dead.id, &source.id);
    Ok(refuses.then(|| {
        Fault::new(
            dead.path_of("RedriveAllowPolicy"),
            format!("RedriveAllowPolicy of `{id}` does not let `{of}` in: SQS refuses the policy"),
            format!("name the ARN of `{of}` among sourceQueueArns, as it is called"),
        )
    }))
}

/// Whether an ARN is that of a queue, which may be written with the queue's name.
fn names(arn: &Value, queue: &Resource) -> Result<bool, Unknown> {
    let arn = match arn {
        Value::Resource { id, .. } => return Ok(*id == queue.id),
        Value::Text(arn) | Value::Open(arn) => arn,
        Value::Unknown(reason) => return Err(reason.clone()),
        Value::Absent | Value::List(_) | Value::Map(_) => return Ok(false),
    };
    match queue.property("QueueName") {
        Value::Text(name) | Value::Open(name) => Ok(arn
            .strip_suffix(name)
            .is_some_and(|before| before.ends_with(':'))),
        Value::Absent
        | Value::List(_)
        | Value::Map(_)
        | Value::Resource { .. }
        | Value::Unknown(_) => Err(Unknown::new(format!(
            "what `{}` is called is known only when it is deployed",
            queue.id
        ))),
    }
}

/// The longest retention there is, in seconds: 14 days.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const RETENTION_LONGEST: u64 = 14 * 86_400;

//! Event source mappings: how long, how many in a batch, and what is answered.

use super::super::bundle::{Mapping, QUEUE};
use super::super::finding::Severity;
use super::super::resource::Resource;
use super::super::value::Unknown;
use super::{Fault, Known, Rule, Verdict};
use waybill_core::capacity::needs::visibility_seconds;
use waybill_core::limit::SQS_BATCH_MAX;

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "visibility-too-short",
        severity: Severity::Error,
        failures: &["F20"],
        relation: "a source queue's VisibilityTimeout is at least six times the function's Timeout, \
                   and the batching window more",
        remedy: "raise VisibilityTimeout, or lower Timeout",
        judge: |known| known.each_mapping(visibility),
    },
    Rule {
        id: "batch-responses-missing",
        severity: Severity::Error,
        failures: &["F12", "F13"],
        relation: "every mapping of a queue has ReportBatchItemFailures",
        remedy: "set FunctionResponseTypes to [ReportBatchItemFailures]",
        judge: |known| known.each_mapping(responses),
    },
    Rule {
        id: "filter-deletes",
        severity: Severity::Warning,
        failures: &["F21"],
        relation: "no mapping filters: Lambda deletes what its filter does not take",
        remedy: "leave FilterCriteria out, and filter in the routes file",
        judge: |known| known.each_mapping(filter),
    },
    Rule {
        id: "batch-too-large",
        severity: Severity::Warning,
        failures: &["F23"],
        relation: "a batch has at most 10 messages",
        remedy: "lower BatchSize to 10",
        judge: |known| known.each_mapping(batch),
    },
    Rule {
        id: "batch-refused",
        severity: Severity::Error,
        failures: &["F23"],
        relation: "Lambda takes the batch: at most 10,000; more than 10 only with a batching window \
                   and never of a FIFO queue, which has no window either",
        remedy: "lower BatchSize, or mend MaximumBatchingWindowInSeconds",
        judge: |known| known.each_mapping(batch_refused),
    },
    Rule {
        id: "queue-shared",
        severity: Severity::Warning,
        failures: &["F29"],
        relation: "a source queue has one mapping",
        remedy: "give each mapping a queue of its own",
        judge: |known| known.each_source(|queue| shared(known, queue)),
    },
    Rule {
        id: "queue-foreign",
        severity: Severity::Warning,
        failures: &["F29"],
        relation: "no function that is not Waybill's has a mapping of a source queue",
        remedy: "leave the other function's mapping out, or give it a queue of its own",
        judge: |known| known.each_source(|queue| foreign(known, queue)),
    },
    Rule {
        id: "mapping-disabled",
        severity: Severity::Warning,
        failures: &["F08"],
        relation: "every mapping is enabled",
        remedy: "enable the mapping: messages grow old meanwhile",
        judge: |known| known.each_mapping(disabled),
    },
    Rule {
        id: "dead-letters-drained",
        severity: Severity::Warning,
        failures: &["F72"],
        relation: "no mapping takes messages off a dead-letter queue",
        remedy: "leave the mapping out: who drains the queue takes the dead from those who redrive",
        judge: |known| known.each_source(|queue| drained(known, queue)),
    },
];

impl Known<'_> {
    /// One verdict for each mapping.
    pub(super) fn each_mapping(&self, judge: fn(&Self, &Mapping) -> Verdict) -> Vec<Verdict> {
        let mappings = self.bundle.mappings.iter();
        mappings.map(|mapping| judge(self, mapping)).collect()
    }

    /// A mapping's queue, which must be one of the template's to be looked at.
    fn queue_of(&self, mapping: &Mapping) -> Result<&Resource, Unknown> {
        let queue = self.bundle.referred(&mapping.queue);
        let queue = queue.filter(|queue| queue.kind == QUEUE);
        queue.ok_or_else(|| mapping.queue.outside("queue"))
    }
}

/// The visibility and the function's time.
fn visibility(known: &Known<'_>, mapping: &Mapping) -> Verdict {
    let queue = known.queue_of(mapping)?;
    let function = mapping
        .function
        .as_deref()
        .and_then(|id| known.bundle.resource(id));
    let Some(function) = function else {
        return Ok(None);
    };
    let visibility = queue.visibility_seconds()?;
    let timeout = function.timeout_seconds()?;
    let window = mapping
        .properties
        .get("MaximumBatchingWindowInSeconds")
        .number()?;
    let window = window.unwrap_or(0);
    let wanted = visibility_seconds(timeout, window);
    let (id, of) = (&queue.id, &function.id);
    Ok((visibility < wanted).then(|| {
        Fault::new(
            queue.path_of("VisibilityTimeout"),
            format!(
                "`{id}` hides a message for {visibility} s; six times the Timeout of `{of}`, \
                 {timeout} s, and a batching window of {window} s make {wanted} s"
            ),
            format!(
                "set VisibilityTimeout of `{id}` to {wanted} or more, or lower Timeout of `{of}`"
            ),
        )
    }))
}

/// What is answered.
fn responses(_: &Known<'_>, mapping: &Mapping) -> Verdict {
    let types = mapping.properties.get("FunctionResponseTypes").list()?;
    for one in types {
        if one.text()? == Some("ReportBatchItemFailures") {
            return Ok(None);
        }
    }
    let remedy = "set FunctionResponseTypes of the mapping to [ReportBatchItemFailures]";
    let message = "the mapping has no ReportBatchItemFailures: Lambda deletes the whole batch that \
                   was answered, what failed in it too";
    Ok(Some(Fault::new(
        mapping.path_of("FunctionResponseTypes"),
        message,
        remedy,
    )))
}

/// A filter.
fn filter(_: &Known<'_>, mapping: &Mapping) -> Verdict {
    let filter = mapping.properties.get("FilterCriteria");
    Ok(filter.is_written()?.then(|| {
        Fault::new(
            mapping.path_of("FilterCriteria"),
            "the mapping has FilterCriteria: what they do not take is deleted, and nobody is told",
            "leave FilterCriteria out, and filter in the routes file; or watch \
             FilteredOutEventCount",
        )
    }))
}

/// A batch's size.
fn batch(_: &Known<'_>, mapping: &Mapping) -> Verdict {
    let size = mapping.properties.get("BatchSize").number()?;
    let most = u64::try_from(SQS_BATCH_MAX).unwrap_or(u64::MAX);
    Ok(size.filter(|size| *size > most).map(|size| {
        Fault::new(
            mapping.path_of("BatchSize"),
            format!("a batch of {size} messages may be longer than the 6 MB that Lambda passes on"),
            format!("set BatchSize to {most} or less"),
        )
    }))
}

/// A batch that Lambda refuses.
fn batch_refused(known: &Known<'_>, mapping: &Mapping) -> Verdict {
    let size = mapping.properties.get("BatchSize").number()?.unwrap_or(10);
    let window = mapping
        .properties
        .get("MaximumBatchingWindowInSeconds")
        .number()?;
    let window = window.unwrap_or(0);
    let fault = |name: &str, message: String, remedy: &str| {
        Ok(Some(Fault::new(mapping.path_of(name), message, remedy)))
    };
    if size > 10_000 {
        let message = format!("Lambda takes no batch of {size} messages, but 10000 at most");
        return fault("BatchSize", message, "set BatchSize to 10");
    }
    let fifo = known.queue_of(mapping).and_then(Resource::is_fifo);
    // Whether it is FIFO matters to a window and to a batch of more than ten alone.
    let fifo = if window > 0 || size > 10 {
        fifo?
    } else {
        false
    };
    if fifo && size > 10 {
        let message = format!("Lambda takes no batch of {size} off a FIFO queue, but 10 at most");
        return fault("BatchSize", message, "set BatchSize to 10 or less");
    }
    if fifo && window > 0 {
        let message =
            format!("a FIFO queue has no batching window, and the mapping has {window} s");
        let remedy = "leave MaximumBatchingWindowInSeconds out";
        return fault("MaximumBatchingWindowInSeconds", message, remedy);
    }
    if size > 10 && window == 0 {
        let message = format!("Lambda takes a batch of {size} only with a window of 1 s or more");
        return fault("BatchSize", message, "set BatchSize to 10 or less");
    }
    Ok(None)
}

/// Two mappings on one queue.
fn shared(known: &Known<'_>, queue: &Resource) -> Verdict {
    let of_queue = known.bundle.all_mappings.iter();
    let mut of_queue = of_queue.filter(|one| one.queue.resource() == Some(&queue.id));
    let (Some(_), Some(second)) = (of_queue.next(), of_queue.next()) else {
        return Ok(None);
    };
    let id = &queue.id;
    Ok(Some(Fault::new(
        second.path.clone(),
        format!("`{id}` has more than one mapping: each message goes to one of them, by chance"),
        "leave one mapping, or give each a queue of its own",
    )))
}

/// A mapping of a function that is not ours.
fn foreign(known: &Known<'_>, queue: &Resource) -> Verdict {
    let mut of_queue = known.bundle.all_mappings.iter();
    let foreign = of_queue.find(|one| {
        let function = one.function.as_ref();
        let ours = function.is_some_and(|id| known.bundle.functions.contains(id));
        one.queue.resource() == Some(&queue.id) && !ours
    });
    let id = &queue.id;
    Ok(foreign.map(|mapping| {
        let function = mapping.function.as_deref();
        let function =
            function.map_or_else(|| "another function".to_owned(), |id| format!("`{id}`"));
        Fault::new(
            mapping.path.clone(),
            format!(
                "{function} takes messages off `{id}` too, and is not Waybill's: what it takes no \
                 route sees, and no ledger knows"
            ),
            format!("leave that mapping out, or send the function copies in a queue beside `{id}`"),
        )
    }))
}

/// A mapping that is switched off.
fn disabled(_: &Known<'_>, mapping: &Mapping) -> Verdict {
    let said = mapping.properties.get("Enabled").text()?;
    let off = said.is_some_and(|said| said.eq_ignore_ascii_case("false"));
    Ok(off.then(|| {
        Fault::new(
            mapping.path_of("Enabled"),
            "the mapping is disabled: nothing is taken off the queue by it, and what grows too old \
             is gone",
            "set Enabled to true",
        )
    }))
}

/// A mapping on a dead-letter queue.
fn drained(known: &Known<'_>, source: &Resource) -> Verdict {
    let Some(dead) = known.bundle.dead_letters_of(source) else {
        return Ok(None);
    };
    let mut mappings = known.bundle.all_mappings.iter();
    let draining = mappings.find(|one| one.queue.resource() == Some(&dead.id));
    let id = &dead.id;
    Ok(draining.map(|mapping| {
        Fault::new(
            mapping.path.clone(),
            format!("a mapping takes messages off `{id}`, the dead-letter queue"),
            "leave the mapping out: what it has taken cannot be redriven",
        )
    }))
}

impl Mapping {
    /// The place of one of its properties.
    pub(super) fn path_of(&self, property: &str) -> String {
        format!("{}.{property}", self.path)
    }
}

//! The source queue, and what holds for its dead-letter queue too.

use super::super::finding::Severity;
use super::super::resource::Resource;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "redrive-missing",
        severity: Severity::Error,
        failures: &[],
        relation: "a source queue has a redrive policy",
        remedy: "give the source queue a RedrivePolicy",
        judge: |known| known.each_source(redrive),
    },
    Rule {
        id: "content-deduplication",
        severity: Severity::Warning,
        failures: &["F26"],
        relation: "no FIFO queue of the bundle drops messages because their bodies are equal",
        remedy: "set ContentBasedDeduplication to false",
        judge: deduplication,
    },
    Rule {
        id: "retention-told",
        severity: Severity::Error,
        failures: &["F08"],
        relation: "WAYBILL_QUEUE_RETENTION_SECONDS is the source queue's MessageRetentionPeriod",
        remedy: "make the two the same",
        judge: |known| known.each_worker(retention_told),
    },
    Rule {
        id: "retention-not-told",
        severity: Severity::Warning,
        failures: &["F08"],
        relation: "the functions know the source queue's retention",
        remedy: "set WAYBILL_QUEUE_RETENTION_SECONDS to MessageRetentionPeriod",
        judge: |known| known.each_worker(retention_not_told),
    },
    Rule {
        id: "queue-key",
        severity: Severity::Note,
        failures: &["F30"],
        relation: "the functions may use the key that a queue is encrypted with",
        remedy: "see that the roles may kms:Decrypt and kms:GenerateDataKey, or use \
                 SqsManagedSseEnabled",
        judge: key,
    },
];

impl Known<'_> {
    /// One verdict for each source queue with each function that works it off; a queue that is not
    /// in the template cannot be known.
    pub(super) fn each_worker(
        &self,
        judge: fn(&Self, &Resource, &Resource) -> Verdict,
    ) -> Vec<Verdict> {
        let pairs = self.bundle.sources().flat_map(|queue| {
            let workers = self.bundle.workers(&queue.id);
            workers.map(move |function| judge(self, queue, function))
        });
        let outside = self.bundle.sources_outside.iter().cloned().map(Err);
        pairs.chain(outside).collect()
    }

    /// The queues of the bundle: the sources and their dead-letter queues.
    fn queues(&self) -> Vec<&Resource> {
        let mut queues: Vec<&Resource> = self.bundle.sources().collect();
        let dead = self
            .bundle
            .sources()
            .filter_map(|one| self.bundle.dead_letters_of(one));
        queues.extend(dead.collect::<Vec<_>>());
        queues
    }
}

/// A redrive policy.
fn redrive(queue: &Resource) -> Verdict {
    let dead = queue.property("RedrivePolicy").get("deadLetterTargetArn");
    let id = &queue.id;
    Ok((!dead.is_written()?).then(|| {
        Fault::new(
            queue.path_of("RedrivePolicy"),
            format!(
                "`{id}` has no redrive policy: what cannot be delivered comes again until its \
                 retention ends, and is gone; with `redrive` the functions do not start"
            ),
            format!("give `{id}` a RedrivePolicy with a deadLetterTargetArn and a maxReceiveCount"),
        )
    }))
}

/// Equal bodies.
fn deduplication(known: &Known<'_>) -> Vec<Verdict> {
    let queues = known.queues().into_iter();
    let verdicts = queues.map(|queue| {
        let drops = queue.property("ContentBasedDeduplication").is_true()?;
        let id = &queue.id;
        Ok(drops.then(|| {
            Fault::new(
                queue.path_of("ContentBasedDeduplication"),
                format!("`{id}` drops a message whose body is equal to one of the last 5 minutes"),
                format!(
                    "set ContentBasedDeduplication of `{id}` to false, and send each event \
                         with a deduplication id of its own"
                ),
            )
        }))
    });
    verdicts.collect()
}

/// The retention, as the functions are told it.
fn retention_told(_: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    let told = function
        .variable("WAYBILL_QUEUE_RETENTION_SECONDS")
        .number()?;
    let retention = queue.retention_seconds()?;
    let (id, of) = (&queue.id, &function.id);
    Ok(told.filter(|told| *told != retention).map(|told| {
        Fault::new(
            function.path_of_variable("WAYBILL_QUEUE_RETENTION_SECONDS"),
            format!(
                "`{of}` is told that `{id}` keeps messages for {told} s, and it is {retention} s"
            ),
            format!("set WAYBILL_QUEUE_RETENTION_SECONDS of `{of}` to {retention}"),
        )
    }))
}

/// The retention, not told.
fn retention_not_told(_: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    let told = function.variable("WAYBILL_QUEUE_RETENTION_SECONDS");
    let retention = queue.property("MessageRetentionPeriod").said();
    let (id, of) = (&queue.id, &function.id);
    Ok(told.is_absent().then(|| {
        Fault::new(
            function.path_of_variable("WAYBILL_QUEUE_RETENTION_SECONDS"),
            format!(
                "`{of}` does not know how long `{id}` keeps messages: one that grows too old \
                 between two tries is gone, and not dead"
            ),
            match retention.parse::<u64>() {
                Ok(_) => format!("set WAYBILL_QUEUE_RETENTION_SECONDS of `{of}` to {retention}"),
                Err(_) => format!(
                    "set WAYBILL_QUEUE_RETENTION_SECONDS of `{of}` to MessageRetentionPeriod of `{id}`"
                ),
            },
        )
    }))
}

/// A key of one's own.
fn key(known: &Known<'_>) -> Vec<Verdict> {
    let queues = known.queues().into_iter();
    let verdicts = queues.map(|queue| {
        let key = queue.property("KmsMasterKeyId");
        let id = &queue.id;
        Ok((!key.is_absent()).then(|| {
            Fault::new(
                queue.path_of("KmsMasterKeyId"),
                format!(
                    "`{id}` is encrypted with a key of your own: without leave to use it Lambda \
                     stops polling, and says so nowhere but in the mapping"
                ),
                "see that the functions' roles may kms:Decrypt with it, and who sends \
                 kms:GenerateDataKey too; or use SqsManagedSseEnabled",
            )
        }))
    });
    verdicts.collect()
}

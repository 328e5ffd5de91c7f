//! Receives and retention against the tries and waits of the routes.

use std::time::Duration;

use waybill_core::capacity::needs::max_receive_count;
use waybill_core::ledger::DeadLetter;
use waybill_core::limit::RECEIVES_SPARED;
use waybill_core::outage::{Room, tries_last};
use waybill_core::price::QueueKind;
use waybill_core::routes::Route;

use super::super::finding::Severity;
use super::super::outage::{Outage, RouteOutage, long};
use super::super::resource::Resource;
use super::super::value::Unknown;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "receives-too-few",
        severity: Severity::Error,
        failures: &["F18"],
        relation: "maxReceiveCount is at least 2 * (steps + 1) + 3 with `redrive`, 100 with `send`, \
                   and 10 * (steps + 1) + 20 for a FIFO queue; steps + 1 being the most tries of a \
                   route, those of its own dead-letter target counted",
        remedy: "raise maxReceiveCount",
        judge: |known| known.each_worker(receives),
    },
    Rule {
        id: "receives-spared",
        severity: Severity::Warning,
        failures: &["F07"],
        relation: "where events may wait in schedules, maxReceiveCount is at least 16: they leave \
                   the queue at the 15th receive",
        remedy: "raise maxReceiveCount to 25, or switch schedules off",
        judge: |known| known.each_worker(spared),
    },
    Rule {
        id: "retries-outlast-retention",
        severity: Severity::Error,
        failures: &["F08"],
        relation: "all waits of a route together are shorter than the source queue's retention, \
                   unless events may wait in schedules",
        remedy: "shorten the waits, raise MessageRetentionPeriod, or switch schedules on",
        judge: |known| known.each_worker(waits),
    },
    Rule {
        id: "outage-survived",
        severity: Severity::Note,
        failures: &["F43"],
        relation: "how long the ledger, or a target behind a breaker, may be away before the redrive \
                   policy takes valid messages, and how long a target without one",
        remedy: "raise maxReceiveCount where that is too short, and give a route a `breaker`",
        judge: |known| known.each_source(|queue| outage(known, queue)),
    },
];

/// Most tries of one event along a route, its own dead-letter target's among them.
fn tries(route: &Route) -> u64 {
    let own = route
        .dead_letter
        .as_ref()
        .map(|own| u64::from(own.retry.steps) + 1);
    u64::from(route.retry.steps) + 1 + own.unwrap_or(0)
}

/// `maxReceiveCount`, where the queue has a redrive policy.
fn receive_count(queue: &Resource) -> Result<Option<u64>, Unknown> {
    queue
        .property("RedrivePolicy")
        .get("maxReceiveCount")
        .number()
}

impl Known<'_> {
    /// How long what the events of each source queue need may be away, where that is known.
    pub(super) fn outages(&self) -> Vec<Outage> {
        let outages = self.bundle.sources().map(|queue| self.outage(queue));
        outages.filter_map(|outage| outage.ok().flatten()).collect()
    }

    /// How long what the events of a queue need may be away; none without a redrive policy.
    fn outage(&self, queue: &Resource) -> Result<Option<Outage>, Unknown> {
        let Some(receives) = receive_count(queue)? else {
            return Ok(None);
        };
        let bound = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let (max, tries) = (bound(receives), bound(self.most_tries()?));
        let retention = Duration::from_secs(queue.retention_seconds()?);
        let room = match queue.is_fifo()? {
            true => Room::fifo(max, tries, retention),
            false => Room::standard(max, tries, retention),
        };
        let ledger = room.survives();
        let routes = self.routes()?.routes.iter().map(|route| RouteOutage {
            name: route.name.to_string(),
            breaker: route.gate.breaker.is_some(),
            lasts: match route.gate.breaker {
                Some(_) => ledger,
                None => tries_last(&route.retry),
            },
        });
        Ok(Some(Outage {
            queue: queue.id.clone(),
            receives,
            ledger,
            routes: routes.collect(),
        }))
    }

    /// The most tries of any route.
    pub(in super::super) fn most_tries(&self) -> Result<u64, Unknown> {
        let tries = self.routes()?.routes.iter().map(tries);
        Ok(tries.max().unwrap_or(1))
    }
}

/// Enough receives.
fn receives(known: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    let Some(count) = receive_count(queue)? else {
        return Ok(None);
    };
    let mode = known.dead_letter_mode(function)?;
    let tries = known.most_tries();
    // What any route needs is wanted even where the routes are not known.
    let least = tries.as_ref().copied().unwrap_or(1);
    let kind = queue.queue_kind()?;
    let wanted = max_receive_count(kind, mode, least);
    let why = match (kind, mode) {
        (QueueKind::Fifo, _) => format!("10 * {least} tries + 20 for a FIFO queue"),
        (QueueKind::Standard, DeadLetter::Redrive) => {
            format!("2 * {least} tries + 3 with `redrive`")
        }
        (QueueKind::Standard, DeadLetter::Send) => {
            "with `send`, where it is only the net below".to_owned()
        }
    };
    let id = &queue.id;
    if count < wanted {
        return Ok(Some(Fault::new(
            queue.path_of("RedrivePolicy.maxReceiveCount"),
            format!(
                "`{id}` lets a message be received {count} times, and {wanted} are needed ({why}): \
                 throttles and busy leases would bring valid messages to the dead"
            ),
            format!("set maxReceiveCount of `{id}` to {wanted} or more"),
        )));
    }
    match (mode, kind) {
        (DeadLetter::Send, QueueKind::Standard) => Ok(None),
        (DeadLetter::Send | DeadLetter::Redrive, _) => tries.map(|_| None),
    }
}

/// Receives for schedules.
fn spared(_: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    let scheduled = function.variable("WAYBILL_SCHEDULE_GROUP").is_written()?;
    let count = receive_count(queue)?.filter(|_| scheduled);
    let id = &queue.id;
    let most = u64::from(RECEIVES_SPARED);
    Ok(count.filter(|count| *count <= most).map(|count| {
        Fault::new(
            queue.path_of("RedrivePolicy.maxReceiveCount"),
            format!(
                "`{id}` lets a message be received {count} times: it would leave for a schedule at \
                 receive {most}, too late"
            ),
            format!("set maxReceiveCount of `{id}` to {} or more", most + 1),
        )
    }))
}

/// Waits within the retention.
fn waits(known: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    // An event that may leave its queue does so before its message is too old, and is young again.
    if function.variable("WAYBILL_SCHEDULE_GROUP").is_written()? {
        return Ok(None);
    }
    let retention = queue.retention_seconds()?;
    let routes = known.routes()?.routes.iter();
    let longest = routes.map(|route| {
        let own = route
            .dead_letter
            .as_ref()
            .map(|own| own.retry.longest_waits());
        let waits = route
            .retry
            .longest_waits()
            .saturating_add(own.unwrap_or_default());
        (waits, route.name.to_string())
    });
    let Some((waits, name)) = longest.max() else {
        return Ok(None);
    };
    let id = &queue.id;
    let seconds = waits.as_secs();
    Ok((seconds >= retention).then(|| {
        Fault::new(
            queue.path_of("MessageRetentionPeriod"),
            format!(
                "the waits of route `{name}` come to {seconds} s, and `{id}` keeps a message for \
                 {retention} s: it would be dead, or gone, before its last try"
            ),
            format!(
                "shorten `retry` of route `{name}`, raise MessageRetentionPeriod of `{id}`, or \
                 switch schedules on"
            ),
        )
    }))
}

/// How long an outage may last.
fn outage(known: &Known<'_>, queue: &Resource) -> Verdict {
    let Some(outage) = known.outage(queue)? else {
        return Ok(None);
    };
    let minutes = outage.ledger.as_secs() / 60;
    let (id, count) = (&queue.id, outage.receives);
    let first = outage.first().map(|route| {
        format!(
            "; route `{}`, which has no breaker, gives its events up when its target was away for \
             {}",
            route.name,
            long(route.lasts)
        )
    });
    Ok(Some(Fault::new(
        queue.path_of("RedrivePolicy.maxReceiveCount"),
        format!(
            "with {count} receives the ledger, or a target behind a breaker, may be away for \
             {} h {} min before SQS moves valid messages of `{id}` to the dead{}",
            minutes / 60,
            minutes % 60,
            first.unwrap_or_default()
        ),
        "raise maxReceiveCount where that is too short, and give a route a `breaker`",
    )))
}

//! The ledger's table: how long it remembers, and that it is one.

use waybill_core::capacity::usage::FirstWrite;

use super::super::finding::Severity;
use super::super::resource::Resource;
use super::super::settings::first_write;
use super::super::value::{Unknown, Value};
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "ledger-ttl-short",
        severity: Severity::Error,
        failures: &["F37"],
        relation: "WAYBILL_LEDGER_TTL_DAYS covers the source queue's retention, the dead-letter \
                   queue's, and 7 days in which a redriven message may be on its way",
        remedy: "raise WAYBILL_LEDGER_TTL_DAYS",
        judge: |known| known.each_worker(ttl),
    },
    Rule {
        id: "ledger-replicated",
        severity: Severity::Error,
        failures: &[],
        relation: "the ledger is no eventually consistent global table",
        remedy: "keep the ledger in one region",
        judge: |known| known.each_ledger(replicated),
    },
    Rule {
        id: "ledger-cold",
        severity: Severity::Warning,
        failures: &["F43"],
        relation: "a ledger that is billed for each request is warm enough for a claim and an end of \
                   each event that the functions work on at once, or for one write where every \
                   route says `once: target`; a new one takes 4000 writes a second",
        remedy: "set WarmThroughput.WriteUnitsPerSecond of the ledger, or lower the concurrency",
        judge: cold,
    },
    Rule {
        id: "ledger-key",
        severity: Severity::Error,
        failures: &["F44"],
        relation: "the ledger's key is `pk`, a text, and no more",
        remedy: "set KeySchema to pk, HASH, and AttributeDefinitions to pk, S",
        judge: |known| known.each_ledger(key),
    },
    Rule {
        id: "ledger-expiry-off",
        severity: Severity::Error,
        failures: &["F41"],
        relation: "DynamoDB ends the ledger's rows by `expires_at`",
        remedy: "set TimeToLiveSpecification to expires_at, Enabled: true",
        judge: |known| known.each_ledger(expiry),
    },
    Rule {
        id: "ledger-no-recovery",
        severity: Severity::Warning,
        failures: &[],
        relation: "the ledger can be brought back to any point in time",
        remedy: "set PointInTimeRecoveryEnabled to true",
        judge: |known| known.each_ledger(recovery),
    },
    Rule {
        id: "ledger-unprotected",
        severity: Severity::Warning,
        failures: &[],
        relation: "DynamoDB refuses to delete the ledger",
        remedy: "set DeletionProtectionEnabled to true",
        judge: |known| known.each_ledger(protected),
    },
    Rule {
        id: "ledger-not-retained",
        severity: Severity::Warning,
        failures: &[],
        relation: "the ledger outlives its stack and its replacement",
        remedy: "set DeletionPolicy and UpdateReplacePolicy to Retain",
        judge: |known| known.each_ledger(retained),
    },
];

impl Known<'_> {
    /// One verdict for each ledger; what is not in the template cannot be known.
    fn each_ledger(&self, judge: fn(&Resource) -> Verdict) -> Vec<Verdict> {
        let told = self
            .bundle
            .functions()
            .map(|one| one.variable("WAYBILL_LEDGER_TABLE"));
        let outside = told.filter(|table| !table.is_absent()).find_map(|table| {
            let known = self.bundle.referred(table).is_some_and(is_table);
            (!known).then(|| Err(table.outside("table")))
        });
        let ledgers = self.bundle.ledgers().into_iter();
        let verdicts = ledgers.filter(|table| is_table(table)).map(judge);
        verdicts.chain(outside).collect()
    }
}

/// Whether a resource is a table.
fn is_table(resource: &Resource) -> bool {
    [TABLE, GLOBAL].contains(&resource.kind.as_str())
}

/// How long a row lives.
fn ttl(known: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    let days = function
        .variable("WAYBILL_LEDGER_TTL_DAYS")
        .number()?
        .unwrap_or(TTL_DAYS_DEFAULT);
    let of_source = queue.retention_seconds()?;
    let of_dead = match known.dead_letters(queue)? {
        Some(dead) => dead.retention_seconds()?,
        // As long as it can be.
        None => DEAD_LETTERS_LONGEST_DAYS * DAY_SECONDS,
    };
    let both = of_source.saturating_add(of_dead).div_ceil(DAY_SECONDS);
    let wanted = both.saturating_add(REDRIVE_WINDOW_DAYS);
    let (id, of) = (&queue.id, &function.id);
    Ok((days < wanted).then(|| {
        Fault::new(
            function.path_of_variable("WAYBILL_LEDGER_TTL_DAYS"),
            format!(
                "`{of}` has the ledger forget after {days} days; `{id}` and its dead-letter queue \
                 keep a message for {both}, and with {REDRIVE_WINDOW_DAYS} for a redrive that is \
                 {wanted}: what is redriven late would be done again"
            ),
            format!("set WAYBILL_LEDGER_TTL_DAYS of `{of}` to {wanted} or more"),
        )
    }))
}

/// More than one region.
fn replicated(table: &Resource) -> Verdict {
    let replicas = table.property("Replicas").list()?.len();
    let consistency = table.property("MultiRegionConsistency").text()?;
    let id = &table.id;
    Ok((replicas > 1 && consistency != Some("STRONG")).then(|| {
        Fault::new(
            table.path_of("Replicas"),
            format!(
                "`{id}` has {replicas} replicas that agree late: two regions can both win a claim"
            ),
            format!("keep `{id}` in one region: give it one replica"),
        )
    }))
}

/// Events that the functions work on at once.
fn at_once(known: &Known<'_>) -> Result<u64, Unknown> {
    let mut events = 0_u64;
    for mapping in &known.bundle.mappings {
        let pollers = mapping.properties.get("ProvisionedPollerConfig");
        let pollers = pollers.get("MaximumPollers").number()?;
        // What nothing bounds `concurrency-unbounded` tells.
        let most = mapping.concurrency()?.or(pollers).unwrap_or(0);
        events = events.saturating_add(most.saturating_mul(mapping.batch_events()?));
    }
    for poller in known.bundle.pollers() {
        let reserved = poller.property("ReservedConcurrentExecutions").number()?;
        let each = poller.variable("WAYBILL_CONCURRENCY").number()?;
        let each = each.unwrap_or(super::fan_out::POLLER_EVENTS);
        events = events.saturating_add(reserved.unwrap_or(0).saturating_mul(each));
    }
    Ok(events)
}

/// Writes of the ledger for an event that is delivered at the first try: its claim and its end, or
/// one, where its routes need no claim.
fn writes_of_an_event(known: &Known<'_>) -> u64 {
    match known.routes().map_or(FirstWrite::Claim, first_write) {
        FirstWrite::Claim | FirstWrite::Effect => 2,
        FirstWrite::Try => 1,
    }
}

/// A ledger that is not warm.
fn cold(known: &Known<'_>) -> Vec<Verdict> {
    let judge = |table: &Resource| -> Verdict {
        if table.property("BillingMode").text()? != Some("PAY_PER_REQUEST") {
            return Ok(None);
        }
        let warm = table.property("WarmThroughput");
        let said = warm.get("WriteUnitsPerSecond").number()?;
        let takes = said.unwrap_or(COLD_WRITES);
        let events = at_once(known)?;
        let needed = events.saturating_mul(writes_of_an_event(known));
        let (id, how) = (
            &table.id,
            if said.is_some() {
                "is"
            } else {
                "may be new, and is then"
            },
        );
        Ok((needed > takes).then(|| {
            Fault::new(
                table.path_of("WarmThroughput"),
                format!(
                    "the functions work on {events} events at once, which is {needed} writes of the \
                     ledger when they come within a second, and `{id}` {how} warm for {takes}: \
                     DynamoDB throttles what is more, and events wait"
                ),
                format!(
                    "set WarmThroughput.WriteUnitsPerSecond of `{id}` to {needed}; what the table \
                     is warm for already costs nothing to say. Or lower the concurrency"
                ),
            )
        }))
    };
    let ledgers = known.bundle.ledgers().into_iter();
    ledgers.filter(|table| is_table(table)).map(judge).collect()
}

/// The key.
fn key(table: &Resource) -> Verdict {
    let schema = table.property("KeySchema").list()?;
    let mut keys = Vec::new();
    for part in &schema {
        let name = part.get("AttributeName").text()?.unwrap_or_default();
        keys.push((name, part.get("KeyType").text()?.unwrap_or_default()));
    }
    let mut text = false;
    for attribute in table.property("AttributeDefinitions").list()? {
        let is_key = attribute.get("AttributeName").text()? == Some("pk");
        text |= is_key && attribute.get("AttributeType").text()? == Some("S");
    }
    let id = &table.id;
    Ok((keys != [("pk", "HASH")] || !text).then(|| {
        Fault::new(
            table.path_of("KeySchema"),
            format!("the key of `{id}` is not `pk` alone, a text: no claim can be written"),
            format!(
                "set KeySchema of `{id}` to pk, HASH, and its type in AttributeDefinitions to S"
            ),
        )
    }))
}

/// Rows end.
fn expiry(table: &Resource) -> Verdict {
    let ttl = table.property("TimeToLiveSpecification");
    let by = ttl.get("AttributeName").text()?;
    let on = ttl.get("Enabled").is_true()? && by == Some("expires_at");
    let id = &table.id;
    Ok((!on).then(|| {
        Fault::new(
            table.path_of("TimeToLiveSpecification"),
            format!(
                "DynamoDB does not end the rows of `{id}` by `expires_at`: they pile up for ever"
            ),
            format!(
                "set TimeToLiveSpecification of `{id}` to AttributeName: expires_at, Enabled: true"
            ),
        )
    }))
}

/// The settings of a table: a global table has them for each replica.
fn settings(table: &Resource) -> Result<Vec<&Value>, Unknown> {
    match table.kind == GLOBAL {
        true => table.property("Replicas").list(),
        false => Ok(vec![&table.properties]),
    }
}

/// Point-in-time recovery.
fn recovery(table: &Resource) -> Verdict {
    let mut on = true;
    for of in settings(table)? {
        let recovery = of.get("PointInTimeRecoverySpecification");
        on &= recovery.get("PointInTimeRecoveryEnabled").is_true()?;
    }
    let id = &table.id;
    Ok((!on).then(|| {
        Fault::new(
            table.path_of("PointInTimeRecoverySpecification"),
            format!(
                "`{id}` cannot be brought back: rows that are lost let their events be done again"
            ),
            format!("set PointInTimeRecoveryEnabled of `{id}` to true"),
        )
    }))
}

/// Protection from deletion.
fn protected(table: &Resource) -> Verdict {
    let mut on = true;
    for of in settings(table)? {
        on &= of.get("DeletionProtectionEnabled").is_true()?;
    }
    let id = &table.id;
    Ok((!on).then(|| {
        Fault::new(
            table.path_of("DeletionProtectionEnabled"),
            format!("`{id}` can be deleted, and with it what was done already"),
            format!("set DeletionProtectionEnabled of `{id}` to true"),
        )
    }))
}

/// The table stays.
fn retained(table: &Resource) -> Verdict {
    let mut gone = Vec::new();
    for (name, policy) in ["DeletionPolicy", "UpdateReplacePolicy"]
        .iter()
        .zip(&table.policies)
    {
        let kept = ["Retain", "RetainExceptOnCreate"];
        if !policy.text()?.is_some_and(|policy| kept.contains(&policy)) {
            gone.push(*name);
        }
    }
    let id = &table.id;
    Ok((!gone.is_empty()).then(|| {
        let gone = gone.join(" and ");
        Fault::new(
            format!("Resources.{id}"),
            format!(
                "{gone} of `{id}` is not Retain: the ledger goes with its stack, or when it is \
                     replaced"
            ),
            format!("set {gone} of `{id}` to Retain"),
        )
    }))
}

/// The type of tables.
const TABLE: &str = "AWS::DynamoDB::Table";

/// The type of global tables.
const GLOBAL: &str = "AWS::DynamoDB::GlobalTable";

/// Writes a second that a new table takes which is billed for each request.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/warm-throughput.html>
const COLD_WRITES: u64 = 4000;

/// How many days a row lives where the functions are not told.
const TTL_DAYS_DEFAULT: u64 = 35;

/// How long a redriven message may still be on its way after the dead-letter queue let it go.
const REDRIVE_WINDOW_DAYS: u64 = 7;

/// The longest retention there is, in days.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html>
const DEAD_LETTERS_LONGEST_DAYS: u64 = 14;

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

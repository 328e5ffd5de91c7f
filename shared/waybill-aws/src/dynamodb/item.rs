//! A row as a DynamoDB item: the only place that knows the attributes' names.
//!
//! A usual row stays under one write unit (1 KB): what is empty or zero is left out, and names
//! inside lists are one letter long. An item that this release cannot read in full is a
//! [`Row::Unknown`], never half a record: acting on half of what is known could do a thing twice.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;

use waybill_core::digest::Digest;
use waybill_core::id::{LedgerKey, MessageId, OwnerId, RouteName};
use waybill_core::ledger::{
    AttemptRecord, AuditRecord, Death, Deed, Fence, Record, RouteRecord, RouteState, Row,
    SCHEMA_VERSION, Status,
};
use waybill_core::outcome::DeadReason;
use waybill_core::time::Timestamp;

/// An item, or a map inside one.
pub type Item = HashMap<String, AttributeValue>;

/// The partition key's name.
pub(super) const PK: &str = "pk";

const VERSION: &str = "v";
const STATUS: &str = "status";
const OWNER: &str = "owner";
const REV: &str = "rev";
const LEASE_UNTIL: &str = "lease_until";
const DUE: &str = "due";
const EXPIRES_AT: &str = "expires_at";
const DIGEST: &str = "digest";
const ROUTES_VERSION: &str = "routes_version";
const ROUTES: &str = "routes";
const ATTEMPTS: &str = "attempts";
const CRASHES: &str = "crashes";
const DEAD_AT: &str = "dead_at";
const DEAD_REASON: &str = "dead_reason";
const DEAD_MESSAGE_ID: &str = "dead_message_id";
const DLQ_SENT: &str = "dlq_sent";
const REDRIVE_N: &str = "redrive_n";
const RESULT: &str = "result";
const AUDIT: &str = "audit";

/// The index's partition key: only rows that are in it have one. Its sort key is the time to live,
/// which each write puts off, so that it says when a row was written last.
pub(super) const INDEX_KEY: &str = "ix";

/// Names inside a route: its name, state, attempts, last code, due time, what it died of, tries
/// that were not charged.
mod route {
    pub(super) const NAME: &str = "n";
    pub(super) const STATE: &str = "s";
    pub(super) const ATTEMPTS: &str = "a";
    pub(super) const LAST: &str = "l";
    pub(super) const DUE: &str = "d";
    pub(super) const DIED: &str = "x";
    pub(super) const UNCHARGED: &str = "u";
}

/// Names inside an attempt: when, at which route, outcome, code, message, whether at the route's own
/// dead-letter target.
mod attempt {
    pub(super) const AT: &str = "t";
    pub(super) const ROUTE: &str = "r";
    pub(super) const OUTCOME: &str = "o";
    pub(super) const CODE: &str = "c";
    pub(super) const MESSAGE: &str = "m";
    pub(super) const DEAD_LETTER: &str = "x";
}

/// Names inside a deed of the audit: when, what, who, note.
mod deed {
    pub(super) const AT: &str = "t";
    pub(super) const DEED: &str = "d";
    pub(super) const WHO: &str = "w";
    pub(super) const NOTE: &str = "m";
}

/// Every attribute of a row but its key, in a fixed order; `None` where the row does not have it.
pub(super) fn attributes(record: &Record) -> [(&'static str, Option<AttributeValue>); 20] {
    let death = record.death.as_ref();
    [
        (VERSION, Some(number(SCHEMA_VERSION.into()))),
        (STATUS, Some(text(record.status.word()))),
        (OWNER, Some(text(record.owner.to_string()))),
        (REV, Some(number(record.rev))),
        (LEASE_UNTIL, Some(time(record.lease_until))),
        (DUE, record.due.map(time)),
        (EXPIRES_AT, Some(number(record.expires_at))),
        (DIGEST, Some(text(record.digest.0.as_str()))),
        (ROUTES_VERSION, unless_empty(&record.routes_version)),
        (ROUTES, list(&record.routes, route_value)),
        (ATTEMPTS, list(&record.attempts, attempt_value)),
        (CRASHES, unless_zero(record.crashes)),
        (DEAD_AT, death.map(|death| time(death.at))),
        (DEAD_REASON, death.map(|death| text(death.reason.word()))),
        (DEAD_MESSAGE_ID, death.map(|d| text(d.message_id.as_str()))),
        (
            DLQ_SENT,
            death
                .filter(|d| d.dlq_sent)
                .map(|_| AttributeValue::Bool(true)),
        ),
        (REDRIVE_N, unless_zero(record.redrive_n)),
        (RESULT, record.result.as_deref().map(text)),
        (AUDIT, list(&record.audit, audit_value)),
        (INDEX_KEY, record.index_key().map(text)),
    ]
}

/// The value of a row's key.
pub(super) fn pk(record: &Record) -> AttributeValue {
    text(record.key.as_str())
}

/// What a write is conditioned on, beside the key.
pub(super) fn fence(fence: &Fence) -> [(&'static str, AttributeValue); 3] {
    [
        (OWNER, text(fence.owner.to_string())),
        (STATUS, text(fence.status.word())),
        (REV, number(fence.rev)),
    ]
}

/// The item that asks for a key.
pub(super) fn key_item(key: &LedgerKey) -> Item {
    [(PK.to_owned(), text(key.as_str()))].into()
}

/// Whether an item has this key.
pub(super) fn has_key(item: &Item, key: &LedgerKey) -> bool {
    matches!(item.get(PK), Some(AttributeValue::S(pk)) if pk == key.as_str())
}

/// The whole item of a row, as its insert writes it.
pub fn item(record: &Record) -> Item {
    let attributes = attributes(record).into_iter();
    let some = attributes.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    some.chain([(PK.to_owned(), pk(record))]).collect()
}

/// Reads an item: a record in full, or what is not understood of it.
pub fn read(item: &Item) -> Row {
    match record(item) {
        Ok(record) => Row::Known(Box::new(record)),
        Err(what) => Row::Unknown { what },
    }
}

/// Reads an item, or says what is not understood.
fn record(item: &Item) -> Result<Record, String> {
    let version = need(VERSION, u64_of(item, VERSION)?)?;
    if version != u64::from(SCHEMA_VERSION) {
        return Err(format!(
            "the row has version {version}, this release reads {SCHEMA_VERSION}"
        ));
    }
    let status = word_of(item, STATUS, Status::parse)?;
    let death = death(item)?;
    if status == Status::Dead && death.is_none() {
        return Err("the row is dead and does not say of what".to_owned());
    }
    let due = time_of(item, DUE)?;
    if status == Status::Scheduled && due.is_none() {
        return Err("the row waits in a schedule and does not say until when".to_owned());
    }
    let routes = list_of(item, ROUTES, route_record)?;
    if let Some(name) = twice(&routes) {
        return Err(format!("the row has the route `{}` twice", name.as_str()));
    }
    Ok(Record {
        key: LedgerKey::from_stored(need(PK, text_of(item, PK)?)?),
        status,
        owner: word_of(item, OWNER, OwnerId::parse)?,
        rev: need(REV, u64_of(item, REV)?)?,
        lease_until: need(LEASE_UNTIL, time_of(item, LEASE_UNTIL)?)?,
        due,
        expires_at: need(EXPIRES_AT, u64_of(item, EXPIRES_AT)?)?,
        digest: Digest(need(DIGEST, text_of(item, DIGEST)?)?.to_owned()),
        routes_version: text_of(item, ROUTES_VERSION)?
            .unwrap_or_default()
            .to_owned(),
        routes,
        attempts: list_of(item, ATTEMPTS, attempt_record)?,
        crashes: u32_of(item, CRASHES)?.unwrap_or_default(),
        death,
        redrive_n: u32_of(item, REDRIVE_N)?.unwrap_or_default(),
        result: text_of(item, RESULT)?.map(str::to_owned),
        audit: audit_of(item)?,
    })
}

/// A name that several routes have: each of them would be tried, though it is one route.
fn twice(routes: &[RouteRecord]) -> Option<&RouteName> {
    let mut seen = HashSet::new();
    let names = routes.iter().map(|route| &route.name);
    names.into_iter().find(|name| !seen.insert(*name))
}

/// What the row died of; a death is told in full or not at all.
fn death(item: &Item) -> Result<Option<Death>, String> {
    let parts = [DEAD_AT, DEAD_REASON, DEAD_MESSAGE_ID, DLQ_SENT];
    if parts.iter().all(|name| !item.contains_key(*name)) {
        return Ok(None);
    }
    Ok(Some(Death {
        at: need(DEAD_AT, time_of(item, DEAD_AT)?)?,
        reason: word_of(item, DEAD_REASON, DeadReason::parse)?,
        message_id: word_of(item, DEAD_MESSAGE_ID, MessageId::new)?,
        dlq_sent: bool_of(item, DLQ_SENT)?.unwrap_or_default(),
    }))
}

/// A route as it is written.
fn route_value(record: &RouteRecord) -> AttributeValue {
    let optional = [
        (route::ATTEMPTS, unless_zero(record.attempts)),
        (route::LAST, unless_empty(&record.last)),
        (route::DUE, record.due.map(time)),
        (route::DIED, record.died.map(|died| text(died.word()))),
        (route::UNCHARGED, unless_zero(record.uncharged)),
    ];
    let named = [
        (route::NAME, Some(text(record.name.as_str()))),
        (route::STATE, Some(text(record.state.word()))),
    ];
    map(named.into_iter().chain(optional))
}

/// A route as it is read.
fn route_record(item: &Item) -> Result<RouteRecord, String> {
    Ok(RouteRecord {
        name: word_of(item, route::NAME, RouteName::new)?,
        state: word_of(item, route::STATE, RouteState::parse)?,
        attempts: u32_of(item, route::ATTEMPTS)?.unwrap_or_default(),
        last: text_of(item, route::LAST)?.unwrap_or_default().to_owned(),
        due: time_of(item, route::DUE)?,
        died: match item.contains_key(route::DIED) {
            true => Some(word_of(item, route::DIED, DeadReason::parse)?),
            false => None,
        },
        uncharged: u32_of(item, route::UNCHARGED)?.unwrap_or_default(),
    })
}

/// An attempt as it is written.
fn attempt_value(record: &AttemptRecord) -> AttributeValue {
    map([
        (attempt::AT, Some(time(record.at))),
        (attempt::ROUTE, Some(text(record.route.as_str()))),
        (attempt::OUTCOME, Some(text(record.outcome.as_str()))),
        (attempt::CODE, unless_empty(&record.code)),
        (attempt::MESSAGE, unless_empty(&record.message)),
        (
            attempt::DEAD_LETTER,
            record.dead_letter.then_some(AttributeValue::Bool(true)),
        ),
    ])
}

/// An attempt as it is read.
fn attempt_record(item: &Item) -> Result<AttemptRecord, String> {
    let words = |name| Ok::<_, String>(text_of(item, name)?.unwrap_or_default().to_owned());
    Ok(AttemptRecord {
        at: need(attempt::AT, time_of(item, attempt::AT)?)?,
        route: word_of(item, attempt::ROUTE, RouteName::new)?,
        outcome: need(attempt::OUTCOME, text_of(item, attempt::OUTCOME)?)?.to_owned(),
        code: words(attempt::CODE)?,
        message: words(attempt::MESSAGE)?,
        dead_letter: bool_of(item, attempt::DEAD_LETTER)?.unwrap_or_default(),
    })
}

/// A deed as it is written.
pub(super) fn audit_value(record: &AuditRecord) -> AttributeValue {
    map([
        (deed::AT, Some(time(record.at))),
        (deed::DEED, Some(text(record.deed.word()))),
        (deed::WHO, unless_empty(&record.who)),
        (deed::NOTE, unless_empty(&record.note)),
    ])
}

/// The deeds that an item tells of.
pub(super) fn audit_of(item: &Item) -> Result<Vec<AuditRecord>, String> {
    list_of(item, AUDIT, audit_record)
}

/// A deed as it is read.
fn audit_record(item: &Item) -> Result<AuditRecord, String> {
    let words = |name| Ok::<_, String>(text_of(item, name)?.unwrap_or_default().to_owned());
    Ok(AuditRecord {
        at: need(deed::AT, time_of(item, deed::AT)?)?,
        deed: word_of(item, deed::DEED, Deed::parse)?,
        who: words(deed::WHO)?,
        note: words(deed::NOTE)?,
    })
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn time(value: Timestamp) -> AttributeValue {
    number(value.as_millis())
}

/// A count; left out when it is zero.
fn unless_zero(value: u32) -> Option<AttributeValue> {
    (value != 0).then(|| number(value.into()))
}

/// A text; left out when it is empty.
fn unless_empty(value: &str) -> Option<AttributeValue> {
    (!value.is_empty()).then(|| text(value))
}

/// A list; left out when it is empty.
fn list<T>(values: &[T], value: impl Fn(&T) -> AttributeValue) -> Option<AttributeValue> {
    let values: Vec<_> = values.iter().map(value).collect();
    (!values.is_empty()).then_some(AttributeValue::L(values))
}

/// A map of what is there.
fn map(values: impl IntoIterator<Item = (&'static str, Option<AttributeValue>)>) -> AttributeValue {
    let some = |(name, value): (&str, Option<_>)| value.map(|value| (name.to_owned(), value));
    AttributeValue::M(values.into_iter().filter_map(some).collect())
}

/// What must be there.
fn need<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("the row has no `{name}`"))
}

/// What is said of an attribute whose type or value is not ours.
fn not_understood(name: &str) -> String {
    format!("the row's `{name}` is not understood")
}

/// A text that must be there and mean something.
fn word_of<'a, T>(
    item: &'a Item,
    name: &str,
    parse: impl Fn(&'a str) -> Option<T>,
) -> Result<T, String> {
    let word = need(name, text_of(item, name)?)?;
    parse(word).ok_or_else(|| not_understood(name))
}

/// A text, where it is there; another type is not understood.
fn text_of<'a>(item: &'a Item, name: &str) -> Result<Option<&'a str>, String> {
    let text = item.get(name).map(|value| value.as_s());
    let text = text.transpose().map_err(|_| not_understood(name))?;
    Ok(text.map(String::as_str))
}

/// A truth value, as [`text_of`].
fn bool_of(item: &Item, name: &str) -> Result<Option<bool>, String> {
    let value = item.get(name).map(|value| value.as_bool().copied());
    value.transpose().map_err(|_| not_understood(name))
}

/// A whole number, as [`text_of`]; one that is negative or too large is not understood.
fn u64_of(item: &Item, name: &str) -> Result<Option<u64>, String> {
    let number = |value: &AttributeValue| value.as_n().ok().and_then(|n| n.parse().ok());
    let value = item
        .get(name)
        .map(|v| number(v).ok_or(not_understood(name)));
    value.transpose()
}

/// A small whole number, as [`u64_of`].
fn u32_of(item: &Item, name: &str) -> Result<Option<u32>, String> {
    let value = u64_of(item, name)?.map(|n| u32::try_from(n).map_err(|_| not_understood(name)));
    value.transpose()
}

/// A point in time, as [`u64_of`].
fn time_of(item: &Item, name: &str) -> Result<Option<Timestamp>, String> {
    Ok(u64_of(item, name)?.map(Timestamp::from_millis))
}

/// A list of maps; none where the row does not have it.
fn list_of<T>(
    item: &Item,
    name: &str,
    read: impl Fn(&Item) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let Some(list) = item.get(name) else {
        return Ok(Vec::new());
    };
    let list = list.as_l().map_err(|_| not_understood(name))?;
    let one = |value: &AttributeValue| {
        let map = value.as_m().map_err(|_| not_understood(name))?;
        read(map).map_err(|what| format!("{what}, in its `{name}`"))
    };
    list.iter().map(one).collect()
}

#[cfg(test)]
mod tests;

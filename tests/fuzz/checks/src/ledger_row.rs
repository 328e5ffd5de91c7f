//! An item of the ledger's table as a row, and what a row means.
//!
//! An input is an item in DynamoDB's JSON: `{"pk": {"S": "orders#1"}, …}`.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use waybill_aws::dynamodb::item::{Item, item, read};
use waybill_core::digest::Digest;
use waybill_core::id::{MessageId, OwnerId, RouteName};
use waybill_core::ledger::{Ask, DeadLetter, Record, Row, Status, TakeOver, Verdict, judge};
use waybill_core::outcome::DeferCause;
use waybill_core::time::Timestamp;

/// What is said of an item that is not understood, in bytes.
const FAULT_MAX: usize = 256;

/// What every row has.
const NEEDED: [&str; 8] = [
    "pk",
    "v",
    "status",
    "owner",
    "rev",
    "lease_until",
    "expires_at",
    "digest",
];

/// Reads an input as an item and checks the row.
pub fn check(input: &[u8]) {
    let Some(found) = item_of(input) else {
        return;
    };
    let row = read(&found);
    assert_eq!(row, read(&found), "reading it again is the same");
    for ask in asks(&row) {
        for now in nows(&row) {
            verdict_holds(&row, &ask, Timestamp::from_millis(now));
        }
    }
    match &row {
        Row::Known(record) => record_holds(&found, record),
        Row::Unknown { what } => assert!((1..=FAULT_MAX).contains(&what.len()), "{what}"),
    }
}

/// A record is whole: written and read again it is the same, and it lacks nothing.
fn record_holds(found: &Item, record: &Record) {
    written_holds(record);
    assert!(NEEDED.iter().all(|name| found.contains_key(*name)));
    assert!(
        record.status != Status::Dead || record.death.is_some(),
        "dead of nothing"
    );
    let names: BTreeSet<_> = record.routes.iter().map(|route| &route.name).collect();
    assert_eq!(
        names.len(),
        record.routes.len(),
        "a route that is there twice is tried twice"
    );
    for name in NEEDED {
        let mut damaged = found.clone();
        damaged.remove(name);
        assert!(
            matches!(read(&damaged), Row::Unknown { .. }),
            "without `{name}`"
        );
        damaged.insert(name.to_owned(), AttributeValue::Bool(true));
        assert!(
            matches!(read(&damaged), Row::Unknown { .. }),
            "`{name}` of another type"
        );
    }
    let mut more = found.clone();
    more.insert("a later release's".to_owned(), AttributeValue::Null(true));
    assert_eq!(read(&more), Row::Known(Box::new(record.clone())));
}

/// A record is read as it was written.
fn written_holds(record: &Record) {
    assert_eq!(read(&item(record)), Row::Known(Box::new(record.clone())));
}

/// What a row means is safe to act on.
fn verdict_holds(row: &Row, ask: &Ask, now: Timestamp) {
    let verdict = judge(row, ask, now);
    assert_eq!(verdict, judge(row, ask, now));
    let Row::Known(record) = row else {
        let unknown = matches!(
            verdict,
            Verdict::Defer {
                cause: DeferCause::UnknownRow,
                ..
            }
        );
        assert!(unknown, "{verdict:?}");
        return;
    };
    let mine = record.owner == ask.owner;
    let held = record.status == Status::InProgress && now <= record.lease_until;
    let lives = Timestamp::from_secs(record.expires_at) > now;
    let same = record.digest == ask.digest;
    assert_eq!(verdict == Verdict::Mine, mine);
    match verdict {
        Verdict::Mine | Verdict::Defer { .. } => {}
        Verdict::TakeOver(why) => {
            assert!(!held && !mine, "held by another");
            let again = matches!(why, TakeOver::Expired | TakeOver::Redrive);
            let open = matches!(
                record.status,
                Status::InProgress | Status::Pending | Status::Scheduled
            );
            assert!(
                again && !lives || same && (again || open),
                "{why:?} of {record:?}"
            );
            take_over_holds(record, ask, why, now);
        }
        Verdict::HandOver => {
            let waits = record.due.is_some_and(|due| now < due);
            assert!(record.status == Status::Scheduled && same && lives && waits);
        }
        Verdict::Conflict => assert!(!same && lives),
        Verdict::Completed => assert!(record.status == Status::Completed && same && lives),
        Verdict::Dead(_) | Verdict::SendDead(_) => {
            assert!(record.status == Status::Dead && same && lives);
        }
    }
}

/// A row that was taken over follows the one that was seen, and can be written.
fn take_over_holds(seen: &Record, ask: &Ask, why: TakeOver, now: Timestamp) {
    let plan = ask.first("v1", &[RouteName::new("crm").unwrap()]);
    let next = ask.take_over(seen, why, &plan, now);
    assert_eq!(next.owner, ask.owner);
    assert_eq!(next.rev, seen.rev.saturating_add(1));
    assert!(why == TakeOver::Expired || next.expires_at >= seen.expires_at);
    written_holds(&next);
    let mut closed = next.clone();
    closed.close(&ask.message_id, now, std::time::Duration::from_secs(1));
    assert_ne!(closed.status, Status::InProgress);
    written_holds(&closed.written(ask.expires_at));
}

/// Who may ask for a row: its owner, another with the same data, another with other data.
fn asks(row: &Row) -> Vec<Ask> {
    let other = Record::clone(&stranger());
    let record = match row {
        Row::Known(record) => record.as_ref(),
        Row::Unknown { .. } => &other,
    };
    let stranger = OwnerId(record.owner.0 ^ 1);
    let strange = Digest("raw-sha256:other".to_owned());
    let same_message = record.death.as_ref().map(|death| death.message_id.clone());
    let ask = |owner, digest: &Digest, dead_letter| Ask {
        key: record.key.clone(),
        owner,
        digest: digest.clone(),
        message_id: same_message
            .clone()
            .unwrap_or(MessageId::new("m-1").unwrap()),
        sent: Some(Timestamp::from_millis(u64::MAX)),
        lease_until: Timestamp::from_millis(1_772_359_260_000),
        expires_at: 1_775_000_000,
        redrive_limit: 3,
        dead_letter,
    };
    vec![
        ask(record.owner, &record.digest, DeadLetter::Redrive),
        ask(stranger, &record.digest, DeadLetter::Redrive),
        ask(stranger, &strange, DeadLetter::Redrive),
        Ask {
            message_id: MessageId::new("redriven").unwrap(),
            ..ask(stranger, &record.digest, DeadLetter::Send)
        },
        Ask {
            sent: None,
            ..ask(stranger, &record.digest, DeadLetter::Send)
        },
    ]
}

/// A row that nobody knows.
fn stranger() -> Box<Record> {
    let seed = br#"{"pk":{"S":"c#k"},"v":{"N":"1"},"status":{"S":"IN_PROGRESS"},
        "owner":{"S":"00000000000000000000000000000001"},"rev":{"N":"1"},
        "lease_until":{"N":"0"},"expires_at":{"N":"0"},"digest":{"S":"raw-sha256:"}}"#;
    match item_of(seed).as_ref().map(read) {
        Some(Row::Known(record)) => record,
        other => panic!("{other:?}"),
    }
}

/// Moments around those that a row names, and the ends of time.
fn nows(row: &Row) -> BTreeSet<u64> {
    let mut nows = BTreeSet::from([0, 1_772_359_200_000, u64::MAX]);
    if let Row::Known(record) = row {
        let lease = record.lease_until.as_millis();
        let expiry = record.expires_at.saturating_mul(1000);
        let due = record.due.unwrap_or_default().as_millis();
        for moment in [lease, lease.saturating_add(2000), expiry, due] {
            nows.extend([moment.saturating_sub(1), moment, moment.saturating_add(1)]);
        }
    }
    nows
}

/// An item as DynamoDB's JSON has it; `None` where it is not that.
fn item_of(input: &[u8]) -> Option<Item> {
    let Value::Object(members) = serde_json::from_slice(input).ok()? else {
        return None;
    };
    let values = members
        .into_iter()
        .map(|(name, value)| Some((name, value_of(value)?)));
    values.collect()
}

/// A value: an object with its type as its one name.
fn value_of(value: Value) -> Option<AttributeValue> {
    let Value::Object(typed) = value else {
        return None;
    };
    let mut typed = typed.into_iter();
    let (Some((kind, value)), None) = (typed.next(), typed.next()) else {
        return None;
    };
    let text = |value: Value| value.as_str().map(str::to_owned);
    let bytes = |value: Value| STANDARD.decode(value.as_str()?).ok().map(Blob::new);
    Some(match (kind.as_str(), value) {
        ("S", value) => AttributeValue::S(text(value)?),
        ("N", value) => AttributeValue::N(text(value)?),
        ("B", value) => AttributeValue::B(bytes(value)?),
        ("BOOL", value) => AttributeValue::Bool(value.as_bool()?),
        ("NULL", value) => AttributeValue::Null(value.as_bool()?),
        ("SS", Value::Array(list)) => AttributeValue::Ss(each(list, text)?),
        ("NS", Value::Array(list)) => AttributeValue::Ns(each(list, text)?),
        ("BS", Value::Array(list)) => AttributeValue::Bs(each(list, bytes)?),
        ("L", Value::Array(list)) => AttributeValue::L(each(list, value_of)?),
        ("M", Value::Object(members)) => {
            let values = members
                .into_iter()
                .map(|(name, value)| Some((name, value_of(value)?)));
            AttributeValue::M(values.collect::<Option<HashMap<_, _>>>()?)
        }
        _ => return None,
    })
}

/// Every entry of a list; `None` where one is not read.
fn each<T>(list: Vec<Value>, read: impl Fn(Value) -> Option<T>) -> Option<Vec<T>> {
    list.into_iter().map(read).collect()
}

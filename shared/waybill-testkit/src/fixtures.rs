//! Messages, asks and rows as tests want them: valid, and plain but for what the test says.

use std::time::Duration;

use waybill_core::digest::Digest;
use waybill_core::id::{LedgerKey, MessageId, OwnerId, ReceiptHandle, RouteName};
use waybill_core::ledger::Status;
use waybill_core::ledger::{
    Ask, AttemptRecord, DeadLetter, Death, Record, RouteRecord, RouteState,
};
use waybill_core::message::{AttributeValue, Message, MessageAttribute};
use waybill_core::outcome::DeadReason;
use waybill_core::time::Timestamp;

use crate::TestAmbient;

/// The consumer of every fixture.
pub const CONSUMER: &str = "test";

/// When fixtures are: the time at which [`TestAmbient`] begins.
pub const NOW: Timestamp = TestAmbient::BASE;

/// How long a fixture's row lives from [`NOW`].
pub const ROW_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long a fixture's lease lasts from [`NOW`].
pub const LEASE: Duration = Duration::from_secs(60);

/// The ledger's key of the event `name`.
pub fn key(name: &str) -> LedgerKey {
    LedgerKey::from_stored(format!("{CONSUMER}#{name}"))
}

/// A route's name.
///
/// # Panics
///
/// When it is not `[a-z0-9-]{1,64}`.
pub fn route(name: &str) -> RouteName {
    RouteName::new(name).expect("a test names routes with a-z, 0-9 and `-`")
}

/// A message's id.
///
/// # Panics
///
/// When it is empty.
pub fn message_id(id: &str) -> MessageId {
    MessageId::new(id).expect("a test's message ids are not empty")
}

/// An owner told apart by a small number.
pub fn owner(n: u128) -> OwnerId {
    OwnerId(n)
}

/// A text attribute.
pub fn text(value: &str) -> MessageAttribute {
    MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text(value.to_owned()),
    }
}

/// A first receive of a message with this id and this body, sent at [`NOW`].
pub fn message(id: &str, body: &str) -> Message {
    Message {
        message_id: message_id(id),
        receipt_handle: ReceiptHandle(format!("{id}@1")),
        body: body.into(),
        receive_count: 1,
        sent: Some(NOW),
        group_id: None,
        trace_header: None,
        attributes: [].into(),
        queue_arn: "arn:aws:sqs:eu-central-1:000000000000:orders".to_owned(),
        moved_from: None,
    }
}

/// The ask of owner `by` for the event `name`, carried by the message of the same name, with a
/// lease of [`LEASE`] from [`NOW`].
pub fn ask(name: &str, by: u128) -> Ask {
    Ask {
        key: key(name),
        owner: owner(by),
        digest: digest(name),
        message_id: message_id(name),
        sent: Some(NOW),
        lease_until: NOW.after(LEASE),
        expires_at: NOW.after(ROW_LIFE).as_secs_ceil(),
        redrive_limit: 3,
        dead_letter: DeadLetter::Redrive,
    }
}

/// The digest of the event `name`'s data.
pub fn digest(name: &str) -> Digest {
    Digest(format!("raw-sha256:{name}"))
}

/// The row of a first claim of the event `name` by owner `by` with one route, `crm`.
pub fn claimed(name: &str, by: u128) -> Record {
    ask(name, by).first("v1", &[route("crm")])
}

/// The next write of a row that leaves it in this status, by the same owner.
#[must_use]
pub fn moved(record: &Record, status: Status) -> Record {
    let mut next = record.clone();
    next.status = status;
    match status {
        Status::InProgress => {}
        Status::Pending | Status::Scheduled => {
            next.due = Some(NOW.after(Duration::from_secs(10)));
        }
        Status::Completed => {
            next.due = None;
            next.attempts.clear();
            for at in &mut next.routes {
                at.state = RouteState::Delivered;
            }
        }
        Status::Dead => {
            next.due = None;
            next.death = Some(death(DeadReason::Rejected));
        }
    }
    next.written(record.expires_at)
}

/// A death at [`NOW`], carried by the message `m-1`.
pub fn death(reason: DeadReason) -> Death {
    Death {
        at: NOW,
        reason,
        message_id: message_id("m-1"),
        dlq_sent: false,
    }
}

/// A route in this state after this many attempts.
pub fn route_record(name: &str, state: RouteState, attempts: u32) -> RouteRecord {
    RouteRecord {
        name: route(name),
        state,
        attempts,
        last: if attempts == 0 { "" } else { "http_503" }.to_owned(),
        due: None,
        died: None,
        uncharged: 0,
    }
}

/// The `n`th attempt at a route, failed with a message for people.
pub fn attempt_record(name: &str, n: u64) -> AttemptRecord {
    AttemptRecord {
        at: Timestamp::from_millis(NOW.as_millis() + n),
        route: route(name),
        outcome: "transient".to_owned(),
        code: "http_503".to_owned(),
        message: format!("the target answered 503 to attempt {n}"),
        dead_letter: false,
    }
}

//! A dossier as JSON: what the function answers and `--json` prints.

use serde_json::{Value, json};

use super::{Dossier, Why, is_done};
use crate::id::printable;
use crate::ledger::{AttemptRecord, AuditRecord, Record, RouteRecord};
use crate::time::Timestamp;

impl Dossier {
    /// The dossier as JSON. Times are RFC 3339, ages whole seconds; what is not known is `null`.
    pub fn to_json(&self, now: Timestamp) -> Value {
        let event = self.reading.event();
        let record = self.own_record();
        let seconds = |wait: Option<std::time::Duration>| wait.map(|wait| wait.as_secs());
        json!({
            "message_id": self.message.message_id,
            "key": printable(self.reading.key.as_str()),
            "reason": self.why.word(),
            "unreadable": self.unreadable(),
            "unknown_row": match &self.why {
                Why::UnknownRow(what) => Some(what),
                Why::Dead(_) | Why::NeverAttempted | Why::Unfinished(_) | Why::Completed => None,
            },
            "died": text(self.died()),
            "age_seconds": seconds(self.age(now)),
            "lives_seconds": seconds(self.lives(now)),
            "event": event.map(|event| json!({
                "id": event.id,
                "source": event.source,
                "type": event.kind,
                "subject": event.subject,
                "time": event.time,
            })),
            "message": {
                "queue_arn": self.message.queue_arn,
                "moved_from": self.message.moved_from,
                "sent": text(self.message.sent),
                "receive_count": self.message.receive_count,
                "group_id": self.message.group_id,
                "body_bytes": self.message.body.len(),
                "scheduled": self.reading.parcel.is_some(),
            },
            "status": record.map(|record| record.status.word()),
            "routes": self.routes().iter().map(route).collect::<Vec<_>>(),
            "attempts": self.attempts().iter().map(attempt).collect::<Vec<_>>(),
            "crashes": record.map_or(0, |record| record.crashes),
            "redrives": self.redrives(),
            "audit": record.map_or(&[][..], |record| &record.audit)
                .iter()
                .map(AuditRecord::to_json)
                .collect::<Vec<_>>(),
        })
    }
}

impl Record {
    /// The row as JSON, in the same words.
    pub fn to_json(&self) -> Value {
        json!({
            "key": printable(self.key.as_str()),
            "status": self.status.word(),
            "rev": self.rev,
            "owner": self.owner.to_string(),
            "lease_until": text(Some(self.lease_until).filter(|at| at.as_millis() > 0)),
            "due": text(self.due),
            "expires": text(Some(Timestamp::from_secs(self.expires_at))),
            "digest": self.digest.0,
            "routes_version": self.routes_version,
            "routes": self.routes.iter().map(route).collect::<Vec<_>>(),
            "attempts": self.attempts.iter().map(attempt).collect::<Vec<_>>(),
            "crashes": self.crashes,
            "reason": self.death.as_ref().map(|death| death.reason.word()),
            "died": text(self.death.as_ref().map(|death| death.at)),
            "dead_message_id": self.death.as_ref().map(|death| death.message_id.as_str()),
            "sent_to_dlq": self.death.as_ref().map(|death| death.dlq_sent),
            "redrives": self.redrive_n,
            "result": self.result,
            "audit": self.audit.iter().map(AuditRecord::to_json).collect::<Vec<_>>(),
        })
    }
}

impl AuditRecord {
    /// A deed as JSON.
    pub fn to_json(&self) -> Value {
        json!({
            "at": text(Some(self.at)),
            "deed": self.deed.word(),
            "who": self.who,
            "note": self.note,
        })
    }
}

/// A route.
fn route(route: &RouteRecord) -> Value {
    json!({
        "route": route.name,
        "state": route.state.word(),
        "done": is_done(route.state),
        "attempts": route.attempts,
        "last": route.last,
    })
}

/// A try.
fn attempt(tried: &AttemptRecord) -> Value {
    json!({
        "at": text(Some(tried.at)),
        "route": tried.route,
        "outcome": tried.outcome,
        "code": tried.code,
        "message": tried.message,
        "dead_letter_target": tried.dead_letter,
    })
}

/// A time as text.
fn text(at: Option<Timestamp>) -> Option<String> {
    at.and_then(Timestamp::to_rfc3339)
}

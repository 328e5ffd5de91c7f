//! The tries of a dead letter inside its body, for teams that expect them there:
//! `error: [{status_code, message, stack_trace, date}]`.

use serde_json::{Map, Value, json};

use super::Dossier;
use crate::ledger::AttemptRecord;

/// The body with the failed tries in its member `error`, oldest first.
///
/// A JSON object keeps its members; entries that its `error` has already stay before ours. Any other
/// body, and an object whose `error` is no list, becomes the member `payload` of a new object. The
/// body is written anew: what JSON calls equal may look otherwise.
pub fn with_history(dossier: &Dossier) -> Value {
    let errors = errors(dossier);
    let body = serde_json::from_str::<Value>(&dossier.inner().body);
    let body = body.unwrap_or_else(|_| Value::String(dossier.inner().body.to_string()));
    let Value::Object(mut members) = body else {
        return wrapped(body, errors);
    };
    let mut all = match members.remove("error") {
        None => Vec::new(),
        Some(Value::Array(earlier)) => earlier,
        Some(other) => {
            members.insert("error".to_owned(), other);
            return wrapped(Value::Object(members), errors);
        }
    };
    all.extend(errors);
    members.insert("error".to_owned(), Value::Array(all));
    Value::Object(members)
}

/// A body that has no room for the history, beside it.
fn wrapped(payload: Value, errors: Vec<Value>) -> Value {
    let members = [
        ("payload".to_owned(), payload),
        ("error".to_owned(), Value::Array(errors)),
    ];
    Value::Object(Map::from_iter(members))
}

/// The failed tries; where there is none, why the message is dead.
fn errors(dossier: &Dossier) -> Vec<Value> {
    let failed = |tried: &&AttemptRecord| tried.outcome != "delivered";
    let tried: Vec<_> = dossier
        .attempts()
        .iter()
        .filter(failed)
        .map(error)
        .collect();
    if !tried.is_empty() {
        return tried;
    }
    let at = dossier.died().or(dossier.message.sent);
    vec![json!({
        "status_code": null,
        "message": dossier.unreadable().unwrap_or_else(|| dossier.why.word()),
        "stack_trace": dossier.why.word(),
        "date": at.and_then(crate::time::Timestamp::to_rfc3339),
    })]
}

/// One failed try. There is no stack: its place has what there is instead, the route, the outcome
/// and the code.
fn error(tried: &AttemptRecord) -> Value {
    let status = tried.code.strip_prefix("http_");
    let status: Option<u16> = status.and_then(|status| status.parse().ok());
    json!({
        "status_code": status,
        "message": tried.message,
        "stack_trace": format!("{}: {} ({})", tried.route, tried.outcome, tried.code),
        "date": tried.at.to_rfc3339(),
    })
}

//! What the functions may send, and where.

use super::super::finding::Severity;
use super::super::resource::Resource;
use super::super::value::{Unknown, Value};
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[Rule {
    id: "self-send",
    severity: Severity::Warning,
    failures: &["F28"],
    relation: "no function may send to its own source queue",
    remedy: "take sqs:SendMessage on the source queue out of the function's role",
    judge: |known| known.each_worker(self_send),
}];

/// Sending to oneself.
fn self_send(known: &Known<'_>, queue: &Resource, function: &Resource) -> Verdict {
    let mut lists = vec![function.property("Policies")];
    if let Some(role) = known.bundle.referred(function.property("Role")) {
        lists.push(role.property("Policies"));
    }
    for list in lists {
        for policy in list.list()? {
            let document = policy.get("PolicyDocument");
            let document = if document.is_absent() {
                policy
            } else {
                document
            };
            let ready = policy.get("SQSSendMessagePolicy").get("QueueName");
            if ready.resource() == Some(&queue.id) || sends(document, &queue.id)? {
                let (id, of) = (&queue.id, &function.id);
                return Ok(Some(Fault::new(
                    function.path_of("Role"),
                    format!(
                        "`{of}` may send to `{id}`, its own source queue: Lambda stops what looks \
                         like a loop to it, and messages end in the dead-letter queue"
                    ),
                    format!("take sqs:SendMessage on `{id}` out of what `{of}` may do"),
                )));
            }
        }
    }
    Ok(None)
}

/// Whether a policy's document allows sending to a queue.
fn sends(document: &Value, queue: &str) -> Result<bool, Unknown> {
    for statement in document.get("Statement").list()? {
        let allows = statement.get("Effect").text()? == Some("Allow");
        let mut named = false;
        for resource in statement.get("Resource").list()? {
            let any = *resource == Value::Text("*".to_owned());
            named |= any || resource.resource() == Some(queue);
        }
        let mut sending = false;
        for action in statement.get("Action").list()? {
            let action = action.text()?.unwrap_or_default();
            sending |= ["*", "sqs:*", "sqs:Send*", "sqs:SendMessage"].contains(&action);
        }
        if allows && named && sending {
            return Ok(true);
        }
    }
    Ok(false)
}

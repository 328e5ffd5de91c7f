//! What a function may do with a queue, by the policies that are written out.

use super::bundle::Bundle;
use super::resource::Resource;
use super::value::{Unknown, Value};

/// Something that is done with a queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deed {
    /// The actions that allow it, those with wildcards among them.
    actions: &'static [&'static str],
    /// SAM's policy template that allows it.
    template: &'static str,
}

/// Sending.
pub(crate) const SEND: Deed = Deed {
    actions: &["*", "sqs:*", "sqs:Send*", "sqs:SendMessage"],
    template: "SQSSendMessagePolicy",
};

/// Receiving.
pub(crate) const RECEIVE: Deed = Deed {
    actions: &["*", "sqs:*", "sqs:Receive*", "sqs:ReceiveMessage"],
    template: "SQSPollerPolicy",
};

/// Whether a function may do it with the queue of this logical id.
pub(crate) fn may(
    bundle: &Bundle,
    function: &Resource,
    queue: &str,
    deed: Deed,
) -> Result<bool, Unknown> {
    let mut lists = vec![function.property("Policies")];
    if let Some(role) = bundle.referred(function.property("Role")) {
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
            let ready = policy.get(deed.template).get("QueueName");
            if ready.resource() == Some(queue) || allows(document, queue, deed)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a policy's document allows it.
fn allows(document: &Value, queue: &str, deed: Deed) -> Result<bool, Unknown> {
    for statement in document.get("Statement").list()? {
        let allows = statement.get("Effect").text()? == Some("Allow");
        let mut named = false;
        for resource in statement.get("Resource").list()? {
            let any = *resource == Value::Text("*".to_owned());
            named |= any || resource.resource() == Some(queue);
        }
        let mut done = false;
        for action in statement.get("Action").list()? {
            done |= deed.actions.contains(&action.text()?.unwrap_or_default());
        }
        if allows && named && done {
            return Ok(true);
        }
    }
    Ok(false)
}

//! What the functions may send, and where.

use super::super::finding::Severity;
use super::super::permission;
use super::super::resource::Resource;
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
    let sends = permission::may(&known.bundle, function, &queue.id, permission::SEND)?;
    let (id, of) = (&queue.id, &function.id);
    Ok(sends.then(|| {
        Fault::new(
            function.path_of("Role"),
            format!(
                "`{of}` may send to `{id}`, its own source queue: Lambda stops what looks like a \
                 loop to it, and messages end in the dead-letter queue"
            ),
            format!("take sqs:SendMessage on `{id}` out of what `{of}` may do"),
        )
    }))
}

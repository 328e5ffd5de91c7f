//! The event source mapping between a queue in memory and a function.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Queue, Received};
use crate::error::LocalError;
use crate::runtime_api::{Answer, Function, SqsRecord};

/// Hands over what is visible, in batches of ten, and deletes what the answer does not name, until the
/// queue is empty or the time is over; answers what the function answered. A batch is hidden for
/// `visibility`, and the function may take `timeout` for it.
///
/// # Errors
///
/// The function ended, or did not answer in time.
pub async fn play(
    function: &Function,
    queue: &Queue,
    visibility: Duration,
    timeout: Duration,
    until: Instant,
) -> Result<Vec<Answer>, LocalError> {
    let mut answers = Vec::new();
    while queue.left() > 0 && Instant::now() < until {
        let batch = queue.receive(BATCH, Some(visibility));
        if batch.is_empty() {
            tokio::time::sleep(LOOK_AGAIN).await;
            continue;
        }
        let invoked = function.invoke(payload(queue.arn(), &batch), timeout);
        let answer = invoked.await?;
        for message in done(&answer, &batch) {
            queue.delete(&message.handle);
        }
        answers.push(answer);
    }
    Ok(answers)
}

/// The payload of a batch from the queue of this ARN.
pub fn payload(queue_arn: &str, batch: &[Received]) -> String {
    let records = batch.iter().map(|message| {
        let record = SqsRecord {
            id: &message.id,
            handle: &message.handle,
            body: &message.body,
            receives: message.receives,
            sent_ms: message.sent_ms,
            group: message.group.as_deref(),
        };
        record.to_json(queue_arn)
    });
    json!({ "Records": records.collect::<Vec<_>>() }).to_string()
}

/// The messages of a batch that Lambda deletes after this answer: none after an error, nor after an
/// answer that it cannot read or that names what is not in the batch; all after `null`, `{}` or an
/// empty list. See "Success and failure conditions" in
/// <https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.
pub fn done<'a>(answer: &Answer, batch: &'a [Received]) -> Vec<&'a Received> {
    let failed = match answer {
        Answer::Response(text) => failures(text),
        Answer::Error(_) => None,
    };
    let known = |id: &String| batch.iter().any(|message| message.id == *id);
    match failed {
        Some(failed) if failed.iter().all(known) => {
            let done = batch.iter().filter(|message| !failed.contains(&message.id));
            done.collect()
        }
        Some(_) | None => Vec::new(),
    }
}

/// The ids that an answer names as failed; nothing where all of the batch has.
fn failures(answer: &str) -> Option<Vec<String>> {
    let answer: Value = serde_json::from_str(answer).ok()?;
    if answer.is_null() {
        return Some(Vec::new());
    }
    let members = answer.as_object()?;
    let list = match members.get("batchItemFailures") {
        None if !members.is_empty() => return None,
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(list) => list.as_array()?,
    };
    let ids = list.iter().map(|failure| {
        let id = failure.get("itemIdentifier")?.as_str()?;
        (!id.is_empty()).then(|| id.to_owned())
    });
    ids.collect()
}

/// Messages of a batch.
const BATCH: usize = 10;

/// How often it is looked whether something is visible again.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;

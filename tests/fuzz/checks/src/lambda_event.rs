//! A payload of Lambda's as a batch of messages.

use serde::Deserialize;
use serde_json::value::RawValue;

use waybill_core::message::Message;
use waybill_core::sqs_event::Batch;

use crate::{envelope, printed};

/// What is said of a record that cannot be read, or of a payload that is none, in bytes.
const FAULT_MAX: usize = 1024;

/// Reads an input as the runtime does, and checks the batch.
pub fn check(input: &[u8]) {
    // The runtime hands over the JSON that it found, and nothing where it found none.
    let Ok(payload) = serde_json::from_slice::<Box<RawValue>>(input) else {
        let batch = str::from_utf8(input).ok().map(Batch::parse);
        assert!(batch.is_none_or(|batch| batch.is_err()), "it is no JSON");
        return;
    };
    match Batch::parse(payload.get()) {
        Ok(batch) => batch_holds(payload.get(), &batch),
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() <= FAULT_MAX, "{} bytes are said", said.len());
        }
    }
}

/// The records of a payload, as they came.
#[derive(Deserialize)]
struct Records<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

/// Each record is a message or unread, and none has a say in another.
fn batch_holds(payload: &str, batch: &Batch) {
    let Records { records } = serde_json::from_str(payload).unwrap();
    let records: Vec<_> = records.into_iter().map(RawValue::get).collect();
    assert_eq!(batch.ids.len(), records.len());
    let mut places: Vec<_> = batch.messages.iter().map(|(at, _)| *at).collect();
    places.extend(batch.unread.iter().map(|(at, _)| *at));
    places.sort_unstable();
    assert!(places.into_iter().eq(0..records.len()), "each record once");
    assert!(batch.messages.is_sorted_by_key(|(at, _)| at));
    assert!(batch.ids.iter().all(|id| !id.as_str().is_empty()));
    for (_, what) in &batch.unread {
        assert!(
            !what.is_empty() && what.len() <= FAULT_MAX,
            "{} bytes are said",
            what.len()
        );
    }
    let is_fifo = batch.messages.iter().any(|(_, message)| message.is_fifo());
    let first_unread = batch
        .unread
        .iter()
        .map(|(at, _)| *at)
        .min()
        .unwrap_or(usize::MAX);
    for (at, message) in &batch.messages {
        assert_eq!(message.message_id, batch.ids[*at]);
        assert!(message.receive_count >= 1);
        assert_eq!(message.queue_arn, batch.messages[0].1.queue_arn);
        assert!(
            !is_fifo || message.group_id.is_some() && *at < first_unread,
            "order is kept"
        );
        alone_holds(records[*at], message);
        if is_sqs(message) {
            envelope::message_holds(message);
        }
    }
    neighbour_holds(&records, batch, is_fifo);
}

/// A record means by itself what it means among others, and printed what it means as it came.
fn alone_holds(record: &str, message: &Message) {
    for record in [record, &printed::record(message)] {
        let alone = Batch::parse(&printed::payload([record])).unwrap();
        assert_eq!(alone.messages, [(0, message.clone())], "{record}");
    }
}

/// A record that cannot be read harms no other; of a FIFO queue, those behind it wait.
fn neighbour_holds(records: &[&str], batch: &Batch, is_fifo: bool) {
    let bad = r#"{"messageId":"bad","body":17}"#;
    let records = [bad].into_iter().chain(records.iter().copied());
    let joined = Batch::parse(&printed::payload(records)).unwrap();
    assert_eq!(joined.ids.len(), batch.ids.len() + 1);
    if is_fifo {
        assert!(
            joined.messages.is_empty(),
            "all behind it may be of its group"
        );
        return;
    }
    let moved = joined
        .messages
        .into_iter()
        .map(|(at, message)| (at - 1, message));
    assert!(moved.eq(batch.messages.iter().cloned()));
}

/// Whether a message's names can be SQS's.
fn is_sqs(message: &Message) -> bool {
    let names = [message.message_id.as_str(), &message.queue_arn];
    names
        .iter()
        .all(|name| !name.is_empty() && !name.contains('\0'))
}

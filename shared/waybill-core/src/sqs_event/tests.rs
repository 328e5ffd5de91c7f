use super::*;

fn record(id: &str, body: &str) -> String {
    format!(
        r#"{{"messageId":"{id}","receiptHandle":"r-{id}","body":{body},
        "attributes":{{"ApproximateReceiveCount":"2","SentTimestamp":"1700000000000",
        "MessageGroupId":"tenant-1","AWSTraceHeader":"Root=1-2-3"}},
        "messageAttributes":{{"a":{{"stringValue":"x","dataType":"String","stringListValues":[]}},
        "b":{{"binaryValue":"AAE=","dataType":"Binary"}}}},"md5OfBody":"m","eventSource":"aws:sqs",
        "eventSourceARN":"arn:aws:sqs:eu-west-1:123456789012:orders","awsRegion":"eu-west-1"}}"#
    )
}

fn payload(records: &[String]) -> String {
    format!(r#"{{"Records":[{}]}}"#, records.join(","))
}

#[test]
fn a_record_is_read_with_all_that_sqs_says_of_it() {
    let batch = Batch::parse(&payload(&[record("m-1", r#""{}""#)])).unwrap();
    let (at, message) = &batch.messages[0];
    assert_eq!((*at, message.receive_count), (0, 2));
    assert_eq!(
        message.sent,
        Some(Timestamp::from_millis(1_700_000_000_000))
    );
    assert_eq!(message.group_id.as_deref(), Some("tenant-1"));
    assert_eq!(message.trace_header.as_deref(), Some("Root=1-2-3"));
    assert_eq!(message.text_attribute("a"), Some("x"));
    assert_eq!(
        message.attributes["b"].value,
        AttributeValue::Bytes(vec![0, 1])
    );
}

#[test]
fn one_record_that_does_not_parse_harms_no_other_f14() {
    let records = [record("m-1", "17"), record("m-2", r#""ok""#)];
    let batch = Batch::parse(&payload(&records)).unwrap();
    assert_eq!(batch.ids.len(), 2);
    assert_eq!(batch.messages.len(), 1);
    assert_eq!(batch.messages[0].0, 1);
    assert_eq!(batch.unread[0].0, 0);
}

#[test]
fn a_record_without_an_id_fails_the_invocation_f12() {
    for id in [r#""messageId":"","#, r#""messageId":null,"#, ""] {
        let nameless = record("m-1", r#""ok""#).replace(r#""messageId":"m-1","#, id);
        let error = Batch::parse(&payload(&[record("m-0", r#""ok""#), nameless])).unwrap_err();
        assert!(matches!(error, PayloadError::NoId(1)), "{error}");
    }
}

#[test]
fn what_is_no_sqs_event_is_refused_with_a_remedy() {
    for payload in ["{}", "null", "[]", r#"{"Records":7}"#] {
        let error = Batch::parse(payload).unwrap_err().to_string();
        assert!(error.contains("SQS event source mapping"), "{error}");
    }
}

/// A record of a FIFO queue.
fn fifo(id: &str, body: &str, group: &str) -> String {
    let record = record(id, body).replace(":orders\"", ":orders.fifo\"");
    record.replace("tenant-1", group)
}

#[test]
fn a_fifo_queue_s_records_are_read_in_order_with_their_groups() {
    let records = [("m-1", "a"), ("m-2", "b"), ("m-3", "a")];
    let records = records.map(|(id, group)| fifo(id, r#""ok""#, group));
    let batch = Batch::parse(&payload(&records)).unwrap();
    let groups = batch.messages.iter().map(|(at, message)| {
        assert!(message.queue_arn.ends_with(":orders.fifo"));
        (*at, message.group_id.as_deref().unwrap())
    });
    assert_eq!(groups.collect::<Vec<_>>(), [(0, "a"), (1, "b"), (2, "a")]);
    assert!(batch.unread.is_empty());
}

#[test]
fn in_a_fifo_batch_all_behind_an_unread_record_stay_untried_f24() {
    let not_base64 = fifo("m-2", r#""ok""#, "b").replace("AAE=", "?");
    let no_group = fifo("m-2", r#""ok""#, "b").replace("MessageGroupId", "Other");
    for unread in [fifo("m-2", "17", "b"), not_base64, no_group] {
        let read = |id, group| fifo(id, r#""ok""#, group);
        let records = [read("m-1", "a"), unread, read("m-3", "a"), read("m-4", "c")];
        let batch = Batch::parse(&payload(&records)).unwrap();
        assert_eq!(batch.ids.len(), 4);
        assert_eq!(batch.messages.len(), 1);
        assert_eq!(batch.messages[0].0, 0, "what is before it is tried");
        let places: Vec<_> = batch.unread.iter().map(|(at, _)| *at).collect();
        assert_eq!(places, [1, 2, 3]);
        assert_ne!(batch.unread[0].1, BEHIND_UNREAD);
        assert_eq!(batch.unread[1].1, BEHIND_UNREAD);
        assert_eq!(batch.unread[2].1, BEHIND_UNREAD);
    }
}

#[test]
fn an_unread_record_whose_queue_is_not_known_holds_back_a_fifo_batch_f24() {
    let records = [
        r#"{"messageId":"m-1"}"#.to_owned(),
        fifo("m-2", r#""ok""#, "a"),
    ];
    let batch = Batch::parse(&payload(&records)).unwrap();
    assert!(batch.messages.is_empty());
    assert_eq!(batch.unread.len(), 2);
}

#[test]
fn records_of_a_fifo_and_another_queue_are_refused() {
    let records = [fifo("m-1", r#""ok""#, "a"), record("m-2", r#""ok""#)];
    let error = Batch::parse(&payload(&records)).unwrap_err();
    assert!(matches!(error, PayloadError::SeveralQueues(..)), "{error}");
}

#[test]
fn an_empty_batch_is_a_batch() {
    assert!(Batch::parse(r#"{"Records":[]}"#).unwrap().ids.is_empty());
}

#[test]
fn a_payload_is_read_from_the_bytes_that_brought_it() {
    let bytes = payload(&[record("m-1", r#""{}""#)]).into_bytes();
    let read: Payload = serde_json::from_slice(&bytes).unwrap();
    drop(bytes);
    let batch = read.0.unwrap();
    assert_eq!(batch.messages[0].1.body, "{}");
    for refused in ["[]", "17", r#"{"Records":7}"#, r#" {"a":"b"} "#] {
        let read: Payload = serde_json::from_slice(refused.as_bytes()).unwrap();
        let direct = Batch::parse(refused.trim()).unwrap_err().to_string();
        assert_eq!(read.0.unwrap_err().to_string(), direct);
    }
    for broken in ["", "{", r#"{"Records":[}"#] {
        assert!(serde_json::from_slice::<Payload>(broken.as_bytes()).is_err());
    }
}

use super::*;

#[test]
fn a_fifo_queue_is_known_by_its_name() {
    let arn = "arn:aws:sqs:eu-west-1:123456789012:orders";
    assert!(is_fifo(&format!("{arn}.fifo")));
    assert!(!is_fifo(arn));
    assert!(!is_fifo("orders.fifo.dead"));
}

#[test]
fn a_text_attribute_is_found_by_its_name_and_bytes_are_no_text() {
    let mut message = crate::envelope::tests::message("{}");
    let mut put = |name: &str, value| {
        let data_type = "String".to_owned();
        let attribute = MessageAttribute { data_type, value };
        message.attributes.insert(name.to_owned(), attribute);
    };
    put("t", AttributeValue::Text("text".to_owned()));
    put("b", AttributeValue::Bytes(b"bytes".to_vec()));
    assert_eq!(message.text_attribute("t"), Some("text"));
    assert_eq!(message.text_attribute("b"), None);
    assert_eq!(message.text_attribute("none"), None);
    assert!(!message.is_fifo());
    message.queue_arn.push_str(".fifo");
    assert!(message.is_fifo());
}

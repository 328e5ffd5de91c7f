use super::*;

/// An event with this data, and its text.
fn printed(content_type: Option<&str>, data: Data) -> String {
    let event = Event {
        data,
        ..event(content_type)
    };
    event.structured(&event.data)
}

fn event(content_type: Option<&str>) -> Event {
    Event {
        id: "e-1".to_owned(),
        source: "shop".to_owned(),
        kind: "order \"x\"".to_owned(),
        content_type: content_type.map(str::to_owned),
        ..Event::default()
    }
}

const HEAD: &str = r#"{"specversion":"1.0","id":"e-1","source":"shop","type":"order \"x\"""#;

#[test]
fn json_is_kept_to_the_byte() {
    let raw = r#"{"a": 1.10, "b": 12345678901234567890123, "c":"\ud800"}"#;
    let text = printed(None, Data::Json(raw.into()));
    assert_eq!(text, format!(r#"{HEAD},"data":{raw}}}"#));
}

#[test]
fn data_that_is_no_json_is_text_or_base64() {
    let text = |text: &str| Data::Text(text.into());
    let cases = [
        (
            None,
            text("a\nb"),
            r#","datacontenttype":"text/plain; charset=utf-8","data":"a\nb"}"#,
        ),
        (
            Some("text/csv"),
            Data::Json("1".into()),
            r#","datacontenttype":"text/csv","data":"1"}"#,
        ),
        (
            Some("application/json"),
            text("{"),
            r#","datacontenttype":"application/json","data_base64":"ew=="}"#,
        ),
        (
            Some("image/png"),
            Data::Bytes(vec![0, 255].into()),
            r#","datacontenttype":"image/png","data_base64":"AP8="}"#,
        ),
        (
            None,
            Data::Bytes(vec![0].into()),
            r#","data_base64":"AA=="}"#,
        ),
        (None, Data::Absent, "}"),
    ];
    for (content_type, data, expected) in cases {
        let text = printed(content_type, data);
        assert_eq!(text, format!("{HEAD}{expected}"));
    }
}

#[test]
fn what_a_route_made_has_its_own_media_type() {
    let text = event(Some("image/png")).structured(&Data::Json("[1]".into()));
    assert_eq!(text, format!(r#"{HEAD},"data":[1]}}"#));
}

mod properties {
    use proptest::prelude::*;

    use super::*;
    use crate::envelope::{self, Envelope};
    use crate::id::{MessageId, ReceiptHandle};
    use crate::message::Message;

    fn data() -> impl Strategy<Value = Data> {
        let json = ["1.10", "\"x\"", "[1, 2]", "{\"a\": null}", "null", "true"];
        prop_oneof![
            prop::sample::select(json.to_vec()).prop_map(|text| Data::Json(text.into())),
            any::<String>().prop_map(|text| Data::Text(text.into())),
            any::<Vec<u8>>().prop_map(|bytes| Data::Bytes(bytes.into())),
            Just(Data::Absent),
        ]
    }

    fn name() -> impl Strategy<Value = String> {
        any::<String>().prop_filter("not empty", |text| !text.is_empty())
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            names in (name(), name(), name()),
            subject in prop::option::of(name()),
            data in data(),
            content_type in prop::option::of(prop::sample::select(vec![
                "application/json", "application/vnd.x+json; charset=utf-8", "text/plain",
            ])),
        ) {
            let (id, source, kind) = names;
            let content_type = content_type.map(str::to_owned);
            let event = Event { id, source, kind, subject, content_type, data, ..Event::default() };
            let message = Message {
                message_id: MessageId::new("m-1").unwrap(),
                receipt_handle: ReceiptHandle("r".to_owned()),
                body: event.structured(&event.data).into(),
                receive_count: 1,
                sent: None,
                group_id: None,
                trace_header: None,
                attributes: Default::default(),
                queue_arn: String::new(),
                moved_from: None,
            };
            let read = envelope::parse(&message);
            let Ok(Envelope::Event(read)) = read else {
                panic!("{}: {read:?}", message.body);
            };
            let read = read.event;
            prop_assert_eq!(
                (&read.id, &read.source, &read.kind, &read.subject),
                (&event.id, &event.source, &event.kind, &event.subject)
            );
            prop_assert_eq!(read.data.as_bytes(), event.data.as_bytes());
        }
    }
}

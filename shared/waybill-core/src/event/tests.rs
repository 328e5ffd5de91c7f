use serde_json::json;

use super::*;

#[test]
fn data_is_delivered_to_the_byte() {
    let json = r#"{"n": 1.10}"#;
    let table = [
        (Data::Json(json.into()), json.as_bytes()),
        (Data::Text("text".into()), b"text"),
        (Data::Bytes(vec![0, 255].into()), &[0, 255]),
        (Data::Absent, &[]),
    ];
    for (data, bytes) in table {
        assert_eq!(data.as_bytes(), bytes);
    }
}

#[test]
fn filters_and_keys_see_json_parsed_text_as_text_and_bytes_not_at_all() {
    let json = Data::Json(r#"{"a":[1,"x"]}"#.into());
    assert_eq!(json.to_value(), json!({"a": [1, "x"]}));
    let half = Data::Json(r#"["\ud83d"]"#.into());
    assert_eq!(half.to_value(), json!(["\u{fffd}"]));
    assert_eq!(Data::Text("7".into()).to_value(), json!("7"));
    assert_eq!(Data::Bytes(vec![1].into()).to_value(), Value::Null);
    assert_eq!(Data::Absent.to_value(), Value::Null);
}

#[test]
fn an_event_is_seen_in_the_words_of_cloudevents() {
    let event = Event {
        id: "1".to_owned(),
        source: "s".to_owned(),
        kind: "t".to_owned(),
        subject: Some("about".to_owned()),
        time: None,
        data: Data::Json("7".into()),
        ..Event::default()
    };
    let seen = json!({
        "id": "1", "source": "s", "type": "t", "subject": "about", "time": null, "data": 7,
    });
    assert_eq!(event.to_value(), seen);
}

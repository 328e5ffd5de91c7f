//! Facts about keys.

use crate::envelope::tests::message;
use crate::envelope::{Envelope, parse};
use crate::event::Event;

use super::*;

/// The key of a body under an expression, or why it has none.
fn key(body: &str, expression: Option<&str>) -> Result<String, String> {
    let message = message(body);
    let Ok(Envelope::Event(parsed)) = parse(&message) else {
        panic!("no event: {body}");
    };
    let expression = expression.map(|text| KeyExpression::compile(text).expect("an expression"));
    event_key(&message, Some(&parsed), expression.as_ref())
        .map(|key| key.as_str().to_owned())
        .map_err(|KeyMissing(why)| why)
}

/// A message that carries a key as text.
fn carrying(key: &str) -> Message {
    carrying_value("String", AttributeValue::Text(key.to_owned()))
}

/// A message that carries a key.
fn carrying_value(data_type: &str, value: AttributeValue) -> Message {
    let mut message = message("{}");
    let attribute = MessageAttribute {
        data_type: data_type.to_owned(),
        value,
    };
    message
        .attributes
        .insert(KEY_ATTRIBUTE.to_owned(), attribute);
    message
}

/// Ledgers hold these: a change here makes every event a new one.
#[test]
fn keys_are_what_they_were() {
    let table = [
        (
            r#"{"specversion":"1.0","id":"a","source":"s","type":"t"}"#,
            "ce:s\0a",
        ),
        (
            r#"{"id":"1","source":"s","detail-type":"t","detail":{}}"#,
            "eb:1",
        ),
        (
            r#"{"Type":"Notification","MessageId":"1","TopicArn":"t","Message":"m"}"#,
            "sns:1",
        ),
        (
            r#"{"id":"a","queue":"q","dispatch_date":"d","payload":{}}"#,
            "plain:q\0a",
        ),
        (
            r#"{"id":7,"queue":"q","dispatch_date":"d","payload":{}}"#,
            "plain:q\x007",
        ),
        (r#"{"id":"1"}"#, "sqs:m-1"),
        ("text", "sqs:m-1"),
    ];
    for (body, expected) in table {
        assert_eq!(key(body, None).as_deref(), Ok(expected), "{body}");
    }
    assert_eq!(message_key(&message("{}")).as_str(), "sqs:m-1");
}

#[test]
fn an_expression_finds_its_parts() {
    let body = r#"{"n":7,"f":1.50,"s":"x","b":false,"o":{"z":1,"a":[2]},"l":["p","q"],"e":""}"#;
    let table = [
        ("data.n", "key:7"),
        ("data.f", "key:1.5"),
        ("data.s", "key:x"),
        ("data.b", "key:false"),
        ("data.o", r#"key:{"a":[2],"z":1}"#),
        ("data.l", "key:p\0q"),
        ("[data.s, data.b, data.o.a]", "key:x\0false\0[2]"),
        ("[data.missing, data.s]", "key:\0x"),
        ("data.e || data.s", "key:x"),
        ("type", "key:waybill.message"),
        ("id", "key:m-1"),
        (
            "join('-', [data.s, source])",
            "key:x-arn:aws:sqs:eu-west-1:123456789012:q",
        ),
    ];
    for (expression, expected) in table {
        assert_eq!(
            key(body, Some(expression)).as_deref(),
            Ok(expected),
            "{expression}"
        );
    }
}

#[test]
fn a_configured_key_that_is_not_there_is_missing_f48() {
    let body = r#"{"e":"","n":null,"l":[],"o":{},"ll":[null,"",[]],"oo":{"a":null,"b":{"c":""}},
        "z":"a\u0000b","long":18446744073709551616,"f":9007199254740993.0}"#;
    let missing = [
        "data.x",
        "data.e",
        "data.n",
        "data.l",
        "data.o",
        "data.ll",
        "data.oo",
        "{a: data.x, b: data.n}",
        "[data.x, data.e]",
        "subject",
    ];
    for expression in missing {
        let why = format!("key `{expression}` is not in the event");
        assert_eq!(key(body, Some(expression)), Err(why));
    }
    for expression in [
        "data.z",
        "data.long",
        "data.f",
        "[data.z, 'a']",
        "{a: data.long}",
        "[[data.long]]",
    ] {
        let why = format!("key `{expression}` cannot be written exactly");
        assert_eq!(key(body, Some(expression)), Err(why));
    }
    let why = key(body, Some("abs(data.e)")).expect_err("no number");
    assert!(
        why.starts_with("key `abs(data.e)` cannot be asked here"),
        "{why}"
    );
    assert!(key("text", Some("data.id")).is_err());
}

#[test]
fn a_number_is_a_part_while_no_other_number_is_written_so() {
    let found = |number: &str| key(&format!(r#"{{"n":{number}}}"#), Some("data.n"));
    for whole in ["-9007199254740993", "9223372036854775808", "0"] {
        assert_eq!(found(whole), Ok(format!("key:{whole}")), "to the digit");
    }
    assert!(found("9007199254740991.0").is_ok());
    assert!(found("9007199254740992.0").is_err());
    assert!(found("-9007199254740992.0").is_err());
}

#[test]
fn the_deepest_data_can_be_a_key() {
    let body = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    for expression in ["data", "@", "to_string(@)", "data[]"] {
        let found = key(&body, Some(expression)).expect(expression);
        assert!(found.len() <= EVENT_KEY_MAX, "{found}");
    }
}

#[test]
fn an_expression_that_does_not_compile_says_why() {
    let fault = KeyExpression::compile("data.[").expect_err("no expression");
    assert!(fault.starts_with("key expression `data.[`: "), "{fault}");
    let fault = KeyExpression::compile("").expect_err("nothing");
    assert!(!fault.contains('\n'), "{fault}");
    let fault = KeyExpression::compile(&"a".repeat(100_000)).expect_err("too long");
    assert_eq!(fault, "key expression is longer than 1024 bytes");
    assert_eq!(
        KeyExpression::compile("data.id").map(|e| e.as_str().to_owned()),
        Ok("data.id".to_owned())
    );
}

#[test]
fn the_longest_expression_is_one_and_a_longer_is_none() {
    let compiles = |length| KeyExpression::compile(&"a".repeat(length)).is_ok();
    assert!(compiles(EXPRESSION_MAX));
    assert!(!compiles(EXPRESSION_MAX + 1));
    let steps = |steps| KeyExpression::compile(&format!("a{}", ".a".repeat(steps))).is_ok();
    assert!(steps(EXPRESSION_STEPS_MAX));
    assert!(!steps(EXPRESSION_STEPS_MAX + 1));
}

#[test]
fn no_expression_overflows_the_stack() {
    for step in [
        "(", "[", "!", "&", "{a:", "a[?", "f(", "a.", "a[].", "a|", "a||", "a&&", "a==",
    ] {
        let signs = step.bytes().filter(|b| b".|&!=<>([{".contains(b)).count();
        let most = EXPRESSION_STEPS_MAX / signs;
        if let Ok(expression) = KeyExpression::compile(&format!("{}a", step.repeat(most))) {
            let parsed = Parsed {
                event: Event::default(),
                natural_key: vec!["k".to_owned()],
            };
            let found = event_key(&message("{}"), Some(&parsed), Some(&expression));
            assert_eq!(found.is_ok(), ["!", "a=="].contains(&step), "{step}");
        }
        let fault = KeyExpression::compile(&format!("{}a", step.repeat(most + 1)));
        assert!(
            fault.expect_err(step).contains("operators and brackets"),
            "{step}"
        );
    }
}

#[test]
fn a_carried_key_wins_word_for_word() {
    let expression = KeyExpression::compile("data.missing").unwrap();
    for key in ["k", "eb:1", " x ", "sha256:00"] {
        let message = carrying(key);
        let found = event_key(&message, None, Some(&expression)).expect("a key");
        assert_eq!(found.as_str(), key);
    }
    let longest = "k".repeat(EVENT_KEY_MAX);
    let found = event_key(&carrying(&longest), None, None).expect("a key");
    assert_eq!(found.as_str(), longest);
}

#[test]
fn a_carried_key_that_is_none_is_missing_f48() {
    let bytes = |bytes: &[u8]| carrying_value("Binary", AttributeValue::Bytes(bytes.to_vec()));
    let long = "k".repeat(EVENT_KEY_MAX + 1);
    for message in [carrying(""), carrying(&long), bytes(&[]), bytes(&[0xff])] {
        assert!(
            event_key(&message, None, None).is_err(),
            "{:?}",
            message.attributes
        );
    }
}

#[test]
fn a_key_travels_unharmed_in_an_attribute_f75() {
    let table = [
        ("eb:1", "String"),
        ("with a space", "String"),
        ("tab\tand\u{10ffff}", "String"),
        ("ce:s\0a", "Binary"),
        ("bell\u{7}", "Binary"),
        ("non-character \u{ffff}", "Binary"),
    ];
    for (text, data_type) in table {
        let key = EventKey(text.to_owned());
        let attribute = key_attribute(&key);
        assert_eq!(attribute.data_type, data_type, "{text:?}");
        let message = carrying_value(data_type, attribute.value);
        assert_eq!(event_key(&message, None, None), Ok(key));
    }
}

#[test]
fn a_long_key_is_hashed() {
    let fits = "x".repeat(EVENT_KEY_MAX - "eb:".len());
    let body = |id: &str| format!(r#"{{"id":"{id}","source":"s","detail-type":"t","detail":1}}"#);
    assert_eq!(key(&body(&fits), None), Ok(format!("eb:{fits}")));
    let hashed = key(&body(&format!("{fits}y")), None).expect("a key");
    let sum = hex::encode(Sha256::digest(format!("eb:{fits}y")));
    assert_eq!(hashed, format!("sha256:{sum}"));
}

#[test]
fn a_malformed_message_is_known_by_its_message_id() {
    let expression = KeyExpression::compile("data.id").unwrap();
    let found = event_key(&message("{"), None, Some(&expression)).expect("a key");
    assert_eq!(found, message_key(&message("{")));
}

/// Targets hold these: a change here is a second effect.
#[test]
fn an_idempotency_key_is_what_it_was() {
    let consumer = Consumer::new("orders").unwrap();
    let route = RouteName::new("crm").unwrap();
    let key = EventKey("eb:1".to_owned());
    let found = idempotency_key(&consumer, &key, &route);
    assert_eq!(
        found,
        "3a6a35a95b1e1629c6578ce3e38aec65125867ebde57fbe2782017f5ae6db8d4"
    );
    let other = RouteName::new("erp").unwrap();
    assert_ne!(idempotency_key(&consumer, &key, &other), found);
}

#[test]
fn a_whole_number_is_an_id_by_its_digits() {
    let plain = |id: &str| {
        let body = format!(r#"{{"id":{id},"queue":"q","dispatch_date":"d","payload":{{}}}}"#);
        key(&body, None).unwrap()
    };
    assert_eq!(plain("7"), plain(r#""7""#), "one id, as it is one `ce-id`");
    assert_eq!(plain("0"), "plain:q\x000");
    let [exact, next] = ["9007199254740993", "9007199254740992"];
    assert_ne!(plain(exact), plain(next), "no float between");
    let long = "184467440737095516170000000000000000001";
    assert_eq!(plain(long), format!("plain:q\0{long}"));
    for none in ["-7", "7.0", "7e0", "0.7", "true", "null", "[7]", r#""""#] {
        assert_eq!(plain(none), "sqs:m-1", "{none}");
    }
}

#[test]
fn an_s3_notification_is_known_by_its_message_unless_a_key_is_configured() {
    let body = r#"{"Records":[{"eventSource":"aws:s3","awsRegion":"r","eventName":"e",
        "s3":{"bucket":{"name":"b"},"object":{"key":"k","sequencer":"0055AE"}}}]}"#;
    assert_eq!(key(body, None).unwrap(), "sqs:m-1");
    let configured = "[source, subject, data.Records[0].s3.object.sequencer]";
    let expected = "key:aws:s3.r.b\0k\x000055AE";
    assert_eq!(key(body, Some(configured)).unwrap(), expected);
}

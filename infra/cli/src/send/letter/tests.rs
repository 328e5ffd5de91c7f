//! Facts about lines that are made messages.

use super::*;

fn line(text: impl Into<Vec<u8>>) -> Line {
    Line {
        number: 7,
        read: 0,
        content: Content::Bytes(text.into()),
    }
}

fn form(group: Group, deduplication: Deduplication) -> Form {
    Form {
        attributes: BTreeMap::new(),
        group,
        deduplication,
    }
}

fn plain() -> Form {
    form(Group::Absent, Deduplication::Absent)
}

#[test]
fn a_line_is_sent_as_it_stands() {
    let text = r#"{"b": 1.0, "a":1e400, "a": "\u00e9"}"#;
    let letter = plain().letter(&line(text)).unwrap();
    assert_eq!((letter.line, letter.size_bytes), (7, text.len()));
    let message = Outgoing {
        body: text.to_owned(),
        ..Outgoing::default()
    };
    assert_eq!(letter.message, message);
}

#[test]
fn what_is_no_json_is_refused_with_its_column() {
    let table = [
        ("{\"a\": nope}", "not JSON: expected ident at column 8"),
        (
            "{\"a\": 1",
            "not JSON: EOF while parsing an object at column 7",
        ),
        ("{} {}", "not JSON: trailing characters at column 4"),
    ];
    for (text, reason) in table {
        assert_eq!(plain().letter(&line(text)).unwrap_err(), reason);
    }
}

#[test]
fn what_sqs_does_not_take_is_refused() {
    let error = plain().letter(&line(*b"\"a\xff\"")).unwrap_err();
    assert_eq!(error, "not UTF-8 from byte 3");
    let error = plain().letter(&line("\"a\u{ffff}\"")).unwrap_err();
    assert_eq!(error, "a character that SQS does not take, at byte 3");
}

#[test]
fn attributes_count_toward_the_longest_message_f74() {
    let fitting = format!("\"{}\"", "x".repeat(SQS_MESSAGE_MAX - 2));
    let letter = plain().letter(&line(fitting.clone())).unwrap();
    assert_eq!(letter.size_bytes, SQS_MESSAGE_MAX);
    let form = Form {
        attributes: attributes(&["a=b".to_owned()]).unwrap(),
        ..plain()
    };
    let error = form.letter(&line(fitting)).unwrap_err();
    // One for the name, six for `String`, one for the value.
    assert!(
        error.contains(&(SQS_MESSAGE_MAX + 8).to_string()),
        "{error}"
    );
    let gone = Line {
        content: Content::TooLong(2_000_000),
        ..line("")
    };
    let error = plain().letter(&gone).unwrap_err();
    assert!(error.starts_with("too big: 2000000 bytes"), "{error}");
}

#[test]
fn a_group_and_a_deduplication_id_are_looked_up() {
    let at = |pointer: &str| pointer.to_owned();
    let form = form(Group::At(at("/order/by")), Deduplication::At(at("/id")));
    let text = r#"{"id": 12, "order": {"by": "ann"}}"#;
    let message = form.letter(&line(text)).unwrap().message;
    assert_eq!(message.group_id.as_deref(), Some("ann"));
    assert_eq!(message.deduplication_id.as_deref(), Some("12"));
    let table = [
        (r#"{"id": 1}"#, "no group: no text or number at `/order/by`"),
        (
            r#"{"id": 1, "order": {"by": ""}}"#,
            "no group: what is at `/order/by` is empty",
        ),
        (
            r#"{"id": true, "order": {"by": "ann"}}"#,
            "no deduplication id: no text or number at `/id`",
        ),
    ];
    for (text, reason) in table {
        assert_eq!(form.letter(&line(text)).unwrap_err(), reason);
    }
}

#[test]
fn equal_lines_have_one_deduplication_id_and_others_another() {
    let form = form(Group::Fixed("g".to_owned()), Deduplication::Line);
    let id = |text: &str| {
        let message = form.letter(&line(text)).unwrap().message;
        message.deduplication_id.unwrap()
    };
    assert_eq!(id("{}"), id("{}"));
    assert_ne!(id("{}"), id("{ }"));
    assert_eq!(fault_of_id(&id("{}")), None);
    let known = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(id("{}"), known);
}

#[test]
fn attributes_that_sqs_does_not_take_are_refused() {
    let table = [
        ("a", "no `=`"),
        ("=b", "no name"),
        ("a=", "does not take"),
        ("a b=c", "letters, digits"),
        ("a..b=c", "between"),
        ("AWS.a=c", "for itself"),
        ("amazon.a=c", "for itself"),
        ("a=\u{1}", "does not take"),
    ];
    for (said, reason) in table {
        let error = attributes(&[said.to_owned()]).unwrap_err();
        assert!(error.contains(reason), "{said}: {error}");
    }
    let twice = ["a=b".to_owned(), "a=c".to_owned()];
    assert!(attributes(&twice).unwrap_err().contains("twice"));
    let many: Vec<_> = (0..11).map(|n| format!("a{n}=b")).collect();
    assert!(attributes(&many).unwrap_err().contains("at most 10"));
    assert_eq!(attributes(&many[..10]).unwrap().len(), 10);
}

#[test]
fn a_value_may_have_an_equals_sign() {
    let read = attributes(&["a=b=c".to_owned()]).unwrap();
    assert_eq!(read["a"].value, AttributeValue::Text("b=c".to_owned()));
}

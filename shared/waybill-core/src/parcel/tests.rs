//! What is packed comes out again, and nothing else is taken for a parcel.

use proptest::prelude::*;

use super::*;
use crate::envelope::tests::message as plain;
use crate::id::ReceiptHandle;

fn consumer() -> Consumer {
    Consumer::new("orders").unwrap()
}

fn parcel(body: &str) -> Parcel {
    let text = |text: &str| MessageAttribute {
        data_type: "String".to_owned(),
        value: AttributeValue::Text(text.to_owned()),
    };
    let bytes = MessageAttribute {
        data_type: "Binary.png".to_owned(),
        value: AttributeValue::Bytes(vec![0, 1, 255]),
    };
    let mut message = plain(body);
    message.attributes = [
        ("kind".to_owned(), text("new <order>")),
        ("raw".to_owned(), bytes),
    ]
    .into();
    message.sent = Some(Timestamp::from_secs(1_767_225_600));
    message.group_id = Some("tenant".to_owned());
    Parcel {
        key: EventKey("ce:shop\0o-1".to_owned()),
        redrive_n: 2,
        message,
    }
}

/// The message that carries a body.
fn carrier(body: &str) -> Message {
    let mut carrier = plain(body);
    carrier.message_id = MessageId::new("carrier").unwrap();
    carrier.receipt_handle = ReceiptHandle("handle-of-the-carrier".to_owned());
    carrier.receive_count = 3;
    carrier.sent = Some(Timestamp::from_secs(5));
    carrier.trace_header = Some("Root=1".to_owned());
    carrier
}

fn unpacked(body: &str) -> Result<Option<Parcel>, Malformed> {
    Parcel::unpack(&carrier(body), &consumer())
}

#[test]
fn what_is_packed_comes_out_but_for_what_is_the_carrier_s() {
    let packed = parcel("{\"total\": 1.50}");
    let mut expected = packed.clone();
    expected.message.receipt_handle = ReceiptHandle("handle-of-the-carrier".to_owned());
    expected.message.receive_count = 3;
    expected.message.trace_header = None;
    assert_eq!(unpacked(&packed.pack(&consumer())), Ok(Some(expected)));
}

#[test]
fn a_parcel_is_written_as_others_read_it() {
    let mut packed = parcel("a<b");
    packed.message.attributes.clear();
    let text = packed.pack(&consumer());
    let (contents, seal) = text.split_once(",\"seal\":\"").unwrap();
    assert_eq!(
        contents,
        "{\"waybill-scheduled\":{\"v\":1,\"consumer\":\"orders\",\"key\":\"ce:shop\\u0000o-1\",\
         \"redrive_n\":2,\"message_id\":\"m-1\",\"sent\":1767225600000,\"group\":\"tenant\",\
         \"attributes\":{},\"body\":\"a\\u003cb\"}"
    );
    assert_eq!(seal.len(), 64 + "\"}".len());
}

#[test]
fn a_body_that_is_not_ours_is_left_alone() {
    let packed = parcel("x").pack(&consumer());
    let others = [
        String::new(),
        "{}".to_owned(),
        "{\"waybill\":1}".to_owned(),
        format!(" {packed}"),
        format!("[{packed}]"),
        packed.replacen("{\"waybill", "{ \"waybill", 1),
    ];
    for body in others {
        assert_eq!(unpacked(&body), Ok(None), "{body}");
    }
}

#[test]
fn what_begins_like_a_parcel_and_is_none_is_malformed() {
    let packed = parcel("x").pack(&consumer());
    let damaged = [
        "{\"waybill-scheduled\":".to_owned(),
        "{\"waybill-scheduled\":{},\"seal\":\"\"}".to_owned(),
        packed.replacen("\"x\"", "\"y\"", 1),
        packed.replacen("o-1", "o-2", 1),
        packed.replacen("\"v\":1", "\"v\":2", 1),
        packed.replacen("\"redrive_n\":2,", "\"redrive_n\":2,\"more\":0,", 1),
        format!("{packed}x"),
        packed.replacen("\"seal\"", "\"seal\":\"\",\"seal\"", 1),
    ];
    for body in &damaged {
        let error = unpacked(body).unwrap_err().to_string();
        assert!(error.starts_with("scheduled message: "), "{error}");
        assert!(
            !error.contains("tenant"),
            "nothing of it is quoted: {error}"
        );
    }
}

#[test]
fn a_parcel_is_for_the_queue_and_the_consumer_that_it_was_made_for() {
    let packed = parcel("1").pack(&consumer());
    let other = Consumer::new("other").unwrap();
    assert!(Parcel::unpack(&carrier(&packed), &other).is_err());
    let mut fifo = carrier(&packed);
    fifo.queue_arn.push_str(".fifo");
    assert!(Parcel::unpack(&fifo, &consumer()).is_err());
}

#[test]
fn a_parcel_s_key_is_one_that_the_ledger_takes() {
    for (length, is_key) in [
        (0, false),
        (1, true),
        (256, true),
        (257, false),
        (5_000, false),
    ] {
        let mut long = parcel("1");
        long.key = EventKey("k".repeat(length));
        let read = unpacked(&long.pack(&consumer()));
        assert_eq!(read.is_ok(), is_key, "{length}");
    }
}

#[test]
fn what_counts_as_short_enough_is() {
    let fitting = |body: String| {
        let parcel = parcel(&body);
        let fits = fits(&parcel.message);
        let length = parcel.pack(&consumer()).len();
        assert!(!fits || length <= SCHEDULE_INPUT_MAX, "{length}");
        fits
    };
    assert!(fitting("x".repeat(250_000)));
    assert!(!fitting("x".repeat(256_000)));
    for (letter, times) in [
        ("\"", 125_000),
        ("\u{1}", 41_000),
        ("<", 41_000),
        ("ä", 125_000),
    ] {
        assert!(fitting(letter.repeat(times)), "{letter:?}");
        assert!(
            !fitting(letter.repeat(times * 102 / 100 + 1_000)),
            "{letter:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_message_comes_out_as_it_went_in(
        body in any::<String>(),
        key in "\\PC{1,60}",
        name in "[a-z]{1,8}",
        text in any::<String>(),
        bytes in any::<Vec<u8>>(),
        sent in any::<Option<u64>>(),
    ) {
        let attribute = |value| MessageAttribute { data_type: text.clone(), value };
        let mut parcel = parcel(&body);
        parcel.key = EventKey(key);
        parcel.message.sent = sent.map(Timestamp::from_millis);
        parcel.message.attributes.insert(name, attribute(AttributeValue::Bytes(bytes)));
        parcel.message.attributes.insert("t".to_owned(), attribute(AttributeValue::Text(text.clone())));
        let packed = parcel.pack(&consumer());
        prop_assert!(!packed.contains('<'));
        prop_assert!(!fits(&parcel.message) || packed.len() <= SCHEDULE_INPUT_MAX);
        let out = unpacked(&packed).unwrap().unwrap();
        prop_assert_eq!(out.key, parcel.key);
        prop_assert_eq!(out.message.body, body);
        prop_assert_eq!(out.message.attributes, parcel.message.attributes);
        prop_assert_eq!(out.message.sent, parcel.message.sent);
    }

    #[test]
    fn whatever_a_parcel_s_bytes_become_it_is_that_parcel_or_none(
        at in any::<prop::sample::Index>(),
        byte in any::<char>(),
    ) {
        let packed = parcel("x").pack(&consumer());
        let mut letters: Vec<char> = packed.chars().collect();
        let at = at.index(letters.len());
        let before = std::mem::replace(&mut letters[at], byte);
        let changed: String = letters.into_iter().collect();
        if let Ok(Some(out)) = unpacked(&changed) {
            prop_assert!(before == byte || out.message.body == "x", "{changed}");
            prop_assert_eq!(out.key, parcel("x").key);
        }
    }
}

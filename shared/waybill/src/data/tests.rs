//! What fits a type, and what is said of what does not.

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
struct Order {
    id: String,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Line {
    amount: u64,
}

fn json(text: &'static str) -> Data {
    Data::Json(text.into())
}

fn fault(data: &Data) -> String {
    read::<Order>(data).unwrap_err()
}

#[test]
fn json_is_read_as_its_type() {
    let order = read::<Order>(&json(r#"{"id": "o-1", "lines": [{"amount": 3}]}"#)).unwrap();
    assert_eq!(order.lines, [Line { amount: 3 }]);
}

#[test]
fn text_is_a_string_and_nothing_is_a_unit() {
    assert_eq!(
        read::<String>(&Data::Text("hello".into())).unwrap(),
        "hello"
    );
    read::<()>(&Data::Absent).unwrap();
    assert_eq!(read::<Option<u8>>(&Data::Absent).unwrap(), None);
}

#[test]
fn text_and_bytes_are_read_as_whatever_holds_them() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Held<T>(T);
    let text = Data::Text("hello".into());
    let held = Some(Held("hello".to_owned()));
    assert_eq!(read::<Option<Held<String>>>(&text).unwrap(), held);
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Hello,
    }
    assert_eq!(read::<Word>(&text).unwrap(), Word::Hello);
    let bytes = Data::Bytes([0, 255].as_slice().into());
    assert_eq!(read::<Vec<u8>>(&bytes).unwrap(), [0, 255]);
    let held = Some(Held(vec![0, 255]));
    assert_eq!(read::<Option<Held<Vec<u8>>>>(&bytes).unwrap(), held);
    assert_eq!(fault(&bytes), "bytes is no `Order`: expected struct Order");
}

#[test]
fn a_name_that_is_no_fields_is_not_repeated() {
    type Cards = std::collections::HashMap<String, u64>;
    let cards = json(r#"{"4111 1111": "x"}"#);
    let said = read::<Cards>(&cards).unwrap_err();
    assert!(said.contains("at `…`") && !said.contains("4111"), "{said}");
    let said = read::<Cards>(&json(r#"{"one-card": "x"}"#)).unwrap_err();
    assert!(said.contains("at `one-card`"), "{said}");
}

#[test]
fn what_does_not_fit_is_named_by_its_place_and_not_repeated() {
    let card = json(r#"{"id": "o-1", "lines": [{"amount": 1}, {"amount": "4111 1111"}]}"#);
    let said = fault(&card);
    assert_eq!(
        said,
        "the data is no `Order` at `lines[1].amount`: expected u64 at line 1 column 61"
    );
    assert_eq!(
        fault(&json(r#"{"lines": []}"#)),
        "the data is no `Order`: missing field `id` at line 1 column 13"
    );
    assert_eq!(
        fault(&Data::Text("4111 1111".into())),
        "text that is not JSON is no `Order`: expected struct Order"
    );
}

#[test]
fn json_from_elsewhere_is_read_to_its_end_with_the_same_errors() {
    let order: Order = of_json(br#" {"id": "o-1", "lines": []} "#).unwrap();
    assert_eq!(order.id, "o-1");
    let fault = |json: &[u8]| of_json::<Order>(json).unwrap_err();
    let unfit = fault(br#"{"id": "o-1", "lines": "4111 1111"}"#);
    assert!(unfit.starts_with("the data is no `Order` at `lines`: expected"));
    assert!(!unfit.contains("4111"), "{unfit}");
    let more = fault(br#"{"id": "o-1", "lines": []} 4111"#);
    assert_eq!(more, "the data is no `Order`: something follows it");
    for broken in [&b""[..], b"{", b"4111 1111", b"\xff\xfe"] {
        let said = fault(broken);
        assert!(said.starts_with("the data is no `Order`"), "{said}");
    }
}

use super::*;

#[test]
fn an_empty_message_id_does_not_exist_f12() {
    assert_eq!(MessageId::new(""), None);
    assert!(MessageId::new("m-1").is_some());
}

#[test]
fn a_consumer_has_no_separator_in_it() {
    assert_eq!(Consumer::new("a#b"), None);
    assert_eq!(Consumer::new(""), None);
    assert!(Consumer::new("orders").is_some());
}

#[test]
fn an_owner_reads_back_what_it_writes() {
    let owner = OwnerId(0x00ab_cdef);
    assert_eq!(OwnerId::parse(&owner.to_string()), Some(owner));
    assert_eq!(OwnerId::parse("+0000000000000000000000000000001"), None);
    assert_eq!(OwnerId::parse("ab"), None);
}

#[test]
fn a_route_name_is_short_and_plain() {
    for bad in ["", "Upper", "under_score", &"x".repeat(65)] {
        assert_eq!(RouteName::new(bad), None, "{bad}");
    }
    assert!(RouteName::new("crm-2").is_some());
}

#[test]
fn names_are_written_as_they_are() {
    let consumer = Consumer::new("orders").unwrap();
    let key = EventKey("eb:1".to_owned());
    let row = LedgerKey::new(&consumer, &key);
    let message = MessageId::new("m-1").unwrap();
    let route = RouteName::new("crm").unwrap();
    assert_eq!(
        (consumer.as_str(), consumer.to_string()),
        ("orders", "orders".to_owned())
    );
    assert_eq!(
        (row.as_str(), row.to_string()),
        ("orders#eb:1", "orders#eb:1".to_owned())
    );
    assert_eq!(
        (message.as_str(), message.to_string()),
        ("m-1", "m-1".to_owned())
    );
    assert_eq!(
        (route.as_str(), route.to_string()),
        ("crm", "crm".to_owned())
    );
    assert_eq!(key.as_str(), "eb:1");
    assert_eq!(LedgerKey::from_stored("orders#eb:1"), row);
}

#[test]
fn an_owner_is_written_with_all_its_digits() {
    let text = "000000000000000000000000000000ff";
    assert_eq!(OwnerId(255).to_string(), text);
    assert_eq!(OwnerId::parse(text), Some(OwnerId(255)));
    for none in [
        "",
        "0ff",
        "0000000000000000000000000000000g",
        "00000000000000000000000000000000ff",
    ] {
        assert_eq!(OwnerId::parse(none), None, "{none}");
    }
}

#[test]
fn a_route_name_in_a_file_is_checked_like_any_other() {
    let read = |text: &str| serde_json::from_str::<RouteName>(text);
    assert_eq!(read("\"crm\"").unwrap().as_str(), "crm");
    let error = read("\"CRM\"").unwrap_err().to_string();
    assert!(error.contains("route name `CRM`"), "{error}");
}

#[test]
fn a_key_is_printed_so_that_it_can_be_typed_and_read_back() {
    for (key, shown) in [
        ("orders\0e-1", "orders\\0e-1"),
        ("a\\0b", "a\\\\0b"),
        ("\u{1b}[2J\n", "\\u{1b}[2J\\u{a}"),
        ("plain:é", "plain:é"),
        ("", ""),
    ] {
        assert_eq!(printable(key), shown);
        assert_eq!(from_printable(shown), key);
    }
    // What is not printed so stands for itself.
    for text in ["a\\b", "\\u{zz}", "\\u{41}", "\\"] {
        assert_eq!(from_printable(text), text);
    }
}

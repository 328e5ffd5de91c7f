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

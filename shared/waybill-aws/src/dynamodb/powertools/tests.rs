use super::*;

#[test]
fn an_item_is_read_as_powertools_writes_it() {
    let number = |digits: &str| AttributeValue::N(digits.to_owned());
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let item = HashMap::from([
        (STATUS.to_owned(), text("INPROGRESS")),
        (EXPIRATION.to_owned(), number("1796000000")),
        (IN_PROGRESS.to_owned(), number("1796000000123")),
    ]);
    let expected = OldRow {
        status: "INPROGRESS".to_owned(),
        expiration: Some(1_796_000_000),
        in_progress_expiration: Some(1_796_000_000_123),
    };
    assert_eq!(read(&item), expected);
    let strange = HashMap::from([(EXPIRATION.to_owned(), text("soon"))]);
    let nothing = OldRow {
        status: String::new(),
        expiration: None,
        in_progress_expiration: None,
    };
    assert_eq!(read(&strange), nothing);
}

#[test]
fn a_refusal_names_its_remedy() {
    let cases = [
        ("AccessDeniedException", "allow `dynamodb:GetItem` on it"),
        (
            "ResourceNotFoundException",
            "name another, or take `after_powertools` out",
        ),
        ("ValidationException", "with a sort key"),
        ("ThrottlingException", "cannot be read: slow down"),
    ];
    for (code, remedy) in cases {
        let said = why("old", Some(code), "slow down");
        assert!(said.contains("`old`") && said.contains(remedy), "{said}");
    }
}

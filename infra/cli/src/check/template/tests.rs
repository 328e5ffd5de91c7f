use super::Template;

/// A template whose parameter has these bounds.
fn bounded(bounds: &str) -> String {
    format!("Parameters:\n  P:\n    {bounds}\nResources:\n  R:\n    Type: X\n")
}

/// What is said of a value.
fn refused(bounds: &str, value: &str) -> Option<String> {
    let chosen = [("P".to_owned(), value.to_owned())];
    Template::read(&bounded(bounds), &chosen).err()
}

#[test]
fn a_value_that_its_parameter_does_not_allow_is_refused_with_its_line() {
    for (bounds, good, bad) in [
        ("AllowedValues: [a, '2']", "2", "b"),
        ("AllowedPattern: '[a-z]*'", "", "a1"),
        ("{ Type: Number, MinValue: 2 }", "2", "1"),
        ("{ Type: Number, MaxValue: 2 }", "2", "2.5"),
        ("{ Type: Number }", "1", "one"),
        ("MinLength: 2", "ab", "a"),
        ("MaxLength: 1", "a", "ab"),
    ] {
        assert_eq!(refused(bounds, good), None, "{bounds}");
        let said = refused(bounds, bad).expect(bounds);
        assert!(
            said.starts_with("line 2: parameter `P` cannot be "),
            "{said}"
        );
    }
}

#[test]
fn a_value_for_no_parameter_is_refused_and_told_which_there_are() {
    let chosen = [("Q".to_owned(), "1".to_owned())];
    let said = Template::read(&bounded("Type: String"), &chosen).unwrap_err();
    assert_eq!(said, "there is no parameter `Q`: it has P");
}

#[test]
fn what_is_no_template_is_refused() {
    for text in ["", "a: [", "a: b", "Resources: {}"] {
        assert!(Template::read(text, &[]).is_err(), "{text}");
    }
}

#[test]
fn a_path_leads_to_its_line_or_to_the_nearest_above_it() {
    let template = Template::read(&bounded("Type: String"), &[]).unwrap();
    assert_eq!(template.line("Resources.R.Type"), Some(6));
    assert_eq!(template.line("Resources.R.Properties.X"), Some(5));
    assert_eq!(template.line("Nowhere"), None);
    assert_eq!(template.line(""), None);
}

#[test]
fn other_transforms_are_told() {
    let of = |transform: &str| {
        let text = format!("Transform: {transform}\n{}", bounded("Type: String"));
        Template::read(&text, &[]).unwrap().other_transforms()
    };
    assert!(of("AWS::Serverless-2016-10-31").is_empty());
    assert_eq!(of("[AWS::Serverless-2016-10-31, Own]"), ["Own"]);
}

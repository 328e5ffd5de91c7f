//! What is refused, by line, path and remedy.

use super::*;

/// What is told of a route with these keys.
fn told(keys: &str) -> String {
    match parse(keys) {
        Ok(_) => panic!("{keys} is read"),
        Err(errors) => errors.to_string(),
    }
}

/// What is told of a pattern.
fn of_pattern(pattern: &str) -> String {
    told(&format!("\"filter\": {pattern}"))
}

#[test]
fn a_pattern_that_is_not_understood_is_refused_with_its_place_and_remedy() {
    let cases = [
        (
            r#"{"detail": {"a": [1]}}"#,
            "filter.detail`: is no key of an event; what EventBridge calls `detail` is `data` here",
        ),
        (
            r#"{"detail-type": ["a"]}"#,
            "what EventBridge calls `detail-type` is `type` here",
        ),
        (
            r#"{"region": ["a"]}"#,
            "filter.region`: is no key of an event; filter on `id`",
        ),
        (
            r#"{"type": {"a": ["b"]}}"#,
            "filter.type`: must be a list, even of one, not a mapping",
        ),
        (
            r#"{"type": [1]}"#,
            "filter.type[0]`: must be text: put it in quotes",
        ),
        (
            r#"{"type": [null]}"#,
            "filter.type[0]`: must be text, not nothing",
        ),
        (
            r#"{"type": [{"numeric": ["=", 1]}]}"#,
            "compares numbers, and this key is always text",
        ),
        (
            r#"{"type": [{"anything-but": 1}]}"#,
            "filter.type[0].anything-but`: must be text: put it in quotes",
        ),
        (
            r#"{"attributes": ["a"]}"#,
            "must be a mapping of names of message attributes to lists",
        ),
        (
            r#"{"attributes": {}}"#,
            "filter.attributes`: asks nothing; leave the key out",
        ),
        (
            r#"{"attributes": {"a": {"b": ["c"]}}}"#,
            "filter.attributes.a`: must be a list",
        ),
        (
            r#"{"data": "a"}"#,
            "filter.data`: must be a list, even of one, or a mapping of what is below it, not text",
        ),
        (
            r#"{"data": {}}"#,
            "filter.data`: asks nothing; leave the key out",
        ),
        (r#"{"data": {"a": {}}}"#, "filter.data.a`: asks nothing"),
        (
            r#"{"data": {"a": []}}"#,
            "filter.data.a`: takes no event while its list is empty",
        ),
        (r#"{"data": {"a": "b"}}"#, "filter.data.a`: must be a list"),
        (r#"{"data": {"a": null}}"#, "filter.data.a`: must be a list"),
        (
            r#"{"data": {"a": [["b"]]}}"#,
            "filter.data.a[0]`: must be a value or an operator, not a list",
        ),
        (
            r#"{"data": {"a": [{}]}}"#,
            "filter.data.a[0]`: must have one operator",
        ),
        (
            r#"{"data": {"a": [{"prefix": "a", "suffix": "b"}]}}"#,
            "must have one operator; give each its own entry",
        ),
        (
            r#"{"data": {"a": [{"begins": "a"}]}}"#,
            "operator `begins` is not known; known are `prefix`",
        ),
        (
            r#"{"data": {"a": [{"$or": ["a", "b"]}]}}"#,
            "operator `$or` is not known",
        ),
        (
            r#"{"data": {"a": [{"prefix": 1}]}}"#,
            "filter.data.a[0].prefix`: must be text: put it in quotes",
        ),
        (
            r#"{"data": {"a": [{"prefix": ["a"]}]}}"#,
            "filter.data.a[0].prefix`: must be text, not a list",
        ),
        (
            r#"{"data": {"a": [{"prefix": {"wildcard": "a"}}]}}"#,
            "must be text, or `{ equals-ignore-case: text }`",
        ),
        (
            r#"{"data": {"a": [{"suffix": {"equals-ignore-case": 1}}]}}"#,
            "suffix.equals-ignore-case`: must be text",
        ),
        (
            r#"{"data": {"a": [{"equals-ignore-case": ["a"]}]}}"#,
            "equals-ignore-case`: must be text, not a list",
        ),
        (
            r#"{"data": {"a": [{"wildcard": "a**b"}]}}"#,
            "wildcard`: has `**`; one `*` stands for any run already",
        ),
        (
            r#"{"data": {"a": [{"wildcard": "a\\b"}]}}"#,
            "has a `\\` before neither `*` nor `\\`",
        ),
        (
            r#"{"data": {"a": [{"wildcard": "a\\"}]}}"#,
            "has a `\\` before neither",
        ),
        (
            r#"{"data": {"a": [{"wildcard": 1}]}}"#,
            "wildcard`: must be text",
        ),
        (
            r#"{"data": {"a": [{"cidr": "10.0.0.0"}]}}"#,
            "must be an address and how many of its bits count",
        ),
        (
            r#"{"data": {"a": [{"cidr": "10.0.0.0/33"}]}}"#,
            "cidr`: must be an address",
        ),
        (
            r#"{"data": {"a": [{"cidr": "10.0.0.0/+8"}]}}"#,
            "cidr`: must be an address",
        ),
        (
            r#"{"data": {"a": [{"cidr": "10.0.0/8"}]}}"#,
            "cidr`: must be an address",
        ),
        (
            r#"{"data": {"a": [{"cidr": "::/129"}]}}"#,
            "cidr`: must be an address",
        ),
        (
            r#"{"data": {"a": [{"cidr": "example.com/8"}]}}"#,
            "cidr`: must be an address",
        ),
        (
            r#"{"data": {"a": [{"exists": "true"}]}}"#,
            "exists`: must be `true` or `false`, without quotes",
        ),
        (
            r#"{"data": {"a": [{"exists": null}]}}"#,
            "exists`: must be `true` or `false`",
        ),
        (
            r#"{"data": {"a": [{"numeric": 5}]}}"#,
            "numeric`: must be `[\"=\", n]`",
        ),
        (r#"{"data": {"a": [{"numeric": []}]}}"#, "numeric`: must be"),
        (
            r#"{"data": {"a": [{"numeric": ["="]}]}}"#,
            "numeric`: must be",
        ),
        (
            r#"{"data": {"a": [{"numeric": ["==", 5]}]}}"#,
            "numeric`: must be",
        ),
        (
            r#"{"data": {"a": [{"numeric": [5, "<"]}]}}"#,
            "numeric[1]`: must be a number, not text",
        ),
        (
            r#"{"data": {"a": [{"numeric": ["=", "5"]}]}}"#,
            "numeric[1]`: must be a number, not text",
        ),
        (
            r#"{"data": {"a": [{"numeric": ["<", 5, ">", 1]}]}}"#,
            "numeric`: takes no number",
        ),
        (
            r#"{"data": {"a": [{"numeric": ["<", 1, ">", 5]}]}}"#,
            "numeric`: must be",
        ),
        (
            r#"{"data": {"a": [{"numeric": ["=", 1, "<", 5]}]}}"#,
            "numeric`: must be",
        ),
        (
            r#"{"data": {"a": [{"numeric": [">", 5, "<", 5]}]}}"#,
            "the lower bound must be below the upper one",
        ),
        (
            r#"{"data": {"a": [{"numeric": [">", 1, "<", 5, "<", 6]}]}}"#,
            "numeric`: must be",
        ),
        (
            r#"{"data": {"a": [{"anything-but": []}]}}"#,
            "anything-but`: takes no event while its list is empty",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {}}]}}"#,
            "anything-but`: must be text, a number",
        ),
        (
            r#"{"data": {"a": [{"anything-but": null}]}}"#,
            "anything-but`: must be text or a number, not nothing",
        ),
        (
            r#"{"data": {"a": [{"anything-but": true}]}}"#,
            "anything-but`: must be text or a number, not a boolean",
        ),
        (
            r#"{"data": {"a": [{"anything-but": ["a", 1]}]}}"#,
            "must be all text or all numbers",
        ),
        (
            r#"{"data": {"a": [{"anything-but": ["a", null]}]}}"#,
            "anything-but[1]`: must be text or a number",
        ),
        (
            r#"{"data": {"a": [{"anything-but": [{"prefix": "a"}]}]}}"#,
            "anything-but[0]`: must be text or a number, not a mapping",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {"numeric": ["=", 1]}}]}}"#,
            "anything-but.numeric`: must be text, a number",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {"prefix": "a", "suffix": "b"}}]}}"#,
            "anything-but`: must be text, a number",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {"prefix": ""}}]}}"#,
            "anything-but.prefix`: must not be empty",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {"suffix": ["a", ""]}}]}}"#,
            "anything-but.suffix[1]`: must not be empty",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {"prefix": []}}]}}"#,
            "anything-but.prefix`: takes no event",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {"wildcard": "**"}}]}}"#,
            "anything-but.wildcard`: has `**`",
        ),
        (
            r#"{"data": {"a": [{"anything-but": {"equals-ignore-case": 1}}]}}"#,
            "anything-but.equals-ignore-case`: must be text",
        ),
        (
            r#"{"$or": {"type": ["a"]}}"#,
            "filter.$or`: must be a list of at least two mappings, not a mapping",
        ),
        (
            r#"{"$or": [{"type": ["a"]}]}"#,
            "must have at least two alternatives",
        ),
        (r#"{"$or": []}"#, "must have at least two alternatives"),
        (
            r#"{"$or": [{"type": ["a"]}, ["b"]]}"#,
            "filter.$or[1]`: must be a mapping",
        ),
        (
            r#"{"$or": [{"type": ["a"]}, {}]}"#,
            "filter.$or[1]`: asks nothing",
        ),
        (
            r#"{"data": {"$or": [{"numeric": [">", 0, "<=", 5]}, {"a": [1]}]}}"#,
            "`numeric` is an operator, and an alternative of `$or` begins with a key",
        ),
        (
            r#"{"data": {"a": [9223372036854775807]}}"#,
            "is a whole number of 64 bits or more",
        ),
        (
            r#"{"data": {"a": [{"numeric": ["<", 18446744073709551615]}]}}"#,
            "numeric[1]`: is a whole number of 64 bits or more",
        ),
    ];
    for (pattern, expected) in cases {
        let told = of_pattern(pattern);
        assert!(told.contains("line 1, column "), "{told}");
        assert!(told.contains(expected), "{pattern}: {told}");
    }
}

#[test]
fn filters_that_are_not_understood_are_refused_with_their_place_and_remedy() {
    let cases = [
        (r#"[]"#, "filters`: must have at least one filter"),
        (
            r#"{"exact": {"type": "a"}}"#,
            "filters`: must be a list of filters",
        ),
        (r#"["a"]"#, "filters[0]`: must be a mapping like"),
        (r#"[{}]"#, "filters[0]`: must have one dialect"),
        (
            r#"[{"exact": {"type": "a"}, "prefix": {"type": "a"}}]"#,
            "must have one dialect; give each its own entry",
        ),
        (
            r#"[{"equals": {"type": "a"}}]"#,
            "dialect `equals` is not known; known are `exact`",
        ),
        (
            r#"[{"sql": "source LIKE '%x%'"}]"#,
            "filters[0].sql`: the dialect `sql` is not supported; use `exact`",
        ),
        (
            r#"[{"exact": {}}]"#,
            "filters[0].exact`: must name at least one attribute",
        ),
        (
            r#"[{"exact": ["type"]}]"#,
            "must be a mapping of attributes to text",
        ),
        (
            r#"[{"exact": {"type": ""}}]"#,
            "filters[0].exact.type`: must not be empty",
        ),
        (
            r#"[{"exact": {"type": 1}}]"#,
            "must be text: put it in quotes",
        ),
        (
            r#"[{"exact": {"type": ["a"]}}]"#,
            "filters[0].exact.type`: must be text, not a list",
        ),
        (
            r#"[{"exact": {"": "a"}}]"#,
            "is no attribute that an event keeps",
        ),
        (
            r#"[{"not": {"exact": {"myext": "a"}}}]"#,
            "filters[0].not.exact.myext`: is no attribute that an event keeps; kept are `id`",
        ),
        (
            r#"[{"not": [{"exact": {"type": "a"}}]}]"#,
            "filters[0].not`: must be a mapping",
        ),
        (
            r#"[{"all": []}]"#,
            "filters[0].all`: must have at least one filter",
        ),
        (
            r#"[{"any": {"exact": {"type": "a"}}}]"#,
            "filters[0].any`: must be a list of filters",
        ),
        (
            r#"[{"all": [{"sql": "TRUE"}]}]"#,
            "filters[0].all[0].sql`: the dialect `sql`",
        ),
    ];
    for (filters, expected) in cases {
        let told = told(&format!("\"filters\": {filters}"));
        assert!(told.contains("line 1, column "), "{told}");
        assert!(told.contains(expected), "{filters}: {told}");
    }
}

#[test]
fn a_key_that_comes_twice_is_refused() {
    for keys in [
        r#""filter": {"type": ["a"], "type": ["b"]}"#,
        r#""filter": {"data": {"a": ["b"], "a": ["c"]}}"#,
        r#""filter": {"$or": [{"type": ["a"]}, {"id": ["b"]}], "$or": [{"type": ["a"]}, {"id": ["c"]}]}"#,
        r#""filters": [{"exact": {"type": "a", "type": "b"}}]"#,
    ] {
        assert!(told(keys).contains("duplicate"), "{keys}: {}", told(keys));
    }
}

#[test]
fn every_fault_of_a_filter_is_told_at_once() {
    let told = of_pattern(
        r#"{"type": [1, 2], "data": {"a": [], "$or": [{"b": []}, {"c": "d"}]}, "x": ["y"]}"#,
    );
    assert!(told.contains("refused for 6 faults"), "{told}");
}

#[test]
fn a_filter_has_a_thousand_values_at_most() {
    let list = |count: usize| {
        let values: Vec<_> = (0..count).map(|n| n.to_string()).collect();
        values.join(", ")
    };
    let but = |count| {
        format!(
            "\"filter\": {{\"data\": [{{\"anything-but\": [{}]}}]}}",
            list(count)
        )
    };
    assert!(parse(&but(1000)).is_ok());
    assert!(told(&but(1001)).contains("`routes[0].filter`: has more than 1000 values"));
    let or = |count| {
        let of = |count| format!("{{\"data\": [{}]}}", list(count));
        format!("\"filter\": {{\"$or\": [{}, {}]}}", of(500), of(count))
    };
    assert!(parse(&or(500)).is_ok());
    assert!(told(&or(501)).contains("has more than 1000 values"));
    let filters = |count: usize| {
        let one = r#"{"exact": {"type": "a", "id": "b"}}"#;
        format!("\"filters\": [{}]", vec![one; count].join(", "))
    };
    assert!(parse(&filters(500)).is_ok());
    assert!(told(&filters(501)).contains("`routes[0].filters`: has more than 1000 values"));
}

#[test]
fn a_filter_has_a_thousand_combinations_at_most() {
    let either = |count: usize| {
        let alternatives: Vec<_> = (0..count).map(|n| format!("{{\"a\": [{n}]}}")).collect();
        format!("{{\"$or\": [{}]}}", alternatives.join(", "))
    };
    let three = |count| {
        let ten = either(10);
        format!(
            "{{\"data\": {{\"x\": {ten}, \"y\": {ten}, \"z\": {}}}}}",
            either(count)
        )
    };
    assert!(parse(&format!("\"filter\": {}", three(10))).is_ok());
    let told = of_pattern(&three(11));
    assert!(
        told.contains("more than 1000 combinations of `$or`; split it"),
        "{told}"
    );
    // No product of them overflows.
    let many: Vec<_> = (0..90)
        .map(|n| format!("\"k{n}\": {}", either(10)))
        .collect();
    let told = of_pattern(&format!("{{\"data\": {{{}}}}}", many.join(", ")));
    assert!(told.contains("more than 1000 combinations"), "{told}");
}

#[test]
fn a_variable_is_a_number_where_a_number_is_wanted_and_text_elsewhere() {
    let text = "routes:\n  - name: a\n    target: { http: { url: \"https://x\" } }\n    filter: \
                { data: { n: [{ numeric: [\">\", \"${MIN}\"] }], t: [\"${MIN}\"] } }\n";
    let file = RoutesFile::parse(text, |_| Some("5".to_owned())).unwrap();
    let takes = |data| file.routes[0].filter.matches(&with_json(data));
    assert!(takes(r#"{"n": 6, "t": "5"}"#));
    assert!(!takes(r#"{"n": 5, "t": "5"}"#));
    assert!(!takes(r#"{"n": 6, "t": 5}"#));
    for value in ["", "x", "0x10", "NaN", "1e999"] {
        let told = RoutesFile::parse(text, |_| Some(value.to_owned())).unwrap_err();
        assert!(
            told.to_string().contains("must be a number"),
            "{value}: {told}"
        );
    }
}

#[test]
fn a_value_that_a_variable_put_in_is_in_no_fault_f66() {
    for pattern in [
        r#"{"data": {"a": [{"wildcard": "**${S}"}]}}"#,
        r#"{"data": {"a": [{"cidr": "${S}"}]}}"#,
        r#"{"data": {"a": [{"exists": "${S}"}]}}"#,
        r#"{"data": {"a": [{"numeric": [">", "${S}"]}]}}"#,
        r#"{"data": {"a": [{"numeric": ["${S}", 1]}]}}"#,
        r#"{"data": {"a": [{"anything-but": [1, "${S}"]}]}}"#,
        r#"{"data": "${S}"}"#,
        r#"{"$or": "${S}"}"#,
    ] {
        let text = format!(
            "{{\"routes\": [{{\"name\": \"a\", \"target\": {{\"http\": {{\"url\": \"https://x\"}}}}, \
             \"filter\": {pattern}, \"filters\": [\"${{S}}\"]}}]}}"
        );
        let told = RoutesFile::parse(&text, |_| Some("hunter2".to_owned())).unwrap_err();
        assert_eq!(told.iter().count(), 2, "{told}");
        assert!(!told.to_string().contains("hunter2"), "{told}");
    }
}

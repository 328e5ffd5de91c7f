use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::event::Data;
use crate::routes::{RoutesErrors, RoutesFile};

mod cases;
mod faults;

/// A file of one route with these keys of JSON in it, beside its name and target.
fn parse(keys: &str) -> Result<RoutesFile, RoutesErrors> {
    let target = r#""target": {"http": {"url": "https://x"}}"#;
    let text = format!("{{\"routes\": [{{\"name\": \"a\", {target}, {keys}}}]}}");
    RoutesFile::parse(&text, |_| None)
}

/// The filter of a route with these keys.
fn filter(keys: &str) -> Filter {
    let file = parse(keys).unwrap_or_else(|errors| panic!("{keys}: {errors}"));
    file.routes[0].filter.clone()
}

/// The filter of a pattern that stands under `data`.
fn of_data(pattern: &str) -> Filter {
    filter(&format!("\"filter\": {{\"data\": {pattern}}}"))
}

/// An event of this data.
fn with_data(data: Data) -> Event {
    Event {
        id: "1".to_owned(),
        source: "shop".to_owned(),
        kind: "order.created".to_owned(),
        data,
        ..Event::default()
    }
}

/// An event of this JSON.
fn with_json(data: &str) -> Event {
    with_data(Data::Json(data.into()))
}

/// Asserts that each pattern takes what it is said to take.
fn hold(cases: &[cases::Case]) {
    for (pattern, data, taken) in cases {
        let found = of_data(pattern).matches(&with_json(data));
        assert_eq!(found, *taken, "{pattern} and {data}");
    }
}

#[test]
fn every_operator_of_eventbridge_takes_what_its_page_says() {
    hold(cases::OPERATORS);
}

#[test]
fn whole_patterns_of_eventbridge_take_what_their_pages_say() {
    hold(cases::PATTERNS);
}

#[test]
fn what_is_asked_below_one_array_is_found_in_one_element() {
    hold(cases::ARRAYS);
}

#[test]
fn where_waybill_differs_it_does_what_its_page_says() {
    hold(cases::DIFFERENT);
}

#[test]
fn a_pattern_asks_about_every_part_of_an_event() {
    let event = Event {
        subject: Some("orders/1".to_owned()),
        time: Some("2026-01-02T03:04:05Z".to_owned()),
        attributes: [("tenant".to_owned(), "acme".to_owned())].into(),
        ..with_json(r#"{"total": 20}"#)
    };
    let taken = [
        r#"{"id": ["1"]}"#,
        r#"{"source": [{"wildcard": "s*p"}]}"#,
        r#"{"type": [{"anything-but": {"suffix": ".deleted"}}]}"#,
        r#"{"subject": [{"prefix": {"equals-ignore-case": "ORDERS/"}}]}"#,
        r#"{"time": [{"prefix": "2026-01-02"}]}"#,
        r#"{"attributes": {"tenant": ["acme"], "region": [{"exists": false}]}}"#,
        r#"{"data": {"total": [20]}}"#,
        r#"{"$or": [{"source": ["other"]}, {"data": {"total": [20]}}]}"#,
        r#"{"type": ["order.created"], "$or": [{"attributes": {"tenant": ["acme"]}}, {"id": ["2"]}]}"#,
        r#"{"attributes": {"$or": [{"tenant": ["acme"]}, {"other": ["x"]}]}}"#,
    ];
    for pattern in taken {
        let keys = format!("\"filter\": {pattern}");
        assert!(filter(&keys).matches(&event), "{pattern}");
    }
    let not_taken = [
        r#"{"id": ["2"]}"#,
        r#"{"source": [{"cidr": "10.0.0.0/8"}]}"#,
        r#"{"subject": [{"exists": false}]}"#,
        r#"{"time": [{"anything-but": {"prefix": "2026-"}}]}"#,
        r#"{"attributes": {"tenant": [{"anything-but": "acme"}]}}"#,
        r#"{"attributes": {"Tenant": ["acme"]}}"#,
        r#"{"attributes": {"region": [{"anything-but": "eu"}]}}"#,
        r#"{"id": ["1"], "data": {"total": [21]}}"#,
        r#"{"$or": [{"source": ["other"]}, {"data": {"total": [21]}}]}"#,
    ];
    for pattern in not_taken {
        let keys = format!("\"filter\": {pattern}");
        assert!(!filter(&keys).matches(&event), "{pattern}");
    }
}

#[test]
fn data_is_json_text_or_nothing() {
    let is_text = of_data(r#"[{"prefix": "ERR"}]"#);
    let has_code = of_data(r#"{"code": [1]}"#);
    let has_none = of_data(r#"{"code": [{"exists": false}]}"#);
    let is_absent = of_data(r#"[{"exists": false}]"#);
    let is_there = of_data(r#"[{"exists": true}]"#);
    let cases = [
        (
            Data::Text("ERROR 1".into()),
            [true, false, true, false, true],
        ),
        (
            Data::Json("\"ERROR 1\"".into()),
            [true, false, true, false, true],
        ),
        (
            Data::Json(r#"["ERROR 1"]"#.into()),
            [true, false, true, false, true],
        ),
        (
            Data::Json(r#"{"code": 1}"#.into()),
            [false, true, false, true, false],
        ),
        (
            Data::Json(r#"[{"code": 2}, {"code": 1}]"#.into()),
            [false, true, false, true, false],
        ),
        (Data::Json("null".into()), [false, false, true, false, true]),
        (Data::Bytes("ERR".into()), [false, false, true, true, false]),
        (Data::Absent, [false, false, true, true, false]),
    ];
    for (data, expected) in cases {
        let event = with_data(data);
        let filters = [&is_text, &has_code, &has_none, &is_absent, &is_there];
        let taken = filters.map(|filter| filter.matches(&event));
        assert_eq!(taken, expected, "{:?}", event.data);
    }
}

#[test]
fn data_is_parsed_once_and_only_when_a_filter_asks_for_it() {
    let event = with_json(r#"{"total": 20}"#);
    let by_type = filter(r#""filter": {"type": ["x"], "data": {"total": [20]}}"#);
    let with_list = filter(r#""filter": {"type": ["x"], "data": [20]}"#);
    let by_data = filter(r#""filter": {"data": {"total": [20]}}"#);
    let view = View::of(&event);
    assert!(!by_type.takes(&view), "the type is asked for first");
    assert!(!with_list.takes(&view), "the type is asked for first");
    assert!(!view.is_parsed());
    assert!(by_data.takes(&view));
    assert!(view.is_parsed());
    assert!(by_data.takes(&view));
}

/// An event of CloudEvents' own examples.
fn push() -> Event {
    Event {
        id: "A234-1234-1234".to_owned(),
        source: "https://github.com/cloudevents".to_owned(),
        kind: "com.github.push".to_owned(),
        subject: Some("https://github.com/cloudevents/spec".to_owned()),
        content_type: Some("application/json".to_owned()),
        ..with_json("{}")
    }
}

#[test]
fn every_dialect_of_cloudevents_takes_what_the_specification_says() {
    let subject = "https://github.com/cloudevents/spec";
    let cases = [
        (
            json!([{"exact": {"type": "com.github.push", "subject": subject}}]),
            true,
        ),
        (
            json!([{"exact": {"type": "com.github.push", "subject": "other"}}]),
            false,
        ),
        (json!([{"exact": {"type": "com.github.Push"}}]), false),
        (json!([{"exact": {"time": "2026-01-02T03:04:05Z"}}]), false),
        (
            json!([{"exact": {"specversion": "1.0", "datacontenttype": "application/json"}}]),
            true,
        ),
        (
            json!([{"exact": {"id": "A234-1234-1234", "source": "https://github.com/cloudevents"}}]),
            true,
        ),
        (
            json!([{"prefix": {"type": "com.github.", "subject": "https://github.com/cloudevents"}}]),
            true,
        ),
        (
            json!([{"prefix": {"type": "com.github.", "subject": "https://gitlab.com"}}]),
            false,
        ),
        (json!([{"prefix": {"type": "COM."}}]), false),
        (
            json!([{"suffix": {"type": ".push", "subject": "/cloudevents/spec"}}]),
            true,
        ),
        (
            json!([{"suffix": {"type": ".created", "subject": "/cloudevents/spec"}}]),
            false,
        ),
        (
            json!([{"all": [{"exact": {"type": "com.github.push"}}, {"exact": {"subject": subject}}]}]),
            true,
        ),
        (
            json!([{"all": [{"exact": {"type": "com.github.push"}}, {"exact": {"subject": "other"}}]}]),
            false,
        ),
        (
            json!([{"any": [{"exact": {"type": "other"}}, {"exact": {"subject": subject}}]}]),
            true,
        ),
        (
            json!([{"any": [{"exact": {"type": "other"}}, {"exact": {"subject": "other"}}]}]),
            false,
        ),
        (
            json!([{"not": {"exact": {"type": "com.github.push"}}}]),
            false,
        ),
        (json!([{"not": {"exact": {"type": "other"}}}]), true),
        (
            json!([{"not": {"exact": {"time": "2026-01-02T03:04:05Z"}}}]),
            true,
        ),
        (
            json!([{"not": {"any": [{"exact": {"type": "other"}}, {"not": {"prefix": {"id": "A"}}}]}}]),
            true,
        ),
        // All filters of the list must hold.
        (
            json!([{"exact": {"type": "com.github.push"}}, {"suffix": {"subject": "/spec"}}]),
            true,
        ),
        (
            json!([{"exact": {"type": "com.github.push"}}, {"suffix": {"subject": "/sdk"}}]),
            false,
        ),
    ];
    for (filters, taken) in cases {
        let read = filter(&format!("\"filters\": {filters}"));
        assert_eq!(read.matches(&push()), taken, "{filters}");
    }
}

#[test]
fn a_route_with_a_pattern_and_filters_takes_what_both_take() {
    let both = |kind: &str, id: &str| {
        let keys = json!({"type": [kind]});
        let filters = json!([{"prefix": {"id": id}}]);
        filter(&format!("\"filter\": {keys}, \"filters\": {filters}")).matches(&push())
    };
    assert!(both("com.github.push", "A"));
    assert!(!both("other", "A"));
    assert!(!both("com.github.push", "B"));
}

#[test]
fn case_is_ignored_in_every_script_and_by_whole_characters() {
    let cases = [
        ("straße", "STRASSE", true),
        ("straße", "strase", false),
        ("ΑΒΓ", "αβγ", true),
        ("жук", "ЖУК", true),
        ("été", "ÉTÉ", true),
        ("été", "ete", false),
        ("", "", true),
        ("", "a", false),
        ("a", "", false),
    ];
    for (wanted, text, taken) in cases {
        let data = json!(text).to_string();
        let same = of_data(&json!([{"equals-ignore-case": wanted}]).to_string());
        assert_eq!(
            same.matches(&with_json(&data)),
            taken,
            "{wanted} and {text}"
        );
    }
    let suffix = of_data(r#"[{"suffix": {"equals-ignore-case": "straße"}}]"#);
    assert!(suffix.matches(&with_json("\"Die STRASSE\"")));
    assert!(!suffix.matches(&with_json("\"Die STRASE\"")));
}

#[test]
fn a_wildcard_takes_time_by_the_length_of_the_text() {
    // Whoever backtracks here does not come back.
    let stars = format!("{}b", "*a".repeat(200));
    let pattern = of_data(&json!([{"wildcard": stars}]).to_string());
    let text = "a".repeat(100_000);
    assert!(!pattern.matches(&with_data(Data::Text(text.clone().into()))));
    assert!(pattern.matches(&with_data(Data::Text((text + "b").into()))));
}

/// Whether a text has the form of a wildcard, by trying everything.
fn by_trying(pattern: &[char], text: &[char]) -> bool {
    match (pattern, text) {
        ([], text) => text.is_empty(),
        (['*', rest @ ..], text) => (0..=text.len()).any(|at| by_trying(rest, &text[at..])),
        ([one, rest @ ..], [first, text @ ..]) => one == first && by_trying(rest, text),
        ([_, ..], []) => false,
    }
}

/// A value of JSON that holds no other, with few letters.
fn some_leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[ab]{0,2}".prop_map(Value::from),
        (-2..3i64).prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

/// A value of JSON with few letters and keys, so that patterns and events meet.
fn some_value() -> impl Strategy<Value = Value> {
    some_leaf().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[xyz]", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// One entry of a list.
fn some_entry() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[ab]{0,2}".prop_map(Value::from),
        (-2..3i64).prop_map(Value::from),
        Just(Value::Null),
        "[ab]".prop_map(|text| json!({ "prefix": text })),
        "[ab]".prop_map(|text| json!({ "anything-but": text })),
        any::<bool>().prop_map(|there| json!({ "exists": there })),
    ]
}

/// A pattern of data, whose lists and objects are under few keys.
fn some_pattern() -> impl Strategy<Value = Value> {
    let list = prop::collection::vec(some_entry(), 1..3).prop_map(Value::from);
    let field = list.prop_recursive(3, 12, 3, |inner| {
        prop::collection::btree_map("[xyz]", inner, 1..3)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    });
    prop::collection::btree_map("[xyz]", field, 1..3)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// Whether a pattern under `data` takes data.
fn takes(pattern: &Value, data: &Value) -> bool {
    of_data(&pattern.to_string()).matches(&with_json(&data.to_string()))
}

/// The value with one element in the place of each array, in every way; `None` where there is none.
fn ways(value: &Value) -> Vec<Option<Value>> {
    match value {
        Value::Array(elements) if elements.is_empty() => vec![None],
        Value::Array(elements) => elements.iter().flat_map(ways).collect(),
        Value::Object(members) => {
            let mut all = vec![serde_json::Map::new()];
            for (key, value) in members {
                let ways = ways(value);
                let with = |members: &serde_json::Map<String, Value>, value: &Option<Value>| {
                    let own = value.iter().map(|value| (key.clone(), value.clone()));
                    members.clone().into_iter().chain(own).collect()
                };
                let extended = all
                    .iter()
                    .flat_map(|one| ways.iter().map(|way| with(one, way)));
                all = extended.collect();
            }
            all.into_iter()
                .map(|one| Some(Value::Object(one)))
                .collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            vec![Some(value.clone())]
        }
    }
}

/// Whether a pattern without `$or` and `exists: false` takes a value without arrays.
fn takes_plainly(pattern: &Value, value: Option<&Value>) -> bool {
    match (pattern, value) {
        (Value::Object(fields), value) => fields
            .iter()
            .all(|(key, field)| takes_plainly(field, value.and_then(|value| value.get(key)))),
        (_, None | Some(Value::Object(_))) => false,
        (Value::Array(entries), Some(leaf)) => entries.iter().any(|entry| {
            let operand = |operator: &str| entry.get(operator).and_then(Value::as_str);
            if let Some(prefix) = operand("prefix") {
                return leaf.as_str().is_some_and(|text| text.starts_with(prefix));
            }
            match operand("anything-but") {
                Some(not) => leaf.as_str() != Some(not),
                None => entry.get("exists").is_some() || entry == leaf,
            }
        }),
        (other, _) => panic!("{other} is no pattern"),
    }
}

proptest! {
    #[test]
    fn a_pattern_takes_what_it_takes_with_one_element_of_each_array(
        pattern in some_pattern(),
        data in some_value(),
    ) {
        let pattern = pattern.to_string().replace("false", "true");
        let pattern: Value = serde_json::from_str(&pattern).unwrap();
        let expected = ways(&data).iter().any(|way| takes_plainly(&pattern, way.as_ref()));
        prop_assert_eq!(takes(&pattern, &data), expected);
    }

    #[test]
    fn a_wildcard_takes_what_trying_everything_takes(
        pattern in "([ab]|\\*[ab]){0,6}\\*?",
        text in "[ab]{0,12}",
    ) {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        let expected = by_trying(&chars(&pattern), &chars(&text));
        let read = of_data(&json!([{"wildcard": pattern}]).to_string());
        prop_assert_eq!(read.matches(&with_data(Data::Text(text.into()))), expected);
    }

    #[test]
    fn anything_but_is_the_complement_on_every_leaf(
        operator in prop_oneof![
            Just(""), Just("prefix"), Just("suffix"), Just("equals-ignore-case"), Just("wildcard")
        ],
        these in prop::collection::vec("[abAB]{1,2}", 1..4),
        leaf in some_leaf(),
    ) {
        let one = |text: &String| match operator {
            "" => json!(text),
            operator => json!({operator: text}),
        };
        let positive = Value::from(these.iter().map(one).collect::<Vec<_>>());
        let negative = match operator {
            "" => json!([{"anything-but": these}]),
            operator => json!([{"anything-but": {operator: these}}]),
        };
        prop_assert_ne!(takes(&positive, &leaf), takes(&negative, &leaf));
    }

    #[test]
    fn an_or_is_the_union_of_its_alternatives(
        one in some_pattern(),
        other in some_pattern(),
        data in some_value(),
    ) {
        let either = json!({"$or": [one.clone(), other.clone()]});
        prop_assert_eq!(takes(&either, &data), takes(&one, &data) || takes(&other, &data));
    }

    #[test]
    fn an_or_below_a_key_is_the_union_of_the_patterns_below_it(
        one in some_pattern(),
        other in some_pattern(),
        data in some_value(),
    ) {
        let data = json!({"x": data});
        let either = json!({"x": {"$or": [one.clone(), other.clone()]}});
        let expected = takes(&json!({"x": one}), &data) || takes(&json!({"x": other}), &data);
        prop_assert_eq!(takes(&either, &data), expected);
    }

    #[test]
    fn an_or_beside_keys_is_each_alternative_with_them(
        beside in some_pattern(),
        (one, other) in (some_pattern(), some_pattern()),
        data in some_value(),
    ) {
        // Each alternative is written out, unless two lists would stand under one key.
        let written = [&one, &other].map(|alternative| together(&beside, alternative));
        let [Some(first), Some(second)] = written else { return Ok(()) };
        let mut pattern = beside.clone();
        pattern["$or"] = json!([one, other]);
        prop_assert_eq!(takes(&pattern, &data), takes(&first, &data) || takes(&second, &data));
    }

    #[test]
    fn a_number_is_what_it_is_however_it_is_written(whole in any::<i32>(), digits in 0..4usize) {
        let written = format!("{whole}.{}", "0".repeat(digits + 1));
        let exponent = format!("{whole}e0");
        for text in [written, exponent] {
            let is_it = of_data(&format!("[{whole}]"));
            prop_assert!(is_it.matches(&with_json(&text)), "{}", text);
            let below = of_data(&format!("[{{\"numeric\": [\"<\", {whole}]}}]"));
            prop_assert!(!below.matches(&with_json(&text)), "{}", text);
        }
    }

    #[test]
    fn any_float_equals_itself(number in any::<f64>().prop_filter("finite", |n| n.is_finite())) {
        let text = json!(number).to_string();
        let is_it = of_data(&format!("[{text}]"));
        prop_assert!(is_it.matches(&with_json(&text)), "{}", text);
    }
}

/// Two patterns as one; `None` when both have a list under one key, or one a list and the other an
/// object.
fn together(one: &Value, other: &Value) -> Option<Value> {
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        return None;
    };
    let mut all = one.clone();
    for (key, value) in other {
        let value = match one.get(key) {
            Some(there) => together(there, value)?,
            None => value.clone(),
        };
        all.insert(key.clone(), value);
    }
    Some(Value::Object(all))
}

/// The page that tells the languages.
const PAGE: &str = include_str!("../../../../../docs/FILTERS.md");

/// The cells of the rows under a heading of the page that begin with a quoted cell.
fn rows_of_the_page(heading: &str) -> Vec<Vec<&'static str>> {
    let section = PAGE.split("\n## ").find(|text| text.starts_with(heading));
    let rows = section
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("| `"));
    let cells = |row: &'static str| row.trim_matches('|').split(" | ");
    let cells = |row| {
        cells(row)
            .map(|cell| cell.trim_matches([' ', '`']))
            .collect()
    };
    rows.map(cells).collect()
}

#[test]
fn every_operator_on_the_page_takes_what_it_is_said_to_take() {
    let rows = rows_of_the_page("Operators");
    assert!(rows.len() > 20);
    for row in rows {
        let [entry, taken, not_taken] = row[..] else {
            panic!("{row:?}");
        };
        let read = of_data(&format!("{{\"x\": [{entry}]}}"));
        let takes = |value| read.matches(&with_json(&format!("{{\"x\": {value}}}")));
        assert!(takes(taken), "{entry} takes {taken}");
        assert!(!takes(not_taken), "{entry} does not take {not_taken}");
    }
}

/// The schema that checks a file in an editor.
const SCHEMA: &str = include_str!("../../../../../infra/routes/routes.schema.json");

#[test]
fn every_key_of_a_filter_in_the_schema_has_examples_that_are_read() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let places = [
        ("pattern", r#""filter": {KEY: EXAMPLE}"#),
        ("textOperator", r#""filter": {"type": [{KEY: EXAMPLE}]}"#),
        (
            "textOperator",
            r#""filter": {"data": {"a": [{KEY: EXAMPLE}]}}"#,
        ),
        ("numberOperator", r#""filter": {"data": [{KEY: EXAMPLE}]}"#),
        ("subscription", r#""filters": [{KEY: EXAMPLE}]"#),
    ];
    for (name, place) in places {
        for (key, told) in schema["$defs"][name]["properties"].as_object().unwrap() {
            for example in told["examples"].as_array().unwrap() {
                let keys = place.replace("KEY", &format!("\"{key}\""));
                filter(&keys.replace("EXAMPLE", &example.to_string()));
            }
        }
    }
    for key in ["filter", "filters"] {
        let told = &schema["$defs"]["route"]["properties"][key];
        for example in told["examples"].as_array().unwrap() {
            filter(&format!("\"{key}\": {example}"));
        }
    }
}

#[test]
fn what_the_page_shows_is_read() {
    let rows = rows_of_the_page("CloudEvents dialects");
    assert_eq!(rows.len(), 6);
    for row in rows {
        assert!(
            parse(&format!("\"filters\": [{}]", row[0])).is_ok(),
            "{row:?}"
        );
    }
    let sample = PAGE.split("```yaml\n").nth(1).unwrap();
    let file = RoutesFile::parse(sample.split("```").next().unwrap(), |_| None).unwrap();
    let event = Event {
        kind: "com.acme.order.paid".to_owned(),
        attributes: [("tenant".to_owned(), "acme".to_owned())].into(),
        ..with_json(r#"{"order": {"total": 1000, "country": "AT"}, "customer": {"vip": true}}"#)
    };
    assert!(file.routes[0].filter.matches(&event));
    let test = Event {
        attributes: [("tenant".to_owned(), "test".to_owned())].into(),
        ..event.clone()
    };
    assert!(!file.routes[0].filter.matches(&test));
    let temporary = Event {
        subject: Some("a.tmp".to_owned()),
        ..event
    };
    assert!(!file.routes[0].filter.matches(&temporary));
}

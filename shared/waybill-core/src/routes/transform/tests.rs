//! Facts about transforms.

use super::super::RoutesFile;
use super::*;

/// An event with this data.
fn event(data: &str) -> Event {
    Event {
        id: "e-1".to_owned(),
        source: "shop".to_owned(),
        kind: "order.created".to_owned(),
        subject: None,
        time: Some("2026-01-02T03:04:05Z".to_owned()),
        content_type: Some("application/vnd.shop+json".to_owned()),
        data: Data::Json(data.into()),
        ..Event::default()
    }
}

/// What a transform makes of an event.
fn made(text: &str, event: &Event) -> Result<Data, String> {
    let transform = Transform::compile(text).expect(text);
    transform.apply(event).map_err(|why| why.to_string())
}

/// Why a text is no transform.
fn fault(text: &str) -> String {
    Transform::compile(text).expect_err("no transform")
}

const ORDER: &str = r#"{"id":7,"total":12.50,"big":18446744073709551615,
    "lines":[{"sku":"a","n":2},{"sku":"b","n":1}],"customer":{"name":"Zoë \"Z\""},"none":null}"#;

#[test]
fn picks_literals_and_the_whole_event_are_made_into_json() {
    let table = [
        ("data.id", "7"),
        ("data.total", "12.5"),
        ("data.big", "18446744073709551615"),
        ("data.lines", r#"[{"n":2,"sku":"a"},{"n":1,"sku":"b"}]"#),
        ("data.lines[].sku", r#"["a","b"]"#),
        ("data.lines[?n > `1`].sku | [0:]", r#"["a"]"#),
        ("{text: data.customer.name}", r#"{"text":"Zoë \"Z\""}"#),
        (
            "{kind: 'order', order: data.id, event: id, when: time}",
            r#"{"event":"e-1","kind":"order","order":7,"when":"2026-01-02T03:04:05Z"}"#,
        ),
        (
            "[source, type, subject]",
            r#"["shop","order.created",null]"#,
        ),
        ("`[1, {\"a\": true}]`", r#"[1,{"a":true}]"#),
        ("data.id == `7`", "true"),
        ("{a: data.missing}", r#"{"a":null}"#),
        ("{a: data.missing || 'none'}", r#"{"a":"none"}"#),
        ("length(data.lines)", "2"),
        ("data.lines[9:]", "[]"),
    ];
    for (text, expected) in table {
        let found = made(text, &event(ORDER));
        assert_eq!(found, Ok(Data::Json(expected.into())), "{text}");
    }
    let whole = r#"{"data":[1],"id":"e-1","source":"shop","subject":null,"time":"2026-01-02T03:04:05Z","type":"order.created"}"#;
    assert_eq!(made("@", &event("[1]")), Ok(Data::Json(whole.into())));
}

#[test]
fn a_string_is_made_into_text_without_quotes() {
    let table = [
        ("data.customer.name", "Zoë \"Z\""),
        ("'hello'", "hello"),
        (
            "join(' ', ['order', to_string(data.id), 'of', source])",
            "order 7 of shop",
        ),
        ("to_string(data.lines[0])", r#"{"n":2,"sku":"a"}"#),
        ("''", ""),
    ];
    for (text, expected) in table {
        let found = made(text, &event(ORDER));
        assert_eq!(found, Ok(Data::Text(expected.into())), "{text}");
    }
}

#[test]
fn data_that_is_no_json_is_text_or_nothing() {
    let with = |data| Event { data, ..event("0") };
    let text = with(Data::Text("hello".into()));
    let expected = Data::Json(r#"{"text":"hello"}"#.into());
    assert_eq!(made("{text: data}", &text), Ok(expected));
    for none in [Data::Bytes(vec![1].into()), Data::Absent] {
        let why = made("data", &with(none)).expect_err("nothing");
        assert_eq!(why, "transform finds nothing in this event");
    }
}

#[test]
fn what_finds_nothing_or_cannot_be_asked_makes_nothing() {
    let nothing = [
        "data.missing",
        "data.none",
        "subject",
        "data.none.{a: b}",
        "data.id.x[*]",
    ];
    for text in nothing {
        let why = made(text, &event(ORDER)).expect_err(text);
        assert_eq!(why, "transform finds nothing in this event", "{text}");
    }
    let why = made("abs(data.customer.name)", &event(ORDER)).expect_err("no number");
    assert!(
        why.starts_with("transform cannot be asked of this event: "),
        "{why}"
    );
    assert!(!why.contains("Zoë"), "an event's data is in no log: {why}");
}

#[test]
fn a_number_is_never_delivered_with_digits_lost() {
    let lost = "transform finds a number that could have lost digits";
    for number in ["18446744073709551616", "-9223372036854775809", "1e300"] {
        let data = format!(r#"{{"n":{number},"m":1}}"#);
        for text in ["data.n", "@", "{a: {b: [data.n]}}"] {
            assert_eq!(made(text, &event(&data)), Err(lost.to_owned()), "{text}");
        }
        let other = made("data.m", &event(&data));
        assert_eq!(other, Ok(Data::Json("1".into())), "not asked for");
    }
    for exact in [
        "-9223372036854775808",
        "9007199254740993",
        "0.1",
        "-0.5",
        "1e3",
    ] {
        let Ok(Data::Json(found)) = made("data", &event(exact)) else {
            panic!("{exact}");
        };
        assert_eq!(found.parse::<f64>(), exact.parse::<f64>(), "{exact}");
        if !exact.contains(['.', 'e']) {
            assert_eq!(found, exact);
        }
    }
}

#[test]
fn a_result_has_one_mebibyte_at_most_f50() {
    let sized = |length: usize| event(&format!(r#""{}""#, "x".repeat(length)));
    let json = |length: usize| made("[data]", &sized(length - r#"[""]"#.len()));
    assert_eq!(
        json(TRANSFORMED_MAX).expect("fits").as_bytes().len(),
        TRANSFORMED_MAX
    );
    let why = format!("transform makes more than {TRANSFORMED_MAX} bytes");
    assert_eq!(json(TRANSFORMED_MAX + 1), Err(why.clone()));
    let text = |length| made("data", &sized(length));
    assert_eq!(
        text(TRANSFORMED_MAX).expect("fits").as_bytes().len(),
        TRANSFORMED_MAX
    );
    assert_eq!(text(TRANSFORMED_MAX + 1), Err(why.clone()));
    let many = format!("[{}]", vec!["data"; 200].join(","));
    assert_eq!(made(&many, &sized(TRANSFORMED_MAX / 100)), Err(why));
}

#[test]
fn a_panic_of_the_language_is_a_failure_of_the_transform_f15() {
    // The next index overflows.
    let found = made("data[1::2147483647]", &event("[1,2]"));
    assert_eq!(found, Err("transform panicked on this event".to_owned()));
}

#[test]
fn what_would_fail_for_every_event_is_found_at_load() {
    let table = [
        (
            "nonsense(data)",
            "calls a function that JMESPath does not have: `nonsense`",
        ),
        (
            "{a: data[?b == now()]}",
            "calls a function that JMESPath does not have: `now`",
        ),
        ("length()", "gives `length` 0 arguments, and it takes 1"),
        ("[join(',')]", "gives `join` 1 arguments, and it takes 2"),
        (
            "merge() || data",
            "gives `merge` 0 arguments, and it takes 1 or more",
        ),
        (
            "sort_by(data, &abs(a, b))",
            "gives `abs` 2 arguments, and it takes 1",
        ),
        ("data[::0]", "has a slice whose step is 0"),
    ];
    for (text, expected) in table {
        assert_eq!(fault(text), expected, "{text}");
    }
    assert!(fault("{a: data.[}").starts_with("is no JMESPath at its line 1, column "));
    assert!(fault("{a: data,\n b: }").starts_with("is no JMESPath at its line 2, column "));
    assert!(fault("").starts_with("is no JMESPath at its line 1, column 1: "));
}

/// A crate that gains a function, or an argument, must be told here.
#[test]
fn every_function_of_the_language_may_be_called_as_it_takes_it() {
    let mut runtime = jmespath::Runtime::new();
    runtime.register_builtin_functions();
    for (name, arguments) in FUNCTIONS {
        assert!(runtime.get_function(name).is_some(), "{name}");
        let count = match arguments {
            Arguments::Exactly(count) => count,
            Arguments::AtLeastOne => 1,
        };
        for (given, right) in [(count, true), (count - 1, false)] {
            let call = format!("{name}({})", vec!["'a'"; given].join(","));
            assert_eq!(Transform::compile(&call).is_ok(), right, "{call}");
            let asked = jmespath::compile(&call).map(|call| call.search(()));
            let why = asked
                .expect("it parses")
                .map_err(|fault| fault.reason.to_string());
            let refused = why.is_err_and(|why| why.contains("arguments"));
            assert_eq!(refused, !right, "{call}");
        }
    }
}

#[test]
fn the_largest_transform_is_one_and_a_larger_is_none() {
    let long = |length: usize| format!("'{}'", "a".repeat(length - 2));
    assert!(Transform::compile(&long(TRANSFORM_MAX)).is_ok());
    assert_eq!(
        fault(&long(TRANSFORM_MAX + 1)),
        "is longer than 16384 bytes"
    );

    let chain = |steps: usize| format!("a{}", ".a".repeat(steps));
    assert!(Transform::compile(&chain(TRANSFORM_DEPTH_MAX)).is_ok());
    assert!(fault(&chain(TRANSFORM_DEPTH_MAX + 1)).starts_with("has 65 operators"));

    let wide = |picks: usize| format!("[{}]", vec!["data.a.b"; picks].join(","));
    assert_eq!(TRANSFORM_GROWTH_MAX, 256);
    assert!(Transform::compile(&wide(256)).is_ok());
    assert!(fault(&wide(257)).starts_with("repeats the event more than 256"));
    assert!(fault("[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]|[@,@]").contains("repeats"));
    assert!(fault("join(data.a, data.b)").contains("joins by what is no literal"));
}

#[test]
fn depth_is_counted_within_a_segment_and_along_brackets() {
    let table = [
        ("", 0),
        ("data", 0),
        ("data.a", 1),
        ("{a: data.b, c: data.d.e}", 3),
        ("{a: {b: data.c}, d: data}", 3),
        ("[[[a]], b.c.d].e", 4),
        ("join('.....', data.a)", 2),
        (r#""a.\".b".c"#, 1),
        ("`[[[[\"\\`\"]]]]`", 0),
        ("((((", 4),
        ("))))", 0),
        ("(a.b,(c", 2),
    ];
    for (text, expected) in table {
        assert_eq!(depth(text), expected, "{text}");
    }
}

#[test]
fn no_transform_overflows_the_stack() {
    for step in [
        "(", "[", "!", "&", "{a:", "a[?", "f(", "a.", "a[].", "a|", "a||", "a&&", "a==", "a[*].",
        "*.", "[0,", "{a:b,c:", "a,",
    ] {
        for most in [TRANSFORM_DEPTH_MAX, TRANSFORM_MAX / step.len() - 1] {
            let text = format!("{}a", step.repeat(most));
            if let Ok(transform) = Transform::compile(&text) {
                let _ = transform.apply(&event(ORDER));
            }
        }
    }
    let deep = format!("{}1{}", "[".repeat(127), "]".repeat(127));
    for text in ["@", "{a: @}", "to_string(@)", "[[[[data]]]]", "data[]"] {
        assert!(made(text, &event(&deep)).is_ok(), "{text}");
    }
}

/// A file of one route with this transform, as a YAML value.
fn file(transform: &str) -> String {
    format!(
        "routes:\n  - name: crm\n    transform: {transform}\n    \
         target: {{ http: {{ url: \"https://crm.example/\" }} }}\n"
    )
}

#[test]
fn a_route_has_the_transform_of_its_file_and_none_by_default() {
    let read = |text: &str| RoutesFile::parse(text, |_| Some("'v'".to_owned())).expect("a file");
    let with = read(&file("\"{a: data.id, b: ${V}}\""));
    let transform = with.routes[0].transform.clone().expect("a transform");
    let expected = Data::Json(r#"{"a":7,"b":"v"}"#.into());
    assert_eq!(transform.apply(&event(ORDER)), Ok(expected));
    let without = read("routes: [{ name: a, target: { http: { url: \"https://a.example/\" } } }]");
    assert!(without.routes[0].transform.is_none());
}

#[test]
fn a_fault_of_a_transform_names_its_place_and_shows_no_variable_f66() {
    let told = |transform: &str, value: &str| {
        RoutesFile::parse(&file(transform), |_| Some(value.to_owned()))
            .expect_err(transform)
            .to_string()
    };
    let fault = told("\"{a: data.[}\"", "");
    assert!(
        fault.contains("line 3, column 16: `routes[0].transform`: is no JMESPath"),
        "{fault}"
    );
    assert!(fault.contains("Rbrace"), "what the parser says: {fault}");
    for (transform, value) in [
        ("\"{a: ${V}}\"", "hunter2 hunter2"),
        ("\"'${V}\"", "hunter2"),
        ("\"${V}(data)\"", "hunter2"),
        ("\"`${V}`\"", "hunter2"),
    ] {
        let fault = told(transform, value);
        assert!(fault.contains("with its variables put in"), "{fault}");
        assert!(!fault.contains("hunter2"), "{fault}");
    }
    assert!(told("7", "").contains("must be text"));
    assert!(told("[a]", "").contains("must be text, not a list"));
    let kept = RoutesFile::parse(&file("\"'${V}'\""), |_| Some("hunter2".to_owned()));
    assert!(!format!("{kept:?}").contains("hunter2"));
}

#[test]
fn the_producers_media_type_is_of_the_producers_data_alone() {
    let event = event("7");
    assert_eq!(
        event.content_type_of(&event.data),
        Some("application/vnd.shop+json")
    );
    for made in [
        Data::Json("8".into()),
        Data::Text("7".into()),
        Data::Absent,
        event.data.clone(),
    ] {
        assert_eq!(event.content_type_of(&made), None, "{made:?}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-c.|&!=<>()\\[\\]{}:,*@'\"`\\\\0-9 ?_-]{0,60}") {
            if let Ok(transform) = Transform::compile(&text) {
                let _ = transform.apply(&event(ORDER));
            }
        }

        #[test]
        fn a_field_of_any_name_and_value_is_picked_whole(name in "\\PC{1,8}", value in "\\PC{0,20}") {
            let data = serde_json::json!({ &name: &value });
            let quoted = serde_json::to_string(&name).unwrap();
            let found = made(&format!("data.{quoted}"), &event(&data.to_string()));
            prop_assert_eq!(found, Ok(Data::Text(value.clone().into())));
            let found = made(&format!("{{{quoted}: data.{quoted}}}"), &event(&data.to_string()));
            prop_assert_eq!(found, Ok(Data::Json(data.to_string().into())));
        }
    }
}

use std::time::Duration;

use super::*;
use crate::event::Data;
use crate::retry::Backoff;

/// Parses without variables.
fn parse(text: &str) -> Result<RoutesFile, RoutesErrors> {
    RoutesFile::parse(text, |_| None)
}

/// Every fault of a text, one a line.
fn faults(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

/// A file of one route with these lines in it, indented by four.
fn with(lines: &str) -> String {
    let lines = lines.replace('\n', "\n    ");
    format!(
        "routes:\n  - name: crm\n    target: {{ http: {{ url: \"https://crm.example/in\" }} }}\n    {lines}\n"
    )
}

/// A file of one route whose HTTP target has these lines in it, besides its URL.
fn with_http(lines: &str) -> String {
    let lines = lines.replace('\n', "\n        ");
    format!(
        "routes:\n  - name: crm\n    target:\n      http:\n        url: https://crm.example/in\n        {lines}\n"
    )
}

/// The HTTP target of the first route.
fn http(file: &RoutesFile) -> &HttpSpec {
    let TargetSpec::Http(spec) = &file.routes[0].target else {
        panic!("its target is another");
    };
    spec
}

fn event(source: &str, kind: &str, subject: Option<&str>) -> Event {
    Event {
        id: "1".to_owned(),
        source: source.to_owned(),
        kind: kind.to_owned(),
        subject: subject.map(str::to_owned),
        data: Data::Absent,
        ..Event::default()
    }
}

const WHOLE: &str = r#"
consumer: orders
unrouted: ack
dead_letter: send
on_conflict: ack
key: detail.orderId
defaults: { retry: { steps: 5, duration: 250ms } }
routes:
  - name: crm
    filter:
      type: ["com.acme.order.created", { prefix: "com.acme." }]
      subject: [{ suffix: ".json" }]
    require: json
    on_rejected: ack
    target:
      http:
        url: "https://crm.example:8443/in?x=1"
        headers: { Authorization: "Bearer ${TOKEN}", x-tenant: acme }
        connect_timeout: 1s
        timeout: 5s
        statuses: { transient: [403], rejected: [404], delivered: [409] }
    retry: { steps: 9, cap: 1h }
  - name: audit
    target: { http: { url: "http://127.0.0.1:8080" } }
"#;

#[test]
fn every_key_of_the_file_is_read() {
    let token = |name: &str| (name == "TOKEN").then(|| "t0p".to_owned());
    let file = RoutesFile::parse(WHOLE, token).unwrap();

    assert_eq!(file.consumer.as_ref().unwrap().as_str(), "orders");
    assert_eq!(file.unrouted, Unrouted::Ack);
    assert_eq!(file.dead_letter, Some(DeadLetter::Send));
    assert_eq!(file.on_conflict, OnConflict::Ack);
    assert_eq!(file.key.as_ref().unwrap().as_str(), "detail.orderId");
    assert_eq!(file.version.len(), 12);
    let crm = file.route(&RouteName::new("crm").unwrap()).unwrap();
    assert!(crm.require_json);
    assert_eq!(crm.on_rejected, OnRejected::Ack);
    assert_eq!(crm.retry.steps, 9);
    let backoff = Backoff::Exponential {
        duration: Duration::from_millis(250),
        factor: 2.0,
    };
    assert_eq!(crm.retry.backoff, backoff);
    assert_eq!(crm.retry.cap, Duration::from_secs(3600));
    let spec = http(&file);
    assert_eq!(spec.url.expose(), "https://crm.example:8443/in?x=1");
    assert_eq!(spec.url.origin(), "https://crm.example:8443");
    let said = |text: &str| HeaderText::Said(Secret::new(text));
    assert_eq!(spec.headers["authorization"], said("Bearer t0p"));
    assert_eq!(spec.headers["x-tenant"], said("acme"));
    assert_eq!(spec.connect_timeout, Duration::from_secs(1));
    assert_eq!(spec.timeout, Duration::from_secs(5));
    use crate::http::StatusClass;
    assert_eq!(spec.statuses.get(403), Some(StatusClass::Transient));
    assert_eq!(spec.statuses.get(404), Some(StatusClass::Rejected));
    assert_eq!(spec.statuses.get(409), Some(StatusClass::Delivered));
    assert_eq!(spec.statuses.get(500), None);
}

#[test]
fn a_short_file_has_the_stated_defaults() {
    let file = parse(&with("")).unwrap();

    assert!(file.consumer.is_none());
    assert_eq!(file.unrouted, Unrouted::Dead);
    assert_eq!(file.dead_letter, None);
    assert_eq!(file.on_conflict, OnConflict::Dead);
    let crm = &file.routes[0];
    assert_eq!(crm.filter, Filter::default());
    assert!(!crm.require_json);
    assert_eq!(crm.on_rejected, OnRejected::Dead);
    assert_eq!(crm.retry, RetryPolicy::default());
    assert_eq!(http(&file).connect_timeout, Duration::from_secs(2));
    assert_eq!(http(&file).timeout, Duration::from_secs(10));
}

#[test]
fn json_is_read_as_well() {
    let json = "{\n\t\"consumer\": \"orders\",\n\t\"routes\": [\n\t\t{\"name\": \"crm\", \
        \"filter\": {\"type\": [{\"prefix\": \"a\\/\\u00e9\"}]},\n\t\t\"target\": {\"http\": \
        {\"url\": \"https:\\/\\/crm.example\"}}}\n\t]\n}\n";
    let file = parse(json).unwrap();

    assert_eq!(http(&file).url.expose(), "https://crm.example");
    assert!(file.routes[0].filter.matches(&event("", "a/\u{e9}b", None)));
}

#[test]
fn json_without_a_space_and_yaml_from_other_systems_are_read() {
    let tight = r#"{"routes":[{"name":"a","filter":{"type":["\ud83d\ude00"]},"target":{"http":{"url":"https://x"}}}]}"#;
    let file = parse(tight).unwrap();
    assert!(file.routes[0].filter.matches(&event("", "\u{1f600}", None)));
    let other = format!("\u{feff}{}", with("").replace('\n', "\r\n"));
    assert_eq!(parse(&other).unwrap().routes.len(), 1);
}

#[test]
fn anchors_and_aliases_are_followed() {
    let text = "defaults: { retry: &slow { steps: 7 } }\nroutes:\n  - name: crm\n    \
                retry: *slow\n    target: { http: { url: \"https://crm.example\" } }\n";
    assert_eq!(parse(text).unwrap().routes[0].retry.steps, 7);
}

#[test]
fn every_fault_is_told_at_once_in_the_order_of_the_file() {
    let text = "unrouted: drop\nconsumers: x\nroutes:\n  - name: CRM\n    filter: { type: [] }\n    \
                target: { http: { url: \"ftp://x\", timeout: 10 } }\n  - target: { sqs: {} }\n";
    let errors = parse(text).unwrap_err();
    let told: Vec<_> = errors
        .iter()
        .map(|error| (error.line.unwrap(), error.path.as_str()))
        .collect();

    let expected = [
        (1, "unrouted"),
        (2, "consumers"),
        (4, "routes[0].name"),
        (5, "routes[0].filter.type"),
        (6, "routes[0].target.http.url"),
        (6, "routes[0].target.http.timeout"),
        (7, "routes[1]"),
        (7, "routes[1].target.sqs"),
    ];
    assert_eq!(told, expected, "{errors}");
    assert!(
        errors
            .to_string()
            .starts_with("routes file is refused for 8 faults:\n  line 1")
    );
}

#[test]
fn a_fault_names_its_line_and_column_and_the_remedy() {
    let told = faults(
        "routes:\n  - name: a\n    colour: red\n    target: { http: { url: \"https://x\" } }\n",
    );
    let expected = "routes file is refused: line 3, column 5: `routes[0].colour`: key is not \
         known; known here: `name`, `filter`, ";
    assert!(told.starts_with(expected), "{told}");
}

#[test]
fn a_fault_of_the_syntax_is_told_alone_with_its_line() {
    for text in [
        "routes: [\n",
        "routes:\n\t- name: a\n",
        "a: b: c\n",
        "\"",
        "{]",
    ] {
        let errors = parse(text).unwrap_err();
        assert_eq!(errors.iter().count(), 1, "{text:?}: {errors}");
        assert!(
            errors.iter().all(|e| e.line.is_some()),
            "{text:?}: {errors}"
        );
    }
}

#[test]
fn what_is_no_file_of_routes_is_refused() {
    let cases = [
        ("", "must be a mapping, not nothing"),
        ("# only a comment\n", "must be a mapping, not nothing"),
        ("just text", "must be a mapping, not text"),
        ("[]", "must be a mapping, not a list"),
        ("{}", "key `routes` is missing"),
        ("routes:\n", "`routes`: must be a list, not nothing"),
        ("routes: []\n", "must have 1 to 1000 routes"),
        (
            "routes: [1]\n",
            "`routes[0]`: must be a mapping, not a number",
        ),
    ];
    for (text, expected) in cases {
        assert!(
            faults(text).contains(expected),
            "{text:?}: {}",
            faults(text)
        );
        assert!(!faults(text).contains("line 0"), "{}", faults(text));
    }
    let long = "#".repeat(TEXT_MAX + 1);
    assert!(!faults(&long).contains("line 0"), "{}", faults(&long));
    assert!(faults(&long).contains("longer than 262144 bytes"));
}

#[test]
fn surprises_of_yaml_are_refused() {
    let cases = [
        // A key given twice, a merge, two documents, an application's tag, `no` for false.
        with("require: json\nrequire: json"),
        format!("base: &b {{ steps: 1 }}\n{}", with("retry: { <<: *b }")),
        format!("{}---\n{}", with(""), with("")),
        with("on_rejected: !secret ack"),
        with("name: 12"),
        with("on_rejected: no"),
        with("retry: { jitter: .nan }"),
        with("retry: { factor: .inf }"),
        with("retry: { factor: 1e999 }"),
    ];
    for text in cases {
        assert!(parse(&text).is_err(), "{text}");
    }
    let numeric = "routes:\n  - name: 1\n    target: { http: { url: \"https://x\" } }\n";
    assert!(
        faults(numeric).contains("put it in quotes"),
        "{}",
        faults(numeric)
    );
    // In YAML 1.2 these are text.
    let file = parse(&with("filter: { type: [no, yes, on] }")).unwrap();
    assert!(file.routes[0].filter.matches(&event("", "no", None)));
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..10 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    assert_eq!(parse(&text).unwrap_err().iter().count(), 1);
    for text in [text, "[".repeat(100_000), "- ".repeat(100_000)] {
        let told = faults(&text);
        assert!(!told.contains("line 0"), "{told}");
    }
}

#[test]
fn a_variable_is_put_in_after_parsing_and_cannot_change_the_shape() {
    let nasty = "x\", timeout: 1s }, y: [\n- #";
    let text = with("filter: { type: [\"${KIND}\", \"pre-${KIND}-$${KIND}-$KIND\"] }");
    let file = RoutesFile::parse(&text, |_| Some(nasty.to_owned())).unwrap();

    assert_eq!(file.routes.len(), 1);
    let filter = &file.routes[0].filter;
    assert!(filter.matches(&event("", nasty, None)));
    let both = format!("pre-{nasty}-${{KIND}}-$KIND");
    assert!(filter.matches(&event("", &both, None)));
}

#[test]
fn a_variable_may_stand_for_a_number_or_a_duration() {
    let text = with("retry:\n  steps: ${STEPS}\n  duration: ${WAIT}\n  factor: ${FACTOR}");
    let lookup = |name: &str| {
        let value = match name {
            "STEPS" => "4",
            "WAIT" => "20s",
            _ => "1.5",
        };
        Some(value.to_owned())
    };
    let retry = &RoutesFile::parse(&text, lookup).unwrap().routes[0].retry;
    assert_eq!(retry.steps, 4);
    let backoff = Backoff::Exponential {
        duration: Duration::from_secs(20),
        factor: 1.5,
    };
    assert_eq!(retry.backoff, backoff);
    // Text in the file itself stays text.
    assert!(parse(&with("retry: { steps: \"4\" }")).is_err());
}

#[test]
fn an_unset_variable_is_told_with_its_name_and_place_and_nothing_follows_from_it() {
    let text = with("retry:\n  steps: ${STEPS}\n  cap: ${CAP}\nfilter: { type: [\"${A}${B}\"] }");
    let errors = parse(&text).unwrap_err();
    let told: Vec<_> = errors.iter().map(ToString::to_string).collect();

    assert_eq!(told.len(), 4, "{errors}");
    let variable = "variable `STEPS` is not set; set it, or write `$${` for a literal `${`";
    assert_eq!(
        told[0],
        format!("line 5, column 14: `routes[0].retry.steps`: {variable}")
    );
    assert!(told[1].contains("`CAP`") && told[2].contains("`A`") && told[3].contains("`B`"));
    for broken in ["${", "${}", "${A", "${A B}", "${1A}", "${A-B}"] {
        let text = with(&format!("filter: {{ type: [\"{broken}\"] }}"));
        let told = RoutesFile::parse(&text, |_| Some(String::new())).unwrap_err();
        assert!(
            told.to_string().contains("`${` needs a name"),
            "{broken}: {told}"
        );
    }
}

#[test]
fn a_variable_in_braces_of_yaml_is_refused_with_the_remedy() {
    let text = "routes:\n  - name: a\n    target: { http: { url: ${URL} } }\n";
    assert!(
        faults(text).contains("write variables in quotes"),
        "{}",
        faults(text)
    );
}

#[test]
fn the_version_names_the_text_after_substitution() {
    let text = with("filter: { type: [\"${KIND}\"] }");
    let of = |text: &str, kind: &str| {
        let kind = kind.to_owned();
        RoutesFile::parse(text, |_| Some(kind.clone()))
            .unwrap()
            .version
    };
    assert_eq!(of(&text, "a"), of(&text, "a"));
    assert_ne!(of(&text, "a"), of(&text, "b"));
    assert_eq!(of(&text, "a"), of(&with("filter: { type: [\"a\"] }"), ""));
    assert!(of(&text, "a").bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn a_retry_policy_is_merged_key_by_key_and_bounded() {
    let merged = format!(
        "defaults: {{ retry: {{ steps: 7, jitter: 1 }} }}\n{}",
        with("retry: { jitter: 0.5 }")
    );
    let retry = &parse(&merged).unwrap().routes[0].retry;
    assert_eq!((retry.steps, retry.jitter), (7, 0.5));
    assert_eq!(retry.backoff, RetryPolicy::default().backoff);

    let refused = [
        "steps: 101",
        "steps: -1",
        "steps: 1.5",
        "steps: x",
        "steps: null",
        "factor: 0.9",
        "factor: 101",
        "jitter: -0.1",
        "jitter: 1.1",
        "cap: 337h",
        "cap: 20161m",
        "duration: 16m",
        "cap: 5s",
        "duration: 337h",
        "cap: 10",
        "cap: 10 s",
        "cap: -1s",
        "cap: 1.5s",
        "cap: 1d",
        "cap: s",
        "cap: \"\"",
        "cap: +1s",
        "cap: 1S",
        "cap: 99999999999999999999h",
        "cap: 9999999999999999h",
        "stepz: 1",
    ];
    for retry in refused {
        let text = with(&format!("retry: {{ {retry} }}"));
        assert!(faults(&text).contains("retry"), "{retry}");
        let text = format!("defaults: {{ retry: {{ {retry} }} }}\n{}", with(""));
        assert!(faults(&text).contains("defaults.retry"), "{retry}");
    }
    for retry in [
        "steps: 0",
        "steps: 100",
        "factor: 1",
        "cap: 336h",
        "duration: 0s",
        "duration: 15m",
    ] {
        assert!(
            parse(&with(&format!("retry: {{ {retry} }}"))).is_ok(),
            "{retry}"
        );
    }
}

#[test]
fn a_duration_above_the_cap_names_both() {
    let told = faults(&with("retry: { cap: 5s }"));
    assert!(told.contains("`duration` is 10s and `cap` is 5s"), "{told}");
}

#[test]
fn names_of_routes_are_valid_and_unique() {
    let route = "  - name: crm\n    target: { http: { url: \"https://x\" } }\n";
    let told = faults(&format!("routes:\n{route}{route}"));
    assert!(
        told.contains("line 4") && told.contains("name of an earlier route"),
        "{told}"
    );
    for name in ["CRM", "a b", "a_b", "\"\"", &"a".repeat(65), "é"] {
        let text = format!(
            "routes:\n  - name: {name}\n    target: {{ http: {{ url: \"https://x\" }} }}\n"
        );
        assert!(faults(&text).contains("1 to 64 characters"), "{name}");
    }
    for consumer in ["\"\"", "\"a#b\"", &"a".repeat(129)] {
        let text = format!("consumer: {consumer}\n{}", with(""));
        assert!(
            faults(&text).contains("`consumer`: must be 1 to 128"),
            "{consumer}"
        );
    }
}

#[test]
fn keys_of_a_filter_are_anded_and_its_entries_ored() {
    let file = parse(&with(
        "filter:\n  source: [shop, { prefix: \"shop.\" }]\n  type: [{ suffix: created }]\n  subject: [{ prefix: a }, { suffix: z }]",
    ))
    .unwrap();
    let filter = &file.routes[0].filter;

    assert!(filter.matches(&event("shop", "created", Some("a"))));
    assert!(filter.matches(&event("shop.eu", "order.created", Some("xyz"))));
    assert!(!filter.matches(&event("shops", "created", Some("a"))));
    assert!(!filter.matches(&event("shop", "created.x", Some("a"))));
    assert!(!filter.matches(&event("shop", "created", Some("b"))));
}

#[test]
fn every_route_that_takes_an_event_is_named_in_the_order_of_the_file() {
    let target = "target: { http: { url: \"https://x\" } }";
    let file = parse(&format!(
        "routes:\n  - name: orders\n    {target}\n    filter: {{ type: [order] }}\n  \
         - name: bills\n    {target}\n    filter: {{ type: [bill] }}\n  \
         - name: all\n    {target}\n"
    ))
    .unwrap();
    let taken = |kind| {
        let event = event("s", kind, None);
        let names = file.matching(&event).map(|route| route.name.to_string());
        names.collect::<Vec<_>>()
    };
    assert_eq!(taken("order"), ["orders", "all"]);
    assert_eq!(taken("bill"), ["bills", "all"]);
    assert_eq!(taken("else"), ["all"]);
    let found = |name| file.route(&RouteName::new(name).unwrap());
    assert_eq!(
        found("bills").map(|route| route.name.as_str()),
        Some("bills")
    );
    assert!(found("none").is_none());
}

#[test]
fn a_filter_on_the_subject_takes_no_event_without_one() {
    for entry in ["{ prefix: \"\" }", "{ suffix: \"\" }", "\"\""] {
        let file = parse(&with(&format!("filter: {{ subject: [{entry}] }}"))).unwrap();
        let filter = &file.routes[0].filter;
        assert!(!filter.matches(&event("a", "b", None)), "{entry}");
        assert!(filter.matches(&event("a", "b", Some(""))), "{entry}");
    }
}

#[test]
fn a_filter_that_asks_nothing_or_nonsense_is_refused() {
    let refused = [
        "filter:",
        "filter: {}",
        "filter: []",
        "filter: x",
        "filter: { type: [] }",
        "filter: { type: x }",
        "filter: { type: }",
        "filter: { type: [1] }",
        "filter: { type: [null] }",
        "filter: { type: [true] }",
        "filter: { type: [[a]] }",
        "filter: { type: [{}] }",
        "filter: { type: [{ prefix: a, suffix: b }] }",
        "filter: { type: [{ prefix: [a] }] }",
        "filter: { type: [{ prefix: 1 }] }",
        "filter: { type: [{ infix: a }] }",
        "filter: { detail-type: [a] }",
    ];
    for filter in refused {
        assert!(
            faults(&with(filter)).contains("routes[0].filter"),
            "{filter}"
        );
    }
}

#[test]
fn only_a_target_that_knows_a_repeat_makes_an_effect_once_by_itself() {
    let file = |once: &str, target: &str| {
        format!("routes:\n  - name: out\n    once: {once}\n    target: {target}\n")
    };
    let arn = "arn:aws:states:eu-west-1:123456789012:stateMachine:fulfil";
    let machine = format!("{{stepfunctions: {{state_machine_arn: '{arn}'}}}}");
    let table = "{dynamodb: {table: orders, key: '{id: id}', put: data}}";
    for target in [machine.as_str(), table] {
        let once = |word| parse(&file(word, target)).unwrap().routes[0].once;
        assert_eq!(
            (once("target"), once("ledger")),
            (OnceBy::Target, OnceBy::Ledger)
        );
    }
    let others = [
        (
            "an `sqs` target forgets",
            "{sqs: {queue_url: 'https://sqs.eu-west-1.amazonaws.com/1/q'}}",
        ),
        (
            "an `sns` target forgets",
            "{sns: {topic_arn: 'arn:aws:sns:eu-west-1:123456789012:t'}}",
        ),
        (
            "an `http` target honours",
            "{http: {url: 'https://crm.example/in'}}",
        ),
        ("a `lambda` target honours", "{lambda: {function: bill}}"),
        (
            "an `eventbridge` target takes",
            "{eventbridge: {bus: orders}}",
        ),
        ("a `kinesis` target takes", "{kinesis: {stream: orders}}"),
    ];
    for (why, target) in others {
        assert_eq!(
            parse(&file("ledger", target)).unwrap().routes[0].once,
            OnceBy::Ledger
        );
        let told = faults(&file("target", target));
        assert!(
            told.contains("line 3, column 11: `routes[0].once`: "),
            "{told}"
        );
        assert!(
            told.contains(why) && told.contains("; use `once: ledger`"),
            "{told}"
        );
    }
    assert!(faults(&file("both", table)).contains("must be `ledger` or `target`"));
    assert_eq!(
        parse(&with("on_rejected: ack")).unwrap().routes[0].once,
        OnceBy::Ledger
    );
}

#[test]
fn other_targets_are_refused_by_name() {
    for target in [
        "{ https: {} }",
        "{}",
        "http",
        "{ http: {}, sqs: {} }",
        "{ http: }",
        "{ http: {} }",
    ] {
        let text = format!("routes:\n  - name: a\n    target: {target}\n");
        assert!(faults(&text).contains("target"), "{target}");
    }
    let unknown = "routes:\n  - name: a\n    target: { https: {} }\n";
    let known = "`http`, `sqs`, `dynamodb`, `sns`, `eventbridge`, `lambda`, `stepfunctions`, \
                 `kinesis`";
    assert!(faults(unknown).contains(&format!("target is not known; known here: {known}")));
}

#[test]
fn a_route_has_fifty_headers_at_most() {
    let file = |count: usize| {
        let headers: Vec<_> = (0..count).map(|n| format!("x-{n}: v")).collect();
        with_http(&format!("headers: {{ {} }}", headers.join(", ")))
    };
    assert!(parse(&file(50)).is_ok());
    assert!(parse(&file(51)).is_err());
}

#[test]
fn a_file_has_as_many_bytes_as_are_read() {
    let file = |length: usize| {
        let file = with("on_rejected: ack");
        let comment = "#".repeat(length - file.len());
        format!("{file}{comment}")
    };
    assert!(parse(&file(TEXT_MAX)).is_ok());
    assert!(parse(&file(TEXT_MAX + 1)).is_err());
}

#[test]
fn a_fault_of_the_syntax_stands_at_a_line_and_a_column() {
    let told = faults("routes:\n  - name: [\n");
    assert!(told.contains("line "), "{told}");
    assert!(told.contains(", column "), "{told}");
}

#[test]
fn a_header_has_eight_kibibytes_at_most() {
    let file = |length| with_http(&format!("headers: {{ x-a: \"{}\" }}", "v".repeat(length)));
    assert!(parse(&file(8192)).is_ok());
    assert!(faults(&file(8193)).contains("value is longer than 8 KiB"));
}

#[test]
fn a_url_is_absolute_and_holds_no_credentials_f65() {
    let refused = [
        "",
        "/in",
        "//x/in",
        "x.example",
        "ftp://x",
        "https:x",
        "https://",
        "https:///in",
        "https://:443/",
        "https://user@x",
        "https://user:pass@x/",
        "https://x#part",
        "https://x\\@y",
        "https://x/a b",
        "https://x/\u{e9}",
        "javascript:alert(1)",
    ];
    for url in refused {
        assert!(TargetUrl::new(url).is_err(), "{url}");
    }
    for url in [
        "https://x",
        "HTTPS://X/a?b=c@d",
        "http://[::1]:80/",
        "https://x:8443/a@b",
    ] {
        assert!(TargetUrl::new(url).is_ok(), "{url}");
    }
    assert!(TargetUrl::new(format!("https://x/{}", "a".repeat(8192))).is_err());
}

#[test]
fn headers_that_waybill_sets_and_headers_that_are_none_are_refused() {
    let refused = [
        "ce-id: x",
        "CE-Type: x",
        "Host: x",
        "content-length: \"1\"",
        "Content-Type: x",
        "idempotency-key: x",
        "traceparent: x",
        "tracestate: x",
        "transfer-encoding: x",
        "connection: x",
        "webhook-signature: x",
        "proxy-authorization: x",
        "\"a b\": x",
        "\"\": x",
        "\"é\": x",
        "a: \"x\\ny\"",
        "a: \"x\\r\\n\"",
        "a: é",
        "a: \" x\"",
        "a: 1",
        "a: [x]",
        "a: null",
        "a: \"\\0\"",
        "\"a\\nb\": x",
    ];
    for header in refused {
        let told = faults(&with_http(&format!("headers: {{ {header} }}")));
        assert!(
            told.contains("routes[0].target.http.headers"),
            "{header}: {told}"
        );
    }
    let twice = with_http("headers: { x-a: \"1\", X-A: \"2\" }");
    assert!(faults(&twice).contains("given twice"));
}

#[test]
fn secrets_are_in_no_debug_output_and_in_no_fault_f66() {
    let text = with_http("headers: { authorization: \"${TOKEN}\" }");
    let secret = |_: &str| Some("hunter2".to_owned());
    let file = RoutesFile::parse(&text, secret).unwrap();
    assert!(!format!("{file:?}").contains("hunter2"));
    assert!(!format!("{file:?}").contains("/in"));
    assert!(format!("{file:?}").contains("https://crm.example/[redacted]"));

    let with_break = |_: &str| Some("hunter2\n".to_owned());
    let told = RoutesFile::parse(&text, with_break)
        .unwrap_err()
        .to_string();
    assert!(told.contains("may end in a line break"), "{told}");
    assert!(!told.contains("hunter2"), "{told}");

    let text = "routes:\n  - name: a\n    target: { http: { url: \"https://u:${TOKEN}@x/\" } }\n";
    let told = RoutesFile::parse(text, secret).unwrap_err().to_string();
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn of_a_url_its_origin_alone_is_shown_and_of_a_secret_nothing_f66() {
    for (url, origin) in [
        ("https://crm.example/in?t=1", "https://crm.example"),
        ("https://x/in/secret", "https://x"),
        ("http://x/in/secret", "http://x"),
        ("http://127.0.0.1:8080?secret", "http://127.0.0.1:8080"),
        ("https://x", "https://x"),
    ] {
        let url = TargetUrl::new(url).unwrap();
        assert_eq!(url.origin(), origin);
        assert_eq!(format!("{url:?}"), format!("{origin}/[redacted]"));
    }
    assert_eq!(format!("{:?}", Secret::new("hunter2")), "[redacted]");
}

#[test]
fn a_url_has_eight_kibibytes_at_most() {
    let url = |length: usize| format!("https://x/{}", "a".repeat(length - 10));
    assert!(TargetUrl::new(url(8192)).is_ok());
    assert!(TargetUrl::new(url(8193)).is_err());
}

#[test]
fn what_only_follows_from_a_fault_is_not_told() {
    let errors = parse(&with("retry: { duration: 20m, cap: soon }")).unwrap_err();
    assert_eq!(errors.iter().count(), 1, "{errors}");
}

#[test]
fn time_outs_are_bounded_and_the_connection_is_part_of_the_try() {
    let refused = [
        "timeout: 0s",
        "timeout: 16m",
        "timeout: 10",
        "connect_timeout: 0ms",
        "connect_timeout: 11s",
        "connect_timeout: 2s\ntimeout: 1s",
    ];
    for timeouts in refused {
        assert!(parse(&with_http(timeouts)).is_err(), "{timeouts}");
    }
    let longest = parse(&with_http("timeout: 15m")).unwrap();
    assert_eq!(http(&longest).timeout, Duration::from_secs(900));
    let file = parse(&with_http("timeout: 1s")).unwrap();
    assert_eq!(http(&file).connect_timeout, Duration::from_secs(1));
}

#[test]
fn a_status_means_one_thing() {
    let refused = [
        "statuses: { transient: [403], rejected: [403] }",
        "statuses: { transient: [403, 403] }",
        "statuses: { transient: [100] }",
        "statuses: { transient: [600] }",
        "statuses: { transient: [-1] }",
        "statuses: { transient: [70000] }",
        "statuses: { transient: [\"403\"] }",
        "statuses: { transient: 403 }",
        "statuses: { retried: [403] }",
        "statuses: [403]",
    ];
    for statuses in refused {
        let told = faults(&with_http(statuses));
        assert!(told.contains("http.statuses"), "{statuses}: {told}");
    }
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    /// A small alphabet, so that filters and events meet.
    fn word() -> impl Strategy<Value = String> {
        "[ab.]{0,3}"
    }

    fn some_event() -> impl Strategy<Value = Event> {
        (word(), word(), proptest::option::of(word()))
            .prop_map(|(source, kind, subject)| event(&source, &kind, subject.as_deref()))
    }

    fn some_filter() -> impl Strategy<Value = String> {
        let entry = (0..3u8, word()).prop_map(|(form, text)| match form {
            0 => format!("\"{text}\""),
            1 => format!("{{ prefix: \"{text}\" }}"),
            _ => format!("{{ suffix: \"{text}\" }}"),
        });
        let list = proptest::collection::vec(entry, 1..3).prop_map(|list| list.join(", "));
        let key = prop_oneof![Just("source"), Just("type"), Just("subject")];
        proptest::collection::btree_map(key, list, 0..3).prop_map(|keys| {
            if keys.is_empty() {
                return String::new();
            }
            let keys: Vec<_> = keys
                .iter()
                .map(|(k, list)| format!("{k}: [{list}]"))
                .collect();
            format!("    filter: {{ {} }}\n", keys.join(", "))
        })
    }

    fn file(filters: &[String]) -> RoutesFile {
        let mut text = String::from("routes:\n");
        for (n, filter) in filters.iter().enumerate() {
            text.push_str(&format!(
                "  - name: r{n}\n    target: {{ http: {{ url: \"https://x\" }} }}\n{filter}"
            ));
        }
        parse(&text).unwrap()
    }

    fn names(file: &RoutesFile, event: &Event) -> Vec<String> {
        file.matching(event).map(|r| r.name.to_string()).collect()
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = parse(&text);
        }

        #[test]
        fn no_text_of_yaml_letters_makes_it_panic(text in "[-a:{}\\[\\]$&*!<\"'#| ,\n\t0-9.]{0,120}") {
            let _ = RoutesFile::parse(&text, |name| Some(name.to_owned()));
        }

        #[test]
        fn no_edit_of_a_file_makes_it_panic(at in 0..WHOLE.len(), cut in 0..20usize, put in "\\PC{0,4}") {
            prop_assume!(WHOLE.is_char_boundary(at));
            let end = (at + cut).min(WHOLE.len());
            let text = format!("{}{put}{}", &WHOLE[..at], &WHOLE[end..]);
            match RoutesFile::parse(&text, |_| None) {
                Ok(file) => prop_assert!(!file.routes.is_empty()),
                Err(errors) => prop_assert!(errors.iter().count() > 0),
            }
        }

        #[test]
        fn no_value_of_a_variable_changes_the_shape(value in "\\PC{0,40}") {
            let text = with("filter: { type: [\"${A}\"] }");
            let file = RoutesFile::parse(&text, |_| Some(value.clone())).unwrap();
            prop_assert_eq!(file.routes.len(), 1);
            prop_assert!(file.routes[0].filter.matches(&event("", &value, None)));
        }

        #[test]
        fn adding_a_route_removes_no_match(
            filters in proptest::collection::vec(some_filter(), 1..4),
            more in some_filter(),
            event in some_event(),
        ) {
            let before = names(&file(&filters), &event);
            let mut filters = filters;
            filters.push(more);
            let after = names(&file(&filters), &event);
            prop_assert_eq!(&after[..before.len()], &before[..]);
        }

        #[test]
        fn matching_is_deterministic(
            filters in proptest::collection::vec(some_filter(), 1..4),
            event in some_event(),
        ) {
            let first = file(&filters);
            let again = file(&filters);
            prop_assert_eq!(names(&first, &event), names(&again, &event));
            prop_assert_eq!(first.version, again.version);
        }

        #[test]
        fn a_duration_reads_as_it_is_shown(ms in 0..=u64::from(u32::MAX)) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(span::parse(&span::show(duration)), Some(duration));
        }
    }
}

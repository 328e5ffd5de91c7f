use std::time::Duration;

use crate::routes::{DeadLetterTarget, RoutesErrors, RoutesFile, TargetSpec};

/// The dead-letter target of a route, which says this besides its name and its target.
fn parse(defaults: &str, route: &str) -> Result<Option<DeadLetterTarget>, RoutesErrors> {
    let text = format!(
        "defaults: {{ {defaults} }}\nroutes:\n  - name: crm\n    target: {{ http: {{ url: \
         \"https://crm.example.com/\" }} }}\n    {route}\n"
    );
    let mut file = RoutesFile::parse(&text, |_| None)?;
    Ok(file.routes.remove(0).dead_letter)
}

/// Where it POSTs to.
fn url(own: &DeadLetterTarget) -> &str {
    let TargetSpec::Http(http) = &own.target else {
        panic!("{own:?}");
    };
    http.url.expose()
}

#[test]
fn a_route_has_no_dead_letter_target_unless_it_says_so() {
    assert!(parse("", "enabled: true").unwrap().is_none());
}

#[test]
fn a_dead_letter_target_is_tried_as_defaults_and_its_own_retry_say() {
    let said = "dead_letter: { target: { http: { url: \"https://dead.example.com/\" } } }";
    let own = parse("retry: { steps: 7 }, max_event_age: 1h", said);
    let own = own.unwrap().unwrap();
    assert_eq!(url(&own), "https://dead.example.com/");
    assert_eq!(own.retry.steps, 7);
    assert_eq!(own.retry.max_event_age, None, "none is too old for it");

    let said = "dead_letter: { target: { sqs: { queue_url: \
         \"https://sqs.eu-central-1.amazonaws.com/111122223333/dead\" } }, retry: { cap: 1m } }";
    let own = parse("retry: { steps: 7 }", said).unwrap().unwrap();
    assert!(matches!(own.target, TargetSpec::Sqs(_)));
    let kept = (own.retry.steps, own.retry.cap);
    assert_eq!(kept, (7, Duration::from_secs(60)));
}

#[test]
fn knatives_sink_is_tried_as_its_route_is() {
    let said = "delivery: { retry: 2, backoffDelay: PT1S, backoffPolicy: constant, \
         deadLetterSink: { uri: \"https://dead.example.com/\" } }";
    let own = parse("retry: { steps: 7 }", said).unwrap().unwrap();
    assert_eq!(url(&own), "https://dead.example.com/");
    assert_eq!(own.retry.steps, 2);
}

#[test]
fn what_cannot_be_a_dead_letter_target_is_refused_at_its_place() {
    let target = "{ http: { url: \"https://dead.example.com/\" } }";
    let both = format!(
        "delivery: {{ retry: 0, deadLetterSink: {{ uri: \"https://x.example.com\" }} }}\n    \
         dead_letter: {{ target: {target} }}"
    );
    for (said, told) in [
        ("dead_letter: {}", "`target` is missing"),
        ("dead_letter: true", "must be a mapping"),
        ("dead_letter: { target: { http: {} } }", "`url` is missing"),
        ("dead_letter: { target: {}, steps: 1 }", "dead_letter.steps"),
        (both.as_str(), "leave one of the two out"),
    ] {
        let errors = parse("", said).unwrap_err().to_string();
        assert!(errors.contains(told), "{said}: {errors}");
        assert!(errors.contains("routes[0].dead_letter"), "{said}: {errors}");
    }
}

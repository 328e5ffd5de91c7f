use super::*;
use crate::routes::{RoutesErrors, RoutesFile};

/// A file of one route with this `delivery`, more keys, and more of its target.
fn parse(delivery: &str, more: &str, http: &str) -> Result<RoutesFile, RoutesErrors> {
    let target = format!("target: {{ http: {{ url: \"https://crm.example/in\"{http} }} }}");
    let route = format!("{{ name: crm, {target}, delivery: {{ {delivery} }}{more} }}");
    let defaults = "defaults: { retry: { steps: 9, overload_floor: 60s }, max_event_age: 1h }";
    RoutesFile::parse(&format!("{defaults}\nroutes:\n- {route}\n"), |_| None)
}

/// What is said of a delivery that is refused.
fn refused(delivery: &str) -> String {
    parse(delivery, "", "").unwrap_err().to_string()
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn a_delivery_waits_as_knative_documents_it() {
    for (form, waits) in [
        ("constant", [5, 5, 5]),
        ("linear", [5, 10, 15]),
        ("exponential", [10, 20, 40]),
    ] {
        let delivery = format!("retry: 3, backoffDelay: PT5S, backoffPolicy: {form}");
        let file = parse(&delivery, "", "").unwrap();
        let retry = &file.routes[0].retry;
        assert_eq!(retry.steps, 3, "after the first try");
        assert_eq!(
            [1, 2, 3].map(|n| retry.backoff.wait(n)),
            waits.map(secs),
            "{form}"
        );
        assert_eq!((retry.jitter, retry.cap), (0.0, VISIBILITY_MAX));
        assert_eq!(retry.overload_floor, Duration::ZERO, "not of the defaults");
        assert_eq!(retry.max_event_age, Some(secs(3600)), "of the defaults");
        assert_eq!(file.routes[0].target.timeout(), secs(10));
    }
    let none = parse("retry: 0", ", max_event_age: 2h", "").unwrap();
    let retry = &none.routes[0].retry;
    assert_eq!((retry.steps, retry.max_event_age), (0, Some(secs(7200))));
}

#[test]
fn a_delivery_is_whole_and_says_what_it_can_not_do() {
    for (delivery, told) in [
        (
            "backoffDelay: PT5S, backoffPolicy: linear",
            "`retry` is missing",
        ),
        ("retry: 3", "`backoffDelay` and `backoffPolicy` are needed"),
        ("retry: 3, backoffDelay: PT5S", "are needed"),
        ("retry: 3, backoffPolicy: linear", "are needed"),
        (
            "retry: 101, backoffDelay: PT5S, backoffPolicy: linear",
            "0 to 100",
        ),
        (
            "retry: 3, backoffDelay: 5s, backoffPolicy: linear",
            "ISO 8601",
        ),
        (
            "retry: 3, backoffDelay: PT13H, backoffPolicy: linear",
            "at most `PT12H`",
        ),
        (
            "retry: 3, backoffDelay: PT5S, backoffPolicy: fast",
            "or `exponential`",
        ),
        (
            "retry: 0, deadLetterSink: { ref: { name: x } }",
            "known here: `uri`",
        ),
        ("retry: 0, deadLetterSink: {}", "`uri` is missing"),
        (
            "retry: 0, deadLetterSink: { uri: \"ftp://x\" }",
            "`routes[0].delivery.deadLetterSink.uri`",
        ),
        ("retry: 0, retryAfterMax: PT1M", "key is not known"),
    ] {
        let said = refused(delivery);
        assert!(said.contains(told), "{delivery}: {said}");
        assert!(said.contains("routes[0].delivery"), "{delivery}: {said}");
        assert!(said.contains("line 3"), "{delivery}: {said}");
    }
}

#[test]
fn what_only_follows_from_a_variable_that_is_not_set_is_not_told() {
    let unset = "retry: 3, backoffDelay: \"${DELAY}\", backoffPolicy: linear";
    let errors = parse(unset, "", "").unwrap_err();
    assert_eq!(errors.iter().count(), 1, "{errors}");
    assert!(errors.to_string().contains("DELAY"), "{errors}");
}

#[test]
fn a_delivery_stands_for_retry() {
    let both = parse("retry: 0", ", retry: { steps: 1 }", "").unwrap_err();
    assert!(both.to_string().contains("say one of the two"), "{both}");
}

#[test]
fn the_time_of_one_try_is_said_once() {
    let timeout = |delivery: &str, http: &str| {
        let file = parse(delivery, "", http)?;
        Ok::<_, RoutesErrors>(file.routes[0].target.timeout())
    };
    assert_eq!(timeout("retry: 0, timeout: PT20S", ""), Ok(secs(20)));
    assert_eq!(
        timeout("retry: 0, timeout: PT0.5S", ""),
        Ok(Duration::from_millis(500))
    );
    assert_eq!(timeout("retry: 0", ", timeout: 7s"), Ok(secs(7)));
    let both = timeout("retry: 0, timeout: PT7S", ", timeout: 7s").unwrap_err();
    assert!(
        both.to_string().contains("leave one of the two out"),
        "{both}"
    );
    for out_of_bounds in ["PT0S", "PT16M"] {
        let delivery = format!("retry: 0, timeout: {out_of_bounds}");
        let told = timeout(&delivery, "").unwrap_err();
        assert!(
            told.to_string().contains("timeout`: must be 1ms to 15m"),
            "{told}"
        );
    }
}

#[test]
fn durations_of_iso_8601_are_read_to_the_letter() {
    for (text, ms) in [
        ("PT5S", 5_000),
        ("PT0S", 0),
        ("PT0.2S", 200),
        ("PT0.25S", 250),
        ("PT1.005S", 1_005),
        ("PT90M", 5_400_000),
        ("PT1H", 3_600_000),
        ("PT1H30M", 5_400_000),
        ("PT1H1S", 3_601_000),
        ("PT1H2M3.4S", 3_723_400),
    ] {
        assert_eq!(iso_8601(text), Some(Duration::from_millis(ms)), "{text}");
    }
    for wrong in [
        "",
        "P",
        "PT",
        "5S",
        "PT5",
        "PTS",
        "PT5s",
        "pt5S",
        "T5S",
        "P5S",
        "P1D",
        "P1W",
        "P1Y",
        "P1M",
        "P1DT1S",
        "PT-5S",
        "-PT5S",
        "+PT5S",
        "PT+5S",
        "PT 5S",
        "PT5S ",
        " PT5S",
        "PT5S1M",
        "PT1M1H",
        "PT5S5S",
        "PT1.5M",
        "PT1.5H",
        "PT.5S",
        "PT5.S",
        "PT1.0005S",
        "PT1,5S",
        "PT5.5.5S",
        "PT٥S",
        "PT99999999999999999999S",
        "PT18446744073709551615H",
    ] {
        assert_eq!(iso_8601(wrong), None, "{wrong}");
    }
}

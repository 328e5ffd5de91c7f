use super::*;
use crate::routes::{RoutesErrors, RoutesFile};

/// A file of one route with these keys, and these defaults.
fn parse(defaults: &str, route: &str) -> Result<RoutesFile, RoutesErrors> {
    let target = "target: { http: { url: \"https://crm.example/in\" } }";
    let text =
        format!("defaults: {{ {defaults} }}\nroutes:\n- {{ name: crm, {target}, {route} }}\n");
    RoutesFile::parse(&text, |_| None)
}

/// The policy of such a route.
fn read(defaults: &str, route: &str) -> RetryPolicy {
    let file = parse(defaults, route);
    let mut file = file.unwrap_or_else(|errors| panic!("{defaults}, {route}: {errors}"));
    file.routes.remove(0).retry
}

/// What is said of keys that are refused.
fn refused(defaults: &str, route: &str) -> String {
    parse(defaults, route).unwrap_err().to_string()
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

#[test]
fn a_file_that_says_nothing_has_the_built_in_policy() {
    assert_eq!(read("", ""), RetryPolicy::default());
    assert_eq!(read("retry: {}", "retry: {}"), RetryPolicy::default());
}

#[test]
fn steps_are_retries_and_with_attempts_all_tries_as_argo_counts() {
    for (said, retries) in [
        ("steps: 3", 3),
        ("steps: 3, steps_semantics: retries", 3),
        ("steps: 3, steps_semantics: attempts", 2),
        ("steps: 1, steps_semantics: attempts", 0),
        ("steps: 0, steps_semantics: retries", 0),
        ("steps_semantics: attempts", 2),
    ] {
        let retry = read("", &format!("retry: {{ {said} }}"));
        assert_eq!(retry.steps, retries, "{said}");
        assert_eq!(retry.backoff, RetryPolicy::default().backoff);
    }
    let merged = read(
        "retry: { steps_semantics: attempts }",
        "retry: { steps: 6 }",
    );
    assert_eq!(merged.steps, 5);
    let told = refused("", "retry: { steps: 0, steps_semantics: attempts }");
    assert!(told.contains("is no try at all"), "{told}");
    let told = refused(
        "retry: { steps: 0 }",
        "retry: { steps_semantics: attempts }",
    );
    assert!(told.contains("is no try at all"), "{told}");
    let told = refused("", "retry: { steps_semantics: tries }");
    assert!(told.contains("`retries` or `attempts`"), "{told}");
}

#[test]
fn a_list_of_waits_is_as_many_retries() {
    let retry = read("", "retry: { schedule: [5s, 5m, 30m], jitter: 0.2 }");
    assert_eq!((retry.steps, retry.jitter, retry.cap), (3, 0.2, secs(1800)));
    assert_eq!(
        retry.backoff,
        Backoff::Schedule([5, 300, 1800].map(secs).into())
    );
    for keys in [
        "schedule: []",
        "schedule: 5s",
        "schedule: [337h]",
        "schedule: [5]",
        "schedule: [5s, soon]",
        "schedule: [5s], steps: 1",
        "schedule: [5s], steps_semantics: retries",
        "schedule: [5s], duration: 1s",
        "schedule: [5s], factor: 1",
        "schedule: [5s], cap: 1h",
    ] {
        let told = refused("", &format!("retry: {{ {keys} }}"));
        assert!(told.contains("schedule"), "{keys}: {told}");
    }
    let long = vec!["1s"; 100].join(", ");
    assert_eq!(
        read("", &format!("retry: {{ schedule: [{long}] }}")).steps,
        100
    );
    assert!(refused("", &format!("retry: {{ schedule: [{long}, 1s] }}")).contains("1 to 100"));
}

#[test]
fn a_route_says_after_how_many_attempts_it_goes_on_by_itself() {
    assert_eq!(read("", "").detach, None);
    assert_eq!(read("", "retry: { detach: 3 }").detach, Some(3));
    let merged = read("retry: { detach: 3 }", "retry: { steps: 9 }");
    assert_eq!((merged.detach, merged.steps), (Some(3), 9));
    assert_eq!(
        read("retry: { detach: 3 }", "retry: { detach: 5 }").detach,
        Some(5)
    );
    for wrong in ["0", "101", "-1", "1.5", "never"] {
        let told = refused("", &format!("retry: {{ detach: {wrong} }}"));
        assert!(told.contains("retry.detach"), "{wrong}: {told}");
    }
}

#[test]
fn a_list_and_the_keys_that_it_stands_for_replace_each_other() {
    let list = read(
        "retry: { steps: 9, jitter: 0 }",
        "retry: { schedule: [5s] }",
    );
    assert_eq!((list.steps, list.jitter), (1, 0.0));
    let grown = read("retry: { schedule: [5s] }", "retry: { duration: 20s }");
    let backoff = RetryPolicy::default().backoff;
    assert_eq!((grown.steps, grown.cap), (3, secs(900)));
    assert_eq!([grown.backoff.wait(1), backoff.wait(2)], [secs(20); 2]);
    let kept = read("retry: { schedule: [5s, 6s] }", "retry: { jitter: 0.5 }");
    assert_eq!((kept.steps, kept.jitter, kept.cap), (2, 0.5, secs(6)));
}

#[test]
fn the_floor_after_an_overload_is_off_unless_it_is_said() {
    assert_eq!(read("", "").overload_floor, Duration::ZERO);
    let floor = |defaults, route| read(defaults, route).overload_floor;
    assert_eq!(floor("", "retry: { overload_floor: 60s }"), secs(60));
    assert_eq!(
        floor("retry: { overload_floor: 15m }", "retry: { steps: 1 }"),
        secs(900)
    );
    assert!(refused("", "retry: { overload_floor: 16m }").contains("0ms to 15m"));
}

#[test]
fn a_code_has_waits_of_its_own_over_those_of_the_route() {
    let route = "retry: { factor: 3, cap: 1h, on: { http_503: { duration: 30s, factor: 1 }, \
         timeout: { duration: 1m, cap: 5m } } }";
    let on = read("", route).on.unwrap();
    let on = |code: &str| {
        let on = &on[code];
        ([1, 2, 3].map(|n| on.backoff.wait(n).as_secs()), on.cap)
    };
    assert_eq!(on("http_503"), ([30, 30, 30], secs(3600)));
    assert_eq!(on("timeout"), ([60, 180, 540], secs(300)));

    let defaults = "retry: { on: { http_500: { duration: 1s }, timeout: { duration: 2s } } }";
    let merged = read(
        defaults,
        "retry: { factor: 4, on: { timeout: { duration: 9s } } }",
    );
    let merged = merged.on.unwrap();
    let waits = |code: &str| [1, 2].map(|n| merged[code].backoff.wait(n).as_secs());
    assert_eq!([waits("http_500"), waits("timeout")], [[1, 4], [9, 36]]);
    let scheduled = read(
        "",
        "retry: { schedule: [5s], on: { timeout: { duration: 7s } } }",
    );
    assert_eq!(scheduled.on.unwrap()["timeout"].backoff.wait(2), secs(14));
}

#[test]
fn a_code_that_no_try_fails_with_is_refused() {
    for (on, told) in [
        ("{ 503: { duration: 1s } }", "is no code"),
        ("{ http_199: { duration: 1s } }", "is no code"),
        ("{ http_600: { duration: 1s } }", "is no code"),
        ("{ http_+50: { duration: 1s } }", "is no code"),
        ("{ http_5xx: { duration: 1s } }", "is no code"),
        ("{ timeouts: { duration: 1s } }", "is no code"),
        ("{ timeout: { factor: 1 } }", "`duration` is missing"),
        (
            "{ timeout: { duration: 1s, steps: 1 } }",
            "`retry.on.timeout.steps`",
        ),
        ("{ timeout: { duration: 16m } }", "`cap` is 15m"),
        ("{ timeout: 1s }", "must be a mapping"),
        ("[timeout]", "must be a mapping"),
    ] {
        let said = refused("", &format!("retry: {{ on: {on} }}"));
        let said = said.replace("routes[0].", "");
        assert!(said.contains(told), "{on}: {said}");
    }
    for code in CODES {
        read(
            "",
            &format!("retry: {{ on: {{ {code}: {{ duration: 1s }} }} }}"),
        );
    }
}

#[test]
fn an_event_is_as_old_as_its_route_or_all_of_them_let_it_be_f11() {
    let age = |defaults, route| read(defaults, route).max_event_age;
    assert_eq!(age("", ""), None);
    assert_eq!(age("", "max_event_age: 6h"), Some(secs(6 * 3600)));
    assert_eq!(age("max_event_age: 336h", ""), Some(secs(14 * 86_400)));
    assert_eq!(
        age("max_event_age: 1h", "retry: { steps: 1 }"),
        Some(secs(3600))
    );
    assert_eq!(
        age("max_event_age: 1h", "max_event_age: 2h"),
        Some(secs(7200))
    );
    for wrong in ["0s", "999ms", "337h", "6", "1d"] {
        let told = refused("", &format!("max_event_age: {wrong}"));
        assert!(told.contains("routes[0].max_event_age"), "{told}");
        let told = refused(&format!("max_event_age: {wrong}"), "");
        assert!(told.contains("defaults.max_event_age"), "{told}");
    }
}

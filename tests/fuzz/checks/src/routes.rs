//! A routes file, and which of its routes take an event.
//!
//! An input is the text of a file. Some variables are set, one of them to a secret.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use waybill_core::event::{Data, Event};
use waybill_core::limit::{RETENTION_MAX, VISIBILITY_MAX, WAIT_MAX};
use waybill_core::retry::Backoff;
use waybill_core::routes::{
    EventBridgeSpec, HeaderText, HttpSpec, ROUTES_MAX, Route, RoutesErrors, RoutesFile, TEXT_MAX,
    TargetSpec,
};

/// What a refusal may say in all, in bytes.
const REFUSAL_MAX: usize = 64 * 1024;

/// A value that no message may show. It is valid nowhere but in headers and URLs.
const SECRET: &str = "S3CRET_value#";

/// The longest time-out of an HTTP target.
const TIMEOUT_MAX: Duration = Duration::from_secs(15 * 60);

/// The longest time-out of every other target.
const REQUEST_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Reads an input as a routes file and checks the file, or why it is none.
pub fn check(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else {
        return;
    };
    let read = RoutesFile::parse(text, variable);
    let again = RoutesFile::parse(text, variable);
    match (&read, &again) {
        (Ok(file), Ok(again)) => {
            assert_eq!(format!("{file:?}"), format!("{again:?}"), "read again");
            file_holds(file);
            assert!(text.len() <= TEXT_MAX);
        }
        (Err(errors), Err(again)) => {
            assert_eq!(errors, again, "read again");
            refusal_holds(text, errors);
        }
        (one, other) => panic!("{one:?}, then {other:?}"),
    }
    json_holds(text, &read);
}

/// What variables are set to.
fn variable(name: &str) -> Option<String> {
    let value = match name {
        "SET" => "set".to_owned(),
        "EMPTY" => String::new(),
        "NUMBER" => "3".to_owned(),
        "URL" => "https://set.example/".to_owned(),
        "NESTED" => "${SET}".to_owned(),
        "SECRET" => SECRET.to_owned(),
        "LONG" => "l".repeat(4096),
        _ => return None,
    };
    Some(value)
}

/// A file that is read keeps every bound that its parts are promised to keep.
fn file_holds(file: &RoutesFile) {
    assert!((1..=ROUTES_MAX).contains(&file.routes.len()));
    assert_eq!(file.version.len(), 12);
    assert!(file.version.bytes().all(|b| b.is_ascii_hexdigit()));
    let names: BTreeSet<_> = file.routes.iter().map(|route| &route.name).collect();
    assert_eq!(names.len(), file.routes.len(), "names are distinct");
    for route in &file.routes {
        route_holds(route);
        assert_eq!(
            file.route(&route.name).map(|found| &found.name),
            Some(&route.name)
        );
    }
    for event in events() {
        let taken: Vec<_> = file.matching(&event).map(|route| &route.name).collect();
        let mut asked = file
            .routes
            .iter()
            .filter(|route| route.filter.matches(&event));
        assert!(
            taken
                .iter()
                .all(|name| asked.next().map(|r| &r.name) == Some(name))
        );
        assert!(
            asked.next().is_none(),
            "in the order of the file, all that take it"
        );
    }
}

/// A route keeps every bound of its parts.
fn route_holds(route: &Route) {
    let retry = &route.retry;
    assert!(retry.steps <= 100);
    assert!((0.0..=1.0).contains(&retry.jitter));
    assert!(retry.cap <= VISIBILITY_MAX && retry.overload_floor <= WAIT_MAX);
    waits_hold(&retry.backoff);
    for (code, on) in retry.on.iter().flat_map(|on| on.iter()) {
        assert!(!code.is_empty() && on.cap <= VISIBILITY_MAX);
        waits_hold(&on.backoff);
    }
    assert!(
        retry
            .max_event_age
            .is_none_or(|age| !age.is_zero() && age <= RETENTION_MAX)
    );
    let shown = format!("{:?}", route.target);
    match &route.target {
        TargetSpec::Http(http) => http_holds(http, &shown),
        TargetSpec::Sqs(queue) => {
            assert!(queue.timeout > Duration::ZERO && queue.timeout <= REQUEST_TIMEOUT_MAX);
            assert!(queue.queue_url.is_ascii());
            assert!(!queue.is_fifo() || queue.group_id.is_some());
        }
        TargetSpec::DynamoDb(table) => {
            assert!(table.timeout > Duration::ZERO && table.timeout <= REQUEST_TIMEOUT_MAX);
            assert!(table.table.is_ascii() && table.table.len() <= 1024);
        }
        TargetSpec::Sns(topic) => {
            assert!(topic.timeout > Duration::ZERO && topic.timeout <= REQUEST_TIMEOUT_MAX);
            assert!(topic.topic_arn.starts_with("arn:") && topic.topic_arn.is_ascii());
            assert!(!topic.is_fifo() || topic.group_id.is_some());
        }
        TargetSpec::EventBridge(bus) => {
            assert!(bus.timeout > Duration::ZERO && bus.timeout <= REQUEST_TIMEOUT_MAX);
            let source = bus.source.as_deref().unwrap_or("own");
            assert!(!source.is_empty() && !EventBridgeSpec::is_reserved(source));
        }
        TargetSpec::Lambda(function) => {
            assert!(function.timeout > Duration::ZERO && function.timeout <= TIMEOUT_MAX);
            assert!(!function.function.is_empty() && function.function.is_ascii());
        }
        TargetSpec::StepFunctions(machine) => {
            assert!(machine.timeout > Duration::ZERO && machine.timeout <= REQUEST_TIMEOUT_MAX);
            assert_eq!(machine.unqualified_arn().matches(':').count(), 6);
        }
        TargetSpec::Kinesis(stream) => {
            assert!(stream.timeout > Duration::ZERO && stream.timeout <= REQUEST_TIMEOUT_MAX);
            let event = Event::default();
            let key = stream.partition_key(&event, &event.data, "otherwise");
            assert!(key.is_err() || key.is_ok_and(|key| (1..=256).contains(&key.chars().count())));
        }
    }
}

/// An HTTP target keeps every bound of its parts.
fn http_holds(http: &HttpSpec, shown: &str) {
    assert!(http.connect_timeout > Duration::ZERO && http.connect_timeout <= http.timeout);
    assert!(http.timeout <= TIMEOUT_MAX);
    let url = http.url.expose();
    assert!(url.is_ascii() && url.starts_with(http.url.origin()));
    assert!(!shown.contains(SECRET) || http.url.origin().contains(SECRET));
    assert!(http.headers.len() <= 50 && http.signature.len() <= 3);
    for (name, value) in &http.headers {
        assert!(!name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase() || b <= b' '));
        assert!(!name.starts_with("ce-") && name != "host" && name != "idempotency-key");
        let value = match value {
            HeaderText::Said(value) => value.expose(),
            HeaderText::Kept { prefix, secret } => {
                assert!((1..=2048).contains(&secret.place.name().len()));
                prefix.expose()
            }
        };
        assert!(value.is_ascii() && !value.contains(['\r', '\n', '\0']));
    }
}

/// Waits that grow never shrink, and a list has its waits.
fn waits_hold(backoff: &Backoff) {
    match backoff {
        Backoff::Exponential { factor, .. } => assert!((1.0..=100.0).contains(factor)),
        Backoff::Linear { .. } => {}
        Backoff::Schedule(waits) => assert!((1..=100).contains(&waits.len())),
    }
}

/// A refusal is short, in the order of the file, and shows no secret.
fn refusal_holds(text: &str, errors: &RoutesErrors) {
    let said = errors.to_string();
    assert!(said.len() <= REFUSAL_MAX, "{} bytes are said", said.len());
    // A key expression is quoted, and it is no secret.
    assert!(!said.contains(SECRET) || text.contains("key"), "{said}");
    // A carriage return ends a line of YAML by itself.
    let lines = u64::try_from(text.matches(['\n', '\r']).count()).unwrap() + 1;
    let places: Vec<_> = errors
        .iter()
        .map(|error| (error.line, error.column))
        .collect();
    assert!(!places.is_empty());
    assert!(places.is_sorted(), "{said}");
    for (line, column) in places {
        assert!(
            line.is_none_or(|line| (1..=lines).contains(&line)),
            "{said}"
        );
        assert!(column.is_none_or(|column| column >= 1), "{said}");
    }
    assert!(errors.iter().all(|error| !error.message.is_empty()));
}

/// JSON that is indented otherwise is the same file.
fn json_holds(text: &str, read: &Result<RoutesFile, RoutesErrors>) {
    // An object's equal names are lost in a tree.
    let Ok(file) = read else { return };
    let Ok(tree) = serde_json::from_str::<Value>(text) else {
        return;
    };
    let printed = serde_json::to_string_pretty(&tree).unwrap();
    if printed.len() > TEXT_MAX {
        return;
    }
    match RoutesFile::parse(&printed, variable) {
        Ok(again) => {
            assert_eq!(format!("{:?}", again.routes), format!("{:?}", file.routes));
        }
        Err(errors) => panic!("{text} indented: {errors}"),
    }
}

/// Events that files of the corpus take, and such that they do not.
fn events() -> [Event; 4] {
    let event = |source: &str, kind: &str, subject: Option<&str>| Event {
        id: "1".to_owned(),
        source: source.to_owned(),
        kind: kind.to_owned(),
        subject: subject.map(str::to_owned),
        data: Data::Json("{}".into()),
        ..Event::default()
    };
    [
        event(
            "https://shop.acme.com/orders",
            "com.acme.order.created",
            Some("orders/1.json"),
        ),
        event("set", "set", Some("set")),
        event("", "", None),
        event("\u{fffd}", "com.acme.", Some("")),
    ]
}

use std::collections::HashMap;

use super::*;

const ROUTES: &str = "inline:{key: data.id, on_conflict: ack, routes: [
    {name: crm, target: {http: {url: 'https://example.com/in', timeout: 4s}}},
    {name: erp, target: {http: {url: 'https://example.com/in', timeout: 20s}}},
    {name: bi, target: {http: {url: 'https://example.com/in', timeout: 7s}}}]}";

const FIFO: &str = "https://sqs.eu-west-1.amazonaws.com/1/orders.fifo";

const FIFO_DEAD: &str = "https://sqs.eu-west-1.amazonaws.com/1/dead.fifo";

const DEAD: &str = "https://sqs.eu-west-1.amazonaws.com/1/dead";

/// Variables that are set, and no file.
struct Vars(HashMap<&'static str, String>);

impl EnvSource for Vars {
    fn var(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, _: &str) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// What suffices, with these changes.
fn vars(changes: &[(&'static str, &str)]) -> Vars {
    let mut vars = HashMap::from([
        ("WAYBILL_LEDGER_TABLE", "ledger"),
        ("WAYBILL_CONSUMER", "orders"),
        ("WAYBILL_ROUTES", ROUTES),
    ]);
    vars.extend(changes.iter().copied());
    Vars(vars.into_iter().map(|(k, v)| (k, v.to_owned())).collect())
}

fn read(changes: &[(&'static str, &str)]) -> Result<RouteSettings, String> {
    RouteSettings::read(&vars(changes), 25).map_err(|errors| errors.to_string())
}

fn poll(changes: &[(&'static str, &str)]) -> Result<PollSettings, String> {
    PollSettings::read(&vars(changes)).map_err(|errors| errors.to_string())
}

#[test]
fn what_is_not_said_has_a_default() {
    let settings = read(&[]).unwrap();
    assert_eq!(settings.function.engine.dead_letter, DeadLetter::Redrive);
    assert_eq!(settings.function.engine.time_to_live, TIME_TO_LIVE);
    assert_eq!(settings.function.engine.concurrency, 25);
    assert_eq!(settings.function.queue_url, None);
    assert_eq!(settings.function.dead_letter_url, None);
    assert!(!settings.allow_private_targets);
}

#[test]
fn the_engine_is_told_what_the_file_says() {
    let settings = read(&[]).unwrap();
    assert!(settings.function.engine.key.is_some());
    assert_eq!(settings.function.engine.on_conflict, OnConflict::Ack);
    assert_eq!(settings.longest_try(), Duration::from_secs(20));
}

#[test]
fn the_retention_of_the_queue_is_known_where_it_is_said_f08() {
    let retention = |said| read(&[("WAYBILL_QUEUE_RETENTION_SECONDS", said)]);
    let known = |said| retention(said).unwrap().function.engine.retention;
    assert_eq!(known(""), None);
    assert_eq!(known("60"), Some(Duration::from_secs(60)));
    assert_eq!(known("1209600"), Some(Duration::from_secs(14 * 86_400)));
    for said in ["59", "1209601", "-60", "4d", "345600.0"] {
        assert!(retention(said).is_err(), "{said}");
    }
}

#[test]
fn a_valve_is_switched_on_where_the_function_has_a_name() {
    let valve = |changes: &[_]| read(changes).map(|settings| settings.source_valve);
    let name = ("AWS_LAMBDA_FUNCTION_NAME", "consumer");
    assert_eq!(valve(&[name]), Ok(None));
    assert_eq!(valve(&[name, ("WAYBILL_SOURCE_VALVE", "false")]), Ok(None));
    let on = ("WAYBILL_SOURCE_VALVE", "true");
    let function_name = "consumer".to_owned();
    assert_eq!(
        valve(&[name, on]),
        Ok(Some(ValveSettings { function_name }))
    );
    let told = valve(&[on]).unwrap_err();
    assert!(
        told.contains("AWS_LAMBDA_FUNCTION_NAME is not set"),
        "{told}"
    );
}

#[test]
fn a_handler_of_your_own_needs_no_routes() {
    let settings = FunctionSettings::read(&vars(&[("WAYBILL_ROUTES", "")]), 7).unwrap();
    assert_eq!(settings.ledger_table, "ledger");
    assert_eq!(settings.engine.consumer.as_str(), "orders");
    assert_eq!(settings.engine.on_conflict, OnConflict::Dead);
    assert!(settings.engine.key.is_none());
    assert_eq!(settings.engine.concurrency, 7);
}

#[test]
fn every_fault_is_told_at_once_with_its_remedy() {
    let vars = vars(&[
        ("WAYBILL_LEDGER_TABLE", ""),
        ("WAYBILL_CONSUMER", "a#b"),
        ("WAYBILL_ROUTES", "/nowhere.yaml"),
        ("WAYBILL_DEAD_LETTER", "bin"),
        ("WAYBILL_LEDGER_TTL_DAYS", "0"),
        ("WAYBILL_QUEUE_RETENTION_SECONDS", "59"),
        ("WAYBILL_ALLOW_PRIVATE_TARGETS", "yes"),
        ("WAYBILL_SOURCE_VALVE", "on"),
        ("WAYBILL_VISIBILITY_SECONDS", "soon"),
    ]);
    let told = all(RouteSettings::read(&vars, 25), PollSettings::read(&vars));
    let told = told.unwrap_err().to_string();
    for part in [
        "WAYBILL_LEDGER_TABLE is not set",
        "`a#b` must have",
        "`/nowhere.yaml` cannot be read",
        "say `redrive` or `send`",
        "whole days",
        "whole seconds, 60 to 1209600",
        "WAYBILL_ALLOW_PRIVATE_TARGETS is `yes`: say `true` or `false`",
        "WAYBILL_SOURCE_VALVE is `on`: say `true` or `false`",
        "WAYBILL_QUEUE_URL is not set: give the URL",
        "whole seconds, 5 to 43200",
    ] {
        assert_eq!(told.matches(part).count(), 1, "{part} in {told}");
    }
}

#[test]
fn a_bad_routes_file_names_itself() {
    let error = read(&[("WAYBILL_ROUTES", "inline:routes: []")]).unwrap_err();
    assert!(
        error.starts_with("`WAYBILL_ROUTES`: routes file is refused: line 1"),
        "{error}"
    );
}

#[test]
fn sending_the_dead_needs_their_queue() {
    let error = read(&[("WAYBILL_DEAD_LETTER", "send")]).unwrap_err();
    assert!(error.contains("WAYBILL_DLQ_URL is not set"), "{error}");
    let settings = read(&[("WAYBILL_DEAD_LETTER", "send"), ("WAYBILL_DLQ_URL", DEAD)]).unwrap();
    assert_eq!(settings.function.dead_letter_url.as_deref(), Some(DEAD));
}

#[test]
fn environment_and_file_may_not_disagree_on_the_dead() {
    let routes = ROUTES.replace("{key", "{dead_letter: send, key");
    let error = read(&[
        ("WAYBILL_ROUTES", &routes),
        ("WAYBILL_DEAD_LETTER", "redrive"),
    ]);
    assert!(error.unwrap_err().contains("differ"));
}

#[test]
fn a_fifo_queue_with_redrive_is_refused_with_its_remedy() {
    let routes = ROUTES.replace("{key", "{dead_letter: redrive, key");
    let said: [&[(&'static str, &str)]; 4] = [
        &[("WAYBILL_QUEUE_URL", FIFO)],
        &[
            ("WAYBILL_QUEUE_URL", FIFO),
            ("WAYBILL_DEAD_LETTER", "redrive"),
            ("WAYBILL_DLQ_URL", FIFO_DEAD),
        ],
        &[("WAYBILL_QUEUE_URL", FIFO), ("WAYBILL_ROUTES", &routes)],
        &[("WAYBILL_QUEUE_URL", "http://localhost/1/orders.fifo/")],
    ];
    for said in said {
        let error = read(said).unwrap_err();
        for part in ["FIFO queue", "`dead_letter: send`", "give WAYBILL_DLQ_URL"] {
            assert!(error.contains(part), "no {part} in {error}");
        }
    }
}

#[test]
fn the_dead_of_a_fifo_queue_go_to_a_fifo_queue() {
    let to = |queue, dead| {
        read(&[
            ("WAYBILL_QUEUE_URL", queue),
            ("WAYBILL_DEAD_LETTER", "send"),
            ("WAYBILL_DLQ_URL", dead),
        ])
    };
    let settings = to(FIFO, FIFO_DEAD).unwrap();
    let url = settings.function.dead_letter_url;
    assert_eq!(url.as_deref(), Some(FIFO_DEAD));
    let error = to(FIFO, DEAD).unwrap_err();
    assert!(error.contains("must be FIFO"), "{error}");
    let error = to("https://sqs.eu-west-1.amazonaws.com/1/orders", FIFO_DEAD).unwrap_err();
    assert!(error.contains("must be standard"), "{error}");
    assert!(to("", FIFO_DEAD).is_ok(), "of an unknown queue");
}

#[test]
fn a_poller_needs_its_queue_and_has_a_visibility() {
    assert!(poll(&[]).unwrap_err().contains("WAYBILL_QUEUE_URL"));
    let with = |seconds| {
        poll(&[
            ("WAYBILL_QUEUE_URL", FIFO),
            ("WAYBILL_VISIBILITY_SECONDS", seconds),
        ])
    };
    let expected = |seconds| PollSettings {
        queue_url: FIFO.to_owned(),
        visibility: Duration::from_secs(seconds),
        concurrency: None,
    };
    assert_eq!(with(""), Ok(expected(30)));
    assert_eq!(with("5"), Ok(expected(5)));
    assert_eq!(with("43200"), Ok(expected(43_200)));
    for wrong in [
        "4",
        "43201",
        "0",
        "-5",
        "30s",
        "7.5",
        "99999999999999999999",
    ] {
        let error = with(wrong).unwrap_err();
        assert!(error.contains(&format!("`{wrong}`")), "{error}");
    }
}

#[test]
fn a_poller_works_on_as_many_at_once_as_it_is_told() {
    let with = |number| poll(&[("WAYBILL_QUEUE_URL", FIFO), ("WAYBILL_CONCURRENCY", number)]);
    assert_eq!(with("").unwrap().concurrency, None);
    assert_eq!(with("1").unwrap().concurrency, Some(1));
    assert_eq!(with("1000").unwrap().concurrency, Some(1000));
    for wrong in ["0", "1001", "-1", "many", "1.5"] {
        let error = with(wrong).unwrap_err();
        assert!(error.contains(&format!("`{wrong}`")), "{error}");
    }
}

#[test]
fn routes_may_be_in_a_parameter() {
    let place = |said| RoutesPlace::read(&vars(&[("WAYBILL_ROUTES", said)]));
    for name in [
        "/shop/routes",
        "routes",
        "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/routes",
    ] {
        let said = format!("ssm:{name}");
        let place = RoutesPlace::read(&vars(&[("WAYBILL_ROUTES", &said)]));
        assert_eq!(place, Ok(RoutesPlace::Parameter(name.to_owned())));
    }
    for nameless in ["ssm:", "ssm: routes", "ssm:a\nb"] {
        let told = place(nameless).unwrap_err().to_string();
        assert!(told.contains("give the name or the ARN"), "{told}");
    }
    let told = read(&[("WAYBILL_ROUTES", "ssm:routes")]).unwrap_err();
    assert!(
        told.contains("parameter `routes`, which is not read here"),
        "{told}"
    );
}

/// Settings with this before the routes.
fn with(head: &str, changes: &[(&'static str, &str)]) -> RouteSettings {
    let route = "routes: [{name: crm, target: {http: {url: 'https://example.com/in'}}}]";
    let text = Ok(RoutesText {
        place: "ssm:routes, version 2".to_owned(),
        text: format!("{{{head}{route}}}"),
    });
    RouteSettings::of(&vars(changes), 25, text).unwrap()
}

#[test]
fn what_a_running_function_cannot_change_is_refused_by_its_name() {
    let send = [("WAYBILL_DLQ_URL", DEAD)];
    let first = with("consumer: a, key: data.id, dead_letter: send, ", &send);
    let table = [
        (
            "consumer: b, key: data.id, dead_letter: send, ",
            "`consumer`",
        ),
        ("key: data.id, dead_letter: send, ", "`consumer`"),
        ("consumer: a, key: data.no, dead_letter: send, ", "`key`"),
        ("consumer: a, dead_letter: send, ", "`key`"),
        ("consumer: a, key: data.id, ", "`dead_letter`"),
    ];
    for (head, what) in table {
        let faults = first.refuse_moved(&with(head, &send)).unwrap_err();
        let told = faults.to_string();
        assert!(told.starts_with(what) && told.contains("deploy"), "{told}");
        assert_eq!(told.matches("cannot change").count(), 1, "{told}");
    }
    let faults = first
        .refuse_moved(&with("", &send))
        .unwrap_err()
        .to_string();
    assert_eq!(faults.matches("cannot change").count(), 3, "{faults}");
}

#[test]
fn all_else_of_the_routes_may_change() {
    let first = with("key: data.id, ", &[]);
    for head in [
        "key: data.id, ",
        "consumer: orders, key: data.id, dead_letter: redrive, ",
        "key: data.id, unrouted: ack, on_conflict: ack, ",
        "key: data.id, defaults: {retry: {steps: 9}}, ",
    ] {
        assert_eq!(first.refuse_moved(&with(head, &[])), Ok(()), "{head}");
    }
}

#[test]
fn the_text_of_the_routes_is_not_shown_f66() {
    let text = RoutesText {
        place: "ssm:routes".to_owned(),
        text: "SECRET".to_owned(),
    };
    let shown = format!("{text:?}");
    assert!(
        shown.contains("ssm:routes") && !shown.contains("SECRET"),
        "{shown}"
    );
}

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/1/orders";

/// Schedules as they are said in full.
const SCHEDULES: [(&str, &str); 4] = [
    ("WAYBILL_QUEUE_URL", QUEUE),
    ("WAYBILL_SCHEDULE_GROUP", "orders"),
    ("WAYBILL_SCHEDULE_ROLE_ARN", "arn:aws:iam::1:role/orders"),
    ("WAYBILL_SCHEDULE_DLQ_ARN", "arn:aws:sqs:eu-west-1:1:unsent"),
];

#[test]
fn schedules_are_said_in_full_or_not_at_all() {
    assert_eq!(read(&[]).unwrap().function.schedules, None);
    let said = read(&SCHEDULES).unwrap().function.schedules.unwrap();
    assert_eq!(
        [said.group, said.role_arn, said.dead_letter_arn],
        [
            "orders",
            "arn:aws:iam::1:role/orders",
            "arn:aws:sqs:eu-west-1:1:unsent"
        ]
    );
    for (left_out, _) in &SCHEDULES {
        let mut part = SCHEDULES.to_vec();
        part.push((left_out, ""));
        let told = read(&part).unwrap_err();
        assert!(told.contains(left_out), "{told}");
        assert!(told.contains("not"), "{told}");
    }
}

#[test]
fn a_fifo_queue_has_no_schedules_f24() {
    let mut said = SCHEDULES.to_vec();
    said.extend([
        ("WAYBILL_QUEUE_URL", FIFO),
        ("WAYBILL_DEAD_LETTER", "send"),
        ("WAYBILL_DLQ_URL", FIFO_DEAD),
    ]);
    let told = read(&said).unwrap_err();
    assert!(told.contains("would lose its turn"), "{told}");
}

#[test]
fn what_only_a_schedule_can_wait_for_stops_the_start_without_one() {
    let routes = |retry: &str| {
        format!(
            "inline:{{routes: [{{name: crm, target: {{http: {{url: 'https://example.com/in'}}}}, \
             retry: {retry}}}]}}"
        )
    };
    for (retry, needs) in [
        ("{detach: 3}", true),
        ("{schedule: [13h]}", true),
        ("{duration: 1h, cap: 24h, steps: 6}", true),
        ("{duration: 1h, cap: 24h, steps: 4}", false),
        ("{schedule: [12h]}", false),
        ("{on: {http_503: {duration: 13h, cap: 14h}}}", true),
        (
            "{}, dead_letter: {target: {http: {url: 'https://x.example.com'}}, \
             retry: {schedule: [13h]}}",
            true,
        ),
    ] {
        let text = routes(retry);
        let mut said = vec![("WAYBILL_ROUTES", text.as_str())];
        let without = read(&said);
        assert_eq!(without.is_err(), needs, "{retry}");
        if let Err(told) = without {
            assert!(told.contains("route `crm`") && told.contains("WAYBILL_SCHEDULE_GROUP"));
        }
        said.extend(SCHEDULES);
        read(&said).unwrap();
        let fifo = [
            ("WAYBILL_ROUTES", text.as_str()),
            ("WAYBILL_QUEUE_URL", FIFO),
            ("WAYBILL_DEAD_LETTER", "send"),
            ("WAYBILL_DLQ_URL", FIFO_DEAD),
        ];
        let fifo = read(&fifo);
        assert_eq!(fifo.is_err(), needs, "{retry}");
        if let Err(told) = fifo {
            assert!(
                told.contains("in order") && !told.contains("WAYBILL_SCHEDULE"),
                "{told}"
            );
        }
    }
}

#[test]
fn the_longest_try_may_be_one_at_a_dead_letter_target() {
    let routes = "inline:{routes: [{name: crm, target: {http: {url: 'https://example.com/in', \
                  timeout: 5s}}, dead_letter: {target: {http: {url: 'https://example.com/dead', \
                  timeout: 40s}}}}]}";
    let settings = read(&[("WAYBILL_ROUTES", routes)]).unwrap();
    assert_eq!(settings.longest_try(), Duration::from_secs(40));
}

/// What one is told that brings dead letters back, with these changes.
fn dead_letters_of(changes: &[(&'static str, &str)]) -> Result<DeadLetterSettings, String> {
    let mut all = vec![
        (
            "WAYBILL_QUEUE_URL",
            "https://sqs.eu-west-1.amazonaws.com/1/orders",
        ),
        ("WAYBILL_DLQ_URL", DEAD),
    ];
    all.extend(changes);
    let env = vars(&all);
    let text = RoutesPlace::read(&env).map(|place| match place {
        RoutesPlace::Here(text) => Some(text),
        RoutesPlace::Parameter(_) => None,
    });
    DeadLetterSettings::of(&env, text).map_err(|errors| errors.to_string())
}

#[test]
fn who_brings_dead_letters_back_knows_events_by_the_same_keys_f48() {
    let settings = dead_letters_of(&[]).unwrap();
    assert_eq!(settings.key.unwrap().as_str(), "data.id");
    assert_eq!(settings.consumer.as_str(), "orders");
    let named = "inline:{consumer: shop, routes: [{name: \"${UNSET}\"}]}";
    let settings = dead_letters_of(&[("WAYBILL_ROUTES", named)]).unwrap();
    assert_eq!(settings.consumer.as_str(), "shop");
    assert!(settings.key.is_none() && !settings.is_fifo());
}

#[test]
fn what_is_missing_to_bring_dead_letters_back_is_told_at_once() {
    let missing = [
        ("WAYBILL_QUEUE_URL", ""),
        ("WAYBILL_DLQ_URL", ""),
        ("WAYBILL_LEDGER_TABLE", ""),
        ("WAYBILL_CONSUMER", ""),
        ("WAYBILL_LEDGER_TTL_DAYS", "x"),
    ];
    let said = dead_letters_of(&missing).unwrap_err();
    for (name, _) in missing {
        assert!(said.contains(name), "{name}: {said}");
    }
    let said = dead_letters_of(&[("WAYBILL_DLQ_URL", FIFO_DEAD)]).unwrap_err();
    assert!(said.contains("are no pair"), "{said}");
    let said = dead_letters_of(&[("WAYBILL_ROUTES", "inline:{key: '('}")]).unwrap_err();
    assert!(
        said.contains("`key`") && said.contains("WAYBILL_ROUTES"),
        "{said}"
    );
}

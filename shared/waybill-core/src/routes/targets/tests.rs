use serde_json::json;

use super::*;
use crate::event::{Data, Event};
use crate::routes::{RoutesFile, Secret};

/// Reads a file whose one route has this target, with the variables that tests use.
fn read(target: &str) -> Result<TargetSpec, String> {
    let text = format!("routes:\n  - name: a\n    target: {target}\n");
    let variable = |name: &str| match name {
        "SECRET" => Some("whsec_c2VjcmV0".to_owned()),
        "KEY" => Some(KEY.to_owned()),
        "QUEUE" => Some("https://sqs.eu-west-1.amazonaws.com/123456789012/a.fifo".to_owned()),
        _ => None,
    };
    let file = RoutesFile::parse(&text, variable).map_err(|faults| faults.to_string())?;
    Ok(file.routes[0].target.clone())
}

/// What is wrong with a target.
fn fault(target: &str) -> String {
    match read(target) {
        Err(faults) => faults,
        Ok(read) => panic!("{target} is read: {read:?}"),
    }
}

fn http(lines: &str) -> String {
    format!("{{ http: {{ url: \"https://crm.example/\", {lines} }} }}")
}

fn dynamodb(lines: &str) -> String {
    format!("{{ dynamodb: {{ table: orders, key: '{{id: data.id}}', {lines} }} }}")
}

fn event(data: &str) -> Event {
    Event {
        id: "e-1".to_owned(),
        data: Data::Json(data.into()),
        ..Event::default()
    }
}

/// What an event with this data writes by a `dynamodb` target.
fn written(target: &str, data: &str) -> Result<ItemWrite, ItemFault> {
    let Ok(TargetSpec::DynamoDb(spec)) = read(target) else {
        panic!("{target} is no table");
    };
    let event = event(data);
    spec.item_write(&event, &event.data)
}

const KEY: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const OLD: &str = "whsec_MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

#[test]
fn a_body_has_one_of_three_modes_and_is_binary_unless_it_says() {
    let cases = [
        ("timeout: 5s", HttpBody::Binary),
        ("body: binary", HttpBody::Binary),
        ("body: structured", HttpBody::Structured),
        ("body: plain", HttpBody::Plain),
    ];
    for (lines, expected) in cases {
        let Ok(TargetSpec::Http(spec)) = read(&http(lines)) else {
            panic!("{lines}");
        };
        assert_eq!(spec.body, expected, "{lines}");
    }
    let told = fault(&http("body: batch"));
    assert!(
        told.contains("must be `binary` or `structured` or `plain`"),
        "{told}"
    );
}

#[test]
fn a_signature_has_one_to_three_secrets() {
    let secrets = |lines: &str| match read(&http(lines)) {
        Ok(TargetSpec::Http(spec)) => spec.signature.len(),
        other => panic!("{lines}: {other:?}"),
    };
    assert_eq!(secrets("timeout: 5s"), 0);
    assert_eq!(secrets(&format!("signature: {{ secret: {KEY} }}")), 1);
    assert_eq!(secrets("signature: { secret: \"${KEY}\" }"), 1);
    let both = format!("signature: {{ secret: [{KEY}, {OLD}] }}");
    assert_eq!(secrets(&both), 2);
}

#[test]
fn a_secret_that_is_none_is_refused_and_not_shown_f66() {
    let refused = [
        ("signature: {}", "key `secret` is missing"),
        ("signature: { secret: [] }", "must have 1 to 3 secrets"),
        ("signature: { secret: \"${SECRET}\" }", "must be `whsec_`"),
        ("signature: { secret: [\"${SECRET}\"] }", "must be `whsec_`"),
        ("signature: { secret: whsk_c2VjcmV0 }", "must be `whsec_`"),
        ("signature: { secret: whsec_== }", "must be `whsec_`"),
        (
            "signature: { secret: [\"${KEY}\", \"${KEY}\"] }",
            "is given twice",
        ),
        ("signature: { key: a }", "key is not known"),
    ];
    for (lines, expected) in refused {
        let told = fault(&http(lines));
        assert!(told.contains(expected), "{lines}: {told}");
        assert!(!told.contains("c2Vj") && !told.contains("MDEy"), "{told}");
    }
    let shown = format!("{:?}", read(&http("signature: { secret: \"${KEY}\" }")));
    assert!(
        shown.contains("[redacted]") && !shown.contains("MDEy"),
        "{shown}"
    );
}

/// The spec of an HTTP target with these lines.
fn http_spec(lines: &str) -> HttpSpec {
    match read(&http(lines)) {
        Ok(TargetSpec::Http(spec)) => spec,
        other => panic!("{lines}: {other:?}"),
    }
}

#[test]
fn a_header_may_be_kept_elsewhere() {
    let spec = http_spec(
        "headers: { authorization: { secretsmanager: shop/token, key: api, prefix: \"Bearer \" }, \
         x-key: { ssm: /shop/key }, x-old: { secretsmanager: token, stage: AWSPREVIOUS } }",
    );
    let manager = |name: &str, stage: Option<&str>| SecretPlace::SecretsManager {
        name: name.to_owned(),
        stage: stage.map(str::to_owned),
    };
    let ssm = SecretPlace::Ssm {
        name: "/shop/key".to_owned(),
    };
    let expected = [
        (
            "authorization",
            manager("shop/token", None),
            Some("api"),
            "Bearer ",
        ),
        ("x-key", ssm, None, ""),
        ("x-old", manager("token", Some("AWSPREVIOUS")), None, ""),
    ];
    for (name, place, key, prefix) in expected {
        let key = key.map(str::to_owned);
        let kept = HeaderText::Kept {
            prefix: Secret::new(prefix),
            secret: SecretReference { place, key },
        };
        assert_eq!(spec.headers[name], kept, "{name}");
    }
}

#[test]
fn a_signature_may_be_kept_elsewhere() {
    let spec =
        http_spec("signature: { secret: [{ ssm: /new }, { secretsmanager: old }, \"${KEY}\"] }");
    let names = spec.signature.iter().map(|secret| match secret {
        SigningSecret::Kept(reference) => reference.place.name(),
        SigningSecret::Said(_) => "said",
    });
    assert_eq!(names.collect::<Vec<_>>(), ["/new", "old", "said"]);
}

#[test]
fn a_reference_that_names_no_one_secret_is_refused() {
    let long = "a".repeat(2049);
    let refused = [
        ("{}", "must have one of `secretsmanager` and `ssm`"),
        ("{ ssm: /a, secretsmanager: b }", "must have one of"),
        ("{ ssm: \"\" }", "1 to 2048 characters"),
        ("{ ssm: a b }", "without spaces"),
        (&format!("{{ ssm: {long} }}"), "1 to 2048 characters"),
        (
            "{ ssm: /a, stage: AWSCURRENT }",
            "is of `secretsmanager` only",
        ),
        ("{ ssm: /a, key: \"\" }", "1 to 256 characters"),
        ("{ ssm: /a, version: 3 }", "key is not known"),
        ("{ secretsmanager: 7 }", "put it in quotes"),
        ("{ secretsmanager: a, stage: \"\" }", "1 to 256 characters"),
    ];
    for (reference, expected) in refused {
        for lines in [
            format!("headers: {{ x-key: {reference} }}"),
            format!("signature: {{ secret: {reference} }}"),
        ] {
            let told = fault(&http(&lines));
            assert!(told.contains(expected), "{lines}: {told}");
        }
    }
    let told = fault(&http("signature: { secret: { ssm: /a, prefix: x } }"));
    assert!(told.contains("key is not known"), "{told}");
    let told = fault(&http("headers: { x-key: { ssm: /a, prefix: \"a\\nb\" } }"));
    assert!(told.contains("control character"), "{told}");
}

#[test]
fn what_is_picked_of_a_secret_is_told_without_it_f66() {
    let reference = |key: Option<&str>| SecretReference {
        place: SecretPlace::Ssm {
            name: "/a".to_owned(),
        },
        key: key.map(str::to_owned),
    };
    let pick = |key, kept: &str| reference(key).pick(&Secret::new(kept));
    assert_eq!(pick(None, "{}"), Ok(Secret::new("{}")));
    assert_eq!(pick(Some("k"), r#"{"k": "v"}"#), Ok(Secret::new("v")));
    assert!(pick(Some("k"), "v").unwrap_err().contains("no JSON"));
    for kept in ["{}", "[]", "7", r#"{"k": 7}"#, r#"{"k": null}"#] {
        assert!(
            pick(Some("k"), kept).unwrap_err().contains("no text"),
            "{kept}"
        );
    }
}

#[test]
fn a_header_is_made_of_prefix_and_secret_where_it_can_be_sent() {
    let joined = |prefix, secret| HeaderText::joined(&Secret::new(prefix), &Secret::new(secret));
    assert_eq!(joined("Bearer ", "s"), Ok(Secret::new("Bearer s")));
    assert_eq!(joined("", "s"), Ok(Secret::new("s")));
    for secret in ["", "s\n", " s", "s ", "\u{e9}", "a\0b"] {
        assert!(joined("Bearer ", secret).is_err(), "{secret:?}");
    }
    assert!(
        joined("Bearer ", &"s".repeat(8 * 1024)).is_err(),
        "too long together"
    );
}

#[test]
fn a_queue_is_read_whole() {
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/out";
    let Ok(TargetSpec::Sqs(spec)) = read(&format!("{{ sqs: {{ queue_url: \"{url}\" }} }}")) else {
        panic!("it is a queue");
    };
    let usual = SqsSpec {
        queue_url: url.to_owned(),
        group_id: None,
        body: EventBody::Structured,
        timeout: Duration::from_secs(3),
    };
    assert_eq!(spec, usual);
    assert!(!spec.is_fifo());
    let all = "{ sqs: { queue_url: \"${QUEUE}\", group_id: message, body: plain, timeout: 1s } }";
    let Ok(TargetSpec::Sqs(spec)) = read(all) else {
        panic!("it is a queue");
    };
    assert!(spec.is_fifo());
    assert_eq!(
        (spec.group_id, spec.body),
        (Some(GroupId::OfMessage), EventBody::Plain)
    );
    assert_eq!(spec.timeout, Duration::from_secs(1));
}

#[test]
fn a_queue_that_cannot_be_sent_to_is_refused() {
    let refused = [
        ("{}", "key `queue_url` is missing"),
        ("{ queue_url: orders }", "must be the URL of a queue"),
        (
            "{ queue_url: \"https://sqs.eu-west-1.amazonaws.com/\" }",
            "must be the URL of a queue",
        ),
        (
            "{ queue_url: \"${QUEUE}\" }",
            "key `group_id` is missing; a FIFO queue needs it",
        ),
        (
            "{ queue_url: \"${QUEUE}\", group_id: \"\" }",
            "must be `message`",
        ),
        (
            "{ queue_url: \"${QUEUE}\", group_id: a b }",
            "must be `message`",
        ),
        (
            "{ queue_url: \"${QUEUE}\", group_id: a, body: binary }",
            "must be `structured`",
        ),
        (
            "{ queue_url: \"${QUEUE}\", group_id: a, timeout: 2m }",
            "must be 1ms to 1m",
        ),
        ("{ queue_url: \"${QUEUE}\", group: a }", "key is not known"),
    ];
    for (lines, expected) in refused {
        let told = fault(&format!("{{ sqs: {lines} }}"));
        assert!(told.contains(expected), "{lines}: {told}");
        assert!(told.contains("line 3"), "{told}");
    }
}

#[test]
fn a_table_that_cannot_be_written_to_is_refused() {
    let refused = [
        ("{}", "key `table` is missing"),
        ("{}", "key `key` is missing"),
        (
            "{ table: a b, key: id, put: data }",
            "must be the name of a table",
        ),
        (
            "{ table: orders, key: id }",
            "must have `put` for a whole item",
        ),
        (
            "{ table: orders, key: id, put: data, set: data }",
            "beside `set` or `add`",
        ),
        ("{ table: orders, key: id, put: 'data[' }", "is no JMESPath"),
        (
            "{ table: orders, key: id, put: '${SECRET}[' }",
            "is no JMESPath within bounds",
        ),
        (
            "{ table: orders, key: 1, put: data }",
            "must be text: put it in quotes",
        ),
        (
            "{ table: orders, key: id, put: data, only: old }",
            "must be `new` or `existing`",
        ),
        ("{ table: orders, key: id, item: data }", "key is not known"),
    ];
    for (lines, expected) in refused {
        let told = fault(&format!("{{ dynamodb: {lines} }}"));
        assert!(told.contains(expected), "{lines}: {told}");
        assert!(!told.contains("c2Vj"), "{told}");
    }
    for table in [
        "arn:aws:dynamodb:eu-west-1:123456789012:table/orders",
        "a.b-c_D",
    ] {
        let target = format!("{{ dynamodb: {{ table: \"{table}\", key: data, put: data }} }}");
        assert!(read(&target).is_ok(), "{table}");
    }
}

#[test]
fn a_put_writes_the_key_and_what_is_not_null() {
    let target =
        dynamodb("put: '{id: `\"mine\"`, total: data.total, gone: data.gone, by: source}'");
    let data = r#"{"id": "o-1", "total": 1.5}"#;
    let expected = ItemWrite::Put {
        key: vec!["id".to_owned()],
        item: json!({"id": "o-1", "total": 1.5, "by": ""})
            .as_object()
            .unwrap()
            .clone(),
    };
    assert_eq!(written(&target, data), Ok(expected));
}

#[test]
fn an_update_sets_and_adds() {
    let target = dynamodb("set: '{state: data.state, gone: data.gone}', add: '{n: `1`}'");
    let object = |value: serde_json::Value| value.as_object().unwrap().clone();
    let expected = ItemWrite::Update {
        key: object(json!({"id": 7})),
        set: object(json!({"state": {"a": [null]}})),
        add: object(json!({"n": 1})),
    };
    let data = r#"{"id": 7, "state": {"a": [null]}}"#;
    assert_eq!(written(&target, data), Ok(expected));
}

#[test]
fn the_data_that_is_delivered_is_what_is_written() {
    let Ok(TargetSpec::DynamoDb(spec)) = read(&dynamodb("put: data")) else {
        panic!("it is a table");
    };
    let data = Data::Json(r#"{"id": "made"}"#.into());
    let written = spec.item_write(&event(r#"{"id": "came"}"#), &data);
    let Ok(ItemWrite::Put { item, .. }) = written else {
        panic!("{written:?}");
    };
    assert_eq!(item["id"], "made");
}

#[test]
fn what_cannot_be_written_is_told_by_its_expression() {
    let put = dynamodb("put: data");
    let update = dynamodb("set: data.set, add: data.add");
    let cases = [
        (&put, r#"{"total": 1}"#, "no value for the item's key: id"),
        (&put, r#"{"id": null}"#, "no value for the item's key: id"),
        (&put, r#"{"id": ""}"#, "no value for the item's key: id"),
        (
            &put,
            r#"{"id": true}"#,
            "`key` gives no text or number for `id`",
        ),
        (
            &put,
            r#"{"id": 1, "n": 12345678901234567890123}"#,
            "`put` cannot be written exactly",
        ),
        (
            &update,
            r#"{"id": 1, "set": [], "add": {}}"#,
            "`set` gives no object here",
        ),
        (
            &update,
            r#"{"id": 1, "set": {}, "add": {"n": null}}"#,
            "`set` and `add` give nothing to write",
        ),
        (
            &update,
            r#"{"id": 1, "set": {"id": 2}, "add": {}}"#,
            "`set` gives `id`, which is of the key",
        ),
        (
            &update,
            r#"{"id": 1, "set": {"n": 2}, "add": {"n": 1}}"#,
            "`add` gives `n`, which is set already",
        ),
        (
            &update,
            r#"{"id": 1, "set": {}, "add": {"n": "1"}}"#,
            "`add` gives no number for `n`",
        ),
    ];
    for (target, data, expected) in cases {
        let told = written(target, data).unwrap_err().to_string();
        assert!(told.contains(expected), "{data}: {told}");
    }
    let none = "{ dynamodb: { table: orders, key: data, put: data } }";
    let told = written(none, "{}").unwrap_err().to_string();
    assert!(
        told.contains("`key` gives no key of one or two attributes"),
        "{told}"
    );
}

/// One of each of these targets, with its least and its most keys.
#[test]
fn a_topic_a_bus_a_function_a_machine_and_a_stream_are_read_whole() {
    let second = Duration::from_secs(1);
    let cases = [
        (
            "{ sns: { topic_arn: \"arn:aws:sns:eu-west-1:123456789012:out\" } }",
            TargetSpec::Sns(SnsSpec {
                topic_arn: "arn:aws:sns:eu-west-1:123456789012:out".to_owned(),
                group_id: None,
                body: EventBody::Structured,
                subject: None,
                timeout: 3 * second,
            }),
        ),
        (
            "{ sns: { topic_arn: \"arn:aws-cn:sns:cn-north-1:123456789012:out.fifo\", group_id: g, \
             body: plain, subject: Über alles, timeout: 1s } }",
            TargetSpec::Sns(SnsSpec {
                topic_arn: "arn:aws-cn:sns:cn-north-1:123456789012:out.fifo".to_owned(),
                group_id: Some(GroupId::Fixed("g".to_owned())),
                body: EventBody::Plain,
                subject: Some("Über alles".to_owned()),
                timeout: second,
            }),
        ),
        (
            "{ eventbridge: { bus: default } }",
            TargetSpec::EventBridge(EventBridgeSpec {
                bus: "default".to_owned(),
                source: None,
                detail_type: None,
                timeout: 3 * second,
            }),
        ),
        (
            "{ eventbridge: { bus: \"arn:aws:events:eu-west-1:123456789012:event-bus/a/b\", \
             source: awsome, detail_type: order placed, timeout: 1s } }",
            TargetSpec::EventBridge(EventBridgeSpec {
                bus: "arn:aws:events:eu-west-1:123456789012:event-bus/a/b".to_owned(),
                source: Some("awsome".to_owned()),
                detail_type: Some("order placed".to_owned()),
                timeout: second,
            }),
        ),
        (
            "{ lambda: { function: bill } }",
            TargetSpec::Lambda(LambdaSpec {
                function: "bill".to_owned(),
                qualifier: None,
                invocation: Invocation::Request,
                body: EventBody::Structured,
                timeout: 10 * second,
            }),
        ),
        (
            "{ lambda: { function: bill, qualifier: \"7\", invocation: event, body: plain, \
             timeout: 15m } }",
            TargetSpec::Lambda(LambdaSpec {
                function: "bill".to_owned(),
                qualifier: Some("7".to_owned()),
                invocation: Invocation::Event,
                body: EventBody::Plain,
                timeout: 900 * second,
            }),
        ),
        (
            "{ stepfunctions: { state_machine_arn: \
             \"arn:aws:states:eu-west-1:123456789012:stateMachine:m\", body: plain, timeout: 1s } }",
            TargetSpec::StepFunctions(StepFunctionsSpec {
                state_machine_arn: "arn:aws:states:eu-west-1:123456789012:stateMachine:m"
                    .to_owned(),
                body: EventBody::Plain,
                timeout: second,
            }),
        ),
    ];
    for (target, expected) in cases {
        assert_eq!(read(target), Ok(expected.clone()), "{target}");
        assert!(expected.timeout() >= second);
    }
    let Ok(TargetSpec::Kinesis(stream)) = read("{ kinesis: { stream: s, body: plain } }") else {
        panic!("it is a stream");
    };
    assert_eq!((&*stream.stream, stream.body), ("s", EventBody::Plain));
    assert_eq!(stream.timeout, 3 * second);
}

#[test]
fn what_names_no_topic_bus_function_machine_or_stream_is_refused() {
    let refused = [
        ("{ sns: {} }", "key `topic_arn` is missing"),
        (
            "{ sns: { topic_arn: orders } }",
            "must be the ARN of a topic",
        ),
        (
            "{ sns: { topic_arn: \"arn:aws:sqs:eu-west-1:123456789012:orders\" } }",
            "must be the ARN of a topic",
        ),
        (
            "{ sns: { topic_arn: \"arn:aws:sns:eu-west-1:123456789012:a.fifo\" } }",
            "key `group_id` is missing; a FIFO topic needs it",
        ),
        (
            "{ sns: { topic_arn: \"arn:aws:sns:eu-west-1:123456789012:a\", subject: \"\" } }",
            "must be 1 to 99 characters",
        ),
        ("{ sns: { topic: a } }", "key is not known"),
        ("{ eventbridge: {} }", "key `bus` is missing"),
        (
            "{ eventbridge: { bus: a b } }",
            "must be the name of an event bus",
        ),
        (
            "{ eventbridge: { bus: a, source: aws.s3 } }",
            "begins with `aws.`",
        ),
        (
            "{ eventbridge: { bus: a, detail_type: \"\" } }",
            "must be 1 to 128 characters",
        ),
        ("{ lambda: {} }", "key `function` is missing"),
        (
            "{ lambda: { function: \"bill:live\" } }",
            "goes into `qualifier`",
        ),
        (
            "{ lambda: { function: \"arn:aws:lambda:eu-west-1:123456789012:function:a:live\" } }",
            "goes into `qualifier`",
        ),
        (
            "{ lambda: { function: a, qualifier: 7 } }",
            "must be text: put it in quotes",
        ),
        (
            "{ lambda: { function: a, invocation: later } }",
            "must be `request` or `event`",
        ),
        (
            "{ lambda: { function: a, timeout: 16m } }",
            "must be 1ms to 15m",
        ),
        (
            "{ stepfunctions: {} }",
            "key `state_machine_arn` is missing",
        ),
        (
            "{ stepfunctions: { state_machine_arn: \
             \"arn:aws:states:eu-west-1:123456789012:express:a:b\" } }",
            "must be the ARN of a state machine",
        ),
        (
            "{ stepfunctions: { state_machine_arn: \
             \"arn:aws:states:eu-west-1:123456789012:stateMachine:a/map\" } }",
            "must be the ARN of a state machine",
        ),
        ("{ kinesis: {} }", "key `stream` is missing"),
        (
            "{ kinesis: { stream: a/b } }",
            "must be the name of a stream",
        ),
        (
            "{ kinesis: { stream: a, partition_key: 'data[' } }",
            "is no JMESPath",
        ),
        (
            "{ kinesis: { stream: a, partition_key: '${SECRET}[' } }",
            "is no JMESPath within bounds",
        ),
    ];
    for (target, expected) in refused {
        let told = fault(target);
        assert!(told.contains(expected), "{target}: {told}");
        assert!(told.contains("line 3"), "{told}");
        assert!(!told.contains("c2Vj"), "{told}");
    }
}

#[test]
fn a_function_is_known_by_its_name_and_region() {
    let spec = |function: &str| match read(&format!("{{ lambda: {{ function: '{function}' }} }}")) {
        Ok(TargetSpec::Lambda(spec)) => spec,
        other => panic!("{function}: {other:?}"),
    };
    let arn = "arn:aws:lambda:eu-west-1:123456789012:function:bill";
    for function in ["bill", arn] {
        assert!(
            spec(function).is_function("bill", "eu-west-1"),
            "{function}"
        );
        assert!(
            !spec(function).is_function("bil", "eu-west-1"),
            "{function}"
        );
    }
    assert!(!spec(arn).is_function("bill", "eu-west-2"));
}

fn machine(arn: &str, body: &str) -> StepFunctionsSpec {
    let text = format!("{{ stepfunctions: {{ state_machine_arn: '{arn}', body: {body} }} }}");
    match read(&text) {
        Ok(TargetSpec::StepFunctions(spec)) => spec,
        other => panic!("{text}: {other:?}"),
    }
}

const MACHINE: &str = "arn:aws:states:eu-west-1:123456789012:stateMachine:m";

#[test]
fn an_execution_is_named_below_its_machine_whatever_version_started_it() {
    for qualified in [MACHINE, &format!("{MACHINE}:live")] {
        let spec = machine(qualified, "plain");
        assert_eq!(spec.unqualified_arn(), MACHINE);
        let expected = "arn:aws:states:eu-west-1:123456789012:execution:m:c0ffee";
        assert_eq!(spec.execution_arn("c0ffee"), expected);
    }
}

#[test]
fn inputs_are_the_same_events_when_their_data_is() {
    let plain = machine(MACHINE, "plain");
    assert!(plain.is_same_input(r#"{"a": 1, "b": 2}"#, r#"{"b":2,"a":1}"#));
    assert!(!plain.is_same_input(r#"{"a": 1}"#, r#"{"a": 1.0}"#));
    assert!(plain.is_same_input("{", "{"), "the same text is the same");
    assert!(!plain.is_same_input("{", "["));

    let structured = machine(MACHINE, "structured");
    let with = |rest: &str| format!(r#"{{"specversion":"1.0","id":"1"{rest}}}"#);
    let (early, late) = (
        r#","time":"2026-01-01T00:00:00Z""#,
        r#","time":"2026-01-02T00:00:00Z""#,
    );
    let (one, other) = (r#","data":{"a":1,"b":2}"#, r#","data":{"b":2, "a":1}"#);
    assert!(structured.is_same_input(
        &with(&format!("{early}{one}")),
        &with(&format!("{late}{other}"))
    ));
    assert!(
        structured.is_same_input(&with(early), &with(late)),
        "both have no data"
    );
    let different = [
        (one, r#","data":{"a":1,"b":3}"#),
        (one, ""),
        (r#","data":"AA==""#, r#","data_base64":"AA==""#),
    ];
    for (one, other) in different {
        assert!(
            !structured.is_same_input(&with(one), &with(other)),
            "{other}"
        );
    }
    assert!(!structured.is_same_input(&with(one), "no object"));
}

#[test]
fn a_partition_key_is_one_value_of_the_event_of_256_characters_at_most() {
    let key = |lines: &str, data: &str| {
        let Ok(TargetSpec::Kinesis(spec)) = read(&format!("{{ kinesis: {{ stream: s{lines} }} }}"))
        else {
            panic!("{lines} is no stream");
        };
        let event = event(data);
        spec.partition_key(&event, &event.data, "c0ffee")
    };
    let of_id = ", partition_key: data.id";
    assert_eq!(key("", "{}").unwrap(), "c0ffee", "events are spread");
    assert_eq!(key(", partition_key: id", "{}").unwrap(), "e-1");
    assert_eq!(key(of_id, r#"{"id": 7}"#).unwrap(), "7");
    assert_eq!(key(of_id, r#"{"id": true}"#).unwrap(), "true");
    let (longest, longer) = ("ä".repeat(256), "ä".repeat(257));
    assert_eq!(
        key(of_id, &format!(r#"{{"id": "{longest}"}}"#)).unwrap(),
        longest
    );
    let hashed = key(of_id, &format!(r#"{{"id": "{longer}"}}"#)).unwrap();
    assert_eq!(hashed.len(), 64, "{hashed}");
    for data in [
        "{}",
        r#"{"id": ""}"#,
        r#"{"id": [1]}"#,
        r#"{"id": {}}"#,
        "1",
    ] {
        let told = key(of_id, data).unwrap_err().to_string();
        assert!(told.starts_with("`partition_key` finds "), "{data}: {told}");
    }
    let long = r#"{"id": 12345678901234567890123}"#;
    assert!(
        key(of_id, long).is_err(),
        "two of them could be read as one"
    );
}

#[test]
fn a_name_is_as_long_as_its_service_takes_and_no_longer() {
    let arn = |service: &str| format!("arn:aws:{service}:eu-west-1:123456789012:");
    let (sns, states, events) = (arn("sns"), arn("states"), arn("events"));
    let cases = [
        (256, format!("{{ sns: {{ topic_arn: '{sns}NAME' }} }}")),
        (
            99,
            format!("{{ sns: {{ topic_arn: '{sns}a', subject: NAME }} }}"),
        ),
        (256, "{ eventbridge: { bus: NAME } }".to_owned()),
        (
            256,
            format!("{{ eventbridge: {{ bus: '{events}event-bus/NAME' }} }}"),
        ),
        (256, "{ eventbridge: { bus: a, source: NAME } }".to_owned()),
        (
            128,
            "{ eventbridge: { bus: a, detail_type: NAME } }".to_owned(),
        ),
        (64, "{ lambda: { function: NAME } }".to_owned()),
        (
            128,
            "{ lambda: { function: a, qualifier: NAME } }".to_owned(),
        ),
        (
            80,
            format!("{{ stepfunctions: {{ state_machine_arn: '{states}stateMachine:NAME' }} }}"),
        ),
        (128, "{ kinesis: { stream: NAME } }".to_owned()),
    ];
    for (max, target) in cases {
        let of = |length: usize| target.replace("NAME", &"a".repeat(length));
        assert!(read(&of(max)).is_ok(), "{target}: {:?}", read(&of(max)));
        assert!(read(&of(max + 1)).is_err(), "{target}");
    }
}

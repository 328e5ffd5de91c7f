//! What looks well and goes wrong: loops, fan-out, fat events, waits, events without a key.

use super::Case;

/// One route with this target, and this beside it.
fn route(target: &str, more: &str) -> Case {
    routes(&format!("{{ name: a, target: {target}{more} }}"))
}

/// These routes, whose functions are told of what the template makes.
fn routes(routes: &str) -> Case {
    told(Case::new(), &["ConsumerFunction"]).routes(&format!("routes: [{routes}]"))
}

/// The same functions, told of everything that routes here name.
fn told(case: Case, functions: &[&str]) -> Case {
    let variables = [
        ("SOURCE", "!Ref SourceQueue"),
        ("DEAD", "!Ref DeadLetterQueue"),
        ("OTHER", "!Ref OtherQueue"),
        ("TOPIC", "!Ref Topic"),
        ("BUS", "!Ref Bus"),
        ("SLOW", "!Ref SlowFunction"),
        ("MACHINE", "!Ref Machine"),
    ];
    let variables: Vec<_> = variables.map(|(a, b)| format!("{a}: {b}")).into();
    let to = format!("{}\n          RUST_LOG: ", variables.join("\n          "));
    let case = functions.iter().fold(case, |case, function| {
        case.edit(function, "RUST_LOG: ", &to)
    });
    case.add(
        "  OtherQueue: { Type: AWS::SQS::Queue }
  Topic: { Type: AWS::SNS::Topic }
  Bus: { Type: AWS::Events::EventBus, Properties: { Name: shop } }
  Machine: { Type: AWS::StepFunctions::StateMachine }
  SlowFunction: { Type: AWS::Lambda::Function, Properties: { Timeout: 20 } }",
    )
}

#[test]
fn a_route_to_its_own_source_queue_is_a_loop_f28() {
    let own = route("{ sqs: { queue_url: '${SOURCE}' } }", "");
    assert_eq!(own.broken(), ["loop"]);
    assert!(own.only().contains("route `a`"), "{}", own.only());
    let other = route("{ sqs: { queue_url: '${OTHER}' } }", "");
    assert_eq!(other.broken(), [""; 0]);
    let dead = "{ http: { url: 'https://example.com/' } }";
    let more = ", dead_letter: { target: { sqs: { queue_url: '${SOURCE}' } } }";
    assert_eq!(route(dead, more).broken(), ["loop"]);
}

#[test]
fn a_queue_that_is_named_as_it_is_called_is_found_in_a_loop_f28() {
    let named = "QueueName: shop-source";
    let name = "QueueName: !Sub
        - ${AWS::StackName}-source${End}
        - End: !If [IsFifo, .fifo, \"\"]";
    let url = "https://sqs.eu-west-1.amazonaws.com/123456789012/shop-source";
    let own = route(&format!("{{ sqs: {{ queue_url: '{url}' }} }}"), "");
    let own = own.edit("SourceQueue", name, named);
    assert!(own.broken().contains(&"loop"), "{:?}", own.broken());
}

#[test]
fn a_way_back_over_a_topic_or_a_bus_is_a_loop_f28() {
    let topic = route("{ sns: { topic_arn: '${TOPIC}' } }", "");
    assert_eq!(topic.broken(), [""; 0]);
    let subscribed = topic.add(
        "  Sub: { Type: AWS::SNS::Subscription, Properties: { TopicArn: !Ref Topic,
    Protocol: sqs, Endpoint: !GetAtt SourceQueue.Arn } }",
    );
    assert_eq!(subscribed.broken(), ["loop"]);
    assert!(subscribed.only().contains("then subscription `Sub`"));
    let bus = route("{ eventbridge: { bus: '${BUS}' } }", "");
    assert_eq!(bus.broken(), [""; 0]);
    let ruled = bus.add(
        "  Rule: { Type: AWS::Events::Rule, Properties: { EventBusName: !Ref Bus,
    Targets: [{ Id: a, Arn: !GetAtt SourceQueue.Arn }] } }",
    );
    assert_eq!(ruled.broken(), ["loop"]);
}

#[test]
fn a_dead_letter_queue_that_gives_back_what_it_takes_is_a_loop_f28() {
    let from = "MessageRetentionPeriod: 1209600 #";
    let to = "RedrivePolicy: { deadLetterTargetArn: !GetAtt SourceQueue.Arn, maxReceiveCount: 5 }
      MessageRetentionPeriod: 1209600 #";
    let back = Case::new().edit("DeadLetterQueue", from, to);
    assert_eq!(back.broken(), ["loop"]);
}

#[test]
fn a_route_to_its_own_dead_letter_queue_is_a_warning_f28() {
    let dead = route("{ sqs: { queue_url: '${DEAD}' } }", "");
    assert_eq!(dead.broken(), ["dead-letter-target-shared"]);
}

#[test]
fn what_the_template_sends_without_an_envelope_has_no_key_f48() {
    let subscription = |raw: &str| {
        Case::new().add(&format!(
            "  Topic: {{ Type: AWS::SNS::Topic }}
  Sub: {{ Type: AWS::SNS::Subscription, Properties: {{ TopicArn: !Ref Topic, Protocol: sqs,
    Endpoint: !GetAtt SourceQueue.Arn, RawMessageDelivery: {raw} }} }}"
        ))
    };
    assert_eq!(subscription("false").broken(), [""; 0]);
    assert_eq!(subscription("true").broken(), ["no-key"]);
    let keyed =
        "key: data.id\nroutes: [{ name: a, target: { http: { url: 'https://a.example/' } } }]";
    assert_eq!(subscription("true").routes(keyed).broken(), [""; 0]);
    let rule = |input: &str| {
        Case::new().add(&format!(
            "  Rule: {{ Type: AWS::Events::Rule, Properties: {{ Targets: [{{ Id: a,
    Arn: !GetAtt SourceQueue.Arn{input} }}] }} }}"
        ))
    };
    assert_eq!(rule("").broken(), [""; 0]);
    assert_eq!(rule(", InputPath: $.detail").broken(), ["no-key"]);
    let pipe = Case::new().add(
        "  Pipe: { Type: AWS::Pipes::Pipe, Properties: { Target: !GetAtt SourceQueue.Arn,
    TargetParameters: { InputTemplate: '<$.body>' } } }",
    );
    assert_eq!(pipe.broken(), ["no-key"]);
}

#[test]
fn a_route_that_starts_what_nothing_bounds_is_a_warning() {
    let invoke = "{ lambda: { function: '${SLOW}', invocation: event } }";
    assert_eq!(route(invoke, "").broken(), ["fan-out-unbounded"]);
    let rated = ", rate: { limit: 10 }";
    assert_eq!(route(invoke, rated).broken(), [""; 0]);
    let reserved = route(invoke, "").edit_text(
        "Properties: { Timeout: 20 }",
        "Properties: { Timeout: 20, ReservedConcurrentExecutions: 5 }",
    );
    assert_eq!(reserved.broken(), [""; 0]);
    let start = "{ stepfunctions: { state_machine_arn: '${MACHINE}' } }";
    assert_eq!(route(start, "").broken(), ["fan-out-unbounded"]);
    assert_eq!(route(start, rated).broken(), [""; 0]);
    let elsewhere = "{ lambda: { function: elsewhere, invocation: event } }";
    assert_eq!(route(elsewhere, "").broken(), [""; 0]);
    let notes = route(elsewhere, "").notes("not-checked").join("\n");
    assert!(notes.contains("`fan-out-unbounded`"), "{notes}");
}

#[test]
fn more_tries_at_once_than_a_process_has_files_are_a_warning() {
    let many = |count: usize, more: &str| {
        let each = |n: usize| {
            format!("{{ name: a{n}, target: {{ http: {{ url: 'https://a.example/' }} }}{more} }}")
        };
        let all: Vec<_> = (0..count).map(each).collect();
        Case::new().routes(&format!("routes: [{}]", all.join(", ")))
    };
    assert_eq!(many(102, "").broken(), [""; 0]);
    assert_eq!(many(103, "").broken(), ["fan-out-wide"]);
    assert_eq!(many(103, ", concurrency: 5").broken(), [""; 0]);
    assert_eq!(many(103, ", filter: { type: [x] }").broken(), [""; 0]);
    let poller = many(11, "").set("Mode", "poll");
    assert_eq!(poller.broken(), ["fan-out-wide"]);
}

#[test]
fn events_too_big_for_a_target_are_a_note() {
    let rated = ", rate: { limit: 10 }";
    let start = route(
        "{ stepfunctions: { state_machine_arn: '${MACHINE}' } }",
        rated,
    );
    let said = start.notes("fat-events");
    assert!(
        said[0].contains("1048576") && said[0].contains("262144"),
        "{said:?}"
    );
    let lower = "MaximumMessageSize: 262144\n      ReceiveMessageWaitTimeSeconds: 20";
    let lower = start.edit("SourceQueue", "ReceiveMessageWaitTimeSeconds: 20", lower);
    assert_eq!(lower.notes("fat-events"), [""; 0]);
    let topic = route("{ sns: { topic_arn: '${TOPIC}' } }", "");
    assert_eq!(topic.notes("fat-events").len(), 1);
    let transformed = route("{ sns: { topic_arn: '${TOPIC}' } }", ", transform: data.id");
    assert_eq!(transformed.notes("fat-events"), [""; 0]);
    assert_eq!(Case::new().notes("fat-events"), [""; 0]);
}

#[test]
fn once_by_a_target_whose_events_another_route_takes_too_is_a_note() {
    let start = |more: &str| {
        let target = "{ stepfunctions: { state_machine_arn: '${MACHINE}' } }";
        let one = format!("{{ name: a, once: target, target: {target}, rate: {{ limit: 10 }} }}");
        let url = "https://a.example/";
        routes(&format!(
            "{one}, {{ name: b, target: {{ http: {{ url: '{url}' }} }}{more} }}"
        ))
    };
    let said = start("").notes("once-in-vain");
    assert_eq!(said.len(), 1);
    assert!(
        said[0].contains("route `b` takes each of its events"),
        "{said:?}"
    );
    for more in [
        ", filter: { type: [x] }",
        ", enabled: false",
        ", shadow: true",
    ] {
        assert_eq!(start(more).notes("once-in-vain"), [""; 0], "{more}");
    }
    assert_eq!(Case::new().notes("once-in-vain"), [""; 0]);
}

#[test]
fn a_target_slower_than_the_function_is_a_warning_f61() {
    let target = |timeout: &str| {
        route(
            &format!("{{ http: {{ url: 'https://a.example/', timeout: {timeout} }} }}"),
            "",
        )
    };
    // 60 s, of which two are kept for writing down and handing back.
    assert_eq!(target("58s").broken(), [""; 0]);
    assert_eq!(target("59s").broken(), ["try-outlasts-function"]);
}

#[test]
fn a_wait_shorter_than_the_function_that_is_waited_for_is_a_warning_f61() {
    let wait = |timeout: &str| {
        route(
            &format!("{{ lambda: {{ function: '${{SLOW}}', timeout: {timeout} }} }}"),
            "",
        )
    };
    assert_eq!(wait("20s").broken(), ["wait-too-short"]);
    assert_eq!(wait("21s").broken(), [""; 0]);
}

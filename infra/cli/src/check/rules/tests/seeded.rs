//! Mistakes of which a template is full, each put into our own: each is found, by its rule and by no
//! other.

use super::{Case, MAPPING, RESERVED, SCALING, mapping};

/// A mistake: what it is, the rules that find it, and the template that has it.
type Mistake = (&'static str, &'static [&'static str], Case);

/// An edit of one resource.
fn edit(entry: &str, from: &str, to: &str) -> Case {
    Case::new().edit(entry, from, to)
}

/// Mistakes of queues.
fn of_queues() -> Vec<Mistake> {
    let redrive = "RedrivePolicy:
        deadLetterTargetArn: !GetAtt DeadLetterQueue.Arn
        maxReceiveCount: !Ref MaxReceiveCount";
    let kept = |seconds: &str| {
        let to = format!("MessageRetentionPeriod: {seconds} #");
        edit("DeadLetterQueue", "MessageRetentionPeriod: 1209600 #", &to)
    };
    vec![
        (
            "the visibility is as long as the function runs",
            &["visibility-too-short"],
            Case::new().set("VisibilityTimeoutSeconds", "60"),
        ),
        (
            "no redrive policy",
            &["redrive-missing"],
            edit("SourceQueue", redrive, "DelaySeconds: 0"),
        ),
        (
            "two receives",
            &["receives-too-few", "receives-spared"],
            edit(
                "SourceQueue",
                "maxReceiveCount: !Ref MaxReceiveCount",
                "maxReceiveCount: 2",
            ),
        ),
        (
            "dead letters are kept for a day",
            &["dead-letter-retention"],
            kept("86400"),
        ),
        (
            "dead letters are kept for a week",
            &["dead-letter-retention-not-longest"],
            kept("604800"),
        ),
        (
            "the functions are told of another retention",
            &["retention-told"],
            edit(
                "ConsumerFunction",
                "!FindInMap [Retention, !Ref SourceRetentionDays, Said]",
                "\"60\"",
            ),
        ),
        (
            "equal bodies are dropped",
            &["content-deduplication"],
            edit("SourceQueue", "[IsFifo, false, !Ref", "[IsFifo, true, !Ref").fifo(),
        ),
        (
            "a FIFO queue leaves the dead to its policy",
            &["fifo-redrive"],
            Case::new()
                .without_rules()
                .set("QueueType", "fifo")
                .set("MaxReceiveCount", "100"),
        ),
        (
            "the dead-letter queue gives back what it takes",
            &["loop"],
            edit(
                "DeadLetterQueue",
                "MessageRetentionPeriod: 1209600 #",
                "RedrivePolicy: { deadLetterTargetArn: !GetAtt SourceQueue.Arn, \
                 maxReceiveCount: 9 }\n      MessageRetentionPeriod: 1209600 #",
            ),
        ),
    ]
}

/// Mistakes of mappings and of functions.
fn of_functions() -> Vec<Mistake> {
    let batch = "BatchSize: !Ref BatchSize";
    let with = |more: &str| {
        let to = format!("{batch}\n      {more}");
        edit(MAPPING, batch, &to)
    };
    let responses = "FunctionResponseTypes: [ReportBatchItemFailures]";
    vec![
        (
            "no partial responses",
            &["batch-responses-missing"],
            edit(MAPPING, responses, "Enabled: true"),
        ),
        (
            "reserved concurrency without MaximumConcurrency",
            &["concurrency-unbounded"],
            edit(MAPPING, SCALING, "Enabled: true"),
        ),
        (
            "less is reserved than may be started",
            &["concurrency-over-reserved"],
            edit(
                "ConsumerFunction",
                RESERVED,
                "ReservedConcurrentExecutions: 2",
            ),
        ),
        (
            "nothing is reserved",
            &["concurrency-not-reserved"],
            edit(
                "ConsumerFunction",
                RESERVED,
                "EphemeralStorage: { Size: 512 }",
            ),
        ),
        (
            "the mapping filters",
            &["filter-deletes"],
            with("FilterCriteria: { Filters: [] }"),
        ),
        (
            "the mapping is disabled",
            &["mapping-disabled"],
            with("Enabled: false"),
        ),
        (
            "another function takes messages too",
            &["queue-foreign", "queue-shared"],
            Case::new().add(&mapping("SourceQueue")),
        ),
        (
            "a function drains the dead-letter queue",
            &["dead-letters-drained"],
            Case::new().add(&mapping("DeadLetterQueue")),
        ),
        (
            "the function may send to its own queue",
            &["self-send"],
            edit(
                "ConsumerRole",
                "- sqs:DeleteMessage\n",
                "- sqs:SendMessage\n",
            ),
        ),
        (
            "nothing is reserved for the poller",
            &["poller-not-reserved"],
            edit(
                "PollerFunction",
                "ReservedConcurrentExecutions: !FindInMap [Polling, !Ref Pollers, Reserved]",
                "EphemeralStorage: { Size: 512 }",
            )
            .set("Mode", "poll"),
        ),
    ]
}

/// Mistakes of the ledger and of routes.
fn of_ledger_and_routes() -> Vec<Mistake> {
    let to = |url: &str, more: &str| {
        format!("routes: [{{ name: a, target: {{ http: {{ url: '{url}'{more} }} }} }}]")
    };
    let table = "Type: AWS::DynamoDB::Table";
    let table_key = "AttributeName: pk\n          KeyType: HASH";
    let replicated = "Type: AWS::DynamoDB::GlobalTable";
    let each = "{ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }, \
                DeletionProtectionEnabled: true, Region: ";
    let replicas =
        format!("BillingMode: PAY_PER_REQUEST\n      Replicas: [{each} a }}, {each} b }}]");
    vec![
        (
            "the ledger is an eventually consistent global table",
            &["ledger-replicated"],
            edit("LedgerTable", table, replicated).edit(
                "LedgerTable",
                "BillingMode: PAY_PER_REQUEST",
                &replicas,
            ),
        ),
        (
            "rows are not ended",
            &["ledger-expiry-off"],
            edit(
                "LedgerTable",
                "Enabled: true\n      Point",
                "Enabled: false\n      Point",
            ),
        ),
        (
            "rows end too soon",
            &["ledger-ttl-short"],
            edit("Retention", "LedgerTtlDays: \"25\"", "LedgerTtlDays: \"4\""),
        ),
        (
            "the ledger has another key",
            &["ledger-key"],
            edit(
                "LedgerTable",
                table_key,
                "AttributeName: id\n          KeyType: HASH",
            ),
        ),
        (
            "the ledger goes with its stack",
            &["ledger-not-retained"],
            edit(
                "LedgerTable",
                "DeletionPolicy: Retain",
                "DeletionPolicy: Delete",
            ),
        ),
        (
            "the ledger is cold",
            &["ledger-cold"],
            Case::new().set("MaximumConcurrency", "1000"),
        ),
        (
            "the target is slower than the function",
            &["try-outlasts-function"],
            Case::new().routes(&to("https://a.example/", ", timeout: 2m")),
        ),
        (
            "the retries last longer than the retention",
            &["retries-outlast-retention"],
            Case::new()
                .retry("{ steps: 9, duration: 10h, factor: 1, cap: 11h }")
                .set("SourceRetentionDays", "1")
                .set("Schedules", "false"),
        ),
    ]
}

#[test]
fn each_of_the_seeded_mistakes_is_found_by_its_rule_and_by_no_other() {
    let mistakes = [of_queues(), of_functions(), of_ledger_and_routes()].concat();
    assert!(mistakes.len() >= 20, "{}", mistakes.len());
    for (what, rules, case) in mistakes {
        assert_eq!(case.broken(), rules, "{what}");
    }
}

#[test]
fn the_shipped_template_with_its_shipped_routes_has_none_of_them() {
    for mode in ["trigger", "poll", "both"] {
        let send = Case::new().set("DeadLetterMode", "send");
        let send = send.set("MaxReceiveCount", "100");
        for case in [Case::new(), send, Case::new().fifo()] {
            let case = case.set("Mode", mode);
            let beside: Vec<_> = case.findings().iter().map(|one| one.rule.id).collect();
            // How long an outage may last is told, and nothing else.
            assert!(
                beside.iter().all(|id| *id == "outage-survived"),
                "{mode}: {beside:?}"
            );
            assert_eq!(case.judged().outages.len(), 1, "{mode}");
        }
    }
}

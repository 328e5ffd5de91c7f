mod lints;
mod seeded;

use std::path::Path;

use super::super::finding::{Finding, Severity};
use super::super::template::Template;
use super::{Checked, Judged, Routes, Subject, judge, rules};

/// A file of the repository.
fn repository(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The project's own template, routes and manifest, and what is changed of them.
#[derive(Clone)]
struct Case {
    text: String,
    parameters: Vec<(String, String)>,
    routes: Routes,
    manifest: String,
}

impl Case {
    fn new() -> Self {
        Self {
            text: repository("template.yaml"),
            parameters: Vec::new(),
            routes: Routes::Beside(repository("infra/routes/routes.yaml")),
            manifest: repository("Cargo.toml"),
        }
    }

    /// Another template, without routes.
    fn of(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            parameters: Vec::new(),
            routes: Routes::None,
            manifest: String::new(),
        }
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.parameters.push((name.to_owned(), value.to_owned()));
        self
    }

    fn fifo(self) -> Self {
        let fifo = self.set("QueueType", "fifo").set("DeadLetterMode", "send");
        fifo.set("MaxReceiveCount", "100")
    }

    /// Replaces text of one entry of a section, which stands there once.
    fn edit(mut self, entry: &str, from: &str, to: &str) -> Self {
        let start = self.text.find(&format!("\n  {entry}:\n")).expect(entry) + 1;
        let rest = &self.text[start..];
        let mut at = 0;
        let lines = rest.split_inclusive('\n').take_while(|line| {
            let inside = at == 0 || line.starts_with("   ") || line.trim().is_empty();
            at += line.len();
            inside
        });
        let end = start + lines.map(str::len).sum::<usize>();
        let body = &self.text[start..end];
        assert_eq!(body.matches(from).count(), 1, "{entry}: {from}");
        let body = body.replace(from, to);
        self.text.replace_range(start..end, &body);
        self
    }

    /// Replaces text that stands in the template once.
    fn edit_text(mut self, from: &str, to: &str) -> Self {
        assert_eq!(self.text.matches(from).count(), 1, "{from}");
        self.text = self.text.replace(from, to);
        self
    }

    /// Adds a resource.
    fn add(mut self, resource: &str) -> Self {
        let outputs = self.text.find("\nOutputs:").unwrap();
        self.text.insert_str(outputs, &format!("\n{resource}\n"));
        self
    }

    /// Leaves the template's own rules out, which refuse some of what is tried here.
    fn without_rules(mut self) -> Self {
        let start = self.text.find("\nRules:\n").unwrap();
        let end = self.text.find("\nMappings:\n").unwrap();
        self.text.replace_range(start..end, "");
        self
    }

    fn routes(mut self, text: &str) -> Self {
        self.routes = Routes::Said(text.to_owned());
        self
    }

    /// One route with this policy.
    fn retry(self, policy: &str) -> Self {
        let target = "target: { http: { url: 'https://example.com/' } }";
        self.routes(&format!(
            "routes: [{{ name: a, {target}, retry: {policy} }}]"
        ))
    }

    fn judged(&self) -> Judged {
        let template = Template::read(&self.text, &self.parameters);
        let template = template.unwrap_or_else(|fault| panic!("{fault}"));
        judge(&Checked {
            subject: Subject::Template(template),
            routes: self.routes.clone(),
            manifest: Some(self.manifest.clone()),
        })
    }

    fn findings(&self) -> Vec<Finding> {
        self.judged().findings
    }

    /// The rules that are broken, notes aside.
    fn broken(&self) -> Vec<&'static str> {
        let findings = self.findings().into_iter();
        let broken = findings.filter(|finding| finding.severity() != Severity::Note);
        broken.map(|finding| finding.rule.id).collect()
    }

    /// The one finding that there is beside notes, in words.
    fn only(&self) -> String {
        let findings = self.findings().into_iter();
        let mut broken = findings.filter(|finding| finding.severity() != Severity::Note);
        let only = broken.next().expect("a finding");
        assert_eq!(broken.next().map(|more| more.rule.id), None);
        format!(
            "{} {:?}: {}; {}",
            only.rule.id, only.line, only.message, only.remedy
        )
    }

    /// The notes of a rule.
    fn notes(&self, id: &str) -> Vec<String> {
        let findings = self.findings().into_iter();
        let notes = findings.filter(|finding| finding.rule.id == id);
        notes.map(|note| note.message).collect()
    }
}

#[test]
fn our_own_template_is_clean_in_every_kind_that_its_rules_allow() {
    for mode in ["trigger", "poll", "both"] {
        let kinds = [
            Case::new(),
            Case::new()
                .set("DeadLetterMode", "send")
                .set("MaxReceiveCount", "100"),
            Case::new().fifo(),
        ];
        for kind in kinds {
            let kind = kind.set("Mode", mode);
            assert_eq!(kind.broken(), [""; 0], "{mode} {:?}", kind.parameters);
            let unsure = kind.notes("not-checked");
            assert!(unsure.is_empty(), "{unsure:?}");
        }
    }
}

#[test]
fn our_own_template_is_clean_with_each_choice_that_stands_alone() {
    for (name, values) in [
        ("MaximumConcurrency", ["2", "100"]),
        ("SourceRetentionDays", ["1", "13"]),
        ("Schedules", ["true", "false"]),
        ("SourceValve", ["true", "false"]),
        ("Traces", ["xray", "off"]),
        ("Pollers", ["2", "15"]),
        ("PollerSchedule", ["ENABLED", "DISABLED"]),
        (
            "TargetPolicyArn",
            ["", "arn:aws:iam::123456789012:policy/targets"],
        ),
    ] {
        for value in values {
            let case = Case::new().set("Mode", "both").set(name, value);
            assert_eq!(case.broken(), [""; 0], "{name} {value}");
        }
    }
}

#[test]
fn every_rule_is_broken_by_a_test_and_has_a_name_of_its_own() {
    let tests = [
        include_str!("tests.rs"),
        include_str!("tests/lints.rs"),
        include_str!("../live/stack/tests.rs"),
    ]
    .concat();
    let ids: Vec<_> = rules().map(|rule| rule.id).collect();
    for (place, id) in ids.iter().enumerate() {
        assert!(!ids[..place].contains(id), "{id} twice");
        let named = tests.contains(&format!("[\"{id}\"")) || tests.contains(&format!("\"{id} "));
        assert!(named || tests.contains(&format!("notes(\"{id}\")")), "{id}");
    }
}

#[test]
fn a_visibility_shorter_than_six_timeouts_is_an_error_f20() {
    let exact = Case::new().set("VisibilityTimeoutSeconds", "360");
    assert_eq!(exact.broken(), [""; 0]);
    let short = Case::new().set("VisibilityTimeoutSeconds", "359");
    let said = short.only();
    assert!(said.starts_with("visibility-too-short Some("), "{said}");
    for part in [
        "359 s",
        "60 s",
        "360 s",
        "parameter VisibilityTimeoutSeconds",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let window = "BatchSize: !Ref BatchSize\n      MaximumBatchingWindowInSeconds: 1";
    let windowed = Case::new().edit(MAPPING, "BatchSize: !Ref BatchSize", window);
    assert_eq!(windowed.broken(), ["visibility-too-short"]);
    let long = windowed.set("VisibilityTimeoutSeconds", "361");
    assert_eq!(long.broken(), [""; 0]);
}

#[test]
fn a_mapping_without_batch_responses_is_an_error_f12_f13() {
    let from = "FunctionResponseTypes: [ReportBatchItemFailures]";
    let without = Case::new().edit(MAPPING, from, "FunctionResponseTypes: []");
    assert_eq!(without.broken(), ["batch-responses-missing"]);
    let gone = Case::new().edit(MAPPING, from, "Enabled: true");
    assert_eq!(gone.broken(), ["batch-responses-missing"]);
}

#[test]
fn a_mapping_that_filters_is_a_warning_f21() {
    let to = "BatchSize: 10\n      FilterCriteria: { Filters: [{ Pattern: '{}' }] }";
    let filters = Case::new().edit(MAPPING, "BatchSize: !Ref BatchSize", to);
    assert_eq!(filters.broken(), ["filter-deletes"]);
}

#[test]
fn a_batch_of_more_than_ten_is_a_warning_f23() {
    let to = "BatchSize: 11\n      MaximumBatchingWindowInSeconds: 1";
    let large = Case::new().edit(MAPPING, "BatchSize: !Ref BatchSize", to);
    let large = large.set("VisibilityTimeoutSeconds", "400");
    assert_eq!(large.broken(), ["batch-too-large"]);
}

#[test]
fn a_batch_that_lambda_refuses_is_an_error_f23() {
    let size = "BatchSize: !Ref BatchSize";
    let batch = |to: &str| {
        let case = Case::new().edit(MAPPING, size, to);
        case.set("VisibilityTimeoutSeconds", "400")
    };
    let window = "BatchSize: 10\n      MaximumBatchingWindowInSeconds: 1";
    assert_eq!(batch(window).fifo().broken(), ["batch-refused"]);
    let both = ["batch-refused", "batch-too-large"];
    assert_eq!(batch("BatchSize: 11").broken(), both);
    assert_eq!(batch("BatchSize: 10001").broken(), both);
    assert_eq!(batch("BatchSize: 11").fifo().broken(), both);
}

/// The consumer's event source mapping.
const MAPPING: &str = "ConsumerFunctionSourceQueueMessages";

/// What bounds it.
const SCALING: &str = "ScalingConfig:
        MaximumConcurrency: !FindInMap [Concurrency, !Ref MaximumConcurrency, Invocations]";

#[test]
fn a_mapping_that_nothing_bounds_is_an_error_f18() {
    let bounded = |to: &str| Case::new().edit(MAPPING, SCALING, to);
    assert_eq!(bounded("Enabled: true").broken(), ["concurrency-unbounded"]);
    let pollers = "ProvisionedPollerConfig: { MinimumPollers: 2 }";
    assert_eq!(bounded(pollers).broken(), ["concurrency-unbounded"]);
    let pollers = "ProvisionedPollerConfig: { MinimumPollers: 2, MaximumPollers: 5 }";
    assert_eq!(bounded(pollers).broken(), [""; 0]);
}

#[test]
fn concurrency_and_provisioned_pollers_together_are_an_error_f18() {
    let both = format!("{SCALING}\n      ProvisionedPollerConfig: {{ MaximumPollers: 5 }}");
    let both = Case::new().edit(MAPPING, SCALING, &both);
    assert_eq!(both.broken(), ["concurrency-and-pollers"]);
}

/// What is reserved for the consumer.
const RESERVED: &str =
    "ReservedConcurrentExecutions: !FindInMap [Concurrency, !Ref MaximumConcurrency, Invocations]";

#[test]
fn more_concurrency_than_is_reserved_is_an_error_f18() {
    let reserved = |to: &str| Case::new().edit("ConsumerFunction", RESERVED, to);
    assert_eq!(
        reserved("ReservedConcurrentExecutions: 9").broken(),
        ["concurrency-over-reserved"]
    );
    assert_eq!(
        reserved("ReservedConcurrentExecutions: 10").broken(),
        [""; 0]
    );
}

#[test]
fn a_function_for_which_nothing_is_reserved_is_a_warning_f18() {
    let none = Case::new().edit(
        "ConsumerFunction",
        RESERVED,
        "EphemeralStorage: { Size: 512 }",
    );
    assert_eq!(none.broken(), ["concurrency-not-reserved"]);
}

/// A mapping of another function on a queue.
fn mapping(queue: &str) -> String {
    format!(
        "  Other:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties:\n      \
         FunctionName: other\n      EventSourceArn: !GetAtt {queue}.Arn"
    )
}

#[test]
fn a_second_mapping_on_a_source_queue_is_a_warning_f29() {
    let shared = Case::new().add(&mapping("SourceQueue"));
    assert_eq!(shared.broken(), ["queue-foreign", "queue-shared"]);
    let twice = PLAIN.replace("Executions: 5", "Executions: 10");
    let (before, second) = twice.split_once("  Mapping:").unwrap();
    let twice = format!("{before}  Second:{second}  Mapping:{second}");
    assert_eq!(Case::of(&twice).broken(), ["queue-shared"]);
}

#[test]
fn a_mapping_on_the_dead_letter_queue_is_a_warning_f72() {
    let drained = Case::new().add(&mapping("DeadLetterQueue"));
    assert_eq!(drained.broken(), ["dead-letters-drained"]);
}

#[test]
fn a_source_queue_without_a_redrive_policy_is_an_error() {
    let policy = "RedrivePolicy:
        deadLetterTargetArn: !GetAtt DeadLetterQueue.Arn
        maxReceiveCount: !Ref MaxReceiveCount";
    let none = Case::new().edit("SourceQueue", policy, "DelaySeconds: 0");
    assert_eq!(none.broken(), ["redrive-missing"]);
}

#[test]
fn a_fifo_queue_that_leaves_the_dead_to_its_policy_is_an_error_f25() {
    let redrive = Case::new().without_rules().set("QueueType", "fifo");
    let redrive = redrive.set("MaxReceiveCount", "100");
    assert_eq!(redrive.broken(), ["fifo-redrive"]);
}

#[test]
fn a_dead_letter_queue_of_another_kind_is_an_error() {
    let fifo = "FifoQueue: !If [IsFifo, true, !Ref AWS::NoValue]";
    let standard = Case::new()
        .edit("DeadLetterQueue", fifo, "DelaySeconds: 0")
        .fifo();
    assert_eq!(standard.broken(), ["dead-letter-kind"]);
    let other = Case::new().edit("DeadLetterQueue", fifo, "FifoQueue: true");
    let other = other
        .set("DeadLetterMode", "send")
        .set("MaxReceiveCount", "100");
    assert_eq!(other.broken(), ["dead-letter-kind"]);
}

#[test]
fn functions_that_are_told_of_another_dead_letter_queue_are_an_error() {
    let told = "WAYBILL_DLQ_URL: !Ref DeadLetterQueue";
    let other = "WAYBILL_DLQ_URL: !Ref UnsentQueue";
    let other = Case::new().edit("ConsumerFunction", told, other);
    assert_eq!(other.broken(), ["dead-letter-told"]);
}

#[test]
fn dead_letters_kept_no_longer_than_the_source_keeps_them_are_an_error_f68() {
    let kept = |seconds: &str| {
        let to = format!("MessageRetentionPeriod: {seconds} #");
        Case::new().edit("DeadLetterQueue", "MessageRetentionPeriod: 1209600 #", &to)
    };
    assert_eq!(kept("345600").broken(), ["dead-letter-retention"]);
    assert_eq!(
        kept("345601").broken(),
        ["dead-letter-retention-not-longest"]
    );
}

#[test]
fn dead_letters_kept_for_less_than_fourteen_days_are_a_warning_f68() {
    let kept = Case::new().edit("DeadLetterQueue", "1209600 #", "1209599 #");
    assert_eq!(kept.broken(), ["dead-letter-retention-not-longest"]);
}

#[test]
fn a_dead_letter_queue_that_lets_nobody_in_is_an_error() {
    let denied = Case::new().edit("DeadLetterQueue", "byQueue", "denyAll");
    assert_eq!(denied.broken(), ["redrive-not-allowed"]);
    let other = Case::new().edit("DeadLetterQueue", "-source${End}", "-other${End}");
    assert_eq!(other.broken(), ["redrive-not-allowed"]);
    let allowed = |arn: &str| {
        let policy = format!(
            "RedriveAllowPolicy: {{ redrivePermission: byQueue, sourceQueueArns: [{arn}] }}, \
             MessageRetentionPeriod"
        );
        Case::of(&PLAIN.replace("MessageRetentionPeriod", &policy))
    };
    assert_eq!(allowed("{ 'Fn::GetAtt': Work.Arn }").broken(), [""; 0]);
    assert_eq!(
        allowed("{ 'Fn::GetAtt': Dead.Arn }").broken(),
        ["redrive-not-allowed"]
    );
    let unsure = allowed("'arn:aws:sqs:eu-west-1:123456789012:work'");
    assert_eq!(unsure.broken(), [""; 0]);
    assert!(
        unsure
            .notes("not-checked")
            .join("\n")
            .contains("`redrive-not-allowed`")
    );
    let mut named = unsure;
    named.text = named.text.replace(
        "VisibilityTimeout: 180",
        "VisibilityTimeout: 180, QueueName: work",
    );
    assert!(
        !named
            .notes("not-checked")
            .join("\n")
            .contains("`redrive-not-allowed`")
    );
}

#[test]
fn a_queue_that_drops_equal_bodies_is_a_warning_f26() {
    let from = "ContentBasedDeduplication: !If [IsFifo, false, !Ref AWS::NoValue]";
    let drops = Case::new()
        .fifo()
        .edit("SourceQueue", from, "ContentBasedDeduplication: true");
    assert_eq!(drops.broken(), ["content-deduplication"]);
}

#[test]
fn functions_that_are_told_another_retention_are_an_error_f08() {
    let wrong = Case::new().edit("Retention", "Said: \"345600\"", "Said: \"345601\"");
    assert_eq!(wrong.broken(), ["retention-told"]);
}

#[test]
fn functions_that_are_told_no_retention_are_a_warning_f08() {
    let told =
        "WAYBILL_QUEUE_RETENTION_SECONDS: !FindInMap [Retention, !Ref SourceRetentionDays, Said]";
    let silent = Case::new().edit("ConsumerFunction", told, "A: b");
    assert_eq!(silent.broken(), ["retention-not-told"]);
}

#[test]
fn a_key_of_ones_own_is_a_note_f30() {
    let key = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555";
    let own = Case::new().set("KmsKeyArn", key);
    assert_eq!(own.broken(), [""; 0]);
    // One for the source queue and one for its dead-letter queue.
    assert_eq!(own.notes("queue-key").len(), 2);
}

#[test]
fn too_few_receives_are_an_error_by_dead_letter_mode_f18() {
    let receives = |case: Case, count: &str| case.set("MaxReceiveCount", count).broken();
    let redrive = || Case::new().set("Schedules", "false");
    assert_eq!(receives(redrive(), "14"), ["receives-too-few"]);
    assert_eq!(receives(redrive(), "15"), [""; 0]);
    let send = || Case::new().set("DeadLetterMode", "send");
    assert_eq!(receives(send(), "99"), ["receives-too-few"]);
    assert_eq!(receives(send(), "100"), [""; 0]);
    assert_eq!(receives(Case::new().fifo(), "79"), ["receives-too-few"]);
    assert_eq!(receives(Case::new().fifo(), "80"), [""; 0]);
}

#[test]
fn a_dead_letter_targets_own_tries_need_receives_too_f18() {
    let own = "routes: [{ name: a, target: { http: { url: 'https://example.com/' } }, retry: { \
               steps: 5 }, dead_letter: { target: { http: { url: 'https://example.com/dead' } }, \
               retry: { steps: 5 } } }]";
    let case = Case::new().routes(own);
    assert_eq!(case.broken(), ["receives-too-few"]);
    assert!(case.only().contains("27 are needed"), "{}", case.only());
    assert_eq!(case.set("MaxReceiveCount", "27").broken(), [""; 0]);
}

#[test]
fn receives_too_few_for_schedules_to_help_are_a_warning_f07() {
    let few = |count: &str| Case::new().set("MaxReceiveCount", count).broken();
    assert_eq!(few("15"), ["receives-spared"]);
    assert_eq!(few("16"), [""; 0]);
}

#[test]
fn waits_that_outlast_the_retention_are_an_error_unless_events_wait_in_schedules_f08() {
    let waits = |steps: u32, schedules: &str| {
        let policy = format!("{{ steps: {steps}, duration: 8h, factor: 1, cap: 8h, jitter: 0 }}");
        let case = Case::new().retry(&policy).set("SourceRetentionDays", "1");
        case.set("Schedules", schedules).broken()
    };
    assert_eq!(waits(3, "false"), ["retries-outlast-retention"]);
    assert_eq!(waits(2, "false"), [""; 0]);
    assert_eq!(waits(3, "true"), [""; 0]);
}

#[test]
fn the_outage_that_is_survived_is_told_f43() {
    let said = Case::new().notes("outage-survived");
    assert!(said[0].contains("4 h 12 min"), "{said:?}");
    assert!(said[0].contains("route `audit`"), "{said:?}");
    assert!(said[0].contains("1 min 10 s"), "{said:?}");
    let outages = Case::new().judged().outages;
    let [outage] = outages.as_slice() else {
        panic!("{outages:?}");
    };
    assert_eq!(
        (outage.queue.as_str(), outage.receives),
        ("SourceQueue", 25)
    );
    let lasts: Vec<_> = outage
        .routes
        .iter()
        .map(|one| one.lasts.as_secs())
        .collect();
    assert_eq!(lasts, [310, 70]);
    let target = "target: { http: { url: 'https://example.com/' } }, breaker: {}";
    let kept = Case::new().routes(&format!("routes: [{{ name: a, {target} }}]"));
    let outages = kept.judged().outages;
    assert_eq!(outages[0].routes[0].lasts, outages[0].ledger);
    assert!(outages[0].first().is_none());
}

#[test]
fn an_outage_is_not_told_where_it_is_not_known_f43() {
    let retention = "!FindInMap [Retention, !Ref SourceRetentionDays, Seconds]";
    let unknown = Case::new().edit("SourceQueue", retention, "!ImportValue x");
    assert!(unknown.judged().outages.is_empty());
    assert_eq!(unknown.notes("outage-survived"), [""; 0]);
    assert!(
        unknown
            .notes("not-checked")
            .join("\n")
            .contains("`outage-survived`")
    );
}

#[test]
fn a_ledger_that_is_cold_for_its_concurrency_is_a_warning_f43() {
    let set = |value: &str| Case::new().set("MaximumConcurrency", value);
    // 200 * 10 events, two writes each, are as many as a new table takes.
    assert_eq!(set("200").broken(), [""; 0]);
    assert_eq!(set("300").broken(), ["ledger-cold"]);
    let said = set("300").only();
    assert!(said.contains("6000") && said.contains("4000"), "{said}");
    let warm = |units: &str| {
        let to = format!(
            "BillingMode: PAY_PER_REQUEST\n      WarmThroughput: {{ WriteUnitsPerSecond: {units} }}"
        );
        set("300").edit("LedgerTable", "BillingMode: PAY_PER_REQUEST", &to)
    };
    assert_eq!(warm("6000").broken(), [""; 0]);
    assert_eq!(warm("5999").broken(), ["ledger-cold"]);
    let provisioned = "BillingMode: PROVISIONED";
    let provisioned = set("300").edit("LedgerTable", "BillingMode: PAY_PER_REQUEST", provisioned);
    assert_eq!(provisioned.broken(), [""; 0]);
    let poller = polling()
        .set("Pollers", "3")
        .set("PollerConcurrency", "700");
    assert_eq!(poller.broken(), ["ledger-cold"]);
}

#[test]
fn a_mapping_that_is_switched_off_is_a_warning_f08() {
    let to = "BatchSize: !Ref BatchSize\n      Enabled: false";
    let off = Case::new().edit(MAPPING, "BatchSize: !Ref BatchSize", to);
    assert_eq!(off.broken(), ["mapping-disabled"]);
}

#[test]
fn another_function_on_the_source_queue_is_a_warning_though_ours_has_no_mapping_f29() {
    let foreign = polling().add(&mapping("SourceQueue"));
    assert_eq!(foreign.broken(), ["queue-foreign"]);
}

#[test]
fn a_ledger_that_forgets_too_soon_is_an_error_f37() {
    let from = "Said: \"345600\", LedgerTtlDays: \"25\"";
    let to = from.replace("\"25\"", "\"24\"");
    let short = Case::new().edit("Retention", from, &to);
    assert_eq!(short.broken(), ["ledger-ttl-short"]);
    assert!(short.only().contains("24 days"), "{}", short.only());
}

#[test]
fn a_ledger_that_agrees_late_over_regions_is_an_error() {
    let of = "{ PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true }, \
              DeletionProtectionEnabled: true, Region: ";
    let replicas = format!(
        "AWS::DynamoDB::GlobalTable\n    DeletionPolicy: Retain\n    \
         UpdateReplacePolicy: Retain\n    Properties:\n      Replicas: [{of} eu-west-1 }}, {of} \
         eu-central-1 }}]"
    );
    let from = "AWS::DynamoDB::Table\n    DeletionPolicy: Retain\n    \
                UpdateReplacePolicy: Retain\n    Properties:";
    let both = Case::new().edit("LedgerTable", from, &replicas);
    assert_eq!(both.broken(), ["ledger-replicated"]);
    let strong = replicas.replace(
        "Replicas:",
        "MultiRegionConsistency: STRONG\n      Replicas:",
    );
    let strong = Case::new().edit("LedgerTable", from, &strong);
    assert_eq!(strong.broken(), [""; 0]);
}

#[test]
fn a_ledger_with_another_key_is_an_error_f44() {
    let other = Case::new().edit(
        "LedgerTable",
        "pk\n          AttributeType: S",
        "pk\n          AttributeType: B",
    );
    assert_eq!(other.broken(), ["ledger-key"]);
}

#[test]
fn a_ledger_whose_rows_never_end_is_an_error_f41() {
    let other = Case::new().edit(
        "LedgerTable",
        "expires_at\n        Enabled",
        "expires\n        Enabled",
    );
    assert_eq!(other.broken(), ["ledger-expiry-off"]);
}

#[test]
fn a_ledger_that_cannot_be_brought_back_is_a_warning() {
    let from = "PointInTimeRecoveryEnabled: true";
    let off = Case::new().edit("LedgerTable", from, "PointInTimeRecoveryEnabled: false");
    assert_eq!(off.broken(), ["ledger-no-recovery"]);
}

#[test]
fn a_ledger_that_may_be_deleted_is_a_warning() {
    let off = Case::new().set("LedgerDeletionProtection", "false");
    assert_eq!(off.broken(), ["ledger-unprotected"]);
}

#[test]
fn a_ledger_that_goes_with_its_stack_is_a_warning() {
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        let (from, to) = (format!("{policy}: Retain"), format!("{policy}: Delete"));
        let gone = Case::new().edit("LedgerTable", &from, &to);
        assert_eq!(gone.broken(), ["ledger-not-retained"], "{policy}");
    }
}

/// Our own template with the poller alone.
fn polling() -> Case {
    Case::new().set("Mode", "poll")
}

#[test]
fn a_poller_for_which_nothing_is_reserved_is_an_error_f18() {
    let from = "ReservedConcurrentExecutions: !FindInMap [Polling, !Ref Pollers, Reserved]";
    let none = polling().edit("PollerFunction", from, "EphemeralStorage: { Size: 512 }");
    assert_eq!(none.broken(), ["poller-not-reserved"]);
}

#[test]
fn ticks_that_find_no_place_are_an_error_f18() {
    let from = "\"1\": { Timeout: 60, Reserved: 1 }";
    let long = polling().edit("Polling", from, "\"1\": { Timeout: 61, Reserved: 1 }");
    assert_eq!(long.broken(), ["poller-ticks-pile-up"]);
    let five = polling().edit("PollerTick", "rate(1 minute)", "rate(5 minutes)");
    assert_eq!(five.broken(), [""; 0]);
}

#[test]
fn a_tick_that_is_kept_is_a_warning_f18() {
    let once = "MaximumRetryAttempts: 0";
    for place in ["PollerTick", "PollerFunction"] {
        let again = polling().edit(place, once, "MaximumRetryAttempts: 1");
        assert_eq!(again.broken(), ["poller-ticks-kept"], "{place}");
        let late = polling().edit(place, "MaximumEventAgeInSeconds: 60", "X: 1");
        assert_eq!(late.broken(), ["poller-ticks-kept"], "{place}");
    }
}

#[test]
fn ticks_of_every_form_are_found_and_a_poller_without_one_is_told() {
    let own = "    Type: AWS::Scheduler::Schedule\n    Condition: HasPoller\n";
    let gone = polling().edit("PollerTick", own, "    Type: Own::Schedule\n");
    let notes = gone.notes("not-checked").join("\n");
    assert!(
        notes.contains("no schedule of the template invokes `PollerFunction`"),
        "{notes}"
    );
    for (event, expression) in [
        ("ScheduleV2", "ScheduleExpression"),
        ("Schedule", "Schedule"),
    ] {
        let events = format!(
            "Events: {{ T: {{ Type: {event}, Properties: {{ {expression}: rate(1 minute) }} }} }}\n      \
             MemorySize: "
        );
        let case = polling().edit("PollerTick", own, "    Type: Own::Schedule\n");
        let case = case.edit("PollerFunction", "MemorySize: ", &events);
        assert_eq!(case.broken(), ["poller-ticks-kept"], "{event}");
    }
    let rule =
        "  Each: { Type: AWS::Events::Rule, Properties: { ScheduleExpression: rate(1 minute),
    Targets: [{ Arn: !GetAtt PollerFunction.Arn, Id: a }] } }";
    assert_eq!(polling().add(rule).broken(), ["poller-ticks-kept"]);
}

#[test]
fn a_poller_without_time_for_a_try_is_a_warning_f61() {
    let target = "{ http: { url: 'https://example.com/', timeout: 40s } }";
    let slow = polling().routes(&format!("routes: [{{ name: a, target: {target} }}]"));
    assert_eq!(slow.broken(), ["poller-too-short"]);
}

#[test]
fn a_template_without_a_function_of_ours_is_a_warning() {
    let mut other = Case::new();
    other.text = other.text.replace(" WAYBILL_", " OTHER_");
    assert_eq!(other.broken(), ["no-function"]);
}

#[test]
fn parameters_that_the_templates_own_rules_refuse_are_an_error() {
    let send = Case::new().set("DeadLetterMode", "send");
    assert_eq!(send.broken(), ["template-rule", "receives-too-few"]);
    let from = "- Assert: !Not [!Equals [!Ref MaxReceiveCount, \"25\"]]";
    let to = "- Assert: !Equals [!Ref MaxReceiveCount, \"101\"]";
    let other = Case::new().edit("SendNeedsRoomForReceives", from, to);
    let other = other
        .set("DeadLetterMode", "send")
        .set("MaxReceiveCount", "100");
    assert_eq!(other.broken(), ["template-rule"]);
    assert!(other.only().contains("set MaxReceiveCount to 100"));
}

#[test]
fn a_routes_file_that_is_refused_is_an_error_with_its_line() {
    let broken = Case::new().routes("routes:\n  - name: a\n    targt: {}\n");
    assert!(broken.broken().iter().all(|id| *id == "routes-refused"));
    let findings = broken.findings();
    assert!(
        findings.iter().any(|one| one.line == Some(3)),
        "{findings:?}"
    );
    assert!(!broken.notes("not-checked").is_empty());
    let other = Case::new().routes("routes: [{ name: a, target: { http: { url: no } } }]");
    assert_eq!(other.broken(), ["routes-refused"]);
}

#[test]
fn what_a_function_would_refuse_at_its_start_is_an_error() {
    let long = Case::new().retry("{ steps: 1, duration: 13h, cap: 13h }");
    assert_eq!(long.broken(), [""; 0]);
    let long = long.set("Schedules", "false");
    assert_eq!(long.broken(), ["start-refused"]);
    assert!(long.only().contains("route `a`"), "{}", long.only());
    let missing = "WAYBILL_CONSUMER: !Ref AWS::StackName";
    let missing = Case::new().edit("ConsumerFunction", missing, "A: b");
    assert_eq!(missing.broken(), ["start-refused"]);
    let number = "WAYBILL_VISIBILITY_SECONDS: !Ref PollerVisibilitySeconds";
    let number = polling().edit("PollerFunction", number, "WAYBILL_VISIBILITY_SECONDS: 4");
    assert_eq!(number.broken(), ["start-refused"]);
    let differs = "dead_letter: send\nroutes: [{ name: a, target: { http: { url: \
                   'https://example.com/' } } }]";
    assert_eq!(Case::new().routes(differs).broken(), ["start-refused"]);
}

#[test]
fn a_function_that_may_send_to_its_own_queue_is_a_warning_f28() {
    let from = "                  - sqs:DeleteMessage\n";
    let sends = Case::new().edit(
        "ConsumerRole",
        from,
        "                  - sqs:SendMessage\n",
    );
    assert_eq!(sends.broken(), ["self-send"]);
}

#[test]
fn a_release_profile_that_aborts_is_an_error_f15() {
    for (manifest, line) in [
        ("[profile.release]\nlto = true\npanic = \"abort\"\n", 3),
        ("[profile]\nrelease.panic = 'abort'\n", 2),
        ("profile.release = { panic = \"abort\" }\n", 1),
    ] {
        let mut aborts = Case::new();
        aborts.manifest = manifest.to_owned();
        let said = aborts.only();
        let wanted = format!("panic-aborts Some({line})");
        assert!(said.starts_with(&wanted), "{said}");
    }
    let mut unwinds = Case::new();
    unwinds.manifest =
        "[profile.release]\n# panic = \"abort\"\npanic = \"unwind\"\n[profile.x]\npanic = \"abort\""
            .to_owned();
    assert_eq!(unwinds.broken(), [""; 0]);
}

#[test]
fn what_cannot_be_known_is_a_note_and_never_passed_over() {
    for unknown in [
        "!ImportValue shared",
        "'{{resolve:ssm:visibility}}'",
        "!Ref Missing",
        "!Sub '${AWS::Region}'",
    ] {
        let to = format!("VisibilityTimeout: {unknown}");
        let from = "VisibilityTimeout: !Ref VisibilityTimeoutSeconds";
        let case = Case::new().edit("SourceQueue", from, &to);
        assert_eq!(case.broken(), [""; 0], "{unknown}");
        let notes = case.notes("not-checked");
        assert_eq!(notes.len(), 1, "{notes:?}");
        assert!(notes[0].starts_with("not checked, because "), "{notes:?}");
        assert!(notes[0].ends_with(": `visibility-too-short`"), "{notes:?}");
    }
}

#[test]
fn without_routes_what_needs_them_is_said_not_to_be_checked() {
    for routes in [Routes::Missing, Routes::None] {
        let mut case = Case::new();
        case.routes = routes;
        assert_eq!(case.broken(), [""; 0]);
        let notes = case.notes("not-checked").join("\n");
        assert!(notes.contains("`receives-too-few`"), "{notes}");
        // What any route needs is wanted all the same.
        let few = case.set("MaxReceiveCount", "5").set("Schedules", "false");
        assert_eq!(few.broken(), [""; 0]);
        let few = few.edit("SourceQueue", "!Ref MaxReceiveCount", "4");
        assert_eq!(few.broken(), ["receives-too-few"]);
    }
}

#[test]
fn routes_in_a_parameter_are_told_not_to_be_what_was_read() {
    let kept = Case::new().set("RoutesParameterName", "/shop/routes");
    assert_eq!(kept.broken(), [""; 0]);
    assert!(kept.notes("not-checked")[0].contains("/shop/routes"));
}

#[test]
fn routes_that_name_what_is_deployed_are_read_with_a_stand_in() {
    let routes = "routes: [{ name: a, target: { sqs: { queue_url: \"${ORDERS}\" } } }]";
    let told = |value: &str| {
        let to = format!("ORDERS: {value}\n          RUST_LOG: ");
        Case::new()
            .edit("ConsumerFunction", "RUST_LOG: ", &to)
            .routes(routes)
    };
    assert_eq!(told("!Ref UnsentQueue").broken(), [""; 0]);
    let imported = told("!ImportValue orders");
    assert_eq!(imported.broken(), [""; 0]);
    let notes = imported.notes("not-checked").join("\n");
    assert!(notes.contains("ORDERS"), "{notes}");
    assert_eq!(Case::new().routes(routes).broken(), ["routes-refused"]);
}

/// A template of CloudFormation's own, without SAM.
const PLAIN: &str = "
Resources:
  Work: { Type: AWS::SQS::Queue, Properties: { VisibilityTimeout: 180, RedrivePolicy: {
    deadLetterTargetArn: { 'Fn::GetAtt': [Dead, Arn] }, maxReceiveCount: 25 } } }
  Dead: { Type: AWS::SQS::Queue, Properties: { MessageRetentionPeriod: 1209600 } }
  Rows: { Type: AWS::DynamoDB::Table, DeletionPolicy: Retain, UpdateReplacePolicy: Retain,
    Properties: { KeySchema: [{ AttributeName: pk, KeyType: HASH }],
    AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }],
    TimeToLiveSpecification: { AttributeName: expires_at, Enabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    DeletionProtectionEnabled: true } }
  Handler: { Type: AWS::Lambda::Function, Properties: { Timeout: 30,
    ReservedConcurrentExecutions: 5, Environment: { Variables: {
    WAYBILL_CONSUMER: orders, WAYBILL_LEDGER_TABLE: { Ref: Rows },
    WAYBILL_QUEUE_URL: { Ref: Work }, WAYBILL_DLQ_URL: { Ref: Dead },
    WAYBILL_QUEUE_RETENTION_SECONDS: 345600 } } } }
  Mapping: { Type: AWS::Lambda::EventSourceMapping, Properties: {
    FunctionName: { Ref: Handler }, EventSourceArn: { 'Fn::GetAtt': Work.Arn },
    FunctionResponseTypes: [ReportBatchItemFailures],
    ScalingConfig: { MaximumConcurrency: 5 } } }
";

#[test]
fn a_template_without_sam_is_checked_by_the_same_rules() {
    assert_eq!(Case::of(PLAIN).broken(), [""; 0]);
    let change = |from: &str, to: &str| {
        assert!(PLAIN.contains(from), "{from}");
        Case::of(&PLAIN.replace(from, to)).broken()
    };
    assert_eq!(change("180", "179"), ["visibility-too-short"]);
    assert_eq!(
        change("[ReportBatchItemFailures]", "[]"),
        ["batch-responses-missing"]
    );
    assert_eq!(
        change("VisibilityTimeout: 180, ", ""),
        ["visibility-too-short"]
    );
    assert_eq!(
        change("MaximumConcurrency: 5 ", "MaximumConcurrency: 6 "),
        ["concurrency-over-reserved"]
    );
    // A queue that does not say it keeps messages for four days.
    assert_eq!(
        change("MessageRetentionPeriod: 1209600", "DelaySeconds: 0"),
        ["dead-letter-retention"]
    );
}

#[test]
fn a_mapping_that_names_an_alias_or_a_version_is_the_functions() {
    let alias =
        "  Live: { Type: AWS::Lambda::Alias, Properties: { FunctionName: { Ref: Handler } } }
  Mapping:";
    let named = PLAIN.replace(
        "FunctionName: { Ref: Handler }",
        "FunctionName: { Ref: Live }",
    );
    let named = named.replace("  Mapping:", alias);
    assert_eq!(Case::of(&named).broken(), [""; 0]);
    let short = named.replace("180", "179");
    assert_eq!(Case::of(&short).broken(), ["visibility-too-short"]);
    let by_name = PLAIN.replace("{ Ref: Handler }", "{ 'Fn::Sub': '${Handler}:live' }");
    let short = by_name.replace("180", "179");
    assert_eq!(Case::of(&short).broken(), ["visibility-too-short"]);
}

#[test]
fn queues_and_tables_of_other_templates_are_said_not_to_be_checked() {
    let arn = "arn:aws:sqs:eu-west-1:123456789012:work";
    let url = "WAYBILL_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/work'";
    let queue = PLAIN.replace("{ 'Fn::GetAtt': Work.Arn }", arn);
    let queue = queue.replace("WAYBILL_QUEUE_URL: { Ref: Work }", url);
    let case = Case::of(&queue);
    assert_eq!(case.broken(), [""; 0]);
    let notes = case.notes("not-checked").join("\n");
    for rule in [
        "visibility-too-short",
        "redrive-missing",
        "receives-too-few",
        "ledger-ttl-short",
    ] {
        assert!(notes.contains(&format!("`{rule}`")), "{rule}: {notes}");
    }
    let table = PLAIN.replace("{ Ref: Rows }", "{ 'Fn::ImportValue': rows }");
    let notes = Case::of(&table).notes("not-checked").join("\n");
    assert!(notes.contains("`ledger-expiry-off`"), "{notes}");
    let dead = PLAIN.replace("{ 'Fn::GetAtt': [Dead, Arn] }", arn);
    let dead = dead.replace("WAYBILL_DLQ_URL: { Ref: Dead },", "");
    let notes = Case::of(&dead).notes("not-checked").join("\n");
    assert!(notes.contains("`dead-letter-retention`"), "{notes}");
}

#[test]
fn what_may_or_may_not_be_written_is_said_not_to_be_checked() {
    let schedule =
        "WAYBILL_SCHEDULE_GROUP: !If [HasSchedules, !Ref ScheduleGroup, !Ref AWS::NoValue]";
    let case = Case::new().edit(
        "ConsumerFunction",
        schedule,
        "WAYBILL_SCHEDULE_GROUP: !ImportValue x",
    );
    let notes = case.notes("not-checked").join("\n");
    for rule in ["receives-spared", "retries-outlast-retention"] {
        assert!(notes.contains(&format!("`{rule}`")), "{notes}");
    }
    let dead = "WAYBILL_DLQ_URL: !Ref DeadLetterQueue";
    let dead = Case::new().edit("ConsumerFunction", dead, "WAYBILL_DLQ_URL: !ImportValue x");
    let notes = dead.notes("not-checked").join("\n");
    assert!(notes.contains("`dead-letter-told`"), "{notes}");
}

#[test]
fn what_may_be_made_or_told_and_is_not_known_is_a_note() {
    let notes = |from: &str, to: &str| {
        assert!(PLAIN.contains(from), "{from}");
        Case::of(&PLAIN.replace(from, to))
            .notes("not-checked")
            .join("\n")
    };
    let made = notes("Rows: { Type", "Rows: { Condition: Missing, Type");
    assert!(made.contains("taken as made"), "{made}");
    let told = notes(
        "Timeout: 30,",
        "Timeout: 30, Events: { 'Fn::Transform': x },",
    );
    assert!(told.contains("left out"), "{told}");
}

#[test]
fn a_template_in_json_is_read_too() {
    let json = r#"{ "Resources": { "F": { "Type": "AWS::Lambda::Function", "Properties": {} } } }"#;
    assert_eq!(Case::of(json).broken(), ["no-function"]);
}

#[test]
fn what_globals_say_of_functions_counts() {
    let globals = "\nGlobals: { Function: { Timeout: 61 } }\n\nResources:\n";
    let mut case = Case::new().edit(
        "ConsumerFunction",
        "Timeout: !Ref FunctionTimeoutSeconds",
        "",
    );
    case.text = case.text.replace("\nResources:\n", globals);
    assert_eq!(case.broken(), ["visibility-too-short"]);
}

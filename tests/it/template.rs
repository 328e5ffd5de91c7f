//! `template.yaml` keeps the relations that the promises stand on, whatever its parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::json;

use waybill_core::limit::SQS_BATCH_MAX;
use waybill_core::retry::RetryPolicy;

use crate::tidy::words;
use crate::yaml;
use chosen::{Template, number};

pub(crate) mod chosen;
pub(crate) mod deployed;
mod fifo;
mod gradual;
mod polling;
mod secured;

/// How long a redriven message may still be on its way after the dead-letter queue let it go.
const REDRIVE_WINDOW_DAYS: u64 = 7;

const DAY_SECONDS: u64 = 86_400;

/// The functions that are deployed, with the folder of each.
const FUNCTIONS: [(&str, &str); 3] = [
    ("ConsumerFunction", "functions/consumer"),
    ("PollerFunction", "functions/poller"),
    ("RedriveFunction", "functions/redrive"),
];

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The retry policies of the sample's routes, and the built-in one.
fn sample_policies() -> Vec<RetryPolicy> {
    let text = yaml::text("infra/routes/routes.yaml");
    let file = waybill_core::routes::RoutesFile::parse(&text, |_| None);
    let routes = file.unwrap_or_else(|errors| panic!("{errors}")).routes;
    let mut policies: Vec<_> = routes.into_iter().map(|route| route.retry).collect();
    policies.push(RetryPolicy::default());
    policies
}

#[test]
fn a_received_message_stays_hidden_six_times_as_long_as_the_function_may_take_f20() {
    let template = Template::new();
    let visibility = number(&template.property("SourceQueue", "VisibilityTimeout"));
    let timeout = number(&template.property("ConsumerFunction", "Timeout"));
    for mapping in template.mappings() {
        let window = &mapping["MaximumBatchingWindowInSeconds"];
        let window = if window.is_null() { 0 } else { number(window) };
        assert!(visibility >= 6 * timeout + window);
    }
}

#[test]
fn every_mapping_reports_failures_message_by_message_f12_f13() {
    for mapping in Template::new().mappings() {
        assert_eq!(
            mapping["FunctionResponseTypes"],
            json!(["ReportBatchItemFailures"])
        );
    }
}

#[test]
fn no_mapping_filters_because_what_it_filters_it_deletes_f21() {
    for mapping in Template::new().mappings() {
        assert!(mapping["FilterCriteria"].is_null());
    }
}

#[test]
fn a_batch_is_at_most_ten_f23() {
    let template = Template::new();
    let most = number(&template.text["Parameters"]["BatchSize"]["MaxValue"]);
    assert_eq!(most, u64::try_from(SQS_BATCH_MAX).unwrap());
    for mapping in template.mappings() {
        assert!(number(&mapping["BatchSize"]) <= most);
    }
}

#[test]
fn concurrency_is_bounded_and_reserved_f18() {
    for (chosen, template) in Template::each("MaximumConcurrency") {
        let reserved = template.property("ConsumerFunction", "ReservedConcurrentExecutions");
        for mapping in template.mappings() {
            let most = &mapping["ScalingConfig"]["MaximumConcurrency"];
            assert_eq!(number(most), number(&json!(chosen)));
            assert!(number(most) <= number(&reserved));
            assert!(number(most) >= 2, "Lambda takes no less");
            assert!(mapping["ProvisionedPollerConfig"].is_null());
        }
    }
}

#[test]
fn receives_outlast_the_retries_of_every_sample_route_f18() {
    let template = Template::new();
    let receives = number(&template.property("SourceQueue", "RedrivePolicy")["maxReceiveCount"]);
    for policy in sample_policies() {
        assert!(receives >= 2 * (u64::from(policy.steps) + 1) + 3);
    }
    let least = number(&template.text["Parameters"]["MaxReceiveCount"]["MinValue"]);
    assert!(least >= 5);
}

#[test]
fn send_mode_is_refused_with_the_receives_of_redrive_mode() {
    let template = Template::new();
    let rule = &template.text["Rules"]["SendNeedsRoomForReceives"];
    let when = json!({ "Fn::Equals": [{ "Ref": "DeadLetterMode" }, "send"] });
    assert_eq!(rule["RuleCondition"], when);
    let default = &template.parameters["MaxReceiveCount"];
    let refused = json!({
        "Fn::Not": [{ "Fn::Equals": [{ "Ref": "MaxReceiveCount" }, default] }]
    });
    assert_eq!(rule["Assertions"][0]["Assert"], refused);
}

#[test]
fn every_retry_of_a_sample_route_is_over_before_the_shortest_retention_f08() {
    let (_, shortest) = Template::each("SourceRetentionDays").next().unwrap();
    let retention = number(&shortest.property("SourceQueue", "MessageRetentionPeriod"));
    for policy in sample_policies() {
        let cap = policy.cap.as_secs_f64() * (1.0 + policy.jitter);
        let total = cap * f64::from(policy.steps);
        assert!(Duration::from_secs_f64(total) < Duration::from_secs(retention));
    }
}

#[test]
fn the_dead_letter_queue_keeps_fourteen_days_and_longer_than_any_source_f68() {
    for (days, template) in Template::each("SourceRetentionDays") {
        let source = number(&template.property("SourceQueue", "MessageRetentionPeriod"));
        let dead = number(&template.property("DeadLetterQueue", "MessageRetentionPeriod"));
        assert_eq!(source, number(&json!(days)) * DAY_SECONDS);
        let said = &template.variables("ConsumerFunction")["WAYBILL_QUEUE_RETENTION_SECONDS"];
        assert_eq!(
            *said,
            json!(source.to_string()),
            "the function knows it too"
        );
        assert_eq!(dead, 14 * DAY_SECONDS);
        assert!(dead > source);
    }
}

#[test]
fn a_ledger_row_outlives_both_retentions_and_the_redrive_window_f37() {
    for (days, template) in Template::each("SourceRetentionDays") {
        let dead = number(&template.property("DeadLetterQueue", "MessageRetentionPeriod"));
        let longest = number(&json!(days)) + dead / DAY_SECONDS + REDRIVE_WINDOW_DAYS;
        let template = template.with("Mode", "both");
        for function in template.of_type("AWS::Serverless::Function") {
            let ttl = number(&template.variables(&function)["WAYBILL_LEDGER_TTL_DAYS"]);
            assert_eq!(ttl, longest, "{function}, source retention of {days} days");
        }
    }
}

#[test]
fn dead_messages_go_to_the_one_dead_letter_queue_which_takes_them_from_nowhere_else() {
    let template = Template::new();
    let policy = template.property("SourceQueue", "RedrivePolicy");
    let queue = json!({ "Fn::GetAtt": "DeadLetterQueue.Arn" });
    assert_eq!(policy["deadLetterTargetArn"], queue);

    let name = template.property("SourceQueue", "QueueName");
    let name = name["Fn::Sub"].as_str().unwrap();
    let arn = format!("arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:{name}");
    let allowed = json!({
        "redrivePermission": "byQueue",
        "sourceQueueArns": [{ "Fn::Sub": arn }],
    });
    assert_eq!(
        template.property("DeadLetterQueue", "RedriveAllowPolicy"),
        allowed
    );
}

#[test]
fn both_queues_are_encrypted() {
    let template = Template::new();
    for queue in template.of_type("AWS::SQS::Queue") {
        assert_eq!(template.property(&queue, "SqsManagedSseEnabled"), true);
    }
}

#[test]
fn every_queue_refuses_what_does_not_come_over_tls() {
    let template = Template::new();
    let policies = template.of_type("AWS::SQS::QueuePolicy").into_iter();
    let mut covered = policies.map(|policy| {
        let queues = template.property(&policy, "Queues");
        let [queue] = queues.as_array().unwrap().as_slice() else {
            panic!("one policy, one queue");
        };
        let queue = queue["Ref"].as_str().unwrap().to_owned();
        let statement = json!({
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": { "Fn::GetAtt": format!("{queue}.Arn") },
            "Condition": { "Bool": { "aws:SecureTransport": "false" } },
        });
        let document = template.property(&policy, "PolicyDocument");
        let statements = document["Statement"].as_array().unwrap();
        assert!(statements.contains(&statement), "{queue}");
        queue
    });
    // SQS keeps one policy per queue: a second resource for a queue would replace the first.
    let mut once = BTreeSet::new();
    assert!(covered.all(|queue| once.insert(queue)));
    let queues = template.of_type("AWS::SQS::Queue").into_iter().collect();
    assert_eq!(once, queues);
}

#[test]
fn the_ledger_is_one_table_by_hashed_key_with_an_index_of_what_is_dead_or_waits_f44() {
    let template = Template::new();
    let pk = json!([{ "AttributeName": "pk", "KeyType": "HASH" }]);
    assert_eq!(template.property("LedgerTable", "KeySchema"), pk);
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    assert_eq!(
        template.property("LedgerTable", "AttributeDefinitions"),
        json!([
            attribute("pk", "S"),
            attribute("ix", "S"),
            attribute("expires_at", "N")
        ])
    );
    let index = json!([{
        "IndexName": waybill_aws::dynamodb::INDEX,
        "KeySchema": [
            { "AttributeName": "ix", "KeyType": "HASH" },
            { "AttributeName": "expires_at", "KeyType": "RANGE" },
        ],
        "Projection": { "ProjectionType": "KEYS_ONLY" },
    }]);
    assert_eq!(
        template.property("LedgerTable", "GlobalSecondaryIndexes"),
        index
    );
    let local = template.property("LedgerTable", "LocalSecondaryIndexes");
    assert!(local.is_null());
}

#[test]
fn the_ledger_is_paid_by_request() {
    let mode = Template::new().property("LedgerTable", "BillingMode");
    assert_eq!(mode, "PAY_PER_REQUEST");
}

#[test]
fn the_ledger_lives_in_one_region() {
    let template = Template::new();
    assert_eq!(template.of_type("AWS::DynamoDB::GlobalTable"), [""; 0]);
    assert_eq!(template.of_type("AWS::DynamoDB::Table"), ["LedgerTable"]);
}

#[test]
fn ledger_rows_end_by_their_own_time_to_live_f41() {
    let ttl = Template::new().property("LedgerTable", "TimeToLiveSpecification");
    assert_eq!(
        ttl,
        json!({ "AttributeName": "expires_at", "Enabled": true })
    );
}

#[test]
fn the_ledger_can_be_brought_back_to_any_point_in_time() {
    let recovery = Template::new().property("LedgerTable", "PointInTimeRecoverySpecification");
    assert_eq!(recovery["PointInTimeRecoveryEnabled"], true);
}

#[test]
fn the_ledger_outlives_its_stack() {
    let table = &Template::new().text["Resources"]["LedgerTable"];
    assert_eq!(table["DeletionPolicy"], "Retain");
    assert_eq!(table["UpdateReplacePolicy"], "Retain");
}

#[test]
fn the_ledger_is_protected_from_deletion_unless_the_parameter_says_otherwise() {
    let protected =
        |template: Template| template.property("LedgerTable", "DeletionProtectionEnabled");
    assert_eq!(protected(Template::new()), true);
    let off = Template::new().with("LedgerDeletionProtection", "false");
    assert_eq!(protected(off), false);
}

/// The schedules that the functions may make: those of the stack's own group, by the beginning of
/// their names.
const SCHEDULES: &str = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:\
                         schedule/${ScheduleGroup}/waybill-*";

/// What both functions may do, in `redrive` mode, with the log group of each.
fn granted(log_group: &str) -> BTreeMap<String, BTreeSet<String>> {
    let ledger = set(&[
        "dynamodb:PartiQLInsert",
        "dynamodb:PartiQLUpdate",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
    ]);
    let source = set(&[
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ChangeMessageVisibility",
    ]);
    let log = set(&["logs:CreateLogStream", "logs:PutLogEvents"]);
    BTreeMap::from([
        ("LedgerTable.Arn".to_owned(), ledger),
        (SCHEDULES.to_owned(), set(&["scheduler:CreateSchedule"])),
        ("ScheduleRole.Arn".to_owned(), set(&["iam:PassRole"])),
        ("SourceQueue.Arn".to_owned(), source),
        (format!("{log_group}.Arn"), log),
    ])
}

#[test]
fn each_function_may_do_what_its_code_does_and_no_more() {
    let template = Template::new().with("Mode", "both");
    for name in ["Consumer", "Poller"] {
        let role = template.role(&format!("{name}Role"));
        assert_eq!(role, granted(&format!("{name}LogGroup")), "{name}");
    }
}

#[test]
fn a_function_may_send_to_the_dead_letter_queue_in_send_mode_only() {
    let template = || Template::new().with("Mode", "both");
    for role in ["ConsumerRole", "PollerRole"] {
        let mut sending = template().with("DeadLetterMode", "send").role(role);
        let sends = sending.remove("DeadLetterQueue.Arn");
        assert_eq!(sends, Some(set(&["sqs:SendMessage"])));
        assert_eq!(sending, template().role(role));
    }
}

#[test]
fn routes_in_a_parameter_are_read_by_that_name_and_no_other_parameter_may_be() {
    let template = || Template::new().with("Mode", "both");
    let name = "/shop/routes";
    for (function, role) in [
        ("ConsumerFunction", "ConsumerRole"),
        ("PollerFunction", "PollerRole"),
    ] {
        let kept = template().with("RoutesParameterName", name);
        let routes = &kept.variables(function)["WAYBILL_ROUTES"];
        assert_eq!(*routes, json!({ "Fn::Sub": "ssm:${RoutesParameterName}" }));
        let mut reading = kept.role(role);
        let parameter = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter\
                         ${RoutesParameterName}";
        let reads = reading.remove(parameter);
        assert_eq!(reads, Some(set(&["ssm:GetParameter"])));
        assert_eq!(reading, template().role(role));
    }
}

#[test]
fn only_with_x_ray_may_a_function_send_segments_and_is_it_traced_by_lambda_f78() {
    let template = || Template::new().with("Mode", "both");
    for name in ["Consumer", "Poller"] {
        let (function, role) = (format!("{name}Function"), format!("{name}Role"));
        for traces in ["off", "xray", "otlp", "stdout"] {
            let template = match traces {
                "off" => template(),
                other => template().with("Traces", other),
            };
            assert_eq!(template.variables(&function)["WAYBILL_TRACES"], traces);
            let by_x_ray = traces == "xray";
            let mode = if by_x_ray { "Active" } else { "PassThrough" };
            assert_eq!(template.property(&function, "Tracing"), mode);
            let mut granted = template.role(&role);
            let segments = set(&["xray:PutTraceSegments", "xray:PutTelemetryRecords"]);
            assert_eq!(granted.remove("*"), by_x_ray.then_some(segments));
            assert_eq!(granted, Template::new().with("Mode", "both").role(&role));
        }
    }
}

#[test]
fn only_with_a_valve_may_a_function_change_a_mapping_and_only_its_own() {
    let policies = |template: Template| template.of_type("AWS::IAM::Policy");
    let off = |mode| Template::new().with("Mode", mode);
    let on = |mode| off(mode).with("SourceValve", "true");
    for mode in ["trigger", "poll", "both"] {
        assert_eq!(policies(off(mode)), [""; 0], "{mode}");
        let said = mode != "poll";
        assert_eq!(!policies(on(mode)).is_empty(), said, "{mode}");
    }
    for (template, said) in [(off("both"), json!(null)), (on("both"), json!("true"))] {
        let variables = template.variables("ConsumerFunction");
        assert_eq!(variables["WAYBILL_SOURCE_VALVE"], said);
        let variables = template.variables("PollerFunction");
        assert!(variables["WAYBILL_SOURCE_VALVE"].is_null(), "it rests");
        let role = template.role("ConsumerRole");
        assert_eq!(role, off("both").role("ConsumerRole"));
    }
    let template = on("trigger");
    let roles = template.property("SourceValvePolicy", "Roles");
    assert_eq!(roles, json!([{ "Ref": "ConsumerRole" }]));
    let statements = &template.property("SourceValvePolicy", "PolicyDocument")["Statement"];
    let [find, change] = statements.as_array().unwrap().as_slice() else {
        panic!("{statements}");
    };
    assert_eq!(find["Action"], json!(["lambda:ListEventSourceMappings"]));
    let own = json!({ "Fn::GetAtt": "ConsumerFunction.Arn" });
    assert_eq!(
        change["Condition"],
        json!({ "ArnEquals": { "lambda:FunctionArn": own } })
    );
    let actions = [
        "lambda:GetEventSourceMapping",
        "lambda:UpdateEventSourceMapping",
    ];
    assert_eq!(change["Action"], json!(actions));
}

#[test]
fn no_function_can_send_a_message_back_to_its_own_queue_f28() {
    for (kind, template) in Template::every_kind() {
        let roles = template.of_type("AWS::IAM::Role").into_iter();
        // No function has the schedules' roles: one is only passed on. What brings dead letters
        // back receives from no queue that it sends to, and nothing but people invokes it.
        let others = ["ScheduleRole", "CanaryRole", "RedriveRole"];
        for role in roles.filter(|role| !others.contains(&role.as_str())) {
            for (resource, actions) in template.role(&role) {
                let sends = actions.iter().any(|action| action.contains("Send"));
                assert!(
                    !sends || resource == "DeadLetterQueue.Arn",
                    "{kind}: {role}"
                );
            }
        }
    }
}

#[test]
fn each_function_has_a_role_of_its_own_and_no_other_policy() {
    let template = Template::new().with("Mode", "both");
    for name in ["Consumer", "Poller"] {
        let function = format!("{name}Function");
        // Without a role of its own SAM attaches one that may receive from every queue.
        let role = json!({ "Fn::GetAtt": format!("{name}Role.Arn") });
        assert_eq!(template.property(&function, "Role"), role);
        assert!(template.property(&function, "Policies").is_null());
        let log_group = json!({ "LogGroup": { "Ref": format!("{name}LogGroup") } });
        assert_eq!(template.property(&function, "LoggingConfig"), log_group);
    }
    for role in template.of_type("AWS::IAM::Role") {
        assert!(template.property(&role, "ManagedPolicyArns").is_null());
    }
}

#[test]
fn what_the_targets_need_is_one_policy_of_the_teams_for_both_functions() {
    let policy = "arn:aws:iam::123456789012:policy/targets";
    let template = Template::new().with("Mode", "both");
    let template = template.with("TargetPolicyArn", policy);
    for role in template.of_type("AWS::IAM::Role") {
        let delivers = ["ConsumerRole", "PollerRole"].contains(&role.as_str());
        let expected = if delivers {
            json!([policy])
        } else {
            json!(null)
        };
        assert_eq!(
            template.property(&role, "ManagedPolicyArns"),
            expected,
            "{role}"
        );
    }
    let description = &template.text["Parameters"]["TargetPolicyArn"]["Description"];
    let description = description.as_str().unwrap();
    for action in [
        "sqs:SendMessage",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "sns:Publish",
        "events:PutEvents",
        "events:DescribeEventBus",
        "lambda:InvokeFunction",
        "states:StartExecution",
        "states:DescribeStateMachine",
        "states:DescribeExecution",
        "kinesis:PutRecord",
    ] {
        assert!(description.contains(action), "{action}");
    }
}

#[test]
fn the_function_is_told_where_everything_is() {
    let template = Template::new();
    let told = template.variables("ConsumerFunction");
    let expected = json!({
        "WAYBILL_CONSUMER": { "Ref": "AWS::StackName" },
        "WAYBILL_ROUTES": "/opt/routes.yaml",
        "WAYBILL_QUEUE_URL": { "Ref": "SourceQueue" },
        "WAYBILL_DLQ_URL": { "Ref": "DeadLetterQueue" },
        "WAYBILL_DEAD_LETTER": "redrive",
        "WAYBILL_LEDGER_TABLE": { "Ref": "LedgerTable" },
        "WAYBILL_LEDGER_TTL_DAYS": "25",
        "WAYBILL_QUEUE_RETENTION_SECONDS": "345600",
        "WAYBILL_SCHEDULE_GROUP": { "Ref": "ScheduleGroup" },
        "WAYBILL_SCHEDULE_ROLE_ARN": { "Fn::GetAtt": "ScheduleRole.Arn" },
        "WAYBILL_SCHEDULE_DLQ_ARN": { "Fn::GetAtt": "UnsentQueue.Arn" },
        "WAYBILL_TRACES": "off",
        "WAYBILL_TRACES_RATIO": "1",
        "WAYBILL_ALLOW_PRIVATE_TARGETS": "false",
        "WAYBILL_METRICS": "emf",
        "RUST_LOG": "info",
    });
    assert_eq!(told, expected);
}

#[test]
fn only_a_schedule_sends_to_the_source_queue_and_functions_make_them_in_their_own_group_f28() {
    let template = Template::new().with("Mode", "both");
    let send = || set(&["sqs:SendMessage"]);
    let expected = ["SourceQueue.Arn", "UnsentQueue.Arn"];
    let expected = expected.map(|queue| (queue.to_owned(), send()));
    assert_eq!(template.role("ScheduleRole"), expected.into());
    for role in ["ConsumerRole", "PollerRole"] {
        let policies = template.property(role, "Policies");
        let statements = policies[0]["PolicyDocument"]["Statement"].as_array();
        let mut statements = statements.unwrap().iter();
        let pass = statements.find(|one| one["Action"] == "iam:PassRole");
        let to = json!({ "StringEquals": { "iam:PassedToService": "scheduler.amazonaws.com" } });
        assert_eq!(pass.unwrap()["Condition"], to, "{role}");
    }
}

#[test]
fn nothing_waits_outside_a_fifo_queue_or_where_schedules_are_switched_off_f24() {
    let both = || Template::new().with("Mode", "both");
    let parts = [
        "ScheduleGroup",
        "ScheduleRole",
        "UnsentQueue",
        "UnsentQueuePolicy",
    ];
    assert!(
        parts
            .iter()
            .all(|part| both().made("Resources").contains(*part))
    );
    for template in [both().fifo(), both().with("Schedules", "false")] {
        let made = template.made("Resources");
        assert!(parts.iter().all(|part| !made.contains(*part)));
        for (function, role) in FUNCTIONS.map(|(name, _)| (name, name.replace("Function", "Role")))
        {
            let told = template.variables(function);
            let mut told = told.as_object().unwrap().keys();
            assert!(
                !told.any(|name| name.starts_with("WAYBILL_SCHEDULE")),
                "{function}"
            );
            let may = template.role(&role);
            assert!(
                !may.values()
                    .flatten()
                    .any(|a| a.contains("iam:") || a.contains("scheduler:"))
            );
        }
    }
}

#[test]
fn the_routes_file_comes_by_a_layer_so_that_changing_it_needs_no_build() {
    let template = Template::new();
    let layers = json!([{ "Ref": "RoutesLayer" }]);
    assert_eq!(template.property("ConsumerFunction", "Layers"), layers);
    let folder = template.property("RoutesLayer", "ContentUri");
    let file = yaml::root()
        .join(folder.as_str().unwrap())
        .join("routes.yaml");
    assert!(file.is_file());
    assert_eq!(template.parameters["Routes"], "/opt/routes.yaml");
}

#[test]
fn each_function_is_built_from_its_package_for_the_bare_runtime() {
    let template = Template::new();
    for (name, folder) in FUNCTIONS {
        let function = &template.text["Resources"][name];
        assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda");
        assert_eq!(function["Properties"]["Handler"], "bootstrap");
        assert_eq!(function["Properties"]["Runtime"], "provided.al2023");
        assert_eq!(function["Properties"]["CodeUri"], folder);
        let manifest = yaml::text(&format!("{folder}/Cargo.toml"));
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str();
        assert!(manifest.contains(&format!("name = \"{}\"\n", binary.unwrap())));
    }
}

#[test]
fn every_function_is_among_them() {
    let template = Template::new().with("Mode", "both");
    let made = template.of_type("AWS::Serverless::Function");
    assert_eq!(made, FUNCTIONS.map(|(name, _)| name));
}

#[test]
fn the_readme_of_each_function_names_the_variables_it_is_told() {
    let template = Template::new().with("Mode", "both");
    let template = template.with("SourceValve", "true");
    for (name, folder) in FUNCTIONS {
        let readme = words(&yaml::text(&format!("{folder}/README.md")), "WAYBILL_");
        let told = template.variables(name);
        let told = told.as_object().unwrap().keys();
        let told = told.filter(|variable| variable.starts_with("WAYBILL_"));
        assert_eq!(readme, told.cloned().collect(), "{folder}");
    }
}

#[test]
fn the_readme_of_each_function_names_every_action_of_its_role() {
    let template = Template::new().with("Mode", "both");
    let template = template.with("DeadLetterMode", "send");
    let template = template.with("RoutesParameterName", "/shop/routes");
    let template = template.with("Traces", "xray");
    for (name, folder) in FUNCTIONS {
        let readme = yaml::text(&format!("{folder}/README.md"));
        let role = template.role(&name.replace("Function", "Role"));
        let expected = if name == "RedriveFunction" { 5 } else { 8 };
        assert_eq!(role.len(), expected, "{name}");
        for action in role.into_values().flatten() {
            assert!(
                readme.contains(&format!("`{action}`")),
                "{folder}: {action}"
            );
        }
    }
}

#[test]
fn each_function_runs_on_arm_unless_told_otherwise() {
    let template = || Template::new().with("Mode", "both");
    for function in template().of_type("AWS::Serverless::Function") {
        let on = |template: Template| template.property(&function, "Architectures");
        assert_eq!(on(template()), json!(["arm64"]));
        assert_eq!(
            on(template().with("Architecture", "x86_64")),
            json!(["x86_64"])
        );
    }
}

#[test]
fn a_panic_unwinds_in_the_release_profile_f15() {
    let manifest = yaml::text("Cargo.toml");
    let setting = |line: &&str| line.trim_start().starts_with("panic");
    let outside_lints = manifest
        .split("[workspace.lints.clippy]")
        .next()
        .into_iter()
        .chain(manifest.split("[profile").skip(1));
    for part in outside_lints {
        assert_eq!(part.lines().find(setting), None);
    }
}

#[test]
fn the_outputs_name_what_others_need_and_there_is() {
    let always = [
        "SourceQueueUrl",
        "SourceQueueArn",
        "DeadLetterQueueUrl",
        "LedgerTableName",
        "ScheduleGroupName",
        "UnsentQueueUrl",
        "RedriveFunctionName",
    ];
    for (mode, functions) in [
        ("trigger", &["ConsumerFunctionName"][..]),
        ("poll", &["PollerFunctionName"][..]),
        ("both", &["ConsumerFunctionName", "PollerFunctionName"][..]),
    ] {
        let outputs = Template::new().with("Mode", mode).made("Outputs");
        let expected: Vec<_> = always.iter().chain(functions).copied().collect();
        assert_eq!(outputs, set(&expected), "{mode}");
    }
}

#[test]
fn the_sample_routes_are_read_by_the_function() {
    let text = yaml::text("infra/routes/routes.yaml");
    let file = waybill_core::routes::RoutesFile::parse(&text, |_| None);
    assert_eq!(
        file.unwrap_or_else(|errors| panic!("{errors}"))
            .routes
            .len(),
        2
    );
}

use std::path::PathBuf;

use waybill_aws::survey::{Refused, RefusedKind, SurveyedFunction, SurveyedTable};

use super::super::super::finding::{Finding, Input, Severity};
use super::super::super::rules::judge;
use super::super::answers::{Attributes, RoutesRead};
use super::*;

const ROUTES: &str = "routes:
  - name: crm
    target: { http: { url: 'https://crm.example.com/' } }
";

const SOURCE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/shop-source";

fn arn(name: &str) -> String {
    format!("arn:aws:sqs:eu-west-1:123456789012:{name}")
}

fn queue(name: &str, attributes: &[(&str, &str)]) -> QueueRead {
    let owned = |(a, b): &(&str, &str)| ((*a).to_owned(), (*b).to_owned());
    QueueRead {
        id: format!("sqs:{name}"),
        name: name.to_owned(),
        url: format!("https://sqs.eu-west-1.amazonaws.com/123456789012/{name}"),
        arn: Some(arn(name)),
        attributes: Ok(attributes.iter().map(owned).collect::<Attributes>()),
    }
}

/// A stack as the template makes it.
fn whole() -> Answers {
    let dead = arn("shop-dead");
    let redrive = format!(r#"{{"deadLetterTargetArn":"{dead}","maxReceiveCount":25}}"#);
    let allow = format!(
        r#"{{"redrivePermission":"byQueue","sourceQueueArns":["{}"]}}"#,
        arn("shop-source")
    );
    let variables = [
        ("WAYBILL_CONSUMER", "shop"),
        ("WAYBILL_QUEUE_URL", SOURCE),
        (
            "WAYBILL_DLQ_URL",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/shop-dead",
        ),
        ("WAYBILL_LEDGER_TABLE", "ledger"),
        ("WAYBILL_LEDGER_TTL_DAYS", "25"),
        ("WAYBILL_QUEUE_RETENTION_SECONDS", "345600"),
        ("WAYBILL_ROUTES", "ssm:/shop/routes"),
    ];
    let variables = variables.map(|(a, b)| (a.to_owned(), b.to_owned()));
    Answers {
        queues: vec![
            queue(
                "shop-source",
                &[
                    ("VisibilityTimeout", "360"),
                    ("MessageRetentionPeriod", "345600"),
                    ("RedrivePolicy", &redrive),
                ],
            ),
            queue(
                "shop-dead",
                &[
                    ("MessageRetentionPeriod", "1209600"),
                    ("RedriveAllowPolicy", &allow),
                ],
            ),
        ],
        mappings: vec![(
            "sqs:shop-source".to_owned(),
            mapping("m-1", "shop-consumer"),
        )],
        functions: vec![FunctionRead {
            id: "lambda:shop-consumer".to_owned(),
            name: "shop-consumer".to_owned(),
            read: Ok(SurveyedFunction {
                name: "shop-consumer".to_owned(),
                timeout: Some(60),
                variables: Ok(variables.into()),
            }),
            reserved: Ok(Some(10)),
        }],
        tables: vec![TableRead {
            id: "dynamodb:ledger".to_owned(),
            name: "ledger".to_owned(),
            read: Ok(SurveyedTable {
                keys: vec![("pk".to_owned(), "HASH".to_owned())],
                attributes: vec![("pk".to_owned(), "S".to_owned())],
                on_demand: true,
                warm_writes: Some(4000),
                protected: true,
                ..SurveyedTable::default()
            }),
            expiry: Ok(Some("expires_at".to_owned())),
            recovery: Ok(true),
        }],
        routes: vec![RoutesRead {
            function: "lambda:shop-consumer".to_owned(),
            place: "ssm:/shop/routes".to_owned(),
            text: Ok(ROUTES.to_owned()),
        }],
        ..Answers::default()
    }
}

fn mapping(id: &str, function: &str) -> SurveyedMapping {
    SurveyedMapping {
        id: id.to_owned(),
        function_arn: format!("arn:aws:lambda:eu-west-1:123456789012:function:{function}"),
        enabled: true,
        batch_size: Some(10),
        response_types: vec!["ReportBatchItemFailures".to_owned()],
        maximum_concurrency: Some(10),
        ..SurveyedMapping::default()
    }
}

fn found(answers: Answers) -> Vec<Finding> {
    found_beside(answers, Routes::Said(ROUTES.to_owned()))
}

fn found_beside(answers: Answers, routes: Routes) -> Vec<Finding> {
    let path = PathBuf::from("routes.yaml");
    let (checked, _) = checked(answers, Local { path, routes });
    judge(&checked).findings
}

/// The rules that are broken, notes aside.
fn broken(findings: &[Finding]) -> Vec<&'static str> {
    let findings = findings.iter();
    let broken = findings.filter(|one| one.severity() != Severity::Note);
    broken.map(|one| one.rule.id).collect()
}

/// What the stack's rules find once this is changed.
fn changed(change: impl FnOnce(&mut Answers)) -> Vec<&'static str> {
    let mut answers = whole();
    change(&mut answers);
    broken(&found(answers))
}

/// Sets an attribute of a queue.
fn set(answers: &mut Answers, place: usize, name: &str, value: &str) {
    let attributes = answers.queues[place].attributes.as_mut().unwrap();
    attributes.insert(name.to_owned(), value.to_owned());
}

fn function(answers: &mut Answers) -> &mut SurveyedFunction {
    answers.functions[0].read.as_mut().unwrap()
}

fn table(answers: &mut Answers) -> &mut SurveyedTable {
    answers.tables[0].read.as_mut().unwrap()
}

#[test]
fn a_stack_as_the_template_makes_it_has_nothing_to_mend() {
    let findings = found(whole());
    assert_eq!(broken(&findings), [""; 0], "{findings:#?}");
    let notes: Vec<_> = findings.iter().map(|one| one.message.as_str()).collect();
    let notes = notes.join("\n");
    assert!(notes.contains("`self-send`"), "{notes}");
    assert!(notes.contains("`ledger-not-retained`"), "{notes}");
    assert!(!notes.contains("`visibility-too-short`"), "{notes}");
}

#[test]
fn the_rules_of_a_template_are_those_of_a_stack() {
    type Change = fn(&mut Answers);
    let table: [(&str, Change); 16] = [
        ("visibility-too-short", |a| {
            set(a, 0, "VisibilityTimeout", "359")
        }),
        ("retention-told", |a| {
            set(a, 0, "MessageRetentionPeriod", "345500")
        }),
        ("dead-letter-retention", |a| {
            set(a, 1, "MessageRetentionPeriod", "345600")
        }),
        ("redrive-not-allowed", |a| {
            let deny = r#"{"redrivePermission":"denyAll"}"#;
            set(a, 1, "RedriveAllowPolicy", deny);
        }),
        ("batch-responses-missing", |a| {
            a.mappings[0].1.response_types.clear()
        }),
        ("concurrency-unbounded", |a| {
            a.mappings[0].1.maximum_concurrency = None
        }),
        ("mapping-disabled", |a| a.mappings[0].1.enabled = false),
        ("filter-deletes", |a| a.mappings[0].1.filters = true),
        ("concurrency-over-reserved", |a| {
            a.functions[0].reserved = Ok(Some(9))
        }),
        ("concurrency-not-reserved", |a| {
            a.functions[0].reserved = Ok(None)
        }),
        ("ledger-expiry-off", |a| a.tables[0].expiry = Ok(None)),
        ("ledger-no-recovery", |a| a.tables[0].recovery = Ok(false)),
        ("ledger-unprotected", |a| table(a).protected = false),
        ("ledger-cold", |a| table(a).warm_writes = Some(199)),
        ("ledger-ttl-short", |a| {
            let days = "WAYBILL_LEDGER_TTL_DAYS".to_owned();
            let variables = function(a).variables.as_mut().unwrap();
            variables.insert(days, "24".to_owned());
        }),
        ("start-refused", |a| {
            let variables = function(a).variables.as_mut().unwrap();
            variables.remove("WAYBILL_CONSUMER");
        }),
    ];
    for (rule, change) in table {
        assert_eq!(changed(change), [rule]);
    }
}

#[test]
fn an_eventually_consistent_global_table_is_refused_as_a_ledger() {
    let regions = |consistency: Option<&str>| {
        let consistency = consistency.map(str::to_owned);
        changed(|a| {
            table(a).regions = vec!["eu-west-1".to_owned(), "us-east-1".to_owned()];
            table(a).consistency = consistency;
        })
    };
    assert_eq!(regions(None), ["ledger-replicated"]);
    assert_eq!(regions(Some("EVENTUAL")), ["ledger-replicated"]);
    assert_eq!(regions(Some("STRONG")), [""; 0]);
}

#[test]
fn what_else_takes_messages_off_the_queue_is_found_f29() {
    let others = changed(|answers| {
        let other = ("sqs:shop-source".to_owned(), mapping("m-2", "other"));
        answers.mappings.push(other);
    });
    assert_eq!(others, ["queue-foreign", "queue-shared"]);
    let drained = changed(|answers| {
        let other = ("sqs:shop-dead".to_owned(), mapping("m-2", "other"));
        answers.mappings.push(other);
    });
    assert_eq!(drained, ["dead-letters-drained"]);
}

#[test]
fn a_deployed_route_to_its_own_queue_is_a_loop_and_one_to_another_account_is_none_f28() {
    let to = |account: &str| {
        let url = SOURCE.replace("123456789012", account);
        changed(|answers| {
            let routes =
                format!("routes: [{{ name: a, target: {{ sqs: {{ queue_url: '{url}' }} }} }}]");
            answers.routes[0].text = Ok(routes);
        })
    };
    assert_eq!(to("123456789012"), ["loop", "routes-drift"]);
    assert_eq!(to("210987654321"), ["routes-drift"]);
}

#[test]
fn deployed_routes_that_are_not_the_files_are_a_warning() {
    let mut answers = whole();
    answers.routes[0].text = Ok(ROUTES.replace("crm.example", "new.example"));
    let findings = found(answers);
    assert_eq!(broken(&findings), ["routes-drift"]);
    let drift = findings.iter().find(|one| one.rule.id == "routes-drift");
    let drift = drift.unwrap();
    assert!(
        drift.message.contains("from line 3 on"),
        "{}",
        drift.message
    );
    assert_eq!(drift.input, Input::Stack);
    let trailing = changed(|a| a.routes[0].text = Ok(format!("{ROUTES}\n\n")));
    assert_eq!(trailing, [""; 0]);
}

#[test]
fn routes_that_no_request_shows_are_told_not_to_be_compared() {
    let mut answers = whole();
    let reason = "`lambda:shop-consumer` reads its routes from `/opt/routes.yaml`";
    answers.routes[0].text = Err(Unknown::new(reason));
    let findings = found(answers);
    assert_eq!(broken(&findings), [""; 0]);
    let notes = findings.iter().filter(|one| one.rule.id == "not-checked");
    let mut notes = notes.filter(|one| one.message.contains(reason));
    assert!(notes.next().unwrap().message.contains("`routes-drift`"));
    let findings = found_beside(whole(), Routes::Missing);
    let mut notes = findings.iter().filter(|one| one.rule.id == "not-checked");
    assert!(notes.any(|one| one.message.contains("no routes file to compare")));
}

/// A refusal.
fn refused(action: &'static str, kind: RefusedKind) -> Refused {
    Refused {
        action,
        kind,
        code: "AccessDenied".to_owned(),
        message: format!("it may not be read; allow `{action}` on it"),
    }
}

#[test]
fn a_missing_permission_is_a_finding_that_names_it_and_the_rest_is_judged() {
    let mut answers = whole();
    let reason = "`lambda:shop-consumer` needs `lambda:GetFunctionConfiguration`";
    answers.functions[0].read = Err(Unknown::new(reason));
    answers.unread.push(Unread {
        of: "lambda:shop-consumer".to_owned(),
        refused: refused("lambda:GetFunctionConfiguration", RefusedKind::NotAllowed),
    });
    set(&mut answers, 1, "MessageRetentionPeriod", "60");
    let findings = found(answers);
    assert_eq!(
        broken(&findings),
        ["dead-letter-retention", "live-not-read"]
    );
    let told = findings.iter().find(|one| one.rule.id == "live-not-read");
    let told = told.unwrap();
    assert!(told.remedy.contains("`lambda:GetFunctionConfiguration`"));
    let mut notes = findings.iter().filter(|one| one.rule.id == "not-checked");
    let note = notes.find(|one| one.message.contains(reason)).unwrap();
    assert!(
        note.message.contains("`visibility-too-short`"),
        "{}",
        note.message
    );
}

#[test]
fn each_permission_is_missing_by_itself() {
    let missing = changed(|answers| {
        answers.functions[0].reserved = Err(Unknown::new("it may not be read"));
        answers.unread.push(Unread {
            of: "lambda:shop-consumer".to_owned(),
            refused: refused("lambda:GetFunctionConcurrency", RefusedKind::NotAllowed),
        });
    });
    assert_eq!(missing, ["live-not-read"]);
}

#[test]
fn a_ledger_that_is_named_is_judged_though_no_function_could_be_read() {
    let mut answers = whole();
    answers.functions[0].read = Err(Unknown::new("it may not be read"));
    answers.ledger_said = Some("ledger".to_owned());
    answers.tables[0].expiry = Ok(None);
    assert_eq!(broken(&found(answers)), ["ledger-expiry-off"]);
}

#[test]
fn what_is_named_and_is_not_there_is_an_error() {
    let not_there = changed(|answers| {
        let gone = Err(Unknown::new("it is not there"));
        answers.tables[0].read = gone;
        answers.unread.push(Unread {
            of: "dynamodb:ledger".to_owned(),
            refused: refused("dynamodb:DescribeTable", RefusedKind::NotThere),
        });
    });
    assert_eq!(not_there, ["live-not-there"]);
}

#[test]
fn a_poller_is_judged_though_it_has_no_mapping() {
    let mut answers = whole();
    answers.mappings.clear();
    assert_eq!(broken(&found(answers.clone())), [""; 0]);
    answers.functions[0].reserved = Ok(None);
    assert_eq!(broken(&found(answers)), ["poller-not-reserved"]);
}

#[test]
fn a_queue_of_nobody_is_told() {
    let nobody = changed(|answers| {
        answers.mappings.clear();
        answers.functions.clear();
        answers.tables.clear();
        answers.routes.clear();
    });
    assert_eq!(nobody, ["no-function"]);
    let kept = changed(|answers| {
        answers.mappings.clear();
        answers.functions.clear();
        set(answers, 1, "MessageRetentionPeriod", "60");
    });
    assert_eq!(kept, ["dead-letter-retention", "no-function"]);
}

#[test]
fn a_function_has_one_name_by_whatever_it_is_asked_for() {
    for function in [
        "shop",
        "shop:live",
        "arn:aws:lambda:eu-west-1:123456789012:function:shop",
        "arn:aws:lambda:eu-west-1:123456789012:function:shop:3",
    ] {
        assert_eq!(function_name(function), "shop", "{function}");
    }
}

#[test]
fn the_outage_of_a_stack_is_told_by_the_queues_name() {
    let path = PathBuf::from("routes.yaml");
    let routes = Routes::Said(ROUTES.to_owned());
    let (checked, _) = checked(whole(), Local { path, routes });
    let outages = judge(&checked).outages;
    assert_eq!(outages[0].queue, "sqs:shop-source");
    assert_eq!(outages[0].ledger.as_secs() / 60, 372);
}

//! Modes, the poller and its ticks.

use serde_json::{Value, json};

use super::chosen::{Template, number, references};
use super::set;
use crate::tidy::{REQUESTS, product_sources};

/// Between two ticks: `rate(1 minute)`.
const TICK_SECONDS: u64 = 60;

/// What the consumer alone needs.
const CONSUMER: [&str; 10] = [
    "ConsumerFunction",
    "ConsumerFunctionSourceQueueMessages",
    "ConsumerLogGroup",
    "ConsumerRole",
    "DeploymentRole",
    "ReleaseErrorsAlarm",
    "ReleaseFailedAlarm",
    "SourceValvePolicy",
    "ThrottledAlarm",
    "ThrottlesAlarm",
];

/// What the poller alone needs.
const POLLER: [&str; 5] = [
    "PollerFunction",
    "PollerLogGroup",
    "PollerRole",
    "PollerTick",
    "PollerTickRole",
];

fn polling() -> Template {
    Template::new().with("Mode", "poll")
}

#[test]
fn each_mode_makes_what_it_needs_and_no_more() {
    assert_eq!(Template::new().parameters["Mode"], "trigger");
    let of = |mode| {
        let template = Template::new().with("Mode", mode);
        let template = template.with("Deployment", "Canary10Percent5Minutes");
        template.with("SourceValve", "true").made("Resources")
    };
    let all = of("both");
    let written = Template::new().text["Resources"].as_object().unwrap().len();
    assert_eq!(all.len(), written);
    let without = |names: &[&str]| &all - &set(names);
    assert_eq!(of("trigger"), without(&POLLER));
    assert_eq!(of("poll"), without(&CONSUMER));
}

#[test]
fn nothing_refers_to_what_its_mode_leaves_out() {
    for (kind, template) in Template::every_kind() {
        let made = template.made("Resources");
        for section in ["Resources", "Outputs"] {
            for value in template.resolved(section) {
                for name in references(&value) {
                    let parameter = template.parameters.contains_key(&name);
                    let known = made.contains(&name) || name.starts_with("AWS::") || parameter;
                    assert!(known, "{kind}: {name}");
                }
            }
        }
    }
}

#[test]
fn every_kind_of_stack_is_let_through_by_the_rules() {
    for (kind, template) in Template::every_kind() {
        assert!(template.refusals().is_empty(), "{kind}");
    }
}

#[test]
fn only_the_consumer_is_triggered() {
    let both = Template::new().with("Mode", "both");
    assert_eq!(both.mappings().len(), 1);
    assert!(both.property("PollerFunction", "Events").is_null());
}

#[test]
fn consumer_and_poller_are_told_the_same_but_for_what_polling_needs() {
    let both = Template::new().with("Mode", "both");
    let mut told = both.variables("PollerFunction");
    let own = told.as_object_mut().unwrap();
    let visibility = own.remove("WAYBILL_VISIBILITY_SECONDS").unwrap();
    assert_eq!(number(&visibility), 30);
    let concurrency = own.remove("WAYBILL_CONCURRENCY").unwrap();
    assert_eq!(number(&concurrency), 100);
    // Above all one consumer name and one table: the ledger keeps the two apart.
    assert_eq!(told, both.variables("ConsumerFunction"));
    let alone = polling().variables("PollerFunction");
    assert_eq!(alone, both.variables("PollerFunction"));
    let layers = json!([{ "Ref": "RoutesLayer" }]);
    assert_eq!(both.property("PollerFunction", "Layers"), layers);
}

#[test]
fn the_poller_takes_the_numbers_that_its_code_takes() {
    let bounds = |name: &str| {
        let parameter = &Template::new().text["Parameters"][name];
        (
            number(&parameter["MinValue"]),
            number(&parameter["MaxValue"]),
        )
    };
    assert_eq!(bounds("PollerVisibilitySeconds"), (5, 43_200));
    assert_eq!(bounds("PollerConcurrency"), (1, 1000));
}

#[test]
fn a_tick_comes_each_minute_with_an_empty_event() {
    let tick = |name: &str| polling().property("PollerTick", name);
    assert_eq!(tick("ScheduleExpression"), "rate(1 minute)");
    assert_eq!(tick("FlexibleTimeWindow"), json!({ "Mode": "OFF" }));
    let target = tick("Target");
    assert_eq!(target["Input"], "{}");
    assert_eq!(target["Arn"], json!({ "Fn::GetAtt": "PollerFunction.Arn" }));
    assert_eq!(
        target["RoleArn"],
        json!({ "Fn::GetAtt": "PollerTickRole.Arn" })
    );
}

#[test]
fn a_tick_that_fails_is_not_run_again_and_none_runs_late() {
    let once = json!({ "MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": TICK_SECONDS });
    // Two queues stand between a tick and the function: the scheduler's and Lambda's own.
    let target = polling().property("PollerTick", "Target");
    assert_eq!(target["RetryPolicy"], once);
    assert_eq!(
        polling().property("PollerFunction", "EventInvokeConfig"),
        once
    );
}

#[test]
fn so_many_pollers_last_so_many_minutes_and_have_so_many_places() {
    let mut choices = 0;
    for (pollers, template) in Template::each("Pollers") {
        let template = template.with("Mode", "poll");
        let pollers = number(&json!(pollers));
        let timeout = number(&template.property("PollerFunction", "Timeout"));
        assert!(
            timeout >= pollers * TICK_SECONDS,
            "{pollers} never run at once"
        );
        assert!(timeout <= 900, "Lambda gives no more");
        let places = template.property("PollerFunction", "ReservedConcurrentExecutions");
        assert_eq!(number(&places), pollers, "ticks pile up, or find no place");
        assert!(timeout <= number(&places) * TICK_SECONDS, "ticks pile up");
        choices += 1;
    }
    assert!(choices > 1);
}

#[test]
fn the_schedule_can_be_switched_off() {
    for (state, template) in Template::each("PollerSchedule") {
        let template = template.with("Mode", "poll");
        assert_eq!(template.property("PollerTick", "State"), state);
    }
    assert_eq!(Template::new().parameters["PollerSchedule"], "ENABLED");
}

/// Who may take a role, with the condition.
fn trusted(role: &str) -> (Value, Value) {
    let document = Template::new()
        .with("Mode", "both")
        .property(role, "AssumeRolePolicyDocument");
    let [statement] = document["Statement"].as_array().unwrap().as_slice() else {
        panic!("one statement");
    };
    assert_eq!(statement["Action"], "sts:AssumeRole");
    assert_eq!(statement["Effect"], "Allow");
    let who = statement["Principal"]["Service"].clone();
    (who, statement["Condition"].clone())
}

#[test]
fn the_scheduler_may_invoke_the_poller_and_nothing_else() {
    let role = polling().role("PollerTickRole");
    let invoke = (
        "PollerFunction.Arn".to_owned(),
        set(&["lambda:InvokeFunction"]),
    );
    assert_eq!(role, [invoke].into());
    let own = json!({ "StringEquals": { "aws:SourceAccount": { "Ref": "AWS::AccountId" } } });
    assert_eq!(
        trusted("PollerTickRole"),
        (json!("scheduler.amazonaws.com"), own)
    );
}

#[test]
fn every_grant_of_the_poller_is_for_a_request_that_the_adapters_make() {
    let sources: Vec<_> = product_sources()
        .filter(|(path, _)| path.starts_with("shared/waybill-aws/"))
        .collect();
    let template = polling().with("RoutesParameterName", "/shop/routes");
    let role = template.with("DeadLetterMode", "send").role("PollerRole");
    for action in role.into_values().flatten() {
        // Lambda itself writes the log in the role's name; a role is passed
        // on with a request, not by one.
        if action.starts_with("logs:") || action == "iam:PassRole" {
            continue;
        }
        let requests = REQUESTS.iter().filter(|(_, allowed)| *allowed == action);
        let mut requests = requests.map(|(request, _)| request);
        let made = requests.any(|request| sources.iter().any(|(_, text)| text.contains(request)));
        assert!(made, "{action}");
    }
}

#[test]
fn the_schedules_role_is_for_the_scheduler_of_this_account() {
    assert_eq!(trusted("ScheduleRole"), trusted("PollerTickRole"));
}

#[test]
fn the_functions_roles_are_for_lambda() {
    for role in ["ConsumerRole", "PollerRole"] {
        assert_eq!(trusted(role), (json!("lambda.amazonaws.com"), Value::Null));
    }
}

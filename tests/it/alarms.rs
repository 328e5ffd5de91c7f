//! The alarms and dashboards of `template.yaml`: each alarm, over synthetic metrics, is silent on a
//! blip and rings on a degradation, one cause rings once, and nothing looks at a metric that nobody
//! sends.
//!
//! What is not known of CloudWatch here is refused, so that an alarm which uses it needs a test of
//! it first.

use std::collections::{BTreeMap, BTreeSet};

use crate::template::chosen::Template;
use crate::tidy::files;
use crate::yaml;
use stack::{Metric, MetricAlarm, Stack, text};

mod cases;
mod causes;
mod dashboards;
mod evaluate;
mod math;
mod series;
mod stack;

/// The metrics of AWS's own that are looked at, with their dimensions:
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>,
/// <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>.
const AWS_METRICS: [(&str, &[&str], &[&str]); 4] = [
    (
        "AWS/SQS",
        &["QueueName"],
        &[
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesVisible",
            "NumberOfMessagesDeleted",
            "NumberOfMessagesSent",
        ],
    ),
    (
        "AWS/Lambda",
        &["FunctionName"],
        &["ConcurrentExecutions", "Duration", "Errors", "Throttles"],
    ),
    (
        "AWS/Lambda",
        &["ExecutedVersion", "FunctionName", "Resource"],
        &["Errors"],
    ),
    (
        "AWS/DynamoDB",
        &["TableName"],
        &["ReadThrottleEvents", "WriteThrottleEvents"],
    ),
];

/// A sum of these says nothing: they tell how something stands.
const GAUGES: [&str; 2] = ["BreakerState", "BreakersOpen"];

/// What `docs/METRICS.md` says of the functions' own metrics: the unit, and the sets of dimensions.
fn own_metrics() -> BTreeMap<String, (String, Vec<Vec<String>>)> {
    let page = yaml::text("docs/METRICS.md");
    let mut metrics = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, unit @ ("Count" | "None" | "Milliseconds"), sets, _] = cells[..] else {
            continue;
        };
        // A set is the names of its dimensions; sets are parted by semicolons.
        let sets = sets.split(';').map(|set| {
            let names = set.split('`').skip(1).step_by(2);
            names.map(str::to_owned).collect()
        });
        let name = name.trim_matches('`').to_owned();
        metrics.insert(name, (unit.to_owned(), sets.collect()));
    }
    assert!(metrics.len() > 20, "{metrics:?}");
    metrics
}

/// Refuses a metric that nobody sends, and a statistic that says nothing of it.
fn assert_is_sent(of: &str, namespace: &str, name: &str, dimensions: &[&str], statistic: &str) {
    let is_percentile = statistic.starts_with('p');
    if namespace != "Waybill" {
        let known = AWS_METRICS.iter().any(|(space, of, names)| {
            *space == namespace && dimensions == *of && names.contains(&name)
        });
        assert!(known, "{of}: {namespace} {name} of {dimensions:?}");
        return;
    }
    let own = own_metrics();
    let (unit, sets) = own.get(name).unwrap_or_else(|| panic!("{of}: {name}"));
    let known = sets.iter().any(|set| set == dimensions);
    assert!(known, "{of}: {name} of {dimensions:?}, not of {sets:?}");
    let fits = match (unit.as_str(), statistic) {
        (_, "Maximum") => true,
        (_, "Sum") if GAUGES.contains(&name) => false,
        ("Count" | "None", "Sum" | "Average") => true,
        ("Milliseconds", "Average") => true,
        ("Milliseconds", _) => is_percentile,
        (_, _) => false,
    };
    assert!(fits, "{of}: {statistic} of {name}, in {unit}");
}

/// Every kind of stack that has alarms.
fn every_kind() -> impl Iterator<Item = (String, Stack)> {
    let kinds = Template::every_kind().map(|(kind, template)| (kind, Stack::of(template)));
    kinds.chain([("gradual".to_owned(), Stack::gradual())])
}

#[test]
fn every_alarm_looks_at_what_is_sent() {
    for (kind, stack) in every_kind() {
        for MetricAlarm { id, metrics, .. } in stack.metric_alarms() {
            for metric in metrics.values() {
                let Metric {
                    namespace,
                    name,
                    dimensions,
                    ..
                } = metric;
                let dimensions: Vec<_> = dimensions.keys().map(String::as_str).collect();
                let of = format!("{kind}: {id}");
                // The least of a gauge of SQS is as good as the most.
                let statistic = metric.statistic.replace("Minimum", "Maximum");
                assert_is_sent(&of, namespace, name, &dimensions, &statistic);
            }
        }
    }
}

#[test]
fn an_expression_names_its_metrics_and_an_alarm_stays_within_cloudwatchs_limits() {
    for alarm in Stack::new().metric_alarms() {
        let names = math::Expression::read(&alarm.expression).names();
        let metrics: BTreeSet<_> = alarm.metrics.keys().cloned().collect();
        assert_eq!(names, metrics, "{}", alarm.id);
        assert!(alarm.to_alarm <= alarm.periods, "{}", alarm.id);
        let most = if alarm.period_seconds < 3600 {
            86_400
        } else {
            604_800
        };
        let looks_back = alarm.periods * alarm.period_seconds;
        assert!(looks_back <= most, "{}: {looks_back} s", alarm.id);
    }
    let longest = &Template::new().text["Parameters"]["CanaryMissingMinutes"]["MaxValue"];
    assert_eq!(text(longest).parse::<usize>().unwrap() * 60, 86_400);
}

#[test]
fn missing_data_is_good_news_but_of_the_canary() {
    for alarm in Stack::new().metric_alarms() {
        let expected = if alarm.id == "CanaryMissingAlarm" {
            "breaching"
        } else {
            "notBreaching"
        };
        assert_eq!(alarm.missing, expected, "{}", alarm.id);
    }
}

#[test]
fn every_alarm_is_named_for_its_stack_and_says_its_runbook_which_says_it() {
    let mut named = BTreeSet::new();
    let stack = Stack::gradual();
    for (id, told) in stack.alarms() {
        let name = text(&told["AlarmName"]);
        let short = name.strip_prefix("shop-").expect(&id).to_owned();
        assert!(named.insert(short.clone()), "{short} is there twice");
        let description = text(&told["AlarmDescription"]);
        assert!(description.len() <= 1024, "{id}");
        let (_, page) = description.split_once(" Runbook: ").expect(&id);
        let runbook = yaml::text(page);
        assert!(runbook.contains(&format!("`{short}`")), "{page}: {short}");
    }
    for (path, runbook) in files(".md") {
        if path.starts_with("docs/runbooks/") {
            let (_, alarms) = runbook.split_once("Alarms: ").expect(&path);
            let (alarms, _) = alarms.split_once(".\n").expect(&path);
            for alarm in alarms.split('`').skip(1).step_by(2) {
                assert!(named.contains(alarm), "{path}: no alarm is called {alarm}");
            }
        }
    }
}

#[test]
fn the_pages_of_the_runbooks_can_be_anywhere() {
    let template = Template::new().with("Runbooks", "https://wiki.example/waybill");
    for (id, told) in Stack::of(template).alarms() {
        let description = text(&told["AlarmDescription"]);
        let (_, page) = description.split_once(" Runbook: ").expect(&id);
        assert!(page.starts_with("https://wiki.example/waybill/"), "{page}");
    }
}

#[test]
fn the_page_of_operations_tells_every_alarm_threshold_runbook_and_the_price() {
    let page = yaml::text("docs/OPERATE.md");
    let stack = Stack::new();
    for (id, told) in Stack::gradual().alarms() {
        let name = text(&told["AlarmName"]);
        let short = name.strip_prefix("shop-").expect(&id);
        assert!(page.contains(&format!("`{short}`")), "{short}");
    }
    let resources = Template::new().text["Resources"].to_string();
    for parameter in stack.template.parameters.keys() {
        let threshold = resources.contains(&format!(r#""Threshold":{{"Ref":"{parameter}"}}"#));
        let told = page.contains(&format!("`{parameter}`"));
        assert!(told || !threshold, "{parameter}");
    }
    for (path, _) in files(".md") {
        if let Some(runbook) = path.strip_prefix("docs/runbooks/") {
            let link = format!("](runbooks/{runbook})");
            assert!(page.contains(&link), "no link to {path}");
        }
    }
    let metrics: usize = stack
        .metric_alarms()
        .iter()
        .map(|one| one.metrics.len())
        .sum();
    let composites = stack.composites().len();
    let dashboards = stack.dashboards().len();
    for priced in [
        format!("{metrics} metrics of alarms"),
        format!("{composites} composite alarms"),
        format!("{dashboards} dashboards"),
    ] {
        assert!(page.contains(&priced), "not on the page: {priced}");
    }
}

#[test]
fn a_topic_is_told_when_an_alarm_begins_and_when_it_is_over_and_without_one_nobody_is() {
    for (_, told) in Stack::new().alarms() {
        assert_eq!(told["AlarmActions"], told["OKActions"]);
    }
    let ringing = |alarms: BTreeMap<String, serde_json::Value>| {
        let ringing = alarms.into_iter();
        let ringing = ringing.filter(|(_, told)| told["AlarmActions"].is_array());
        ringing.map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(ringing(Stack::new().alarms()).len(), 11);
    let mute = Stack {
        template: Template::new(),
    };
    assert_eq!(ringing(mute.alarms()), [""; 0]);
}

#[test]
fn every_alarm_rings_or_is_heard_through_one_that_does() {
    for (kind, stack) in every_kind() {
        let composites = stack.composites();
        let heard: BTreeSet<_> = composites.iter().flat_map(|one| one.children()).collect();
        for alarm in stack.metric_alarms() {
            let known = alarm.rings || heard.contains(&alarm.id);
            assert!(known, "{kind}: nobody hears {}", alarm.id);
        }
        let keep_quiet = composites.iter().filter_map(|one| one.suppressor.as_ref());
        let keep_quiet: BTreeSet<_> = keep_quiet.map(|by| by.id.as_str()).collect();
        for composite in &composites {
            let used = composite.rings || keep_quiet.contains(composite.id.as_str());
            assert!(used, "{kind}: nobody hears {}", composite.id);
        }
    }
}

#[test]
fn alarms_dashboards_and_canary_are_each_switched_off_by_a_word() {
    let all = || Stack::new().template;
    let count = |template: &Template, kind: &str| template.of_type(kind).len();
    for (word, kinds) in [
        (
            "Alarms",
            &["AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"][..],
        ),
        ("Dashboards", &["AWS::CloudWatch::Dashboard"][..]),
        ("Canary", &["AWS::Scheduler::Schedule"][..]),
    ] {
        assert_eq!(all().parameters[word], "true");
        for kind in kinds {
            assert!(count(&all(), kind) > 0, "{kind}");
            assert_eq!(count(&all().with(word, "false"), kind), 0, "{word}: {kind}");
        }
    }
    let without = all().with("Canary", "false").made("Resources");
    let gone: BTreeSet<_> = &all().made("Resources") - &without;
    let canary = ["CanaryMissingAlarm", "CanaryRole", "CanarySchedule"];
    assert_eq!(gone, canary.map(str::to_owned).into());
}

#[test]
fn a_canary_is_sent_each_minute_with_an_id_of_its_own() {
    let schedule = Stack::new().properties("CanarySchedule");
    assert_eq!(schedule["ScheduleExpression"], "rate(1 minute)");
    let target = &schedule["Target"];
    assert_eq!(target["Arn"], "arn:SourceQueue");
    assert_eq!(target["RoleArn"], "arn:CanaryRole");
    assert_eq!(target["RetryPolicy"]["MaximumRetryAttempts"], 0);
    let event: serde_json::Value = serde_json::from_str(&text(&target["Input"])).unwrap();
    let expected = serde_json::json!({
        "specversion": "1.0",
        "id": "<aws.scheduler.execution-id>",
        "source": "waybill.canary",
        "type": "waybill.canary",
        "time": "<aws.scheduler.scheduled-time>",
        "data": {},
    });
    assert_eq!(event, expected);
    let role = Template::new().role("CanaryRole");
    let send = BTreeSet::from(["sqs:SendMessage".to_owned()]);
    assert_eq!(role, [("SourceQueue.Arn".to_owned(), send)].into());
}

#[test]
fn no_canary_is_sent_where_it_could_not_come_through() {
    let sends = |template: Template| template.made("Resources").contains("CanarySchedule");
    let poll = || Template::new().with("Mode", "poll");
    assert!(sends(Template::new()) && sends(poll()));
    assert!(!sends(Template::new().fifo()), "it has no deduplication id");
    let by_hand = poll().with("PollerSchedule", "DISABLED");
    let alarm = by_hand.made("Resources").contains("CanaryMissingAlarm");
    assert!(!sends(by_hand) && !alarm, "it would wait in the queue");
    let both = Template::new().with("Mode", "both");
    assert!(sends(both.with("PollerSchedule", "DISABLED")));
    let uncounted = Template::new().with("Metrics", "off");
    let alarm = uncounted.made("Resources").contains("CanaryMissingAlarm");
    assert!(!sends(uncounted) && !alarm, "nobody would count it");
}

#[test]
fn a_dead_letter_that_keeps_its_age_is_taken_to_have_spent_the_retention_before_f68() {
    let life = |template: Template| {
        let stack = Stack::of(template);
        let alarm = stack.metric_alarm("DeadLetterLifeCriticalAlarm");
        let (life, _) = alarm.expression.split_once(" - age").expect("its age");
        life.trim_matches('(').parse::<u64>().unwrap() / 86_400
    };
    for (days, template) in Template::each("SourceRetentionDays") {
        let days: u64 = days.parse().unwrap();
        assert_eq!(life(template), 14 - days);
    }
    let send = Template::new().with("DeadLetterMode", "send");
    assert_eq!(life(send), 14, "what is sent is young");
    assert_eq!(life(Template::new().fifo()), 14);
}

#[test]
fn the_template_stays_within_cloudformations_limits() {
    let template = yaml::text("template.yaml");
    assert!(template.len() < 1_000_000, "what an upload to S3 may have");
    let text = Template::new().text;
    assert!(text["Parameters"].as_object().unwrap().len() <= 200);
    assert!(text["Resources"].as_object().unwrap().len() < 400);
    assert!(text["Mappings"].as_object().unwrap().len() <= 200);
}

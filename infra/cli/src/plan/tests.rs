//! Tests of plans as they are asked for.

use std::path::PathBuf;

use clap::Parser;

use super::compare::Need;
use super::inputs::From;
use super::report::Report;
use super::*;

/// The options alone.
#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    options: Options,
}

/// Options as they are typed.
pub(super) fn options(typed: &[&str]) -> Options {
    let typed = std::iter::once("plan").chain(typed.iter().copied());
    Alone::try_parse_from(typed).unwrap().options
}

/// What is said of options that are refused.
fn refused(typed: &[&str]) -> String {
    let typed = std::iter::once("plan").chain(typed.iter().copied());
    Alone::try_parse_from(typed).unwrap_err().to_string()
}

/// A plan for our own template.
pub(super) fn planned(typed: &[&str]) -> (Report, Holds) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let template = root.join("template.yaml").to_string_lossy().into_owned();
    let all = [&["--template", &template], typed].concat();
    let (report, holds) = plan(&options(&all)).unwrap();
    (report, holds.unwrap())
}

/// A plan without a template.
pub(super) fn alone(typed: &[&str]) -> Report {
    let all = [&["--template", "none"], typed].concat();
    plan(&options(&all)).unwrap().0
}

/// What follows for a setting.
fn row<'a>(holds: &'a Holds, name: &str) -> &'a compare::Row {
    let mut rows = holds.rows.iter();
    rows.find(|row| row.name == name).unwrap()
}

/// 1,000 events a second, at 100 a second for each worker.
const EXAMPLE: [&str; 8] = [
    "--rate",
    "1000",
    "--handler-ms",
    "10",
    "--batch-size",
    "1",
    "--failure-rate",
    "0",
];

#[test]
fn a_thousand_a_second_at_a_hundred_each_grow_without_bound_at_ten() {
    let report = alone(&EXAMPLE);
    let at: Vec<u32> = report.choices.iter().map(|choice| choice.at_once).collect();
    assert_eq!(at, [10, 11, 12, 13, 14]);
    assert_eq!(report.needed, Some(13), "at a utilisation of 0.8");
    let waits: Vec<Option<f64>> = report
        .choices
        .iter()
        .map(|choice| choice.station.mean_wait_seconds())
        .collect();
    assert_eq!(waits[0], None);
    for (wait, wanted) in waits[1..].iter().zip([6.8212, 2.2469, 0.9509, 0.4353]) {
        assert!((wait.unwrap() * 1e3 - wanted).abs() < 1e-4, "{wait:?}");
    }
    assert!((report.choices[0].events_per_second - 1_000.0).abs() < 1e-6);
}

#[test]
fn our_own_template_does_not_hold_the_example_until_it_is_told_to() {
    let (report, holds) = planned(&[&EXAMPLE[..], &["--parameter", "BatchSize=1"]].concat());
    assert_eq!(report.inputs.at_once, Some(10));
    assert!(!holds.all());
    let short = row(&holds, "MaximumConcurrency");
    assert_eq!(short.verdict, compare::Verdict::Short);
    assert_eq!(
        short.needed,
        Need::AtLeast(20),
        "13 is none of those allowed"
    );
    assert_eq!(
        short.remedy.as_deref(),
        Some("--parameter MaximumConcurrency=20")
    );
    assert_eq!(ended(Some(&holds)), Ended::InPart);
    let more = [
        "--parameter",
        "BatchSize=1",
        "--parameter",
        "MaximumConcurrency=20",
    ];
    let (_, holds) = planned(&[&EXAMPLE[..], &more].concat());
    assert!(holds.all(), "{holds:#?}");
    assert_eq!(ended(Some(&holds)), Ended::Well);
    assert_eq!(ended(None), Ended::Well);
}

#[test]
fn a_stricter_goal_needs_more() {
    let needed = |more: &[&str]| alone(&[&EXAMPLE[..], more].concat()).needed;
    assert_eq!(needed(&["--utilisation", "1"]), Some(11));
    assert_eq!(needed(&["--utilisation", "0.5"]), Some(20));
    assert_eq!(needed(&["--wait-p99-ms", "8"]), Some(14));
    assert_eq!(needed(&["--waits", "0.01"]), Some(19));
    assert_eq!(alone(&["--rate", "200000"]).needed, None);
}

#[test]
fn a_batch_takes_as_long_as_its_slowest_and_yet_spares_invocations() {
    let one = alone(&["--rate", "1000", "--handler-ms", "80", "--batch-size", "1"]);
    let ten = alone(&["--rate", "1000", "--handler-ms", "80", "--batch-size", "10"]);
    assert!((ten.slowest.mean_seconds - 0.080 * 7381.0 / 2520.0).abs() < 1e-9);
    assert!(one.needed > ten.needed, "{:?} {:?}", one.needed, ten.needed);
    let same = ["--handler-p99-ms", "80"];
    let level = alone(
        &[
            &["--rate", "1000", "--handler-ms", "80", "--batch-size", "10"],
            &same[..],
        ]
        .concat(),
    );
    assert!(level.needed < ten.needed);
}

#[test]
fn what_nobody_said_is_the_templates_or_a_default_and_is_told_so() {
    let (report, _) = planned(&["--rate", "10"]);
    let inputs = &report.inputs;
    assert_eq!(
        (inputs.batch_size.value, inputs.batch_size.from),
        (10, From::Template)
    );
    assert_eq!(
        (inputs.memory_mb.value, inputs.memory_mb.from),
        (256, From::Template)
    );
    assert_eq!(
        (inputs.retry.value.steps, inputs.retry.from),
        (5, From::Template)
    );
    assert_eq!(
        (inputs.mode.value, inputs.mode.from),
        (Mode::Trigger, From::Template)
    );
    assert_eq!(inputs.failure_rate.from, From::Default);
    assert_eq!(inputs.handler_ms.from, From::Default);
    let report = alone(&["--rate", "10", "--memory", "512"]);
    assert_eq!(report.inputs.memory_mb.from, From::Said);
    assert_eq!(report.inputs.batch_size.from, From::Default);
    assert_eq!(report.inputs.retry.value.steps, 3);
}

#[test]
fn tries_ask_for_receives_f18() {
    let (_, holds) = planned(&["--rate", "10"]);
    assert_eq!(
        row(&holds, "maxReceiveCount").needed,
        Need::AtLeast(15),
        "six tries"
    );
    let (_, holds) = planned(&["--rate", "10", "--steps", "20"]);
    let receives = row(&holds, "maxReceiveCount");
    assert_eq!(receives.needed, Need::AtLeast(45));
    assert_eq!(
        receives.remedy.as_deref(),
        Some("--parameter MaxReceiveCount=45")
    );
    assert!(!holds.all());
}

#[test]
fn a_slow_handler_asks_for_a_longer_timeout_and_six_times_the_visibility_f20() {
    let (report, holds) = planned(&["--rate", "1", "--handler-ms", "20000"]);
    let timeout = row(&holds, "Timeout");
    assert_eq!(timeout.verdict, compare::Verdict::Short);
    let Need::AtLeast(seconds) = timeout.needed else {
        panic!("{timeout:?}");
    };
    assert!(seconds > 60 && (seconds as f64) >= report.slowest.p999_seconds);
    assert_eq!(
        row(&holds, "VisibilityTimeout").needed,
        Need::AtLeast(6 * seconds)
    );
}

#[test]
fn a_backlog_is_gone_by_what_is_to_spare_and_asks_for_retention() {
    let typed = [&EXAMPLE[..], &["--backlog", "30000"]].concat();
    let report = alone(&typed);
    let drains: Vec<Option<f64>> = report.choices.iter().map(|one| one.drain_seconds).collect();
    assert_eq!(drains[0], None, "never");
    assert!((drains[1].unwrap() - 300.0).abs() < 1e-6);
    assert!((drains[4].unwrap() - 75.0).abs() < 1e-6);
    let slow = [
        "--rate",
        "100",
        "--handler-ms",
        "2900",
        "--handler-p99-ms",
        "2900",
    ];
    let (_, holds) = planned(&[&slow[..], &["--parameter", "MaximumConcurrency=30"]].concat());
    assert_eq!(
        row(&holds, "MessageRetentionPeriod").verdict,
        compare::Verdict::Holds
    );
    let more = [
        "--parameter",
        "MaximumConcurrency=30",
        "--backlog",
        "2000000",
    ];
    let (_, holds) = planned(&[&slow[..], &more].concat());
    let retention = row(&holds, "MessageRetentionPeriod");
    assert_eq!(retention.verdict, compare::Verdict::Short, "{retention:?}");
    assert_eq!(
        retention.remedy.as_deref(),
        Some("raise parameter SourceRetentionDays")
    );
}

#[test]
fn a_poll_has_places_for_each_poller_and_rests() {
    let poll = [
        "--parameter",
        "Mode=poll",
        "--rate",
        "1000",
        "--handler-ms",
        "80",
    ];
    let (report, holds) = planned(&poll);
    assert_eq!(report.inputs.mode.value, Mode::Poll);
    // 80 Erlangs, of which one poller has 100 places for four fifths of its time.
    assert_eq!(report.needed, Some(2));
    let pollers = row(&holds, "ReservedConcurrentExecutions");
    assert_eq!(pollers.remedy.as_deref(), Some("--parameter Pollers=2"));
    assert!(!holds.all());
    let (_, holds) = planned(&[&poll[..], &["--parameter", "Pollers=2"]].concat());
    assert!(holds.all(), "{holds:#?}");
    let usage = &report.usages[0].1;
    assert!((usage.sqs_requests - 0.2).abs() < 0.003, "{usage:?}");
}

#[test]
fn events_that_need_no_claim_cost_one_write_by_the_routes_file() {
    let machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:fulfil";
    let start = format!("{{stepfunctions: {{state_machine_arn: '{machine}'}}}}");
    let table = "{dynamodb: {table: orders, key: '{id: id}', put: data}}";
    let folder = std::env::temp_dir();
    for (name, routes, units) in [
        ("claimed", format!("{{name: a, target: {start}}}"), 2.0),
        (
            "tried",
            format!("{{name: a, once: target, target: {start}}}"),
            1.0,
        ),
        (
            "written",
            format!("{{name: a, once: target, target: {table}}}"),
            2.0,
        ),
        (
            "mixed",
            format!("{{name: a, once: target, target: {start}}}, {{name: b, target: {table}}}"),
            2.0,
        ),
    ] {
        let path = folder.join(format!("waybill-plan-{}-{name}.yaml", std::process::id()));
        std::fs::write(&path, format!("routes: [{routes}]")).unwrap();
        let said = path.to_string_lossy().into_owned();
        let (report, _) = planned(&["--rate", "10", "--failure-rate", "0", "--routes", &said]);
        std::fs::remove_file(&path).unwrap();
        let used = report.usages[0].1.write_units;
        assert!((used - units).abs() < 1e-9, "{name}: {used}");
    }
}

#[test]
fn a_fifo_queue_works_on_no_more_than_its_groups() {
    let fifo = ["--queue", "fifo", "--rate", "100", "--batch-size", "1"];
    let few = alone(&[&fifo[..], &["--groups", "12"]].concat());
    assert_eq!(few.needed, None, "10 Erlangs need 13");
    let more = alone(&[&fifo[..], &["--groups", "13"]].concat());
    assert_eq!(more.needed, Some(13));
    let said = plan(&options(&[
        "--template",
        "none",
        "--rate",
        "1",
        "--groups",
        "3",
    ]));
    assert!(said.unwrap_err().to_string().contains("--queue fifo"));
}

#[test]
fn what_waits_for_retries_is_in_flight_f07() {
    let (report, holds) = planned(&["--rate", "1000", "--failure-rate", "0.9"]);
    assert!(report.in_flight > 120_000.0, "{}", report.in_flight);
    assert_eq!(
        row(&holds, "messages in flight").verdict,
        compare::Verdict::Short
    );
}

#[test]
fn what_cannot_be_is_refused_with_the_option_and_what_to_give() {
    for (typed, option, remedy) in [
        (&["--rate", "0"][..], "--rate", "above 0"),
        (&["--rate", "-1"], "--rate", "above 0"),
        (&["--rate", "many"], "--rate", "above 0"),
        (&["--rate", "NaN"], "--rate", "above 0"),
        (
            &["--rate", "1", "--failure-rate", "1.5"],
            "--failure-rate",
            "0 to 1",
        ),
        (
            &["--rate", "1", "--failure-rate", "-0.1"],
            "--failure-rate",
            "0 to 1",
        ),
        (
            &["--rate", "1", "--utilisation", "0"],
            "--utilisation",
            "above 0",
        ),
        (
            &["--rate", "1", "--batch-size", "0"],
            "--batch-size",
            "1..=10000",
        ),
        (
            &["--rate", "1", "--memory", "64"],
            "--memory",
            "128..=10240",
        ),
        (
            &["--rate", "1", "--handler-ms", "0"],
            "--handler-ms",
            "above 0",
        ),
        (
            &["--rate", "1", "--mode", "both"],
            "--mode",
            "trigger, poll",
        ),
        (&[], "--rate", "required"),
    ] {
        let said = refused(typed);
        assert!(said.contains(option) && said.contains(remedy), "{said}");
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let template = root.join("template.yaml").to_string_lossy().into_owned();
    let manifest = root.join("Cargo.toml").to_string_lossy().into_owned();
    for (typed, place, remedy) in [
        (
            &["--template", "nowhere.yaml"][..],
            "`nowhere.yaml`",
            "--template",
        ),
        (&["--template", &manifest], "Cargo.toml", "mend"),
        (
            &["--template", &template, "--mode", "poll"],
            "no poller",
            "--parameter Mode=poll",
        ),
        (
            &[
                "--template",
                &template,
                "--parameter",
                "Mode=poll",
                "--mode",
                "trigger",
            ],
            "behind a trigger",
            "--parameter Mode=trigger",
        ),
        (
            &[
                "--template",
                "none",
                "--handler-ms",
                "80",
                "--handler-p99-ms",
                "70",
            ],
            "--handler-p99-ms",
            "below the mean",
        ),
        (
            &[
                "--template",
                "none",
                "--handler-ms",
                "80",
                "--handler-p99-ms",
                "8000",
            ],
            "--handler-p99-ms",
            "14.9 times",
        ),
    ] {
        let said = plan(&options(&[&["--rate", "1"], typed].concat()));
        let said = said.unwrap_err().to_string();
        assert!(said.contains(place) && said.contains(remedy), "{said}");
    }
}

//! `waybill plan`, of the project's own template as it is on disk.

use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::stage::workspace;

/// 1,000 events a second, at 100 a second for each worker.
const EXAMPLE: [&str; 10] = [
    "--rate",
    "1000",
    "--handler-ms",
    "10",
    "--failure-rate",
    "0",
    "--parameter",
    "BatchSize=1",
    "--parameter",
    "MaximumConcurrency=10",
];

/// `waybill plan` of the project's own template with these words behind it.
fn plan(more: &[&str]) -> Cli {
    let template = workspace().root().join("template.yaml");
    let template = template.to_str().unwrap();
    let words = ["plan", "--template", template].into_iter();
    Cli::new(words.chain(more.iter().copied()))
}

/// What so many at once come to.
fn at_once(report: &Value, number: u64) -> &Value {
    let mut all = report["at_once"].as_array().unwrap().iter();
    all.find(|one| one["at_once"] == number).unwrap()
}

#[tokio::test]
async fn a_thousand_a_second_at_a_hundred_each_need_more_than_ten_and_wait_by_erlangs_table() {
    let report = plan(&[&EXAMPLE[..], &["--json"]].concat());
    let report = report.run().await.expect(1).json();
    let ten = at_once(&report, 10);
    assert_eq!(ten["keeps_up"], false);
    assert!(ten["mean_wait_seconds"].is_null() && ten["wait_p99_seconds"].is_null());
    assert!((ten["offered_load_erlangs"].as_f64().unwrap() - 10.0).abs() < 1e-9);
    // The probabilities to wait are those of the Erlang C table for ten Erlangs.
    for (servers, waits, mean_ms, p99_ms) in [
        (11, 0.6821, 6.821, 42.226),
        (12, 0.4494, 2.247, 19.027),
        (13, 0.2853, 0.951, 11.170),
        (14, 0.1741, 0.435, 7.143),
    ] {
        let one = at_once(&report, servers);
        let near = |name: &str, times: f64, wanted: f64, by: f64| {
            let read = one[name].as_f64().unwrap() * times;
            assert!((read - wanted).abs() < by, "{servers} {name} {read}");
        };
        near("wait_probability", 1.0, waits, 0.000_05);
        near("mean_wait_seconds", 1e3, mean_ms, 0.000_6);
        near("wait_p99_seconds", 1e3, p99_ms, 0.000_6);
    }
    assert_eq!(report["needed_at_once"], 13);
    assert_eq!(report["template"]["holds"], false);
}

#[tokio::test]
async fn the_template_that_does_not_hold_a_load_is_told_what_would_and_then_holds_it() {
    let ran = plan(&EXAMPLE).run().await.expect(1);
    for part in [
        "without bound",
        "--parameter MaximumConcurrency=20",
        "the template does not hold 1,000 events a second",
        "list prices of 2",
    ] {
        assert!(ran.stdout.contains(part), "no {part} in {}", ran.stdout);
    }
    assert!(!ran.stdout.contains('\u{1b}'), "no colours in a pipe");
    assert_eq!(ran.stderr, "");
    let more = ["--parameter", "MaximumConcurrency=20"];
    let ran = plan(&[&EXAMPLE[..], &more].concat()).run().await.expect(0);
    assert!(
        ran.stdout
            .ends_with("the template holds 1,000 events a second\n")
    );
}

#[tokio::test]
async fn a_poll_is_planned_with_the_templates_pollers() {
    let poll = ["--parameter", "Mode=poll", "--rate", "100", "--json"];
    let report = plan(&poll).run().await.expect(0).json();
    assert_eq!(report["inputs"]["mode"], "poll");
    assert_eq!(report["inputs"]["poller_concurrency"], 100);
    assert_eq!(report["template_at_once"], 1);
    let cost = &report["cost"]["dollars_per_million_events"]["poll"];
    assert!(cost["together"].as_f64().unwrap() > 1.25, "{cost}");
}

#[tokio::test]
async fn a_plan_that_cannot_be_made_ends_with_two_and_says_why() {
    for (words, sentences) in [
        (&["--rate", "0"][..], ["--rate", "above 0"]),
        (
            &["--rate", "1", "--failure-rate", "2"],
            ["--failure-rate", "0 to 1"],
        ),
        (
            &["--rate", "1", "--mode", "poll"],
            ["makes no poller", "--parameter Mode=poll"],
        ),
        (
            &["--rate", "1", "--parameter", "Mode=maybe"],
            ["parameter `Mode`", "trigger, poll, both"],
        ),
        (
            &["--rate", "1", "--handler-p99-ms", "1"],
            ["--handler-p99-ms", "below the mean"],
        ),
    ] {
        let ran = plan(words).run().await.expect(2).says(&sentences);
        assert_eq!(ran.stdout, "", "{words:?}");
    }
    let nowhere = Cli::new(["plan", "--template", "nowhere.yaml", "--rate", "1"]);
    nowhere
        .run()
        .await
        .expect(2)
        .says(&["`nowhere.yaml`", "--template"]);
}

#[tokio::test]
async fn without_a_template_a_load_is_planned_by_itself() {
    let alone = Cli::new(["plan", "--template", "none", "--rate", "50", "--json"]);
    let report = alone.run().await.expect(0).json();
    assert!(report["template"].is_null());
    assert_eq!(report["inputs"]["from"]["batch_size"], "default");
}

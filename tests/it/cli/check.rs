//! `waybill check`, on files as they are on disk.

use std::fs;

use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::stage::{Setting, Stage, workspace};

use waybill_local::Reply;

use super::bare::Bare;

/// A parameter with which the project's own template loses messages.
const SHORT: &str = "VisibilityTimeoutSeconds=10";

/// `waybill check` of the project's own template with these words behind it.
fn check(more: &[&str]) -> Cli {
    let template = workspace().root().join("template.yaml");
    let template = template.to_str().unwrap();
    let words = ["check", "--template", template].into_iter();
    Cli::new(words.chain(more.iter().copied()))
}

/// What was found of a rule.
fn found<'a>(all: &'a Value, member: &str, id: &str) -> Vec<&'a Value> {
    let all = all.as_array().unwrap().iter();
    all.filter(|finding| finding[member] == id).collect()
}

#[tokio::test]
async fn the_projects_own_template_has_nothing_to_mend() {
    let ran = check(&[]).run().await.expect(0);
    assert!(
        ran.stdout.contains("nothing to mend: 0 errors, 0 warnings"),
        "{ran:?}"
    );
    assert_eq!(ran.stderr, "");
    let report = check(&["--json"]).run().await.expect(0).json();
    assert_eq!(
        (&report["errors"], &report["warnings"]),
        (&0.into(), &0.into())
    );
}

#[tokio::test]
async fn what_is_found_has_its_name_and_its_place_in_every_format_f20() {
    let broken = ["--parameter", SHORT];
    let text = check(&broken).run().await.expect(1);
    for part in [
        "error visibility-too-short (F20)",
        "SourceQueue.Properties",
        "1 error,",
    ] {
        assert!(text.stdout.contains(part), "no {part} in {text:?}");
    }
    assert!(!text.stdout.contains('\u{1b}'), "no colours in a pipe");

    for json in [
        &["--json"][..],
        &["--format", "json"],
        &["--json", "--format", "json"],
    ] {
        let report = check(&[&broken, json].concat()).run().await;
        let report = report.expect(1).json();
        let found = found(&report["findings"], "rule", "visibility-too-short");
        assert_eq!((found.len(), &report["errors"]), (1, &1.into()));
        assert!(
            found[0]["file"]
                .as_str()
                .unwrap()
                .ends_with("/template.yaml")
        );
        assert!(found[0]["line"].is_u64() && found[0]["remedy"].is_string());
    }

    let log = check(&[&broken[..], &["--format", "sarif"]].concat());
    let log = log.run().await.expect(1).json();
    assert_eq!(log["version"], "2.1.0");
    let found = found(&log["runs"][0]["results"], "ruleId", "visibility-too-short");
    assert_eq!((found.len(), &found[0]["level"]), (1, &"error".into()));
    let rules = log["runs"][0]["tool"]["driver"]["rules"]
        .as_array()
        .unwrap();
    assert!(
        rules
            .iter()
            .any(|rule| rule["id"] == "visibility-too-short")
    );
}

#[tokio::test]
async fn what_cannot_be_checked_ends_with_two_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (broken, empty, list) = (path("broken.yaml"), path("empty.yaml"), path("list.yaml"));
    fs::write(&broken, "Resources:\n  - [").unwrap();
    fs::write(&empty, "").unwrap();
    fs::write(&list, "- a").unwrap();
    let table: [(&[&str], &[&str]); 11] = [
        (
            &["--parameter", "Nope=1"],
            &["there is no parameter `Nope`: it has Mode, "],
        ),
        (
            &["--parameter", "Mode=maybe"],
            &["parameter `Mode`", "trigger, poll, both"],
        ),
        (&["--parameter", "Mode"], &["say NAME=VALUE"]),
        (
            &["--routes", "/nowhere/routes.yaml"],
            &[
                "there is no routes file `/nowhere/routes.yaml`",
                "--routes none",
            ],
        ),
        (
            &["--json", "--format", "sarif"],
            &["--json and --format say two things"],
        ),
        (&["--format", "xml"], &["'xml'", "sarif"]),
        (
            &["--template", "/nowhere/t.yaml"],
            &["there is no template `/nowhere/t.yaml`", "--template"],
        ),
        (
            &["--template", &broken],
            &[&broken, "line 2", "mend the YAML"],
        ),
        (&["--template", &empty], &[&empty]),
        (&["--template", &list], &[&list]),
        (&["--template", "/"], &["cannot read `/`"]),
    ];
    for (words, sentences) in table {
        let run = match words {
            ["--template", ..] => Cli::new(["check"].iter().chain(words).copied()),
            _ => check(words),
        };
        let ran = run.run().await.expect(2).says(sentences);
        assert_eq!(ran.stdout, "", "{words:?}");
    }
}

#[tokio::test]
async fn the_template_of_this_folder_is_meant_where_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let ran = Cli::new(["check"]).inside(folder.path()).run().await;
    ran.expect(2)
        .says(&["there is no template `template.yaml`", "--template"]);
    let ran = Cli::new(["check"]).inside(workspace().root()).run().await;
    ran.expect(0);
}

/// The routes that are deployed.
const ROUTES: &str = r#"{
  routes: [{name: hook, target: {http: {url: "URL/hook", timeout: 5s}}}]
}"#;

/// What is found of a stack on the stand-in, which takes neither reserved concurrency nor recovery
/// over from the template; its ledger is made to be deleted with its test.
const LEFT_OUT: [&str; 3] = [
    "concurrency-not-reserved",
    "ledger-no-recovery",
    "ledger-unprotected",
];

/// The bundle as the template has it, deployed.
async fn deployed() -> Stage {
    let setting = Setting::new("check").await.routes(ROUTES);
    let setting = setting.with("VisibilityTimeoutSeconds", 60);
    setting.stage(|_, _| Reply::status(200)).await
}

/// A folder with the routes that are deployed, as this changes them.
fn routes_beside(stage: &Stage, change: impl Fn(&str) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = ROUTES.replace("URL", &stage.receiver.url(""));
    fs::write(folder.path().join("routes.yaml"), change(&text)).unwrap();
    folder
}

/// `waybill check --live` of a stage: the rules that are broken, and the whole report.
async fn live(stage: &Stage, folder: &tempfile::TempDir, code: i32) -> (Vec<String>, Value) {
    let words = ["check", "--live", "--json", "--routes", "routes.yaml"];
    let ran = Cli::new(words).of(stage).inside(folder.path()).run().await;
    let report = ran.expect(code).json();
    let findings = report["findings"].as_array().unwrap().iter();
    let broken = findings.filter(|finding| finding["severity"] != "note");
    let broken = broken.map(|finding| finding["rule"].as_str().unwrap().to_owned());
    (broken.collect(), report)
}

#[tokio::test]
async fn a_deployed_stack_is_judged_by_the_rules_of_its_template_f20_f29() {
    let stage = deployed().await;
    let same = routes_beside(&stage, str::to_owned);
    let (broken, report) = live(&stage, &same, 1).await;
    assert_eq!(broken, LEFT_OUT, "{report:#}");
    let outage = &report["outages"][0];
    assert_eq!(outage["receives"], 25);
    assert!(
        outage["ledger_seconds"].as_u64().unwrap() > 6 * 3600,
        "{outage}"
    );

    let other = routes_beside(&stage, |text| text.replace("/hook", "/other"));
    let (broken, report) = live(&stage, &other, 1).await;
    assert_eq!(
        broken,
        [&LEFT_OUT[..], &["routes-drift"]].concat(),
        "{report:#}"
    );

    let consumer = stage.bundle.consumer_function();
    stage.bundle.set_timeout(consumer, 11).await.unwrap();
    stage.bundle.pause(consumer).await.unwrap();
    let (broken, report) = live(&stage, &same, 1).await;
    let found = [
        &["visibility-too-short"][..],
        &LEFT_OUT,
        &["mapping-disabled"],
    ];
    assert_eq!(broken, found.concat(), "{report:#}");
    let place = &report["findings"][0]["path"];
    assert!(place.as_str().unwrap().starts_with("sqs:"), "{place}");
}

#[tokio::test]
async fn a_queue_that_nobody_works_off_and_what_it_lacks_are_told() {
    let bare = Bare::new().await;
    let ran = bare
        .cli(["check", "--live", "--routes", "none"])
        .run()
        .await;
    let ran = ran.expect(1);
    for part in [
        "warning no-function",
        "  at  the stack",
        "error ledger-expiry-off",
        "error redrive-missing",
        "  at  sqs:orders.RedrivePolicy",
    ] {
        assert!(ran.stdout.contains(part), "no `{part}` in {ran:#?}");
    }
    let gone = bare.cli(["check", "--live", "--poller", "nobody", "--json"]);
    let report = gone.run().await.expect(1).json();
    let found = found(&report["findings"], "rule", "live-not-there");
    assert!(
        found[0]["message"].as_str().unwrap().contains("nobody"),
        "{found:?}"
    );
}

#[tokio::test]
async fn a_stack_that_cannot_be_asked_for_ends_with_two() {
    let without = Cli::new(["check", "--live"]).run().await;
    without.expect(2).says(&["--queue-url"]);
    let nowhere = Cli::new(["check", "--live"]).at("http://127.0.0.1:9").with(
        "WAYBILL_QUEUE_URL",
        "http://127.0.0.1:9/000000000000/orders",
    );
    let ran = nowhere.run().await.expect(2).says(&["--endpoint-url"]);
    assert_eq!(ran.stdout, "");
    let bare = Bare::new().await;
    let gone = format!("{}-gone", bare.source);
    let gone = bare
        .cli(["check", "--live", "--queue-url", &gone])
        .run()
        .await;
    gone.expect(2).says(&["orders-gone", "is not there"]);
    let both = ["check", "--live", "--template", "t.yaml"];
    Cli::new(both).run().await.expect(2).says(&["--template"]);
}

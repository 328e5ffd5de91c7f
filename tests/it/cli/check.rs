//! `waybill check`, on files as they are on disk.

use std::fs;

use serde_json::Value;

use crate::support::cli::Cli;
use crate::support::stage::workspace;

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

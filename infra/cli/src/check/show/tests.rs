use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::super::finding::{Finding, Input};
use super::super::outage::{Outage, RouteOutage};
use super::super::rules::{Judged, NOT_CHECKED, rules};
use super::{Colour, Files, lines, report};

/// What the files are called.
pub(in super::super) fn files() -> Files {
    Files {
        template: PathBuf::from("a b/template.yaml"),
        routes: PathBuf::from("routes.yaml"),
        manifest: PathBuf::from("Cargo.toml"),
    }
}

/// One finding of each file.
pub(in super::super) fn findings() -> Vec<Finding> {
    let rule = rules()
        .find(|rule| rule.id == "visibility-too-short")
        .unwrap();
    let error = Finding {
        rule,
        input: Input::Template,
        path: "Resources.Queue.Properties.VisibilityTimeout".to_owned(),
        line: Some(7),
        message: "too short".to_owned(),
        remedy: "make it longer".to_owned(),
    };
    let note = Finding {
        rule: &NOT_CHECKED,
        input: Input::Routes,
        path: String::new(),
        line: None,
        message: "not known".to_owned(),
        remedy: "say it".to_owned(),
    };
    vec![error, note]
}

/// What was judged, without an outage.
pub(in super::super) fn judged(findings: Vec<Finding>) -> Judged {
    Judged {
        findings,
        outages: Vec::new(),
    }
}

/// An outage that is survived.
pub(in super::super) fn outage() -> Outage {
    Outage {
        queue: "Queue".to_owned(),
        receives: 25,
        ledger: Duration::from_secs(15_135),
        routes: vec![RouteOutage {
            name: "crm".to_owned(),
            breaker: false,
            lasts: Duration::from_secs(310),
        }],
    }
}

#[test]
fn people_read_the_longest_outage_before_the_count() {
    let mut judged = judged(findings());
    judged.outages = vec![outage()];
    let read = lines(&judged, &files(), Colour::Off);
    let mut last = read.lines().rev();
    assert_eq!(last.next(), Some("1 error, 0 warnings, 1 note"));
    let told = last.next().unwrap();
    assert!(told.starts_with("longest outage survived by `Queue`: of the ledger 4 h 12 min"));
}

#[test]
fn scripts_read_the_outages_in_seconds() {
    let mut judged = judged(Vec::new());
    judged.outages = vec![outage()];
    let expected = json!([{
        "queue": "Queue",
        "receives": 25,
        "ledger_seconds": 15_135,
        "routes": [{ "route": "crm", "breaker": false, "seconds": 310 }],
    }]);
    assert_eq!(report(&judged, &files())["outages"], expected);
}

#[test]
fn what_is_in_no_file_has_its_place_alone() {
    let mut finding = findings().remove(0);
    finding.input = Input::Stack;
    finding.path = "sqs:orders.VisibilityTimeout".to_owned();
    finding.line = None;
    let read = lines(&judged(vec![finding.clone()]), &files(), Colour::Off);
    assert!(
        read.contains("\n  at  sqs:orders.VisibilityTimeout\n"),
        "{read}"
    );
    let told = report(&judged(vec![finding]), &files());
    assert!(told["findings"][0]["file"].is_null());
}

#[test]
fn people_read_a_block_for_each_finding_and_a_count() {
    let expected = "error visibility-too-short (F20)
  at  a b/template.yaml:7 Resources.Queue.Properties.VisibilityTimeout
      too short
  do  make it longer

note not-checked
  at  routes.yaml
      not known
  do  say it

1 error, 0 warnings, 1 note";
    assert_eq!(lines(&judged(findings()), &files(), Colour::Off), expected);
}

#[test]
fn people_read_that_nothing_is_to_be_mended() {
    assert_eq!(
        lines(&judged(Vec::new()), &files(), Colour::Off),
        "nothing found"
    );
    let notes = lines(&judged(findings().split_off(1)), &files(), Colour::Off);
    assert!(
        notes.ends_with("nothing to mend: 0 errors, 0 warnings, 1 note"),
        "{notes}"
    );
}

#[test]
fn only_severities_are_coloured_and_only_where_asked() {
    let plain = lines(&judged(findings()), &files(), Colour::Off);
    assert!(!plain.contains('\u{1b}'));
    let painted = lines(&judged(findings()), &files(), Colour::On);
    assert!(painted.starts_with("\u{1b}["));
    assert_eq!(painted.matches("\u{1b}[0m").count(), 2);
}

#[test]
fn scripts_read_every_finding_and_the_counts() {
    let read = report(&judged(findings()), &files());
    assert_eq!(
        (&read["errors"], &read["warnings"], &read["notes"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let expected = json!({
        "rule": "visibility-too-short",
        "severity": "error",
        "failures": ["F20"],
        "file": "a b/template.yaml",
        "line": 7,
        "path": "Resources.Queue.Properties.VisibilityTimeout",
        "message": "too short",
        "remedy": "make it longer",
    });
    assert_eq!(read["findings"][0], expected);
    assert!(read["findings"][1]["line"].is_null());
}

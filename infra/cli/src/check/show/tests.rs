use std::path::PathBuf;

use serde_json::json;

use super::super::finding::{Finding, Input};
use super::super::rules::{NOT_CHECKED, rules};
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
    assert_eq!(lines(&findings(), &files(), Colour::Off), expected);
}

#[test]
fn people_read_that_nothing_is_to_be_mended() {
    assert_eq!(lines(&[], &files(), Colour::Off), "nothing found");
    let notes = lines(&findings()[1..], &files(), Colour::Off);
    assert!(
        notes.ends_with("nothing to mend: 0 errors, 0 warnings, 1 note"),
        "{notes}"
    );
}

#[test]
fn only_severities_are_coloured_and_only_where_asked() {
    let plain = lines(&findings(), &files(), Colour::Off);
    assert!(!plain.contains('\u{1b}'));
    let painted = lines(&findings(), &files(), Colour::On);
    assert!(painted.starts_with("\u{1b}["));
    assert_eq!(painted.matches("\u{1b}[0m").count(), 2);
}

#[test]
fn scripts_read_every_finding_and_the_counts() {
    let read = report(&findings(), &files());
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

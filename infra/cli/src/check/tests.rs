use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use super::rules::{Routes, Rule, judge, rules};
use super::{Format, Options, ended, format, parameter, read};
use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::Output;

/// The options alone.
#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    options: Options,
}

/// The options of every command alone.
#[derive(Debug, Parser)]
struct Reach {
    #[command(flatten)]
    options: reach::Options,
}

/// Options as they are typed.
fn options(typed: &[&str]) -> Options {
    let typed = std::iter::once("check").chain(typed.iter().copied());
    Alone::try_parse_from(typed).unwrap().options
}

/// Runs with these options.
async fn run(typed: &[&str]) -> Result<Ended, Failure> {
    let reach = Reach::try_parse_from(["check"]).unwrap().options;
    super::run(&reach, options(typed), Output::Text).await
}

/// A file of the repository.
fn repository(path: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join(path).to_string_lossy().into_owned()
}

/// How our own template ends with these options.
fn ends(more: &[&str]) -> Result<Ended, String> {
    ends_of("template.yaml", more)
}

/// How a template of the repository ends with these options.
fn ends_of(template: &str, more: &[&str]) -> Result<Ended, String> {
    let template = repository(template);
    let typed = [&["--template", &template], more].concat();
    let options = options(&typed);
    let ends = || {
        format(options.format, Output::Json)?;
        let (checked, _) = read(&options.inputs)?;
        Ok(ended(&judge(&checked).findings))
    };
    ends().map_err(|failure: Failure| failure.to_string())
}

#[test]
fn a_clean_template_ends_well_and_one_to_mend_in_part() {
    assert_eq!(ends(&[]), Ok(Ended::Well));
    let short = "VisibilityTimeoutSeconds=30";
    assert_eq!(ends(&["--parameter", short]), Ok(Ended::InPart));
    let warned = "LedgerDeletionProtection=false";
    assert_eq!(ends(&["--parameter", warned]), Ok(Ended::InPart));
    assert_eq!(ended(&[]), Ended::Well);
}

#[test]
fn the_templates_that_are_shown_to_be_copied_are_clean() {
    for example in ["order-handler", "claim-check"] {
        let template = format!("functions/examples/{example}/template.yaml");
        let ends = ends_of(&template, &["--routes", "none"]);
        assert_eq!(ends, Ok(Ended::Well), "{example}");
    }
}

#[tokio::test]
async fn what_could_not_run_says_the_place_and_the_remedy() {
    for (typed, place, remedy) in [
        (
            ["--parameter", "Mode=x"],
            "parameter `Mode`",
            "trigger, poll, both",
        ),
        (["--parameter", "Nobody=x"], "`Nobody`", "it has Mode"),
        (["--routes", "nowhere.yaml"], "`nowhere.yaml`", "--routes"),
        (["--format", "sarif"], "--json", "leave one"),
    ] {
        let said = ends(&typed).unwrap_err();
        assert!(said.contains(place) && said.contains(remedy), "{said}");
    }
    let missing = run(&["--template", "nowhere.yaml"]).await;
    assert!(missing.unwrap_err().to_string().contains("--template"));
    let folder = run(&["--template", &repository("docs")]).await;
    assert!(folder.unwrap_err().to_string().starts_with("cannot read"));
    let no_template = run(&["--template", &repository("Cargo.toml")]).await;
    assert!(no_template.unwrap_err().to_string().contains("Cargo.toml"));
}

#[test]
fn routes_and_manifest_are_those_beside_the_template() {
    let template = repository("template.yaml");
    let (checked, _) = read(&options(&["--template", &template]).inputs).unwrap();
    assert!(matches!(checked.routes, Routes::Beside(_)));
    assert!(checked.manifest.unwrap().contains("[workspace]"));
    let (checked, _) =
        read(&options(&["--template", &template, "--routes", "none"]).inputs).unwrap();
    assert_eq!(checked.routes, Routes::None);
}

#[test]
fn the_format_is_said_once_or_twice_the_same() {
    assert_eq!(format(None, Output::Text).unwrap(), Format::Text);
    assert_eq!(format(None, Output::Json).unwrap(), Format::Json);
    assert_eq!(
        format(Some(Format::Json), Output::Json).unwrap(),
        Format::Json
    );
    for said in Format::value_variants() {
        assert_eq!(format(Some(*said), Output::Text).unwrap(), *said);
        let twice = format(Some(*said), Output::Json);
        assert_eq!(twice.is_ok(), *said == Format::Json);
    }
}

#[test]
fn a_parameter_is_a_name_and_a_value_which_may_have_an_equals_sign() {
    let read = |said| parameter(said).ok();
    let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
    assert_eq!(read("A=b=c"), pair("A", "b=c"));
    assert_eq!(read("A="), pair("A", ""));
    assert_eq!(read("A"), None);
    assert_eq!(read("=a"), None);
}

/// The rows of the table of rules in docs/CHECK.md.
fn documented() -> Vec<String> {
    let text = std::fs::read_to_string(repository("docs/CHECK.md")).unwrap();
    let (_, table) = text.split_once("## Rules").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(str::to_owned).collect()
}

#[test]
fn every_rule_is_documented_and_every_documented_rule_there() {
    let row = |rule: &Rule| {
        let failures = match rule.failures.is_empty() {
            true => "-".to_owned(),
            false => rule.failures.join(", "),
        };
        let cells = [rule.severity.word(), &failures, rule.relation, rule.remedy];
        format!("| `{}` | {} |", rule.id, cells.join(" | "))
    };
    let there: Vec<String> = rules().map(row).collect();
    let documented = documented();
    let missing: Vec<_> = there
        .iter()
        .filter(|row| !documented.contains(row))
        .collect();
    assert!(missing.is_empty(), "not in docs/CHECK.md: {missing:#?}");
    assert_eq!(documented, there);
}

#[test]
fn a_stack_is_checked_instead_of_a_template_and_a_poller_is_one_of_a_stack() {
    for typed in [
        &["--live", "--template", "t.yaml"][..],
        &["--live", "--parameter", "Mode=poll"],
        &["--poller", "shop-poller"],
    ] {
        let all = std::iter::once("check").chain(typed.iter().copied());
        assert!(Alone::try_parse_from(all).is_err(), "{typed:?}");
    }
    let live = options(&["--live", "--poller", "a", "--poller", "b"]);
    assert_eq!(live.pollers, ["a", "b"]);
}

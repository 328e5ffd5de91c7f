//! The command `waybill`, run as a person runs it.

mod bare;
mod check;
mod dlq;
mod ledger;
mod plan;
mod send;
mod top;

use waybill_core::dossier::Why;
use waybill_core::outcome::DeadReason;
use waybill_core::selection::{FIELDS, Selection, Wanted};

use crate::support::cli::Cli;
use crate::yaml;

#[tokio::test]
async fn help_and_version_are_told_on_stdout() {
    let help = Cli::new(["--help"]).run().await.expect(0);
    assert!(help.stdout.contains("Usage: waybill"), "{help:?}");
    for command in [
        "dlq",
        "ledger",
        "send",
        "top",
        "check",
        "plan",
        "completions",
        "man",
    ] {
        assert!(help.stdout.contains(&format!("\n  {command} ")), "{help:?}");
    }
    let version = Cli::new(["--version"]).run().await.expect(0);
    assert!(version.stdout.starts_with("waybill "), "{version:?}");
}

#[tokio::test]
async fn what_cannot_be_understood_ends_with_two() {
    Cli::new([""; 0]).run().await.expect(2).says(&["Usage:"]);
    let table = [
        (vec!["sent"], "'sent'"),
        (vec!["send"], "<FILE>"),
        (vec!["send", "-", "--no-such-thing"], "'--no-such-thing'"),
        (vec!["completions", "dos"], "'dos'"),
    ];
    for (arguments, named) in table {
        let ran = Cli::new(arguments).run().await.expect(2).says(&[named]);
        assert_eq!(ran.stdout, "");
    }
}

#[tokio::test]
async fn there_are_completions_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Cli::new(["completions", shell]).run().await.expect(0);
        assert!(ran.stdout.contains("waybill"), "{shell}");
        assert_eq!(ran.stderr, "", "{shell}");
    }
}

#[tokio::test]
async fn the_manual_is_a_manual_page() {
    let ran = Cli::new(["man"]).run().await.expect(0);
    assert!(ran.stdout.contains(".TH waybill 1"), "{}", ran.stdout);
}

#[tokio::test]
async fn the_page_of_the_command_tells_every_option() {
    let page = yaml::text("docs/COMMAND.md");
    let commands = [
        (
            "dlq",
            &["ls", "show", "export", "redrive", "edit", "discard"][..],
        ),
        ("ledger", &["show", "unlock", "forget", "stuck"]),
    ];
    let under = |(of, names): (&'static str, &'static [&'static str])| {
        let names = names.iter();
        names.map(move |name| ("###", vec![of, *name]))
    };
    let alone = ["send", "top", "check", "plan"].map(|name| ("##", vec![name]));
    for (level, command) in commands.into_iter().flat_map(under).chain(alone) {
        let title = command.join(" ");
        assert!(page.contains(&format!("\n{level} {title}\n")), "{title}");
        let help = Cli::new(command.into_iter().chain(["--help"]));
        let help = help.run().await.expect(0);
        let first = |line: &str| {
            line.split(' ')
                .find(|word| word.starts_with("--"))
                .map(str::to_owned)
        };
        let lines = help.stdout.lines().map(str::trim_start);
        let options = lines.filter(|line| line.starts_with('-')).filter_map(first);
        let options: Vec<_> = options.filter(|option| option != "--help").collect();
        assert!(options.len() > 7, "{options:?}");
        for option in options {
            assert!(page.contains(&format!("`{option}")), "{title} {option}");
        }
    }
}

#[test]
fn the_page_of_the_command_tells_every_field_and_its_expressions_are_read() {
    let page = yaml::text("docs/COMMAND.md");
    let (_, page) = page.split_once("An expression compares fields:").unwrap();
    let (examples, page) = page.split_once("| field | is |").unwrap();
    let (fields, _) = page.split_once("\n\n").unwrap();
    let told: Vec<_> = fields
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" | ").next())
        .flat_map(|names| names.split(", "))
        .map(|name| name.trim_matches('`'))
        .collect();
    assert_eq!(told, FIELDS);
    for word in Why::words().skip(DeadReason::ALL.len()) {
        assert!(fields.contains(&format!("`{word}`")), "{word}");
    }
    let lines = examples.lines().filter(|line| line.contains(' '));
    let wanted = lines.map(|line| Wanted {
        expression: Some(line.to_owned()),
        ..Wanted::default()
    });
    let read: Vec<_> = wanted.map(|wanted| Selection::read(&wanted)).collect();
    assert!(
        read.len() == 3 && read.iter().all(Result::is_ok),
        "{read:?}"
    );
}

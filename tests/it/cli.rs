//! The command `waybill`, run as a person runs it.

mod bare;
mod check;
mod dlq;
mod ledger;
mod send;

use crate::support::cli::Cli;
use crate::yaml;

#[tokio::test]
async fn help_and_version_are_told_on_stdout() {
    let help = Cli::new(["--help"]).run().await.expect(0);
    assert!(help.stdout.contains("Usage: waybill"), "{help:?}");
    for command in ["send", "check", "completions", "man"] {
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
    for command in ["send"] {
        assert!(page.contains(&format!("\n## {command}\n")), "{command}");
        let help = Cli::new([command, "--help"]).run().await.expect(0);
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
            assert!(page.contains(&format!("`{option}")), "{command} {option}");
        }
    }
}

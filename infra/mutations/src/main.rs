//! `cargo mutations`: puts each named fault into a copy of the product, and asks its test.
//!
//! Exit codes: 0, every one was caught; 1, one survived; 2, the list could not be played.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;

use waybill_mutations::error::MutationsError;
use waybill_mutations::run::Place;
use waybill_mutations::{list, report, run};

/// Puts each fault of `tests/mutations/named.yaml` into a copy of the product, builds it, and runs
/// the test that must see it. The first run builds everything anew, which takes minutes.
#[derive(Debug, Parser)]
#[command(name = "mutations", bin_name = "cargo mutations")]
struct Arguments {
    /// Play this mutation only; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Print what was found as one JSON object on stdout, and all else on stderr.
    #[arg(long)]
    json: bool,
    /// Print the names and what each would do, and play none.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let played = play(&Arguments::parse());
    ExitCode::from(played.unwrap_or_else(|error| {
        say(
            &mut io::stderr(),
            &format!("the list could not be played: {}", error.chain()),
        );
        report::COULD_NOT_RUN
    }))
}

/// Plays what is asked for; the code to end with.
fn play(arguments: &Arguments) -> Result<u8, MutationsError> {
    let root = root()?;
    let mutations = list::chosen(list::read(&root)?, &arguments.only)?;
    if arguments.list {
        for mutation in mutations {
            let told = format!("{:<34} {}", mutation.name, mutation.why.trim());
            say(&mut io::stdout(), &told);
        }
        return Ok(report::CAUGHT);
    }
    let place = Place {
        home: target(&root).join("mutations"),
        root,
    };
    let begun = format!(
        "{} mutations, in a copy below {}; first their tests as they are",
        mutations.len(),
        place.home.display()
    );
    say(&mut io::stderr(), &begun);
    let findings = run::play(&place, &mutations, |finding| {
        let told = report::line(finding);
        match arguments.json {
            true => say(&mut io::stderr(), &told),
            false => say(&mut io::stdout(), &told),
        }
    })?;
    match arguments.json {
        true => say(&mut io::stdout(), &report::json(&findings)),
        false => say(&mut io::stdout(), &report::sum(&findings)),
    }
    Ok(report::exit_code(&findings))
}

/// The project's folder.
fn root() -> Result<PathBuf, MutationsError> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize()
        .map_err(|error| MutationsError::file("find", &root, error))
}

/// Cargo's target folder.
fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |at| root.join(at))
}

/// Writes a line; that nobody listens is no failure.
fn say(to: &mut impl Write, line: &str) {
    let _ = writeln!(to, "{line}");
}

//! `waybill check`: the routes file and the template, before a deployment; or the stack, after one.
//!
//! Files are read here and findings are shown; what is decided is decided by [`rules`], over
//! values. A request is made only with `--live`, and none changes anything.

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::Output;
use finding::{Finding, Severity};
use rules::{Checked, Routes, Subject};
use show::Files;
use template::Template;

mod bundle;
mod condition;
mod evaluate;
mod finding;
mod live;
mod outage;
mod permission;
mod resource;
mod rules;
mod sarif;
pub(crate) mod settings;
mod show;
mod template;
mod told;
pub(crate) mod tree;
mod value;

/// What is checked, and how it is told.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    inputs: Inputs,
    /// Checks the stack as it is deployed, by its source queue (--queue-url), instead of a template.
    #[arg(long, conflicts_with_all = ["template", "parameters"])]
    live: bool,
    /// With --live: a function that polls the queue, which has no mapping to be found by.
    #[arg(long = "poller", value_name = "FUNCTION", requires = "live")]
    pollers: Vec<String>,
    /// How findings are shown; `--json` is the same as `json`.
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

/// The files that are read.
#[derive(Debug, Clone, Args)]
pub(crate) struct Inputs {
    /// The template, of CloudFormation or SAM.
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    template: PathBuf,
    /// The routes file, or `none` where functions have handlers of their own;
    /// infra/routes/routes.yaml beside the template where it is not said.
    #[arg(long, value_name = "FILE")]
    routes: Option<PathBuf>,
    /// A parameter of the template, as it will be deployed; its default where it is not said.
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
}

impl Inputs {
    /// Whether there is to be no template: `none`.
    pub(crate) fn no_template(&self) -> bool {
        self.template.as_os_str() == "none"
    }
}

/// How findings are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
}

/// Checks.
pub(crate) async fn run(
    reach: &reach::Options,
    options: Options,
    output: Output,
) -> Result<Ended, Failure> {
    let format = format(options.format, output)?;
    let (checked, files) = match options.live {
        true => {
            let beside = PathBuf::from(BESIDE);
            let (path, routes) = routes(options.inputs.routes.as_deref(), beside)?;
            let local = live::Local { path, routes };
            live::read(reach, &options.pollers, local).await?
        }
        false => read(&options.inputs)?,
    };
    let judged = rules::judge(&checked);
    match format {
        Format::Text => show::text(&judged, &files)?,
        Format::Json => show::json(&judged, &files)?,
        Format::Sarif => sarif::show(&judged, &files)?,
    }
    Ok(ended(&judged.findings))
}

/// How a check ends that found this: notes are no hindrance.
fn ended(findings: &[Finding]) -> Ended {
    let mend = findings.iter().any(|finding| match finding.severity() {
        Severity::Error | Severity::Warning => true,
        Severity::Note => false,
    });
    match mend {
        true => Ended::InPart,
        false => Ended::Well,
    }
}

/// How findings are shown, by both options.
fn format(said: Option<Format>, output: Output) -> Result<Format, Failure> {
    match (said, output) {
        (None, Output::Text) => Ok(Format::Text),
        (None | Some(Format::Json), Output::Json) => Ok(Format::Json),
        (Some(format), Output::Text) => Ok(format),
        (Some(Format::Text | Format::Sarif), Output::Json) => Err(Failure::new(
            "--json and --format say two things: leave one of them out",
        )),
    }
}

/// Reads the files.
pub(crate) fn read(options: &Inputs) -> Result<(Checked, Files), Failure> {
    let text = file(&options.template)?;
    let shown = options.template.display();
    let text = text.ok_or_else(|| {
        Failure::new(format!(
            "there is no template `{shown}`: name it with --template"
        ))
    })?;
    let template = Template::read(&text, &options.parameters)
        .map_err(|fault| Failure::new(format!("`{shown}`: {fault}")))?;
    let folder = options.template.parent().unwrap_or(Path::new(""));
    let (routes_path, routes) = routes(options.routes.as_deref(), folder.join(BESIDE))?;
    let manifest_path = folder.join("Cargo.toml");
    let checked = Checked {
        subject: Subject::Template(template),
        routes,
        manifest: file(&manifest_path)?,
    };
    let files = Files {
        template: options.template.clone(),
        routes: routes_path,
        manifest: manifest_path,
    };
    Ok((checked, files))
}

/// The routes: those that were said, or those that lie there.
fn routes(said: Option<&Path>, beside: PathBuf) -> Result<(PathBuf, Routes), Failure> {
    match said {
        Some(path) if path.as_os_str() == "none" => Ok((beside, Routes::None)),
        Some(path) => {
            let text = file(path)?.ok_or_else(|| {
                let path = path.display();
                Failure::new(format!(
                    "there is no routes file `{path}`: name it with --routes, or say --routes none"
                ))
            })?;
            Ok((path.to_owned(), Routes::Said(text)))
        }
        None => match file(&beside)? {
            Some(text) => Ok((beside, Routes::Beside(text))),
            None => Ok((beside, Routes::Missing)),
        },
    }
}

/// Where the routes file lies beside a template.
const BESIDE: &str = "infra/routes/routes.yaml";

/// The text of a file, where it is there.
fn file(path: &Path) -> Result<Option<String>, Failure> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            let path = path.display();
            Err(Failure::new(format!("cannot read `{path}`: {error}")))
        }
    }
}

/// A parameter as it is given.
fn parameter(said: &str) -> Result<(String, String), String> {
    match said.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("say NAME=VALUE, for example Mode=poll".to_owned()),
    }
}

#[cfg(test)]
mod tests;

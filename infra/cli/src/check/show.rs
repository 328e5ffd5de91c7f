//! Findings as people and scripts read them.

use std::path::{Path, PathBuf};

use clap::builder::styling::{AnsiColor, Style};
use serde_json::{Value, json};

use super::finding::{Finding, Input, Severity};
use super::outage::Outage;
use super::rules::Judged;
use crate::failure::Failure;
use crate::screen::{self, Colour};

/// What the files are called.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    /// The template.
    pub(crate) template: PathBuf,
    /// The routes file.
    pub(crate) routes: PathBuf,
    /// The workspace's manifest.
    pub(crate) manifest: PathBuf,
}

/// Shows findings to people.
pub(super) fn text(judged: &Judged, files: &Files) -> Result<(), Failure> {
    screen::print_styled(&lines(judged, files, Colour::of_stdout()))
}

/// Findings as people read them: a block for each, the worst first; the longest outage that each
/// queue survives; and a line that counts the findings.
pub(super) fn lines(judged: &Judged, files: &Files, colour: Colour) -> String {
    let findings = &judged.findings;
    if findings.is_empty() && judged.outages.is_empty() {
        return "nothing found".to_owned();
    }
    let mut lines = Vec::new();
    for finding in findings {
        let word = painted(finding.severity(), colour);
        let rule = finding.rule;
        let failures = match rule.failures.is_empty() {
            true => String::new(),
            false => format!(" ({})", rule.failures.join(", ")),
        };
        lines.push(format!("{word} {}{failures}", rule.id));
        lines.push(format!("  at  {}", place(finding, files)));
        lines.push(format!("      {}", finding.message));
        lines.push(format!("  do  {}", finding.remedy));
        lines.push(String::new());
    }
    lines.extend(judged.outages.iter().map(Outage::said));
    let counts = Severity::ALL.map(|severity| {
        let number = count(findings, severity);
        let plural = if number == 1 { "" } else { "s" };
        format!("{number} {}{plural}", severity.word())
    });
    let counts = counts.join(", ");
    let mend = count(findings, Severity::Error) + count(findings, Severity::Warning);
    lines.push(match mend {
        0 => format!("nothing to mend: {counts}"),
        _ => counts,
    });
    lines.join("\n")
}

/// Shows findings to scripts.
pub(super) fn json(judged: &Judged, files: &Files) -> Result<(), Failure> {
    screen::print(report(judged, files).to_string())
}

/// Findings as scripts read them.
pub(super) fn report(judged: &Judged, files: &Files) -> Value {
    let findings = &judged.findings;
    let told: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let file = files
                .of(finding.input)
                .map(|file| file.display().to_string());
            json!({
                "rule": finding.rule.id,
                "severity": finding.severity().word(),
                "failures": finding.rule.failures,
                "file": file,
                "line": finding.line,
                "path": finding.path,
                "message": finding.message,
                "remedy": finding.remedy,
            })
        })
        .collect();
    json!({
        "findings": told,
        "outages": outages(judged),
        "errors": count(findings, Severity::Error),
        "warnings": count(findings, Severity::Warning),
        "notes": count(findings, Severity::Note),
    })
}

/// The outages that are survived, as scripts read them.
pub(super) fn outages(judged: &Judged) -> Vec<Value> {
    let told = judged.outages.iter().map(|outage| {
        let routes = outage.routes.iter().map(|route| {
            json!({
                "route": route.name,
                "breaker": route.breaker,
                "seconds": route.lasts.as_secs(),
            })
        });
        json!({
            "queue": outage.queue,
            "receives": outage.receives,
            "ledger_seconds": outage.ledger.as_secs(),
            "routes": routes.collect::<Vec<_>>(),
        })
    });
    told.collect()
}

impl Files {
    /// What a file is called; none for what is in no file.
    pub(super) fn of(&self, input: Input) -> Option<&Path> {
        match input {
            Input::Template => Some(&self.template),
            Input::Routes => Some(&self.routes),
            Input::Manifest => Some(&self.manifest),
            Input::Stack => None,
        }
    }
}

/// How many there are of a severity.
fn count(findings: &[Finding], severity: Severity) -> usize {
    findings
        .iter()
        .filter(|finding| finding.severity() == severity)
        .count()
}

/// File, line and path.
fn place(finding: &Finding, files: &Files) -> String {
    let Some(file) = files.of(finding.input) else {
        return match finding.path.is_empty() {
            true => "the stack".to_owned(),
            false => finding.path.clone(),
        };
    };
    let file = file.display();
    let line = finding
        .line
        .map(|line| format!(":{line}"))
        .unwrap_or_default();
    match finding.path.is_empty() {
        true => format!("{file}{line}"),
        false => format!("{file}{line} {}", finding.path),
    }
}

/// A severity's word, in its colour.
fn painted(severity: Severity, colour: Colour) -> String {
    let word = severity.word();
    let style = match severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Note => Style::new().bold(),
    };
    colour.paint(style, word)
}

#[cfg(test)]
pub(super) mod tests;

//! What a run says: a table for people, an object for machines, a code for scripts.

use serde::Serialize;

use crate::list::NamedTest;
use crate::run::{Finding, Verdict};

/// Every mutation was caught.
pub const CAUGHT: u8 = 0;

/// At least one survived.
pub const SURVIVED: u8 = 1;

/// Of at least one nothing can be said, and none survived.
pub const COULD_NOT_RUN: u8 = 2;

/// The code that the command ends with.
pub fn exit_code(findings: &[Finding]) -> u8 {
    let any = |is: fn(&Verdict) -> bool| findings.iter().any(|finding| is(&finding.verdict));
    if any(|verdict| matches!(verdict, Verdict::Survived)) {
        SURVIVED
    } else if findings.is_empty() || any(|verdict| matches!(verdict, Verdict::Unclear(_))) {
        COULD_NOT_RUN
    } else {
        CAUGHT
    }
}

/// One line of the table, without its end.
pub fn line(finding: &Finding) -> String {
    let verdict = match &finding.verdict {
        Verdict::Caught => format!("caught by {}", finding.test.function()),
        Verdict::Survived => format!("SURVIVED {}", finding.test),
        Verdict::Unclear(why) => format!("UNCLEAR: {why}"),
    };
    format!("{:<34} {:>6.1} s  {verdict}", finding.name, finding.seconds)
}

/// The last line: how many of each.
pub fn sum(findings: &[Finding]) -> String {
    let Counts {
        caught,
        survived,
        unclear,
    } = count(findings);
    format!("{caught} caught, {survived} survived, {unclear} unclear")
}

/// The run as one JSON object.
pub fn json(findings: &[Finding]) -> String {
    let counts = count(findings);
    let mutations = findings.iter().map(Entry::of).collect();
    let report = Report { counts, mutations };
    serde_json::to_string(&report).expect("texts and numbers can always be written")
}

/// How many of each.
#[derive(Debug, Clone, Copy, Serialize)]
struct Counts {
    caught: usize,
    survived: usize,
    unclear: usize,
}

/// Counts findings by their verdict.
fn count(findings: &[Finding]) -> Counts {
    let mut counts = Counts {
        caught: 0,
        survived: 0,
        unclear: 0,
    };
    for finding in findings {
        match finding.verdict {
            Verdict::Caught => counts.caught += 1,
            Verdict::Survived => counts.survived += 1,
            Verdict::Unclear(_) => counts.unclear += 1,
        }
    }
    counts
}

/// The object of `--json`.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    counts: Counts,
    mutations: Vec<Entry<'a>>,
}

/// One finding in it.
#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    verdict: &'static str,
    /// Why nothing can be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    test: &'a NamedTest,
    seconds: f64,
}

impl<'a> Entry<'a> {
    /// A finding as it is written.
    fn of(finding: &'a Finding) -> Self {
        let (verdict, why) = match &finding.verdict {
            Verdict::Caught => ("caught", None),
            Verdict::Survived => ("survived", None),
            Verdict::Unclear(why) => ("unclear", Some(why.as_str())),
        };
        Self {
            name: &finding.name,
            verdict,
            why,
            test: &finding.test,
            seconds: (finding.seconds * 10.0).round() / 10.0,
        }
    }
}

#[cfg(test)]
mod tests;

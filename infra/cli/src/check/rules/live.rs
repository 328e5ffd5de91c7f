//! What only a stack that is deployed can show: that it could be read, and that its routes are those
//! of the file.

use waybill_aws::survey::RefusedKind;

use super::super::finding::Severity;
use super::super::live::answers::Unread;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "live-not-there",
        severity: Severity::Error,
        failures: &[],
        relation: "what the stack's settings name is there",
        remedy: "deploy it, or mend the setting that names it",
        judge: |known| known.each_unread(|kind| kind == RefusedKind::NotThere),
    },
    Rule {
        id: "live-not-read",
        severity: Severity::Warning,
        failures: &[],
        relation: "whoever checks a stack may read its settings",
        remedy: "allow the action that is named, or check with other credentials",
        judge: |known| known.each_unread(|kind| kind != RefusedKind::NotThere),
    },
    Rule {
        id: "routes-drift",
        severity: Severity::Warning,
        failures: &[],
        relation: "the routes that are deployed are those of the routes file",
        remedy: "deploy the file, or bring the file up to what is deployed",
        judge: drift,
    },
];

impl Known<'_> {
    /// One verdict for each thing that could not be read, of these kinds.
    fn each_unread(&self, wanted: fn(RefusedKind) -> bool) -> Vec<Verdict> {
        let unread = self.stack.into_iter().flat_map(|stack| &stack.unread);
        let unread = unread.filter(|one| wanted(one.refused.kind));
        unread.map(|one| Ok(Some(not_read(one)))).collect()
    }
}

/// That something could not be read.
fn not_read(unread: &Unread) -> Fault {
    let action = unread.refused.action;
    let remedy = match unread.refused.kind {
        RefusedKind::NotAllowed => {
            format!("allow `{action}` to whoever checks, or check with other credentials")
        }
        RefusedKind::NotThere => "deploy it, or mend the setting that names it".to_owned(),
        RefusedKind::Other => "check again; if it stays, see what the message says".to_owned(),
    };
    Fault::new(unread.of.clone(), unread.refused.message.clone(), remedy)
}

/// Deployed routes that are not the file's.
fn drift(known: &Known<'_>) -> Vec<Verdict> {
    let Some(stack) = known.stack else {
        return Vec::new();
    };
    let unlisted = stack.mappings_unknown.iter().cloned().map(Err);
    let drift = stack.drift.iter().map(|drift| {
        let differs = drift.differs.clone()?;
        let (function, place) = (&drift.function, &drift.place);
        Ok(differs.map(|line| {
            Fault::new(
                format!("{function}.Environment.Variables.WAYBILL_ROUTES"),
                format!(
                    "the routes of `{function}` ({place}) are not those of the routes file: they \
                     differ from line {line} on"
                ),
                "deploy the file, or bring the file up to what is deployed",
            )
        }))
    });
    drift.chain(unlisted).collect()
}

//! The relations that must hold before a deployment: which there are, and what breaks them.
//!
//! A rule is judged over values; it reads no file and asks no service. What it needs and cannot
//! know before a deployment is told as a note of the rule [`NOT_CHECKED`], never passed over.

use std::collections::BTreeMap;

use waybill_core::ledger::DeadLetter;
use waybill_core::routes::RoutesFile;

use super::bundle::Bundle;
use super::finding::{Finding, Input, Severity};
use super::live::stack::Stack;
use super::outage::Outage;
use super::resource::Resource;
use super::template::Template;
use super::told::{self, Told};
use super::value::Unknown;

mod concurrency;
mod dead_letters;
mod fan_out;
mod keys;
mod ledger;
mod live;
mod loops;
mod mapping;
mod polling;
mod queue;
mod retries;
mod sending;
mod start;
mod waits;

/// A relation that must hold.
#[derive(Debug)]
pub(crate) struct Rule {
    /// What it is called, for ever.
    pub(crate) id: &'static str,
    /// How much it matters when it does not hold.
    pub(crate) severity: Severity,
    /// The numbers of the failures that it keeps away.
    pub(crate) failures: &'static [&'static str],
    /// What must hold.
    pub(crate) relation: &'static str,
    /// What to do when it does not.
    pub(crate) remedy: &'static str,
    /// Finds what breaks it.
    judge: fn(&Known<'_>) -> Vec<Verdict>,
}

/// What one look at a relation came to: it holds, it is broken, or it cannot be known.
type Verdict = Result<Option<Fault>, Unknown>;

/// How a relation is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Fault {
    /// In which file.
    input: Input,
    /// At what place.
    path: String,
    /// The line, where it is known without the place.
    line: Option<u64>,
    /// What was found and what is wanted.
    message: String,
    /// What to do.
    remedy: String,
}

/// What is checked.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// What the settings stand in.
    pub(crate) subject: Subject,
    /// The routes file.
    pub(crate) routes: Routes,
    /// The workspace's `Cargo.toml`, where there is one beside the template.
    pub(crate) manifest: Option<String>,
}

/// What the settings stand in.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    /// The template with its parameters.
    Template(Template),
    /// What is deployed.
    Stack(Box<Stack>),
}

/// What a check has come to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Judged {
    /// What it has to say, the worst first, then by place.
    pub(crate) findings: Vec<Finding>,
    /// How long what the events of each source queue need may be away, where that is known.
    pub(crate) outages: Vec<Outage>,
}

/// Which routes go with the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Routes {
    /// The text that was asked for.
    Said(String),
    /// The text that lies beside the template; one that the template holds itself goes before it.
    Beside(String),
    /// None was found.
    Missing,
    /// There are none: the functions have handlers of their own.
    None,
}

/// What rules are judged by.
pub(super) struct Known<'a> {
    /// The template, where that is what is checked.
    pub(super) template: Option<&'a Template>,
    /// The stack, where that is.
    stack: Option<&'a Stack>,
    /// What of it is Waybill's.
    pub(super) bundle: Bundle,
    /// The routes, as the functions would read them.
    told: Told,
    /// The text of the routes, where there is one.
    routes_text: Result<String, Unknown>,
    /// The workspace's manifest.
    manifest: Option<&'a str>,
}

/// Judges by every rule.
pub(crate) fn judge(checked: &Checked) -> Judged {
    let known = Known::of(checked);
    let mut findings = Vec::new();
    let mut unknown = BTreeMap::<String, Vec<String>>::new();
    for rule in rules() {
        for verdict in (rule.judge)(&known) {
            match verdict {
                Ok(None) => {}
                Ok(Some(fault)) => findings.push(known.finding(rule, fault)),
                Err(Unknown(reason)) => {
                    let rules = unknown.entry(reason).or_default();
                    let id = format!("`{}`", rule.id);
                    if !rules.contains(&id) {
                        rules.push(id);
                    }
                }
            }
        }
    }
    for (reason, rules) in unknown {
        let what = format!("not checked, because {reason}: {}", rules.join(", "));
        let fault = Fault::new("", what, NOT_CHECKED.remedy);
        findings.push(known.finding(&NOT_CHECKED, fault));
    }
    findings.sort_by(|a, b| {
        let key = |f: &Finding| (f.severity(), f.input, f.line, f.rule.id, f.path.clone());
        key(a).cmp(&key(b)).then(a.message.cmp(&b.message))
    });
    findings.dedup_by(|a, b| a.rule.id == b.rule.id && a.path == b.path && a.message == b.message);
    Judged {
        findings,
        outages: known.outages(),
    }
}

/// Every rule.
pub(crate) fn rules() -> impl Iterator<Item = &'static Rule> {
    let parts = [
        start::RULES,
        sending::RULES,
        mapping::RULES,
        concurrency::RULES,
        queue::RULES,
        dead_letters::RULES,
        retries::RULES,
        keys::RULES,
        loops::RULES,
        fan_out::RULES,
        waits::RULES,
        ledger::RULES,
        polling::RULES,
        live::RULES,
    ];
    parts.into_iter().flatten().chain([&NOT_CHECKED])
}

impl Fault {
    /// In the template or the stack, at a place.
    fn new(path: impl Into<String>, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            input: Input::Template,
            path: path.into(),
            line: None,
            message: message.into(),
            remedy: remedy.into(),
        }
    }
}

impl<'a> Known<'a> {
    /// What is known of what is checked.
    pub(super) fn of(checked: &'a Checked) -> Self {
        let (template, stack) = match &checked.subject {
            Subject::Template(template) => (Some(template), None),
            Subject::Stack(stack) => (None, Some(stack.as_ref())),
        };
        let bundle = match (template, stack) {
            (Some(template), _) => Bundle::of(template),
            (None, Some(stack)) => stack.bundle.clone(),
            (None, None) => Bundle::default(),
        };
        let routes_text = told::text(&checked.routes, &bundle);
        let told = told::routes(&checked.routes, &bundle);
        Self {
            template,
            stack,
            bundle,
            told,
            routes_text,
            manifest: checked.manifest.as_deref(),
        }
    }
}

impl Known<'_> {
    /// A fault with its rule and its line.
    fn finding(&self, rule: &'static Rule, fault: Fault) -> Finding {
        let (input, template) = match (fault.input, self.template) {
            (Input::Template, None) => (Input::Stack, None),
            (Input::Template, template) => (Input::Template, template),
            (input @ (Input::Routes | Input::Manifest | Input::Stack), _) => (input, None),
        };
        let line = template.and_then(|template| template.line(&fault.path));
        let line = fault.line.or(line);
        let deciding = template.map(|template| template.deciding(&fault.path));
        let deciding = deciding.unwrap_or_default();
        let remedy = match deciding.is_empty() {
            true => fault.remedy,
            false => format!("{}; decided by {}", fault.remedy, deciding.join(" and ")),
        };
        Finding {
            rule,
            input,
            path: fault.path,
            line,
            message: fault.message,
            remedy,
        }
    }

    /// The routes, where they could be read.
    pub(super) fn routes(&self) -> Result<&RoutesFile, Unknown> {
        match &self.told {
            Told::Read(file) => Ok(file),
            Told::Refused { .. } => Err(Unknown::new("the routes file could not be read")),
            Told::Unread(reason) => Err(reason.clone()),
        }
    }

    /// How a function's dead messages reach the dead-letter queue.
    pub(super) fn dead_letter_mode(&self, function: &Resource) -> Result<DeadLetter, Unknown> {
        match function.variable("WAYBILL_DEAD_LETTER").text()? {
            Some("send") => Ok(DeadLetter::Send),
            Some(_) => Ok(DeadLetter::Redrive),
            None => match &self.told {
                Told::Read(file) => Ok(file.dead_letter.unwrap_or_default()),
                Told::Refused { .. } | Told::Unread(_) => Ok(DeadLetter::default()),
            },
        }
    }

    /// One verdict for each source queue; one that is not in the template cannot be known.
    fn each_source(&self, judge: impl Fn(&Resource) -> Verdict) -> Vec<Verdict> {
        let outside = self.bundle.sources_outside.iter().cloned().map(Err);
        self.bundle.sources().map(judge).chain(outside).collect()
    }
}

/// What could not be known.
pub(crate) static NOT_CHECKED: Rule = Rule {
    id: "not-checked",
    severity: Severity::Note,
    failures: &[],
    relation: "what the rules need is known before the deployment",
    remedy: "give the value, with `--parameter` or `--routes`, or look at the relation yourself",
    judge: start::not_known,
};

#[cfg(test)]
mod tests;

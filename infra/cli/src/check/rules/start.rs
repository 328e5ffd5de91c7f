//! What would stop the functions, or the deployment, at the start; and what cannot be known.

use waybill_core::ledger::DeadLetter;
use waybill_engine::env::{
    ConfigErrors, DeadLetterSettings, FunctionSettings, PollSettings, RouteSettings, RoutesText,
    all,
};

use super::super::finding::{Input, Severity};
use super::super::resource::Resource;
use super::super::template::Template;
use super::super::told::{Told, Variables};
use super::super::tree::Node;
use super::super::value::Value;
use super::{Fault, Known, NOT_CHECKED, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "no-function",
        severity: Severity::Warning,
        failures: &[],
        relation: "the template has a function of Waybill's: one with variables that begin with \
                   WAYBILL_",
        remedy: "name the right template, or set the function's variables",
        judge: no_function,
    },
    Rule {
        id: "template-rule",
        severity: Severity::Error,
        failures: &[],
        relation: "the template's own Rules take the parameters",
        remedy: "choose the parameters as the rule says",
        judge: template_rules,
    },
    Rule {
        id: "routes-refused",
        severity: Severity::Error,
        failures: &[],
        relation: "the routes file is valid",
        remedy: "mend the routes file",
        judge: routes_refused,
    },
    Rule {
        id: "start-refused",
        severity: Severity::Error,
        failures: &[],
        relation: "the functions start with the variables and the routes that they are told",
        remedy: "set the variable as the message says",
        judge: start_refused,
    },
    Rule {
        id: "panic-aborts",
        severity: Severity::Error,
        failures: &["F15"],
        relation: "the release profile unwinds when something panics",
        remedy: "take panic = \"abort\" out of [profile.release]",
        judge: panic_aborts,
    },
];

/// None of Waybill's.
fn no_function(known: &Known<'_>) -> Vec<Verdict> {
    let none = known.bundle.functions.is_empty();
    let (place, what, remedy) = match known.stack {
        Some(_) => (
            "",
            "the stack",
            "name the right queue with --queue-url, and a poller with --poller",
        ),
        None => (
            "Resources",
            "the template",
            "name the right template with --template, or set the function's variables",
        ),
    };
    vec![Ok(none.then(|| {
        Fault::new(
            place,
            format!(
                "no function is told anything by a variable that begins with WAYBILL_, so nothing \
                 of {what} was checked"
            ),
            remedy,
        )
    }))]
}

/// The template's own rules.
fn template_rules(known: &Known<'_>) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let Some(template) = known.template else {
        return verdicts;
    };
    let rules = template.root.get("Rules").map(Node::entries);
    for (name, rule) in rules.unwrap_or_default() {
        let asked = rule.get("RuleCondition").map(|when| template.is_true(when));
        match asked {
            Some(Ok(false)) => continue,
            Some(Err(reason)) => {
                verdicts.push(Err(reason));
                continue;
            }
            Some(Ok(true)) | None => {}
        }
        for assertion in rule.get("Assertions").map(Node::list).unwrap_or_default() {
            let Some(assert) = assertion.get("Assert") else {
                continue;
            };
            let said = assertion.get("AssertDescription").and_then(Node::text);
            verdicts.push(template.is_true(assert).map(|kept| {
                (!kept).then(|| {
                    Fault::new(
                        format!("Rules.{name}"),
                        format!("rule `{name}` of the template refuses these parameters"),
                        said.unwrap_or("choose other parameters").to_owned(),
                    )
                })
            }));
        }
    }
    verdicts
}

/// The routes file.
fn routes_refused(known: &Known<'_>) -> Vec<Verdict> {
    let Told::Refused { faults, .. } = &known.told else {
        return Vec::new();
    };
    let faults = faults.iter().map(|fault| {
        Ok(Some(Fault {
            input: Input::Routes,
            path: fault.path.clone(),
            line: fault.line,
            message: fault.message.clone(),
            remedy: "mend the routes file; docs/ROUTES.md tells every key".to_owned(),
        }))
    });
    faults.collect()
}

/// What each function would say at its start.
fn start_refused(known: &Known<'_>) -> Vec<Verdict> {
    let functions = known.bundle.functions();
    functions.map(|function| starts(known, function)).collect()
}

/// What a function would say at its start.
fn starts(known: &Known<'_>, function: &Resource) -> Verdict {
    if known.bundle.redrives(function) {
        return Ok(redrive_starts(known, function));
    }
    let mode = known.dead_letter_mode(function)?;
    let mut variables = Variables::of([function].into_iter(), &known.bundle);
    let is_fifo = |url: &String| url.ends_with(".fifo");
    let queue = variables.said.get("WAYBILL_QUEUE_URL").cloned();
    let fifo = queue.as_ref().is_some_and(is_fifo);
    // `fifo-redrive` and `dead-letter-kind` tell these two, with the resources.
    if fifo && mode == DeadLetter::Redrive {
        return Ok(None);
    }
    if let (Some(queue), Some(dead)) = (queue, variables.said.get_mut("WAYBILL_DLQ_URL"))
        && is_fifo(dead) != fifo
    {
        *dead = queue;
    }
    let name = function.deployed.as_ref().unwrap_or(&function.id).clone();
    // What Lambda sets beside what the template says.
    variables
        .said
        .insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name);
    variables.said.insert(
        "AWS_XRAY_DAEMON_ADDRESS".to_owned(),
        "169.254.100.1:2000".to_owned(),
    );
    let routed = !function.variable("WAYBILL_ROUTES").is_absent();
    let settings = match (&known.told, &known.routes_text) {
        (Told::Read(_), Ok(text)) if routed => {
            let text = RoutesText {
                place: "the routes file".to_owned(),
                text: text.clone(),
            };
            RouteSettings::of(&variables, BATCH, Ok(text)).map(|_| ())
        }
        (Told::Read(_) | Told::Refused { .. } | Told::Unread(_), _) => {
            FunctionSettings::read(&variables, BATCH).map(|_| ())
        }
    };
    let polls = known
        .bundle
        .pollers()
        .any(|poller| poller.id == function.id);
    let refused = match polls {
        true => all(settings, PollSettings::read(&variables)).map(|_| ()),
        false => settings,
    };
    Ok(refused.err().map(|errors| refusal(function, &errors)))
}

/// What a function that brings dead letters back would say at its start. `dead-letter-kind` tells
/// of queues that are no pair.
fn redrive_starts(known: &Known<'_>, function: &Resource) -> Option<Fault> {
    let mut variables = Variables::of([function].into_iter(), &known.bundle);
    let queue = variables.said.get("WAYBILL_QUEUE_URL").cloned();
    variables
        .said
        .extend(queue.map(|queue| ("WAYBILL_DLQ_URL".to_owned(), queue)));
    let routes = known.routes_text.as_ref().ok().map(|text| RoutesText {
        place: "the routes file".to_owned(),
        text: text.clone(),
    });
    let settings = DeadLetterSettings::of(&variables, Ok(routes));
    settings.err().map(|errors| refusal(function, &errors))
}

/// That a function would not start.
fn refusal(function: &Resource, errors: &ConfigErrors) -> Fault {
    Fault::new(
        function.path_of("Environment.Variables"),
        format!("`{}` would not start: {errors}", function.id),
        "set the variable, or change the routes file, as said",
    )
}

/// Panics that abort.
fn panic_aborts(known: &Known<'_>) -> Vec<Verdict> {
    let mut section = String::new();
    let mut verdicts = Vec::new();
    for (number, line) in (1..).zip(known.manifest.unwrap_or_default().lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']').trim().to_owned();
            continue;
        }
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let key = match section.as_str() {
            "" => key.trim().to_owned(),
            section => format!("{section}.{}", key.trim()),
        };
        let aborts = value.contains("abort");
        let said =
            key == "profile.release.panic" || key == "profile.release" && value.contains("panic");
        if aborts && said {
            verdicts.push(Ok(Some(Fault {
                input: Input::Manifest,
                path: "profile.release.panic".to_owned(),
                line: Some(number),
                message: "the release profile aborts: one message's panic kills its whole batch, \
                          and the process"
                    .to_owned(),
                remedy: "take panic = \"abort\" out of [profile.release]".to_owned(),
            })));
        }
    }
    verdicts
}

/// What no rule says by itself: what was taken for granted, and what was not read.
pub(super) fn not_known(known: &Known<'_>) -> Vec<Verdict> {
    let note =
        |path: String, message: String| Ok(Some(Fault::new(path, message, NOT_CHECKED.remedy)));
    let doubts = known.bundle.doubts.iter();
    let doubts = doubts.map(|(path, doubt)| note(path.clone(), doubt.clone()));
    let transforms = known.template.map(Template::other_transforms);
    let transforms = transforms.into_iter().flatten().map(|name| {
        let message = format!("transform `{name}` may change what was read");
        note("Transform".to_owned(), message)
    });
    // Of a stack `routes-drift` tells what was read.
    let functions = known.bundle.functions().filter(|_| known.stack.is_none());
    let elsewhere = functions.filter_map(|function| {
        let routes = function.variable("WAYBILL_ROUTES");
        let said = match routes {
            Value::Text(text) | Value::Open(text) => text.strip_prefix("ssm:")?,
            Value::Absent
            | Value::List(_)
            | Value::Map(_)
            | Value::Resource { .. }
            | Value::Unknown(_) => return None,
        };
        let message = format!(
            "`{}` reads its routes from parameter `{said}`: what was read is the file",
            function.id
        );
        Some(note(function.path_of_variable("WAYBILL_ROUTES"), message))
    });
    let open = match &known.told {
        Told::Refused { open, .. } if !open.is_empty() => {
            let names: Vec<_> = open.iter().map(String::as_str).collect();
            let message = format!(
                "the routes file could not be read in full: {} known only when deployed",
                names.join(", ")
            );
            Some(note(String::new(), message))
        }
        Told::Refused { .. } | Told::Read(_) | Told::Unread(_) => None,
    };
    doubts
        .chain(transforms)
        .chain(elsewhere)
        .chain(open)
        .collect()
}

/// As many events as a batch has.
const BATCH: usize = 10;

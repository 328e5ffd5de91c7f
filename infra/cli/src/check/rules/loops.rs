//! Ways by which an event comes back to the queue that it was taken from.
//!
//! A way goes along the routes, a topic's subscriptions, a bus's rules and redrive policies, as far
//! as the template has them. What functions of other makes do with an event is not known, and ends
//! it.

use std::collections::VecDeque;

use waybill_core::routes::TargetSpec;

use super::super::bundle::QUEUE;
use super::super::finding::{Input, Severity};
use super::super::resource::Resource;
use super::super::told;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "loop",
        severity: Severity::Warning,
        failures: &["F28"],
        relation: "no way along routes, subscriptions, rules and redrive policies leads back to the \
                   queue that it began at",
        remedy: "send to another queue, or filter so that what comes back ends",
        judge: |known| known.each_source(|queue| back(known, queue)),
    },
    Rule {
        id: "dead-letter-target-shared",
        severity: Severity::Warning,
        failures: &["F28"],
        relation: "no route sends to the dead-letter queue of its own source queue",
        remedy: "leave it out: the dead get there by themselves",
        judge: |known| known.each_source(|queue| to_the_dead(known, queue)),
    },
];

/// One step of a way.
#[derive(Debug, Clone)]
struct Step {
    /// The logical id that it leads to.
    to: String,
    /// What it goes along.
    along: String,
    /// In which file that stands.
    input: Input,
    /// At what place.
    path: String,
}

impl Known<'_> {
    /// The resource that a target is, where it is one that is known.
    pub(super) fn targeted(&self, target: &TargetSpec) -> Option<&Resource> {
        let (said, kinds) = addressed(target)?;
        let mut candidates = self.bundle.of_kind(kinds);
        candidates.find(|resource| told::names(said, resource))
    }

    /// The steps that lead away from a resource.
    fn steps(&self, from: &Resource) -> Vec<Step> {
        let mut steps = Vec::new();
        let routed = self.bundle.sources.contains(&from.id) && self.is_routed(from);
        let routes = self.routes().ok().filter(|_| routed);
        for (place, route) in routes.iter().flat_map(|file| &file.routes).enumerate() {
            let own = route.dead_letter.as_ref();
            let own = own.map(|own| (&own.target, "dead_letter.target"));
            for (target, name) in [(&route.target, "target")].into_iter().chain(own) {
                if let Some(to) = self.targeted(target) {
                    steps.push(Step {
                        to: to.id.clone(),
                        along: format!("route `{}`", route.name),
                        input: Input::Routes,
                        path: format!("routes[{place}].{name}"),
                    });
                }
            }
        }
        let policy = from.property("RedrivePolicy").get("deadLetterTargetArn");
        if let Some(to) = self.bundle.referred(policy) {
            steps.push(Step {
                to: to.id.clone(),
                along: format!("the redrive policy of `{}`", from.id),
                input: Input::Template,
                path: from.path_of("RedrivePolicy"),
            });
        }
        steps.extend(self.deliveries(from));
        steps
    }

    /// Whether a function that works a queue off has routes.
    fn is_routed(&self, queue: &Resource) -> bool {
        let mut workers = self.bundle.workers(&queue.id);
        workers.any(|one| !one.variable("WAYBILL_ROUTES").is_absent())
    }

    /// Where a topic's subscriptions and a bus's rules lead.
    fn deliveries(&self, from: &Resource) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut step = |to: Option<&str>, along: String, path: String| {
            let to = to.and_then(|id| self.bundle.resource(id));
            steps.extend(to.map(|to| Step {
                to: to.id.clone(),
                along,
                input: Input::Template,
                path,
            }));
        };
        for one in self.bundle.of_kind(&["AWS::SNS::Subscription"]) {
            if one.property("TopicArn").resource() == Some(&from.id) {
                let to = one.property("Endpoint").resource();
                step(to, format!("subscription `{}`", one.id), one.path());
            }
        }
        for entry in from.property("Subscription").list().unwrap_or_default() {
            let to = entry.get("Endpoint").resource();
            let along = format!("a subscription of `{}`", from.id);
            step(to, along, from.path_of("Subscription"));
        }
        for rule in self.bundle.of_kind(&["AWS::Events::Rule"]) {
            if rule.property("EventBusName").resource() == Some(&from.id) {
                for target in rule.property("Targets").list().unwrap_or_default() {
                    let to = target.get("Arn").resource();
                    step(to, format!("rule `{}`", rule.id), rule.path_of("Targets"));
                }
            }
        }
        steps
    }
}

/// A way back to a queue.
fn back(known: &Known<'_>, source: &Resource) -> Verdict {
    let mut seen = vec![source.id.clone()];
    let mut ways = VecDeque::from([Vec::<Step>::new()]);
    while let Some(way) = ways.pop_front() {
        let here = way.last().map_or(&source.id, |step| &step.to);
        let here = known.bundle.resource(here);
        for step in here.map(|here| known.steps(here)).unwrap_or_default() {
            let mut longer = way.clone();
            longer.push(step.clone());
            if step.to == source.id {
                return Ok(Some(leads_back(source, &longer)));
            }
            if !seen.contains(&step.to) {
                seen.push(step.to);
                ways.push_back(longer);
            }
        }
    }
    known.routes_known(source)
}

impl Known<'_> {
    /// Nothing is wrong with the routes of a queue, where they are known or there are none.
    fn routes_known(&self, queue: &Resource) -> Verdict {
        match self.is_routed(queue) {
            true => self.routes().map(|_| None),
            false => Ok(None),
        }
    }
}

/// That a way leads back.
fn leads_back(source: &Resource, way: &[Step]) -> Fault {
    let id = &source.id;
    let along: Vec<_> = way.iter().map(|step| step.along.as_str()).collect();
    let first = way.first();
    Fault {
        input: first.map_or(Input::Template, |step| step.input),
        path: first.map_or_else(String::new, |step| step.path.clone()),
        line: None,
        message: format!(
            "events of `{id}` come back to it, along {}: each round makes a new message, and \
             Lambda stops what looks like a loop to it",
            along.join(", then ")
        ),
        remedy: format!(
            "send to another queue than `{id}`, or filter so that what comes back ends"
        ),
    }
}

/// A route to the dead-letter queue.
fn to_the_dead(known: &Known<'_>, source: &Resource) -> Verdict {
    known.routes_known(source)?;
    let Some(dead) = known.bundle.dead_letters_of(source) else {
        return Ok(None);
    };
    let step = known.steps(source).into_iter();
    let mut step = step.filter(|step| step.input == Input::Routes && step.to == dead.id);
    let (id, of) = (&dead.id, &source.id);
    Ok(step.next().map(|step| Fault {
        input: Input::Routes,
        path: step.path,
        line: None,
        message: format!(
            "{} sends to `{id}`, the dead-letter queue of `{of}`: what is there counts as dead, \
             and is redriven to `{of}` and sent there again",
            step.along
        ),
        remedy: "send to a queue of its own; dead messages reach the dead-letter queue by \
                 themselves"
            .to_owned(),
    }))
}

/// What a target is addressed by, and the types of resources that it may be.
fn addressed(target: &TargetSpec) -> Option<(&str, &'static [&'static str])> {
    match target {
        TargetSpec::Sqs(sqs) => Some((&sqs.queue_url, &[QUEUE])),
        TargetSpec::Sns(topic) => Some((&topic.topic_arn, &["AWS::SNS::Topic"])),
        TargetSpec::EventBridge(bus) => Some((&bus.bus, &["AWS::Events::EventBus"])),
        TargetSpec::Lambda(function) => {
            Some((&function.function, &super::super::bundle::FUNCTIONS))
        }
        TargetSpec::StepFunctions(machine) => Some((
            machine.unqualified_arn(),
            &[
                "AWS::StepFunctions::StateMachine",
                "AWS::Serverless::StateMachine",
            ],
        )),
        TargetSpec::Kinesis(_) | TargetSpec::DynamoDb(_) | TargetSpec::Http(_) => None,
    }
}

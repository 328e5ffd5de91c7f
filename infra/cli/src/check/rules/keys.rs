//! By what events are known again that the template itself sends to a source queue, and where to
//! know them by their targets saves nothing.
//!
//! A key is in the event: its envelope's id, or what `key` of the routes file finds. Who else sends
//! to the queue, and what, no template tells.

use waybill_core::ledger::OnceBy;
use waybill_core::routes::{Filter, Route};

use super::super::finding::Severity;
use super::super::resource::Resource;
use super::super::value::{Unknown, Value};
use super::fan_out::of_route;
use super::{Fault, Known, Rule, Verdict};

/// The rules.
pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "no-key",
        severity: Severity::Warning,
        failures: &["F48"],
        relation: "what the template itself sends to a source queue comes in its envelope, whose id \
                   is its key, unless the routes file says `key`",
        remedy: "leave the envelope on, or say `key` in the routes file",
        judge: |known| known.each_source_many(no_key),
    },
    Rule {
        id: "once-in-vain",
        severity: Severity::Note,
        failures: &[],
        relation: "beside a route with `once: target` no route takes every event: what several \
                   routes take is claimed all the same",
        remedy: "give the other route a `filter`, or a queue of its own",
        judge: |known| known.each_route(in_vain),
    },
];

/// What takes the envelope off an event.
struct Bare {
    /// Its place.
    path: String,
    /// What it is.
    what: String,
    /// What to do.
    remedy: &'static str,
}

impl Known<'_> {
    /// Some verdicts for each source queue.
    fn each_source_many(&self, judge: fn(&Self, &Resource) -> Vec<Verdict>) -> Vec<Verdict> {
        let sources = self.bundle.sources();
        sources.flat_map(|queue| judge(self, queue)).collect()
    }

    /// What sends to a queue without an envelope.
    fn senders(&self, queue: &Resource) -> Result<Vec<Bare>, Unknown> {
        let to_queue = |value: &Value| value.resource() == Some(&queue.id);
        let mut bare = Vec::new();
        for one in self.bundle.of_kind(&["AWS::SNS::Subscription"]) {
            if to_queue(one.property("Endpoint")) && one.property("RawMessageDelivery").is_true()? {
                bare.push(Bare {
                    path: one.path_of("RawMessageDelivery"),
                    what: format!("subscription `{}` delivers raw messages", one.id),
                    remedy: "set RawMessageDelivery to false",
                });
            }
        }
        for rule in self.bundle.of_kind(&["AWS::Events::Rule"]) {
            for target in rule.property("Targets").list()? {
                let shaped = ["Input", "InputPath", "InputTransformer"];
                let mut shaped = shaped.iter().filter(|name| !target.get(name).is_absent());
                if let (true, Some(name)) = (to_queue(target.get("Arn")), shaped.next()) {
                    bare.push(Bare {
                        path: rule.path_of("Targets"),
                        what: format!("rule `{}` sends by {name}", rule.id),
                        remedy: "leave Input, InputPath and InputTransformer out",
                    });
                }
            }
        }
        for pipe in self.bundle.of_kind(&["AWS::Pipes::Pipe"]) {
            let template = pipe.property("TargetParameters").get("InputTemplate");
            if to_queue(pipe.property("Target")) && !template.is_absent() {
                bare.push(Bare {
                    path: pipe.path_of("TargetParameters"),
                    what: format!("pipe `{}` sends by InputTemplate", pipe.id),
                    remedy: "have InputTemplate make an event with an id",
                });
            }
        }
        Ok(bare)
    }
}

/// A route whose events are claimed although it says that they need not be.
fn in_vain(known: &Known<'_>, place: usize, route: &Route) -> Verdict {
    if route.once == OnceBy::Ledger {
        return Ok(None);
    }
    let mut others = known.routes()?.routes.iter();
    let other = others.find(|other| {
        other.name != route.name && other.filter == Filter::default() && !other.flags.holds()
    });
    Ok(other.map(|other| {
        let (name, other) = (&route.name, &other.name);
        of_route(
            place,
            "once",
            format!(
                "route `{name}` says `once: target`, and route `{other}` takes each of its events \
                 too: what several routes take is claimed before the first try, and nothing is saved"
            ),
            format!("give route `{other}` a `filter`, or a queue of its own"),
        )
    }))
}

/// Events without a key of their own.
fn no_key(known: &Known<'_>, queue: &Resource) -> Vec<Verdict> {
    let senders = match known.senders(queue) {
        Ok(senders) if senders.is_empty() => return Vec::new(),
        Ok(senders) => senders,
        Err(reason) => return vec![Err(reason)],
    };
    match known.routes() {
        Err(reason) => return vec![Err(reason)],
        Ok(file) if file.key.is_some() => return Vec::new(),
        Ok(_) => {}
    }
    let id = &queue.id;
    let faults = senders.into_iter().map(|sender| {
        Ok(Some(Fault::new(
            sender.path,
            format!(
                "{} to `{id}`, and the routes file has no `key`: what has no id in its body is \
                 known by its message alone, and sent twice it is done twice",
                sender.what
            ),
            format!("{}, or say `key` in the routes file", sender.remedy),
        )))
    });
    faults.collect()
}

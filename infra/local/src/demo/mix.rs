//! What the demo sends, and how its target misbehaves. The same every time, ids apart.
//!
//! Of the messages, 10 % are copies of earlier ones, half of them right behind the original; for
//! 5 % the target answers 503 twice and then 200; for 1 % it answers 429 with `Retry-After` once;
//! 1 % it refuses for good (422); 1 % are broken JSON for a route that requires JSON. Of the
//! events that can be delivered, six in ten are plain, two CloudEvents, one an EventBridge event,
//! one an SNS notification.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::dice::Dice;
use crate::receiver::{Received, Reply};

/// How the target meets an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Behaviour {
    /// Takes it.
    Takes,
    /// Answers 503 twice, then takes it.
    FailsTwice,
    /// Answers 429 with `Retry-After` once, then takes it.
    Throttles,
    /// Refuses it for good.
    Refuses,
    /// Never sees it: its body is broken.
    Broken,
}

/// An event to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    /// Its id, which also stands in its body, whatever the form.
    pub(super) id: String,
    /// How the target meets it.
    pub(super) behaviour: Behaviour,
    /// The body of its message.
    pub(super) body: String,
}

/// Events, and the order in which they are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mix {
    /// What every id begins with.
    prefix: String,
    /// The events.
    pub(super) events: Vec<Planned>,
    /// Positions in `events`, one for each message; an event that stands here twice is resent.
    order: Vec<usize>,
}

impl Mix {
    /// Plain messages of a source, which their targets take.
    pub(super) fn plain(prefix: &str, source: &str, messages: usize) -> Self {
        let events = (0..messages).map(|n| {
            let id = event_id(prefix, n);
            let body = plain_of(source, &id, n);
            Planned {
                id,
                behaviour: Behaviour::Takes,
                body,
            }
        });
        Self {
            prefix: prefix.to_owned(),
            events: events.collect(),
            order: (0..messages).collect(),
        }
    }

    /// Messages of mixed kinds.
    pub(super) fn mixed(prefix: &str, messages: usize) -> Self {
        let percent = |part: usize| (messages * part).div_ceil(100);
        let copies = percent(10);
        let distinct = messages.saturating_sub(copies);
        let mut behaviours = vec![Behaviour::Takes; distinct];
        let bad = [
            (Behaviour::FailsTwice, percent(5)),
            (Behaviour::Throttles, percent(1)),
            (Behaviour::Refuses, percent(1)),
            (Behaviour::Broken, percent(1)),
        ];
        let kinds = bad.iter().flat_map(|(kind, many)| vec![*kind; *many]);
        for (behaviour, kind) in behaviours.iter_mut().zip(kinds) {
            *behaviour = kind;
        }
        let mut dice = Dice::new(0x5eed);
        for n in (1..distinct).rev() {
            behaviours.swap(n, dice.below(n + 1));
        }
        let events: Vec<Planned> = (0..)
            .zip(behaviours)
            .map(|(n, behaviour)| plan(prefix, n, behaviour))
            .collect();
        let order = order(&events, copies, &mut dice);
        Self {
            prefix: prefix.to_owned(),
            events,
            order,
        }
    }

    /// The events in the order they are sent, copies included.
    pub(super) fn messages(&self) -> Vec<&Planned> {
        let event = |position: &usize| self.events.get(*position);
        self.order.iter().filter_map(event).collect()
    }

    /// Every event's id.
    pub(super) fn ids(&self) -> BTreeSet<String> {
        self.events.iter().map(|event| event.id.clone()).collect()
    }

    /// The ids of the events that cannot be delivered.
    pub(super) fn undeliverable(&self) -> BTreeSet<String> {
        self.events
            .iter()
            .filter(|event| !event.behaviour.can_deliver())
            .map(|event| event.id.clone())
            .collect()
    }

    /// The id of the event of this mix that stands in a text.
    pub(super) fn id_in(&self, text: &str) -> Option<String> {
        let from = text.find(&self.prefix)?;
        let id = text.get(from..from + self.prefix.len() + ID_DIGITS + 1)?;
        Some(id.to_owned())
    }

    /// How the target answers.
    pub(super) fn script(&self) -> impl Fn(&Received, u32) -> Reply + Send + Sync + 'static {
        let behaviours: BTreeMap<String, Behaviour> = self
            .events
            .iter()
            .map(|event| (event.id.clone(), event.behaviour))
            .collect();
        move |received, nth_try| {
            let behaviour = received.event_id().and_then(|id| behaviours.get(id));
            match (behaviour, nth_try) {
                (Some(Behaviour::FailsTwice), 1 | 2) => Reply::status(503),
                (Some(Behaviour::Throttles), 1) => Reply::status(429).header("retry-after", "1"),
                (Some(Behaviour::Refuses), _) => Reply::status(422),
                (Some(_) | None, _) => Reply::status(200),
            }
        }
    }
}

impl Behaviour {
    /// Whether the event can have its effect in the end.
    fn can_deliver(self) -> bool {
        match self {
            Self::Takes | Self::FailsTwice | Self::Throttles => true,
            Self::Refuses | Self::Broken => false,
        }
    }
}

/// Makes an event.
fn plan(prefix: &str, n: usize, behaviour: Behaviour) -> Planned {
    let id = event_id(prefix, n);
    let body = match (behaviour, n % 10) {
        (Behaviour::Broken, _) => format!("{{\"event\": \"{id}\", \"order\": "),
        (_, 0..6) => plain(&id, n),
        (_, 6 | 7) => json!({
            "specversion": "1.0", "id": id, "source": "demo.orders",
            "type": "com.example.order.created", "time": TIME,
            "datacontenttype": "application/json", "data": { "order": n },
        })
        .to_string(),
        (_, 8) => json!({
            "version": "0", "id": id, "source": "demo.orders", "detail-type": "order created",
            "account": "000000000000", "region": "us-east-1", "resources": [],
            "time": TIME, "detail": { "order": n },
        })
        .to_string(),
        (_, _) => json!({
            "Type": "Notification", "MessageId": id, "Subject": "order created",
            "TopicArn": "arn:aws:sns:us-east-1:000000000000:demo-orders",
            "Timestamp": TIME, "Message": json!({ "order": n }).to_string(),
        })
        .to_string(),
    };
    Planned {
        id,
        behaviour,
        body,
    }
}

/// A message in the plain form.
pub(crate) fn plain(id: &str, n: usize) -> String {
    plain_of(SOURCE, id, n)
}

/// A message in the plain form, of a source.
fn plain_of(source: &str, id: &str, n: usize) -> String {
    json!({
        "id": id, "queue": source, "dispatch_date": TIME, "payload": { "order": n },
    })
    .to_string()
}

/// Each event once, and copies of those that can be delivered: half right behind the original,
/// which often is the same batch, half anywhere later. A copy of an event that is dead would be a
/// redrive, which is another story.
fn order(events: &[Planned], copies: usize, dice: &mut Dice) -> Vec<usize> {
    let mut order: Vec<usize> = (0..events.len()).collect();
    let mut made = 0;
    while made < copies {
        let at = dice.below(order.len());
        let event = order.get(at).and_then(|n| Some((*n, events.get(*n)?)));
        let Some((n, event)) = event else { break };
        if !event.behaviour.can_deliver() {
            continue;
        }
        let behind = match made % 2 {
            0 => at + 1,
            _ => at + 1 + dice.below(order.len() - at),
        };
        order.insert(behind, n);
        made += 1;
    }
    order
}

/// An event's id.
fn event_id(prefix: &str, n: usize) -> String {
    format!("{prefix}-{n:0ID_DIGITS$}")
}

/// Where most events come from.
pub(super) const SOURCE: &str = "demo.orders";

/// Digits of an event's number.
const ID_DIGITS: usize = 6;

/// When everything happened.
const TIME: &str = "2026-01-01T00:00:00Z";

#[cfg(test)]
mod tests;

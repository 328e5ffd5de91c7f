//! What is known of a bundle now: what each source said last, and what is wrong with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use waybill_core::time::Timestamp;

use super::emf::Document;
use super::window::{Figures, RouteFigures, Said, Window};

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The source queue.
    Queue,
    /// The dead-letter queue.
    DeadLetterQueue,
    /// Lambda, for the functions that the queue triggers.
    Triggers,
    /// A log group.
    Logs(String),
    /// The rows of dead events.
    Letters,
    /// The rows of breakers.
    Breakers,
}

/// What a source answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum News {
    /// How much a queue holds.
    Depth(Depth),
    /// Whose logs are read.
    Groups(Vec<String>),
    /// What functions logged since.
    Documents(Vec<Document>),
    /// The events that died last, the last first.
    Letters(Vec<Letter>),
    /// What the rows say of breakers. A route that has none is not in it.
    Breakers(BTreeMap<String, Gate>),
}

/// What came of asking: an answer, or what is wrong.
pub(super) type Report = (Source, Result<News, String>);

/// How much a queue holds, about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Depth {
    /// What can be received.
    pub(super) visible: u64,
    /// What somebody holds.
    pub(super) in_flight: u64,
    /// What waits for its delay to end.
    pub(super) delayed: u64,
}

impl Depth {
    /// All that the queue holds.
    pub(super) fn all(self) -> u64 {
        let held = self.visible.saturating_add(self.in_flight);
        held.saturating_add(self.delayed)
    }
}

/// An event that is dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    /// When it died.
    pub(super) at: Timestamp,
    /// Its key, as it is shown and typed.
    pub(super) key: String,
    /// Why.
    pub(super) reason: String,
    /// The routes that did not take it, each with the code of its last try.
    pub(super) routes: Vec<(String, String)>,
}

/// What a row says of a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Nothing goes but a probe.
    Open {
        /// Since then.
        since: Timestamp,
    },
    /// More and more goes.
    Closing {
        /// Since then. When that is over nothing is written.
        since: Timestamp,
    },
    /// Everything goes.
    Closed,
    /// The row cannot be read: nothing goes.
    Unreadable,
}

/// A bundle, as people name it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// Name of the source queue.
    pub(super) queue: String,
    /// The ledger's namespace, where it is known.
    pub(super) consumer: Option<String>,
    /// The region.
    pub(super) region: String,
    /// Where AWS is played, if it is.
    pub(super) endpoint: Option<String>,
}

/// What is known, and goes on being learned.
#[derive(Debug)]
pub(super) struct State {
    place: Place,
    window: Window,
    known: Known,
    faults: BTreeMap<Source, String>,
}

/// What each source said last; nothing where it never answered, or is not asked.
#[derive(Debug, Clone, PartialEq, Default)]
struct Known {
    queue: Option<Depth>,
    dead_letter_queue: Option<Depth>,
    depths: VecDeque<u64>,
    groups: Option<Vec<String>>,
    logged: bool,
    letters: Option<Vec<Letter>>,
    gates: BTreeMap<String, Gate>,
}

/// What is shown: one moment of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Snapshot {
    /// Of what.
    pub(super) place: Place,
    /// When.
    pub(super) at: Timestamp,
    /// The source queue.
    pub(super) queue: Option<Depth>,
    /// The dead-letter queue.
    pub(super) dead_letter_queue: Option<Depth>,
    /// What could be received at each look so far, oldest first.
    pub(super) depths: Vec<u64>,
    /// What functions counted; nothing where no log could be read yet.
    pub(super) figures: Option<Figures>,
    /// Each route that is known.
    pub(super) routes: Vec<Route>,
    /// Whose logs are read.
    pub(super) groups: Vec<String>,
    /// The events that died last; nothing where the ledger was not read.
    pub(super) letters: Option<Vec<Letter>>,
    /// What is wrong, a sentence for each source.
    pub(super) faults: Vec<String>,
}

/// A route, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// Its name.
    pub(super) name: String,
    /// What was tried.
    pub(super) figures: RouteFigures,
    /// Its breaker; nothing where none is known.
    pub(super) breaker: Option<Breaker>,
}

/// A breaker, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breaker {
    /// Everything goes.
    Closed,
    /// More and more goes.
    Closing,
    /// Nothing goes but a probe.
    Open {
        /// Since then, where that is known.
        since: Option<Timestamp>,
    },
    /// Its row cannot be read: nothing goes.
    Unreadable,
}

impl State {
    /// Nothing is known yet.
    pub(super) fn new(place: Place, span: Duration) -> Self {
        let window = Window::new(place.queue.clone(), span);
        Self {
            place,
            window,
            known: Known::default(),
            faults: BTreeMap::new(),
        }
    }

    /// Learns what a source said. What it said before stands where it now says nothing.
    pub(super) fn take(&mut self, (source, said): Report, now: Timestamp) {
        let news = match said {
            Ok(news) => news,
            Err(fault) => {
                self.faults.insert(source, fault);
                return;
            }
        };
        self.faults.remove(&source);
        let known = &mut self.known;
        match news {
            News::Depth(depth) if source == Source::Queue => {
                known.depths.push_back(depth.visible);
                known.queue = Some(depth);
                while known.depths.len() > DEPTHS_MAX {
                    known.depths.pop_front();
                }
            }
            News::Depth(depth) => known.dead_letter_queue = Some(depth),
            News::Groups(groups) => {
                self.faults.retain(|source, _| match source {
                    Source::Logs(group) => groups.contains(group),
                    Source::Queue
                    | Source::DeadLetterQueue
                    | Source::Triggers
                    | Source::Letters
                    | Source::Breakers => true,
                });
                known.groups = Some(groups);
            }
            News::Documents(documents) => {
                known.logged = true;
                for document in &documents {
                    self.window.add(document, now);
                }
            }
            News::Letters(letters) => known.letters = Some(letters),
            News::Breakers(gates) => known.gates = gates,
        }
    }

    /// Names of routes that were seen anywhere.
    pub(super) fn routes(&self) -> BTreeSet<String> {
        let letters = self.known.letters.iter().flatten();
        let of_letters = letters.flat_map(|letter| letter.routes.iter().map(|(name, _)| name));
        let mut names = self.window.routes();
        names.extend(of_letters.chain(self.known.gates.keys()).cloned());
        names
    }

    /// Whether nothing that was asked has answered.
    pub(super) fn is_blank(&self) -> bool {
        let known = &self.known;
        known.queue.is_none() && !known.logged && known.letters.is_none()
    }

    /// How it stands.
    pub(super) fn snapshot(&mut self, now: Timestamp) -> Snapshot {
        let mut figures = self.window.figures(now);
        let known = &self.known;
        let mut counted = std::mem::take(&mut figures.routes);
        for name in known.gates.keys() {
            counted.entry(name.clone()).or_default();
        }
        let routes = counted.into_iter().map(|(name, figures)| {
            let gate = known.gates.get(&name).copied();
            Route {
                breaker: breaker(gate, figures.breaker, now),
                name,
                figures,
            }
        });
        Snapshot {
            place: self.place.clone(),
            at: now,
            queue: known.queue,
            dead_letter_queue: known.dead_letter_queue,
            depths: known.depths.iter().copied().collect(),
            routes: routes.collect(),
            figures: known.logged.then_some(figures),
            groups: known.groups.clone().unwrap_or_default(),
            letters: known.letters.clone(),
            faults: self.faults.values().cloned().collect(),
        }
    }
}

/// What is to be believed of a breaker: its row, which all functions go by; that it closes again
/// is not written, so that there what a function said later counts.
fn breaker(gate: Option<Gate>, said: Option<Said>, now: Timestamp) -> Option<Breaker> {
    let told = |said: Said| match said.state {
        0 => Breaker::Closed,
        1 => Breaker::Closing,
        _ => Breaker::Open { since: None },
    };
    match gate {
        Some(Gate::Open { since }) => Some(Breaker::Open { since: Some(since) }),
        Some(Gate::Closed) => Some(Breaker::Closed),
        Some(Gate::Unreadable) => Some(Breaker::Unreadable),
        Some(Gate::Closing { since }) => match said {
            Some(said) if said.at > since && said.state == 0 => Some(Breaker::Closed),
            Some(_) | None if now.since(since) > RAMP_MAX => Some(Breaker::Closed),
            Some(_) | None => Some(Breaker::Closing),
        },
        None => said.map(told),
    }
}

/// How many looks at the depth are kept: as many as the widest screens have columns.
const DEPTHS_MAX: usize = 512;

/// The longest time in which a breaker closes.
const RAMP_MAX: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests;

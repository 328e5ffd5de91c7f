//! What one world is like: drawn from its chance before anything happens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use waybill_core::id::{Consumer, RouteName};
use waybill_core::key::KeyExpression;
use waybill_core::ledger::{DeadLetter, OnRejected, OnceBy};
use waybill_core::retry::{Backoff, RetryPolicy};
use waybill_core::routes::{OnConflict, RoutesFile};
use waybill_engine::engine::Config;
use waybill_engine::handler::{DeadLetterPolicy, Policy};
use waybill_testkit::fixtures;

use crate::chance::Chance;
use crate::fault::Fault;
use crate::mapping::{Mapping, Schedule};
use crate::trial::RETENTION;
use crate::world::World;

/// What one world is like.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) fifo: bool,
    pub(crate) config: Config,
    pub(crate) policies: BTreeMap<RouteName, Arc<Policy>>,
    pub(crate) mapping: Option<Mapping>,
    pub(crate) polling: Option<Polling>,
    pub(crate) max_receive_count: u32,
    /// The most retries of a route.
    pub(crate) steps: u32,
    /// How long trouble lasts.
    pub(crate) storm: Duration,
    pub(crate) events: u64,
    /// How far clocks of processes are ahead at most.
    pub(crate) skew: Duration,
    /// Whether clocks differ by more than a lease allows for.
    pub(crate) wild: bool,
    /// How many times slower targets are than usual.
    pub(crate) slow: u64,
    pub(crate) in_flight_max: Option<usize>,
    /// What holds its routes back, where anything does.
    pub(crate) gates: Option<RoutesFile>,
    /// An outage of six hours, of the store or of the target.
    pub(crate) long_outage: Option<Fault>,
    /// Whether events may wait outside the queue.
    pub(crate) schedules: bool,
    /// How many attempts of a route are refused, whatever the weather.
    pub(crate) sick: u32,
    /// What makes the effects of routes `a` and `c` once, where it is not the ledger.
    pub(crate) by_target: Option<ByTarget>,
}

/// How a target makes each effect once by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByTarget {
    /// It keeps the idempotency keys that it has taken, as names of executions are kept.
    Key,
    /// It writes the row, or a marker, in one transaction with the effect.
    Transaction,
}

/// How a world's pollers poll.
#[derive(Debug, Clone)]
pub(crate) struct Polling {
    pub(crate) schedule: Schedule,
    pub(crate) visibility: Duration,
    pub(crate) reserve: Duration,
}

impl Plan {
    /// Draws a plan.
    pub(crate) fn draw(world: &World) -> Self {
        let chance = world.chance();
        let fifo = chance.hits(350);
        let modes = [(true, false), (false, true), (true, true)];
        let (triggered, polled) = chance.pick(&modes).unwrap_or((true, true));
        let slow = match (triggered, chance.below(4)) {
            (false, 0) => 5,
            (false, 1) => 15,
            _ => 1,
        };
        let policies = policies(chance, slow);
        let steps = policies.values().map(|policy| steps(policy)).max();
        let steps = steps.unwrap_or_default();
        let dead_letter = match fifo || chance.hits(500) {
            true => DeadLetter::Send,
            false => DeadLetter::Redrive,
        };
        let longest = policies.values().map(|policy| policy.time).max();
        let longest = longest.unwrap_or_default();
        let timeout = Duration::from_secs(chance.from_to(6, 15)) + longest;
        let mut long_outage = vec![Fault::LongStoreOutage, Fault::LongTargetOutage];
        long_outage.retain(|fault| world.allows(*fault));
        let long_outage = chance.pick(&long_outage);
        let gates = chance.hits(300).then(|| gates(chance, &policies));
        let plan = Self {
            gates,
            fifo,
            max_receive_count: match (fifo, dead_letter) {
                (true, _) => 10 * (steps + 1) + 20,
                (false, DeadLetter::Redrive) => 25,
                (false, DeadLetter::Send) => 100,
            },
            steps,
            config: Config {
                consumer: Consumer::new(fixtures::CONSUMER).expect("a plain name"),
                key: None,
                dead_letter,
                on_conflict: match chance.hits(500) {
                    true => OnConflict::Dead,
                    false => OnConflict::Ack,
                },
                time_to_live: Duration::from_secs(35 * 24 * 3600),
                retention: Some(RETENTION),
                redrive_limit: 3,
                metrics: None,
                concurrency: chance.pick(&[1, 2, 3, 25, 100]).unwrap_or(25),
            },
            policies,
            mapping: triggered.then(|| Mapping {
                batch_size: match fifo {
                    true => 1 + chance.place(10),
                    false => chance.pick(&[1, 3, 10, 10, 30]).unwrap_or(10),
                },
                window: chance.time(Duration::from_secs(3)),
                concurrency: 1 + chance.place(3),
                timeout,
                visibility: timeout * 6,
                shared: chance.hits(150),
            }),
            polling: polled.then(|| polling(chance, longest)),
            storm: Duration::from_secs(chance.from_to(20, 300)),
            events: match chance.hits(100) {
                true => chance.from_to(20, 60),
                false => chance.from_to(1, 8),
            },
            skew: match world.allows(Fault::Skew) && chance.hits(300) {
                true => Duration::from_millis(900),
                false => Duration::ZERO,
            },
            wild: world.allows(Fault::WildSkew) && chance.hits(80),
            slow,
            in_flight_max: chance.hits(100).then(|| chance.place(4) + 2),
            long_outage: long_outage.filter(|fault| world.strikes(*fault, 30)),
            schedules: false,
            sick: 0,
            by_target: None,
        };
        // By a chance of its own: what has no schedules is the world that it would be without them.
        let chance = Chance::of(world.seed() ^ SCHEDULED);
        let plan = match !fifo && chance.hits(400) {
            true => plan.with_schedules(&chance),
            false => plan,
        };
        // The same of targets that make their effects once.
        let chance = Chance::of(world.seed() ^ BY_TARGET);
        match chance.pick(&[None, None, Some(ByTarget::Key), Some(ByTarget::Transaction)]) {
            Some(Some(by)) => plan.once_by(by),
            Some(None) | None => plan,
        }
    }

    /// The same where what only route `a` or only route `c` takes is not claimed at first.
    pub(crate) fn once_by(mut self, by: ByTarget) -> Self {
        self.by_target = Some(by);
        // Its messages say no key of ours: what they carry does.
        self.config.key = Some(KeyExpression::compile("id").expect("a plain expression"));
        for name in ["a", "c"] {
            let policy = self.policies.get_mut(&fixtures::route(name));
            policy
                .into_iter()
                .for_each(|policy| Arc::make_mut(policy).once = OnceBy::Target);
        }
        self
    }

    /// A world of these targets.
    pub(crate) fn once_by_key(world: &World) -> Self {
        Self::draw(world).once_by(ByTarget::Key)
    }

    /// The same of those that write the row with their effect.
    pub(crate) fn once_by_transaction(world: &World) -> Self {
        Self::draw(world).once_by(ByTarget::Transaction)
    }

    /// How the target of a route makes each effect once, where it does.
    pub(crate) fn by_target(&self, route: &str) -> Option<ByTarget> {
        self.by_target.filter(|_| ["a", "c"].contains(&route))
    }

    /// Whether an event with this data is tried without a claim when it comes for the first time.
    pub(crate) fn tries_first(&self, data: &str) -> bool {
        let only = data.split_once(':').map(|(routes, _)| routes);
        only.is_some_and(|route| self.by_target(route).is_some())
    }

    /// The same on a standard queue, whose events wait outside it: for long, or once a route has
    /// had some attempts.
    pub(crate) fn with_schedules(mut self, chance: &Chance) -> Self {
        for policy in self.policies.values_mut().map(Arc::make_mut) {
            if chance.hits(600) {
                let after = u32::try_from(chance.from_to(1, 2)).unwrap_or(1);
                policy.retry.detach = Some(after);
            }
            if chance.hits(400) {
                let wait = Duration::from_secs(60 * chance.from_to(14, 45));
                policy.retry.cap = wait;
                policy.retry.backoff = Backoff::Exponential {
                    duration: wait,
                    factor: 1.0,
                };
            }
        }
        self.schedules = true;
        // Not so sick that a redrive would be in vain.
        let least = self.policies.values().map(|policy| policy.retry.steps);
        let least = least.min().unwrap_or_default();
        self.sick = u32::try_from(chance.below(3)).map_or(0, |sick| sick.min(least));
        if self.sick > 0 {
            // A breaker asks by tries that are not charged: such a target would be sick for long.
            self.gates = None;
        }
        self
    }

    /// The same with a standard queue, schedules, and targets that are sick twice: where every
    /// event comes back by a schedule.
    pub(crate) fn scheduled(world: &World) -> Self {
        let mut plan = Self::draw(world);
        if plan.fifo {
            plan.fifo = false;
            plan.max_receive_count = 100;
        }
        plan = plan.with_schedules(&Chance::of(world.seed()));
        plan.sick = 2;
        plan.gates = None;
        for policy in plan.policies.values_mut().map(Arc::make_mut) {
            policy.retry.steps = 3;
            policy.retry.detach = Some(1);
            policy.dead_letter = None;
        }
        plan.steps = 3;
        plan
    }

    /// How far the clock of the next process is ahead.
    pub(crate) fn ahead(&self, chance: &Chance) -> Duration {
        match self.wild {
            // By a multiple of more than a lease.
            true => Duration::from_secs(40 * chance.below(3)),
            false => chance.time(self.skew),
        }
    }
}

/// What tells the chance of schedules from that of the rest.
const SCHEDULED: u64 = 0x5c4e_d01e_d5c4_ed01;

/// The same of targets that make their effects once.
const BY_TARGET: u64 = 0x0ce0_ce0c_e0ce_0ce0;

/// The most retries of a route: the first try at its dead-letter target is one more.
pub(crate) fn steps(policy: &Policy) -> u32 {
    let own = policy.dead_letter.as_ref();
    policy.retry.steps + own.map_or(0, |own| own.retry.steps + 1)
}

/// Routes `a`, `b` and `c`; what `c` refuses is let go, and what `b` gives up goes to a dead-letter
/// target of its own in every fourth world.
fn policies(chance: &Chance, slow: u64) -> BTreeMap<RouteName, Arc<Policy>> {
    let own = chance.hits(250);
    let policy = |(name, on_rejected)| {
        let retry = RetryPolicy {
            steps: u32::try_from(chance.below(4)).unwrap_or_default(),
            backoff: Backoff::Exponential {
                duration: Duration::from_secs(1 + chance.below(10)),
                factor: 2.0,
            },
            ..RetryPolicy::default()
        };
        let time = Duration::from_secs((1 + chance.below(4)) * slow);
        let dead_letter = (own && name == "b").then(|| DeadLetterPolicy {
            retry: retry.clone(),
            time,
        });
        let policy = Policy {
            retry,
            on_rejected,
            time,
            dead_letter,
            once: OnceBy::Ledger,
        };
        (fixtures::route(name), Arc::new(policy))
    };
    let routes = [
        ("a", OnRejected::Dead),
        ("b", OnRejected::Dead),
        ("c", OnRejected::Ack),
    ];
    routes.map(policy).into()
}

/// A file that says what holds the routes back: one has a breaker, one a rate, one few places.
fn gates(chance: &Chance, policies: &BTreeMap<RouteName, Arc<Policy>>) -> RoutesFile {
    let probe = chance.from_to(1, 10);
    let failures = chance.from_to(1, 5);
    let limit = chance.from_to(1, 20);
    let routes = policies.iter().map(|(name, policy)| {
        let gate = match name.as_str() {
            "a" => format!("breaker: {{ failures: {failures}, probe: {probe}s }}"),
            "b" => format!("rate: {{ limit: {limit} }}"),
            _ => format!("concurrency: {failures}"),
        };
        let timeout = policy.time.as_secs();
        let url = "https://target.example/";
        format!("  - {{ name: {name}, {gate}, target: {{ http: {{ url: '{url}', timeout: {timeout}s }} }} }}\n")
    });
    let text = format!("routes:\n{}", routes.collect::<String>());
    RoutesFile::parse(&text, |_| None).expect("a plain file")
}

fn polling(chance: &Chance, longest: Duration) -> Polling {
    let until_empty = chance.hits(500);
    let payload = match chance.hits(200) {
        true => {
            let most = chance.from_to(1, 15);
            format!(r#"{{"max_messages": {most}, "stop_when_empty": {until_empty}}}"#)
        }
        false => format!(r#"{{"stop_when_empty": {until_empty}}}"#),
    };
    Polling {
        schedule: Schedule {
            concurrency: 1 + chance.place(3),
            pause: Duration::from_secs(10),
            timeout: longest + Duration::from_secs(chance.from_to(10, 120)),
            payload,
            shared: chance.hits(150),
        },
        visibility: Duration::from_secs(chance.from_to(5, 30)),
        reserve: match chance.hits(100) {
            true => Duration::from_secs(300),
            false => longest,
        },
    }
}

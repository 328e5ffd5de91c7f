//! What a plan is made of: what was said, else what the template has, else a default; and which
//! of them it was.

use waybill_core::capacity::erlang::Goal;
use waybill_core::capacity::usage::FirstWrite;
use waybill_core::ledger::DeadLetter;
use waybill_core::price::{Architecture, QueueKind};
use waybill_core::retry::RetryPolicy;

use super::{Mode, Options, Queue};
use crate::check::settings::{Machine, Settings};
use crate::failure::Failure;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// It was said.
    Said,
    /// The template, or the routes file beside it.
    Template,
    /// Nobody said it.
    Default,
}

impl From {
    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Said => "said",
            Self::Template => "template",
            Self::Default => "default",
        }
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Given<T> {
    /// The value.
    pub(super) value: T,
    /// Where it comes from.
    pub(super) from: From,
}

/// What a plan is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Inputs {
    /// Events in a second.
    pub(super) rate: f64,
    /// How long one event takes.
    pub(super) handler_ms: Given<f64>,
    /// How long 99 of a hundred take at most, where it is known.
    pub(super) handler_p99_ms: Option<f64>,
    /// The part of tries that fail for now.
    pub(super) failure_rate: Given<f64>,
    /// The waits between tries.
    pub(super) retry: Given<RetryPolicy>,
    /// Most tries of an event, those at a route's own dead-letter target among them.
    pub(super) tries: u64,
    /// When an event's row is written first.
    pub(super) first_write: Given<FirstWrite>,
    /// How the dead leave.
    pub(super) dead_letter: Given<DeadLetter>,
    /// Receives after which the redrive policy takes a message.
    pub(super) max_receive_count: Given<u32>,
    /// How events come in.
    pub(super) mode: Given<Mode>,
    /// Events of a batch, behind a trigger.
    pub(super) batch_size: Given<u32>,
    /// Events that one poller works on at once.
    pub(super) poller_concurrency: Given<u32>,
    /// For how long a poller hides a message at a time.
    pub(super) poller_visibility_seconds: Given<u32>,
    /// The kind of the queue.
    pub(super) queue: Given<QueueKind>,
    /// Message groups that are active at once.
    pub(super) groups: Option<u32>,
    /// Memory of the function.
    pub(super) memory_mb: Given<u32>,
    /// Processor of the function.
    pub(super) architecture: Given<Architecture>,
    /// How good it must be.
    pub(super) goal: Goal,
    /// Whether the utilisation was said.
    pub(super) goal_from: From,
    /// Events that wait already.
    pub(super) backlog: Option<u64>,
    /// Custom metrics.
    pub(super) custom_metrics: Given<u32>,
    /// How many days a row of the ledger is kept.
    pub(super) row_days: Given<u32>,
    /// How many invocations, or pollers, the template lets run at once; none where there is no
    /// template or it does not say.
    pub(super) at_once: Option<u32>,
}

impl Inputs {
    /// Puts them together.
    ///
    /// # Errors
    ///
    /// Where two options contradict each other, or the template makes no function for the mode.
    pub(super) fn of(options: &Options, settings: Option<&Settings>) -> Result<Self, Failure> {
        let mode = mode(options, settings)?;
        let trigger = settings.and_then(|settings| settings.trigger.as_ref());
        let poller = settings.and_then(|settings| settings.poller.as_ref());
        let machine = match mode.value {
            Mode::Trigger => trigger.map(|one| &one.machine),
            Mode::Poll => poller.map(|one| &one.machine),
        };
        let number = |setting: Option<Option<u64>>| {
            setting
                .flatten()
                .and_then(|number| u32::try_from(number).ok())
        };
        let queue = queue(options, settings);
        if options.groups.is_some() && queue.value == QueueKind::Standard {
            return Err(Failure::new(
                "--groups is for a FIFO queue: say --queue fifo, or leave it out",
            ));
        }
        let retry = retry(options, settings);
        let own_tries = u64::from(retry.value.steps) + 1;
        let told = settings.and_then(|settings| settings.tries.as_ref().ok().copied());
        let at_once = match mode.value {
            Mode::Trigger => trigger.map(|one| one.concurrency.number()),
            Mode::Poll => poller.map(|one| one.pollers.number()),
        };
        let dead_letter = settings.and_then(|settings| settings.dead_letter.clone().ok());
        let first_write = settings.and_then(|settings| settings.first_write.clone().ok());
        let receives = settings.map(|settings| settings.queue.receives.number());
        let of_poller =
            |setting: Option<Option<u64>>, default| given(None, number(setting), default);
        Ok(Self {
            rate: options.rate,
            handler_ms: given(options.handler_ms, None, HANDLER_MS),
            handler_p99_ms: options.handler_p99_ms,
            failure_rate: given(options.failure_rate, None, FAILURE_RATE),
            tries: match options.steps {
                Some(_) => own_tries,
                None => told.unwrap_or(own_tries),
            },
            retry,
            first_write: given(None, first_write, FirstWrite::default()),
            dead_letter: given(None, dead_letter, DeadLetter::default()),
            max_receive_count: given(None, number(receives), MAX_RECEIVE_COUNT),
            batch_size: given(
                options.batch_size,
                number(trigger.map(|one| one.batch_size.number())),
                BATCH_SIZE,
            ),
            poller_concurrency: of_poller(
                poller.map(|one| one.concurrency.number()),
                POLLER_CONCURRENCY,
            ),
            poller_visibility_seconds: of_poller(
                poller.map(|one| one.visibility.number()),
                POLLER_VISIBILITY_SECONDS,
            ),
            mode,
            queue,
            groups: options.groups,
            memory_mb: given(
                options.memory,
                number(machine.map(|one| one.memory.number())),
                MEMORY_MB,
            ),
            architecture: architecture(machine),
            goal: goal(options),
            goal_from: given(options.utilisation, None, UTILISATION).from,
            backlog: options.backlog,
            custom_metrics: given(options.custom_metrics, None, CUSTOM_METRICS),
            row_days: given(options.row_days, None, ROW_DAYS),
            at_once: number(at_once),
        })
    }
}

/// How good it must be.
fn goal(options: &Options) -> Goal {
    Goal {
        utilisation: options.utilisation.unwrap_or(UTILISATION),
        waits: options.waits,
        wait_p99_seconds: options.wait_p99_ms.map(|ms| ms / 1e3),
    }
}

/// What was said, else what the template has, else a default.
fn given<T>(said: Option<T>, template: Option<T>, default: T) -> Given<T> {
    match (said, template) {
        (Some(value), _) => Given {
            value,
            from: From::Said,
        },
        (None, Some(value)) => Given {
            value,
            from: From::Template,
        },
        (None, None) => Given {
            value: default,
            from: From::Default,
        },
    }
}

/// How events come in, which must be a way that the template makes.
fn mode(options: &Options, settings: Option<&Settings>) -> Result<Given<Mode>, Failure> {
    let made = settings.map(|settings| (settings.trigger.is_some(), settings.poller.is_some()));
    let missing = |what: &str, mode: Mode| {
        let mode = mode.word();
        Err(Failure::new(format!(
            "the template with these parameters makes no {what}: say --parameter Mode={mode}, or \
             --template none"
        )))
    };
    match (options.mode, made) {
        (Some(Mode::Trigger), Some((false, _))) => {
            missing("function behind a trigger", Mode::Trigger)
        }
        (Some(Mode::Poll), Some((_, false))) => missing("poller", Mode::Poll),
        (None, Some((false, false))) => missing("function", Mode::Trigger),
        (said, made) => {
            let template = made.map(|(trigger, _)| match trigger {
                true => Mode::Trigger,
                false => Mode::Poll,
            });
            Ok(given(said, template, Mode::Trigger))
        }
    }
}

/// The kind of the queue.
fn queue(options: &Options, settings: Option<&Settings>) -> Given<QueueKind> {
    let said = options.queue.map(|queue| match queue {
        Queue::Standard => QueueKind::Standard,
        Queue::Fifo => QueueKind::Fifo,
    });
    let template = settings.and_then(|settings| settings.queue.kind.clone().ok());
    given(said, template, QueueKind::Standard)
}

/// How often is tried again, and how long apart.
fn retry(options: &Options, settings: Option<&Settings>) -> Given<RetryPolicy> {
    let template = settings.and_then(|settings| settings.retry.clone().ok());
    let retry = given(None, template, RetryPolicy::default());
    match options.steps {
        Some(steps) => Given {
            value: RetryPolicy {
                steps,
                ..retry.value
            },
            from: From::Said,
        },
        None => retry,
    }
}

/// The processor of the function.
fn architecture(machine: Option<&Machine>) -> Given<Architecture> {
    let template = machine.and_then(|machine| machine.architecture);
    given(None, template, Architecture::default())
}

/// A number above zero.
pub(super) fn above_zero(said: &str) -> Result<f64, String> {
    let number = said.parse::<f64>().ok();
    let above = number.filter(|number| *number > 0.0 && number.is_finite() && *number <= MOST);
    above.ok_or_else(|| "give a number above 0, a thousand million at most".to_owned())
}

/// A part of one, none and all of it among them.
pub(super) fn part(said: &str) -> Result<f64, String> {
    let number = said.parse::<f64>().ok();
    let part = number.filter(|number| (0.0..=1.0).contains(number));
    part.ok_or_else(|| "give a part of one, 0 to 1: 0.01 is one in a hundred".to_owned())
}

/// A part of one that is not nothing.
pub(super) fn part_above_zero(said: &str) -> Result<f64, String> {
    let part = part(said)?;
    match part > 0.0 {
        true => Ok(part),
        false => Err("give a part of one above 0, such as 0.8".to_owned()),
    }
}

/// Beyond it numbers are mistakes.
const MOST: f64 = 1e9;

/// How long an event takes, where nobody says it.
const HANDLER_MS: f64 = 100.0;

/// The part of tries that fail, where nobody says it.
const FAILURE_RATE: f64 = 0.001;

/// The highest utilisation, where nobody says it.
const UTILISATION: f64 = 0.8;

/// Custom metrics that one queue with one route has had a value of in a month, about, where nobody
/// says it.
const CUSTOM_METRICS: u32 = 15;

/// The template's own, where its queue keeps messages for four days: `WAYBILL_LEDGER_TTL_DAYS`.
const ROW_DAYS: u32 = 25;

/// The template's own, where there is no template.
const MAX_RECEIVE_COUNT: u32 = 25;
/// See [`MAX_RECEIVE_COUNT`].
const BATCH_SIZE: u32 = 10;
/// See [`MAX_RECEIVE_COUNT`].
const MEMORY_MB: u32 = 256;
/// See [`MAX_RECEIVE_COUNT`].
const POLLER_CONCURRENCY: u32 = 100;
/// See [`MAX_RECEIVE_COUNT`].
const POLLER_VISIBILITY_SECONDS: u32 = 30;

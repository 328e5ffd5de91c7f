//! What a load comes to: the load in Erlangs, what it needs, how long it waits, what it uses and
//! costs.

use waybill_core::capacity::erlang::{Station, inside, least_servers};
use waybill_core::capacity::needs::{POLLERS_MAX, drain_seconds, poller_receives, ramp_seconds};
use waybill_core::capacity::retries::Attempts;
use waybill_core::capacity::service::{ServiceTime, Slowest};
use waybill_core::capacity::usage::{Intake, Work, per_event};
use waybill_core::limit::BATCHES_MAX;
use waybill_core::price::{Dollars, US_EAST_1, Usage};

use super::Mode;
use super::inputs::Inputs;
use crate::failure::Failure;

/// What a load comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    /// What it was made of.
    pub(super) inputs: Inputs,
    /// How the time of one event is spread.
    pub(super) service: ServiceTime,
    /// How long what is worked on together takes: the slowest of a batch, or one event in a poll.
    pub(super) slowest: Slowest,
    /// Tries of an event.
    pub(super) attempts: Attempts,
    /// Receives of a message on average.
    pub(super) receives: f64,
    /// How long an event waits for retries on average, over all events.
    pub(super) retry_wait_seconds: f64,
    /// The least number at once that is good; none where there is none.
    pub(super) needed: Option<u32>,
    /// What several numbers at once come to, in rising order.
    pub(super) choices: Vec<Choice>,
    /// What an event uses, with what it is called.
    pub(super) usages: Vec<(&'static str, Usage)>,
    /// Messages that are hidden at once: in work, and waiting for a retry.
    pub(super) in_flight: f64,
}

/// What a number at once comes to: invocations, or pollers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Choice {
    /// How many at once.
    pub(super) at_once: u32,
    /// The servers of the model, and what comes to them.
    pub(super) station: Station,
    /// Events that can be ended in a second, first tries and retries of each.
    pub(super) events_per_second: f64,
    /// How long until the backlog is gone; none where there is none, or it never is.
    pub(super) drain_seconds: Option<f64>,
    /// How long Lambda takes to get there.
    pub(super) ramp_seconds: f64,
}

impl Report {
    /// Reckons.
    ///
    /// # Errors
    ///
    /// Where no distribution has the times that were said.
    pub(super) fn of(inputs: Inputs) -> Result<Self, Failure> {
        let mean_seconds = inputs.handler_ms.value / 1e3;
        let p99_seconds = inputs.handler_p99_ms.map(|ms| ms / 1e3);
        let service = ServiceTime::of(mean_seconds, p99_seconds).map_err(|error| {
            Failure::new(format!(
                "--handler-p99-ms does not go with --handler-ms: {error}; give both of one measurement"
            ))
        })?;
        let attempts = Attempts {
            failure_rate: inputs.failure_rate.value,
            most: inputs.retry.value.steps.saturating_add(1),
        };
        let receives = attempts.receives(inputs.dead_letter.value, inputs.max_receive_count.value);
        let retry_wait_seconds = attempts.waits_seconds(&inputs.retry.value);
        let slowest = service.slowest_of(together(&inputs));
        let in_work = match inputs.mode.value {
            Mode::Trigger => slowest.mean_seconds * attempts.tries(),
            Mode::Poll => service.mean_seconds() * attempts.tries(),
        };
        let mut report = Self {
            in_flight: inside(inputs.rate, in_work + retry_wait_seconds),
            service,
            slowest,
            attempts,
            receives,
            retry_wait_seconds,
            needed: None,
            choices: Vec::new(),
            usages: Vec::new(),
            inputs,
        };
        report.needed = report.least();
        let shown = report.shown();
        report.choices = shown.into_iter().map(|n| report.choice(n)).collect();
        report.usages = report.used();
        Ok(report)
    }

    /// What so many at once come to.
    pub(super) fn choice(&self, at_once: u32) -> Choice {
        let station = self.station(at_once);
        let events_per_second =
            station.capacity_per_second() / station.rate_per_second * self.rate();
        let backlog = self
            .inputs
            .backlog
            .and_then(|backlog| u32::try_from(backlog).ok());
        let drain = |backlog| drain_seconds(f64::from(backlog), events_per_second, self.rate());
        Choice {
            at_once,
            station,
            events_per_second,
            drain_seconds: backlog.and_then(drain),
            ramp_seconds: match self.inputs.mode.value {
                Mode::Trigger => ramp_seconds(at_once),
                // A tick comes each minute.
                Mode::Poll => 60.0 * f64::from(at_once.saturating_sub(1)),
            },
        }
    }

    /// The choice that the template makes, or else the needed one.
    pub(super) fn chosen(&self) -> Option<Choice> {
        self.inputs.at_once.or(self.needed).map(|n| self.choice(n))
    }

    /// What an event costs, with what it is called, in dollars of a million.
    pub(super) fn dollars(&self) -> Vec<(&'static str, Dollars)> {
        let million = |usage: &Usage| US_EAST_1.dollars(&usage.times(1e6));
        let each = self.usages.iter();
        each.map(|(name, usage)| (*name, million(usage))).collect()
    }

    /// Write and read units of the ledger in a second.
    pub(super) fn units_per_second(&self) -> [f64; 2] {
        let usage = self
            .usages
            .first()
            .map(|(_, usage)| *usage)
            .unwrap_or_default();
        [usage.write_units, usage.read_units].map(|units| units * self.rate())
    }

    /// Events in a second.
    fn rate(&self) -> f64 {
        self.inputs.rate
    }

    /// The servers of the model: invocations that work on batches, or places of pollers that work
    /// on events, while they receive.
    fn station(&self, at_once: u32) -> Station {
        let tries = self.rate() * self.attempts.tries();
        let groups = self.inputs.groups.unwrap_or(u32::MAX);
        match self.inputs.mode.value {
            Mode::Trigger => Station {
                servers: at_once.min(groups),
                rate_per_second: tries / f64::from(self.inputs.batch_size.value),
                service_seconds: self.slowest.mean_seconds,
            },
            Mode::Poll => Station {
                servers: at_once
                    .saturating_mul(self.inputs.poller_concurrency.value)
                    .min(groups),
                rate_per_second: tries / poller_receives(at_once),
                service_seconds: self.service.mean_seconds(),
            },
        }
    }

    /// The least that is good.
    fn least(&self) -> Option<u32> {
        let goal = &self.inputs.goal;
        match self.inputs.mode.value {
            Mode::Trigger => {
                let one = self.station(1);
                let most = BATCHES_MAX.min(self.inputs.groups.unwrap_or(u32::MAX));
                least_servers(one.rate_per_second, one.service_seconds, goal, most)
            }
            Mode::Poll => (1..=POLLERS_MAX).find(|n| goal.is_reached_by(&self.station(*n))),
        }
    }

    /// Which numbers at once are shown: five from where the load would just fill them, the needed
    /// one and the template's.
    fn shown(&self) -> Vec<u32> {
        let mut shown: Vec<u32> = match self.inputs.mode.value {
            Mode::Trigger => {
                let load = self.station(1).load();
                let first = (1..=BATCHES_MAX).rfind(|n| f64::from(*n) <= load * (1.0 + 1e-9));
                let first = first.unwrap_or(1);
                (first..first.saturating_add(5)).collect()
            }
            Mode::Poll => vec![1, 2, 3, 5, 10, POLLERS_MAX],
        };
        shown.extend(self.needed);
        shown.extend(self.inputs.at_once.filter(|n| *n > 0));
        shown.sort_unstable();
        shown.dedup();
        shown
    }

    /// What an event uses: behind a trigger with full batches and with batches of one, between
    /// which it lies; or in a poll.
    fn used(&self) -> Vec<(&'static str, Usage)> {
        let batch = self.inputs.batch_size.value;
        let trigger = |batch: u32| Intake::Trigger {
            batch: f64::from(batch),
            batch_seconds: self.service.slowest_of(batch).mean_seconds,
        };
        let intakes = match self.inputs.mode.value {
            Mode::Trigger if batch == 1 => vec![("batches of one", trigger(1))],
            Mode::Trigger => vec![
                ("full batches", trigger(batch)),
                ("batches of one", trigger(1)),
            ],
            Mode::Poll => {
                let pollers = self.chosen().map_or(1, |choice| choice.at_once);
                let intake = Intake::Poll {
                    pollers,
                    handler_seconds: self.service.mean_seconds(),
                    visibility_seconds: f64::from(self.inputs.poller_visibility_seconds.value),
                };
                vec![("poll", intake)]
            }
        };
        let used = |(name, intake)| (name, per_event(&self.work(intake)));
        intakes.into_iter().map(used).collect()
    }

    /// What the usage of an event depends on.
    fn work(&self, intake: Intake) -> Work {
        Work {
            intake,
            rate_per_second: self.rate(),
            attempts: self.attempts,
            first_write: self.inputs.first_write.value,
            dead_letter: self.inputs.dead_letter.value,
            max_receive_count: self.inputs.max_receive_count.value,
            memory_mb: self.inputs.memory_mb.value,
            architecture: self.inputs.architecture.value,
            queue: self.inputs.queue.value,
            custom_metrics: self.inputs.custom_metrics.value,
            row_days: self.inputs.row_days.value,
        }
    }
}

/// How many events are worked on together and end together.
fn together(inputs: &Inputs) -> u32 {
    match inputs.mode.value {
        Mode::Trigger => inputs.batch_size.value,
        Mode::Poll => 1,
    }
}

//! `waybill plan`: what a load needs, how long it waits, what it costs, and whether the template
//! holds it.
//!
//! What is decided is decided by `waybill_core::capacity`. Here the options, the template and
//! defaults are put together ([`inputs`]), reckoned with ([`report`]), held against the template
//! ([`compare`]) and shown ([`show`], [`plot`], [`json`]). No request is made.

use clap::{Args, ValueEnum};

use crate::Ended;
use crate::check::{self, settings::Settings};
use crate::failure::Failure;
use crate::screen::{self, Colour, Output};
use compare::Holds;
use inputs::Inputs;
use report::Report;

mod compare;
mod inputs;
mod json;
mod plot;
mod report;
mod show;

/// The load, and how good it must be.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    /// Events that come in a second.
    #[arg(long, value_name = "EVENTS", value_parser = inputs::above_zero, allow_negative_numbers = true)]
    rate: f64,
    /// How long one event takes in the function on average, the ledger's two requests among it;
    /// 100 where it is not said.
    #[arg(long, value_name = "MS", value_parser = inputs::above_zero, allow_negative_numbers = true)]
    handler_ms: Option<f64>,
    /// How long 99 of a hundred events take at most; without it times are taken as exponential.
    #[arg(long, value_name = "MS", value_parser = inputs::above_zero, allow_negative_numbers = true)]
    handler_p99_ms: Option<f64>,
    /// Events of a batch; the template's, or 10.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_size: Option<u32>,
    /// The part of tries that fail for now, 0 to 1; 0.001 where it is not said.
    #[arg(long, value_name = "PART", value_parser = inputs::part, allow_negative_numbers = true)]
    failure_rate: Option<f64>,
    /// Retries after the first try; those of the route that has most of them, or 3.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    steps: Option<u32>,
    /// How events come in; as the template has it, or by a trigger.
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<Mode>,
    /// The kind of the queue; the template's, or standard.
    #[arg(long, value_enum, value_name = "KIND")]
    queue: Option<Queue>,
    /// Message groups that are active at once, of a FIFO queue: no more is worked on at once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    groups: Option<u32>,
    /// Memory of the function in MB; the template's, or 256.
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u32).range(128..=10_240))]
    memory: Option<u32>,
    /// The highest utilisation that is good, 0 to 1; 0.8 where it is not said.
    #[arg(long, value_name = "PART", value_parser = inputs::part_above_zero, allow_negative_numbers = true)]
    utilisation: Option<f64>,
    /// The longest wait of 99 events in a hundred that is good; any where it is not said.
    #[arg(long, value_name = "MS", value_parser = inputs::above_zero, allow_negative_numbers = true)]
    wait_p99_ms: Option<f64>,
    /// The highest part of events that may wait at all, 0 to 1; any where it is not said.
    #[arg(long, value_name = "PART", value_parser = inputs::part_above_zero, allow_negative_numbers = true)]
    waits: Option<f64>,
    /// Events that wait in the queue already: how long until they are gone.
    #[arg(long, value_name = "EVENTS", value_parser = clap::value_parser!(u64).range(1..))]
    backlog: Option<u64>,
    /// Custom metrics of CloudWatch that have a value in a month; 15 where it is not said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    custom_metrics: Option<u32>,
    /// How many days a row of the ledger is kept, `WAYBILL_LEDGER_TTL_DAYS`; 25 where it is not said.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3650))]
    row_days: Option<u32>,
    #[command(flatten)]
    files: check::Inputs,
}

/// How events come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// SQS invokes the consumer.
    Trigger,
    /// Pollers receive by themselves.
    Poll,
}

impl Mode {
    /// The word for it.
    fn word(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Poll => "poll",
        }
    }
}

/// The kind of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Queue {
    /// A standard queue.
    Standard,
    /// A FIFO queue.
    Fifo,
}

/// Plans.
pub(crate) fn run(options: Options, output: Output) -> Result<Ended, Failure> {
    let (report, holds) = plan(&options)?;
    match output {
        Output::Text => {
            let colour = Colour::of_stdout();
            let width = screen::width().map_or(plot::WIDTH, usize::from);
            screen::print_styled(&show::text(&report, holds.as_ref(), width, colour))?;
        }
        Output::Json => screen::print(json::report(&report, holds.as_ref()).to_string())?,
    }
    Ok(ended(holds.as_ref()))
}

/// What is reckoned, and whether the template holds it, where there is one.
fn plan(options: &Options) -> Result<(Report, Option<Holds>), Failure> {
    let settings = settings(options)?;
    let inputs = Inputs::of(options, settings.as_ref())?;
    let report = Report::of(inputs)?;
    let holds = settings.map(|settings| Holds::of(&report, &settings));
    Ok((report, holds))
}

/// What the template sets; none where there is to be no template.
fn settings(options: &Options) -> Result<Option<Settings>, Failure> {
    if options.files.no_template() {
        return Ok(None);
    }
    let (checked, _) = check::read(&options.files)?;
    let settings = Settings::of(&checked).ok_or_else(|| {
        Failure::new(
            "the template makes no queue that a function of Waybill's works off: name another with \
             --template, or say --template none",
        )
    })?;
    Ok(Some(settings))
}

/// How a plan ends: in part where the template does not hold it.
fn ended(holds: Option<&Holds>) -> Ended {
    match holds.is_none_or(Holds::all) {
        true => Ended::Well,
        false => Ended::InPart,
    }
}

#[cfg(test)]
mod tests;

//! `waybill top`: what goes on now.
//!
//! Depths are the queues' own, counts and times are what functions logged, dead events and breakers
//! are the ledger's: all of these answer alike on AWS and where AWS is played.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use tokio::time::{MissedTickBehavior, interval};

use waybill_aws::ambient::System;
use waybill_aws::connect::Connection;
use waybill_core::id::Consumer;
use waybill_engine::ports::{Ambient, QueueErrorKind};

use crate::Ended;
use crate::failure::Failure;
use crate::reach;
use crate::screen::{self, Output};

mod draw;
mod emf;
mod plain;
#[cfg(test)]
mod sample;
mod sources;
mod spread;
mod state;
mod tail;
mod terminal;
mod window;
mod words;

use sources::{Asked, Breakers, Letters, Logs, Names};
use state::{Place, Source, State};

/// What is shown, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    routes: reach::Routes,
    /// Log group of a function; may be given again. Those of the functions that the queue triggers
    /// where it is not said; the poller's must be.
    #[arg(long, value_name = "NAME")]
    log_group: Vec<String>,
    /// Ask every so many seconds, 1 to 3600.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    interval: u64,
    /// Count and measure over the last so many seconds, 10 to 3600.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(10..=3600))]
    window: u64,
    /// Write a line every interval, also to a terminal.
    #[arg(long)]
    plain: bool,
    /// Write so many lines, and end.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Write one line, and end.
    #[arg(long, conflicts_with = "count")]
    once: bool,
}

/// Shows it.
pub(crate) async fn run(
    reach: &reach::Options,
    options: Options,
    output: Output,
) -> Result<Ended, Failure> {
    let url = reach.queue_url()?.to_owned();
    let identity = options.routes.identity_if_said()?;
    let consumer = match reach.table() {
        Ok(_) => Some(reach.consumer(&identity)?),
        Err(_) => reach.consumer(&identity).ok(),
    };
    let connection = reach.connect().await?;
    prove(&connection, &url).await?;
    let names = Names::default();
    names.add(options.routes.names()?);
    let span = Duration::from_secs(options.window);
    let asked = asked(&connection, reach, &options, consumer.as_ref(), &names)?;
    let state = State::new(place(&connection, &url, consumer), span);
    let every = Duration::from_secs(options.interval);
    let lines = match options.once {
        true => Some(1),
        false => options.count,
    };
    if output == Output::Text && !options.plain && lines.is_none() && is_screen() {
        terminal::watch(state, asked, names, every).await?;
        return Ok(Ended::Well);
    }
    write(state, asked, &names, every, lines, output).await
}

/// Whether stdout is a terminal that can be drawn on.
fn is_screen() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && !is_dumb
}

/// Asks whether there is such a queue: an address that is wrong will not become right. What is not
/// allowed, or passes, is told later, and the rest is shown.
async fn prove(connection: &Connection, url: &str) -> Result<(), Failure> {
    let Err(error) = connection.queue(url).describe().await else {
        return Ok(());
    };
    let is_silent = matches!(error.code.as_str(), "Dispatch" | "Timeout" | "Response");
    let is_denied = error.code.contains("AccessDenied");
    match error.kind {
        QueueErrorKind::Permanent | QueueErrorKind::LeaseLost if is_denied => Ok(()),
        QueueErrorKind::Transient if !is_silent => Ok(()),
        QueueErrorKind::Permanent | QueueErrorKind::LeaseLost | QueueErrorKind::Transient => {
            Err(error.into())
        }
    }
}

/// The bundle as people name it.
fn place(connection: &Connection, url: &str, consumer: Option<Consumer>) -> Place {
    let (region, endpoint) = connection.whereabouts();
    let name = url.trim_end_matches('/').rsplit('/').next();
    Place {
        queue: name.unwrap_or_default().to_owned(),
        consumer: consumer.map(|consumer| consumer.as_str().to_owned()),
        region: region.unwrap_or_default().to_owned(),
        endpoint: endpoint.map(str::to_owned),
    }
}

/// Who is asked: whatever the options name.
fn asked(
    connection: &Connection,
    reach: &reach::Options,
    options: &Options,
    consumer: Option<&Consumer>,
    names: &Names,
) -> Result<Vec<Asked>, Failure> {
    let queue = connection.queue(reach.queue_url()?);
    let span = Duration::from_secs(options.window);
    let logs = Logs::new(
        connection.function_logs(),
        &options.log_group,
        queue.clone(),
        span,
    );
    let mut asked = vec![
        Asked::Depth(Source::Queue, queue),
        Asked::Logs(Box::new(logs)),
    ];
    if let Some(url) = reach.dead_letter_url() {
        let queue = connection.queue(url);
        asked.push(Asked::Depth(Source::DeadLetterQueue, queue));
    }
    if let (Ok(table), Some(consumer)) = (reach.table(), consumer) {
        let (desk, ledger) = (connection.desk(&table), connection.ledger(&table));
        asked.push(Asked::Letters(Letters::new(desk, ledger, consumer.clone())));
        asked.push(Asked::Breakers(Breakers {
            gates: connection.gates(&table),
            consumer: consumer.clone(),
            names: names.clone(),
        }));
    }
    Ok(asked)
}

/// Writes a line every interval, until as many are written as are wanted, or somebody stops it.
async fn write(
    mut state: State,
    mut asked: Vec<Asked>,
    names: &Names,
    every: Duration,
    lines: Option<u64>,
    output: Output,
) -> Result<Ended, Failure> {
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = BTreeSet::new();
    let mut written = 0;
    if output == Output::Text {
        screen::print(plain::header())?;
    }
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            stopped = tokio::signal::ctrl_c() => {
                stopped.map_err(|error| Failure::new(format!("cannot wait: {error}")))?;
                return Ok(ended(&told));
            }
        }
        look(&mut state, &mut asked, names).await;
        let snapshot = state.snapshot(System.now());
        for fault in &snapshot.faults {
            if !told.contains(fault) {
                screen::say(fault);
            }
        }
        told = snapshot.faults.iter().cloned().collect();
        if state.is_blank() {
            return Err(Failure::new("nothing that was asked has answered"));
        }
        let line = match output {
            Output::Text => plain::line(&snapshot),
            Output::Json => plain::json(&snapshot).to_string(),
        };
        written += 1;
        if screen::print_on(line)?.is_break() || lines.is_some_and(|lines| written >= lines) {
            return Ok(ended(&told));
        }
    }
}

/// How it ended: in part where the last look did not have all.
fn ended(faults: &BTreeSet<String>) -> Ended {
    match faults.is_empty() {
        true => Ended::Well,
        false => Ended::InPart,
    }
}

/// Asks all sources once: breakers last, for the others tell of which routes.
async fn look(state: &mut State, asked: &mut [Asked], names: &Names) {
    let is_last = |asked: &&mut Asked| matches!(asked, Asked::Breakers(_));
    let (last, first): (Vec<_>, Vec<_>) = asked.iter_mut().partition(is_last);
    for sources in [first, last] {
        for reports in join_all(sources.into_iter().map(Asked::ask)).await {
            for report in reports {
                state.take(report, System.now());
            }
        }
        names.add(state.routes());
    }
}

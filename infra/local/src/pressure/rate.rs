//! A rate that several processes share: what does the target see each second?

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Feed, Report};
use crate::account::Verdict;
use crate::bundle::{Bundle, DeployOptions, Mode};
use crate::demo::{run_id, unless_interrupted};
use crate::error::LocalError;
use crate::functions::BuiltFunctions;
use crate::local_aws::LocalAws;
use crate::receiver::{Receiver, Reply};
use crate::say::say;
use crate::workspace::Workspace;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateOptions {
    /// Requests in a second.
    pub limit: u32,
    /// Processes that share it.
    pub sandboxes: u32,
    /// For how long.
    pub time: Duration,
}

/// One request: when it came, and which process sent it.
type Seen = (Instant, Option<i32>);

/// Runs it on a stand-in of its own, which ends with it: so many polls at once of a queue that
/// holds more than they can deliver.
///
/// Ends with an error where it could not run, an interrupt included.
pub async fn rate(
    workspace: &Workspace,
    functions: &BuiltFunctions,
    options: RateOptions,
) -> Result<Report, LocalError> {
    say("starting MiniStack");
    let aws = Arc::new(unless_interrupted(LocalAws::start(workspace)).await?);
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (note, watch) = (Arc::clone(&seen), Arc::clone(&aws));
    let receiver = Receiver::start(move |received, _| {
        let at = Instant::now();
        let process = watch.sandbox_at(received.from).map(|sandbox| sandbox.pid());
        let mut seen = note.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push((at, process));
        Reply::status(200)
    });
    let receiver = receiver.await?;
    let name = run_id("rate");
    let stack = format!("waybill-{name}");
    say(format!("deploying the stack {stack}"));
    let routes = format!(
        "routes:
  - name: limited
    rate: {{ limit: {} }}
    target: {{ http: {{ url: \"{}\", timeout: 5s }} }}
",
        options.limit,
        receiver.url("/limited")
    );
    let pollers = match options.sandboxes {
        0..=3 => options.sandboxes,
        4..=5 => 5,
        _ => 10,
    };
    let deployment = DeployOptions::new(&stack)
        .mode(Mode::Poll)
        .routes(&routes)
        .parameter("Pollers", pollers)
        .parameter("PollerSchedule", "DISABLED");
    let running = async {
        let bundle = Bundle::deploy(aws.endpoint(), workspace, functions, deployment).await?;
        let poller = bundle.poller_function();
        bundle.set_timeout(poller, options.time.as_secs()).await?;
        let mut feed = Feed::new(&name, options.limit);
        let backlog = options.time.as_secs() * u64::from(options.limit) * 2;
        let backlog = usize::try_from(backlog).unwrap_or(usize::MAX);
        say(format!(
            "sending {backlog} events, more than there is time for"
        ));
        feed.send_up_to(&bundle, backlog).await?;
        let (sandboxes, seconds) = (options.sandboxes, options.time.as_secs());
        say(format!(
            "polling with {sandboxes} processes for {seconds} s"
        ));
        let payload = json!({});
        let polls = (0..options.sandboxes).map(|_| bundle.invoke(poller, &payload));
        for polled in futures_util::future::join_all(polls).await {
            if let Some(error) = polled?.function_error {
                return Err(LocalError::failed(format!("a poll failed: {error}")));
            }
        }
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(report(options, &seen))
    };
    unless_interrupted(Box::pin(running)).await
}

fn report(options: RateOptions, seen: &[Seen]) -> Report {
    let mut at: Vec<_> = seen.iter().map(|(at, _)| *at).collect();
    at.sort_unstable();
    let processes: BTreeSet<_> = seen.iter().filter_map(|(_, process)| *process).collect();
    // Between the first and the last, without the beginning and the end.
    let (begin, end) = match (at.first(), at.last()) {
        (Some(first), Some(last)) => (*first + MARGIN, *last - MARGIN),
        _ => (Instant::now(), Instant::now()),
    };
    let steady: Vec<_> = at
        .iter()
        .copied()
        .filter(|at| (begin..end).contains(at))
        .collect();
    let seconds = end.saturating_duration_since(begin).as_secs_f64();
    let within = u32::try_from(steady.len()).map_or(f64::MAX, f64::from);
    let mean = if seconds > 0.0 { within / seconds } else { 0.0 };
    let most = (steady.iter())
        .map(|from| {
            let until = *from + Duration::from_secs(1);
            steady
                .iter()
                .filter(|at| (*from..until).contains(*at))
                .count()
        })
        .max();
    let limit = f64::from(options.limit);
    let near = (limit * 0.95..=limit * 1.05).contains(&mean);
    let shared = processes.len() == usize::try_from(options.sandboxes).unwrap_or(usize::MAX);
    let count = |n: usize| Value::from(u64::try_from(n).unwrap_or(u64::MAX));
    let lines = vec![
        (
            "requests",
            "requests to the target".to_owned(),
            count(at.len()),
        ),
        (
            "processes",
            "processes that sent them".to_owned(),
            count(processes.len()),
        ),
        (
            "seconds",
            "seconds looked at".to_owned(),
            json!(round(seconds)),
        ),
        (
            "mean",
            "requests in a second".to_owned(),
            json!(round(mean)),
        ),
        (
            "most",
            "most in any second".to_owned(),
            count(most.unwrap_or_default()),
        ),
    ];
    let (verdict, sentence) = match (near, shared) {
        (true, true) => (Verdict::Kept, "The rate was kept, and used.".to_owned()),
        (false, _) => (
            Verdict::Broken,
            format!("A promise was broken: {mean:.2} requests a second for {limit}."),
        ),
        (true, false) => (
            Verdict::Unfinished,
            "Not every process sent something: nothing was shared.".to_owned(),
        ),
    };
    Report {
        head: format!(
            "{} a second, shared by {} processes",
            options.limit, options.sandboxes
        ),
        lines,
        verdict,
        sentence,
    }
}

/// To two digits after the point.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// What is left out at each end.
const MARGIN: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests so many milliseconds apart, by three processes in turn.
    fn seen(apart_ms: u64) -> Vec<Seen> {
        let begun = Instant::now();
        let nth = |n: u64| begun + Duration::from_millis(n * apart_ms);
        let of = |n: u64| i32::try_from(n % 3).ok();
        (0..30_000 / apart_ms).map(|n| (nth(n), of(n))).collect()
    }

    #[test]
    fn a_rate_is_kept_within_a_twentieth_by_every_process() {
        let options = RateOptions {
            limit: 20,
            sandboxes: 3,
            time: Duration::from_secs(30),
        };
        assert_eq!(report(options, &seen(50)).verdict, Verdict::Kept);
        assert_eq!(report(options, &seen(45)).verdict, Verdict::Broken);
        assert_eq!(report(options, &seen(56)).verdict, Verdict::Broken);
        assert_eq!(report(options, &[]).verdict, Verdict::Broken);
        let alone: Vec<_> = seen(50).into_iter().map(|(at, _)| (at, Some(1))).collect();
        assert_eq!(report(options, &alone).verdict, Verdict::Unfinished);
    }
}

//! One of two targets is down for some minutes under load: what becomes of its events, of the
//! other's, and how often is it asked meanwhile?

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Feed, Report, TICK, percentile, poll};
use crate::account::Verdict;
use crate::bundle::{Bundle, DeployOptions, Mode};
use crate::demo::progress::Progress;
use crate::demo::{run_id, unless_interrupted};
use crate::error::LocalError;
use crate::functions::BuiltFunctions;
use crate::local_aws::LocalAws;
use crate::receiver::{Receiver, Reply};
use crate::say::say;
use crate::workspace::Workspace;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutageOptions {
    /// How messages come in.
    pub mode: Mode,
    /// Events in a second.
    pub rate: u32,
    /// For how long the target is down.
    pub down: Duration,
}

/// One request that a target saw.
#[derive(Debug, Clone)]
struct Seen {
    /// At the target that is down for a while, or at the other.
    sick: bool,
    event: String,
    at: Instant,
    taken: bool,
}

/// When the target goes down and comes back.
type Down = Mutex<Option<(Instant, Option<Instant>)>>;

/// Runs it on a stand-in of its own, which ends with it.
///
/// Ends with an error where it could not run, an interrupt included.
pub async fn outage(
    workspace: &Workspace,
    functions: &BuiltFunctions,
    options: OutageOptions,
) -> Result<Report, LocalError> {
    say("starting MiniStack");
    let aws = unless_interrupted(LocalAws::start(workspace)).await?;
    let down: Arc<Down> = Arc::default();
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let (is_down, note) = (Arc::clone(&down), Arc::clone(&seen));
    let receiver = Receiver::start(move |received, _| {
        let sick = received.path == "/sick";
        let down = *is_down.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = !sick || !matches!(down, Some((_, None)));
        let mut seen = note.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push(Seen {
            sick,
            event: received.event_id().unwrap_or_default().to_owned(),
            at: Instant::now(),
            taken,
        });
        Reply::status(if taken { 200 } else { 503 })
    });
    let receiver = receiver.await?;
    let name = run_id("outage");
    let stack = format!("waybill-{name}");
    say(format!("deploying the stack {stack}"));
    let deployment = DeployOptions::new(&stack)
        .mode(options.mode)
        .routes(&routes(&receiver));
    let running = async {
        let bundle = Bundle::deploy(aws.endpoint(), workspace, functions, deployment).await?;
        let mut feed = Feed::new(&name, options.rate);
        let progress = Progress::new("outage", feed_size(options));
        let load = load(&bundle, &mut feed, options, &down, &seen, &progress);
        let left = tokio::select! {
            left = load => left?,
            never = poll(&bundle, options.mode) => match never? {},
        };
        progress.end();
        let dead = bundle.dead_letters().depth().await?.total();
        let down = *down.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(report(options, &feed, &seen, down, dead, left))
    };
    unless_interrupted(Box::pin(running)).await
}

/// Two routes that take every event. The breaker's numbers are those that the report allows for.
fn routes(receiver: &Receiver) -> String {
    let (sick, well) = (receiver.url("/sick"), receiver.url("/well"));
    let (probe, probe_max) = (PROBE.as_secs(), PROBE_MAX.as_secs());
    format!(
        "defaults: {{ retry: {{ steps: 3, duration: 1s, factor: 2, cap: 10s }} }}
routes:
  - name: sick
    breaker: {{ failures: 5, probe: {probe}s, probe_max: {probe_max}s }}
    target: {{ http: {{ url: \"{sick}\", timeout: 5s }} }}
  - name: well
    target: {{ http: {{ url: \"{well}\", timeout: 5s }} }}
"
    )
}

/// Sends before, while the target is down, and after; then waits until the queue is empty, or
/// nothing more is to be expected. Answers how many messages are left in it.
async fn load(
    bundle: &Bundle,
    feed: &mut Feed,
    options: OutageOptions,
    down: &Down,
    seen: &Mutex<Vec<Seen>>,
    progress: &Progress,
) -> Result<u64, LocalError> {
    let begun = Instant::now();
    feed.begun = begun;
    let (goes, comes) = (begun + BEFORE, begun + BEFORE + options.down);
    let end = comes + AFTER;
    let limit = comes + DRAIN_LIMIT;
    loop {
        let now = Instant::now();
        {
            let mut down = down.lock().unwrap_or_else(PoisonError::into_inner);
            match *down {
                None if now >= goes => *down = Some((now, None)),
                Some((since, None)) if now >= comes => *down = Some((since, Some(now))),
                None | Some(_) => {}
            }
        }
        if now < end {
            feed.tick(bundle).await?;
        }
        let left = bundle.source().depth().await?.total();
        let (sick, well) = taken(&seen.lock().unwrap_or_else(PoisonError::into_inner));
        let state = match now {
            _ if now < goes => "well",
            _ if now < comes => "down",
            _ => "back",
        };
        let sent = feed.sent.len();
        let what = format!(
            "target {state}, {sent} events sent, {sick} delivered there, {well} at the other, \
             {left} in the queue"
        );
        progress.told(sick, &what);
        if now >= end && (left == 0 || now >= limit) {
            return Ok(left);
        }
        tokio::time::sleep(TICK).await;
    }
}

/// How many events each of the two targets has taken.
fn taken(seen: &[Seen]) -> (usize, usize) {
    let of = |sick| {
        let taken = seen.iter().filter(|one| one.taken && one.sick == sick);
        let events: BTreeSet<_> = taken.map(|one| one.event.as_str()).collect();
        events.len()
    };
    (of(true), of(false))
}

/// How many events there will be.
fn feed_size(options: OutageOptions) -> usize {
    let seconds = (BEFORE + options.down + AFTER).as_secs();
    usize::try_from(seconds * u64::from(options.rate)).unwrap_or(usize::MAX)
}

/// How often a breaker may ask while it is open for so long: after `PROBE`, and each time twice as
/// long, at most `PROBE_MAX`; and once more, since the target may not be down as long as the
/// breaker is open.
fn probes_allowed(down: Duration) -> u64 {
    let (mut at, mut wait, mut probes) = (Duration::ZERO, PROBE, 1);
    loop {
        at += wait;
        if at > down {
            return probes;
        }
        probes += 1;
        wait = (wait * 2).min(PROBE_MAX);
    }
}

fn report(
    options: OutageOptions,
    feed: &Feed,
    seen: &[Seen],
    down: Option<(Instant, Option<Instant>)>,
    dead: u64,
    left: u64,
) -> Report {
    let (goes, comes) = match down {
        Some((goes, comes)) => (goes, comes.unwrap_or(goes)),
        None => (feed.begun, feed.begun),
    };
    let refused: Vec<_> = seen.iter().filter(|one| !one.taken).collect();
    let first = refused.first().map(|one| one.at);
    // Each process learns within a second that another has opened the breaker; what it had begun
    // by then is no probe.
    let settled = first.map(|first| first + SETTLES);
    let probes = refused.iter().filter(|one| Some(one.at) > settled).count();
    let probes = u64::try_from(probes).unwrap_or(u64::MAX);
    let allowed = probes_allowed(options.down);
    let (at_sick, at_well) = taken(seen);
    let sent = feed.sent.len();
    let lost = sent
        .saturating_sub(at_sick)
        .saturating_sub(usize::try_from(dead + left).unwrap_or(usize::MAX));
    let behind = |one: &&Seen| {
        one.sick && one.taken && feed.sent_at(&one.event).is_some_and(|sent| sent < comes)
    };
    let last = seen.iter().filter(behind).map(|one| one.at).max();
    let drained = last.map(|last| last.saturating_duration_since(comes));
    let latencies = |from: Instant, to: Instant| -> Vec<Duration> {
        let mut known = BTreeSet::new();
        let first = seen
            .iter()
            .filter(|one| !one.sick && known.insert(&one.event));
        let of = first.filter_map(|one| {
            let sent = feed.sent_at(&one.event)?;
            let latency = one.at.saturating_duration_since(sent);
            (from..to).contains(&sent).then_some(latency)
        });
        of.collect()
    };
    let count = |n: usize| Value::from(u64::try_from(n).unwrap_or(u64::MAX));
    let mut lines = vec![
        ("events", "events sent".to_owned(), count(sent)),
        (
            "sick_delivered",
            "delivered to the target that was down".to_owned(),
            count(at_sick),
        ),
        (
            "well_delivered",
            "delivered to the other".to_owned(),
            count(at_well),
        ),
        ("dead", "in the DLQ".to_owned(), dead.into()),
        ("left", "still in the queue".to_owned(), left.into()),
        ("lost", "lost".to_owned(), count(lost)),
        (
            "refused",
            "requests that the target refused".to_owned(),
            count(refused.len()),
        ),
        (
            "probes",
            format!("  of them {} s after the first", SETTLES.as_secs()),
            probes.into(),
        ),
        (
            "probes_allowed",
            "  probes that the breaker may make".to_owned(),
            allowed.into(),
        ),
        (
            "drained_ms",
            "ms from recovery until what had waited was delivered".to_owned(),
            drained.map_or(Value::Null, |drained| {
                u64::try_from(drained.as_millis())
                    .unwrap_or(u64::MAX)
                    .into()
            }),
        ),
    ];
    let end = comes + DRAIN_LIMIT;
    for (keys, what, from, to) in [
        (
            ["before_p50_ms", "before_p99_ms"],
            "before",
            feed.begun,
            goes,
        ),
        (
            ["down_p50_ms", "down_p99_ms"],
            "while it was down",
            goes,
            comes,
        ),
        (["after_p50_ms", "after_p99_ms"], "after", comes, end),
    ] {
        let mut latencies = latencies(from, to);
        for (key, percent) in keys.into_iter().zip([50, 99]) {
            let name = format!("ms to the other target {what}, p{percent}");
            lines.push((key, name, percentile(&mut latencies, percent)));
        }
    }
    let faults = [
        (count(lost), "lost"),
        (dead.into(), "valid events in the DLQ"),
        (probes.saturating_sub(allowed).into(), "probes too many"),
        (
            count(sent.saturating_sub(at_well)),
            "not delivered to the other target",
        ),
    ];
    let faults = faults.into_iter().filter(|(n, _)| n.as_u64() != Some(0));
    let faults: Vec<_> = faults.map(|(n, what)| format!("{n} {what}")).collect();
    let (verdict, sentence) = match (faults.is_empty(), left) {
        (false, _) => (
            Verdict::Broken,
            format!("A promise was broken: {}.", faults.join(", ")),
        ),
        (true, 0) => (
            Verdict::Kept,
            "The outage hurt nothing but the time of its own events.".to_owned(),
        ),
        (true, _) => (
            Verdict::Unfinished,
            "The queue did not drain in time.".to_owned(),
        ),
    };
    let down = options.down.as_secs();
    Report {
        head: format!(
            "{} events a second, one of two targets down for {down} s",
            options.rate
        ),
        lines,
        verdict,
        sentence,
    }
}

/// When a breaker that has opened asks first, and how far apart its probes get.
const PROBE: Duration = Duration::from_secs(5);
const PROBE_MAX: Duration = Duration::from_secs(30);

/// How long events are sent before the target goes down, and after it has come back.
const BEFORE: Duration = Duration::from_secs(20);
const AFTER: Duration = Duration::from_secs(20);

/// How long it may take until every process knows that the breaker is open, and what it had begun
/// has ended.
const SETTLES: Duration = Duration::from_secs(3);

/// How long what has waited may take to be delivered.
const DRAIN_LIMIT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_may_ask_at_growing_intervals() {
        for (seconds, probes) in [
            (4, 1),
            (5, 2),
            (15, 3),
            (34, 3),
            (35, 4),
            (65, 5),
            (300, 12),
        ] {
            let down = Duration::from_secs(seconds);
            assert_eq!(probes_allowed(down), probes, "{seconds}");
        }
    }

    #[test]
    fn an_event_in_the_dlq_or_a_probe_too_many_breaks_a_promise() {
        let options = OutageOptions {
            mode: Mode::Trigger,
            rate: 1,
            down: Duration::from_secs(4),
        };
        let begun = Instant::now();
        let feed = Feed {
            prefix: "e".to_owned(),
            rate: 1,
            begun,
            before: 0,
            sent: vec![begun],
        };
        let after = |seconds| begun + Duration::from_secs(seconds);
        let down = Some((after(1), Some(after(60))));
        let seen = |sick, taken, seconds| Seen {
            sick,
            event: "e-000000".to_owned(),
            at: after(seconds),
            taken,
        };
        let good = [
            seen(false, true, 1),
            seen(true, false, 2),
            seen(true, true, 61),
        ];
        let kept = report(options, &feed, &good, down, 0, 0);
        assert_eq!(kept.verdict, Verdict::Kept);
        assert!(
            kept.json().contains("\"drained_ms\":1000"),
            "{}",
            kept.json()
        );
        assert_eq!(
            report(options, &feed, &good, down, 1, 0).verdict,
            Verdict::Broken
        );
        assert_eq!(
            report(options, &feed, &good[..2], down, 0, 0).verdict,
            Verdict::Broken
        );
        assert_eq!(
            report(options, &feed, &good[..2], down, 0, 1).verdict,
            Verdict::Unfinished
        );
        let probes = (0..2).map(|n| seen(true, false, 10 + n));
        let many: Vec<_> = good.iter().cloned().chain(probes).collect();
        assert_eq!(
            report(options, &feed, &many, down, 0, 0).verdict,
            Verdict::Broken
        );
    }
}

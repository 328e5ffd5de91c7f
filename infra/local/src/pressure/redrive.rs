//! What an outage killed, brought back by the command: is the rate kept, does the memory stay flat,
//! and is every one of them delivered once?

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::sleep;

use super::{Feed, Report};
use crate::account::Verdict;
use crate::bundle::{Bundle, DeployOptions};
use crate::demo::{run_id, unless_interrupted};
use crate::error::LocalError;
use crate::functions::BuiltFunctions;
use crate::local_aws::LocalAws;
use crate::receiver::{Received, Receiver, Reply};
use crate::say::say;
use crate::workspace::Workspace;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedriveOptions {
    /// Dead letters, of which nine in ten are selected.
    pub messages: usize,
    /// Messages in a second.
    pub rate: u32,
}

/// What was seen once a second while the command ran.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    /// Dead letters left.
    dead: u64,
    /// Memory of the command, in KiB.
    memory: u64,
}

/// Runs it on a stand-in of its own, which ends with it: every event is refused and dies, the target
/// is mended, and the command brings back what was refused with one of two codes.
///
/// Ends with an error where it could not run, an interrupt included.
pub async fn redrive(
    workspace: &Workspace,
    functions: &BuiltFunctions,
    command: &Path,
    options: RedriveOptions,
) -> Result<Report, LocalError> {
    say("starting MiniStack");
    let aws = unless_interrupted(LocalAws::start(workspace)).await?;
    let mended = Arc::new(AtomicBool::new(false));
    let is_mended = Arc::clone(&mended);
    let receiver = Receiver::start(move |received, _| match is_mended.load(Ordering::Relaxed) {
        true => Reply::status(200),
        false if is_left(received) => Reply::status(400),
        false => Reply::status(422),
    });
    let receiver = receiver.await?;
    let name = run_id("redrive");
    let stack = format!("waybill-{name}");
    say(format!("deploying the stack {stack}"));
    let routes = format!(
        "routes:\n  - name: hook\n    target: {{ http: {{ url: \"{}\", timeout: 5s }} }}\n",
        receiver.url("/hook")
    );
    let deployment = DeployOptions::new(&stack)
        .routes(&routes)
        .parameter("DeadLetterMode", "send")
        .parameter("MaxReceiveCount", 100);
    let running = async {
        let bundle = Bundle::deploy(aws.endpoint(), workspace, functions, deployment).await?;
        let all = u64::try_from(options.messages).unwrap_or(u64::MAX);
        say(format!("{all} events are sent, refused, and die"));
        let mut feed = Feed::new(&name, options.rate);
        feed.send_up_to(&bundle, options.messages).await?;
        until_dead(&bundle, all).await?;
        mended.store(true, Ordering::Relaxed);
        say(format!("bringing them back at {} a second", options.rate));
        let (answer, samples) = run(&bundle, aws.endpoint(), command, options).await?;
        let selected = all - all / 10;
        let end = Instant::now() + PATIENCE;
        while delivered(&receiver).0 < selected && Instant::now() < end {
            sleep(Duration::from_millis(250)).await;
        }
        let left = bundle.dead_letters().depth().await?.total();
        Ok(report(
            options,
            &answer,
            &samples,
            delivered(&receiver),
            left,
        ))
    };
    unless_interrupted(Box::pin(running)).await
}

/// Whether an event is one of those that are not selected: one in ten.
fn is_left(received: &Received) -> bool {
    received.event_id().is_some_and(|id| id.ends_with('0'))
}

/// Events that had an effect, and effects.
fn delivered(receiver: &Receiver) -> (u64, u64) {
    let effects = receiver.effects();
    let events = u64::try_from(effects.len()).unwrap_or(u64::MAX);
    (events, effects.into_values().map(u64::from).sum())
}

/// Waits until all are dead.
async fn until_dead(bundle: &Bundle, all: u64) -> Result<(), LocalError> {
    let mut last = (0, Instant::now());
    loop {
        let dead = bundle.dead_letters().depth().await?.total();
        if dead >= all {
            return Ok(());
        }
        if dead > last.0 {
            last = (dead, Instant::now());
        }
        if last.1.elapsed() > PATIENCE {
            return Err(LocalError::failed(format!(
                "{dead} of {all} events died, and no more"
            )));
        }
        sleep(Duration::from_secs(1)).await;
    }
}

/// Runs the command to its end, and looks at it once a second.
async fn run(
    bundle: &Bundle,
    endpoint: &str,
    command: &Path,
    options: RedriveOptions,
) -> Result<(Value, Vec<Sample>), LocalError> {
    let output = |name| bundle.output(name).unwrap_or_default();
    let mut child = Command::new(command)
        .args([
            "dlq",
            "redrive",
            "--where",
            "code = http_422",
            "--yes",
            "--json",
        ])
        .args(["--rate", &options.rate.to_string(), "--stop-after", "0"])
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("WAYBILL_CONSUMER", bundle.stack())
        .env("WAYBILL_LEDGER_TABLE", output("LedgerTableName"))
        .env("WAYBILL_QUEUE_URL", output("SourceQueueUrl"))
        .env("WAYBILL_DLQ_URL", output("DeadLetterQueueUrl"))
        .env("WAYBILL_ROUTES", "none")
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| LocalError::because("the command does not start", error))?;
    let pid = child.id().unwrap_or_default();
    let mut samples = Vec::new();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            ended = child.wait() => {
                ended.map_err(|error| LocalError::because("the command is lost", error))?;
                break;
            }
            _ = tick.tick() => {
                if let Some(memory) = memory_of(pid) {
                    let dead = bundle.dead_letters().depth().await?.total();
                    samples.push(Sample { at: Instant::now(), dead, memory });
                }
            }
        }
    }
    let output = child.wait_with_output().await;
    let output = output.map_err(|error| LocalError::because("the command says nothing", error))?;
    let answer = serde_json::from_slice(&output.stdout)
        .map_err(|error| LocalError::because("the command's answer is no JSON", error))?;
    Ok((answer, samples))
}

/// The memory that a process has, in KiB, where the system tells.
fn memory_of(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").trim().parse().ok()
}

/// What was seen, and what it comes to.
fn report(
    options: RedriveOptions,
    answer: &Value,
    samples: &[Sample],
    (events, effects): (u64, u64),
    left: u64,
) -> Report {
    let all = u64::try_from(options.messages).unwrap_or(u64::MAX);
    let selected = all - all / 10;
    let count = |name: &str| {
        let count = answer.pointer(&format!("/counts/{name}"));
        count.and_then(Value::as_u64).unwrap_or_default()
    };
    // After the ramp, and before the queue runs dry.
    let steady: Vec<_> = samples.iter().skip(RAMP).collect();
    let steady = steady.split_last().map_or(&[][..], |(_, rest)| rest);
    let (mean, most) = rates(steady);
    let memory: Vec<_> = steady.iter().map(|sample| sample.memory).collect();
    let (first, last) = (memory.first().copied(), memory.last().copied());
    let peak = memory.iter().max().copied().unwrap_or_default();
    let flat = first.is_some_and(|first| peak <= first + first / 5 + 2048);
    let rate = f64::from(options.rate);
    let kept = (rate * 0.9..=rate * 1.05).contains(&mean);
    let accounted = count("revived") == selected
        && count("not_selected") == all - selected
        && count("seen") == all
        && left == all - selected;
    let once = events == selected && effects == selected;
    let seconds = answer.get("seconds").cloned().unwrap_or_default();
    let lines = [
        ("dead", "dead letters", json!(all)),
        ("revived", "selected and sent back", json!(count("revived"))),
        ("not_selected", "not selected", json!(count("not_selected"))),
        ("left", "dead letters left", json!(left)),
        ("events", "events delivered", json!(events)),
        ("effects", "effects of them", json!(effects)),
        ("seconds", "seconds", seconds),
        ("mean", "a second, after the ramp", json!(mean)),
        (
            "most",
            "most from one look to the next, a second",
            json!(most),
        ),
        ("memory_first", "memory after the ramp, KiB", json!(first)),
        ("memory_last", "memory at the end, KiB", json!(last)),
        ("memory_peak", "most memory, KiB", json!(peak)),
    ];
    let broken = [
        (accounted, "not every dead letter is accounted for"),
        (once, "not every event was delivered once"),
        (kept, "the rate was not kept"),
        (flat, "the memory grew"),
    ];
    let broken: Vec<_> = broken
        .iter()
        .filter(|(held, _)| !held)
        .map(|(_, what)| *what)
        .collect();
    let (verdict, sentence) = match broken.is_empty() {
        true => (
            Verdict::Kept,
            "Every dead letter is accounted for, and what was selected was delivered once."
                .to_owned(),
        ),
        false => (
            Verdict::Broken,
            format!("A promise was broken: {}.", broken.join(", ")),
        ),
    };
    Report {
        head: format!("{all} dead letters, {} a second", options.rate),
        lines: lines
            .into_iter()
            .map(|(key, name, value)| (key, name.to_owned(), value))
            .collect(),
        verdict,
        sentence,
    }
}

/// Messages in a second over all samples, and most between two of them.
fn rates(samples: &[&Sample]) -> (f64, f64) {
    let between = |from: &Sample, to: &Sample| {
        let gone = u32::try_from(from.dead.saturating_sub(to.dead)).unwrap_or(u32::MAX);
        let seconds = to.at.saturating_duration_since(from.at).as_secs_f64();
        let rate = f64::from(gone) / seconds.max(0.001);
        (rate * 100.0).round() / 100.0
    };
    let mean = match samples {
        [first, .., last] => between(first, last),
        [] | [_] => 0.0,
    };
    let pairs = samples.iter().zip(samples.iter().skip(1));
    let most = pairs
        .map(|(from, to)| between(from, to))
        .fold(0.0, f64::max);
    (mean, most)
}

/// Samples of the ramp, which takes ten seconds.
const RAMP: usize = 12;

/// How long nothing may change.
const PATIENCE: Duration = Duration::from_secs(120);

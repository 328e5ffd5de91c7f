//! Many messages through several sandboxes: is memory flat, is latency, does the rate add up?

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use waybill_local::{Function, LocalError, say};

use crate::figures::{at, millis};
use crate::load::Load;
use crate::rig::Rig;
use crate::show::Show;
use crate::subject::Subject;

/// How much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Messages in all.
    #[arg(long, default_value_t = 1_000_000)]
    messages: usize,
    /// Sandboxes side by side.
    #[arg(long, default_value_t = 4)]
    sandboxes: usize,
}

/// Measures the consumer in so many sandboxes.
pub(crate) async fn measure(rig: &Rig, asked: &Arguments) -> Result<Show, LocalError> {
    let mut show = Show::default();
    let subject = Subject::own(rig, "consumer")?;
    show.table("sandboxes, 5+20 ms", &COLUMNS);
    rig.usual_latency();
    for sandboxes in [1, 2, asked.sandboxes] {
        let functions = start(&subject, sandboxes).await?;
        slice(rig, &subject, &functions, "warm", WARM_UP * sandboxes).await?;
        let seen = slice(rig, &subject, &functions, "scale", PER_SANDBOX * sandboxes).await?;
        show.row(sandboxes.to_string(), seen.map(Some));
    }
    let name = "messages so far, 0 ms";
    show.table(name, &COLUMNS);
    rig.no_latency();
    let functions = start(&subject, asked.sandboxes).await?;
    slice(
        rig,
        &subject,
        &functions,
        "warm-2",
        WARM_UP * asked.sandboxes,
    )
    .await?;
    let part = asked.messages.div_ceil(PARTS);
    for n in 1..=PARTS {
        let seen = slice(rig, &subject, &functions, &format!("part-{n}"), part).await?;
        say(format!("{} of {} messages", n * part, asked.messages));
        show.row((n * part).to_string(), seen.map(Some));
    }
    Ok(show)
}

/// Starts so many sandboxes.
async fn start(subject: &Subject, sandboxes: usize) -> Result<Vec<Function>, LocalError> {
    let mut functions = Vec::new();
    for _ in 0..sandboxes {
        functions.push(subject.start().await?.0);
    }
    Ok(functions)
}

/// Runs so many messages through all of them; the figures of [`COLUMNS`].
async fn slice(
    rig: &Rig,
    subject: &Subject,
    functions: &[Function],
    name: &str,
    messages: usize,
) -> Result<[f64; 5], LocalError> {
    rig.stub.clear();
    let batches = messages.div_ceil(Load::USUAL.batch);
    let taken = AtomicUsize::new(0);
    let begun = Instant::now();
    let running = functions.iter().map(async |function| {
        let mut times = Vec::new();
        loop {
            let batch = taken.fetch_add(1, Ordering::Relaxed);
            if batch >= batches {
                return Ok::<_, LocalError>(times);
            }
            let payload = Load::USUAL.payload(&format!("{name}-{batch}"));
            times.push(subject.batch(function, payload).await?);
        }
    });
    let times = try_join_all(running).await?;
    let took = begun.elapsed();
    let mut times: Vec<Duration> = times.into_iter().flatten().collect();
    times.sort_unstable();
    let sent = batches * Load::USUAL.batch;
    let target = rig.stub.target();
    if target.distinct() != sent || target.deliveries() != crate::subject::wide(sent) {
        let what = format!("{} deliveries for {sent} messages", target.deliveries());
        return Err(LocalError::failed(what));
    }
    functions.iter().for_each(Function::forget_lines);
    let memory = functions.iter().filter_map(Function::memory);
    let most = memory.max().unwrap_or_default();
    Ok([
        sent as f64 / took.as_secs_f64(),
        millis(at(&times, 50)),
        millis(at(&times, 99)),
        millis(at(&times, 100)),
        most as f64 / 1e6,
    ])
}

/// What is shown of a slice.
const COLUMNS: [&str; 5] = [
    "msg/s",
    "p50 ms",
    "p99 ms",
    "slowest ms",
    "resident MB, most",
];

/// Parts of the long run.
const PARTS: usize = 10;

/// Messages for each sandbox, with latencies.
const PER_SANDBOX: usize = 3000;

/// Messages for each sandbox before that.
const WARM_UP: usize = 100;

//! The project's own functions.

use waybill_local::LocalError;
use waybill_local::say;

use crate::bare;
use crate::figures::{Batches, Polled, middle, millis};
use crate::load::Load;
use crate::rig::Rig;
use crate::show::Show;
use crate::subject::Subject;

/// Measures consumer and poller.
pub(crate) async fn measure(rig: &Rig) -> Result<Show, LocalError> {
    let mut show = Show::default();
    let consumer = Subject::own(rig, "consumer")?;
    say("starts");
    start(rig, &consumer, &mut show).await?;
    say("batches");
    show.table(
        "trigger, 0 ms",
        &[
            "msg/s",
            "CPU ms/1,000",
            "p50 ms",
            "p99 ms",
            "peak MB",
            "DynamoDB/msg",
            "SQS/msg",
            "WU/msg",
            "out B/msg",
            "in B/msg",
        ],
    );
    rig.no_latency();
    for (batch, bytes) in LOADS {
        let load = Load { batch, bytes };
        let batches = (MESSAGES / batch).clamp(10, 300);
        let seen = rounds(rig, &consumer, load, batches).await?;
        show.row(format!("{batch} × {bytes} B"), row(&seen));
    }
    say("latencies");
    show.table(
        "trigger, AWS 5 ms",
        &["floor p50 ms", "p50 ms", "ratio", "p99 ms", "DynamoDB/msg"],
    );
    rig.usual_latency();
    for batch in [1, 10, 100, 1000] {
        let load = Load { batch, bytes: 1024 };
        let batches = (LATENCY_MESSAGES / batch).clamp(10, 100);
        let mut floors = Vec::new();
        for _ in 0..rig.rounds {
            floors.push(bare::measure(rig, batch, CONCURRENCY, batches).await?);
        }
        let floor = middle(floors);
        let seen = rounds(rig, &consumer, load, batches).await?;
        let figures = [
            floor,
            seen.p50_ms,
            seen.p50_ms / floor,
            seen.p99_ms,
            seen.dynamodb,
        ];
        show.row(format!("{batch} × 1 KB, target 20 ms"), figures.map(Some));
    }
    rig.spread_latency();
    let seen = rounds(rig, &consumer, Load::USUAL, 100).await?;
    let figures = [
        None,
        Some(seen.p50_ms),
        None,
        Some(seen.p99_ms),
        Some(seen.dynamodb),
    ];
    show.row("10 × 1 KB, target 5 to 50 ms", figures);
    say("modes");
    modes(rig, &mut show).await?;
    say("polls");
    show.table(
        "poll, one poller",
        &[
            "msg/s",
            "CPU ms/1,000",
            "peak MB",
            "SQS/msg",
            "DynamoDB/msg",
        ],
    );
    let poller = Subject::own(rig, "poller")?;
    for (name, slow) in [("0 ms", false), ("AWS 5 ms, target 20 ms", true)] {
        match slow {
            true => rig.usual_latency(),
            false => rig.no_latency(),
        }
        let mut rounds = Vec::new();
        for _ in 0..rig.rounds {
            rounds.push(poller.polls(rig, POLLED).await?);
        }
        let seen = Polled::middle(&rounds);
        let figures = [Some(seen.rate), seen.cpu_ms, seen.peak_mb];
        let asked = [Some(seen.sqs), Some(seen.dynamodb)];
        show.row(name, figures.into_iter().chain(asked));
    }
    Ok(show)
}

/// What a route costs where the ledger makes its effects once, and where its target does.
async fn modes(rig: &Rig, show: &mut Show) -> Result<(), LocalError> {
    let columns = [
        "msg/s",
        "CPU ms/1,000",
        "p50 ms",
        "DynamoDB/msg",
        "WU/msg",
        "RU/msg",
    ];
    show.table("once by, 0 ms", &columns);
    rig.no_latency();
    for (name, target) in [("stepfunctions", MACHINE), ("dynamodb", ITEM)] {
        for once in ["ledger", "target"] {
            let route = format!("name: measured, once: {once}, target: {target}");
            let subject = Subject::with_route(rig, "consumer", &route)?;
            let mut rounds = Vec::new();
            for _ in 0..rig.rounds {
                rounds.push(
                    subject
                        .batches_to(rig, Load::USUAL, 100, name != "dynamodb")
                        .await?,
                );
            }
            let seen = Batches::middle(&rounds);
            show.row(
                format!("{name}, once: {once}"),
                [
                    Some(seen.rate),
                    seen.cpu_ms,
                    Some(seen.p50_ms),
                    Some(seen.dynamodb),
                    Some(seen.write_units),
                    Some(seen.read_units),
                ],
            );
        }
    }
    Ok(())
}

/// How fast it is there.
async fn start(rig: &Rig, subject: &Subject, show: &mut Show) -> Result<(), LocalError> {
    rig.no_latency();
    rig.stub.clear();
    let (mut starts, mut firsts) = (Vec::new(), Vec::new());
    let mut idle = None;
    for n in 0..STARTS {
        let (function, took) = subject.start().await?;
        idle = function.peak_memory();
        let first = subject
            .batch(&function, Load::USUAL.payload(&format!("first-{n}")))
            .await?;
        starts.push(millis(took));
        firsts.push(millis(first));
    }
    show.table("start", &["init ms", "first batch ms", "idle MB"]);
    let idle = idle.map(|bytes| bytes as f64 / 1e6);
    show.row(
        &subject.title,
        [Some(middle(starts)), Some(middle(firsts)), idle],
    );
    Ok(())
}

/// The middle of several rounds.
async fn rounds(
    rig: &Rig,
    subject: &Subject,
    load: Load,
    batches: usize,
) -> Result<Batches, LocalError> {
    let mut rounds = Vec::new();
    for _ in 0..rig.rounds {
        rounds.push(subject.batches(rig, load, batches).await?);
    }
    Ok(Batches::middle(&rounds))
}

/// The figures of batches.
fn row(seen: &Batches) -> [Option<f64>; 10] {
    [
        Some(seen.rate),
        seen.cpu_ms,
        Some(seen.p50_ms),
        Some(seen.p99_ms),
        seen.peak_mb,
        Some(seen.dynamodb),
        Some(seen.sqs),
        Some(seen.write_units),
        Some(seen.bytes_out),
        Some(seen.bytes_in),
    ]
}

/// Batches and bodies, as far as they go into one invocation of 6 MB.
const LOADS: [(usize, usize); 7] = [
    (1, 1024),
    (10, 1024),
    (100, 1024),
    (1000, 1024),
    (10, 100 * 1024),
    (1, 1024 * 1024),
    (5, 1024 * 1024),
];

/// A Standard state machine.
const MACHINE: &str = "{stepfunctions: {state_machine_arn: \
                       \"arn:aws:states:us-east-1:000000000000:stateMachine:measured\"}}";

/// A table that takes each event as an item.
const ITEM: &str = "{dynamodb: {table: orders, key: \"{pk: id}\", put: \"{payload: data}\"}}";

/// Messages of a queue that is polled.
const POLLED: usize = 6000;

/// How many fresh processes are timed.
const STARTS: usize = 15;

/// Messages of a round without latencies.
const MESSAGES: usize = 3000;

/// Messages of a round with latencies.
const LATENCY_MESSAGES: usize = 1000;

/// How many events the consumer works on at once.
const CONCURRENCY: usize = 100;

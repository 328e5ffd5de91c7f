//! The same work by others, in the same run.

use std::fs;

use serde::Deserialize;

use waybill_local::{Environment, LocalError, Program, say};

use crate::bare;
use crate::figures::{Batches, Polled, middle, millis};
use crate::load::Load;
use crate::rig::Rig;
use crate::show::Show;
use crate::subject::{Subject, TABLE};
use crate::trouble;

/// The file that says how each peer is run.
const FILE: &str = "infra/peers/peers.json";

/// How each peer is run.
#[derive(Debug, Deserialize)]
struct Peers {
    peers: Vec<Peer>,
}

/// One peer.
#[derive(Debug, Deserialize)]
struct Peer {
    name: String,
    mode: Mode,
    argv: Vec<String>,
    /// Whether it is given fewer messages.
    #[serde(default)]
    slow: bool,
    env: std::collections::BTreeMap<String, String>,
}

/// How a peer gets its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// An event source mapping hands batches over.
    Trigger,
    /// It polls.
    Poll,
    /// It does nothing: its start is what a start costs.
    Empty,
}

impl Peer {
    /// What is measured of it.
    fn subject(&self, rig: &Rig) -> Subject {
        let mut environment = Environment::of(&self.name)
            .with("TABLE_NAME", TABLE)
            .with("QUEUE_URL", rig.stub.queue_url())
            .with("TARGET_URL", rig.stub.target_url())
            .with("AWS_ENDPOINT_URL", rig.stub.endpoint())
            .with("HOME", rig.workspace.target().to_string_lossy());
        for (name, value) in &self.env {
            environment = environment.with(name, value);
        }
        Subject {
            title: self.name.clone(),
            program: Program {
                arguments: self.argv.iter().map(Into::into).collect(),
                folder: Some(rig.workspace.root().to_owned()),
                core: rig.core,
            },
            environment,
            own: false,
            slow: self.slow,
        }
    }
}

/// Every peer, with its mode.
fn all(rig: &Rig) -> Result<Vec<(Mode, Subject)>, LocalError> {
    let root = rig.workspace.root();
    let text = fs::read_to_string(root.join(FILE));
    let text = text.map_err(|error| LocalError::because(format!("cannot read {FILE}"), error))?;
    let peers = serde_json::from_str::<Peers>(&text);
    let peers = peers.map_err(|error| LocalError::because(format!("{FILE} is damaged"), error))?;
    let missing = peers.peers.iter().find(|peer| {
        let program = peer.argv.first().map(|program| root.join(program));
        !program.is_some_and(|program| program.is_file())
    });
    if let Some(missing) = missing {
        return Err(LocalError::missing(
            format!("the peer {} is not installed", missing.name),
            "run `infra/peers/install`",
        ));
    }
    let peers = peers.peers.iter();
    Ok(peers.map(|peer| (peer.mode, peer.subject(rig))).collect())
}

/// Measures the functions beside their peers.
pub(crate) async fn measure(rig: &Rig) -> Result<Show, LocalError> {
    let mut show = Show::default();
    let mut peers = vec![
        (Mode::Trigger, Subject::own(rig, "consumer")?),
        (Mode::Poll, Subject::own(rig, "poller")?),
    ];
    peers.extend(all(rig)?);
    let of = |mode: Mode| {
        let of = peers.iter().filter(move |(its, _)| *its == mode);
        of.map(|(_, subject)| subject.clone()).collect::<Vec<_>>()
    };
    starts(rig, &of(Mode::Empty), &of(Mode::Trigger), &mut show).await?;
    triggers(rig, &of(Mode::Trigger), &mut show).await?;
    polls(rig, &of(Mode::Poll), &mut show).await?;
    trouble::compare(rig, &of(Mode::Trigger), &mut show).await?;
    Ok(show)
}

/// How fast each is there.
async fn starts(
    rig: &Rig,
    empty: &[Subject],
    trigger: &[Subject],
    show: &mut Show,
) -> Result<(), LocalError> {
    rig.no_latency();
    rig.stub.clear();
    show.table("start", &["init ms", "first batch ms", "idle MB"]);
    let mut seen = vec![(Vec::new(), Vec::new(), None); empty.len() + trigger.len()];
    for round in 0..rig.rounds * STARTS {
        say(format!(
            "starts, round {} of {}",
            round + 1,
            rig.rounds * STARTS
        ));
        let subjects = empty.iter().chain(trigger).enumerate();
        for ((place, subject), (inits, firsts, idle)) in subjects.zip(&mut seen) {
            let (function, took) = subject.start().await?;
            inits.push(millis(took));
            *idle = function.peak_memory();
            if place >= empty.len() {
                let payload = Load::USUAL.payload(&format!("first-{round}"));
                firsts.push(millis(subject.batch(&function, payload).await?));
            }
        }
    }
    for (subject, (inits, firsts, idle)) in empty.iter().chain(trigger).zip(seen) {
        let first = (!firsts.is_empty()).then(|| middle(firsts));
        let idle = idle.map(|bytes| bytes as f64 / 1e6);
        show.row(&subject.title, [Some(middle(inits)), first, idle]);
    }
    Ok(())
}

/// Batches of ten, without latencies and with.
async fn triggers(rig: &Rig, subjects: &[Subject], show: &mut Show) -> Result<(), LocalError> {
    let columns = [
        "msg/s",
        "CPU ms/1,000",
        "p50 ms, 5+20",
        "peak MB",
        "DynamoDB/msg",
        "WU/msg",
    ];
    let mut fast = vec![Vec::new(); subjects.len()];
    let mut slow = vec![Vec::new(); subjects.len()];
    let mut floors = Vec::new();
    for round in 0..rig.rounds {
        say(format!(
            "batches of ten, round {} of {}",
            round + 1,
            rig.rounds
        ));
        for ((subject, fast), slow) in subjects.iter().zip(&mut fast).zip(&mut slow) {
            let batches = if subject.slow { 60 } else { 300 };
            rig.no_latency();
            fast.push(subject.batches(rig, Load::USUAL, batches).await?);
            rig.usual_latency();
            slow.push(subject.batches(rig, Load::USUAL, LATENCY_BATCHES).await?);
        }
        floors.push(bare::measure(rig, 10, 10, LATENCY_BATCHES).await?);
    }
    show.table("trigger, batches of ten", &columns);
    for ((subject, fast), slow) in subjects.iter().zip(fast).zip(slow) {
        let (fast, slow) = (Batches::middle(&fast), Batches::middle(&slow));
        show.row(
            &subject.title,
            [
                Some(fast.rate),
                fast.cpu_ms,
                Some(slow.p50_ms),
                fast.peak_mb,
                Some(fast.dynamodb),
                Some(fast.write_units),
            ],
        );
    }
    let floor = Some(middle(floors));
    show.row(
        "floor: a bare client",
        [None, None, floor, None, Some(0.2), Some(2.0)],
    );
    Ok(())
}

/// Polls, without latencies and with.
async fn polls(rig: &Rig, subjects: &[Subject], show: &mut Show) -> Result<(), LocalError> {
    let mut fast = vec![Vec::new(); subjects.len()];
    let mut slow = vec![Vec::new(); subjects.len()];
    for round in 0..rig.rounds {
        say(format!("polls, round {} of {}", round + 1, rig.rounds));
        for ((subject, fast), slow) in subjects.iter().zip(&mut fast).zip(&mut slow) {
            rig.no_latency();
            fast.push(
                subject
                    .polls(rig, if subject.own { 6000 } else { 1000 })
                    .await?,
            );
            rig.usual_latency();
            slow.push(
                subject
                    .polls(rig, if subject.own { 4000 } else { 300 })
                    .await?,
            );
        }
    }
    show.table(
        "poll",
        &[
            "msg/s",
            "CPU ms/1,000",
            "msg/s, 5+20",
            "peak MB",
            "SQS/msg",
            "DynamoDB/msg",
        ],
    );
    for ((subject, fast), slow) in subjects.iter().zip(fast).zip(slow) {
        let (fast, slow) = (Polled::middle(&fast), Polled::middle(&slow));
        let figures = [
            Some(fast.rate),
            fast.cpu_ms,
            Some(slow.rate),
            fast.peak_mb,
            Some(slow.sqs),
            Some(slow.dynamodb),
        ];
        show.row(&subject.title, figures);
    }
    Ok(())
}

/// Fresh processes of a round.
const STARTS: u32 = 5;

/// Batches of a round with latencies.
const LATENCY_BATCHES: usize = 60;

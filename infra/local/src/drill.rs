//! The drill: a target, the table and the function break in turn under load, and what an operator
//! sees of it is shown: metrics, lines, and the alarms that watch them.

mod reading;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::account::Verdict;
use crate::bundle::{Bundle, DeployOptions, Mode};
use crate::demo::{run_id, unless_interrupted};
use crate::error::LocalError;
use crate::functions::BuiltFunctions;
use crate::local_aws::LocalAws;
use crate::pressure::Feed;
use crate::proxy::{Fault, FaultAction};
use crate::receiver::{Receiver, Reply};
use crate::say::say;
use crate::workspace::Workspace;
use reading::{Lines, Reading};
use watch::Alarm;

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Incident {
    /// A target answers 503.
    Target,
    /// DynamoDB refuses every request.
    Table,
    /// The function's processes are killed again and again.
    Function,
}

impl Incident {
    /// In the order in which they come.
    const ALL: [Self; 3] = [Self::Target, Self::Table, Self::Function];

    /// The word for programs.
    fn word(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Table => "table",
            Self::Function => "function",
        }
    }

    /// What happens, for people.
    fn sentence(self) -> &'static str {
        match self {
            Self::Target => "the target of route `orders` answers 503",
            Self::Table => "DynamoDB refuses every request",
            Self::Function => {
                "the function's processes are killed every 2 s, with deliveries in hand"
            }
        }
    }
}

/// What the drill found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    scenes: Vec<Scene>,
    /// Events that were sent.
    sent: usize,
    /// Deliveries that had their effect, one for each event and route.
    effects: usize,
    /// Messages in the dead-letter queue.
    dead: u64,
    /// Messages still in the queue.
    left: u64,
}

/// One incident, as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    incident: Incident,
    before: Reading,
    during: Reading,
    after: Reading,
    /// How many messages waited when it was mended.
    waiting: u64,
    /// The alarms of the template that watch what moved.
    alarms: Vec<Alarm>,
    /// How long the queue took to drain once it was mended; nothing where it did not.
    recovered: Option<Duration>,
}

/// Runs it on a stand-in of its own, which ends with it; `tell` is given each scene when it is over.
///
/// Ends with an error where it could not run, an interrupt included.
pub async fn drill(
    workspace: &Workspace,
    functions: &BuiltFunctions,
    mut tell: impl FnMut(&Scene) -> Result<(), LocalError>,
) -> Result<Report, LocalError> {
    say("starting MiniStack");
    let aws = unless_interrupted(LocalAws::start(workspace)).await?;
    let (is_down, is_slow) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let (down, slow) = (Arc::clone(&is_down), Arc::clone(&is_slow));
    let receiver = Receiver::start(move |received, _| {
        let refuses = received.path == "/orders" && down.load(Ordering::Relaxed);
        let reply = Reply::status(if refuses { 503 } else { 200 });
        match slow.load(Ordering::Relaxed) {
            true => reply.after(SLOW),
            false => reply,
        }
    });
    let receiver = receiver.await?;
    let name = run_id("drill");
    let stack = format!("waybill-{name}");
    say(format!("deploying the stack {stack}"));
    let deployment = DeployOptions::new(&stack)
        .mode(Mode::Trigger)
        .routes(&routes(&receiver))
        .parameter("FunctionTimeoutSeconds", FUNCTION_TIMEOUT_SECONDS)
        .parameter("VisibilityTimeoutSeconds", 6 * FUNCTION_TIMEOUT_SECONDS);
    let template = workspace.root().join("template.yaml");
    let template = std::fs::read_to_string(&template)
        .map_err(|error| LocalError::because("template.yaml cannot be read", error))?;
    let running = async {
        let bundle = Bundle::deploy(aws.endpoint(), workspace, functions, deployment).await?;
        let mut stage = Stage {
            aws: &aws,
            bundle: &bundle,
            is_down: &is_down,
            is_slow: &is_slow,
            feed: Feed::new(&name, RATE),
            lines: Lines::default(),
            alarms: watch::alarms(&template),
        };
        // The first invocations are of functions that start.
        stage.feed_for(WARM_UP).await?;
        stage.drained(PATIENCE).await?;
        stage.read().await?;
        let mut scenes = Vec::new();
        for incident in Incident::ALL {
            let scene = stage.scene(incident).await?;
            tell(&scene)?;
            scenes.push(scene);
        }
        Ok(Report {
            scenes,
            sent: stage.feed.sent(),
            effects: receiver.effects().len(),
            dead: bundle.dead_letters().depth().await?.total(),
            left: bundle.source().depth().await?.total(),
        })
    };
    unless_interrupted(Box::pin(running)).await
}

/// Two routes that take every event; one of them has a breaker, and its target breaks.
fn routes(receiver: &Receiver) -> String {
    let (orders, audit) = (receiver.url("/orders"), receiver.url("/audit"));
    format!(
        "defaults: {{ retry: {{ steps: 5, duration: 1s, factor: 1, jitter: 0.1, cap: 2s }} }}
routes:
  - name: orders
    breaker: {{ failures: 3, probe: 2s, probe_max: 5s, ramp: 2s }}
    target: {{ http: {{ url: \"{orders}\", timeout: 3s }} }}
  - name: audit
    target: {{ http: {{ url: \"{audit}\", timeout: 3s }} }}
"
    )
}

/// Where it happens.
struct Stage<'s> {
    aws: &'s LocalAws,
    bundle: &'s Bundle,
    is_down: &'s AtomicBool,
    is_slow: &'s AtomicBool,
    feed: Feed,
    lines: Lines,
    alarms: Vec<Alarm>,
}

impl Stage<'_> {
    /// Before, during and after one incident.
    async fn scene(&mut self, incident: Incident) -> Result<Scene, LocalError> {
        say(format!(
            "{}: all is well for {} s",
            incident.word(),
            CALM.as_secs()
        ));
        self.feed_for(CALM).await?;
        let before = self.read().await?;
        say(format!(
            "{}: {}, for {} s",
            incident.word(),
            incident.sentence(),
            HURT.as_secs()
        ));
        match incident {
            Incident::Target => {
                self.is_down.store(true, Ordering::Relaxed);
                self.feed_for(HURT).await?;
            }
            Incident::Table => {
                let refuse = Fault::new(FaultAction::Refuse).service("dynamodb");
                self.aws.proxy().inject(refuse);
                self.feed_for(HURT).await?;
            }
            Incident::Function => {
                self.is_slow.store(true, Ordering::Relaxed);
                self.feed_and_kill().await?;
            }
        }
        let during = self.read().await?;
        let waiting = self.bundle.source().depth().await?.total();
        self.is_down.store(false, Ordering::Relaxed);
        self.is_slow.store(false, Ordering::Relaxed);
        self.aws.proxy().heal();
        say(format!(
            "{}: mended; waiting until the queue is drained",
            incident.word()
        ));
        let mended = Instant::now();
        let drained = self.drained(PATIENCE).await?;
        let recovered = drained.then(|| mended.elapsed());
        let after = self.read().await?;
        let moved = moved(&before, &[&during, &after], waiting);
        let watching = |alarm: &&Alarm| alarm.watches(&moved);
        Ok(Scene {
            incident,
            alarms: self.alarms.iter().filter(watching).cloned().collect(),
            before,
            during,
            after,
            waiting,
            recovered,
        })
    }

    /// Sends at an even pace for so long.
    async fn feed_for(&mut self, long: Duration) -> Result<(), LocalError> {
        self.feed.begin_again();
        let end = Instant::now() + long;
        while Instant::now() < end {
            self.feed.tick(self.bundle).await?;
            sleep(TICK).await;
        }
        Ok(())
    }

    /// The same, and every process of the function is killed again and again.
    async fn feed_and_kill(&mut self) -> Result<(), LocalError> {
        let kills = HURT.as_secs() / KILL_EVERY.as_secs();
        for _ in 0..kills {
            self.feed_for(KILL_EVERY).await?;
            for sandbox in self.aws.sandboxes(self.bundle.consumer_function()) {
                // One that has just ended by itself needs no killing.
                let _ = sandbox.kill();
            }
        }
        Ok(())
    }

    /// Waits until the queue is empty; whether it is.
    async fn drained(&self, patience: Duration) -> Result<bool, LocalError> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if self.bundle.source().depth().await?.total() == 0 {
                return Ok(true);
            }
            sleep(TICK).await;
        }
        Ok(false)
    }

    /// What the function has said since the last time. Its lines appear when an invocation ends.
    async fn read(&mut self) -> Result<Reading, LocalError> {
        sleep(SETTLES).await;
        let logs = self.bundle.logs(self.bundle.consumer_function()).await?;
        Ok(Reading::of(&self.lines.fresh(logs)))
    }
}

/// The metrics that say nothing before, and something later; and the queue's own, where messages
/// wait.
fn moved(before: &Reading, later: &[&Reading], waiting: u64) -> BTreeSet<&'static str> {
    let names = reading::SHOWN.iter().map(|shown| shown.metric);
    let is_quiet = |name: &&str| before.sum(name) == 0.0;
    let speaks = |name: &&str| later.iter().any(|reading| reading.sum(name) > 0.0);
    let ours = names.filter(is_quiet).filter(speaks);
    ours.chain((waiting > 0).then_some(WAITING)).collect()
}

impl Scene {
    /// As tables.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        let head = format!("{}: {}", self.incident.word(), self.incident.sentence());
        table
            .load_preset(UTF8_FULL_CONDENSED)
            .set_header([&head, "before", "during", "after"]);
        let readings = [&self.before, &self.during, &self.after];
        for shown in &reading::SHOWN {
            let cells = readings.map(|reading| reading.cell(shown));
            if cells.iter().any(|cell| !cell.is_empty()) {
                let name = format!("{} {}", shown.metric, shown.statistic.word());
                table.add_row([name].into_iter().chain(cells));
            }
        }
        for line in self.lines() {
            let counts = readings.map(|reading| match reading.count(&line) {
                0 => String::new(),
                count => count.to_string(),
            });
            let name = format!("{} {}", line.0, line.1);
            table.add_row([name].into_iter().chain(counts));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let alarms = self
            .alarms
            .iter()
            .map(|alarm| format!("  {} -> {}", alarm.name, alarm.runbook));
        let watched = match self.alarms.is_empty() {
            true => "no alarm watches what moved".to_owned(),
            false => {
                let alarms: Vec<_> = alarms.collect();
                format!(
                    "alarms that watch what moved, and their runbooks:\n{}",
                    alarms.join("\n")
                )
            }
        };
        let recovered = match self.recovered {
            Some(recovered) => format!("drained {} s later", recovered.as_secs()),
            None => format!("not drained {} s later", PATIENCE.as_secs()),
        };
        let waiting = self.waiting;
        format!("{table}\n{watched}\nmended with {waiting} messages in the queue; {recovered}\n")
    }

    /// The warnings and errors that were written at any time, each once.
    fn lines(&self) -> BTreeSet<(String, String)> {
        let readings = [&self.before, &self.during, &self.after].into_iter();
        readings
            .flat_map(|reading| reading.lines().cloned())
            .collect()
    }

    /// As JSON.
    fn json(&self) -> Value {
        let alarms: Vec<_> = self.alarms.iter().map(|alarm| &alarm.name).collect();
        json!({
            "incident": self.incident.word(),
            "before": self.before.json(),
            "during": self.during.json(),
            "after": self.after.json(),
            "alarms": alarms,
            "waiting": self.waiting,
            "recovered_seconds": self.recovered.map(|recovered| recovered.as_secs_f64()),
        })
    }
}

impl Report {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        if self.effects > self.wanted() || self.dead > 0 {
            return Verdict::Broken;
        }
        match (self.left, self.effects == self.wanted()) {
            (0, true) => Verdict::Kept,
            (0, false) => Verdict::Broken,
            _ => Verdict::Unfinished,
        }
    }

    /// The same in words.
    pub fn sentence(&self) -> String {
        let Self {
            sent,
            effects,
            dead,
            left,
            ..
        } = self;
        let wanted = self.wanted();
        match self.verdict() {
            Verdict::Kept => format!(
                "{sent} events were sent, and each was delivered along both routes: nothing was \
                 lost, nothing is dead."
            ),
            Verdict::Unfinished => format!("{left} messages are still in the queue."),
            Verdict::Broken => format!(
                "A promise was broken: of {wanted} deliveries {effects} had their effect, and \
                 {dead} messages are dead."
            ),
        }
    }

    /// As one JSON object.
    pub fn json(&self) -> String {
        let scenes: Vec<_> = self.scenes.iter().map(Scene::json).collect();
        let told = json!({
            "kept": self.verdict() == Verdict::Kept,
            "sent": self.sent,
            "delivered": self.effects,
            "dead": self.dead,
            "left": self.left,
            "scenes": scenes,
        });
        told.to_string()
    }

    /// How many deliveries there must be.
    fn wanted(&self) -> usize {
        2 * self.sent
    }
}

/// What SQS calls the messages that wait.
const WAITING: &str = "ApproximateNumberOfMessagesVisible";

/// Events in a second.
const RATE: u32 = 5;

/// How long one invocation may take: so that a message of a killed one is back within half a minute.
const FUNCTION_TIMEOUT_SECONDS: u32 = 5;

/// How long events are sent before anything is read, before an incident, and while it lasts.
const WARM_UP: Duration = Duration::from_secs(3);
const CALM: Duration = Duration::from_secs(8);
const HURT: Duration = Duration::from_secs(20);

/// How long the targets take while the function is killed: so that it has deliveries in hand. What
/// a killed one held is hidden for longer than all of it takes, so that no event meets three kills.
const SLOW: Duration = Duration::from_secs(1);

/// How often the function is killed.
const KILL_EVERY: Duration = Duration::from_secs(2);

/// How long a queue may take to drain: what a killed process held is hidden for half a minute.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long lines may take to appear.
const SETTLES: Duration = Duration::from_secs(1);

/// How often events are sent, and how often we look.
const TICK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;

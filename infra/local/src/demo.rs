//! The demo: events of every kind, a target that misbehaves on purpose, and an honest account.

mod fan_out;
pub(crate) mod mix;
mod phase;
mod poll;
pub(crate) mod progress;
mod show;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::signal::unix::{SignalKind, signal};

pub use fan_out::{Arrived, FanOut};
pub use phase::{Phase, Requests};
pub use poll::Polled;
pub use show::{json, sentence, table};

use crate::account::Verdict;
use crate::bundle::{Bundle, DeployOptions, Mode};
use crate::error::LocalError;
use crate::functions::BuiltFunctions;
use crate::local_aws::LocalAws;
use crate::receiver::{Received, Receiver, Reply};
use crate::say::say;
use crate::workspace::Workspace;
use fan_out::Places;
use mix::Mix;
use phase::{Batches, Site};

/// How many plain messages the clean-path figures are taken from.
const CLEAN_MESSAGES: usize = 200;

/// How long one invocation may take. The visibility timeout is six times that.
const FUNCTION_TIMEOUT_SECONDS: u32 = 5;

/// How often a message may be received: at least twice for each of the six tries, and three.
const MAX_RECEIVE_COUNT: u32 = 25;

/// A way in for messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayIn {
    /// SQS invokes the consumer.
    Trigger,
    /// The poller receives by itself. It is invoked by hand, again and again: its schedule is off.
    Poll,
}

impl WayIn {
    /// The mode's name.
    pub fn word(self) -> &'static str {
        self.mode().word()
    }

    /// As the template has it.
    fn mode(self) -> Mode {
        match self {
            Self::Trigger => Mode::Trigger,
            Self::Poll => Mode::Poll,
        }
    }
}

/// What the demo is asked to do.
#[derive(Debug, Clone)]
pub struct DemoOptions {
    /// The ways in, one after the other, each with a stack of its own.
    pub ways: Vec<WayIn>,
    /// Messages of mixed kinds to send.
    pub messages: usize,
    /// A stand-in that runs already; one is started where this is absent.
    pub endpoint: Option<String>,
    /// The name by which the functions reach this machine; the receiver then listens on every
    /// address.
    pub receiver_host: Option<String>,
    /// Another template than the project's.
    pub template: Option<PathBuf>,
    /// What happens after the account.
    pub afterwards: Afterwards,
}

/// What happens after the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// All of it is removed.
    Remove,
    /// All of it stays up until the process is interrupted.
    Keep,
}

/// What the demo found, one way in after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// In the order of the ways that were asked for.
    pub modes: Vec<ModeReport>,
}

/// What the demo found in one mode.
#[derive(Debug, Clone, PartialEq)]
pub struct ModeReport {
    /// How messages came in.
    pub way: WayIn,
    /// The plain messages.
    pub clean: Phase,
    /// The messages of mixed kinds.
    pub mixed: Phase,
    /// The events for three targets; the account is of the URL, which is down for a while.
    pub fan_out: Phase,
    /// What came to the other two.
    pub arrived: FanOut,
}

impl Report {
    /// The worst of all modes; unfinished where there is none.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.modes.iter().map(ModeReport::verdict);
        verdicts.max().unwrap_or(Verdict::Unfinished)
    }
}

impl ModeReport {
    /// The worst of all phases. An event that is not at a target once is a broken promise.
    pub fn verdict(&self) -> Verdict {
        let phases = [&self.clean, &self.mixed, &self.fan_out];
        let worst = phases
            .map(|phase| phase.account.verdict())
            .into_iter()
            .max();
        let once = Arrived {
            delivered: self.fan_out.account.distinct,
            delivered_twice: 0,
        };
        let arrived = match (self.arrived.queue == once, self.arrived.table == once) {
            (true, true) => Verdict::Kept,
            // What is still in the source queue is still to come.
            _ if self.fan_out.account.unfinished > 0 => Verdict::Unfinished,
            _ => Verdict::Broken,
        };
        worst.unwrap_or(Verdict::Kept).max(arrived)
    }
}

/// Runs the demo; `publish` is given the report as it grows, each time a mode is over and before
/// anything is taken down.
///
/// Ends with an error where it could not run, an interrupt included. Whatever happens, nothing of
/// ours stays: our own stand-in ends, and from somebody else's the stacks are removed.
pub async fn run(
    workspace: &Workspace,
    functions: &BuiltFunctions,
    options: DemoOptions,
    mut publish: impl FnMut(&Report) -> Result<(), LocalError>,
) -> Result<Report, LocalError> {
    let stand_in = match &options.endpoint {
        Some(_) => None,
        None => {
            say("starting MiniStack");
            Some(unless_interrupted(LocalAws::start(workspace)).await?)
        }
    };
    let endpoint = match (&options.endpoint, &stand_in) {
        (Some(endpoint), _) => endpoint.clone(),
        (None, Some(running)) => running.endpoint().to_owned(),
        (None, None) => return Err(LocalError::failed("there is no stand-in")),
    };
    let stage = Stage {
        workspace,
        functions,
        options: &options,
        endpoint,
        stand_in,
        run_id: run_id("demo"),
        mended: Arc::default(),
    };
    let mut stacks = Vec::new();
    let result = stage.modes(&mut stacks, &mut publish).await;
    if result.is_ok() && options.afterwards == Afterwards::Keep {
        stage.mended.store(true, Ordering::Relaxed);
        stage.say_what_is_kept(&stacks);
        interrupted().await;
    }
    if stage.stand_in.is_none() {
        for stack in stacks {
            unless_interrupted(stack.remove()).await?;
        }
    }
    result.map_err(|error| stage.with_log(&error))
}

/// Where the demo happens.
struct Stage<'s> {
    workspace: &'s Workspace,
    functions: &'s BuiltFunctions,
    options: &'s DemoOptions,
    endpoint: String,
    /// Absent where it is somebody else's.
    stand_in: Option<LocalAws>,
    run_id: String,
    /// Whether the target takes whatever comes.
    mended: Arc<AtomicBool>,
}

/// A stack, and the target that its functions deliver to.
struct Stack {
    bundle: Bundle,
    receiver: Receiver,
    places: Places,
}

impl Stage<'_> {
    /// Runs every mode. Stacks that are up are in `stacks`, whatever is answered.
    async fn modes(
        &self,
        stacks: &mut Vec<Stack>,
        publish: &mut impl FnMut(&Report) -> Result<(), LocalError>,
    ) -> Result<Report, LocalError> {
        let mut report = Report::default();
        for way in &self.options.ways {
            // A trigger that is still up would keep asking an empty queue meanwhile.
            if self.options.afterwards == Afterwards::Remove {
                for stack in stacks.drain(..) {
                    unless_interrupted(stack.remove()).await?;
                }
            }
            report.modes.push(self.mode(*way, stacks).await?);
            publish(&report)?;
        }
        Ok(report)
    }

    /// Deploys for one way in, sends, and accounts.
    async fn mode(&self, way: WayIn, stacks: &mut Vec<Stack>) -> Result<ModeReport, LocalError> {
        let name = format!("{}-{}", self.run_id, way.word());
        let clean = Mix::plain(&format!("{name}-c"), mix::SOURCE, CLEAN_MESSAGES);
        let mixed = Mix::mixed(&format!("{name}-m"), self.options.messages);
        let fan_out = Mix::plain(&format!("{name}-f"), fan_out::SOURCE, fan_out::EVENTS);
        let receiver = self.start_receiver(&mixed).await?;
        let stack = format!("waybill-{name}");
        let places = Places::make(&self.endpoint, &stack).await?;
        say(format!(
            "{} mode: deploying the stack {stack} to {}",
            way.word(),
            self.endpoint
        ));
        let deployment = self.deployment(&stack, way, &receiver, &places);
        let deploying = Bundle::deploy(&self.endpoint, self.workspace, self.functions, deployment);
        let bundle = match unless_interrupted(deploying).await {
            Ok(bundle) => bundle,
            Err(error) if self.stand_in.is_some() => return Err(error),
            Err(error) => {
                let what = format!(
                    "what there is of the stack {stack} stays at {}",
                    self.endpoint
                );
                return Err(LocalError::failed(format!("{}; {what}", error.chain())));
            }
        };
        stacks.push(Stack {
            bundle,
            receiver,
            places,
        });
        let Some(Stack {
            bundle,
            receiver,
            places,
        }) = stacks.last()
        else {
            return Err(LocalError::failed("there is no stack"));
        };
        self.say_how_to_watch(bundle).await?;
        let site = Site {
            way,
            bundle,
            receiver,
            proxy: self.stand_in.as_ref().map(LocalAws::proxy),
        };
        let phases = async {
            let clean = phase::run("clean path", site, &clean, Batches::Full).await?;
            let mixed = phase::run("mixed kinds", site, &mixed, Batches::AsTheyCome).await?;
            let fanned = phase::run("fan-out", site, &fan_out, Batches::AsTheyCome).await?;
            Ok(ModeReport {
                way,
                clean: clean.account(site),
                mixed: mixed.account(site),
                fan_out: fanned.account(site),
                arrived: places.count(&fan_out).await?,
            })
        };
        unless_interrupted(Box::pin(phases)).await
    }

    /// The target, where the functions can reach it.
    async fn start_receiver(&self, mixed: &Mix) -> Result<Receiver, LocalError> {
        let address = match self.options.receiver_host {
            Some(_) => Ipv4Addr::UNSPECIFIED,
            None => Ipv4Addr::LOCALHOST,
        };
        let (script, fan_out) = (mixed.script(), fan_out::answers());
        let mended = Arc::clone(&self.mended);
        let script = move |received: &Received, nth| match received.path.as_str() {
            _ if mended.load(Ordering::Relaxed) => Reply::status(200),
            fan_out::PATH => fan_out(),
            _ => script(received, nth),
        };
        Receiver::start_on(address.into(), script).await
    }

    /// What is deployed.
    fn deployment(
        &self,
        stack: &str,
        way: WayIn,
        receiver: &Receiver,
        places: &Places,
    ) -> DeployOptions {
        let host = self.options.receiver_host.as_deref().unwrap_or("127.0.0.1");
        let url = format!("http://{host}:{}", receiver.port());
        let deployment = DeployOptions::new(stack)
            .mode(way.mode())
            .routes(&routes(&url, places))
            .parameter("FunctionTimeoutSeconds", FUNCTION_TIMEOUT_SECONDS)
            .parameter("VisibilityTimeoutSeconds", 6 * FUNCTION_TIMEOUT_SECONDS)
            .parameter("MaxReceiveCount", MAX_RECEIVE_COUNT);
        match &self.options.template {
            Some(template) => deployment.template(template),
            None => deployment,
        }
    }

    /// Says where to look.
    fn say_what_is_kept(&self, stacks: &[Stack]) {
        say(format!("kept until Ctrl-C: endpoint {}", self.endpoint));
        for Stack { bundle, .. } in stacks {
            say(format!("stack {}", bundle.stack()));
            let functions = [bundle.consumer_function(), bundle.poller_function()];
            for function in functions.iter().filter(|name| !name.is_empty()) {
                say(format!("  function           {function}"));
            }
            say(format!("  source queue       {}", bundle.source().url()));
            say(format!(
                "  dead-letter queue  {}",
                bundle.dead_letters().url()
            ));
            say(format!("  ledger table       {}", bundle.ledger().name()));
        }
        say("the target is mended: it takes whatever comes");
        let Some(Stack { bundle, .. }) = stacks.first() else {
            return;
        };
        say("for `cargo waybill dlq ls` and its like, in another terminal:");
        say(self.exports(bundle));
    }

    /// Says how to look at what goes on meanwhile. The queue triggers no poller, so that the
    /// command must be told where one logs.
    async fn say_how_to_watch(&self, bundle: &Bundle) -> Result<(), LocalError> {
        let mut command = "cargo waybill top".to_owned();
        let poller = bundle.poller_function();
        if !poller.is_empty() {
            command = format!("{command} --log-group {}", bundle.log_group(poller).await?);
        }
        say(format!("to watch it by `{command}`, in another terminal:"));
        say(self.exports(bundle));
        Ok(())
    }

    /// What the command `waybill` is to find in its environment.
    fn exports(&self, bundle: &Bundle) -> String {
        format!(
            "export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION=us-east-1 \
             AWS_ENDPOINT_URL={} WAYBILL_CONSUMER={} WAYBILL_LEDGER_TABLE={} WAYBILL_QUEUE_URL={} \
             WAYBILL_DLQ_URL={} WAYBILL_ROUTES=none",
            self.endpoint,
            bundle.stack(),
            bundle.ledger().name(),
            bundle.source().url(),
            bundle.dead_letters().url(),
        )
    }

    /// An error that says where to read more.
    fn with_log(&self, error: &LocalError) -> LocalError {
        match &self.stand_in {
            Some(running) => {
                let log = running.log();
                LocalError::failed(format!("{}; see {}", error.chain(), log.display()))
            }
            None => LocalError::failed(error.chain()),
        }
    }
}

impl Stack {
    /// Removes it.
    async fn remove(self) -> Result<(), LocalError> {
        say(format!("removing the stack {}", self.bundle.stack()));
        self.bundle.remove().await?;
        self.places.remove().await
    }
}

/// What a future answers, or an error as soon as somebody wishes that this process ends.
pub async fn unless_interrupted<T>(
    work: impl Future<Output = Result<T, LocalError>>,
) -> Result<T, LocalError> {
    tokio::select! {
        result = work => result,
        () = interrupted() => Err(LocalError::failed("interrupted")),
    }
}

/// Waits for Ctrl-C or another wish that this process ends.
async fn interrupted() {
    let wish = |kind| async move {
        match signal(kind) {
            Ok(mut stream) => drop(stream.recv().await),
            // Without a handler the system's own answer holds: the process ends.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wish(SignalKind::interrupt()) => {}
        () = wish(SignalKind::terminate()) => {}
        () = wish(SignalKind::hangup()) => {}
    }
}

/// The routes file: everything to the receiver, quickly retried. A body that is no event has the
/// queue's own ARN for a source, and its route wants JSON. Some events go to other places as well.
fn routes(url: &str, places: &Places) -> String {
    let target = |path: &str| {
        format!("{{ http: {{ url: \"{url}{path}\", connect_timeout: 1s, timeout: 3s }} }}")
    };
    let fan_out = places.routes(&target(fan_out::PATH));
    let target = target("/events");
    format!(
        "defaults: {{ retry: {{ steps: 5, duration: 1s, factor: 1, jitter: 0.1, cap: 2s }} }}
routes:
  - name: orders
    filter: {{ source: [{{ prefix: \"demo.\" }}, {{ prefix: \"arn:aws:sns:\" }}] }}
    target: {target}
  - name: bodies
    filter: {{ source: [{{ prefix: \"arn:aws:sqs:\" }}] }}
    require: json
    target: {target}
{fan_out}"
    )
}

/// A name that no other run of the last hours has.
pub(crate) fn run_id(command: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = now.map_or(0, |now| now.as_millis());
    format!(
        "{command}-{:07x}",
        (millis ^ u128::from(process::id()) << 12) & 0xfff_ffff
    )
}

//! The demo: events of every kind, a target that misbehaves on purpose, and an honest account.

mod mix;
mod phase;
mod progress;
mod show;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::signal::unix::{SignalKind, signal};

pub use phase::Phase;
pub use show::{json, table};

use crate::account::Verdict;
use crate::bundle::{Bundle, DeployOptions};
use crate::error::LocalError;
use crate::functions::BuiltFunctions;
use crate::local_aws::LocalAws;
use crate::receiver::Receiver;
use crate::say::say;
use crate::workspace::Workspace;
use mix::Mix;
use phase::Batches;

/// How many plain messages the clean-path figures are taken from.
const CLEAN_MESSAGES: usize = 200;

/// How long one invocation may take. The visibility timeout is six times that.
const FUNCTION_TIMEOUT_SECONDS: u32 = 5;

/// How often a message may be received: at least twice for each of the six tries, and three.
const MAX_RECEIVE_COUNT: u32 = 25;

/// What the demo is asked to do.
#[derive(Debug, Clone)]
pub struct DemoOptions {
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

/// What the demo found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The plain messages.
    pub clean: Phase,
    /// The messages of mixed kinds.
    pub mixed: Phase,
}

impl Report {
    /// The worse of both phases.
    pub fn verdict(&self) -> Verdict {
        match (self.clean.account.verdict(), self.mixed.account.verdict()) {
            (Verdict::Broken, _) | (_, Verdict::Broken) => Verdict::Broken,
            (Verdict::Unfinished, _) | (_, Verdict::Unfinished) => Verdict::Unfinished,
            (Verdict::Kept, Verdict::Kept) => Verdict::Kept,
        }
    }
}

/// Runs the demo; `publish` is given the report before anything is taken down.
///
/// Ends with an error where it could not run, an interrupt included. Whatever happens, nothing of
/// ours stays: our own stand-in ends, and from somebody else's the stack is removed.
pub async fn run(
    workspace: &Workspace,
    functions: &BuiltFunctions,
    options: DemoOptions,
    publish: impl FnOnce(&Report) -> Result<(), LocalError>,
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
    let run_id = run_id();
    let clean = Mix::plain(&format!("{run_id}-c"), CLEAN_MESSAGES);
    let mixed = Mix::mixed(&format!("{run_id}-m"), options.messages);
    let receiver = start_receiver(&options, &mixed).await?;

    let stack = format!("waybill-{run_id}");
    say(format!("deploying the stack {stack} to {endpoint}"));
    let deployment = deployment(&stack, &options, &receiver);
    let deploying = Bundle::deploy(&endpoint, workspace, functions, deployment);
    let bundle = match (unless_interrupted(deploying).await, &stand_in) {
        (Ok(bundle), _) => bundle,
        (Err(error), Some(running)) => return Err(with_log(&error, running)),
        (Err(error), None) => {
            let what = format!("what there is of the stack {stack} stays at {endpoint}");
            return Err(LocalError::failed(format!("{}; {what}", error.chain())));
        }
    };

    let proxy = stand_in.as_ref().map(LocalAws::proxy);
    let measured = unless_interrupted(async {
        let full = Batches::Full;
        let clean = phase::run("clean path", &bundle, &receiver, proxy, &clean, full).await?;
        let any = Batches::AsTheyCome;
        let mixed = phase::run("mixed kinds", &bundle, &receiver, proxy, &mixed, any).await?;
        Ok(Report {
            clean: clean.account(&receiver),
            mixed: mixed.account(&receiver),
        })
    });
    let result = match measured.await {
        Ok(report) => publish(&report).map(|()| report),
        Err(error) => Err(error),
    };
    if result.is_ok() && options.afterwards == Afterwards::Keep {
        say(format!(
            "kept until Ctrl-C: endpoint {endpoint}, stack {stack}"
        ));
        say(format!("  source queue       {}", bundle.source().url()));
        say(format!(
            "  dead-letter queue  {}",
            bundle.dead_letters().url()
        ));
        say(format!("  ledger table       {}", bundle.ledger().name()));
        interrupted().await;
    }
    match stand_in {
        Some(running) => result.map_err(|error| with_log(&error, &running)),
        None => {
            say(format!("removing the stack {stack}"));
            unless_interrupted(bundle.remove()).await?;
            result
        }
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

/// The target, where the functions can reach it.
async fn start_receiver(options: &DemoOptions, mixed: &Mix) -> Result<Receiver, LocalError> {
    let address = match options.receiver_host {
        Some(_) => Ipv4Addr::UNSPECIFIED,
        None => Ipv4Addr::LOCALHOST,
    };
    Receiver::start_on(address.into(), mixed.script()).await
}

/// What is deployed.
fn deployment(stack: &str, options: &DemoOptions, receiver: &Receiver) -> DeployOptions {
    let host = options.receiver_host.as_deref().unwrap_or("127.0.0.1");
    let url = format!("http://{host}:{}/events", receiver.port());
    let deployment = DeployOptions::new(stack)
        .routes(&routes(&url))
        .parameter("FunctionTimeoutSeconds", FUNCTION_TIMEOUT_SECONDS)
        .parameter("VisibilityTimeoutSeconds", 6 * FUNCTION_TIMEOUT_SECONDS)
        .parameter("MaxReceiveCount", MAX_RECEIVE_COUNT);
    match &options.template {
        Some(template) => deployment.template(template),
        None => deployment,
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
/// queue's own ARN for a source, and its route wants JSON.
fn routes(url: &str) -> String {
    let target = format!("{{ http: {{ url: \"{url}\", connect_timeout: 1s, timeout: 3s }} }}");
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
"
    )
}

/// An error that says where to read more.
fn with_log(error: &LocalError, running: &LocalAws) -> LocalError {
    let log = running.log();
    LocalError::failed(format!("{}; see {}", error.chain(), log.display()))
}

/// A name that no other run of the last hours has.
fn run_id() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = now.map_or(0, |now| now.as_millis());
    format!(
        "demo-{:07x}",
        (millis ^ u128::from(process::id()) << 12) & 0xfff_ffff
    )
}

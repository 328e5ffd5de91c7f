//! The soak: load for some minutes, functions killed at random meanwhile, and an account of every
//! event, which must balance.
//!
//! Both ways in work on one queue. What the functions are asked to do is simple, and the target
//! takes everything: the trouble is that their processes die with work in hand.

pub mod account;
mod feed;
mod killer;
mod show;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use self::account::{Account, Delivery, Evidence, Kill, Row};
use self::feed::Feed;
pub use self::show::{json, sentence, table};
use crate::bundle::{Bundle, DeployOptions, Mode, QueueType};
use crate::demo::progress::Progress;
use crate::demo::{run_id, unless_interrupted};
use crate::error::LocalError;
use crate::functions::BuiltFunctions;
use crate::local_aws::LocalAws;
use crate::receiver::{Received, Receiver, Reply};
use crate::say::say;
use crate::workspace::Workspace;

/// What the soak is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoakOptions {
    /// The kind of the queue.
    pub queue: QueueType,
    /// For how long events are sent and processes killed.
    pub time: Duration,
    /// Events in a second.
    pub rate: u32,
    /// Seconds between two kills, on average.
    pub kill_every: u32,
    /// What chance begins with.
    pub seed: u64,
}

/// What the soak found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// What was asked.
    pub options: SoakOptions,
    /// What became of every event.
    pub account: Account,
    /// From the first send to the end of the drain.
    pub took: Duration,
}

/// Runs the soak on a stand-in of its own, which ends with it.
///
/// Ends with an error where it could not run, an interrupt included.
pub async fn run(
    workspace: &Workspace,
    functions: &BuiltFunctions,
    options: SoakOptions,
) -> Result<Report, LocalError> {
    say("starting MiniStack");
    let aws = Arc::new(unless_interrupted(LocalAws::start(workspace)).await?);
    let senders = Arc::new(Senders::default());
    let script = script(Arc::clone(&aws), Arc::clone(&senders));
    let receiver = Receiver::start(script).await?;
    let name = run_id("soak");
    let stack = format!("waybill-{name}");
    let kind = options.queue.word();
    say(format!(
        "deploying the stack {stack}, trigger and poller on one {kind} queue"
    ));
    let deployment = deployment(&stack, options.queue, &receiver);
    let deploying = Bundle::deploy(aws.endpoint(), workspace, functions, deployment);
    let soak = async {
        let bundle = deploying.await?;
        let poller = bundle.poller_function();
        bundle.set_timeout(poller, POLL_SECONDS).await?;
        let site = Site {
            aws: &aws,
            bundle: &bundle,
            receiver: &receiver,
            senders: &senders,
            feed: Feed::new(&name, options),
            kills: Mutex::default(),
        };
        site.soak(options).await
    };
    let soaked = unless_interrupted(Box::pin(soak)).await;
    soaked.map_err(|error| {
        let log = aws.log();
        LocalError::failed(format!("{}; see {}", error.chain(), log.display()))
    })
}

/// Who sent a request, and when: by idempotency key and try.
type Senders = Mutex<BTreeMap<(String, u32), (Instant, Option<i32>)>>;

/// The target: it takes everything, after a time that differs, and looks at once which process
/// sends it.
fn script(
    aws: Arc<LocalAws>,
    senders: Arc<Senders>,
) -> impl Fn(&Received, u32) -> Reply + Send + Sync + 'static {
    move |received, nth_try| {
        let arrived = Instant::now();
        let process = aws.sandbox_at(received.from).map(|sandbox| sandbox.pid());
        let key = received.idempotency_key().unwrap_or_default().to_owned();
        let mut senders = senders.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = WAITS_MS.get(senders.len() % WAITS_MS.len());
        senders.insert((key, nth_try), (arrived, process));
        Reply::status(200).after(Duration::from_millis(wait.copied().unwrap_or_default()))
    }
}

/// What is deployed: both ways in on one queue, and one route to the receiver.
fn deployment(stack: &str, queue: QueueType, receiver: &Receiver) -> DeployOptions {
    let url = receiver.url("/events");
    let timeout = TARGET_TIMEOUT.as_secs();
    let routes = format!(
        "defaults: {{ retry: {{ steps: 5, duration: 1s, factor: 1, jitter: 0.1, cap: 2s }} }}
routes:
  - name: orders
    target: {{ http: {{ url: \"{url}\", connect_timeout: 1s, timeout: {timeout}s }} }}
"
    );
    DeployOptions::new(stack)
        .mode(Mode::Both)
        .queue_type(queue)
        .routes(&routes)
        .parameter("FunctionTimeoutSeconds", FUNCTION_TIMEOUT_SECONDS)
        .parameter("VisibilityTimeoutSeconds", 6 * FUNCTION_TIMEOUT_SECONDS)
        .parameter("PollerVisibilitySeconds", POLLER_VISIBILITY_SECONDS)
}

/// Where the soak happens, and what is noted there.
struct Site<'s> {
    aws: &'s LocalAws,
    bundle: &'s Bundle,
    receiver: &'s Receiver,
    senders: &'s Senders,
    feed: Feed,
    kills: Mutex<Vec<Kill>>,
}

impl Site<'_> {
    /// Sends and kills, lets the queue drain, and looks.
    async fn soak(self, options: SoakOptions) -> Result<Report, LocalError> {
        let begun = Instant::now();
        let end = begun + options.time;
        let events = usize::try_from(options.time.as_secs()).unwrap_or(0)
            * usize::try_from(options.rate).unwrap_or(0);
        let progress = Progress::new("soak", events);
        let load = async {
            let killing = async {
                self.kill_until(end, options).await;
                Ok(())
            };
            let feeding = self.feed.run(self.bundle, end);
            let watching = async {
                while Instant::now() < end {
                    self.tell(&progress, "").await?;
                }
                Ok(())
            };
            tokio::try_join!(killing, feeding, watching)?;
            self.drain(&progress).await
        };
        let in_queue = tokio::select! {
            drained = load => drained?,
            never = self.poll() => match never? {},
        };
        progress.end();
        let took = begun.elapsed();
        let evidence = self.evidence(in_queue).await?;
        Ok(Report {
            options,
            account: Account::of(&evidence, TARGET_TIMEOUT),
            took,
        })
    }

    /// Polls again and again, as a schedule would. A poll that fails was killed as a rule; what
    /// else it may be shows in the account.
    async fn poll(&self) -> Result<std::convert::Infallible, LocalError> {
        let poller = self.bundle.poller_function();
        let to_its_deadline = json!({});
        loop {
            match self.bundle.invoke(poller, &to_its_deadline).await {
                Ok(answer) if answer.function_error.is_none() => {}
                Ok(_) | Err(_) => tokio::time::sleep(BETWEEN_POLLS).await,
            }
        }
    }

    /// Waits until the queue has been empty for a while, or nothing happens any more; answers how
    /// many messages are left in it.
    async fn drain(&self, progress: &Progress) -> Result<u64, LocalError> {
        let end = Instant::now() + DRAIN_LIMIT;
        let mut empty_since = None;
        loop {
            let left = self.tell(progress, "draining, ").await?;
            match left {
                0 => {
                    let since = empty_since.get_or_insert_with(Instant::now);
                    if since.elapsed() >= EMPTY_FOR {
                        return Ok(0);
                    }
                }
                _ => empty_since = None,
            }
            if Instant::now() >= end {
                return Ok(left);
            }
        }
    }

    /// Says how far it is, and waits a moment; answers how many messages the queue holds.
    async fn tell(&self, progress: &Progress, what: &str) -> Result<u64, LocalError> {
        let left = self.bundle.source().depth().await?.total();
        let sent = self.feed.events().len();
        let (requests, accepted) = {
            let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
            let firsts = senders.keys().filter(|(_, nth_try)| *nth_try == 1);
            (senders.len(), firsts.count())
        };
        let kills = self.kills().len();
        let again = requests - accepted;
        progress.told(
            accepted,
            &format!(
                "{what}{sent} events sent, {accepted} delivered, {again} repeated, \
                 {kills} processes killed, {left} in the queue"
            ),
        );
        tokio::time::sleep(LOOK_EVERY).await;
        Ok(left)
    }

    /// Who was killed so far.
    fn kills(&self) -> Vec<Kill> {
        let kills = self.kills.lock().unwrap_or_else(PoisonError::into_inner);
        kills.clone()
    }

    /// Everything that was seen.
    async fn evidence(&self, in_queue: u64) -> Result<Evidence, LocalError> {
        let rows = self.bundle.ledger().rows().await?;
        let rows: BTreeMap<_, _> = rows
            .iter()
            .filter_map(|row| Some((row.pk().rsplit('\0').next()?.to_owned(), row)))
            .collect();
        let mut dead = BTreeMap::new();
        for message in self.bundle.dead_letters().peek().await? {
            let body: serde_json::Value =
                serde_json::from_str(message.body().unwrap_or_default()).unwrap_or_default();
            let event = body.get("id").and_then(|id| id.as_str());
            let event = event.unwrap_or_default().to_owned();
            let reason = rows.get(&event).map(|row| row.dead_reason());
            let reason = match reason {
                Some(Some(reason)) => reason,
                Some(None) => "unknown",
                None => "never_attempted",
            };
            dead.insert(event, reason.to_owned());
        }
        Ok(Evidence {
            sent: self.feed.sent(),
            events: self.feed.events(),
            deliveries: self.deliveries(),
            kills: self.kills(),
            dead,
            rows: rows
                .into_iter()
                .map(|(event, row)| {
                    let crashes = row.number("crashes").unwrap_or(0);
                    let row = Row {
                        status: row.status().to_owned(),
                        crashes: u64::try_from(crashes).unwrap_or(0),
                    };
                    (event, row)
                })
                .collect(),
            in_queue,
        })
    }

    /// Every request that the target saw.
    fn deliveries(&self) -> Vec<Delivery> {
        let senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        self.receiver.inspect(|exchanges| {
            let deliveries = exchanges.iter().filter_map(|exchange| {
                let key = exchange.received.idempotency_key().unwrap_or_default();
                let sender = senders.get(&(key.to_owned(), exchange.nth_try));
                let (arrived, process) = sender.copied()?;
                Some(Delivery {
                    event: exchange.received.event_id().unwrap_or_default().to_owned(),
                    key: key.to_owned(),
                    arrived,
                    answered: exchange.answered_at(),
                    process,
                })
            });
            deliveries.collect()
        })
    }
}

/// How long one invocation of the consumer may take.
const FUNCTION_TIMEOUT_SECONDS: u64 = 5;

/// How long one poll may take.
const POLL_SECONDS: u64 = 20;

/// How soon a message is back after its poller was killed.
const POLLER_VISIBILITY_SECONDS: u32 = 10;

/// How long the route waits for its target.
const TARGET_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the target takes, one after the other.
const WAITS_MS: [u64; 5] = [50, 350, 120, 600, 200];

/// How long between a poll that failed and the next.
const BETWEEN_POLLS: Duration = Duration::from_millis(200);

/// How often we look.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How long the queue must be empty before nothing more is expected.
const EMPTY_FOR: Duration = Duration::from_secs(3);

/// How long the queue may take to be empty after the last kill: several visibility timeouts, and as
/// long again for what had piled up.
const DRAIN_LIMIT: Duration = Duration::from_secs(600);

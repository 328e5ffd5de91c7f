//! What a function is told by its environment, read once at its start; every fault is told at
//! once, with its remedy.
//!
//! A function that delivers along routes reads [`RouteSettings`], one with a handler of its own
//! [`FunctionSettings`], one that polls [`PollSettings`] beside either ([`all`]), and one that brings
//! dead letters back [`DeadLetterSettings`]. What each
//! variable means stands in the README of each function.

mod traces;

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use waybill_core::id::Consumer;
use waybill_core::key::KeyExpression;
use waybill_core::ledger::DeadLetter;
use waybill_core::limit::{RETENTION_MAX, RETENTION_MIN, VISIBILITY_MAX};
use waybill_core::retry::RetryPolicy;
use waybill_core::routes::{Identity, OnConflict, RoutesFile};

use crate::engine::Config;
use crate::telemetry::{Metrics, Sink};

pub use traces::{Exporter, TraceSettings};

/// Where variables and files are read.
pub trait EnvSource {
    /// The value of a variable, where it is set.
    fn var(&self, name: &str) -> Option<String>;

    /// The text of a file.
    fn file(&self, path: &str) -> io::Result<String>;
}

/// The environment and the files of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl EnvSource for ProcessEnv {
    /// A value that is not UTF-8 counts as not set.
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// What every function that works off a queue is told.
#[derive(Debug, Clone)]
pub struct FunctionSettings {
    /// What the engine is told. A handler of your own may change it before it makes its engine.
    pub engine: Config,
    /// Name of the ledger's table.
    pub ledger_table: String,
    /// URL of the source queue, where it is said.
    pub queue_url: Option<String>,
    /// URL of the dead-letter queue, where the dead are sent by us.
    pub dead_letter_url: Option<String>,
    /// How events wait outside the source queue, where they do.
    pub schedules: Option<ScheduleSettings>,
    /// How traces are exported, where they are.
    pub traces: Option<TraceSettings>,
}

/// What it takes to make schedules that send to the source queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleSettings {
    /// Name of their group.
    pub group: String,
    /// ARN of the role in whose name they send: it may send to the source queue and to their
    /// dead-letter queue, and nothing else.
    pub role_arn: String,
    /// ARN of the queue that is told of what could not be sent.
    pub dead_letter_arn: String,
}

impl FunctionSettings {
    /// Reads what a function with a handler of its own is told: `WAYBILL_CONSUMER`,
    /// `WAYBILL_LEDGER_TABLE`, `WAYBILL_LEDGER_TTL_DAYS`, `WAYBILL_QUEUE_RETENTION_SECONDS`,
    /// `WAYBILL_DEAD_LETTER`, `WAYBILL_DLQ_URL`, `WAYBILL_QUEUE_URL`, `WAYBILL_SCHEDULE_*`,
    /// `WAYBILL_METRICS` and `WAYBILL_TRACES*`. At most `concurrency` events are worked on at once.
    /// No key is configured, and a conflict of keys is dead.
    ///
    /// # Errors
    ///
    /// Everything that is missing, wrong, or at odds with the rest.
    pub fn read(env: &impl EnvSource, concurrency: usize) -> Result<Self, ConfigErrors> {
        Self::beside(env, concurrency, None, None)
    }

    /// Reads it beside what a routes file says.
    fn beside(
        env: &impl EnvSource,
        concurrency: usize,
        consumer: Option<Consumer>,
        dead_letter: Option<DeadLetter>,
    ) -> Result<Self, ConfigErrors> {
        let queue_url = said(env, "WAYBILL_QUEUE_URL");
        let names = all(ledger_table(env), namespace(env, consumer));
        let dead = dead_letters(env, dead_letter, queue_url.as_deref());
        let times = all(time_to_live(env), retention(env));
        let outside = all(schedules(env, queue_url.as_deref()), traces::read(env));
        let told = all(all(names, dead), all(metrics(env), outside));
        let (((names, dead), told), (time_to_live, retention)) = all(told, times)?;
        let (metrics, (schedules, traces)) = told;
        let ((ledger_table, consumer), (dead_letter, dead_letter_url)) = (names, dead);
        let engine = Config {
            consumer,
            key: None,
            dead_letter,
            on_conflict: OnConflict::default(),
            time_to_live,
            retention,
            redrive_limit: REDRIVE_LIMIT,
            concurrency,
            metrics,
        };
        Ok(Self {
            engine,
            ledger_table,
            queue_url,
            dead_letter_url,
            schedules,
            traces,
        })
    }
}

/// What an operation that is run once in effect is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceSettings {
    /// The ledger's namespace.
    pub consumer: Consumer,
    /// Name of the ledger's table.
    pub ledger_table: String,
}

impl OnceSettings {
    /// Reads `WAYBILL_CONSUMER` and `WAYBILL_LEDGER_TABLE`.
    ///
    /// # Errors
    ///
    /// Everything that is missing or wrong.
    pub fn read(env: &impl EnvSource) -> Result<Self, ConfigErrors> {
        let (ledger_table, consumer) = all(ledger_table(env), namespace(env, None))?;
        Ok(Self {
            consumer,
            ledger_table,
        })
    }
}

/// What a function that delivers along routes is told.
#[derive(Debug, Clone)]
pub struct RouteSettings {
    /// What every function is told, with the file's `key` and `on_conflict` in its engine.
    pub function: FunctionSettings,
    /// The routes.
    pub routes: RoutesFile,
    /// Whether targets may be on this machine or in a private network: local runs only.
    pub allow_private_targets: bool,
    /// The function's own name, where it runs in Lambda.
    pub function_name: Option<String>,
    /// The function whose event source mappings are lowered while every target is away, where they
    /// are.
    pub source_valve: Option<ValveSettings>,
}

/// What it takes to find the mapping of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValveSettings {
    /// Name of the function that the mapping invokes: our own.
    pub function_name: String,
}

impl RouteSettings {
    /// Reads what [`FunctionSettings::read`] reads, and `WAYBILL_ROUTES`,
    /// `WAYBILL_ALLOW_PRIVATE_TARGETS`, `WAYBILL_SOURCE_VALVE`, `AWS_LAMBDA_FUNCTION_NAME`, which
    /// Lambda sets, and the variables that the routes file names.
    ///
    /// # Errors
    ///
    /// Everything that is missing, wrong, or at odds with the rest; and where the routes are in a
    /// parameter, which is not read here.
    pub fn read(env: &impl EnvSource, concurrency: usize) -> Result<Self, ConfigErrors> {
        let text = RoutesPlace::read(env).and_then(|place| match place {
            RoutesPlace::Here(text) => Ok(text),
            RoutesPlace::Parameter(name) => Err(ConfigErrors::one(format!(
                "WAYBILL_ROUTES names the parameter `{name}`, which is not read here: give the \
                 path of a file, or `inline:` and its text"
            ))),
        });
        Self::of(env, concurrency, text)
    }

    /// The same for routes that were read from their place, or could not be.
    ///
    /// # Errors
    ///
    /// As above.
    pub fn of(
        env: &impl EnvSource,
        concurrency: usize,
        text: Result<RoutesText, ConfigErrors>,
    ) -> Result<Self, ConfigErrors> {
        let routes = text.and_then(|text| text.parse(env));
        let file = routes.as_ref().ok();
        let consumer = file.and_then(|file| file.consumer.clone());
        let dead_letter = file.and_then(|file| file.dead_letter);
        let function = FunctionSettings::beside(env, concurrency, consumer, dead_letter);
        let private = flag(env, "WAYBILL_ALLOW_PRIVATE_TARGETS");
        let flags = all(private, source_valve(env));
        let ((routes, mut function), flags) = all(all(routes, function), flags)?;
        let (allow_private_targets, source_valve) = flags;
        function.engine.key.clone_from(&routes.key);
        function.engine.on_conflict = routes.on_conflict;
        long_waits(&routes, &function)?;
        Ok(Self {
            function,
            routes,
            allow_private_targets,
            function_name: said(env, "AWS_LAMBDA_FUNCTION_NAME"),
            source_valve,
        })
    }

    /// Refuses routes of which something is different that a running function cannot change:
    /// `consumer`, `key` or `dead_letter`. What was claimed under one of the first two is not found
    /// under another, and would be delivered again; by the last the queues and what the function
    /// may do are deployed.
    ///
    /// # Errors
    ///
    /// Each of the three that is different, and what to do.
    pub fn refuse_moved(&self, next: &Self) -> Result<(), ConfigErrors> {
        let (held, next_held) = (&self.function.engine, &next.function.engine);
        let key = |settings: &Self| {
            settings
                .routes
                .key
                .as_ref()
                .map(|key| key.as_str().to_owned())
        };
        let moved = [
            ("consumer", held.consumer != next_held.consumer),
            ("key", key(self) != key(next)),
            ("dead_letter", held.dead_letter != next_held.dead_letter),
        ];
        let faults = moved.iter().filter(|(_, moved)| *moved).map(|(what, _)| {
            format!(
                "`{what}` is not what this function started with, and cannot change while it \
                 runs: put it back, or deploy the functions anew with it"
            )
        });
        let faults: Vec<_> = faults.collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigErrors(faults))
        }
    }

    /// How long one try may take at most: the longest `timeout` of any route's target or
    /// dead-letter target.
    pub fn longest_try(&self) -> Duration {
        let times = self.routes.routes.iter().flat_map(|route| {
            let own = route.dead_letter.as_ref().map(|own| own.target.timeout());
            own.into_iter().chain([route.target.timeout()])
        });
        times.max().unwrap_or_default()
    }
}

/// Where the routes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutesPlace {
    /// In a file or in the variable itself.
    Here(RoutesText),
    /// In the parameter of this name or ARN, of Systems Manager's Parameter Store.
    Parameter(String),
}

/// The text of a routes file.
#[derive(Clone, PartialEq, Eq)]
pub struct RoutesText {
    /// What it is called in faults.
    pub place: String,
    /// The text. It may hold secrets that ought to be elsewhere, so that it is not shown.
    pub text: String,
}

impl RoutesPlace {
    /// Reads `WAYBILL_ROUTES`: the path of a file, `inline:` and its text, or `ssm:` and the name
    /// or ARN of a parameter.
    ///
    /// # Errors
    ///
    /// Where it is not set, or names no parameter, or a file that cannot be read.
    pub fn read(env: &impl EnvSource) -> Result<Self, ConfigErrors> {
        let said = said(env, "WAYBILL_ROUTES").ok_or_else(|| {
            ConfigErrors::one(
                "WAYBILL_ROUTES is not set: give the path of the routes file, `inline:` and its \
                 text, or `ssm:` and the name of a parameter",
            )
        })?;
        if let Some(text) = said.strip_prefix("inline:") {
            return Ok(Self::Here(RoutesText {
                place: "WAYBILL_ROUTES".to_owned(),
                text: text.to_owned(),
            }));
        }
        if let Some(name) = said.strip_prefix("ssm:") {
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(ConfigErrors::one(format!(
                    "WAYBILL_ROUTES is `{said}`: after `ssm:`, give the name or the ARN of the \
                     parameter that holds the routes file"
                )));
            }
            return Ok(Self::Parameter(name.to_owned()));
        }
        let text = env.file(&said).map_err(|error| {
            ConfigErrors::one(format!(
                "the routes file `{said}` cannot be read ({error}): WAYBILL_ROUTES names the file \
                 that the routes layer brings, /opt/routes.yaml in the template"
            ))
        })?;
        Ok(Self::Here(RoutesText { place: said, text }))
    }
}

impl RoutesText {
    /// Reads the file, with the variables that it names.
    fn parse(&self, env: &impl EnvSource) -> Result<RoutesFile, ConfigErrors> {
        let file = RoutesFile::parse(&self.text, |name| said(env, name));
        file.map_err(|error| ConfigErrors::one(format!("`{}`: {error}", self.place)))
    }
}

impl fmt::Debug for RoutesText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoutesText")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// What a function that polls its queue is told beside the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollSettings {
    /// URL of the queue to poll.
    pub queue_url: String,
    /// For how long a received message is hidden, and hidden anew while it is worked on: 5 s to
    /// 12 h.
    pub visibility: Duration,
    /// How many events are worked on at once, and messages held, where it is said: 1 to 1000.
    pub concurrency: Option<usize>,
}

impl PollSettings {
    /// Reads `WAYBILL_QUEUE_URL`, `WAYBILL_VISIBILITY_SECONDS` and `WAYBILL_CONCURRENCY`.
    ///
    /// # Errors
    ///
    /// Where the first is not set, or another is no whole number in its bounds.
    pub fn read(env: &impl EnvSource) -> Result<Self, ConfigErrors> {
        let queue_url = said(env, "WAYBILL_QUEUE_URL").ok_or_else(|| {
            ConfigErrors::one("WAYBILL_QUEUE_URL is not set: give the URL of the queue to poll")
        });
        let polling = all(visibility(env), concurrency(env));
        let (queue_url, (visibility, concurrency)) = all(queue_url, polling)?;
        Ok(Self {
            queue_url,
            visibility,
            concurrency,
        })
    }
}

/// What it takes to look at dead letters and to bring them back.
#[derive(Debug, Clone)]
pub struct DeadLetterSettings {
    /// The ledger's namespace.
    pub consumer: Consumer,
    /// The key expression of the routes file, where it has one.
    pub key: Option<KeyExpression>,
    /// Name of the ledger's table.
    pub ledger_table: String,
    /// How long a row lives after it was written.
    pub time_to_live: Duration,
    /// URL of the source queue.
    pub queue_url: String,
    /// URL of the dead-letter queue.
    pub dead_letter_url: String,
}

impl DeadLetterSettings {
    /// Reads `WAYBILL_CONSUMER`, `WAYBILL_LEDGER_TABLE`, `WAYBILL_LEDGER_TTL_DAYS`,
    /// `WAYBILL_QUEUE_URL` and `WAYBILL_DLQ_URL`, beside what the routes say of the namespace and
    /// of keys; nothing else of the routes is read. `routes` are those that were read from their
    /// place, or could not be; with none, no key is configured.
    ///
    /// # Errors
    ///
    /// Everything that is missing, wrong, or at odds with the rest.
    pub fn of(
        env: &impl EnvSource,
        routes: Result<Option<RoutesText>, ConfigErrors>,
    ) -> Result<Self, ConfigErrors> {
        let identity = routes.and_then(|text| match text {
            None => Ok(Identity::default()),
            Some(text) => Identity::parse(&text.text, |name| said(env, name))
                .map_err(|error| ConfigErrors::one(format!("`{}`: {error}", text.place))),
        });
        let file = identity.as_ref().ok();
        let consumer = namespace(env, file.and_then(|file| file.consumer.clone()));
        let must = |name: &str, what: &str| {
            let missing = || ConfigErrors::one(format!("{name} is not set: give {what}"));
            said(env, name).ok_or_else(missing)
        };
        let table = must(
            "WAYBILL_LEDGER_TABLE",
            "the name of the ledger's DynamoDB table",
        );
        let names = all(all(identity, consumer), all(table, time_to_live(env)));
        let queues = all(
            must("WAYBILL_QUEUE_URL", "the URL of the source queue"),
            must("WAYBILL_DLQ_URL", "the URL of its dead-letter queue"),
        );
        let (names, (queue_url, dead_letter_url)) = all(names, queues)?;
        let ((identity, consumer), (ledger_table, time_to_live)) = names;
        if is_fifo(&queue_url) != is_fifo(&dead_letter_url) {
            return Err(ConfigErrors::one(format!(
                "WAYBILL_QUEUE_URL `{queue_url}` and WAYBILL_DLQ_URL `{dead_letter_url}` are no \
                 pair: a FIFO queue's dead letters are in a FIFO queue, and only they"
            )));
        }
        Ok(Self {
            consumer,
            key: identity.key,
            ledger_table,
            time_to_live,
            queue_url,
            dead_letter_url,
        })
    }

    /// Whether the queues are FIFO queues.
    pub fn is_fifo(&self) -> bool {
        is_fifo(&self.queue_url)
    }
}

/// Everything that is wrong with the configuration; at least one fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<String>);

impl ConfigErrors {
    /// One fault, which says its remedy.
    pub fn one(fault: impl Into<String>) -> Self {
        Self(vec![fault.into()])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Error for ConfigErrors {}

/// Both parts, or the faults of both.
pub fn all<A, B>(
    one: Result<A, ConfigErrors>,
    other: Result<B, ConfigErrors>,
) -> Result<(A, B), ConfigErrors> {
    match (one, other) {
        (Ok(one), Ok(other)) => Ok((one, other)),
        (Err(errors), Ok(_)) | (Ok(_), Err(errors)) => Err(errors),
        (Err(mut errors), Err(more)) => {
            errors.0.extend(more.0);
            Err(errors)
        }
    }
}

/// The value of a variable; an empty one counts as not set.
fn said(env: &impl EnvSource, name: &str) -> Option<String> {
    env.var(name).filter(|value| !value.is_empty())
}

/// The name of the ledger's table.
fn ledger_table(env: &impl EnvSource) -> Result<String, ConfigErrors> {
    said(env, "WAYBILL_LEDGER_TABLE").ok_or_else(|| {
        ConfigErrors::one(
            "WAYBILL_LEDGER_TABLE is not set: give the name of the ledger's DynamoDB table",
        )
    })
}

/// The ledger's namespace: the file's, or the environment's.
fn namespace(env: &impl EnvSource, file: Option<Consumer>) -> Result<Consumer, ConfigErrors> {
    if let Some(file) = file {
        return Ok(file);
    }
    let name = said(env, "WAYBILL_CONSUMER").ok_or_else(|| {
        ConfigErrors::one(
            "WAYBILL_CONSUMER is not set: give the ledger's namespace, one name for all functions \
             that share their claims (the template gives the stack's name)",
        )
    })?;
    let what = "must have 1 to 128 bytes and no `#`";
    Consumer::new(&name)
        .ok_or_else(|| ConfigErrors::one(format!("WAYBILL_CONSUMER `{name}` {what}")))
}

/// How the dead reach their queue, and its URL where we send them.
fn dead_letters(
    env: &impl EnvSource,
    file: Option<DeadLetter>,
    queue_url: Option<&str>,
) -> Result<(DeadLetter, Option<String>), ConfigErrors> {
    let mode = dead_letter(env, file)?;
    let is_fifo = queue_url.is_some_and(is_fifo);
    let url = match mode {
        DeadLetter::Redrive if is_fifo => return Err(ConfigErrors::one(FIFO_REDRIVE)),
        DeadLetter::Redrive => return Ok((mode, None)),
        DeadLetter::Send => said(env, "WAYBILL_DLQ_URL"),
    };
    let Some(url) = url else {
        return Err(ConfigErrors::one(
            "WAYBILL_DLQ_URL is not set: `dead_letter: send` needs the URL of the queue that dead \
             messages are sent to",
        ));
    };
    let agree = queue_url.is_none() || is_fifo == self::is_fifo(&url);
    match (agree, is_fifo) {
        (true, _) => Ok((mode, Some(url))),
        (false, true) => Err(ConfigErrors::one(format!(
            "WAYBILL_DLQ_URL `{url}` is no FIFO queue, and WAYBILL_QUEUE_URL is one: the \
             dead-letter queue of a FIFO queue must be FIFO, so give one whose name ends in `.fifo`"
        ))),
        (false, false) => Err(ConfigErrors::one(format!(
            "WAYBILL_DLQ_URL `{url}` is a FIFO queue, and WAYBILL_QUEUE_URL is none: the \
             dead-letter queue of a standard queue must be standard, so give one"
        ))),
    }
}

/// How the dead reach their queue: the file's word, or the environment's, which must agree.
fn dead_letter(env: &impl EnvSource, file: Option<DeadLetter>) -> Result<DeadLetter, ConfigErrors> {
    let said = match said(env, "WAYBILL_DEAD_LETTER").as_deref() {
        None => None,
        Some("redrive") => Some(DeadLetter::Redrive),
        Some("send") => Some(DeadLetter::Send),
        Some(other) => {
            return Err(ConfigErrors::one(format!(
                "WAYBILL_DEAD_LETTER is `{other}`: say `redrive` or `send`"
            )));
        }
    };
    match (said, file) {
        (Some(said), Some(file)) if said != file => Err(ConfigErrors::one(
            "WAYBILL_DEAD_LETTER and the routes file's `dead_letter` differ: the first also decides \
             what the function may do, so leave the second out or make it the same",
        )),
        (Some(mode), _) | (None, Some(mode)) => Ok(mode),
        (None, None) => Ok(DeadLetter::default()),
    }
}

/// Whether a URL names a FIFO queue: SQS lets no other queue's name end so.
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html>
fn is_fifo(url: &str) -> bool {
    url.trim_end_matches('/').ends_with(".fifo")
}

/// How events wait outside their queue, where that is said: in full, and for a queue that can.
fn schedules(
    env: &impl EnvSource,
    queue_url: Option<&str>,
) -> Result<Option<ScheduleSettings>, ConfigErrors> {
    let names = [
        "WAYBILL_SCHEDULE_GROUP",
        "WAYBILL_SCHEDULE_ROLE_ARN",
        "WAYBILL_SCHEDULE_DLQ_ARN",
    ];
    let values = names.map(|name| said(env, name));
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let missing = names
        .iter()
        .zip(&values)
        .filter(|(_, value)| value.is_none());
    let missing: Vec<_> = missing.map(|(name, _)| *name).collect();
    let [Some(group), Some(role_arn), Some(dead_letter_arn)] = values else {
        return Err(ConfigErrors::one(format!(
            "{} is not set: schedules need a group, a role that may send to the source queue, and \
             a dead-letter queue of their own; set WAYBILL_SCHEDULE_GROUP, \
             WAYBILL_SCHEDULE_ROLE_ARN and WAYBILL_SCHEDULE_DLQ_ARN, or none of them",
            missing.join(", ")
        )));
    };
    match queue_url {
        Some(url) if is_fifo(url) => Err(ConfigErrors::one(
            "WAYBILL_SCHEDULE_GROUP is set and WAYBILL_QUEUE_URL names a FIFO queue: what waited \
             outside it would lose its turn; leave it out, with WAYBILL_SCHEDULE_ROLE_ARN and \
             WAYBILL_SCHEDULE_DLQ_ARN",
        )),
        Some(_) => Ok(Some(ScheduleSettings {
            group,
            role_arn,
            dead_letter_arn,
        })),
        None => Err(ConfigErrors::one(
            "WAYBILL_SCHEDULE_GROUP is set and WAYBILL_QUEUE_URL is not: give the URL of the queue \
             that schedules send to",
        )),
    }
}

/// Tells of routes that must wait outside the queue where there is no way to.
fn long_waits(routes: &RoutesFile, function: &FunctionSettings) -> Result<(), ConfigErrors> {
    if function.schedules.is_some() {
        return Ok(());
    }
    let remedy = match function.queue_url.as_deref().is_some_and(is_fifo) {
        true => "; a FIFO queue's events wait in the queue, in order",
        false => {
            ", or set WAYBILL_SCHEDULE_GROUP, WAYBILL_SCHEDULE_ROLE_ARN and WAYBILL_SCHEDULE_DLQ_ARN \
             (in the template Schedules), so that events can wait outside their queue"
        }
    };
    let faults = routes.routes.iter().filter_map(|route| {
        let name = &route.name;
        let own = route.dead_letter.as_ref().map(|own| &own.retry);
        let detaches = |retry: &RetryPolicy| retry.detach.is_some();
        if detaches(&route.retry) || own.is_some_and(detaches) {
            let what = "`retry.detach` needs schedules";
            return Some(format!("route `{name}`: {what}: leave it out{remedy}"));
        }
        let longest = own.into_iter().chain([&route.retry]);
        let longest = longest.map(|retry| retry.longest_wait()).max();
        (longest > Some(VISIBILITY_MAX)).then(|| {
            let what = "`retry` has waits of more than 12h, longer than SQS hides a message";
            format!("route `{name}`: {what}: make them shorter{remedy}")
        })
    });
    let faults: Vec<_> = faults.collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(ConfigErrors(faults)),
    }
}

/// Whose mappings are lowered while every target is away, where that is switched on.
fn source_valve(env: &impl EnvSource) -> Result<Option<ValveSettings>, ConfigErrors> {
    if !flag(env, "WAYBILL_SOURCE_VALVE")? {
        return Ok(None);
    }
    let name = said(env, "AWS_LAMBDA_FUNCTION_NAME").ok_or_else(|| {
        ConfigErrors::one(
            "WAYBILL_SOURCE_VALVE is `true` and AWS_LAMBDA_FUNCTION_NAME is not set: Lambda sets \
             it, so leave the first out where the function does not run there",
        )
    });
    name.map(|function_name| Some(ValveSettings { function_name }))
}

/// How long a ledger row lives after its last write.
fn time_to_live(env: &impl EnvSource) -> Result<Duration, ConfigErrors> {
    let Some(days) = said(env, "WAYBILL_LEDGER_TTL_DAYS") else {
        return Ok(TIME_TO_LIVE);
    };
    match days.parse::<u32>() {
        Ok(days @ 1..=3650) => Ok(DAY * days),
        Ok(_) | Err(_) => Err(ConfigErrors::one(format!(
            "WAYBILL_LEDGER_TTL_DAYS is `{days}`: give whole days, 1 to 3650, at least the source \
             queue's retention, the dead-letter queue's, and the time a redrive may take"
        ))),
    }
}

/// How long the source queue keeps a message, where it is said.
fn retention(env: &impl EnvSource) -> Result<Option<Duration>, ConfigErrors> {
    let Some(seconds) = said(env, "WAYBILL_QUEUE_RETENTION_SECONDS") else {
        return Ok(None);
    };
    match seconds.parse().map(Duration::from_secs) {
        Ok(retention) if (RETENTION_MIN..=RETENTION_MAX).contains(&retention) => {
            Ok(Some(retention))
        }
        Ok(_) | Err(_) => Err(ConfigErrors::one(format!(
            "WAYBILL_QUEUE_RETENTION_SECONDS is `{seconds}`: give the source queue's \
             MessageRetentionPeriod in whole seconds, 60 to 1209600"
        ))),
    }
}

/// For how long a received message is hidden.
fn visibility(env: &impl EnvSource) -> Result<Duration, ConfigErrors> {
    let Some(seconds) = said(env, "WAYBILL_VISIBILITY_SECONDS") else {
        return Ok(VISIBILITY);
    };
    let visibility = seconds.parse().map(Duration::from_secs);
    match visibility {
        Ok(visibility) if (VISIBILITY_MIN..=VISIBILITY_MAX).contains(&visibility) => Ok(visibility),
        Ok(_) | Err(_) => Err(ConfigErrors::one(format!(
            "WAYBILL_VISIBILITY_SECONDS is `{seconds}`: give whole seconds, 5 to 43200; it is kept \
             up while work goes on, so that it need not be as long as the work"
        ))),
    }
}

/// How many events are worked on at once, where it is said.
fn concurrency(env: &impl EnvSource) -> Result<Option<usize>, ConfigErrors> {
    let Some(number) = said(env, "WAYBILL_CONCURRENCY") else {
        return Ok(None);
    };
    match number.parse() {
        Ok(concurrency @ 1..=1000) => Ok(Some(concurrency)),
        Ok(_) | Err(_) => Err(ConfigErrors::one(format!(
            "WAYBILL_CONCURRENCY is `{number}`: give a whole number, 1 to 1000, of events that \
             are worked on at once; their bodies must fit into the function's memory"
        ))),
    }
}

/// Whether metrics are written, and what the function's time is priced by.
fn metrics(env: &impl EnvSource) -> Result<Option<Metrics>, ConfigErrors> {
    match said(env, "WAYBILL_METRICS").as_deref() {
        None | Some("emf") => {
            // Lambda sets it. Without it the time of the function is not in its cost.
            let memory = said(env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
            let memory_mb = memory.and_then(|memory| memory.parse().ok());
            Ok(Some(Metrics::new(
                Sink::stdout(),
                memory_mb.unwrap_or_default(),
            )))
        }
        Some("off") => Ok(None),
        Some(other) => Err(ConfigErrors::one(format!(
            "WAYBILL_METRICS is `{other}`: say `emf` or `off`"
        ))),
    }
}

/// `true` or `false`; false where nothing is said.
fn flag(env: &impl EnvSource, name: &str) -> Result<bool, ConfigErrors> {
    match said(env, name).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(ConfigErrors::one(format!(
            "{name} is `{other}`: say `true` or `false`"
        ))),
    }
}

/// Why a FIFO queue is not served with `redrive`.
const FIFO_REDRIVE: &str = "WAYBILL_QUEUE_URL names a FIFO queue, which `dead_letter: redrive` \
     cannot serve: a dead message that is handed back until SQS moves it uses up the receives of \
     those behind it; say `dead_letter: send` (WAYBILL_DEAD_LETTER, in the template \
     DeadLetterMode) and give WAYBILL_DLQ_URL";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Two retentions of fourteen days and a week for a redrive.
const TIME_TO_LIVE: Duration = Duration::from_secs(35 * 24 * 60 * 60);

/// How often an event may be redriven before it is a loop (F70).
const REDRIVE_LIMIT: u32 = 5;

/// For how long a received message is hidden where nothing is said: what a killed poller held
/// comes back after it.
const VISIBILITY: Duration = Duration::from_secs(30);

/// The shortest visibility that can be kept up: a request that is late by one try must not end it.
const VISIBILITY_MIN: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;

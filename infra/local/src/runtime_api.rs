//! Lambda's Runtime API on the loopback, and a function's own binary under it.
//!
//! One function is started as Lambda starts it: with Lambda's variables, and nothing of this
//! process's. It is handed payloads one by one, each with a deadline. Lambda's freeze between
//! invocations, and its kill at the deadline, are not played.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::api::REGION;
use crate::error::LocalError;
use crate::process::Group;
use crate::server::{Answered, NoAnswer, serve};

/// The variables that a function is started with.
#[derive(Debug, Clone)]
pub struct Environment(BTreeMap<String, String>);

/// What is run as a function.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program and its arguments.
    pub arguments: Vec<OsString>,
    /// Where it runs; where the caller does, if nothing is said.
    pub folder: Option<PathBuf>,
    /// The one core that it runs on; any, if nothing is said. Needs `taskset`.
    pub core: Option<usize>,
}

/// A running function; it and everything it started end when this is dropped.
#[derive(Debug)]
pub struct Function {
    group: Group,
    spawned: Instant,
    shared: Arc<Shared>,
    payloads: mpsc::UnboundedSender<Invocation>,
    server: JoinHandle<()>,
}

/// What a function answered to one payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It succeeded, with this response.
    Response(String),
    /// It failed, with this diagnostic: JSON with `errorType` and `errorMessage`.
    Error(String),
}

/// One payload on its way to the function.
#[derive(Debug)]
struct Invocation {
    id: String,
    payload: String,
    time: Duration,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    state: Mutex<State>,
}

/// What is remembered.
#[derive(Debug, Default)]
struct State {
    first_next: Option<Instant>,
    lines: Vec<String>,
    output_ended: bool,
    init_errors: Vec<String>,
    invocations: u64,
    pending: BTreeMap<String, oneshot::Sender<Answer>>,
}

impl Environment {
    /// What Lambda sets for a function of this name, with credentials that are worth nothing.
    pub fn of(function: &str) -> Self {
        let set = [
            ("AWS_ACCESS_KEY_ID", "LOCALACCESSKEYID"),
            ("AWS_SECRET_ACCESS_KEY", "local-secret-access-key"),
            ("AWS_SESSION_TOKEN", "local-session-token"),
            ("AWS_REGION", REGION),
            ("AWS_DEFAULT_REGION", REGION),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/local"),
            ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]local"),
            ("_HANDLER", "bootstrap"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
            ("LANG", "en_US.UTF-8"),
            ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
            ("TZ", ":UTC"),
        ];
        let set = set.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(set.into())
    }

    /// The name of the function that it is for; empty where it has none.
    pub fn function(&self) -> &str {
        let name = self.0.get("AWS_LAMBDA_FUNCTION_NAME");
        name.map_or("", String::as_str)
    }

    /// With another variable, or another value of one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }

    /// Without a variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }
}

impl Program {
    /// A binary that takes no arguments, on any core.
    pub fn binary(binary: &Path) -> Self {
        Self {
            arguments: vec![binary.into()],
            folder: None,
            core: None,
        }
    }

    /// The command for it under a leash.
    fn command(&self) -> Command {
        let pinned = self.core.map(|core| {
            let core = core.to_string();
            [OsString::from("taskset"), "-c".into(), core.into()]
        });
        let mut words = pinned.into_iter().flatten().chain(self.arguments.clone());
        let mut command = Group::command(words.next().unwrap_or_default());
        command.args(words);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }
}

impl Function {
    /// Starts a binary with these variables.
    pub async fn start(binary: &Path, environment: &Environment) -> Result<Self, LocalError> {
        Self::run(&Program::binary(binary), environment).await
    }

    /// Starts a program with these variables.
    pub async fn run(program: &Program, environment: &Environment) -> Result<Self, LocalError> {
        let failed = |error| LocalError::because("the Runtime API cannot be played", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (payloads, waiting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting: tokio::sync::Mutex::new(waiting),
            state: Mutex::default(),
        });
        // Both outputs in one, as Lambda has it.
        let (output, stdout) = io::pipe().map_err(failed)?;
        let stderr = stdout.try_clone().map_err(failed)?;
        let mut command = program.command();
        command
            .env_clear()
            .envs(&environment.0)
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdout(stdout)
            .stderr(stderr);
        let server = tokio::spawn(serve(listener, Arc::clone(&shared), answer));
        let spawned = Instant::now();
        let group = Group::spawn(command)?;
        let reader = Arc::clone(&shared);
        thread::spawn(move || read_output(output, &reader));
        Ok(Self {
            group,
            spawned,
            shared,
            payloads,
            server,
        })
    }

    /// The time from spawning to the first `/next`, a shell's own start of one or two
    /// milliseconds included: waits for it until the function ends, or for as long as this.
    /// `None` where it did not come.
    pub async fn ready(&mut self, patience: Duration) -> Option<Duration> {
        let end = Instant::now() + patience;
        loop {
            let first_next = self.shared.state().first_next;
            if let Some(at) = first_next {
                return Some(at.duration_since(self.spawned));
            }
            if Instant::now() >= end || self.group.try_wait().is_some() {
                return None;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Hands it a payload, and waits for its answer. The deadline is this far from the moment when
    /// the function takes the payload; a machine that is busy may need some seconds more for the
    /// start and for the answer.
    ///
    /// # Errors
    ///
    /// When no answer came.
    pub async fn invoke(
        &self,
        payload: impl Into<String>,
        time: Duration,
    ) -> Result<Answer, LocalError> {
        let (reply, answer) = oneshot::channel();
        let id = {
            let mut state = self.shared.state();
            state.invocations += 1;
            let id = format!("invocation-{}", state.invocations);
            state.pending.insert(id.clone(), reply);
            id
        };
        let payload = payload.into();
        let gone = LocalError::failed("the function takes no payload any more");
        self.payloads
            .send(Invocation { id, payload, time })
            .map_err(|_| gone)?;
        match tokio::time::timeout(time + GRACE, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(LocalError::failed(format!(
                "the function did not answer in time; it said: {}",
                self.lines().join("\n")
            ))),
        }
    }

    /// How it ended, waiting for that as long as this; `None` where it still runs. What it wrote
    /// is whole then.
    pub async fn ended(&mut self, patience: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + patience;
        loop {
            if let Some(status) = self.group.try_wait()
                && self.shared.state().output_ended
            {
                return Some(status);
            }
            if Instant::now() >= end {
                return None;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Kills it, as the end of a sandbox does; every line that it wrote.
    pub async fn end(mut self) -> Vec<String> {
        self.group.kill();
        while !self.shared.state().output_ended {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        self.lines()
    }

    /// Every line it wrote so far, to either output.
    pub fn lines(&self) -> Vec<String> {
        self.shared.state().lines.clone()
    }

    /// Forgets every line that it wrote so far.
    pub fn forget_lines(&self) {
        self.shared.state().lines.clear();
    }

    /// What it said to `/init/error`.
    pub fn init_errors(&self) -> Vec<String> {
        self.shared.state().init_errors.clone()
    }

    /// The most memory it had resident so far, in bytes: the high-water mark of its process. Linux
    /// only: elsewhere there is none.
    pub fn peak_memory(&self) -> Option<u64> {
        self.size("VmHWM:")
    }

    /// The memory that it has resident now, in bytes, as [`Self::peak_memory`].
    pub fn memory(&self) -> Option<u64> {
        self.size("VmRSS:")
    }

    /// A size that the kernel tells of its process, in bytes.
    fn size(&self, what: &str) -> Option<u64> {
        let status = self.told("status")?;
        let size = status.lines().find_map(|line| line.strip_prefix(what))?;
        let kibibytes: u64 = size.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// The processor's time that it has used, all its threads together, by the kernel's clock of
    /// hundredths of a second. Linux only, as [`Self::peak_memory`].
    /// <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>
    pub fn cpu_time(&self) -> Option<Duration> {
        let stat = self.told("stat")?;
        // The name of the program may have spaces; it ends with the last bracket.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace().skip(11);
        let mut ticks = || fields.next()?.parse::<u64>().ok();
        Some(Duration::from_millis((ticks()? + ticks()?) * 10))
    }

    /// What the kernel tells of its process.
    fn told(&self, what: &str) -> Option<String> {
        let shell = self.group.id();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).ok()?;
        // The other child is the leash, which is a shell as well.
        let leash = fs::read_link(format!("/proc/{shell}/exe")).ok()?;
        let pid = children.split_ascii_whitespace().find(|pid| {
            fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|program| program != leash)
        })?;
        fs::read_to_string(format!("/proc/{pid}/{what}")).ok()
    }
}

/// The payload by which an event source mapping hands over messages, each an id and a body, as
/// received for the first time from the queue of this ARN.
pub fn sqs_event<'a>(
    queue_arn: &str,
    messages: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> String {
    let sent_ms = millis_since_epoch(SystemTime::now());
    let records = messages.into_iter().map(|(id, body)| {
        SqsRecord {
            id,
            handle: &format!("handle of {id}"),
            body,
            receives: 1,
            sent_ms,
            group: None,
        }
        .to_json(queue_arn)
    });
    json!({ "Records": records.collect::<Vec<_>>() }).to_string()
}

/// One message as an event source mapping hands it over.
#[derive(Debug, Clone, Copy)]
pub struct SqsRecord<'a> {
    /// `messageId`.
    pub id: &'a str,
    /// `receiptHandle`.
    pub handle: &'a str,
    /// `body`.
    pub body: &'a str,
    /// `ApproximateReceiveCount`.
    pub receives: u32,
    /// `SentTimestamp`.
    pub sent_ms: u128,
    /// `MessageGroupId`.
    pub group: Option<&'a str>,
}

impl SqsRecord<'_> {
    /// As an entry of `Records`, from the queue of this ARN.
    pub fn to_json(&self, queue_arn: &str) -> Value {
        let sent = self.sent_ms.to_string();
        let mut attributes = json!({
            "ApproximateReceiveCount": self.receives.to_string(),
            "SentTimestamp": sent,
            "SenderId": "local",
            "ApproximateFirstReceiveTimestamp": sent,
        });
        if let (Some(group), Some(all)) = (self.group, attributes.as_object_mut()) {
            all.insert("MessageGroupId".to_owned(), json!(group));
        }
        json!({
            "messageId": self.id,
            "receiptHandle": self.handle,
            "body": self.body,
            "attributes": attributes,
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": queue_arn,
            "awsRegion": REGION,
        })
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    /// What is remembered; whole at any time, so that a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `/next`: hands over a payload when there is one.
    async fn next(&self) -> Answered {
        self.state().first_next.get_or_insert_with(Instant::now);
        let invocation = self.waiting.lock().await.recv().await.ok_or(NoAnswer)?;
        let deadline = millis_since_epoch(SystemTime::now() + invocation.time);
        Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", invocation.id)
            .header("lambda-runtime-deadline-ms", deadline.to_string())
            .header(
                "lambda-runtime-invoked-function-arn",
                format!("arn:aws:lambda:{REGION}:000000000000:function:local"),
            )
            .body(Full::new(Bytes::from(invocation.payload)))
            .map_err(|_| NoAnswer)
    }
}

/// Keeps what the function writes, until nobody can write any more.
fn read_output(output: PipeReader, shared: &Shared) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        shared.state().lines.push(line);
    }
    shared.state().output_ended = true;
}

/// Serves one request of the function's.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    let path = parts.uri.path().strip_prefix("/2018-06-01/runtime/");
    let steps: Vec<_> = path.unwrap_or_default().split('/').collect();
    let status = match (&parts.method, steps.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => return shared.next().await,
        (&Method::POST, ["init", "error"]) => {
            shared.state().init_errors.push(body);
            202
        }
        (&Method::POST, ["invocation", id, kind @ ("response" | "error")]) => {
            let answer = match *kind {
                "response" => Answer::Response(body),
                _ => Answer::Error(body),
            };
            let reply = shared.state().pending.remove(*id);
            match reply.map(|reply| reply.send(answer)) {
                Some(_) => 202,
                None => 400,
            }
        }
        _ => 404,
    };
    let answer = Response::builder().status(status);
    answer.body(Full::default()).map_err(|_| NoAnswer)
}

/// Lambda tells times so.
fn millis_since_epoch(time: SystemTime) -> u128 {
    let since = time.duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_millis()
}

/// How much longer than its time a function may take: its start, and a machine that is busy.
const GRACE: Duration = Duration::from_secs(20);

/// How often it is looked whether something has come.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests;

//! A fast stand-in for what the functions ask, for measuring: DynamoDB, SQS and an HTTP target, in
//! this process, each as slow as it is told to be.
//!
//! MiniStack answers in milliseconds, of which the functions would be measured least. This answers
//! in microseconds, keeps real conditions (a write is refused where DynamoDB would refuse it) and
//! real receives (visibility, receive counts, message groups, a redrive policy), and knows nothing
//! else: what it does not know it refuses loudly.

mod dynamodb;
mod latency;
pub mod mapping;
mod queue;
mod target;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::LocalError;
use crate::proxy::{Call, Counts};
use crate::server::{Answered, NoAnswer, serve};

pub use dynamodb::Units;
pub use latency::{Latencies, Latency};
pub use queue::{Queue, Received};
pub use target::Target;

/// A running stand-in; it ends when this is dropped.
#[derive(Debug)]
pub struct Stub {
    port: u16,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// What was asked so far.
#[derive(Debug, Clone, Default)]
pub struct Traffic {
    /// Requests to AWS, by service and operation.
    pub counts: Counts,
    /// Bytes of bodies that came in, to AWS and the target.
    pub bytes_in: u64,
    /// Bytes of bodies that went out, of AWS's answers and the target's.
    pub bytes_out: u64,
    /// Write units of DynamoDB.
    pub units: Units,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    latencies: std::sync::Mutex<Latencies>,
    traffic: std::sync::Mutex<Traffic>,
    tables: std::sync::Mutex<dynamodb::Tables>,
    queue: Queue,
    target: Target,
}

/// A refusal as AWS's JSON protocols have it.
#[derive(Debug)]
struct Refusal {
    /// The exception's name.
    code: &'static str,
    /// What is said of it.
    message: String,
    /// What else the answer has.
    more: Option<(&'static str, Value)>,
}

impl Refusal {
    /// A request that cannot be understood.
    fn invalid(message: impl Into<String>) -> Self {
        Self::of("ValidationException", message)
    }

    /// A refusal with nothing beside its words.
    fn of(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            more: None,
        }
    }
}

impl Stub {
    /// Starts on a free port of the loopback, with one standard queue whose messages are hidden for this
    /// long once they are received, and are dead after so many receives.
    pub async fn start(visibility: Duration, receives: u32) -> Result<Self, LocalError> {
        Self::start_with(Queue::standard(visibility, receives)).await
    }

    /// The same with a FIFO queue.
    pub async fn start_fifo(visibility: Duration, receives: u32) -> Result<Self, LocalError> {
        Self::start_with(Queue::fifo(visibility, receives)).await
    }

    /// Starts with this queue.
    async fn start_with(queue: Queue) -> Result<Self, LocalError> {
        let failed = |error| LocalError::because("AWS cannot be played", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let shared = Arc::new(Shared {
            latencies: std::sync::Mutex::default(),
            traffic: std::sync::Mutex::default(),
            tables: std::sync::Mutex::default(),
            queue,
            target: Target::default(),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared), answer));
        Ok(Self {
            port,
            shared,
            server,
        })
    }

    /// Where AWS is played.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where the target is.
    pub fn target_url(&self) -> String {
        format!("{}/hook", self.endpoint())
    }

    /// The URL of the queue.
    pub fn queue_url(&self) -> String {
        format!("{}/{}", self.endpoint(), self.shared.queue.path())
    }

    /// The URL of its dead-letter queue.
    pub fn dead_letter_url(&self) -> String {
        format!(
            "{}/{}",
            self.endpoint(),
            self.shared.queue.dead_letter_path()
        )
    }

    /// How slow everything is from now on.
    pub fn set_latencies(&self, latencies: Latencies) {
        *lock(&self.shared.latencies) = latencies;
    }

    /// What was asked so far.
    pub fn traffic(&self) -> Traffic {
        lock(&self.shared.traffic).clone()
    }

    /// The queue.
    pub fn queue(&self) -> &Queue {
        &self.shared.queue
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.shared.target
    }

    /// Forgets all items, messages and effects.
    pub fn clear(&self) {
        lock(&self.shared.tables).clear();
        self.shared.queue.clear();
        self.shared.target.clear();
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Traffic {
    /// What was asked since.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            counts: self.counts.since(&earlier.counts),
            bytes_in: self.bytes_in - earlier.bytes_in,
            bytes_out: self.bytes_out - earlier.bytes_out,
            units: self.units.since(earlier.units),
        }
    }
}

/// Answers one request.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let bytes_in = body.len();
    let latencies = *lock(&shared.latencies);
    let Some(operation) = parts.headers.get("x-amz-target") else {
        let key = parts.headers.get("idempotency-key");
        shared.target.take(key.map(|key| key.as_bytes()), &body);
        count(&shared, None, bytes_in, 0, Units::default());
        latencies.target.pass().await;
        return respond(200, "text/plain", Bytes::new());
    };
    let operation = operation.to_str().map_err(|_| NoAnswer)?;
    let (service, operation) = operation.split_once('.').ok_or(NoAnswer)?;
    let service = service.split('_').next().unwrap_or_default();
    let mut units = Units::default();
    let asked = serde_json::from_slice::<Value>(&body);
    let asked = asked.map_err(|error| Refusal::of("SerializationException", error.to_string()));
    let (service, latency, answered) = match (service, asked) {
        ("DynamoDB", asked) => {
            let write = |asked| lock(&shared.tables).answer(operation, &asked, &mut units);
            ("dynamodb", latencies.dynamodb, asked.and_then(write))
        }
        ("AWSStepFunctions", asked) => {
            let start = |asked: Value| execution(&shared.target, operation, &asked);
            ("states", latencies.target, asked.and_then(start))
        }
        (_, Ok(asked)) => {
            let answer = shared.queue.answer(operation, &asked).await;
            ("sqs", latencies.sqs, answer)
        }
        (_, Err(refusal)) => ("sqs", latencies.sqs, Err(refusal)),
    };
    let (status, answer) = match answered {
        Ok(answer) => (200, answer),
        Err(refusal) => (400, refused(service, refusal)),
    };
    let answer = serde_json::to_vec(&answer).map_err(|_| NoAnswer)?;
    let call = Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
    };
    count(&shared, Some(call), bytes_in, answer.len(), units);
    latency.pass().await;
    respond(status, "application/x-amz-json-1.0", answer.into())
}

/// A Standard state machine, which takes every execution once.
fn execution(target: &Target, operation: &str, asked: &Value) -> Result<Value, Refusal> {
    let text = |name: &str| asked.get(name).and_then(Value::as_str).unwrap_or_default();
    let machine = text("stateMachineArn");
    match operation {
        "DescribeStateMachine" => Ok(json!({
            "stateMachineArn": machine,
            "name": "measured",
            "type": "STANDARD",
            "definition": "{}",
            "roleArn": "arn:aws:iam::000000000000:role/measured",
            "creationDate": 1_767_225_600,
        })),
        "StartExecution" => {
            target.take(Some(text("name").as_bytes()), &[]);
            let arn = machine.replace(":stateMachine:", ":execution:");
            let arn = format!("{arn}:{}", text("name"));
            Ok(json!({ "executionArn": arn, "startDate": 1_767_225_600 }))
        }
        other => Err(Refusal::invalid(format!("`{other}` is not played here"))),
    }
}

/// The words of a refusal.
fn refused(service: &str, refusal: Refusal) -> Value {
    let namespace = match service {
        "dynamodb" => "com.amazonaws.dynamodb.v20120810",
        _ => "com.amazonaws.sqs",
    };
    let kind = format!("{namespace}#{}", refusal.code);
    let mut answer = json!({ "__type": kind, "message": refusal.message });
    if let (Some((name, value)), Some(answer)) = (refusal.more, answer.as_object_mut()) {
        answer.insert(name.to_owned(), value);
    }
    answer
}

/// An answer with this body.
fn respond(status: u16, content_type: &str, body: Bytes) -> Answered {
    Response::builder()
        .status(status)
        .header("content-type", content_type)
        .body(Full::new(body))
        .map_err(|_| NoAnswer)
}

/// Counts one request.
fn count(shared: &Shared, call: Option<Call>, bytes_in: usize, bytes_out: usize, units: Units) {
    let wide = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    let mut traffic = lock(&shared.traffic);
    if let Some(call) = call {
        traffic.counts.add(call);
    }
    traffic.bytes_in += wide(bytes_in);
    traffic.bytes_out += wide(bytes_out);
    traffic.units.add(units);
}

/// What is behind a mutex; whole at any time, so that a panic elsewhere does not spoil it.
fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

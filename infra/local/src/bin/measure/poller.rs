//! The poller: how fast it drains a full queue, and what that costs.

use std::time::{Duration, SystemTime};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde_json::{Value, json};

use waybill_local::{
    Answer, Asked, BuiltFunctions, Function, LocalAws, LocalError, Receiver, Reply,
};

use crate::{
    STARTS, at, environment, event, mb, memory, millis, ready, size, table, time_starts, to_f64,
};

/// What was seen.
pub(crate) struct Measures {
    binary_bytes: u64,
    /// From spawn to the first `/next`, ascending.
    starts: Vec<Duration>,
    /// The high-water mark; `None` where the system does not tell.
    busy_bytes: Option<u64>,
    /// From the invocation to the last effect.
    took: Duration,
    sqs_per_message: f64,
    dynamodb_per_message: f64,
    /// Receives that brought nothing.
    idle_receives: u64,
    /// How long the requests to the stand-in took, each for itself, ascending.
    waits: Vec<Duration>,
}

/// Fills a queue and has one poller drain it.
pub(crate) async fn measure(
    built: &BuiltFunctions,
    aws: &LocalAws,
) -> Result<Measures, LocalError> {
    let binary = built
        .binary("poller")
        .ok_or_else(|| LocalError::failed("no poller was built"))?;
    let receiver = Receiver::start(|_, _| Reply::status(200).after(TARGET_TAKES)).await?;
    let queue_url = fill(aws.endpoint()).await?;
    let environment = environment("poller", aws, &receiver).with("WAYBILL_QUEUE_URL", queue_url);
    let starts = time_starts(binary, &environment).await?;

    let mut function = Function::start(binary, &environment).await?;
    ready(&mut function).await?;
    let before = aws.proxy().counts();
    aws.proxy().record();
    let begun = SystemTime::now();
    let payload = json!({ "stop_when_empty": true }).to_string();
    let report = match function.invoke(payload, POLL_LIMIT).await? {
        Answer::Response(report) => report,
        Answer::Error(error) => return Err(LocalError::failed(format!("no poll: {error}"))),
    };
    let last = receiver.inspect(|exchanges| exchanges.iter().map(|e| e.received.at).max());
    let took = last.and_then(|last| last.duration_since(begun).ok());
    let took = took.unwrap_or_default() + TARGET_TAKES;
    let report: Value = serde_json::from_str(&report)
        .map_err(|error| LocalError::because("the report cannot be read", error))?;
    let messages = u64::try_from(MESSAGES).unwrap_or(u64::MAX);
    let once = receiver.effects().values().all(|effects| *effects == 1);
    let all = |name| report.get(name).and_then(Value::as_u64) == Some(messages);
    if !(once && all("delivered") && all("deleted")) {
        let what = format!("the queue was not drained, or not once: {report}");
        return Err(LocalError::failed(what));
    }
    let counts = aws.proxy().counts().since(&before);
    let per_message = |service| to_f64(counts.of_service(service)) / to_f64(messages);
    let recorded = aws.proxy().recorded();
    let idle = recorded.iter().filter(|asked| is_idle(asked)).count();
    let waits = recorded.iter().filter(|asked| !is_idle(asked));
    let waits = waits.map(|asked| {
        asked
            .answered_at
            .duration_since(asked.at)
            .unwrap_or_default()
    });
    let mut waits: Vec<_> = waits.collect();
    waits.sort_unstable();
    Ok(Measures {
        binary_bytes: size(binary)?,
        starts,
        busy_bytes: function.peak_memory(),
        took,
        sqs_per_message: per_message("sqs"),
        dynamodb_per_message: per_message("dynamodb"),
        idle_receives: u64::try_from(idle).unwrap_or(u64::MAX),
        waits,
    })
}

/// Whether a request was a receive that brought nothing.
fn is_idle(asked: &Asked) -> bool {
    asked.is("sqs", "ReceiveMessage") && asked.reply().get("Messages").is_none()
}

/// Makes a queue with all messages in it; its URL.
async fn fill(endpoint: &str) -> Result<String, LocalError> {
    let failed = "the queue cannot be filled";
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "measure"))
        .endpoint_url(endpoint)
        .build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    let made = client.create_queue().queue_name("measure-poller").send();
    let made = made
        .await
        .map_err(|error| LocalError::because(failed, error))?;
    let url = made
        .queue_url
        .ok_or_else(|| LocalError::failed("the queue has no URL"))?;
    for batch in 0..MESSAGES / 10 {
        let mut request = client.send_message_batch().queue_url(&url);
        for n in 0..10 {
            let entry = SendMessageBatchRequestEntry::builder()
                .id(n.to_string())
                .message_body(event(&format!("event-{batch}-{n}")))
                .build()
                .map_err(|error| LocalError::because(failed, error))?;
            request = request.entries(entry);
        }
        let sent = request.send().await;
        sent.map_err(|error| LocalError::because(failed, error))?;
    }
    Ok(url)
}

impl Measures {
    /// Messages in a second.
    fn rate(&self) -> f64 {
        MESSAGES as f64 / self.took.as_secs_f64()
    }

    /// One object, in bytes and milliseconds.
    pub(crate) fn as_json(&self) -> Value {
        json!({
            "binary_bytes": self.binary_bytes,
            "start_ms": {
                "median": millis(at(&self.starts, 50)),
                "min": millis(at(&self.starts, 0)),
                "max": millis(at(&self.starts, 100)),
            },
            "memory_bytes": self.busy_bytes,
            "messages": MESSAGES,
            "target_ms": millis(TARGET_TAKES),
            "drained_ms": millis(self.took),
            "messages_per_second": self.rate().round(),
            "requests_per_message": {
                "dynamodb": self.dynamodb_per_message,
                "sqs": self.sqs_per_message,
            },
            "idle_receives": self.idle_receives,
            "request_ms": {
                "median": millis(at(&self.waits, 50)),
                "p99": millis(at(&self.waits, 99)),
            },
        })
    }

    /// A table for people.
    pub(crate) fn as_table(&self) -> String {
        let ms = |times: &[Duration], percent| format!("{:.1} ms", millis(at(times, percent)));
        let start = format!("spawn to first /next, median of {STARTS}");
        let drained = format!(
            "{MESSAGES} messages of 1 KB, target of {} ms",
            TARGET_TAKES.as_millis()
        );
        let rows = [
            ("binary, stripped", mb(self.binary_bytes), "10 MB"),
            (&start, ms(&self.starts, 50), "25 ms"),
            ("    fastest", ms(&self.starts, 0), ""),
            ("    slowest", ms(&self.starts, 100), ""),
            (&drained, format!("{:.1} s", self.took.as_secs_f64()), ""),
            ("    in a second", format!("{:.0}", self.rate()), ""),
            ("most memory", memory(self.busy_bytes), ""),
            (
                "SQS requests per message",
                format!("{:.3}", self.sqs_per_message),
                "0.25 and idle ones",
            ),
            (
                "    receives that brought nothing",
                self.idle_receives.to_string(),
                "",
            ),
            (
                "DynamoDB requests per message",
                format!("{:.3}", self.dynamodb_per_message),
                "0.25",
            ),
            ("a request to the stand-in, median", ms(&self.waits, 50), ""),
            ("    99 of 100", ms(&self.waits, 99), ""),
        ];
        let rows = rows.iter().map(|(name, here, most)| [*name, here, most]);
        table(["poller, as it is deployed", "here", "at most"], rows)
    }
}

/// How many messages the queue has.
const MESSAGES: usize = 2000;

/// How long the target takes for each.
const TARGET_TAKES: Duration = Duration::from_millis(20);

/// How long the poller may take for all.
const POLL_LIMIT: Duration = Duration::from_secs(120);

//! `cargo measure`: what the functions cost on this machine, as they are deployed.
//!
//! Each binary runs alone under Lambda's Runtime API, against MiniStack and a target on the
//! loopback, all without TLS. The harness shares the machine, so that times are upper bounds; no
//! test depends on them.

mod poller;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use clap::Parser;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{CellAlignment, Table};
use serde_json::json;

use waybill_local::runtime_api::sqs_event;
use waybill_local::{
    Answer, Environment, Function, LocalAws, LocalError, Profile, Receiver, Reply, Workspace,
    functions, say,
};

/// Measures the functions as they are deployed: their size, their start, their memory, their
/// requests, and how fast the poller drains a queue.
#[derive(Debug, Parser)]
#[command(name = "measure", bin_name = "cargo measure")]
struct Arguments {
    /// Print one JSON object on stdout instead of a table.
    #[arg(long)]
    json: bool,
}

/// What was seen.
struct Measures {
    binary_bytes: u64,
    /// From spawn to the first `/next`, ascending.
    starts: Vec<Duration>,
    /// High-water marks; `None` where the system does not tell.
    idle_bytes: Option<u64>,
    busy_bytes: Option<u64>,
    dynamodb_per_message: f64,
    sqs_per_message: f64,
    /// From handing a batch over to its answer, ascending.
    batches: Vec<Duration>,
    poller: poller::Measures,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = tokio::runtime::Runtime::new()
        .map_err(|error| LocalError::because("no runtime", error))
        .and_then(|runtime| runtime.block_on(measure()))
        .and_then(|measures| print(&measures, arguments.json));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format!("cannot measure: {}", error.chain()));
            ExitCode::FAILURE
        }
    }
}

/// Builds, starts what is needed, and measures.
async fn measure() -> Result<Measures, LocalError> {
    let workspace = Workspace::find()?;
    LocalAws::install(&workspace)?;
    let built = functions::build(&workspace, Profile::Release)?;
    let binary = built
        .binary("consumer")
        .ok_or_else(|| LocalError::failed("no consumer was built"))?;
    let binary_bytes = size(binary)?;
    let aws = LocalAws::start(&workspace).await?;
    make_table(aws.endpoint()).await?;
    let receiver = Receiver::start(|_, _| Reply::status(200)).await?;
    let environment = environment("consumer", &aws, &receiver);

    let starts = time_starts(binary, &environment).await?;

    let mut function = Function::start(binary, &environment).await?;
    ready(&mut function).await?;
    let idle_bytes = function.peak_memory();
    let before = aws.proxy().counts();
    let mut batches = Vec::new();
    for batch in 0..BATCHES {
        batches.push(run_batch(&function, batch).await?);
    }
    batches.sort_unstable();
    let counts = aws.proxy().counts().since(&before);
    let messages = BATCHES * BATCH;
    let delivered = receiver.effects().len();
    if delivered != messages {
        return Err(LocalError::failed(format!(
            "only {delivered} of {messages} messages were delivered"
        )));
    }
    let per_message = |service| to_f64(counts.of_service(service)) / messages as f64;
    let busy_bytes = function.peak_memory();
    drop(function);
    Ok(Measures {
        poller: poller::measure(&built, &aws).await?,
        binary_bytes,
        starts,
        idle_bytes,
        busy_bytes,
        dynamodb_per_message: per_message("dynamodb"),
        sqs_per_message: per_message("sqs"),
        batches,
    })
}

/// How large a binary is, in bytes.
fn size(binary: &Path) -> Result<u64, LocalError> {
    let metadata = fs::metadata(binary);
    let metadata =
        metadata.map_err(|error| LocalError::because("the binary cannot be read", error))?;
    Ok(metadata.len())
}

/// The times that fresh processes take to the first `/next`, ascending.
async fn time_starts(
    binary: &Path,
    environment: &Environment,
) -> Result<Vec<Duration>, LocalError> {
    let mut starts = Vec::new();
    for _ in 0..STARTS {
        let mut function = Function::start(binary, environment).await?;
        starts.push(ready(&mut function).await?);
    }
    starts.sort_unstable();
    Ok(starts)
}

/// What a function is told: one route to the receiver, AWS behind the counting proxy.
fn environment(function: &str, aws: &LocalAws, receiver: &Receiver) -> Environment {
    let url = receiver.url("/hook");
    let routes = format!(r#"{{routes: [{{name: hook, target: {{http: {{url: "{url}"}}}}}}]}}"#);
    Environment::of(function)
        .with("WAYBILL_CONSUMER", function)
        .with("WAYBILL_LEDGER_TABLE", TABLE)
        .with("WAYBILL_ROUTES", format!("inline:{routes}"))
        .with("WAYBILL_ALLOW_PRIVATE_TARGETS", "true")
        .with("AWS_ENDPOINT_URL", aws.proxy().endpoint())
}

/// The time to the first `/next`.
async fn ready(function: &mut Function) -> Result<Duration, LocalError> {
    let ready = function.ready(PATIENCE).await;
    ready.ok_or_else(|| {
        let said = function.lines().join("\n");
        LocalError::failed(format!("the function did not start: {said}"))
    })
}

/// Hands over one batch of new events of a kilobyte, all of which must be done.
async fn run_batch(function: &Function, batch: usize) -> Result<Duration, LocalError> {
    let messages: Vec<_> = (0..BATCH)
        .map(|n| {
            let id = format!("event-{batch}-{n}");
            let body = event(&id);
            (id, body)
        })
        .collect();
    let messages = messages.iter().map(|(id, body)| (id.as_str(), &**body));
    let payload = sqs_event("arn:aws:sqs:us-east-1:000000000000:measure", messages);
    let begun = Instant::now();
    let answer = function.invoke(payload, PATIENCE).await?;
    let took = begun.elapsed();
    match answer {
        Answer::Response(text) if text == r#"{"batchItemFailures":[]}"# => Ok(took),
        Answer::Response(text) | Answer::Error(text) => Err(LocalError::failed(format!(
            "a batch was not done: {text}; the function said: {}",
            function.lines().join("\n")
        ))),
    }
}

/// An event of a kilobyte.
fn event(id: &str) -> String {
    let body = json!({
        "id": id,
        "queue": "measure",
        "dispatch_date": "2026-01-01T00:00:00Z",
        "payload": { "filler": "x".repeat(1024) },
    });
    body.to_string()
}

/// Makes the ledger's table.
async fn make_table(endpoint: &str) -> Result<(), LocalError> {
    let what = "the table cannot be made";
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "measure"))
        .endpoint_url(endpoint)
        .build();
    let key = KeySchemaElement::builder()
        .attribute_name("pk")
        .key_type(KeyType::Hash)
        .build();
    let definition = AttributeDefinition::builder()
        .attribute_name("pk")
        .attribute_type(ScalarAttributeType::S)
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key.map_err(|error| LocalError::because(what, error))?)
        .attribute_definitions(definition.map_err(|error| LocalError::because(what, error))?)
        .send()
        .await
        .map_err(|error| LocalError::because(what, error))?;
    Ok(())
}

/// Prints what was seen, beside what it should be.
fn print(measures: &Measures, json: bool) -> Result<(), LocalError> {
    let text = if json {
        as_json(measures).to_string()
    } else {
        format!("{}\n{}", as_table(measures), measures.poller.as_table())
    };
    writeln!(io::stdout().lock(), "{text}")
        .map_err(|error| LocalError::because("cannot write to stdout", error))
}

/// One object, in bytes and milliseconds.
fn as_json(measures: &Measures) -> serde_json::Value {
    let (starts, batches) = (&measures.starts, &measures.batches);
    json!({
        "binary_bytes": measures.binary_bytes,
        "start_ms": {
            "median": millis(at(starts, 50)),
            "min": millis(at(starts, 0)),
            "max": millis(at(starts, 100)),
        },
        "memory_bytes": { "idle": measures.idle_bytes, "busy": measures.busy_bytes },
        "requests_per_message": {
            "dynamodb": measures.dynamodb_per_message,
            "sqs": measures.sqs_per_message,
        },
        "batch_ms": { "median": millis(at(batches, 50)), "p99": millis(at(batches, 99)) },
        "poller": measures.poller.as_json(),
    })
}

/// A table for people.
fn as_table(measures: &Measures) -> String {
    let (starts, batches) = (&measures.starts, &measures.batches);
    let ms = |times: &[Duration], percent| format!("{:.1} ms", millis(at(times, percent)));
    let busy = format!("most memory after {BATCHES} batches of {BATCH} messages of 1 KB");
    let start = format!("spawn to first /next, median of {STARTS}");
    let rows = [
        ("binary, stripped", mb(measures.binary_bytes), "10 MB"),
        (&start, ms(starts, 50), "25 ms"),
        ("    fastest", ms(starts, 0), ""),
        ("    slowest", ms(starts, 100), ""),
        (
            "most memory until idle",
            memory(measures.idle_bytes),
            "30 MB",
        ),
        (&busy, memory(measures.busy_bytes), "30 MB"),
        (
            "DynamoDB requests per message, clean path",
            format!("{:.2}", measures.dynamodb_per_message),
            "0.25",
        ),
        (
            "SQS requests per message, clean path",
            format!("{:.2}", measures.sqs_per_message),
            "0",
        ),
        ("batch, median", ms(batches, 50), ""),
        ("batch, 99 of 100", ms(batches, 99), ""),
    ];
    let rows = rows.iter().map(|(name, here, most)| [*name, here, most]);
    table(["consumer, as it is deployed", "here", "at most"], rows)
}

/// A table whose first column is text.
fn table<'a>(head: [&str; 3], rows: impl Iterator<Item = [&'a str; 3]>) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_FULL_CONDENSED).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

/// A size for people.
fn mb(bytes: u64) -> String {
    format!("{:.1} MB", to_f64(bytes) / 1e6)
}

/// A high-water mark for people.
fn memory(bytes: Option<u64>) -> String {
    bytes.map_or_else(|| "not told here".to_owned(), mb)
}

/// The value that so many of a hundred are not above, of ascending ones.
fn at(times: &[Duration], percent: usize) -> Duration {
    let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
    times.get(place).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

/// A count or a size, which is far from where a float gets coarse.
fn to_f64(number: u64) -> f64 {
    number as f64
}

/// How many fresh processes are timed.
const STARTS: usize = 15;

/// How many batches one process is given.
const BATCHES: usize = 50;

/// Messages of a batch.
const BATCH: usize = 10;

/// The ledger's table.
const TABLE: &str = "measure-ledger";

/// How long the function may take for anything.
const PATIENCE: Duration = Duration::from_secs(30);

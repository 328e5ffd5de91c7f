//! The bare client: the requests that cannot be saved, and nothing around them.
//!
//! It claims, delivers and settles as the ledger does, with the same statements, without a runtime
//! API, without reading a message, without the SDK. What it takes is the floor.

use std::env;
use std::io::Write as _;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use waybill_local::{Environment, Function, LocalError, Program};

use crate::figures::{at, millis};
use crate::load::event;
use crate::rig::Rig;
use crate::subject::{PATIENCE, TABLE};

/// What the bare client is told.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Where AWS is.
    #[arg(long)]
    endpoint: String,
    /// Where the target is.
    #[arg(long)]
    target: String,
    /// Messages of a batch.
    #[arg(long)]
    batch: usize,
    /// How many are delivered at once.
    #[arg(long)]
    concurrency: usize,
    /// How many batches.
    #[arg(long)]
    batches: usize,
}

/// Its connections.
type Http = Client<HttpConnector, Full<Bytes>>;

/// Runs as the bare client, and prints the median batch in milliseconds.
pub(crate) async fn run(asked: &Arguments) -> Result<(), LocalError> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let http: Http = Client::builder(TokioExecutor::new()).build(connector);
    let mut times = Vec::new();
    for batch in 0..asked.batches + WARM_UP {
        let begun = Instant::now();
        one_batch(&http, asked, batch).await?;
        if batch >= WARM_UP {
            times.push(begun.elapsed());
        }
    }
    times.sort_unstable();
    let median = millis(at(&times, 50));
    writeln!(std::io::stdout().lock(), "{median}")
        .map_err(|error| LocalError::because("cannot write to stdout", error))
}

/// One batch: claims in statements of 25 side by side, deliveries, settlements in the same groups.
async fn one_batch(http: &Http, asked: &Arguments, batch: usize) -> Result<(), LocalError> {
    let ids: Vec<_> = (0..asked.batch)
        .map(|n| format!("bare-{batch}-{n}"))
        .collect();
    for wave in ids.chunks(asked.concurrency.max(1)) {
        let claims = wave
            .chunks(STATEMENTS)
            .map(|ids| statements(ids.iter().map(|id| insert(id))));
        let claims = claims.map(|body| aws(http, &asked.endpoint, body));
        all(join_all(claims).await)?;
        let deliveries = wave.iter().map(|id| deliver(http, &asked.target, id));
        all(stream::iter(deliveries)
            .buffer_unordered(asked.concurrency.max(1))
            .collect::<Vec<_>>()
            .await)?;
        let settles = wave
            .chunks(STATEMENTS)
            .map(|ids| statements(ids.iter().map(|id| update(id))));
        let settles = settles.map(|body| aws(http, &asked.endpoint, body));
        all(join_all(settles).await)?;
    }
    Ok(())
}

/// The first that failed.
fn all(results: Vec<Result<(), LocalError>>) -> Result<(), LocalError> {
    results.into_iter().collect()
}

/// Sends statements, all of which must be done.
async fn aws(http: &Http, endpoint: &str, body: Bytes) -> Result<(), LocalError> {
    let request = Request::post(endpoint)
        .header("x-amz-target", "DynamoDB_20120810.BatchExecuteStatement")
        .header("content-type", "application/x-amz-json-1.0");
    let answer = send(http, request.body(Full::new(body))).await?;
    match answer.windows(REFUSED.len()).any(|part| part == REFUSED) {
        true => Err(LocalError::failed(
            "a statement of the bare client's was refused",
        )),
        false => Ok(()),
    }
}

/// Delivers one event.
async fn deliver(http: &Http, target: &str, id: &str) -> Result<(), LocalError> {
    let request = Request::post(target)
        .header("content-type", "application/json")
        .header("idempotency-key", id);
    let body = Full::new(Bytes::from(event(id, 1024)));
    send(http, request.body(body)).await.map(|_| ())
}

/// Sends a request, and reads its answer.
async fn send(
    http: &Http,
    request: Result<Request<Full<Bytes>>, hyper::http::Error>,
) -> Result<Bytes, LocalError> {
    let failed = "the bare client got no answer";
    let request = request.map_err(|error| LocalError::because(failed, error))?;
    let answer = http.request(request).await;
    let answer = answer.map_err(|error| LocalError::because(failed, error))?;
    let body = answer.into_body().collect().await;
    Ok(body
        .map_err(|error| LocalError::because(failed, error))?
        .to_bytes())
}

/// A batch of statements.
fn statements(statements: impl Iterator<Item = Value>) -> Bytes {
    json!({ "Statements": statements.collect::<Vec<_>>() })
        .to_string()
        .into()
}

/// A claim as the ledger makes it.
fn insert(id: &str) -> Value {
    let names = [
        "pk",
        "v",
        "status",
        "owner",
        "rev",
        "lease_until",
        "expires_at",
        "digest",
    ];
    let names: Vec<_> = names.iter().map(|name| format!("'{name}':?")).collect();
    json!({
        "Statement": format!("INSERT INTO \"{TABLE}\" VALUE {{{}}}", names.join(",")),
        "Parameters": [
            { "S": id }, { "N": "1" }, { "S": "IN_PROGRESS" },
            { "S": "0123456789abcdef0123456789abcdef" }, { "N": "1" },
            { "N": "1800000000000" }, { "N": "1800000000" },
            { "S": "sha256-jcs:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
        ],
    })
}

/// A settlement as the ledger makes it.
fn update(id: &str) -> Value {
    json!({
        "Statement": format!(
            "UPDATE \"{TABLE}\" SET \"status\"=? SET \"rev\"=? SET \"expires_at\"=? \
             WHERE \"pk\"=? AND \"owner\"=? AND \"status\"=? AND \"rev\"=?"
        ),
        "Parameters": [
            { "S": "COMPLETED" }, { "N": "2" }, { "N": "1800000000" }, { "S": id },
            { "S": "0123456789abcdef0123456789abcdef" }, { "S": "IN_PROGRESS" }, { "N": "1" },
        ],
    })
}

/// Runs the bare client on the core of what is measured; its median batch in milliseconds.
pub(crate) async fn measure(
    rig: &Rig,
    batch: usize,
    concurrency: usize,
    batches: usize,
) -> Result<f64, LocalError> {
    rig.stub.clear();
    let own = env::current_exe();
    let own = own.map_err(|error| LocalError::because("the harness has no name", error))?;
    let words = [
        "bare".to_owned(),
        format!("--endpoint={}", rig.stub.endpoint()),
        format!("--target={}", rig.stub.target_url()),
        format!("--batch={batch}"),
        format!("--concurrency={concurrency}"),
        format!("--batches={batches}"),
    ];
    let program = Program {
        arguments: [own.into()]
            .into_iter()
            .chain(words.map(Into::into))
            .collect(),
        folder: None,
        core: rig.core,
    };
    let mut bare = Function::run(&program, &Environment::of("bare")).await?;
    let ended = bare.ended(Duration::from_secs(120).max(PATIENCE)).await;
    let lines = bare.lines();
    let median = lines.last().and_then(|line| line.parse().ok());
    match (ended, median) {
        (Some(status), Some(median)) if status.success() => Ok(median),
        (_, _) => Err(LocalError::failed(format!(
            "the bare client said: {}",
            lines.join("\n")
        ))),
    }
}

/// How a refused statement is told.
const REFUSED: &[u8] = br#""Error""#;

/// Statements of one request.
const STATEMENTS: usize = 25;

/// Batches before those that count.
const WARM_UP: usize = 5;

//! A proxy on the loopback between the functions and the stand-in: it counts what the functions
//! ask, and spoils answers or keeps a record of them where a test wants it.
//!
//! Of SQS's messages it also notes which were received and deleted through it, and when.
//!
//! Our own calls go to the stand-in directly, so that only the functions' requests are counted and
//! spoiled. What a trigger's own poller does never passes here.

mod call;
mod fault;
mod messages;
mod record;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::http::response;
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Response, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use call::Call;
pub use fault::{EntryFault, Fault, FaultAction, FaultId};
pub use messages::Deletion;
pub use record::Asked;

use crate::error::LocalError;
use crate::server::{Answered, NoAnswer, serve};
use fault::{FaultBook, PartialBatch};
use messages::{Messages, Receive};

/// How many requests there were, by service and operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    calls: BTreeMap<Call, u64>,
    empty_receives: u64,
}

/// A running proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    upstream: Authority,
    /// Whether requests are said to have come by TLS.
    as_tls: AtomicBool,
    client: Client<HttpConnector, Full<Bytes>>,
    counts: Mutex<Counts>,
    faults: Mutex<FaultBook>,
    /// Where records are wanted.
    record: Mutex<Option<Vec<Asked>>>,
    messages: Mutex<Messages>,
}

impl Proxy {
    /// Listens on a free port of the loopback and forwards to `upstream` (`host:port`), which need
    /// not listen yet.
    pub async fn start(upstream: &str) -> Result<Self, LocalError> {
        let failed = |error| LocalError::because("the proxy cannot listen on 127.0.0.1", error);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let upstream = upstream
            .parse()
            .map_err(|error| LocalError::because(format!("`{upstream}` is no host:port"), error))?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let shared = Arc::new(Shared {
            upstream,
            as_tls: AtomicBool::new(false),
            client: Client::builder(TokioExecutor::new())
                .pool_idle_timeout(Duration::from_secs(20))
                .pool_timer(TokioTimer::new())
                .build(connector),
            counts: Mutex::default(),
            faults: Mutex::default(),
            record: Mutex::default(),
            messages: Mutex::default(),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared), answer));
        Ok(Self {
            shared,
            address,
            server,
        })
    }

    /// Says of every request from now on that TLS ended here (`X-Forwarded-Proto`), for policies that
    /// refuse what comes without.
    pub fn pass_as_tls(&self) {
        self.shared.as_tls.store(true, Ordering::Relaxed);
    }

    /// Where to send requests, `http://127.0.0.1:port`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was asked so far, spoiled requests included.
    pub fn counts(&self) -> Counts {
        lock(&self.shared.counts).clone()
    }

    /// Keeps every request and its answer from now on, and forgets those so far.
    pub fn record(&self) {
        *lock(&self.shared.record) = Some(Vec::new());
    }

    /// The requests that were answered since records are kept, in the order of their answers.
    pub fn recorded(&self) -> Vec<Asked> {
        lock(&self.shared.record).clone().unwrap_or_default()
    }

    /// Every message that was asked to be deleted so far, spoiled requests included.
    pub fn deletions(&self) -> Vec<Deletion> {
        lock(&self.shared.messages).deletions().to_vec()
    }

    /// Spoils requests from now on.
    pub fn inject(&self, fault: Fault) -> FaultId {
        lock(&self.shared.faults).add(fault)
    }

    /// Ends one fault; answers how many requests it spoiled.
    pub fn withdraw(&self, id: FaultId) -> u64 {
        lock(&self.shared.faults).remove(id)
    }

    /// How many requests a fault has spoiled so far.
    pub fn spoiled(&self, id: FaultId) -> u64 {
        lock(&self.shared.faults).spoiled(id)
    }

    /// Ends every fault.
    pub fn heal(&self) {
        lock(&self.shared.faults).clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Counts {
    /// Requests of one service, all operations.
    pub fn of_service(&self, service: &str) -> u64 {
        self.calls
            .iter()
            .filter(|(call, _)| call.service == service)
            .map(|(_, count)| count)
            .sum()
    }

    /// Requests of one operation.
    pub fn of(&self, service: &str, operation: &str) -> u64 {
        self.calls
            .iter()
            .filter(|(call, _)| call.service == service && call.operation == operation)
            .map(|(_, count)| count)
            .sum()
    }

    /// Every operation and its count.
    pub fn iter(&self) -> impl Iterator<Item = (&Call, u64)> {
        self.calls.iter().map(|(call, count)| (call, *count))
    }

    /// Receives from SQS that were answered without a message.
    pub fn empty_receives(&self) -> u64 {
        self.empty_receives
    }

    /// What was asked since an earlier look.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let before = |call| earlier.calls.get(call).copied().unwrap_or(0);
        let calls = self.calls.iter();
        Self {
            calls: calls
                .map(|(call, count)| (call.clone(), count.saturating_sub(before(call))))
                .filter(|(_, count)| *count > 0)
                .collect(),
            empty_receives: self.empty_receives.saturating_sub(earlier.empty_receives),
        }
    }

    /// Counts one request.
    pub(crate) fn add(&mut self, call: Call) {
        *self.calls.entry(call).or_default() += 1;
    }
}

/// Counts one request, forwards or spoils it, and keeps a record where one is wanted.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let asked_at = SystemTime::now();
    let call = Call::read(&parts, &body);
    let action = lock(&shared.faults).on(&call);
    lock(&shared.messages).on_request(&call, &body, Instant::now());
    lock(&shared.counts).add(call.clone());
    let answered = spoil(&shared, parts, body.clone(), action, &call).await;
    let answered = match answered {
        Ok(answer) => {
            let (parts, reply) = answer.into_parts();
            let Ok(reply) = reply.collect().await;
            Ok((parts, reply.to_bytes()))
        }
        Err(error) => Err(error),
    };
    if let Some(record) = lock(&shared.record).as_mut() {
        let reply = answered.as_ref().ok().map(|(_, reply)| reply.clone());
        record.push(Asked::new(call, asked_at, body, reply));
    }
    answered.map(|(parts, reply)| Response::from_parts(parts, Full::new(reply)))
}

/// Does what is to be done to a request.
async fn spoil(
    shared: &Shared,
    parts: Parts,
    body: Bytes,
    action: Option<FaultAction>,
    call: &Call,
) -> Answered {
    if let Some(response) = action.and_then(|action| action.answer(call)) {
        return Ok(response);
    }
    match action {
        Some(FaultAction::Refuse) => return Err(NoAnswer),
        Some(FaultAction::Delay(wait)) => tokio::time::sleep(wait).await,
        Some(FaultAction::FailEntries(entries, fault)) => {
            return fail_entries(shared, parts, &body, entries, fault).await;
        }
        Some(
            FaultAction::DropReply
            | FaultAction::Throttle
            | FaultAction::Status(_)
            | FaultAction::AccessDenied,
        )
        | None => {}
    }
    let (parts, reply) = forward(shared, parts, body).await?;
    if parts.status.is_success() {
        match lock(&shared.messages).on_reply(call, &reply) {
            Some(Receive::Empty) => lock(&shared.counts).empty_receives += 1,
            Some(Receive::Messages) | None => {}
        }
    }
    match action {
        Some(FaultAction::DropReply) => Err(NoAnswer),
        Some(_) | None => Ok(Response::from_parts(parts, Full::new(reply))),
    }
}

/// Forwards a batch without its first entries, and answers these as failed.
async fn fail_entries(
    shared: &Shared,
    parts: Parts,
    body: &[u8],
    entries: usize,
    fault: EntryFault,
) -> Answered {
    let mut batch = PartialBatch::split(body, entries, fault).ok_or(NoAnswer)?;
    let reply = match batch.rest.take() {
        Some(rest) => Some(forward(shared, parts, rest).await?.1),
        None => None,
    };
    let reply = batch.join(reply.as_deref()).ok_or(NoAnswer)?;
    Response::builder()
        .header(header::CONTENT_TYPE, "application/x-amz-json-1.0")
        .body(Full::new(reply))
        .map_err(|_| NoAnswer)
}

/// Sends a request on as it came and reads the whole reply.
async fn forward(
    shared: &Shared,
    mut parts: Parts,
    body: Bytes,
) -> Result<(response::Parts, Bytes), NoAnswer> {
    let mut uri = parts.uri.into_parts();
    uri.scheme = Some(Scheme::HTTP);
    uri.authority = Some(shared.upstream.clone());
    parts.uri = Uri::from_parts(uri).map_err(|_| NoAnswer)?;
    for hop in [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::EXPECT,
        // The body may be another than came.
        header::CONTENT_LENGTH,
    ] {
        parts.headers.remove(hop);
    }
    if shared.as_tls.load(Ordering::Relaxed) {
        let by_tls = header::HeaderValue::from_static("https");
        parts.headers.insert("x-forwarded-proto", by_tls);
    }
    let request = Request::from_parts(parts, Full::new(body));
    let reply = shared.client.request(request).await.map_err(|_| NoAnswer)?;
    let (mut parts, body) = reply.into_parts();
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    for hop in [header::CONNECTION, header::TRANSFER_ENCODING] {
        parts.headers.remove(hop);
    }
    Ok((parts, body))
}

/// A lock that a panic elsewhere does not spoil: counts and rules are whole at any time.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;

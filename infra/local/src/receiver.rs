//! The HTTP target that events are delivered to: it answers by a script and remembers everything.
//!
//! An effect is an answer of 2xx: that is when a real target would have done what it was asked.

mod gate;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use gate::Gate;

use crate::error::LocalError;
use crate::server::{Answered, NoAnswer, Peer, serve};

/// One request as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The method.
    pub method: String,
    /// The path, with its query.
    pub path: String,
    /// Header values by lower-case name; of a name that came twice the last.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Vec<u8>,
    /// When it had arrived.
    pub at: SystemTime,
    /// The sender's end of the connection.
    pub from: SocketAddr,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Answer, or not.
    manner: Manner,
    /// Headers of the answer.
    headers: Vec<(String, String)>,
    /// Body of the answer.
    body: String,
    /// How long to wait before.
    delay: Duration,
    /// What to wait for before.
    gate: Option<Gate>,
}

/// One request, and what became of it.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub received: Received,
    /// Which try it was of its idempotency key (of its path, where it has no key), from 1.
    pub nth_try: u32,
    /// The status that was answered; `None` where the connection was left hanging or closed.
    pub status: Option<u16>,
    /// When the answer went out.
    answered: Arc<OnceLock<Instant>>,
}

/// A running receiver; it ends when it is dropped.
#[derive(Debug)]
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// How a request is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Answer(u16),
    Hang,
    Close,
}

/// Decides the reply to a request, given which try it is.
type Script = dyn Fn(&Received, u32) -> Reply + Send + Sync;

/// What the connections share.
struct Shared {
    script: Box<Script>,
    state: Mutex<State>,
}

/// What is remembered.
#[derive(Debug, Default)]
struct State {
    exchanges: Vec<Exchange>,
    /// By idempotency key or path.
    tries: BTreeMap<String, u32>,
    /// Answers of 2xx by idempotency key or path.
    effects: BTreeMap<String, u32>,
}

impl Exchange {
    /// When the answer went out; `None` before, and where there is none.
    pub fn answered_at(&self) -> Option<Instant> {
        self.answered.get().copied()
    }
}

impl Received {
    /// The value of a header, by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The idempotency key, where the request has one.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.header("idempotency-key")
    }

    /// The event's id, where the request has one.
    pub fn event_id(&self) -> Option<&str> {
        self.header("ce-id")
    }

    /// What its tries and effects are counted by.
    fn counted_by(&self) -> String {
        self.idempotency_key().unwrap_or(&self.path).to_owned()
    }
}

impl Reply {
    /// This status at once, without a body.
    pub fn status(status: u16) -> Self {
        Self::met(Manner::Answer(status))
    }

    /// No answer ever; the connection stays open until the caller gives up.
    pub fn hang() -> Self {
        Self::met(Manner::Hang)
    }

    /// No answer; the connection is closed.
    pub fn close() -> Self {
        Self::met(Manner::Close)
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// After a wait; the effect, if it is one, is counted before.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Not before a gate is open; the effect, if it is one, is counted before.
    #[must_use]
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// A bare reply.
    fn met(manner: Manner) -> Self {
        Self {
            manner,
            headers: Vec::new(),
            body: String::new(),
            delay: Duration::ZERO,
            gate: None,
        }
    }
}

impl Receiver {
    /// Listens on a free port of the loopback.
    pub async fn start(
        script: impl Fn(&Received, u32) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, LocalError> {
        Self::start_on(Ipv4Addr::LOCALHOST.into(), script).await
    }

    /// Listens on a free port of this address: for functions that run in containers.
    pub async fn start_on(
        address: IpAddr,
        script: impl Fn(&Received, u32) -> Reply + Send + Sync + 'static,
    ) -> Result<Self, LocalError> {
        let failed = |error| LocalError::because(format!("cannot listen on {address}"), error);
        let listener = TcpListener::bind((address, 0)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            script: Box::new(script),
            state: Mutex::default(),
        });
        let server = tokio::spawn(serve(listener, Arc::clone(&shared), answer));
        Ok(Self {
            shared,
            address,
            server,
        })
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The URL of a path (with its slash) on the loopback.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }

    /// Every request so far, in the order they were decided.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.shared.state().exchanges.clone()
    }

    /// Hands the requests so far to a function, without copying them.
    pub fn inspect<T>(&self, look: impl FnOnce(&[Exchange]) -> T) -> T {
        look(&self.shared.state().exchanges)
    }

    /// How often each idempotency key (path, where there was none) had an effect.
    pub fn effects(&self) -> BTreeMap<String, u32> {
        self.shared.state().effects.clone()
    }

    /// Forgets every request so far, counts of tries included.
    pub fn forget(&self) {
        *self.shared.state() = State::default();
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    /// What is remembered; whole at any time, so that a panic elsewhere does not spoil it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Decides and remembers; answers also where to note when the answer goes out.
    fn decide(&self, received: Received) -> (Reply, Arc<OnceLock<Instant>>) {
        let key = received.counted_by();
        let nth_try = {
            let mut state = self.state();
            let tries = state.tries.entry(key.clone()).or_default();
            *tries += 1;
            *tries
        };
        let reply = (self.script)(&received, nth_try);
        let status = match reply.manner {
            Manner::Answer(status) => Some(status),
            Manner::Hang | Manner::Close => None,
        };
        let mut state = self.state();
        if status.is_some_and(|status| (200..300).contains(&status)) {
            *state.effects.entry(key).or_default() += 1;
        }
        let answered = Arc::default();
        state.exchanges.push(Exchange {
            received,
            nth_try,
            status,
            answered: Arc::clone(&answered),
        });
        (reply, answered)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Reads one request and replies by the script.
async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let from = parts.extensions.get().copied();
    let Peer(from) = from.ok_or(NoAnswer)?;
    let body = body.collect().await.map_err(|_| NoAnswer)?.to_bytes();
    let headers = parts.headers.iter().map(|(name, value)| {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        (name.as_str().to_owned(), value)
    });
    let (reply, answered) = shared.decide(Received {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: headers.collect(),
        body: body.to_vec(),
        at: SystemTime::now(),
        from,
    });
    tokio::time::sleep(reply.delay).await;
    if let Some(gate) = &reply.gate {
        gate.passed().await;
    }
    let status = match reply.manner {
        Manner::Answer(status) => status,
        Manner::Hang => std::future::pending().await,
        Manner::Close => return Err(NoAnswer),
    };
    // Before it goes out: nobody can have acted on it earlier.
    let _ = answered.set(Instant::now());
    let mut response = Response::builder().status(status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(Bytes::from(reply.body)))
        .map_err(|_| NoAnswer)
}

#[cfg(test)]
mod tests;

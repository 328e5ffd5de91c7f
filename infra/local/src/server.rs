//! The loopback servers that tests and the demo talk to: accept, answer, or close without a word.

use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
pub(crate) struct NoAnswer;

/// The other end of the connection that a request came on; each request has it as an extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// What is answered to a request, or that nothing is.
pub(crate) type Answered = Result<Response<Full<Bytes>>, NoAnswer>;

/// Accepts connections, and has each request answered, until the task is aborted.
pub(crate) async fn serve<S, A, F>(listener: TcpListener, shared: Arc<S>, answer: A)
where
    S: Send + Sync + 'static,
    A: Fn(Arc<S>, Request<Incoming>) -> F + Copy + Send + Sync + 'static,
    F: Future<Output = Answered> + Send,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, peer)) = accepted else { continue };
                let _ = stream.set_nodelay(true);
                let shared = Arc::clone(&shared);
                connections.spawn(async move {
                    let answer = service_fn(move |mut request| {
                        request.extensions_mut().insert(Peer(peer));
                        answer(Arc::clone(&shared), request)
                    });
                    // An error is a connection that ended, often because we closed it on purpose.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

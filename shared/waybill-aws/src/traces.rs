//! Where spans go: the X-Ray daemon, a collector, or standard output. Each export is one try; what
//! fails is lost, and the engine says so.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};

use waybill_core::trace::otlp::{self, Resource};
use waybill_core::trace::{Span, segment};
use waybill_engine::env::{Exporter, TraceSettings};
use waybill_engine::ports::SpanSink;
use waybill_engine::traces::Traces;

use crate::ambient::System;
use crate::chain::chain;
use crate::connect::Connection;
use crate::http::{HttpClient, read_short};

impl Connection {
    /// Traces as they are told; off without settings. Nothing is connected yet.
    pub fn traces(&self, settings: Option<TraceSettings>) -> Traces {
        let Some(settings) = settings else {
            return Traces::default();
        };
        let (ratio, resource) = (settings.ratio, settings.resource);
        match settings.exporter {
            Exporter::XRay { daemon } => {
                let service = resource.service;
                Traces::new(XRayDaemon { daemon, service }, System, ratio)
            }
            Exporter::Otlp { url } => {
                let client = self.http().clone();
                Traces::new(Collector::new(&url, client, resource), System, ratio)
            }
            Exporter::Stdout => Traces::new(Stdout { resource }, System, ratio),
        }
    }
}

/// The X-Ray daemon, which takes one document in a datagram and answers nothing.
/// <https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-daemon>
struct XRayDaemon {
    daemon: SocketAddr,
    service: String,
}

/// What the daemon wants to read before a document.
const DAEMON_HEADER: &str = r#"{"format": "json", "version": 1}"#;

impl XRayDaemon {
    /// Sends spans.
    fn send(&self, spans: &[Span]) -> std::io::Result<()> {
        let any: SocketAddr = match self.daemon {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        // Connected, so that it is seen where nobody is there.
        socket.connect(self.daemon)?;
        for span in spans {
            let document = segment::json(&self.service, span);
            socket.send(format!("{DAEMON_HEADER}\n{document}").as_bytes())?;
        }
        Ok(())
    }
}

impl SpanSink for XRayDaemon {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        let sent = self.send(spans).map_err(|error| {
            let daemon = self.daemon;
            format!(
                "the X-Ray daemon at `{daemon}` does not take them ({error}); set the function's \
                 tracing to `Active`, so that Lambda runs it"
            )
        });
        Box::pin(async { sent })
    }

    fn is_amazon(&self) -> bool {
        true
    }
}

/// A collector that takes OTLP over HTTP, mostly a layer of the function.
struct Collector {
    /// Where it takes traces, or what is wrong with that.
    url: Result<Url, String>,
    client: HttpClient,
    resource: Resource,
}

/// How long a connection to the collector may take: it is on the same machine, or near.
const COLLECTOR_CONNECT: Duration = Duration::from_millis(250);

impl Collector {
    /// A collector at a URL.
    fn new(url: &str, client: HttpClient, resource: Resource) -> Self {
        Self {
            url: Url::parse(url).map_err(|error| error.to_string()),
            client,
            resource,
        }
    }

    /// Posts spans; the error says what came of it.
    async fn post(&self, spans: &[Span]) -> Result<(), String> {
        let url = self.url.as_ref().map_err(Clone::clone)?;
        let client = self.client.unguarded(url, COLLECTOR_CONNECT)?;
        let mut post = reqwest::Request::new(Method::POST, url.clone());
        let json = HeaderValue::from_static("application/json");
        post.headers_mut().insert(CONTENT_TYPE, json);
        *post.body_mut() = Some(otlp::json(&self.resource, spans).into());
        let answer = client.execute(post).await;
        let answer = answer.map_err(|error| chain(&error.without_url()))?;
        let status = answer.status();
        // Read, so that its connection can serve again.
        read_short(answer).await;
        match status.is_success() {
            true => Ok(()),
            false => Err(format!("it answered {}", status.as_u16())),
        }
    }
}

impl SpanSink for Collector {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async {
            self.post(spans).await.map_err(|what| {
                // Its URL may have a secret in it.
                format!(
                    "the collector does not take them ({what}); add its layer to the function, or \
                     mend OTEL_EXPORTER_OTLP_ENDPOINT"
                )
            })
        })
    }
}

/// Standard output, in lines as OpenTelemetry's file exporter writes them.
/// <https://opentelemetry.io/docs/specs/otel/protocol/file-exporter/>
struct Stdout {
    resource: Resource,
}

/// Most spans on one line: with the longest names still below the 256 KB of a log event.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>
const LINE_MAX: usize = 100;

impl SpanSink for Stdout {
    fn export<'a>(&'a self, spans: &'a [Span]) -> BoxFuture<'a, Result<(), String>> {
        let lines = spans.chunks(LINE_MAX);
        let lines = lines.map(|spans| otlp::json(&self.resource, spans) + "\n");
        let text: String = lines.collect();
        let written = std::io::stdout().lock().write_all(text.as_bytes());
        let written =
            written.map_err(|error| format!("standard output does not take them: {error}"));
        Box::pin(async { written })
    }
}

#[cfg(test)]
mod tests;

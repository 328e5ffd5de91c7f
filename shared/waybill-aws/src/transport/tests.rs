//! Which connections carry which request, and when they are made ready.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::{Client, Config};
use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::http::StatusCode;

use super::*;

/// Connections that count how often they are asked for; every request is answered `{}`.
#[derive(Debug, Clone, Default)]
struct Counted(Arc<AtomicUsize>);

impl HttpClient for Counted {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.fetch_add(1, Ordering::Relaxed);
        SharedHttpConnector::new(Empty)
    }
}

/// Answers `{}`.
#[derive(Debug)]
struct Empty;

impl HttpConnector for Empty {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let status = StatusCode::try_from(200).unwrap();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, "{}".into())))
    }
}

/// A client of this endpoint, with the counts of its plain connections and of those with TLS.
fn client(endpoint: &str) -> (Client, [Counted; 2]) {
    let (plain, tls) = (Counted::default(), Counted::default());
    let transport = Transport {
        plain: SharedHttpClient::new(plain.clone()),
        tls: SharedHttpClient::new(tls.clone()),
    };
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("a", "b", None, None, "test"))
        .endpoint_url(endpoint)
        .http_client(transport)
        .build();
    (Client::from_conf(config), [plain, tls])
}

/// How often each was asked for: plain connections, and those with TLS.
fn asked(counts: &[Counted; 2]) -> [usize; 2] {
    counts
        .each_ref()
        .map(|count| count.0.load(Ordering::Relaxed))
}

#[tokio::test]
async fn tls_is_made_ready_by_the_first_request_that_needs_it() {
    let (client, counts) = client("https://127.0.0.1:1");
    assert_eq!(asked(&counts), [0, 0]);
    client
        .describe_table()
        .table_name("t")
        .send()
        .await
        .unwrap();
    assert_eq!(asked(&counts), [0, 1]);
}

#[tokio::test]
async fn plain_http_reads_no_root_certificates() {
    let (client, counts) = client("http://127.0.0.1:1");
    client
        .describe_table()
        .table_name("t")
        .send()
        .await
        .unwrap();
    assert_eq!(asked(&counts), [1, 0]);
}

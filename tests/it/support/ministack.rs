//! MiniStack: the stand-in that the bundle is deployed to.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aws_sdk_sqs::Client;
use tokio::time::Instant;

use super::process::{Server, free_port};

/// A running MiniStack; ends with the test.
#[derive(Debug)]
pub(crate) struct Ministack {
    endpoint: String,
    _server: Server,
}

impl Ministack {
    /// Starts one on a port of its own.
    pub(crate) async fn start() -> Self {
        let port = free_port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut command = Command::new("ministack");
        command
            .env("AWS_ENDPOINT_URL", &endpoint)
            .env("GATEWAY_PORT", port.to_string())
            .env("IOT_MTLS_ENABLED", "0");
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ministack-{port}.log"));
        let mut server = Server::start(&command, &log);
        let client = Client::new(&super::config_for(&endpoint).await);
        let until = Instant::now() + Duration::from_secs(60);
        while client.list_queues().send().await.is_err() {
            assert!(
                !server.has_ended() && Instant::now() < until,
                "MiniStack did not start; is it installed (`pip install ministack==1.5.33 \
                 aws-sam-translator==1.115.0`)? See {}",
                log.display()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Self {
            endpoint,
            _server: server,
        }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

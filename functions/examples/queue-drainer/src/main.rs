//! Drains a queue when a schedule invokes it: what comes by day is worked on at night.

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;

use waybill::{Context, Failure};

/// A picture to be made smaller.
#[derive(Debug, Deserialize)]
struct Picture {
    name: String,
}

/// Makes a picture smaller.
async fn shrink(picture: Picture, context: Context) -> Result<(), Failure> {
    // The message stays hidden while this takes its time: the poller renews its visibility.
    tokio::time::sleep(Duration::from_millis(20)).await;
    tracing::info!(
        picture = picture.name,
        attempt = context.attempt(),
        "shrunk"
    );
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    waybill::handler("shrink", shrink)
        .key("data.name")
        .timeout(Duration::from_secs(120))
        .concurrency(50)
        .poll()
        .await
}

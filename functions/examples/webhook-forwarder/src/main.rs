//! Posts the data of each event to a URL, as it came.
//!
//! The `consumer` does this and much more by a routes file alone. This is for what it cannot do.

use std::process::ExitCode;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Error, Url};
use serde::de::IgnoredAny;

use waybill::{Context, Failure};

/// Posts an event.
async fn post(client: Client, url: Url, context: Context) -> Result<String, Failure> {
    let event = context.event();
    let request = client
        .post(url)
        .header("content-type", event.data.usual_type())
        .header("idempotency-key", context.idempotency_key())
        .header("ce-id", &event.id)
        .timeout(context.time_left())
        .body(event.data.to_bytes());
    // An error here may have come after the effect: `?` makes it an unknown one.
    let answer = request.send().await.map_err(Error::without_url)?;
    let code = format!("http_{}", answer.status().as_u16());
    match answer.status().as_u16() {
        200..=299 => Ok(code),
        404 | 408 | 409 | 425 | 429 | 500..=599 => {
            Err(Failure::retry(code, "the receiver asks for another try"))
        }
        _ => Err(Failure::permanent(code, "the receiver refuses it")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    // Where another has been installed, that one is used.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    // Followed, a redirect may end as a request without the event, whose answer is a success.
    let client = Client::builder().redirect(Policy::none()).build()?;
    // Without a URL nothing starts: every event would be dead.
    let url = std::env::var("WEBHOOK_URL").map_err(|_| "WEBHOOK_URL must be set")?;
    let url = Url::parse(&url).map_err(|error| format!("WEBHOOK_URL: {error}"))?;
    let forward = move |_: IgnoredAny, context| post(client.clone(), url.clone(), context);
    let handler = waybill::handler("forward", forward).timeout(Duration::from_secs(20));
    Ok(handler.run().await)
}

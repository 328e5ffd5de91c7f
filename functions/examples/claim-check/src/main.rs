//! Books orders, of which some are too large for SQS: those lie in S3, as Amazon's extended clients
//! for Java and Python put them there, and their messages point at them. The others come as usual.
//!
//! The object stays where it is: whoever deletes it between the effect and the message's end takes
//! it from the copy that SQS may hand out again, and from a redrive. A lifecycle rule of the bucket
//! deletes it, when the queues have long forgotten its message.

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use waybill::{Context, Failure};

use crate::store::Store;

mod pointer;
mod store;

/// An order as the shop sends it.
#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    lines: Vec<Line>,
}

/// One line of an order.
#[derive(Debug, Deserialize)]
struct Line {
    cents: u64,
}

/// Books an order.
async fn book(order: Order, context: Context) -> Result<&'static str, Failure> {
    let cents: u64 = order.lines.iter().map(|line| line.cents).sum();
    let (id, lines) = (order.id, order.lines.len());
    // Here is the effect. Whatever has it is told the key, which is the same on every try.
    let key = context.idempotency_key();
    tracing::info!(order = id, lines, cents, key, "booked");
    Ok("booked")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let bucket = std::env::var("CLAIM_BUCKET")
        .map_err(|_| "CLAIM_BUCKET must name the one bucket that messages may point at")?;
    let store = Store::connect(bucket).await?;
    // The data is read by the store, which alone knows where it lies.
    let work = move |_: IgnoredAny, context: Context| {
        let store = store.clone();
        async move { book(store.data(context.event()).await?, context).await }
    };
    let handler = waybill::handler("book-order", work)
        .key("data.id || data[1].s3Key")
        .concurrency(AT_ONCE)
        .timeout(TIMEOUT);
    Ok(handler.run().await)
}

/// Orders at once. Each may hold [`store::OBJECT_MAX`] of text, and beside it what it is read to: four
/// fit into a function of 512 MB, where that is no more than five times the text (F17).
const AT_ONCE: usize = 4;

/// The longest that one try may take: [`store::READ_TIMEOUT`], and as long again for the booking.
const TIMEOUT: Duration = Duration::from_secs(20);

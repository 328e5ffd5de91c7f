//! Books each order once, whatever SQS, Lambda or the bank do.

use std::process::ExitCode;
use std::time::Duration;

use serde::Deserialize;

use waybill::{Context, Failure};

/// An order as the shop sends it.
#[derive(Debug, Deserialize)]
struct Order {
    id: String,
    cents: u64,
}

/// Books an order.
async fn book(order: Order, context: Context) -> Result<&'static str, Failure> {
    match order.cents {
        0 => return Err(Failure::permanent("no_amount", "the order has no amount")),
        13 => {
            let wait = Duration::from_secs(60);
            return Err(Failure::retry_after(
                wait,
                "busy",
                "the bank takes no thirteens now",
            ));
        }
        _ => {}
    }
    // Here is the effect. Whatever has it is told the key, which is the same on every try.
    let key = context.idempotency_key();
    tracing::info!(order = order.id, cents = order.cents, key, "booked");
    Ok("booked")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    waybill::handler("book-order", book)
        .key("data.id")
        .run()
        .await
}

#[cfg(test)]
mod tests;

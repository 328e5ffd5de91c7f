//! Keeps each customer's account: a FIFO queue whose message groups are the customers. A customer's
//! entries come one after the other, and one that fails holds up nobody else's.

use std::process::ExitCode;

use serde::Deserialize;

use waybill::{Context, Failure};

/// What is added to an account, or taken from it.
#[derive(Debug, Deserialize)]
struct Entry {
    customer: String,
    cents: i64,
}

/// Enters it.
async fn enter(entry: Entry, context: Context) -> Result<(), Failure> {
    if entry.cents == 0 && context.attempt() == 1 {
        return Err(Failure::retry(
            "closed",
            "the books are closed for a moment",
        ));
    }
    tracing::info!(customer = entry.customer, cents = entry.cents, "entered");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    waybill::handler("enter", enter).run().await
}

#[cfg(test)]
mod tests;

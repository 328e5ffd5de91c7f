//! Books orders that a function in Python booked until now, once each, by Powertools for AWS Lambda:
//! what that one has done is not done again. It said:
//!
//! ```python
//! config = IdempotencyConfig(event_key_jmespath="powertools_json(body).[user, order_id]")
//!
//! @idempotent_function(data_keyword_argument="record", config=config, persistence_store=table)
//! def book(record): ...
//! ```

use std::process::ExitCode;

use serde::Deserialize;

use waybill::{Context, Failure, Powertools};

/// An order as the shop sends it.
#[derive(Debug, Deserialize)]
struct Order {
    order_id: String,
}

/// Books an order.
async fn book(order: Order, context: Context) -> Result<&'static str, Failure> {
    // Here is the effect. Whatever has it is told the key, which is the same on every try.
    let key = context.idempotency_key();
    tracing::info!(order = order.order_id, key, "booked");
    Ok("booked")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // The old function was called `orders` in Lambda, and `book` in the module `old_function`.
    let earlier = Powertools::python(
        "IdempotencyTable",
        "orders.old_function.book",
        "data.[user, order_id]",
    );
    waybill::handler("book-order", book)
        .key("data.[user, order_id]")
        .after_powertools(earlier)
        .run()
        .await
}

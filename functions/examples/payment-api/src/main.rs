//! Pays once for each order, whoever invokes the function and how often: API Gateway's retries, a
//! Step Functions state, a colleague who presses twice. Who asks again is answered with what the
//! first was.

use std::num::NonZeroU64;
use std::process::ExitCode;

use serde::{Deserialize, Serialize};

use waybill::{Claimed, Failure};

/// What is to be paid. What is wrong here is refused before anything is claimed, so that the order can
/// still be paid.
#[derive(Debug, Deserialize)]
struct Payment {
    cents: NonZeroU64,
    currency: String,
}

/// That it was paid.
#[derive(Debug, Serialize, Deserialize)]
struct Paid {
    text: String,
    /// What the bank knows the payment by.
    reference: String,
}

/// Pays.
async fn pay(payment: Payment, claimed: Claimed) -> Result<Paid, Failure> {
    let Payment { cents, currency } = payment;
    match currency.as_str() {
        "XXX" => Err(Failure::permanent("no_bank", "no bank takes it")),
        currency => Ok(Paid {
            text: format!("{cents} {currency}, at try {}", claimed.attempt),
            reference: claimed.idempotency_key,
        }),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    waybill::once("pay", "orderId")
        .agreeing_in("[cents, currency]")
        .run(pay)
        .await
}

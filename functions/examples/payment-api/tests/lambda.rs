//! The function's binary under Lambda's Runtime API, before a table in memory.

#![allow(
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop"
)]

use std::path::Path;
use std::time::Duration;

use waybill_local::stub::Stub;
use waybill_local::{Answer, Environment, Function};

/// Invokes it; what it answers, or its error's type.
async fn ask(function: &Function, payload: &str) -> Result<String, String> {
    match function
        .invoke(payload, PATIENCE)
        .await
        .expect("it answers")
    {
        Answer::Response(answer) => Ok(answer),
        Answer::Error(error) => {
            let error: serde_json::Value = serde_json::from_str(&error).expect("a diagnostic");
            Err(format!("{}: {}", error["errorType"], error["errorMessage"]))
        }
    }
}

#[tokio::test]
async fn who_asks_again_is_answered_as_the_first_was() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let environment = Environment::of("payment-api")
        .with("WAYBILL_CONSUMER", "shop")
        .with("WAYBILL_LEDGER_TABLE", "ledger")
        .with("AWS_ENDPOINT_URL", stub.endpoint());
    let binary = Path::new(env!("CARGO_BIN_EXE_payment-api"));
    let mut function = Function::start(binary, &environment)
        .await
        .expect("it can be started");
    function.ready(PATIENCE).await.expect("it starts");

    let payment = r#"{"orderId": "o-1", "cents": 100, "currency": "EUR"}"#;
    let first = ask(&function, payment).await.expect("it is paid");
    assert!(first.starts_with(r#"{"reference":""#), "{first}");
    assert!(
        first.ends_with(r#"","text":"100 EUR, at try 1"}"#),
        "{first}"
    );
    assert_eq!(ask(&function, payment).await, Ok(first));

    let other = r#"{"orderId": "o-1", "cents": 200, "currency": "EUR"}"#;
    let said = ask(&function, other).await.expect_err("another sum");
    assert_eq!(
        said,
        r#""Conflict": "the key is known with another payload""#
    );
    let nowhere = r#"{"orderId": "o-2", "cents": 1, "currency": "XXX"}"#;
    for _ in 0..2 {
        let said = ask(&function, nowhere)
            .await
            .expect_err("it is refused for good");
        assert_eq!(said, r#""Dead": "no_bank: no bank takes it""#);
    }
    let nothing = r#"{"orderId": "o-4", "cents": 0, "currency": "EUR"}"#;
    let said = ask(&function, nothing).await;
    let unfit = r#""NotBegun": "the payload is no `Payment` at `cents`: expected a nonzero u64""#;
    assert_eq!(said, Err(unfit.to_owned()));
    let mended = r#"{"orderId": "o-4", "cents": 5, "currency": "EUR"}"#;
    let said = ask(&function, mended).await.expect("nothing was claimed");
    assert!(said.contains("5 EUR, at try 1"), "{said}");
    let said = ask(&function, r#"{"cents": 1, "currency": "EUR"}"#).await;
    assert!(
        said.expect_err("no key")
            .starts_with(r#""NotBegun": "key `orderId`"#)
    );
    let said = ask(&function, r#"{"orderId": "o-3", "cents": "1"}"#).await;
    assert_eq!(said, Err(unfit.to_owned()));
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

//! The table in memory that functions are measured and tried before.

use std::time::Duration;

use waybill_local::stub::Stub;
use waybill_testkit::conformance;

use super::RawTable;
use crate::support::{config_for, connection_to};

#[tokio::test]
async fn the_ledger_and_the_gates_in_memory_pass_the_suites() {
    let stub = Stub::start(Duration::from_secs(60), 5)
        .await
        .expect("it listens");
    let connection = connection_to(&stub.endpoint()).await;
    let rows = RawTable {
        client: aws_sdk_dynamodb::Client::new(&config_for(&stub.endpoint()).await),
        table: "suite",
    };
    conformance::ledger(&connection.ledger("suite"), &rows).await;
    conformance::gates(&connection.gates("gates")).await;
}

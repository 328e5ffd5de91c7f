//! The rows of gates in DynamoDB Local, beside a ledger's.

use aws_sdk_dynamodb::types::AttributeValue;

use waybill_core::gate::{GateKey, GateRow, GateState};
use waybill_core::id::{Consumer, RouteName};
use waybill_core::ledger::Status;
use waybill_engine::ports::{GatePut, GateStore, Ledger, StoreErrorKind, Write};
use waybill_testkit::conformance;
use waybill_testkit::fixtures::{claimed, key, moved};

use crate::support::connection_to;
use crate::support::dynamodb_local::DynamoDbLocal;

fn rate(key: &GateKey, rev: u64) -> GateRow {
    GateRow {
        key: key.clone(),
        rev,
        expires_at: 2_000_000_000,
        state: GateState::Rate { tat_us: rev },
    }
}

#[tokio::test]
async fn the_gates_in_dynamodb_pass_the_suite_beside_a_ledger() {
    let local = DynamoDbLocal::get().await;
    local.make_table("gates").await;
    let connection = connection_to(local.endpoint()).await;
    let ledger = connection.ledger("gates");
    let row = moved(&claimed("a", 1), Status::Pending);
    ledger.write(&[Write::Insert(row)]).await;
    conformance::gates(&connection.gates("gates")).await;
    let kept = ledger.read(&[key("a")]).await.remove(0).unwrap();
    assert!(kept.is_some(), "the ledger's rows are as they were");
}

#[tokio::test]
async fn a_gates_row_of_another_release_is_unknown_and_is_not_written_over() {
    let local = DynamoDbLocal::get().await;
    local.make_table("other-gates").await;
    let gates = connection_to(local.endpoint()).await.gates("other-gates");
    let (consumer, route) = (Consumer::new("c").unwrap(), RouteName::new("r").unwrap());
    let key = GateKey::breaker(&consumer, &route);
    let number = |n: u64| AttributeValue::N(n.to_string());
    let put = local.client().await.put_item().table_name("other-gates");
    let put = put.item("pk", AttributeValue::S(key.as_str().to_owned()));
    let put = put.item("v", number(2)).item("rev", number(4));
    put.send().await.expect("an item can be put");
    let read = gates.read(std::slice::from_ref(&key)).await.remove(0);
    let unknown = read.unwrap().unwrap();
    assert_eq!(unknown.state, GateState::Unknown);
    for rev in [1, 5] {
        let refused = gates.put(&rate(&key, rev)).await;
        assert_eq!(refused, Ok(GatePut::Refused(Some(unknown.clone()))));
    }
}

#[tokio::test]
async fn gates_without_their_table_say_what_to_do() {
    let local = DynamoDbLocal::get().await;
    let gates = connection_to(local.endpoint()).await.gates("nowhere");
    let key = GateKey::from_stored("#rate#c#r");
    let read = gates.read(std::slice::from_ref(&key)).await.remove(0);
    let put = gates.put(&rate(&key, 1)).await;
    for error in [read.unwrap_err(), put.unwrap_err()] {
        assert_eq!(error.kind, StoreErrorKind::Permanent);
        assert!(
            error.message.contains("`nowhere` does not exist"),
            "{error}"
        );
    }
}

//! The ledger against DynamoDB Local, and what DynamoDB Local answers to the requests that the
//! ledger leans on.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeValue, BatchStatementErrorCodeEnum as Code, BatchStatementRequest,
    BatchStatementResponse, ReturnValuesOnConditionCheckFailure,
};
use serde_json::{Value, json};

use waybill_aws::ambient::System;
use waybill_aws::dynamodb::DynamoLedger;
use waybill_core::id::{Consumer, Operation};
use waybill_core::key::KeyExpression;
use waybill_core::ledger::Status;
use waybill_core::once::Kept;
use waybill_engine::once::{Claimed, Effect, Failure};
use waybill_engine::ports::{Ambient, Ledger, StoreErrorKind, Write, Written};
use waybill_testkit::conformance;
use waybill_testkit::fixtures::{claimed, key, moved};

use super::RawTable;
use crate::support::connection_to;
use crate::support::dynamodb_local::DynamoDbLocal;

/// The ledger in a table of a running DynamoDB Local.
async fn ledger_in(local: &DynamoDbLocal, table: &str) -> DynamoLedger {
    connection_to(local.endpoint()).await.ledger(table)
}

#[tokio::test]
async fn the_ledger_in_dynamodb_passes_the_suite() {
    let local = DynamoDbLocal::get().await;
    local.make_table("suite").await;
    let rows = RawTable {
        client: local.client().await,
        table: "suite",
    };
    conformance::ledger(&ledger_in(&local, "suite").await, &rows).await;
}

/// Every statement is answered with the error, yet what stood before the repeated key may have been
/// written: an error never says that nothing happened.
#[tokio::test]
async fn two_writes_of_one_key_fail_the_whole_request() {
    let local = DynamoDbLocal::get().await;
    local.make_table("twice").await;
    let ledger = ledger_in(&local, "twice").await;
    let writes = [("a", 1), ("a", 2), ("b", 1)].map(|(name, by)| Write::Insert(claimed(name, by)));
    for answer in ledger.write(&writes).await {
        let error = answer.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Permanent, "{error}");
        assert_eq!(error.code, "ValidationException");
    }
    assert_eq!(ledger.read(&[key("b")]).await, [Ok(None)]);
}

#[tokio::test]
async fn too_many_writes_are_refused_whole() {
    let local = DynamoDbLocal::get().await;
    local.make_table("many").await;
    let ledger = ledger_in(&local, "many").await;
    let writes: Vec<_> = (0..26)
        .map(|n| Write::Insert(claimed(&n.to_string(), 1)))
        .collect();
    for answer in ledger.write(&writes).await {
        assert_eq!(answer.unwrap_err().kind, StoreErrorKind::Permanent);
    }
    assert_eq!(ledger.read(&[key("0")]).await, [Ok(None)]);
}

#[tokio::test]
async fn a_missing_table_says_what_to_do() {
    let local = DynamoDbLocal::get().await;
    let ledger = ledger_in(&local, "nowhere").await;
    let write = ledger.write(&[Write::Insert(claimed("a", 1))]).await;
    let read = ledger.read(&[key("a")]).await;
    for error in [write[0].clone().unwrap_err(), read[0].clone().unwrap_err()] {
        assert_eq!(error.kind, StoreErrorKind::Permanent);
        assert_eq!(
            error.message,
            "ledger table `nowhere` does not exist in this account and region; deploy it, or name \
             another in WAYBILL_LEDGER_TABLE"
        );
    }
}

#[tokio::test]
async fn a_take_over_is_answered_with_the_row_as_it_is_now() {
    let local = DynamoDbLocal::get().await;
    local.make_table("taken").await;
    let ledger = ledger_in(&local, "taken").await;
    let seen = moved(&claimed("a", 1), Status::Pending);
    let next = moved(&seen, Status::InProgress);
    ledger.write(&[Write::Insert(seen.clone())]).await;
    let over = Write::TakeOver {
        seen: seen.fence(),
        next: next.clone(),
    };
    let Ok(Written::Done(Some(row))) = ledger.write(&[over]).await.remove(0) else {
        panic!("the row was not returned");
    };
    assert_eq!(row, waybill_core::ledger::Row::Known(Box::new(next)));
}

/// An operation over the real adapter: what it answered is replayed to another process, as it was.
#[tokio::test]
async fn an_operation_runs_once_over_dynamodb_and_replays_what_it_said_g26() {
    let local = DynamoDbLocal::get().await;
    local.make_table("once").await;
    let connection = connection_to(local.endpoint()).await;
    let process = || {
        let consumer = Consumer::new("test").expect("a name");
        let operation = Operation::new("book").expect("a name");
        let expression = |text| KeyExpression::compile(text).expect("an expression");
        let once = connection.once("once", consumer, operation, expression("id"));
        once.agreeing_in(expression("amount"))
    };
    let deadline = || System.now().after(Duration::from_secs(60));
    let values = [
        json!(null),
        json!(0),
        json!(false),
        json!(""),
        json!([]),
        json!({}),
    ];
    for (n, value) in values.into_iter().enumerate() {
        let order = json!({"id": n, "amount": 5});
        let first = async |_| Ok(value.clone());
        let first = process().run(&order, deadline(), first).await;
        let done = Effect::Done {
            value: value.clone(),
            kept: Kept::Stored,
        };
        assert_eq!(first, Ok(done));
        let never = async |_| -> Result<Value, Failure> { panic!("it runs again") };
        let again = process().run(&order, deadline(), never).await;
        assert_eq!(again, Ok(Effect::Replayed { value }));
        let other = json!({"id": n, "amount": 6});
        let conflict = process().run(&other, deadline(), never).await;
        assert_eq!(conflict, Ok(Effect::Conflict));
    }
    let order = json!({"id": "fails"});
    let fails = async |_| Err::<u32, _>(Failure::transient("down", "not now"));
    let failed = process().run(&order, deadline(), fails).await;
    assert!(matches!(failed, Ok(Effect::Failed { .. })), "{failed:?}");
    let tries = async |claimed: Claimed| Ok(claimed.attempt);
    let tries = process().run(&order, deadline(), tries).await;
    assert_eq!(tries.map(Effect::value), Ok(Some(2)));
}

/// The facts that the ledger's protocol is built on, statement by statement.
#[tokio::test]
async fn statements_of_one_batch_are_answered_one_by_one() {
    let local = DynamoDbLocal::get().await;
    local.make_table("facts").await;
    let client = local.client().await;
    let insert = r#"INSERT INTO "facts" VALUE {'pk':?,'status':?}"#;
    for pk in ["stands", "old"] {
        batch(&client, [statement(insert, &[pk, "A"], false)]).await;
    }
    let update = r#"UPDATE "facts" SET "status"=? WHERE "pk"=? AND "status"=?"#;
    let returning = format!("{update} RETURNING ALL NEW *");
    let [won, lost, moved, refused, missing] = batch(
        &client,
        [
            statement(insert, &["new", "A"], false),
            statement(insert, &["stands", "B"], false),
            statement(&returning, &["B", "old", "A"], true),
            statement(&returning, &["B", "other", "A"], true),
            statement(update, &["B", "missing", "A"], true),
        ],
    )
    .await;
    assert!(won.error.is_none() && won.item.is_none());

    let error = lost.error.unwrap();
    assert_eq!(error.code, Some(Code::DuplicateItem));
    assert_eq!(error.item, None, "a refused insert shows no row");

    let item = moved.item.unwrap();
    assert_eq!(item["status"], AttributeValue::S("B".to_owned()));

    for error in [refused.error.unwrap(), missing.error.unwrap()] {
        assert_eq!(error.code, Some(Code::ConditionalCheckFailed));
        assert_eq!(error.item, None, "there is no row to show");
    }

    let [shown] = batch(&client, [statement(update, &["C", "old", "A"], true)]).await;
    let item = shown.error.unwrap().item.unwrap();
    assert_eq!(item["status"], AttributeValue::S("B".to_owned()));

    let [hidden] = batch(&client, [statement(update, &["C", "old", "A"], false)]).await;
    let error = hidden.error.unwrap();
    assert_eq!(error.code, Some(Code::ConditionalCheckFailed));
    assert_eq!(
        error.item, None,
        "the row is shown only where it was asked for"
    );
}

#[tokio::test]
async fn removes_share_no_keyword_and_may_name_what_is_not_there() {
    let local = DynamoDbLocal::get().await;
    local.make_table("removes").await;
    let client = local.client().await;
    let insert = r#"INSERT INTO "removes" VALUE {'pk':?,'a':?,'b':?}"#;
    batch(&client, [statement(insert, &["k", "1", "2"], false)]).await;
    let condition = r#"WHERE "pk"=? RETURNING ALL NEW *"#;
    let shared = format!(r#"UPDATE "removes" REMOVE "a","b" {condition}"#);
    let [refused] = batch(&client, [statement(&shared, &["k"], false)]).await;
    assert_eq!(refused.error.unwrap().code, Some(Code::ValidationError));
    let own = format!(r#"UPDATE "removes" REMOVE "a" REMOVE "b" REMOVE "c" {condition}"#);
    let [done] = batch(&client, [statement(&own, &["k"], false)]).await;
    assert_eq!(done.item.unwrap().len(), 1, "only the key is left");
}

#[tokio::test]
async fn a_read_that_names_a_key_twice_is_refused_whole() {
    let local = DynamoDbLocal::get().await;
    local.make_table("reads").await;
    let ledger = ledger_in(&local, "reads").await;
    for answer in ledger.read(&[key("a"), key("a")]).await {
        assert_eq!(answer.unwrap_err().code, "ValidationException");
    }
}

fn statement(text: &str, parameters: &[&str], show: bool) -> BatchStatementRequest {
    let parameters = parameters
        .iter()
        .map(|p| AttributeValue::S((*p).to_owned()));
    let show = show.then_some(ReturnValuesOnConditionCheckFailure::AllOld);
    BatchStatementRequest::builder()
        .statement(text)
        .set_parameters(Some(parameters.collect()))
        .set_return_values_on_condition_check_failure(show)
        .build()
        .expect("a statement has its text")
}

async fn batch<const N: usize>(
    client: &Client,
    statements: [BatchStatementRequest; N],
) -> [BatchStatementResponse; N] {
    let request = client.batch_execute_statement();
    let reply = request.set_statements(Some(statements.into())).send().await;
    let reply = reply.map_err(|error| format!("{:?}", error.message()));
    let answers = reply.expect("the request is answered").responses;
    let answers = answers.unwrap_or_default().try_into();
    answers.expect("every statement is answered")
}

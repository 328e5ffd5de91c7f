use super::*;

/// Runs a request on tables.
fn ask(tables: &mut Tables, operation: &str, asked: Value) -> Result<Value, Refusal> {
    tables.answer(operation, &asked, &mut Units::default())
}

#[test]
fn a_put_is_refused_where_its_condition_does_not_hold() {
    let mut tables = Tables::default();
    let put = json!({
        "TableName": "t",
        "Item": { "pk": { "S": "a" }, "expiry": { "N": "10" }, "status": { "S": "INPROGRESS" } },
        "ConditionExpression": "attribute_not_exists(#pk) OR #e < :now OR (#s = :done AND #e > :now)",
        "ExpressionAttributeNames": { "#pk": "pk", "#e": "expiry", "#s": "status" },
        "ExpressionAttributeValues": { ":now": { "N": "9" }, ":done": { "S": "DONE" } },
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    });
    ask(&mut tables, "PutItem", put.clone()).expect("there is none");
    let refusal = ask(&mut tables, "PutItem", put).expect_err("there is one");
    assert_eq!(refusal.code, "ConditionalCheckFailedException");
    assert!(refusal.more.is_some(), "the item that stands is shown");
}

#[test]
fn an_update_sets_and_removes_under_its_condition() {
    let mut tables = Tables::default();
    let update = json!({
        "TableName": "t",
        "Key": { "pk": { "S": "a" } },
        "UpdateExpression": "SET #n = if_not_exists(#n, :zero) + :one REMOVE gone",
        "ExpressionAttributeNames": { "#n": "n" },
        "ExpressionAttributeValues": { ":zero": { "N": "0" }, ":one": { "N": "1" } },
        "ReturnValues": "ALL_NEW",
    });
    for n in ["1", "2"] {
        let answer = ask(&mut tables, "UpdateItem", update.clone()).expect("it is written");
        let new = json!({ "Attributes": { "pk": { "S": "a" }, "n": { "N": n } } });
        assert_eq!(answer, new);
    }
}

#[test]
fn a_transaction_writes_all_or_nothing() {
    let mut tables = Tables::default();
    let put = |pk: &str| {
        json!({ "Put": {
            "TableName": "t",
            "Item": { "pk": { "S": pk } },
            "ConditionExpression": "attribute_not_exists(pk)",
        } })
    };
    let both = json!({ "TransactItems": [put("a"), put("b")] });
    ask(&mut tables, "TransactWriteItems", both).expect("neither is there");
    let half = json!({ "TransactItems": [put("c"), put("b")] });
    let refusal = ask(&mut tables, "TransactWriteItems", half).expect_err("one is there");
    let (_, reasons) = refusal.more.expect("it says why");
    let code = |at: usize| reasons.pointer(&format!("/{at}/Code")).cloned();
    assert_eq!(code(0), Some(json!("None")));
    assert_eq!(code(1), Some(json!("ConditionalCheckFailed")));
    assert_eq!(tables.0["t"].len(), 2);
}

#[test]
fn what_is_not_played_is_refused_and_not_guessed() {
    let mut tables = Tables::default();
    let put = json!({
        "TableName": "t",
        "Item": { "pk": { "S": "a" } },
        "ConditionExpression": "begins_with(pk, :a)",
        "ExpressionAttributeValues": { ":a": { "S": "a" } },
    });
    ask(&mut tables, "PutItem", put).expect_err("begins_with is not played");
    ask(&mut tables, "Query", json!({})).expect_err("Query is not played");
}

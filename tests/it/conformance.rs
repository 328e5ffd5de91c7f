//! Every implementation of a port passes the same suite; and what DynamoDB itself answers, by
//! Amazon's own DynamoDB Local, to the requests that the ledger leans on.

mod dynamodb;
mod dynamodb_desk;
mod dynamodb_gates;
mod dynamodb_target;
mod fakes;
mod ministack;
mod stub;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use waybill_core::id::LedgerKey;
use waybill_testkit::conformance::{Planted, RawRows};
use waybill_testkit::fixtures::claimed;

/// Rows of a table, planted past the ledger.
struct RawTable {
    client: Client,
    table: &'static str,
}

impl RawRows for RawTable {
    async fn plant(&self, key: &LedgerKey, row: Planted) {
        let put = self.client.put_item().table_name(self.table);
        put.set_item(Some(planted(key, row)))
            .send()
            .await
            .expect("an item can be put");
    }

    async fn sweep(&self, key: &LedgerKey) {
        self.client
            .delete_item()
            .table_name(self.table)
            .key("pk", AttributeValue::S(key.to_string()))
            .send()
            .await
            .expect("an item can be deleted");
    }
}

/// An item as the ledger writes it, but for what is wrong with it.
fn planted(key: &LedgerKey, row: Planted) -> HashMap<String, AttributeValue> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let number = |value: u64| AttributeValue::N(value.to_string());
    let record = claimed("planted", 1);
    let route = |state: &str| {
        let fields = [("n".to_owned(), text("crm")), ("s".to_owned(), text(state))];
        AttributeValue::L(vec![AttributeValue::M(fields.into())])
    };
    let mut item: HashMap<_, _> = [
        ("pk", text(key.as_str())),
        ("v", number(1)),
        ("status", text(record.status.word())),
        ("owner", text(&record.owner.to_string())),
        ("rev", number(record.rev)),
        ("lease_until", number(record.lease_until.as_millis())),
        ("expires_at", number(record.expires_at)),
        ("digest", text(&record.digest.0)),
        ("routes", route("open")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    match row {
        Planted::UnknownVersion => {
            set("v", number(2));
        }
        Planted::UnknownStatus => {
            set("status", text("PAUSED"));
        }
        Planted::UnknownRouteState => {
            set("routes", route("paused"));
        }
        Planted::WrongType => {
            set("lease_until", text("soon"));
        }
        Planted::WithoutDigest => {
            item.remove("digest");
        }
        Planted::KeyOnly => item.retain(|name, _| name == "pk"),
    }
    item
}

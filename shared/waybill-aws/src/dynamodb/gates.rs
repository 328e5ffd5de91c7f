//! Rows of gates in the ledger's table: one `PutItem` for each, under a condition, and consistent
//! reads in one `BatchGetItem`.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, ReturnValuesOnConditionCheckFailure,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use waybill_core::gate::breaker::{Breaker, Open};
use waybill_core::gate::valve::Valve;
use waybill_core::gate::{GateKey, GateRow, GateState};
use waybill_core::time::Timestamp;
use waybill_engine::ports::{GatePut, GateStore, StoreError};

use super::error::{self, Asked};
use super::item::{Item, PK};

/// The rows of gates in one DynamoDB table, beside the ledger's.
///
/// Needs `dynamodb:PutItem` and `dynamodb:BatchGetItem` on the table.
#[derive(Debug, Clone)]
pub struct DynamoGates {
    client: Client,
    table: String,
}

impl DynamoGates {
    /// The rows in the table of this name. The client must not retry: one call is one request.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self {
            client,
            table: table.into(),
        }
    }

    /// Makes one put.
    async fn put_one(&self, row: &GateRow) -> Result<GatePut, StoreError> {
        let put = self.client.put_item().table_name(&self.table);
        let put = put.set_item(Some(item(row)));
        let put = match row.rev.checked_sub(1) {
            Some(0) | None => put.condition_expression("attribute_not_exists(pk)"),
            Some(seen) => put
                .condition_expression("#v = :v AND #rev = :rev")
                .expression_attribute_names("#v", VERSION)
                .expression_attribute_names("#rev", REV)
                .expression_attribute_values(":v", number(SCHEMA_VERSION))
                .expression_attribute_values(":rev", number(seen)),
        };
        let put = put
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(refusal) = put.send().await else {
            return Ok(GatePut::Done);
        };
        match refusal.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(GatePut::Refused(
                failed.item().map(|item| read(&row.key, item)),
            )),
            Some(_) | None => Err(error::of_request(&refusal, Asked::Put, &self.table)),
        }
    }

    /// Reads in one request.
    async fn read_all(&self, keys: &[GateKey]) -> Vec<Result<Option<GateRow>, StoreError>> {
        if keys.is_empty() {
            return Vec::new();
        }
        let key = |key: &GateKey| Item::from([(PK.to_owned(), text(key.as_str()))]);
        let asked = KeysAndAttributes::builder()
            .consistent_read(true)
            .set_keys(Some(keys.iter().map(key).collect()))
            .build()
            .expect("a read has its keys");
        let request = self.client.batch_get_item();
        let reply = match request.request_items(&self.table, asked).send().await {
            Ok(reply) => reply,
            Err(refusal) => {
                let refusal = error::of_request(&refusal, Asked::Read, &self.table);
                return vec![Err(refusal); keys.len()];
            }
        };
        let mut found = reply.responses.unwrap_or_default();
        let items = found.remove(&self.table).unwrap_or_default();
        let mut unread = reply.unprocessed_keys.unwrap_or_default();
        let unread = unread.remove(&self.table).map(|left| left.keys);
        let unread = unread.unwrap_or_default();
        let answer = |key: &GateKey| {
            if let Some(item) = items.iter().find(|item| has_key(item, key)) {
                return Ok(Some(read(key, item)));
            }
            match unread.iter().any(|item| has_key(item, key)) {
                true => Err(error::unprocessed(&self.table)),
                false => Ok(None),
            }
        };
        keys.iter().map(answer).collect()
    }
}

impl GateStore for DynamoGates {
    fn read<'a>(
        &'a self,
        keys: &'a [GateKey],
    ) -> BoxFuture<'a, Vec<Result<Option<GateRow>, StoreError>>> {
        self.read_all(keys).boxed()
    }

    fn put<'a>(&'a self, row: &'a GateRow) -> BoxFuture<'a, Result<GatePut, StoreError>> {
        self.put_one(row).boxed()
    }
}

/// A row as an item. Times are milliseconds since the epoch but for the two whose names say else.
fn item(row: &GateRow) -> Item {
    let mut item = Item::from([
        (PK.to_owned(), text(row.key.as_str())),
        (VERSION.to_owned(), number(SCHEMA_VERSION)),
        (REV.to_owned(), number(row.rev)),
        (EXPIRES_AT.to_owned(), number(row.expires_at)),
    ]);
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    match &row.state {
        GateState::Rate { tat_us } => {
            set(GATE, text("rate"));
            set(TAT, number(*tat_us));
        }
        GateState::Breaker(Breaker::Closed) => {
            set(GATE, text("closed"));
        }
        GateState::Breaker(Breaker::Open(open)) => {
            set(GATE, text("open"));
            set(SINCE, time(open.since));
            set(PROBE_AT, time(open.probe_at));
            set(ROUND, number(open.round.into()));
            open.probing_until.map(|at| set(PROBING_UNTIL, time(at)));
        }
        GateState::Breaker(Breaker::Ramp {
            since,
            opened,
            round,
        }) => {
            set(GATE, text("ramp"));
            set(SINCE, time(*since));
            set(OPENED, time(*opened));
            set(ROUND, number((*round).into()));
        }
        GateState::Valve(Valve::Open) => {
            set(GATE, text("valve_open"));
        }
        GateState::Valve(Valve::Lowered { normal, at }) => {
            set(GATE, text("valve_lowered"));
            set(SINCE, time(*at));
            // A mapping never has 0, which says here that it has no bound.
            set(NORMAL, number(normal.unwrap_or_default().into()));
        }
        // Nobody writes one: what is not understood is left as it is, and this reads as unknown.
        GateState::Unknown => {
            set(GATE, text("unknown"));
        }
    }
    item
}

/// Reads an item; one that is not understood in full is unknown, and nothing passes.
fn read(key: &GateKey, item: &Item) -> GateRow {
    let state = match number_of(item, VERSION) {
        Some(SCHEMA_VERSION) => state(item),
        Some(_) | None => None,
    };
    let known = number_of(item, REV).zip(number_of(item, EXPIRES_AT));
    let (state, (rev, expires_at)) = match (state, known) {
        (Some(state), Some(known)) => (state, known),
        _ => (GateState::Unknown, (0, 0)),
    };
    GateRow {
        key: key.clone(),
        rev,
        expires_at,
        state,
    }
}

/// What an item says.
fn state(item: &Item) -> Option<GateState> {
    let time = |name| number_of(item, name).map(Timestamp::from_millis);
    let round = || number_of(item, ROUND).and_then(|round| u32::try_from(round).ok());
    let AttributeValue::S(gate) = item.get(GATE)? else {
        return None;
    };
    let breaker = match gate.as_str() {
        "rate" => {
            let tat_us = number_of(item, TAT)?;
            return Some(GateState::Rate { tat_us });
        }
        "valve_open" => return Some(GateState::Valve(Valve::Open)),
        "valve_lowered" => {
            let normal = u32::try_from(number_of(item, NORMAL)?).ok()?;
            let normal = (normal > 0).then_some(normal);
            let at = time(SINCE)?;
            return Some(GateState::Valve(Valve::Lowered { normal, at }));
        }
        "closed" => Breaker::Closed,
        "open" => Breaker::Open(Open {
            since: time(SINCE)?,
            probe_at: time(PROBE_AT)?,
            round: round()?,
            probing_until: match item.get(PROBING_UNTIL) {
                None => None,
                Some(_) => Some(time(PROBING_UNTIL)?),
            },
        }),
        "ramp" => Breaker::Ramp {
            since: time(SINCE)?,
            opened: time(OPENED)?,
            round: round()?,
        },
        _ => return None,
    };
    Some(GateState::Breaker(breaker))
}

fn has_key(item: &Item, key: &GateKey) -> bool {
    matches!(item.get(PK), Some(AttributeValue::S(pk)) if pk == key.as_str())
}

fn number_of(item: &Item, name: &str) -> Option<u64> {
    match item.get(name) {
        Some(AttributeValue::N(digits)) => digits.parse().ok(),
        Some(_) | None => None,
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn time(at: Timestamp) -> AttributeValue {
    number(at.as_millis())
}

/// The version of these rows.
const SCHEMA_VERSION: u64 = 1;

const VERSION: &str = "v";
const REV: &str = "rev";
const EXPIRES_AT: &str = "expires_at";
const GATE: &str = "gate";
const TAT: &str = "tat_us";
const SINCE: &str = "since";
const OPENED: &str = "opened";
const PROBE_AT: &str = "probe_at";
const PROBING_UNTIL: &str = "probing_until";
const NORMAL: &str = "normal";
const ROUND: &str = "round";

#[cfg(test)]
mod tests;

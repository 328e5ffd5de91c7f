//! What the ledger's table says: events that died last, and breakers.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use waybill_aws::dynamodb::{DynamoDesk, DynamoGates, DynamoLedger};
use waybill_core::dossier::is_done;
use waybill_core::gate::{GateKey, GateRow, GateState, breaker::Breaker};
use waybill_core::id::{Consumer, LedgerKey, RouteName, printable};
use waybill_core::ledger::{Deed, Record, Row, Status};
use waybill_core::limit::INDEX_SHARDS;
use waybill_engine::ports::{GateStore, Ledger, StoreError};

use super::{Names, fault};
use crate::top::state::{Gate, Letter, News};

/// The events that died last.
#[derive(Debug)]
pub(in crate::top) struct Letters {
    desk: DynamoDesk,
    ledger: DynamoLedger,
    consumer: Consumer,
    /// When they were last looked for.
    looked: Option<Instant>,
}

impl Letters {
    /// Those of a consumer.
    pub(in crate::top) fn new(desk: DynamoDesk, ledger: DynamoLedger, consumer: Consumer) -> Self {
        Self {
            desk,
            ledger,
            consumer,
            looked: None,
        }
    }

    /// Looks for them, if they were not looked for just now: each look is many requests.
    pub(in crate::top) async fn ask(&mut self) -> Option<Result<News, String>> {
        let due = self.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY);
        if !due {
            return None;
        }
        self.looked = Some(Instant::now());
        Some(self.look().await)
    }

    /// Asks each shard of the index for its last, and the table for the last of these.
    async fn look(&self) -> Result<News, String> {
        let consumer = self.consumer.as_str();
        let shards = (0..INDEX_SHARDS)
            .map(|shard| self.desk.newest(consumer, Status::Dead, shard, OF_SHARD));
        let mut keys: Vec<(u64, LedgerKey)> = Vec::new();
        for found in join_all(shards).await {
            keys.extend(found.map_err(|error| of("dynamodb:Query", &error))?);
        }
        keys.sort_by(|(one, _), (other, _)| other.cmp(one));
        keys.truncate(ROWS);
        let keys: Vec<_> = keys.into_iter().map(|(_, key)| key).collect();
        let mut letters = Vec::new();
        for row in self.ledger.read(&keys).await {
            let row = row.map_err(|error| of("dynamodb:BatchGetItem", &error))?;
            if let Some(Row::Known(record)) = row {
                letters.extend(letter(&record));
            }
        }
        letters.sort_by(|one, other| other.at.cmp(&one.at).then(one.key.cmp(&other.key)));
        letters.truncate(LETTERS_MAX);
        Ok(News::Letters(letters))
    }
}

/// What a row says of a dead event; nothing where somebody discarded it.
fn letter(record: &Record) -> Option<Letter> {
    let discarded = record.audit.last().map(|entry| entry.deed) == Some(Deed::Discarded);
    let death = record.death.as_ref()?;
    if record.status != Status::Dead || discarded {
        return None;
    }
    let left = record.routes.iter().filter(|route| !is_done(route.state));
    let routes = left.map(|route| {
        let code = printable(&route.last).into_owned();
        (route.name.as_str().to_owned(), code)
    });
    Some(Letter {
        at: death.at,
        key: printable(record.key.event_key()).into_owned(),
        reason: death.reason.word().to_owned(),
        routes: routes.collect(),
    })
}

/// The breakers of routes.
#[derive(Debug)]
pub(in crate::top) struct Breakers {
    /// Their rows.
    pub(in crate::top) gates: DynamoGates,
    /// Whose.
    pub(in crate::top) consumer: Consumer,
    /// The routes that are known so far.
    pub(in crate::top) names: Names,
}

impl Breakers {
    /// Reads the row of each route that is known.
    pub(in crate::top) async fn ask(&mut self) -> Result<News, String> {
        let names = self.names.all();
        let keyed = names.iter().filter_map(|name| {
            let route = RouteName::new(name.as_str())?;
            Some((GateKey::breaker(&self.consumer, &route), name.clone()))
        });
        let (keys, names): (Vec<_>, Vec<_>) = keyed.unzip();
        let mut gates = BTreeMap::new();
        for (keys, names) in keys.chunks(KEYS_MAX).zip(names.chunks(KEYS_MAX)) {
            for (row, name) in self.gates.read(keys).await.into_iter().zip(names) {
                let row = row.map_err(|error| of("dynamodb:BatchGetItem", &error))?;
                if let Some(gate) = row.as_ref().and_then(gate) {
                    gates.insert(name.clone(), gate);
                }
            }
        }
        Ok(News::Breakers(gates))
    }
}

/// What a row says of a breaker.
fn gate(row: &GateRow) -> Option<Gate> {
    match row.state {
        GateState::Breaker(Breaker::Closed) => Some(Gate::Closed),
        GateState::Breaker(Breaker::Open(open)) => Some(Gate::Open { since: open.since }),
        GateState::Breaker(Breaker::Ramp { since, .. }) => Some(Gate::Closing { since }),
        GateState::Unknown => Some(Gate::Unreadable),
        GateState::Rate { .. } | GateState::Valve(_) => None,
    }
}

/// What is wrong.
fn of(action: &str, error: &StoreError) -> String {
    fault(action, &error.code, &error.message)
}

/// How often they are looked for at most.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How many rows of a shard are looked at.
const OF_SHARD: i32 = 10;

/// How many rows are read: some may have been discarded, or be dead no more.
const ROWS: usize = 40;

/// How many dead events are told.
const LETTERS_MAX: usize = 20;

/// As many keys as one request may have.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>
const KEYS_MAX: usize = 100;

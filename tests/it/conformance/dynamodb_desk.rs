//! What people ask of the ledger, and the rows of runs, in DynamoDB Local and in the stand-in.

use std::sync::Arc;

use waybill_aws::dynamodb::DynamoDesk;
use waybill_core::ledger::{AuditRecord, Deed, Record, Row, Status};
use waybill_core::limit::INDEX_SHARDS;
use waybill_engine::ports::{Ledger, StoreErrorKind, Write};
use waybill_local::LocalAws;
use waybill_testkit::conformance;
use waybill_testkit::fixtures::{CONSUMER, NOW, claimed, key, moved};

use crate::support::dynamodb_local::{DynamoDbLocal, make_table};
use crate::support::ministack::ministack;
use crate::support::{config_for, connection_to};

/// Both, each with a table of that name: where they are, and what ends with the test.
async fn places(table: &str) -> ([String; 2], (Arc<DynamoDbLocal>, LocalAws)) {
    let local = DynamoDbLocal::get().await;
    local.make_table(table).await;
    let stack = ministack().await;
    let client = aws_sdk_dynamodb::Client::new(&config_for(stack.endpoint()).await);
    make_table(&client, table).await;
    let endpoints = [local.endpoint(), stack.endpoint()].map(str::to_owned);
    (endpoints, (local, stack))
}

fn entry(note: &str) -> AuditRecord {
    AuditRecord::new(NOW, Deed::Forgotten, "ada", note)
}

/// Every key that the index has of a status.
async fn indexed(desk: &DynamoDesk, status: Status) -> Vec<String> {
    let mut keys = Vec::new();
    for shard in 0..INDEX_SHARDS {
        let mut next = None;
        loop {
            let page = desk.index(CONSUMER, status, shard, 2, next).await;
            let (found, more) = page.expect("the index answers");
            assert!(found.len() <= 2);
            keys.extend(found.into_iter().map(|key| key.as_str().to_owned()));
            next = more;
            if next.is_none() {
                break;
            }
        }
    }
    keys.sort();
    keys
}

#[tokio::test]
async fn runs_pass_the_suite() {
    let (endpoints, _kept) = places("runs").await;
    for endpoint in endpoints {
        let runs = connection_to(&endpoint).await.runs("runs");
        conformance::runs(&runs).await;
    }
}

#[tokio::test]
async fn the_index_has_what_is_dead_or_waits_and_nothing_else_f44() {
    let (endpoints, _kept) = places("indexed").await;
    for endpoint in endpoints {
        let connection = connection_to(&endpoint).await;
        let (ledger, desk) = (connection.ledger("indexed"), connection.desk("indexed"));
        let of = |n: u32, status| moved(&claimed(&format!("{status:?}-{n}"), 1), status);
        let mut rows: Vec<Record> = Vec::new();
        for n in 0..5 {
            for status in [
                Status::Dead,
                Status::Pending,
                Status::Completed,
                Status::Scheduled,
            ] {
                rows.push(of(n, status));
            }
        }
        for row in rows {
            let inserted = ledger.write(&[Write::Insert(row)]).await.remove(0);
            inserted.expect("a row can be written");
        }
        // What went on from there is in it no more.
        let waits = of(0, Status::Pending);
        let done = moved(&waits, Status::Completed);
        let seen = waits.fence();
        let written = ledger.write(&[Write::TakeOver { seen, next: done }]).await;
        written
            .into_iter()
            .for_each(|one| drop(one.expect("it can be written")));
        let dead: Vec<_> = (0..5).map(|n| format!("{CONSUMER}#Dead-{n}")).collect();
        let pending: Vec<_> = (1..5).map(|n| format!("{CONSUMER}#Pending-{n}")).collect();
        assert_eq!(indexed(&desk, Status::Dead).await, dead, "{endpoint}");
        assert_eq!(indexed(&desk, Status::Pending).await, pending, "{endpoint}");
        let mut scanned = 0;
        let mut next = None;
        loop {
            let (rows, more) = desk.scan(CONSUMER, 7, next).await.expect("it answers");
            scanned += rows.len();
            next = more;
            if next.is_none() {
                break;
            }
        }
        assert_eq!(scanned, 20, "{endpoint}");
        let (others, _) = desk.scan("other", 100, None).await.expect("it answers");
        assert!(others.is_empty());
    }
}

#[tokio::test]
async fn a_row_is_forgotten_as_it_was_seen_and_somebody_did_it() {
    let (endpoints, _kept) = places("forgotten").await;
    for endpoint in endpoints {
        let connection = connection_to(&endpoint).await;
        let (ledger, desk) = (connection.ledger("forgotten"), connection.desk("forgotten"));
        let (seen, stands) = {
            let seen = claimed("a", 1);
            let stands = moved(&seen, Status::Pending);
            (seen, stands)
        };
        ledger.write(&[Write::Insert(stands.clone())]).await;
        let at = key("a");
        let forget = async |record: &Record, note: &str| {
            let entry = entry(note);
            let forgotten = desk.forget(&at, Some(record), &entry, 2_000_000_000);
            forgotten.await.expect("it is answered")
        };
        assert!(!forget(&seen, "stale").await, "{endpoint}: it has changed");
        assert_eq!(desk.forgotten(&at).await.unwrap(), []);
        assert!(forget(&stands, "by hand").await);
        let rows = ledger.read(std::slice::from_ref(&at)).await;
        assert_eq!(rows, [Ok(None)]);
        assert!(!forget(&stands, "again").await, "{endpoint}: it is gone");
        ledger.write(&[Write::Insert(seen.clone())]).await;
        let unread = entry("unread");
        let unread = desk.forget(&at, None, &unread, 2_000_000_000);
        assert!(unread.await.unwrap());
        let forgotten = desk.forgotten(&at).await.unwrap();
        let notes: Vec<_> = forgotten.iter().map(|entry| entry.note.as_str()).collect();
        assert_eq!(notes, ["by hand", "unread"], "{endpoint}");
        // Who forgot it is no row of an event.
        let (rows, _) = desk.scan(CONSUMER, 100, None).await.unwrap();
        assert!(rows.iter().all(|(_, row)| matches!(row, Row::Known(_))));
        assert!(rows.is_empty());
    }
}

#[tokio::test]
async fn a_table_that_is_not_there_is_named() {
    let local = DynamoDbLocal::get().await;
    let desk = connection_to(local.endpoint()).await.desk("nowhere");
    for error in [
        desk.scan("c", 1, None).await.unwrap_err(),
        desk.index("c", Status::Dead, 0, 1, None).await.unwrap_err(),
        desk.forgotten(&key("a")).await.unwrap_err(),
        desk.forget(&key("a"), None, &entry(""), 1)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind, StoreErrorKind::Permanent);
        assert!(error.message.contains("`nowhere`"), "{error}");
    }
}

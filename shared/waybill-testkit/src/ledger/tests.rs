//! Facts about the fake ledger that the conformance suite does not show.

use std::time::Duration;

use waybill_engine::ports::{Ledger, StoreErrorKind, Write};

use super::FakeLedger;
use crate::fixtures::{NOW, ROW_LIFE, claimed, key};

#[tokio::test]
async fn a_key_named_twice_refuses_the_request_whole() {
    let ledger = FakeLedger::new();
    let twice = [
        Write::Insert(claimed("a", 1)),
        Write::Insert(claimed("a", 2)),
    ];
    for answer in ledger.write(&twice).await {
        assert_eq!(answer.unwrap_err().kind, StoreErrorKind::Permanent);
    }
    assert!(ledger.rows().is_empty());
    assert_eq!(ledger.counts().requests(), 1);
    assert_eq!(ledger.counts().writes, 2);
}

#[tokio::test]
async fn the_sweep_takes_what_has_outlived_its_time() {
    let ledger = FakeLedger::new();
    ledger.put(claimed("a", 1));
    ledger.sweep(NOW.after(ROW_LIFE - Duration::from_secs(1)));
    assert!(ledger.record(&key("a")).is_some());
    ledger.sweep(NOW.after(ROW_LIFE));
    assert!(ledger.record(&key("a")).is_none());
}

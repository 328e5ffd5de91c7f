//! What a caller may rely on of a store of gates' rows.

use futures_util::FutureExt;
use futures_util::future::join_all;

use waybill_core::gate::breaker::{Breaker, Open};
use waybill_core::gate::valve::Valve;
use waybill_core::gate::{GateKey, GateRow, GateState};
use waybill_core::limit::BATCH_GET_MAX;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{GatePut, GateStore};

use super::run;
use crate::fixtures::NOW;

/// Runs every case against a store without rows; answers how many there are.
///
/// # Panics
///
/// When a case fails; the message names all that did.
pub async fn gates<S: GateStore>(store: &S) -> usize {
    let cases = vec![
        (
            "a missing row reads as none",
            missing_row(store).boxed_local(),
        ),
        (
            "every state survives",
            every_state_survives(store).boxed_local(),
        ),
        (
            "a first put wins once",
            first_put_wins_once(store).boxed_local(),
        ),
        (
            "a put follows what it saw",
            put_follows(store).boxed_local(),
        ),
        ("a stale put shows the row", stale_put(store).boxed_local()),
        ("of two writers one wins", writers_race(store).boxed_local()),
        (
            "a hundred rows are read at once",
            reads_at_once(store).boxed_local(),
        ),
    ];
    run(cases, &[]).await
}

/// A row that says when the next try may be.
fn rate(name: &str, rev: u64, tat_us: u64) -> GateRow {
    GateRow {
        key: GateKey::from_stored(format!("#gate#{name}")),
        rev,
        expires_at: NOW.as_secs_ceil() + 86_400,
        state: GateState::Rate { tat_us },
    }
}

async fn read<S: GateStore>(store: &S, row: &GateRow) -> Option<GateRow> {
    let mut rows = store.read(std::slice::from_ref(&row.key)).await;
    assert_eq!(rows.len(), 1);
    rows.remove(0).expect("it is read")
}

async fn put<S: GateStore>(store: &S, row: &GateRow) -> GatePut {
    store.put(row).await.expect("it is answered")
}

async fn missing_row<S: GateStore>(store: &S) {
    assert_eq!(read(store, &rate("missing", 1, 1)).await, None);
    assert_eq!(store.read(&[]).await, []);
}

async fn every_state_survives<S: GateStore>(store: &S) {
    let at = |s| Timestamp::from_millis(NOW.as_millis() + s);
    let open = Open {
        since: at(1),
        probe_at: at(2),
        round: 3,
        probing_until: None,
    };
    let probed = Open {
        probing_until: Some(at(4)),
        ..open
    };
    let states = [
        GateState::Rate { tat_us: u64::MAX },
        GateState::Breaker(Breaker::Closed),
        GateState::Breaker(Breaker::Open(probed)),
        GateState::Breaker(Breaker::Open(open)),
        GateState::Breaker(Breaker::Ramp {
            since: at(5),
            opened: at(1),
            round: 7,
        }),
        GateState::Valve(Valve::Open),
        GateState::Valve(Valve::Lowered {
            normal: Some(10),
            at: at(6),
        }),
        GateState::Valve(Valve::Lowered {
            normal: None,
            at: at(6),
        }),
    ];
    for (rev, state) in (1..).zip(states) {
        let row = GateRow {
            state,
            ..rate("states", rev, 0)
        };
        assert_eq!(put(store, &row).await, GatePut::Done);
        assert_eq!(read(store, &row).await, Some(row));
    }
}

async fn first_put_wins_once<S: GateStore>(store: &S) {
    let (mine, other) = (rate("first", 1, 10), rate("first", 1, 20));
    assert_eq!(put(store, &mine).await, GatePut::Done);
    assert_eq!(
        put(store, &other).await,
        GatePut::Refused(Some(mine.clone()))
    );
    assert_eq!(read(store, &mine).await, Some(mine));
}

async fn put_follows<S: GateStore>(store: &S) {
    for rev in 1..4 {
        let row = rate("follows", rev, rev * 10);
        assert_eq!(put(store, &row).await, GatePut::Done);
        assert_eq!(read(store, &row).await, Some(row));
    }
}

async fn stale_put<S: GateStore>(store: &S) {
    let gone = rate("stale", 5, 10);
    assert_eq!(
        put(store, &gone).await,
        GatePut::Refused(None),
        "none stands"
    );
    let stands = rate("stale", 2, 20);
    assert_eq!(put(store, &rate("stale", 1, 10)).await, GatePut::Done);
    assert_eq!(put(store, &stands).await, GatePut::Done);
    for rev in [1, 2, 4, 9] {
        let refused = put(store, &rate("stale", rev, 30)).await;
        assert_eq!(refused, GatePut::Refused(Some(stands.clone())), "rev {rev}");
    }
}

async fn writers_race<S: GateStore>(store: &S) {
    assert_eq!(put(store, &rate("race", 1, 0)).await, GatePut::Done);
    for rev in 2..12 {
        let rows = [rate("race", rev, 1), rate("race", rev, 2)];
        let answers = join_all(rows.iter().map(|row| put(store, row))).await;
        let of = |wanted: &GatePut| answers.iter().filter(|answer| *answer == wanted).count();
        let stands = read(store, &rate("race", 1, 0)).await;
        assert!(stands.iter().all(|row| rows.contains(row)), "{stands:?}");
        assert_eq!(of(&GatePut::Done), 1, "{answers:?}");
        assert_eq!(of(&GatePut::Refused(stands)), 1, "{answers:?}");
    }
}

async fn reads_at_once<S: GateStore>(store: &S) {
    let row = |n: usize| rate(&format!("many-{n}"), 1, u64::try_from(n).unwrap_or(0));
    let rows: Vec<_> = (0..BATCH_GET_MAX).map(row).collect();
    for row in rows.iter().step_by(2) {
        assert_eq!(put(store, row).await, GatePut::Done);
    }
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone()).collect();
    let answers = store.read(&keys).await;
    assert_eq!(answers.len(), rows.len());
    for (n, (row, answer)) in rows.iter().zip(answers).enumerate() {
        let stands = (n % 2 == 0).then(|| row.clone());
        assert_eq!(answer, Ok(stands), "row {n}");
    }
}

//! What a caller may rely on of a store of runs' rows.

use futures_util::FutureExt;
use futures_util::future::join_all;

use waybill_core::id::Consumer;
use waybill_engine::ports::{RunRow, RunStore};

use super::run;
use crate::fixtures::{CONSUMER, NOW};

/// Runs every case against a store without rows; answers how many there are.
///
/// # Panics
///
/// When a case fails; the message names all that did.
pub async fn runs<S: RunStore>(store: &S) -> usize {
    let cases = vec![
        (
            "a missing row reads as none",
            missing_row(store).boxed_local(),
        ),
        (
            "a row is read as it was put",
            read_as_put(store).boxed_local(),
        ),
        (
            "a put follows what it saw",
            put_follows(store).boxed_local(),
        ),
        ("consumers are apart", consumers(store).boxed_local()),
        ("of two writers one wins", writers_race(store).boxed_local()),
    ];
    run(cases, &[]).await
}

fn consumer() -> Consumer {
    Consumer::new(CONSUMER).expect("it is a name")
}

fn row(rev: u64, text: &str) -> RunRow {
    RunRow {
        rev,
        text: text.to_owned(),
        expires_at: NOW.as_secs_ceil() + 86_400,
    }
}

async fn load<S: RunStore>(store: &S, name: &str) -> Option<RunRow> {
    let row = store.load(&consumer(), name).await;
    row.expect("it is answered")
}

async fn save<S: RunStore>(store: &S, name: &str, row: &RunRow) -> bool {
    let saved = store.save(&consumer(), name, row).await;
    saved.expect("it is answered")
}

async fn missing_row<S: RunStore>(store: &S) {
    assert_eq!(load(store, "missing").await, None);
}

async fn read_as_put<S: RunStore>(store: &S) {
    let row = row(1, &"{\"é\": \"🚚\"}".repeat(2000));
    assert!(save(store, "put", &row).await);
    assert_eq!(load(store, "put").await, Some(row));
}

async fn put_follows<S: RunStore>(store: &S) {
    assert!(!save(store, "follows", &row(2, "{}")).await, "none stands");
    for rev in 1..4 {
        assert!(save(store, "follows", &row(rev, "{}")).await);
    }
    for rev in [1, 2, 3, 5] {
        assert!(!save(store, "follows", &row(rev, "[]")).await, "rev {rev}");
    }
    assert_eq!(load(store, "follows").await, Some(row(3, "{}")));
}

async fn consumers<S: RunStore>(store: &S) {
    let other = Consumer::new("other").expect("it is a name");
    assert!(save(store, "apart", &row(1, "{}")).await);
    let theirs = store.load(&other, "apart").await;
    assert_eq!(theirs.expect("it is answered"), None);
}

async fn writers_race<S: RunStore>(store: &S) {
    let rows = [row(1, "1"), row(1, "2")];
    let won = join_all(rows.iter().map(|row| save(store, "race", row))).await;
    assert_eq!(won.iter().filter(|won| **won).count(), 1);
    let stands = load(store, "race").await;
    assert!(stands.iter().all(|row| rows.contains(row)));
}

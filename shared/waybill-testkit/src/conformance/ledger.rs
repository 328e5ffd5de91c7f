//! What a caller may rely on of a ledger.

use std::future::Future;
use std::time::Duration;

use futures_util::FutureExt;

use waybill_core::id::LedgerKey;
use waybill_core::ledger::{AuditRecord, Deed, Record, RouteState, Row, Status};
use waybill_core::limit::{ATTEMPTS_KEPT, BATCH_GET_MAX, RESULT_MAX, STATEMENTS_MAX};
use waybill_core::outcome::DeadReason;
use waybill_core::time::Timestamp;
use waybill_engine::ports::{Ledger, StoreError, StoreErrorKind, Write, Written};

use super::run;
use crate::fixtures::{
    NOW, attempt_record, claimed, death, key, message_id, moved, owner, route_record,
};

/// Rows that no ledger writes, planted past it, and rows taken away as the sweep does.
pub trait RawRows: Sync {
    /// Puts a row at a key that the ledger must not understand.
    fn plant(&self, key: &LedgerKey, row: Planted) -> impl Future<Output = ()> + Send;

    /// Takes a row away.
    fn sweep(&self, key: &LedgerKey) -> impl Future<Output = ()> + Send;
}

/// Rows that a ledger must not understand. All else of them is a plain claimed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Planted {
    /// Of a schema version that is not ours.
    UnknownVersion,
    /// With a status that is not ours.
    UnknownStatus,
    /// With a route in a state that is not ours.
    UnknownRouteState,
    /// Without its digest.
    WithoutDigest,
    /// With a text where a number belongs.
    WrongType,
    /// With nothing but its key.
    KeyOnly,
}

impl Planted {
    /// Every sort.
    pub const ALL: [Self; 6] = [
        Self::UnknownVersion,
        Self::UnknownStatus,
        Self::UnknownRouteState,
        Self::WithoutDigest,
        Self::WrongType,
        Self::KeyOnly,
    ];
}

/// Runs every case against an empty ledger; answers how many there are.
///
/// # Panics
///
/// When a case fails; the message names all that did.
pub async fn ledger<L: Ledger, R: RawRows>(ledger: &L, rows: &R) -> usize {
    let cases = vec![
        (
            "an insert wins once",
            insert_wins_once(ledger).boxed_local(),
        ),
        (
            "a missing row reads as none",
            missing_row(ledger).boxed_local(),
        ),
        (
            "every field survives",
            every_field_survives(ledger).boxed_local(),
        ),
        (
            "every result survives",
            every_result_survives(ledger).boxed_local(),
        ),
        (
            "every deed survives",
            every_deed_survives(ledger).boxed_local(),
        ),
        (
            "a row beyond the store's limit is refused alone",
            row_too_large(ledger).boxed_local(),
        ),
        (
            "a take-over holds the rev it read",
            take_over(ledger).boxed_local(),
        ),
        (
            "a stale take-over shows the row",
            stale_take_over(ledger).boxed_local(),
        ),
        (
            "a fence that does not hold refuses",
            fenced_settles(ledger).boxed_local(),
        ),
        (
            "a repeated write shows itself",
            repeated_write(ledger).boxed_local(),
        ),
        (
            "a completed write removes",
            completed_removes(ledger).boxed_local(),
        ),
        (
            "rows of others read as unknown",
            unknown_rows(ledger, rows).boxed_local(),
        ),
        (
            "mixed writes go one by one",
            mixed_writes(ledger).boxed_local(),
        ),
        (
            "twenty-five writes go at once",
            writes_at_once(ledger).boxed_local(),
        ),
        (
            "a hundred keys are read at once",
            reads_at_once(ledger).boxed_local(),
        ),
        (
            "a swept row refuses a settle",
            swept_row(ledger, rows).boxed_local(),
        ),
        (
            "an expired row is still read",
            expired_row(ledger).boxed_local(),
        ),
        (
            "nothing asked is nothing answered",
            nothing_asked(ledger).boxed_local(),
        ),
    ];
    run(cases, &[]).await
}

async fn insert_wins_once<L: Ledger>(ledger: &L) {
    let mine = claimed("insert", 1);
    assert_eq!(insert(ledger, &mine).await, Ok(Written::Done(None)));
    let theirs = claimed("insert", 2);
    assert_eq!(insert(ledger, &theirs).await, Ok(Written::Refused(None)));
    assert_eq!(read(ledger, &mine.key).await, mine);
}

async fn missing_row<L: Ledger>(ledger: &L) {
    let keys = [key("missing-1"), key("missing-2")];
    assert_eq!(ledger.read(&keys).await, [Ok(None), Ok(None)]);
}

/// Rows with every optional field there, with none, and with as much as a row may hold.
async fn every_field_survives<L: Ledger>(ledger: &L) {
    let plain = claimed("fields-plain", u128::MAX);
    let mut bare = claimed("fields-bare", 0);
    bare.routes.clear();
    bare.routes_version.clear();
    let mut full = claimed("fields-full", 7);
    full.key = LedgerKey::from_stored("test#naïve#ключ#\u{0}#鍵#🚚");
    full.status = Status::Dead;
    full.rev = u64::from(u32::MAX) + 1;
    full.lease_until = Timestamp::from_millis(u64::MAX >> 8);
    full.due = Some(NOW);
    full.routes_version = "2026-01-01 räksmörgås".to_owned();
    full.routes = [
        (RouteState::Open, 0),
        (RouteState::Delivered, 1),
        (RouteState::Rejected, 2),
        (RouteState::LetGo, 3),
        (RouteState::Spent, u32::MAX),
        (RouteState::Expired, 4),
        (RouteState::WouldExpire, 5),
    ]
    .into_iter()
    .enumerate()
    .map(|(n, (state, attempts))| route_record(&format!("route-{n}"), state, attempts))
    .collect();
    for at in &mut full.routes {
        at.due = (at.state == RouteState::Open).then_some(NOW);
    }
    let kept = u64::try_from(ATTEMPTS_KEPT).unwrap_or(u64::MAX);
    full.attempts = (0..kept).map(|n| attempt_record("route-1", n)).collect();
    for at in full.attempts.iter_mut().step_by(2) {
        at.message = "'quoted\" \\ ünïcode 🚚 ? {}".to_owned();
        at.code.clear();
    }
    full.crashes = 2;
    full.redrive_n = 3;
    full.death = Some(death(DeadReason::AttemptsSpent));
    for record in [plain, bare, full] {
        survives(ledger, &record).await;
    }
    for (n, reason) in DeadReason::ALL.into_iter().enumerate() {
        let mut dead = moved(&claimed(&format!("fields-dead-{n}"), 1), Status::Dead);
        dead.death = Some(death(reason));
        if let Some(death) = &mut dead.death {
            death.dlq_sent = n % 2 == 0;
            death.message_id = message_id("9f8b2a1e-1c5d-4a34-a0c0-0d5b3a7c9e11");
        }
        survives(ledger, &dead).await;
    }
}

/// An operation's result is read back as the text it was, the longest too; a row without one has
/// none, also where the row before it had one.
async fn every_result_survives<L: Ledger>(ledger: &L) {
    let longest = format!("\"{}\"", "r".repeat(RESULT_MAX - 2));
    let texts = [
        "null",
        "0",
        "false",
        "\"\"",
        "[]",
        "{}",
        r#"{"a":[1.50,"naïve 🚚 ' ? {}"]}"#,
        &longest,
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let mut record = moved(&claimed(&format!("result-{n}"), 1), Status::Completed);
        record.result = Some(text.to_owned());
        survives(ledger, &record).await;
        let without = Record {
            result: None,
            ..record.clone()
        }
        .written(record.expires_at);
        let settled = settle(ledger, &record, &without).await;
        assert_eq!(settled, Ok(Written::Done(None)));
        assert_eq!(read(ledger, &record.key).await, without);
    }
}

/// What people did to a row is read back as it was written, and is kept by the next write.
async fn every_deed_survives<L: Ledger>(ledger: &L) {
    for (n, deed) in Deed::ALL.into_iter().enumerate() {
        let mut record = moved(&claimed(&format!("deed-{n}"), 1), Status::Dead);
        let entry = |note: &str| AuditRecord::new(NOW, deed, "ada", note);
        record.audit = vec![entry(""), entry("naïve 🚚 ' ? {}")];
        survives(ledger, &record).await;
        let next = record.clone().written(record.expires_at);
        let settled = settle(ledger, &record, &next).await;
        assert_eq!(settled, Ok(Written::Done(None)));
        assert_eq!(read(ledger, &record.key).await, next);
    }
}

/// What is longer than the store takes is refused for good, changes nothing, and harms no other
/// write of its request.
async fn row_too_large<L: Ledger>(ledger: &L) {
    let held = claimed("too-large", 1);
    assert_eq!(insert(ledger, &held).await, Ok(Written::Done(None)));
    let mut next = moved(&held, Status::Completed);
    next.result = Some(format!("\"{}\"", "r".repeat(400 * 1024)));
    let settle = Write::Settle {
        held: held.fence(),
        next,
    };
    let fresh = claimed("too-large-beside", 1);
    let answers = ledger.write(&[settle, Write::Insert(fresh.clone())]).await;
    let [large, beside] = answers.as_slice() else {
        unreachable!("two writes have two answers: {answers:?}");
    };
    let kind = large.as_ref().map_err(|error| error.kind);
    assert_eq!(kind, Err(StoreErrorKind::Permanent), "{large:?}");
    assert_eq!(*beside, Ok(Written::Done(None)));
    assert_eq!(read(ledger, &held.key).await, held);
    assert_eq!(read(ledger, &fresh.key).await, fresh);
}

/// A row is read back as it was inserted, and as it was written over a plain one.
async fn survives<L: Ledger>(ledger: &L, record: &Record) {
    assert_eq!(insert(ledger, record).await, Ok(Written::Done(None)));
    assert_eq!(read(ledger, &record.key).await, *record);

    let mut plain = claimed("plain", 1);
    plain.key = LedgerKey::from_stored(format!("{}-over", record.key));
    assert_eq!(insert(ledger, &plain).await, Ok(Written::Done(None)));
    let mut next = record.clone();
    next.key = plain.key.clone();
    assert_eq!(settle(ledger, &plain, &next).await, Ok(Written::Done(None)));
    assert_eq!(read(ledger, &next.key).await, next);
}

async fn take_over<L: Ledger>(ledger: &L) {
    let released = moved(&claimed("take-over", 1), Status::Pending);
    assert_eq!(insert(ledger, &released).await, Ok(Written::Done(None)));
    let mut mine = released.clone();
    mine.owner = owner(2);
    mine.status = Status::InProgress;
    mine.due = None;
    let mine = mine.written(released.expires_at);
    let answer = write_one(ledger, over(&released, &mine)).await;
    match answer {
        // Where the store returns the row, it is the row as it is now.
        Ok(Written::Done(Some(row))) => assert_eq!(row, known(&mine)),
        Ok(Written::Done(None)) => {}
        refused => assert!(refused.is_err(), "a take-over was refused: {refused:?}"),
    }
    assert_eq!(read(ledger, &mine.key).await, mine);
}

async fn stale_take_over<L: Ledger>(ledger: &L) {
    let seen = moved(&claimed("stale", 1), Status::Pending);
    assert_eq!(insert(ledger, &seen).await, Ok(Written::Done(None)));
    let successor = moved(&seen, Status::InProgress);
    let answer = write_one(ledger, over(&seen, &successor)).await;
    assert!(matches!(answer, Ok(Written::Done(_))), "{answer:?}");
    let mut mine = successor.clone();
    mine.owner = owner(3);
    let answer = write_one(ledger, over(&seen, &mine)).await;
    assert_eq!(answer, Ok(Written::Refused(Some(known(&successor)))));
    assert_eq!(read(ledger, &seen.key).await, successor);
}

/// A zombie's write changes nothing and sees what stands there: by owner, status and rev (F39).
async fn fenced_settles<L: Ledger>(ledger: &L) {
    let stands = claimed("fenced", 1);
    assert_eq!(insert(ledger, &stands).await, Ok(Written::Done(None)));
    let right = stands.fence();
    let mut wrong = [right; 4];
    let [by_owner, by_status, by_rev, by_old_rev] = &mut wrong;
    by_owner.owner = owner(2);
    by_status.status = Status::Pending;
    by_rev.rev += 1;
    by_old_rev.rev -= 1;
    for held in wrong {
        let next = moved(&stands, Status::Completed);
        let settle = Write::Settle {
            held,
            next: next.clone(),
        };
        let refused = Ok(Written::Refused(Some(known(&stands))));
        assert_eq!(write_one(ledger, settle).await, refused, "{held:?}");
        let over = Write::TakeOver { seen: held, next };
        assert_eq!(write_one(ledger, over).await, refused, "{held:?}");
    }
    assert_eq!(read(ledger, &stands.key).await, stands);
    let next = moved(&stands, Status::Completed);
    assert_eq!(
        settle(ledger, &stands, &next).await,
        Ok(Written::Done(None))
    );
}

/// A write whose reply was lost is refused when it is repeated, and the row that refuses it is
/// recognised as the write's own (F40).
async fn repeated_write<L: Ledger>(ledger: &L) {
    let held = claimed("repeated", 1);
    assert_eq!(insert(ledger, &held).await, Ok(Written::Done(None)));
    assert_eq!(insert(ledger, &held).await, Ok(Written::Refused(None)));
    assert!(read(ledger, &held.key).await.shows(&held));
    let next = moved(&held, Status::Completed);
    assert_eq!(settle(ledger, &held, &next).await, Ok(Written::Done(None)));
    let again = settle(ledger, &held, &next).await;
    assert_eq!(again, Ok(Written::Refused(Some(known(&next)))));
    assert!(read(ledger, &held.key).await.shows(&next));
}

async fn completed_removes<L: Ledger>(ledger: &L) {
    let mut held = claimed("removes", 1);
    held.due = Some(NOW);
    held.attempts = vec![attempt_record("crm", 1), attempt_record("crm", 2)];
    held.death = Some(death(DeadReason::Rejected));
    held.crashes = 1;
    held.redrive_n = 1;
    for at in &mut held.routes {
        at.due = Some(NOW);
        at.attempts = 2;
    }
    assert_eq!(insert(ledger, &held).await, Ok(Written::Done(None)));
    let mut next = moved(&held, Status::Completed);
    next.death = None;
    next.crashes = 0;
    for at in &mut next.routes {
        at.due = None;
    }
    assert_eq!(settle(ledger, &held, &next).await, Ok(Written::Done(None)));
    assert_eq!(read(ledger, &held.key).await, next);
}

/// What another release wrote, or what is damaged, is told and never half read (promise 6); it
/// holds its key like any row.
async fn unknown_rows<L: Ledger, R: RawRows>(ledger: &L, rows: &R) {
    for sort in Planted::ALL {
        let mine = claimed(&format!("unknown-{sort:?}"), 1);
        rows.plant(&mine.key, sort).await;
        let keys = [mine.key.clone()];
        let answers = ledger.read(&keys).await;
        let unknown = matches!(answers.as_slice(), [Ok(Some(Row::Unknown { .. }))]);
        assert!(unknown, "{sort:?}: {answers:?}");
        assert_eq!(insert(ledger, &mine).await, Ok(Written::Refused(None)));
        let mut zombie = mine.clone();
        zombie.owner = owner(99);
        let next = moved(&zombie, Status::Completed);
        let refused = settle(ledger, &zombie, &next).await;
        let shown = matches!(refused, Ok(Written::Refused(Some(Row::Unknown { .. }))));
        assert!(shown, "{sort:?}: {refused:?}");
    }
}

/// One statement's refusal is that statement's alone.
async fn mixed_writes<L: Ledger>(ledger: &L) {
    let stands = claimed("mixed-stands", 1);
    let released = moved(&claimed("mixed-released", 1), Status::Pending);
    for record in [&stands, &released] {
        assert_eq!(insert(ledger, record).await, Ok(Written::Done(None)));
    }
    let fresh = claimed("mixed-fresh", 2);
    let mut taken = moved(&released, Status::InProgress);
    taken.owner = owner(2);
    let missing = claimed("mixed-missing", 2);
    let mut theirs = stands.clone();
    theirs.owner = owner(2);
    let answers = ledger
        .write(&[
            Write::Insert(fresh.clone()),
            over(&released, &taken),
            Write::Insert(theirs.clone()),
            over(&missing, &moved(&missing, Status::InProgress)),
        ])
        .await;
    let [first, second, third, fourth] = answers.as_slice() else {
        unreachable!("four writes have four answers: {answers:?}");
    };
    assert_eq!(*first, Ok(Written::Done(None)));
    assert!(matches!(second, Ok(Written::Done(_))), "{second:?}");
    assert_eq!(*third, Ok(Written::Refused(None)));
    assert_eq!(*fourth, Ok(Written::Refused(None)));
    assert_eq!(read(ledger, &fresh.key).await, fresh);
    assert_eq!(read(ledger, &taken.key).await, taken);
    assert_eq!(read(ledger, &stands.key).await, stands);
    assert_eq!(ledger.read(&[missing.key]).await, [Ok(None)]);
}

async fn writes_at_once<L: Ledger>(ledger: &L) {
    let claims: Vec<_> = (0..STATEMENTS_MAX)
        .map(|n| claimed(&format!("at-once-{n}"), 1))
        .collect();
    // Every third stands already, so that an answer out of its place would show.
    for record in claims.iter().step_by(3) {
        assert_eq!(insert(ledger, record).await, Ok(Written::Done(None)));
    }
    let writes: Vec<_> = claims.iter().cloned().map(Write::Insert).collect();
    let answers = ledger.write(&writes).await;
    assert_eq!(answers.len(), STATEMENTS_MAX);
    for (n, answer) in answers.into_iter().enumerate() {
        let expected = match n % 3 {
            0 => Written::Refused(None),
            _ => Written::Done(None),
        };
        assert_eq!(answer, Ok(expected), "write {n}");
    }
}

async fn reads_at_once<L: Ledger>(ledger: &L) {
    let claims: Vec<_> = (0..BATCH_GET_MAX)
        .map(|n| claimed(&format!("hundred-{n}"), 1))
        .collect();
    let even: Vec<_> = claims.iter().step_by(2).cloned().collect();
    for some in even.chunks(STATEMENTS_MAX) {
        let writes: Vec<_> = some.iter().cloned().map(Write::Insert).collect();
        for answer in ledger.write(&writes).await {
            assert_eq!(answer, Ok(Written::Done(None)));
        }
    }
    let keys: Vec<_> = claims.iter().map(|record| record.key.clone()).collect();
    let answers = ledger.read(&keys).await;
    assert_eq!(answers.len(), BATCH_GET_MAX);
    for (n, (answer, record)) in answers.into_iter().zip(&claims).enumerate() {
        let expected = (n % 2 == 0).then(|| known(record));
        assert_eq!(answer, Ok(expected), "key {n}");
    }
}

async fn swept_row<L: Ledger, R: RawRows>(ledger: &L, rows: &R) {
    let held = claimed("swept", 1);
    assert_eq!(insert(ledger, &held).await, Ok(Written::Done(None)));
    rows.sweep(&held.key).await;
    let next = moved(&held, Status::Completed);
    assert_eq!(
        settle(ledger, &held, &next).await,
        Ok(Written::Refused(None))
    );
    assert_eq!(ledger.read(&[held.key]).await, [Ok(None)]);
}

/// The sweep lags by days: until then an expired row stands, and is read (F41).
async fn expired_row<L: Ledger>(ledger: &L) {
    let mut expired = claimed("expired", 1);
    expired.expires_at = NOW.before(Duration::from_secs(3600)).as_secs_ceil();
    assert_eq!(insert(ledger, &expired).await, Ok(Written::Done(None)));
    assert_eq!(read(ledger, &expired.key).await, expired);
    assert_eq!(insert(ledger, &expired).await, Ok(Written::Refused(None)));
}

async fn nothing_asked<L: Ledger>(ledger: &L) {
    assert_eq!(ledger.write(&[]).await, []);
    assert_eq!(ledger.read(&[]).await, []);
}

async fn insert<L: Ledger>(ledger: &L, record: &Record) -> Result<Written, StoreError> {
    write_one(ledger, Write::Insert(record.clone())).await
}

async fn settle<L: Ledger>(
    ledger: &L,
    held: &Record,
    next: &Record,
) -> Result<Written, StoreError> {
    let settle = Write::Settle {
        held: held.fence(),
        next: next.clone(),
    };
    write_one(ledger, settle).await
}

/// The take-over of a row as it was seen.
fn over(seen: &Record, next: &Record) -> Write {
    Write::TakeOver {
        seen: seen.fence(),
        next: next.clone(),
    }
}

async fn write_one<L: Ledger>(ledger: &L, write: Write) -> Result<Written, StoreError> {
    let mut answers = ledger.write(&[write]).await;
    assert_eq!(answers.len(), 1, "one write has one answer");
    answers.remove(0)
}

/// The record that stands at a key.
async fn read<L: Ledger>(ledger: &L, key: &LedgerKey) -> Record {
    match ledger.read(std::slice::from_ref(key)).await.as_slice() {
        [Ok(Some(Row::Known(record)))] => record.as_ref().clone(),
        other => unreachable!("a known row stands at `{key}`, not {other:?}"),
    }
}

fn known(record: &Record) -> Row {
    Row::Known(Box::new(record.clone()))
}

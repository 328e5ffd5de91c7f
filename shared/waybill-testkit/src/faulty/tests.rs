//! Facts about scripted trouble.

use std::sync::Arc;
use std::time::Duration;

use waybill_core::ledger::Status;
use waybill_engine::ports::{
    Ledger, Queue, QueueError, QueueErrorKind, VisibilityChange, Write, Written,
};

use super::{Call, Fault, Faulty};
use crate::fixtures::{claimed, key, moved};
use crate::{FakeLedger, FakeQueue, TestAmbient};

fn inserts() -> [Write; 3] {
    ["a", "b", "c"].map(|name| Write::Insert(claimed(name, 1)))
}

#[tokio::test]
async fn a_refused_call_has_no_effect_and_a_lost_reply_has() {
    let ledger = Faulty::new(FakeLedger::new());
    ledger
        .next(Call::Write, Fault::refused())
        .next(Call::Write, Fault::lost_reply());
    assert!(ledger.write(&inserts()).await.iter().all(Result::is_err));
    assert_eq!(ledger.inner().rows().len(), 0);
    assert!(ledger.write(&inserts()).await.iter().all(Result::is_err));
    assert_eq!(ledger.inner().rows().len(), 3);
    assert_eq!(ledger.calls(Call::Write), 2);
    assert_eq!(ledger.pending(Call::Write), 0);
}

#[tokio::test]
async fn a_partial_failure_keeps_every_answer_at_its_position() {
    let ledger = Faulty::new(FakeLedger::new());
    ledger.inner().put(claimed("c", 9));
    ledger.next(Call::Write, Fault::refused_at([0]));
    let answers = ledger.write(&inserts()).await;
    assert!(answers[0].is_err());
    assert_eq!(answers[1], Ok(Written::Done(None)));
    assert_eq!(answers[2], Ok(Written::Refused(None)));
    assert!(ledger.inner().row(&key("a")).is_none());

    ledger.next(Call::Write, Fault::lost_reply_at([0]));
    assert!(ledger.write(&inserts()).await[0].is_err());
    assert!(ledger.inner().row(&key("a")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_follows_its_effect() {
    let queue = Faulty::new(FakeQueue::new("orders", Arc::new(TestAmbient::default())));
    queue.inner().put_body("a");
    queue.next(Call::Receive, Fault::slow(Duration::from_secs(9)));
    let hour = Duration::from_secs(3600);
    let limit = Duration::from_secs(1);
    let cut = tokio::time::timeout(limit, queue.receive(10, Duration::ZERO, hour)).await;
    assert!(cut.is_err());
    assert_eq!(queue.inner().visible(), 0);
}

#[tokio::test(start_paused = true)]
async fn entries_of_one_request_fail_each_in_its_own_way_f31() {
    let queue = Faulty::new(FakeQueue::new("orders", Arc::new(TestAmbient::default())));
    let ids = ["a", "b", "c"].map(|body| queue.inner().put_body(body));
    let hour = Duration::from_secs(3600);
    let held = queue.receive(10, Duration::ZERO, hour).await.unwrap();
    let handles: Vec<_> = held.iter().map(|m| m.receipt_handle.clone()).collect();
    queue
        .next(Call::ChangeVisibility, Fault::lease_lost_at([1]))
        .next(Call::Delete, Fault::refused_at([2]))
        .next(Call::Delete, Fault::lost_reply_at([0]));
    let changes = handles.iter().map(|handle| VisibilityChange {
        receipt_handle: handle.clone(),
        visible_in: 2 * hour,
    });
    let changes: Vec<_> = changes.collect();
    let lost = Err(QueueErrorKind::LeaseLost);
    let failed = Err(QueueErrorKind::Transient);
    let answers = kinds(queue.change_visibility(&changes).await);
    assert_eq!(answers, [Ok(()), lost, Ok(())]);
    assert_eq!(
        kinds(queue.delete(&handles).await),
        [Ok(()), Ok(()), failed]
    );
    let left = queue.inner().messages();
    assert_eq!((left.len(), &left[0].message_id), (1, &ids[2]));
    let answers = kinds(queue.delete(&handles[2..]).await);
    assert_eq!(answers, [failed]);
    assert!(queue.inner().is_empty(), "only the reply was lost");
}

fn kinds(answers: Vec<Result<(), QueueError>>) -> Vec<Result<(), QueueErrorKind>> {
    let kind = |answer: Result<(), QueueError>| answer.map_err(|error| error.kind);
    answers.into_iter().map(kind).collect()
}

#[tokio::test]
async fn a_successor_can_come_between() {
    let rows = FakeLedger::new();
    let mine = claimed("a", 1);
    rows.put(mine.clone());
    let ledger = Faulty::new(rows.clone());
    let theirs = claimed("a", 2);
    let there = theirs.clone();
    let come = move || rows.put(there.clone());
    ledger.next(Call::Write, Fault::meanwhile(come));
    let settle = Write::Settle {
        held: mine.fence(),
        next: moved(&mine, Status::Completed),
    };
    let answers = ledger.write(&[settle]).await;
    let Ok(Written::Refused(Some(_))) = &answers[0] else {
        panic!("a zombie's write went through: {answers:?}");
    };
    assert_eq!(ledger.inner().record(&key("a")), Some(theirs));
}

#[tokio::test]
async fn a_standing_fault_lasts_until_it_is_lifted() {
    let ledger = Faulty::new(FakeLedger::new());
    ledger.always(Call::Read, Fault::refused());
    for _ in 0..3 {
        assert!(ledger.read(&[key("a")]).await[0].is_err());
    }
    ledger.always(Call::Read, Fault::Pass);
    assert_eq!(ledger.read(&[key("a")]).await, [Ok(None)]);
}

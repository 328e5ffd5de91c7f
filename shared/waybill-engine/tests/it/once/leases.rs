//! How long a claim holds: time to begin, renewals, expiry, and ends without a word.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use waybill_core::ledger::Status;
use waybill_core::outcome::Outcome;
use waybill_engine::once::Unwritten;
use waybill_testkit::{Call, Fault};

use super::*;

/// An operation that takes so long.
fn slow<'a>(
    bench: &'a Bench,
    takes: Duration,
) -> impl FnOnce(Claimed) -> LocalBoxFuture<'a, Result<u32, Failure>> {
    move |_| {
        let work = async move {
            tokio::time::sleep(takes).await;
            bench.effect();
            Ok(7)
        };
        work.boxed_local()
    }
}

#[tokio::test(start_paused = true)]
async fn without_time_left_nothing_begins_and_nothing_is_claimed_g6() {
    let bench = Bench::new();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let gone = [
        bench.now().before(Duration::from_secs(5)),
        bench.now(),
        bench.now().after(Duration::from_millis(1)),
        bench.now().after(Duration::from_millis(1_200)),
        Timestamp::default(),
    ];
    for deadline in gone {
        let called = bench
            .process()
            .run(&order("o"), deadline, slow(&bench, Duration::ZERO))
            .await;
        assert_eq!(called, Err(NotBegun::TooLate), "{deadline:?}");
    }
    let terms = Terms {
        least: Duration::from_secs(100),
        ..Terms::default()
    };
    let called = bench
        .call(&bench.process().on_terms(terms), &order("o"), 0)
        .await;
    assert_eq!(called, Err(NotBegun::TooLate));
    assert_eq!(
        (bench.effects(), bench.ledger.inner().counts().requests()),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_claim_left_no_time_for_is_given_back_uncharged_g6() {
    let bench = Bench::new();
    bench
        .ledger
        .next(Call::Write, Fault::slow(Duration::from_secs(55)));
    let terms = Terms {
        least: Duration::from_secs(30),
        ..Terms::default()
    };
    let once = bench.process().on_terms(terms);
    assert_eq!(
        bench.call(&once, &order("o"), 0).await,
        Err(NotBegun::TooLate)
    );
    let row = bench.row("o");
    assert_eq!((row.status, row.routes[0].attempts), (Status::Pending, 0));
    done(bench.call(&once, &order("o"), 0).await);
    assert_eq!((bench.effects(), bench.row("o").crashes), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn expiry_never_frees_a_live_lease_g4() {
    let bench = Bench::new();
    let terms = Terms {
        time_to_live: Duration::from_secs(1),
        ..Terms::default()
    };
    let work = async |_: Claimed| {
        tokio::time::sleep(Duration::from_secs(50)).await;
        let ledger = bench.ledger.inner();
        ledger.sweep(bench.now());
        let copy = bench.call(&bench.process(), &order("o"), 0).await;
        assert!(matches!(copy, Ok(Effect::Busy { .. })), "{copy:?}");
        // Even a row that says that it expired is judged by its lease first.
        let mut row = bench.row("o");
        row.expires_at = 1;
        ledger.put(row);
        let copy = bench.call(&bench.process(), &order("o"), 0).await;
        assert!(matches!(copy, Ok(Effect::Busy { .. })), "{copy:?}");
        bench.effect();
        Ok(1)
    };
    let once = bench.process().on_terms(terms);
    done(once.run(&order("o"), bench.deadline(), work).await);
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renewed_lease_is_never_swept_either_g4() {
    let bench = Bench::new();
    let terms = Terms {
        time_to_live: Duration::from_secs(1),
        ..leased(6)
    };
    let work = async |_: Claimed| {
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            bench.ledger.inner().sweep(bench.now());
        }
        bench.effect();
        Ok(1)
    };
    let once = bench.process().on_terms(terms);
    done(once.run(&order("o"), bench.deadline(), work).await);
}

#[tokio::test(start_paused = true)]
async fn work_longer_than_its_lease_is_renewed_and_runs_once() {
    let bench = Bench::new();
    let once = bench.process().on_terms(leased(6));
    let copies = async {
        for _ in 0..9 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            let copy = bench.call(&bench.process(), &order("o"), 0).await;
            assert!(matches!(copy, Ok(Effect::Busy { .. })), "{copy:?}");
            let ahead = bench.row("o").lease_until.since(bench.now());
            assert!(ahead <= Duration::from_secs(6), "{ahead:?}");
        }
    };
    let work = slow(&bench, Duration::from_secs(50));
    let payload = order("o");
    let calling = once.run(&payload, bench.deadline(), work);
    let (called, ()) = futures_util::future::join(calling, copies).await;
    assert_eq!((done(called), bench.effects()), (7, 1));
    let row = bench.row("o");
    assert_eq!(row.status, Status::Completed);
    assert!(
        (15..=20).contains(&row.rev),
        "a renewal each three seconds: {}",
        row.rev
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_for_the_whole_call_is_never_renewed() {
    let bench = Bench::new();
    let work = slow(&bench, Duration::from_secs(50));
    done(
        bench
            .process()
            .run(&order("o"), bench.deadline(), work)
            .await,
    );
    assert_eq!(bench.row("o").rev, 2);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_on_its_way_is_awaited_before_the_completion() {
    let bench = Bench::new();
    bench.ledger.next(Call::Write, Fault::Pass);
    bench
        .ledger
        .next(Call::Write, Fault::slow(Duration::from_secs(2)));
    let once = bench.process().on_terms(leased(6));
    // The first renewal leaves after three seconds and is answered after five.
    let work = slow(&bench, Duration::from_secs(4));
    let began = bench.now();
    assert_eq!(done(once.run(&order("o"), bench.deadline(), work).await), 7);
    assert_eq!(bench.now().since(began), Duration::from_secs(5));
    let row = bench.row("o");
    assert_eq!((row.status, row.rev), (Status::Completed, 3));
}

#[tokio::test(start_paused = true)]
async fn a_lost_renewal_reply_is_recognised_g5() {
    let bench = Bench::new();
    bench.ledger.next(Call::Write, Fault::Pass);
    bench.ledger.next(Call::Write, Fault::lost_reply());
    let once = bench.process().on_terms(leased(6));
    let work = slow(&bench, Duration::from_secs(10));
    assert_eq!(done(once.run(&order("o"), bench.deadline(), work).await), 7);
    assert_eq!(bench.ledger.pending(Call::Write), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_another_took_cancels_the_work() {
    let bench = Bench::new();
    let once = bench.process().on_terms(leased(6));
    let taken = async {
        tokio::time::sleep(Duration::from_secs(2)).await;
        bench.end_lease("o");
        assert_eq!(done(bench.call(&bench.process(), &order("o"), 1).await), 1);
    };
    let work = slow(&bench, Duration::from_secs(20));
    let payload = order("o");
    let calling = once.run(&payload, bench.deadline(), work);
    let (called, ()) = futures_util::future::join(calling, taken).await;
    let Ok(Effect::Failed { failure, .. }) = called else {
        panic!("{called:?}");
    };
    assert_eq!(failure.attempt().code, "lease_ended");
    assert_eq!(bench.effects(), 1, "the successor's");
    assert_eq!(
        replayed(bench.call(&bench.process(), &order("o"), 2).await),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_cannot_be_renewed_cuts_the_work_before_it_ends() {
    let bench = Bench::new();
    let once = bench.process().on_terms(leased(6));
    bench.ledger.next(Call::Write, Fault::Pass);
    bench.ledger.always(Call::Write, Fault::refused());
    let began = bench.now();
    let work = async |_: Claimed| {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            assert!(
                bench.now().since(began) < Duration::from_secs(6),
                "on a lost lease"
            );
        }
    };
    let called: Called<u32> = once.run(&order("o"), bench.deadline(), work).await;
    let Ok(Effect::Failed { failure, again_at }) = called else {
        panic!("{called:?}");
    };
    assert_eq!(failure.attempt().outcome, Outcome::Unknown);
    assert_eq!(failure.attempt().code, "lease_ended");
    let row = bench.row("o");
    assert_eq!(
        row.status,
        Status::InProgress,
        "not released: it may have happened"
    );
    assert_eq!(again_at, row.lease_until.after(Duration::from_secs(2)));
    assert!(
        bench.now().since(began) < Duration::from_secs(9),
        "not to the deadline"
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_that_was_frozen_does_not_go_on_with_its_work() {
    let bench = Bench::new();
    let work = async |_: Claimed| {
        let (wake, woken) = tokio::sync::oneshot::channel::<()>();
        let freeze = async {
            // Time goes on while nothing runs; then the work and its end are due at once.
            tokio::time::advance(Duration::from_secs(600)).await;
            let _ = wake.send(());
        };
        let rest = async {
            let _ = woken.await;
            bench.effect();
        };
        futures_util::future::join(rest, freeze).await;
        Ok(1)
    };
    let called = bench
        .process()
        .run(&order("o"), bench.deadline(), work)
        .await;
    let Ok(Effect::Failed { failure, .. }) = called else {
        panic!("{called:?}");
    };
    assert_eq!(failure.attempt().code, "timeout");
    assert_eq!(bench.effects(), 0);
}

#[tokio::test(start_paused = true)]
async fn work_is_cut_off_in_time_to_be_written_down() {
    let bench = Bench::new();
    let deadline = bench.deadline();
    let work = slow(&bench, Duration::from_secs(600));
    let called = bench.process().run(&order("o"), deadline, work).await;
    let Ok(Effect::Failed { failure, again_at }) = called else {
        panic!("{called:?}");
    };
    assert_eq!(failure.attempt().code, "timeout");
    assert_eq!(failure.attempt().outcome, Outcome::Unknown);
    assert!(bench.now() < deadline && again_at <= bench.now());
    let row = bench.row("o");
    assert_eq!((row.status, row.routes[0].attempts), (Status::Pending, 1));
    assert_eq!((bench.effects(), row.crashes), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_leaves_a_lease_that_ends_by_itself_g13() {
    let bench = Bench::new();
    let once = bench.process();
    let work = slow(&bench, Duration::from_secs(30));
    let payload = order("o");
    let calling = once.run(&payload, bench.deadline(), work);
    let _ = tokio::time::timeout(Duration::from_secs(1), calling).await;
    let copy = bench.call(&bench.process(), &order("o"), 0).await;
    assert!(matches!(copy, Ok(Effect::Busy { .. })), "{copy:?}");
    bench.after_the_lease("o").await;
    done(bench.call(&once, &order("o"), 1).await);
    assert_eq!((bench.effects(), bench.row("o").crashes), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_panic_goes_through_and_leaves_a_lease_that_ends_by_itself_g13() {
    let bench = Bench::new();
    // Copies in the same process may wait: the one that panicked must not hold them up.
    let once = bench.process().on_terms(waiting(30));
    let work = async |_: Claimed| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        bench.effect();
        panic!("scripted")
    };
    let payload = order("o");
    let calling = once.run::<_, u32, _, _>(&payload, bench.deadline(), work);
    assert!(AssertUnwindSafe(calling).catch_unwind().await.is_err());
    assert_eq!(bench.row("o").status, Status::InProgress);
    let copy = bench.call(&once, &order("o"), 0).await;
    assert!(matches!(copy, Ok(Effect::Busy { .. })), "{copy:?}");
    bench.after_the_lease("o").await;
    done(bench.call(&once, &order("o"), 1).await);
    assert_eq!(bench.row("o").crashes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_completion_after_a_renewal_that_nobody_answered_is_told_g11() {
    let bench = Bench::new();
    let once = bench.process().on_terms(leased(6));
    bench.ledger.next(Call::Write, Fault::Pass);
    bench.ledger.always(Call::Write, Fault::refused());
    let work = slow(&bench, Duration::from_secs(4));
    let deadline = bench.deadline();
    let called = once.run(&order("o"), deadline, work).await;
    let Ok(Effect::Unrecorded { value, why }) = called else {
        panic!("{called:?}");
    };
    assert!(matches!(why, Unwritten::Unconfirmed(_)), "{why:?}");
    assert_eq!((value, bench.effects()), (7, 1));
    assert!(bench.now() < deadline);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_took_longer_than_its_lease_begins_nothing() {
    let bench = Bench::new();
    bench
        .ledger
        .next(Call::Write, Fault::slow(Duration::from_secs(8)));
    let once = bench.process().on_terms(leased(6));
    let called = bench.call(&once, &order("o"), 0).await;
    assert!(matches!(called, Err(NotBegun::Ledger(_))), "{called:?}");
    assert_eq!(bench.effects(), 0);
    assert_eq!(bench.row("o").status, Status::Pending);
}

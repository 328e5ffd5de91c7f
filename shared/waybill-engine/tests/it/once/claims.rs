//! Who may run, and who may write what became of it: under lost replies, store trouble, and those
//! who come late.

use waybill_core::ledger::Status;
use waybill_core::outcome::DeadReason;
use waybill_engine::once::Unwritten;
use waybill_testkit::{Call, Fault, Trouble};

use super::*;

/// A holder whose lease ends, for a successor, in the middle of its work: what the successor makes
/// of the row, and what the holder is told in the end.
async fn late<T: Serialize + DeserializeOwned>(
    bench: &Bench,
    successor: impl AsyncFn(),
    end: Result<T, Failure>,
) -> (Record, Called<T>) {
    let mut row = None;
    let work = async |_: Claimed| {
        bench.effect();
        bench.end_lease("o");
        successor().await;
        row = Some(bench.row("o"));
        end
    };
    let called = bench
        .process()
        .run(&order("o"), bench.deadline(), work)
        .await;
    (row.unwrap(), called)
}

#[tokio::test(start_paused = true)]
async fn a_late_completion_overwrites_nothing_g1() {
    let bench = Bench::new();
    let successor = async || {
        let value = "successor".to_owned();
        done(bench.call(&bench.process(), &order("o"), value).await);
    };
    let value = "late".to_owned();
    let (row, called) = late(&bench, successor, Ok(value.clone())).await;
    let why = Unwritten::Fenced;
    assert_eq!(called, Ok(Effect::Unrecorded { value, why }));
    assert_eq!(bench.row("o"), row);
    let again = bench
        .call(&bench.process(), &order("o"), String::new())
        .await;
    assert_eq!(replayed(again), "successor");
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_frees_no_claim_of_a_successor_g2() {
    let bench = Bench::new();
    let successor = async || {
        // The successor holds the row and is at work when the late one fails.
        let mut row = bench.row("o");
        row.owner = fixtures::owner(99);
        row.rev += 1;
        row.lease_until = bench.deadline();
        bench.ledger.inner().put(row);
    };
    let failure = Failure::transient("down", "not now");
    let (row, called) = late::<u32>(&bench, successor, Err(failure.clone())).await;
    let again_at = bench.now();
    assert_eq!(called, Ok(Effect::Failed { failure, again_at }));
    assert_eq!(bench.row("o"), row);
    let third = bench.call(&bench.process(), &order("o"), 3).await;
    assert!(matches!(third, Ok(Effect::Busy { .. })), "{third:?}");
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_failure_removes_no_result_of_a_successor_g3() {
    let failures = [
        Failure::transient("down", "not now"),
        Failure::rejected("no", "never"),
        Failure::unknown("lost", "no answer"),
    ];
    for failure in failures {
        let bench = Bench::new();
        let successor = async || {
            done(bench.call(&bench.process(), &order("o"), 7).await);
        };
        let (row, called) = late::<u32>(&bench, successor, Err(failure)).await;
        assert!(matches!(called, Ok(Effect::Failed { .. })), "{called:?}");
        assert_eq!(bench.row("o"), row);
        assert_eq!(
            replayed(bench.call(&bench.process(), &order("o"), 0).await),
            7
        );
        assert_eq!(bench.effects(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_the_claim_is_recognised_g5() {
    let bench = Bench::new();
    bench.ledger.next(Call::Write, Fault::lost_reply());
    assert_eq!(done(bench.call(&bench.process(), &order("o"), 7).await), 7);
    assert_eq!(bench.effects(), 1);
    assert_eq!(bench.ledger.pending(Call::Write), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_of_the_completion_is_recognised_g5() {
    let bench = Bench::new();
    bench.ledger.next(Call::Write, Fault::Pass);
    bench.ledger.next(Call::Write, Fault::lost_reply());
    assert_eq!(done(bench.call(&bench.process(), &order("o"), 7).await), 7);
    assert_eq!(
        replayed(bench.call(&bench.process(), &order("o"), 0).await),
        7
    );
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_vanishes_between_write_and_read_is_claimed_anew_g25() {
    let bench = Bench::new();
    bench.ledger.inner().put(fixtures::claimed("other", 1));
    let mut swept = fixtures::claimed("o", 9);
    swept.key = key_of("book", "o");
    swept.lease_until = bench.deadline();
    bench.ledger.inner().put(swept);
    let ledger = bench.ledger.inner().clone();
    let sweep = Fault::meanwhile(move || {
        ledger.remove(&key_of("book", "o"));
    });
    bench.ledger.next(Call::Read, sweep);
    assert_eq!(done(bench.call(&bench.process(), &order("o"), 7).await), 7);
    assert_eq!(bench.ledger.pending(Call::Read), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_claim_nothing_is_run() {
    for trouble in [Trouble::Transient, Trouble::Permanent] {
        let bench = Bench::new();
        bench.ledger.always(Call::Write, Fault::Before(trouble));
        let called = bench.call(&bench.process(), &order("o"), 0).await;
        assert!(matches!(called, Err(NotBegun::Ledger(_))), "{called:?}");
        assert!(bench.now() < bench.deadline());
        assert_eq!(bench.effects(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_may_stand_is_given_back_uncharged() {
    let bench = Bench::new();
    let called = {
        // Every answer is lost until the call gives up; the first claim stands all the same.
        bench.ledger.next(Call::Write, Fault::lost_reply());
        bench.ledger.always(Call::Read, Fault::refused());
        bench.call(&bench.process(), &order("o"), 0).await
    };
    assert!(matches!(called, Err(NotBegun::Ledger(_))), "{called:?}");
    let row = bench.row("o");
    assert_eq!((row.status, row.crashes), (Status::Pending, 0));
    bench.ledger.always(Call::Read, Fault::Pass);
    done(bench.call(&bench.process(), &order("o"), 7).await);
    assert_eq!(bench.row("o").crashes, 0, "nobody crashed");
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_completion_is_tried_again_while_there_is_time_g11() {
    let bench = Bench::new();
    bench.ledger.next(Call::Write, Fault::Pass);
    for _ in 0..8 {
        bench.ledger.next(Call::Write, Fault::refused());
    }
    assert_eq!(done(bench.call(&bench.process(), &order("o"), 7).await), 7);
    assert_eq!(bench.ledger.pending(Call::Write), 0);
    assert_eq!(
        replayed(bench.call(&bench.process(), &order("o"), 0).await),
        7
    );
}

#[tokio::test(start_paused = true)]
async fn a_completion_that_stays_unconfirmed_is_told_and_never_released_g11() {
    let faults = [
        Fault::refused(),
        Fault::Before(Trouble::Permanent),
        Fault::DelayBefore(Duration::from_secs(3600), Box::new(Fault::Pass)),
    ];
    for fault in faults {
        let bench = Bench::new();
        bench.ledger.next(Call::Write, Fault::Pass);
        bench.ledger.always(Call::Write, fault);
        let deadline = bench.deadline();
        let called = bench.call(&bench.process(), &order("o"), 7).await;
        assert!(bench.now() < deadline);
        let Ok(Effect::Unrecorded { value, why }) = called else {
            panic!("{called:?}");
        };
        assert_eq!(value, 7, "the caller has the value");
        assert!(matches!(why, Unwritten::Unconfirmed(_)), "{why:?}");
        let row = bench.row("o");
        assert_eq!((row.status, row.rev), (Status::InProgress, 1), "as claimed");
        bench.ledger.always(Call::Write, Fault::Pass);
        let early = bench.call(&bench.process(), &order("o"), 8).await;
        assert!(matches!(early, Ok(Effect::Busy { .. })), "{early:?}");
        assert_eq!(bench.effects(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn busy_says_until_when_and_charges_nothing_g22() {
    let bench = Bench::new();
    let work = async |_: Claimed| {
        let until = bench.row("o").lease_until.after(Duration::from_secs(2));
        for _ in 0..10 {
            let copy = bench.call(&bench.process(), &order("o"), 0).await;
            assert_eq!(copy, Ok(Effect::Busy { until }));
        }
        assert_eq!(bench.row("o").rev, 1, "nobody wrote");
        bench.effect();
        Ok(1)
    };
    done(
        bench
            .process()
            .run(&order("o"), bench.deadline(), work)
            .await,
    );
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn copies_in_one_process_share_one_effect_and_its_answer_g23() {
    let bench = Bench::new();
    let once = bench.process().on_terms(waiting(30));
    let copy = async |n: u32| {
        let work = async |_: Claimed| {
            tokio::time::sleep(Duration::from_secs(5)).await;
            bench.effect();
            Ok(n)
        };
        once.run(&order("o"), bench.deadline(), work).await
    };
    let began = bench.now();
    let answers = futures_util::future::join_all((0..5).map(copy)).await;
    let mut answers = answers.into_iter();
    assert_eq!(done(answers.next().unwrap()), 0);
    answers.for_each(|answer| assert_eq!(replayed(answer), 0));
    assert_eq!(bench.effects(), 1);
    assert_eq!(
        bench.now().since(began),
        Duration::from_secs(5),
        "not the lease"
    );
}

#[tokio::test(start_paused = true)]
async fn a_copy_waits_no_longer_than_it_is_told() {
    let bench = Bench::new();
    let once = bench.process().on_terms(waiting(3));
    let slow = async |_: Claimed| {
        tokio::time::sleep(Duration::from_secs(20)).await;
        bench.effect();
        Ok(1)
    };
    let copy = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = bench.now();
        let copy = bench.call(&once, &order("o"), 2).await;
        assert!(matches!(copy, Ok(Effect::Busy { .. })), "{copy:?}");
        assert_eq!(bench.now().since(began), Duration::from_secs(3));
    };
    let payload = order("o");
    let first = once.run(&payload, bench.deadline(), slow);
    let (first, ()) = futures_util::future::join(first, copy).await;
    assert_eq!((done(first), bench.effects()), (1, 1));
    let last = bench.call(&once, &order("o"), 3).await;
    assert_eq!(replayed(last), 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_another_process_looks_again_when_the_lease_ends() {
    let bench = Bench::new();
    // Another process was killed: its lease of five seconds ends without a word.
    let killed = bench.process().on_terms(leased(5));
    let hang = async |_: Claimed| std::future::pending::<Result<u32, Failure>>().await;
    let payload = order("o");
    let hanging = killed.run(&payload, bench.deadline(), hang);
    let _ = tokio::time::timeout(Duration::from_secs(1), hanging).await;
    let began = bench.now();
    let patient = bench.process().on_terms(waiting(30));
    assert_eq!(done(bench.call(&patient, &order("o"), 2).await), 2);
    assert!(bench.now().since(began) < Duration::from_secs(8));
    assert_eq!(bench.row("o").crashes, 1);
    assert_eq!(bench.ledger.inner().counts().reads, 2, "nobody polled");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_calls_itself_with_its_own_key_is_busy_and_no_deadlock_g7() {
    let bench = Bench::new();
    for terms in [waiting(0), waiting(5)] {
        let id = format!("{:?}", terms.wait);
        let once = bench.process().on_terms(terms);
        let work = async |_: Claimed| {
            let inside = bench.call(&once, &order(&id), 0).await;
            assert!(matches!(inside, Ok(Effect::Busy { .. })), "{inside:?}");
            Ok(1)
        };
        assert_eq!(done(once.run(&order(&id), bench.deadline(), work).await), 1);
    }
    assert_eq!(bench.effects(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_row_of_another_release_is_left_alone() {
    let bench = Bench::new();
    let unknown = Row::Unknown {
        what: "the row has version 2".to_owned(),
    };
    bench
        .ledger
        .inner()
        .put_row(key_of("book", "o"), unknown.clone());
    let called = bench.call(&bench.process(), &order("o"), 0).await;
    assert_eq!(called, Err(NotBegun::RowUnknown));
    assert_eq!(
        bench.ledger.inner().row(&key_of("book", "o")),
        Some(unknown)
    );
}

#[tokio::test(start_paused = true)]
async fn what_took_processes_down_three_times_is_dead() {
    let bench = Bench::new();
    for n in 0..3 {
        let hang = async |_: Claimed| {
            bench.effect();
            std::future::pending::<Result<u32, Failure>>().await
        };
        let once = bench.process();
        let payload = order("o");
        let hanging = once.run(&payload, bench.deadline(), hang);
        let _ = tokio::time::timeout(Duration::from_secs(1), hanging).await;
        assert_eq!(bench.row("o").crashes, n);
        bench.after_the_lease("o").await;
    }
    let dead = Ok(Effect::Dead {
        reason: DeadReason::Crashed,
        failure: None,
    });
    for _ in 0..2 {
        assert_eq!(bench.call(&bench.process(), &order("o"), 0).await, dead);
    }
    assert_eq!(bench.effects(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_known_row_is_what_a_second_release_reads() {
    let bench = Bench::new();
    done(
        bench
            .call(&bench.process(), &order("o"), json!({"n": null}))
            .await,
    );
    let row = bench.row("o");
    let (key, result) = (row.key.clone(), row.result.clone());
    assert_eq!(result.as_deref(), Some(r#"{"n":null}"#));
    assert_eq!(bench.ledger.inner().row(&key), Some(known(row)));
}

//! What a process remembers of rows that have ended.

use waybill_core::ledger::Status;
use waybill_core::outcome::DeadReason;

use super::*;

/// Requests made by something.
async fn requests<T>(bench: &Bench, what: impl Future<Output = T>) -> (T, usize) {
    let before = bench.ledger.inner().counts().requests();
    let answer = what.await;
    (answer, bench.ledger.inner().counts().requests() - before)
}

#[tokio::test(start_paused = true)]
async fn a_replay_from_memory_asks_the_ledger_nothing_g17() {
    let bench = Bench::new();
    let process = bench.process();
    done(bench.call(&process, &order("o"), 1).await);
    let (again, asked) = requests(&bench, bench.call(&process, &order("o"), 2)).await;
    assert_eq!((replayed(again), asked), (1, 0), "done here");
    let other = bench.process();
    let (again, asked) = requests(&bench, bench.call(&other, &order("o"), 2)).await;
    assert_eq!((replayed(again), asked), (1, 2), "done elsewhere");
    let (again, asked) = requests(&bench, bench.call(&other, &order("o"), 2)).await;
    assert_eq!((replayed(again), asked), (1, 0), "read before");
}

#[tokio::test(start_paused = true)]
async fn the_dead_are_remembered_too() {
    let bench = Bench::new();
    let process = bench.process();
    let failure = Failure::rejected("no", "never");
    let _ = bench.fail(&process, &order("o"), failure).await;
    let (again, asked) = requests(&bench, bench.call(&process, &order("o"), 2)).await;
    let reason = DeadReason::Rejected;
    assert!(matches!(again, Ok(Effect::Dead { reason: r, .. }) if r == reason));
    assert_eq!(asked, 0);
}

#[tokio::test(start_paused = true)]
async fn what_failed_or_is_busy_is_not_remembered() {
    let bench = Bench::new();
    let process = bench.process();
    let failure = Failure::transient("down", "not now");
    let _ = bench.fail(&process, &order("o"), failure).await;
    let work = async |_: Claimed| {
        let inside = bench.call(&process, &order("o"), 0).await;
        assert!(matches!(inside, Ok(Effect::Busy { .. })), "{inside:?}");
        bench.effect();
        Ok(1)
    };
    done(process.run(&order("o"), bench.deadline(), work).await);
    assert_eq!(bench.effects(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_compared_with_the_payload() {
    let bench = Bench::new();
    let process = bench.process().agreeing_in(expression("amount"));
    let payload = |amount: u32| json!({"id": "o", "amount": amount});
    done(bench.call(&process, &payload(5), 1).await);
    let (other, asked) = requests(&bench, bench.call(&process, &payload(6), 2)).await;
    assert_eq!((other, asked), (Ok(Effect::Conflict), 0));
    assert_eq!(replayed(bench.call(&process, &payload(5), 2).await), 1);
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_is_remembered_no_longer() {
    let bench = Bench::new();
    let process = bench.process().on_terms(Terms {
        time_to_live: Duration::from_secs(600),
        ..Terms::default()
    });
    done(bench.call(&process, &order("o"), 1).await);
    tokio::time::sleep(Duration::from_secs(599)).await;
    assert_eq!(replayed(bench.call(&process, &order("o"), 2).await), 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        done(bench.call(&process, &order("o"), 2).await),
        2,
        "though not swept"
    );
    assert_eq!(bench.row("o").status, Status::Completed);
    assert_eq!(replayed(bench.call(&process, &order("o"), 3).await), 2);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_remembered_than_told() {
    let bench = Bench::new();
    let process = bench.process().remembering(2);
    for id in ["a", "b", "c"] {
        done(bench.call(&process, &order(id), id.to_owned()).await);
    }
    for (id, expected) in [("c", 0), ("b", 0), ("a", 2)] {
        let payload = order(id);
        let call = bench.call(&process, &payload, String::new());
        let (again, asked) = requests(&bench, call).await;
        assert_eq!((replayed(again).as_str(), asked), (id, expected));
    }
    let none = bench.process().remembering(0);
    done(bench.call(&none, &order("d"), 1).await);
    let (again, asked) = requests(&bench, bench.call(&none, &order("d"), 2)).await;
    assert_eq!((replayed(again), asked), (1, 2));
}

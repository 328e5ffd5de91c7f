//! Many calls of few keys by several processes, under faults that chance decides: whatever
//! happens, no work runs beside another of its key, what is recorded as done stays done, and an
//! effect happens again only after one that the ledger could not be told of.

use std::cell::RefCell;
use std::collections::BTreeMap;

use waybill_core::ledger::Status;
use waybill_engine::once::Unwritten;
use waybill_testkit::{Call, Fault, Trouble};

use super::*;

/// How many seeds are played.
const SEEDS: u64 = 400;

/// What happened to one key.
#[derive(Debug, Default)]
struct Account {
    /// Works that run at this moment.
    running: u32,
    /// Values of effects, in their order.
    effects: Vec<u64>,
    /// Values that the ledger is said to have.
    recorded: Vec<u64>,
    /// Values that the ledger was not told of: unrecorded, or of a call that was dropped.
    untold: Vec<u64>,
    /// Values that repeats were answered with.
    replayed: Vec<u64>,
    /// Whether a call was refused for good.
    dead: bool,
}

/// Counts down when the work ends, or is dropped.
struct Running<'a>(&'a RefCell<BTreeMap<String, Account>>, String);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.0.borrow_mut().get_mut(&self.1) {
            account.running -= 1;
        }
    }
}

/// A number below `below`.
fn chance(bench: &Bench, below: u64) -> u64 {
    bench.ambient.random() % below
}

/// Some time up to so many milliseconds.
fn time(bench: &Bench, ms: u64) -> Duration {
    Duration::from_millis(chance(bench, ms))
}

/// A fault for a call of the ledger.
fn fault(bench: &Bench) -> Fault {
    match chance(bench, 12) {
        0 => Fault::refused(),
        1 => Fault::lost_reply(),
        2 => Fault::Before(Trouble::Permanent),
        3 => Fault::slow(time(bench, 9_000)),
        4 => Fault::DelayBefore(time(bench, 9_000), Box::new(Fault::lost_reply())),
        5 => Fault::DelayBefore(time(bench, 9_000), Box::new(Fault::Pass)),
        _ => Fault::Pass,
    }
}

/// One call: it begins some time, and may be dropped before its end.
async fn one_call(
    bench: &Bench,
    process: &Booking,
    accounts: &RefCell<BTreeMap<String, Account>>,
    number: u64,
) {
    tokio::time::sleep(time(bench, 120_000)).await;
    let id = format!("k-{}", chance(bench, 2));
    let takes = time(bench, 20_000);
    let end = chance(bench, 10);
    let lasts = Duration::from_secs(5) + time(bench, 40_000);
    let work = async |_: Claimed| {
        let began = Running(accounts, id.clone());
        {
            let mut accounts = accounts.borrow_mut();
            let account = accounts.entry(id.clone()).or_default();
            account.running += 1;
            assert_eq!(account.running, 1, "two works of one key at once");
            assert!(account.recorded.is_empty(), "what is recorded runs again");
            assert!(!account.dead, "what is dead runs again");
        }
        tokio::time::sleep(takes).await;
        drop(began);
        let mut accounts = accounts.borrow_mut();
        let account = accounts.entry(id.clone()).or_default();
        match end {
            0 => Err(Failure::transient("down", "not now")),
            1 => Err(Failure::transient_for(takes, "down", "not now")),
            2 => Err(Failure::unknown("lost", "no answer")),
            3 if number.is_multiple_of(4) => Err(Failure::rejected("no", "never")),
            _ => {
                account.effects.push(number);
                // Until the ledger is known to say so.
                account.untold.push(number);
                Ok(number)
            }
        }
    };
    let payload = order(&id);
    let deadline = bench.now().after(lasts);
    let call = process.run(&payload, deadline, work);
    let dropped = match chance(bench, 6) {
        0 => time(bench, 30_000),
        _ => lasts,
    };
    let Ok(called) = tokio::time::timeout(dropped, call).await else {
        return;
    };
    assert!(bench.now() <= deadline, "past the deadline");
    let mut accounts = accounts.borrow_mut();
    let account = accounts.entry(id).or_default();
    match called {
        Ok(Effect::Done { value, .. }) => {
            assert_eq!(value, number);
            account.untold.retain(|untold| *untold != value);
            account.recorded.push(value);
        }
        Ok(Effect::Unrecorded { value, why }) => {
            assert_eq!(value, number);
            assert!(matches!(why, Unwritten::Unconfirmed(_) | Unwritten::Fenced));
        }
        Ok(Effect::Replayed { value }) => account.replayed.push(value),
        Ok(Effect::Dead { .. }) => account.dead = true,
        Ok(Effect::Failed { .. } | Effect::Busy { .. } | Effect::NotDue { .. }) => {}
        Err(NotBegun::TooLate | NotBegun::Ledger(_)) => {}
        other => panic!("nothing else can be: {other:?}"),
    }
}

/// Plays one seed; how many effects, and how many of them the ledger was not told of.
async fn play(seed: u64) -> (usize, usize) {
    let bench = Bench::seeded(seed);
    let accounts = RefCell::default();
    let processes: Vec<_> = (0..3)
        .map(|_| {
            let lease = match chance(&bench, 2) {
                0 => None,
                _ => Some(Duration::from_secs(3 + chance(&bench, 8))),
            };
            bench.process().on_terms(Terms {
                lease,
                wait: time(&bench, 10_000),
                ..Terms::default()
            })
        })
        .collect();
    for call in [Call::Write, Call::Read] {
        for _ in 0..60 {
            bench.ledger.next(call, fault(&bench));
        }
    }
    let calls = (0..16).map(|number| {
        let process = &processes[usize::try_from(number % 3).unwrap()];
        one_call(&bench, process, &accounts, number)
    });
    futures_util::future::join_all(calls).await;
    let (mut effects, mut untold) = (0, 0);
    for (id, account) in accounts.into_inner() {
        effects += account.effects.len();
        untold += account.untold.len();
        judge(&bench, &id, &account).await;
    }
    (effects, untold)
}

/// What must hold of one key in the end, when nothing fails any more.
async fn judge(bench: &Bench, id: &str, account: &Account) {
    assert_eq!(account.running, 0);
    assert!(account.recorded.len() <= 1, "{account:?}");
    let told = account.effects.len() - account.untold.len();
    assert_eq!(told, account.recorded.len(), "{account:?}");
    for value in &account.replayed {
        assert!(account.effects.contains(value), "{account:?}");
    }
    let all_alike = account.replayed.windows(2).all(|two| two[0] == two[1]);
    assert!(all_alike, "{account:?}");
    if let (Some(recorded), Some(replayed)) = (account.recorded.first(), account.replayed.first()) {
        assert_eq!(recorded, replayed);
    }
    while bench.ledger.pending(Call::Write) + bench.ledger.pending(Call::Read) > 0 {
        let _ = bench.call(&bench.process(), &order("other"), 0).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    tokio::time::sleep(Duration::from_secs(120)).await;
    let last = bench.call(&bench.process(), &order(id), u64::MAX).await;
    let row = bench.row(id);
    match last {
        Ok(Effect::Done { value, .. }) => {
            assert!(account.recorded.is_empty() && account.replayed.is_empty());
            assert_eq!(value, u64::MAX);
            assert!(!account.dead);
        }
        Ok(Effect::Replayed { value }) => {
            assert!(account.effects.contains(&value), "{account:?}");
            assert!(account.recorded.iter().all(|recorded| *recorded == value));
            assert!(account.replayed.iter().all(|replayed| *replayed == value));
            assert_eq!(row.status, Status::Completed);
        }
        Ok(Effect::Dead { .. }) => {
            assert!(account.recorded.is_empty() && account.replayed.is_empty());
            assert_eq!(row.status, Status::Dead);
        }
        other => panic!("it cannot stay like this: {other:?} {row:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_an_effect_is_repeated_only_where_the_ledger_was_not_told() {
    let (mut effects, mut untold) = (0, 0);
    for seed in 0..SEEDS {
        let played = std::panic::AssertUnwindSafe(play(seed));
        let played = futures_util::FutureExt::catch_unwind(played).await;
        let (some, of_them) = played.unwrap_or_else(|_| panic!("seed {seed}"));
        effects += some;
        untold += of_them;
    }
    assert!(
        effects > 300 && untold > 20,
        "{effects} effects, {untold} untold"
    );
}

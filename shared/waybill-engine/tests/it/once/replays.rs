//! What a repeat is answered with, and what counts as a repeat.

use std::collections::HashMap;
use std::sync::Mutex;

use serde::ser::{Error as _, Serializer};

use waybill_core::ledger::Status;
use waybill_core::limit::RESULT_MAX;
use waybill_core::once::{Kept, MissingKey, Results};
use waybill_core::outcome::{DeadReason, Outcome};
use waybill_engine::once::NoValue;

use super::*;

#[tokio::test(start_paused = true)]
async fn every_json_value_replays_as_it_was_g26() {
    let bench = Bench::new();
    let values = [
        json!(null),
        json!(0),
        json!(0.0),
        json!(-0.0),
        json!(false),
        json!(""),
        json!([]),
        json!({}),
        json!([null]),
        json!({"a": [1.5, u64::MAX, i64::MIN, "naïve 🚚 \u{0}"]}),
        json!("null"),
    ];
    for (n, value) in values.into_iter().enumerate() {
        let payload = json!({"id": n});
        let first = bench.call(&bench.process(), &payload, value.clone()).await;
        assert_eq!(done(first), value);
        let second = bench.call(&bench.process(), &payload, json!("other")).await;
        assert_eq!(replayed(second), value);
        assert_eq!(bench.effects(), u32::try_from(n).unwrap() + 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_and_none_replay_as_they_were_g26() {
    let bench = Bench::new();
    done(bench.call(&bench.process(), &order("unit"), ()).await);
    replayed(bench.call(&bench.process(), &order("unit"), ()).await);
    done(
        bench
            .call(&bench.process(), &order("none"), None::<u32>)
            .await,
    );
    let second = bench.call(&bench.process(), &order("none"), Some(7)).await;
    assert_eq!(replayed(second), None);
    assert_eq!(bench.effects(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_long_completes_without_it_g12() {
    let bench = Bench::new();
    let once = bench.process().keeping(Results::Store { most: 10 });
    let called = bench
        .call(&once, &order("o"), "0123456789".to_owned())
        .await;
    let Ok(Effect::Done { kept, .. }) = called else {
        panic!("{called:?}");
    };
    assert_eq!(kept, Kept::TooLarge { bytes: 12 });
    let row = bench.row("o");
    assert_eq!((row.status, row.result), (Status::Completed, None));
    let again = bench.call(&once, &order("o"), String::new()).await;
    let why = NoValue::NotKept;
    assert_eq!(again, Ok(Effect::ReplayedWithoutValue { why }));
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_longest_result_there_may_be_is_kept_whole_g12() {
    let bench = Bench::new();
    let once = bench.process().keeping(Results::Store { most: usize::MAX });
    let longest = "r".repeat(RESULT_MAX - 2);
    assert_eq!(
        done(bench.call(&once, &order("o"), longest.clone()).await),
        longest
    );
    assert_eq!(
        replayed(bench.call(&once, &order("o"), String::new()).await),
        longest
    );
    let longer = "r".repeat(500 * 1024);
    assert_eq!(
        done(bench.call(&once, &order("p"), longer.clone()).await),
        longer
    );
    assert_eq!(bench.row("p").status, Status::Completed);
}

/// A value whose `Serialize` fails, or panics.
#[derive(Debug, PartialEq, serde::Deserialize)]
enum Bad {
    Fails,
    Panics,
    NotANumber(HashMap<String, f64>),
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fails => Err(S::Error::custom("not today")),
            Self::Panics => panic!("scripted"),
            Self::NotANumber(map) => map.serialize(serializer),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_is_no_json_completes_without_it_g12() {
    let bench = Bench::new();
    let not_a_number = HashMap::from([("n".to_owned(), f64::NAN)]);
    let bad = [Bad::Fails, Bad::Panics, Bad::NotANumber(not_a_number)];
    for (n, value) in bad.into_iter().enumerate() {
        let payload = order(&n.to_string());
        let called = bench.call(&bench.process(), &payload, value).await;
        let Ok(Effect::Done { kept, .. }) = called else {
            panic!("{called:?}");
        };
        assert_eq!(kept, Kept::Unserialisable);
        let again = bench.call(&bench.process(), &payload, Bad::Fails).await;
        let why = NoValue::NotKept;
        assert_eq!(again, Ok(Effect::ReplayedWithoutValue { why }));
    }
    assert_eq!(bench.effects(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_result_of_another_type_is_told_and_nothing_is_run() {
    let bench = Bench::new();
    done(
        bench
            .call(&bench.process(), &order("o"), "text".to_owned())
            .await,
    );
    let again = bench.call(&bench.process(), &order("o"), 7_u32).await;
    let Ok(Effect::ReplayedWithoutValue { why }) = again else {
        panic!("{again:?}");
    };
    assert!(matches!(why, NoValue::Unreadable(_)), "{why:?}");
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_to_be_forgotten_is_not_stored() {
    let bench = Bench::new();
    let once = bench.process().keeping(Results::Forget);
    let called = bench.call(&once, &order("o"), "secret".to_owned()).await;
    let Ok(Effect::Done { kept, .. }) = called else {
        panic!("{called:?}");
    };
    assert_eq!((kept, bench.row("o").result), (Kept::Forgotten, None));
    let again = bench
        .call(&bench.process(), &order("o"), String::new())
        .await;
    let why = NoValue::NotKept;
    assert_eq!(again, Ok(Effect::ReplayedWithoutValue { why }));
}

#[tokio::test(start_paused = true)]
async fn other_data_under_a_key_is_a_conflict_while_it_runs_and_when_it_is_done_g27() {
    let bench = Bench::new();
    let process = || bench.process().agreeing_in(expression("amount"));
    let payload = |amount: u32| json!({"id": "o", "amount": amount});
    let during = async |_: Claimed| {
        bench.effect();
        let other = bench.call(&process(), &payload(6), 0).await;
        assert_eq!(other, Ok(Effect::Conflict), "in progress");
        let same = bench.call(&process(), &payload(5), 0).await;
        assert!(matches!(same, Ok(Effect::Busy { .. })), "{same:?}");
        Ok(1)
    };
    done(process().run(&payload(5), bench.deadline(), during).await);
    let other = bench.call(&process(), &payload(6), 0).await;
    assert_eq!(other, Ok(Effect::Conflict), "completed");
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn other_data_under_a_key_that_failed_or_died_is_a_conflict_g27() {
    let bench = Bench::new();
    let process = || bench.process().agreeing_in(expression("amount"));
    let payload = |id: &str, amount: u32| json!({"id": id, "amount": amount});
    let ends = [
        ("failed", Failure::transient("down", "not now")),
        ("dead", Failure::rejected("no", "never")),
    ];
    for (id, failure) in ends {
        let _ = bench.fail(&process(), &payload(id, 5), failure).await;
        let other = bench.call(&process(), &payload(id, 6), 0).await;
        assert_eq!(other, Ok(Effect::Conflict), "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeat_never_conflicts_whatever_else_of_it_changed_g27() {
    let bench = Bench::new();
    let process = || {
        bench
            .process()
            .agreeing_in(expression("{a: amount, u: unit}"))
    };
    let payload = json!({"id": "o", "amount": 5, "unit": "EUR", "at": 1});
    done(bench.call(&process(), &payload, 7).await);
    let same = process();
    for n in 0..5 {
        let text = format!(r#"{{"at":{n},"unit":"EUR","amount":5,"id":"o"}}"#);
        let payload: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(replayed(bench.call(&process(), &payload, 0).await), 7);
        assert_eq!(
            replayed(bench.call(&same, &payload, 0).await),
            7,
            "from memory"
        );
    }
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_part_to_agree_in_the_key_alone_decides_g27() {
    let bench = Bench::new();
    done(
        bench
            .call(&bench.process(), &json!({"id": "o", "at": 1}), 7)
            .await,
    );
    let again = bench
        .call(&bench.process(), &json!({"id": "o", "at": 2}), 8)
        .await;
    assert_eq!((replayed(again), bench.effects()), (7, 1));
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_is_no_json_is_refused_and_nothing_is_run() {
    let bench = Bench::new();
    let payload = HashMap::from([((1, 2), "a name that is no text")]);
    let work = async |_: Claimed| Ok(1);
    let called = bench.process().run(&payload, bench.deadline(), work).await;
    assert!(matches!(called, Err(NotBegun::Payload(_))), "{called:?}");
    assert!(bench.ledger.inner().rows().is_empty());
}

#[tokio::test(start_paused = true)]
async fn two_operations_of_one_key_both_run_g9() {
    let bench = Bench::new();
    let (book, bill) = (bench.operation("book"), bench.operation("bill"));
    assert_eq!(
        done(bench.call(&book, &order("o"), "booked".to_owned()).await),
        "booked"
    );
    assert_eq!(
        done(bench.call(&bill, &order("o"), "billed".to_owned()).await),
        "billed"
    );
    let again = bench.call(&book, &order("o"), String::new()).await;
    assert_eq!((replayed(again).as_str(), bench.effects()), ("booked", 2));
}

#[tokio::test(start_paused = true)]
async fn nested_operations_keep_their_own_rows_g7() {
    let bench = Bench::new();
    let (outer, inner) = (bench.operation("outer"), bench.operation("inner"));
    let work = async |_: Claimed| {
        let value = done(bench.call(&inner, &order("o"), "inner".to_owned()).await);
        assert_eq!(value, "inner");
        bench.effect();
        Ok("outer".to_owned())
    };
    done(outer.run(&order("o"), bench.deadline(), work).await);
    for (name, once) in [("outer", outer), ("inner", inner)] {
        let row = bench.row_of(name, "o");
        assert_eq!(row.result, Some(format!("\"{name}\"")));
        let again = bench.call(&once, &order("o"), String::new()).await;
        assert_eq!(replayed(again), name);
    }
    assert_eq!(bench.effects(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_side_by_side_keep_their_own_rows_g7() {
    let bench = Bench::new();
    let once = bench.process();
    let one = async |n: usize| {
        let work = async |_: Claimed| {
            let slow = u64::try_from(20 - n).unwrap();
            tokio::time::sleep(Duration::from_millis(slow)).await;
            bench.effect();
            Ok(n)
        };
        let payload = order(&n.to_string());
        let called = once.run(&payload, bench.deadline(), work);
        assert_eq!(done(called.await), n);
    };
    futures_util::future::join_all((0..20).map(one)).await;
    for n in 0..20 {
        assert_eq!(bench.row(&n.to_string()).result, Some(n.to_string()));
    }
    assert_eq!(bench.effects(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_payload_that_the_work_changes_completes_the_row_it_was_claimed_for_g14() {
    let bench = Bench::new();
    let payload = Mutex::new(order("before"));
    let work = async |_: Claimed| {
        *payload.lock().unwrap() = order("after");
        bench.effect();
        Ok(1)
    };
    done(bench.process().run(&payload, bench.deadline(), work).await);
    assert_eq!(bench.row("before").status, Status::Completed);
    assert_eq!(bench.ledger.inner().rows().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_payload_without_a_key_is_refused_and_nothing_is_run_g8() {
    let bench = Bench::new();
    let once = bench.keyed("book", "[tenant, id]");
    for payload in [
        json!({}),
        json!({"id": null, "tenant": ""}),
        json!([]),
        json!(null),
    ] {
        let called = bench.call(&once, &payload, 0).await;
        let why = "key `[tenant, id]` is not in the payload".to_owned();
        assert_eq!(called, Err(NotBegun::KeyMissing(why)), "{payload}");
    }
    assert_eq!(
        (bench.effects(), bench.ledger.inner().counts().requests()),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn payloads_without_a_key_share_no_row_where_they_run_unguarded_g8() {
    let bench = Bench::new();
    let once = bench.process().on_missing_key(MissingKey::RunUnguarded);
    let mut keys = Vec::new();
    for n in 0..2 {
        let work = async |claimed: Claimed| {
            bench.effect();
            keys.push(claimed.idempotency_key);
            Ok(n)
        };
        let called = once.run(&json!({}), bench.deadline(), work).await;
        assert_eq!(called, Ok(Effect::Unguarded { value: n }));
    }
    assert_ne!(keys[0], keys[1]);
    assert_eq!(bench.effects(), 2);
    assert!(bench.ledger.inner().rows().is_empty());
    let fault = bench.call(&once, &json!({"id": 1e300}), 0).await;
    assert!(matches!(fault, Err(NotBegun::Payload(_))), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final_and_is_told_to_every_repeat() {
    let bench = Bench::new();
    let failure = Failure::rejected("no_funds", "the account is empty");
    let dead = Ok(Effect::Dead {
        reason: DeadReason::Rejected,
        failure: Some(failure.clone()),
    });
    let once = bench.process();
    assert_eq!(bench.fail(&once, &order("o"), failure).await, dead);
    for process in [once, bench.process()] {
        let again = bench.call(&process, &order("o"), json!(1)).await;
        assert_eq!(again, dead);
    }
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_never_runs_the_operation_again_within_the_call_g16() {
    let bench = Bench::new();
    for n in 1..=3 {
        let failure = Failure::transient("down", "not now");
        let called = bench
            .fail(&bench.process(), &order("o"), failure.clone())
            .await;
        let again_at = bench.now();
        assert_eq!(called, Ok(Effect::Failed { failure, again_at }));
        assert_eq!(bench.effects(), n, "one run for each call");
        assert_eq!(bench.row("o").routes[0].attempts, n);
    }
    let work = async |claimed: Claimed| Ok(claimed.attempt);
    let called = bench
        .process()
        .run(&order("o"), bench.deadline(), work)
        .await;
    assert_eq!(done(called), 4);
}

#[tokio::test(start_paused = true)]
async fn an_inner_ledger_fault_runs_the_outer_operation_once_g16() {
    let bench = Bench::new();
    let (outer, inner) = (bench.operation("outer"), bench.operation("inner"));
    let work = async |_: Claimed| {
        bench.effect();
        bench.ledger.always(
            waybill_testkit::Call::Write,
            waybill_testkit::Fault::refused(),
        );
        let inside = bench.call(&inner, &order("o"), 0).await;
        bench
            .ledger
            .always(waybill_testkit::Call::Write, waybill_testkit::Fault::Pass);
        let fault = inside.expect_err("no claim");
        Err::<u32, _>(Failure::transient("inner", fault.to_string()))
    };
    let called = outer.run(&order("o"), bench.deadline(), work).await;
    assert!(matches!(called, Ok(Effect::Failed { .. })), "{called:?}");
    assert_eq!(bench.effects(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failure_may_say_not_before() {
    let bench = Bench::new();
    let wait = Duration::from_secs(30);
    let failure = Failure::transient_for(wait, "busy", "later");
    let until = bench.now().after(wait);
    let _ = bench.fail(&bench.process(), &order("o"), failure).await;
    let early = bench.call(&bench.process(), &order("o"), 1).await;
    assert_eq!(early, Ok(Effect::NotDue { until }));
    tokio::time::sleep(wait).await;
    done(bench.call(&bench.process(), &order("o"), 1).await);
    assert_eq!(bench.effects(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_async_operation_is_awaited_under_its_claim_g15() {
    let bench = Bench::new();
    let work = async |_: Claimed| {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(bench.row("o").status, Status::InProgress);
        bench.effect();
        Ok(bench.effects())
    };
    let called = bench
        .process()
        .run(&order("o"), bench.deadline(), work)
        .await;
    assert_eq!(done(called), 1);
    assert_eq!(bench.row("o").status, Status::Completed);
}

#[tokio::test(start_paused = true)]
async fn every_key_has_a_partition_key_of_its_own_g24() {
    let bench = Bench::new();
    for n in 0..50 {
        done(
            bench
                .call(&bench.process(), &order(&n.to_string()), n)
                .await,
        );
    }
    let rows = bench.ledger.inner().rows();
    assert_eq!(rows.len(), 50);
    assert!(
        rows.contains_key(&key_of("book", "49")),
        "consumer, operation, key"
    );
}

#[tokio::test(start_paused = true)]
async fn every_try_carries_the_same_idempotency_key_and_no_other_call_does() {
    let bench = Bench::new();
    let key = async |operation: &str, id: &str| {
        let mut key = String::new();
        let work = async |claimed: Claimed| {
            key = claimed.idempotency_key;
            Err::<(), _>(Failure::unknown("lost", "no answer"))
        };
        let once = bench.operation(operation);
        let called = once.run(&order(id), bench.deadline(), work).await;
        let Ok(Effect::Failed { failure, .. }) = called else {
            panic!("{called:?}");
        };
        assert_eq!(failure.attempt().outcome, Outcome::Unknown);
        key
    };
    let first = key("book", "o").await;
    assert_eq!((first.len(), key("book", "o").await), (64, first.clone()));
    assert_ne!(key("book", "p").await, first);
    assert_ne!(key("bill", "o").await, first);
}

#[tokio::test(start_paused = true)]
async fn a_typed_payload_and_a_typed_result_will_do() {
    #[derive(Serialize)]
    struct Order<'a> {
        id: &'a str,
    }
    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct Receipt {
        number: u64,
    }
    let bench = Bench::new();
    let first = bench.process();
    let work = async |_: Claimed| Ok(Receipt { number: 7 });
    let called = first.run(&Order { id: "o" }, bench.deadline(), work).await;
    assert_eq!(done(called), Receipt { number: 7 });
    let again = bench
        .call(&bench.process(), &order("o"), Receipt { number: 8 })
        .await;
    assert_eq!(again.unwrap().value(), Some(Receipt { number: 7 }));
}

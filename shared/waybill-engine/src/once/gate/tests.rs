//! Facts about turns.

use futures_util::future::{join, join_all};
use tokio::time::{Instant, sleep};

use waybill_testkit::fixtures::key;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn turns_of_one_key_come_one_after_the_other_and_of_two_side_by_side() {
    let gate = Gate::default();
    let began = Instant::now();
    let turn = async |name: &str| {
        let turn = gate.enter(&key(name), SECOND * 10).await;
        assert!(turn.is_some());
        sleep(SECOND).await;
    };
    join_all(["a", "b", "a", "b", "a"].map(turn)).await;
    assert_eq!(began.elapsed(), SECOND * 3);
    assert!(gate.turns().is_empty(), "nothing is left behind");
}

#[tokio::test(start_paused = true)]
async fn who_waits_too_long_has_no_turn_and_leaves_nothing_behind() {
    let gate = Gate::default();
    let slow = async {
        let _turn = gate.enter(&key("a"), SECOND).await;
        sleep(SECOND * 5).await;
    };
    let short = async {
        sleep(SECOND).await;
        assert!(gate.enter(&key("a"), SECOND).await.is_none());
        assert_eq!(gate.turns().len(), 1, "the slow one's");
    };
    join(slow, short).await;
    assert!(gate.turns().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_leaves_nothing_behind() {
    let gate = Gate::default();
    let turn = gate.enter(&key("a"), SECOND).await;
    let _ = timeout(SECOND, gate.enter(&key("a"), SECOND * 60)).await;
    drop(turn);
    assert!(gate.turns().is_empty());
    assert!(gate.enter(&key("a"), SECOND).await.is_some());
}

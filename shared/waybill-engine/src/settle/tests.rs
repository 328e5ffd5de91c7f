//! Groups of writes: who shares one, when it goes, and what its answers mean.

use std::collections::VecDeque;
use std::sync::Mutex;

use futures_util::future::{join, join_all};
use tokio::time::{sleep, timeout};

use waybill_core::id::LedgerKey;
use waybill_core::ledger::Status;
use waybill_testkit::fixtures::{NOW, claimed, moved, owner};

use super::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How one write is answered; with success where a script says nothing.
type Answer = Result<Written, StoreError>;

/// A ledger whose writes are answered from a script, and noted.
struct Writes {
    began: Instant,
    answers: Mutex<VecDeque<Vec<Answer>>>,
    asked: Mutex<Vec<(u128, Vec<String>)>>,
    takes: Duration,
    /// What stands there when it is read.
    rows: Vec<Record>,
    read: Mutex<Vec<LedgerKey>>,
}

impl Writes {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            answers: Mutex::default(),
            asked: Mutex::default(),
            takes: Duration::ZERO,
            rows: Vec::new(),
            read: Mutex::default(),
        }
    }

    fn holding(mut self, row: Record) -> Self {
        self.rows.push(row);
        self
    }

    fn taking(mut self, takes: Duration) -> Self {
        self.takes = takes;
        self
    }

    fn answer(self, answers: Vec<Answer>) -> Self {
        self.answers.lock().unwrap().push_back(answers);
        self
    }

    /// When each group was written, and how many were in it.
    fn groups(&self) -> Vec<(u128, usize)> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(at, of)| (*at, of.len())).collect()
    }

    /// Runs a desk over this ledger, for ten seconds at most, until `doing` has ended.
    async fn with_desk<T>(&self, doing: impl AsyncFnOnce(&Desk) -> T) -> T {
        let (desk, jobs) = Desk::new();
        let until = NOW.after(ms(10_000));
        tokio::select! {
            () = drive(self, self, &desk, jobs, until) => panic!("the desk is still there"),
            done = doing(&desk) => done,
        }
    }
}

impl Ambient for Writes {
    fn now(&self) -> Timestamp {
        NOW.after(self.began.elapsed())
    }

    fn random(&self) -> u64 {
        0
    }
}

impl Ledger for Writes {
    async fn write(&self, writes: &[Write]) -> Vec<Answer> {
        let key = |write: &Write| match write {
            Write::Settle { next, .. } | Write::Insert(next) => next.key.as_str().to_owned(),
            Write::TakeOver { .. } => panic!("no settle"),
        };
        let keys = writes.iter().map(key).collect();
        let at = self.began.elapsed().as_millis();
        self.asked.lock().unwrap().push((at, keys));
        let said = self.answers.lock().unwrap().pop_front();
        sleep(self.takes).await;
        said.unwrap_or_else(|| vec![Ok(Written::Done(None)); writes.len()])
    }

    async fn read(&self, keys: &[LedgerKey]) -> Vec<Result<Option<Row>, StoreError>> {
        self.read.lock().unwrap().extend_from_slice(keys);
        let row = |key: &LedgerKey| self.rows.iter().find(|row| row.key == *key);
        let row = |key| row(key).map(|row| Row::Known(Box::new(row.clone())));
        keys.iter().map(|key| Ok(row(key))).collect()
    }
}

/// Settles the `n`th event as completed.
async fn settle(desk: &Desk, n: usize) -> Settled {
    let held = claimed(&format!("e{n}"), 1);
    desk.settle(held.fence(), moved(&held, Status::Completed))
        .await
}

/// Settles so many at once.
async fn settle_all(desk: &Desk, numbers: std::ops::Range<usize>) {
    let settling = join_all(numbers.map(|n| settle(desk, n))).await;
    assert!(settling.iter().all(|end| matches!(end, Settled::Written)));
}

fn for_now() -> Answer {
    Err(StoreError::unanswered())
}

fn wrong() -> Answer {
    Err(StoreError {
        kind: StoreErrorKind::Permanent,
        ..StoreError::unanswered()
    })
}

/// The row as my write of the first event makes it.
fn mine() -> Record {
    moved(&claimed("e0", 1), Status::Completed)
}

/// What one write comes to whose answer is this.
async fn settled(answer: Answer) -> Settled {
    let ledger = Writes::new().answer(vec![answer]);
    let settled = ledger.with_desk(async |desk| settle(desk, 0).await).await;
    assert_eq!(ledger.groups().len(), 1);
    settled
}

#[tokio::test(start_paused = true)]
async fn what_ends_alone_is_written_at_once() {
    let ledger = Writes::new();
    ledger
        .with_desk(async |desk| settle_all(desk, 0..1).await)
        .await;
    assert_eq!(ledger.groups(), [(0, 1)]);
}

#[tokio::test(start_paused = true)]
async fn while_others_run_an_end_waits_ten_milliseconds_for_company() {
    let ledger = Writes::new();
    ledger
        .with_desk(async |desk| {
            let _others = desk.running();
            let soon = async {
                sleep(ms(6)).await;
                settle_all(desk, 1..3).await;
            };
            let later = async {
                sleep(ms(11)).await;
                settle_all(desk, 3..4).await;
            };
            join(settle_all(desk, 0..1), join(soon, later)).await;
        })
        .await;
    assert_eq!(ledger.groups(), [(10, 3), (21, 1)]);
}

#[tokio::test(start_paused = true)]
async fn when_the_last_of_the_others_ends_nobody_waits_any_longer() {
    let ledger = Writes::new();
    ledger
        .with_desk(async |desk| {
            let others = (desk.running(), desk.running());
            let ending = async {
                sleep(ms(2)).await;
                drop(others.0);
                sleep(ms(2)).await;
                drop(others.1);
            };
            join(settle_all(desk, 0..1), ending).await;
        })
        .await;
    assert_eq!(ledger.groups(), [(4, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_full_group_goes_at_once_and_the_rest_in_the_next() {
    let ledger = Writes::new();
    ledger
        .with_desk(async |desk| {
            let _others = desk.running();
            settle_all(desk, 0..24).await;
            settle_all(desk, 0..25).await;
            settle_all(desk, 0..60).await;
        })
        .await;
    assert_eq!(
        ledger.groups(),
        [(10, 24), (10, 25), (10, 25), (10, 25), (20, 10)]
    );
}

#[tokio::test(start_paused = true)]
async fn full_groups_are_written_side_by_side_and_the_rest_waits_for_them() {
    let ledger = Writes::new().taking(ms(100));
    ledger
        .with_desk(async |desk| settle_all(desk, 0..60).await)
        .await;
    assert_eq!(ledger.groups(), [(0, 25), (0, 25), (100, 10)]);
}

#[tokio::test(start_paused = true)]
async fn what_ends_while_a_write_is_under_way_shares_the_next() {
    let ledger = Writes::new().taking(ms(100));
    ledger
        .with_desk(async |desk| {
            let meanwhile = async {
                sleep(ms(30)).await;
                join(settle_all(desk, 1..3), async {
                    sleep(ms(40)).await;
                    settle_all(desk, 3..5).await;
                })
                .await;
            };
            join(settle_all(desk, 0..1), meanwhile).await;
        })
        .await;
    assert_eq!(ledger.groups(), [(0, 1), (100, 4)]);
}

#[tokio::test(start_paused = true)]
async fn trouble_is_waited_out_longer_each_time_to_the_deadline() {
    let mut ledger = Writes::new();
    for _ in 0..100 {
        ledger = ledger.answer(vec![for_now()]);
    }
    let settled = ledger.with_desk(async |desk| settle(desk, 0).await).await;
    assert!(matches!(settled, Settled::Unconfirmed(_)), "{settled:?}");
    let at: Vec<_> = ledger.groups().iter().map(|(at, _)| *at).collect();
    assert_eq!(
        at,
        [
            0, 50, 150, 350, 750, 1_550, 3_150, 4_750, 6_350, 7_950, 9_550
        ],
        "at most 1.6 s apart, and none that would be too late"
    );
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_would_begin_at_the_deadline_is_too_late() {
    let mut ledger = Writes::new();
    for _ in 0..100 {
        ledger = ledger.answer(vec![for_now()]);
    }
    let (desk, jobs) = Desk::new();
    let driving = drive(&ledger, &ledger, &desk, jobs, NOW.after(ms(150)));
    tokio::select! {
        () = driving => {}
        end = settle(&desk, 0) => assert!(matches!(end, Settled::Unconfirmed(_))),
    }
    assert_eq!(ledger.groups(), [(0, 1), (50, 1)]);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_must_mend_is_tried_once_a_second() {
    let ledger = Writes::new().answer(vec![wrong()]).answer(vec![wrong()]);
    ledger
        .with_desk(async |desk| settle_all(desk, 0..1).await)
        .await;
    let at: Vec<_> = ledger.groups().iter().map(|(at, _)| *at).collect();
    assert_eq!(at, [0, 1_000, 2_000]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_holds_up_nothing_new_and_nothing_new_hastens_it() {
    let ledger = Writes::new().answer(vec![for_now(), Ok(Written::Done(None))]);
    ledger
        .with_desk(async |desk| {
            let new = async {
                sleep(ms(20)).await;
                settle_all(desk, 2..3).await;
            };
            join(settle_all(desk, 0..2), new).await;
        })
        .await;
    let asked = ledger.asked.lock().unwrap();
    let keys: Vec<_> = asked.iter().map(|(at, of)| (*at, of.join(" "))).collect();
    let expected = [(0, "test#e0 test#e1"), (20, "test#e2"), (50, "test#e0")];
    assert_eq!(keys, expected.map(|(at, of)| (at, of.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn what_gets_no_answer_is_written_again() {
    let ledger = Writes::new().answer(vec![Ok(Written::Done(None))]);
    ledger
        .with_desk(async |desk| settle_all(desk, 0..2).await)
        .await;
    assert_eq!(ledger.groups(), [(0, 2), (50, 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_shows_my_own_write_is_success_f40() {
    let shown = Row::Known(Box::new(mine()));
    let settled = settled(Ok(Written::Refused(Some(shown)))).await;
    assert!(matches!(settled, Settled::Written));
}

#[tokio::test(start_paused = true)]
async fn any_other_refusal_is_fenced_f39() {
    let others = Record {
        owner: owner(7),
        ..mine()
    };
    let later = Record { rev: 9, ..mine() };
    let unknown = Row::Unknown {
        what: "v 2".to_owned(),
    };
    let shown = |row| Some(Row::Known(Box::new(row)));
    for row in [shown(others), shown(later), Some(unknown), None] {
        let settled = settled(Ok(Written::Refused(row.clone()))).await;
        assert!(matches!(settled, Settled::Fenced), "{row:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_desk_that_nobody_drives_confirms_nothing() {
    let (desk, jobs) = Desk::new();
    drop(jobs);
    let settled = settle(&desk, 0).await;
    assert!(matches!(settled, Settled::Unconfirmed(_)));
}

#[tokio::test(start_paused = true)]
async fn the_writing_ends_when_nobody_can_hand_in_any_more() {
    let ledger = Writes::new();
    let (desk, jobs) = Desk::new();
    let (other, _jobs) = Desk::new();
    drop(desk);
    let driving = drive(&ledger, &ledger, &other, jobs, NOW.after(ms(10_000)));
    assert!(timeout(ms(1), driving).await.is_ok());
}

/// The first row of an event that was not claimed.
fn new_row(n: usize) -> Record {
    moved(&claimed(&format!("e{n}"), 1).unwritten(), Status::Completed)
}

fn refused() -> Answer {
    Ok(Written::Refused(None))
}

#[tokio::test(start_paused = true)]
async fn a_refused_insert_is_fenced_without_a_read_unless_it_may_have_won_f39() {
    let ledger = Writes::new().answer(vec![refused()]);
    let end = ledger
        .with_desk(async |desk| desk.settle(None, new_row(0)).await)
        .await;
    assert!(matches!(end, Settled::Fenced), "{end:?}");
    assert!(ledger.read.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn inserts_whose_replies_were_lost_are_read_in_one_request_and_known_f40() {
    let mut other = new_row(1);
    other.owner = owner(2);
    // The first had won, the second was another's all the time, the third is written now.
    let ledger = Writes::new()
        .answer(vec![for_now(), for_now(), for_now()])
        .answer(vec![refused(), refused(), Ok(Written::Done(None))])
        .holding(new_row(0))
        .holding(other);
    let ends = ledger
        .with_desk(async |desk| join_all((0..3).map(|n| desk.settle(None, new_row(n)))).await)
        .await;
    assert!(
        matches!(
            ends[..],
            [Settled::Written, Settled::Fenced, Settled::Written]
        ),
        "{ends:?}"
    );
    assert_eq!(ledger.groups(), [(0, 3), (50, 3)]);
    assert_eq!(ledger.read.lock().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_insert_that_is_refused_by_a_row_that_has_gone_is_tried_again_f40() {
    let ledger = Writes::new()
        .answer(vec![for_now()])
        .answer(vec![refused()]);
    let end = ledger
        .with_desk(async |desk| desk.settle(None, new_row(0)).await)
        .await;
    assert!(matches!(end, Settled::Written), "{end:?}");
    assert_eq!(ledger.groups().len(), 3);
}

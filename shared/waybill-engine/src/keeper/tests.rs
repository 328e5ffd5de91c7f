//! Renewals one by one: which share a request, what their answers say, and when they end.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use waybill_core::id::MessageId;

use super::*;
use crate::ports::{Outgoing, QueueError};

const PERIOD: Duration = Duration::from_secs(30);

/// How one request is answered.
enum Reply {
    /// Position by position, all well where it says nothing.
    Each(Vec<Result<(), QueueErrorKind>>),
    /// With this many answers only.
    Short(usize),
    After(Duration),
    /// Refused for now, so late.
    Fails(Duration),
    Never,
}

/// A queue whose renewals are answered from a script, and noted.
pub(crate) struct Renewals {
    ambient: Clock,
    replies: Mutex<VecDeque<Reply>>,
    /// When, and of which handles.
    asked: Mutex<Vec<(Duration, Vec<String>)>>,
}

/// Time since the test began.
pub(crate) struct Clock(Instant);

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_000_000).after(self.0.elapsed())
    }

    fn random(&self) -> u64 {
        0
    }
}

impl Renewals {
    pub(crate) fn new() -> Self {
        Self {
            ambient: Clock(Instant::now()),
            replies: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    fn reply(self, reply: Reply) -> Self {
        self.replies.lock().unwrap().push_back(reply);
        self
    }

    /// A keeper over it until far away.
    fn keeper(&self) -> Keeper<'_, Self, Clock> {
        let until = self.ambient.now().after(Duration::from_secs(900));
        let terms = Terms {
            period: PERIOD,
            until,
        };
        Keeper::new(self, &self.ambient, terms)
    }

    /// How large the requests were.
    fn sizes(&self) -> Vec<usize> {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .map(|(_, of)| of.len())
            .collect()
    }

    /// When a handle was asked for, in seconds.
    fn times(&self, handle: &str) -> Vec<u64> {
        let asked = self.asked.lock().unwrap();
        let of = asked
            .iter()
            .filter(|(_, of)| of.iter().any(|h| h == handle));
        of.map(|(at, _)| at.as_secs()).collect()
    }
}

impl Queue for Renewals {
    async fn receive(
        &self,
        _: usize,
        _: Duration,
        _: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        Ok(Vec::new())
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        let handles = changes.iter().map(|c| c.receipt_handle.0.clone());
        let at = self.ambient.0.elapsed();
        self.asked.lock().unwrap().push((at, handles.collect()));
        let reply = self.replies.lock().unwrap().pop_front();
        let mut answers = vec![Ok(()); changes.len()];
        match reply {
            None => {}
            Some(Reply::Each(each)) => {
                for (answer, said) in answers.iter_mut().zip(each) {
                    *answer = said.map_err(error);
                }
            }
            Some(Reply::Short(count)) => answers.truncate(count),
            Some(Reply::After(wait)) => sleep(wait).await,
            Some(Reply::Fails(wait)) => {
                sleep(wait).await;
                answers.fill(Err(error(QueueErrorKind::Transient)));
            }
            Some(Reply::Never) => std::future::pending().await,
        }
        answers
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        vec![Ok(()); handles.len()]
    }

    async fn send(&self, _: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        Vec::new()
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        Ok(true)
    }
}

fn error(kind: QueueErrorKind) -> QueueError {
    QueueError {
        kind,
        ..QueueError::unanswered()
    }
}

pub(crate) fn message(place: usize) -> Message {
    Message {
        message_id: MessageId::new(format!("m{place}")).unwrap(),
        receipt_handle: ReceiptHandle(format!("h{place}")),
        body: "".into(),
        receive_count: 1,
        sent: None,
        group_id: None,
        trace_header: None,
        attributes: [].into(),
        queue_arn: String::new(),
        moved_from: None,
    }
}

/// Holds a message received now for a whole period.
fn hold(keeper: &Keeper<'_, Renewals, Clock>, place: usize) -> Hold {
    let received = keeper.ambient.now();
    let visible_at = received.after(PERIOD);
    keeper.hold(
        place,
        &message(place),
        Holding {
            received,
            visible_at,
        },
    )
}

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

/// Keeps for this long.
async fn keep(keeper: &Keeper<'_, Renewals, Clock>, how_long: Duration) {
    assert!(timeout(how_long, keeper.keep()).await.is_err(), "for ever");
}

#[tokio::test(start_paused = true)]
async fn what_is_due_together_is_asked_for_at_once_in_tens() {
    let queue = Renewals::new();
    let keeper = queue.keeper();
    let holds: Vec<_> = (0..34).map(|place| hold(&keeper, place)).collect();
    keep(&keeper, secs(16)).await;
    assert_eq!(queue.sizes(), [10, 10, 10, 4]);
    assert_eq!(queue.times("h33"), [15]);
    assert_eq!(keeper.counts(), (34, 0));
    let until = keeper.ambient.now().after(PERIOD - secs(1));
    assert!(holds.iter().all(|hold| hold.until() == until));
}

#[tokio::test(start_paused = true)]
async fn what_will_soon_be_due_shares_a_request() {
    let queue = Renewals::new();
    let keeper = queue.keeper();
    let _first = hold(&keeper, 0);
    keep(&keeper, secs(3)).await;
    let _soon = hold(&keeper, 1);
    keep(&keeper, secs(1)).await;
    let _later = hold(&keeper, 2);
    keep(&keeper, secs(16)).await;
    assert_eq!(
        queue.times("h1"),
        [15],
        "three seconds early, with the first"
    );
    assert_eq!(queue.times("h2"), [19], "in its own time");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_keeps_no_other_from_being_renewed() {
    let queue = Renewals::new().reply(Reply::Never);
    let keeper = queue.keeper();
    let hung = hold(&keeper, 0);
    keep(&keeper, secs(7)).await;
    let other = hold(&keeper, 1);
    keep(&keeper, secs(59)).await;
    assert_eq!(queue.times("h0"), [15], "it is not asked for twice at once");
    assert_eq!(queue.times("h1"), [22, 37, 52]);
    let now = keeper.ambient.now();
    assert!(!hung.may_begin(now) && other.may_begin(now));
}

#[tokio::test(start_paused = true)]
async fn each_answer_is_of_the_message_at_its_position() {
    let lost = Err(QueueErrorKind::LeaseLost);
    let for_now = Err(QueueErrorKind::Transient);
    let wrong = Err(QueueErrorKind::Permanent);
    let each = Reply::Each(vec![Ok(()), lost, for_now, wrong]);
    let queue = Renewals::new().reply(each);
    let keeper = queue.keeper();
    let holds: Vec<_> = (0..5).map(|place| hold(&keeper, place)).collect();
    let first = holds[2].until();
    keep(&keeper, secs(15) + Duration::from_millis(100)).await;
    assert!(holds[0].until() > first && holds[4].until() > first);
    assert_eq!(holds[1].until(), Timestamp::default());
    assert_eq!(holds[2].until(), first, "not known yet");
    assert_eq!(holds[3].until(), Timestamp::default());
    assert_eq!(keeper.counts(), (2, 2));
    keep(&keeper, secs(60)).await;
    assert_eq!(queue.times("h2")[..2], [15, 16], "and tried again soon");
    assert!(holds[2].until() > first);
    assert_eq!((queue.times("h1"), queue.times("h3")), (vec![15], vec![15]));
}

#[tokio::test(start_paused = true)]
async fn what_gets_no_answer_is_tried_again() {
    let queue = Renewals::new().reply(Reply::Short(1));
    let keeper = queue.keeper();
    let holds: Vec<_> = (0..3).map(|place| hold(&keeper, place)).collect();
    keep(&keeper, secs(20)).await;
    assert_eq!(queue.sizes(), [3, 2]);
    assert!(
        holds
            .iter()
            .all(|hold| hold.may_begin(keeper.ambient.now()))
    );
}

#[tokio::test(start_paused = true)]
async fn who_lets_go_waits_for_a_renewal_on_its_way_and_no_more_follow_f03() {
    let queue = Renewals::new().reply(Reply::After(secs(5)));
    let keeper = queue.keeper();
    let held = hold(&keeper, 0);
    let _other = hold(&keeper, 1);
    let before = held.until();
    let letting_go = async {
        sleep(secs(16)).await;
        keeper.let_go(&[0, 7]).await;
        keeper.ambient.0.elapsed()
    };
    tokio::select! {
        () = keeper.keep() => {}
        at = letting_go => assert_eq!(at, secs(20)),
    }
    assert_eq!(held.until(), before, "nobody is told");
    keep(&keeper, secs(60)).await;
    assert_eq!(queue.times("h0"), [15]);
    assert!(queue.times("h1").len() > 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_while_its_renewal_is_on_its_way_leaves_nothing_behind() {
    let queue = Renewals::new().reply(Reply::After(secs(5)));
    let keeper = queue.keeper();
    let _held = hold(&keeper, 0);
    keep(&keeper, secs(14)).await;
    let forgetting = async {
        sleep(secs(2)).await;
        assert!(!keeper.forget(&[0]), "a renewal of it is on its way");
        sleep(secs(10)).await;
    };
    tokio::select! {
        () = keeper.keep() => {}
        () = forgetting => {}
    }
    assert!(keeper.kept().entries.is_empty());
    assert_eq!(queue.times("h0"), [15]);
}

#[tokio::test(start_paused = true)]
async fn trouble_that_lasts_past_the_end_loses_the_message() {
    let queue = Renewals::new();
    for _ in 0..50 {
        let for_now = vec![Err(QueueErrorKind::Transient)];
        queue
            .replies
            .lock()
            .unwrap()
            .push_back(Reply::Each(for_now));
    }
    let keeper = queue.keeper();
    let held = hold(&keeper, 0);
    keep(&keeper, secs(29)).await;
    assert_ne!(held.until(), Timestamp::default());
    let tries = queue.sizes().len();
    assert!((5..=20).contains(&tries), "{tries} tries");
    keep(&keeper, secs(60)).await;
    assert_eq!(held.until(), Timestamp::default());
    assert_eq!(keeper.counts(), (0, 1));
    assert!(queue.sizes().len() <= tries + 2, "and is asked for no more");
}

#[test]
fn nothing_begins_on_a_lease_that_ends_within_half_a_second_f04() {
    let end = Timestamp::from_secs(100);
    let hold = Hold::Fixed(end);
    let before = |ms| end.before(Duration::from_millis(ms));
    assert!(hold.may_begin(before(501)));
    assert!(!hold.may_begin(before(500)));
    assert!(!hold.may_begin(end));
}

#[tokio::test(start_paused = true)]
async fn only_what_the_keeper_holds_is_cut_off_at_its_leases_end_f04() {
    let queue = Renewals::new();
    let keeper = queue.keeper();
    let lease_until = Timestamp::from_secs(100);
    let margin = Duration::from_millis(500);
    let kept = hold(&keeper, 0).cut_at(lease_until);
    assert_eq!(kept, Some(lease_until.before(margin)));
    assert_eq!(Hold::Fixed(lease_until).cut_at(lease_until), None);
}

#[tokio::test(start_paused = true)]
async fn the_keeper_holds_what_was_neither_lost_nor_let_go() {
    let lost = Reply::Each(vec![Ok(()), Err(QueueErrorKind::LeaseLost)]);
    let queue = Renewals::new().reply(lost);
    let keeper = queue.keeper();
    let _holds: Vec<_> = (0..3).map(|place| hold(&keeper, place)).collect();
    assert!(keeper.holds(0) && keeper.holds(1) && !keeper.holds(7));
    keep(&keeper, secs(16)).await;
    assert!(keeper.holds(0) && !keeper.holds(1));
    keeper.let_go(&[0]).await;
    assert!(!keeper.holds(0) && keeper.holds(2));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_in_the_moment_of_the_end_loses_the_message() {
    // Asked for half a period before the end, and answered in the moment of it.
    let queue = Renewals::new().reply(Reply::Fails(PERIOD / 2));
    let keeper = queue.keeper();
    let held = hold(&keeper, 0);
    keep(&keeper, secs(31)).await;
    assert_eq!(held.until(), Timestamp::default());
    assert_eq!(keeper.counts(), (0, 1));
}

use std::collections::VecDeque;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::*;

/// Time since the test began.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Ambient for Clock {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_000_000).after(self.0.elapsed())
    }

    fn random(&self) -> u64 {
        0
    }
}

/// What the store answers, and after how long.
type Reply = (Duration, Result<StoredRoutes, String>);

/// A store that answers by a script, and its last answer again and again; it counts.
#[derive(Clone)]
struct Store {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    readings: Arc<Mutex<Vec<Duration>>>,
    clock: Clock,
}

impl RoutesStore for Store {
    fn read(&self) -> BoxFuture<'_, Result<StoredRoutes, String>> {
        Box::pin(async {
            lock(&self.readings).push(self.clock.0.elapsed());
            let (wait, reply) = {
                let mut replies = lock(&self.replies);
                match replies.len() {
                    1 => replies[0].clone(),
                    _ => replies.pop_front().unwrap(),
                }
            };
            sleep(wait).await;
            reply
        })
    }
}

/// A function that is the text it was made of, under a clock that a test moves.
struct Stage {
    live: Live<String>,
    store: Store,
    clock: Clock,
    /// What was made, taken or refused.
    made: Arc<Mutex<Vec<String>>>,
}

fn stored(version: &str, text: &str) -> StoredRoutes {
    StoredRoutes {
        version: version.to_owned(),
        text: text.to_owned(),
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

impl Stage {
    /// Begins with version 1, `old`; what is `bad` is refused.
    fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let clock = Clock(Instant::now());
        let store = Store {
            replies: Arc::new(Mutex::new(replies.into_iter().collect())),
            readings: Arc::default(),
            clock,
        };
        let made: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&made);
        let make = move |stored: &StoredRoutes| {
            lock(&noted).push(stored.text.clone());
            match stored.text.as_str() {
                "bad" => Err(ConfigErrors::one("bad")),
                text => Ok(text.to_owned()),
            }
        };
        let seen = stored("1", "old");
        let live = Live::changing("old".to_owned(), seen, store.clone(), make, clock);
        Self {
            live,
            store,
            clock,
            made,
        }
    }

    /// An invocation that works for so long: how long it took until it answered.
    async fn invoke(&self, work: Duration) -> Duration {
        let began = Instant::now();
        let deadline = self.clock.now().after(seconds(600));
        self.live.beside(deadline, sleep(work)).await;
        began.elapsed()
    }

    fn current(&self) -> String {
        self.live.current().as_str().to_owned()
    }

    fn readings(&self) -> usize {
        lock(&self.store.readings).len()
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_change_is_never_read() {
    let live = Live::fixed("old");
    let deadline = Timestamp::from_secs(0);
    assert_eq!(live.beside(deadline, async { 7 }).await, 7);
    assert_eq!(*live.current(), "old");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_within_a_minute() {
    let stage = Stage::new([(seconds(0), Ok(stored("2", "new")))]);
    for _ in 0..59 {
        stage.invoke(seconds(1)).await;
    }
    assert_eq!(stage.readings(), 0);
    stage.invoke(seconds(2)).await;
    assert_eq!(stage.readings(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_no_invocation_runs() {
    let stage = Stage::new([(seconds(0), Ok(stored("2", "new")))]);
    sleep(seconds(3600)).await;
    assert_eq!(stage.readings(), 0);
    assert_eq!(stage.current(), "old");
}

#[tokio::test(start_paused = true)]
async fn new_routes_are_in_force_from_the_next_invocation_on() {
    let stage = Stage::new([(seconds(1), Ok(stored("2", "new")))]);
    sleep(READ_APART).await;
    let running = stage.live.current();
    assert_eq!(stage.invoke(seconds(3)).await, seconds(3), "beside it");
    assert_eq!(*running, "old", "kept to its end");
    assert_eq!(stage.current(), "new");
}

#[tokio::test(start_paused = true)]
async fn an_invocation_that_lasts_reads_again_and_again() {
    let stage = Stage::new([(seconds(0), Ok(stored("1", "old")))]);
    stage.invoke(seconds(290)).await;
    let readings = lock(&stage.store.readings).clone();
    let expected: Vec<_> = (1..5).map(|n| READ_APART * n).collect();
    let mut late = readings.iter().zip(&expected).map(|(r, e)| *r - *e);
    assert_eq!(readings.len(), expected.len(), "{readings:?}");
    assert!(late.all(|late| late < seconds(1)), "{readings:?}");
}

#[tokio::test(start_paused = true)]
async fn of_several_invocations_at_once_one_reads() {
    let stage = Stage::new([(seconds(1), Ok(stored("2", "new")))]);
    sleep(READ_APART).await;
    let (a, b) = (stage.invoke(seconds(5)), stage.invoke(seconds(5)));
    futures_util::future::join(a, b).await;
    assert_eq!(stage.readings(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_same_version_makes_nothing() {
    let stage = Stage::new([(seconds(0), Ok(stored("1", "old")))]);
    sleep(READ_APART).await;
    stage.invoke(seconds(1)).await;
    assert_eq!(stage.readings(), 1);
    assert!(lock(&stage.made).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_parameter_made_anew_is_another_though_its_version_is_1_again() {
    let stage = Stage::new([(seconds(0), Ok(stored("1", "new")))]);
    sleep(READ_APART).await;
    stage.invoke(seconds(1)).await;
    assert_eq!(stage.current(), "new");
}

#[tokio::test(start_paused = true)]
async fn a_version_that_is_refused_is_looked_at_once_and_the_old_routes_stay() {
    let bad = (seconds(0), Ok(stored("2", "bad")));
    let good = (seconds(0), Ok(stored("3", "new")));
    let stage = Stage::new([bad.clone(), bad, good]);
    for _ in 0..2 {
        sleep(READ_APART).await;
        stage.invoke(seconds(1)).await;
        assert_eq!(stage.current(), "old");
    }
    assert_eq!(*lock(&stage.made), ["bad"]);
    sleep(READ_APART).await;
    stage.invoke(seconds(1)).await;
    assert_eq!(stage.current(), "new", "the next version is looked at");
}

#[tokio::test(start_paused = true)]
async fn routes_that_cannot_be_read_again_stay() {
    let denied = (seconds(0), Err("may not be read".to_owned()));
    let stage = Stage::new([denied, (seconds(0), Ok(stored("2", "new")))]);
    sleep(READ_APART).await;
    stage.invoke(seconds(1)).await;
    assert_eq!(stage.current(), "old");
    sleep(READ_APART).await;
    stage.invoke(seconds(1)).await;
    assert_eq!(stage.current(), "new", "tried again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_a_reading_but_not_for_long() {
    let ms = Duration::from_millis;
    let soon = (ms(300), Ok(stored("2", "new")));
    let stage = Stage::new([soon, (seconds(9), Ok(stored("3", "newer")))]);
    sleep(READ_APART).await;
    assert_eq!(stage.invoke(ms(100)).await, ms(300));
    assert_eq!(stage.current(), "new");
    sleep(READ_APART).await;
    assert_eq!(stage.invoke(ms(100)).await, ms(100) + PATIENCE);
    assert_eq!(stage.current(), "new", "cut off");
    assert_eq!(stage.invoke(ms(100)).await, ms(100), "not again at once");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_late_waits_for_no_reading() {
    let stage = Stage::new([(seconds(9), Ok(stored("2", "new")))]);
    sleep(READ_APART).await;
    let deadline = stage.clock.now().after(seconds(1));
    let began = Instant::now();
    let work = sleep(Duration::from_millis(900));
    stage.live.beside(deadline, work).await;
    assert_eq!(began.elapsed(), Duration::from_millis(900));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_does_not_put_a_reading_off() {
    let stage = Stage::new([(seconds(0), Ok(stored("2", "new")))]);
    lock(&stage.live.changing.as_ref().unwrap().state).due =
        stage.clock.now().after(seconds(86_400));
    stage.invoke(seconds(1)).await;
    assert_eq!(stage.current(), "new");
}

use super::*;

/// What a server does with more calls than it has workers.
#[derive(Clone, Copy)]
enum Overload {
    /// They wait: every call takes longer.
    Queue,
    /// It refuses them.
    Refuse,
}

/// A server with this many workers, each of which takes 100 ms for a call, called by somebody who
/// always has more to send; the limit after each of these rounds.
fn rounds(workers: u32, max: u32, overload: Overload, rounds: u32) -> Vec<u32> {
    let mut learned = Learned::new(max);
    let round = |_| {
        let calls = learned.limit();
        for n in 0..calls {
            let over = n >= workers;
            let (turns, health) = match overload {
                Overload::Queue => (
                    f64::from(calls.max(workers)) / f64::from(workers),
                    Health::Well,
                ),
                Overload::Refuse if over => (0.1, Health::Sick),
                Overload::Refuse => (1.0, Health::Well),
            };
            learned.learn(Sample {
                took: Duration::from_millis(100).mul_f64(turns),
                health,
                under_way: calls,
            });
        }
        learned.limit()
    };
    (0..rounds).map(round).collect()
}

fn mean(limits: &[u32]) -> f64 {
    f64::from(limits.iter().sum::<u32>()) / limits.len() as f64
}

#[test]
fn a_server_that_lets_calls_wait_is_kept_busy_and_its_queue_short() {
    for workers in [2, 8, 20] {
        let limits = rounds(workers, 200, Overload::Queue, 400);
        let late = &limits[200..];
        let most = *late.iter().max().unwrap();
        assert!(
            mean(late) >= f64::from(workers),
            "{workers} workers: {late:?}"
        );
        assert!(
            most <= workers * 3,
            "{workers} workers, {most} at most: {late:?}"
        );
    }
}

#[test]
fn a_server_that_refuses_what_is_too_much_is_asked_little_more_than_it_can() {
    for workers in [4, 16, 40] {
        let limits = rounds(workers, 200, Overload::Refuse, 400);
        let late = &limits[200..];
        let most = *late.iter().max().unwrap();
        assert!(most <= workers + 2, "{workers} workers, {most} at most");
        assert!(
            mean(late) >= f64::from(workers) * 0.75,
            "{workers}: {late:?}"
        );
    }
}

#[test]
fn it_stays_between_one_and_the_most() {
    assert_eq!(Learned::new(2).limit(), 2);
    assert!(
        rounds(1000, 32, Overload::Queue, 100)
            .iter()
            .all(|n| *n <= 32)
    );
    assert_eq!(rounds(1000, 32, Overload::Queue, 100).last(), Some(&32));
    let mut learned = Learned::new(32);
    for _ in 0..1000 {
        learned.learn(Sample {
            took: Duration::from_millis(1),
            health: Health::Sick,
            under_way: 1,
        });
    }
    assert_eq!(learned.limit(), 1);
}

#[test]
fn places_that_nobody_used_are_no_reason_for_more() {
    let mut learned = Learned::new(32);
    for _ in 0..1000 {
        learned.learn(Sample {
            took: Duration::from_millis(100),
            health: Health::Well,
            under_way: 2,
        });
    }
    assert_eq!(learned.limit(), Concurrency::Adaptive { max: 32 }.first());
}

#[test]
fn a_server_that_became_slower_for_good_is_learned_anew() {
    let mut learned = Learned::new(64);
    let mut tell = |ms, times| {
        for _ in 0..times {
            learned.learn(Sample {
                took: Duration::from_millis(ms),
                health: Health::Well,
                under_way: 1000,
            });
        }
        learned.limit()
    };
    assert!(tell(10, 1000) > 20);
    assert_eq!(tell(100, 200), 1, "at first it is spared");
    assert!(tell(100, 5000) > 20, "it is as it is now");
}

#[test]
fn what_says_nothing_of_the_target_teaches_nothing() {
    let mut learned = Learned::new(32);
    let before = learned;
    learned.learn(Sample {
        took: Duration::from_secs(100),
        health: Health::Unsaid,
        under_way: 32,
    });
    assert_eq!(learned, before);
}

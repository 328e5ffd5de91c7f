//! Whole worlds from a seed: events, processes and trouble by chance; then trouble ends, the queue
//! drains, and every promise is looked at.
//!
//! A world has some events (copies, other data under the same key, one to three routes, some that
//! nobody wants or nobody can read) on a standard or a FIFO queue, and processes that are triggered
//! with batches side by side, or poll the queue, or both. Calls of the ledger and the queues are
//! refused, whole or in part, lose their replies, or are slow; targets refuse, are busy, take events
//! without an answer, panic or hang; processes are killed where they stand, or freeze past their
//! lease and go on; messages that a poller holds are shown to others; in some worlds clocks differ
//! by more than a lease allows for. What is told apart: an effect that the ledger does not show when
//! its invocation is over needs a cause that the world injected. That is a door; an event has at
//! most one effect more than it had doors. Order has no door: within a group nothing begins before
//! what was sent before it is over.
//!
//! * `WAYBILL_SEEDS=n` runs n worlds, `WAYBILL_SEED=s` begins with seed s.
//! * A long run: `WAYBILL_SEEDS=100000 cargo test --release -p waybill-engine --test it simulation`
//! * One failing seed again: `WAYBILL_SEED=s WAYBILL_SEEDS=1 cargo test -p waybill-engine --test it
//!   simulation`

mod handler;
mod watch;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use world::World;

/// Worlds of a usual run: some seconds in a debug build.
const SEEDS: u64 = 500;

#[test]
fn every_promise_is_kept_in_every_world() {
    let first = from_environment("WAYBILL_SEED").unwrap_or(1);
    let count = from_environment("WAYBILL_SEEDS").unwrap_or(SEEDS);
    let mut seen = Seen::default();
    for seed in first..first + count {
        let ran = catch_unwind(AssertUnwindSafe(|| run(seed)));
        let broken = match ran {
            Ok(Ok(world)) => {
                seen.add(&world);
                continue;
            }
            Ok(Err(broken)) => broken,
            Err(panic) => match panic.downcast::<String>() {
                Ok(said) => *said,
                Err(_) => "it panicked".to_owned(),
            },
        };
        panic!(
            "seed {seed}: {broken}\nagain: WAYBILL_SEED={seed} WAYBILL_SEEDS=1 cargo test \
             -p waybill-engine --test it simulation"
        );
    }
    println!("{count} worlds: {seen:?}");
    let few = count < SEEDS;
    assert!(few || seen.is_rich(), "the worlds miss something: {seen:?}");
}

#[test]
fn a_seed_makes_the_same_world_every_time() {
    for seed in 1..=20 {
        let twice = [(); 2].map(|()| run(seed).map(|seen| format!("{seen:?}")));
        assert_eq!(twice[0], twice[1], "seed {seed}");
    }
}

/// What the worlds held: a simulation without trouble shows nothing.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) effects: usize,
    pub(crate) doors_unknown: usize,
    pub(crate) doors_killed: usize,
    pub(crate) doors_unwritable: usize,
    pub(crate) doors_lease: usize,
    pub(crate) twice: usize,
    pub(crate) completed: usize,
    pub(crate) dead: usize,
    pub(crate) crashed: usize,
    pub(crate) conflicts: usize,
    pub(crate) redriven: usize,
    pub(crate) invocations: usize,
    pub(crate) polls: usize,
    pub(crate) polls_killed: usize,
    pub(crate) extended: usize,
    pub(crate) lost: usize,
    pub(crate) in_order: usize,
}

impl Seen {
    fn add(&mut self, other: &Self) {
        self.effects += other.effects;
        self.doors_unknown += other.doors_unknown;
        self.doors_killed += other.doors_killed;
        self.doors_unwritable += other.doors_unwritable;
        self.doors_lease += other.doors_lease;
        self.twice += other.twice;
        self.completed += other.completed;
        self.dead += other.dead;
        self.crashed += other.crashed;
        self.conflicts += other.conflicts;
        self.redriven += other.redriven;
        self.invocations += other.invocations;
        self.polls += other.polls;
        self.polls_killed += other.polls_killed;
        self.extended += other.extended;
        self.lost += other.lost;
        self.in_order += other.in_order;
    }

    fn is_rich(&self) -> bool {
        let counts = [
            self.doors_unknown,
            self.doors_killed,
            self.doors_unwritable,
            self.doors_lease,
            self.twice,
            self.completed,
            self.dead,
            self.conflicts,
            self.redriven,
            self.polls,
            self.polls_killed,
            self.extended,
            self.lost,
            self.in_order,
        ];
        counts.into_iter().all(|count| count > 0)
    }
}

/// One world from its beginning to its end.
fn run(seed: u64) -> Result<Seen, String> {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(async { World::new(seed).live().await })
}

fn from_environment(name: &str) -> Option<u64> {
    let said = std::env::var(name).ok()?;
    Some(said.parse().expect("a number"))
}

/// Chance from a seed: splitmix64.
#[derive(Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// True `percent` times in a hundred.
    pub(crate) fn hits(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).unwrap()]
    }

    /// Milliseconds below `end`.
    pub(crate) fn ms(&mut self, end: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.below(end))
    }
}

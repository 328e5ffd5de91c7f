use proptest::prelude::*;

use super::*;

const NOW: Timestamp = Timestamp::from_secs(1_000_000);

fn spec(limit: u32, burst: u32) -> RateSpec {
    RateSpec {
        limit,
        per: Duration::from_secs(1),
        burst,
    }
}

/// Slots as milliseconds from [`NOW`].
fn slots(lease: Option<Lease>) -> Vec<u64> {
    let lease = lease.unwrap();
    let ms = lease.slots.iter().map(|us| (us - micros(NOW)) / 1000);
    ms.collect()
}

const LATER: Timestamp = Timestamp::from_secs(1_000_060);

#[test]
fn slots_are_spread_evenly_from_now_on() {
    let lease = spec(20, 1).lease(0, NOW, LATER, 4);
    assert_eq!(lease.clone().unwrap().tat_us, micros(NOW) + 200_000);
    assert_eq!(slots(lease.clone()), [0, 50, 100, 150]);
    let next = spec(20, 1).lease(lease.unwrap().tat_us, NOW, LATER, 2);
    assert_eq!(slots(next), [200, 250]);
}

#[test]
fn a_burst_begins_at_once_after_a_time_without_tries() {
    let lease = spec(20, 3).lease(0, NOW, LATER, 5);
    assert_eq!(slots(lease), [0, 0, 0, 50, 100]);
}

#[test]
fn a_lease_is_for_a_second_at_most_and_for_one_at_least() {
    let most = spec(20, 1).lease(0, NOW, LATER, 1000);
    assert_eq!(most.unwrap().slots.len(), 20);
    let slow = RateSpec {
        per: Duration::from_secs(60),
        ..spec(1, 1)
    };
    assert_eq!(slow.lease(0, NOW, LATER, 1000).unwrap().slots.len(), 1);
    assert_eq!(spec(20, 1).lease(0, NOW, LATER, 0).unwrap().slots.len(), 1);
}

#[test]
fn no_slot_is_leased_that_comes_too_late() {
    let until = NOW.after(Duration::from_millis(120));
    let lease = spec(20, 1).lease(0, NOW, until, 10);
    assert_eq!(slots(lease), [0, 50, 100]);
    let ahead = micros(NOW) + 130_000;
    assert_eq!(spec(20, 1).lease(ahead, NOW, until, 10), None);
    assert_eq!(spec(20, 1).first_slot(ahead, NOW), ahead);
}

#[test]
fn a_slot_that_was_not_used_in_time_is_gone() {
    let slot = micros(NOW);
    let late = |limit, ms| spec(limit, 1).is_late(slot, NOW.after(Duration::from_millis(ms)));
    assert!(!late(20, 50));
    assert!(late(20, 51));
    assert!(!late(1000, 25), "what timers need");
    assert!(late(1000, 26));
}

proptest! {
    /// Whoever leases, in whatever order and by whatever clock.
    #[test]
    fn no_time_has_more_slots_than_the_rate_and_its_burst_allow(
        limit in 1u32..200,
        burst in 1u32..10,
        asks in prop::collection::vec((0u64..3000, 1u32..40), 1..60),
    ) {
        let spec = spec(limit, burst);
        let (mut tat_us, mut all) = (0, Vec::new());
        for (ms, wanted) in asks {
            let now = NOW.after(Duration::from_millis(ms));
            if let Some(lease) = spec.lease(tat_us, now, LATER, wanted) {
                prop_assert!(lease.tat_us > tat_us);
                prop_assert!(lease.slots.is_sorted());
                prop_assert!(lease.slots.iter().all(|slot| *slot >= micros(now)));
                tat_us = lease.tat_us;
                all.extend(lease.slots);
            }
        }
        all.sort_unstable();
        for (n, first) in all.iter().enumerate() {
            let in_a_second = all[n..].iter().take_while(|slot| **slot < first + 1_000_000);
            let most = usize::try_from(limit + burst).unwrap();
            prop_assert!(in_a_second.count() <= most);
        }
    }

    #[test]
    fn one_that_always_asks_gets_all_of_the_rate(limit in 1u32..1000, wanted in 1u32..50) {
        let spec = spec(limit, 1);
        let (mut tat_us, mut got) = (0, 0);
        let end = micros(NOW) + 10_000_000;
        while tat_us < end {
            let lease = spec.lease(tat_us, NOW, LATER, wanted).unwrap();
            got += lease.slots.iter().filter(|slot| **slot < end).count();
            tat_us = lease.tat_us;
        }
        let limit = usize::try_from(limit).unwrap();
        prop_assert!(got <= limit * 10 && got * 100 >= limit * 999, "{got} of {limit} in 10 s");
    }
}

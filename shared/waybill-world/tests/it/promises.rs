//! Waybill's engine in some hundred worlds: every promise kept, in all that goes wrong.
//!
//! `cargo simulate` plays as many more as asked; `WAYBILL_SEEDS=n` lets this test play n.

use waybill_world::trial::{self, Account, Door};
use waybill_world::{Fault, Faults};

/// Worlds of a usual run: some seconds in a debug build.
const SEEDS: u64 = 400;

#[test]
fn every_promise_is_kept_in_every_world() {
    let count = match std::env::var("WAYBILL_SEEDS") {
        Ok(said) => said.parse().expect("WAYBILL_SEEDS is a number"),
        Err(_) => SEEDS,
    };
    let mut all = Account::default();
    for seed in 1..=count {
        match trial::try_seed(seed, Faults::all()) {
            Ok(account) => all.add(&account),
            Err(broken) => panic!(
                "seed {seed}: {}\nagain, with all that happened: cargo simulate --seed {seed}",
                broken.what
            ),
        }
    }
    println!("{all:#?}");
    assert_eq!((all.lost, all.unexplained, all.out_of_turn), (0, 0, 0));
    if count >= SEEDS {
        assert_eq!(missing(&all), [""; 0], "the worlds are too quiet");
    }
}

/// What the worlds are played for and did not hold. Valid messages that the redrive policy moved are
/// not among it: waits grow so that this hardly happens.
fn missing(all: &Account) -> Vec<&'static str> {
    let counts = [
        ("deliveries", all.deliveries),
        ("invocations", all.invocations),
        ("polls", all.polls),
        ("repeats", all.repeats),
        ("completed", all.completed),
        ("redriven", all.redriven),
        ("in_turn", all.in_turn),
        ("fenced", all.fenced),
        ("lost_leases", all.lost_leases),
        ("scheduled", all.scheduled),
        ("unclaimed", all.unclaimed),
    ];
    let of_door = |door: Door| all.doors.get(&door).copied().unwrap_or_default();
    let doors = Door::ALL.map(|door| (door.word(), of_door(door)));
    let of_fault = |fault: &Fault| all.faults.get(fault).copied().unwrap_or_default();
    let faults = Fault::ALL.into_iter().filter(|fault| !is_of_clocks(*fault));
    let faults = faults.map(|fault| (fault.word(), of_fault(&fault)));
    let reasons = [
        "attempts_spent",
        "crashed",
        "malformed",
        "rejected",
        "unrouted",
    ];
    let reasons = reasons.map(|word| (word, all.dead.get(word).copied().unwrap_or_default()));
    let all = counts.into_iter().chain(doors).chain(faults).chain(reasons);
    all.filter(|(_, count)| *count == 0)
        .map(|(name, _)| name)
        .collect()
}
/// Clocks are wrong from the beginning; nothing is counted.
fn is_of_clocks(fault: Fault) -> bool {
    [Fault::Skew, Fault::WildSkew].contains(&fault)
}

#[test]
fn a_seed_makes_the_same_world_every_time() {
    for seed in 1..=15 {
        let [one, two] = [(); 2].map(|()| trial::tell_seed(seed, Faults::all()));
        assert_eq!(one.1, two.1, "seed {seed}");
        assert_eq!(one.0.ok(), two.0.ok(), "seed {seed}");
    }
}

#[test]
fn a_process_that_dies_at_any_await_point_loses_nothing_f33_f38() {
    let mut polls = 0;
    let mut requests = 0;
    // Triggered, polled and both; standard and FIFO.
    for seed in [2, 3, 6, 8, 10] {
        match trial::sweep(seed, 150) {
            Ok(swept) => {
                polls += swept.polls;
                requests += swept.requests;
            }
            Err(broken) => panic!("seed {seed}: {}", broken.what),
        }
    }
    println!("{polls} await points, {requests} points around requests");
    assert!(polls > 100 && requests > 50, "{polls} {requests}");
}

#[test]
fn a_process_that_dies_anywhere_on_the_way_to_a_schedule_loses_nothing_f33() {
    let mut points = 0;
    for seed in [2, 3, 8] {
        match trial::sweep_scheduled(seed, 120) {
            Ok(swept) => points += swept.polls + swept.requests,
            Err(broken) => panic!("seed {seed}: {}", broken.what),
        }
    }
    println!("{points} points");
    assert!(points > 150, "{points}");
}

#[test]
fn a_process_that_dies_anywhere_around_a_try_without_a_claim_makes_no_second_effect_f33_f38() {
    let mut swept = (0, 0);
    for seed in [2, 3, 6, 8] {
        match trial::sweep_once_by_target(seed, 80) {
            Ok(this) => swept = (swept.0 + this.polls, swept.1 + this.requests),
            Err(broken) => panic!("seed {seed}: {}", broken.what),
        }
    }
    println!(
        "{} await points, {} points around requests",
        swept.0, swept.1
    );
    assert!(swept.0 > 100 && swept.1 > 30, "{swept:?}");
}

#[test]
fn without_trouble_everything_has_one_effect_and_no_door_opens() {
    let mut all = Account::default();
    for seed in 1..=60 {
        let played = trial::try_seed(seed, Faults::none());
        all.add(&played.expect("nothing goes wrong"));
    }
    assert!(all.effects > 100, "{all:#?}");
    assert_eq!((all.repeats, all.moved_valid, all.fenced), (0, 0, 0));
    assert_eq!((&all.doors, &all.faults), (&[].into(), &[].into()));
}

#[test]
fn each_trouble_can_be_switched_on_alone_and_off() {
    for fault in Fault::ALL {
        let only = Faults::none().with(fault);
        let mut met = 0;
        for seed in 1..=300 {
            let played = trial::try_seed(seed, only);
            let account = played.unwrap_or_else(|broken| panic!("{fault}, {broken:?}"));
            met += account.faults.get(&fault).copied().unwrap_or_default();
            let others: Vec<_> = account.faults.keys().filter(|f| **f != fault).collect();
            assert!(others.is_empty(), "{fault} brought {others:?}");
            if met > 0 {
                break;
            }
        }
        let needs_the_dead = [Fault::NativeRedrive, Fault::OwnRedrive].contains(&fault);
        assert!(met > 0 || needs_the_dead || is_of_clocks(fault), "{fault}");
        assert!(!Faults::all().without(fault).has(fault));
        assert_eq!(Fault::parse(fault.word()), Some(fault));
    }
}

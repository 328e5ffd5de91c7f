//! A double charge, found by playing worlds, and gone once the bank is told the idempotency key.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use waybill::testing::{Fault, Faults, Played, play};
use waybill::{Context, Failure};

#[derive(Debug, Deserialize)]
struct Order {
    id: String,
}

/// A bank: what outlives every process. It books each key once, where it is given one.
#[derive(Clone, Default)]
struct Bank(Arc<Mutex<Books>>);

#[derive(Default)]
struct Books {
    charges: BTreeMap<String, u32>,
    keys: BTreeMap<String, String>,
}

impl Bank {
    async fn charge(&self, order: &str, key: Option<&str>) {
        tokio::time::sleep(Duration::from_millis(20)).await;
        {
            let mut books = self.0.lock().unwrap();
            let known =
                key.is_some_and(|key| books.keys.insert(key.into(), order.into()).is_some());
            if !known {
                *books.charges.entry(order.to_owned()).or_default() += 1;
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    fn charges(&self) -> BTreeMap<String, u32> {
        self.0.lock().unwrap().charges.clone()
    }
}

/// Plays a world in which twenty orders are charged.
fn world(seed: u64, faults: Faults, says_the_key: bool) -> (Played, BTreeMap<String, u32>) {
    let bank = Bank::default();
    let inside = bank.clone();
    let work = move |order: Order, context: Context| {
        let bank = inside.clone();
        async move {
            let key = says_the_key.then(|| context.idempotency_key());
            bank.charge(&order.id, key).await;
            Ok::<_, Failure>(())
        }
    };
    let handler = waybill::handler("charge", work).key("data.id");
    let bodies = (0..20).map(|n| json!({"id": format!("order-{n}")}).to_string());
    let played = play(seed, faults, bodies, handler).unwrap();
    (played, bank.charges())
}

fn is_charged_twice(seed: u64, says_the_key: bool) -> bool {
    let faults = Faults::none()
        .with(Fault::Crash)
        .with(Fault::Duplicate)
        .with(Fault::Resend);
    let (played, charges) = world(seed, faults, says_the_key);
    assert_eq!(played.left, 0, "seed {seed}: {:#?}", played.history);
    // Three deaths in a row are `crashed`, and may have charged.
    assert!(
        charges.len() >= played.done,
        "an order is done and not charged"
    );
    assert!(charges.len() + played.dead >= 20, "an order is lost");
    charges.values().any(|times| *times > 1)
}

#[test]
fn without_trouble_every_order_is_charged_once() {
    for seed in 1..=20 {
        let (played, charges) = world(seed, Faults::none(), false);
        assert_eq!((played.done, played.dead, played.left), (20, 0, 0));
        assert!(charges.values().all(|times| *times == 1));
    }
}

#[test]
fn a_bank_that_is_not_told_the_key_charges_twice_in_some_world_f33() {
    let seed = (1..=100).find(|seed| is_charged_twice(*seed, false));
    let seed = seed.expect("one of a hundred worlds shows it");
    let faults = Faults::none()
        .with(Fault::Crash)
        .with(Fault::Duplicate)
        .with(Fault::Resend);
    assert_eq!(
        world(seed, faults, false),
        world(seed, faults, false),
        "a seed is a world"
    );
}

#[test]
fn a_bank_that_is_told_the_key_charges_once_in_every_world_f33() {
    assert!(!(1..=100).any(|seed| is_charged_twice(seed, true)));
}

#[test]
fn whatever_goes_wrong_no_order_is_lost() {
    for seed in 1..=30 {
        let (played, charges) = world(seed, Faults::all(), true);
        assert_eq!(played.left, 0, "seed {seed}");
        assert!(
            charges.len() + played.dead >= 20,
            "seed {seed}: {:#?}",
            played.history
        );
        assert!(charges.values().all(|times| *times == 1), "seed {seed}");
    }
}

#[test]
fn whoever_tries_an_order_later_has_a_larger_fencing_token_f02() {
    let mut again = 0;
    for seed in 1..=30 {
        let tokens = Arc::<Mutex<BTreeMap<String, Vec<u64>>>>::default();
        let seen = Arc::clone(&tokens);
        let work = move |order: Order, context: Context| {
            let mut seen = seen.lock().unwrap();
            let of_order = seen.entry(order.id).or_default();
            of_order.push(context.fencing_token());
            let fails = of_order.len() == 1;
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                match fails {
                    true => Err(Failure::retry("busy", "come back later")),
                    false => Ok(()),
                }
            }
        };
        let handler = waybill::handler("charge", work).key("data.id");
        let bodies = (0..20).map(|n| json!({"id": format!("order-{n}")}).to_string());
        play(seed, Faults::all(), bodies, handler).unwrap();
        for (order, tokens) in &*tokens.lock().unwrap() {
            let grow = tokens.windows(2).all(|pair| pair[0] < pair[1]);
            assert!(grow && tokens[0] > 0, "seed {seed}: {order}: {tokens:?}");
            again += usize::from(tokens.len() > 2);
        }
    }
    assert!(again > 0, "some were taken over");
}

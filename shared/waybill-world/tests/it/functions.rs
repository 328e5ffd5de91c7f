//! Functions that are not Waybill's, in the world: it finds what they do wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use waybill_core::sqs_event::Batch;
use waybill_core::time::Timestamp;
use waybill_testkit::FakeQueue;
use waybill_world::{Fault, Faults, Function, Mapping, Nobody, Sandbox, World};

/// What survives the function: a table of what is done, and the charges at a bank.
#[derive(Clone, Default)]
struct Outside {
    done: Arc<Mutex<Vec<String>>>,
    charges: Arc<Mutex<BTreeMap<String, u32>>>,
}

/// Looks whether an order is done, charges it, and notes that it is done: what many functions do.
struct Naive(Outside);

impl Function for Naive {
    async fn invoke(&self, payload: String, _: Timestamp) -> Result<String, String> {
        let batch = Batch::parse(&payload).map_err(|error| error.to_string())?;
        for (_, message) in batch.messages {
            let order = message.body.to_string();
            if self.0.done.lock().unwrap().contains(&order) {
                continue;
            }
            sleep(Duration::from_millis(20)).await;
            *self
                .0
                .charges
                .lock()
                .unwrap()
                .entry(order.clone())
                .or_default() += 1;
            sleep(Duration::from_millis(20)).await;
            self.0.done.lock().unwrap().push(order);
        }
        Ok(r#"{"batchItemFailures":[]}"#.to_owned())
    }
}

/// The most charges of one order in the world of a seed.
fn most_charges(seed: u64, faults: Faults) -> u32 {
    World::play(seed, faults, |world| async move {
        let queue = FakeQueue::new("orders", world.ambient());
        for n in 0..20 {
            queue.put_body(format!("order {n}"));
        }
        let outside = Outside::default();
        let mapping = Mapping {
            batch_size: 5,
            window: Duration::ZERO,
            concurrency: 2,
            timeout: Duration::from_secs(10),
            visibility: Duration::from_secs(60),
            shared: false,
        };
        let (start, sandbox) = (outside.clone(), world.clone());
        let running = mapping.run(
            &world,
            &queue,
            Arc::new(Nobody),
            move |_: &Sandbox| Naive(start.clone()),
            move || sandbox.sandbox(),
        );
        let ending = async {
            while !queue.is_empty() {
                sleep(Duration::from_secs(10)).await;
            }
            world.end();
        };
        tokio::join!(running, ending);
        let charges = outside.charges.lock().unwrap();
        assert_eq!(charges.len(), 20, "nothing is lost");
        charges.values().copied().max().unwrap_or_default()
    })
}

#[test]
fn a_function_that_notes_what_it_did_afterwards_charges_twice_when_it_dies_between() {
    let crashes = Faults::none().with(Fault::Crash);
    let twice = (1..=100).find(|seed| most_charges(*seed, crashes) > 1);
    assert!(twice.is_some(), "the world finds it");
    assert_eq!(
        twice,
        (1..=100).find(|seed| most_charges(*seed, crashes) > 1)
    );
}

#[test]
fn without_trouble_it_charges_once() {
    assert!((1..=20).all(|seed| most_charges(seed, Faults::none()) == 1));
}

//! A world in a box, for functions that take messages off Amazon SQS: the queue, the event source
//! mapping, the sandboxes and the table are simulated in virtual time, everything goes wrong that
//! can, and one seed decides it all.
//!
//! A Lambda function on a queue is right when it is right however often its messages come, wherever
//! its process dies and whatever answer is lost. No test against real services asks all of that:
//! the rare is rare there, and what it found cannot be played again. Here hours pass in
//! milliseconds, each world is another, and a seed that fails once fails always.
//!
//! # A function of your own
//!
//! This function charges orders. It looks whether an order is charged already, charges it, and
//! notes that it did: what many functions do. It takes forty milliseconds an order, and all is well
//! until a process dies between the two.
//!
//! ```
//! use std::collections::{BTreeMap, BTreeSet};
//! use std::sync::{Arc, Mutex};
//! use std::time::Duration;
//!
//! use waybill_core::sqs_event::Batch;
//! use waybill_core::time::Timestamp;
//! use waybill_testkit::FakeQueue;
//! use waybill_world::{Fault, Faults, Function, Mapping, Nobody, Sandbox, World};
//!
//! /// What outlives a process: the table of what is done, and the charges at the bank.
//! #[derive(Clone, Default)]
//! struct Outside {
//!     done: Arc<Mutex<BTreeSet<String>>>,
//!     charges: Arc<Mutex<BTreeMap<String, u32>>>,
//! }
//!
//! struct Charge(Outside);
//!
//! impl Function for Charge {
//!     async fn invoke(&self, payload: String, _deadline: Timestamp) -> Result<String, String> {
//!         let batch = Batch::parse(&payload).map_err(|error| error.to_string())?;
//!         for (_, message) in batch.messages {
//!             let order = message.body.to_string();
//!             if self.0.done.lock().unwrap().contains(&order) {
//!                 continue;
//!             }
//!             tokio::time::sleep(Duration::from_millis(20)).await;
//!             *self.0.charges.lock().unwrap().entry(order.clone()).or_default() += 1;
//!             tokio::time::sleep(Duration::from_millis(20)).await;
//!             self.0.done.lock().unwrap().insert(order);
//!         }
//!         Ok(r#"{"batchItemFailures":[]}"#.to_owned())
//!     }
//! }
//!
//! /// How often the most charged order is charged in the world of a seed.
//! fn most_charges(seed: u64, faults: Faults) -> u32 {
//!     World::play(seed, faults, |world| async move {
//!         let queue = FakeQueue::new("orders", world.ambient());
//!         for n in 0..20 {
//!             queue.put_body(format!("order {n}"));
//!         }
//!         let mapping = Mapping {
//!             batch_size: 5,
//!             window: Duration::ZERO,
//!             concurrency: 2,
//!             timeout: Duration::from_secs(10),
//!             visibility: Duration::from_secs(60),
//!             shared: false,
//!         };
//!         let outside = Outside::default();
//!         let (inside, sandboxes) = (outside.clone(), world.clone());
//!         let works = mapping.run(
//!             &world,
//!             &queue,
//!             Arc::new(Nobody),
//!             move |_: &Sandbox| Charge(inside.clone()), // a cold start
//!             move || sandboxes.sandbox(),
//!         );
//!         let ends = async {
//!             while !queue.is_empty() {
//!                 tokio::time::sleep(Duration::from_secs(10)).await;
//!             }
//!             world.end();
//!         };
//!         tokio::join!(works, ends);
//!         let charges = outside.charges.lock().unwrap();
//!         assert_eq!(charges.len(), 20, "no order is lost");
//!         charges.values().copied().max().unwrap_or_default()
//!     })
//! }
//!
//! // Without trouble nothing is wrong with it,
//! assert!((1..=20).all(|seed| most_charges(seed, Faults::none()) == 1));
//! // and a world in which processes die soon finds an order that was charged twice.
//! let crashes = Faults::none().with(Fault::Crash);
//! let seed = (1..=100).find(|seed| most_charges(*seed, crashes) > 1);
//! let seed = seed.expect("it is found");
//! // The seed is all there is to keep of it.
//! assert_eq!(most_charges(seed, crashes), most_charges(seed, crashes));
//! ```
//!
//! To see how it came about, play the seed with [`World::play_told`] and print [`World::history`].
//!
//! # What there is
//!
//! | item | what it is for |
//! |---|---|
//! | [`World`] | the seed, virtual time, chance, which faults there are and how often each came; [`World::calm`] ends all trouble, [`World::end`] the world |
//! | [`Fault`], [`Faults`] | 32 sorts of trouble by name, each with a switch |
//! | [`Function`] | your function, as Lambda sees it: payload in, payload out |
//! | [`Mapping`] | an event source mapping that receives, invokes, reads the answer as Lambda does, and deletes |
//! | [`Schedule`] | the same function invoked on a schedule, as one that polls is |
//! | [`Sandbox`] | a process: what runs in it dies with it, stands still with it and sees its clock |
//! | [`Link`] | the network between a process and a queue or a table: requests are lost, late, or arrive twice |
//! | [`Observer`], [`Nobody`], [`Answer`] | hooks at every hand-over, answer, throttle and delete, for laws of your own |
//! | [`Chance`] | numbers from the seed, for what your own scene leaves to chance |
//! | [`sqs_payload`] | the payload of a batch, where you invoke a function yourself |
//! | [`trial`] | Waybill's own engine under all of it, with the laws it must keep: an example of how far this goes |
//!
//! The queue and the table are `FakeQueue` and `FakeLedger` of `waybill_testkit`, or whatever of
//! yours implements `Queue` and `Ledger` of `waybill_engine::ports`. Hand your function
//! [`Sandbox::queue`] or [`Sandbox::ledger`] of them rather than the services themselves, so that
//! its requests travel as they do in a network. What else your function talks to is yours to
//! simulate: wait with tokio's timers, and ask [`World::strikes`] whether something goes wrong.
//!
//! # What keeps a world the same
//!
//! A seed makes the same world only while nothing else decides. In what runs inside a world:
//!
//! * **time** is `tokio::time` and [`World::now`], or [`Sandbox::ambient`] for a process that has a
//!   clock of its own. No `SystemTime`, no `std::time::Instant`, no `std::thread::sleep`;
//! * **chance** is [`World::chance`]. No random numbers of another source, no random ids;
//! * **one thread.** No `spawn_blocking`, no thread of yours, no other runtime; `tokio::spawn` is
//!   fine. Worlds of different seeds may be played on different threads;
//! * **order** never comes from a `HashMap` or `HashSet` that is iterated: their order is another in
//!   each process. Take a `BTreeMap`;
//! * **nothing outside**: no file, no socket, no environment that changes.
//!
//! A mutex is held over no await, or a process that dies there leaves a world that waits for ever.
//! A test that plays some seeds twice and compares [`World::history`] finds what slipped in.
//!
//! # What it is not
//!
//! * Requests are calls of a trait: there is no HTTP, no SDK, no serialisation, no permission and no
//!   signature. What your adapter does wrong is not found here.
//! * A process dies at an await point, since between two of them nothing else can happen in one
//!   thread. A function that never awaits cannot die in the middle.
//! * The mapping is that of the documentation. How soon it scales, how it backs off a failing
//!   function, filters, and the metrics are not simulated. Other event sources are not either.
//! * Faults come as often as is useful, not as often as in life: counts are no forecast.
//! * A million worlds without a fault found are no proof. They are a reason to look elsewhere.
mod chance;
mod fault;
mod link;
mod mapping;
mod sandbox;
pub mod trial;
mod world;

pub use chance::Chance;
pub use fault::{Fault, Faults};
pub use link::Link;
pub use mapping::{Answer, Function, Mapping, Nobody, Observer, Schedule, sqs_payload};
pub use sandbox::Sandbox;
pub use world::World;

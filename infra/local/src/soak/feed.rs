//! Sends events at an even pace, some of them twice.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::SoakOptions;
use crate::bundle::{Bundle, GroupedMessage, QueueType};
use crate::demo::mix::plain;
use crate::dice::Dice;
use crate::error::LocalError;

/// What is sent, and what was.
#[derive(Debug)]
pub(super) struct Feed {
    prefix: String,
    queue: QueueType,
    rate: u32,
    state: Mutex<State>,
}

/// What was sent.
#[derive(Debug)]
struct State {
    dice: Dice,
    /// Each with its group, in their order.
    events: Vec<(String, String)>,
    sent: u64,
}

impl Feed {
    /// Nothing is sent yet. Ids begin so.
    pub(super) fn new(prefix: &str, options: SoakOptions) -> Self {
        Self {
            prefix: prefix.to_owned(),
            queue: options.queue,
            rate: options.rate,
            state: Mutex::new(State {
                dice: Dice::new(options.seed ^ 0x5eed),
                events: Vec::new(),
                sent: 0,
            }),
        }
    }

    /// The events so far, each with its message group.
    pub(super) fn events(&self) -> Vec<(String, String)> {
        self.state().events.clone()
    }

    /// Messages so far, copies included.
    pub(super) fn sent(&self) -> u64 {
        self.state().sent
    }

    /// Sends until then.
    pub(super) async fn run(&self, bundle: &Bundle, end: Instant) -> Result<(), LocalError> {
        let begun = Instant::now();
        while Instant::now() < end {
            let due = begun.elapsed().as_millis() * u128::from(self.rate) / 1000;
            let due = usize::try_from(due).unwrap_or(usize::MAX);
            let next = self.next(due);
            let messages = next.len();
            match self.queue {
                QueueType::Standard => {
                    let bodies: Vec<_> = next.into_iter().map(|message| message.body).collect();
                    bundle.source().send(&bodies).await?;
                }
                QueueType::Fifo => {
                    bundle.source().send_in_groups(&next).await?;
                }
            }
            self.state().sent += u64::try_from(messages).unwrap_or(u64::MAX);
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    /// What is to be sent so that so many events are out, copies among it: right behind the
    /// original, or a few events later. A copy that came much later could find its event dead, and
    /// would be a redrive.
    fn next(&self, due: usize) -> Vec<GroupedMessage> {
        let mut state = self.state();
        let mut messages = Vec::new();
        while state.events.len() < due {
            let n = state.events.len();
            let id = format!("{}-{n:06}", self.prefix);
            let group = match self.queue {
                QueueType::Standard => String::new(),
                QueueType::Fifo => format!("group-{}", state.dice.below(GROUPS)),
            };
            messages.push(GroupedMessage::new(&group, &id, plain(&id, n)));
            state.events.push((id, group));
            if state.dice.below(COPY_ONE_IN) == 0 {
                let of = n - state.dice.below(n.min(COPY_WITHIN) + 1);
                if let Some((id, group)) = state.events.get(of) {
                    // Another message, for SQS too.
                    let another = format!("{id}-{n}");
                    messages.push(GroupedMessage::new(group, another, plain(id, of)));
                }
            }
        }
        messages
    }

    /// What was sent; whole at any time.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often something is sent.
const TICK: Duration = Duration::from_millis(250);

/// One event in so many is sent twice.
const COPY_ONE_IN: usize = 10;

/// A copy is of one of so many events before.
const COPY_WITHIN: usize = 5;

/// Message groups of a FIFO queue.
const GROUPS: usize = 50;

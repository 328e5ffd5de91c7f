//! Which messages go together.

use waybill_core::limit::{SQS_BATCH_MAX, SQS_MESSAGE_MAX};

use super::letter::Letter;

/// The batch that is being packed.
#[derive(Debug)]
pub(crate) struct Packer {
    order: Order,
    letters: Vec<Letter>,
    size_bytes: usize,
}

/// What of an order there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// None: a standard queue.
    Free,
    /// Within each group. SQS may take a message and refuse the one before it in the same batch, so
    /// a batch has one of each group.
    ByGroup,
}

impl Packer {
    /// Nothing is packed yet.
    pub(crate) fn new(order: Order) -> Self {
        Self {
            order,
            letters: Vec::new(),
            size_bytes: 0,
        }
    }

    /// Packs one more; answers the batch that is complete now, where one is. What does not go with
    /// the batch begins the next.
    pub(crate) fn push(&mut self, letter: Letter) -> Option<Vec<Letter>> {
        let complete = match self.has_room(&letter) {
            true => None,
            false => self.take(),
        };
        self.size_bytes = self.size_bytes.saturating_add(letter.size_bytes);
        self.letters.push(letter);
        match complete {
            Some(batch) => Some(batch),
            None if self.letters.len() >= SQS_BATCH_MAX => self.take(),
            None => None,
        }
    }

    /// What is packed, complete or not; nothing where that is empty.
    pub(crate) fn take(&mut self) -> Option<Vec<Letter>> {
        self.size_bytes = 0;
        let letters = std::mem::take(&mut self.letters);
        (!letters.is_empty()).then_some(letters)
    }

    /// Whether nothing is packed.
    pub(crate) fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Whether a message may go with those that are packed. All of a batch together may be as long
    /// as one message (F74).
    fn has_room(&self, letter: &Letter) -> bool {
        let fits = self.size_bytes.saturating_add(letter.size_bytes) <= SQS_MESSAGE_MAX;
        let group = &letter.message.group_id;
        let is_alone = || {
            self.letters
                .iter()
                .all(|other| other.message.group_id != *group)
        };
        fits && match self.order {
            Order::Free => true,
            Order::ByGroup => is_alone(),
        }
    }
}

#[cfg(test)]
mod tests;

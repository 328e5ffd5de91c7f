//! What a handler says of one try.

use std::borrow::Cow;
use std::error::Error;
use std::time::Duration;

use waybill_core::outcome::{Attempt, Outcome};
use waybill_engine::once;

/// It was done: the word that the ledger keeps of it. `()` is `done`, and a text is itself, but for
/// what is over 128 bytes of it: a word for people and queries, not the answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(Cow<'static, str>);

/// It was not done, or nobody knows: what becomes of the event now.
///
/// Any error turns into an [`unknown`](Self::unknown) one by `?`, since an error alone does not say
/// whether the effect has happened. Code and message go to the ledger and to logs: no bodies, no
/// secrets; of a code 128 bytes are kept, of a message 256.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "it says what becomes of the event"]
pub struct Failure(Attempt);

impl Failure {
    /// It did not happen, and is tried again when the retry policy says. The code is a short word
    /// for queries, like `busy`, the message a sentence for people.
    pub fn retry(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Attempt::transient(code, message, None))
    }

    /// The same, but not before this long: fifteen minutes at most.
    pub fn retry_after(
        wait: Duration,
        code: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Self {
        Self(Attempt::transient(code, message, Some(wait)))
    }

    /// Asked for, and no answer: it may have happened. It is tried again, with the same
    /// idempotency key.
    pub fn unknown(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Attempt::unknown(code, message))
    }

    /// It is never tried again: the event is dead.
    pub fn permanent(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self(Attempt::rejected(code, message))
    }

    /// The code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether it may be tried again.
    pub fn is_retried(&self) -> bool {
        self.0.outcome != Outcome::Rejected
    }
}

impl<E: Error> From<E> for Failure {
    /// What an error says, with its causes.
    fn from(error: E) -> Self {
        let mut said = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            said.push_str(": ");
            said.push_str(&error.to_string());
            cause = error.source();
        }
        Self::unknown("error", said)
    }
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        failure.0
    }
}

impl From<Failure> for once::Failure {
    fn from(failure: Failure) -> Self {
        failure.0.into()
    }
}

impl From<()> for Receipt {
    fn from((): ()) -> Self {
        Self("done".into())
    }
}

impl From<&'static str> for Receipt {
    fn from(word: &'static str) -> Self {
        Self(word.into())
    }
}

impl From<String> for Receipt {
    fn from(word: String) -> Self {
        Self(word.into())
    }
}

impl From<Receipt> for Attempt {
    fn from(Receipt(word): Receipt) -> Self {
        Self::delivered(word)
    }
}

//! One handful of dead letters: judged, written to the ledger, sent, and deleted, in this order.

use tokio::time::{sleep, sleep_until};

use waybill_core::dossier::Dossier;
use waybill_core::id::{LedgerKey, printable};
use waybill_core::ledger::{Record, Row};
use waybill_core::limit::{SQS_BATCH_MAX, SQS_MESSAGE_MAX};
use waybill_core::message::Message;
use waybill_core::redrive::order::Work;
use waybill_core::redrive::{Leave, NoWrite, Terms, Verdict, deduplication_id, discard, judge};

use super::tally::{End, Tally};
use super::{Redriver, TRIES, backoff};
use crate::ports::{
    Ambient, Ledger, Outgoing, Queue, QueueError, QueueErrorKind, RunStore, StoreError,
    StoreErrorKind, Write, Written,
};

/// A dead letter that is being done, and what comes next.
struct Letter {
    key: LedgerKey,
    dossier: Dossier,
    step: Step,
}

/// What comes next.
enum Step {
    /// Its row is written.
    Write { next: Box<Record>, then: Then },
    /// It is sent.
    Send { parcel: Box<Message>, end: End },
    /// It is deleted.
    Delete(End),
    /// It stays, for a reason of its own.
    Stays(Leave),
    /// It stays, because somebody did not answer; what is in the way.
    Failed(String),
}

/// What comes when the row is written.
enum Then {
    Send(Box<Message>),
    Delete,
}

impl Step {
    /// What comes after the row was written.
    fn written(next: &Record, then: Then) -> Self {
        match then {
            Then::Send(parcel) => Self::Send {
                parcel,
                end: End::Revived(next.redrive_n),
            },
            Then::Delete => Self::Delete(End::Discarded),
        }
    }
}

impl<Q: Queue, L: Ledger, R: RunStore, A: Ambient> Redriver<Q, L, R, A> {
    /// Does what was received: counts what is not meant, and brings the rest to its end.
    pub(super) async fn handle(&self, tally: &Tally<'_>, received: Vec<Message>) {
        let mut selected = Vec::new();
        let mut staying = Vec::new();
        let read: Vec<_> = received
            .iter()
            .map(|message| (message.message_id.clone(), message.receipt_handle.clone()))
            .collect();
        for ((id, handle), dossier) in read.into_iter().zip(self.dossiers(received).await) {
            match dossier {
                Ok((key, dossier)) if tally.takes(&dossier) => selected.push((key, dossier)),
                Ok(_) => {
                    staying.push(handle);
                    let mut state = tally.state();
                    state.run.counts.seen += 1;
                    state.run.counts.not_selected += 1;
                }
                Err((_, error)) => {
                    staying.push(handle);
                    let permanent = error.kind == StoreErrorKind::Permanent;
                    {
                        let mut state = tally.state();
                        state.run.counts.seen += 1;
                        state.run.counts.failed += 1;
                        state.remark(&id, "", "failed", error.message.clone());
                    }
                    if permanent {
                        tally.trouble(error.message);
                    }
                }
            }
        }
        self.hide(staying).await;
        let (now, later) = tally.state().part(selected);
        let handles = later
            .iter()
            .map(|dossier| dossier.message.receipt_handle.clone());
        self.release(handles.collect()).await;
        for dossier in &later {
            tally.state().held.let_go(&dossier.message.message_id);
        }
        let count = u64::try_from(now.len()).unwrap_or(u64::MAX);
        tally.state().run.counts.seen += count;
        if !now.is_empty() {
            self.bring(tally, now).await;
        }
    }

    /// Brings selected dead letters of distinct keys to their ends.
    async fn bring(&self, tally: &Tally<'_>, selected: Vec<(LedgerKey, Dossier)>) {
        let mut letters: Vec<_> = selected
            .into_iter()
            .map(|(key, dossier)| Letter {
                step: self.judged(tally, &dossier),
                key,
                dossier,
            })
            .collect();
        if tally.task.dry_run {
            letters.iter_mut().for_each(Letter::is_written);
        } else {
            sleep_until(tally.turns(letters.len())).await;
            self.write(tally, &mut letters).await;
            self.send(tally, &mut letters).await;
            self.delete(tally, &letters).await;
        }
        let stays = |letter: &&Letter| matches!(letter.step, Step::Stays(_) | Step::Failed(_));
        let handles = letters.iter().filter(stays);
        let handles = handles.map(|letter| letter.dossier.message.receipt_handle.clone());
        self.hide(handles.collect()).await;
        self.count(tally, letters);
    }

    /// What comes next for a dead letter as it stands now.
    fn judged(&self, tally: &Tally<'_>, dossier: &Dossier) -> Step {
        let order = &tally.order;
        let now = self.ambient.now();
        let terms = Terms {
            consumer: &self.config.consumer,
            redrives_max: order.max_redrives,
            edit: order.edit.as_ref(),
            who: tally.task.who,
            run: tally.task.run,
            expires_at: now.after(self.config.time_to_live).as_secs_ceil(),
            now,
        };
        let owner = self.ambient.owner();
        match order.work {
            Work::Discard => match discard(dossier, &terms, owner) {
                Ok(Some(next)) => Step::Write {
                    next,
                    then: Then::Delete,
                },
                Ok(None) => Step::Delete(End::Discarded),
                Err(leave) => Step::Stays(leave),
            },
            Work::Redrive => match judge(dossier, &terms, owner) {
                Verdict::Revive { next, parcel } => Step::Write {
                    next,
                    then: Then::Send(parcel),
                },
                Verdict::Send { parcel, why } => Step::Send {
                    parcel,
                    end: match why {
                        NoWrite::NoRow => End::NeverAttempted,
                        NoWrite::NotDead => End::Resent,
                    },
                },
                Verdict::Done => Step::Delete(End::Completed),
                Verdict::Leave(leave) => Step::Stays(leave),
            },
        }
    }

    /// Writes rows. A row that was changed meanwhile is read and judged anew.
    async fn write(&self, tally: &Tally<'_>, letters: &mut [Letter]) {
        for tries in 1..=TRIES {
            let mut trouble = false;
            let mut wanted: Vec<_> = letters
                .iter_mut()
                .filter(|letter| matches!(letter.step, Step::Write { .. }))
                .collect();
            let writes: Vec<_> = wanted
                .iter()
                .filter_map(|letter| take_over(letter))
                .collect();
            if writes.is_empty() {
                return;
            }
            let mut answers = self.ledger.write(&writes).await.into_iter();
            for letter in &mut wanted {
                let answer = answers.next().unwrap_or(Err(StoreError::unanswered()));
                match answer {
                    Ok(Written::Done(_)) => letter.is_written(),
                    Ok(Written::Refused(Some(Row::Known(row)))) if letter.wrote(&row) => {
                        letter.is_written();
                    }
                    Ok(Written::Refused(_)) => self.judge_anew(tally, letter).await,
                    Err(error) if error.kind == StoreErrorKind::Permanent => {
                        tally.trouble(error.message.clone());
                        letter.step = Step::Failed(error.message);
                    }
                    Err(_) => trouble = true,
                }
            }
            if trouble {
                sleep(backoff(tries)).await;
            }
        }
        for letter in letters {
            if matches!(letter.step, Step::Write { .. }) {
                letter.step = Step::Failed("the ledger gave no answer in time".to_owned());
            }
        }
    }

    /// Judges a dead letter by its row as it is now.
    async fn judge_anew(&self, tally: &Tally<'_>, letter: &mut Letter) {
        let mut rows = self.rows(vec![letter.key.clone()]).await;
        match rows.remove(&letter.key) {
            Some(Ok(row)) => {
                letter.dossier = Dossier::new(
                    letter.dossier.message.clone(),
                    letter.dossier.reading.clone(),
                    row,
                    self.config.retention,
                );
                letter.step = self.judged(tally, &letter.dossier);
            }
            Some(Err(error)) => letter.step = Step::Failed(error.message),
            None => letter.step = Step::Failed(StoreError::unanswered().message),
        }
    }

    /// Sends what is to be sent. In a FIFO queue one of a group goes at a time, and none after one
    /// that failed, in this call or before in the same run.
    async fn send(&self, tally: &Tally<'_>, letters: &mut [Letter]) {
        let wanted = letters
            .iter()
            .enumerate()
            .filter(|(_, letter)| matches!(letter.step, Step::Send { .. }));
        let wanted: Vec<_> = wanted.map(|(place, _)| place).collect();
        let mut outgoing = Vec::new();
        for place in wanted {
            if let Some(letter) = letters.get(place)
                && let Some(message) = self.outgoing(letter)
            {
                outgoing.push((place, message));
            }
        }
        for mut batch in batches(outgoing, self.config.fifo) {
            let behind = |message: &Outgoing| {
                let group = message.group_id.as_ref();
                group.is_some_and(|group| tally.state().blocked.contains(group))
            };
            for (place, _) in batch.extract_if(.., |(_, message)| behind(message)) {
                fail(letters, place, "one before it in its group was not sent");
            }
            let failed = self.send_batch(tally, letters, batch).await;
            let failed = failed.into_iter().filter(|_| self.config.fifo);
            tally.state().blocked.extend(failed);
        }
    }

    /// Sends one batch; what fails for now is tried a few times. Answers the groups of what failed.
    async fn send_batch(
        &self,
        tally: &Tally<'_>,
        letters: &mut [Letter],
        mut batch: Vec<(usize, Outgoing)>,
    ) -> Vec<String> {
        let mut groups = Vec::new();
        for tries in 1..=TRIES {
            if batch.is_empty() {
                break;
            }
            let messages: Vec<_> = batch.iter().map(|(_, message)| message.clone()).collect();
            let mut answers = self.source.send(&messages).await.into_iter();
            let mut again = Vec::new();
            for (place, message) in batch {
                match answers.next().unwrap_or(Err(QueueError::unanswered())) {
                    Ok(_) => {}
                    Err(error) if error.kind == QueueErrorKind::Transient && tries < TRIES => {
                        again.push((place, message));
                    }
                    Err(error) => {
                        if error.kind == QueueErrorKind::Permanent && !error.is_of_message() {
                            tally.trouble(error.message.as_str());
                        }
                        fail(letters, place, &error.message);
                        groups.extend(message.group_id);
                    }
                }
            }
            batch = again;
            if !batch.is_empty() {
                sleep(backoff(tries)).await;
            }
        }
        groups
    }

    /// The message to be sent.
    fn outgoing(&self, letter: &Letter) -> Option<Outgoing> {
        let Step::Send { parcel, end } = &letter.step else {
            return None;
        };
        let redrive_n = match end {
            End::Revived(redrive_n) => *redrive_n,
            End::NeverAttempted | End::Resent | End::Completed | End::Discarded => {
                letter.dossier.redrives()
            }
        };
        let id = &letter.dossier.message.message_id;
        Some(Outgoing {
            body: parcel.body.to_string(),
            attributes: parcel.attributes.clone(),
            group_id: parcel.group_id.clone(),
            deduplication_id: self.config.fifo.then(|| deduplication_id(id, redrive_n)),
            trace_header: None,
        })
    }

    /// Deletes what has been sent, and what is to be let go.
    async fn delete(&self, tally: &Tally<'_>, letters: &[Letter]) {
        let gone = letters
            .iter()
            .filter(|letter| matches!(letter.step, Step::Send { .. } | Step::Delete(_)));
        let mut handles: Vec<_> = gone
            .map(|letter| letter.dossier.message.receipt_handle.clone())
            .collect();
        for tries in 1..=TRIES {
            let mut again = Vec::new();
            for batch in handles.chunks(SQS_BATCH_MAX) {
                let mut answers = self.dead.delete(batch).await.into_iter();
                for handle in batch {
                    match answers.next().unwrap_or(Err(QueueError::unanswered())) {
                        Ok(()) => {}
                        Err(error) if error.kind == QueueErrorKind::Transient => {
                            again.push(handle.clone());
                        }
                        Err(error) => {
                            tally.state().run.counts.undeleted += 1;
                            if error.kind == QueueErrorKind::Permanent {
                                tally.trouble(error.message);
                            }
                        }
                    }
                }
            }
            handles = again;
            if handles.is_empty() {
                return;
            }
            if tries < TRIES {
                sleep(backoff(tries)).await;
            }
        }
        let undeleted = u64::try_from(handles.len()).unwrap_or(u64::MAX);
        tally.state().run.counts.undeleted += undeleted;
    }

    /// Counts how each has ended.
    fn count(&self, tally: &Tally<'_>, letters: Vec<Letter>) {
        let mut state = tally.state();
        for letter in letters {
            let id = &letter.dossier.message.message_id;
            match letter.step {
                Step::Send { end, .. } | Step::Delete(end) => {
                    state.ended(&letter.key, &end);
                    // What a dry run counts is still there.
                    if !tally.task.dry_run {
                        state.held.let_go(id);
                    }
                }
                Step::Stays(leave) => {
                    state.left_it(leave.word());
                    let key = printable(letter.key.event_key());
                    state.remark(id, &key, leave.word(), leave.says());
                }
                Step::Failed(what) => {
                    state.failed();
                    state.remark(id, &printable(letter.key.event_key()), "failed", what);
                }
                Step::Write { .. } => state.failed(),
            }
        }
    }
}

impl Letter {
    /// Its row is written, or would be.
    fn is_written(&mut self) {
        let step = std::mem::replace(&mut self.step, Step::Failed(String::new()));
        self.step = match step {
            Step::Write { next, then } => Step::written(&next, then),
            other @ (Step::Send { .. } | Step::Delete(_) | Step::Stays(_) | Step::Failed(_)) => {
                other
            }
        };
    }

    /// Whether a row that refused the write shows that it had won (F40).
    fn wrote(&self, row: &Record) -> bool {
        match &self.step {
            Step::Write { next, .. } => row.shows(next),
            Step::Send { .. } | Step::Delete(_) | Step::Stays(_) | Step::Failed(_) => false,
        }
    }
}

/// A dead letter stays, because this was in the way.
fn fail(letters: &mut [Letter], place: usize, what: &str) {
    if let Some(letter) = letters.get_mut(place) {
        letter.step = Step::Failed(what.to_owned());
    }
}

/// The write of a row that is to be written.
fn take_over(letter: &Letter) -> Option<Write> {
    let Step::Write { next, .. } = &letter.step else {
        return None;
    };
    Some(Write::TakeOver {
        seen: letter.dossier.record.as_ref()?.fence(),
        next: (**next).clone(),
    })
}

/// Parts messages into batches that SQS takes: at most ten, and together no longer than one may be.
/// Of a group of a FIFO queue one goes in each, so that none can overtake another that fails.
fn batches(messages: Vec<(usize, Outgoing)>, fifo: bool) -> Vec<Vec<(usize, Outgoing)>> {
    let mut batches: Vec<Vec<(usize, Outgoing)>> = Vec::new();
    let mut length = 0;
    for (place, message) in messages {
        let own = message.size();
        let fits = batches.last().is_some_and(|batch| {
            let group = |other: &Outgoing| fifo && other.group_id == message.group_id;
            batch.len() < SQS_BATCH_MAX
                && length + own <= SQS_MESSAGE_MAX
                && !batch.iter().any(|(_, other)| group(other))
        });
        match batches.last_mut().filter(|_| fits) {
            Some(batch) => {
                length += own;
                batch.push((place, message));
            }
            None => {
                length = own;
                batches.push(vec![(place, message)]);
            }
        }
    }
    batches
}

//! One SQS queue, in requests of at most ten.

pub(crate) mod entry;
mod error;
pub(crate) mod place;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName as System, QueueAttributeName, SendMessageBatchRequestEntry,
};
use tokio::sync::OnceCell;

use waybill_core::id::{MessageId, ReceiptHandle};
use waybill_core::limit::SQS_BATCH_MAX;
use waybill_core::message::Message;
use waybill_engine::ports::{Outgoing, Queue, QueueError, VisibilityChange};

use crate::connect::REQUEST_TIMEOUT;
use error::Asked;
use place::QueueArn;

/// One SQS queue. Clones share their client and what was learned of the queue.
///
/// A receive is tried once: whoever polls asks again, and a repeated long poll would outlast the
/// time that he gave it. A receive that is dropped, or whose answer is lost, harms nothing: what
/// SQS handed out is visible again when its visibility ends. Everything else is tried as often as
/// its client does.
///
/// A batch of more than ten is refused whole without a request. Needs
/// `sqs:ChangeMessageVisibility` to hand back, `sqs:ReceiveMessage` and `sqs:DeleteMessage` to
/// poll, `sqs:SendMessage` to send, `sqs:GetQueueAttributes` for the redrive policy, and
/// `sqs:GetQueueUrl` where only the ARN is known.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    known: Arc<Known>,
    /// How long what is sent stays hidden; where absent, as long as the queue says.
    delay: Option<Duration>,
    /// How long one try of a send may take; where absent, as long as any request.
    send_timeout: Option<Duration>,
}

/// What is known of the queue; what is missing is asked for once.
#[derive(Debug, Default)]
struct Known {
    url: OnceCell<String>,
    arn: OnceCell<String>,
}

/// What a queue says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// Its ARN, where it said that.
    pub arn: Option<String>,
    /// How long it keeps a message, where it said that.
    pub retention: Option<Duration>,
    /// About how many messages can be received.
    pub visible: u64,
    /// About how many messages are held by somebody.
    pub in_flight: u64,
    /// About how many messages wait for their delay to end.
    pub delayed: u64,
    /// Whether it has a redrive policy of its own.
    pub has_redrive_policy: bool,
}

impl SqsQueue {
    /// The queue at a URL. Where the URL does not say its ARN, as a stand-in's does not, it is asked
    /// for once, when messages are received.
    pub fn at(client: Client, url: impl Into<String>) -> Self {
        let url = url.into();
        let known = Known {
            arn: OnceCell::new_with(place::arn_at(&url)),
            url: OnceCell::new_with(Some(url)),
        };
        Self::knowing(client, known)
    }

    /// The queue of an ARN. `known_url` is used where it names that queue; otherwise the URL is
    /// asked for once, when it is first needed.
    pub fn of(client: Client, arn: &str, known_url: Option<&str>) -> Self {
        let names_it = |url: &&str| QueueArn::parse(arn).is_some_and(|arn| arn.is_at(url));
        let known = Known {
            url: OnceCell::new_with(known_url.filter(names_it).map(str::to_owned)),
            arn: OnceCell::new_with(Some(arn.to_owned())),
        };
        Self::knowing(client, known)
    }

    /// The queue of which this much is known.
    fn knowing(client: Client, known: Known) -> Self {
        Self {
            client,
            known: Arc::new(known),
            delay: None,
            send_timeout: None,
        }
    }

    /// The same queue, where what is sent stays hidden so long: at most 15 minutes, and not in a
    /// FIFO queue. Zero leaves it to the queue.
    pub fn delayed(self, delay: Duration) -> Self {
        Self {
            delay: (!delay.is_zero()).then_some(delay),
            ..self
        }
    }

    /// The same queue, where one try of a send may take so long: a full batch takes a slow line
    /// longer than a function has.
    pub fn patient(self, send_timeout: Duration) -> Self {
        Self {
            send_timeout: Some(send_timeout),
            ..self
        }
    }

    /// Where the queue is.
    async fn url(&self) -> Result<&str, QueueError> {
        let url = self.known.url.get_or_try_init(|| self.ask_url()).await?;
        Ok(url)
    }

    /// Asks where the queue of the known ARN is.
    async fn ask_url(&self) -> Result<String, QueueError> {
        let arn = self.known.arn.get().map_or("", String::as_str);
        let Some(queue) = QueueArn::parse(arn) else {
            return Err(error::not_a_queue(arn));
        };
        let request = self.client.get_queue_url().queue_name(queue.name);
        let reply = request.queue_owner_aws_account_id(queue.account).send();
        let reply = reply
            .await
            .map_err(|refusal| error::of_request(&refusal, Asked::QueueUrl, arn))?;
        reply.queue_url.ok_or_else(|| error::unanswered(arn))
    }

    /// What messages say where they come from.
    async fn arn(&self) -> Result<&str, QueueError> {
        let ask = || async {
            let arn = self.attribute(QueueAttributeName::QueueArn).await?;
            arn.ok_or_else(|| error::unanswered(self.name()))
        };
        let arn = self.known.arn.get_or_try_init(ask).await?;
        Ok(arn)
    }

    /// What the queue says of itself, as it is now.
    ///
    /// # Errors
    ///
    /// Where the queue refuses or does not answer.
    pub async fn describe(&self) -> Result<Described, QueueError> {
        let request = self
            .client
            .get_queue_attributes()
            .queue_url(self.url().await?);
        let reply = request
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|refusal| error::of_request(&refusal, Asked::Attributes, self.name()))?;
        let all = reply.attributes.unwrap_or_default();
        let number = |name| all.get(&name).and_then(|text| text.parse().ok());
        let policy = all.get(&QueueAttributeName::RedrivePolicy);
        Ok(Described {
            arn: all.get(&QueueAttributeName::QueueArn).cloned(),
            retention: number(QueueAttributeName::MessageRetentionPeriod).map(Duration::from_secs),
            visible: number(QueueAttributeName::ApproximateNumberOfMessages).unwrap_or_default(),
            in_flight: number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
                .unwrap_or_default(),
            delayed: number(QueueAttributeName::ApproximateNumberOfMessagesDelayed)
                .unwrap_or_default(),
            has_redrive_policy: policy.is_some_and(|policy| !policy.is_empty()),
        })
    }

    /// Asks for one attribute of the queue.
    async fn attribute(&self, name: QueueAttributeName) -> Result<Option<String>, QueueError> {
        let request = self
            .client
            .get_queue_attributes()
            .queue_url(self.url().await?);
        let reply = request.attribute_names(name.clone()).send().await;
        let reply =
            reply.map_err(|refusal| error::of_request(&refusal, Asked::Attributes, self.name()))?;
        Ok(reply.attributes.and_then(|mut all| all.remove(&name)))
    }

    /// What messages call the queue.
    fn name(&self) -> &str {
        let known = self.known.url.get().or(self.known.arn.get());
        known.map_or("", String::as_str)
    }
}

impl Queue for SqsQueue {
    async fn receive(
        &self,
        max: usize,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, QueueError> {
        let url = self.url().await?;
        let arn = self.arn().await?;
        // A long poll may take its whole wait, and then as long as any request.
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(wait.saturating_add(REQUEST_TIMEOUT))
            .build();
        let patient = aws_sdk_sqs::config::Builder::new()
            .timeout_config(timeouts)
            .retry_config(RetryConfig::disabled());
        let reply = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(i32::try_from(max).unwrap_or(i32::MAX))
            .wait_time_seconds(entry::seconds(wait))
            .visibility_timeout(entry::seconds(visibility))
            .message_system_attribute_names(System::ApproximateReceiveCount)
            .message_system_attribute_names(System::SentTimestamp)
            .message_system_attribute_names(System::MessageGroupId)
            .message_system_attribute_names(System::AwsTraceHeader)
            .message_system_attribute_names(System::DeadLetterQueueSourceArn)
            .message_attribute_names("All")
            .customize()
            .config_override(patient)
            .send()
            .await
            .map_err(|refusal| error::of_request(&refusal, Asked::Receive, url))?;
        let messages = reply.messages.unwrap_or_default().into_iter();
        Ok(messages.filter_map(|m| entry::message(m, arn)).collect())
    }

    async fn change_visibility(&self, changes: &[VisibilityChange]) -> Vec<Result<(), QueueError>> {
        let url = match self.batch(changes.len()).await {
            Ok(Some(url)) => url,
            Ok(None) => return Vec::new(),
            Err(refusal) => return vec![Err(refusal); changes.len()],
        };
        let entries = changes.iter().enumerate().map(|(position, change)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(position.to_string())
                .receipt_handle(&change.receipt_handle.0)
                .visibility_timeout(entry::seconds(change.visible_in))
                .build()
                .expect("an entry has its id and its handle")
        });
        let request = self.client.change_message_visibility_batch().queue_url(url);
        let reply = request.set_entries(Some(entries.collect())).send().await;
        let reply = reply.map_err(|refusal| error::of_request(&refusal, Asked::Change, url));
        let reply = reply.map(|reply| {
            let done = reply.successful.into_iter().map(|one| (one.id, ()));
            (done.collect(), reply.failed)
        });
        entry::answers(changes.len(), reply, Asked::Change, url)
    }

    async fn delete(&self, handles: &[ReceiptHandle]) -> Vec<Result<(), QueueError>> {
        let url = match self.batch(handles.len()).await {
            Ok(Some(url)) => url,
            Ok(None) => return Vec::new(),
            Err(refusal) => return vec![Err(refusal); handles.len()],
        };
        let entries = handles.iter().enumerate().map(|(position, handle)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(position.to_string())
                .receipt_handle(&handle.0)
                .build()
                .expect("an entry has its id and its handle")
        });
        let request = self.client.delete_message_batch().queue_url(url);
        let reply = request.set_entries(Some(entries.collect())).send().await;
        let reply = reply.map_err(|refusal| error::of_request(&refusal, Asked::Delete, url));
        let reply = reply.map(|reply| {
            let done = reply.successful.into_iter().map(|one| (one.id, ()));
            (done.collect(), reply.failed)
        });
        entry::answers(handles.len(), reply, Asked::Delete, url)
    }

    async fn send(&self, messages: &[Outgoing]) -> Vec<Result<MessageId, QueueError>> {
        let url = match self.batch(messages.len()).await {
            Ok(Some(url)) => url,
            Ok(None) => return Vec::new(),
            Err(refusal) => return vec![Err(refusal); messages.len()],
        };
        let entries = messages.iter().enumerate().map(|(position, message)| {
            SendMessageBatchRequestEntry::builder()
                .id(position.to_string())
                .message_body(&message.body)
                .set_message_attributes(entry::attributes(&message.attributes))
                .set_message_system_attributes(entry::trace(message.trace_header.as_deref()))
                .set_message_group_id(message.group_id.clone())
                .set_message_deduplication_id(message.deduplication_id.clone())
                .set_delay_seconds(self.delay.map(entry::seconds))
                .build()
                .expect("an entry has its id and its body")
        });
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(self.send_timeout.unwrap_or(REQUEST_TIMEOUT))
            .build();
        let patient = aws_sdk_sqs::config::Builder::new().timeout_config(timeouts);
        let request = self.client.send_message_batch().queue_url(url);
        let request = request.set_entries(Some(entries.collect())).customize();
        let reply = request.config_override(patient).send().await;
        let reply = reply.map_err(|refusal| error::of_request(&refusal, Asked::Send, url));
        let reply = reply.map(|reply| {
            let sent = reply.successful.into_iter();
            (
                sent.map(|one| (one.id, one.message_id)).collect(),
                reply.failed,
            )
        });
        let answers = entry::answers(messages.len(), reply, Asked::Send, url);
        let named = |id| MessageId::new(id).ok_or_else(|| error::unanswered(url));
        answers
            .into_iter()
            .map(|answer| answer.and_then(named))
            .collect()
    }

    async fn has_redrive_policy(&self) -> Result<bool, QueueError> {
        let policy = self.attribute(QueueAttributeName::RedrivePolicy).await?;
        Ok(policy.is_some_and(|policy| !policy.is_empty()))
    }
}

impl SqsQueue {
    /// Where a batch of this many entries is sent; nowhere when it is empty.
    async fn batch(&self, entries: usize) -> Result<Option<&str>, QueueError> {
        match entries {
            0 => Ok(None),
            1..=SQS_BATCH_MAX => self.url().await.map(Some),
            more => Err(error::too_many(more)),
        }
    }
}

#[cfg(test)]
mod tests;

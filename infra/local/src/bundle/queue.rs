//! A queue, used from outside.

use aws_sdk_sqs::types::builders::SendMessageBatchRequestEntryBuilder;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::bundle::client_config;
use crate::error::LocalError;

/// Most messages of one request.
const BATCH: usize = 10;

/// How long messages are held while all of them are read.
const HOLD_SECONDS: i32 = 120;

/// A queue.
#[derive(Debug, Clone)]
pub struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

/// A message for a FIFO queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupedMessage {
    /// The message group id: within it there is order.
    pub group: String,
    /// The message deduplication id: the queue takes it once in five minutes.
    pub deduplication_id: String,
    /// The body.
    pub body: String,
}

impl GroupedMessage {
    /// A message of a group.
    pub fn new(
        group: impl Into<String>,
        deduplication_id: impl Into<String>,
        body: impl Into<String>,
    ) -> Self {
        Self {
            group: group.into(),
            deduplication_id: deduplication_id.into(),
            body: body.into(),
        }
    }
}

/// How many messages a queue holds, as SQS counts them: approximately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueDepth {
    /// Ready to be received.
    pub visible: u64,
    /// Received and neither deleted nor visible again.
    pub in_flight: u64,
    /// Not yet visible for the first time.
    pub delayed: u64,
}

impl QueueDepth {
    /// All of them.
    pub fn total(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Queue {
    /// A queue of that URL.
    pub(crate) fn new(endpoint: &str, url: String) -> Self {
        let config = client_config!(aws_sdk_sqs, endpoint);
        Self {
            client: aws_sdk_sqs::Client::from_conf(config),
            url,
        }
    }

    /// The queue's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client for what is not here.
    pub fn client(&self) -> &aws_sdk_sqs::Client {
        &self.client
    }

    /// Sends any number of messages, ten at a time; answers their ids by position. For standard
    /// queues.
    pub async fn send(&self, bodies: &[String]) -> Result<Vec<String>, LocalError> {
        let entry = |body| SendMessageBatchRequestEntry::builder().message_body(body);
        self.send_all(bodies.iter().map(entry)).await
    }

    /// Sends any number of messages to a FIFO queue in this order; answers their ids by position.
    /// A deduplication id that was sent to the group within five minutes is answered with the id
    /// of the message it was sent with, and no new message.
    pub async fn send_in_groups(
        &self,
        messages: &[GroupedMessage],
    ) -> Result<Vec<String>, LocalError> {
        let entry = |message: &GroupedMessage| {
            SendMessageBatchRequestEntry::builder()
                .message_body(&message.body)
                .message_group_id(&message.group)
                .message_deduplication_id(&message.deduplication_id)
        };
        self.send_all(messages.iter().map(entry)).await
    }

    /// Sends entries, ten at a time, each batch after the one before it.
    async fn send_all(
        &self,
        entries: impl Iterator<Item = SendMessageBatchRequestEntryBuilder>,
    ) -> Result<Vec<String>, LocalError> {
        let mut entries = entries.peekable();
        let mut ids = Vec::new();
        while entries.peek().is_some() {
            let mut batch = Vec::with_capacity(BATCH);
            for (position, entry) in entries.by_ref().take(BATCH).enumerate() {
                let entry = entry.id(position.to_string()).build();
                batch.push(entry.map_err(|error| self.failed("send", error))?);
            }
            let count = batch.len();
            let sent = self
                .client
                .send_message_batch()
                .queue_url(&self.url)
                .set_entries(Some(batch))
                .send()
                .await
                .map_err(|error| self.failed("send", error))?;
            for position in 0..count {
                let id = position.to_string();
                let entry = sent.successful.iter().find(|entry| entry.id == id);
                let entry = entry.ok_or_else(|| {
                    LocalError::failed(format!("{} refused a message: {:?}", self.url, sent.failed))
                })?;
                ids.push(entry.message_id.clone());
            }
        }
        Ok(ids)
    }

    /// Reads every message and leaves them all in the queue, visible. Counts as a receive of each.
    /// Of a group of a FIFO queue it reads ten at most: those behind them stay out of reach.
    pub async fn peek(&self) -> Result<Vec<Message>, LocalError> {
        let mut messages = Vec::new();
        loop {
            let batch = self.receive().await?;
            if batch.is_empty() {
                break;
            }
            messages.extend(batch);
        }
        for batch in messages.chunks(BATCH) {
            let mut request = self
                .client
                .change_message_visibility_batch()
                .queue_url(&self.url);
            for (position, message) in batch.iter().enumerate() {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
                    .id(position.to_string())
                    .receipt_handle(message.receipt_handle().unwrap_or_default())
                    .visibility_timeout(0)
                    .build();
                request = request.entries(entry.map_err(|error| self.failed("read", error))?);
            }
            request
                .send()
                .await
                .map_err(|error| self.failed("read", error))?;
        }
        Ok(messages)
    }

    /// Takes every message out of the queue; of a FIFO queue in the order of each group.
    pub async fn drain(&self) -> Result<Vec<Message>, LocalError> {
        let mut messages = Vec::new();
        loop {
            let batch = self.receive().await?;
            if batch.is_empty() {
                return Ok(messages);
            }
            let mut request = self.client.delete_message_batch().queue_url(&self.url);
            for (position, message) in batch.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder()
                    .id(position.to_string())
                    .receipt_handle(message.receipt_handle().unwrap_or_default())
                    .build();
                request = request.entries(entry.map_err(|error| self.failed("empty", error))?);
            }
            request
                .send()
                .await
                .map_err(|error| self.failed("empty", error))?;
            messages.extend(batch);
        }
    }

    /// How many messages there are.
    pub async fn depth(&self) -> Result<QueueDepth, LocalError> {
        let found = self
            .client
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .map_err(|error| self.failed("count", error))?;
        let count = |name| {
            let value = found.attributes().and_then(|all| all.get(&name));
            value.and_then(|text| text.parse().ok()).unwrap_or(0)
        };
        Ok(QueueDepth {
            visible: count(QueueAttributeName::ApproximateNumberOfMessages),
            in_flight: count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            delayed: count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        })
    }

    /// Receives once, and holds what came.
    async fn receive(&self) -> Result<Vec<Message>, LocalError> {
        let received = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .visibility_timeout(HOLD_SECONDS)
            .wait_time_seconds(1)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await
            .map_err(|error| self.failed("read", error))?;
        Ok(received.messages.unwrap_or_default())
    }

    /// What could not be done to this queue.
    fn failed(
        &self,
        what: &str,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> LocalError {
        LocalError::because(format!("cannot {what} {}", self.url), error)
    }
}

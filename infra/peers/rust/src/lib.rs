//! What a Rust developer writes by hand: claim an id in DynamoDB, POST the body, note that it is
//! done. The items are those of Powertools, with the id itself for a key.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use serde::Deserialize;

/// Any error: the reason why a message is left for another try.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long an id is remembered.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// The part of a message's body that is read.
#[derive(Deserialize)]
struct Order {
    id: String,
}

/// How a claim went.
enum Claim {
    Ours,
    Done,
}

/// Delivers messages, each id once.
pub struct Deliverer {
    dynamodb: Client,
    http: reqwest::Client,
    table: String,
    target: String,
}

impl Deliverer {
    /// The table and the target are named by the environment.
    pub fn from_env(config: &SdkConfig) -> Result<Self, Error> {
        Ok(Self {
            dynamodb: Client::new(config),
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(10))
                .build()?,
            table: std::env::var("TABLE_NAME")?,
            target: std::env::var("TARGET_URL")?,
        })
    }

    /// Delivers the body of a message unless its id was delivered before. Nobody else may claim the
    /// id until `until`.
    pub async fn deliver_once(&self, body: &str, until: SystemTime) -> Result<(), Error> {
        let Order { id } = serde_json::from_str(body)?;
        match self.claim(&id, until).await? {
            Claim::Done => return Ok(()),
            Claim::Ours => {}
        }
        if let Err(error) = self.deliver(&id, body).await {
            self.release(&id).await?;
            return Err(error);
        }
        self.complete(&id).await
    }

    async fn claim(&self, id: &str, until: SystemTime) -> Result<Claim, Error> {
        let now = SystemTime::now();
        let put = self
            .dynamodb
            .put_item()
            .table_name(&self.table)
            .item("pk", text(id))
            .item("status", text("INPROGRESS"))
            .item("expiration", number(seconds(now + REMEMBERED)))
            .item("in_progress_expiration", number(millis(until)))
            .condition_expression(
                "attribute_not_exists(pk) OR expiration < :now OR \
                 (#status = :inprogress AND in_progress_expiration < :now_ms)",
            )
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":inprogress", text("INPROGRESS"))
            .expression_attribute_values(":now", number(seconds(now)))
            .expression_attribute_values(":now_ms", number(millis(now)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else {
            return Ok(Claim::Ours);
        };
        let error = error.into_service_error();
        let taken = match &error {
            PutItemError::ConditionalCheckFailedException(failed) => {
                failed.item().and_then(|item| item.get("status"))
            }
            _ => None,
        };
        match taken.map(AttributeValue::as_s) {
            Some(Ok(status)) if status == "COMPLETED" => Ok(Claim::Done),
            Some(_) => Err(format!("somebody else has {id} in hand").into()),
            None => Err(error.into()),
        }
    }

    async fn deliver(&self, id: &str, body: &str) -> Result<(), Error> {
        let response = self
            .http
            .post(&self.target)
            .header("content-type", "application/json")
            .header("idempotency-key", id)
            .body(body.to_owned())
            .send()
            .await?
            .error_for_status()?;
        if !response.status().is_success() {
            return Err(format!("the target answered {}", response.status()).into());
        }
        // Read to its end: only then is the connection free for the next request.
        response.bytes().await?;
        Ok(())
    }

    async fn complete(&self, id: &str) -> Result<(), Error> {
        let expiration = seconds(SystemTime::now() + REMEMBERED);
        self.dynamodb
            .update_item()
            .table_name(&self.table)
            .key("pk", text(id))
            .update_expression("SET #status = :completed, expiration = :expiration")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":completed", text("COMPLETED"))
            .expression_attribute_values(":expiration", number(expiration))
            .send()
            .await?;
        Ok(())
    }

    async fn release(&self, id: &str) -> Result<(), Error> {
        self.dynamodb
            .delete_item()
            .table_name(&self.table)
            .key("pk", text(id))
            .send()
            .await?;
        Ok(())
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u128) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn seconds(time: SystemTime) -> u128 {
    since_epoch(time).as_secs().into()
}

fn millis(time: SystemTime) -> u128 {
    since_epoch(time).as_millis()
}

fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

//! What the tests bring up and take down again.

pub(crate) mod cli;
pub(crate) mod dynamodb_local;
pub(crate) mod ministack;
pub(crate) mod stage;

use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_sdk_dynamodb::config::{AsyncSleep, Credentials, Region, Sleep};

use waybill_aws::connect::Connection;

/// A configuration that reaches one endpoint and nothing else, whatever the environment says.
pub(crate) async fn config_for(endpoint: &str) -> SdkConfig {
    loader_for(endpoint).load().await
}

/// A connection as the functions make it, to one endpoint and nothing else.
pub(crate) async fn connection_to(endpoint: &str) -> Connection {
    let connection = Connection::load(loader_for(endpoint)).await;
    connection.expect("a region is set")
}

fn loader_for(endpoint: &str) -> ConfigLoader {
    let credentials = Credentials::new("local", "local", None, None, "tests");
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .sleep_impl(Patience)
}

/// A clock by which the SDK gives up late: a stand-in on a busy machine may take longer than a
/// function waits for AWS.
#[derive(Debug)]
struct Patience;

impl AsyncSleep for Patience {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration * 20))
    }
}

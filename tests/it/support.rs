//! What the tests bring up and take down again.

pub(crate) mod dynamodb_local;
pub(crate) mod ministack;
pub(crate) mod process;
pub(crate) mod stage;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, Region};

/// A configuration that reaches one endpoint and nothing else, whatever the environment says.
pub(crate) async fn config_for(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new("local", "local", None, None, "tests");
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .load()
        .await
}

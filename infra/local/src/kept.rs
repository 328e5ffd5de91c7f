//! What is kept for functions to read: parameters and secrets.

use serde_json::json;

use crate::api::Api;
use crate::error::LocalError;
use crate::local_aws::LocalAws;

impl LocalAws {
    /// Puts a text into a parameter of Parameter Store: a new one, or the next version of one.
    pub async fn put_parameter(&self, name: &str, text: &str) -> Result<(), LocalError> {
        let body = json!({ "Name": name, "Value": text, "Type": "String", "Overwrite": true });
        let api = Api::new(self.endpoint())?;
        api.json("ssm", "AmazonSSM.PutParameter", &body).await?;
        Ok(())
    }

    /// Makes a secret of Secrets Manager.
    pub async fn create_secret(&self, name: &str, text: &str) -> Result<(), LocalError> {
        let body = json!({ "Name": name, "SecretString": text });
        let api = Api::new(self.endpoint())?;
        api.json("secretsmanager", "secretsmanager.CreateSecret", &body)
            .await?;
        Ok(())
    }
}

//! What is kept in Systems Manager's Parameter Store and in Secrets Manager: one signed request for
//! one text.
//!
//! Each service is asked one question, and by hand ([`crate::signed`]).
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
//! <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>

mod answer;

use std::time::Duration;

use aws_config::SdkConfig;
use serde_json::{Value, json};

use waybill_core::routes::{Secret, SecretPlace};
use waybill_engine::ports::Ambient;

use crate::ambient::System;
use crate::connect::REQUEST_TIMEOUT;
use crate::http::HttpClient;
use crate::signed::{Asker, Call, NoReply, Patience, Service};

/// Reads what is kept, with the region, the credentials and the endpoints of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Keeping {
    asker: Asker,
}

/// A service that keeps texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeper {
    /// Systems Manager's Parameter Store.
    ParameterStore,
    /// Secrets Manager.
    SecretsManager,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The text, decrypted.
    pub(crate) text: Secret,
    /// Which version of it, as the service names it.
    pub(crate) version: String,
}

/// Why nothing was found. The sentence holds the name and nothing of the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct NotFound {
    /// Whether asking again soon can help.
    pub(crate) kind: Kind,
    /// What happened and, where a person can mend it, what to do.
    pub(crate) message: String,
}

/// Whether asking again soon can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Throttled, broken off, or failed: it may pass.
    Passing,
    /// It is missing, forbidden, or no text: a person must mend it.
    Standing,
}

/// How often a request is tried, as one to SQS is.
const TRIES: u32 = 3;

/// The wait before the second try; doubled before the third, and up to as much again by chance.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest answer that is read: four times the largest secret.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html>
const ANSWER_MAX: usize = 256 * 1024;

impl Keeping {
    /// Asks with this configuration.
    pub(crate) fn new(config: SdkConfig, http: HttpClient) -> Self {
        let asker = Asker::new(config, http);
        Self { asker }
    }

    /// Reads the text of a place. At most three requests of three seconds are made.
    pub(crate) async fn read(&self, place: &SecretPlace) -> Result<Found, NotFound> {
        let mut tries = 1;
        loop {
            let answer = self.ask(place).await;
            match answer {
                Err(error) if error.kind == Kind::Passing && tries < TRIES => {
                    let pause = PAUSE * (1 << tries) / 2;
                    let chance = u32::try_from(System.random() % 1000).unwrap_or_default();
                    tokio::time::sleep(pause + pause * chance / 1000).await;
                    tries += 1;
                }
                Ok(_) | Err(_) => return answer,
            }
        }
    }

    /// Asks once.
    async fn ask(&self, place: &SecretPlace) -> Result<Found, NotFound> {
        let keeper = Keeper::of(place);
        let (service, operation) = keeper.asked();
        let parameters = parameters(place);
        let call = Call::Operation(operation, &parameters);
        let patience = Patience {
            time: REQUEST_TIMEOUT,
            bytes: ANSWER_MAX,
        };
        let (thing, name) = (keeper.thing(), place.name());
        match self.asker.ask(service, call, patience).await {
            Ok(reply) => answer::found(keeper, place, reply.status, &reply.body),
            Err(NoReply::Impossible(what)) => Err(NotFound {
                kind: Kind::Standing,
                message: format!("{thing} `{name}` cannot be asked for: {what}"),
            }),
            Err(NoReply::Unanswered(what)) => Err(NotFound {
                kind: Kind::Passing,
                message: format!("{thing} `{name}`: {what}"),
            }),
        }
    }
}

impl Keeper {
    /// The service of a place.
    fn of(place: &SecretPlace) -> Self {
        match place {
            SecretPlace::Ssm { .. } => Self::ParameterStore,
            SecretPlace::SecretsManager { .. } => Self::SecretsManager,
        }
    }

    /// What it keeps, in words for people.
    fn thing(self) -> &'static str {
        match self {
            Self::ParameterStore => "parameter",
            Self::SecretsManager => "secret",
        }
    }

    /// Who is asked, and for what.
    fn asked(self) -> (Service, &'static str) {
        match self {
            Self::ParameterStore => (Service::Ssm, "AmazonSSM.GetParameter"),
            Self::SecretsManager => (Service::SecretsManager, "secretsmanager.GetSecretValue"),
        }
    }

    /// The permission that a request needs.
    fn permission(self) -> &'static str {
        match self {
            Self::ParameterStore => "ssm:GetParameter",
            Self::SecretsManager => "secretsmanager:GetSecretValue",
        }
    }
}

/// The parameters of the request for a place.
fn parameters(place: &SecretPlace) -> Value {
    match place {
        SecretPlace::Ssm { name } => json!({ "Name": name, "WithDecryption": true }),
        SecretPlace::SecretsManager { name, stage: None } => json!({ "SecretId": name }),
        SecretPlace::SecretsManager {
            name,
            stage: Some(stage),
        } => json!({ "SecretId": name, "VersionStage": stage }),
    }
}

#[cfg(test)]
mod tests;

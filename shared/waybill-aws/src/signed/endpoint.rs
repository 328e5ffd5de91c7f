//! Where these services are: an endpoint that is configured, or the region's own.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;
use reqwest::Url;

/// A service that is asked by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    /// Systems Manager's Parameter Store.
    Ssm,
    /// Secrets Manager.
    SecretsManager,
    /// CloudWatch Logs.
    Logs,
    /// Lambda.
    Lambda,
}

impl Service {
    /// What signatures, and names of hosts, call it.
    pub(super) fn signing_name(self) -> &'static str {
        match self {
            Self::Ssm => "ssm",
            Self::SecretsManager => "secretsmanager",
            Self::Logs => "logs",
            Self::Lambda => "lambda",
        }
    }

    /// What the SDK's configuration calls it; with `_`, the end of its variable.
    fn id(self) -> &'static str {
        match self {
            Self::Ssm => "SSM",
            Self::SecretsManager => "Secrets Manager",
            Self::Logs => "CloudWatch Logs",
            Self::Lambda => "Lambda",
        }
    }
}

/// Where to send a request. The error says what to do.
pub(crate) fn url(service: Service, config: &SdkConfig) -> Result<Url, String> {
    let key = ServiceConfigKey::builder()
        .service_id(service.id())
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let of_service = config
        .service_config()
        .zip(key.ok())
        .and_then(|(said, key)| said.load_config(key));
    let configured = of_service.or_else(|| config.endpoint_url().map(str::to_owned));
    let url = match configured {
        Some(url) => url,
        None => of_region(service, config)?,
    };
    Url::parse(&url).map_err(|error| format!("the endpoint `{url}` is no URL ({error})"))
}

/// The service's own endpoint in a region, in the partitions of public regions, China and
/// GovCloud.
/// <https://docs.aws.amazon.com/general/latest/gr/rande.html>
fn of_region(service: Service, config: &SdkConfig) -> Result<String, String> {
    let region = config.region().map_or("", |region| region.as_ref());
    let is_gov = region.starts_with("us-gov-");
    let is_china = region.starts_with("cn-");
    let is_dual = config.use_dual_stack().unwrap_or(false);
    let is_fips = config.use_fips().unwrap_or(false);
    let other = ["us-iso", "eu-iso", "eusc-"];
    if other.iter().any(|start| region.starts_with(start)) {
        let variable = service.id().to_uppercase().replace(' ', "_");
        return Err(format!(
            "its endpoint in the region `{region}` is not known here; set \
             AWS_ENDPOINT_URL_{variable}"
        ));
    }
    let suffix = match (is_china, is_dual) {
        (false, false) => "amazonaws.com",
        (false, true) => "api.aws",
        (true, false) => "amazonaws.com.cn",
        (true, true) => "api.amazonwebservices.com.cn",
    };
    // Parameter Store and Logs in GovCloud have no other endpoint than their validated one.
    let is_same = matches!(service, Service::Ssm | Service::Logs) && is_gov && !is_dual;
    let fips = if is_fips && !is_same { "-fips" } else { "" };
    let name = service.signing_name();
    Ok(format!("https://{name}{fips}.{region}.{suffix}"))
}

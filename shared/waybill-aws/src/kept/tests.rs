use aws_config::BehaviorVersion;
use aws_sdk_sqs::config::{Credentials, Region};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Url;
use sha2::{Digest as _, Sha256};

use crate::signed::{request, url_of};
use crate::targets::served::{Answer, connected, refuses, serving};

use super::*;

fn parameter(name: &str) -> SecretPlace {
    let name = name.to_owned();
    SecretPlace::Ssm { name }
}

fn secret(name: &str, stage: Option<&str>) -> SecretPlace {
    SecretPlace::SecretsManager {
        name: name.to_owned(),
        stage: stage.map(str::to_owned),
    }
}

fn answer(body: &Value) -> Answer {
    Answer::With(200, body.to_string())
}

#[tokio::test]
async fn a_parameter_is_read_decrypted_with_its_version() {
    let body = json!({ "Parameter": { "Value": "routes: []", "Version": 12, "Type": "String" } });
    let (connection, mut asked) = serving([answer(&body)]).await;
    let found = connection.keeping().read(&parameter("/routes")).await;
    let found = found.unwrap();
    assert_eq!(found.text.expose(), "routes: []");
    assert_eq!(found.version, "12");
    let (operation, body) = asked.try_recv().unwrap();
    assert_eq!(operation, "amazonssm.getparameter");
    assert_eq!(body, json!({ "Name": "/routes", "WithDecryption": true }));
}

#[tokio::test]
async fn a_stage_of_a_secret_is_asked_for_by_its_name() {
    let body = json!({ "SecretString": "s", "VersionId": "v-1" });
    let (connection, mut asked) = serving([answer(&body)]).await;
    let place = secret("token", Some("AWSPREVIOUS"));
    let found = connection.keeping().read(&place).await.unwrap();
    assert_eq!((found.text.expose(), found.version.as_str()), ("s", "v-1"));
    let (_, body) = asked.try_recv().unwrap();
    let expected = json!({ "SecretId": "token", "VersionStage": "AWSPREVIOUS" });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_may_pass_is_asked_for_three_times() {
    let busy = || refuses(400, "ThrottlingException");
    let body = json!({ "SecretString": "s" });
    let (connection, _) = serving([busy(), Answer::Close, answer(&body)]).await;
    let found = connection.keeping().read(&secret("token", None)).await;
    assert_eq!(found.unwrap().text.expose(), "s");

    let (connection, mut asked) = serving([busy(), busy(), busy(), busy()]).await;
    let error = connection.keeping().read(&secret("token", None)).await;
    assert_eq!(error.unwrap_err().kind, Kind::Passing);
    let requests = std::iter::from_fn(|| asked.try_recv().ok()).count();
    assert_eq!(requests, 3);
}

#[tokio::test]
async fn what_a_person_must_mend_is_told_once_with_its_remedy() {
    let table = [
        (
            parameter("/routes"),
            refuses(400, "ParameterNotFound"),
            "parameter `/routes` does not exist in this region (`ParameterNotFound`): create it",
        ),
        (
            parameter("/routes"),
            refuses(400, "AccessDeniedException"),
            "allow `ssm:GetParameter` on it, and `kms:Decrypt`",
        ),
        (
            secret("token", None),
            refuses(400, "AccessDeniedException"),
            "allow `secretsmanager:GetSecretValue` on it",
        ),
        (
            secret("token", None),
            refuses(400, "InvalidParameterException"),
            "could not be read (`InvalidParameterException`)",
        ),
        (
            secret("token", None),
            answer(&json!({ "SecretBinary": "U0VDUkVU" })),
            "is binary",
        ),
    ];
    for (place, reply, told) in table {
        let (connection, _) = serving([reply]).await;
        let error = connection.keeping().read(&place).await.unwrap_err();
        assert_eq!(error.kind, Kind::Standing, "{error}");
        assert!(error.message.contains(told), "no {told} in {error}");
        assert!(!error.message.contains("SECRET"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_the_services_is_no_value() {
    for body in ["<html>", "{}", "[]"] {
        let reply = || Answer::With(200, body.to_owned());
        let (connection, _) = serving([reply(), reply(), reply()]).await;
        let error = connection.keeping().read(&parameter("/routes")).await;
        assert_eq!(error.unwrap_err().kind, Kind::Passing, "{body}");
    }
}

#[tokio::test]
async fn where_nobody_listens_is_told_without_the_address() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let connection = connected(&endpoint).await;
    let error = connection.keeping().read(&parameter("/routes")).await;
    let told = error.unwrap_err().message;
    assert!(told.contains("no connection with the service"), "{told}");
    assert!(!told.contains("127.0.0.1"), "{told}");
}

/// The endpoint of a service in a region.
fn endpoint_of(
    service: Service,
    region: &'static str,
    fips: bool,
    dual: bool,
) -> Result<String, String> {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(region))
        .use_fips(fips)
        .use_dual_stack(dual)
        .build();
    url_of(service, &config).map(|url| url.as_str().trim_end_matches('/').to_owned())
}

#[test]
fn each_region_has_its_own_endpoint() {
    use Service::{SecretsManager, Ssm};
    let table = [
        (
            Ssm,
            "eu-central-1",
            false,
            false,
            "https://ssm.eu-central-1.amazonaws.com",
        ),
        (
            Ssm,
            "us-east-1",
            true,
            false,
            "https://ssm-fips.us-east-1.amazonaws.com",
        ),
        (
            Ssm,
            "us-east-1",
            false,
            true,
            "https://ssm.us-east-1.api.aws",
        ),
        (
            Ssm,
            "us-east-1",
            true,
            true,
            "https://ssm-fips.us-east-1.api.aws",
        ),
        (
            Ssm,
            "us-gov-east-1",
            true,
            false,
            "https://ssm.us-gov-east-1.amazonaws.com",
        ),
        (
            Ssm,
            "us-gov-east-1",
            true,
            true,
            "https://ssm-fips.us-gov-east-1.api.aws",
        ),
        (
            Ssm,
            "cn-north-1",
            false,
            false,
            "https://ssm.cn-north-1.amazonaws.com.cn",
        ),
        (
            Ssm,
            "cn-north-1",
            false,
            true,
            "https://ssm.cn-north-1.api.amazonwebservices.com.cn",
        ),
        (
            SecretsManager,
            "eu-west-1",
            false,
            false,
            "https://secretsmanager.eu-west-1.amazonaws.com",
        ),
        (
            SecretsManager,
            "us-gov-west-1",
            true,
            false,
            "https://secretsmanager-fips.us-gov-west-1.amazonaws.com",
        ),
    ];
    for (service, region, fips, dual, expected) in table {
        assert_eq!(endpoint_of(service, region, fips, dual).unwrap(), expected);
    }
    let told = endpoint_of(SecretsManager, "us-iso-east-1", false, false).unwrap_err();
    assert!(
        told.ends_with("set AWS_ENDPOINT_URL_SECRETS_MANAGER"),
        "{told}"
    );
}

/// A configuration that names an endpoint for Secrets Manager alone.
#[derive(Debug)]
struct OfSecretsManager;

impl LoadServiceConfig for OfSecretsManager {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let is_asked = (key.service_id(), key.env()) == ("Secrets Manager", "AWS_ENDPOINT_URL");
        is_asked.then(|| "https://vpce.example".to_owned())
    }
}

#[test]
fn an_endpoint_that_is_configured_goes_before_the_regions() {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-iso-east-1"))
        .endpoint_url("http://127.0.0.1:4566")
        .service_config(OfSecretsManager)
        .build();
    let of = |service| url_of(service, &config).unwrap().to_string();
    assert_eq!(of(Service::SecretsManager), "https://vpce.example/");
    assert_eq!(of(Service::Ssm), "http://127.0.0.1:4566/");
}

/// A keyed hash.
fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Bytes in hexadecimal digits.
fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Computed anew as AWS's guide tells it.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
#[test]
fn a_request_is_signed_as_aws_says() {
    let url = Url::parse("https://ssm.eu-west-1.amazonaws.com").unwrap();
    let credentials = Credentials::new("AKID", "secret", Some("session".into()), None, "tests");
    let place = parameter("/shop/routes");
    let body = parameters(&place);
    let call = Call::Operation(Keeper::of(&place).asked().1, &body);
    let request = request(Service::Ssm, call, url, "eu-west-1", credentials).unwrap();
    let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
    let body = request.body().unwrap().as_bytes().unwrap();
    let at = header("x-amz-date");
    let signed = "content-type;host;x-amz-date;x-amz-security-token;x-amz-target";
    let canonical = format!(
        "POST\n/\n\ncontent-type:application/x-amz-json-1.1\n\
         host:ssm.eu-west-1.amazonaws.com\nx-amz-date:{at}\n\
         x-amz-security-token:session\nx-amz-target:AmazonSSM.GetParameter\n\n{signed}\n{}",
        digits(&Sha256::digest(body)),
    );
    let day = &at[..8];
    let scope = format!("{day}/eu-west-1/ssm/aws4_request");
    let hash = digits(&Sha256::digest(canonical.as_bytes()));
    let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{hash}");
    let key = [day, "eu-west-1", "ssm", "aws4_request"];
    let key = key
        .iter()
        .fold(b"AWS4secret".to_vec(), |key, part| keyed(&key, part));
    let signature = digits(&keyed(&key, &to_sign));
    let expected = format!(
        "AWS4-HMAC-SHA256 Credential=AKID/{scope}, SignedHeaders={signed}, Signature={signature}"
    );
    assert_eq!(header("authorization"), expected);
}

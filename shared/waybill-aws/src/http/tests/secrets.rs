//! Requests that show what is kept elsewhere.

use std::sync::atomic::AtomicU64;

use serde_json::json;

use waybill_core::routes::{SecretPlace, SecretReference};
use waybill_core::time::Timestamp;

use crate::targets::served::{Answer, Requests, refuses, serving};

use super::*;

/// A clock that a test sets, in seconds.
#[derive(Default)]
struct Hand(AtomicU64);

impl Ambient for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_secs(1_000_000 + self.0.load(Ordering::SeqCst))
    }

    fn random(&self) -> u64 {
        0
    }
}

/// A target that answers each try with a status, and the store of its secret.
struct Stage {
    server: Server,
    target: HttpTarget,
    clock: Arc<Hand>,
    asked: Requests,
}

fn reference(place: SecretPlace, key: Option<&str>) -> SecretReference {
    let key = key.map(str::to_owned);
    SecretReference { place, key }
}

fn manager(name: &str) -> SecretPlace {
    SecretPlace::SecretsManager {
        name: name.to_owned(),
        stage: None,
    }
}

/// An answer of Secrets Manager's.
fn holds(text: &str) -> Answer {
    Answer::With(200, json!({ "SecretString": text }).to_string())
}

impl Stage {
    /// A route that shows the secret `token` after `Bearer `.
    async fn new(status: u16, answers: impl Into<Vec<Answer>>) -> Self {
        let header = HeaderText::Kept {
            prefix: Secret::new("Bearer "),
            secret: reference(manager("token"), None),
        };
        Self::of(status, answers, |spec| {
            spec.headers.insert("authorization".to_owned(), header);
        })
        .await
    }

    async fn of(
        status: u16,
        answers: impl Into<Vec<Answer>>,
        change: impl FnOnce(&mut HttpSpec),
    ) -> Self {
        let server = Server::of_status(status, "").await;
        let (connection, asked) = serving(answers).await;
        let clock = Arc::new(Hand::default());
        let secrets = Secrets::new(connection.keeping(), Arc::clone(&clock) as Arc<dyn Ambient>);
        let mut spec = spec(&server.url());
        // A try never ends because the machine is slow.
        spec.timeout = Duration::from_secs(60);
        change(&mut spec);
        let target = HttpTarget::new(&spec, &HttpClient::new(), &secrets, true).unwrap();
        Self {
            server,
            target,
            clock,
            asked,
        }
    }

    /// One try, so many seconds after the first.
    async fn try_at(&self, seconds: u64) -> Attempt {
        self.clock.0.store(seconds, Ordering::SeqCst);
        send_event(&self.target, &event(), Duration::from_secs(60)).await
    }

    /// The value of a header in each request, in their order.
    fn shown(&self, name: &str) -> Vec<String> {
        let start = format!("{name}: ");
        let requests = self.server.requests();
        let lines = requests.iter().map(|request| {
            let line = request.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_default().to_owned()
        });
        lines.collect()
    }

    /// How often the secret was asked for since the last time.
    fn readings(&mut self) -> usize {
        std::iter::from_fn(|| self.asked.try_recv().ok()).count()
    }
}

#[tokio::test]
async fn a_secret_is_read_once_and_sent_after_its_prefix() {
    let mut stage = Stage::new(200, [holds("one"), holds("two")]).await;
    for at in [0, 299] {
        assert_eq!(stage.try_at(at).await.outcome, Outcome::Delivered);
    }
    assert_eq!(stage.shown("authorization"), ["Bearer one", "Bearer one"]);
    let (operation, asked) = stage.asked.try_recv().unwrap();
    assert_eq!(operation, "secretsmanager.getsecretvalue");
    assert_eq!(asked, json!({ "SecretId": "token" }));
    assert_eq!(stage.readings(), 0);
    stage.try_at(300).await;
    assert_eq!(stage.shown("authorization").last().unwrap(), "Bearer two");
}

#[tokio::test]
async fn tries_side_by_side_read_a_secret_once() {
    let mut stage = Stage::new(200, [holds("one"), holds("two")]).await;
    futures_util::future::join(stage.try_at(0), stage.try_at(0)).await;
    assert_eq!(stage.shown("authorization"), ["Bearer one", "Bearer one"]);
    assert_eq!(stage.readings(), 1);
}

#[tokio::test]
async fn without_its_secret_nothing_is_sent_and_no_message_dies() {
    let missing = || refuses(400, "ResourceNotFoundException");
    let mut stage = Stage::new(200, [missing(), holds("one")]).await;
    for at in [0, 4] {
        let attempt = stage.try_at(at).await;
        assert_eq!(attempt.outcome, Outcome::Transient { retry_after: None });
        assert_eq!(attempt.code, "secret_unavailable");
        assert!(attempt.message.contains("`token` does not exist"));
    }
    assert_eq!(stage.server.requests().len(), 0);
    assert_eq!(stage.readings(), 1, "not again within five seconds");
    assert_eq!(stage.try_at(5).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn a_secret_that_cannot_be_sent_is_told_without_its_value_f66() {
    for value in ["SECRET\n", " SECRET", "SÉCRET", ""] {
        let stage = Stage::new(200, [holds(value)]).await;
        let attempt = stage.try_at(0).await;
        assert_eq!(attempt.code, "secret_unfit", "{value:?}");
        assert_eq!(attempt.outcome, Outcome::Transient { retry_after: None });
        let told = attempt.message;
        assert!(told.starts_with("secret `token` "), "{told}");
        assert!(!told.contains("CRET"), "{told}");
    }
}

#[tokio::test]
async fn a_key_picks_one_text_of_a_json_secret() {
    let answers = [r#"{"key": "one"}"#, r#"{"key": 1}"#, "SECRET"].map(holds);
    for (answer, code) in answers
        .into_iter()
        .zip(["http_200", "secret_unfit", "secret_unfit"])
    {
        let header = HeaderText::Kept {
            prefix: Secret::new(""),
            secret: reference(manager("token"), Some("key")),
        };
        let stage = Stage::of(200, [answer], |spec| {
            spec.headers.insert("x-key".to_owned(), header);
        });
        let stage = stage.await;
        let attempt = stage.try_at(0).await;
        assert_eq!(attempt.code, code);
        assert!(!attempt.message.contains("SECRET"), "{attempt:?}");
        if code == "http_200" {
            assert_eq!(stage.shown("x-key"), ["one"]);
        }
    }
}

#[tokio::test]
async fn a_parameter_may_be_the_key_of_a_signature() {
    let key = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
    let parameter = json!({ "Parameter": { "Value": key, "Version": 3 } });
    let answers = [Answer::With(200, parameter.to_string())];
    let name = "/signing".to_owned();
    let secret = reference(SecretPlace::Ssm { name }, None);
    let mut stage = Stage::of(200, answers, |spec| {
        spec.signature = vec![SigningSecret::Kept(secret)];
    })
    .await;
    assert_eq!(stage.try_at(0).await.outcome, Outcome::Delivered);
    assert!(stage.shown("webhook-signature")[0].starts_with("v1,"));
    let (operation, asked) = stage.asked.try_recv().unwrap();
    assert_eq!(operation, "amazonssm.getparameter");
    assert_eq!(asked, json!({ "Name": "/signing", "WithDecryption": true }));
}

#[tokio::test]
async fn what_is_no_signing_key_signs_nothing() {
    let secret = reference(manager("signing"), None);
    let stage = Stage::of(200, [holds("SECRET")], |spec| {
        spec.signature = vec![SigningSecret::Kept(secret)];
    })
    .await;
    let attempt = stage.try_at(0).await;
    assert_eq!(attempt.code, "secret_unfit");
    assert!(!attempt.message.contains("SECRET"), "{attempt:?}");
    assert_eq!(stage.server.requests().len(), 0);
}

#[tokio::test]
async fn a_401_to_a_secret_that_was_read_for_it_is_final() {
    for status in [401, 403] {
        let stage = Stage::new(status, [holds("one")]).await;
        let attempt = stage.try_at(0).await;
        assert_eq!(attempt.outcome, Outcome::Rejected);
        assert_eq!(attempt.code, format!("http_{status}"));
    }
}

#[tokio::test]
async fn a_401_after_the_secret_was_replaced_is_tried_again_with_the_new_one() {
    let mut stage = Stage::new(401, [holds("one"), holds("two"), holds("two")]).await;
    stage.try_at(0).await;
    let attempt = stage.try_at(100).await;
    assert_eq!(attempt.code, "secret_refused");
    assert_eq!(attempt.outcome, Outcome::Transient { retry_after: None });
    assert_eq!(stage.readings(), 2);
    let attempt = stage.try_at(110).await;
    assert_eq!(
        attempt.outcome,
        Outcome::Rejected,
        "read again, and the same"
    );
    let expected = ["Bearer one", "Bearer one", "Bearer two"];
    assert_eq!(stage.shown("authorization"), expected);
}

#[tokio::test]
async fn a_401_is_not_final_before_the_secret_may_be_read_again() {
    let mut stage = Stage::new(401, [holds("one"), holds("one")]).await;
    stage.try_at(0).await;
    assert_eq!(stage.try_at(4).await.code, "secret_refused");
    assert_eq!(stage.readings(), 1);
    assert_eq!(stage.try_at(5).await.code, "http_401");
    assert_eq!(stage.readings(), 1);
}

#[tokio::test]
async fn a_401_is_not_final_while_the_secret_cannot_be_read() {
    let denied = || refuses(400, "AccessDeniedException");
    let stage = Stage::new(401, [holds("one"), denied(), denied()]).await;
    stage.try_at(0).await;
    assert_eq!(stage.try_at(100).await.code, "secret_refused");
    assert_eq!(stage.try_at(110).await.code, "secret_unavailable");
    assert_eq!(stage.server.requests().len(), 2);
}

#[tokio::test]
async fn a_401_that_the_route_takes_for_delivered_is() {
    let header = HeaderText::Kept {
        prefix: Secret::new(""),
        secret: reference(manager("token"), None),
    };
    let stage = Stage::of(401, [holds("one"), holds("two")], |spec| {
        assert!(spec.statuses.set(401, StatusClass::Delivered));
        spec.headers.insert("x-key".to_owned(), header);
    })
    .await;
    stage.try_at(0).await;
    assert_eq!(stage.try_at(100).await.outcome, Outcome::Delivered);
}

#[tokio::test]
async fn a_known_secret_serves_on_while_its_store_fails_and_not_when_it_is_gone() {
    let failing = || refuses(500, "InternalServiceError");
    let gone = refuses(400, "ResourceNotFoundException");
    let answers = [holds("one"), failing(), failing(), failing(), gone];
    let mut stage = Stage::new(200, answers).await;
    stage.try_at(0).await;
    assert_eq!(stage.try_at(300).await.outcome, Outcome::Delivered);
    assert_eq!(stage.readings(), 4, "three tries of one reading");
    assert_eq!(stage.try_at(305).await.code, "secret_unavailable");
    assert_eq!(stage.shown("authorization"), ["Bearer one"; 2]);
}

#[tokio::test]
async fn no_debug_output_shows_a_secret_f66() {
    let stage = Stage::new(200, [holds("SECRET")]).await;
    stage.try_at(0).await;
    let shown = format!("{:?}", stage.target);
    assert!(!shown.contains("SECRET"), "{shown}");
}

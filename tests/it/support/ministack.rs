//! MiniStack: the stand-in that the bundle is deployed to.

use waybill_local::{LocalAws, Workspace};

/// Starts one of this test's own; it ends when it is dropped.
pub(crate) async fn ministack() -> LocalAws {
    let workspace = Workspace::find().expect("the tests run inside the project");
    let started = LocalAws::start(&workspace).await;
    started.expect("MiniStack can be installed and started")
}

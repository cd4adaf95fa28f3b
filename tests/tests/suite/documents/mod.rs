//! The OpenAPI documents as files: what has changed of them is seen in a review, and what would break a client is not
//! let through.

mod breaking;
mod schemas;

use std::path::Path;

use daybook_tests::TestApp;
use serde_json::Value;

/// The document of a listener.
pub struct Document {
    pub name: &'static str,
    pub under_review: &'static str,
    pub released: &'static str,
}

pub const DOCUMENTS: [Document; 2] = [
    Document {
        name: "api",
        under_review: include_str!("../../../../api/http/openapi/api.json"),
        released: include_str!("../../../../api/http/openapi/released/api.json"),
    },
    Document {
        name: "admin",
        under_review: include_str!("../../../../api/http/openapi/admin.json"),
        released: include_str!("../../../../api/http/openapi/released/admin.json"),
    },
];

/// A change of what clients see is seen here first.
#[tokio::test(flavor = "multi_thread")]
async fn the_documents_that_are_served_are_those_under_review() {
    let app = TestApp::start().await;
    // It outlives the run.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi");
    std::fs::create_dir_all(&folder).unwrap();
    let mut differ = Vec::new();
    for (document, listener) in DOCUMENTS.iter().zip([&app.anonymous, app.admin()]) {
        let served: Value = listener.get("/openapi.json").await.json();
        let text = serde_json::to_string_pretty(&served).unwrap() + "\n";
        if text != document.under_review {
            std::fs::write(folder.join(format!("{}.json", document.name)), text).unwrap();
            differ.push(document.name);
        }
    }
    assert!(
        differ.is_empty(),
        "look at the difference ({}), then: cp {}/*.json api/http/openapi/",
        differ.join(", "),
        folder.display()
    );
}

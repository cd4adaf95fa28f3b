//! The OpenAPI documents as files: what has changed of them is seen in a review, and what would break a client is not
//! let through.

mod breaking;
mod client;
mod schemas;

use std::path::Path;

use daybook_domain::policy::Role;
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

const PAGE: &str = include_str!("../../../../docs/clients.md");

/// The programs in other languages are compiled and run by judges.
#[tokio::test(flavor = "multi_thread")]
async fn the_program_in_rust_on_the_page_for_clients_does_what_the_page_says() {
    let blocks = PAGE.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next());
    assert_eq!(
        blocks.collect::<Vec<_>>().join("\n"),
        include_str!("client.rs"),
        "the page has another program"
    );
    let app = TestApp::start().await;
    for sku in ["TEA-EARL-GREY", "TEA-ROOIBOS", "TEA-SENCHA"] {
        app.sell(sku, 1290, 10).await;
    }
    let as_of = |subject, role| client::Daybook {
        http: reqwest::Client::new(),
        base: app.anonymous.base().to_owned(),
        token: app.token(subject, &[role]),
    };
    let (shop, analyst) = (as_of("alice", Role::Customer), as_of("ann", Role::Analyst));
    client::buy(&shop, &analyst, "order-4711").await.unwrap();
}

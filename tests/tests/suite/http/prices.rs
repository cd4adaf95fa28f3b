//! What products are for taxes.

use daybook_domain::{feature::Feature, policy::Role};
use daybook_tests::TestApp;
use serde_json::json;

async fn shop() -> TestApp {
    let app = TestApp::start_having(&[Feature::Tax], |_| {}).await;
    app.sell("TEA-1", 1999, 100).await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_of_a_tax_class() {
    let app = shop().await;
    let (merchandiser, path) = (app.by(Role::Merchandiser), "/v1/products/TEA-1/tax-class");
    let shown =
        async || app.anonymous.get("/v1/products/TEA-1").await.expect(200).json()["tax_class"].clone();
    assert_eq!(shown().await, "standard");
    let set = merchandiser.put(path, json!({"class": "food"})).await.expect(200).json();
    assert_eq!(shown().await, "food");
    let again = merchandiser.put(path, json!({"class": "food"})).await.expect(200).json();
    assert_eq!(again["version"], set["version"], "it appends nothing");
    let listed = app.anonymous.get("/v1/products").await.expect(200).json();
    assert_eq!(listed["data"][0]["tax_class"], "food");
    let history = merchandiser.get("/v1/products/TEA-1/history").await.expect(200).json();
    let last = history["data"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["what"], &last["details"]), (&json!("ProductTaxClassSet"), &json!({"class": "food"})));

    for bad in ["", "Books", "a-b", &"a".repeat(41)] {
        let refused = merchandiser.put(path, json!({ "class": bad })).await;
        assert_eq!(refused.refusal(), "422 validation_failed /class invalid_value", "{bad}");
    }
    merchandiser.put("/v1/products/NONE/tax-class", json!({"class": "food"})).await.expect(404);
    merchandiser.post("/v1/products/TEA-1/archival", json!({})).await.expect(200);
    let archived = merchandiser.put(path, json!({"class": "books"})).await;
    assert_eq!(archived.refusal(), "422 product_archived");
}

/// Catches: an event that a release before this one can't read, in a database that both may share.
#[tokio::test(flavor = "multi_thread")]
async fn a_shop_without_the_feature_has_no_tax_classes() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let merchandiser = app.by(Role::Merchandiser);
    let refused = merchandiser.put("/v1/products/TEA-1/tax-class", json!({"class": "food"})).await;
    assert_eq!(refused.refusal(), "422 validation_failed /class validation_failed");
    assert!(refused.text().contains("it needs the feature tax"), "{}", refused.text());
}

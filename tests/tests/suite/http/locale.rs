//! What the database was made for is for its administrator to choose.

use daybook_tests::{TestApp, TestDatabase};
use serde_json::json;

use super::{
    operators::{rebuilt, verified},
    rebuilds::verification_of,
};

/// In the order of their bytes. English has it the other way round: `a` in front of `B`, `_` in front of `-`.
const SKUS: [&str; 6] = ["B-2", "B_1", "Z", "a", "a-2", "a_1"];

/// Catches: keys that are compared as the database's language does; a merge of rows and streams that are
/// sorted in two ways, which takes right rows for wrong ones.
#[tokio::test(flavor = "multi_thread")]
async fn the_language_of_the_database_makes_no_difference() {
    let app = TestApp::start_on(TestDatabase::in_english().await, |_| {}).await;
    for sku in SKUS {
        app.sell(sku, 1999, 5).await;
    }
    verified(&app).await;
    let page = app.anonymous.get("/v1/products?limit=100").await.expect(200).json();
    let listed = page["data"].as_array().unwrap().iter().map(|product| product["sku"].as_str().unwrap());
    assert_eq!(listed.collect::<Vec<_>>(), SKUS);

    // Made before keys had an order of their own, and after that.
    app.database.execute("ALTER TABLE read.stock_g1 ALTER COLUMN id TYPE text COLLATE \"default\"").await;
    for generation in [1, 2] {
        assert_eq!(verification_of(&app, "stock").await["differences"], 0);
        let table = format!("read.stock_g{generation}");
        app.database.execute(&format!("UPDATE {table} SET id = 'a-3' WHERE id = 'Z'")).await;
        let found = verification_of(&app, "stock").await;
        assert_eq!(found["differences"], 2, "{found}");
        assert_eq!(found["first_difference"], "Z: the row is missing");
        let begun = app.operator().post("/admin/projections/stock/rebuilds", json!({})).await.expect(202);
        assert_eq!(rebuilt(&app, begun.header("location").unwrap()).await["state"], "done");
    }
    verified(&app).await;
}

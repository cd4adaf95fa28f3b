//! What happened to things: who, when, what and why.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp};
use serde_json::{Value, json};

use super::orders::{order, place};

/// All pages of it.
async fn pages(client: &Client, path: &str, limit: usize) -> Vec<Reply> {
    let mut pages = Vec::new();
    let mut after = String::new();
    loop {
        let page = client.get(&format!("{path}?limit={limit}{after}")).await.expect(200);
        let next = page.json()["next"].as_str().map(|next| format!("&after={next}"));
        assert_eq!(page.json()["has_more"], next.is_some());
        pages.push(page);
        match next {
            Some(next) => after = next,
            None => return pages,
        }
    }
}

fn changes(pages: &[Reply]) -> Vec<Value> {
    pages.iter().flat_map(|page| page.json()["data"].as_array().unwrap().clone()).collect()
}

fn what(changes: &[Value]) -> Vec<&str> {
    changes.iter().map(|change| change["what"].as_str().unwrap()).collect()
}

/// Catches: a page that repeats its neighbour's last change or leaves one out, and the ETag of a page that
/// stays the same when another page begins behind it.
#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_stock_comes_in_pages() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let warehouse = app.by(Role::Warehouse);
    let path = "/v1/stock/TEA-1/history";
    let counted = json!({"delta": -1, "reason": "broken"});
    warehouse.post("/v1/stock/TEA-1/adjustments", counted).await.expect(200);
    place(&app.customer("alice"), order(&[("TEA-1", 2)])).await;
    let whole = warehouse.get(path).await.expect(200);
    let all = changes(std::slice::from_ref(&whole));
    assert_eq!(what(&all), ["StockReceived", "StockAdjusted", "StockHeld"]);
    assert_eq!((&all[1]["who"], &all[1]["why"]), (&json!("warehouse"), &json!("broken")));
    assert_eq!(all[1]["details"], json!({"delta": -1}));
    assert_eq!(whole.header("etag"), Some("\"3\""));
    assert_eq!(whole.header("cache-control"), Some("no-store"));
    for limit in 1..=4 {
        assert_eq!(changes(&pages(&warehouse, path, limit).await), all, "{limit}");
    }
    let full = warehouse.get(&format!("{path}?limit=3")).await.expect(200);
    warehouse.post("/v1/stock/TEA-1/receipts", json!({"quantity": 1})).await.expect(200);
    let now_followed = warehouse.get(&format!("{path}?limit=3")).await.expect(200);
    assert_eq!(full.json()["data"], now_followed.json()["data"]);
    assert_ne!(full.header("etag"), now_followed.header("etag"));

    app.database.lengthen("TEA-1", 150).await;
    let long = pages(&warehouse, path, 100).await;
    let versions: Vec<i64> =
        changes(&long).iter().map(|change| change["version"].as_i64().unwrap()).collect();
    assert_eq!(versions, (1..=154).collect::<Vec<_>>());
    for bad in ["after=x", "after=", "after=AS0x", "limit=0", "limit=101"] {
        assert_eq!(warehouse.get(&format!("{path}?{bad}")).await.refusal(), "400 malformed_request", "{bad}");
    }
    assert_eq!(warehouse.get(&format!("{path}?since=1")).await.refusal(), "400 unknown_parameter");
}

/// Catches: names of customers told to those who may not read orders.
#[tokio::test(flavor = "multi_thread")]
async fn histories_are_for_those_who_may_see_all_of_them() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    place(&app.customer("alice"), order(&[("TEA-1", 2)])).await;
    let who = async |role: Role| {
        let page = app.by(role).get("/v1/stock/TEA-1/history").await.expect(200);
        changes(&[page]).iter().map(|change| change["who"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(who(Role::Warehouse).await, [json!("warehouse"), Value::Null]);
    assert_eq!(who(Role::Support).await, [json!("warehouse"), json!("alice")]);
    let product = app.by(Role::Merchandiser).get("/v1/products/TEA-1/history").await.expect(200);
    assert_eq!(what(&changes(&[product])), ["ProductCreated", "ProductPublished"]);
    for (path, role) in
        [("/v1/stock/TEA-1/history", Role::Analyst), ("/v1/products/TEA-1/history", Role::Support)]
    {
        assert_eq!(app.by(role).get(path).await.refusal(), "403 forbidden");
        assert_eq!(app.customer("alice").get(path).await.refusal(), "403 forbidden");
        assert_eq!(app.anonymous.get(path).await.refusal(), "401 unauthenticated");
    }
    for nothing in ["/v1/stock/NOTHING/history", "/v1/products/NOTHING/history"] {
        assert_eq!(app.by(Role::Merchandiser).get(nothing).await.refusal(), "404 not_found");
    }
}

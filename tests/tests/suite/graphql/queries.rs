use daybook_domain::policy::Role;
use daybook_tests::TestApp;
use serde_json::{Value, json};

use super::{ask, ask_with, data, fails};
use crate::http::orders::{order, place};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_read_with_its_products_and_their_stock() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.sell("CUP-1", 450, 7).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 2), ("CUP-1", 1), ("TEA-1", 3)])).await;
    app.settle().await;
    let support = app.by(Role::Support);
    let query = "query($id: ID!) { order(id: $id) { id status placedAt customer erased total { amount currency } \
                 lines { sku quantity product { id name status stock { available product { name } } } } } }";
    let found = data(ask_with(&support, query, json!({ "id": id })).await)["order"].clone();
    assert_eq!(found["id"], id);
    assert_eq!(found["status"], "PLACED");
    assert_eq!(found["customer"], "alice");
    assert_eq!(found["erased"], false);
    assert_eq!(found["total"], json!({ "amount": 5 * 1999 + 450, "currency": "EUR" }));
    let shown = support.get(&format!("/v1/orders/{id}")).await.expect(200).json();
    assert_eq!(found["placedAt"], shown["placed_at"]);
    let line = |sku: &str, quantity: i64, available: i64| {
        let name = format!("Product {sku}");
        let stock = json!({ "available": available, "product": { "name": name } });
        let product =
            json!({ "id": format!("product/{sku}"), "name": name, "status": "PUBLISHED", "stock": stock });
        json!({ "sku": sku, "quantity": quantity, "product": product })
    };
    assert_eq!(found["lines"], json!([line("TEA-1", 2, 95), line("CUP-1", 1, 6), line("TEA-1", 3, 95)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_is_paged_in_both_directions_by_the_cursors_of_its_rows() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.insert(0, place(&alice, order(&[("TEA-1", 1)])).await);
    }
    app.settle().await;
    let page = async |arguments: &str| {
        let query = format!(
            "{{ orders({arguments}) {{ nodes {{ id }} edges {{ cursor node {{ id }} }} \
             pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }} }}"
        );
        data(ask(&alice, &query).await)["orders"].clone()
    };
    let shown = |page: &Value| -> Vec<String> {
        let edges = page["edges"].as_array().unwrap();
        let ids = edges.iter().map(|edge| edge["node"]["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(
            edges.iter().map(|edge| edge["node"].clone()).collect::<Vec<_>>(),
            page["nodes"].as_array().unwrap().clone()
        );
        ids
    };
    let first = page("first: 2, status: PLACED").await;
    assert_eq!(shown(&first), ids[..2]);
    let info = &first["pageInfo"];
    assert_eq!((&info["hasNextPage"], &info["hasPreviousPage"]), (&json!(true), &json!(false)));
    assert_eq!(info["endCursor"], first["edges"][1]["cursor"]);
    assert_eq!(info["startCursor"], first["edges"][0]["cursor"]);
    // Behind any row, not only the last one.
    let second = page(&format!("first: 3, after: {}", first["edges"][0]["cursor"])).await;
    assert_eq!(shown(&second), ids[1..4]);
    let back = page(&format!("last: 2, before: {}", second["edges"][2]["cursor"])).await;
    assert_eq!(shown(&back), ids[1..3]);
    assert_eq!(back["pageInfo"]["hasPreviousPage"], true);
    let end = page(&format!("first: 9, after: {}", second["pageInfo"]["endCursor"])).await;
    assert_eq!(shown(&end), ids[4..]);
    assert_eq!(end["pageInfo"]["hasNextPage"], false);
    assert!(shown(&page("status: SHIPPED").await).is_empty());

    for (arguments, message) in [
        ("first: 101", "first is 1 to 100"),
        ("first: 0", "first is 1 to 100"),
        ("last: 1", "first goes with after, and last with before"),
        ("first: 1, before: \"x\"", "first goes with after, and last with before"),
        ("after: \"x\"", "after is a cursor as this list gave it out, in next, and before one in prev"),
        ("minPosition: -1", "minPosition is a position as it was received"),
    ] {
        let query = format!("{{ orders({arguments}) {{ nodes {{ id }} }} }}");
        let reply = ask(&alice, &query).await;
        assert_eq!(reply.json()["errors"][0]["message"], message, "{arguments}");
        assert_eq!(fails(reply), ["malformed_request orders"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_and_history_is_read() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 2)])).await;
    app.settle().await;
    let admin = app.by(Role::Admin);
    let query = "query($id: ID!, $day: Date) { \
        orderHistory(id: $id) { nodes { what version who details } } \
        products(q: \"tea\") { nodes { sku prices { amount currency } metadata } } \
        productHistory(sku: \"TEA-1\", first: 1) { edges { cursor } nodes { what } pageInfo { hasNextPage } } \
        stock(sku: \"TEA-1\") { onHand held available id } \
        stockHistory(sku: \"TEA-1\") { nodes { what } } \
        sales(by: \"product\", from: $day, to: $day) { nodes { product pieces day amount cancelled { pieces } } } \
        events(first: 2, types: \"ProductPublished,OrderPlaced\") { nodes { type stream payload } pageInfo { hasNextPage endCursor } } \
        permissions { name roles own } }";
    // The clock stands on another day than the database, by which orders are dated.
    let placed =
        data(ask_with(&admin, "query($id: ID!) { order(id: $id) { placedAt } }", json!({ "id": id })).await);
    let day = &placed["order"]["placedAt"].as_str().unwrap()[..10];
    let found = data(ask_with(&admin, query, json!({ "id": id, "day": day })).await);
    assert_eq!(found["orderHistory"]["nodes"][0]["what"], "OrderPlaced");
    assert_eq!(found["orderHistory"]["nodes"][0]["who"], "alice");
    let tea = json!({ "sku": "TEA-1", "prices": [{ "amount": 1999, "currency": "EUR" }], "metadata": {} });
    assert_eq!(found["products"]["nodes"], json!([tea]));
    assert_eq!(found["productHistory"]["nodes"], json!([{ "what": "ProductCreated" }]));
    assert_eq!(found["productHistory"]["pageInfo"]["hasNextPage"], true);
    assert_eq!(found["stock"], json!({ "onHand": 100, "held": 2, "available": 98, "id": "stock/TEA-1" }));
    assert_eq!(found["stockHistory"]["nodes"], json!([{ "what": "StockReceived" }, { "what": "StockHeld" }]));
    let sold =
        json!({ "product": "TEA-1", "pieces": 2, "day": null, "amount": 3998, "cancelled": { "pieces": 0 } });
    assert_eq!(found["sales"]["nodes"], json!([sold]));
    let events = &found["events"];
    assert_eq!(events["nodes"][1]["type"], "OrderPlaced");
    assert_eq!(events["nodes"][1]["stream"], format!("order/{id}"));
    assert!(events["nodes"][1]["payload"]["lines"].is_array());
    let behind = format!(
        "{{ events(after: {}, first: 1) {{ nodes {{ position }} }} }}",
        events["pageInfo"]["endCursor"]
    );
    assert!(data(ask(&admin, &behind).await)["events"]["nodes"].is_array());
    let rules = found["permissions"].as_array().unwrap();
    assert!(
        rules.contains(&json!({ "name": "order.deliver", "roles": ["WAREHOUSE", "ADMIN"], "own": false }))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thing_is_found_by_its_id() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let id = place(&app.customer("alice"), order(&[("TEA-1", 2)])).await;
    app.settle().await;
    let admin = app.by(Role::Admin);
    let query = "query($id: ID!) { node(id: $id) { id __typename ...P ... on Stock { onHand product { name } } \
                 ... on Order { status lines { product { name } } } ... on Node { again: id } } } fragment P on Product { name stock { held } }";
    for (id, found) in [
        (
            id.as_str(),
            json!({ "__typename": "Order", "status": "PLACED", "lines": [{ "product": { "name": "Product TEA-1" } }] }),
        ),
        (
            "product/TEA-1",
            json!({ "__typename": "Product", "name": "Product TEA-1", "stock": { "held": 2 } }),
        ),
        (
            "stock/TEA-1",
            json!({ "__typename": "Stock", "onHand": 100, "product": { "name": "Product TEA-1" } }),
        ),
    ] {
        let mut node = data(ask_with(&admin, query, json!({ "id": id })).await)["node"].clone();
        assert_eq!((&node["id"], &node["again"]), (&json!(id), &json!(id)));
        let members = node.as_object_mut().unwrap();
        members.retain(|name, _| name != "id" && name != "again");
        assert_eq!(node, found);
    }
    for nothing in ["", "x", "order/x", "product/", "product/NONE", "stock/NONE", "ord_x", "TEA-1"] {
        assert_eq!(
            fails(ask_with(&admin, query, json!({ "id": nothing })).await),
            ["not_found node"],
            "{nothing}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_read_too() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    let alice = app.customer("alice");
    let placed = alice.post("/v1/orders", order(&[("TEA-1", 1)])).await.expect(201).json();
    let id = placed["id"].as_str().unwrap();
    app.by(Role::Support).post(&format!("/v1/orders/{id}/confirmation"), json!({})).await.expect(200);
    app.settle().await;
    let query = "query($id: ID!, $then: Long) { today: order(id: $id) { status } then: order(id: $id, asOfPosition: $then) { status } }";
    let found = data(ask_with(&alice, query, json!({ "id": id, "then": placed["position"] })).await);
    assert_eq!(found, json!({ "today": { "status": "CONFIRMED" }, "then": { "status": "PLACED" } }));
}

/// Catches: variables that are lost or taken as they come, and fields of one name that are not one.
#[tokio::test(flavor = "multi_thread")]
async fn operations_are_executed_as_the_language_means_them() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app.settle().await;
    let anyone = &app.anonymous;
    for (query, variables, found) in [
        (
            "{ product(sku: \"TEA-1\") { sku } product(sku: \"TEA-1\") { name } }",
            json!({}),
            json!({ "product": { "sku": "TEA-1", "name": "Product TEA-1" } }),
        ),
        (
            "query($s: String = \"TEA-1\") { product(sku: $s) { sku } }",
            json!({}),
            json!({ "product": { "sku": "TEA-1" } }),
        ),
        (
            "query($yes: Boolean!) { product(sku: \"TEA-1\") { sku name @skip(if: $yes) ...F @include(if: $yes) } } fragment F on Product { status }",
            json!({ "yes": true }),
            json!({ "product": { "sku": "TEA-1", "status": "PUBLISHED" } }),
        ),
        (
            "query($yes: Boolean = false) { product(sku: \"TEA-1\") @include(if: $yes) { sku } b: __typename }",
            json!({}),
            json!({ "b": "Query" }),
        ),
        (
            "query($n: Int) { products(first: $n) { nodes { s: sku __typename } } }",
            json!({}),
            json!({ "products": { "nodes": [{ "s": "TEA-1", "__typename": "Product" }] } }),
        ),
        (
            "query($n: Int) { products(first: $n, q: null) { pageInfo { hasNextPage } } }",
            json!({ "n": null, "other": 1 }),
            json!({ "products": { "pageInfo": { "hasNextPage": false } } }),
        ),
    ] {
        assert_eq!(data(ask_with(anyone, query, variables).await), found, "{query}");
    }
    for (query, variables, message) in [
        (
            "query($s: String!) { product(sku: $s) { sku } }",
            json!({}),
            "the variable $s of the type String! has to be given",
        ),
        (
            "query($s: String!) { product(sku: $s) { sku } }",
            json!({ "s": null }),
            "the variable $s must not be null",
        ),
        (
            "query($s: String!) { product(sku: $s) { sku } }",
            json!({ "s": 1 }),
            "the variable $s is no value of the type String",
        ),
        (
            "query($n: Int) { products(first: $n) { nodes { sku } } }",
            json!({ "n": 2_147_483_648_i64 }),
            "the variable $n is no value of the type Int",
        ),
        (
            "query($n: Int) { products(first: $n) { nodes { sku } } }",
            json!({ "n": 1.5 }),
            "the variable $n is no value of the type Int",
        ),
        (
            "query($s: OrderStatus) { orders(status: $s) { nodes { id } } }",
            json!({ "s": "placed" }),
            "the variable $s is none of the values of OrderStatus",
        ),
        (
            "query A { __typename } query B { __typename }",
            json!({}),
            "operationName has to say which operation is meant",
        ),
    ] {
        let errors = ask_with(anyone, query, variables).await.expect(200).json();
        assert_eq!(errors["errors"][0]["message"], message, "{query}");
        assert_eq!(errors["data"], Value::Null);
    }
}

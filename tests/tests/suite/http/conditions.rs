//! ETags, versions and positions.

use daybook_domain::policy::Role;
use daybook_tests::{Client, TestApp, until};
use reqwest::Method;
use serde_json::json;

use super::orders::{order, place};

async fn get_if_none_match(client: &Client, path: &str, tag: &str) -> daybook_tests::Reply {
    client.send(client.request(Method::GET, path).header("if-none-match", tag)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_client_has_is_not_sent_again() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let alice = app.customer("alice");
    let id = place(&alice, order(&[("TEA-1", 1)])).await;
    for (client, path) in [
        (&app.anonymous, "/v1/products/TEA-1".to_owned()),
        (&app.anonymous, "/v1/products".into()),
        (&alice, format!("/v1/orders/{id}")),
        (&alice, "/v1/orders".into()),
        (&alice, format!("/v1/orders/{id}/history")),
        (&app.by(Role::Warehouse), "/v1/stock/TEA-1".into()),
    ] {
        let first = client.get(&path).await.expect(200);
        let tag = first.header("etag").unwrap_or_else(|| panic!("{path} has no ETag")).to_owned();
        let again = get_if_none_match(client, &path, &tag).await.expect(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
        assert!(again.header("daybook-position").is_some());
        get_if_none_match(client, &path, &format!("\"x\", W/{tag}")).await.expect(304);
        get_if_none_match(client, &path, "\"x\"").await.expect(200);
    }
    let tag = alice.get(&format!("/v1/orders/{id}")).await.header("etag").unwrap().to_owned();
    let cancelled = alice.post(&format!("/v1/orders/{id}/cancellation"), json!({})).await.expect(200);
    let request = alice.request(Method::GET, &format!("/v1/orders/{id}"));
    let request = request.header("if-none-match", tag).header("daybook-min-position", cancelled.position());
    assert_eq!(alice.send(request).await.expect(200).header("etag"), cancelled.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_has_changed_is_refused() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let merchandiser = app.by(Role::Merchandiser);
    let rename = async |tag: &str, name: &str| {
        let request = merchandiser.request(Method::PATCH, "/v1/products/TEA-1").header("if-match", tag);
        merchandiser.send(request.json(&json!({ "name": name }))).await
    };
    assert_eq!(rename("\"2\"", "B").await.expect(200).header("etag"), Some("\"3\""));
    assert_eq!(rename("\"2\"", "C").await.refusal(), "412 stale_version");
    assert_eq!(rename("\"other\"", "C").await.refusal(), "412 stale_version");
    assert_eq!(rename("W/\"3\"", "C").await.refusal(), "412 stale_version");
    assert_eq!(rename("3", "C").await.refusal(), "400 malformed_request");
    rename("*", "D").await.expect(200);
    let id = place(&app.customer("alice"), order(&[("TEA-1", 1)])).await;
    let support = app.by(Role::Support);
    let request = support.request(Method::POST, &format!("/v1/orders/{id}/confirmation"));
    let request = request.header("if-match", "\"5\"").header("idempotency-key", "k").json(&json!({}));
    assert_eq!(support.send(request).await.refusal(), "412 stale_version");
}

/// A query that names the position of a command sees what the command did.
#[tokio::test(flavor = "multi_thread")]
async fn one_reads_what_one_wrote() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1_000).await;
    let (alice, support, warehouse) = (app.customer("alice"), app.by(Role::Support), app.by(Role::Warehouse));
    for round in 1..=20 {
        let id = place(&alice, order(&[("TEA-1", 1)])).await;
        let path = format!("/v1/orders/{id}");
        assert_eq!(alice.get(&path).await.expect(200).json()["status"], "placed");
        assert_eq!(alice.get("/v1/orders?limit=1").await.expect(200).json()["data"][0]["id"], id);
        assert_eq!(warehouse.get("/v1/stock/TEA-1").await.json()["held"], 1);
        support.post(&format!("{path}/confirmation"), json!({})).await.expect(200);
        assert_eq!(alice.get(&path).await.expect(200).json()["status"], "confirmed");
        let stock = warehouse.get("/v1/stock/TEA-1").await.json();
        assert_eq!((&stock["held"], &stock["allocated"]), (&json!(0), &json!(round)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_visible_yet_is_said_to_be_behind() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let ask = async |min: &str| {
        let request = app.anonymous.request(Method::GET, "/v1/products/TEA-1");
        app.anonymous
            .send(request.header("daybook-min-position", min).header("request-timeout-ms", "200"))
            .await
    };
    app.settle().await;
    app.operator().post("/admin/projections/products/pause", json!({})).await.expect(200);
    until("it is paused", async || {
        app.operator().get("/admin/projections/products").await.json()["status"] == "paused"
    })
    .await;
    app.sell("TEA-2", 1999, 10).await;
    let head = app.database.count("SELECT max(position) FROM events").await;
    let behind = ask(&head.to_string()).await;
    assert_eq!(behind.refusal(), "503 read_model_behind");
    assert!(behind.header("retry-after").is_some());
    assert_eq!(ask("soon").await.refusal(), "400 malformed_request");
    assert_eq!(ask("-1").await.refusal(), "400 malformed_request");
    ask("0").await.expect(200);
}

/// Catches: a condition that can't hold, and is not looked at.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_has_had_no_version() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let product = json!({"sku": "NEW", "name": "New", "price": {"amount": 1, "currency": "EUR"}});
    for (client, path, body) in [
        (app.by(Role::Merchandiser), "/v1/products", product),
        (app.customer("alice"), "/v1/orders", order(&[("TEA-1", 1)])),
    ] {
        let ask = async |tag: &str| {
            let request = client.request(Method::POST, path).header("if-match", tag);
            client
                .send(request.header("idempotency-key", format!("k{tag}").replace('"', "-")).json(&body))
                .await
        };
        for tag in ["\"1\"", "\"01\"", "W/\"1\"", "\"0\"", "\"a\",\"2\""] {
            assert_eq!(ask(tag).await.refusal(), "412 stale_version", "{path} {tag}");
        }
        ask("*").await.expect(201);
    }
}

/// Catches: a cache that gives one caller's form of an answer to another.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_says_what_it_depends_on() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    let admin = app.by(Role::Admin);
    for (path, names) in [
        ("/v1/products", &["authorization"][..]),
        ("/v1/products/TEA-1", &["authorization"]),
        ("/v1/orders", &["authorization"]),
        ("/v1/events", &["authorization", "accept"]),
        ("/v1/permissions", &[]),
    ] {
        let reply = admin.get(path).await.expect(200);
        let vary = reply.header("vary").unwrap_or_default().to_ascii_lowercase();
        let given: Vec<&str> = vary.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        for name in names {
            assert!(given.contains(name), "{path}: {vary}");
        }
        assert!(
            names.len() == given.iter().filter(|name| **name != "accept-encoding").count(),
            "{path}: {vary}"
        );
    }
}

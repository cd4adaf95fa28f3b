//! What the server says of itself.

use std::collections::BTreeSet;

use daybook_domain::policy::Role;
use daybook_http::problem::catalogue;
use daybook_tests::TestApp;
use reqwest::Method;
use serde_json::{Value, json};

use crate::permissions::path_of;

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_has_a_page() {
    let app = TestApp::start().await;
    for code in catalogue() {
        let page = app.anonymous.get(&format!("/problems/{code}")).await.expect(200);
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{code}");
        let text = page.text();
        for part in [code.as_str(), code.title(), "<h2>Why it happens</h2>", "<h2>What you can do</h2>"] {
            assert!(text.contains(part), "{code}: {part}");
        }
        assert!(!text.contains('`') && !text.contains("## "), "{code}: no Markdown is left");
    }
    let unknown = app.anonymous.get("/problems/%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert_eq!(unknown.status, 404);
    assert!(!unknown.text().contains("<script>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_describes_every_route() {
    let app = TestApp::start().await;
    let reply = app.anonymous.get("/openapi.json").await.expect(200);
    let document = reply.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    for (path, methods) in [
        ("/v1/products", vec!["get", "post"]),
        ("/v1/products/{sku}", vec!["get", "patch"]),
        ("/v1/products/{sku}/history", vec!["get"]),
        ("/v1/products/{sku}/price", vec!["put"]),
        ("/v1/products/{sku}/publication", vec!["post", "delete"]),
        ("/v1/products/{sku}/archival", vec!["post"]),
        ("/v1/stock/{sku}", vec!["get"]),
        ("/v1/stock/{sku}/history", vec!["get"]),
        ("/v1/stock/{sku}/receipts", vec!["post"]),
        ("/v1/stock/{sku}/adjustments", vec!["post"]),
        ("/v1/orders", vec!["get", "post"]),
        ("/v1/orders/{id}", vec!["get"]),
        ("/v1/orders/{id}/history", vec!["get"]),
        ("/v1/orders/{id}/confirmation", vec!["post"]),
        ("/v1/orders/{id}/cancellation", vec!["post"]),
        ("/v1/orders/{id}/shipments", vec!["post"]),
        ("/v1/orders/{id}/delivery", vec!["post"]),
        ("/v1/sales", vec!["get"]),
        ("/v1/tax", vec!["get"]),
        ("/v1/tax/{country}", vec!["get"]),
        ("/v1/tax/{country}/history", vec!["get"]),
        ("/v1/tax/{country}/rates", vec!["put"]),
        ("/v1/events", vec!["get"]),
        ("/v1/event-types", vec!["get"]),
        ("/v1/permissions", vec!["get"]),
    ] {
        for method in methods {
            let operation = &document["paths"][path][method];
            assert!(operation["operationId"].is_string(), "{method} {path}");
            assert!(
                operation["summary"].is_string() || operation["description"].is_string(),
                "{method} {path}"
            );
        }
    }
    // Every reference leads somewhere.
    let mut references = BTreeSet::new();
    collect_references(&document, &mut references);
    for reference in references {
        let pointer = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    // And what it describes is there: a path without its parameters' values answers anything but 404/405.
    for (path, item) in paths {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let path = path_of(path, "ord_019b0000000070008000000000000001")
                .replace("{code}", "not_found")
                .replace("{file}", "initializer.js")
                .replace("{name}", "nowhere")
                .replace("{sku}", "A");
            let method: Method = method.to_uppercase().parse().unwrap();
            let reply = app.anonymous.send(app.anonymous.request(method.clone(), &path)).await;
            // Anyone may ask for these, and they aren't there.
            let is_public_thing = ["/v1/products/A", "/account/outside/nowhere"].contains(&path.as_str());
            assert!(
                method == Method::GET && is_public_thing || ![404, 405].contains(&reply.status),
                "{method} {path}: {}",
                reply.status
            );
        }
    }
}

fn collect_references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            if let Some(reference) = members.get("$ref").and_then(Value::as_str) {
                found.insert(reference.to_owned());
            }
            members.values().for_each(|member| collect_references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_dressed_for_the_open() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    let alice = app.customer("alice");
    for reply in [
        app.anonymous.get("/v1/products/TEA-1").await,
        app.anonymous.get("/v1/nothing").await,
        app.anonymous.get("/v1/orders").await,
        alice.get("/v1/orders").await,
        alice.post("/v1/orders", json!({})).await,
        app.anonymous.get("/docs").await,
        app.anonymous.get("/docs/initializer.js").await,
        app.anonymous.get("/docs/nothing.js").await,
        app.anonymous.get("/openapi.json").await,
        app.anonymous.get("/problems/not_found").await,
        app.operator().get("/admin/projections").await,
        alice.delete("/v1/orders").await,
    ] {
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert!(reply.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert!(reply.header("x-request-id").is_some());
        assert!(reply.header("cache-control").is_some());
        assert_eq!(reply.header("access-control-allow-origin"), None);
        assert_eq!(reply.header("server"), None);
    }
    let cors = alice.request(Method::OPTIONS, "/v1/orders").header("origin", "https://evil.example");
    let cors = alice.send(cors.header("access-control-request-method", "POST")).await;
    assert_eq!(cors.header("access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_keeps_the_name_that_it_came_with() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 9).await;
    let alice = app.customer("alice");
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = alice.request(Method::POST, "/v1/orders").header("idempotency-key", "k");
    let request = request.header("x-request-id", "mine-1").header("traceparent", trace);
    let placed = alice.send(request.json(&super::orders::order(&[("TEA-1", 1)]))).await.expect(201);
    assert_eq!(placed.header("x-request-id"), Some("mine-1"));
    let page = app.by(Role::Analyst).get("/v1/events?types=OrderPlaced").await.expect(200).json();
    assert_eq!(page["data"][0]["metadata"]["request_id"], "mine-1");
    assert_eq!(page["data"][0]["metadata"]["traceparent"], trace);
    let missing = alice.request(Method::GET, "/v1/orders/ord_x").header("traceparent", trace);
    let missing = alice.send(missing).await.expect(404).json();
    assert_eq!(missing["trace_id"], trace[3..35]);
    let request = alice.request(Method::GET, "/v1/orders").header("x-request-id", "not a name");
    let reply = alice.send(request).await;
    assert_ne!(reply.header("x-request-id"), Some("not a name"));
}

#[tokio::test(flavor = "multi_thread")]
async fn telemetry_is_there_without_a_token() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1).await;
    app.anonymous.get("/v1/products/TEA-1").await.expect(200);
    for client in [&app.telemetry, &app.anonymous] {
        assert_eq!(client.get("/healthz").await.expect(200).json()["status"], "ok");
        assert_eq!(client.readiness().await["status"], "ready");
    }
    let metrics = app.telemetry.get("/metrics").await.expect(200).text();
    for name in [
        "daybook_commands_total",
        "daybook_committer_batch_commands",
        "process_cpu_seconds_total",
        "daybook_use_case_seconds_count{outcome=\"accepted\",use_case=\"product.create\"}",
    ] {
        assert!(metrics.contains(name), "{name}");
    }
    app.anonymous.get("/metrics").await.expect(404);
    // Labels are bounded: no ids in them.
    assert!(!metrics.contains("TEA-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_published() {
    let app = TestApp::start().await;
    let keys = app.anonymous.get("/.well-known/jwks.json").await.expect(200).json();
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    assert!(key["kid"].is_string() && key["x"].is_string());
    assert!(key.get("d").is_none(), "the private half stays at home");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_finishes_what_it_began() {
    let mut app = TestApp::start().await;
    app.sell("TEA-1", 1999, 1_000).await;
    let mut buyers = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let alice = app.customer("alice");
        buyers.spawn(async move { alice.post("/v1/orders", super::orders::order(&[("TEA-1", 1)])).await });
    }
    let first = buyers.join_next().await.unwrap().unwrap();
    app.stop().await;
    let mut replies = vec![first];
    while let Some(reply) = buyers.join_next().await {
        // One that had not connected yet finds no listener.
        replies.extend(reply.ok());
    }
    let placed = replies.iter().filter(|reply| reply.status == 201).count();
    for reply in replies.iter().filter(|reply| reply.status != 201) {
        assert_eq!(reply.refusal(), "503 unavailable");
    }
    let log = daybook_tests::Log::check(&app.database.superuser).await;
    assert_eq!(log.orders().len(), placed, "what was answered is what happened");
}

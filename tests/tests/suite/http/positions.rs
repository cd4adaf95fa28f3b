//! A query that waits for a position.

use daybook_domain::settings::Span;
use daybook_tests::{TestApp, metrics::counted, until};
use reqwest::Method;
use serde_json::json;

/// Catches: a wait for what will never be, which each caller may hold a connection and a place with.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_that_the_log_has_not_reached_is_refused_at_once() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    for path in
        ["/v1/products", "/v1/products/TEA-1", "/v1/products/TEA-1?as_of_position=1", "/v1/products/NOTHING"]
    {
        for position in ["1000", "4611686018427387904"] {
            let request = app.anonymous.request(Method::GET, path).header("daybook-min-position", position);
            let reply = app.anonymous.send(request).await;
            assert_eq!(reply.refusal(), "400 malformed_request", "{path} {position}");
        }
    }
    app.anonymous.get("/v1/products/TEA-1").await.expect(200);
}

/// Catches: work for a client that has left.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_gone_ends_its_wait() {
    let app = TestApp::start_with(|config| config.http.max_request_timeout = Span::minutes(5)).await;
    app.sell("TEA-1", 1999, 10).await;
    app.settle().await;
    app.operator().post("/admin/projections/products/pause", json!({})).await.expect(200);
    until("it is paused", async || {
        let one = app.operator().get("/admin/projections/products").await.expect(200).json();
        one["status"] == "paused"
    })
    .await;
    app.sell("TEA-2", 1999, 10).await;
    let head = app.database.count("SELECT max(position) FROM events").await;
    let request = app.anonymous.request(Method::GET, "/v1/products/TEA-2");
    let request = request.header("daybook-min-position", head).header("request-timeout-ms", "300000");
    let client = app.anonymous.clone();
    let mut waiting = tokio::task::JoinSet::new();
    waiting.spawn(async move { client.try_send(request).await.map(drop) });
    let in_work = || counted("daybook_http_requests_in_flight");
    until("it waits", async || in_work() == 1.0).await;
    waiting.shutdown().await;
    until("its wait has ended", async || in_work() == 0.0).await;
}

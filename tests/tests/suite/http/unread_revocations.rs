//! A process that can't read which tokens were revoked: it lets in no caller who has one, and all others.

use daybook_domain::{policy::Role, settings::Span};
use daybook_grpc::protocol::v1::ListOrdersRequest;
use daybook_tests::{Live, Proxy, TestApp, grpc::Grpc, metrics::of_labels, proxy::Weather, raw_door, until};
use sqlx::Executor;
use tonic::Code;

use crate::graphql;

/// A process of the same database, by way of a proxy, for all interfaces.
async fn twin_by_way_of(app: &TestApp, proxy: &Proxy) -> TestApp {
    let url = proxy.url(&app.database.app_url());
    app.twin(|config| {
        config.database_url = url.as_str().into();
        // Long enough that a busy machine is not taken for one that can't read.
        config.tokens.revocations_max_age = Span::seconds(3);
        config.door.listen = "127.0.0.1:0".parse().unwrap();
        config.door.plaintext = true;
    })
    .await
}

/// Catches: a token that was revoked while a process could not hear of it, and is good there.
#[tokio::test(flavor = "multi_thread")]
async fn who_can_not_know_what_was_revoked_takes_no_token_and_goes_on_with_what_is_public() {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 10).await;
    app.settle().await;
    let proxy = Proxy::to(&app.database.app_url()).await;
    let twin = twin_by_way_of(&app, &proxy).await;
    let (alice, analyst) = (twin.customer("alice"), twin.by(Role::Analyst));
    alice.get("/v1/orders").await.expect(200);
    let mut live = Live::open(&analyst, "", None).await;
    // The database has all but this.
    let mut foreign = app.database.foreign_session().await;
    foreign.execute("BEGIN; LOCK TABLE revocations").await.unwrap();
    until("it knows that it doesn't know", async || alice.get("/v1/permissions/mine").await.status == 503)
        .await;

    // Whatever the token is: one that it knows, a new one, one that is no good.
    let forged = twin.anonymous.with_token("a.b.c");
    for client in [&alice, &twin.customer("bob"), &forged, &twin.operator()] {
        let refused = client.get("/v1/orders").await;
        assert_eq!(refused.refusal(), "503 unavailable");
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    assert_eq!(graphql::ask(&alice, "{ __typename }").await.refusal(), "503 unavailable");
    let orders = Grpc::named(&twin, "alice", Role::Customer).orders();
    let refused = { orders }.list_orders(ListOrdersRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    let bearer = format!("Bearer {}", twin.token("ann", &[Role::Analyst]));
    let read = "event_store.client.streams.Streams/Read";
    let refused = raw_door::call_bytes(twin.door(), read, &[("authorization", &bearer)], &[]).await;
    assert_eq!(refused.as_deref(), Some("14"));
    let reasons = [("reason", "revocations_unread")];
    assert!(of_labels("daybook_http_turned_away_total", &reasons) >= 7.0);
    // Streams end, and their clients come back.
    let mut last = None;
    while let Some(frame) = live.frame().await.unwrap() {
        last = frame.comment.or(last);
    }
    assert!(last.as_deref().is_some_and(|text| text.contains("can't be known now")), "{last:?}");
    // What is public needs no token.
    twin.anonymous.get("/v1/products").await.expect(200);
    twin.anonymous.get("/v1/permissions").await.expect(200);

    drop(foreign);
    until("tokens are taken again", async || alice.get("/v1/orders").await.status == 200).await;

    // The same of a process that is cut off from all of it.
    proxy.set(Weather::Blackhole);
    until("it is cut off", async || alice.get("/v1/permissions/mine").await.status == 503).await;
    twin.anonymous.get("/v1/permissions").await.expect(200);
    app.customer("alice").get("/v1/orders").await.expect(200);
    proxy.set(Weather::Fair);
    proxy.cut();
    until("it is reached again", async || alice.get("/v1/orders").await.status == 200).await;
}

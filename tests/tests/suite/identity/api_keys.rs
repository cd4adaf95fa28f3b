//! Keys of programs.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Door, Reply, TestApp, door::events, people::post, until};
use eventstore::ReadAllOptions;
use serde_json::{Value, json};

const ALICE: &str = "alice@example.com";

async fn issued(client: &Client, scopes: &[&str]) -> Value {
    let body = json!({"name": "scanner", "scopes": scopes});
    post(client, "/v1/api-keys", body).await.expect(201).json()
}

fn by(app: &TestApp, key: &Value) -> Client {
    app.anonymous.with_token(key["key"].as_str().expect("a key"))
}

async fn placed(client: &Client) -> Reply {
    let order = json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR"});
    client.post("/v1/orders", order).await
}

/// Catches: a key that may do more than its scopes, or more than its account, or manages the account itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_acts_for_its_account_within_its_scopes() {
    let app = TestApp::start_generous().await;
    app.sell("TEA-1", 1999, 10).await;
    app.registered(ALICE).await;
    let (_, alice) = app.logged_in(ALICE).await;
    let key = issued(&alice, &["order.read", "order.confirm"]).await;
    assert!(key["key"].as_str().unwrap().starts_with("dbk_"));
    let program = by(&app, &key);
    let order = placed(&alice).await.expect(201).json();
    let path = format!("/v1/orders/{}", order["id"].as_str().unwrap());
    program.get(&path).await.expect(200);
    assert_eq!(placed(&program).await.refusal(), "403 forbidden", "it has no such scope");
    let confirm = program.post(&format!("{path}/confirmation"), json!({})).await;
    assert_eq!(confirm.refusal(), "403 forbidden", "its account may not");
    for own in ["/v1/accounts/me", "/v1/sessions", "/v1/api-keys"] {
        assert_eq!(program.get(own).await.refusal(), "403 forbidden", "{own}");
    }
    let mine = program.get("/v1/permissions/mine").await.expect(200).json();
    assert_eq!((&mine["kind"], &mine["data"][0]["name"]), (&json!("key"), &json!("order.read")));
    // The event says whose deed it was.
    let placing = by(&app, &issued(&alice, &["order.place"]).await);
    let by_program = placed(&placing).await.expect(201).json();
    let shown =
        alice.get(&format!("/v1/orders/{}", by_program["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(shown["customer"], order_owner(&alice).await);
    let listed = alice.get("/v1/api-keys").await.expect(200).json();
    assert_eq!(
        (&listed["data"][0]["name"], &listed["data"][0]["scopes"]),
        (&json!("scanner"), &json!(["order.place"]))
    );
    assert!(!listed.to_string().contains("dbk_"));
    for body in [
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["account.manage"]}),
        json!({"name": "x", "scopes": ["nothing.known"]}),
        json!({"name": "x", "scopes": ["order.read"], "expires_at": "2020-01-01T00:00:00Z"}),
    ] {
        let reply = post(&alice, "/v1/api-keys", body.clone()).await;
        assert!(reply.refusal().starts_with("422 validation_failed"), "{body}");
    }
}

async fn order_owner(client: &Client) -> Value {
    client.get("/v1/accounts/me").await.expect(200).json()["id"].clone()
}

/// Catches: an interface that knows no keys.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_on_every_interface() {
    let door = Door::new();
    let app = TestApp::start_with(|config| door.open(config)).await;
    app.registered(ALICE).await;
    let (_, alice) = app.logged_in(ALICE).await;
    let account = order_owner(&alice).await;
    let roles = json!({"roles": ["analyst", "customer"], "reason": "reads the log"});
    let admin = app.by(Role::Admin);
    admin.put(&format!("/v1/accounts/{}/roles", account.as_str().unwrap()), roles).await.expect(200);
    app.advance(1);
    let (_, alice) = app.logged_in(ALICE).await;
    let key = issued(&alice, &["events.read", "order.read"]).await;
    let program = by(&app, &key);
    program.get("/v1/events?limit=1").await.expect(200);
    let asked = program.post("/graphql", json!({"query": "{ orders(first: 1) { nodes { id } } }"})).await;
    assert!(asked.expect(200).json()["errors"].is_null());
    let client = door.client_with(&app, "esdb", key["key"].as_str().unwrap());
    let mut read = client.read_all(&ReadAllOptions::default()).await.expect("it is let in");
    assert!(!events(&mut read).await.is_empty());
}

/// Catches: a key that is remembered after its end, in this process or in another.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_everywhere_and_with_what_its_account_loses() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let (_, alice) = app.logged_in(ALICE).await;
    let account = order_owner(&alice).await;
    let roles = |roles: Value| {
        let admin = app.by(Role::Admin);
        let path = format!("/v1/accounts/{}/roles", account.as_str().unwrap());
        async move { admin.put(&path, json!({"roles": roles, "reason": "because"})).await.expect(200) }
    };
    roles(json!(["customer", "merchandiser"])).await;
    app.advance(1);
    let (_, alice) = app.logged_in(ALICE).await;
    let twin = app.twin(|_| {}).await;
    let key = issued(&alice, &["stock.read", "order.read"]).await;
    let there = twin.anonymous.with_token(key["key"].as_str().unwrap());
    let here = by(&app, &key);
    for client in [&here, &there] {
        assert_eq!(client.get("/v1/stock/NONE").await.refusal(), "404 not_found");
    }
    roles(json!(["customer"])).await;
    assert_eq!(here.get("/v1/stock/NONE").await.refusal(), "403 forbidden");
    until("the other process knows", async || there.get("/v1/stock/NONE").await.status == 403).await;
    app.advance(1);
    let (_, alice) = app.logged_in(ALICE).await;
    // Both processes remember it when it is revoked.
    for client in [&here, &there] {
        client.get("/v1/orders").await.expect(200);
    }
    alice.delete(&format!("/v1/api-keys/{}", key["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(here.get("/v1/orders").await.refusal(), "401 unauthenticated");
    until("the other process knows", async || there.get("/v1/orders").await.status == 401).await;
    let again = alice.delete(&format!("/v1/api-keys/{}", key["id"].as_str().unwrap())).await;
    assert_eq!(again.refusal(), "404 not_found");
    // One that expires.
    let until_then = app.now() + chrono::TimeDelta::seconds(60);
    let body = json!({"name": "short", "scopes": ["order.read"], "expires_at": until_then});
    let short = by(&app, &post(&alice, "/v1/api-keys", body).await.expect(201).json());
    short.get("/v1/orders").await.expect(200);
    app.advance(61);
    assert_eq!(short.get("/v1/orders").await.refusal(), "401 unauthenticated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_rotated_goes_on_for_a_while() {
    let app = TestApp::start_generous().await;
    app.registered(ALICE).await;
    let (_, alice) = app.logged_in(ALICE).await;
    let old = issued(&alice, &["order.read"]).await;
    let rotate = |id: &Value, body: Value| {
        let path = format!("/v1/api-keys/{}/rotation", id.as_str().unwrap());
        let alice = alice.clone();
        async move { post(&alice, &path, body).await }
    };
    let new = rotate(&old["id"], json!({"overlap_s": 3600})).await.expect(201).json();
    let (before, after) = (by(&app, &old), by(&app, &new));
    before.get("/v1/orders").await.expect(200);
    after.get("/v1/orders").await.expect(200);
    let at_once = rotate(&new["id"], json!({})).await.expect(201).json();
    assert_eq!(after.get("/v1/orders").await.refusal(), "401 unauthenticated");
    by(&app, &at_once).get("/v1/orders").await.expect(200);
    app.advance(3_601);
    assert_eq!(before.get("/v1/orders").await.refusal(), "401 unauthenticated");
    assert_eq!(rotate(&json!("019b0000-0000-7000-8000-000000000001"), json!({})).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_is_refused_and_counted() {
    let app = TestApp::start_generous().await;
    for bad in ["dbk_", "dbk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "DBK_x"] {
        let reply = app.anonymous.with_token(bad).get("/v1/orders").await;
        assert_eq!(reply.refusal(), "401 unauthenticated", "{bad}");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"));
    }
}

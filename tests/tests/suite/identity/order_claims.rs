//! Guests' orders that become an account's own, by a link to the address that the guest gave.

use std::slice;

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp, people::post, until};
use futures::future::join_all;
use serde_json::{Value, json};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";
/// What the guest gave, which is no account's address.
const GUEST: &str = "guest@example.com";
const ASK: &str = "/v1/accounts/me/order-claims";
const CONFIRM: &str = "/v1/accounts/me/order-claims/confirmation";
const CLAIMS: &str = "SELECT count(*) FROM events WHERE event_type = 'OrderClaimed'";

async fn shop() -> TestApp {
    let app = TestApp::start_generous().await;
    app.sell("TEA-1", 1999, 100).await;
    for email in [ALICE, BOB] {
        app.registered(email).await;
    }
    app
}

/// The id of an order of a guest, as support takes it on the telephone.
async fn of_guest(app: &TestApp) -> String {
    let order = json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR",
        "contact": {"name": "Grace Guest", "email": GUEST}});
    let placed = app.by(Role::Support).post("/v1/orders", order).await.expect(201).json();
    placed["id"].as_str().unwrap().to_owned()
}

async fn ask(client: &Client, order: &str) -> Reply {
    post(client, ASK, json!({"order": order})).await
}

async fn confirm(client: &Client, token: &str) -> Reply {
    post(client, CONFIRM, json!({"token": token})).await
}

async fn orders(client: &Client) -> Vec<String> {
    let page = client.get("/v1/orders").await.expect(200).json();
    let id = |order: &Value| order["id"].as_str().unwrap().to_owned();
    page["data"].as_array().unwrap().iter().map(id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guests_order_becomes_an_accounts_by_the_link_that_the_guest_gets() {
    let app = shop().await;
    let (_, alice) = app.logged_in(ALICE).await;
    let order = of_guest(&app).await;
    let path = format!("/v1/orders/{order}");
    assert_eq!(alice.get(&path).await.refusal(), "404 not_found");
    assert_eq!(ask(&alice, &order).await.expect(202).json(), json!({}));
    let token = app.link_to(GUEST, "Is this order yours?").await;
    assert_eq!(confirm(&alice, &token).await.expect(200).json(), json!({"order": order}));
    assert_eq!(confirm(&alice, &token).await.refusal(), "422 invalid_link");
    app.settle().await;
    assert_eq!(orders(&alice).await, slice::from_ref(&order));
    let shown = alice.get(&path).await.expect(200).json();
    assert_eq!((&shown["status"], &shown["contact"]["email"]), (&json!("placed"), &json!(GUEST)));
    let history = alice.get(&format!("{path}/history")).await.expect(200).json();
    assert_eq!(history["data"][1]["what"], "OrderClaimed");
    let activity = alice.get("/v1/accounts/me/activity").await.expect(200).json();
    assert_eq!(activity["data"][0]["event"], "order_claimed");

    // Who leaves takes the guest's data along.
    assert_eq!(alice.delete("/v1/accounts/me").await.refusal(), "422 orders_open");
    alice.post(&format!("{path}/cancellation"), json!({})).await.expect(200);
    alice.delete("/v1/accounts/me").await.expect(200);
    let twin = app.twin(|_| {}).await;
    let shown = twin.by(Role::Support).get(&path).await.expect(200).json();
    assert_eq!((&shown["contact"], &shown["erased"]), (&Value::Null, &json!(true)));
    assert_eq!(app.database.count("SELECT count(*) FROM claimed_orders").await, 0);
}

/// Catches: an order that is taken because its address, or its id, is known, and an answer that tells whose it is.
#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_the_guests_mail_gets_nothing_and_learns_nothing() {
    let app = shop().await;
    let ((_, alice), (_, bob)) = (app.logged_in(ALICE).await, app.logged_in(BOB).await);
    let mine = json!({"lines": [{"sku": "TEA-1", "quantity": 1}], "currency": "EUR",
        "contact": {"name": "Alice", "email": ALICE}});
    let of_alice = alice.post("/v1/orders", mine).await.expect(201).json();
    let nowhere = "ord_00000000000000000000000000000001";
    let (effects, mails) = ("SELECT count(*) FROM effects", app.mails().len());
    let mut told = Vec::new();
    for order in [&of_guest(&app).await, of_alice["id"].as_str().unwrap(), nowhere] {
        app.settle().await;
        let before = app.database.count(effects).await;
        let reply = ask(&bob, order).await;
        told.push((reply.status, reply.json(), app.database.count(effects).await - before));
    }
    assert_eq!(told, vec![(202, json!({}), 1); 3]);
    let token = app.link_to(GUEST, "Is this order yours?").await;
    app.settle().await;
    let claims = app.mails().iter().filter(|mail| mail.contains("Is this order yours?")).count();
    assert_eq!(claims, 1, "of {} mails after {mails}", app.mails().len());
    // The guest, who has an account, too, presses the button in what was bob's wish.
    assert_eq!(confirm(&alice, &token).await.refusal(), "422 invalid_link");
    let wrong = token.replace("dlt_", "dlt_x");
    assert_eq!(confirm(&bob, &wrong).await.refusal(), "422 invalid_link");
    assert_eq!(ask(&bob, "nonsense").await.refusal(), "422 validation_failed /order invalid_value");
    for client in [&app.anonymous, &app.customer("carol")] {
        assert!([401, 404].contains(&ask(client, nowhere).await.status));
        assert!([401, 404].contains(&confirm(client, &token).await.status));
    }
    assert_eq!(app.database.count(CLAIMS).await, 0);
    // A link is good for a while.
    app.advance(8 * 24 * 3_600);
    let (_, bob) = app.logged_in(BOB).await;
    assert_eq!(confirm(&bob, &token).await.refusal(), "422 invalid_link");
}

/// Catches: an order that two accounts have, and a row of who has it that is another's.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_claim_an_order_one_has_it() {
    let app = shop().await;
    let order = of_guest(&app).await;
    let clients = [app.logged_in(ALICE).await.1, app.logged_in(BOB).await.1];
    let mut tokens: Vec<String> = vec![];
    for client in &clients {
        ask(client, &order).await.expect(202);
        let links = async || app.links_to(GUEST, "Is this order yours?");
        until("there is one more link", async || links().await.len() > tokens.len()).await;
        tokens.extend(links().await.into_iter().filter(|token| !tokens.contains(token)).collect::<Vec<_>>());
    }
    let tries = clients.iter().zip(&tokens).flat_map(|pair| [pair; 8]);
    let replies = join_all(tries.map(|(client, token)| async move { confirm(client, token).await.status }));
    let replies = replies.await;
    assert!(
        replies.contains(&200) && replies.iter().all(|status| [200, 422].contains(status)),
        "{replies:?}"
    );
    assert_eq!(app.database.count(CLAIMS).await, 1);
    app.settle().await;
    let found = [orders(&clients[0]).await, orders(&clients[1]).await];
    let winner = usize::from(found[0].is_empty());
    assert_eq!((&found[winner], found[1 - winner].len()), (&vec![order.clone()], 0));
    // The one who was too late leaves, and takes nothing along.
    clients[1 - winner].delete("/v1/accounts/me").await.expect(200);
    let shown = app.twin(|_| {}).await.by(Role::Support).get(&format!("/v1/orders/{order}")).await;
    assert_eq!(shown.expect(200).json()["contact"]["email"], GUEST);
}

/// Release 0.1 can't read that an order was claimed.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_feature_no_order_is_claimed() {
    let app = shop().await;
    app.database.execute("DELETE FROM features").await;
    let twin = app.twin(|_| {}).await;
    let order = of_guest(&app).await;
    let (_, alice) = twin.logged_in(ALICE).await;
    let refused = ask(&alice, &order).await.json();
    assert_eq!((&refused["status"], &refused["errors"][0]["pointer"]), (&json!(422), &json!("/order")));
}

/// Catches: someone who has every guest of the shop written to.
#[tokio::test(flavor = "multi_thread")]
async fn who_claims_many_orders_is_turned_away() {
    let app = shop().await;
    let twin = app.twin(|config| config.budgets.reset = 3).await;
    let order = of_guest(&app).await;
    let (_, alice) = twin.logged_in(ALICE).await;
    for _ in 0..3 {
        ask(&alice, &order).await.expect(202);
    }
    assert_eq!(ask(&alice, &order).await.refusal(), "429 rate_limited");
}

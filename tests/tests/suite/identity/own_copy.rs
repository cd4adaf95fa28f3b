//! A copy of what is known of a person, for themselves.

use std::collections::BTreeSet;

use daybook_tests::TestApp;
use serde_json::json;

use crate::http::orders::{order, place};

/// Catches: a copy that ends with the first page, or that has something of another person.
#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_all_that_is_known_of_one_person() {
    let app = TestApp::start_generous().await;
    app.sell("TEA-1", 1999, 1_000).await;
    for email in ["alice@example.com", "bob@example.com"] {
        app.registered(email).await;
    }
    let (alice_tokens, alice) = app.logged_in("alice@example.com").await;
    let (_, bob) = app.logged_in("bob@example.com").await;
    let mut placed = BTreeSet::new();
    let mut body = order(&[("TEA-1", 1)]);
    body["contact"] = json!({"name": "Alice Example", "email": "alice@example.com"});
    for _ in 0..101 {
        placed.insert(place(&alice, body.clone()).await);
    }
    let of_bob = place(&bob, order(&[("TEA-1", 2)])).await;

    // The copy has what was done until now, whatever the read models were at.
    let copy = alice.get("/v1/accounts/me/export").await.expect(200).json();
    assert_eq!(copy["account"]["email"], "alice@example.com");
    assert_eq!(copy["account"], alice.get("/v1/accounts/me").await.expect(200).json());
    let sessions = copy["sessions"]["data"].as_array().unwrap();
    assert_eq!((sessions.len(), &sessions[0]["id"]), (1, &alice_tokens["session"]));
    assert_eq!(copy["api_keys"]["data"], json!([]));
    let activity = copy["activity"]["data"].as_array().unwrap();
    assert!(activity.iter().any(|line| line["event"] == "logged_in"), "{activity:?}");
    let next = copy["orders"]["next"].as_str().expect("there is one more");
    let rest = alice.get(&format!("/v1/accounts/me/export?after={next}")).await.expect(200).json();
    assert_eq!(rest["orders"]["next"], json!(null));
    let orders = [&copy, &rest].map(|copy| copy["orders"]["data"].as_array().unwrap().clone()).concat();
    let found: BTreeSet<_> = orders.iter().map(|order| order["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!((orders.len(), &found), (101, &placed));
    assert!(orders.iter().all(|order| order["contact"]["email"].is_string()), "what is sealed is opened");

    let copy = bob.get("/v1/accounts/me/export").await.expect(200).json();
    let orders = copy["orders"]["data"].as_array().unwrap();
    assert_eq!((orders.len(), &orders[0]["id"]), (1, &json!(of_bob)));
    let wrong = alice.get("/v1/accounts/me/export?after=nonsense").await;
    assert_eq!(wrong.status, 400, "{}", wrong.text());
    // Who has a token from elsewhere has no account.
    assert_eq!(app.customer("carol").get("/v1/accounts/me/export").await.status, 404);
    assert_eq!(app.anonymous.get("/v1/accounts/me/export").await.refusal(), "401 unauthenticated");
}

//! Ids that callers give to their things: each customer's apart from those of others and of the shop.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp};
use serde_json::{Value, json};

use super::orders::{order, place};

fn numbered(number: &str) -> Value {
    let mut body = order(&[("TEA-1", 1)]);
    body["external_id"] = json!(number);
    body
}

fn numbered_for(customer: &str, number: &str) -> Value {
    let mut body = numbered(number);
    body["customer"] = json!(customer);
    body
}

async fn shop() -> TestApp {
    let app = TestApp::start().await;
    app.sell("TEA-1", 1999, 100).await;
    app
}

/// Refused, because that order has the number.
#[track_caller]
fn belongs_to(reply: &Reply, id: &str) {
    assert_eq!(reply.refusal(), "409 already_exists /external_id already_exists");
    assert_eq!(reply.json()["detail"], format!("the external_id belongs to {id}"));
}

async fn again(client: &Client, body: Value) -> Reply {
    client.post("/v1/orders", body).await
}

/// Catches: one list for all, in which a customer takes a number from everyone else.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_taken_once_by_each_customer_and_once_by_the_shop() {
    let app = shop().await;
    let (alice, bob, support) = (app.customer("alice"), app.customer("bob"), app.by(Role::Support));
    let alices = place(&alice, numbered("7")).await;
    let bobs = place(&bob, numbered("7")).await;
    let guests = place(&support, numbered("7")).await;
    belongs_to(&again(&alice, numbered("7")).await, &alices);
    belongs_to(&again(&bob, numbered("7")).await, &bobs);
    belongs_to(&again(&support, numbered("7")).await, &guests);
    belongs_to(&again(&support, numbered_for("alice", "7")).await, &guests);
    belongs_to(&again(&app.by(Role::Admin), numbered_for("carol", "7")).await, &guests);
    // Only the number is looked at, not what a customer is called.
    place(&app.customer("5:alice"), numbered("7")).await;
    place(&app.customer("alice:7"), numbered("7")).await;
}

/// Release 0.1 noted every number in one list, which is the shop's today: what stands there of a customer's order is
/// taken for that customer alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_was_taken_before_stays_taken_by_its_customer() {
    let app = shop().await;
    let (alice, bob, support) = (app.customer("alice"), app.customer("bob"), app.by(Role::Support));
    let former = place(&support, numbered_for("alice", "7")).await;
    let noted =
        "SELECT count(*) FROM events WHERE aggregate_type = 'external_id' AND aggregate_id = 'order:7'";
    assert_eq!(app.database.count(noted).await, 1);
    belongs_to(&again(&alice, numbered("7")).await, &former);
    belongs_to(&again(&support, numbered_for("bob", "7")).await, &former);
    place(&bob, numbered("7")).await;
}

/// Catches: a number of one customer that shows an order of another.
#[tokio::test(flavor = "multi_thread")]
async fn orders_are_found_by_their_numbers() {
    let app = shop().await;
    let (alice, bob, support) = (app.customer("alice"), app.customer("bob"), app.by(Role::Support));
    let alices = place(&alice, numbered("Straße-7")).await;
    let bobs = place(&bob, numbered("strasse-7")).await;
    let guests = place(&support, numbered("STRASSE-7")).await;
    let for_alice = place(&support, numbered_for("alice", "8")).await;
    app.settle().await;
    let found = async |client: &Client, query: &str| {
        let page = client.get(&format!("/v1/orders?{query}")).await.expect(200).json();
        let orders = page["data"].as_array().unwrap().iter();
        orders.map(|order| order["id"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
    };
    for spelled in ["STRASSE-7", "strasse-7", "Stra%C3%9Fe-7"] {
        let query = format!("external_id={spelled}");
        assert_eq!(found(&alice, &query).await, alices, "{spelled}");
        assert_eq!(found(&bob, &query).await, bobs, "{spelled}");
        assert_eq!(found(&support, &query).await, guests, "{spelled}");
        assert_eq!(found(&support, &format!("{query}&customer=bob")).await, bobs, "{spelled}");
    }
    // An order that the shop placed for a customer is found by both, and by no other customer.
    assert_eq!(found(&alice, "external_id=8").await, for_alice);
    assert_eq!(found(&support, "external_id=8").await, for_alice);
    assert_eq!(found(&support, "external_id=8&status=placed&customer=alice").await, for_alice);
    for nothing in ["external_id=9", "external_id=8&status=shipped"] {
        assert_eq!(found(&support, nothing).await, "", "{nothing}");
    }
    assert_eq!(found(&bob, "external_id=8").await, "");
    assert_eq!(found(&app.by(Role::Warehouse), "external_id=8").await, "", "not confirmed");
    for bad in ["external_id=", "external_id=%00"] {
        assert_eq!(
            support.get(&format!("/v1/orders?{bad}")).await.refusal(),
            "400 malformed_request",
            "{bad}"
        );
    }
}

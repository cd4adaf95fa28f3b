//! What a reader is shown of a thing: the staff all of it, and a customer nothing that is internal.

use daybook_domain::policy::Role;
use daybook_tests::{Client, Reply, TestApp};
use serde_json::{Value, json};

use super::orders::{order, place};

/// What the shop says among itself. Each stands nowhere by chance.
const INTERNAL: &[&str] =
    &["sam.kumquat", "wim.kumquat", "Zwetschgenrabatt", "Quittenkanal", "Pfirsichbetrug", "request-of-sam"];

struct Shop {
    app: TestApp,
    alice: Client,
    sam: Client,
    /// Placed for alice by sam, at another price, and cancelled by sam.
    agreed: String,
    /// Placed by alice, and cancelled by alice.
    own: String,
    /// Placed by alice, and shipped by the staff.
    shipped: String,
}

impl Shop {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let (sam, wim) = (app.named("sam.kumquat", Role::Support), app.named("wim.kumquat", Role::Warehouse));
        let alice = app.customer("alice");
        app.sell("TEA-1", 1999, 100).await;
        let mut body = order(&[("TEA-1", 1)]);
        body["contact"] = json!({"name": "Alice", "email": "alice@example.com"});
        body["metadata"] = json!({"channel": "my own words"});
        let own = place(&alice, body.clone()).await;
        let shipped = place(&alice, body.clone()).await;
        body["customer"] = json!("alice");
        body["lines"][0]["unit_price"] = json!({"amount": 1, "currency": "EUR"});
        body["override_reason"] = json!("Zwetschgenrabatt");
        body["metadata"] = json!({"channel": "Quittenkanal"});
        let agreed = place(&sam, body).await;
        let cancellation = |id: &str| format!("/v1/orders/{id}/cancellation");
        let why = json!({"reason": "Pfirsichbetrug"});
        let request = sam.request(reqwest::Method::POST, &cancellation(&agreed)).json(&why);
        let request = request.header("idempotency-key", "c").header("x-request-id", "request-of-sam");
        sam.send(request).await.expect(200);
        let why = json!({"reason": "changed my mind"});
        alice.post(&cancellation(&own), why).await.expect(200);
        sam.post(&format!("/v1/orders/{shipped}/confirmation"), json!({})).await.expect(200);
        let parcel = json!({"tracking": "1Z-1"});
        wim.post(&format!("/v1/orders/{shipped}/shipments"), parcel).await.expect(200);
        app.settle().await;
        Self { app, alice, sam, agreed, own, shipped }
    }

    /// Everything that shows one of the orders.
    async fn shown_to(&self, client: &Client) -> Vec<(String, Reply)> {
        let mut all = Vec::new();
        for id in [&self.agreed, &self.own, &self.shipped] {
            let path = format!("/v1/orders/{id}");
            let now = client.get(&path).await.expect(200);
            let then = format!("{path}?as_of_position={}", now.position());
            for path in [path.clone(), path.clone(), then, format!("{path}/history")] {
                all.push((path.clone(), client.get(&path).await.expect(200)));
            }
        }
        for list in ["/v1/orders", "/v1/orders?customer=alice", "/v1/orders?status=cancelled"] {
            all.push((list.to_owned(), client.get(list).await.expect(200)));
        }
        all
    }
}

/// Catches: one view for all readers, and an answer that is kept for one audience and given to another.
#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_shown_nothing_that_is_internal() {
    let shop = Shop::open().await;
    let all = |shown: &[(String, Reply)]| shown.iter().map(|(_, reply)| reply.text()).collect::<String>();
    // The staff asks first and last: whatever is kept of its answers is not for customers, nor the other way round.
    let before = all(&shop.shown_to(&shop.sam).await);
    for (path, reply) in shop.shown_to(&shop.alice).await {
        let text = reply.text() + &format!("{:?}", reply.header("etag"));
        for internal in INTERNAL {
            assert!(!text.contains(internal), "{path} tells {internal}: {text}");
        }
    }
    let after = all(&shop.shown_to(&shop.sam).await);
    for internal in INTERNAL {
        assert!(before.contains(internal) && after.contains(internal), "{internal} is hidden from the staff");
    }
    let mails = shop.app.mails().concat();
    assert!(mails.contains("was cancelled") && mails.contains("changed my mind"), "{mails}");
    for internal in INTERNAL.iter().filter(|internal| **internal != "request-of-sam") {
        assert!(!mails.contains(internal), "a mail tells {internal}: {mails}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_shown_what_they_said_themselves() {
    let shop = Shop::open().await;
    let own = shop.alice.get(&format!("/v1/orders/{}", shop.own)).await.expect(200).json();
    assert_eq!(own["metadata"], json!({"channel": "my own words"}));
    assert_eq!(
        (&own["cancel_reason"], &own["contact"]["name"]),
        (&json!("changed my mind"), &json!("Alice"))
    );
    let history = shop.alice.get(&format!("/v1/orders/{}/history", shop.own)).await.expect(200).json();
    let [placed, cancelled] = [0, 1].map(|number| &history["data"][number]);
    assert_eq!(
        (&placed["who"], &placed["details"]["metadata"]["channel"]),
        (&json!("alice"), &json!("my own words"))
    );
    assert_eq!((&cancelled["who"], &cancelled["why"]), (&json!("alice"), &json!("changed my mind")));
    assert!(cancelled["request_id"].is_string());

    let agreed = shop.alice.get(&format!("/v1/orders/{}", shop.agreed)).await.expect(200).json();
    assert_eq!((&agreed["metadata"], &agreed["cancel_reason"]), (&json!({}), &Value::Null));
    let shipped = shop.alice.get(&format!("/v1/orders/{}/history", shop.shipped)).await.expect(200).json();
    assert_eq!(shipped["data"][2]["details"]["tracking"], "1Z-1");
}
